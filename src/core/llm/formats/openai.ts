/**
 * What the formats of OpenAI have in common, and with them those of the many hosts that speak as OpenAI does.
 *
 * @since 0.1.0
 */
import type { Endpoint, Failure, RequestFacts, Usage } from "../model.js"
import { said } from "./normal.js"
import { code, count, given, type JsonObject, known, list, member, record, text, word } from "./read.js"

const failure = (members: Failure): Failure | undefined => {
  const found = known({ ...members })
  return Object.keys(found).length === 0 ? undefined : found
}

const described = (error: JsonObject): Failure => ({
  type: error["type"] === "error" ? undefined : word(error["type"]),
  code: code(error["code"]) ?? code(error["status"]),
  message: said(error["message"])
})

/**
 * The failure in the body of an answer, whatever the status: OpenAI's and Azure's object `error`, the text `error` of
 * xAI and of Ollama, the bare object of Mistral and of Responses' event `error`, the `detail` of servers made with
 * FastAPI.
 */
export const failureOf = (body: unknown): Failure | undefined => {
  const error = member(body, "error")
  const object = record(error)
  if (object !== undefined) return failure(described(object)) ?? { type: "error" }
  const whole = record(body)
  if (whole === undefined) return undefined
  if (typeof error === "string" && error !== "") {
    return failure({ ...described(whole), message: said(error) })
  }
  if (isAnswer(whole)) return undefined
  if (whole["object"] === "error" || whole["type"] === "error") return failure(described(whole)) ?? { type: "error" }
  if (typeof whole["message"] === "string") return failure(described(whole))
  // Each entry of a list has the place of the fault, the fault, and the value that was sent. Only the fault may leave.
  const detail = text(whole["detail"]) ?? text(member(list(whole["detail"])[0], "msg"))
  return detail === undefined ? undefined : { message: said(detail) }
}

const isAnswer = (body: JsonObject): boolean =>
  body["choices"] !== undefined || body["output"] !== undefined || body["data"] !== undefined

/** The parts of a request that all of the formats have. */
export const requestFacts = (
  body: unknown,
  endpoint: Endpoint,
  facts: Pick<RequestFacts, "input" | "parameters" | "maxTokens">
): RequestFacts => {
  const tools = member(body, "tools") ?? member(body, "functions")
  const none = tools === undefined || tools === null || list(tools).length === 0 && record(tools) === undefined
  return known({
    model: word(member(body, "model")) ?? endpoint.model,
    streamed: endpoint.streamed ?? member(body, "stream") === true,
    ...facts,
    tools: none ? undefined : () => tools
  })
}

/** Those that Chat and Responses call by the same names. */
export const parameterNames = [
  "temperature",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "top_p",
  "top_k",
  "frequency_penalty",
  "presence_penalty",
  "n",
  "stop",
  "stream",
  "seed",
  "response_format",
  "reasoning_effort"
] as const

export const parameters = (body: unknown): JsonObject => ({
  // OpenRouter has this in Chat as well.
  ...given(member(body, "reasoning"), [["effort", "reasoning_effort"]]),
  ...given(member(body, "text"), [["format", "response_format"]]),
  ...given(body, parameterNames)
})

/** How the members of `usage` are called. */
interface UsageNames {
  readonly input: string
  readonly output: string
  readonly inputDetails: string
  readonly outputDetails: string
}

export const chatUsageNames: UsageNames = {
  input: "prompt_tokens",
  output: "completion_tokens",
  inputDetails: "prompt_tokens_details",
  outputDetails: "completion_tokens_details"
}

export const responsesUsageNames: UsageNames = {
  input: "input_tokens",
  output: "output_tokens",
  inputDetails: "input_tokens_details",
  outputDetails: "output_tokens_details"
}

/** `searches`: how many searches of the web the rest of the answer shows. */
export const usageOf = (value: unknown, names: UsageNames, searches: number | undefined): Usage | undefined => {
  const usage = record(value)
  const webSearchCount = searches === undefined || searches === 0 ? undefined : searches
  if (usage === undefined) return webSearchCount === undefined ? undefined : { webSearchCount }
  const inputTokens = count(usage[names.input])
  const totalTokens = count(usage["total_tokens"])
  const reasoningTokens = count(member(usage, names.outputDetails, "reasoning_tokens"))
  const cached = member(usage, names.inputDetails)
  return known({
    inputTokens,
    outputTokens: outputTokens(count(usage[names.output]), reasoningTokens, inputTokens, totalTokens),
    totalTokens,
    reasoningTokens,
    reasoningInOutput: reasoningTokens === undefined ? undefined : true,
    // The second name is DeepSeek's.
    cacheReadInputTokens: count(member(cached, "cached_tokens")) ?? count(usage["prompt_cache_hit_tokens"]),
    cacheCreationInputTokens: count(member(cached, "cache_write_tokens")),
    cacheReportingExclusive: false,
    webSearchCount,
    raw: usage
  })
}

/**
 * xAI does not count the reasoning in the tokens of the output, though it is paid for as these are. The total tells
 * whether it is counted.
 */
const outputTokens = (
  output: number | undefined,
  reasoning: number | undefined,
  input: number | undefined,
  total: number | undefined
): number | undefined =>
  output !== undefined && reasoning !== undefined && input !== undefined && total === input + output + reasoning
    ? output + reasoning
    : output

/** The number of web searches: the exact one if the answer has it, else 1 if it shows any sign of a search. */
export const searchesShown = (body: unknown): number => {
  const exact = count(member(body, "usage", "server_tool_use", "web_search_requests"))
  if (exact !== undefined && exact > 0) return exact
  const shown = list(member(body, "citations")).length > 0 || list(member(body, "search_results")).length > 0 ||
    Boolean(member(body, "usage", "search_context_size"))
  return shown ? 1 : 0
}

export const hasUrlCitation = (annotations: unknown): boolean =>
  list(annotations).some((annotation) => member(annotation, "type") === "url_citation")

/** What PostHog calls the role of an instruction: OpenAI has two words for it. */
export const roleOf = (value: unknown): string | undefined => value === "developer" ? "system" : word(value)

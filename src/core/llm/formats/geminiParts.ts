/**
 * The parts of which Gemini's requests and answers are made. Members go by names in camel case and in snake case.
 *
 * @since 0.1.0
 */
import type { AnswerFacts, Failure, Message, Part, Usage } from "../model.js"
import {
  either,
  failureIn,
  functionPart,
  linkPart,
  mediaPart,
  reasoningPart,
  some,
  sum,
  textPart,
  unknownPart
} from "./normal.js"
import { count, known, list, member, record, text, word } from "./read.js"

export const failureOf = (body: unknown): Failure | undefined =>
  failureIn(body, (whole) => either(whole, "candidates", "promptFeedback", "prompt_feedback") !== undefined)

const callOf = (part: unknown): unknown => either(part, "functionCall", "function_call")
const responseOf = (part: unknown): unknown => either(part, "functionResponse", "function_response")

/** Names of calls by which a model searches the web. */
const searches = /google_search|grounding/

export const partsOf = (part: unknown): ReadonlyArray<Part> => {
  if (typeof part === "string") return textPart(part)
  const said = text(member(part, "text"))
  if (said !== undefined) return member(part, "thought") === true ? reasoningPart(said) : textPart(said)
  const call = callOf(part)
  // A call whose arguments come in pieces has a name in the first one only.
  if (record(call) !== undefined) {
    const name = word(member(call, "name"))
    return name === undefined ? [] : [functionPart(member(call, "id"), name, member(call, "args") ?? {})]
  }
  const data = either(part, "inlineData", "inline_data")
  if (data !== undefined) return [mediaPart(either(data, "mimeType", "mime_type"), member(data, "data"))]
  const file = either(part, "fileData", "file_data")
  if (file !== undefined) return [linkPart(either(file, "mimeType", "mime_type"), either(file, "fileUri", "file_uri"))]
  return unknownPart(part)
}

const roles: { readonly [role: string]: string } = { model: "assistant", function: "tool" }

const roleOf = (content: unknown, usual: string): string => {
  const role = word(member(content, "role"))
  return role === undefined ? usual : Object.hasOwn(roles, role) ? roles[role]! : role
}

/** The message that a content is, and one for each result of a tool within. */
export const contentMessages = (content: unknown, usual: string): ReadonlyArray<Record<string, unknown>> => {
  if (typeof content === "string") return [{ role: usual, content }]
  const parts = member(content, "parts")
  const each = record(parts) === undefined && text(parts) === undefined ? list(parts) : [parts]
  // Contents may be given as parts alone.
  const shown = each.length === 0 && parts === undefined && record(content) !== undefined ? [content] : each
  const messages: Array<Record<string, unknown>> = []
  let pending: Array<Part> = []
  const flush = (): void => {
    if (pending.length > 0) messages.push({ role: roleOf(content, usual), content: pending })
    pending = []
  }
  for (const part of shown) {
    const response = responseOf(part)
    if (record(response) === undefined) {
      pending.push(...partsOf(part))
      continue
    }
    flush()
    const name = word(member(response, "name"))
    messages.push(known({
      role: "tool",
      tool_call_id: word(member(response, "id")) ?? name,
      name,
      content: member(response, "response")
    }))
  }
  flush()
  return messages
}

/**
 * What was thought is not in the count of the candidates, and PostHog adds it there: it is told apart. What a tool
 * brought into the prompt is paid for as input.
 */
export const usageOf = (value: unknown, webSearchCount: number | undefined): Usage | undefined => {
  const usage = record(value)
  if (usage === undefined) return webSearchCount === undefined ? undefined : { webSearchCount }
  const counted = (camel: string, snake: string): number | undefined => count(either(usage, camel, snake))
  const cacheReadInputTokens = counted("cachedContentTokenCount", "cached_content_token_count")
  return known({
    inputTokens: sum([
      counted("promptTokenCount", "prompt_token_count"),
      counted("toolUsePromptTokenCount", "tool_use_prompt_token_count")
    ]),
    outputTokens: counted("candidatesTokenCount", "candidates_token_count"),
    totalTokens: counted("totalTokenCount", "total_token_count"),
    reasoningTokens: counted("thoughtsTokenCount", "thoughts_token_count"),
    cacheReadInputTokens,
    cacheReportingExclusive: some(cacheReadInputTokens) === undefined ? undefined : false,
    webSearchCount,
    raw: usage
  })
}

const hasSearched = (candidate: unknown): boolean => {
  const grounding = either(candidate, "groundingMetadata", "grounding_metadata")
  return list(either(grounding, "webSearchQueries", "web_search_queries")).length > 0 ||
    list(either(grounding, "groundingChunks", "grounding_chunks")).length > 0 ||
    list(member(candidate, "content", "parts")).some((part) => searches.test(word(member(callOf(part), "name")) ?? ""))
}

/** What an answer, or a piece of a stream, has besides its contents. */
export interface Told extends Omit<AnswerFacts, "output" | "usage"> {
  readonly searched: boolean
}

/** A prompt that is refused has no candidates: why it was refused is the reason to stop. */
export const toldBy = (body: unknown): Told => {
  const candidates = list(member(body, "candidates"))
  const feedback = either(body, "promptFeedback", "prompt_feedback")
  return known({
    model: word(either(body, "modelVersion", "model_version")),
    completionId: word(either(body, "responseId", "response_id")),
    stopReason: word(either(candidates[0], "finishReason", "finish_reason")) ??
      word(either(feedback, "blockReason", "block_reason")),
    failure: failureOf(body),
    searched: candidates.some(hasSearched)
  })
}

/** Why a prompt was refused, where Gemini says it in words. */
export const refusal = (body: unknown): ReadonlyArray<Message> =>
  textPart(either(either(body, "promptFeedback", "prompt_feedback"), "blockReasonMessage", "block_reason_message"))
    .map((part) => ({ role: "assistant", content: [part] }))

export const usageIn = (body: unknown): unknown => either(body, "usageMetadata", "usage_metadata")

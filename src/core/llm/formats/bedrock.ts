/**
 * Bedrock: its own Converse, and `invoke`, which takes what each model takes. Their streams are binary and are not
 * read: of those calls is known what the request says.
 *
 * @since 0.1.0
 */
import type { AnswerFacts, Failure, Format, Part, RequestFacts, Usage } from "../model.js"
import { anthropic } from "./anthropic.js"
import {
  assistant,
  either,
  failureIn,
  functionPart,
  linkPart,
  mediaPart,
  most,
  reasoningPart,
  sum,
  textPart
} from "./normal.js"
import { toolsOf, unknownPart } from "./normal.js"
import { count, given, known, list, member, record, text, word } from "./read.js"

const mediaTypes = { image: "image", document: "application", video: "video", audio: "audio" } as const

const mediaOf = (block: unknown): ReadonlyArray<Part> => {
  for (const [name, type] of Object.entries(mediaTypes)) {
    const media = record(member(block, name))
    if (media === undefined) continue
    const mediaType = `${type}/${word(media.format) ?? "octet-stream"}`
    const bytes = member(media.source, "bytes")
    return [
      bytes === undefined
        ? linkPart(mediaType, member(media.source, "s3Location", "uri"))
        : mediaPart(mediaType, bytes)
    ]
  }
  return []
}

const blockParts = (block: unknown): ReadonlyArray<Part> => {
  if (text(member(block, "text")) !== undefined) return textPart(member(block, "text"))
  const use = member(block, "toolUse")
  if (record(use) !== undefined) {
    return [functionPart(member(use, "toolUseId"), member(use, "name"), member(use, "input") ?? {})]
  }
  const reasoning = member(block, "reasoningContent")
  // What is encrypted is shown by its name only.
  if (record(reasoning) !== undefined) {
    const thought = reasoningPart(member(reasoning, "reasoningText", "text"))
    return thought.length > 0 ? thought : [{ type: "redacted_thinking" }]
  }
  const media = mediaOf(block)
  return media.length > 0 ? media : unknownPart(block)
}

const resultContent = (result: unknown): unknown =>
  list(member(result, "content")).flatMap((part) =>
    member(part, "json") === undefined ? blockParts(part) : [{ type: "json", json: member(part, "json") }]
  )

/** The message, and one for each result of a tool within. */
const messagesOf = (message: unknown): ReadonlyArray<unknown> => {
  const messages: Array<unknown> = []
  let pending: Array<Part> = []
  const flush = (): void => {
    if (pending.length > 0) messages.push({ role: word(member(message, "role")) ?? "user", content: pending })
    pending = []
  }
  for (const block of list(member(message, "content"))) {
    const result = member(block, "toolResult")
    if (record(result) === undefined) {
      pending.push(...blockParts(block))
      continue
    }
    flush()
    messages.push(known({
      role: "tool",
      tool_call_id: word(member(result, "toolUseId")),
      content: resultContent(result)
    }))
  }
  flush()
  return messages
}

const converseRequest: Format["request"] = (body, endpoint): RequestFacts => {
  const config = member(body, "inferenceConfig")
  const system = list(member(body, "system")).flatMap(blockParts)
  return known({
    model: endpoint.model,
    streamed: endpoint.streamed === true,
    input: () => [
      ...(system.length === 0 ? [] : [{ role: "system", content: system }]),
      ...list(member(body, "messages")).flatMap(messagesOf)
    ],
    parameters: {
      ...given(member(body, "additionalModelRequestFields"), ["top_k", "reasoning_effort"]),
      ...given(config, [
        "temperature",
        ["maxTokens", "max_tokens"],
        ["topP", "top_p"],
        // Nova's, through `invoke`.
        ["topK", "top_k"],
        ["stopSequences", "stop"]
      ])
    },
    maxTokens: count(member(config, "maxTokens")),
    tools: toolsOf(member(body, "toolConfig", "tools"))
  })
}

const failureOf = (body: unknown): Failure | undefined =>
  failureIn(body, ({ completion, content, output }) => (completion ?? content ?? output) !== undefined)

/** The counts of the cache are not in those of the input. */
const converseUsage = (value: unknown): Usage | undefined => {
  const usage = record(value)
  if (usage === undefined) return undefined
  const written = count(either(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"))
  const kept = (ttl: string): number | undefined =>
    sum(
      list(usage.cacheDetails).filter((each) => member(each, "ttl") === ttl).map((each) =>
        count(member(each, "inputTokens"))
      )
    )
  const [kept5m, kept1h] = [kept("5m"), kept("1h")]
  const split = sum([kept5m, kept1h])
  const isSplit = split !== undefined && split > 0 && split === written
  return known({
    inputTokens: count(usage.inputTokens),
    outputTokens: count(usage.outputTokens),
    totalTokens: count(usage.totalTokens),
    cacheReadInputTokens: count(either(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")),
    cacheCreationInputTokens: written,
    cacheCreation5mInputTokens: isSplit ? kept5m ?? 0 : undefined,
    cacheCreation1hInputTokens: isSplit ? kept1h ?? 0 : undefined,
    cacheReportingExclusive: true,
    raw: usage
  })
}

const converseAnswer = (body: unknown): AnswerFacts =>
  known({
    stopReason: word(member(body, "stopReason")),
    usage: converseUsage(member(body, "usage")),
    serviceTier: word(member(body, "serviceTier", "type")),
    failure: failureOf(body),
    output: () => assistant(list(member(body, "output", "message", "content")).slice(0, most.items).flatMap(blockParts))
  })

export const converse: Format = { kind: "generation", request: converseRequest, answer: converseAnswer }

/** What the older models of Amazon, Meta and Mistral take: a text. */
const promptOf = (body: unknown): ReadonlyArray<unknown> => {
  const messages = list(member(body, "messages"))
  const prompt = either(body, "prompt", "inputText")
  return messages.length > 0 ? messages : text(prompt) === undefined ? [] : [{ role: "user", content: prompt }]
}

const otherRequest: Format["request"] = (body, endpoint): RequestFacts => {
  const config = member(body, "textGenerationConfig")
  return known({
    model: endpoint.model,
    streamed: endpoint.streamed === true,
    input: () => promptOf(body),
    parameters: {
      ...given(body, ["temperature", "top_p", "top_k", "max_tokens", ["max_gen_len", "max_tokens"], "stop", "seed"]),
      ...given(config, [
        "temperature",
        ["maxTokenCount", "max_tokens"],
        ["topP", "top_p"],
        ["stopSequences", "stop"]
      ])
    },
    maxTokens: count(either(body, "max_tokens", "max_gen_len")) ?? count(member(config, "maxTokenCount")),
    tools: toolsOf(member(body, "tools"))
  })
}

/** Each of the answers of one of those models: its text, why it ended and what it took. */
const otherAnswer = (body: unknown): AnswerFacts => {
  const [first] = [
    list(member(body, "results")),
    list(member(body, "outputs")),
    list(member(body, "choices")),
    [body]
  ].find((each) => each.length > 0)!
  const said = either(first, "outputText", "text", "generation", "completion") ?? member(first, "message", "content")
  const usage = member(body, "usage")
  const inputTokens = count(either(body, "inputTextTokenCount", "prompt_token_count")) ??
    count(either(usage, "prompt_tokens", "input_tokens"))
  const outputTokens = count(member(first, "tokenCount")) ?? count(member(body, "generation_token_count")) ??
    count(either(usage, "completion_tokens", "output_tokens"))
  return known({
    stopReason: word(either(first, "completionReason", "stop_reason", "finish_reason")),
    usage: inputTokens === undefined && outputTokens === undefined ? undefined : known({ inputTokens, outputTokens }),
    failure: failureIn(body, (whole) => either(whole, "results", "outputs", "choices", "generation") !== undefined),
    output: () => assistant(textPart(said))
  })
}

/** The format of the body of `invoke` is the model's maker's, and the name of the model need not say which. */
const formatOfRequest = (body: unknown, model: string): Format["request"] => {
  if (member(body, "anthropic_version") !== undefined || /anthropic|claude/.test(model)) return anthropic.request
  return member(body, "inferenceConfig") !== undefined || /nova/.test(model) ? converseRequest : otherRequest
}

const formatOfAnswer = (body: unknown): Format["answer"] => {
  if (member(body, "type") === "message") return anthropic.answer
  return record(member(body, "output")) === undefined ? otherAnswer : converseAnswer
}

export const invoke: Format = {
  kind: "generation",
  request: (body, endpoint) => formatOfRequest(body, endpoint.model ?? "")(body, endpoint),
  answer: (body) => formatOfAnswer(body)(body)
}

/** Titan and Cohere. The vectors are not looked at. */
export const invokeEmbedding: Format = {
  kind: "embedding",
  request: (body, endpoint) =>
    known({
      model: endpoint.model,
      streamed: false,
      input: () => either(body, "inputText", "texts", "inputs", "images"),
      parameters: {}
    }),
  answer: (body) => {
    const inputTokens = count(member(body, "inputTextTokenCount"))
    return known({
      usage: inputTokens === undefined ? undefined : { inputTokens },
      failure: failureIn(body, (whole) => either(whole, "embedding", "embeddings", "embeddingsByType") !== undefined),
      output: () => []
    })
  }
}

/**
 * Embeddings in the formats of Gemini, Vertex and Cohere. The vectors are not looked at.
 *
 * @since 0.1.0
 */
import type { Format, Usage } from "../model.js"
import { partsOf } from "./geminiParts.js"
import { either, failureIn, sum } from "./normal.js"
import { count, known, list, member, record, text, word } from "./read.js"

/** The text of a content, or its parts where it has others. */
const contentOf = (content: unknown): unknown => {
  const parts = list(member(content, "parts"))
  const texts = parts.map((part) => text(member(part, "text")))
  const isText = texts.every((each) => each !== undefined)
  return text(content) ?? (isText ? texts.join("") : parts.flatMap(partsOf))
}

/** `embedContent` has one content, `batchEmbedContents` a list of requests. */
const geminiInput = (body: unknown): unknown => {
  const requests = member(body, "requests")
  return requests === undefined
    ? contentOf(member(body, "content"))
    : list(requests).map((request) => contentOf(member(request, "content")))
}

const embedding = (
  input: (body: unknown) => unknown,
  inputTokens: (body: unknown) => number | undefined,
  raw: (body: unknown) => unknown
): Format => ({
  kind: "embedding",
  request: (body, endpoint) =>
    known({
      model: endpoint.model ?? word(member(body, "model"))?.replace(/^models\//, ""),
      streamed: false,
      input: () => input(body),
      parameters: {}
    }),
  answer: (body) => {
    const tokens = inputTokens(body)
    const usage: Usage | undefined = tokens === undefined ? undefined : known({ inputTokens: tokens, raw: raw(body) })
    return known({
      completionId: word(member(body, "id")),
      usage,
      failure: failureIn(body, (whole) => either(whole, "embedding", "embeddings", "predictions") !== undefined),
      output: () => []
    })
  }
})

const geminiUsage = (body: unknown): unknown => record(either(body, "usageMetadata", "usage_metadata"))

const geminiTokens = (body: unknown): number | undefined =>
  count(either(geminiUsage(body), "promptTokenCount", "prompt_token_count")) ??
    sum(
      [member(body, "embedding"), ...list(member(body, "embeddings"))].map((each) =>
        count(either(member(each, "statistics"), "tokenCount", "token_count"))
      )
    )

export const geminiEmbedding = embedding(geminiInput, geminiTokens, geminiUsage)

/** Vertex's `predict`, which counts the tokens of each text apart. */
export const vertexEmbedding = embedding(
  (body) => list(member(body, "instances")).map((instance) => member(instance, "content")),
  (body) =>
    sum(
      list(member(body, "predictions")).map((prediction) =>
        count(either(member(prediction, "embeddings", "statistics"), "token_count", "tokenCount"))
      )
    ),
  () => undefined
)

export const cohereEmbedding = embedding(
  (body) => either(body, "texts", "inputs", "images"),
  (body) => count(member(body, "meta", "billed_units", "input_tokens")),
  (body) => member(body, "meta", "billed_units")
)

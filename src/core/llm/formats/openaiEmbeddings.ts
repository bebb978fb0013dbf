/**
 * Embeddings in OpenAI's form, which Azure and most other hosts have as well. The vectors are never looked at.
 *
 * @since 0.1.0
 */
import type { AnswerFacts, Format, RequestFacts, Usage } from "../model.js"
import { failureOf, parameters } from "./openai.js"
import { count, known, member, record, word } from "./read.js"

const request: Format["request"] = (body, endpoint): RequestFacts =>
  known({
    model: word(member(body, "model")) ?? endpoint.model,
    streamed: false,
    input: () => member(body, "input"),
    parameters: parameters(body)
  })

const usageOf = (body: unknown): Usage | undefined => {
  const usage = record(member(body, "usage"))
  if (usage === undefined) return undefined
  const totalTokens = count(usage.total_tokens)
  return known({
    // All that is counted is input; some hosts tell only the total.
    inputTokens: count(usage.prompt_tokens) ?? totalTokens,
    totalTokens,
    cacheReportingExclusive: false,
    raw: usage
  })
}

const answer = (body: unknown): AnswerFacts =>
  known({
    model: word(member(body, "model")),
    completionId: word(member(body, "id")),
    usage: usageOf(body),
    failure: failureOf(body),
    output: () => []
  })

export const openaiEmbeddings: Format = { kind: "embedding", request, answer }

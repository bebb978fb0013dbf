/**
 * Anthropic's Messages, as Anthropic, Vertex, Bedrock and OpenRouter speak them.
 *
 * @since 0.1.0
 */
import type { AnswerFacts, Format, RequestFacts } from "../model.js"
import { blockParts, failureOf, most, usageOf } from "./anthropicParts.js"
import { anthropicStream } from "./anthropicStream.js"
import { assistant, toolsOf } from "./normal.js"
import { count, given, known, list, member, text, word } from "./read.js"

const input = (body: unknown): ReadonlyArray<unknown> => {
  const system = member(body, "system")
  const messages = list(member(body, "messages"))
  return text(system) !== undefined || list(system).length > 0
    ? [{ role: "system", content: system }, ...messages]
    : messages
}

const request: Format["request"] = (body, endpoint): RequestFacts =>
  known({
    model: word(member(body, "model")) ?? endpoint.model,
    streamed: endpoint.streamed === true || member(body, "stream") === true,
    input: () => input(body),
    parameters: {
      ...given(member(body, "output_config"), [["effort", "reasoning_effort"]]),
      ...given(body, ["temperature", "max_tokens", "top_p", "top_k", ["stop_sequences", "stop"], "stream"])
    },
    maxTokens: count(member(body, "max_tokens")),
    tools: toolsOf(member(body, "tools"))
  })

const answer = (body: unknown): AnswerFacts => {
  const usage = member(body, "usage")
  return known({
    model: word(member(body, "model")),
    completionId: word(member(body, "id")),
    stopReason: word(member(body, "stop_reason")),
    usage: usageOf(usage),
    serviceTier: word(member(usage, "service_tier")),
    failure: failureOf(body),
    output: () => assistant(list(member(body, "content")).slice(0, most.blocks).flatMap(blockParts))
  })
}

export const anthropic: Format = { kind: "generation", request, answer, stream: anthropicStream }

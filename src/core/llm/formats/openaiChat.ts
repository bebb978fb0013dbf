/**
 * OpenAI's Chat Completions and the older completions, as OpenAI, Azure and many other hosts speak them.
 *
 * @since 0.1.0
 */
import type { AnswerFacts, Format, Message, RequestFacts } from "../model.js"
import { most, reasoningPart, textPart } from "./normal.js"
import { chatUsageNames, failureOf, parameters, requestFacts, roleOf, usageOf } from "./openai.js"
import {
  choiceFailure,
  contentPart,
  imageParts,
  legacyToolPart,
  metadata,
  reasoningOf,
  searches,
  toolPart,
  usageMember
} from "./openaiChatParts.js"
import { chatStream } from "./openaiChatStream.js"
import { count, known, list, member, record, word } from "./read.js"

/** The messages stay as they are: PostHog shows OpenAI's own form. */
const message = (sent: unknown): ReadonlyArray<unknown> => {
  if (typeof sent === "string") return [{ role: "user", content: sent }]
  const object = record(sent)
  if (object === undefined) return []
  return [object.role === "developer" ? { ...object, role: roleOf(object.role) } : object]
}

/** The older completions take one text, several, or texts as numbers of tokens. */
const prompts = (prompt: unknown): ReadonlyArray<Message> => {
  if (typeof prompt === "string") return [{ role: "user", content: prompt }]
  const texts = list(prompt)
  if (texts.length === 0) return []
  return texts.every((each) => typeof each === "string")
    ? texts.map((content) => ({ role: "user", content }))
    : [{ role: "user", content: [{ type: "tokens", tokens: texts }] }]
}

const input = (body: unknown): ReadonlyArray<unknown> => {
  const messages = member(body, "messages")
  if (messages === undefined || messages === null) return prompts(member(body, "prompt"))
  return typeof messages === "string" ? message(messages) : list(messages).flatMap(message)
}

const request: Format["request"] = (body, endpoint): RequestFacts =>
  requestFacts(body, endpoint, {
    input: () => input(body),
    parameters: parameters(body),
    maxTokens: count(member(body, "max_completion_tokens")) ?? count(member(body, "max_tokens"))
  })

const choiceMessage = (choice: unknown): ReadonlyArray<Message> => {
  const message = member(choice, "message")
  const content = member(message, "content")
  const audio = record(member(message, "audio"))
  const parts = [
    ...reasoningPart(reasoningOf(message)),
    ...(typeof content === "string" ? textPart(content) : list(content).flatMap(contentPart)),
    ...textPart(member(choice, "text")),
    ...textPart(member(message, "refusal")),
    ...(audio === undefined ? [] : [{ ...audio, type: "audio" }]),
    ...imageParts(member(message, "images")),
    ...list(member(message, "tool_calls")).slice(0, most.toolCalls).flatMap(toolPart),
    ...legacyToolPart(member(message, "function_call"))
  ]
  return parts.length === 0 ? [] : [{ role: roleOf(member(message, "role")) ?? "assistant", content: parts }]
}

/** The choices in the order of their numbers, which is the order that they nearly always come in. */
const sorted = (choices: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  choices
    .map((choice, position) => ({ choice, index: count(member(choice, "index")) ?? position }))
    .sort((a, b) => a.index - b.index)
    .map(({ choice }) => choice)

const answer = (body: unknown): AnswerFacts => {
  const choices = sorted(list(member(body, "choices")).slice(0, most.choices))
  return known({
    model: word(member(body, "model")),
    completionId: word(member(body, "id")),
    stopReason: word(member(choices[0], "finish_reason")),
    usage: usageOf(usageMember(body), chatUsageNames, searches(body)),
    serviceTier: word(member(body, "service_tier")),
    metadata: metadata(body),
    failure: failureOf(body) ?? choiceFailure(choices),
    output: () => choices.flatMap(choiceMessage)
  })
}

export const openaiChat: Format = { kind: "generation", request, answer, stream: chatStream }

/**
 * OpenAI's Responses, plain, in the background and retrieved later.
 *
 * @since 0.1.0
 */
import type { Format, RequestFacts } from "../model.js"
import { parameters, requestFacts } from "./openai.js"
import { inputMessages, itemSearches, outputMessages } from "./openaiItems.js"
import { responseFacts } from "./openaiResponse.js"
import { responsesStream } from "./openaiResponsesStream.js"
import { count, member } from "./read.js"

const request: Format["request"] = (body, endpoint): RequestFacts =>
  requestFacts(body, endpoint, {
    input: () => inputMessages(member(body, "input"), member(body, "instructions")),
    parameters: parameters(body),
    maxTokens: count(member(body, "max_output_tokens"))
  })

const answer: Format["answer"] = (body) =>
  responseFacts(body, {
    searches: itemSearches(body),
    output: () => outputMessages(member(body, "output")),
    // Nobody but a program that asks for it gets an answer before it is complete.
    pends: true
  })

export const openaiResponses: Format = { kind: "generation", request, answer, stream: responsesStream }

/**
 * Gemini's generateContent, of the Gemini API and of Vertex.
 *
 * @since 0.1.0
 */
import { maxPiece } from "../http/framing.js"
import type { AnswerFacts, Format, RequestFacts } from "../model.js"
import { contentMessages, partsOf, refusal, toldBy, usageIn, usageOf } from "./geminiParts.js"
import { geminiStream } from "./geminiStream.js"
import { assistant, either, most, toolsOf } from "./normal.js"
import { count, given, known, list, member, record, text, word } from "./read.js"

const input = (body: unknown): ReadonlyArray<unknown> => {
  const instruction = either(body, "systemInstruction", "system_instruction")
  const system = text(instruction) === undefined ? contentMessages(instruction, "system") : [{
    role: "system",
    content: instruction
  }]
  const contents = member(body, "contents")
  const each = record(contents) === undefined ? list(contents) : [contents]
  return [
    ...system.map((message) => ({ ...message, role: "system" })),
    ...(text(contents) === undefined ? each.flatMap((content) => contentMessages(content, "user")) : [
      { role: "user", content: contents }
    ])
  ]
}

/** Parameters by PostHog's names, and the names that Gemini has for them in either case. */
const parametersOf = (config: unknown) => ({
  ...given(either(config, "thinkingConfig", "thinking_config"), [
    ["thinking_level", "reasoning_effort"],
    ["thinkingLevel", "reasoning_effort"]
  ]),
  ...given(config, [
    "temperature",
    "seed",
    ["topP", "top_p"],
    "top_p",
    ["topK", "top_k"],
    "top_k",
    ["maxOutputTokens", "max_output_tokens"],
    "max_output_tokens",
    ["candidateCount", "n"],
    ["candidate_count", "n"],
    ["stopSequences", "stop"],
    ["stop_sequences", "stop"],
    ["frequencyPenalty", "frequency_penalty"],
    "frequency_penalty",
    ["presencePenalty", "presence_penalty"],
    "presence_penalty",
    ["responseMimeType", "response_format"],
    ["response_mime_type", "response_format"]
  ])
})

const request: Format["request"] = (body, endpoint): RequestFacts => {
  const config = either(body, "generationConfig", "generation_config")
  return known({
    model: endpoint.model ?? word(member(body, "model"))?.replace(/^models\//, ""),
    streamed: endpoint.streamed === true,
    input: () => input(body),
    parameters: parametersOf(config),
    maxTokens: count(either(config, "maxOutputTokens", "max_output_tokens")),
    tools: toolsOf(member(body, "tools"))
  })
}

const answer = (body: unknown): AnswerFacts => {
  if (Array.isArray(body)) {
    // A stream that was read as a whole.
    const reader = geminiStream(maxPiece)
    for (const piece of body) reader.read(piece)
    return reader.answer()
  }
  const candidates = list(member(body, "candidates")).slice(0, most.choices)
  const { searched, ...told } = toldBy(body)
  return known({
    ...told,
    usage: usageOf(usageIn(body), searched ? 1 : undefined),
    output: () => [
      ...candidates.flatMap((candidate) =>
        assistant(list(member(candidate, "content", "parts")).slice(0, most.items).flatMap(partsOf))
      ),
      ...refusal(body)
    ]
  })
}

export const gemini: Format = { kind: "generation", request, answer, stream: geminiStream }

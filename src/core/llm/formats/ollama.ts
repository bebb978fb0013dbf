/**
 * Ollama's own format: chat, completions and embeddings, streamed unless they are asked for whole.
 *
 * @since 0.1.0
 */
import { BoundedText, type Room } from "../boundedText.js"
import type { AnswerFacts, Endpoint, Failure, Format, Part, RequestFacts, StreamReader, Usage } from "../model.js"
import { kept } from "./kept.js"
import { assistant, failureIn, functionPart, most, reasoningPart, textPart, toolsOf } from "./normal.js"
import { count, given, known, list, member, record, text, word } from "./read.js"

const failureOf = (body: unknown): Failure | undefined =>
  failureIn(
    body,
    ({ embeddings, message, response }) =>
      record(message) !== undefined || response !== undefined || embeddings !== undefined
  )

const parametersOf = (body: unknown) => ({
  ...given(body, [["format", "response_format"], "stream"]),
  ...given(member(body, "options"), [
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    ["num_predict", "max_tokens"]
  ])
})

const requestOf = (input: (body: unknown) => unknown) => (body: unknown, endpoint: Endpoint): RequestFacts =>
  known({
    model: word(member(body, "model")) ?? endpoint.model,
    streamed: member(body, "stream") !== false,
    input: () => input(body),
    parameters: parametersOf(body),
    maxTokens: count(member(body, "options", "num_predict")),
    tools: toolsOf(member(body, "tools"))
  })

const prompt = (body: unknown): ReadonlyArray<unknown> => {
  const system = text(member(body, "system"))
  const images = list(member(body, "images"))
  return [
    ...(system === undefined || system === "" ? [] : [{ role: "system", content: system }]),
    { role: "user", content: text(member(body, "prompt")) ?? "", ...(images.length === 0 ? {} : { images }) }
  ]
}

const usageOf = (body: unknown): Usage | undefined => {
  const inputTokens = count(member(body, "prompt_eval_count"))
  const outputTokens = count(member(body, "eval_count"))
  return inputTokens === undefined && outputTokens === undefined ? undefined : known({ inputTokens, outputTokens })
}

const toolPart = (call: unknown): Part => {
  const called = member(call, "function")
  return functionPart(member(call, "id"), member(called, "name"), member(called, "arguments"))
}

/** The members in which chat and completions have what the model said and thought. */
interface Said {
  readonly content: unknown
  readonly thinking: unknown
  readonly calls: ReadonlyArray<unknown>
}

const said = (body: unknown): Said => {
  const message = member(body, "message")
  return {
    content: member(message, "content") ?? member(body, "response"),
    thinking: member(message, "thinking") ?? member(body, "thinking"),
    calls: list(member(message, "tool_calls")).slice(0, most.toolCalls)
  }
}

const answer = (body: unknown): AnswerFacts => {
  const { calls, content, thinking } = said(body)
  return known({
    model: word(member(body, "model")),
    stopReason: word(member(body, "done_reason")),
    usage: usageOf(body),
    failure: failureOf(body),
    output: () => assistant([...reasoningPart(thinking), ...textPart(content), ...calls.map(toolPart)])
  })
}

class OllamaStream implements StreamReader {
  private readonly room: Room
  private readonly text: BoundedText
  private readonly thinking: BoundedText
  private readonly calls: Array<unknown> = []
  private facts: Omit<AnswerFacts, "output"> = {}

  constructor(limit: number) {
    this.room = { left: limit }
    this.text = new BoundedText(this.room)
    this.thinking = new BoundedText(this.room)
  }

  readonly read = (piece: unknown): boolean => {
    if (record(piece) === undefined) return false
    const { output: _, ...facts } = answer(piece)
    this.facts = { ...this.facts, ...facts }
    const { calls, content, thinking } = said(piece)
    this.text.add(text(content) ?? "")
    this.thinking.add(text(thinking) ?? "")
    for (const call of calls.slice(0, most.toolCalls - this.calls.length)) this.calls.push(kept(call, this.room))
    return (text(content) ?? "") !== "" || calls.length > 0
  }

  readonly answer = (): AnswerFacts => ({
    ...this.facts,
    output: () =>
      assistant([
        ...reasoningPart(String(this.thinking)),
        ...textPart(String(this.text)),
        ...this.calls.map(toolPart)
      ])
  })
}

const stream = (limit: number): StreamReader => new OllamaStream(limit)

export const ollamaChat: Format = {
  kind: "generation",
  request: requestOf((body) => list(member(body, "messages"))),
  answer,
  stream
}

export const ollamaGenerate: Format = { kind: "generation", request: requestOf(prompt), answer, stream }

/** The vectors are not looked at. The older of the two endpoints takes a `prompt`. */
export const ollamaEmbedding: Format = {
  kind: "embedding",
  request: (body, endpoint) => ({
    ...requestOf((body) => member(body, "input") ?? member(body, "prompt"))(body, endpoint),
    streamed: false
  }),
  answer: (body) =>
    known({
      model: word(member(body, "model")),
      usage: usageOf(body),
      failure: failureIn(body, ({ embedding, embeddings }) => (embedding ?? embeddings) !== undefined),
      output: () => []
    })
}

/** What a format says about requests and answers, with the contents that are otherwise told only on demand. */
import type { Endpoint, Format } from "../../../src/core/llm/model.js"

export const endpoint = (format: Format, more: Partial<Endpoint> = {}): Endpoint => ({
  provider: "openai",
  baseUrl: "https://api.openai.com/v1",
  format,
  ...more
})

export const requestFacts = (format: Format, body: unknown, more: Partial<Endpoint> = {}) => {
  const { input, tools, ...facts } = format.request(body, endpoint(format, more))
  return { ...facts, input: input(), ...(tools === undefined ? {} : { tools: tools() }) }
}

export const answerFacts = (format: Format, body: unknown) => {
  const { output, ...facts } = format.answer(body)
  return { ...facts, output: output() }
}

/** Also: the position of the piece that is taken for the first token. */
export const streamFacts = (format: Format, pieces: Iterable<unknown>, limit = 200_000) => {
  const reader = format.stream!(limit)
  let firstToken: number | undefined
  let position = 0
  for (const piece of pieces) {
    if (reader.read(piece)) firstToken ??= position
    position++
  }
  const { output, ...facts } = reader.answer()
  return { ...facts, output: output(), firstToken }
}

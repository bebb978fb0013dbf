/** A stream as bytes, in each of the ways in which providers divide it, and what is read of it however it is cut. */
import { assert } from "@effect/vitest"
import { type Framing, splitter } from "../../../src/core/llm/http/framing.js"
import type { Format } from "../../../src/core/llm/model.js"
import { random } from "../random.js"

/** The pieces as the body of an answer. */
export const written = (framing: Framing, pieces: ReadonlyArray<unknown>): Uint8Array => {
  const each = pieces.map((piece) => JSON.stringify(piece))
  const text = framing === "sse"
    ? each.map((data, index) => `event: e\r\ndata: ${data}${index % 2 === 0 ? "\r\n\r\n" : "\n\n"}`).join("")
    : framing === "ndjson"
    ? each.map((line) => `${line}\n`).join("")
    : `[${each.join("\n,\r\n")}]`
  return new TextEncoder().encode(text)
}

/** What is known of an answer whose body comes in these chunks. Also: whether the first token was seen. */
export const factsOf = (format: Format, framing: Framing, chunks: Iterable<Uint8Array>, limit = 200_000) => {
  const reader = format.stream!(limit)
  let hasToken = false
  const { end, push } = splitter(framing, (piece) => {
    hasToken = reader.read(piece) || hasToken
  })
  for (const chunk of chunks) push(chunk)
  end()
  const { output, ...facts } = reader.answer()
  return { ...facts, output: output(), hasToken }
}

/** Every way of cutting the stream gives the same facts: at every byte, byte by byte, and at random. */
export const sameHoweverCut = (format: Format, framing: Framing, pieces: ReadonlyArray<unknown>): void => {
  const body = written(framing, pieces)
  const expected = factsOf(format, framing, [body])
  for (let cut = 0; cut <= body.length; cut += 1) {
    assert.deepStrictEqual(
      factsOf(format, framing, [body.subarray(0, cut), body.subarray(cut)]),
      expected,
      `cut at ${cut}`
    )
  }
  assert.deepStrictEqual(factsOf(format, framing, Array.from(body, (byte) => Uint8Array.of(byte))), expected)
  const { below } = random(body.length)
  for (let round = 0; round < 50; round += 1) {
    const chunks: Array<Uint8Array> = []
    for (let start = 0; start < body.length;) {
      const end = start + 1 + below(100)
      chunks.push(body.subarray(start, end))
      start = end
    }
    assert.deepStrictEqual(factsOf(format, framing, chunks), expected, `round ${round}`)
  }
}

/** A value of JSON in which something is another value, is missing or is nested. */
export const mutated = (value: unknown, seed: number): unknown => {
  const { below, chance, pick } = random(seed)
  const odd = [
    null,
    true,
    -1,
    1.5,
    Number.POSITIVE_INFINITY,
    "",
    "x".repeat(50),
    [],
    {},
    [[null]],
    { type: 1 },
    "\ud800",
    2 ** 60
  ]
  const change = (value: unknown): unknown => {
    if (chance(6)) return pick(odd)
    if (Array.isArray(value)) {
      const items = value.filter(() => !chance(5)).map(change)
      return chance(3) ? [...items, ...items] : chance(3) ? { 0: items } : items
    }
    if (typeof value !== "object" || value === null) return chance(5) ? [value] : value
    const members = Object.entries(value).filter(() => !chance(5)).map(([name, member]) => [name, change(member)])
    if (chance(2)) members.push([pick(["__proto__", "constructor", "type", "index", "error"]), pick(odd)])
    return Object.fromEntries(members)
  }
  let changed = change(value)
  for (let depth = below(50) === 0 ? 5_000 : 0; depth > 0; depth -= 1) changed = { content: [changed] }
  return changed
}

/** A format that is given anything at all throws nothing, and what it tells can be written as JSON. */
export const neverThrows = (format: Format, bodies: ReadonlyArray<unknown>, rounds = 300): void => {
  const endpoint = { provider: "p", baseUrl: "https://p.example", format, model: "claude" }
  const deep = JSON.parse("[".repeat(20_000) + "]".repeat(20_000)) as unknown
  const values: Array<unknown> = [undefined, null, 1, "a", true, [], {}, [{}], deep, { content: deep }]
  for (let seed = 0; seed < rounds; seed += 1) for (const body of bodies) values.push(mutated(body, seed))
  const reader = format.stream?.(1_000)
  for (const value of values) {
    const asked = format.request(value, endpoint)
    asked.input()
    asked.tools?.()
    assert.isBoolean(asked.streamed)
    format.answer(value).output()
    if (reader !== undefined) {
      assert.isBoolean(reader.read(value))
      reader.answer().output()
    }
  }
}

/**
 * The form of events on disk: whatever happens to the bytes, every other line is read, and nothing is invented.
 */
import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { crc32 as crc32OfZlib } from "node:zlib"
import { crc32 } from "../../../../src/internal/delivery/durable/crc32.js"
import { LineBuffer, parse, pendingOf } from "../../../../src/internal/delivery/durable/lines.js"
import { random } from "../../../support/random.js"

const decoder = new TextDecoder()

const textsOf = (bytes: Uint8Array): ReadonlyArray<string> =>
  pendingOf(parse(bytes)).map(({ end, start }) => decoder.decode(bytes.subarray(start, end)))

const event = (i: number): string =>
  JSON.stringify({ uuid: `018f-${i}`, event: `ordér ${i} 🛒`, properties: { note: "line\nbreak \u2028", i } })

/** Ten events of which some are settled, as a process writes them. */
const sample = () => {
  const lines = new LineBuffer(16)
  const texts = Array.from({ length: 10 }, (_, i) => event(i))
  texts.forEach((text, i) => {
    lines.event(i * 3, text)
    if (i === 4) lines.settled(0, 3)
    if (i === 8) lines.settled(21, 21)
  })
  return { bytes: lines.filled.slice(), texts, live: texts.filter((_, i) => i > 1 && i !== 7) }
}

describe("lines", () => {
  it("have the checksum that everybody computes", () => {
    const bytes = Uint8Array.from({ length: 1_000 }, (_, i) => i * 7)
    // In Node from 20.15 and 22.2 on.
    if (typeof crc32OfZlib === "function") {
      for (let end = 0; end < 40; end++) {
        assert.strictEqual(crc32(bytes, 3, 3 + end), crc32OfZlib(bytes.subarray(3, 3 + end)))
      }
    }
    assert.strictEqual(crc32(new TextEncoder().encode("123456789"), 0, 9), 0xcbf43926)
  })

  it("are read as they were written, whatever the event says", () => {
    FastCheck.assert(FastCheck.property(
      FastCheck.array(FastCheck.tuple(FastCheck.nat(1e9), FastCheck.json())),
      (given) => {
        const lines = new LineBuffer(16)
        const numbered = given.sort(([a], [b]) => a - b).filter(([number], at) => number !== given[at - 1]?.[0])
        for (const [number, json] of numbered) {
          // What JSON.stringify makes has no line break.
          const text = JSON.stringify(JSON.parse(json))
          lines.event(number, number % 2 === 0 ? text : new TextEncoder().encode(text))
        }
        const bytes = lines.filled
        const { damaged, events } = parse(bytes)
        assert.deepStrictEqual(damaged, [])
        assert.deepStrictEqual(events.map(({ number }) => number), numbered.map(([number]) => number))
        assert.deepStrictEqual(
          textsOf(bytes).map((text) => JSON.parse(text)),
          numbered.map(([, json]) => JSON.parse(json))
        )
      }
    ))
  })

  it("leave out what is settled", () => {
    const { bytes, live } = sample()
    assert.deepStrictEqual(textsOf(bytes), live)
  })

  it("torn at any byte cost what is torn", () => {
    const { bytes, texts } = sample()
    for (let end = 0; end <= bytes.length; end++) {
      const torn = bytes.subarray(0, end)
      const { damaged, events } = parse(torn)
      assert.isAtMost(damaged.length, 1)
      const complete = texts.filter((text) => Buffer.from(torn).includes(`${text}`))
      assert.deepStrictEqual(events.map(({ end, start }) => decoder.decode(torn.subarray(start, end))), complete)
    }
  })

  it("changed at any byte cost one event, and none is invented or settled wrongly", () => {
    const { bytes, live, texts } = sample()
    const { below } = random(7)
    const changes = [(byte: number) => byte ^ 1, () => 0, () => 0x0a, () => 0x20, () => below(256)]
    for (let at = 0; at < bytes.length; at++) {
      for (const change of changes) {
        const changed = bytes.slice()
        changed[at] = change(bytes[at]!)
        const found = textsOf(changed)
        assert.isTrue(found.every((text) => texts.includes(text)))
        assert.isAtLeast(live.filter((text) => found.includes(text)).length, live.length - 1, `at ${at}`)
      }
    }
  })

  it("before zeros, as a power cut leaves them, are all there", () => {
    const { bytes, live } = sample()
    const longer = new Uint8Array(bytes.length + 4_096)
    longer.set(bytes)
    assert.deepStrictEqual(textsOf(longer), live)
    assert.strictEqual(parse(longer).damaged.length, 1)
  })

  it("that were written twice count once, and those of later versions not at all", () => {
    const { bytes, live } = sample()
    assert.deepStrictEqual(textsOf(new Uint8Array(Buffer.concat([bytes.subarray(0, bytes.length / 2), bytes]))), live)
    const lines = new LineBuffer()
    lines.event(1, "{}")
    lines.remark(1, JSON.stringify({ reason: "rejected" }))
    const known = lines.filled
    const rest = "~1 something new"
    const encoded = new TextEncoder().encode(rest)
    const unknown = `\n${crc32(encoded, 0, encoded.length).toString(16).padStart(8, "0")} ${rest}\n`
    const all = parse(new Uint8Array(Buffer.concat([known, Buffer.from(unknown)])))
    assert.deepStrictEqual(all.damaged, [])
    assert.strictEqual(all.events.length, 1)
    assert.strictEqual(all.remarks[0]?.number, 1)
  })

  it("are found in garbage, in bounded time", () => {
    const { bytes, live } = sample()
    const { below } = random(11)
    const garbage = Uint8Array.from({ length: 200_000 }, () => below(256))
    assert.deepStrictEqual(textsOf(new Uint8Array(Buffer.concat([garbage, bytes, garbage]))), live)
    // With a square of the length this would take hours, and the test would run out of time.
    assert.deepStrictEqual(pendingOf(parse(new Uint8Array(32 * 1024 * 1024).fill(0x30))), [])
    assert.deepStrictEqual(pendingOf(parse(new Uint8Array(8 * 1024 * 1024).fill(0x0a))), [])
  }, 60_000)
})

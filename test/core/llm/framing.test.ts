import { assert, describe, it } from "@effect/vitest"
import { type Framing, framingOf, maxPiece, splitter } from "../../../src/core/llm/http/framing.js"
import { random } from "../../support/random.js"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The pieces of an answer that comes in these chunks. */
const piecesOf = (framing: Framing, chunks: Iterable<Uint8Array | string>): ReadonlyArray<unknown> => {
  const pieces: Array<unknown> = []
  const { end, push } = splitter(framing, (piece) => pieces.push(piece))
  for (const chunk of chunks) push(chunk)
  end()
  return pieces
}

/** The same pieces however the answer is cut: whole, as a text, at every byte, byte by byte and at random. */
const everyCut = (framing: Framing, answer: string | Uint8Array, expected: ReadonlyArray<unknown>): void => {
  const whole = typeof answer === "string" ? bytes(answer) : answer
  assert.deepStrictEqual(piecesOf(framing, [whole]), expected, "whole")
  if (typeof answer === "string") assert.deepStrictEqual(piecesOf(framing, answer.split("")), expected, "as texts")
  for (let cut = 0; cut <= whole.length; cut += 1) {
    assert.deepStrictEqual(piecesOf(framing, [whole.subarray(0, cut), whole.subarray(cut)]), expected, `cut at ${cut}`)
  }
  assert.deepStrictEqual(piecesOf(framing, Array.from(whole, (byte) => Uint8Array.of(byte))), expected, "byte by byte")
  const { below } = random(whole.length)
  for (let round = 0; round < 50; round += 1) {
    const chunks: Array<Uint8Array> = []
    for (let start = 0; start < whole.length;) {
      const end = start + below(9)
      chunks.push(whole.subarray(start, end))
      start = end
    }
    assert.deepStrictEqual(piecesOf(framing, chunks), expected, `round ${round}`)
  }
}

describe("server-sent events", () => {
  const rows: Readonly<Record<string, readonly [answer: string, expected: ReadonlyArray<unknown>]>> = {
    "lines that end in three ways": ["data: 1\n\ndata: 2\r\n\r\ndata: 3\r\rdata: 4\n\r\ndata: 5\r\n\n", [
      1,
      2,
      3,
      4,
      5
    ]],
    "an end of a line that changes within an event": ["data: [1,\r\ndata: 2,\rdata: 3]\n\n", [[1, 2, 3]]],
    "comments, names, ids and times to retry after": [
      ": hello\n\nevent: a\nid: 7\nretry: 10\n: PROCESSING\ndata: {\"a\":1}\n\n:\n\n",
      [{ a: 1 }]
    ],
    "a mark of the byte order, at the beginning only": ["\uFEFFdata: 1\n\n\uFEFFdata: 2\n\ndata: \"\uFEFF\"\n\n", [
      1,
      "\uFEFF"
    ]],
    "several lines of data": ["data: {\ndata: \"a\": 1\ndata\ndata:}\n\n", [{ a: 1 }]],
    "a space that is the value's": ["data:  1\n\ndata:2\n\n", [1, 2]],
    "separators of lines and paragraphs that are content": ["data: {\"a\":\"x\u2028y\u2029z\u0085\"}\n\n", [{
      a: "x\u2028y\u2029z\u0085"
    }]],
    "characters of two, three and four bytes": ["data: {\"é\":\"漢字 🦔\"}\n\n", [{ é: "漢字 🦔" }]],
    "what is no JSON": ["data: 1\n\ndata: {\"a\":\n\ndata: \n\ndata\n\ndata: [DONE]\n\ndata: 2\n\n", [1, 2]],
    "fields of other names": ["database: 1\n\ndat: 2\n\nDATA: 3\n\n data: 4\n\ndata: 5\n\n", [5]],
    "an event that nothing ends": ["data: 1\n\ndata: {\"a\":2}", [1, { a: 2 }]],
    "an event that is cut off": ["data: 1\n\ndata: {\"a\":", [1]],
    "nothing": ["", []],
    "a page": ["<!doctype html>\n<html>\n\n</html>", []]
  }
  for (const [name, [answer, expected]] of Object.entries(rows)) {
    it(`${name}, cut anywhere`, () => everyCut("sse", answer, expected))
  }

  it("bytes that are no UTF-8 become replacement characters", () => {
    const answer = new Uint8Array([...bytes("data: \""), 0xff, 0xc3, ...bytes("a"), 0xf0, 0x9f, ...bytes("\"\n\n")])
    everyCut("sse", answer, ["\ufffd\ufffda\ufffd"])
    everyCut("sse", new Uint8Array([...bytes("data: 1\n\n"), 0xe6, 0xbc]), [1])
  })

  const big = "x".repeat(maxPiece)

  it("an event that is too large is left out, what follows is not", () => {
    assert.deepStrictEqual(piecesOf("sse", [`data: 1\n\ndata: "${big}"\n\ndata: 2\n\n`]), [1, 2])
    assert.deepStrictEqual(piecesOf("sse", ["data: 1\n\ndata: \"", big, big, "\"\n\ndata: 2\n\n"]), [1, 2])
    assert.deepStrictEqual(piecesOf("sse", [`:${big}\n\ndata: 2\n\n`]), [2])
    const half = big.slice(maxPiece / 2)
    assert.deepStrictEqual(piecesOf("sse", [`data: "${half}\ndata: ${half}"\n`, "data: 1\n\ndata: 2\n\n"]), [2])
    assert.deepStrictEqual(piecesOf("sse", [`data: "${half}"\n\ndata: "${half}"\n\n`]).length, 2)
  })

  it("lines without content count too", () => {
    const empty = "data\n".repeat(10_000)
    assert.deepStrictEqual(
      piecesOf("sse", [...Array<string>(Math.ceil(maxPiece / 50_000) + 1).fill(empty), "\ndata: 2\n\n"]),
      [2]
    )
  })
})

describe("lines of JSON", () => {
  it("one value in each, cut anywhere", () => {
    everyCut("ndjson", "{\"a\":1}\n\n{\"a\":\"é\u2028\"}\r\nfaulty\n[1]\n{\"done\":true}", [
      { a: 1 },
      { a: "é\u2028" },
      [1],
      { done: true }
    ])
  })

  it("a line that is too large is left out", () => {
    assert.deepStrictEqual(piecesOf("ndjson", ["1\n\"", "x".repeat(maxPiece), "\"\n2\n"]), [1, 2])
  })
})

describe("a list of JSON", () => {
  const rows: Readonly<Record<string, readonly [answer: string, expected: ReadonlyArray<unknown>]>> = {
    "its members": ["[{\"a\":1}\n,\r\n{\"b\":[{}]},{}]", [{ a: 1 }, { b: [{}] }, {}]],
    "brackets and quotes in texts": ["[{\"a\":\"}]\\\"{[\\\\\"},{\"\\\\\":\"\\\\\\\"é]\"}]", [
      { a: "}]\"{[\\" },
      { "\\": "\\\"é]" }
    ]],
    "members that are no objects": ["[1,\"{\",null,{\"a\":1},[2,[3]],true]", [{ a: 1 }, [2, [3]]]],
    "objects one after another": ["\uFEFF{\"a\":1}{\"b\":2}\n\n {\"c\":3}", [{ a: 1 }, { b: 2 }, { c: 3 }]],
    "an object alone": [JSON.stringify({ error: { code: 429 } }, undefined, 2), [{ error: { code: 429 } }]],
    "what follows the list": ["[{}] [{\"a\":1}] {\"b\":1}", [{}, { a: 1 }, { b: 1 }]],
    "a list that is cut off": ["[{\"a\":1},{\"b\":", [{ a: 1 }]],
    "a faulty member": ["[{\"a\":1},{\"b\"},{\"c\":3}]", [{ a: 1 }, { c: 3 }]],
    "what is no JSON": ["]}]<html>\"{\"", []],
    "too many brackets": ["[{}}}{\"a\":1}", [{}, { a: 1 }]]
  }
  for (const [name, [answer, expected]] of Object.entries(rows)) {
    it(`${name}, cut anywhere`, () => everyCut("json", answer, expected))
  }

  it("a member that is too large or too deep is left out", () => {
    assert.deepStrictEqual(piecesOf("json", ["[{},{\"a\":\"", "x".repeat(maxPiece), "\"},{\"b\":1}]"]), [{}, { b: 1 }])
    const deep = "[".repeat(100_000) + "]".repeat(100_000)
    assert.deepStrictEqual(piecesOf("json", [`[{},${deep},{"b":1}]`]), [{}, { b: 1 }])
    assert.deepStrictEqual(piecesOf("json", ["[".repeat(1_000_000)]), [])
  })
})

describe("any answer", () => {
  it("any bytes in any pieces give no exception", () => {
    const { below, pick } = random(7)
    const words = [
      "data",
      ":",
      " ",
      "\n",
      "\r",
      "[",
      "]",
      "{",
      "}",
      "\"",
      "\\",
      ",",
      "1",
      "\u2028",
      "é",
      "🦔",
      "\uFEFF"
    ]
    for (let round = 0; round < 500; round += 1) {
      const chunks = Array.from(
        { length: below(30) },
        () => below(4) === 0 ? Uint8Array.from({ length: below(5) }, () => below(256)) : bytes(pick(words))
      )
      for (const framing of ["sse", "ndjson", "json"] as const) piecesOf(framing, chunks)
    }
  })

  it("a chunk whose memory was given away is as none", () => {
    const gone = bytes("data: 1\n\n")
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    assert.deepStrictEqual(piecesOf("sse", [gone, bytes("data: 2\n\n")]), [2])
  })

  it("the content type says how an answer is divided", () => {
    const rows: ReadonlyArray<readonly [string | undefined, Framing | undefined]> = [
      ["text/event-stream; charset=utf-8", "sse"],
      ["Text/Event-Stream", "sse"],
      ["application/x-ndjson", "ndjson"],
      ["application/json; charset=UTF-8", "json"],
      ["application/problem+json", "json"],
      ["application/vnd.amazon.eventstream", undefined],
      ["text/html", undefined],
      ["", undefined],
      [undefined, undefined],
      ["application/".repeat(100_000), undefined]
    ]
    for (const [type, expected] of rows) assert.strictEqual(framingOf(type), expected, String(type).slice(0, 40))
  })
})

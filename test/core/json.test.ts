import { assert, describe, it } from "@effect/vitest"
import { Chunk, DateTime, Duration, Option, Redacted } from "effect"
import * as FastCheck from "fast-check"
import { runInNewContext } from "node:vm"
import { TooLarge, writeMembers, Writer, writeString } from "../../src/core/event/json.js"

const write = (value: object, limit = 1_000_000) => {
  const writer = new Writer(limit)
  return { text: "{" + writeMembers(writer, value, undefined, true).slice(1) + "}", writer }
}

const parsed = (value: object) => JSON.parse(write(value).text)

describe("json", () => {
  it("writes what JSON.stringify writes for everything that JSON can express", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue()), (value) => {
        const { text, writer } = write(value)
        assert.strictEqual(text, JSON.stringify(value))
        assert.strictEqual(writer.repairs, 0)
      }),
      { numRuns: 2_000, seed: 1 }
    )
  })

  it("writes what JSON.stringify writes for strings of every kind", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.string({ unit: "binary", maxLength: 2_000 }), (text) => {
        assert.strictEqual(writeString(new Writer(1e6), text), JSON.stringify(text.toWellFormed()))
      }),
      { numRuns: 2_000, seed: 2 }
    )
  })

  it("always writes valid JSON of well-formed text, whatever the value", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.anything({
          withBigInt: true,
          withBoxedValues: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withNullPrototype: true,
          withObjectString: true,
          withSparseArray: true,
          withTypedArray: true,
          stringUnit: "binary"
        }),
        (value) => {
          const { text } = write({ value })
          JSON.parse(text)
          assert.isTrue(text.isWellFormed())
        }
      ),
      { numRuns: 5_000, seed: 3 }
    )
  })

  it("leaves out undefined members and writes null for undefined elements, NaN and infinities", () => {
    assert.strictEqual(
      write({ a: undefined, b: [undefined, 1], c: Number.NaN, d: -Infinity, e: null, f: -0 }).text,
      "{\"b\":[null,1],\"c\":null,\"d\":null,\"e\":null,\"f\":0}"
    )
  })

  it("replaces what JSON cannot express, counts it and says where it was", () => {
    const cycle: Record<string, unknown> = { name: "loop" }
    cycle.self = cycle
    const { text, writer } = write({
      cycle,
      big: 12345678901234567890n,
      f: function named() {},
      symbol: Symbol("s"),
      date: new Date(Number.NaN),
      lone: "a\ud800b",
      bytes: new Uint8Array(3),
      get thrower() {
        throw new Error("no")
      }
    })
    assert.deepStrictEqual(JSON.parse(text), {
      cycle: { name: "loop", self: "[Circular]" },
      big: "12345678901234567890",
      f: "[Function: named]",
      symbol: "Symbol(s)",
      date: "[Invalid Date]",
      lone: "a\ufffdb",
      bytes: "[Uint8Array: 3 bytes]",
      thrower: "[Throws]"
    })
    assert.strictEqual(writer.repairs, 8)
    assert.deepStrictEqual(writer.notes, [
      "cycle: cycle",
      "big: bigint",
      "f: function",
      "symbol: symbol",
      "date: invalid date",
      "lone: lone surrogate",
      "bytes: binary data",
      "thrower: getter that throws"
    ])
  })

  it("keeps an emoji and a text that only looks like a lone surrogate", () => {
    const value = { emoji: "🦔", text: "\\ud800", both: "🦔\\ud83e" }
    const { text, writer } = write(value)
    assert.deepStrictEqual(JSON.parse(text), value)
    assert.strictEqual(writer.repairs, 0)
  })

  it("replaces lone surrogates in names too", () => {
    const { text, writer } = write({ "a\udc00": 1 })
    assert.strictEqual(text, "{\"a\ufffd\":1}")
    assert.strictEqual(writer.repairs, 1)
  })

  it("writes an object that occurs twice without being a cycle", () => {
    const shared = { a: 1 }
    assert.deepStrictEqual(parsed({ x: shared, y: [shared, shared] }), { x: { a: 1 }, y: [{ a: 1 }, { a: 1 }] })
  })

  it("asks toJSON once and does not ask what it returns", () => {
    assert.deepStrictEqual(parsed({ a: { toJSON: () => ({ toJSON: "kept", b: 1 }) } }), { a: { toJSON: "kept", b: 1 } })
    assert.deepStrictEqual(
      parsed({
        a: {
          toJSON() {
            return this
          },
          b: 1
        }
      }),
      { a: { toJSON: "[Function: toJSON]", b: 1 } }
    )
  })

  it("survives a toJSON that throws, makes a cycle, or goes on for ever", () => {
    const endless = (): object => ({ toJSON: () => ({ next: endless() }) })
    const looped: { toJSON: () => unknown } = { toJSON: () => [looped] }
    const value = {
      thrower: {
        toJSON() {
          throw new Error("no")
        }
      },
      looped,
      endless: endless()
    }
    const result = parsed(value)
    assert.strictEqual(result.thrower, "[Throws]")
    assert.deepStrictEqual(result.looped, ["[Circular]"])
    assert.include(JSON.stringify(result.endless), "[Too deep]")
  })

  it("survives proxies that throw from every trap", () => {
    const hostile = new Proxy({}, {
      get() {
        throw new Error("get")
      },
      ownKeys() {
        throw new Error("ownKeys")
      },
      getPrototypeOf() {
        throw new Error("getPrototypeOf")
      }
    })
    const { proxy: revoked, revoke } = Proxy.revocable([], {})
    revoke()
    assert.deepStrictEqual(parsed({ hostile, revoked, after: 1 }), {
      hostile: "[Throws]",
      revoked: "[Throws]",
      after: 1
    })
  })

  it("cuts nesting off and does not overflow the stack", () => {
    let deep: unknown = "bottom"
    for (let i = 0; i < 100_000; i++) deep = { deep }
    const { text, writer } = write({ deep })
    assert.include(text, "[Too deep]")
    assert.strictEqual(writer.repairs, 1)
  })

  it("stops as soon as the text is longer than the limit, also when sharing would make it exponential", () => {
    let shared: unknown = "leaf"
    for (let i = 0; i < 60; i++) shared = [shared, shared]
    for (const value of [{ shared }, { text: "x".repeat(2_000) }, { list: Array.from({ length: 2_000 }, () => 1) }]) {
      assert.throws(() => write(value, 1_000), TooLarge as never)
    }
  })

  it("writes maps, sets, errors, boxed values and Effect's data as what they hold", () => {
    assert.deepStrictEqual(
      parsed({
        map: new Map([["a", 1]]),
        pairs: new Map([[1, "a"]]),
        set: new Set([1, 2]),
        error: Object.assign(new TypeError("broken"), { code: 7 }),
        boxed: [Object(1), Object("s"), Object(true)],
        option: Option.some(1),
        chunk: Chunk.make(1, 2),
        secret: Redacted.make("hunter2"),
        url: new URL("https://example.com/a"),
        time: DateTime.unsafeMake(0),
        duration: Duration.seconds(1)
      }),
      {
        map: { a: 1 },
        pairs: [[1, "a"]],
        set: [1, 2],
        error: { name: "TypeError", message: "broken", code: 7 },
        boxed: [1, "s", true],
        option: 1,
        chunk: [1, 2],
        secret: "<redacted>",
        url: "https://example.com/a",
        time: "1970-01-01T00:00:00.000Z",
        duration: 1000
      }
    )
  })

  it("writes values of another realm", () => {
    const value = runInNewContext("({ list: [1, { a: new Date(0) }], map: { b: null } })") as object
    assert.deepStrictEqual(parsed(value), { list: [1, { a: "1970-01-01T00:00:00.000Z" }], map: { b: null } })
  })

  it("keeps a member named __proto__", () => {
    const value = JSON.parse("{\"__proto__\":{\"a\":1},\"constructor\":2}") as object
    assert.strictEqual(write(value).text, "{\"__proto__\":{\"a\":1},\"constructor\":2}")
  })
})

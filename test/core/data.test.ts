import { assert, describe, it } from "@effect/vitest"
import {
  BigDecimal,
  Cause,
  Chunk,
  Data,
  DateTime,
  Duration,
  Effect,
  Either,
  Exit,
  HashMap,
  HashSet,
  MutableHashMap,
  MutableHashSet,
  Option,
  Redacted,
  Schema,
  Trie
} from "effect"
import { Readable } from "node:stream"
import { runInNewContext } from "node:vm"
import { idOf } from "../../src/core/event/effectData.js"
import { toJson, TooLarge, writeMembers, Writer } from "../../src/core/event/json.js"
import { dataOf3, interruption, major, parallel } from "../support/effect.js"
import { revoked, throwsRevoked } from "../support/hostile.js"

const write = (value: object, limit = 1_000_000) => {
  const writer = new Writer(limit)
  const text = "{" + writeMembers(writer, value, undefined, true, true) + "}"
  return { value: JSON.parse(text) as Record<string, unknown>, text, writer }
}

const assertWrites = (cases: ReadonlyArray<readonly [given: unknown, wanted: unknown]>): void => {
  for (const [given, wanted] of cases) {
    assert.deepStrictEqual(write({ v: given }).value, wanted === undefined ? {} : { v: wanted })
    // The same where it is nested, where it is a value of a context, and where flags see it.
    assert.deepStrictEqual(write({ v: [{ deep: given }] }).value, { v: [wanted === undefined ? {} : { deep: wanted }] })
    if (typeof given !== "number") assert.deepStrictEqual(toJson("v", given, 1_000_000), wanted)
  }
}

class Order1 extends Data.Class<{ readonly id: string; readonly total: Option.Option<number> }> {}
class Customer extends Schema.Class<Customer>("Customer")({ name: Schema.String, since: Schema.DateFromSelf }) {}
class Refused extends Data.TaggedError("Refused")<{ readonly code: number; readonly hint: Option.Option<string> }> {}

describe("Effect's data as values", () => {
  it("is what a person means by it", () => {
    assertWrites([
      [Option.some(1), 1],
      [Option.none(), undefined],
      [Option.some(Option.some({ a: Option.none(), b: Option.some("x") })), { b: "x" }],
      [[Option.none(), Option.some(2)], [null, 2]],
      [Either.right({ a: 1 }), { a: 1 }],
      [Either.left("no"), "no"],
      [Chunk.make(1, Option.some("x")), [1, "x"]],
      [Chunk.empty(), []],
      [HashSet.make("a"), ["a"]],
      [HashMap.make(["a", Duration.millis(5)]), { a: 5 }],
      [HashMap.make([1, "a"]), [[1, "a"]]],
      [HashMap.empty(), {}],
      [MutableHashMap.make(["a", 1]), { a: 1 }],
      [MutableHashSet.make(1), [1]],
      [Trie.make(["a", 1]), { a: 1 }],
      ...dataOf3(),
      [Duration.seconds(1.5), 1500],
      [Duration.nanos(1_500_000n), 1.5],
      [Duration.infinity, null],
      [Duration.zero, 0],
      [DateTime.unsafeMake(0), "1970-01-01T00:00:00.000Z"],
      [DateTime.unsafeMakeZoned(0, { timeZone: "Europe/Paris" }), "1970-01-01T00:00:00.000Z"],
      [DateTime.zoneUnsafeMakeNamed("Europe/Paris"), "Europe/Paris"],
      [new Order1({ id: "o", total: Option.some(3) }), { id: "o", total: 3 }],
      [new Customer({ name: "Ada", since: new Date(0) }), { name: "Ada", since: "1970-01-01T00:00:00.000Z" }],
      [new Refused({ code: 7, hint: Option.some("h") }), { _tag: "Refused", code: 7, hint: "h" }],
      [Exit.succeed(Option.some(1)), { _tag: "Success", value: 1 }],
      [Exit.fail("e"), { _tag: "Failure", cause: { _tag: "Fail", error: "e" } }],
      [
        parallel(Cause.fail("a"), Cause.die(new TypeError("b"))),
        major === 3
          ? {
            _tag: "Parallel",
            left: { _tag: "Fail", error: "a" },
            right: { _tag: "Die", defect: { name: "TypeError", message: "b" } }
          }
          : { reasons: [{ _tag: "Fail", error: "a" }, { _tag: "Die", defect: { name: "TypeError", message: "b" } }] }
      ],
      [Cause.fail("a"), { _tag: "Fail", error: "a" }],
      [Cause.die("b"), { _tag: "Die", defect: "b" }],
      [interruption, { _tag: "Interrupt" }],
      [Cause.empty, { _tag: "Empty" }],
      [Effect.sync(() => 1), "[Effect]"]
    ])
  })

  it("is a number where that says the same, and else a text with all digits", () => {
    const decimal = BigDecimal.unsafeFromString
    assertWrites([
      [decimal("1.50"), 1.5],
      [decimal("-0.1"), -0.1],
      [decimal("1200"), 1200],
      [decimal("0"), 0],
      [BigDecimal.make(12n, -3), 12_000],
      [decimal("123456789012.345"), 123456789012.345],
      [decimal("1234567890123456.789"), "1234567890123456.789"],
      [decimal("-0.12345678901234567"), "-0.12345678901234567"],
      [BigDecimal.make(1n, 1_000_000_000), "1e-1000000000"],
      [BigDecimal.make(1n, -1_000_000_000), "1e1000000000"]
    ])
    const huge = write({ v: BigDecimal.make(10n ** 5_000n, 0), w: 10n ** 5_000n })
    assert.deepStrictEqual(huge.value, { v: "[BigDecimal]", w: "[BigInt]" })
  })

  it("never shows what is redacted, wherever it is", () => {
    const secret = Redacted.make("hunter2")
    const { text } = write({
      a: secret,
      b: [Option.some(secret), Either.left(secret), HashMap.make(["k", secret]), Chunk.of(secret), Exit.fail(secret)],
      c: new Map([[secret, secret]]),
      d: Cause.fail(secret),
      e: { toJSON: () => ({ secret }) }
    })
    assert.notInclude(text, "hunter2")
    assert.include(text, "<redacted>")
  })

  it("is known by its type id alone: an object that looks alike stays as it is", () => {
    assertWrites([
      [{ _id: "Option", _tag: "Some", value: 1 }, { _id: "Option", _tag: "Some", value: 1 }],
      [{ _id: "Duration", _tag: "Millis", millis: 5 }, { _id: "Duration", _tag: "Millis", millis: 5 }],
      [{ _tag: "None" }, { _tag: "None" }],
      [{ _tag: "Success", _op: "Success" }, { _tag: "Success", _op: "Success" }],
      [{ toJSON: () => ({ _id: "Chunk", values: [1] }) }, { _id: "Chunk", values: [1] }]
    ])
  })

  it("may be forged: then it is marked, or what it says", () => {
    const inspect = Symbol.for("nodejs.util.inspect.custom")
    const forge = (name: string, members: object): unknown =>
      Object.assign(Object.create({ toJSON: () => "json", [inspect]: () => "" }), {
        [idOf(name)]: {},
        ...members
      })
    const endless = {
      *[Symbol.iterator]() {
        while (true) yield 1
      }
    }
    assert.deepStrictEqual(
      write({
        chunk: forge("Chunk", {}),
        duration: forge("Duration", { value: revoked() }),
        time: forge("DateTime", { epochMillis: Number.NaN }),
        decimal: forge("BigDecimal", { value: "1", scale: {} })
      }).value,
      { chunk: "[Throws]", duration: null, time: "[Invalid Date]", decimal: "json" }
    )
    assert.throws(() => write({ v: forge("HashSet", endless) }, 10_000), TooLarge as never)
    assert.throws(() => write({ v: forge("HashMap", endless) }, 10_000), TooLarge as never)
  })
})

describe("binary data and what the platform has, as values", () => {
  it("is a marker, asked before toJSON", () => {
    assertWrites([
      [Buffer.alloc(400_000, 200), "[Buffer: 400000 bytes]"],
      [new Uint8Array(3), "[Uint8Array: 3 bytes]"],
      [new Float64Array(2), "[Float64Array: 16 bytes]"],
      [new BigInt64Array(1), "[BigInt64Array: 8 bytes]"],
      [new DataView(new ArrayBuffer(4)), "[DataView: 4 bytes]"],
      [new ArrayBuffer(5), "[ArrayBuffer: 5 bytes]"],
      [new SharedArrayBuffer(6), "[SharedArrayBuffer: 6 bytes]"],
      [runInNewContext("new ArrayBuffer(7)"), "[ArrayBuffer: 7 bytes]"],
      [new Blob(["abc"]), "[Blob: 3 bytes]"],
      [new File(["abcd"], "secret.txt"), "[File: 4 bytes]"],
      [new ReadableStream(), "[ReadableStream]"],
      [new Request("https://example.com", { headers: { authorization: "x" } }), "[Request]"],
      [new Response("x"), "[Response]"],
      [Readable.from(["a"]), "[Readable]"],
      [{ toJSON: () => Buffer.alloc(9) }, "[Buffer: 9 bytes]"],
      [Option.some(Buffer.alloc(9)), "[Buffer: 9 bytes]"],
      [
        Object.defineProperty(new Uint8Array(2), "byteLength", { value: "x\",\"evil\":\"" }),
        "[Uint8Array: 2 bytes]"
      ]
    ])
  })

  it("is its text or its values where it has some", () => {
    assertWrites([
      [new URL("https://example.com/a"), "https://example.com/a"],
      [new URLSearchParams("a=1&b=2"), "a=1&b=2"],
      [/a"b/g, "/a\"b/g"],
      [new Map<unknown, unknown>([["a", new Set([1])]]), { a: [1] }],
      [new Map([["__proto__", 1]]), JSON.parse("{\"__proto__\":1}")],
      [runInNewContext("new Map([['a', new Set([1])]])"), { a: [1] }],
      [Promise.resolve(1), "[Promise]"],
      [new WeakMap(), "[WeakMap]"],
      [Object(1n), "1"],
      [Object(Symbol("s")), "Symbol(s)"],
      [new Error("broken"), { name: "Error", message: "broken" }]
    ])
  })
})

describe("hostile values", () => {
  it("are marked, and what stands beside them is there", () => {
    for (
      const hostile of [revoked(), revoked([]), throwsRevoked(), throwsRevoked(new Map()), throwsRevoked(new Date())]
    ) {
      assert.deepStrictEqual(write({ hostile, list: [hostile], after: 1 }).value, {
        hostile: "[Throws]",
        list: ["[Throws]"],
        after: 1
      })
    }
  })

  it("never write outside of themselves", () => {
    const evil = "x\",\"distinct_id\":\"evil"
    class Liar extends Date {
      override toISOString() {
        return evil
      }
    }
    class Other extends Date {
      override toJSON() {
        return evil
      }
    }
    const function_ = Object.defineProperty(() => 1, "name", { value: evil })
    assertWrites([
      [new Liar(0), evil],
      [new Other(0), evil],
      [{ toJSON: () => evil }, evil],
      [Object.assign(new URL("https://a.b"), { toJSON: () => evil }), evil],
      [function_, `[Function: ${evil}]`],
      [Symbol(evil), `Symbol(${evil})`],
      [Object.assign(new Number(1), { valueOf: () => evil, toString: () => evil }), 1],
      [Object.assign(/a/, {}), "/a/"],
      [{ [Symbol.toStringTag]: evil, a: 1 }, { a: 1 }],
      [{ [Symbol.toPrimitive]: () => evil, [evil]: 1 }, { [evil]: 1 }]
    ])
  })

  it("have no lone surrogate in any text that leaves", () => {
    class Tagged {
      get [Symbol.toStringTag]() {
        return "\ud800"
      }
    }
    class Bytes extends Uint8Array {}
    Object.defineProperty(Bytes, "name", { value: "Buffer\ud800" })
    const { text, writer } = write({
      symbol: Symbol("a\ud800"),
      f: Object.defineProperty(() => 1, "name", { value: "\udc00f" }),
      tagged: new Tagged(),
      bytes: new Bytes(1),
      error: Object.assign(new Error("\ud800"), { name: "\ud800" }),
      map: new Map([["\ud800", "\ud800"]]),
      option: Option.some("\ud800"),
      "\ud800": 1,
      long: Symbol("x".repeat(1_000_000))
    })
    assert.isTrue(text.isWellFormed())
    assert.isBelow(text.length, 2_000)
    assert.isAbove(writer.repairs, 5)
    assert.doesNotThrow(() => JSON.parse(text) as unknown)
  })

  it("are what they are although they are called something else", () => {
    class Fake extends Map<string, number> {
      override *[Symbol.iterator](): MapIterator<[string, number]> {
        while (true) yield ["a", 1]
      }
    }
    class Private {
      readonly #secret = 1
      readonly shown = 2
      get secret() {
        return this.#secret
      }
    }
    assertWrites([
      [new Fake([["b", 2]]), { b: 2 }],
      [{ [Symbol.toStringTag]: "Number", a: 1 }, { a: 1 }],
      [Object.create({ [Symbol.toStringTag]: "Map" }, { a: { value: 1, enumerable: true } }), { a: 1 }],
      [Object.create(Date.prototype), "[Throws]"],
      [new Proxy(new Map([["a", 1]]), {}), {}],
      [new Private(), { shown: 2 }]
    ])
  })

  it("cost no more than the limit says", () => {
    const long = new Proxy([], { get: (_, name) => name === "length" ? Number.MAX_SAFE_INTEGER : 1 })
    for (
      const v of [
        Object.assign([], { length: 4_294_967_295 }),
        long,
        new Set(Array.from({ length: 60_000 }, (_, i) => i))
      ]
    ) {
      assert.throws(() => write({ v }, 50_000), TooLarge as never)
    }
  })
})

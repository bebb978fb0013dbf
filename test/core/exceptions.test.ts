import { assert, describe, it } from "@effect/vitest"
import { runInNewContext } from "node:vm"
import { TokenBuckets } from "../../src/core/exceptions/bucket.js"
import { behind, coerce } from "../../src/core/exceptions/coerce.js"
import { type FrameSettings, toFrames } from "../../src/core/exceptions/frames.js"
import { toLevel } from "../../src/core/exceptions/level.js"
import { type Failure, toList } from "../../src/core/exceptions/list.js"
import { readStack } from "../../src/core/exceptions/stack.js"

const settings: FrameSettings = {
  workingDirectory: "/app",
  isInApp: undefined,
  chunkId: () => undefined,
  findSource: undefined
}

const framesOf = (stack: string) => {
  const frames = toFrames(stack, settings)
  return frames.length === 0 ? undefined : frames
}

const one = (thrown: unknown, spans?: string): Failure => ({ _tag: "One", thrown, spans })
const boundary = { type: "generic", handled: true, synthetic: undefined }
const list = (failure: Failure, fallback?: string) => toList(failure, boundary, () => fallback, framesOf).list

describe("readStack", () => {
  const cases: Record<
    string,
    readonly [string | undefined, string | undefined, number | undefined, number | undefined]
  > = {
    "at run (/app/a.js:1:2)": ["run", "/app/a.js", 1, 2],
    "at /app/a.js:1:2": [undefined, "/app/a.js", 1, 2],
    "at async run (/app/a.js:1:2)": ["run", "/app/a.js", 1, 2],
    "at async /app/a.js:1:2": [undefined, "/app/a.js", 1, 2],
    "at async file:///app/a.js:1:2": [undefined, "/app/a.js", 1, 2],
    "at new Foo (/app/a.js:1:2)": ["new Foo", "/app/a.js", 1, 2],
    "at Foo.bar [as baz] (/app/a.js:1:2)": ["Foo.bar", "/app/a.js", 1, 2],
    "at Object.<anonymous> (/app/a.js:1:2)": ["Object.?", "/app/a.js", 1, 2],
    "at <anonymous>": [undefined, undefined, undefined, undefined],
    "at <anonymous>:3:4": [undefined, undefined, 3, 4],
    "at Array.map (<anonymous>)": ["Array.map", undefined, undefined, undefined],
    "at run (native)": ["run", "native", undefined, undefined],
    "at node:internal/main/run:2:49": [undefined, "node:internal/main/run", 2, 49],
    "at Promise.all (index 0)": ["Promise.all", "node:internal/promise", undefined, undefined],
    "at async Promise.all (index 12)": ["Promise.all", "node:internal/promise", undefined, undefined],
    "at eval (eval at run (/app/a.js:1:2), <anonymous>:3:4)": ["eval", "/app/a.js", 1, 2],
    "at eval (eval at <anonymous> (eval at run (file:///app/a.js:5:6)), <anonymous>:1:1)": [
      "eval",
      "/app/a.js",
      5,
      6
    ],
    "at run (C:\\app\\my dir\\a.js:1:2)": ["run", "C:\\app\\my dir\\a.js", 1, 2],
    "at run (file:///C:/app/a.js:1:2)": ["run", "C:/app/a.js", 1, 2],
    "at run (/app/my (old) dir/a.js:1:2)": ["run", "/app/my (old) dir/a.js", 1, 2],
    "at /app/my (old) dir/a.js:1:2": [undefined, "/app/my (old) dir/a.js", 1, 2],
    "at läuft (/app/путь/文件.js:1:2)": ["läuft", "/app/путь/文件.js", 1, 2],
    "at a (https://x.y/z.js:1:2)": ["a", "https://x.y/z.js", 1, 2],
    "at data:text/javascript,throw new Error():1:7": [undefined, "data:text/javascript,throw new Error()", 1, 7],
    "at wasm://wasm/abc:wasm-function[3]:0x1f": [
      undefined,
      "wasm://wasm/abc:wasm-function[3]:0x1f",
      undefined,
      undefined
    ],
    "at ()": [undefined, undefined, undefined, undefined],
    "at ": [undefined, undefined, undefined, undefined],
    "at http.server GET": ["http.server GET", undefined, undefined, undefined],
    "at run (": ["run (", undefined, undefined, undefined]
  }
  for (const [line, [name, path, number, column]] of Object.entries(cases)) {
    it(line, () => {
      const [read] = readStack(`Error: x\n    ${line}`, 10)
      if (line.trim() === "at") return assert.isUndefined(read)
      const { text: _, ...place } = read!
      assert.deepStrictEqual(place, { function: name, path, line: number, column })
    })
  }

  it("passes over what is no line, and over lines that nobody can read", () => {
    const stack = `Error: at first\nat\n${`    at ${"x".repeat(2000)}`}\n    at a (/a.js:1:2)\r\n\n    at b (/b.js:1:2)`
    assert.deepStrictEqual(readStack(stack, 10).map(({ function: name }) => name), ["a", "b"])
    assert.deepStrictEqual(readStack("", 10), [])
    assert.strictEqual(readStack("at a (/a.js:1:1)\n".repeat(100), 7).length, 7)
  })
})

describe("toFrames", () => {
  const frame = (line: string, more: Partial<FrameSettings> = {}) =>
    toFrames(`Error: x\n    ${line}`, { ...settings, ...more })[0]

  it("has the entry point first and the crash site last, fifty at most of those nearest to it", () => {
    const stack = Array.from({ length: 60 }, (_, i) => `    at f${i} (/app/a.js:${i + 1}:1)`).join("\n")
    const frames = toFrames(stack, settings)
    assert.strictEqual(frames.length, 50)
    assert.strictEqual(frames[49]!.function, "f0")
    assert.strictEqual(frames[0]!.function, "f49")
  })

  it("paths are relative to the working directory, modules say where they are", () => {
    const cases: Record<string, readonly [string, string, boolean]> = {
      "/app/src/job/run.js": ["src/job/run.js", "src.job:run", true],
      "/app/main.mjs": ["main.mjs", "main", true],
      "/other/lib.cjs": ["../other/lib.cjs", "lib", true],
      "/app/node_modules/pg/lib/client.js": ["node_modules/pg/lib/client.js", "pg.lib:client", false],
      "/app/node_modules/@a/b/node_modules/c/d.js": ["node_modules/@a/b/node_modules/c/d.js", "c:d", false],
      "file:///app/my%20dir/a.ts": ["my dir/a.ts", "my dir:a.ts", true],
      "file:///app/100%.js": ["100%.js", "100%", true],
      "C:\\app\\a.js": ["C:\\app\\a.js", "a", true],
      "file:///C:/app/a.js": ["C:/app/a.js", "a", true],
      "node:internal/process/task_queues": [
        "node:internal/process/task_queues",
        "task_queues",
        false
      ],
      "native": ["native", "native", false],
      "relative.js": ["relative.js", "relative", false],
      "./relative.js": ["./relative.js", "relative", true],
      "https://x.y/a/z.js": ["https://x.y/a/z.js", "z", true],
      "/app/путь/файл.ts": ["путь/файл.ts", "путь:файл.ts", true]
    }
    for (const [path, [filename, module, inApp]] of Object.entries(cases)) {
      const read = frame(`at run (${path}:3:4)`)
      assert.deepStrictEqual(
        [read!.filename, read!.module, read!.in_app, read!.lineno, read!.colno],
        [filename, module, inApp, 3, 4],
        path
      )
    }
    const windows = { ...settings, workingDirectory: "C:\\app" }
    const [read] = toFrames("at run (C:\\app\\src\\a.js:1:2)", windows)
    assert.deepStrictEqual([read!.filename, read!.module], ["src/a.js", "src:a"])
    const [far] = toFrames("at run (D:\\b\\a.js:1:2)", windows)
    assert.strictEqual(far!.filename, "D:\\b\\a.js")
    assert.strictEqual(frame("at run (/app/a.js:1:2)", { workingDirectory: undefined })!.filename, "/app/a.js")
  })

  it("Effect's frames and its run loop are left out", () => {
    const stack = [
      "Error: x",
      "    at charge (/app/a.js:1:2)",
      "    at Object.gen (/app/node_modules/effect/dist/esm/internal/core.js:1:2)",
      "    at pay (/app/b.js:1:2)",
      "    at Generator.next (<anonymous>)",
      "    at main (/app/main.js:1:2)"
    ].join("\n")
    assert.deepStrictEqual(toFrames(stack, settings).map(({ function: name }) => name), ["pay", "charge"])
  })

  it("the program's rule about its own files wins", () => {
    const isInApp = (path: string) => path.includes("shared") ? true : path.includes("vendor") ? false : undefined
    assert.isTrue(frame("at a (/app/node_modules/shared/a.js:1:2)", { isInApp })!.in_app)
    assert.isFalse(frame("at a (/app/vendor/a.js:1:2)", { isInApp })!.in_app)
    assert.isFalse(frame("at a (/app/node_modules/other/a.js:1:2)", { isInApp })!.in_app)
  })

  it("a recursion is said once, whatever its length", () => {
    const body = (i: number) => `    at ${i % 2 === 0 ? "even" : "odd"} (/app/a.js:${i % 2 + 1}:1)`
    const stack = `${Array.from({ length: 10_000 }, (_, i) => body(i)).join("\n")}\n    at main (/app/a.js:9:1)`
    assert.deepStrictEqual(toFrames(stack, settings).map(({ function: name }) => name), ["odd", "even"])
    const short = `${
      Array.from({ length: 300 }, () => "    at f (/app/a.js:1:1)").join("\n")
    }\n    at main (/app/a.js:9:1)`
    assert.deepStrictEqual(toFrames(short, settings).map(({ function: name }) => name), ["main", "f"])
  })
})

describe("coerce", () => {
  class Custom extends Error {
    override readonly name = "CustomError"
  }
  const hostile = new Proxy({}, {
    get: () => {
      throw new Error("no")
    },
    ownKeys: () => {
      throw new Error("no")
    },
    getPrototypeOf: () => {
      throw new Error("no")
    }
  })
  const frozen = Object.freeze(new Error("frozen"))
  const cases: ReadonlyArray<readonly [string, unknown, string, string, boolean]> = [
    ["an error", new TypeError("boom"), "TypeError", "boom", false],
    ["an error of a class", new Custom("x"), "CustomError", "x", false],
    ["an error without a message", new Error(), "Error", "", false],
    ["a frozen error", frozen, "Error", "frozen", false],
    ["an error of another realm", runInNewContext("new RangeError('far')"), "RangeError", "far", false],
    ["a tagged error", Object.assign(new Error("m"), { _tag: "Declined", name: "Other" }), "Declined", "m", false],
    [
      "an error that wraps one",
      Object.assign(new Error(), { message: { error: { message: "deep" } } }),
      "Error",
      "deep",
      false
    ],
    ["an error with a strange message", Object.assign(new Error(), { message: 5 }), "Error", "", false],
    ["a text", "disk full", "Error", "disk full", true],
    ["a text that names an error", "TypeError: x is not a function", "TypeError", "x is not a function", true],
    ["an uncaught text", "Uncaught RangeError: far", "RangeError", "far", true],
    ["an empty text", "", "Error", "", true],
    ["a number", 5, "Error", "Primitive value captured as exception: 5", true],
    ["undefined", undefined, "Error", "Primitive value captured as exception: undefined", true],
    ["null", null, "Error", "Primitive value captured as exception: null", true],
    ["a symbol", Symbol("s"), "Error", "Primitive value captured as exception: Symbol(s)", true],
    ["a bigint", 3n, "Error", "Primitive value captured as exception: 3", true],
    ["an object", { b: 1, a: 2 }, "Error", "Object captured as exception with keys: a, b", true],
    ["an empty object", {}, "Error", "Object captured as exception with keys: [object has no keys]", true],
    ["an object with a name", { name: "Bad" }, "Bad", "'Bad' captured as exception", true],
    [
      "with a name and a message",
      { name: "Bad", message: "m" },
      "Bad",
      "'Bad' captured as exception with message: 'm'",
      true
    ],
    ["with a message", { message: "m" }, "Error", "m", true],
    ["with a tag", { _tag: "NotFound", id: 1 }, "NotFound", "NotFound captured as exception with keys: _tag, id", true],
    ["of a class", new Map(), "Error", "'Map' captured as exception with keys: [object has no keys]", true],
    [
      "without a prototype",
      Object.create(null),
      "Error",
      "Object captured as exception with keys: [object has no keys]",
      true
    ],
    ["a function", () => 1, "Error", "Primitive value captured as exception: [Function (anonymous)]", true]
  ]
  for (const [name, thrown, type, value, isConverted] of cases) {
    it(name, () => {
      const { isConverted: converted, type: t, value: v } = coerce(thrown)
      assert.deepStrictEqual([t, v, converted], [type, value, isConverted])
    })
  }

  it("what cannot be looked at is unknown, and nothing throws", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const thrown of [hostile, proxy]) {
      const { type, value } = coerce(thrown)
      assert.isNotEmpty(type)
      assert.isString(value)
      assert.deepStrictEqual(behind(thrown), [])
    }
    const get = () => {
      throw new Error("no")
    }
    const getters = Object.defineProperties(new Error("kept"), { stack: { get }, cause: { get }, name: { get } })
    assert.deepInclude(coerce(getters), { type: "Error", value: "kept", stack: undefined })
  })

  it("long texts are cut, long key lists too", () => {
    assert.isAtMost(coerce("x".repeat(100_000)).value.length, 10_000)
    const keys = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, 1]))
    assert.isAtMost(coerce(keys).value.length, 100)
  })

  it("a tagged error's fields are those that say more", () => {
    const error = Object.assign(new Error("m"), { _tag: "Declined", card: 1, span: {}, cause: 1 })
    assert.deepStrictEqual(coerce(error).fields, { card: 1 })
    assert.isUndefined(coerce(Object.assign(new Error("m"), { card: 1 })).fields)
  })
})

describe("$exception_list", () => {
  it("one error is one entry", () => {
    const [entry, ...rest] = list(one(new TypeError("boom")))
    assert.deepStrictEqual(rest, [])
    assert.deepInclude(entry, { type: "TypeError", value: "boom" })
    assert.deepStrictEqual(entry!.mechanism, { type: "generic", handled: true, synthetic: false, exception_id: 0 })
    assert.isAbove(entry!.stacktrace!.frames.length, 0)
  })

  it("causes follow in their order, linked to what they caused", () => {
    const error = new Error("top", { cause: new TypeError("middle", { cause: "root" }) })
    const entries = list(one(error))
    assert.deepStrictEqual(entries.map(({ type, value }) => `${type}: ${value}`), [
      "Error: top",
      "TypeError: middle",
      "Error: root"
    ])
    assert.deepStrictEqual(entries.slice(1).map(({ mechanism }) => mechanism), [
      { type: "chained", source: "cause", synthetic: false, exception_id: 1, parent_id: 0 },
      { type: "chained", source: "cause", synthetic: true, exception_id: 2, parent_id: 1 }
    ])
  })

  it("members of an aggregate come depth first, each after its parent", () => {
    const first = new Error("a.png", { cause: new Error("reset") })
    const entries = list(one(new AggregateError([first, new Error("b.png")], "2 failed")))
    assert.deepStrictEqual(
      entries.map(({ mechanism: { parent_id, source }, value }) => [value, source, parent_id]),
      [["2 failed", undefined, undefined], ["a.png", "member", 0], ["reset", "cause", 1], ["b.png", "member", 0]]
    )
  })

  it("cycles end, no error is there twice, and fifty are enough", () => {
    const a = new Error("a")
    const b = new Error("b", { cause: a })
    a.cause = b
    assert.deepStrictEqual(list(one(a)).map(({ value }) => value), ["a", "b"])
    const self = new AggregateError([], "self")
    self.errors.push(self, a, a)
    assert.deepStrictEqual(list(one(self)).map(({ value }) => value), ["self", "a", "b"])
    let deep = new Error("0")
    for (let i = 1; i < 100; i++) deep = new Error(String(i), { cause: deep })
    assert.strictEqual(list(one(deep)).length, 50)
  })

  it("several failures keep their composition", () => {
    const failure: Failure = {
      _tag: "Several",
      how: "Parallel",
      members: [
        { _tag: "Several", how: "Sequential", members: [one(new TypeError("a")), one(new Error("finalizer"))] },
        one(new RangeError("b"))
      ]
    }
    assert.deepStrictEqual(
      list(failure).map(({ mechanism: { parent_id }, type, value }) => [type, value, parent_id]),
      [
        [
          "Parallel(RangeError, Sequential(TypeError, Error))",
          "TypeError: a; Error: finalizer; RangeError: b",
          undefined
        ],
        ["Sequential(TypeError, Error)", "TypeError: a; Error: finalizer", 0],
        ["TypeError", "a", 1],
        ["Error", "finalizer", 1],
        ["RangeError", "b", 0]
      ]
    )
  })

  it("what has no stack gets the place of the call, and says that it did", () => {
    const fallback = "Error\n    at here (/app/a.js:1:2)"
    const [text] = list(one("disk full"), fallback)
    assert.strictEqual(text!.stacktrace!.frames[0]!.function, "here")
    assert.isTrue(text!.mechanism.synthetic)
    const bare = Object.assign(new Error("bare"), { stack: undefined })
    assert.isTrue(list(one(bare), fallback)[0]!.mechanism.synthetic)
    const [without] = list(one(bare))
    assert.isFalse(without!.mechanism.synthetic)
    assert.notProperty(without, "stacktrace")
  })

  it("an error in an object is what was meant", () => {
    const [entry] = list(one({ status: 500, error: new TypeError("inner") }))
    assert.deepInclude(entry, { type: "TypeError", value: "inner" })
  })

  it("what an error gives by a function is behind it, and no function's source is told", () => {
    class VError extends Error {
      constructor(message: string, readonly inner: unknown) {
        super(message)
      }
    }
    Object.assign(VError.prototype, {
      cause(this: { readonly inner: unknown }) {
        return this.inner
      }
    })
    class MultiError extends VError {
      errors() {
        return [new RangeError("first"), new TypeError("second")]
      }
    }
    const values = (thrown: unknown) => list(one(thrown)).map(({ type, value }) => `${type}: ${value}`)
    assert.deepStrictEqual(values(new VError("outer", new VError("middle", new TypeError("inner")))), [
      "Error: outer",
      "Error: middle",
      "TypeError: inner"
    ])
    assert.deepStrictEqual(values(new MultiError("several", undefined)), [
      "Error: several",
      "RangeError: first",
      "TypeError: second"
    ])
    class Thrower extends Error {}
    const odd: ReadonlyArray<unknown> = [
      () => {
        throw new Error("source code")
      },
      Map,
      (given: unknown) => given
    ]
    for (const cause of odd) assert.deepStrictEqual(values(Object.assign(new Thrower("x"), { cause })), ["Error: x"])
    function named() {
      return "source code"
    }
    for (const thrown of [named, Map, odd[0], async () => "source code"]) {
      const [text] = values(thrown)
      assert.match(text!, /^Error: Primitive value captured as exception: \[Function/)
    }
  })

  it("a suppressed error and what suppressed it are its members, also where the engine has none", () => {
    const parts = { error: new Error("close"), suppressed: new TypeError("query") }
    const polyfill = Object.assign(new Error("s"), { name: "SuppressedError", ...parts })
    class SuppressedError extends Error {
      readonly error = parts.error
      readonly suppressed = new AggregateError([parts.suppressed], "both")
    }
    const told = (thrown: unknown) =>
      list(one(thrown)).map(({ mechanism: { parent_id, source }, value }) => [value, source, parent_id])
    assert.deepStrictEqual(told(polyfill), [
      ["s", undefined, undefined],
      ["close", "member", 0],
      ["query", "member", 0]
    ])
    assert.deepStrictEqual(told(new SuppressedError("s")), [
      ["s", undefined, undefined],
      ["close", "member", 0],
      ["both", "member", 0],
      ["query", "member", 2]
    ])
    assert.deepStrictEqual(told(Object.assign(new Error("s"), parts)).length, 1)
    assert.deepStrictEqual(told({ name: "AggregateError", message: "2", errors: [new Error("a"), "b"] }).at(-1), [
      "b",
      "member",
      0
    ])
  })

  it("what is long is not gone through", () => {
    const sparse: Array<unknown> = []
    sparse.length = 4_294_967_295
    const values: ReadonlyArray<readonly [unknown, string]> = [
      [Buffer.alloc(10_000_000), "'Buffer' captured as exception with keys: [10000000 elements]"],
      [Array.from({ length: 2_000_000 }), "'Array' captured as exception with keys: [2000000 elements]"],
      [sparse, "'Array' captured as exception with keys: [4294967295 elements]"],
      [new Float64Array(1_000_000), "'Float64Array' captured as exception with keys: [1000000 elements]"],
      [new DataView(new ArrayBuffer(10_000_000)), "'DataView' captured as exception with keys: [object has no keys]"],
      [
        new Set(Array.from({ length: 100_000 }, (_, i) => i)),
        "'Set' captured as exception with keys: [object has no keys]"
      ],
      [10n ** 1_000_000n, "Primitive value captured as exception: [BigInt of more than 1024 bits]"],
      [[1, 2, 3], "'Array' captured as exception with keys: 0, 1, 2"]
    ]
    for (const [thrown, value] of values) assert.strictEqual(list(one(thrown))[0]!.value, value)
    const members = Object.assign(new AggregateError([], "sparse"), { errors: sparse })
    assert.isAtMost(list(one(members)).length, 50)
  })

  it("a message of any length that looks like a stack is none", () => {
    const fake = "\n    at fake (/app/fake.js:1:2)"
    const messages = [`${"x".repeat(10_001)}${fake}`, fake, `a${fake}${fake}\nb`, `${"y".repeat(100_000)}${fake}`]
    for (const message of messages) {
      for (const error of [new Error(message), new Error("outer", { cause: new TypeError(message) })]) {
        const names = list(one(error)).flatMap(({ stacktrace }) => stacktrace!.frames.map((frame) => frame.function))
        assert.notInclude(names, "fake")
      }
    }
    const renamed = new Error("old")
    renamed.stack = "Error: old\n    at run (/app/a.js:1:2)\n    at main (/app/a.js:3:4)"
    renamed.message = "run"
    assert.deepStrictEqual(list(one(renamed))[0]!.stacktrace!.frames.map((frame) => frame.function), ["main", "run"])
  })

  it("a message that looks like a stack is none", () => {
    const error = new Error("first\n    at fake (/fake.js:1:1)\nlast")
    const [entry] = list(one(error))
    assert.isFalse(entry!.stacktrace!.frames.some(({ function: name }) => name === "fake"))
  })
})

describe("levels", () => {
  it("have PostHog's names", () => {
    const cases = { FATAL: "fatal", critical: "fatal", warn: "warning", Notice: "info", TRACE: "debug", log: "log" }
    for (const [name, level] of Object.entries(cases)) assert.strictEqual(toLevel(name), level)
    for (const name of ["loud", "", 3, null, undefined, "constructor"]) assert.isUndefined(toLevel(name))
  })
})

describe("TokenBuckets", () => {
  let count = 0
  const other = () => String(count++)

  it("let ten through at once, one more every ten seconds, and count the rest", () => {
    const buckets = new TokenBuckets(10, 10_000, 100)
    const take = (count: number, now: number, key = "k") =>
      Array.from({ length: count }, () => buckets.take(key, other(), now))
    assert.deepStrictEqual(take(12, 0).map((held) => held === undefined), [...Array(10).fill(false), true, true])
    assert.deepStrictEqual(take(1, 9_999), [undefined])
    assert.deepStrictEqual(take(2, 10_000), [3, undefined])
    assert.deepStrictEqual(take(1, 10_000, "other"), [0])
    // A long pause fills it, and no more than that.
    assert.strictEqual(take(20, 10_000_000).filter((held) => held !== undefined).length, 10)
    // Asking again and again earns no less than waiting.
    const often = new TokenBuckets(1, 10_000, 100)
    let passed = 0
    for (let now = 0; now < 100_000; now += 100) if (often.take("k", other(), now) !== undefined) passed++
    assert.strictEqual(passed, 10)
    // A clock that goes back.
    assert.isUndefined(often.take("k", other(), 0))
  })

  it("let one of those through that are the same to the letter and come at once", () => {
    const buckets = new TokenBuckets(10, 10_000, 100)
    const at = (now: number, identity: string) => buckets.take("k", identity, now)
    assert.deepStrictEqual([at(0, "a"), at(0, "a"), at(999, "a"), at(999, "b")], [0, undefined, undefined, 2])
    assert.deepStrictEqual([at(1_998, "b"), at(1_999, "b")], [undefined, 1])
  })

  it("know so many kinds and no more", () => {
    const buckets = new TokenBuckets(1, 10_000, 2)
    for (let i = 0; i < 1000; i++) assert.strictEqual(buckets.take(`k${i}`, other(), 0), 0)
    assert.isUndefined(buckets.take("k999", other(), 0))
  })
})

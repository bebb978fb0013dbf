/**
 * A corpus of odd things that programs throw. What becomes of each is pinned in corpus/exceptions.json: run with `-u` to write it
 * anew, and read the difference. For Effect 4 it is `effect-4/test/oracle/corpus/exceptions.json`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Either, Exit, Redacted, Schema } from "effect"
import { ErrorTracking, PostHogTest } from "effect-posthog"
import { runInNewContext } from "node:vm"
import { expect } from "vitest"
import { inSequence, interruption, parallel } from "../support/effect.js"

class Declined extends Data.TaggedError("Declined")<{ readonly order: string }> {}

const no = () => {
  throw new Error("no")
}

/** An error with a stack as it stands in some log. */
const withStack = (lines: ReadonlyArray<string>, message = "boom") =>
  Object.assign(new Error(message), { stack: [`Error: ${message}`, ...lines.map((line) => `    ${line}`)].join("\n") })

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** A function that calls itself, with its whole stack. */
const recursion = (depth: number): Error => {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = Number.POSITIVE_INFINITY
  const recurse = (left: number): Error => left === 0 ? new Error("deep") : recurse(left - 1)
  try {
    const error = recurse(depth)
    // V8 makes the text of a stack when it is first read.
    void error.stack
    return error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

const overflow = () => {
  const recurse = (): number => recurse() + 1
  try {
    return recurse()
  } catch (error) {
    return error
  }
}

const circularCause = () => {
  const a = new Error("a")
  const b = new Error("b", { cause: a })
  a.cause = b
  return a
}

const circularAggregate = () => {
  const aggregate = new AggregateError([], "all")
  aggregate.errors.push(aggregate, new Error("one", { cause: aggregate }))
  return aggregate
}

const decoding = () => {
  const decoded = Schema.decodeUnknownEither(Schema.Struct({ total: Schema.Number }))({ total: "much" })
  return Either.merge(decoded)
}

/** Things that are thrown, or given as causes. */
const thrown: Readonly<Record<string, () => unknown>> = {
  "a Proxy that throws": () => new Proxy({}, { get: no, has: no, ownKeys: no, getPrototypeOf: no }),
  "a revoked Proxy": revoked,
  "a Proxy around an error": () => new Proxy(new TypeError("inside"), {}),
  "a revoked Proxy in a cause": () => Cause.fail(revoked()),
  "a frozen error": () => Object.freeze(new Error("frozen")),
  "a frozen tagged error": () => Object.freeze(new Declined({ order: "o" })),
  "an error with getters that throw": () =>
    Object.defineProperties(new Error("kept"), {
      stack: { get: no },
      cause: { get: no },
      name: { get: no },
      errors: { get: no }
    }),
  "an error whose message is no text": () => Object.assign(new Error(), { message: { toString: no } }),
  "an error without a prototype": () => Object.setPrototypeOf(new Error("bare"), null),
  "an error with a long message": () => new Error("m".repeat(100_000)),
  "an error with control characters": () => new Error("bell\u0007 null\u0000 surrogate\ud800"),
  "an error that is its own cause's cause": circularCause,
  "an aggregate that contains itself": circularAggregate,
  "an aggregate of a thousand": () => new AggregateError(Array.from({ length: 1000 }, (_, i) => new Error(`m${i}`))),
  "an aggregate whose members throw": () =>
    Object.assign(new AggregateError([], "a"), { errors: new Proxy([], { get: no }) }),
  "a cause that contains an error twice": () => {
    const error = new Error("twice")
    return parallel(Cause.fail(error), Cause.die(error))
  },
  "a deep sequence": () => {
    const causes: Array<Cause.Cause<unknown>> = []
    for (let i = 0; i < 10_000; i++) causes.push(Cause.fail(new Error(`leaf ${i}`)))
    return inSequence(causes)
  },
  "a wide parallel cause": () =>
    Array.from({ length: 200 }, (_, i) => Cause.fail(new Error(`leaf ${i}`)))
      .reduce<Cause.Cause<unknown>>(parallel, Cause.empty),
  "an interruption beside a failure": () => parallel(interruption, Cause.fail("f")),
  "a recursion of 10,000": () => recursion(10_000),
  "a stack overflow": overflow,
  "an error of another realm": () => runInNewContext("new RangeError('far')", {}, { filename: "/far/away.js" }),
  "something thrown in another realm": () => {
    try {
      return runInNewContext("null.x", {}, { filename: "evalmachine.<anonymous>" })
    } catch (error) {
      return error
    }
  },
  "a plain object of another realm": () => runInNewContext("({ code: 5 })"),
  "a DOMException": () => new DOMException("gone", "AbortError"),
  "an error with secrets": () =>
    Object.assign(new Declined({ order: "o" }), { apiKey: "k", password: "p", hidden: Redacted.make("r") }),
  "an error of a schema": decoding,
  "a failed Exit": () =>
    Effect.runSyncExit(Effect.gen(function*() {
      return yield* new Cause.NoSuchElementException()
    })),
  "an Exit that succeeded": () => Exit.succeed(1),
  "nothing": () => undefined,
  "null": () => null,
  "a symbol": () => Symbol("s"),
  "an empty text": () => "",
  "a function": () => no,
  "NaN": () => Number.NaN
}

/** Stacks as they come from other places. */
const stacks: Readonly<Record<string, ReadonlyArray<string>>> = {
  "Windows paths": ["at run (C:\\Users\\müller\\my app\\src\\a.js:1:2)", "at D:\\other\\b.js:3:4"],
  "Windows file URLs": ["at run (file:///C:/Users/m%C3%BCller/my%20app/a.mjs:1:2)", "at file:///D:/b.mjs:3:4"],
  "network shares": ["at run (\\\\server\\share\\a.js:1:2)"],
  "file URLs": ["at run (file:///srv/my%20app/a.mjs:1:2)", "at async file:///srv/100%.mjs:3:4"],
  "paths that are not Latin": ["at запуск (/srv/приложение/файл.js:1:2)", "at 実行 (/srv/アプリ/ファイル.js:3:4)"],
  "paths with brackets": ["at run (/srv/app (old)/[id]/(group)/a.js:1:2)", "at /srv/app (old)/b.js:3:4"],
  "minified": [
    "at e (/srv/app/dist/main.min.js:1:482113)",
    "at t.a.b (/srv/app/dist/main.min.js:1:91)",
    "at https://cdn.example.com/static/js/2.c0ffee.chunk.js:2:1048576",
    "at Object.$ (/srv/app/dist/main.min.js:1:7)"
  ],
  "webpack": [
    "at ./src/a.ts (webpack://app/./src/a.ts?:12:9)",
    "at __webpack_require__ (webpack://app/webpack/bootstrap:19:1)"
  ],
  "evaluated code": [
    "at eval (eval at run (/srv/app/a.js:1:2), <anonymous>:3:4)",
    "at new Function (<anonymous>)",
    "at evalmachine.<anonymous>:1:7"
  ],
  "Node's own": [
    "at node:internal/process/task_queues:95:5",
    "at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"
  ],
  "promises": ["at async Promise.all (index 3)", "at async run (/srv/app/a.js:1:2)"],
  "classes": [
    "at new Foo (/srv/app/a.js:1:2)",
    "at Foo.bar [as baz] (/srv/app/a.js:3:4)",
    "at get Foo.x (/srv/app/a.js:5:6)",
    "at Foo.<anonymous> (/srv/app/a.js:7:8)"
  ],
  "private and odd names": [
    "at #secret (/srv/app/a.js:1:2)",
    "at Object.__proto__ (/srv/app/a.js:3:4)",
    "at constructor (/srv/app/a.js:5:6)"
  ],
  "WebAssembly": ["at wasm://wasm/0011aabb:wasm-function[3]:0x1f", "at f (wasm://wasm/mod-0011:wasm-function[7]:0x2b)"],
  "data URLs": ["at data:text/javascript,throw%20new%20Error():1:7"],
  "pnpm and Yarn": [
    "at q (/srv/app/node_modules/.pnpm/pg@8.11.0/node_modules/pg/lib/client.js:1:2)",
    "at q (/srv/app/.yarn/cache/pg-npm-8.11.0-abc.zip/node_modules/pg/lib/client.js:1:2)"
  ],
  "Effect's frames and spans": [
    "at charge (/srv/app/a.js:1:2)",
    "at Object.effect_instruction_i0 [as i0] (/srv/app/b.js:3:4)",
    "at Generator.next (<anonymous>)",
    "at next (/srv/app/node_modules/effect/dist/esm/internal/core.js:1:2)"
  ],
  "Bun": [
    "at run (/srv/app/a.ts:1:2)",
    "at module code (/srv/app/main.ts:3:4)",
    "at processTicksAndRejections (native:7:39)"
  ],
  "Deno": ["at run (file:///srv/app/a.ts:1:2)", "at async mainFetch (ext:deno_fetch/26_fetch.js:192:12)"],
  "Safari and Firefox, which write no stack of V8's": ["run@https://x.y/a.js:1:2", "@https://x.y/a.js:3:4"],
  "an endless line": [`at ${"x".repeat(5_000)} (/srv/app/a.js:1:2)`, "at run (/srv/app/a.js:3:4)"],
  "no position": ["at run (/srv/app/a.js)", "at run (/srv/app/a.js:12)", "at run (:1:2)", "at (", "at )", "at "],
  "numbers out of range": ["at run (/srv/app/a.js:99999999999999999999:0)", "at run (/srv/app/a.js:-1:-2)"]
}

interface Frame {
  readonly filename?: string
  readonly function: string
  readonly lineno?: number
  readonly colno?: number
  readonly in_app: boolean
}

/** What is pinned of a capture. Lines of this file move with it, so they are not. */
const summary = (given: unknown, withFrames: boolean) =>
  Effect.gen(function*() {
    yield* ErrorTracking.capture(given, { distinctId: "u" })
    const exceptions = yield* PostHogTest.exceptions
    if (exceptions.length === 0) return "nothing"
    assert.strictEqual(exceptions.length, 1)
    const [{ event, list, type, value }] = exceptions as [PostHogTest.CapturedException]
    const { $exception_level, fiber_id, ...own } = event.properties
    // Where the project lies does not matter.
    const path = (filename: string | undefined) => filename?.replace(/^(?:\.\.\/)+/, "/") ?? "-"
    const cut = (text: string) => text.length > 120 ? `${text.slice(0, 120)}… (${text.length})` : text
    return {
      type: cut(type),
      value: cut(value),
      entries: list.length,
      fields: Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith("$"))),
      list: list.slice(0, 4).map((entry) => {
        const frames = (entry.stacktrace?.frames ?? []) as ReadonlyArray<Frame>
        const crash = frames.filter(({ in_app }) => in_app).at(-1)
        return {
          type: cut(entry.type),
          value: cut(entry.value),
          mechanism: entry.mechanism,
          ...(withFrames
            ? {
              frames: frames.map(({ colno, filename, function: name, in_app, lineno }) =>
                `${in_app ? "in_app" : "other "} ${name} ${path(filename)}:${lineno ?? "-"}:${colno ?? "-"}`
              )
            }
            : { firstInApp: crash === undefined ? null : `${crash.function} ${path(crash.filename)}` })
        }
      })
    }
  }).pipe(Effect.provide(PostHogTest.layer({ sourceContext: false })))

describe("odd things that are thrown", () => {
  it.effect("what becomes of each is what is pinned", () =>
    Effect.gen(function*() {
      const found: Record<string, unknown> = {}
      for (const [name, make] of Object.entries(thrown)) found[name] = yield* summary(make(), false)
      for (const [name, lines] of Object.entries(stacks)) found[name] = yield* summary(withStack(lines), true)
      const text = `${JSON.stringify(found, undefined, 2)}\n`
      yield* Effect.promise(() => expect(text).toMatchFileSnapshot("corpus/exceptions.json"))
    }))
})

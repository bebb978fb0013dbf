import {
  FetchHttpClient,
  HttpClientRequest,
  HttpClientResponse,
  HttpMiddleware,
  HttpServerRequest
} from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Data, Effect, Exit, Fiber, Layer, Logger, LogLevel, Redacted, Schema, TestClock } from "effect"
import { ErrorTracking, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { transform } from "esbuild"
import { runInThisContext } from "node:vm"
import { run } from "./support/child.js"
import {
  brokenCause,
  currentLoggers,
  getReference,
  inSequence,
  interruption,
  locally,
  major,
  notPermitted,
  parallel,
  requestError,
  responseError,
  statusError,
  transportError
} from "./support/effect.js"
import { limitMillis } from "./support/limit.js"
import { stats } from "./support/posthog.js"
import * as Sink from "./support/sink.js"
import { routes, webHandler } from "./support/web.js"

class Declined extends Data.TaggedError("Declined")<{
  readonly message: string
  readonly card?: string
  readonly password?: string
  readonly key?: Redacted.Redacted
}> {}

interface Entry {
  readonly type: string
  readonly value: string
  readonly mechanism: Readonly<Record<string, unknown>>
  readonly stacktrace?: { readonly frames: ReadonlyArray<Readonly<Record<string, any>>> }
}

const exceptions = Effect.map(
  PostHogTest.captured,
  (events) => events.filter(({ event }) => event === "$exception")
)
const listOf = (event: PostHogTest.CapturedEvent | undefined) =>
  event!.properties.$exception_list as ReadonlyArray<Entry>
/** The request of an error of Effect's, of which Effect 4 keeps all in its `reason`. */
const requestOf = (properties: Readonly<Record<string, any>>): Record<string, unknown> =>
  major === 3 ? properties.request : properties.reason.request
const firstInApp = (entry: Entry) => entry.stacktrace?.frames.filter((frame) => frame.in_app).at(-1)

/** Adds the logger of error tracking and takes away the one that prints. */
const withLogger = (options?: ErrorTracking.LoggerOptions, test: PostHogTest.Options = {}) =>
  ErrorTracking.layerLogger(options).pipe(
    Layer.provideMerge(PostHogTest.layer({ exceptionRateLimit: true, ...test })),
    Layer.provideMerge(Logger.remove(Logger.defaultLogger))
  )

const charge = Effect.fn("charge")(function*() {
  return yield* new Declined({ message: "card refused", card: "1", password: "p", key: Redacted.make("s") })
})

describe("capture", () => {
  it.effect("one error is one event with what it says about itself, without its secrets", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(charge().pipe(Effect.withSpan("request")))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) yield* ErrorTracking.capture(exit.cause, { properties: { order: 7, handled: "mine" } })
      const [event, ...rest] = yield* exceptions
      assert.deepStrictEqual(rest, [])
      const [exception] = yield* PostHogTest.exceptions
      const { event: behind, handled, level, type, value } = exception!
      assert.deepStrictEqual([type, value, level, handled], ["Declined", "card refused", "error", true])
      assert.deepStrictEqual(behind, event)
      assert.strictEqual(event!.distinct_id, "u")
      assert.deepInclude(event!.properties, {
        $exception_type: "Declined",
        $exception_message: "card refused",
        $exception_level: "error",
        card: "1",
        order: 7,
        handled: "mine",
        plan: "pro"
      })
      for (const name of ["password", "key", "$exception_source", "$exception_fingerprint"]) {
        assert.notProperty(event!.properties, name)
      }
      const [entry] = listOf(event)
      assert.deepStrictEqual(entry!.mechanism, { type: "generic", handled: true, synthetic: false, exception_id: 0 })
      const frames = entry!.stacktrace!.frames
      const names = frames.map((frame) => frame.function)
      // From the outermost span to where the error was made.
      // Effect 4 says of a function where it is defined.
      assert.deepStrictEqual(names.slice(0, 2), ["request", major === 3 ? "charge" : "charge (definition)"])
      const crash = frames.at(-1)!
      assert.strictEqual(crash.filename, "test/ErrorTracking.test.ts")
      assert.isTrue(crash.in_app)
      assert.include(crash.context_line, "yield* new Declined")
      assert.include(crash.pre_context.at(-1), "Effect.fn(\"charge\")")
      assert.strictEqual(crash.pre_context.length, 5)
      assert.isFalse(frames.some((frame) => /node_modules[\\/]effect/.test(frame.filename ?? "")))
    }).pipe(PostHog.withContext({ distinctId: "u", properties: { plan: "pro" } }), Effect.provide(TestLayer)))

  it.effect("a parallel and sequential cause stays the tree that it is", () =>
    Effect.gen(function*() {
      const upload = (name: string) => Effect.fail(new Declined({ message: name }))
      yield* Effect.all([upload("a.png"), Effect.die(new TypeError("boom"))], { concurrency: 2 }).pipe(
        Effect.uninterruptible,
        Effect.ensuring(Effect.die(new RangeError("cleanup", { cause: new Error("disk") }))),
        ErrorTracking.captureErrors(),
        Effect.exit
      )
      const [event] = yield* exceptions
      const entries = listOf(event)
      // A Cause of Effect 4 is a list, and `Effect.all` ends with the first failure.
      const flat = [
        ["Parallel(Declined, RangeError)", "Declined: a.png; RangeError: cleanup", undefined, undefined],
        ["Declined", "a.png", "member", 0],
        ["RangeError", "cleanup", "member", 0],
        ["Error", "disk", "cause", 2]
      ]
      assert.deepStrictEqual(
        entries.map(({ mechanism: { parent_id, source }, type, value }) => [type, value, source, parent_id]),
        major === 4 ? flat : [
          [
            "Sequential(Parallel(Declined, TypeError), RangeError)",
            "Declined: a.png; TypeError: boom; RangeError: cleanup",
            undefined,
            undefined
          ],
          ["Parallel(Declined, TypeError)", "Declined: a.png; TypeError: boom", "member", 0],
          ["Declined", "a.png", "member", 1],
          ["TypeError", "boom", "member", 1],
          ["RangeError", "cleanup", "member", 0],
          ["Error", "disk", "cause", 4]
        ]
      )
      assert.strictEqual(entries[0]!.mechanism.handled, false)
      for (const entry of entries.slice(major === 3 ? 2 : 1)) {
        assert.notProperty(entry.mechanism, "handled")
        assert.strictEqual(firstInApp(entry)?.filename, "test/ErrorTracking.test.ts", entry.type)
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("an interruption alone is nothing, beside a failure it is left out", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.capture(interruption)
      yield* ErrorTracking.capture(Cause.empty)
      const fiber = yield* Effect.fork(ErrorTracking.captureErrors(Effect.never))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* exceptions, [])
      yield* ErrorTracking.capture(parallel(interruption, Cause.fail(new Error("real"))))
      assert.deepStrictEqual(listOf((yield* exceptions)[0]).map(({ type }) => type), ["Error"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("what has no stack is located where it was captured, and says so", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.capture("disk full")
      yield* Effect.fail("plain").pipe(ErrorTracking.captureErrors(), Effect.ignore)
      yield* ErrorTracking.captureErrors(Effect.fail({ code: 3 })).pipe(Effect.ignore)
      for (const event of yield* exceptions) {
        const [entry] = listOf(event)
        assert.isTrue(entry!.mechanism.synthetic)
        assert.strictEqual(firstInApp(entry!)?.filename, "test/ErrorTracking.test.ts")
        assert.match(firstInApp(entry!)?.context_line, /ErrorTracking\.capture/)
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("the same error at several levels of a chain is one event, and again later another", () =>
    Effect.gen(function*() {
      const error = new Error("once")
      const level = <A, E, R>(self: Effect.Effect<A, E, R>) =>
        self.pipe(ErrorTracking.captureErrors(), Effect.tapErrorCause((cause) => Effect.logError("failed", cause)))
      yield* Effect.fail(error).pipe(Effect.withSpan("a"), level, Effect.withSpan("b"), level, Effect.ignore)
      yield* Effect.fail("no identity").pipe(level, level, Effect.ignore)
      yield* ErrorTracking.capture(error)
      assert.deepStrictEqual((yield* exceptions).map((event) => listOf(event)[0]!.value), ["once", "no identity"])
      yield* TestClock.adjust("1 minute")
      yield* ErrorTracking.capture(error)
      assert.strictEqual((yield* exceptions).length, 3)
    }).pipe(Effect.provide(withLogger())))

  it.effect("level, fingerprint, mechanism and source can be said, invalid ones fall back; reserved names cannot", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.capture(new Error("a"), {
        level: "fatal",
        fingerprint: "f",
        handled: false,
        mechanism: "task",
        source: "my.queue"
      })
      yield* ErrorTracking.capture(new Error("b"), {
        level: "loud" as never,
        fingerprint: "",
        mechanism: "",
        handled: 1 as never,
        properties: {
          $exception_list: [],
          $exception_level: "x",
          $exception_types: [1],
          $exception_fingerprint: "by property",
          kept: 1
        }
      }).pipe(PostHog.withContext({ properties: { $exception_values: [1], $exception_issue_id: "i", other: 2 } }))
      const [a, b] = yield* exceptions
      assert.deepInclude(a!.properties, {
        $exception_level: "fatal",
        $exception_fingerprint: "f",
        $exception_source: "my.queue"
      })
      assert.deepInclude(listOf(a)[0]!.mechanism, { type: "task", handled: false })
      assert.deepInclude(b!.properties, {
        $exception_level: "error",
        $exception_fingerprint: "by property",
        kept: 1,
        other: 2
      })
      assert.deepInclude(listOf(b)[0]!.mechanism, { type: "generic", handled: true })
      for (const name of ["$exception_types", "$exception_values", "$exception_issue_id"]) {
        assert.notProperty(b!.properties, name)
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("trace, span and fiber are on it, and beforeSend sees it like any event", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.capture(new Error("x")).pipe(Effect.withSpan("s"))
      const [event] = yield* exceptions
      assert.match(String(event!.properties.$trace_id), /^[0-9a-f]{32}$/)
      assert.match(String(event!.properties.$span_id), /^[0-9a-f]{16}$/)
      assert.match(String(event!.properties.fiber_id), /^#\d+$/)
      assert.isTrue(event!.properties.hooked)
    }).pipe(Effect.provide(PostHogTest.layer({
      beforeSend: (event) => ({ ...event, properties: { ...event.properties, hooked: true } })
    }))))

  it.effect("odd things never fail, and each says what can be said of it", () =>
    Effect.gen(function*() {
      const no = () => {
        throw new Error("no")
      }
      const hostile = () => new Proxy({}, { get: no, has: no, ownKeys: no, getPrototypeOf: no })
      const revoked = () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      }
      const recursion = (depth: number): Error => depth === 0 ? new Error("deep") : recursion(depth - 1)
      const deep = inSequence(Array.from({ length: 10_000 }, (_, i) => Cause.fail(new Error(`leaf ${i}`))))
      const odd: ReadonlyArray<readonly [unknown, string, string]> = [
        [revoked(), "Error", ""],
        [hostile(), "Error", ""],
        [Cause.fail(hostile()), "Error", ""],
        [Cause.die(revoked()), "Error", ""],
        [Object.freeze(new Error("frozen")), "Error", "frozen"],
        [Object.assign(new Error("strange stack"), { stack: 5 }), "Error", "strange stack"],
        [[new Error("in a list")], "Error", "in a list"],
        [recursion(5_000), "Error", "deep"],
        [new Error("m".repeat(2_000_000)), "Error", "mmm"],
        [Object.assign(new Error("huge field"), { _tag: "Huge", field: "x".repeat(2_000_000) }), "Huge", "huge field"],
        [deep, major === 3 ? "Sequential(" : "Parallel(", "Error: leaf 0; Error: leaf 1"]
      ]
      for (const [index, [given, type, value]] of odd.entries()) {
        yield* ErrorTracking.capture(given)
        const exception = (yield* PostHogTest.exceptions)[index]
        assert.isDefined(exception, String(index))
        assert.isTrue(exception!.type.startsWith(type), exception!.type)
        assert.isTrue(exception!.value.startsWith(value), exception!.value)
        assert.isAtMost(exception!.list.length, 50)
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("of a request that failed neither body nor secrets are told", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.post("http://ada:s1@127.0.0.1/pay?token=s2&page=2").pipe(
        HttpClientRequest.bearerToken("s3"),
        HttpClientRequest.setUrlParams({ password: "s4", page: "7" }),
        HttpClientRequest.bodyUnsafeJson({ card: "s5" })
      )
      const error = statusError(HttpClientResponse.fromWeb(request, new Response("s6", { status: 503 })))
      yield* ErrorTracking.capture(error)
      yield* ErrorTracking.capture(new Error("cannot reach postgres://ada:s1@db/shop?sslkey=1&apikey=s2 (twice)"))
      const served = HttpServerRequest.fromWeb(new Request("http://shop/orders?token=s7&page=3"))
      yield* ErrorTracking.capture(requestError(served))
      const [failed, second, third] = yield* exceptions
      const { $exception_list, ...properties } = failed!.properties
      assert.deepInclude(requestOf(third!.properties), { url: "http://shop/orders?token=[redacted]&page=3" })
      const told = JSON.stringify(properties) + listOf(failed)[0]!.value
      for (const secret of ["s1", "s2", "s3", "s4", "s5", "s6"]) assert.notInclude(told, secret)
      assert.include(listOf(failed)[0]!.value, "[redacted]@127.0.0.1")
      assert.include(listOf(failed)[0]!.value, "token=[redacted]&page=2")
      // Of a request Effect 4 shows the address alone.
      const { urlParams } = requestOf(properties)
      if (major === 3) assert.deepInclude(urlParams as ReadonlyArray<unknown>, ["page", "7"])
      else assert.isUndefined(urlParams)
      assert.strictEqual(
        listOf(second)[0]!.value,
        "cannot reach postgres://[redacted]@db/shop?sslkey=1&apikey=[redacted] (twice)"
      )
    }).pipe(Effect.provide(TestLayer)))

  it.effect("what Effect's own errors keep for Effect is in no exception", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.get("http://127.0.0.1/pay")
      const served = HttpServerRequest.fromWeb(new Request("http://shop/orders"))
      const decoded = yield* Effect.flip(
        Schema.decodeUnknown(Schema.Struct({ total: Schema.Number }))({ total: "much" })
      )
      const errors = [
        transportError(request, statusError(HttpClientResponse.fromWeb(request, new Response("", { status: 503 })))),
        statusError(HttpClientResponse.fromWeb(request, new Response("", { status: 503 }))),
        requestError(served),
        responseError(served),
        notPermitted(),
        decoded,
        new Cause.NoSuchElementException("none"),
        served
      ]
      for (const error of errors) {
        yield* ErrorTracking.capture(error)
        yield* ErrorTracking.capture(parallel(Cause.fail(new Error("first", { cause: error })), Cause.die(error)))
      }
      const events = yield* exceptions
      assert.lengthOf(events, errors.length * 2)
      for (const { properties } of events) {
        // By such names Effect 4 knows its own values.
        for (const name of Object.keys(properties)) assert.notMatch(name, /~/)
        assert.notInclude(JSON.stringify(properties), "~effect/")
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("a property that throws as it is read costs itself only", () =>
    Effect.gen(function*() {
      const properties = {
        order: 7,
        get broken(): never {
          throw new Error("no")
        }
      }
      yield* ErrorTracking.capture(new Error("first"), { properties })
      yield* ErrorTracking.capture(new Error("second"), {
        properties: new Proxy({}, {
          ownKeys: () => {
            throw new Error("no")
          }
        })
      })
      const [first, second] = yield* exceptions
      assert.deepInclude(first!.properties, { order: 7, broken: "[Throws]" })
      assert.deepInclude(second!.properties, { "[unreadable]": "[Throws]" })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("secrets deep in a field are left out too", () =>
    Effect.gen(function*() {
      class Refused extends Data.TaggedError("Refused")<{ readonly request: unknown }> {}
      const request = { url: "/pay", headers: { Authorization: "Bearer x", accept: "*/*" }, key: Redacted.make("s") }
      yield* ErrorTracking.capture(new Refused({ request }))
      assert.deepStrictEqual((yield* exceptions)[0]!.properties.request, {
        url: "/pay",
        headers: { accept: "*/*" },
        key: "<redacted>"
      })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("fields of the same name of several errors are all told: the outermost's as it is, the others' with their types", () =>
    Effect.gen(function*() {
      class Paid extends Data.TaggedError("Paid")<{ readonly order: number; readonly shop: string }> {}
      class Sent extends Data.TaggedError("Sent")<{ readonly order: number; readonly by?: string }> {}
      const cause = parallel(
        Cause.fail(new Paid({ order: 1, shop: "a" })),
        parallel(Cause.die(new Sent({ order: 2, by: "mail" })), Cause.fail(new Sent({ order: 3 })))
      )
      yield* ErrorTracking.capture(cause)
      const behind = <E extends object>(error: E, cause: unknown): E => Object.assign(error, { cause })
      yield* ErrorTracking.capture(behind(new Paid({ order: 4, shop: "b" }), new Sent({ order: 5, by: "ship" })))
      yield* ErrorTracking.capture(behind(new Paid({ order: 6, shop: "c" }), new Sent({ order: 6 })))
      const [together, chain, equal] = (yield* exceptions).map(({ properties }) => properties)
      assert.deepInclude(together, { order: 1, shop: "a", "Sent.order": 2, by: "mail", "Sent.order.2": 3 })
      assert.deepInclude(chain, { order: 4, shop: "b", "Sent.order": 5, by: "ship" })
      assert.strictEqual(equal!.order, 6)
      assert.notProperty(equal, "Sent.order")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("async functions that were compiled to generators keep their frames, down to who called them", () =>
    Effect.gen(function*() {
      const source = `(class S {
  async a() { return this.b() }
  async b() { throw new Error("x") }
  async c() { await null; return this.b() }
})`
      const { code } = yield* Effect.promise(() => transform(source, { target: "es2016" }))
      // The helpers of the compiler take more than the ten frames that V8 keeps.
      const { stackTraceLimit } = Error
      Error.stackTraceLimit = 50
      yield* Effect.addFinalizer(() => Effect.sync(() => Error.stackTraceLimit = stackTraceLimit))
      const S = runInThisContext(code, { filename: "/srv/app/service.js" }) as new() => Record<
        "a" | "c",
        () => Promise<void>
      >
      yield* Effect.promise(() => new S().a()).pipe(ErrorTracking.captureErrors(), Effect.exit)
      yield* Effect.promise(() => new S().c()).pipe(ErrorTracking.captureErrors(), Effect.exit)
      const [direct, awaited] = (yield* exceptions).map((event) =>
        listOf(event)[0]!.stacktrace!.frames.filter((frame) => /service|ErrorTracking/.test(String(frame.filename)))
      )
      const names = (frames: typeof direct) => frames!.map((frame) => String(frame.function))
      assert.includeMembers(names(direct), ["S.a", "S.b"])
      assert.strictEqual(direct![0]!.filename, "test/ErrorTracking.test.ts")
      assert.include(names(awaited), "S.b")
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.effect("fifty failures at once keep their frames and lose source lines before they lose the event", () =>
    Effect.gen(function*() {
      const fail = (index: number, depth: number): Error =>
        depth === 0 ? new Error(`failure ${index}`, { cause: new Error("behind") }) : fail(index, depth - 1)
      const members = Array.from({ length: 49 }, (_, index) => {
        const error = fail(index, 0)
        error.stack = `Error: failure ${index}\n${
          Array.from({ length: 50 }, (_, line) => `    at f${index}_${line} (${import.meta.filename}:${line + 10}:1)`)
            .join("\n")
        }`
        return error
      })
      yield* ErrorTracking.capture(new AggregateError(members, "all"))
      const list = listOf((yield* exceptions)[0])
      assert.strictEqual(list.length, 50)
      assert.property(list[1]!.stacktrace!.frames[0], "context_line")
      assert.notProperty(list[47]!.stacktrace!.frames[0], "context_line")
      assert.strictEqual(list[47]!.stacktrace!.frames.length, 50)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("options that throw, or are none, change nothing about the program's own failure", () =>
    Effect.gen(function*() {
      const options = {
        get level(): never {
          throw new Error("level")
        }
      }
      const error = yield* Effect.flip(ErrorTracking.captureErrors(Effect.fail("orig"), options))
      assert.strictEqual(error, "orig")
      yield* ErrorTracking.capture(new Error("a"), null as never)
      yield* ErrorTracking.capture(brokenCause)
      assert.include((yield* exceptions).map((event) => listOf(event)[0]!.value), "a")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("what was held back or came while opted out is news when it comes again", () =>
    Effect.gen(function*() {
      const error = (index: number) => new Error(`same kind ${index}`)
      const errors = Array.from({ length: 12 }, (_, index) => error(index))
      for (const error of errors) yield* Effect.exit(ErrorTracking.captureErrors(Effect.fail(error)))
      assert.strictEqual((yield* exceptions).length, 10)
      yield* ErrorTracking.capture(errors[11])
      assert.strictEqual((yield* exceptions).at(-1)!.properties.$exception_message, "same kind 11")
      const other = new Error("while out")
      yield* PostHog.optOut
      yield* ErrorTracking.capture(other)
      yield* PostHog.optIn
      yield* ErrorTracking.capture(other)
      assert.strictEqual((yield* exceptions).at(-1)!.properties.$exception_message, "while out")
      assert.strictEqual((yield* stats).ignored, 1)
    }).pipe(Effect.provide(PostHogTest.layer({ exceptionRateLimit: true }))))

  it.effect("a failure with a tag that is no error keeps its tag, and the error in it stands behind it", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.capture({ _tag: "DbError", table: "orders", error: new RangeError("inner") })
      const [event] = yield* exceptions
      assert.deepStrictEqual(listOf(event).map(({ mechanism, type }) => [type, mechanism.source]), [
        ["DbError", undefined],
        ["RangeError", "cause"]
      ])
      assert.strictEqual(event!.properties.table, "orders")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("does nothing while opted out or disabled", () =>
    Effect.gen(function*() {
      yield* PostHog.optOut
      yield* ErrorTracking.capture(new Error("x"))
      yield* ErrorTracking.captureErrors(Effect.fail(new Error("y"))).pipe(Effect.ignore)
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
      yield* ErrorTracking.capture(new Error("x")).pipe(Effect.provide(PostHog.layerNoop))
    }).pipe(Effect.provide(TestLayer)))

  it.effect("source lines and the rule of the program's own files follow the options", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.capture(new Error("x"))
      const frame = listOf((yield* exceptions)[0])[0]!.stacktrace!.frames.at(-1)!
      assert.notProperty(frame, "context_line")
      assert.isFalse(frame.in_app)
    }).pipe(
      Effect.provide(PostHogTest.layer({ sourceContext: false, isInApp: (path) => !path.includes("ErrorTracking") }))
    ))
})

describe("logger", () => {
  it.effect("messages of the level and above are exceptions, grouped by where they were logged", () =>
    Effect.gen(function*() {
      yield* Effect.logWarning("not yet")
      yield* Effect.logError("payment 42 of \"ada\" failed")
      yield* Effect.logFatal("payment", { id: 43 }).pipe(Effect.withSpan("pay"))
      const [first, second, ...rest] = yield* exceptions
      assert.deepStrictEqual(rest, [])
      assert.deepInclude(first!.properties, {
        $exception_type: "Logger error (payment … of … failed)",
        $exception_message: "payment 42 of \"ada\" failed",
        $exception_level: "error",
        $exception_source: "effect.logger"
      })
      assert.deepInclude(listOf(first)[0]!.mechanism, { type: "logger", handled: true })
      assert.deepInclude(second!.properties, { $exception_type: "Logger fatal (pay)", $exception_level: "fatal" })
      assert.strictEqual(first!.distinct_id, "u")
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(withLogger())))

  it.effect("a message has frames that say where it was logged: its spans, or else its text without what was filled in", () =>
    Effect.gen(function*() {
      const pay = Effect.fn("pay")(function*(id: number) {
        yield* Effect.logError(`payment ${id} failed`)
      })
      for (const id of [1, 2]) yield* pay(id)
      yield* Effect.logError("order 1 at /shop (new) failed")
      yield* Effect.logError("order 2 at /shop (new) failed")
      const events = yield* exceptions
      const frames = events.map((event) => listOf(event)[0]!.stacktrace!.frames)
      assert.deepStrictEqual(frames[0]!.map((frame) => [frame.function, frame.filename]), [
        [major === 3 ? "pay" : "pay (definition)", "test/ErrorTracking.test.ts"],
        ["pay", "test/ErrorTracking.test.ts"]
      ])
      // The innermost frame of Effect 4 is the call.
      assert.include(
        firstInApp(listOf(events[0])[0]!)!.context_line,
        major === 3 ? "Effect.fn(\"pay\")" : "yield* pay(id)"
      )
      assert.deepStrictEqual(frames[2]!.map((frame) => frame.function), ["order … at shop new failed"])
      assert.deepStrictEqual(frames[2], frames[3])
      for (const event of events) assert.isTrue(listOf(event)[0]!.mechanism.synthetic)
    }).pipe(Effect.provide(withLogger())))

  it.effect("identical errors that come at once are one event, and the same of another user is another", () =>
    Effect.gen(function*() {
      const query = Effect.suspend(() => Effect.fail(new Declined({ message: "no connection" })))
      const failing = Effect.forEach(
        Array.from({ length: 50 }),
        () => Effect.exit(ErrorTracking.captureErrors(query)),
        {
          concurrency: "unbounded"
        }
      )
      yield* PostHog.withDistinctId(failing, "ada")
      yield* PostHog.withDistinctId(failing, "bob")
      assert.deepStrictEqual((yield* exceptions).map((event) => event.distinct_id), ["ada", "bob"])
      assert.deepInclude(yield* stats, { accepted: 100, delivered: 2, dropped: { rate_limited: 98 } })
      yield* TestClock.adjust("1 second")
      yield* Effect.exit(ErrorTracking.captureErrors(query))
      assert.strictEqual((yield* exceptions).at(-1)!.properties.exceptions_held_back, 49)
    }).pipe(Effect.provide(PostHogTest.layer({ exceptionRateLimit: true }))))

  it.effect("a fingerprint of one's own has a bucket of its own", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 12; i++) {
        yield* Effect.exit(
          ErrorTracking.captureErrors(Effect.fail(new Error(`m${i}`)), { fingerprint: i % 2 === 0 ? "even" : "odd" })
        )
      }
      assert.strictEqual((yield* exceptions).length, 12)
    }).pipe(Effect.provide(PostHogTest.layer({ exceptionRateLimit: true }))))

  it.effect("parts of a message that lead back to themselves are written as in events", () =>
    Effect.gen(function*() {
      const cyclic: Record<string, unknown> = { id: 1n }
      cyclic.self = cyclic
      const list: Array<unknown> = [1]
      list.push(list)
      yield* Effect.logError("first", cyclic)
      yield* Effect.logError("second", list)
      yield* Effect.logError("third", new Map([["of", cyclic]]))
      const messages = (yield* exceptions).map(({ properties }) => properties.$exception_message)
      assert.strictEqual(messages[0], "first {\"id\":\"1\",\"self\":\"[Circular]\"}")
      for (const message of messages) assert.include(String(message), "[Circular]")
    }).pipe(Effect.provide(withLogger())))

  it.effect("a cause is captured also beside words that cannot be written", () =>
    Effect.gen(function*() {
      const word = Object.assign(Object.create(null) as object, { id: 1n })
      yield* Effect.logError("x", word, Cause.fail(new Declined({ message: "m" })))
      assert.deepInclude((yield* exceptions)[0]!.properties, {
        $exception_type: "Declined",
        log_message: "x {\"id\":\"1\"}"
      })
    }).pipe(Effect.provide(withLogger())))

  it.effect("a cause is always captured, an error among the words too", () =>
    Effect.gen(function*() {
      yield* Effect.logInfo("refused", Cause.fail(new Declined({ message: "m" })))
      yield* Effect.logError("broken", new TypeError("t"))
      yield* Effect.logError("gone", interruption)
      const events = yield* exceptions
      assert.deepStrictEqual(
        events.map((
          { properties }
        ) => [properties.$exception_type, properties.$exception_level, properties.log_message]),
        [["Declined", "info", "refused"], ["TypeError", "error", "broken"]]
      )
    }).pipe(Effect.provide(withLogger())))

  it.effect("annotations and spans become properties as chosen", () =>
    Effect.gen(function*() {
      const log = Effect.logError("x").pipe(
        Effect.annotateLogs({ order: 7, secret: "s" }),
        Effect.withLogSpan("checkout")
      )
      const of = (metadata: ErrorTracking.LoggerOptions["metadata"]) =>
        Effect.map(Effect.zipRight(log, exceptions), ([event]) => {
          const { checkout_ms, order, secret } = event!.properties
          return { checkout_ms, order, secret }
        }).pipe(Effect.provide(withLogger({ metadata })))
      const nothing = { checkout_ms: undefined, order: undefined, secret: undefined }
      assert.deepStrictEqual(yield* of("none"), nothing)
      assert.deepStrictEqual(yield* of(["order"]), { ...nothing, order: 7 })
      assert.deepStrictEqual(yield* of("all"), { checkout_ms: 0, order: 7, secret: undefined })
    }))

  it.effect("ids in a message are no new kind of message, whatever they look like", () =>
    Effect.gen(function*() {
      for (const id of ["ord_a1b2c3", "ord_zz9y8x", "01HQ3V8E9G", "17", "3.5", "12:30"]) {
        yield* Effect.logError(`payment ${id} failed`)
      }
      const types = new Set((yield* exceptions).map(({ properties }) => properties.$exception_type))
      assert.deepStrictEqual([...types], ["Logger error (payment … failed)"])
    }).pipe(Effect.provide(withLogger())))

  it.effect("leaves out what is annotated so, and what this library logs itself", () =>
    Effect.gen(function*() {
      yield* ErrorTracking.withoutCapture(Effect.logError("private"))
      yield* PostHog.capture("")
      yield* PostHog.capture("x", { toJSON: 1, bad: 3n })
      assert.deepStrictEqual(yield* exceptions, [])
    }).pipe(Effect.provide(withLogger({ captureLevel: LogLevel.Warning }))))

  it.effect("what an HTTP server logs about a route that is not there is no exception, about a broken handler it is", () =>
    Effect.gen(function*() {
      const app = routes({
        "GET /broken": Effect.fail(new Declined({ message: "no" })),
        "GET /dead": Effect.flatMap(
          HttpServerRequest.HttpServerRequest,
          (request) => Effect.fail(responseError(request))
        )
      }).pipe(HttpMiddleware.logger)
      const handler = yield* webHandler(app)
      for (const path of ["/nowhere", "/broken", "/dead"]) {
        yield* Effect.promise(() => handler(new Request(`http://shop${path}`)))
      }
      // It logs after it has answered.
      const events = yield* PostHogTest.waitFor("$exception", { count: 2 })
      const types = events.map(({ properties }) => properties.$exception_type)
      assert.deepStrictEqual(types, ["Declined", major === 3 ? "ResponseError" : "HttpServerError"])
    }).pipe(Effect.provide(withLogger())))

  it.effect("is inert after the instance is closed, and throws nothing into the fiber", () =>
    Effect.gen(function*() {
      const before = yield* getReference(currentLoggers)
      const kept = yield* Effect.scoped(
        Effect.flatMap(Layer.build(withLogger()), (context) => Effect.provide(getReference(currentLoggers), context))
      )
      assert.notStrictEqual(kept, before)
      const hostile = new Proxy({}, {
        get: () => {
          throw new Error("no")
        }
      })
      yield* Effect.logError(hostile, "after").pipe(locally(currentLoggers, kept))
      yield* Effect.logError(hostile).pipe(Effect.provide(withLogger()))
    }))

  it.effect("failures of fibers that nobody observes, when asked for, do not claim to be handled or not", () =>
    Effect.gen(function*() {
      const fail = Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.fail(new Error("lost")))
        yield* Fiber.await(fiber)
        return yield* exceptions
      })
      assert.deepStrictEqual(yield* Effect.provide(fail, withLogger()), [])
      const asked: object = { unhandledFiberFailures: true }
      const [event] = yield* Effect.provide(fail, withLogger(asked))
      // Effect 4 logs nothing of them, and the types have no such option.
      if (major === 4) return assert.isUndefined(event)
      assert.strictEqual(event!.properties.$exception_source, "effect.fiber_failure")
      assert.deepStrictEqual(listOf(event)[0]!.mechanism, { type: "task", synthetic: false, exception_id: 0 })
    }))

  it.effect("what is said besides the error never costs the event", () =>
    Effect.gen(function*() {
      const long = "x".repeat(3_000_000)
      const error = Object.assign(
        new Error("many fields"),
        { _tag: "Many" },
        Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`field${i}`, "y".repeat(9_000)]))
      )
      yield* Effect.logError(`a long message ${long}`, error).pipe(
        Effect.annotateLogs({ text: long, list: Array.from({ length: 1_000_000 }, (_, i) => i), short: "kept" })
      )
      const [event, ...rest] = yield* exceptions
      assert.deepStrictEqual(rest, [])
      const { field0, field299, list, log_message, short, text } = event!.properties
      assert.deepStrictEqual([field0, field299, list, short], ["y".repeat(9_000), "…", "[Too large]", "kept"])
      assert.isTrue(String(log_message).startsWith("a long message xxx"))
      assert.isAtMost(String(text).length, 10_001)
      assert.deepInclude(yield* stats, { dropped: {} })
    }).pipe(Effect.provide(withLogger({ metadata: "all" }))))

  it.effect("a storm is ten at once and one in ten seconds, and the next one says how many there were", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 5_000; i++) yield* Effect.logError(`payment ${i} failed`)
      yield* Effect.logError("something else")
      const all = yield* exceptions
      assert.strictEqual(all.length, 11)
      assert.deepInclude(yield* stats, { accepted: 5_001, delivered: 11, dropped: { rate_limited: 4_990 } })
      yield* TestClock.adjust("10 seconds")
      yield* Effect.logError("payment 7 failed")
      assert.strictEqual((yield* exceptions).at(-1)!.properties.exceptions_held_back, 4_990)
    }).pipe(Effect.provide(withLogger())))
})

describe("storms", () => {
  it.effect("errors that Node makes are told apart by where the program called it", () =>
    Effect.gen(function*() {
      const first = (size: number) => Buffer.alloc(-size)
      const second = (size: number) => Buffer.alloc(-size)
      for (const allocate of [first, second]) {
        for (let i = 1; i <= 12; i++) {
          yield* Effect.sync(() => allocate(i)).pipe(ErrorTracking.captureErrors(), Effect.exit)
        }
      }
      assert.strictEqual((yield* exceptions).length, 20)
    }).pipe(Effect.provide(PostHogTest.layer({ exceptionRateLimit: true }))))

  it.scopedLive("a live instance holds them back without being told to", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        for (let index = 0; index < 30; index++) {
          yield* Effect.ignore(ErrorTracking.captureErrors(Effect.fail(new Error(`down ${index}`))))
        }
        yield* Effect.ignore(PostHog.flush)
        const { accepted, dropped } = yield* stats
        assert.deepStrictEqual([accepted, dropped], [30, { rate_limited: 20 }])
      }).pipe(
        Effect.provide(PostHog.layer({ apiKey: "phc_test", host: sink.url })),
        Effect.provide(FetchHttpClient.layer)
      )
      assert.lengthOf(sink.accepted, 10)
    }))

  it.scopedLive(
    "100,000 errors of 100,000 kinds fit into little memory, and all are accounted for",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const { code, stderr, stdout } = yield* Effect.promise(() =>
          run("test/programs/storm.ts", {
            // Effect and the compiler of this program need half of it.
            nodeArgs: ["--max-old-space-size=200"],
            env: { SINK: sink.url }
          })
        )
        assert.strictEqual(code, 0, stderr)
        // An instance that lost events says so as it closes, after that line.
        const line = stdout.split("\n").find((line) => line.startsWith("{"))!
        const { accepted, delivered, dropped, queued } = JSON.parse(line) as PostHog.Stats
        assert.strictEqual(accepted, 100_000)
        assert.strictEqual(queued, 0)
        assert.strictEqual(delivered + Object.values(dropped).reduce((sum, count) => sum + count, 0), accepted)
        assert.strictEqual(sink.accepted.length, delivered)
        assert.isAbove(delivered, 0)
      }),
    120_000
  )
})

describe("process", () => {
  const program = "test/programs/uncaught.ts"

  for (
    const [how, source, type] of [
      ["throw", "node.process_uncaught_exception", "onuncaughtexception"],
      ["reject", "node.process_unhandled_rejection", "onunhandledrejection"],
      ["stopListening", "node.process_unhandled_rejection", "onunhandledrejection"],
      ["twice", "node.process_unhandled_rejection", "onunhandledrejection"]
    ] as const
  ) {
    it.scopedLive(`${how}: what ends the process is sent, and it ends as it would have`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const { code, stderr } = yield* Effect.promise(() => run(program, { args: [how], env: { SINK: sink.url } }))
        assert.strictEqual(code, 1)
        assert.include(stderr, "RangeError: nobody caught this")
        const [event] = sink.accepted
        // Two instances observe: both tell, and the process ends all the same.
        assert.strictEqual(sink.accepted.length, how === "twice" ? 2 : 1)
        assert.deepInclude(event!.properties, { $exception_level: "fatal", $exception_source: source })
        assert.deepInclude(event!.properties.$exception_list[0], { type: "RangeError", value: "nobody caught this" })
        assert.deepInclude(event!.properties.$exception_list[0].mechanism, { type, handled: false })
      }), limitMillis)
  }

  it.scopedLive("what goes wrong while the end is being told is sent too", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.slow(300) })
      const { code, stderr } = yield* Effect.promise(() => run(program, { args: ["andMore"], env: { SINK: sink.url } }))
      assert.strictEqual(code, 1)
      assert.include(stderr, "RangeError: nobody caught this")
      const values = sink.accepted.map(({ properties }) => properties.$exception_list[0].value)
      assert.deepStrictEqual(values, ["nobody caught this", "nor this"])
    }), limitMillis)

  it.scopedLive("a program that has a listener of its own goes on", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { code, stdout } = yield* Effect.promise(() => run(program, { args: ["listen"], env: { SINK: sink.url } }))
      assert.strictEqual(code, 0)
      assert.include(stdout, "went on")
      assert.strictEqual(sink.accepted[0]!.properties.$exception_level, "error")
    }), limitMillis)

  for (
    const [how, options, says] of [
      ["listenForRejections", "", ""],
      ["tolerate", "--unhandled-rejections=warn", "UnhandledPromiseRejectionWarning"]
    ] as const
  ) {
    it.scopedLive(
      `${how}: a rejection that does not end the process is sent, and the program goes on`,
      () =>
        Effect.gen(function*() {
          const sink = yield* Sink.make()
          const { code, stderr, stdout } = yield* Effect.promise(() =>
            run(program, { args: [how], env: { SINK: sink.url, NODE_OPTIONS: options } })
          )
          assert.strictEqual(code, 0)
          assert.include(stdout, "went on")
          assert.include(stderr, says)
          assert.strictEqual(sink.accepted.length, 1)
          const { $exception_level, $exception_list, $exception_source } = sink.accepted[0]!.properties
          assert.deepStrictEqual([$exception_level, $exception_source], ["error", "node.process_unhandled_rejection"])
          assert.deepInclude($exception_list[0].mechanism, { type: "onunhandledrejection", handled: false })
        }),
      limitMillis
    )
  }

  it.scopedLive(
    "a PostHog that does not answer holds the end up no longer than the time limit",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ otherwise: () => Sink.hang })
        const { code } = yield* Effect.promise(() =>
          run(program, { args: ["throw", "2 seconds"], env: { SINK: sink.url } })
        )
        // That it has ended says that the limit of two seconds has ended it: the request alone would have waited for an hour.
        assert.strictEqual(code, 1)
        assert.strictEqual(sink.requests.length, 1)
      }),
    limitMillis
  )
})

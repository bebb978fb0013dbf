import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Fiber, Layer, LogLevel, TestClock } from "effect"
import { FeatureFlags, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { definitions, flag } from "./support/definitions.js"
import { isRunning } from "./support/effect.js"
import { captureMany, names, range, stats } from "./support/posthog.js"

const captureAndRead = (name: string) =>
  Effect.gen(function*() {
    yield* PostHog.capture(name, {}, { distinctId: "u" })
    yield* Effect.yieldNow()
    return yield* PostHogTest.captured
  }).pipe(Effect.provide(TestLayer))

describe("PostHogTest", () => {
  it.effect("each build of the layer keeps its own events, also when they run at the same time", () =>
    Effect.gen(function*() {
      const results = yield* Effect.forEach(range(20), captureAndRead, { concurrency: "unbounded" })
      for (const [i, events] of results.entries()) assert.deepStrictEqual(names(events), [`event ${i}`])
    }))

  it.effect("a layer within a program that has it already keeps its own events, too", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("outside")
      assert.deepStrictEqual(names(yield* captureAndRead("inside")), ["inside"])
      assert.deepStrictEqual(names(yield* PostHogTest.captured), ["outside"])
      yield* PostHog.capture("ignored").pipe(Effect.provide(PostHog.layerNoop))
      assert.deepStrictEqual(names(yield* PostHogTest.captured), ["outside"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("gives the same events in every run, under TestClock", () =>
    Effect.gen(function*() {
      const [first] = yield* captureAndRead("event")
      const [second] = yield* captureAndRead("event")
      assert.deepStrictEqual(first, second)
      assert.deepInclude(first, {
        uuid: "00000000-0000-7000-8000-000000000000",
        timestamp: "1970-01-01T00:00:00.000Z"
      })
    }))

  it.effect("waitFor waits, counts what is there, takes a predicate, and gives all that match", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.fork(PostHogTest.waitFor("b", { count: 2 }))
      const predicate = yield* Effect.fork(PostHogTest.waitFor((event) => event.properties.i === 7))
      yield* PostHog.capture("a")
      yield* PostHog.capture("b")
      yield* TestClock.adjust("1 hour")
      assert.isTrue(isRunning(waiting))
      yield* Effect.fork(Effect.delay(PostHog.capture("b", { i: 7 }), "1 second"))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(names(yield* Fiber.join(waiting)), ["b", "b"])
      assert.strictEqual((yield* Fiber.join(predicate)).length, 1)
      assert.deepStrictEqual(names(yield* PostHogTest.waitFor("a")), ["a"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("waitFor can be given up", () =>
    Effect.gen(function*() {
      const waiting = yield* Effect.fork(Effect.timeoutOption(PostHogTest.waitFor("never"), "1 second"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "None")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("clear forgets, and what was read before stays", () =>
    Effect.gen(function*() {
      yield* captureMany(2)
      const before = yield* PostHogTest.captured
      yield* PostHogTest.clear
      yield* captureMany(1, 2)
      assert.deepStrictEqual(names(yield* PostHogTest.captured), range(1, 2))
      assert.strictEqual(before.length, 2)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("has the options of a live layer, but for the network", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("kept", { a: 1 })
      yield* PostHog.capture("dropped")
      yield* PostHog.capture("large", { text: "x".repeat(500) })
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(names(events), ["kept"])
      assert.deepInclude(events[0]!.properties, { a: 1, service: "checkout" })
      assert.deepInclude(yield* stats, { accepted: 3, delivered: 1, dropped: { before_send: 1, too_large: 1 } })
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
      assert.strictEqual((yield* PostHog.captureNow("kept"))._tag, "Some")
    }).pipe(Effect.provide(PostHogTest.layer({
      globalProperties: { service: "checkout" },
      maxEventBytes: 500,
      beforeSend: (event) => event.event === "dropped" ? null : event
    }))))

  it.effect("can be opted out or disabled", () =>
    Effect.gen(function*() {
      for (const options of [{ optedOut: true }, { enabled: false }]) {
        yield* Effect.gen(function*() {
          yield* captureMany(2)
          assert.deepStrictEqual(yield* PostHogTest.captured, [])
          assert.strictEqual((yield* stats).ignored, 2)
        }).pipe(Effect.provide(PostHogTest.layer(options)))
      }
    }))

  it.effect("a test that reads a live instance is told so", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.provide(PostHogTest.captured, PostHog.layerNoop))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "TestLayer")
    }))

  it.effect("captures what is logged, as the live layer, and equal errors each time", () =>
    Effect.gen(function*() {
      yield* Effect.logError("payment failed")
      yield* Effect.logError("payment failed")
      yield* Effect.logWarning("not captured")
      yield* Effect.forEach(range(20), () => Effect.logError(new Error("declined")))
      const exceptions = yield* PostHogTest.exceptions
      assert.deepStrictEqual(exceptions.slice(0, 3).map(({ value }) => value), [
        "payment failed",
        "payment failed",
        "declined"
      ])
      assert.strictEqual(exceptions.length, 22)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("takes the options of the live layer's parts", () =>
    Effect.gen(function*() {
      const logged = (options: PostHogTest.Options) =>
        Effect.gen(function*() {
          yield* Effect.logError("failed")
          yield* Effect.logError("failed")
          yield* Effect.annotateLogs(Effect.logWarning("late"), { order: 7 })
          return (yield* PostHogTest.exceptions).map(({ event, value }) => [value, event.properties.order])
        }).pipe(Effect.provide(PostHogTest.layer(options)))
      assert.deepStrictEqual(yield* logged({ errorTracking: false }), [])
      assert.deepStrictEqual(yield* logged({ errorTracking: { captureLevel: LogLevel.Warning, metadata: "all" } }), [
        ["failed", undefined],
        ["failed", undefined],
        ["late", 7]
      ])
      assert.deepStrictEqual(yield* logged({ exceptionRateLimit: true }), [["failed", undefined]])
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.strictEqual(flags.details("on")?.source, "local")
      }).pipe(Effect.provide(PostHogTest.layer({ localEvaluation: { definitions: definitions([flag("on")]) } })))
    }))

  it.effect("a hook that opts out drops the event at hand, as in a live instance", () =>
    Effect.gen(function*() {
      let service: PostHog.Service | undefined
      const hooked = PostHogTest.layer({
        beforeSend: (event) => {
          if (event.event === "leave") Effect.runSync(service!.optOut)
          return event
        }
      })
      yield* Effect.gen(function*() {
        service = yield* PostHog.PostHog
        yield* captureMany(1)
        yield* PostHog.capture("leave")
        yield* captureMany(1, 1)
        assert.deepStrictEqual(names(yield* PostHogTest.captured), range(1))
        assert.deepInclude(yield* stats, { accepted: 2, delivered: 1, dropped: { opted_out: 1 }, ignored: 1 })
        yield* PostHog.optIn
        yield* captureMany(1, 2)
        assert.strictEqual((yield* PostHogTest.captured).length, 2)
      }).pipe(Effect.provide(hooked))
    }))

  it.effect("does not look at the environment", () =>
    Effect.gen(function*() {
      yield* captureMany(1)
      assert.strictEqual((yield* PostHogTest.captured).length, 1)
    }).pipe(
      Effect.provide(TestLayer),
      Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(
        new Map([["POSTHOG_ENABLED", "false"], ["POSTHOG_FLUSH_AT", "ten"]])
      )))
    ))

  it.effect("captures from a layer that is built beside it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(names(yield* PostHogTest.captured), ["worker started"])
    }).pipe(
      Effect.provide(Layer.provideMerge(Layer.effectDiscard(PostHog.capture("worker started")), TestLayer))
    ))
})

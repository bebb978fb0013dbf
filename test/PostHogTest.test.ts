import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, TestClock } from "effect"
import { PostHog, PostHogTest, TestLayer } from "effect-posthog"
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
      assert.isNull(waiting.unsafePoll())
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

  it.effect("captures from a layer that is built beside it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(names(yield* PostHogTest.captured), ["worker started"])
    }).pipe(
      Effect.provide(Layer.provideMerge(Layer.effectDiscard(PostHog.capture("worker started")), TestLayer))
    ))
})

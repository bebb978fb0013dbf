import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { sizes } from "../../support/delivery.js"
import { FakeClient } from "../../support/fakeClient.js"
import { captureMany, names, onFake, range, settle, stats } from "../../support/posthog.js"

describe("batching", () => {
  it.effect("reaching flushAt sends at once", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* TestClock.adjust(0)
      assert.strictEqual(client.requests.length, 0)
      yield* captureMany(1, 2)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(client.requests.map((request) => names(request.events)), [range(3)])
    }).pipe(Effect.provide(onFake(client, { flushAt: 3 })))
  })

  it.effect("flushAt by default starts at most once a second, unless a request is full", () => {
    const client = new FakeClient()
    const times = (count: number) => Effect.zipRight(captureMany(count), settle)
    return Effect.gen(function*() {
      yield* times(100)
      assert.deepStrictEqual(sizes(client), [100])
      // Within a second of the last start.
      yield* TestClock.adjust("400 millis")
      yield* times(100)
      yield* TestClock.adjust("599 millis")
      assert.deepStrictEqual(sizes(client), [100])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(sizes(client), [100, 100])
      yield* times(1_000)
      assert.deepStrictEqual(sizes(client), [100, 100, 1_000])
      // And fewer than flushAt wait for flushInterval as ever.
      yield* times(99)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(sizes(client).length, 3)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(sizes(client), [100, 100, 1_000, 99])
      // After a quiet second 100 events start at once.
      yield* TestClock.adjust("1 second")
      yield* times(150)
      assert.deepStrictEqual(sizes(client).at(-1), 150)
    }).pipe(Effect.provide(onFake(client, {})))
  })

  it.effect("events that wait for the end of the second are never older than flushInterval", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* Effect.zipRight(captureMany(100), settle)
      yield* Effect.zipRight(captureMany(100), settle)
      assert.deepStrictEqual(sizes(client), [100])
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(sizes(client), [100, 100])
    }).pipe(Effect.provide(onFake(client, { flushInterval: "200 millis" })))
  })

  it.effect("below flushAt, events leave when flushInterval has passed since the first", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("4 seconds")
      yield* captureMany(1, 1)
      assert.strictEqual(client.requests.length, 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(client.requests.map((request) => names(request.events)), [range(2)])
      yield* captureMany(1, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(client.requests.length, 2)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a request holds at most maxBatchSize events, in order, and the rest follows", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(25)
      yield* PostHog.flush
      assert.deepStrictEqual(client.requests.map((request) => request.events.length), [10, 10, 5])
      assert.deepStrictEqual(names(client.accepted), range(25))
    }).pipe(Effect.provide(onFake(client, { flushAt: 1000, maxBatchSize: 10 })))
  })

  it.effect("a request holds at most maxBatchBytes bytes", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      for (let i = 0; i < 10; i++) yield* PostHog.capture(`event ${i}`, { text: "x".repeat(1000) })
      yield* PostHog.flush
      assert.deepStrictEqual(client.requests.map((request) => request.events.length), [3, 3, 3, 1])
    }).pipe(Effect.provide(onFake(client, { maxBatchBytes: 4_500 })))
  })

  it.effect("capturing goes on while requests are in flight, of which there are at most maxConcurrentRequests", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        yield* captureMany(25)
        yield* TestClock.adjust(0)
        assert.strictEqual(client.requests.length, 2)
        const during = yield* stats
        assert.strictEqual(during.inFlight, 20)
        assert.strictEqual(during.queued, 5)
        yield* captureMany(5, 25)
        assert.strictEqual((yield* stats).queued, 10)
      }).pipe(Effect.provide(
        onFake(client, { flushAt: 10, maxBatchSize: 10, maxConcurrentRequests: 2 })
      ))
    }))

  it.effect("what leaves during a request cannot cost what came in meanwhile", () =>
    // RETRY-06 of PostHog's SDK specifications.
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        yield* TestClock.adjust(0)
        yield* captureMany(3, 3)
        client.otherwise = () => ({ status: 200 })
        yield* TestClock.adjust("20 seconds")
        yield* PostHog.flush
        assert.deepStrictEqual(client.requests.map((request) => names(request.events)), [
          range(3),
          range(3, 3),
          range(3)
        ])
        assert.strictEqual((yield* stats).delivered, 6)
      }).pipe(Effect.provide(onFake(client, { flushAt: 3, maxQueueSize: 3 })))
    }))
})

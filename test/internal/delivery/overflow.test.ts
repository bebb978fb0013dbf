import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { FakeClient } from "../../support/fakeClient.js"
import { captureMany, names, onFake, range, stats } from "../../support/posthog.js"

describe("overflow", () => {
  it.effect("dropOldest keeps the newest events", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(10)
      assert.deepInclude(yield* stats, { accepted: 10, queued: 4, dropped: { queue_full: 6 } })
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(4, 6))
    }).pipe(Effect.provide(onFake(client, { maxQueueSize: 4, flushAt: 100 })))
  })

  it.effect("dropNewest keeps the oldest events", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(10)
      assert.deepInclude(yield* stats, { accepted: 10, queued: 4, dropped: { queue_full: 6 } })
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(4))
    }).pipe(Effect.provide(onFake(client, { maxQueueSize: 4, flushAt: 100, overflow: "dropNewest" })))
  })

  it.effect("maxQueueBytes counts as well", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      for (let i = 0; i < 10; i++) yield* PostHog.capture(`event ${i}`, { text: "x".repeat(1_000) })
      const { dropped, queued } = yield* stats
      assert.strictEqual(queued, 3)
      assert.strictEqual(dropped.queue_full, 7)
    }).pipe(Effect.provide(onFake(client, { maxQueueBytes: 5_000, flushAt: 100 })))
  })

  it.effect("an event that is larger than the whole queue is dropped, and does not push others out", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* PostHog.capture("large", { text: "x".repeat(10_000) })
      assert.deepInclude(yield* stats, { queued: 2, dropped: { too_large: 1 } })
    }).pipe(Effect.provide(onFake(client, { maxQueueBytes: 5_000, flushAt: 100 })))
  })

  it.effect("waitUpTo makes the caller wait for room, and drops the event when there is none in time", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(6))
        yield* TestClock.adjust("1 second")
        // Two in flight, two queued, and the fifth waits for room.
        assert.deepInclude(yield* stats, { accepted: 5, inFlight: 2, queued: 3 })
        client.otherwise = () => ({ status: 200 })
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual((yield* PostHog.stats).dropped, {})
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(capturing)
        yield* PostHog.flush
        assert.strictEqual((yield* stats).delivered, 6)
        assert.strictEqual(client.accepted.length, 6)

        client.otherwise = () => "hang"
        const late = yield* Effect.fork(captureMany(5, 6))
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual((yield* PostHog.stats).dropped.queue_full, undefined)
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(late)
        assert.deepStrictEqual((yield* stats).dropped, { queue_full: 1 })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        requestTimeout: "5 seconds",
        overflow: { waitUpTo: "30 seconds" }
      })))
    }))

  it.effect("a caller that is interrupted while it waits for room counts its event as dropped", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(5))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(capturing)
        assert.deepStrictEqual((yield* stats).dropped, { queue_full: 1 })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        overflow: { waitUpTo: "30 seconds" }
      })))
    }))

  it.effect("waitUpTo holds also where the caller cannot be interrupted", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(Effect.uninterruptible(captureMany(5)))
        yield* TestClock.adjust("31 seconds")
        yield* Fiber.join(capturing)
        assert.deepStrictEqual((yield* stats).dropped, { queue_full: 1 })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        requestTimeout: "1 hour",
        overflow: { waitUpTo: "30 seconds" }
      })))
    }))

  it.effect("with waitUpTo nothing gives way to events that come back after failed retries", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(6))
        yield* TestClock.adjust("11 seconds")
        assert.deepInclude(yield* stats, { dropped: {} })
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(capturing)
        yield* PostHog.flush
        assert.deepInclude(yield* stats, { delivered: 6, dropped: {} })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        maxBatchSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        maxRetries: 0,
        retryPause: "5 seconds",
        overflow: { waitUpTo: "1 minute" }
      })))
    }))

  it.effect("events that come back after failed retries give way by the same policy", () =>
    Effect.gen(function*() {
      for (const overflow of ["dropOldest", "dropNewest"] as const) {
        const client = new FakeClient()
        client.next("hang")
        yield* Effect.gen(function*() {
          yield* captureMany(3)
          yield* TestClock.adjust(0)
          yield* captureMany(3, 3)
          yield* TestClock.adjust("10 seconds")
          assert.deepInclude(yield* stats, { queued: 3, dropped: { queue_full: 3 } })
          yield* PostHog.flush
          assert.deepStrictEqual(names(client.accepted), overflow === "dropOldest" ? range(3, 3) : range(3))
        }).pipe(
          Effect.provide(
            onFake(client, { maxQueueSize: 3, flushAt: 3, maxRetries: 0, maxConcurrentRequests: 1, overflow })
          )
        )
      }
    }))
})

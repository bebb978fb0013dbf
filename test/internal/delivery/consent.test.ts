import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { FakeClient } from "../../support/fakeClient.js"
import { captureMany, names, onFake, range, stats } from "../../support/posthog.js"

describe("consent", () => {
  it.effect("opting out drops what is queued, takes nothing, sends nothing, and opting in restores later calls", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      assert.isFalse(yield* PostHog.isOptedOut)
      yield* captureMany(3)
      yield* PostHog.optOut
      yield* PostHog.optOut
      assert.isTrue(yield* PostHog.isOptedOut)
      yield* captureMany(3, 3)
      yield* PostHog.identify("user_1", { a: 1 })
      yield* PostHog.alias({ distinctId: "", alias: "" })
      assert.deepStrictEqual(yield* PostHog.captureNow("urgent"), Option.none())
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(client.requests.length, 0)
      assert.deepInclude(yield* stats, { accepted: 3, queued: 0, ignored: 6, dropped: { opted_out: 3 } })
      yield* PostHog.optIn
      assert.isFalse(yield* PostHog.isOptedOut)
      yield* captureMany(1, 6)
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(1, 6))
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("no request is repeated after opting out", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 }, "hang")
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        const first = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        yield* captureMany(1, 1)
        const second = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        assert.strictEqual(client.requests.length, 2)
        yield* PostHog.optOut
        // One was waiting for its retry, the other's request times out and is not repeated.
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(client.requests.length, 2)
        assert.deepStrictEqual(yield* Fiber.join(first), { delivered: 0, dropped: 1 })
        assert.deepStrictEqual(yield* Fiber.join(second), { delivered: 0, dropped: 2 })
        assert.deepStrictEqual((yield* stats).dropped, { opted_out: 2 })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("a batch that is being taken apart goes no further after opting out", () =>
    Effect.gen(function*() {
      for (const status of [400, 413]) {
        const client = new FakeClient((request) => ({ status: request.events.length > 1 ? status : 200 }))
        yield* Effect.gen(function*() {
          const service = yield* PostHog.PostHog
          const { otherwise } = client
          client.otherwise = (request) => {
            Effect.runSync(service.optOut)
            return otherwise(request)
          }
          yield* captureMany(8)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 8 })
          assert.strictEqual(client.requests.length, 1)
          assert.deepInclude(yield* stats, { inFlight: 0, delivered: 0, dropped: { opted_out: 8 } })
        }).pipe(Effect.provide(onFake(client)))
      }
    }))

  it.effect("a request that has not begun yet is not made", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        const flushed = yield* Effect.fork(PostHog.flush)
        // The flush has handed the batch to a fiber, which has not come to its request.
        while ((yield* PostHog.stats).inFlight === 0) yield* Effect.yieldNow()
        assert.strictEqual(client.requests.length, 0)
        yield* PostHog.optOut
        yield* Fiber.join(flushed)
        assert.strictEqual(client.requests.length, 0)
        assert.deepInclude(yield* stats, { dropped: { opted_out: 3 } })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("captureNow does not get past a hook that opts out", () => {
    const client = new FakeClient()
    let service: PostHog.Service | undefined
    return Effect.gen(function*() {
      service = yield* PostHog.PostHog
      assert.deepStrictEqual(yield* PostHog.captureNow("now"), Option.none())
      assert.strictEqual(client.requests.length, 0)
      assert.deepInclude(yield* stats, { dropped: { opted_out: 1 } })
    }).pipe(Effect.provide(onFake(client, {
      beforeSend: (event) => {
        Effect.runSync(service!.optOut)
        return event
      }
    })))
  })

  it.effect("an event that waits for room does not outlive opting out, however soon somebody opts in", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(3))
        yield* TestClock.adjust("1 second")
        assert.deepInclude(yield* stats, { inFlight: 1, queued: 2 })
        yield* Effect.zipRight(PostHog.optOut, PostHog.optIn)
        yield* Fiber.join(capturing)
        assert.deepInclude(yield* stats, { queued: 0, dropped: { opted_out: 2 } })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 1,
        maxBatchSize: 1,
        flushAt: 1,
        maxConcurrentRequests: 1,
        overflow: { waitUpTo: "1 minute" }
      })))
    }))

  it.effect("opting in again repeats nothing that was sent before opting out", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang")
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        const flushed = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        yield* PostHog.optOut
        yield* PostHog.optIn
        yield* TestClock.adjust("5 minutes")
        yield* Fiber.join(flushed)
        assert.strictEqual(client.requests.length, 1)
        assert.deepInclude(yield* stats, { dropped: { opted_out: 1 } })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("opting out ends a pause: what is captured after opting in is sent in its time", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        yield* Effect.either(PostHog.flush)
        yield* PostHog.optOut
        yield* PostHog.optIn
        yield* captureMany(1, 1)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(names(client.accepted), range(1, 1))
      }).pipe(Effect.provide(onFake(client, { maxRetries: 0, retryPause: "1 hour" })))
    }))

  it.effect("an event that is on its way in when somebody opts out does not slip through", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      let service: PostHog.Service | undefined
      yield* Effect.gen(function*() {
        service = yield* PostHog.PostHog
        yield* PostHog.capture("opts out")
        assert.deepInclude(yield* stats, { accepted: 1, queued: 0, dropped: { opted_out: 1 } })
        yield* PostHog.optIn
        const waiting = yield* Effect.fork(captureMany(5))
        yield* TestClock.adjust("1 second")
        yield* PostHog.optOut
        yield* Fiber.join(waiting)
        assert.deepInclude(yield* stats, { queued: 0, inFlight: 2, dropped: { opted_out: 4 } })
      }).pipe(Effect.provide(onFake(client, {
        flushAt: 2,
        maxQueueSize: 2,
        maxBatchSize: 2,
        maxConcurrentRequests: 1,
        overflow: { waitUpTo: "1 minute" },
        beforeSend: (event) => {
          if (event.event === "opts out") Effect.runSync(service!.optOut)
          return event
        }
      })))
    }))

  it.effect("an instance can begin opted out", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      assert.isTrue(yield* PostHog.isOptedOut)
      yield* captureMany(1)
      yield* PostHog.optIn
      yield* captureMany(1, 1)
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(1, 1))
    }).pipe(Effect.provide(onFake(client, { optedOut: true })))
  })
})

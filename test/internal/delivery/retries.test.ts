import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { gaps, identity } from "../../support/delivery.js"
import { withSeed } from "../../support/effect.js"
import { type Answer, FakeClient } from "../../support/fakeClient.js"
import { captureMany, collectDiagnostics, names, onFake, range, stats } from "../../support/posthog.js"

describe("retries", () => {
  const retryable: ReadonlyArray<Answer> = [
    "refused",
    "dies",
    { status: 408 },
    { status: 429 },
    { status: 500 },
    { status: 502 },
    { status: 503 },
    { status: 504 },
    { status: 599 }
  ]
  for (const answer of retryable) {
    it.effect(`repeats after ${typeof answer === "string" ? answer : answer.status}`, () => {
      const client = new FakeClient()
      client.next(answer)
      return Effect.gen(function*() {
        yield* captureMany(2)
        const flushed = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(yield* Fiber.join(flushed), { delivered: 2, dropped: 0 })
        assert.strictEqual(client.requests.length, 2)
        assert.strictEqual((yield* stats).retried, 2)
      }).pipe(Effect.provide(onFake(client)))
    })
  }

  it.effect("repeats when there is no answer within requestTimeout", () => {
    const client = new FakeClient()
    client.next("hang")
    return Effect.gen(function*() {
      yield* captureMany(1)
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(client.requests.length, 1)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(flushed)
      assert.strictEqual(client.requests.length, 2)
    }).pipe(Effect.provide(onFake(client, { requestTimeout: "3 seconds" })))
  })

  it.effect("waits longer each time, up to 30 seconds, give or take a quarter", () => {
    const client = new FakeClient(() => ({ status: 503 }))
    return Effect.gen(function*() {
      yield* captureMany(1)
      const flushed = yield* Effect.fork(Effect.either(PostHog.flush))
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(flushed)
      const bases = [1, 2, 4, 8, 16, 30, 30, 30]
      const delays = gaps(client).slice(0, bases.length)
      assert.strictEqual(delays.length, bases.length)
      for (const [i, base] of bases.entries()) {
        assert.isAtLeast(delays[i]!, base * 750)
        assert.isAtMost(delays[i]!, base * 1250)
      }
      assert.isAbove(new Set(delays.map((delay, i) => delay / bases[i]!)).size, 4, "there is chance in it")
    }).pipe(Effect.provide(onFake(client)), withSeed("retries"))
  })

  it.effect("waits at least as long as Retry-After says, in both of its forms, up to 30 seconds", () =>
    Effect.gen(function*() {
      const delayAfter = (retryAfter: string) => {
        const client = new FakeClient()
        client.next({ status: 429, headers: { "retry-after": retryAfter } })
        return Effect.gen(function*() {
          yield* captureMany(1)
          const flushed = yield* Effect.fork(PostHog.flush)
          yield* TestClock.adjust("2 minutes")
          yield* Fiber.join(flushed)
          return gaps(client)[0]!
        }).pipe(Effect.provide(onFake(client)))
      }
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      assert.strictEqual(yield* delayAfter("7"), 7_000)
      assert.isAtMost(yield* delayAfter("0"), 1_250)
      assert.strictEqual(yield* delayAfter("600"), 30_000)
      yield* TestClock.setTime(Date.UTC(2026, 0, 2))
      assert.strictEqual(yield* delayAfter("Fri, 02 Jan 2026 00:00:09 GMT"), 9_000)
    }))

  it.effect("a minute of 503 costs nothing: each event exactly once, as captured, in order", () => {
    const client = new FakeClient((request) => ({ status: request.at < 60_000 ? 503 : 200 }))
    return Effect.gen(function*() {
      yield* captureMany(250)
      yield* TestClock.adjust("30 seconds")
      yield* captureMany(250, 250)
      yield* TestClock.adjust("3 minutes")
      const { delivered, dropped, queued } = yield* stats
      assert.deepStrictEqual({ delivered, dropped, queued }, { delivered: 500, dropped: {}, queued: 0 })
      const attempted = new Map(
        client.requests.flatMap((request) => identity(request.events)).map((event) => [
          JSON.stringify(event),
          event
        ])
      )
      assert.strictEqual(attempted.size, 500, "uuid and timestamp never change")
      assert.strictEqual(client.accepted.length, 500)
      for (const request of client.requests) {
        const order = request.events.map((event) => event.properties.i as number)
        assert.deepStrictEqual(order, [...order].sort((a, b) => a - b))
      }
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("with the retries used up the events stay queued, and sending pauses", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ status: 503 }))
      yield* Effect.gen(function*() {
        const diagnostics = yield* collectDiagnostics
        yield* captureMany(1)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(client.requests.length, 4, "one try and three retries")
        assert.strictEqual((yield* stats).queued, 1)
        yield* captureMany(1, 1)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(client.requests.length, 4, "the interval does not end the pause")
        const paused = diagnostics.filter((diagnostic) => diagnostic._tag === "DeliveryPaused")
        assert.deepStrictEqual(paused, [
          { _tag: "DeliveryPaused", reason: "status", status: 503, detail: undefined, count: 1, pauseMillis: 30_000 }
        ])
        client.otherwise = () => ({ status: 200 })
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(new Set(names(client.accepted)), new Set(range(2)))
        assert.strictEqual((yield* stats).delivered, 2)
      }).pipe(Effect.scoped, Effect.provide(onFake(client, { maxRetries: 3, flushInterval: "500 millis" })))
    }))

  it.effect("a client that interrupts itself costs nothing but the pause", () => {
    const client = new FakeClient()
    client.next("interrupts")
    return Effect.gen(function*() {
      yield* captureMany(2)
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(flushed), { delivered: 2, dropped: 0 })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a flush does not wait for the pause to end", () => {
    const client = new FakeClient()
    client.next({ status: 503 })
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* stats).queued, 1)
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
    }).pipe(Effect.provide(onFake(client, { maxRetries: 0 })))
  })

  it.effect("an unusable number of retries means none", () =>
    Effect.gen(function*() {
      for (const maxRetries of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const client = new FakeClient(() => ({ status: 503 }))
        yield* Effect.zipRight(captureMany(1), Effect.either(PostHog.flush)).pipe(
          Effect.provide(onFake(client, { maxRetries }))
        )
        // One for the flush, and one for the last chance that closing gives it.
        assert.isAtMost(client.requests.length, 2)
      }
    }))

  it.effect("new events are sent while earlier ones wait for a retry", () => {
    const client = new FakeClient()
    client.next({ status: 429, headers: { "retry-after": "20" } })
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("5 seconds")
      yield* captureMany(1, 1)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(names(client.accepted), range(1, 1))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(names(client.accepted), ["event 1", "event 0"])
    }).pipe(Effect.provide(onFake(client)))
  })
})

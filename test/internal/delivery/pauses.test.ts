/**
 * The pause after retries that failed, and schedules of the program's own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, TestClock } from "effect"
import { PostHog, type PostHogConfig } from "effect-posthog"
import { type Answer, FakeClient } from "../../support/fakeClient.js"
import { captureMany, names, onFake, range, stats } from "../../support/posthog.js"

const gaps = (client: FakeClient): ReadonlyArray<number> =>
  client.requests.slice(1).map((request, i) => request.at - client.requests[i]!.at)

const options: PostHogConfig.Options = {
  flushAt: 2,
  maxBatchSize: 1,
  maxConcurrentRequests: 2,
  maxRetries: 0,
  retryPause: "30 seconds"
}

describe("a pause", () => {
  it.effect("is not ended by the success of a request from before it", () => {
    const client = new FakeClient()
    client.next({ status: 503 }, { status: 200, delay: 5_000 })
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(names(client.accepted), range(1, 1))
      assert.deepInclude(yield* stats, { queued: 1, delivered: 1 })
      assert.strictEqual(client.requests.length, 2, "the failed batch is not sent again at once")
      yield* TestClock.adjust("20 seconds")
      assert.deepInclude(yield* stats, { queued: 0, delivered: 2 })
      assert.strictEqual(client.requests[2]!.at, 30_000)
    }).pipe(Effect.provide(onFake(client, options)))
  })

  it.effect("holds for one batch that always fails, however many others succeed beside it", () => {
    const client = new FakeClient(({ events }): Answer =>
      events.some(({ event }) => event === "event 0") ? { status: 500 } : { status: 200, delay: 1_000 }
    )
    return Effect.gen(function*() {
      for (let i = 0; i < 60; i++) {
        yield* captureMany(2, i * 2)
        yield* TestClock.adjust("2 seconds")
      }
      const failed = client.requests.filter(({ events }) => events.some(({ event }) => event === "event 0"))
      assert.isAtMost(failed.length, 120 / 30 + 1)
      yield* stats
    }).pipe(Effect.provide(onFake(client, options)))
  })

  it.effect("is ended by the success of a request that was made during it: the server is back", () => {
    const client = new FakeClient()
    client.next({ status: 503 })
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* TestClock.adjust(0)
      yield* captureMany(1, 2)
      yield* PostHog.captureNow("urgent")
      yield* TestClock.adjust(0)
      assert.include(names(client.accepted), "event 0")
    }).pipe(Effect.provide(onFake(client, options)))
  })

  it.effect("begins anew with each batch that fails", () => {
    const client = new FakeClient()
    client.next({ status: 503 }, { status: 503, delay: 10_000 })
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(client.requests.length, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(client.accepted.length, 2)
    }).pipe(Effect.provide(onFake(client, options)))
  })
})

describe("retrySchedule", () => {
  const failing = (given: PostHogConfig.Options, answer: Answer = { status: 503 }) => {
    const client = new FakeClient(() => answer)
    return Effect.gen(function*() {
      yield* captureMany(1)
      const flushed = yield* Effect.fork(Effect.either(PostHog.flush))
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(flushed)
      return gaps(client).slice(0, 4)
    }).pipe(Effect.provide(onFake(client, { retryPause: "1 day", ...given })))
  }

  it.effect("says when a batch is sent again", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* failing({ retrySchedule: Schedule.spaced("2 seconds") }), [2e3, 2e3, 2e3, 2e3])
      assert.deepStrictEqual(yield* failing({ retrySchedule: Schedule.exponential("1 second", 3), maxRetries: 4 }), [
        1e3,
        3e3,
        9e3,
        27e3
      ])
    }))

  it.effect("ends the retries when it ends, and so does maxRetries", () =>
    Effect.gen(function*() {
      const twice = Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(2))
      assert.deepStrictEqual(yield* failing({ retrySchedule: twice }), [1e3, 1e3])
      const spaced = Schedule.spaced("1 second")
      assert.deepStrictEqual(yield* failing({ retrySchedule: spaced, maxRetries: 3 }), [1e3, 1e3, 1e3])
      assert.deepStrictEqual(yield* failing({ retrySchedule: Schedule.recurs(0) }), [])
    }))

  it.effect("has Retry-After as its floor", () =>
    Effect.gen(function*() {
      const answer: Answer = { status: 429, headers: { "retry-after": "7" } }
      const quick = Schedule.spaced("1 second")
      assert.deepStrictEqual(yield* failing({ retrySchedule: quick }, answer), [7e3, 7e3, 7e3, 7e3])
      const slow = Schedule.spaced("9 seconds")
      assert.deepStrictEqual(yield* failing({ retrySchedule: slow }, answer), [9e3, 9e3, 9e3, 9e3])
    }))

  it.effect("is for each batch its own", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ status: 503 }))
      yield* Effect.gen(function*() {
        yield* captureMany(2)
        yield* TestClock.adjust("1 minute")
        const counts = range(2).map((name) => client.requests.filter(({ events }) => events[0]!.event === name).length)
        assert.deepStrictEqual(counts, [3, 3])
      }).pipe(Effect.provide(onFake(client, {
        ...options,
        maxRetries: 8,
        retryPause: "1 day",
        retrySchedule: Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(2))
      })))
    }))

  it.effect("has to be a Schedule", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      const retrySchedule = "1 second" as never
      const error = yield* PostHog.make({ apiKey: "phc_x", retrySchedule }).pipe(
        Effect.scoped,
        Effect.provide(client.layer),
        Effect.flip
      )
      assert.deepInclude(error, { option: "retrySchedule", reason: "invalid_option" })
    }))
})

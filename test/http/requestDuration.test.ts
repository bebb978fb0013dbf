import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { PostHogHttp, PostHogTest, TestLayer } from "effect-posthog"

const request = new Request("https://a.b/c")

const durationOf = (handler: Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(10_000)
    yield* PostHogHttp.withRequest(Effect.as(handler, new Response("")), request, { requestEvent: "request" })
    const [event] = yield* PostHogTest.captured
    return event!.properties.duration_ms
  }).pipe(Effect.provide(TestLayer))

describe("how long a request took", () => {
  it.effect("is never negative, whatever is done to the clock", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* durationOf(TestClock.setTime(1_000)), 0)
    }))

  it.effect("is what has passed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* durationOf(TestClock.adjust(250)), 250)
    }))

  it.live("does not look at the time of day", () =>
    Effect.gen(function*() {
      const now = Date.now
      const setBack = Effect.sync(() => {
        Date.now = () => now() - 3_600_000
      })
      yield* Effect.gen(function*() {
        yield* PostHogHttp.withRequest(Effect.as(setBack, new Response("")), request, { requestEvent: "request" })
        const [event] = yield* PostHogTest.captured
        assert.isAtLeast(event!.properties.duration_ms as number, 0)
      }).pipe(
        Effect.provide(TestLayer),
        Effect.ensuring(Effect.sync(() => {
          Date.now = now
        }))
      )
    }))
})

/**
 * A clock that is set back: what is due must not wait for the time of day, as Effect's Clock tells it, to come back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Stream } from "effect"
import { LocalEvaluation, PostHog, PostHogClient, PostHogHttp, PostHogTest } from "effect-posthog"
import { liveClock } from "../../src/internal/effect/fiber.js"
import { definitions, flag } from "../support/definitions.js"
import { makeClock, timeOf, withClock } from "../support/effect.js"
import { settle, stats } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

const hour = 3_600_000

/** A clock whose time of day can be set, and which can be moved on. */
const settable = () => {
  const real = timeOf(liveClock)
  let millis = 0
  let nanos = 0n
  const clock = makeClock({ ...real, millis: () => real.millis() + millis, nanos: () => real.nanos() + nanos })
  return {
    clock,
    setBack: Effect.sync(() => {
      millis -= hour
    }),
    moveOn: Effect.sync(() => {
      nanos += BigInt(hour) * 1_000_000n
    })
  }
}

/** Until something is so. There is no limit but that of the test. */
const until = (isSo: () => boolean) => Effect.repeat(Effect.sleep("5 millis"), { until: isSo })

const limitMillis = 120_000

describe("a clock that is set back by an hour", () => {
  it.scopedLive("the poller loads at its interval", () =>
    Effect.gen(function*() {
      const { clock, setBack } = settable()
      const sink = yield* Sink.make({ definitions: () => definitions([flag("on")]) })
      yield* Effect.gen(function*() {
        yield* LocalEvaluation.awaitReady()
        for (let i = 0; i < 3; i++) {
          const loads = sink.loads.length
          yield* setBack
          yield* until(() => sink.loads.length > loads)
        }
      }).pipe(
        Effect.provide(
          LocalEvaluation.layer({ pollingInterval: "100 millis" }).pipe(
            Layer.provideMerge(PostHog.layer({ apiKey: "phc_test", secretKey: "phs_test", host: sink.url })),
            Layer.provide(PostHogClient.layer)
          )
        ),
        withClock(clock)
      )
    }), limitMillis)

  it.scopedLive(
    "repetitions and pauses are over when they are over, and no duration is negative",
    () =>
      Effect.gen(function*() {
        const { clock, setBack } = settable()
        let requests = 0
        const sink = yield* Sink.make({ otherwise: () => ++requests <= 4 ? Sink.status(503) : Sink.ok })
        yield* Effect.gen(function*() {
          const durations = yield* PostHog.diagnostics.pipe(
            Stream.filter((diagnostic) => diagnostic._tag === "RequestCompleted"),
            Stream.tap(() => setBack),
            Stream.take(5),
            Stream.map(({ durationMillis }) => Math.min(0, durationMillis)),
            Stream.runCollect,
            Effect.map((durations) => Math.min(...durations)),
            Effect.fork
          )
          yield* settle
          yield* PostHog.capture("a", {}, { distinctId: "u" })
          yield* Effect.ignore(PostHog.flush)
          yield* until(() => sink.accepted.length === 1)
          assert.strictEqual(yield* Fiber.join(durations), 0)
        }).pipe(
          Effect.provide(
            PostHog.layer({ apiKey: "phc_test", host: sink.url, maxRetries: 1, retryPause: "50 millis" }).pipe(
              Layer.provide(PostHogClient.layer)
            )
          ),
          withClock(clock)
        )
      }),
    limitMillis
  )

  it.live("the limit of exceptions fills up again", () =>
    Effect.gen(function*() {
      const { clock, moveOn, setBack } = settable()
      yield* Effect.gen(function*() {
        yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.logError("the same"), { discard: true })
        const before = (yield* PostHogTest.captured).length
        assert.isAbove((yield* stats).dropped.rate_limited ?? 0, 0)
        yield* setBack
        yield* moveOn
        yield* Effect.logError("the same")
        assert.strictEqual((yield* PostHogTest.captured).length, before + 1)
      }).pipe(Effect.provide(PostHogTest.layer({ exceptionRateLimit: true })), withClock(clock))
    }), limitMillis)

  it.live("the duration of a request is what has passed", () =>
    Effect.gen(function*() {
      const { clock, moveOn, setBack } = settable()
      yield* Effect.gen(function*() {
        yield* PostHogHttp.withRequest(
          Effect.as(Effect.zipRight(setBack, moveOn), new Response("")),
          new Request("https://a.b/c"),
          { requestEvent: "request" }
        )
        const [event] = yield* PostHogTest.captured
        assert.isAtLeast(event!.properties.duration_ms as number, hour)
      }).pipe(Effect.provide(PostHogTest.layer()), withClock(clock))
    }))
})

/**
 * Ways to run a program on PostHog in tests, and what always has to hold.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert } from "@effect/vitest"
import { Effect, Layer, Stream, TestServices } from "effect"
import { PostHog, type PostHogConfig, type PostHogError } from "effect-posthog"
import type { FakeClient } from "./fakeClient.js"
import type { Sink } from "./sink.js"

export const apiKey = "phc_test"

/**
 * The default instance on a fake client; under TestClock if the test is. Does not take its time to close, because with a clock
 * that stands still a test that fails would hang instead.
 */
export const onFake = (client: FakeClient, options: PostHogConfig.Options = {}) =>
  PostHog.layer({ apiKey, shutdownTimeout: 0, ...options }).pipe(Layer.provide(client.layer), Layer.orDie)

/** The default instance on a sink, over real sockets. */
export const onSink = (sink: Sink, options: PostHogConfig.Options = {}) =>
  PostHog.layer({ apiKey, host: sink.url, ...options }).pipe(Layer.provide(FetchHttpClient.layer), Layer.orDie)

/** Runs an effect with the real clock inside a test that has TestClock. */
export const live = TestServices.provideLive

export const sum = (dropped: PostHog.Stats["dropped"]): number =>
  Object.values(dropped).reduce((total, count) => total + count, 0)

/** The promise that is behind all others: nothing is lost silently. */
export const assertAddsUp = (stats: PostHog.Stats): void => {
  assert.strictEqual(
    stats.accepted + stats.recovered,
    stats.queued + stats.inFlight + stats.delivered + sum(stats.dropped) + stats.stored,
    JSON.stringify(stats)
  )
}

/** Statistics that add up. */
export const stats = Effect.tap(PostHog.stats, (stats) => Effect.sync(() => assertAddsUp(stats)))

/** Lets forked fibers get to where they wait. */
export const settle = Effect.repeat(Effect.yieldNow(), { times: 100 })

/** Collects diagnostics from now on. */
export const collectDiagnostics = Effect.gen(function*() {
  const collected: Array<PostHogError.Diagnostic> = []
  yield* PostHog.diagnostics.pipe(
    Stream.runForEach((diagnostic) => Effect.sync(() => collected.push(diagnostic))),
    Effect.forkScoped
  )
  yield* settle
  return collected
})

export const captureMany = (count: number, from = 0) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => from + i),
    (i) => PostHog.capture(`event ${i}`, { i }, { distinctId: `user_${i}` }),
    { discard: true }
  )

export const names = (events: ReadonlyArray<{ readonly event: string }>): ReadonlyArray<string> =>
  events.map((event) => event.event)

export const range = (count: number, from = 0): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `event ${from + i}`)

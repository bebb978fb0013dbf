/**
 * A program that asks a server which answers without an end for everything there is to ask. Run by smallHeap.test.ts in a process with a small heap.
 */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer, Logger, LogLevel } from "effect"
import { FeatureFlags, LocalEvaluation, PostHog, PostHogClient } from "effect-posthog"

const [, , client, host] = process.argv

const Here = LocalEvaluation.layer().pipe(
  Layer.provideMerge(
    PostHog.layer({
      apiKey: "phc_test",
      secretKey: "phs_test",
      host: host!,
      featureFlagsRequestTimeout: "1 hour",
      maxRetries: 0
    })
  ),
  Layer.provide(client === "fetch" ? FetchHttpClient.layer : PostHogClient.layer)
)

const program = Effect.gen(function*() {
  for (let i = 0; i < 3; i++) {
    yield* Effect.either(PostHog.captureNow("event", {}, { distinctId: "u" }))
    yield* FeatureFlags.evaluate({ distinctId: `user_${i}` })
    yield* Effect.either(LocalEvaluation.reload)
  }
})

await Effect.runPromise(
  program.pipe(Effect.provide(Here), Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
)
// Text that was read is on the heap, and bytes are not.
console.log(process.resourceUsage().maxRSS < 700 * 1024 ? "survived" : `${process.resourceUsage().maxRSS} kB`)

/**
 * What has to hold on every runtime, with nothing but what all of them have. Each check gets the address of a sink, and gives what
 * runtimes.test.ts compares with what arrived there.
 */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer } from "effect"
import { ErrorTracking, FeatureFlags, PostHog, type PostHogConfig, PostHogServerless } from "effect-posthog"

const on = (host: string, options: PostHogConfig.Options = {}) =>
  PostHog.layer({ apiKey: "phc_portable", host, ...options }).pipe(Layer.provide(FetchHttpClient.layer))

const captureMany = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => i),
    (i) => PostHog.capture(`event ${i}`, { text: "x".repeat(100) }, { distinctId: "u" }),
    { discard: true }
  )

export const checks = {
  "captured events are acknowledged by a flush": (host: string) =>
    Effect.zipRight(captureMany(5), PostHog.flush).pipe(Effect.provide(on(host))),

  "closing sends what is queued": (host: string) => captureMany(5).pipe(Effect.provide(on(host))),

  "a flush does the sending where nothing else does": (host: string) =>
    captureMany(5).pipe(
      PostHogServerless.withFlush({ timeout: "1 minute" }),
      Effect.zipRight(PostHog.stats),
      Effect.map(({ delivered, queued }) => ({ delivered, queued })),
      Effect.provide(on(host, { background: false }))
    ),

  "large bodies are compressed": (host: string) => captureMany(100).pipe(Effect.provide(on(host))),

  "contexts of concurrent fibers do not mix": (host: string) =>
    Effect.forEach(
      Array.from({ length: 20 }, (_, i) => i),
      (i) =>
        PostHog.capture("before", { i }).pipe(
          Effect.zipRight(Effect.sleep(1)),
          Effect.zipRight(PostHog.capture("after", { i })),
          PostHog.withDistinctId(`user_${i}`)
        ),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.provide(on(host))),

  "flags are evaluated, and their use is told": (host: string) =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "ada" })
      return [yield* flags.isEnabled("beta"), yield* flags.isEnabled("gamma")]
    }).pipe(Effect.provide(on(host))),

  "errors arrive with their frames": (host: string) =>
    ErrorTracking.captureErrors(Effect.fail(new RangeError("no such page"))).pipe(
      Effect.ignore,
      Effect.provide(on(host))
    ),

  "a server that is gone is a typed error": () =>
    captureMany(1).pipe(
      Effect.zipRight(Effect.flip(PostHog.flush)),
      Effect.map((error) => "reason" in error ? error.reason : String(error)),
      Effect.provide(on("http://127.0.0.1:1", { maxRetries: 0 }))
    )
}

export type Check = keyof typeof checks

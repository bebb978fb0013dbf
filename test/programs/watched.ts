/** What a program needs so that its process is observed. Made into a file that plain scripts import. */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer } from "effect"
import { ErrorTracking, PostHog } from "effect-posthog"

/** Observes this process from now on. */
export const watch = (host: string): Promise<void> =>
  new Promise((resolve) => {
    const layer = ErrorTracking.layerProcess().pipe(
      Layer.provide(PostHog.layer({ apiKey: "phc_test", host })),
      Layer.provide(FetchHttpClient.layer)
    )
    void Effect.runPromise(
      Effect.scoped(Layer.build(layer).pipe(Effect.zipRight(Effect.sync(resolve)), Effect.zipRight(Effect.never)))
    )
  })

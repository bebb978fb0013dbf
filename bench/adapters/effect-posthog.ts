/** This library, with its defaults. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as ErrorTracking from "effect-posthog/ErrorTracking"
import * as FeatureFlags from "effect-posthog/FeatureFlags"
import * as PostHog from "effect-posthog/PostHog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { flagKeys, groups, properties, run, scenario } from "../scenario.js"

await run(async () => {
  const runtime = ManagedRuntime.make(
    PostHog.layer({
      apiKey: "phc_bench",
      host: scenario.host,
      sourceContext: scenario.sourceLines !== false,
      ...(scenario.quiet === true ? { flushAt: 1e9, flushInterval: "1 hour", maxBatchBytes: 1e9 } : undefined)
    }).pipe(Layer.provide(FetchHttpClient.layer))
  )
  await runtime.runtime()
  const capture = (index: number) =>
    PostHog.capture("order completed", properties(index), { distinctId: `user_${index}`, groups })
  return {
    captureAll: (count) => {
      let index = 0
      return runtime.runPromise(Effect.whileLoop({
        while: () => index < count,
        body: () => capture(index),
        step: () => {
          index++
        }
      }))
    },
    captureTimed: (index) =>
      runtime.runSync(Effect.suspend(() => {
        const begin = process.hrtime.bigint()
        return Effect.map(capture(index), () => Number(process.hrtime.bigint() - begin))
      })),
    flush: () => runtime.runPromise(Effect.ignore(PostHog.flush)),
    close: () => runtime.dispose(),
    captureError: (error) => runtime.runSync(ErrorTracking.capture(error, { distinctId: "user" })),
    readFlags: async () => {
      const snapshot = await runtime.runPromise(FeatureFlags.evaluate({ distinctId: "user" }))
      return (count) => {
        let index = 0
        return runtime.runPromise(Effect.whileLoop({
          while: () => index < count,
          body: () => snapshot.isEnabled(flagKeys[index % flagKeys.length]!),
          step: () => {
            index++
          }
        }))
      }
    }
  }
})

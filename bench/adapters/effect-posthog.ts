/** This library, with its defaults. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as ErrorTracking from "effect-posthog/ErrorTracking"
import * as FeatureFlags from "effect-posthog/FeatureFlags"
import * as LocalEvaluation from "effect-posthog/LocalEvaluation"
import * as PostHog from "effect-posthog/PostHog"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import { user } from "../definitions.js"
import { type EvaluateLocally, flagKeys, run, scenario } from "../scenario.js"
import { capturing } from "./capturing.js"

/** The pure functions alone. */
const evaluatePurely = async (): Promise<EvaluateLocally> => {
  const response = await fetch(`${scenario.host}/flags/definitions`)
  const definitions = Option.getOrThrow(LocalEvaluation.compile(await response.json()))
  return async (count, flagKeys) => {
    let result = LocalEvaluation.evaluate(definitions, user, { now: Date.now(), flagKeys })
    for (let index = 1; index < count; index++) {
      result = LocalEvaluation.evaluate(definitions, user, { now: Date.now(), flagKeys })
    }
    return Object.fromEntries(Array.from(result.flags, ([key, { value }]) => [key, value]))
  }
}

await run(async () => {
  const runtime = ManagedRuntime.make(
    PostHog.layer({
      apiKey: "phc_bench",
      host: scenario.host,
      captureMode: scenario.captureV1 === true ? "v1" : "v0",
      sourceContext: scenario.sourceLines !== false,
      ...(scenario.quiet === true ? { flushAt: 1e9, flushInterval: "1 hour", maxBatchBytes: 1e9 } : undefined)
    }).pipe(Layer.provide(FetchHttpClient.layer))
  )
  await runtime.runPromise(Effect.void)
  return {
    ...capturing(runtime),
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
    },
    evaluateLocally: async () => {
      if (scenario.pure === true) return evaluatePurely()
      const local = ManagedRuntime.make(
        LocalEvaluation.layer().pipe(
          Layer.provideMerge(PostHog.layer({ apiKey: "phc_bench", secretKey: "phs_bench", host: scenario.host })),
          Layer.provide(FetchHttpClient.layer)
        )
      )
      await local.runPromise(LocalEvaluation.awaitReady())
      return async (count, flagKeys) => {
        const evaluate = FeatureFlags.evaluate({ ...user, flagKeys, onlyLocally: true })
        let index = 0
        let values: Readonly<Record<string, unknown>> = {}
        await local.runPromise(Effect.whileLoop({
          while: () => index < count,
          body: () => evaluate,
          step: (snapshot) => {
            values = snapshot.values
            index++
          }
        }))
        return values
      }
    }
  }
})

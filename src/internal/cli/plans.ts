/**
 * The commands about tracking plans and flags, as a promise: in a module of its own, so that the entry point loads
 * Effect only for them.
 */
import * as Effect from "effect/Effect"
import { layer } from "../../PostHogClient.js"
import { type Platform, run, type Values } from "./run.js"
import type { Told } from "./usage.js"

/** Runs a command, and gives its exit code. */
export const runPlans = (told: Told, values: Values, platform: Platform): Promise<number> =>
  Effect.runPromise(
    run(told, values, platform).pipe(
      Effect.provide(layer),
      Effect.catchAll((error) =>
        Effect.sync(() => {
          platform.say(error.message)
          return 2
        })
      )
    )
  )

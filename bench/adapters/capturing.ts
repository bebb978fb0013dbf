/** How adapters on a runtime of this library capture the event of every benchmark. */
import * as PostHog from "effect-posthog/PostHog"
import * as Effect from "effect/Effect"
import type * as ManagedRuntime from "effect/ManagedRuntime"
import { groups, type Implementation, properties } from "../scenario.js"

/** One event, by its name. */
const byName = (index: number) =>
  PostHog.capture("order completed", properties(index), { distinctId: `user_${index}`, groups })

/** All that an adapter has to do with events. */
export const capturing = <E>(
  runtime: ManagedRuntime.ManagedRuntime<PostHog.PostHog, E>,
  capture: (index: number) => Effect.Effect<void, never, PostHog.PostHog> = byName
): Pick<Implementation, "captureAll" | "captureTimed" | "flush"> => ({
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
  flush: () => runtime.runPromise(Effect.ignore(PostHog.flush))
})

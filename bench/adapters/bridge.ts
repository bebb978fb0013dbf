/** This library from code without Effect: the plain call of a bridge, or a fiber for each event. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as PostHog from "effect-posthog/PostHog"
import * as PostHogBridge from "effect-posthog/PostHogBridge"
import * as Layer from "effect/Layer"
import { groups, properties, run, scenario } from "../scenario.js"

await run(async () => {
  const bridge = await PostHogBridge.make(
    PostHog.layer({
      apiKey: "phc_bench",
      host: scenario.host,
      ...(scenario.quiet === true ? { flushAt: 1e9, flushInterval: "1 hour", maxBatchBytes: 1e9 } : undefined)
    }).pipe(Layer.provide(FetchHttpClient.layer))
  )
  const capture = (index: number): void => {
    const options = { distinctId: `user_${index}`, groups }
    if (scenario.pure === true) void bridge.run(PostHog.capture("order completed", properties(index), options))
    else bridge.capture("order completed", properties(index), options)
  }
  return {
    captureAll: async (count) => {
      for (let index = 0; index < count; index++) capture(index)
    },
    captureTimed: (index) => {
      const begin = process.hrtime.bigint()
      capture(index)
      return Number(process.hrtime.bigint() - begin)
    },
    flush: () => bridge.run(PostHog.flush).then(() => undefined, () => undefined),
    close: () => bridge.close()
  }
})

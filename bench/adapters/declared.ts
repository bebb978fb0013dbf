/** This library, with an event that was declared. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as PostHog from "effect-posthog/PostHog"
import * as PostHogEvent from "effect-posthog/PostHogEvent"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { groups, properties, run, scenario } from "../scenario.js"
import { capturing } from "./capturing.js"

const OrderCompleted = PostHogEvent.make("order completed", {
  order_id: Schema.String,
  total: Schema.Number,
  currency: Schema.String,
  items: Schema.Number,
  coupon: Schema.NullOr(Schema.String),
  first_order: Schema.Boolean,
  path: Schema.String,
  plan: Schema.Literal("free", "pro")
})

const capture = (index: number) =>
  PostHog.capture(OrderCompleted, { ...properties(index), plan: "pro" }, { distinctId: `user_${index}`, groups })

await run(async () => {
  const runtime = ManagedRuntime.make(
    PostHog.layer({
      apiKey: "phc_bench",
      host: scenario.host,
      ...(scenario.quiet === true ? { flushAt: 1e9, flushInterval: "1 hour", maxBatchBytes: 1e9 } : undefined)
    }).pipe(Layer.provide(FetchHttpClient.layer))
  )
  await runtime.runPromise(Effect.void)
  return { ...capturing(runtime, capture), close: () => runtime.dispose() }
})

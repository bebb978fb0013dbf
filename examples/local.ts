/**
 * A PostHog on this machine: what arrives, what is refused and why, flags, and what becomes of events while it misbehaves.
 *
 *   tsx examples/local.ts
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Logger, LogLevel } from "effect"
import { FeatureFlag, FeatureFlags, PostHog } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"

const Checkout = FeatureFlag.variants("checkout", ["control", "fast"], { default: "control" })

const order = (id: number) =>
  Effect.gen(function*() {
    const flags = yield* FeatureFlags.evaluate({ flagKeys: [Checkout] })
    yield* PostHog.capture("order completed", { id }, { flags })
  })

const program = Effect.gen(function*() {
  yield* Console.log("An order, with the flag that it was made under:")
  yield* PostHogServer.setFlags([PostHogServer.override(Checkout, "fast")])
  yield* order(1)
  const [first] = yield* PostHogServer.waitFor("order completed")
  yield* Console.log(`  ${first?.distinct_id}: ${first?.event} ${first?.properties["$feature/checkout"]}`)

  yield* Console.log("PostHog is busy, and then takes an order whose answer is lost:")
  yield* order(2).pipe(
    PostHogServer.failing(PostHogServer.status(503), { on: "events", times: 1 })
  )
  yield* PostHogServer.fail(PostHogServer.reset("after"), { on: "events", times: 1 })
  yield* order(3)
  yield* PostHogServer.waitFor("order completed", { count: 3, within: "30 seconds" })
  yield* PostHog.flush
  for (const { event, properties } of yield* PostHogServer.events) {
    if (event === "order completed") yield* Console.log(`  order ${properties.id}`)
  }

  yield* Console.log("An event that PostHog refuses, of a program in another language:")
  const url = yield* PostHogServer.url
  yield* Effect.promise(() =>
    fetch(`${url}/batch/`, {
      method: "POST",
      body: JSON.stringify({ api_key: "phc_local", batch: [{ event: "order paid", properties: { id: 1 } }] })
    })
  )
  for (const { event, reason } of yield* PostHogServer.refused) yield* Console.log(`  ${event}: ${reason}`)

  yield* Console.log("Waiting for what does not come:")
  const error = yield* Effect.flip(PostHogServer.waitFor("Order Completed", { within: "100 millis" }))
  yield* Console.log(error.message.replace(/^/gm, "  "))
}).pipe(PostHog.withDistinctId("ada"))

NodeRuntime.runMain(
  Effect.provide(program, Layer.merge(PostHogServer.layerTest(), Logger.minimumLogLevel(LogLevel.None)))
)

/**
 * A member of a fleet, run by test/fleet in a process of its own. Says `taken` when it works on something.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { createClient } from "@redis/client"
import { Effect, Layer, ManagedRuntime } from "effect"
import { DurableOutbox, PostHog } from "effect-posthog"

const [, , way, port, host = ""] = process.argv

const client = createClient({ url: `redis://127.0.0.1:${port}`, disableOfflineQueue: true })
client.on("error", () => {})
await client.connect()
// The connection is the program's, and so is whether it keeps the process.
client.unref()

const runtime = ManagedRuntime.make(
  PostHog.layer({
    apiKey: "phc_test",
    host,
    flushInterval: "20 millis",
    ...(way === "stand" ? { maxConcurrentRequests: 1, maxBatchSize: 5, requestTimeout: "1 second" } as const : {})
  }).pipe(
    Layer.provide(
      DurableOutbox.layerRedis({
        send: (parts) => client.sendCommand(parts),
        pollInterval: "20 millis",
        claimAfter: "400 millis"
      })
    ),
    Layer.provide(FetchHttpClient.layer)
  )
)

const untilTaken: Effect.Effect<void, never, PostHog.PostHog> = Effect.flatMap(
  PostHog.stats,
  ({ inFlight, recovered }) =>
    recovered > 0 && inFlight > 0 ? Effect.void : Effect.zipRight(Effect.sleep(5), Effect.suspend(() => untilTaken))
)

const untilEmpty: Effect.Effect<PostHog.Stats, never, PostHog.PostHog> = Effect.flatMap(
  PostHog.stats,
  (stats) =>
    stats.inFlight + stats.queued === 0
      ? Effect.succeed(stats)
      : Effect.zipRight(Effect.sleep(5), Effect.suspend(() => untilEmpty))
)

switch (way) {
  case "hold":
    await runtime.runPromise(untilTaken)
    process.stdout.write("taken\n")
    break
  case "stand": {
    // Stopped from outside while it holds events; afterwards it says how the numbers are once nothing is left.
    await runtime.runPromise(untilTaken)
    process.stdout.write("taken\n")
    const { delivered, dropped, inFlight, queued, recovered, stored } = await runtime.runPromise(untilEmpty)
    process.stdout.write(`${JSON.stringify({ delivered, dropped, inFlight, queued, recovered, stored })}\n`)
    process.exit()
  }
  case "idle":
    // Nothing to do, and nobody disposes of the runtime: the process ends by itself.
    await runtime.runPromise(PostHog.stats)
    process.stdout.write("idle\n")
}

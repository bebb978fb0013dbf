/**
 * A web server that only stores its events, and a worker that sends them: two instances on one Redis. The server has
 * ended before the worker begins, and nothing is lost.
 *
 *   REDIS_URL=redis://localhost:6379 npx tsx examples/fleet.ts      with a PostHog inside this program
 *
 * With POSTHOG_API_KEY the events go to yours.
 */
import { NodeRuntime } from "@effect/platform-node"
import { createClient } from "@redis/client"
import { Config, Console, Effect, Layer, Option, Redacted, Schedule } from "effect"
import { DurableOutbox, PostHog, PostHogClient, type PostHogConfig } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"

/**
 * A connection that fails while Redis is away, and does not keep commands for later. An example is over when there is no
 * Redis; a program of yours leaves `socket` out, and connects again.
 */
const connect = (url: string) =>
  Effect.acquireRelease(
    Effect.tryPromise(async () => {
      const client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: false } })
      // A Redis that goes away is told by the instance, as a diagnostic.
      client.on("error", () => {})
      await client.connect()
      return client
    }),
    (client) => Effect.sync(() => client.destroy())
  )

type Settings = Pick<PostHogConfig.Options, "apiKey" | "host">

const member = (url: string, settings: Settings, deliver: boolean) =>
  PostHog.layer(settings).pipe(
    Layer.provide(Layer.unwrapScoped(Effect.map(connect(url), (client) =>
      // A stream of its own, so that what a fleet of yours has in this Redis stays alone.
      DurableOutbox.layerRedis({
        send: (parts) => client.sendCommand(parts),
        stream: "effect-posthog-example:",
        deliver
      })))),
    Layer.provide(PostHogClient.layer)
  )

/** Stores, and ends. */
const server = Effect.gen(function*() {
  for (const user of ["ada", "grace", "barbara"]) {
    yield* PostHog.capture("order viewed", {}, { distinctId: user })
    // Who has paid must be counted: this waits until the event is in Redis.
    yield* PostHog.captureDurable("order completed", { total: 42 }, { distinctId: user })
  }
  yield* PostHog.flush
  const { delivered, stored } = yield* PostHog.stats
  yield* Console.log(`server: ${stored} stored, ${delivered} delivered`)
})

/** Sends what others have stored. One of yours goes on for ever: `Layer.launch`. This one ends when all is sent. */
const worker = Effect.gen(function*() {
  yield* PostHog.stats.pipe(
    Effect.repeat({ schedule: Schedule.spaced("50 millis"), until: ({ delivered }) => delivered >= 6 })
  )
  const { delivered, recovered } = yield* PostHog.stats
  yield* Console.log(`worker: ${recovered} taken over, ${delivered} delivered`)
})

const fleet = (url: string, settings: Settings) =>
  Effect.zipRight(
    Effect.provide(server, member(url, settings, false)),
    Effect.provide(worker, member(url, settings, true))
  )

/** With a PostHog on this machine. */
const local = (url: string) =>
  Effect.gen(function*() {
    const host = yield* PostHogServer.url
    yield* fleet(url, { apiKey: Redacted.make("phc_fleet"), host })
    for (const { distinct_id, event } of yield* PostHogServer.events) {
      yield* Console.log(`PostHog: ${event} of ${distinct_id}`)
    }
  })

const main = Effect.gen(function*() {
  const url = yield* Config.withDefault(Config.string("REDIS_URL"), "")
  if (url === "") {
    return yield* Console.log("This example needs a Redis: set REDIS_URL, such as redis://localhost:6379.")
  }
  const apiKey = yield* Config.option(Config.redacted("POSTHOG_API_KEY"))
  if (Option.isSome(apiKey)) {
    return yield* fleet(url, { apiKey: apiKey.value, host: process.env.POSTHOG_HOST })
  }
  yield* Effect.provide(local(url), PostHogServer.layer())
})

NodeRuntime.runMain(main)

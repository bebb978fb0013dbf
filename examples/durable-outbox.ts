/**
 * A shop that is killed while PostHog cannot be reached, and started again: nothing is lost.
 *
 *   npx tsx examples/durable-outbox.ts                            with a PostHog inside this program
 *   POSTHOG_API_KEY=phc_… npx tsx examples/durable-outbox.ts      with yours
 */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Redacted, Schedule } from "effect"
import { DurableOutbox, PostHog, PostHogClient } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** Both processes have the directory, the host and the key in common: by these the events of the first one are found. */
const shop = (directory: string, apiKey: string, host: string | undefined) =>
  PostHog.layer({ apiKey: Redacted.make(apiKey), host }).pipe(
    Layer.provide(DurableOutbox.layerFile({ directory })),
    Layer.provide(PostHogClient.layer)
  )

/** Sells until it is killed. */
const selling = Effect.gen(function*() {
  for (const user of ["ada", "grace", "barbara"]) {
    yield* PostHog.capture("product viewed", {}, { distinctId: user })
    // Who has paid must be counted: this waits until the event is on the disk.
    yield* PostHog.captureDurable("order completed", { total: 42 }, { distinctId: user })
  }
  process.send!("sold")
  return yield* Effect.never
})

const killed = (directory: string, apiKey: string, host: string | undefined) =>
  Effect.async<void>((resume) => {
    const env = {
      ...process.env,
      POSTHOG_API_KEY: apiKey,
      ...(host === undefined ? undefined : { POSTHOG_HOST: host })
    }
    const child = fork(fileURLToPath(import.meta.url), [directory], { env })
    child.once("message", () => child.kill("SIGKILL"))
    child.once("close", (_, signal) => resume(Console.log(`the shop has ended by ${signal}`)))
  })

/** Sends what was left, and ends. One of yours does so beside its work. */
const startedAgain = Effect.gen(function*() {
  const { recovered } = yield* PostHog.stats
  yield* Console.log(`the next one has taken over ${recovered} events`)
  yield* PostHog.flush.pipe(Effect.retry(Schedule.recurs(3)), Effect.ignore)
  const { delivered, stored } = yield* PostHog.stats
  yield* Console.log(`${delivered} delivered, ${stored} still stored`)
})

const main = Effect.gen(function*() {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "shop-"))),
    (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
  )
  const given = yield* Config.option(Config.string("POSTHOG_API_KEY"))
  const url = yield* PostHogServer.url
  const [apiKey, host] = Option.match(given, {
    onNone: () => ["phc_shop", url] as const,
    onSome: (apiKey) => [apiKey, process.env.POSTHOG_HOST] as const
  })
  // Nobody answers for now.
  yield* killed(directory, apiKey, host).pipe(PostHogServer.failing(PostHogServer.silent))
  yield* Effect.provide(startedAgain, shop(directory, apiKey, host))
  for (const { distinct_id, event } of yield* PostHogServer.events) {
    yield* Console.log(`PostHog: ${event} of ${distinct_id}`)
  }
}).pipe(Effect.scoped, Effect.provide(PostHogServer.layer()))

const [, , directory] = process.argv
const { POSTHOG_API_KEY, POSTHOG_HOST } = process.env
NodeRuntime.runMain(
  directory === undefined ? main : Effect.provide(selling, shop(directory, POSTHOG_API_KEY ?? "", POSTHOG_HOST))
)

/**
 * A shop and the worker that does its jobs, in two processes: what the worker captures belongs to the user for whom the job was
 * queued.
 *
 *   npx tsx examples/queue-worker.ts                            with a PostHog inside this program
 *   POSTHOG_API_KEY=phc_… npx tsx examples/queue-worker.ts      with yours
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Data, Deferred, Effect, Layer, Redacted } from "effect"
import { PostHog, PostHogBridge, PostHogClient } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

/** What travels from one process to the other, as JSON. */
interface Job {
  readonly order: string
  readonly posthog: PostHog.Carrier
}

class NoStock extends Data.TaggedError("NoStock")<{ readonly order: string }> {}

const here = (apiKey: string, host: string | undefined) =>
  PostHog.layer({ apiKey: Redacted.make(apiKey), host, globalProperties: { process: process.pid } }).pipe(
    Layer.provide(PostHogClient.layer)
  )

// ---- The worker

const handle = ({ order, posthog }: Job) =>
  Effect.gen(function*() {
    if (order === "ord_2") return yield* new NoStock({ order })
    yield* PostHog.capture("receipt sent", { order })
  }).pipe(
    Effect.catchTag("NoStock", ({ order }) => PostHog.capture("order delayed", { order })),
    // Inside of what the shop said, so that this is said by the worker.
    PostHog.withContext({ properties: { service: "worker" } }),
    PostHog.withCarrier(posthog)
  )

const worker = Effect.gen(function*() {
  const end = yield* Deferred.make<void>()
  // Jobs come from an emitter here; with a queue it is the same call around whatever is taken from it.
  process.on(
    "message",
    yield* PostHogBridge.listener((message: Job | "end") =>
      message === "end" ? Deferred.succeed(end, undefined) : handle(message)
    )
  )
  process.send!("ready")
  yield* Deferred.await(end)
  process.disconnect()
}).pipe(Effect.scoped)

// ---- The shop

const order = (user: string, order: string, enqueue: (job: Job) => void) =>
  Effect.gen(function*() {
    yield* PostHog.capture("order placed", { order })
    const posthog = yield* PostHog.toCarrier
    enqueue({ order, posthog })
  }).pipe(
    PostHog.withContext({
      distinctId: user,
      sessionId: `session-${user}`,
      groups: { company: `${user}-inc` },
      properties: { service: "shop" }
    })
  )

const shop = (apiKey: string, host: string | undefined) =>
  Effect.gen(function*() {
    const child = fork(fileURLToPath(import.meta.url), ["worker"], {
      execArgv: ["--import", "tsx"],
      env: { ...process.env, POSTHOG_API_KEY: apiKey, ...(host === undefined ? undefined : { POSTHOG_HOST: host }) }
    })
    const ended = new Promise((resolve) => child.once("exit", resolve))
    yield* Effect.promise(() => new Promise((resolve) => child.once("message", resolve)))
    yield* Effect.forEach(
      ["ada", "grace", "barbara"],
      (user, index) => order(user, `ord_${index + 1}`, (job) => child.send(job)),
      { concurrency: "unbounded" }
    )
    child.send("end")
    yield* Effect.promise(() => ended)
  }).pipe(Effect.provide(here(apiKey, host)))

const { POSTHOG_API_KEY, POSTHOG_HOST } = process.env

const main = process.argv[2] === "worker"
  ? Effect.provide(worker, here(POSTHOG_API_KEY ?? "", POSTHOG_HOST))
  : POSTHOG_API_KEY !== undefined
  ? shop(POSTHOG_API_KEY, POSTHOG_HOST)
  : Effect.gen(function*() {
    yield* shop("phc_shop", yield* PostHogServer.url)
    for (const { distinct_id, event, properties } of yield* PostHogServer.events) {
      const { $groups, $session_id, order, service } = properties
      yield* Console.log(`${service}: ${event} ${order} (${distinct_id}, ${$session_id}, ${$groups.company})`)
    }
  }).pipe(Effect.provide(PostHogServer.layer()))

NodeRuntime.runMain(main)

/**
 * Flags without a request per user: definitions that are loaded once, a fleet that shares them in files, a change that arrives, and a
 * cold start while PostHog is down. PostHog runs inside this program, and counts what it is asked.
 *
 *   npx tsx examples/local-evaluation.ts
 */
import { FileSystem, KeyValueStore } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Logger, LogLevel, Stream } from "effect"
import { FeatureFlags, FlagDefinitionStore, LocalEvaluation, PostHog, PostHogClient } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"

// ---- What the team has set up in PostHog

const forPlan = (plan: string) => ({
  groups: [{ properties: [{ key: "plan", type: "person", operator: "exact", value: [plan] }], rollout_percentage: 100 }]
})

const newCheckout = { id: 1, key: "new-checkout", active: true, filters: forPlan("pro") }
const banner = {
  id: 2,
  key: "banner",
  active: true,
  filters: { groups: [{ properties: [], rollout_percentage: 100 }] }
}
// Stays what it was before the user logged in: only PostHog can say what that is.
const sticky = {
  id: 3,
  key: "sticky",
  active: true,
  ensure_experience_continuity: true,
  filters: { ...banner.filters, multivariate: { variants: [{ key: "blue", rollout_percentage: 100 }] } }
}

// ---- The program

/** The flags of a user, with where each value comes from. */
const show = (distinctId: string, plan: string) =>
  Effect.gen(function*() {
    const flags = yield* FeatureFlags.evaluate({ distinctId, personProperties: { plan } })
    const values = flags.keys.map((key) => `${key}=${String(flags.values[key])} (${flags.details(key)?.source})`)
    yield* Console.log(`  ${distinctId}: ${values.join(", ")}`)
  })

const program = Effect.gen(function*() {
  const url = yield* PostHogServer.url
  const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()

  const Store = FlagDefinitionStore.layerKeyValueStore.pipe(Layer.provide(KeyValueStore.layerFileSystem(folder)))

  /** One process of the fleet. */
  const worker = (host: string) =>
    LocalEvaluation.layer({ pollingInterval: "manual" }).pipe(
      Layer.provide(Store),
      Layer.provideMerge(PostHog.layer({
        apiKey: "phc_local",
        secretKey: "phs_local",
        host,
        sendFeatureFlagEvents: false
      }))
    )

  const asked = Effect.flatMap(PostHogServer.requests, (requests) => {
    const count = (target: PostHogServer.Target) => requests.filter((request) => request.target === target).length
    return Console.log(`  PostHog was asked for definitions ${count("definitions")}×, for a user ${count("flags")}×`)
  })

  yield* Effect.gen(function*() {
    yield* Console.log("A worker:")
    yield* show("ada", "pro")
    yield* show("grace", "free")
    yield* asked

    yield* Console.log("Why is the new checkout off for grace, and does asking that cost a request?")
    const why = yield* LocalEvaluation.explain("new-checkout", {
      distinctId: "grace",
      personProperties: { plan: "free" }
    })
    yield* Console.log(`  ${LocalEvaluation.explanationText(why)}`)
    yield* asked

    yield* Console.log("A second worker, which shares the definitions:")
    yield* show("barbara", "pro").pipe(Effect.provide(worker(url)))
    yield* asked

    yield* Console.log("A flag that only PostHog can evaluate is added:")
    yield* PostHogServer.setDefinitions({ flags: [newCheckout, banner, sticky] })
    yield* LocalEvaluation.reload
    yield* LocalEvaluation.changes.pipe(
      Stream.take(1),
      Stream.runForEach(({ keys }) => Console.log(`  defined now: ${keys.join(", ")}`))
    )
    yield* show("ada", "pro")
    yield* asked

    yield* Console.log("The same without asking:")
    const flags = yield* FeatureFlags.evaluate({ distinctId: "ada", onlyLocally: true })
    for (const [key, reason] of Object.entries(flags.unresolved)) yield* Console.log(`  ${key}: ${reason}`)
  }).pipe(Effect.provide(worker(url)))

  yield* Console.log("A cold start while PostHog is down:")
  yield* show("ada", "pro").pipe(
    Effect.provide(worker(url)),
    PostHogServer.failing(PostHogServer.status(503))
  )
}).pipe(Effect.scoped)

NodeRuntime.runMain(
  program.pipe(
    Effect.provide(Layer.mergeAll(
      PostHogServer.layer({ definitions: { flags: [newCheckout, banner] } }),
      PostHogClient.layer,
      NodeContext.layer,
      Logger.minimumLogLevel(LogLevel.None)
    ))
  )
)

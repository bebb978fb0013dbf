/**
 * Feature flags in a small program: flags as values, both ways to put them on events, an outage, and a check of the list of flags.
 *
 *   npx tsx examples/feature-flags.ts                            with a PostHog inside this program
 *   POSTHOG_API_KEY=phc_… npx tsx examples/feature-flags.ts      with the flags of your project
 */
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Logger, LogLevel, Option, Schema } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogClient, PostHogConfig } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"

// ---- The flags of the program, in one list

const Checkout = FeatureFlag.variants("checkout", ["control", "fast"], { owner: "shop" })

const Banner = FeatureFlag.boolean("banner", { owner: "marketing" }).payload(Schema.Struct({ text: Schema.String }))

const OldReceipt = FeatureFlag.boolean("old-receipt", { expires: new Date("2026-01-01") })

const flags = [Checkout, Banner, OldReceipt]

// ---- A request of the shop

const request = Effect.gen(function*() {
  const snapshot = yield* FeatureFlags.evaluate()

  if (yield* snapshot.isEnabled(Banner)) {
    const banner = yield* snapshot.payload(Banner)
    yield* Console.log(`  banner: ${Option.match(banner, { onNone: () => "empty", onSome: ({ text }) => text })}`)
  }

  // Events of this region carry all flags.
  yield* FeatureFlags.match(Checkout, {
    control: Console.log("  the usual checkout"),
    fast: Console.log("  the fast checkout"),
    false: Console.log("  no part of the experiment")
  }).pipe(Effect.zipRight(PostHog.capture("order viewed")), FeatureFlags.withSnapshot(snapshot))

  // This one only those that were looked at.
  yield* PostHog.capture("order completed", { total: 42 }, { flags: snapshot.onlyAccessed() })
})

const program = Effect.gen(function*() {
  for (const user of ["ada", "grace"]) {
    yield* Console.log(`${user}:`)
    yield* request.pipe(PostHog.withDistinctId(user))
  }

  yield* Console.log("A flag that is required:")
  yield* Console.log("  for grace").pipe(
    FeatureFlags.require(Banner, { distinctId: "grace" }),
    Effect.catchTag("FlagDisabled", (error) => Console.log(`  ${error.message}`))
  )

  yield* Console.log("The list of flags, compared with PostHog:")
  const findings = yield* FeatureFlags.verify(flags, { distinctId: "ada" })
  for (const finding of findings) {
    yield* Console.log(`  ${finding._tag}: ${"flag" in finding ? finding.flag.key : finding.key}`)
  }
})

const PostHogHere = Layer.unwrapScoped(Effect.gen(function*() {
  const options = yield* PostHogConfig.config
  if (options.apiKey !== undefined) return PostHog.layer(options)
  const { url } = yield* PostHogServer.make({
    flags: [
      PostHogServer.override("checkout", "control"),
      PostHogServer.override("banner", false),
      PostHogServer.override("old-receipt", true),
      PostHogServer.override("of-another-program", true),
      { ...PostHogServer.override("checkout", "fast"), distinctId: "ada" },
      { ...PostHogServer.override("banner", true, { text: "Hello, Ada" }), distinctId: "ada" }
    ]
  })
  return PostHog.layer({ apiKey: "phc_flags", host: url })
})).pipe(Layer.provide(PostHogClient.layer))

NodeRuntime.runMain(Effect.provide(program, Layer.merge(PostHogHere, Logger.minimumLogLevel(LogLevel.Warning))))

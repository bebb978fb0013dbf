// Several copies of the package in one process, and what must be one all the same: both formats, and the files that a bundle is made of
// beside those of Node.
import { Cause, Effect, Layer, Option } from "effect"
import * as esm from "effect-posthog"
import { deepStrictEqual, notStrictEqual, strictEqual } from "node:assert"
import { createRequire } from "node:module"
import { join } from "node:path"
import { pathToFileURL } from "node:url"

const require = createRequire(import.meta.url)
const cjs = require("effect-posthog")
const forBundlers = join(require.resolve("effect-posthog/package.json"), "../dist/esm/index.js")
const bundled = await import(pathToFileURL(forBundlers).href)
notStrictEqual(esm.PostHog.PostHog, cjs.PostHog.PostHog)
notStrictEqual(esm.PostHog.PostHog, bundled.PostHog.PostHog)

/** Each check with the copies in both orders: `a` has the layer, `b` is what the program calls. */
const checks = {
  context: (a, b) =>
    Effect.gen(function*() {
      yield* b.PostHog.capture("inner", { own: { x: 1 } }).pipe(
        a.PostHog.withContext({ distinctId: "user_1", properties: { order: { id: 7 } } })
      )
      const [event] = yield* a.PostHogTest.captured
      deepStrictEqual([event.distinct_id, event.properties.order, event.properties.own], ["user_1", { id: 7 }, {
        x: 1
      }])
      strictEqual((yield* b.PostHogTest.captured).length, 1)
    }).pipe(Effect.provide(a.TestLayer)),

  "a context that is too large": (a, b) =>
    Effect.gen(function*() {
      const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`p${i}`, "x".repeat(90_000)]))
      yield* a.PostHog.capture("inner").pipe(b.PostHog.withContext({ distinctId: "user_1", properties: many }))
      deepStrictEqual((yield* a.PostHog.stats).dropped, { too_large: 1 })
    }).pipe(Effect.provide(a.TestLayer)),

  instances: (a, b) => {
    class OfA extends a.PostHog.Instance()("Marketing") {}
    class OfB extends b.PostHog.Instance()("Marketing") {}
    return Effect.gen(function*() {
      yield* b.PostHog.capture("seen").pipe(b.PostHog.using(OfB))
      const events = yield* a.PostHogTest.captured.pipe(a.PostHog.using(OfA))
      deepStrictEqual(events.map(({ event }) => event), ["seen"])
    }).pipe(Effect.provide(a.PostHogTest.layerInstance(OfA)))
  },

  "snapshots of flags": (a, b) =>
    Effect.gen(function*() {
      yield* a.PostHogTest.setFlags([b.PostHogTest.override("beta", true)])
      const snapshot = yield* a.FeatureFlags.evaluate({ distinctId: "user_1" })
      const current = yield* b.FeatureFlags.currentSnapshot.pipe(b.FeatureFlags.withSnapshot(snapshot))
      strictEqual(Option.getOrUndefined(current), snapshot)
      yield* b.PostHog.capture("with flags").pipe(
        a.FeatureFlags.withSnapshot(snapshot),
        b.PostHog.withContext({ distinctId: "user_1" })
      )
      const event = (yield* a.PostHogTest.captured).find(({ event }) => event === "with flags")
      strictEqual(event.properties["$feature/beta"], true)
    }).pipe(Effect.provide(a.TestLayer)),

  "marks of captured errors": (a, b) =>
    Effect.gen(function*() {
      const error = new Error("once")
      yield* b.ErrorTracking.capture(error)
      yield* Effect.logError("failed", Cause.fail(error))
      strictEqual((yield* a.PostHogTest.exceptions).length, 1)
    }).pipe(
      Effect.provide(Layer.mergeAll(a.ErrorTracking.layerLogger(), b.ErrorTracking.layerLogger())),
      Effect.provide(a.TestLayer)
    ),

  "errors by their tag": (a, b) =>
    Effect.gen(function*() {
      const off = yield* Effect.succeed("on").pipe(
        b.FeatureFlags.require("missing"),
        Effect.catchTag("FlagNotFound", "FlagDisabled", (error) => Effect.succeed(error._tag))
      )
      strictEqual(["FlagNotFound", "FlagDisabled"].includes(off), true)
    }).pipe(
      a.PostHog.withContext({ distinctId: "user_1" }),
      Effect.provide(a.TestLayer)
    )
}

for (const [name, check] of Object.entries(checks)) {
  for (
    const [order, [a, b]] of Object.entries({ "ESM under CommonJS": [cjs, esm], "CommonJS under ESM": [esm, cjs] })
  ) {
    try {
      await Effect.runPromise(check(a, b))
    } catch (error) {
      console.error(`${name} (${order}):`, error)
      process.exitCode = 1
    }
  }
}
console.log("done")

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogTest } from "effect-posthog"
import { names } from "../support/posthog.js"

const Checkout = FeatureFlag.variants("checkout", ["control", "fast"])
const layer = PostHogTest.layer({
  flags: [PostHogTest.override(FeatureFlag.boolean("beta"), true), PostHogTest.override(Checkout, "fast")]
})

describe("plain flags", () => {
  it.effect("are values for code that is not Effect's, and reads of them are told once, with the context of the region", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate()
      const plain = yield* FeatureFlags.plain(flags).pipe(PostHog.withContext({ properties: { plan: "pro" } }))
      const read = () => [plain.isEnabled("beta"), plain.isEnabled("other"), plain.get(Checkout), plain.get("other")]
      assert.deepStrictEqual(yield* Effect.promise(async () => read()), [true, false, "fast", undefined])
      assert.deepStrictEqual(read(), [true, false, "fast", undefined])
      assert.strictEqual(plain.get("other", { default: "x" }), "x")
      const told = yield* PostHogTest.captured
      assert.deepStrictEqual(names(told), Array.from({ length: 3 }, () => "$feature_flag_called"))
      for (const { distinct_id, properties } of told) assert.deepEqual([distinct_id, properties.plan], ["u", "pro"])
      assert.deepStrictEqual(flags.accessed, ["beta", "checkout", "other"])
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of a region without capture are told to nobody", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      const plain = yield* PostHog.withoutCapture(FeatureFlags.plain(flags))
      assert.isTrue(plain.isEnabled("beta"))
      assert.deepStrictEqual(flags.values, { beta: true, checkout: "fast" })
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
    }).pipe(Effect.provide(layer)))
})

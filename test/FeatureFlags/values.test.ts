import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, TestClock } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogTest } from "effect-posthog"
import { called, Fast, flagsClient } from "../support/flagsClient.js"
import { onFake } from "../support/posthog.js"

describe("flags as values", () => {
  const Payload = Schema.Struct({
    color: Schema.String,
    size: Schema.optionalWith(Schema.NumberFromString, { default: () => 1 })
  })
  const Checkout = Fast.payload(Payload)
  const NewUi = FeatureFlag.boolean("new-ui", { default: true, description: "the new look", owner: "web" })

  it.effect("give typed values, defaults and payloads", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      const value: "control" | "fast" | false = yield* flags.get(Checkout)
      assert.strictEqual(value, "fast")
      const payload: Option.Option<typeof Payload.Type> = yield* flags.payload(Checkout)
      assert.deepStrictEqual(payload, Option.some({ color: "red", size: 3 }))
      const absent: boolean = yield* flags.get(NewUi)
      assert.isTrue(absent)
      assert.isTrue(yield* flags.isEnabled(NewUi))
      assert.isFalse(yield* flags.get(NewUi, { default: false }))
      assert.isTrue((yield* flags.read(NewUi)).isDefault)
    }).pipe(Effect.provide(PostHogTest.layer({
      flags: [PostHogTest.override(Checkout, "fast", { color: "red", size: "3" })]
    }))))

  it.effect("a variant that nobody declared is the default, and says so; the event has the true one", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(yield* flags.get(Checkout), false)
      const reading = yield* flags.read(Checkout, { default: "control" })
      assert.deepInclude(reading, { value: "control", isDefault: true })
      assert.strictEqual(reading.flag?.value, "purple")
      const error = yield* Effect.flip(flags.getOrFail(Checkout))
      assert.deepInclude(error, { _tag: "UnknownVariant", value: "purple", variants: ["control", "fast"] })
      // As with get: to this program the flag is off. By its key it is on.
      assert.isFalse(yield* flags.isEnabled(Checkout))
      assert.isTrue(yield* flags.isEnabled("checkout"))
      assert.deepStrictEqual((yield* called).map(({ properties }) => properties.$feature_flag_response), ["purple"])
    }).pipe(Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override("checkout", "purple")] }))))

  it.effect("a flag that is on or off is on with any variant", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(yield* flags.get(NewUi), true)
    }).pipe(Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override("new-ui", "blue")] }))))

  it.effect("a payload that does not fit its schema is a typed error", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      const error = yield* Effect.flip(flags.payload(Checkout))
      assert.deepInclude(error, { _tag: "PayloadInvalid", key: "checkout" })
      assert.include(error.message, "color")
    }).pipe(Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override(Checkout, "fast", { color: 3 })] }))))

  it("know what they are", () => {
    assert.isTrue(FeatureFlag.isFeatureFlag(Checkout))
    assert.isFalse(FeatureFlag.isFeatureFlag({ key: "checkout" }))
    assert.deepInclude(NewUi, { key: "new-ui", default: true, description: "the new look", owner: "web" })
    assert.deepStrictEqual(Checkout.variants, ["control", "fast"])
  })

  it.effect("can be compared with a running PostHog", () => {
    const client = flagsClient(() => ({
      status: 200,
      body: JSON.stringify({
        flags: {
          checkout: { enabled: true, variant: "purple" },
          payload: { enabled: true, metadata: { payload: "{\"color\":3}" } },
          old: { enabled: true },
          fine: { enabled: false },
          surprise: { enabled: true }
        }
      })
    }))
    const flags = [
      Checkout,
      FeatureFlag.boolean("payload").payload(Payload),
      FeatureFlag.boolean("old", { expires: new Date(1000) }),
      FeatureFlag.boolean("fine", { expires: new Date(100_000) }),
      FeatureFlag.boolean("gone")
    ]
    return Effect.gen(function*() {
      yield* TestClock.setTime(2000)
      const findings = yield* FeatureFlags.verify(flags, { distinctId: "u" })
      assert.deepStrictEqual(
        findings.map((finding) => `${finding._tag} ${"flag" in finding ? finding.flag.key : finding.key}`),
        ["UnknownVariant checkout", "PayloadInvalid payload", "Expired old", "Unknown gone", "Undeclared surprise"]
      )
      yield* PostHog.flush
      assert.deepStrictEqual(client.accepted, [])
      client.otherwise = () => ({ status: 500 })
      const error = yield* Effect.flip(FeatureFlags.verify(flags, { distinctId: "u" }))
      assert.strictEqual(error._tag, "FlagsUnavailable")
    }).pipe(Effect.provide(onFake(client)))
  })
})

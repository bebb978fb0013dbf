import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogTest } from "effect-posthog"
import { throwingSchema } from "../support/effect.js"
import { all, answer, asked, flagsClient } from "../support/flagsClient.js"
import { onFake, settle, stats } from "../support/posthog.js"

describe("robustness", () => {
  it.effect("nobody can change what others read", () => {
    const body = JSON.stringify({ flags: { a: { enabled: true, metadata: { payload: "{\"limit\":{\"n\":1}}" } } } })
    const client = flagsClient(() => ({ status: 200, body }))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      const payload = Option.getOrThrow(yield* flags.payload("a")) as { limit: { n: number } }
      assert.throws(() => {
        payload.limit.n = 999
      })
      assert.throws(() => (flags.eventProperties.$active_feature_flags as Array<string>).push("x"))
      assert.throws(() => Object.assign(flags, { distinctId: "v" }))
      const again = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual(yield* again.payload("a"), Option.some({ limit: { n: 1 } }))
      assert.strictEqual(asked(client).length, 1)
    }).pipe(Effect.provide(onFake(client, { featureFlagsCache: { timeToLive: "1 minute" } })))
  })

  it.effect("methods can be passed on, and arguments that are none give defaults", () =>
    Effect.gen(function*() {
      const { get, isEnabled, payload } = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b"], (key) => get(key)), [true, undefined])
      for (const flag of [null, undefined, 3, {}]) {
        assert.isFalse(yield* isEnabled(flag as never))
        assert.isUndefined(yield* get(flag as never))
        assert.isTrue(Option.isNone(yield* payload(flag as never)))
      }
      assert.isTrue(yield* FeatureFlags.isEnabled("a", null as never))
      assert.strictEqual(yield* FeatureFlags.check("a", null as never), true)
    }).pipe(
      PostHog.withDistinctId("u"),
      Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override("a", true)] }))
    ))

  it.effect("a schema whose own function throws is an invalid payload", () =>
    Effect.gen(function*() {
      const Bad = FeatureFlag.boolean("a").payload(throwingSchema(new Error("oops")))
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepInclude(yield* Effect.flip(flags.payload(Bad)), { _tag: "PayloadInvalid", key: "a" })
    }).pipe(Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override("a", true, "{}")] }))))

  it.effect("a read does not wait for room in the queue", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      client.otherwise = () => "hang"
      for (const key of ["on", "off", "blue", "absent"]) yield* flags.get(key)
      yield* settle
      assert.deepInclude(yield* stats, { accepted: 4 })
    }).pipe(Effect.provide(onFake(client, {
      maxQueueSize: 1,
      maxBatchSize: 1,
      flushAt: 1,
      maxConcurrentRequests: 1,
      overflow: { waitUpTo: "1 hour" }
    })))
  })

  it.effect("nothing is asked again after opting out", () => {
    const client = flagsClient(() => ({ status: 502 }))
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      yield* settle
      yield* PostHog.optOut
      yield* TestClock.adjust("1 minute")
      assert.deepInclude((yield* Fiber.join(fiber)).failure, { _tag: "FlagsUnavailable", reason: "opted_out" })
      assert.strictEqual(asked(client).length, 1)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("properties in another order are the same question", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      yield* Effect.all([
        FeatureFlags.evaluate({ distinctId: "u", personProperties: { a: 1, b: 2 } }),
        FeatureFlags.evaluate({ distinctId: "u", personProperties: { b: 2, a: 1 } })
      ], { concurrency: 2 })
      assert.strictEqual(asked(client).length, 1)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("payloads of a test are what PostHog would have sent", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual(yield* flags.payload("text"), Option.some({ k: 1 }))
      assert.deepStrictEqual(yield* flags.payload("null"), Option.none())
    }).pipe(Effect.provide(PostHogTest.layer({
      flags: [PostHogTest.override("text", true, "{\"k\":1}"), PostHogTest.override("null", true, null)]
    }))))
})

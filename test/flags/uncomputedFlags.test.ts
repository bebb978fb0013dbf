/**
 * A flag that PostHog could not compute (`failed: true`): it has no value, wherever it is read.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option } from "effect"
import { FeatureFlag, FeatureFlags, LocalEvaluation, PostHog } from "effect-posthog"
import { definitions, flag, remoteOnly } from "../support/definitions.js"
import { throwingSchema } from "../support/effect.js"
import { FakeClient } from "../support/fakeClient.js"
import { onFake } from "../support/posthog.js"

const uncomputed = {
  enabled: false,
  failed: true,
  reason: { code: "timeout" },
  metadata: { id: 1, version: 2, payload: "1" }
}

const body = (flags: Record<string, unknown>, more: object = {}) =>
  JSON.stringify({ flags, requestId: "r", errorsWhileComputingFlags: true, ...more })

const clientOf = (answer: () => string, document?: () => unknown) =>
  new FakeClient(({ url }) =>
    url.includes("/flags/definitions")
      ? { status: 200, body: JSON.stringify(document?.()) }
      : url.includes("/flags")
      ? { status: 200, body: answer() }
      : { status: 200, body: "{\"status\":1}" }
  )

const A = FeatureFlag.boolean("a")
const V = FeatureFlag.variants("a", ["x", "y"], { default: "y" })

const reason = { _tag: "FlagsUnavailable", reason: "errors_while_computing" } as const

describe("a flag that PostHog could not compute", () => {
  it.effect("has no value on a snapshot: defaults count, and the typed tier says why", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u", sendFeatureFlagEvents: false })
      assert.isUndefined(yield* flags.get("a"))
      assert.strictEqual(yield* flags.get("a", { default: "z" }), "z")
      assert.strictEqual(yield* flags.get(V), "y")
      assert.isFalse(yield* flags.isEnabled("a"))
      assert.isTrue(yield* flags.isEnabled("a", { default: true }))
      assert.isTrue(yield* flags.isEnabled(V))
      assert.deepInclude(yield* Effect.flip(flags.getOrFail("a")), reason)
      assert.deepInclude(yield* Effect.flip(flags.getOrFail(A)), reason)
      const reading = yield* flags.read("a", { default: true })
      assert.deepInclude(reading, { value: true, isDefault: true, flag: undefined })
      assert.deepInclude(reading.error, reason)
      assert.isTrue(Option.isNone(yield* flags.payload("a")))
      assert.isUndefined(flags.details("a"))
      assert.deepStrictEqual(flags.keys, ["b", "off"])
      assert.deepStrictEqual(flags.values, { b: true, off: false })
      assert.deepStrictEqual(flags.payloads, { b: { x: 1 } })
      assert.deepStrictEqual(flags.eventProperties, {
        "$feature/b": true,
        "$feature/off": false,
        $active_feature_flags: ["b"]
      })
      assert.deepInclude(yield* Effect.flip(flags.only(["a", "b"]).getOrFail("a")), { _tag: "FlagsUnavailable" })
      assert.isUndefined(flags.failure)
      assert.isTrue(flags.errorsWhileComputing)
    }).pipe(Effect.provide(onFake(clientOf(() =>
      body({
        a: uncomputed,
        b: { enabled: true, metadata: { payload: "{\"x\":1}" } },
        off: { enabled: false, metadata: { payload: null } }
      })
    )))))

  it.effect("has none in the short forms either", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* FeatureFlags.isEnabled("a", { default: true }))
      assert.isUndefined(yield* FeatureFlags.check("a"))
      assert.strictEqual(yield* FeatureFlags.check(V), "y")
      assert.deepInclude(yield* Effect.flip(FeatureFlags.detailsOrFail("a")), reason)
      const handlers = { x: Effect.succeed("x"), y: Effect.succeed("y"), false: Effect.succeed("off") }
      assert.strictEqual(yield* FeatureFlags.match(V, handlers), "y")
      assert.strictEqual(yield* FeatureFlags.match(V, handlers, { default: "x" }), "x")
      assert.isTrue(Option.isNone(yield* FeatureFlags.when(Effect.void, "a")))
      assert.isTrue(Option.isSome(yield* FeatureFlags.when(Effect.void, "a", { default: true })))
      assert.deepInclude(yield* Effect.flip(FeatureFlags.require(Effect.void, "a")), reason)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(FeatureFlags.require(Effect.void, "a", { default: true }))))
      assert.deepInclude(yield* Effect.flip(FeatureFlags.verify([A])), reason)
      const flags = yield* FeatureFlags.evaluate()
      assert.isTrue(
        yield* FeatureFlags.isEnabled("a", { default: true }).pipe(FeatureFlags.withSnapshot(flags))
      )
    }).pipe(
      PostHog.withDistinctId("u"),
      Effect.provide(onFake(clientOf(() => body({ a: uncomputed }))))
    ))

  for (const errors of [true, false, undefined]) {
    it.effect(`events say null and why; the answer says of errors: ${errors}`, () => {
      const client = clientOf(() =>
        body({ a: uncomputed, b: { enabled: true } }, { errorsWhileComputingFlags: errors })
      )
      return Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        yield* flags.isEnabled("a", { default: true })
        yield* PostHog.capture("order", {}, { flags })
        yield* PostHog.flush
        const [called, order] = client.accepted
        assert.deepInclude(called!.properties, {
          $feature_flag: "a",
          $feature_flag_response: null,
          "$feature/a": null,
          $feature_flag_error: "errors_while_computing_flags",
          $feature_flag_request_id: "r"
        })
        assert.notProperty(called!.properties, "$feature_flag_id")
        assert.notProperty(order!.properties, "$feature/a")
        assert.deepStrictEqual(order!.properties.$active_feature_flags, ["b"])
        // Another key is missing, and this one is not.
        assert.deepInclude(yield* Effect.flip(flags.getOrFail("a")), reason)
        if (errors !== true) assert.strictEqual((yield* Effect.flip(flags.getOrFail("nowhere")))._tag, "FlagNotFound")
      }).pipe(Effect.provide(onFake(client)))
    })
  }

  it.effect("is asked for again: such an answer is not kept", () => {
    let times = 0
    const client = clientOf(() => {
      times++
      return body({ a: times === 1 ? uncomputed : { enabled: true } }, { errorsWhileComputingFlags: false })
    })
    return Effect.gen(function*() {
      for (const expected of [undefined, true, true]) {
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.strictEqual(yield* flags.get("a"), expected)
      }
      assert.strictEqual(times, 2)
    }).pipe(Effect.provide(onFake(client, { featureFlagsCache: { timeToLive: "1 minute" } })))
  })

  it.scoped("does not count as one that PostHog has not, and what is known here stays", () => {
    const client = clientOf(
      () => body({ elsewhere: uncomputed, sticky: uncomputed }, { errorsWhileComputingFlags: false }),
      () => definitions([flag("here"), remoteOnly("sticky")])
    )
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      const ask = FeatureFlags.evaluate({ distinctId: "u", flagKeys: ["here", "sticky", "elsewhere"] })
      for (let i = 0; i < 2; i++) {
        const flags = yield* ask
        assert.deepStrictEqual(flags.values, { here: true })
        assert.deepInclude(yield* Effect.flip(flags.getOrFail("sticky")), reason)
        assert.deepInclude(yield* Effect.flip(flags.getOrFail("elsewhere")), reason)
      }
      assert.strictEqual(client.requests.filter(({ url }) => url.includes("/flags/?v=2")).length, 2)
    }).pipe(Effect.provide(
      LocalEvaluation.layer({ pollingInterval: "manual" }).pipe(
        Layer.provideMerge(onFake(client, { secretKey: "phs_test" })),
        Layer.orDie
      )
    ))
  })
})

describe("what is given in the place of a flag or a snapshot", () => {
  const revoked = (): any => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  const throwing = (): any =>
    new Proxy({}, {
      get: () => {
        throw revoked()
      }
    })

  it.effect("a snapshot that cannot be read costs its flags and not the event, and is no fault of the library", () => {
    const client = clientOf(() => body({}))
    return Effect.gen(function*() {
      const given: ReadonlyArray<any> = [revoked(), throwing(), 1, "x", {}, [], null, { eventProperties: 1 }]
      for (const flags of given) yield* PostHog.capture("order", {}, { flags, distinctId: "u" })
      yield* PostHog.flush
      assert.strictEqual(client.accepted.length, given.length)
      assert.deepStrictEqual((yield* PostHog.stats).dropped, {})
      assert.strictEqual((yield* PostHog.stats).repaired, 2)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a read of something that is no flag gives the default", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u", sendFeatureFlagEvents: false })
      for (
        const none of [
          revoked(),
          throwing(),
          { key: Object.create(null) },
          { key: revoked() },
          Symbol("a"),
          null
        ] as ReadonlyArray<any>
      ) {
        assert.isTrue(yield* flags.isEnabled(none, { default: true }))
        assert.isUndefined(flags.details(none))
        assert.deepStrictEqual(flags.only([none]).keys, [])
        assert.isTrue(Option.isNone(yield* flags.payload(none)))
      }
    }).pipe(Effect.provide(onFake(clientOf(() => body({}))))))

  it.effect("a schema whose functions throw what has no text is a payload that does not fit", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      for (const thrown of [revoked(), Object.create(null), Symbol("x")]) {
        const error = yield* Effect.flip(flags.payload(A.payload(throwingSchema(thrown))))
        assert.strictEqual(error._tag, "PayloadInvalid")
        assert.isString(error.message)
      }
    }).pipe(Effect.provide(onFake(clientOf(() => body({ a: { enabled: true, metadata: { payload: "1" } } }))))))
})

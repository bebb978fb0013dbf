import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { FeatureFlags, PostHog, PostHogTest } from "effect-posthog"
import { inspect } from "node:util"
import { all, answer, asked, called, flagsClient } from "../support/flagsClient.js"
import { collectDiagnostics, onFake, settle } from "../support/posthog.js"

describe("snapshot", () => {
  it.effect("shows in logs what it says, and its functions can be taken off it", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      const seen = JSON.parse(JSON.stringify(flags)) as Record<string, unknown>
      assert.deepInclude(seen, { distinctId: "u", values: all, unresolved: {}, errorsWhileComputing: false })
      assert.include(inspect(flags), "blue: 'blue'")
      const { get, isEnabled } = flags
      assert.deepStrictEqual([yield* get("blue"), yield* isEnabled("off")], ["blue", false])
    }).pipe(Effect.provide(onFake(client)))
  })

  const layer = PostHogTest.layer({
    flags: [
      PostHogTest.override("on", true, { cta: "Go" }),
      PostHogTest.override("off", false),
      PostHogTest.override("blue", "blue")
    ]
  })

  it.effect("says why a value is a default", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      const known = yield* flags.read("blue", { default: "red" })
      assert.deepInclude(known, { value: "blue", isDefault: false, error: undefined })
      assert.deepInclude(known.flag, { key: "blue", value: "blue", variant: "blue", enabled: true, source: "override" })
      const unknown = yield* flags.read("absent", { default: "red" })
      assert.deepInclude(unknown, { value: "red", isDefault: true, flag: undefined })
      assert.strictEqual(unknown.error?._tag, "FlagNotFound")
      assert.include(unknown.error?.message ?? "", "absent")
    }).pipe(Effect.provide(layer)))

  it.effect("payloads and details are no access and send nothing", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual(yield* flags.payload("on"), Option.some({ cta: "Go" }))
      assert.deepStrictEqual(yield* flags.payload("off"), Option.none())
      assert.deepStrictEqual(yield* flags.payload("absent"), Option.none())
      assert.strictEqual(flags.details("off")?.enabled, false)
      assert.isUndefined(flags.details("absent"))
      assert.deepStrictEqual(flags.accessed, [])
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
    }).pipe(Effect.provide(layer)))

  it.effect("parts have their own record and are silent about what was left out", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual(flags.onlyAccessed().keys, [])
      yield* flags.isEnabled("on")
      yield* flags.get("absent")
      assert.deepStrictEqual(flags.accessed, ["absent", "on"])
      assert.deepStrictEqual(flags.onlyAccessed().keys, ["on"])
      const part = flags.only(["on", "off", "nope"])
      assert.deepStrictEqual([part.keys, part.accessed], [["off", "on"], ["absent", "on"]])
      assert.deepStrictEqual(part.onlyAccessed().keys, ["on"])
      yield* PostHogTest.clear
      assert.isUndefined(yield* part.get("blue"))
      assert.isFalse(yield* part.isEnabled("off"))
      assert.deepStrictEqual((yield* called).map(({ properties }) => properties.$feature_flag), ["off"])
      assert.deepStrictEqual(flags.accessed, ["absent", "on"])
      assert.deepStrictEqual(part.eventProperties, {
        "$feature/on": true,
        "$feature/off": false,
        $active_feature_flags: ["on"]
      })
    }).pipe(Effect.provide(layer)))

  it.scoped("asked for a part that it does not have, it tells so", () =>
    Effect.gen(function*() {
      const collected = yield* collectDiagnostics
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      flags.only(["on", "nope"])
      yield* settle
      assert.deepStrictEqual(collected, [{ _tag: "FlagsNotInSnapshot", keys: ["nope"] }])
    }).pipe(Effect.provide(layer)))

  it.effect("never changes", () =>
    Effect.gen(function*() {
      const before = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* PostHogTest.setFlags([PostHogTest.override("on", false)])
      const after = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual([yield* before.get("on"), yield* after.get("on")], [true, false])
      assert.isTrue(Object.isFrozen(before.eventProperties))
    }).pipe(Effect.provide(layer)))
})

describe("what a snapshot cannot say", () => {
  it.effect("flags that were not asked for are not in it, and are not missing either", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u", flagKeys: ["on", "absent"] })
      assert.deepStrictEqual(flags.keys, ["on"])
      assert.deepStrictEqual(flags.values, { on: true })
      const reason = (key: string, of = flags) =>
        Effect.map(
          Effect.flip(of.getOrFail(key)),
          (error) => error._tag === "FlagsUnavailable" ? error.reason : error._tag
        )
      assert.strictEqual(yield* reason("blue"), "not_evaluated")
      assert.strictEqual(yield* reason("absent"), "FlagNotFound")
      assert.strictEqual(yield* reason("on", flags.only([])), "not_evaluated")
      assert.strictEqual(yield* reason("absent", flags.only([])), "FlagNotFound")
      const none = yield* FeatureFlags.evaluate({ distinctId: "u", flagKeys: [] })
      assert.strictEqual(yield* reason("on", none), "not_evaluated")
      // The short forms ask for it then.
      yield* FeatureFlags.detailsOrFail("on").pipe(FeatureFlags.withSnapshot(none), PostHog.withDistinctId("u"))
      assert.strictEqual(asked(client).length, 2)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("an outage of one flag stays one in a part", () => {
    const body = JSON.stringify({ flags: { a: { enabled: true }, b: {} }, errorsWhileComputingFlags: true })
    const client = flagsClient(() => ({ status: 200, body }))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      for (const snapshot of [flags, flags.only(["a", "c"])]) {
        assert.deepInclude(yield* Effect.flip(snapshot.getOrFail("b")), { reason: "invalid_response" })
        assert.deepInclude(yield* Effect.flip(snapshot.getOrFail("c")), { reason: "errors_while_computing" })
      }
      yield* PostHog.flush
      assert.strictEqual(
        client.accepted.find(({ properties }) => properties.$feature_flag === "b")!.properties.$feature_flag_error,
        "errors_while_computing_flags,unknown_error"
      )
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("it is for one user: short forms and events of another do without it", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "a" })
      yield* Effect.gen(function*() {
        yield* PostHog.capture("of a")
        yield* PostHog.capture("of c", {}, { distinctId: "c" })
        yield* FeatureFlags.check("on").pipe(PostHog.withDistinctId("b"))
        yield* FeatureFlags.check("on")
      }).pipe(FeatureFlags.withSnapshot(flags), PostHog.withDistinctId("a"))
      assert.deepStrictEqual(asked(client).map(({ body }) => body.distinct_id), ["a", "b"])
      yield* PostHog.flush
      const [ofA, ofC] = client.accepted
      assert.property(ofA!.properties, "$active_feature_flags")
      assert.notProperty(ofC!.properties, "$active_feature_flags")
      // One that was taken before the user was known says nothing about them.
      const before = yield* FeatureFlags.evaluate()
      const details = yield* FeatureFlags.detailsOrFail("on").pipe(
        FeatureFlags.withSnapshot(before),
        PostHog.withDistinctId("a")
      )
      assert.isTrue(details.enabled)
    }).pipe(Effect.provide(onFake(client)))
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Option } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogError, PostHogTest, TestLayer } from "effect-posthog"
import { all, answer, asked, Fast, flagsClient } from "../support/flagsClient.js"
import { apiKey, onFake } from "../support/posthog.js"

class Name extends Context.Tag("test/Name")<Name, string>() {}

describe("short forms and combinators", () => {
  it.effect("check and result evaluate one flag alone", () => {
    const client = flagsClient(() => answer({ blue: "blue", other: true }))
    return Effect.gen(function*() {
      assert.strictEqual(yield* FeatureFlags.check("blue", { distinctId: "u" }), "blue")
      assert.deepStrictEqual(asked(client)[0]!.body.flag_keys_to_evaluate, ["blue"])
      assert.strictEqual(yield* FeatureFlags.check(Fast, { distinctId: "u", default: "control" }), "control")
      const details = yield* FeatureFlags.detailsOrFail("blue", { distinctId: "u" })
      assert.deepInclude(details, { key: "blue", enabled: true, variant: "blue" })
      assert.strictEqual(
        (yield* Effect.flip(FeatureFlags.detailsOrFail("x", { distinctId: "u" })))._tag,
        "FlagNotFound"
      )
      assert.strictEqual((yield* Effect.flip(FeatureFlags.detailsOrFail("x")))._tag, "MissingDistinctId")
      assert.isTrue(yield* FeatureFlags.isEnabled("blue", { distinctId: "u" }))
      client.otherwise = () => ({ status: 500 })
      assert.isTrue(yield* FeatureFlags.isEnabled("blue", { distinctId: "u", default: true }))
      assert.strictEqual(
        (yield* Effect.flip(FeatureFlags.detailsOrFail("blue", { distinctId: "u" })))._tag,
        "FlagsUnavailable"
      )
      yield* FeatureFlags.check("quiet", { distinctId: "u", sendFeatureFlagEvents: false })
      client.otherwise = () => ({ status: 200 })
      yield* PostHog.flush
      assert.notInclude(client.accepted.map(({ properties }) => properties.$feature_flag), "quiet")
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("read off the snapshot of the context where it can say", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate()
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* FeatureFlags.check("blue"), "blue")
        assert.isUndefined(yield* FeatureFlags.check("absent"))
        assert.strictEqual(asked(client).length, 1)
        yield* FeatureFlags.check("blue", { distinctId: "v" })
        assert.strictEqual(asked(client).length, 2)
      }).pipe(FeatureFlags.withSnapshot(flags))
      yield* FeatureFlags.check("blue").pipe(FeatureFlags.withSnapshot(flags.only(["on"])))
      assert.strictEqual(asked(client).length, 3)
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(onFake(client)))
  })

  const withFlag = (value: boolean) => PostHogTest.layer({ flags: [PostHogTest.override("f", value)] })

  it.effect("when, match and require, and a layer by a flag", () => {
    const Flag = FeatureFlag.boolean("f")
    const program = Effect.gen(function*() {
      const ran = yield* Effect.succeed(1).pipe(FeatureFlags.when("f"))
      const matched = yield* FeatureFlags.match(Flag, { true: Effect.succeed("on"), false: Effect.succeed("off") })
      const required = yield* Effect.exit(FeatureFlags.require(Effect.succeed("in"), Flag))
      const layer = Layer.unwrapEffect(
        Effect.map(FeatureFlags.isEnabled(Flag), (on) => Layer.succeed(Name, on ? "new" : "old"))
      )
      const name = yield* Effect.provide(Name, layer)
      return { ran, matched, required, name }
    }).pipe(PostHog.withDistinctId("u"))
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.provide(program, withFlag(true)), {
        ran: Option.some(1),
        matched: "on",
        required: Exit.succeed("in"),
        name: "new"
      })
      const off = yield* Effect.provide(program, withFlag(false))
      assert.deepInclude(off, { ran: Option.none(), matched: "off", name: "old" })
      assert.deepStrictEqual(off.required, Exit.fail(new PostHogError.FlagDisabled({ key: "f" })))
    })
  })

  it.effect("require tells an outage from a flag that is off", () =>
    Effect.gen(function*() {
      yield* PostHogTest.setFlags(new PostHogError.FlagsUnavailable({ reason: "timeout" }))
      const required = FeatureFlags.require(Effect.succeed(1), "f")
      assert.strictEqual((yield* Effect.flip(required))._tag, "MissingDistinctId")
      const error = yield* Effect.flip(required.pipe(PostHog.withDistinctId("u")))
      assert.strictEqual(error._tag, "FlagsUnavailable")
      const withDefault = FeatureFlags.require(Effect.succeed(1), "f", { default: true, distinctId: "u" })
      assert.strictEqual(yield* withDefault, 1)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("match chooses by variant", () =>
    Effect.gen(function*() {
      const chosen = yield* FeatureFlags.match(Fast, {
        control: Effect.succeed(1),
        fast: Effect.succeed(2),
        false: Effect.succeed(3)
      }, { distinctId: "u" })
      assert.strictEqual(chosen, 2)
    }).pipe(Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override(Fast, "fast")] }))))

  it.effect("request sends what it is given", () => {
    const client = flagsClient(() => ({ status: 200, body: "{\"anything\":1}" }))
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* FeatureFlags.request({ distinct_id: "u", token: "theirs", x: 1 }), { anything: 1 })
      assert.deepStrictEqual(asked(client)[0]!.body, {
        distinct_id: "u",
        token: apiKey,
        x: 1,
        evaluation_runtime: "server"
      })
      const cyclic: Record<string, unknown> = {}
      cyclic.self = cyclic
      assert.strictEqual((yield* Effect.flip(FeatureFlags.request(cyclic))).reason, "invalid_request")
      client.otherwise = () => ({ status: 401, body: "bad token" })
      const error = yield* Effect.flip(FeatureFlags.request({}))
      assert.deepInclude(error, { reason: "status", status: 401, detail: "bad token" })
    }).pipe(Effect.provide(onFake(client)))
  })
})

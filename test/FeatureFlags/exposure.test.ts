import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import type { FakeClient } from "../support/fakeClient.js"
import { all, answer, called, flagsClient } from "../support/flagsClient.js"
import { onFake, stats } from "../support/posthog.js"

describe("$feature_flag_called", () => {
  it.effect("says who, what and why, with the context of the reader but not its flags and groups", () => {
    const client = flagsClient(() => answer({ other: true, blue: "blue" }))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u", groups: { company: "acme" }, disableGeoip: false })
      yield* flags.get("blue").pipe(
        FeatureFlags.withSnapshot(flags),
        PostHog.withContext({ distinctId: "someone", groups: { team: "red" }, sessionId: "s", properties: { page: 1 } })
      )
      yield* flags.isEnabled("absent")
      yield* PostHog.flush
      const [blue, absent] = client.accepted
      assert.strictEqual(blue!.event, "$feature_flag_called")
      assert.strictEqual(blue!.distinct_id, "u")
      assert.deepInclude(blue!.properties, {
        $feature_flag: "blue",
        $feature_flag_response: "blue",
        "$feature/blue": "blue",
        $feature_flag_id: 2,
        $feature_flag_version: 2,
        $feature_flag_reason: "Matched condition set 1",
        $feature_flag_request_id: "req-1",
        $feature_flag_evaluated_at: 1000,
        locally_evaluated: false,
        $groups: { company: "acme" },
        $session_id: "s",
        page: 1,
        $is_server: true
      })
      for (const name of ["$feature/other", "$active_feature_flags", "$geoip_disable", "$feature_flag_error"]) {
        assert.notProperty(blue!.properties, name)
      }
      assert.deepInclude(absent!.properties, {
        $feature_flag: "absent",
        $feature_flag_response: null,
        "$feature/absent": null,
        $feature_flag_error: "flag_missing"
      })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("is sent once for each combination of user, flag, value and groups", () =>
    Effect.gen(function*() {
      const read = (options: FeatureFlags.EvaluateOptions) =>
        Effect.flatMap(FeatureFlags.evaluate(options), (flags) =>
          Effect.all([
            flags.isEnabled("a"),
            flags.get("a"),
            flags.isEnabled("a"),
            flags.read("a"),
            flags.getOrFail("a")
          ]))
      const count = Effect.map(called, (events) => events.length)
      yield* PostHogTest.setFlags([PostHogTest.override("a", true)])
      yield* read({ distinctId: "u" })
      yield* read({ distinctId: "u" })
      assert.strictEqual(yield* count, 1)
      yield* PostHogTest.setFlags([PostHogTest.override("a", "blue")])
      yield* read({ distinctId: "u" })
      assert.strictEqual(yield* count, 2)
      yield* read({ distinctId: "v" })
      assert.strictEqual(yield* count, 3)
      yield* read({ distinctId: "v", groups: { company: "1", team: "2" } })
      yield* read({ distinctId: "v", groups: { team: "2", company: "1" } })
      assert.strictEqual(yield* count, 4)
      yield* read({ distinctId: "v", groups: { company: "2" } })
      assert.strictEqual(yield* count, 5)
      assert.deepStrictEqual((yield* called)[4]!.properties.$groups, { company: "2" })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("is sent once by many fibers that read at the same time", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* Effect.all(Array.from({ length: 100 }, () => flags.isEnabled("a")), { concurrency: "unbounded" })
      assert.strictEqual((yield* called).length, 1)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("forgets the least recently read combination when the cache is full, and no other", () =>
    Effect.gen(function*() {
      const read = (distinctId: string) =>
        Effect.flatMap(FeatureFlags.evaluate({ distinctId }), (flags) => flags.isEnabled("a"))
      for (const id of ["a", "b", "c", "a", "d", "a", "c", "d", "b"]) yield* read(id)
      assert.deepStrictEqual((yield* called).map((event) => event.distinct_id), ["a", "b", "c", "d", "b"])
    }).pipe(Effect.provide(PostHogTest.layer({ featureFlagCalledCacheSize: 3 }))))

  it.effect("can be switched off by read, flag, snapshot and instance, and the nearest wins", () => {
    const Quiet = FeatureFlag.boolean("quiet", { sendFeatureFlagEvents: false })
    const read = Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* flags.isEnabled("a", { sendFeatureFlagEvents: false })
      assert.deepStrictEqual([yield* called, flags.accessed], [[], ["a"]])
      yield* flags.isEnabled(Quiet)
      yield* flags.get(Quiet)
      const silent = yield* FeatureFlags.evaluate({ distinctId: "u", sendFeatureFlagEvents: false })
      yield* silent.isEnabled("b")
      assert.deepStrictEqual(yield* called, [])
      yield* silent.isEnabled("b", { sendFeatureFlagEvents: true })
      yield* flags.isEnabled("a", { sendFeatureFlagEvents: true })
      return (yield* called).map(({ properties }) => properties.$feature_flag)
    })
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.provide(read, TestLayer), ["b", "a"])
      const off = PostHogTest.layer({ sendFeatureFlagEvents: false })
      assert.deepStrictEqual(yield* Effect.provide(read, off), ["b", "a"])
      yield* Effect.gen(function*() {
        yield* Effect.flatMap(FeatureFlags.evaluate({ distinctId: "u" }), (flags) => flags.isEnabled("a"))
        assert.deepStrictEqual(yield* called, [])
      }).pipe(Effect.provide(off))
    })
  })

  it.effect("is short for flags without an experiment while PostHog asks for that", () => {
    const withExperiment = (hasExperiment: boolean | undefined) => ({
      enabled: true,
      metadata: { id: 1, version: 1, has_experiment: hasExperiment }
    })
    const flags = { a: withExperiment(false), b: withExperiment(true), c: withExperiment(undefined) }
    const short = (minimal: unknown) =>
      flagsClient(() => ({ status: 200, body: JSON.stringify({ flags, minimalFlagCalledEvents: minimal }) }))
    const read = (client: FakeClient) =>
      Effect.gen(function*() {
        const snapshot = yield* FeatureFlags.evaluate({ distinctId: "u", groups: { company: "acme" } })
        yield* Effect.forEach(["a", "b", "c"], (key) => snapshot.isEnabled(key))
        yield* PostHog.flush
        return client.accepted.map(({ properties }) => properties)
      }).pipe(
        PostHog.withContext({ sessionId: "s", properties: { page: 1, utm_source: "mail", $referrer: "r" } }),
        Effect.provide(onFake(client, { globalProperties: { app: "x" } }))
      )
    return Effect.gen(function*() {
      const [a, b, c] = yield* read(short(true))
      const { $lib, $lib_version, ...rest } = a!
      assert.isString($lib)
      assert.isString($lib_version)
      assert.deepStrictEqual(rest, {
        $feature_flag: "a",
        $feature_flag_response: true,
        $feature_flag_id: 1,
        $feature_flag_version: 1,
        $feature_flag_has_experiment: false,
        locally_evaluated: false,
        $groups: { company: "acme" },
        $session_id: "s",
        utm_source: "mail",
        $is_server: true,
        $geoip_disable: true
      })
      for (const full of [b!, c!]) assert.deepInclude(full, { page: 1, app: "x", $referrer: "r" })
      for (const gate of [undefined, false, "true", 1]) {
        assert.deepInclude((yield* read(short(gate)))[0]!, { page: 1, app: "x", "$feature/a": true })
      }
    })
  })

  it.effect("goes where captured events go: through the hooks and the queue, and is sent at the end", () => {
    const client = flagsClient(() => answer(all))
    const seen: Array<string> = []
    return Effect.gen(function*() {
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        yield* flags.isEnabled("on")
        assert.deepInclude(yield* stats, { accepted: 1, queued: 1 })
      }).pipe(Effect.provide(onFake(client, {
        shutdownTimeout: "10 seconds",
        beforeSend: (event) => {
          seen.push(event.event)
          return { ...event, properties: { ...event.properties, hooked: true } }
        }
      })))
      assert.deepStrictEqual(seen, ["$feature_flag_called"])
      assert.isTrue(client.accepted[0]!.properties.hooked)
    })
  })
})

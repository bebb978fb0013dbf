import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { FeatureFlags, PostHog } from "effect-posthog"
import { all, answer, asked, Fast, flagsClient } from "../support/flagsClient.js"
import { apiKey, names, onFake, settle } from "../support/posthog.js"

describe("evaluate", () => {
  it.effect("makes one request and reads from the snapshot after that", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      for (let i = 0; i < 10; i++) {
        assert.isTrue(yield* flags.isEnabled("on"))
        assert.isFalse(yield* flags.isEnabled("off", { default: true }))
        assert.isTrue(yield* flags.isEnabled("blue"))
        assert.isFalse(yield* flags.isEnabled("absent"))
        assert.isTrue(yield* flags.isEnabled("absent", { default: true }))
        assert.strictEqual(yield* flags.get("on"), true)
        assert.strictEqual(yield* flags.get("off"), false)
        assert.strictEqual(yield* flags.get("blue"), "blue")
        assert.isUndefined(yield* flags.get("absent"))
        assert.strictEqual(yield* flags.get("absent", { default: "red" }), "red")
      }
      assert.strictEqual(client.requests.length, 1)
      assert.deepInclude(flags, {
        distinctId: "u",
        failure: undefined,
        errorsWhileComputing: false,
        requestId: "req-1",
        evaluatedAt: 1000
      })
      assert.deepStrictEqual(flags.keys, ["blue", "off", "on"])
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("asks with the context, and what the call says over it", () => {
    const client = flagsClient(() => answer({}))
    return Effect.gen(function*() {
      yield* FeatureFlags.evaluate()
      yield* FeatureFlags.evaluate({
        distinctId: "v",
        groups: { team: "red", company: undefined },
        personProperties: { plan: "free" },
        groupProperties: { company: { size: 9 } },
        deviceId: "phone",
        flagKeys: ["a", Fast],
        disableGeoip: false
      })
      const [first, second] = client.requests
      assert.strictEqual(first!.url, "https://us.i.posthog.com/flags/?v=2")
      assert.strictEqual(first!.method, "POST")
      assert.isUndefined(first!.headers.authorization)
      assert.strictEqual(first!.headers["content-type"], "application/json")
      assert.match(first!.headers["user-agent"]!, /^posthog-effect\//)
      assert.deepStrictEqual(first!.body, {
        token: apiKey,
        distinct_id: "u",
        groups: { company: "acme" },
        person_properties: { plan: "pro", age: 3 },
        group_properties: { company: { $group_key: "acme", size: 1, city: "Berlin" } },
        geoip_disable: true,
        $device_id: "laptop",
        evaluation_contexts: ["web"],
        evaluation_runtime: "server"
      })
      assert.deepStrictEqual(second!.body, {
        token: apiKey,
        distinct_id: "v",
        groups: { team: "red" },
        person_properties: { plan: "free", age: 3 },
        group_properties: { company: { size: 9, city: "Berlin" }, team: { $group_key: "red" } },
        geoip_disable: false,
        $device_id: "phone",
        flag_keys_to_evaluate: ["a", "checkout"],
        evaluation_contexts: ["web"],
        evaluation_runtime: "server"
      })
    }).pipe(
      PostHog.withContext({
        distinctId: "u",
        groups: { company: "acme" },
        deviceId: "laptop",
        personProperties: { plan: "pro" },
        groupProperties: { company: { size: 1 } }
      }),
      // Further out, so it is under what is said above.
      PostHog.withContext({
        personProperties: { plan: "none", age: 3 },
        groupProperties: { company: { size: 0, city: "Berlin" } }
      }),
      Effect.provide(onFake(client, { evaluationContexts: ["web"] }))
    )
  })

  it.effect("properties for flags can be set, in this fiber only, and are on no event", () => {
    const client = flagsClient(() => answer({}))
    const evaluated = Effect.as(FeatureFlags.evaluate({ distinctId: "u" }), undefined).pipe(
      Effect.map(() => {
        const { group_properties, person_properties } = asked(client).at(-1)!.body
        return { person_properties, group_properties }
      })
    )
    return Effect.gen(function*() {
      yield* PostHog.setContext({ personProperties: { a: 1, b: 1 } })
      yield* PostHog.setContext({ personProperties: { b: 2 } })
      yield* PostHog.setContext({ personProperties: null as never })
      yield* PostHog.setContext({ groupProperties: { company: { x: 1 }, team: { y: 1 } } })
      yield* PostHog.setContext({ groupProperties: { company: { z: 1 } } }, { instance: PostHog.PostHog })
      const set = {
        person_properties: { a: 1, b: 2 },
        group_properties: { company: { x: 1, z: 1 }, team: { y: 1 } }
      }
      assert.deepStrictEqual(yield* evaluated, set)
      yield* Effect.fork(PostHog.setContext({ personProperties: { child: true } })).pipe(Effect.flatMap(Fiber.join))
      assert.deepStrictEqual(yield* evaluated, set)
      yield* PostHog.capture("event", {}, { distinctId: "u" })
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), ["event"])
      assert.notProperty(client.accepted[0]!.properties, "a")
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("without a distinct id asks nothing and says so, in both tiers", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      for (const distinctId of [undefined, "", "  "]) {
        const flags = yield* FeatureFlags.evaluate({ distinctId })
        assert.strictEqual(flags.failure?._tag, "MissingDistinctId")
        assert.isUndefined(yield* flags.get("on"))
        assert.strictEqual((yield* Effect.flip(flags.getOrFail("on")))._tag, "MissingDistinctId")
        assert.strictEqual(
          (yield* Effect.flip(FeatureFlags.evaluateOrFail({ distinctId })))._tag,
          "MissingDistinctId"
        )
      }
      // A blank id in the call is a mistake, also where the context has one.
      const blank = yield* FeatureFlags.evaluate({ distinctId: "" }).pipe(PostHog.withDistinctId("u"))
      assert.strictEqual(blank.failure?._tag, "MissingDistinctId")
      yield* PostHog.flush
      assert.deepStrictEqual(client.requests, [])
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("asks nothing for no flags, or when the instance is opted out, disabled or closed", () => {
    const client = flagsClient(() => answer(all))
    const reason = (flags: FeatureFlags.Snapshot) =>
      flags.failure?._tag === "FlagsUnavailable" ? flags.failure.reason : flags.failure?._tag
    const evaluate = FeatureFlags.evaluate({ distinctId: "u" })
    return Effect.gen(function*() {
      const closed = yield* Effect.scoped(Layer.build(onFake(client)))
      yield* Effect.gen(function*() {
        const none = yield* FeatureFlags.evaluate({ distinctId: "u", flagKeys: [] })
        assert.deepStrictEqual([none.failure, none.keys], [undefined, []])
        const before = yield* evaluate
        assert.strictEqual(asked(client).length, 1)
        yield* PostHog.optOut
        assert.strictEqual(reason(yield* evaluate), "opted_out")
        assert.isTrue(yield* before.isEnabled("on"))
        assert.strictEqual(
          (yield* Effect.flip(FeatureFlags.request({ distinct_id: "u" }))).reason,
          "opted_out"
        )
        yield* PostHog.optIn
        // Nothing was told while opted out, so the next read is the first.
        assert.isTrue(yield* before.isEnabled("on"))
        yield* PostHog.flush
        assert.deepStrictEqual(names(client.accepted), ["$feature_flag_called"])
      }).pipe(Effect.provide(onFake(client)))
      assert.strictEqual(reason(yield* Effect.provide(evaluate, closed)), "closed")
      const disabled = onFake(client, { enabled: false })
      assert.strictEqual(reason(yield* Effect.provide(evaluate, disabled)), "disabled")
      assert.strictEqual(reason(yield* Effect.provide(evaluate, PostHog.layerNoop)), "disabled")
      assert.isUndefined(yield* FeatureFlags.check("on", { distinctId: "u" }).pipe(Effect.provide(disabled)))
      assert.strictEqual(asked(client).length, 1)
    })
  })

  it.effect("arguments that throw as they are read, or that are too large, are a failed evaluation", () => {
    const client = flagsClient(() => answer(all))
    const hostile = new Proxy({}, {
      ownKeys: () => {
        throw new Error("no keys for you")
      }
    })
    return Effect.gen(function*() {
      const cases: ReadonlyArray<FeatureFlags.EvaluateOptions> = [
        { personProperties: hostile },
        { groups: hostile },
        { groupProperties: hostile },
        { personProperties: { text: "x".repeat(1_100_000) } },
        {
          get distinctId(): string {
            throw new Error("no id for you")
          }
        }
      ]
      for (const options of cases) {
        const error = yield* Effect.flip(FeatureFlags.evaluateOrFail(options).pipe(PostHog.withDistinctId("u")))
        assert.strictEqual(error._tag === "FlagsUnavailable" ? error.reason : error._tag, "invalid_request")
      }
      const kept = yield* FeatureFlags.evaluate({
        distinctId: "u",
        personProperties: {
          get bad() {
            throw new Error("no value for you")
          },
          big: 3n,
          good: 1
        },
        groupProperties: { company: null as never }
      })
      assert.isUndefined(kept.failure)
      assert.deepStrictEqual(asked(client).at(-1)!.body.person_properties, { bad: "[Throws]", big: "3", good: 1 })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("concurrent equal evaluations share one request, different ones do not", () => {
    const client = flagsClient(() => answer(all))
    return Effect.gen(function*() {
      const snapshots = yield* Effect.all(
        ["u", "u", "u", "v"].map((distinctId) => FeatureFlags.evaluate({ distinctId })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(asked(client).map(({ body }) => body.distinct_id), ["u", "v"])
      assert.isTrue(yield* snapshots[0]!.isEnabled("on"))
      // Each has a record of its own.
      assert.deepStrictEqual(snapshots.map((flags) => flags.accessed), [["on"], [], [], []])
      yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(asked(client).length, 3)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("an interrupted evaluation takes nobody with it, and the last one ends the request", () => {
    const client = flagsClient(() => "hang")
    return Effect.gen(function*() {
      const first = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      yield* settle
      const second = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      yield* settle
      yield* Fiber.interrupt(first)
      client.otherwise = () => answer(all)
      yield* TestClock.adjust("4 seconds")
      const flags = yield* Fiber.join(second)
      assert.isUndefined(flags.failure)
      assert.strictEqual(asked(client).length, 2)
      client.otherwise = () => "hang"
      const third = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      yield* settle
      yield* Fiber.interrupt(third)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(asked(client).length, 3)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("the cache answers equal evaluations for its time, with complete answers only", () => {
    const client = flagsClient(() => answer(all))
    const evaluate = (distinctId: string) => FeatureFlags.evaluate({ distinctId })
    return Effect.gen(function*() {
      const first = yield* evaluate("u")
      yield* first.isEnabled("on")
      const second = yield* evaluate("u")
      assert.deepStrictEqual([asked(client).length, second.keys, second.accessed], [1, first.keys, []])
      yield* TestClock.adjust("59 seconds")
      yield* evaluate("u")
      assert.strictEqual(asked(client).length, 1)
      yield* TestClock.adjust("1 seconds")
      yield* evaluate("u")
      assert.strictEqual(asked(client).length, 2)
      // Room for two.
      yield* evaluate("v")
      yield* evaluate("w")
      yield* evaluate("u")
      assert.strictEqual(asked(client).length, 5)
      client.next(answer(all, { errorsWhileComputingFlags: true }), { status: 500 })
      yield* evaluate("x")
      yield* evaluate("x")
      yield* evaluate("x")
      assert.strictEqual(asked(client).length, 8)
      yield* evaluate("x")
      assert.strictEqual(asked(client).length, 8)
    }).pipe(Effect.provide(onFake(client, { featureFlagsCache: { timeToLive: "1 minute", capacity: 2 } })))
  })
})

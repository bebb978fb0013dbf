import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option, Schema, TestClock } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogError, PostHogTest, TestLayer } from "effect-posthog"
import { inspect } from "node:util"
import { type Answer, FakeClient, type FakeRequest } from "./support/fakeClient.js"
import { apiKey, collectDiagnostics, names, onFake, settle, stats } from "./support/posthog.js"

/** An answer of `/flags`. */
const flagsBody = (flags: Record<string, boolean | string>, more: Record<string, unknown> = {}) =>
  JSON.stringify({
    flags: Object.fromEntries(
      Object.entries(flags).map(([key, value], index) => [key, {
        key,
        enabled: value !== false,
        variant: typeof value === "string" ? value : null,
        reason: { code: "condition_match", description: "Matched condition set 1" },
        metadata: { id: index + 1, version: 2, payload: null }
      }])
    ),
    errorsWhileComputingFlags: false,
    requestId: "req-1",
    evaluatedAt: 1000,
    ...more
  })

const answer = (flags: Record<string, boolean | string>, more?: Record<string, unknown>): Answer => ({
  status: 200,
  body: flagsBody(flags, more)
})

const isFlags = (request: FakeRequest) => request.url.includes("/flags")

/** A client that answers questions for flags, and takes events. */
const flagsClient = (flags: () => Answer) =>
  new FakeClient((request) => isFlags(request) ? flags() : { status: 200, body: "{\"status\":1}" })

const asked = (client: FakeClient) => client.requests.filter(isFlags)

const all = { on: true, off: false, blue: "blue" }

/** What was captured about reads. */
const called = Effect.map(
  PostHogTest.captured,
  (events) => events.filter(({ event }) => event === "$feature_flag_called")
)

const Fast = FeatureFlag.variants("checkout", ["control", "fast"])

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

describe("failures", () => {
  /** The reason and the number of requests for scripted answers; the clock goes on by itself. */
  const failureOf = (...answers: ReadonlyArray<Answer>) => {
    const client = flagsClient(() => answers[asked(client).length - 1] ?? answer(all))
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("500 millis")
      const flags = yield* Fiber.join(fiber)
      yield* flags.isEnabled("on")
      yield* PostHog.flush
      return {
        failure: flags.failure,
        requests: asked(client).length,
        enabled: yield* flags.isEnabled("on"),
        fallback: yield* flags.isEnabled("on", { default: true }),
        typed: yield* Effect.flip(flags.getOrFail("on")).pipe(Effect.option),
        code: client.accepted.map(({ properties }) => properties.$feature_flag_error)
      }
    }).pipe(Effect.provide(onFake(client)))
  }

  const html: Answer = { status: 200, body: "<html>captive portal</html>" }
  const cut: Answer = { status: 200, body: "{\"flags\":{\"on\":{\"ena" }
  const table: Record<string, {
    readonly answers: ReadonlyArray<Answer>
    readonly reason: string
    readonly status?: number
    readonly code: string
    readonly requests: number
  }> = {
    "500": { answers: [{ status: 500 }], reason: "status", status: 500, code: "api_error_500", requests: 1 },
    "503": { answers: [{ status: 503 }], reason: "status", status: 503, code: "api_error_503", requests: 1 },
    "402": { answers: [{ status: 402 }], reason: "status", status: 402, code: "api_error_402", requests: 1 },
    "408": { answers: [{ status: 408 }], reason: "status", status: 408, code: "api_error_408", requests: 1 },
    "429": { answers: [{ status: 429 }], reason: "status", status: 429, code: "api_error_429", requests: 1 },
    "401": { answers: [{ status: 401 }], reason: "status", status: 401, code: "api_error_401", requests: 1 },
    "502 twice": {
      answers: [{ status: 502 }, { status: 502 }],
      reason: "status",
      status: 502,
      code: "api_error_502",
      requests: 2
    },
    "504 and then 500": {
      answers: [{ status: 504 }, { status: 500 }],
      reason: "status",
      status: 500,
      code: "api_error_500",
      requests: 2
    },
    "no connection": { answers: ["refused", "refused"], reason: "connection", code: "connection_error", requests: 2 },
    "no answer": { answers: ["hang", "hang"], reason: "timeout", code: "timeout", requests: 2 },
    "a client with a bug": { answers: ["dies", "dies"], reason: "connection", code: "connection_error", requests: 2 },
    "a client that interrupts": {
      answers: ["interrupts", "interrupts"],
      reason: "connection",
      code: "connection_error",
      requests: 2
    },
    "HTML": { answers: [html], reason: "invalid_response", status: 200, code: "unknown_error", requests: 1 },
    "JSON cut short": { answers: [cut], reason: "invalid_response", status: 200, code: "unknown_error", requests: 1 },
    "JSON that is no answer": {
      answers: [{ status: 200, body: "{\"flags\":[]}" }],
      reason: "invalid_response",
      code: "unknown_error",
      requests: 1
    },
    "over quota": {
      answers: [answer({ on: true }, { quotaLimited: ["feature_flags"] })],
      reason: "quota_limited",
      code: "quota_limited,flag_missing",
      requests: 1
    }
  }
  for (const [name, { answers, code, reason, requests, status }] of Object.entries(table)) {
    it.effect(`${name}: defaults in the total tier, the reason in the typed one, ${requests} request(s)`, () =>
      Effect.gen(function*() {
        const outcome = yield* failureOf(...answers)
        const error = outcome.failure as PostHogError.FlagsUnavailable
        assert.strictEqual(error._tag, "FlagsUnavailable")
        assert.deepStrictEqual([error.reason, error.status], [reason, status])
        assert.isNotEmpty(error.message)
        assert.notInclude(JSON.stringify(error) + error.message, apiKey)
        assert.deepStrictEqual([outcome.enabled, outcome.fallback], [false, true])
        assert.strictEqual(Option.getOrThrow(outcome.typed), error)
        assert.deepStrictEqual(outcome.code, [code])
        assert.strictEqual(outcome.requests, requests)
      }))
  }

  for (
    const [name, bad] of Object.entries<Answer>({
      "no answer": "hang",
      "no connection": "refused",
      "502": { status: 502 }
    })
  ) {
    it.effect(`${name} and then an answer is no failure`, () =>
      Effect.gen(function*() {
        const outcome = yield* failureOf(bad)
        assert.isUndefined(outcome.failure)
        assert.deepStrictEqual([outcome.enabled, outcome.requests], [true, 2])
      }))
  }

  it.effect("the second request comes 300 ms after the first failed, the third 600 ms after the second", () => {
    const client = flagsClient(() => ({ status: 502 }))
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      for (let i = 0; i < 200; i++) yield* TestClock.adjust("10 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(client.requests.map(({ at }) => at), [0, 300, 900])
      assert.deepStrictEqual(new Set(client.requests.map(({ body }) => JSON.stringify(body))).size, 1)
    }).pipe(Effect.provide(onFake(client, { featureFlagsRequestMaxRetries: 2 })))
  })

  it.effect("retries can be switched off, and the time limit changed", () => {
    const client = flagsClient(() => "hang")
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).failure?._tag, "FlagsUnavailable")
      assert.strictEqual(client.requests.length, 1)
    }).pipe(
      Effect.provide(onFake(client, { featureFlagsRequestMaxRetries: 0, featureFlagsRequestTimeout: "1 second" }))
    )
  })

  it.effect("what PostHog could not compute is unavailable, not missing; the rest is right", () => {
    const client = flagsClient(() => answer({ on: true }, { errorsWhileComputingFlags: true }))
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluateOrFail({ distinctId: "u" })
      assert.isTrue(flags.errorsWhileComputing)
      assert.strictEqual(yield* flags.getOrFail("on"), true)
      const error = yield* Effect.flip(flags.getOrFail("absent"))
      assert.deepInclude(error, { _tag: "FlagsUnavailable", reason: "errors_while_computing" })
      yield* PostHog.flush
      assert.deepStrictEqual(client.accepted.map(({ properties }) => properties.$feature_flag_error), [
        "errors_while_computing_flags",
        "errors_while_computing_flags,flag_missing"
      ])
    }).pipe(Effect.provide(onFake(client)))
  })

  it.scoped("are told in diagnostics and warned of once", () => {
    const client = flagsClient(() => ({ status: 500, body: "oops" }))
    return Effect.gen(function*() {
      const collected = yield* collectDiagnostics
      yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* FeatureFlags.evaluate()
      client.otherwise = () => answer(all)
      yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* settle
      assert.deepStrictEqual(collected, [
        { _tag: "FlagsFailed", reason: "status", status: 500, detail: "oops" },
        { _tag: "FlagsFailed", reason: "missing_distinct_id" },
        {
          _tag: "FlagsEvaluated",
          count: 3,
          requestId: "req-1",
          durationMillis: 0,
          requests: 1,
          errorsWhileComputing: false
        }
      ])
    }).pipe(Effect.provide(onFake(client)))
  })
})

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
      const Bad = FeatureFlag.boolean("a").payload(Schema.transform(Schema.Unknown, Schema.String, {
        decode: () => {
          throw new Error("oops")
        },
        encode: (text) => text
      }))
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

describe("flags on events", () => {
  const layer = PostHogTest.layer({
    flags: [
      PostHogTest.override("z", true),
      PostHogTest.override("b", "blue"),
      PostHogTest.override("off", false)
    ],
    globalProperties: { "$feature/off": "global" }
  })
  const carried = { "$feature/z": true, "$feature/b": "blue", $active_feature_flags: ["b", "z"] }

  it.effect("of one capture, below all other sources", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* PostHog.capture("with", {}, { flags })
      yield* PostHog.capture("without")
      yield* PostHog.capture("over", { "$feature/z": "mine" }, { flags })
      yield* PostHog.capture("some", {}, { flags: flags.only(["b"]) })
      yield* PostHog.capture("none", {}, { flags: flags.onlyAccessed() })
      const [first, without, over, some, none] = yield* PostHogTest.captured
      assert.deepInclude(first!.properties, { ...carried, "$feature/off": "global" })
      assert.notProperty(without!.properties, "$active_feature_flags")
      assert.strictEqual(over!.properties["$feature/z"], "mine")
      assert.deepStrictEqual(some!.properties.$active_feature_flags, ["b"])
      assert.notProperty(some!.properties, "$feature/z")
      assert.notProperty(none!.properties, "$active_feature_flags")
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of a region and its fibers, and not outside of it", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate()
      const region = Effect.gen(function*() {
        yield* PostHog.capture("inside")
        yield* Effect.fork(PostHog.capture("forked")).pipe(Effect.flatMap(Fiber.join))
        yield* PostHog.capture("part", {}, { flags: flags.only(["z"]) })
        yield* PostHog.identify("u")
        assert.strictEqual(Option.getOrThrow(yield* FeatureFlags.currentSnapshot), flags)
      })
      yield* region.pipe(FeatureFlags.withSnapshot(flags))
      yield* PostHog.capture("outside")
      assert.isTrue(Option.isNone(yield* FeatureFlags.currentSnapshot))
      const [inside, forked, part, identify, outside] = yield* PostHogTest.captured
      assert.deepInclude(inside!.properties, carried)
      assert.deepInclude(forked!.properties, carried)
      assert.deepStrictEqual(part!.properties.$active_feature_flags, ["z"])
      assert.notProperty(part!.properties, "$feature/b")
      for (const event of [identify, outside]) assert.notProperty(event!.properties, "$active_feature_flags")
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of the rest of a fiber, as in the Elixir SDK, and never of its parent", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate()
      yield* Effect.fork(FeatureFlags.setSnapshot(flags)).pipe(Effect.flatMap(Fiber.join))
      yield* PostHog.capture("before")
      yield* FeatureFlags.setSnapshot(flags)
      yield* PostHog.capture("after")
      const [before, after] = yield* PostHogTest.captured
      assert.notProperty(before!.properties, "$active_feature_flags")
      assert.deepInclude(after!.properties, carried)
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of the instance that evaluated them", () => {
    class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* Effect.all([PostHog.capture("e"), PostHog.capture("e").pipe(PostHog.using(Marketing))]).pipe(
        FeatureFlags.withSnapshot(flags)
      )
      const [ours] = yield* PostHogTest.captured
      const [theirs] = yield* PostHogTest.captured.pipe(PostHog.using(Marketing))
      assert.property(ours!.properties, "$active_feature_flags")
      assert.notProperty(theirs!.properties, "$active_feature_flags")
    }).pipe(Effect.provide(Layer.merge(layer, PostHogTest.layerInstance(Marketing))))
  })

  it.effect("anything that is no snapshot adds nothing", () =>
    Effect.gen(function*() {
      for (const flags of [null, 3, "x", {}, [], { eventProperties: null }]) {
        yield* PostHog.capture("e", { a: 1 }, { flags: flags as never, distinctId: "u" })
      }
      const events = yield* PostHogTest.captured
      assert.strictEqual(events.length, 6)
      for (const { properties } of events) assert.strictEqual(properties.a, 1)
    }).pipe(Effect.provide(TestLayer)))
})

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

class Name extends Effect.Tag("test/Name")<Name, string>() {}

describe("remote config", () => {
  const secret = "phx_very_secret"
  const config = (answer: Answer, options = {}) => {
    const client = new FakeClient(() => answer)
    return { client, layer: onFake(client, { secretKey: secret, ...options }) }
  }

  it.effect("gives the payload, also where it is JSON in JSON, and encodes the key", () =>
    Effect.gen(function*() {
      for (const body of ["{\"a\":1}", "\"{\\\"a\\\":1}\""]) {
        const { client, layer } = config({ status: 200, body })
        assert.deepStrictEqual(yield* Effect.provide(FeatureFlags.remoteConfig("my flag/é?"), layer), { a: 1 })
        const [request] = client.requests
        assert.strictEqual(
          request!.url,
          `https://us.i.posthog.com/api/projects/@current/feature_flags/my%20flag%2F%C3%A9%3F/remote_config?token=${apiKey}`
        )
        assert.strictEqual(request!.method, "GET")
        assert.strictEqual(request!.headers.authorization, `Bearer ${secret}`)
      }
      const text = config({ status: 200, body: "\"hello\"" })
      assert.strictEqual(yield* Effect.provide(FeatureFlags.remoteConfig("k"), text.layer), "hello")
      const none = config({ status: 200, body: "null" })
      assert.isUndefined(yield* Effect.provide(FeatureFlags.remoteConfig("k"), none.layer))
      const typed = FeatureFlags.remoteConfig("k", Schema.Struct({ a: Schema.Number }))
      assert.deepStrictEqual(yield* Effect.provide(typed, config({ status: 200, body: "{\"a\":1}" }).layer), { a: 1 })
      const wrong = yield* Effect.flip(Effect.provide(typed, config({ status: 200, body: "{\"a\":\"1\"}" }).layer))
      assert.strictEqual(wrong._tag, "PayloadInvalid")
    }))

  it.effect("fails with what is wrong, and never shows the key", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [Answer, string]> = [
        [{ status: 404 }, "FlagNotFound"],
        [{ status: 401, body: "no" }, "status 401"],
        [{ status: 403 }, "status 403"],
        [{ status: 500 }, "status 500"],
        ["refused", "connection undefined"],
        [{ status: 200, body: "<html>" }, "invalid_response 200"]
      ]
      for (const [answer, expected] of cases) {
        const { client, layer } = config(answer)
        const error = yield* Effect.flip(Effect.provide(FeatureFlags.remoteConfig("k"), layer))
        const shown = error._tag === "FlagsUnavailable" ? `${error.reason} ${error.status}` : error._tag
        assert.strictEqual(shown, expected)
        assert.notInclude(JSON.stringify(error) + error.message, secret)
        assert.strictEqual(client.requests.length, 1)
      }
      const without = config({ status: 200, body: "1" }, { secretKey: undefined })
      const error = yield* Effect.flip(Effect.provide(FeatureFlags.remoteConfig("k"), without.layer))
      assert.deepInclude(error, { _tag: "FlagsUnavailable", reason: "no_secret_key" })
      assert.deepStrictEqual(without.client.requests, [])
      for (const key of ["", ".", ".."]) {
        const { client, layer } = config({ status: 200, body: "1" })
        assert.strictEqual(
          (yield* Effect.flip(Effect.provide(FeatureFlags.remoteConfig(key), layer)))._tag,
          "FlagNotFound"
        )
        assert.deepStrictEqual(client.requests, [])
      }
      const surrogate = yield* Effect.flip(
        Effect.provide(FeatureFlags.remoteConfig("\ud800"), config({ status: 200 }).layer)
      )
      assert.strictEqual(surrogate._tag, "FlagNotFound")
    }))

  it.effect("has a time limit", () => {
    const { layer } = config("hang")
    return Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.flip(FeatureFlags.remoteConfig("k")))
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "FlagsUnavailable", reason: "timeout" })
    }).pipe(Effect.provide(layer))
  })
})

describe("in tests", () => {
  it.effect("there are no flags until the test says so, and PostHog can be down", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluateOrFail({ distinctId: "u" })
      assert.deepStrictEqual(flags.keys, [])
      assert.strictEqual((yield* Effect.flip(flags.getOrFail("a")))._tag, "FlagNotFound")
      yield* PostHogTest.setFlags([PostHogTest.override("a", true)])
      assert.isTrue(yield* FeatureFlags.isEnabled("a", { distinctId: "u" }))
      yield* PostHogTest.setFlags(new PostHogError.FlagsUnavailable({ reason: "timeout" }))
      const error = yield* Effect.flip(FeatureFlags.evaluateOrFail({ distinctId: "u" }))
      assert.deepInclude(error, { _tag: "FlagsUnavailable", reason: "timeout" })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("layers do not see each other's flags", () =>
    Effect.gen(function*() {
      const ready = yield* Deferred.make<void>()
      const check = FeatureFlags.check("a", { distinctId: "u" })
      const first = Effect.zipRight(
        PostHogTest.setFlags([PostHogTest.override("a", "one")]),
        Effect.zipRight(Deferred.succeed(ready, undefined), check)
      )
      const second = Effect.zipRight(Deferred.await(ready), check)
      const values = yield* Effect.all([
        Effect.provide(first, PostHogTest.layer()),
        Effect.provide(second, PostHogTest.layer())
      ], { concurrency: 2 })
      assert.deepStrictEqual(values, ["one", undefined])
    }))
})

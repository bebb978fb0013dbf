import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import type { PostHogError } from "effect-posthog"
import { FeatureFlags, PostHog } from "effect-posthog"
import type { Answer } from "../support/fakeClient.js"
import { all, answer, asked, flagsClient } from "../support/flagsClient.js"
import { apiKey, collectDiagnostics, onFake, settle } from "../support/posthog.js"

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

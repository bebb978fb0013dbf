import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, TestClock } from "effect"
import { FeatureFlags } from "effect-posthog"
import { type Answer, FakeClient } from "../support/fakeClient.js"

import { apiKey, onFake } from "../support/posthog.js"

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

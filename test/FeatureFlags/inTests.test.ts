import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { FeatureFlags, PostHogError, PostHogTest, TestLayer } from "effect-posthog"

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

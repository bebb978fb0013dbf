/**
 * Why a flag is off for somebody, asked of an instance: for whom it is, what it costs, and how it fails.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FeatureFlag, FeatureFlags, LocalEvaluation, PostHog, PostHogTest } from "effect-posthog"
import { flag } from "./support/definitions.js"
import { FakeClient } from "./support/fakeClient.js"
import { onFake } from "./support/posthog.js"

const pro = { key: "plan", type: "person", operator: "exact", value: ["pro"] }
const definitions = {
  flags: [
    flag("checkout", { filters: { groups: [{ properties: [pro] }, { properties: [], rollout_percentage: 10 }] } }),
    flag("ours", {
      filters: {
        aggregation_group_type_index: 0,
        groups: [{ properties: [{ key: "size", type: "group", operator: "gt", value: 10 }] }]
      }
    }),
    flag("disabled", { active: false })
  ],
  group_type_mapping: { 0: "company" }
}

const here = (client: FakeClient, document: unknown = definitions) =>
  LocalEvaluation.layer({ definitions: document, pollingInterval: "manual" }).pipe(
    Layer.orDie,
    Layer.provideMerge(onFake(client))
  )

const fake = () => new FakeClient(() => ({ status: 200, body: "{\"status\":1}" }))

describe("LocalEvaluation.explain", () => {
  it.effect("says in data and in a sentence what an evaluation gives and why, without a request or an event", () => {
    const client = fake()
    return Effect.gen(function*() {
      const options = { distinctId: "ada", personProperties: { plan: "free" } }
      const explanation = yield* LocalEvaluation.explain("checkout", options)
      assert.strictEqual(
        LocalEvaluation.explanationText(explanation),
        "checkout is off for ada: condition set 1 wants plan exact pro, and plan is free; condition set 2 matched but " +
          "its rollout is 10 % and ada is at 60.4 %."
      )
      assert.deepStrictEqual(explanation.reason, {
        code: "out_of_rollout_bound",
        conditionIndex: 1,
        description: "Out of rollout bound"
      })
      yield* PostHog.flush
      assert.deepStrictEqual(client.requests, [])
      const snapshot = yield* FeatureFlags.evaluate({ ...options, onlyLocally: true })
      assert.strictEqual(snapshot.values.checkout, explanation.value)
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("is about whom the context is about, with what it knows of persons and groups", () =>
    Effect.gen(function*() {
      const person = yield* LocalEvaluation.explain("checkout").pipe(
        PostHog.withContext({ personProperties: { plan: "pro" } }),
        PostHog.withDistinctId("ada")
      )
      assert.deepStrictEqual([person.distinctId, person.value], ["ada", true])
      const group = yield* LocalEvaluation.explain("ours", {
        groups: { company: "acme" },
        groupProperties: { company: { size: 5 } }
      }).pipe(PostHog.withDistinctId("ada"))
      assert.strictEqual(
        LocalEvaluation.explanationText(group),
        "ours is off for ada: condition set 1 wants size of the company gt 10, and size is 5."
      )
      const nobody = yield* LocalEvaluation.explain("ours", { distinctId: "ada" })
      assert.strictEqual(nobody.reason?.code, "no_group_type")
    }).pipe(Effect.provide(here(fake()))))

  it.effect("keeps what is not given unresolved, as an evaluation does", () =>
    Effect.gen(function*() {
      const explanation = yield* LocalEvaluation.explain("checkout", { distinctId: "ada" })
      assert.deepStrictEqual([explanation.value, explanation.unresolved], [undefined, "missing_context"])
      const snapshot = yield* FeatureFlags.evaluate({ distinctId: "ada", onlyLocally: true })
      assert.strictEqual(snapshot.unresolved.checkout, "missing_context")
    }).pipe(Effect.provide(here(fake()))))

  it.effect("takes a declared flag", () =>
    Effect.gen(function*() {
      const disabled = FeatureFlag.boolean("disabled")
      const { isActive, reason } = yield* LocalEvaluation.explain(disabled, { distinctId: "ada" })
      assert.deepStrictEqual([isActive, reason?.code], [false, "flag_disabled"])
    }).pipe(Effect.provide(here(fake()))))

  it.effect("fails with what is missing: a flag, a user, definitions, the layer", () =>
    Effect.gen(function*() {
      const flagError = yield* Effect.flip(LocalEvaluation.explain("chekout", { distinctId: "ada" }))
      assert.deepInclude(flagError, { _tag: "FlagNotFound", key: "chekout" })
      for (const distinctId of [undefined, " "]) {
        const error = yield* Effect.flip(LocalEvaluation.explain("checkout", { distinctId }))
        assert.strictEqual(error._tag, "MissingDistinctId")
      }
    }).pipe(
      Effect.provide(here(fake())),
      Effect.zipRight(
        Effect.gen(function*() {
          const error = yield* Effect.flip(LocalEvaluation.explain("checkout", { distinctId: "ada" }))
          assert.deepInclude(error, { _tag: "FlagsUnavailable", reason: "no_definitions" })
        }).pipe(Effect.provide(onFake(fake())))
      )
    ))

  it.effect("explains in tests, too", () =>
    Effect.gen(function*() {
      const { value } = yield* LocalEvaluation.explain("checkout", {
        distinctId: "ada",
        personProperties: { plan: "pro" }
      })
      assert.strictEqual(value, true)
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
    }).pipe(
      Effect.provide(
        LocalEvaluation.layer({ definitions }).pipe(Layer.orDie, Layer.provideMerge(PostHogTest.layer()))
      )
    ))
})

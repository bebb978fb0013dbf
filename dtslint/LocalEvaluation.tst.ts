import type { KeyValueStore } from "@effect/platform"
import { createClient } from "@redis/client"
import type { Effect, Either, Layer, Option, Stream } from "effect"
import { FeatureFlags, FlagDefinitionStore, LocalEvaluation, PostHog, type PostHogError } from "effect-posthog"
import { describe, expect, it } from "tstyche"

class Marketing extends PostHog.Instance<Marketing>()("MarketingLocal") {}

describe("the layer", () => {
  it("needs the instance, adds no service, and may find the options wrong", () => {
    expect(LocalEvaluation.layer()).type.toBe<
      Layer.Layer<never, PostHogError.ConfigurationError, PostHog.PostHog>
    >()
    expect(LocalEvaluation.layerInstance(Marketing)).type.toBe<
      Layer.Layer<never, PostHogError.ConfigurationError, Marketing>
    >()
  })

  it("takes an interval or none", () => {
    expect(LocalEvaluation.layer).type.toBeCallableWith({ pollingInterval: "1 minute" })
    expect(LocalEvaluation.layer).type.toBeCallableWith({ pollingInterval: "manual" })
    expect(LocalEvaluation.layer).type.toBeCallableWith({ pollingInterval: undefined })
    expect(LocalEvaluation.layer).type.not.toBeCallableWith({ pollingInterval: null })
    expect(LocalEvaluation.layer).type.not.toBeCallableWith({ pollingInterval: "never" })
  })
})

describe("accessors", () => {
  it("fail only where something can", () => {
    expect(LocalEvaluation.awaitReady()).type.toBe<
      Effect.Effect<void, PostHogError.FlagsUnavailable, PostHog.PostHog>
    >()
    expect(LocalEvaluation.reload).type.toBe<Effect.Effect<void, PostHogError.FlagsUnavailable, PostHog.PostHog>>()
    expect(LocalEvaluation.status).type.toBe<Effect.Effect<LocalEvaluation.Status, never, PostHog.PostHog>>()
    expect(LocalEvaluation.changes).type.toBe<Stream.Stream<LocalEvaluation.Change, never, PostHog.PostHog>>()
  })

  it("the reason of a flag without a value is known to the compiler", () => {
    expect<FeatureFlags.Snapshot["unresolved"][string]>().type.toBe<LocalEvaluation.UnresolvedReason>()
    expect<NonNullable<PostHogError.FlagsUnavailable["unresolved"]>>().type.toBe<LocalEvaluation.UnresolvedReason>()
    expect(FeatureFlags.evaluate({ onlyLocally: true })).type.toBe<
      Effect.Effect<FeatureFlags.Snapshot, never, PostHog.PostHog>
    >()
    expect(FeatureFlags.isEnabled("flag", { onlyLocally: true })).type.toBe<
      FeatureFlags.Unrun<boolean, never, PostHog.PostHog>
    >()
  })
})

describe("the pure functions", () => {
  const definitions = null as unknown as LocalEvaluation.Definitions

  it("any value may be compiled, and may be no document", () => {
    expect(LocalEvaluation.compile(null as unknown, { evaluationContexts: ["web"] })).type.toBe<
      Option.Option<LocalEvaluation.Definitions>
    >()
  })

  it("evaluating needs a subject and the time, and has no effect", () => {
    expect(LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now: 0 })).type.toBe<
      LocalEvaluation.LocalResult
    >()
    expect(LocalEvaluation.evaluate).type.not.toBeCallableWith(definitions, {}, { now: 0 })
    expect(LocalEvaluation.evaluate).type.not.toBeCallableWith(definitions, { distinctId: "u" }, {})
    expect(LocalEvaluation.evaluate).type.not.toBeCallableWith({ flags: [] }, { distinctId: "u" }, { now: 0 })
  })

  it("a filter passes or not, or the reason is known to the compiler", () => {
    expect(LocalEvaluation.matchProperty({ key: "plan", value: "pro" }, { plan: "pro" }, { now: 0 })).type.toBe<
      Either.Either<boolean, LocalEvaluation.UnresolvedReason>
    >()
  })
})

describe("stores", () => {
  it("take what keeps the definitions", () => {
    expect(FlagDefinitionStore.layerKeyValueStore).type.toBe<
      Layer.Layer<FlagDefinitionStore.FlagDefinitionStore, never, KeyValueStore.KeyValueStore>
    >()
    const client = createClient()
    expect(FlagDefinitionStore.layerRedis({ command: (parts) => client.sendCommand(parts) })).type.toBe<
      Layer.Layer<FlagDefinitionStore.FlagDefinitionStore>
    >()
  })
})

import { type Effect, type Layer, pipe } from "effect"
import type { PostHog } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import type { EmbeddingModel, LanguageModel, McpProtocol, Model } from "effect/ai"
import { describe, expect, test } from "tstyche"

declare const model: LanguageModel.LanguageModel
declare const layer: Layer.Layer<LanguageModel.LanguageModel, "broken", "client">
declare const ai: Model.Model<"acme", LanguageModel.LanguageModel, "client">

declare const protocol: McpProtocol.ProtocolAdapter<"2025-06-18", McpProtocol.StatefulRuntimeDescriptor>

describe("EffectAi", () => {
  test("a captured layer is the layer, and needs PostHog", () => {
    type Captured = Layer.Layer<LanguageModel.LanguageModel, "broken", "client" | PostHog.PostHog>
    expect(EffectAi.withCapture(layer)).type.toBe<Captured>()
    expect(pipe(layer, EffectAi.withCapture())).type.toBe<Captured>()
    expect(layer.pipe(EffectAi.withCapture({ privacyMode: true }))).type.toBe<Captured>()
    expect(EffectAi.withCapture).type.not.toBeCallableWith(layer, { privacy: true })
  })

  test("a captured Model is one", () => {
    expect(EffectAi.model(ai)).type.toBe<
      Model.Model<"acme", LanguageModel.LanguageModel, "client" | PostHog.PostHog>
    >()
  })

  test("captured protocols are the protocols", () => {
    expect(EffectAi.layerMcpStdio).type.not.toBeCallableWith({ name: "Test" })
    expect(EffectAi.withMcpCapture([protocol], { name: "Test" })).type.toBe<
      Effect.Effect<readonly [typeof protocol], never, PostHog.PostHog>
    >()
  })

  test("services keep their types", () => {
    expect(EffectAi.languageModel(model)).type.toBe<
      Effect.Effect<LanguageModel.LanguageModel, never, PostHog.PostHog>
    >()
    expect<ReturnType<typeof EffectAi.embeddingModel>>().type.toBe<
      Effect.Effect<EmbeddingModel.EmbeddingModel, never, PostHog.PostHog>
    >()
  })
})

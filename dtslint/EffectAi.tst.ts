import type { EmbeddingModel, LanguageModel, Model } from "@effect/ai"
import type { RpcServer } from "@effect/rpc"
import { type Effect, type Layer, pipe } from "effect"
import type { PostHog } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import { describe, expect, test } from "tstyche"

declare const model: LanguageModel.Service
declare const layer: Layer.Layer<LanguageModel.LanguageModel, "broken", "client">
declare const ai: Model.Model<"acme", LanguageModel.LanguageModel, "client">

declare const protocol: Layer.Layer<RpcServer.Protocol>

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

  test("a captured protocol is one", () => {
    expect(EffectAi.layerMcpStdio).type.not.toBeCallableWith({ name: "Test" })
    expect(EffectAi.withMcpCapture(protocol, { name: "Test" })).type.toBe<
      Layer.Layer<RpcServer.Protocol, never, PostHog.PostHog>
    >()
  })

  test("services keep their types", () => {
    expect(EffectAi.languageModel(model)).type.toBe<Effect.Effect<LanguageModel.Service, never, PostHog.PostHog>>()
    expect<ReturnType<typeof EffectAi.embeddingModel>>().type.toBe<
      Effect.Effect<EmbeddingModel.Service, never, PostHog.PostHog>
    >()
  })
})

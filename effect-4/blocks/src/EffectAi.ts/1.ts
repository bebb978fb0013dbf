import { Effect, Layer, Stream } from "effect"
import { PostHogLive } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import { LanguageModel } from "effect/ai"

// In the place of the layer of a provider's package.
const Echo = Layer.effect(
  LanguageModel.LanguageModel,
  LanguageModel.make({
    generateText: () => Effect.succeed([{ type: "text", text: "Light as a thread" }]),
    streamText: () => Stream.empty
  })
)
const Model = Echo.pipe(EffectAi.withCapture({ provider: "echo" }))

const haiku = LanguageModel.generateText({ prompt: "A haiku about fibers" })

Effect.runPromise(haiku.pipe(Effect.provide(Model), Effect.provide(PostHogLive)))

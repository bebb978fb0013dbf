/**
 * The clients of `@effect/ai` for OpenAI, Anthropic and Google, as they are, over an `HttpClient` that is watched.
 */
import { EmbeddingModel, LanguageModel, type Response } from "@effect/ai"
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { GoogleClient, GoogleLanguageModel } from "@effect/ai-google"
import { OpenAiClient, OpenAiEmbeddingModel, OpenAiLanguageModel } from "@effect/ai-openai"
import type { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Layer, Redacted, Stream } from "effect"
import { LlmClient, PostHogTest, TestLayer } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import * as providers from "../support/llm/providers.js"
import * as replies from "../support/llm/replies.js"
import { httpLayer } from "../support/llm/watching.js"

const apiKey = Redacted.make("sk-secret-1234567890")

type ModelLayer = Layer.Layer<LanguageModel.LanguageModel, never, HttpClient.HttpClient>

const models: { readonly [name: string]: { readonly model: ModelLayer; readonly refusal: replies.Reply } } = {
  openai: {
    model: OpenAiLanguageModel.layer({ model: "gpt-4.1-mini" }).pipe(Layer.provide(OpenAiClient.layer({ apiKey }))),
    refusal: replies.openAiError(429, "rate_limit_exceeded", "Slow down.")
  },
  anthropic: {
    model: AnthropicLanguageModel.layer({ model: "claude-sonnet-4-20250514", config: { max_tokens: 100 } }).pipe(
      Layer.provide(AnthropicClient.layer({ apiKey }))
    ),
    refusal: replies.anthropicError(529, "overloaded_error", "Overloaded")
  },
  gemini: {
    model: GoogleLanguageModel.layer({ model: "gemini-2.5-flash" }).pipe(Layer.provide(GoogleClient.layer({ apiKey }))),
    refusal: replies.geminiError(429, "RESOURCE_EXHAUSTED", "Quota exceeded")
  }
}

const ask = Effect.map(
  LanguageModel.generateText({ prompt: "What is the weather in Paris?" }),
  ({ finishReason, text, usage }): unknown => ({ finishReason, text, usage })
)

const stream = LanguageModel.streamText({ prompt: "What is the weather in Paris?" }).pipe(
  Stream.runCollect,
  Effect.map((parts): unknown => Chunk.toReadonlyArray(parts).map(({ type }: Response.StreamPart<any>) => type))
)

const shown = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.match(exit, {
    onSuccess: (value) => value,
    onFailure: (cause) => {
      const { _tag, reason, response }: any = Cause.squash(cause)
      return { _tag, reason, status: response?.status }
    }
  })

const run = (
  server: providers.Providers,
  model: ModelLayer,
  program: Effect.Effect<unknown, unknown, LanguageModel.LanguageModel>
) =>
  Effect.gen(function*() {
    const bare = httpLayer(server)
    const without = yield* Effect.exit(Effect.provide(program, Layer.provide(model, bare)))
    const watched = LlmClient.layer().pipe(Layer.provide(bare))
    const withIt = yield* Effect.exit(Effect.provide(program, Layer.provide(model, watched)))
    assert.deepStrictEqual(shown(withIt), shown(without))
    return withIt
  })

describe("a client of @effect/ai", () => {
  for (const [provider, { model, refusal }] of Object.entries(models)) {
    it.live(`gives the same: ${provider}`, () =>
      Effect.gen(function*() {
        const server = yield* providers.make
        assert.isTrue(Exit.isSuccess(yield* run(server, model, ask)))
        const [{ event, properties }] = (yield* PostHogTest.captured) as [PostHogTest.CapturedEvent]
        assert.strictEqual(event, "$ai_generation")
        assert.strictEqual(properties.$ai_provider, provider)
        assert.isNumber(properties.$ai_input_tokens)
        assert.include(JSON.stringify(properties.$ai_input), "weather in Paris")
        assert.include(JSON.stringify(properties.$ai_output_choices), "sunny")
        assert.isFalse(JSON.stringify(properties).includes("sk-secret"))
      }).pipe(Effect.scoped, Effect.provide(TestLayer)))

    it.live(`gives the same as a stream: ${provider}`, () =>
      Effect.gen(function*() {
        const server = yield* providers.make
        if (provider === "anthropic") {
          // The tool of the usual answer is none of the program's.
          const text = replies.anthropicStreamText
          server.next(text, text)
        } else if (provider === "gemini") server.next(replies.geminiSseText, replies.geminiSseText)
        assert.isTrue(Exit.isSuccess(yield* run(server, model, stream)))
        const [{ properties }] = (yield* PostHogTest.captured) as [PostHogTest.CapturedEvent]
        assert.strictEqual(properties.$ai_provider, provider)
        assert.isTrue(properties.$ai_stream)
        assert.isNumber(properties.$ai_time_to_first_token)
        assert.isNumber(properties.$ai_output_tokens)
        assert.isUndefined(properties.$ai_is_error)
      }).pipe(Effect.scoped, Effect.provide(TestLayer)))

    it.live(`fails the same: ${provider}`, () =>
      Effect.gen(function*() {
        const server = yield* providers.make
        server.next(refusal, refusal)
        assert.isTrue(Exit.isFailure(yield* run(server, model, ask)))
        const [{ properties }] = (yield* PostHogTest.captured) as [PostHogTest.CapturedEvent]
        assert.isTrue(properties.$ai_is_error)
        assert.strictEqual(properties.$ai_http_status, refusal.status)
        assert.isFalse(/sk-secret|weather/.test(JSON.stringify(properties.$ai_error)))
      }).pipe(Effect.scoped, Effect.provide(TestLayer)))
  }

  it.live("makes no second event where EffectAi captures", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const model = models.openai!.model.pipe(
        EffectAi.withCapture(),
        Layer.provide(LlmClient.layer().pipe(Layer.provide(httpLayer(server))))
      )
      yield* Effect.provide(ask, model)
      yield* Effect.provide(stream, model)
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ event, properties }) => [event, properties.$ai_framework]),
        [["$ai_generation", "effect-ai"], ["$ai_generation", "effect-ai"]]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("has its embeddings captured, with their tokens", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const model = OpenAiEmbeddingModel.layerBatched({ model: "text-embedding-3-small" }).pipe(
        Layer.provide(OpenAiClient.layer({ apiKey })),
        Layer.provide(LlmClient.layer().pipe(Layer.provide(httpLayer(server))))
      )
      yield* Effect.provide(Effect.flatMap(EmbeddingModel.EmbeddingModel, (model) => model.embed("Hi")), model)
      const [{ event, properties }] = (yield* PostHogTest.captured) as [PostHogTest.CapturedEvent]
      assert.strictEqual(event, "$ai_embedding")
      assert.strictEqual(properties.$ai_input_tokens, 8)
      assert.isNull(properties.$ai_output_choices)
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

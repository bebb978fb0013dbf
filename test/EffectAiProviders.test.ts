/**
 * The packages of the providers as they are, against a server that answers as the providers do.
 */
import { EmbeddingModel, LanguageModel, Model, Tool, Toolkit } from "@effect/ai"
import { AnthropicClient, AnthropicLanguageModel } from "@effect/ai-anthropic"
import { GoogleClient, GoogleLanguageModel } from "@effect/ai-google"
import { OpenAiClient, OpenAiEmbeddingModel, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient, HttpBody, HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { ErrorTracking, LlmClient, type PostHog, PostHogTest } from "effect-posthog"
import * as EffectAi from "../src/EffectAi.js"
import * as Providers from "./support/llm/providers.js"
import * as replies from "./support/llm/replies.js"

const key = "sk-very-secret-0123456789abcdef"
const apiKey = Redacted.make(key)

const models = {
  openai: OpenAiLanguageModel.model("gpt-4.1-mini", { temperature: 0.5 }),
  anthropic: AnthropicLanguageModel.model("claude-sonnet-4-5", { max_tokens: 1024 }),
  gemini: GoogleLanguageModel.model("gemini-2.5-flash", { generationConfig: { temperature: 0 }, toolConfig: {} })
}

const clients = Layer.mergeAll(
  OpenAiClient.layer({ apiKey }),
  AnthropicClient.layer({ apiKey }),
  GoogleClient.layer({ apiKey })
)

const withProviders = <A, E, R>(
  use: (providers: Providers.Providers) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.gen(function*() {
    const providers = yield* Providers.make
    const http = FetchHttpClient.layer.pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, providers.fetch)))
    return yield* use(providers).pipe(
      Effect.provide(clients.pipe(Layer.provide(http))),
      Effect.provide(PostHogTest.TestLayer)
    )
  }))

/** With capture at the HTTP client as well. */
const withBoth = <A, E, R>(
  use: (providers: Providers.Providers) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.gen(function*() {
    const providers = yield* Providers.make
    const http = LlmClient.layer().pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(Layer.succeed(FetchHttpClient.Fetch, providers.fetch))
    )
    return yield* use(providers).pipe(
      Effect.provide(clients.pipe(Layer.provideMerge(http))),
      Effect.provide(PostHogTest.TestLayer)
    )
  }))

const only = (name = "$ai_generation") =>
  Effect.map(PostHogTest.captured, (all) => {
    const found = all.filter(({ event }) => event === name)
    assert.strictEqual(found.length, 1)
    return found[0]!.properties
  })

const ask = LanguageModel.generateText({ prompt: "How is the weather in Paris?" })
const askStreamed = Stream.runDrain(LanguageModel.streamText({ prompt: "How is the weather in Paris?" }))

const Weather = Tool.make("get_weather", {
  parameters: { city: Schema.String },
  success: Schema.Struct({ degrees: Schema.Number })
})
const toolkit = Toolkit.make(Weather)
const handlers = toolkit.toLayer({ get_weather: () => Effect.succeed({ degrees: 21 }) })

const askWithTools = Stream.runDrain(
  LanguageModel.streamText({ prompt: "How is the weather in Paris?", toolkit, disableToolCallResolution: true })
)

const weatherCall = { name: "get_weather", arguments: { city: "Paris" } }

const common = {
  $ai_framework: "effect-ai",
  $ai_http_status: 200,
  $ai_input: [{ role: "user", content: "How is the weather in Paris?" }],
  $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "It is sunny in Paris." }] }]
}

describe("OpenAI", () => {
  const usage = {
    $ai_input_tokens: 90,
    $ai_output_tokens: 25,
    $ai_cache_read_input_tokens: 30,
    $ai_reasoning_tokens: 8,
    $ai_cache_reporting_exclusive: false,
    $ai_total_tokens: 115
  }

  it.live("plain", () =>
    withProviders(() =>
      Effect.gen(function*() {
        yield* ask
        assert.deepInclude(yield* only(), {
          ...common,
          ...usage,
          $ai_provider: "openai",
          $ai_model: "gpt-4.1-mini",
          $ai_completion_id: "resp_1",
          $ai_service_tier: "default",
          $ai_stop_reason: "stop"
        })
      }).pipe(Effect.provide(EffectAi.model(models.openai)))
    ))

  it.live("as a Model that is one still: it gives its layer, and names the provider", () =>
    withProviders(() =>
      Effect.gen(function*() {
        const model = EffectAi.model(models.openai)
        assert.strictEqual(model.provider, "openai")
        const layer = yield* model
        assert.strictEqual(
          yield* ask.pipe(Effect.zipRight(Model.ProviderName), Effect.provide(layer)),
          "openai"
        )
        assert.deepInclude(yield* only(), { ...common, ...usage, $ai_provider: "openai", $ai_model: "gpt-4.1-mini" })
      })
    ))

  it.live("streamed", () =>
    withProviders(() =>
      Effect.gen(function*() {
        yield* askStreamed
        const generation = yield* only()
        assert.deepInclude(generation, { ...common, ...usage, $ai_stream: true, $ai_completion_id: "resp_1" })
        assert.isNumber(generation.$ai_time_to_first_token)
      }).pipe(Effect.provide(EffectAi.model(models.openai)))
    ))

  it.live("refused", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        providers.next(replies.openAiError(401, "invalid_api_key", `Incorrect API key provided: ${key}`))
        yield* Effect.flip(ask)
        const generation = yield* only()
        assert.deepInclude(generation, { $ai_is_error: true, $ai_http_status: 401, $ai_model: "gpt-4.1-mini" })
        assert.strictEqual(generation.$ai_error_type, "invalid_api_key")
        assert.notInclude(JSON.stringify(generation), "very-secret")
      }).pipe(Effect.provide(EffectAi.model(models.openai)))
    ))

  it.live("embeddings", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        const model = yield* EmbeddingModel.EmbeddingModel
        yield* model.embed("a text")
        assert.deepInclude(yield* only("$ai_embedding"), {
          $ai_provider: "openai",
          $ai_model: "text-embedding-3-small",
          $ai_input: "a text"
        })
        assert.strictEqual(providers.requests.length, 1)
      }).pipe(Effect.provide(
        EffectAi.model(OpenAiEmbeddingModel.model("text-embedding-3-small", { mode: "batched" }), {
          model: "text-embedding-3-small"
        })
      ))
    ))
})

describe("Anthropic", () => {
  it.live("plain: what was written to the cache comes from the metadata", () =>
    withProviders(() =>
      Effect.gen(function*() {
        yield* ask
        const generation = yield* only()
        assert.deepInclude(generation, {
          ...common,
          $ai_provider: "anthropic",
          $ai_cache_reporting_exclusive: true,
          $ai_max_tokens: 1024,
          $ai_stop_reason: "end_turn"
        })
        assert.isAbove(generation.$ai_cache_creation_input_tokens as number, 0)
      }).pipe(Effect.provide(EffectAi.model(models.anthropic)))
    ))

  it.live("streamed: thoughts, a call, and the last count of output", () =>
    withProviders(() =>
      Effect.gen(function*() {
        yield* askWithTools
        const generation = yield* only()
        assert.deepInclude(generation, {
          $ai_provider: "anthropic",
          $ai_cache_reporting_exclusive: true,
          $ai_output_tokens: 45,
          $ai_stop_reason: "tool-calls",
          $ai_output_choices: [{
            role: "assistant",
            content: [
              { type: "reasoning", text: "The user asks" },
              { type: "text", text: "Let me look ☂." },
              { type: "function", id: "toolu_1", function: weatherCall }
            ]
          }]
        })
        assert.isAbove(generation.$ai_cache_creation_input_tokens as number, 0)
      }).pipe(Effect.provide(EffectAi.model(models.anthropic)), Effect.provide(handlers))
    ))

  it.live("overloaded in mid-stream is an error, though the program sees none", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        providers.next(replies.anthropicStreamOverloaded)
        yield* askStreamed
        assert.deepInclude(yield* only(), {
          $ai_is_error: true,
          $ai_error_type: "overloaded_error",
          $ai_http_status: 200
        })
      }).pipe(Effect.provide(EffectAi.model(models.anthropic)))
    ))

  it.live("nor does the exception, whoever reports it", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        providers.next(
          replies.cutAfter(replies.anthropicStream, 3),
          replies.anthropicError(529, "overloaded_error", "Overloaded")
        )
        yield* Effect.flip(ErrorTracking.captureErrors(askStreamed))
        yield* Effect.flip(ErrorTracking.captureErrors(ask))
        const [broken, refused] = yield* PostHogTest.exceptions
        for (const { event } of [broken!, refused!]) {
          const text = JSON.stringify(event)
          assert.notInclude(text, "very-secret")
          assert.notInclude(text, "weather in Paris")
        }
        assert.strictEqual(broken!.type, "HttpResponseError")
        assert.include(broken!.value, "Decode")
        assert.include(refused!.value, "Overloaded")
      }).pipe(Effect.provide(EffectAi.model(models.anthropic)))
    ))

  it.live("a stream that breaks shows neither key nor prompt", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        providers.next(replies.cutAfter(replies.anthropicStream, 3))
        const error = yield* Effect.flip(askStreamed)
        assert.include(error.message, "weather in Paris")
        const generation = yield* only()
        assert.deepInclude(generation, { $ai_is_error: true, $ai_model: "claude-sonnet-4-5" })
        assert.notInclude(JSON.stringify(generation), "very-secret")
        assert.notInclude(JSON.stringify(generation.$ai_error), "weather in Paris")
      }).pipe(Effect.provide(EffectAi.model(models.anthropic)))
    ))
})

describe("Gemini", () => {
  it.live("plain", () =>
    withProviders(() =>
      Effect.gen(function*() {
        yield* ask
        assert.deepInclude(yield* only(), {
          ...common,
          $ai_provider: "gemini",
          $ai_model: "gemini-2.5-flash",
          $ai_temperature: 0,
          $ai_stop_reason: "STOP"
        })
      }).pipe(Effect.provide(EffectAi.model(models.gemini)))
    ))

  it.live("streamed", () =>
    withProviders(() =>
      Effect.gen(function*() {
        yield* askWithTools
        const generation = yield* only()
        assert.deepInclude(generation, {
          $ai_provider: "gemini",
          $ai_model: "gemini-2.5-flash",
          $ai_stream: true,
          $ai_input_tokens: 40,
          $ai_output_tokens: 12,
          $ai_reasoning_tokens: 20,
          $ai_cache_read_input_tokens: 16,
          $ai_cache_reporting_exclusive: false
        })
        const [{ content }] = generation.$ai_output_choices as [{ content: ReadonlyArray<any> }]
        assert.deepStrictEqual(content.map(({ type }) => type), ["reasoning", "text", "function"])
        assert.deepStrictEqual(content[2].function, weatherCall)
      }).pipe(Effect.provide(EffectAi.model(models.gemini)), Effect.provide(handlers))
    ))

  it.live("a blocked prompt is an error", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        providers.next(replies.geminiBlocked)
        yield* Effect.flip(ask)
        assert.deepInclude(yield* only(), { $ai_is_error: true, $ai_error_type: "MalformedOutput" })
      }).pipe(Effect.provide(EffectAi.model(models.gemini)))
    ))
})

describe("tools", () => {
  it.live("of a provider's call are below it", () =>
    withProviders((providers) =>
      Effect.gen(function*() {
        providers.next(replies.responsesTools)
        yield* LanguageModel.generateText({ prompt: "Weather?", toolkit })
        const generation = yield* only()
        const span = yield* only("$ai_span")
        assert.strictEqual(span.$ai_parent_id, generation.$ai_span_id)
        assert.deepInclude(span, {
          $ai_span_name: "get_weather",
          $ai_input_state: { city: "Paris" },
          $ai_output_state: { degrees: 21 }
        })
        assert.deepStrictEqual(generation.$ai_output_choices, [{
          role: "assistant",
          content: [{ type: "function", id: "call_1", function: { name: "get_weather", arguments: { city: "Paris" } } }]
        }])
      }).pipe(Effect.provide(EffectAi.model(models.openai)), Effect.provide(handlers))
    ))
})

describe("with capture at the HTTP client as well", () => {
  const raw = Effect.flatMap(
    HttpClient.HttpClient,
    (client) =>
      client.post("https://api.openai.com/v1/chat/completions", {
        body: HttpBody.unsafeJson({ model: "gpt-4.1-nano", messages: [{ role: "user", content: "Raw" }] })
      })
  ).pipe(Effect.flatMap((response) => response.json), Effect.orDie)

  const modelsOf = Effect.map(
    PostHogTest.waitFor("$ai_generation", { count: 2 }),
    (all) => all.map(({ properties }) => [properties.$ai_model, properties.$ai_framework])
  )

  const captured: Readonly<
    Record<
      string,
      Layer.Layer<
        LanguageModel.LanguageModel,
        never,
        | OpenAiClient.OpenAiClient
        | AnthropicClient.AnthropicClient
        | GoogleClient.GoogleClient
        | PostHog.PostHog
      >
    >
  > = {
    openai: EffectAi.model(models.openai),
    anthropic: EffectAi.model(models.anthropic),
    gemini: EffectAi.model(models.gemini)
  }

  for (const [name, model] of Object.entries(captured)) {
    it.live(`a call of ${name} is one event, plain and streamed`, () =>
      withBoth((providers) =>
        Effect.gen(function*() {
          yield* ask
          yield* askWithTools
          const all = yield* PostHogTest.captured
          assert.deepStrictEqual(all.map(({ event }) => event), ["$ai_generation", "$ai_generation"])
          assert.isTrue(all.every(({ properties }) => properties.$ai_framework === "effect-ai"))
          assert.strictEqual(providers.requests.length, 2)
        }).pipe(Effect.provide(model), Effect.provide(handlers))
      ))
  }

  it.live("a raw call in a tool is captured there, below the tool", () =>
    withBoth((providers) =>
      Effect.gen(function*() {
        providers.next(replies.responsesTools)
        const client = yield* HttpClient.HttpClient
        const asking = toolkit.toLayer({
          get_weather: () => Effect.as(Effect.provideService(raw, HttpClient.HttpClient, client), { degrees: 21 })
        })
        yield* LanguageModel.generateText({ prompt: "Weather?", toolkit }).pipe(Effect.provide(asking))
        assert.deepStrictEqual(yield* modelsOf, [["gpt-4.1-nano", undefined], ["gpt-4.1-mini", "effect-ai"]])
        const [inner, outer] = yield* PostHogTest.waitFor("$ai_generation", { count: 2 })
        const span = yield* only("$ai_span")
        assert.strictEqual(inner!.properties.$ai_parent_id, span.$ai_span_id)
        assert.strictEqual(span.$ai_parent_id, outer!.properties.$ai_span_id)
      }).pipe(Effect.provide(EffectAi.model(models.openai)))
    ))

  it.live("a raw call by the consumer of a stream is captured there", () =>
    withBoth(() =>
      Effect.gen(function*() {
        yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
          Stream.filter(({ type }) => type === "finish"),
          Stream.mapEffect(() => raw),
          Stream.runDrain
        )
        assert.deepStrictEqual(yield* modelsOf, [["gpt-4.1-nano", undefined], ["gpt-4.1-mini", "effect-ai"]])
      }).pipe(Effect.provide(EffectAi.model(models.openai)))
    ))

  it.live("an embedding is one event, with the model and the tokens that only the client knows", () =>
    withBoth(() =>
      Effect.gen(function*() {
        const model = yield* EmbeddingModel.EmbeddingModel
        yield* model.embed("a text")
        const embedding = yield* only("$ai_embedding")
        assert.deepInclude(embedding, {
          $ai_model: "text-embedding-3-small",
          $ai_input: "a text",
          $ai_http_status: 200,
          $ai_framework: "effect-ai"
        })
        assert.isAbove(embedding.$ai_input_tokens as number, 0)
      }).pipe(Effect.provide(
        EffectAi.model(OpenAiEmbeddingModel.model("text-embedding-3-small", { mode: "batched" }))
      ))
    ))
})

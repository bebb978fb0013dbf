/**
 * Calls of models through Effect's modules for AI as LLM analytics: generations, embeddings, and a span for each tool
 * that ran. And the requests of MCP servers.
 *
 * ```ts
 * import { LanguageModel } from "@effect/ai"
 * import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
 * import { FetchHttpClient } from "@effect/platform"
 * import { Config, Effect, Layer } from "effect"
 * import { PostHogLive } from "effect-posthog"
 * import * as EffectAi from "effect-posthog/EffectAi"
 *
 * const Model = OpenAiLanguageModel.layer({ model: "gpt-5-mini" }).pipe(
 *   EffectAi.withCapture(),
 *   Layer.provide(OpenAiClient.layerConfig({ apiKey: Config.redacted("OPENAI_API_KEY") })),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * const haiku = LanguageModel.generateText({ prompt: "A haiku about fibers" })
 *
 * Effect.runPromise(haiku.pipe(Effect.provide(Model), Effect.provide(PostHogLive)))
 * ```
 *
 * On Effect 3 it needs the package `@effect/ai`, which is why it is an entry point of its own. On Effect 4 it stands on
 * `effect/ai`, which is unstable: that may change with each minor version of Effect.
 *
 * @since 0.1.0
 */
import * as EmbeddingModel from "@effect/ai/EmbeddingModel"
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Model from "@effect/ai/Model"
import * as Tool from "@effect/ai/Tool"
import type * as Toolkit from "@effect/ai/Toolkit"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { modelNameIn } from "./internal/effect/ai.js"
import { serviceIfAny } from "./internal/effect/fiber.js"
import { instanceOf } from "./internal/instance.js"
import { embedding } from "./internal/llm/effectAi/embedding.js"
import { plain, streamed } from "./internal/llm/effectAi/languageModel.js"
import type { Given, Source } from "./internal/llm/effectAi/source.js"
import { watchHandlers } from "./internal/llm/effectAi/toolkit.js"
import type { McpOptions } from "./internal/mcp/source.js"
import type { McpRequest } from "./internal/mcp/watcher.js"
import { PostHog, type Service } from "./PostHog.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  McpOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  McpRequest
}

export * from "./internal/mcp/layers.js"

/**
 * What can be said about the calls of a model that is captured. What is absent is taken from where the call is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Given {}

const ask: Source["ask"] = {
  schema: (tool) => Tool.getJsonSchema(tool as never),
  description: (tool) => Tool.getDescription(tool as never)
}

/** Events go to the instance of the fiber that calls, which is another one within `PostHog.using`. */
const sourceOf = (service: Service, options: Options, context: Context.Context<never> = Context.empty()): Source => {
  const instance = instanceOf(service)
  return {
    options,
    providerName: Option.getOrUndefined(Context.getOption(context, Model.ProviderName)),
    modelName: modelNameIn(context),
    ask,
    instance: (fiber) =>
      Option.match(serviceIfAny(fiber, PostHog), {
        onNone: () => instance,
        onSome: instanceOf
      })
  }
}

const captureLanguageModel = (model: LanguageModel.Service, source: Source): LanguageModel.Service => ({
  ...model,
  generateText: plain(source, "generateText", model.generateText),
  generateObject: plain(source, "generateObject", model.generateObject),
  streamText: streamed(source, model.streamText)
})

const captureEmbeddingModel = (model: EmbeddingModel.Service, source: Source): EmbeddingModel.Service => ({
  ...model,
  embed: (input) => embedding(source, input, Effect.suspend(() => model.embed(input))),
  embedMany: (...given) => embedding(source, given[0], Effect.suspend(() => model.embedMany(...given)))
})

/** What a context of services becomes: those of its models that there are, captured. */
const captureAll = <A>(context: Context.Context<A>, service: Service, options: Options): Context.Context<A> => {
  const all = context as Context.Context<LanguageModel.LanguageModel | EmbeddingModel.EmbeddingModel | A>
  const source = sourceOf(service, options, context)
  let captured = all
  for (const model of Option.toArray(Context.getOption(context, LanguageModel.LanguageModel))) {
    captured = Context.add(captured, LanguageModel.LanguageModel, captureLanguageModel(model, source))
  }
  for (const model of Option.toArray(Context.getOption(context, EmbeddingModel.EmbeddingModel))) {
    captured = Context.add(captured, EmbeddingModel.EmbeddingModel, captureEmbeddingModel(model, source))
  }
  return captured as Context.Context<A>
}

const isLayerFirst = (args: IArguments): boolean => Layer.isLayer(args[0])

/**
 * A layer whose language models and embedding models are captured: whatever reads them from the context, such as
 * `LanguageModel.generateText` or a `Chat`, is captured with them.
 *
 * @since 0.1.0
 * @category layers
 */
export const withCapture: {
  /**
   * A layer whose language models and embedding models are captured: whatever reads them from the context, such as
   * `LanguageModel.generateText` or a `Chat`, is captured with them.
   *
   * @since 0.1.0
   * @category layers
   */
  (options?: Options): <A, E, R>(self: Layer.Layer<A, E, R>) => Layer.Layer<A, E, R | PostHog>
  /**
   * A layer whose language models and embedding models are captured: whatever reads them from the context, such as
   * `LanguageModel.generateText` or a `Chat`, is captured with them.
   *
   * @since 0.1.0
   * @category layers
   */
  <A, E, R>(self: Layer.Layer<A, E, R>, options?: Options): Layer.Layer<A, E, R | PostHog>
} = /* #__PURE__ */ dual(
  isLayerFirst,
  <A, E, R>(self: Layer.Layer<A, E, R>, options: Options = {}): Layer.Layer<A, E, R | PostHog> =>
    Layer.flatMap(
      self,
      (context) => Layer.effectContext(Effect.map(PostHog, (service) => captureAll(context, service, options)))
    )
)

/**
 * A `Model` of a provider's package, such as `OpenAiLanguageModel.model("gpt-5")`, that is captured and a `Model`
 * still.
 *
 * @since 0.1.0
 * @category models
 */
export const model = <const Provider extends string, Provides, Requires>(
  self: Model.Model<Provider, Provides, Requires>,
  options?: Options
): Model.Model<Provider, Provides, Requires | PostHog> =>
  // Not `Model.make`: on Effect 4 it asks for the name of the model again, which only the layer knows.
  Object.assign(Object.create(Object.getPrototypeOf(self) as object), self, withCapture(self, options))

/**
 * A language model that is captured, for programs that make one without a layer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const languageModel = (
  self: LanguageModel.Service,
  options: Options = {}
): Effect.Effect<LanguageModel.Service, never, PostHog> =>
  Effect.map(PostHog, (service) => captureLanguageModel(self, sourceOf(service, options)))

/**
 * An embedding model that is captured, for programs that make one without a layer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const embeddingModel = (
  self: EmbeddingModel.Service,
  options: Options = {}
): Effect.Effect<EmbeddingModel.Service, never, PostHog> =>
  Effect.map(PostHog, (service) => captureEmbeddingModel(self, sourceOf(service, options)))

/**
 * A toolkit whose runs are captured as spans, for programs that resolve calls of tools themselves
 * (`disableToolCallResolution`), or call tools without a model. A captured model does so for the toolkits that it is
 * given; one that is captured already is captured once.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toolkit = <Tools extends Record<string, Tool.Any>, E = never, R = never>(
  self: Toolkit.WithHandler<Tools> | Effect.Effect<Toolkit.WithHandler<Tools>, E, R>,
  options: Options = {}
): Effect.Effect<Toolkit.WithHandler<Tools>, E, R | PostHog> =>
  Effect.flatMap(PostHog, (service) =>
    Effect.map(
      Effect.isEffect(self) ? self : Effect.succeed(self),
      (given) => watchHandlers(sourceOf(service, options), given)
    ))

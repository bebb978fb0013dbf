/**
 * Calls of models through `effect/ai` as LLM analytics: generations, embeddings, and a span for each tool that ran.
 *
 * ```ts
 * import { Effect, Layer, Stream } from "effect"
 * import { LanguageModel } from "effect/ai"
 * import { PostHogLive } from "effect-posthog"
 * import * as EffectAi from "effect-posthog/EffectAi"
 *
 * // In the place of the layer of a provider's package.
 * const Echo = Layer.effect(
 *   LanguageModel.LanguageModel,
 *   LanguageModel.make({
 *     generateText: () => Effect.succeed([{ type: "text", text: "Light as a thread" }]),
 *     streamText: () => Stream.empty
 *   })
 * )
 * const Model = Echo.pipe(EffectAi.withCapture({ provider: "echo" }))
 *
 * const haiku = LanguageModel.generateText({ prompt: "A haiku about fibers" })
 *
 * Effect.runPromise(haiku.pipe(Effect.provide(Model), Effect.provide(PostHogLive)))
 * ```
 *
 * `effect/ai` is unstable: it may change with each minor version of Effect.
 *
 * @since 0.1.0
 */
import * as EmbeddingModel from "effect/ai/EmbeddingModel"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as McpProtocol from "effect/ai/McpProtocol"
import type * as McpSchema from "effect/ai/McpSchema"
import * as McpServer from "effect/ai/McpServer"
import * as Model from "effect/ai/Model"
import * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { PathInput } from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as ErrorTracking from "./ErrorTracking.js"
import { modelNameIn } from "./internal/effect/ai.js"
import { serviceIfAny } from "./internal/effect/fiber.js"
import { instanceOf } from "./internal/instance.js"
import { embedding } from "./internal/llm/effectAi/embedding.js"
import { plain, streamed } from "./internal/llm/effectAi/languageModel.js"
import type { Given, Source } from "./internal/llm/effectAi/source.js"
import { watchHandlers } from "./internal/llm/effectAi/toolkit.js"
import { watchProtocols } from "./internal/mcp/protocol.js"
import type { McpGiven, McpRequest, McpSource } from "./internal/mcp/watcher.js"
import { PostHog, type Service } from "./PostHog.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  McpRequest
}

/**
 * What can be said about the calls of a model that is captured. What is absent is taken from where the call is made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Given {}

const ask: Source["ask"] = {
  schema: (tool) => Tool.getJsonSchema(tool as Tool.Any),
  description: (tool) => Tool.getDescription(tool as Tool.Any)
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

const captureLanguageModel = (model: LanguageModel.LanguageModel, source: Source): LanguageModel.LanguageModel => ({
  ...model,
  generateText: plain(source, "generateText", model.generateText),
  generateObject: plain(source, "generateObject", model.generateObject),
  streamText: streamed(source, model.streamText)
})

const captureEmbeddingModel = (
  model: EmbeddingModel.EmbeddingModel,
  source: Source
): EmbeddingModel.EmbeddingModel => ({
  ...model,
  embed: (input) => embedding(source, input, Effect.suspend(() => model.embed(input))),
  embedMany: (inputs) => embedding(source, inputs, Effect.suspend(() => model.embedMany(inputs)))
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
  // `Model.make` would ask for the name of the model again, which only the layer knows.
  Object.assign(Object.create(Object.getPrototypeOf(self) as object), self, withCapture(self, options))

/**
 * A language model that is captured, for programs that make one without a layer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const languageModel = (
  self: LanguageModel.LanguageModel,
  options: Options = {}
): Effect.Effect<LanguageModel.LanguageModel, never, PostHog> =>
  Effect.map(PostHog, (service) => captureLanguageModel(self, sourceOf(service, options)))

/**
 * An embedding model that is captured, for programs that make one without a layer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const embeddingModel = (
  self: EmbeddingModel.EmbeddingModel,
  options: Options = {}
): Effect.Effect<EmbeddingModel.EmbeddingModel, never, PostHog> =>
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

/**
 * What can be said about an MCP server whose requests are captured.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpOptions extends McpGiven {}

const mcpSource = (service: Service, options: McpOptions): McpSource => ({
  options,
  instance: instanceOf(service),
  exception: (thrown, properties, distinctId) =>
    ErrorTracking.capture(thrown, { properties, distinctId, source: "mcp.tool_call" }).pipe(
      Effect.provideService(PostHog, service)
    )
})

type Protocols = Arr.NonEmptyReadonlyArray<McpProtocol.ProtocolAdapter>

const isProtocolsFirst = (args: IArguments): boolean => Array.isArray(args[0])

/**
 * Versions of the protocol for an MCP server, whose requests are captured: `$mcp_tool_call` and its kin. Goes around
 * the list that is given to a server as `protocols`; {@link layerMcpStdio} and its kin do both.
 *
 * @since 0.1.0
 * @category mcp
 */
export const withMcpCapture: {
  /**
   * Versions of the protocol for an MCP server, whose requests are captured: `$mcp_tool_call` and its kin.
   *
   * @since 0.1.0
   * @category mcp
   */
  (options: McpOptions): <const Of extends Protocols>(protocols: Of) => Effect.Effect<Of, never, PostHog>
  /**
   * Versions of the protocol for an MCP server, whose requests are captured: `$mcp_tool_call` and its kin.
   *
   * @since 0.1.0
   * @category mcp
   */
  <const Of extends Protocols>(protocols: Of, options: McpOptions): Effect.Effect<Of, never, PostHog>
} = /* #__PURE__ */ dual(
  isProtocolsFirst,
  <const Of extends Protocols>(protocols: Of, options: McpOptions): Effect.Effect<Of, never, PostHog> =>
    Effect.map(PostHog, (service) => watchProtocols(protocols, mcpSource(service, options)))
)

/**
 * What can be said about an MCP server and its requests: as for `McpServer.layerStdio`, and {@link McpOptions}.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpServerOptions<Of extends Protocols, RA, RE, RR> extends McpOptions {
  /** The versions of the protocol that the server speaks, the preferred one first. */
  readonly protocols: Of
  /** Instructions for the model that uses the server. Default: none. */
  readonly instructions?: string | undefined
  /** What the server is for. Default: absent. */
  readonly description?: string | undefined
  /** Where more is said about the server. Default: absent. */
  readonly websiteUrl?: string | undefined
  /** Pictures that stand for the server. Default: none. */
  readonly icons?: ReadonlyArray<McpSchema.Icon> | undefined
  /** Extensions of the protocol that the server has. Default: none. */
  readonly extensions?: McpSchema.ServerCapabilities["extensions"]
  /** How long clients may keep what the server lists. Default: not at all. */
  readonly cacheHints?: McpServer.CacheHints | undefined
  /** Tools, resources and prompts that may need what is known of a request. Default: none. */
  readonly registrations?: Layer.Layer<RA, RE, RR> | undefined
}

/**
 * What can be said about an MCP server over HTTP and its requests: as for `McpServer.layerHttp`, and
 * {@link McpOptions}.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpHttpOptions<Of extends Protocols, RA, RE, RR> extends McpServerOptions<Of, RA, RE, RR> {
  /** Where the router has the server. */
  readonly path: PathInput
  /** From which origins a browser may ask. Default: that of the server. */
  readonly allowedOrigins?: ReadonlyArray<string> | undefined
  /** Whether a client may end its session. Default: `false`. */
  readonly allowSessionTermination?: boolean | undefined
  /** Whether a client may be told of what changes. Default: `true`. */
  readonly allowSubscriptions?: boolean | undefined
}

type WithPostHog<Of> = Of extends Layer.Layer<infer A, infer E, infer R> ? Layer.Layer<A, E, R | PostHog> : never

type StdioLayer<Of extends Protocols, RA, RE, RR> = WithPostHog<
  ReturnType<typeof McpServer.layerStdio<Of, RA, RE, RR>>
>

type HttpLayer<Of extends Protocols, RA, RE, RR> = WithPostHog<ReturnType<typeof McpServer.layerHttp<Of, RA, RE, RR>>>

/**
 * As `McpServer.layerStdio`, with its requests captured. Standard output belongs to the protocol: a program has no
 * logger that writes there.
 *
 * @since 0.1.0
 * @category mcp
 */
export const layerMcpStdio = <const Of extends Protocols, RA = never, RE = never, RR = never>(
  options: McpServerOptions<Of, RA, RE, RR>
): StdioLayer<Of, RA, RE, RR> =>
  Layer.unwrap(
    Effect.map(withMcpCapture(options.protocols, options), (protocols) =>
      McpServer.layerStdio({ ...options, version: options.version ?? "0.0.0", protocols }))
  ) as StdioLayer<Of, RA, RE, RR>

/**
 * As `McpServer.layerHttp`, with its requests captured.
 *
 * @since 0.1.0
 * @category mcp
 */
export const layerMcpHttp = <const Of extends Protocols, RA = never, RE = never, RR = never>(
  options: McpHttpOptions<Of, RA, RE, RR>
): HttpLayer<Of, RA, RE, RR> =>
  Layer.unwrap(
    Effect.map(withMcpCapture(options.protocols, options), (protocols) =>
      McpServer.layerHttp({ ...options, version: options.version ?? "0.0.0", protocols }))
  ) as HttpLayer<Of, RA, RE, RR>

/**
 * PostHog as a service: capture events, say who users are, and see what became of it all.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog, PostHogLive } from "effect-posthog"
 *
 * const program = PostHog.capture("order completed", { total: 42 }).pipe(
 *   PostHog.withContext({ distinctId: "user_123", groups: { company: "acme" } })
 * )
 *
 * Effect.runPromise(program.pipe(Effect.provide(PostHogLive)))
 * ```
 *
 * Long because of the documentation of overloads.
 *
 * PostHog on the concepts: https://posthog.com/docs/product-analytics/capture-events
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DeclaredProperties } from "./core/event/declared.js"
import type { GroupProperties, Groups, Properties, PropertiesInput } from "./core/event/layers.js"
import * as Special from "./core/event/special.js"
import { type CaptureOptions, ordinary, ordinaryInput, type Origin } from "./internal/capture.js"
import type { Carrier } from "./internal/carrier.js"
import type { ContextScope, ContextValues, CurrentContext } from "./internal/contextValues.js"
import type { DeclaredEvent } from "./internal/declarations.js"
import { OutboxStorageError } from "./internal/delivery/durable/errors.js"
import type { FlushReport } from "./internal/delivery/flushes.js"
import { metrics } from "./internal/delivery/statistics.js"
import type { Stats } from "./internal/delivery/statistics.js"
import { anew, serviceOf, withFiber } from "./internal/effect/fiber.js"
import { instanceOf, type Service } from "./internal/instance.js"
import * as internal from "./internal/service.js"
import { type Unrun, unrun } from "./internal/unrun.js"
import {
  aboutPerson,
  captureVerb,
  identifying,
  type IdentifyOptions,
  type PersonOptions,
  type Verb
} from "./internal/verbs.js"
import type * as PostHogConfig from "./PostHogConfig.js"
import type { ConfigurationError, DeliveryError, Diagnostic } from "./PostHogError.js"
import type * as PostHogEvent from "./PostHogEvent.js"

export {
  /**
   * @since 0.1.0
   * @category accessors
   */
  getContext,
  /**
   * @since 0.1.0
   * @category combinators
   */
  setContext,
  /**
   * @since 0.1.0
   * @category combinators
   */
  setEventContext,
  /**
   * @since 0.1.0
   * @category carriers
   */
  toCarrier,
  /**
   * @since 0.1.0
   * @category carriers
   */
  withCarrier,
  /**
   * @since 0.1.0
   * @category combinators
   */
  withContext,
  /**
   * @since 0.1.0
   * @category combinators
   */
  withDistinctId,
  /**
   * @since 0.1.0
   * @category combinators
   */
  withEventContext,
  /**
   * @since 0.1.0
   * @category combinators
   */
  withGroups,
  /**
   * @since 0.1.0
   * @category combinators
   */
  withoutCapture,
  /**
   * @since 0.1.0
   * @category combinators
   */
  withSessionId
} from "./internal/contextRegions.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  CaptureOptions,
  /**
   * @since 0.1.0
   * @category carriers
   */
  Carrier,
  /**
   * @since 0.1.0
   * @category models
   */
  ContextScope,
  /**
   * @since 0.1.0
   * @category models
   */
  ContextValues,
  /**
   * @since 0.1.0
   * @category models
   */
  CurrentContext,
  /**
   * @since 0.1.0
   * @category models
   */
  FlushReport,
  /**
   * @since 0.1.0
   * @category models
   */
  GroupProperties,
  /**
   * @since 0.1.0
   * @category models
   */
  Groups,
  /**
   * @since 0.1.0
   * @category models
   */
  IdentifyOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  PersonOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  Properties,
  /**
   * @since 0.1.0
   * @category models
   */
  PropertiesInput,
  /**
   * @since 0.1.0
   * @category models
   */
  Service,
  /**
   * @since 0.1.0
   * @category models
   */
  Stats,
  /**
   * @since 0.1.0
   * @category models
   */
  Unrun
}

export {
  /**
   * @since 0.1.0
   * @category metrics
   */
  metrics
}

/**
 * The default instance.
 *
 * @since 0.1.0
 * @category tags
 */
export class PostHog extends Context.Tag("effect-posthog/PostHog")<PostHog, Service>() {}

/**
 * The type of a class made with {@link Instance}.
 *
 * @since 0.1.0
 * @category models
 */
export interface InstanceClass<Self, Name extends string>
  extends Context.TagClass<Self, `effect-posthog/PostHog/${Name}`, Service>
{}

/**
 * A further instance with a name of its own, for a second project. The name must be unique in the program.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog } from "effect-posthog"
 *
 * class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}
 *
 * const MarketingLive = PostHog.layerInstance(Marketing, { apiKey: "phc_marketing" })
 *
 * const lead = PostHog.capture("lead created").pipe(PostHog.using(Marketing))
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const Instance = <Self>() => <const Name extends string>(name: Name): InstanceClass<Self, Name> =>
  Context.Tag(`effect-posthog/PostHog/${name}`)<Self, Service>()

/**
 * The type of a class made with {@link StrictInstance}.
 *
 * @since 0.1.0
 * @category models
 */
export interface StrictClass<Self, Name extends string> {
  new(_: never): { readonly "~effect-posthog/StrictInstance": Name }
  /** As {@link capture}, on this instance. */
  readonly capture: PostHogEvent.StrictCapture<Effect.Effect<void, never, Self>>
  /** As {@link captureNow}, on this instance. */
  readonly captureNow: PostHogEvent.StrictCapture<Effect.Effect<Option.Option<string>, DeliveryError, Self>>
  /** As {@link captureDurable}, on this instance. */
  readonly captureDurable: PostHogEvent.StrictCapture<Effect.Effect<void, OutboxStorageError, Self>>
  /** The same as an ordinary instance: for layers, and for what is no event of a plan, such as flags. */
  readonly instance: Context.Tag<Self, Service>
}

/**
 * A further instance that takes no event but those that were declared with `PostHogEvent`: anything else does not
 * compile. Its layers are those of its `instance`.
 *
 * ```ts
 * import { Schema } from "effect"
 * import { PostHog, PostHogEvent } from "effect-posthog"
 *
 * class Shop extends PostHog.StrictInstance<Shop>()("Shop") {}
 *
 * const ShopLive = PostHog.layerInstance(Shop.instance, { apiKey: "phc_shop" })
 *
 * const OrderCompleted = PostHogEvent.make("order completed", { total: Schema.Number })
 *
 * const program = Shop.capture(OrderCompleted, { total: 42 }, { distinctId: "user_123" })
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const StrictInstance = <Self>() => <const Name extends string>(name: Name): StrictClass<Self, Name> => {
  const instance = Instance<Self>()(name)
  /** The same capture, on this instance. */
  const on = <A, E>(
    capture: (...given: ReadonlyArray<never>) => Effect.Effect<A, E, PostHog>
  ): PostHogEvent.StrictCapture<Effect.Effect<A, E, Self>> =>
  (...given: ReadonlyArray<unknown>) => using(capture(...given as ReadonlyArray<never>), instance)
  // What a class can extend.
  const Strict = function() {}
  return Object.assign(Strict, {
    capture: on<void, never>(capture),
    captureNow: on<Option.Option<string>, DeliveryError>(captureNow),
    captureDurable: on<void, OutboxStorageError>(captureDurable),
    instance
  }) as unknown as StrictClass<Self, Name>
}

/**
 * Builds an instance; closing the scope drains it. Most programs use {@link layer}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Self = PostHog>(
  options: PostHogConfig.Options,
  /** The tag under which the service will be provided; decides which context applies. Default: {@link PostHog}. */
  tag?: Context.Tag<Self, Service>
): Effect.Effect<Service, ConfigurationError, HttpClient.HttpClient | Scope.Scope> =>
  Effect.flatMap(HttpClient.HttpClient, (client) => internal.make(options, tag?.key ?? PostHog.key, client))

/**
 * The default instance, sending through the `HttpClient` of the surroundings.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: PostHogConfig.Options
): Layer.Layer<PostHog, ConfigurationError, HttpClient.HttpClient> => layerInstance(PostHog, options)

/**
 * The default instance with options from Effect's Config, such as `PostHogConfig.config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<PostHogConfig.Options>
): Layer.Layer<PostHog, ConfigurationError | ConfigError.ConfigError, HttpClient.HttpClient> =>
  layerInstanceConfig(PostHog, config)

/**
 * A named instance. Bind the layer to a constant: each call makes an instance of its own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstance = <Self>(
  tag: Context.Tag<Self, Service>,
  options: PostHogConfig.Options
): Layer.Layer<Self, ConfigurationError, HttpClient.HttpClient> => Layer.scoped(tag, make(options, tag))

/**
 * A named instance with options from Effect's Config.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstanceConfig = <Self>(
  tag: Context.Tag<Self, Service>,
  config: Config.Config.Wrap<PostHogConfig.Options>
): Layer.Layer<Self, ConfigurationError | ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.scoped(tag, Effect.flatMap(Config.unwrap(config), (options) => make(options, tag)))

/**
 * An instance that does nothing and says so to nobody.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNoop: Layer.Layer<PostHog> = /* #__PURE__ */ anew(/* #__PURE__ */ Layer.sync(
  PostHog,
  () => internal.makeIgnoring("PostHog")
))

/**
 * Runs an effect on another instance: whatever asks for `PostHog` in it gets that one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const using: {
  /**
   * Runs an effect on another instance: whatever asks for `PostHog` in it gets that one.
   *
   * @since 0.1.0
   * @category combinators
   */
  <Self>(
    tag: Context.Tag<Self, Service>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, PostHog> | Self>
  /**
   * Runs an effect on another instance: whatever asks for `PostHog` in it gets that one.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R, Self>(
    self: Effect.Effect<A, E, R>,
    tag: Context.Tag<Self, Service>
  ): Effect.Effect<A, E, Exclude<R, PostHog> | Self>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R, Self>(
    self: Effect.Effect<A, E, R>,
    tag: Context.Tag<Self, Service>
  ): Effect.Effect<A, E, Exclude<R, PostHog> | Self> => Effect.provideServiceEffect(self, PostHog, tag)
)

/** Asks the service of the running fiber; one step instead of the three of `flatMap` over the tag. */
const ask = <A, E>(f: (service: Service, origin: Origin) => Effect.Effect<A, E>): Effect.Effect<A, E, PostHog> =>
  withFiber((fiber) => f(serviceOf(fiber, PostHog), fiber))

/** Captures an event with a meaning of its own. */
const tell = (verb: Verb): Effect.Effect<void, never, PostHog> =>
  ask((service, origin) => captureVerb(instanceOf(service).door, origin, verb))

/**
 * Captures an event. Never fails, dies or waits (unless the instance's `overflow` says so): events that cannot be sent
 * are counted in {@link stats} and reported in {@link diagnostics}.
 *
 * @since 0.1.0
 * @category accessors
 */
export const capture: PostHogEvent.Capture<Effect.Effect<void, never, PostHog>> = (
  event: string | DeclaredEvent,
  properties?: PropertiesInput,
  options?: CaptureOptions
): Effect.Effect<void, never, PostHog> => ask((service) => service.capture(event as string, properties, options))

/**
 * Sends one event past the queue and waits until PostHog acknowledged it, for instance before a serverless function
 * freezes. Gives the event's uuid; none when there was nothing to send, because the instance is disabled or opted out
 * or the event was dropped before sending.
 *
 * @since 0.1.0
 * @category accessors
 */
export const captureNow: PostHogEvent.Capture<Effect.Effect<Option.Option<string>, DeliveryError, PostHog>> = (
  event: string | DeclaredEvent,
  properties?: PropertiesInput,
  options?: CaptureOptions
): Effect.Effect<Option.Option<string>, DeliveryError, PostHog> =>
  ask((service) => service.captureNow(event as string, properties, options))

/**
 * Captures an event as {@link capture} does, and waits until a `DurableOutbox` has stored it so that it survives the
 * end of the process, and a power cut if the outbox syncs. It is sent later, like any other.
 *
 * Fails when that cannot be promised: without such an outbox, while nothing can be written, or when the event was
 * dropped. An event that was taken is sent all the same if the process lives. Where nothing is to be captured, because
 * the instance is disabled or opted out or the context says so, there is nothing to keep either, and it succeeds.
 *
 * @since 0.1.0
 * @category accessors
 */
export const captureDurable: PostHogEvent.Capture<Effect.Effect<void, OutboxStorageError, PostHog>> = (
  event: string | DeclaredEvent,
  properties?: PropertiesInput,
  options?: CaptureOptions
): Effect.Effect<void, OutboxStorageError, PostHog> =>
  ask((service, origin) => {
    const input = ordinaryInput(event, properties, options)
    const { captured, why } = instanceOf(service).door.captureDurable(origin, input)
    return why === undefined ? captured : Effect.zipRight(
      captured,
      new OutboxStorageError({
        reason: why,
        operation: "capture",
        detail: why === "absent" ? "the event is in memory alone" : "see PostHog.stats and PostHog.diagnostics"
      })
    )
  })

/**
 * Sets properties of a person, and makes the id a known one (`$identify`). A blank id drops the event. See
 * https://posthog.com/docs/product-analytics/identify
 *
 * @since 0.1.0
 * @category accessors
 */
export const identify = (
  distinctId: string,
  set?: PropertiesInput | DeclaredProperties<"person">,
  options?: IdentifyOptions
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$identify",
    kind: identifying,
    options,
    given: set,
    make: (of) => Special.identify(distinctId, of(set), of(options?.setOnce), options?.anonDistinctId)
  })

/**
 * Sets properties of the person of the context, or of `options.distinctId` (`$set`). Without an id the event is
 * dropped; with nothing to set there is none.
 *
 * @since 0.1.0
 * @category accessors
 */
export const setPersonProperties = (
  set: PropertiesInput | DeclaredProperties<"person">,
  options?: PersonOptions
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$set",
    kind: aboutPerson,
    options,
    given: set,
    make: (of) => Special.setPersonProperties(of(set), of(options?.setOnce))
  })

/**
 * Removes properties of the person of the context, or of `options.distinctId` (`$set` with `$unset`).
 *
 * @since 0.1.0
 * @category accessors
 */
export const unsetPersonProperties = (
  names: ReadonlyArray<string>,
  options?: CaptureOptions
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$set",
    kind: aboutPerson,
    options,
    given: undefined,
    make: () => Special.unsetPersonProperties(names)
  })

/**
 * Makes two ids one person: `distinctId`, which PostHog knows already, and `alias` (`$create_alias`).
 *
 * @since 0.1.0
 * @category accessors
 */
export const alias = (
  ids: { readonly distinctId: string; readonly alias: string },
  options?: Omit<CaptureOptions, "distinctId">
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$create_alias",
    kind: identifying,
    options,
    given: undefined,
    make: () => Special.alias(ids.distinctId, ids.alias)
  })

/**
 * Sets properties of a group (`$groupidentify`), such as `groupIdentify("company", "acme", { plan: "pro" })`. Without
 * `options.distinctId` the event is about `$<type>_<key>`. See
 * https://posthog.com/docs/product-analytics/group-analytics
 *
 * @since 0.1.0
 * @category accessors
 */
export const groupIdentify = <const G extends string>(
  groupType: G,
  groupKey: string | number,
  properties?: PropertiesInput | DeclaredProperties<{ readonly group: NoInfer<G> }>,
  options?: CaptureOptions
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$groupidentify",
    kind: identifying,
    options,
    given: properties,
    make: (of) => Special.groupIdentify(groupType, groupKey, of(properties), options?.distinctId)
  })

/**
 * Captures `$pageview`. Host and path are taken from the address.
 *
 * @since 0.1.0
 * @category accessors
 */
export const pageView = (
  url?: string | URL,
  properties?: PropertiesInput,
  options?: CaptureOptions
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$pageview",
    kind: ordinary,
    options,
    given: properties,
    make: () => Special.pageView(url, properties)
  })

/**
 * Captures `$screen`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const screen = (
  name: string,
  properties?: PropertiesInput,
  options?: CaptureOptions
): Effect.Effect<void, never, PostHog> =>
  tell({
    event: "$screen",
    kind: ordinary,
    options,
    given: properties,
    make: () => Special.screen(name, properties)
  })

/**
 * Sends what is queued and waits until each event is settled, retries included. Fails when events were dropped or,
 * after the last retry, are still queued.
 *
 * @since 0.1.0
 * @category accessors
 */
export const flush: Effect.Effect<FlushReport, DeliveryError, PostHog> = /* #__PURE__ */ ask((service) => service.flush)

/**
 * What became of the events so far.
 *
 * @since 0.1.0
 * @category accessors
 */
export const stats: Effect.Effect<Stats, never, PostHog> = /* #__PURE__ */ ask((service) => service.stats)

/**
 * What happens from now on: events dropped, repaired and delivered, requests, retries. Ends when the instance closes.
 * A subscriber that falls more than 4,096 diagnostics behind misses the oldest.
 *
 * @since 0.1.0
 * @category accessors
 */
export const diagnostics: Stream.Stream<Diagnostic, never, PostHog> = /* #__PURE__ */ Stream.unwrap(
  /* #__PURE__ */ ask((service) => Effect.succeed(service.diagnostics))
)

/**
 * Takes, keeps and sends nothing from now on. Queued events are dropped; a request that is under way is not repeated.
 *
 * @since 0.1.0
 * @category accessors
 */
export const optOut: Effect.Effect<void, never, PostHog> = /* #__PURE__ */ ask((service) => service.optOut)

/**
 * Takes events again after {@link optOut}.
 *
 * @since 0.1.0
 * @category accessors
 */
export const optIn: Effect.Effect<void, never, PostHog> = /* #__PURE__ */ ask((service) => service.optIn)

/**
 * Whether nothing is taken: opted out, disabled or closed.
 *
 * @since 0.1.0
 * @category accessors
 */
export const isOptedOut: Unrun<boolean, never, PostHog> = /* #__PURE__ */ unrun(
  /* #__PURE__ */ ask((service) => service.isOptedOut)
)

/**
 * Logs every diagnostic at debug level from now on, whatever the minimum level; `debug(false)`: no longer.
 *
 * @since 0.1.0
 * @category accessors
 */
export const debug = (enabled = true): Effect.Effect<void, never, PostHog> => ask((service) => service.debug(enabled))

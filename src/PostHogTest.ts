/**
 * PostHog for tests: the same service with the same context, enrichment and `beforeSend`, but events are kept as data instead
 * of being sent.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog, PostHogTest, TestLayer } from "effect-posthog"
 *
 * const test = Effect.gen(function*() {
 *   yield* PostHog.capture("order completed", { total: 42 }, { distinctId: "user_123" })
 *   const [event] = yield* PostHogTest.captured
 *   yield* Effect.log(event?.event, event?.properties.total)
 * })
 *
 * Effect.runPromise(test.pipe(Effect.provide(TestLayer)))
 * ```
 *
 * Each build of the layer has a store of its own, so tests can run in parallel. Uuids are the same in every run, and times
 * come from Effect's clock, so under `TestClock` whole events can be compared.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { makeUuidV7 } from "./core/event/uuid.js"
import type { WireEvent } from "./core/event/wireEvent.js"
import * as Memory from "./internal/delivery/memory.js"
import { resolve } from "./internal/options.js"
import * as internal from "./internal/service.js"
import { PostHog, type Service } from "./PostHog.js"
import type * as PostHogConfig from "./PostHogConfig.js"

/**
 * An event as PostHog would have received it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CapturedEvent extends Readonly<Omit<WireEvent, "properties">> {
  readonly properties: { readonly [name: string]: unknown }
}

/** Where the events of a service made here are kept. */
const stores = new WeakMap<Service, Memory.Store>()

/**
 * Builds a service that keeps its events. Takes all options of a live one; those about the network have no effect. Options
 * that would be a `ConfigurationError` are a defect here.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: PostHogConfig.Options = {},
  key: string = PostHog.key
): Effect.fn.Return<Service, never, Scope.Scope> {
  const resolved = yield* Effect.orDie(resolve(options))
  const store = new Memory.Store()
  const service = resolved.disabled === "not_enabled"
    ? internal.makeIgnoring(key)
    : yield* internal.makeWith(
      resolved,
      key,
      // Without chance the generator counts from 0 in every millisecond.
      makeUuidV7((bytes) => bytes.fill(0)),
      (statistics, diagnostics) => Memory.make(store, statistics, diagnostics, resolved.maxEventBytes)
    )
  stores.set(service, store)
  return service
})

/**
 * The default instance, keeping its events.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: PostHogConfig.Options): Layer.Layer<PostHog> => layerInstance(PostHog, options)

/**
 * A named instance, keeping its events.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstance = <Self>(
  tag: Context.Tag<Self, Service>,
  options?: PostHogConfig.Options
): Layer.Layer<Self> => Layer.scoped(tag, make(options, tag.key))

/**
 * The default instance with default options, keeping its events.
 *
 * @since 0.1.0
 * @category layers
 */
export const TestLayer: Layer.Layer<PostHog> = Layer.suspend(() => layer())

const withStore = <A, E>(f: (store: Memory.Store) => Effect.Effect<A, E>): Effect.Effect<A, E, PostHog> =>
  Effect.flatMap(PostHog, (service) => {
    const store = stores.get(service)
    return store === undefined
      ? Effect.dieMessage("PostHogTest: this PostHog was not made by TestLayer or PostHogTest.layer")
      : f(store)
  })

/**
 * The events captured so far, oldest first. For another instance: `captured.pipe(PostHog.using(Marketing))`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const captured: Effect.Effect<ReadonlyArray<CapturedEvent>, never, PostHog> = withStore((store) =>
  Effect.sync(() => store.all())
)

/**
 * Waits until an event of that name, or one that satisfies the predicate, has been captured, and gives all such events.
 * Events that were captured before count. Waits for ever if need be; add a timeout where that would hurt.
 *
 * @since 0.1.0
 * @category accessors
 */
export const waitFor = (
  event: string | ((event: CapturedEvent) => boolean),
  options?: {
    /** How many such events to wait for. Default 1. */
    readonly count?: number | undefined
  }
): Effect.Effect<ReadonlyArray<CapturedEvent>, never, PostHog> =>
  withStore((store) =>
    store.waitFor(typeof event === "string" ? (captured) => captured.event === event : event, options?.count ?? 1)
  )

/**
 * Forgets the events captured so far.
 *
 * @since 0.1.0
 * @category accessors
 */
export const clear: Effect.Effect<void, never, PostHog> = withStore((store) => Effect.sync(() => store.clear()))

/**
 * PostHog for tests: the same service with the same context, enrichment and `beforeSend`, but events are kept as data
 * instead of being sent.
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
 * Each build of the layer has a store of its own, so tests can run in parallel. Uuids are the same in every run, and
 * times come from Effect's clock, so under `TestClock` whole events can be compared.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { sayViolation, violations } from "./core/catalogue/coercion.js"
import { sayProblems } from "./core/event/declared.js"
import { makeUuidV7 } from "./core/event/uuid.js"
import type { WireEvent } from "./core/event/wireEvent.js"
import type { Entry } from "./core/exceptions/list.js"
import { type FlagValue, parsePayload, plainFlag } from "./core/flags/response.js"
import type * as FeatureFlag from "./FeatureFlag.js"
import type { Judge } from "./internal/declarations.js"
import { limitsOf } from "./internal/delivery/lane.js"
import * as Memory from "./internal/delivery/memory.js"
import { anew } from "./internal/effect/fiber.js"
import type { Stage } from "./internal/flags/evaluation.js"
import { overridesSlot } from "./internal/flags/stages.js"
import { formOf } from "./internal/form.js"
import { instanceOf } from "./internal/instance.js"
import { compose, present } from "./internal/liveLayers.js"
import { check } from "./internal/options.js"
import * as internal from "./internal/service.js"
import { slot } from "./internal/slot.js"
import { PostHog, type Service } from "./PostHog.js"
import type * as PostHogConfig from "./PostHogConfig.js"
import type { FlagsUnavailable } from "./PostHogError.js"

/**
 * An event as PostHog would have received it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CapturedEvent extends Readonly<Omit<WireEvent, "properties">> {
  readonly properties: { readonly [name: string]: unknown }
}

/**
 * What a flag shall be in a test, see {@link override}.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlagOverride {
  readonly key: string
  readonly value: FlagValue
  /** As PostHog would send it; `undefined`: none. */
  readonly payload: unknown
}

/**
 * Says what a flag shall be in a test, for the option `flags` and {@link setFlags}. A value that the flag cannot have
 * does not compile. The payload is given in its encoded form, as it stands in PostHog.
 *
 * @since 0.1.0
 * @category constructors
 */
export const override: {
  /**
   * Says what a flag shall be in a test.
   *
   * @since 0.1.0
   * @category constructors
   */
  <A extends FlagValue>(flag: FeatureFlag.FeatureFlag<A>, value: NoInfer<A>, payload?: unknown): FlagOverride
  /**
   * Says what a flag shall be in a test.
   *
   * @since 0.1.0
   * @category constructors
   */
  (key: string, value: FlagValue, payload?: unknown): FlagOverride
} = (flag: FeatureFlag.Any | string, value: FlagValue, payload?: unknown): FlagOverride => ({
  key: typeof flag === "string" ? flag : flag.key,
  value,
  payload
})

/**
 * The options of a live instance, and what only a test has.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Omit<PostHogConfig.LiveOptions, "invalidEvents"> {
  /** What feature flags are, for everybody; see {@link setFlags}. Default: there are none. */
  readonly flags?: ReadonlyArray<FlagOverride> | undefined
  /**
   * As in a live instance; in a test also `"die"`: an event that does not fit its declaration, or that PostHog would
   * drop if it enforced it, ends the capture with a defect that names the event and the property. Default `"die"`.
   */
  readonly invalidEvents?: "die" | "send" | "drop" | undefined
}

/** What an instance made here keeps. */
interface Kept {
  readonly store: Memory.Store
  flags: ReadonlyArray<FlagOverride> | FlagsUnavailable
}

const keptSlot = /* #__PURE__ */ slot<Kept>("PostHogTest")

/** What the test says wins over whatever else is known. */
const overrides = (kept: Kept): Stage => (next) => (question, onlyLocally) =>
  Effect.map(next(question, onlyLocally), (evaluation) => {
    const given = kept.flags
    if ("_tag" in given) {
      // Local evaluation needs no answer from PostHog.
      return { ...evaluation, failure: onlyLocally && evaluation.local !== undefined ? undefined : given }
    }
    const flags = new Map(evaluation.flags)
    const unresolved = new Map(evaluation.unresolved)
    for (const { key, payload, value } of given) {
      if (question.flagKeys?.includes(key) === false) continue
      flags.set(key, plainFlag(key, value, parsePayload(payload ?? null), "override"))
      unresolved.delete(key)
    }
    return { ...evaluation, flags, unresolved }
  })

/**
 * Options of the service itself. In a test a second equal error is one that the test is about, so that nothing is held
 * back.
 */
const ownOptions = (
  { errorTracking, flags: _, invalidEvents, localEvaluation: __, ...rest }: Options
): PostHogConfig.Options => ({
  exceptionRateLimit: false,
  ...present(rest),
  invalidEvents: invalidEvents === "die" ? undefined : invalidEvents,
  errorTracking: typeof errorTracking === "boolean" ? errorTracking : undefined
})

const dies = (event: string, why: string): Error => new Error(`PostHog: the event ${JSON.stringify(event)}: ${why}`)

/** In a test, what does not fit is a mistake of the program, which must not go unseen. */
const judge: Judge = {
  onInvalid: (event, problems) => dies(event, sayProblems(problems)),
  onSent: (text, declared) => {
    if (declared === undefined) return undefined
    const { properties } = JSON.parse(text) as WireEvent
    const [first] = violations(declared.describe(), properties)
    return first === undefined
      ? undefined
      : dies(declared.event, `PostHog would drop it where it enforces the schema: ${sayViolation(first)}`)
  }
}

/**
 * Builds a service that keeps its events. Takes all options of a live one; those about the network have no effect.
 * Options that would be a `ConfigurationError` are a defect here. The service alone: {@link layer} has error tracking
 * and local evaluation too.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*<Self = PostHog>(
  options: Options = {},
  /** As in `PostHog.make`. */
  tag?: Context.Tag<Self, Service>
): Effect.fn.Return<Service, never, Scope.Scope> {
  const key = tag?.key ?? PostHog.key
  const resolved = yield* Effect.orDie(check(ownOptions(options)))
  const kept: Kept = { store: new Memory.Store(), flags: options.flags ?? [] }
  const service = options.enabled === false
    ? internal.makeIgnoring(key)
    : yield* internal.makeWith(
      resolved,
      key,
      undefined,
      // Without chance the generator counts from 0 in every millisecond.
      makeUuidV7((bytes) => bytes.fill(0)),
      (gate, books) =>
        Memory.make(
          kept.store,
          limitsOf(resolved).maxEventBytes,
          formOf(resolved.captureMode),
          gate,
          books
        ),
      (options.invalidEvents ?? "die") === "die" ? judge : undefined
    )
  const instance = instanceOf(service)
  keptSlot.set(instance, kept)
  overridesSlot.set(instance, overrides(kept))
  return service
})

/**
 * The default instance, keeping its events: what `PostHogLive.with` is, down to the logger of error tracking, but for
 * what is sent. It does not look at the environment.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<PostHog> => layerInstance(PostHog, options)

/**
 * A named instance, keeping its events, as `PostHogLive.instance`. Where it stands for one of `PostHog.layerInstance`,
 * which has no logger, say `errorTracking: false`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstance = <Self>(
  tag: Context.Tag<Self, Service>,
  options: Options = {}
): Layer.Layer<Self> => {
  const { errorTracking, localEvaluation } = options
  return Layer.orDie(compose(tag, Layer.scoped(tag, make(options, tag)), {
    logger: typeof errorTracking === "object" ? errorTracking : {},
    localEvaluation: localEvaluation === true ? {} : localEvaluation === false ? undefined : localEvaluation
  }))
}

/**
 * As {@link layer}, with options from Effect's Config.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<PostHog, ConfigError.ConfigError> => layerInstanceConfig(PostHog, config)

/**
 * As {@link layerInstance}, with options from Effect's Config.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstanceConfig = <Self>(
  tag: Context.Tag<Self, Service>,
  config: Config.Config.Wrap<Options>
): Layer.Layer<Self, ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), (options) => layerInstance(tag, options)))

/**
 * The default instance with default options, keeping its events.
 *
 * @since 0.1.0
 * @category layers
 */
export const TestLayer: Layer.Layer<PostHog> = /* #__PURE__ */ anew(/* #__PURE__ */ Layer.suspend(() => layer()))

const withKept = <A, E>(f: (kept: Kept) => Effect.Effect<A, E>): Effect.Effect<A, E, PostHog> =>
  Effect.flatMap(PostHog, (service) => {
    const kept = keptSlot.get(instanceOf(service))
    return kept === undefined
      ? Effect.die(new Error("PostHogTest: this PostHog was not made by TestLayer or PostHogTest.layer"))
      : f(kept)
  })

/**
 * The events captured so far, oldest first. For another instance: `captured.pipe(PostHog.using(Marketing))`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const captured: Effect.Effect<ReadonlyArray<CapturedEvent>, never, PostHog> = withKept(({ store }) =>
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
  withKept(({ store }) =>
    store.waitFor(typeof event === "string" ? (captured) => captured.event === event : event, options?.count ?? 1)
  )

/**
 * An exception as it was captured: the outermost entry in front, and all entries behind it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CapturedException {
  readonly type: string
  readonly value: string
  readonly level: string
  readonly handled: boolean | undefined
  readonly list: ReadonlyArray<Entry>
  readonly event: CapturedEvent
}

/**
 * The exceptions captured so far, oldest first.
 *
 * @since 0.1.0
 * @category accessors
 */
export const exceptions: Effect.Effect<ReadonlyArray<CapturedException>, never, PostHog> = Effect.map(
  captured,
  (events) =>
    events.filter(({ event }) => event === "$exception").map((event) => {
      const list = event.properties.$exception_list as ReadonlyArray<Entry>
      const { mechanism: { handled }, type, value } = list[0]!
      return { type, value, level: String(event.properties.$exception_level), handled, list, event }
    })
)

/**
 * Forgets the events captured so far.
 *
 * @since 0.1.0
 * @category accessors
 */
export const clear: Effect.Effect<void, never, PostHog> = withKept(({ store }) => Effect.sync(() => store.clear()))

/**
 * Says what feature flags are from now on, for evaluations that come; snapshots that were taken stay as they are. A
 * `FlagsUnavailable` lets evaluations fail as they do when PostHog is down.
 *
 * @since 0.1.0
 * @category accessors
 */
export const setFlags = (
  flags: ReadonlyArray<FlagOverride> | FlagsUnavailable
): Effect.Effect<void, never, PostHog> =>
  withKept((kept) =>
    Effect.sync(() => {
      kept.flags = flags
    })
  )

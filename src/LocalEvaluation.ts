/**
 * Feature flags evaluated in this process: their definitions are loaded once and kept up to date, and evaluating them
 * for a user takes no request.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { FeatureFlags, LocalEvaluation, PostHog, PostHogClient } from "effect-posthog"
 *
 * const PostHogHere = LocalEvaluation.layer().pipe(
 *   Layer.provideMerge(PostHog.layer({ apiKey: "phc_…", secretKey: "phs_…" })),
 *   Layer.provide(PostHogClient.layer)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const flags = yield* FeatureFlags.evaluate({ distinctId: "user_123", personProperties: { plan: "pro" } })
 *   yield* Effect.log(flags.details("checkout")?.source) // "local"
 * }).pipe(Effect.provide(PostHogHere))
 * ```
 *
 * Long because of documentation.
 *
 * PostHog on the concept: https://posthog.com/docs/feature-flags/local-evaluation
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Properties } from "./core/event/layers.js"
import { compileDefinitions, type Definitions } from "./core/flags/definitions.js"
import type { FlagExplanation } from "./core/flags/explanation.js"
import * as Text from "./core/flags/explanationText.js"
import { evaluateFlags, type LocalResult, type Subject, type UnresolvedReason } from "./core/flags/local.js"
import { matchFilter } from "./core/flags/operators.js"
import type { Any } from "./FeatureFlag.js"
import { FlagDefinitionStore, type FlagDefinitionStoreError } from "./FlagDefinitionStore.js"
import { stateAt } from "./internal/context.js"
import { serviceOf, withFiber } from "./internal/effect/fiber.js"
import { explainOn } from "./internal/flags/explain.js"
import * as Local from "./internal/flags/local.js"
import * as LocalOptions from "./internal/flags/localOptions.js"
import type { Options } from "./internal/flags/localOptions.js"
import * as Poller from "./internal/flags/poller.js"
import type { EvaluateOptions as FlagsOptions } from "./internal/flags/reading.js"
import { localSlot } from "./internal/flags/stages.js"
import { type Instance, instanceOf, notOpen } from "./internal/instance.js"
import * as Kind from "./internal/optionKinds.js"
import { slot } from "./internal/slot.js"
import { PostHog, type Service } from "./PostHog.js"
import { type ConfigurationError, type FlagNotFound, FlagsUnavailable, type MissingDistinctId } from "./PostHogError.js"

/**
 * Definitions that are ready to be evaluated.
 *
 * @since 0.1.0
 * @category models
 */
export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Definitions
} from "./core/flags/definitions.js"
export type {
  /**
   * @since 0.1.0
   * @category models
   */
  LocalResult,
  /**
   * @since 0.1.0
   * @category models
   */
  Subject,
  /**
   * @since 0.1.0
   * @category models
   */
  Unresolved,
  /**
   * @since 0.1.0
   * @category models
   */
  UnresolvedReason
} from "./core/flags/local.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  CohortExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  ConditionExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  DependencyExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  FilterExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  FilterOutcome,
  /**
   * @since 0.1.0
   * @category models
   */
  FilterResult,
  /**
   * @since 0.1.0
   * @category models
   */
  FlagExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  FlagReason,
  /**
   * @since 0.1.0
   * @category models
   */
  GroupExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  KnownExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  Place,
  /**
   * @since 0.1.0
   * @category models
   */
  PropertyExplanation,
  /**
   * @since 0.1.0
   * @category models
   */
  ReasonCode,
  /**
   * @since 0.1.0
   * @category models
   */
  VariantExplanation
} from "./core/flags/explanation.js"

/**
 * What {@link compile} may be told.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompileOptions {
  /** Only flags that are for one of these contexts, or for all. Default: every flag. */
  readonly evaluationContexts?: ReadonlyArray<string> | undefined
}

/**
 * What {@link evaluate} has to be told: it reads no clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvaluateOptions {
  /** Milliseconds since the epoch, for conditions such as "in the last 30 days". */
  readonly now: number
  /** Only these flags. Default: all. */
  readonly flagKeys?: ReadonlyArray<string> | undefined
}

/**
 * What {@link matchProperty} has to be told.
 *
 * @since 0.1.0
 * @category models
 */
export interface MatchOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  /**
   * The document's `property_matching_version`: 2 compares texts such as `"true"` strictly, and of any but 1 and 2 it
   * cannot be told here how it compares. Default: 1, as before there were versions.
   */
  readonly propertyMatchingVersion?: number | undefined
}

/**
 * Reads the body of `GET /flags/definitions`, once for any number of evaluations; none when it is no such document. A
 * flag that cannot be read stays unresolved, and harms no other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const compile = (document: unknown, options: CompileOptions = {}): Option.Option<Definitions> =>
  Option.fromNullable(compileDefinitions(document, options.evaluationContexts))

/**
 * Evaluates flags for somebody: the same values that PostHog would give, or the reason why only PostHog can tell.
 *
 * @since 0.1.0
 * @category evaluation
 */
export const evaluate = (definitions: Definitions, subject: Subject, options: EvaluateOptions): LocalResult =>
  evaluateFlags(definitions, subject, options.now, options.flagKeys)

/**
 * Whether properties pass one filter of a condition, such as `{ key: "email", operator: "icontains", value: "@acme.com"
 * }`. `Left`: it cannot be told here.
 *
 * @since 0.1.0
 * @category evaluation
 */
export const matchProperty = (
  filter: unknown,
  properties: Properties,
  options: MatchOptions
): Either.Either<boolean, UnresolvedReason> => {
  const result = matchFilter(filter, properties, options.now, options.propertyMatchingVersion)
  return typeof result === "boolean" ? Either.right(result) : Either.left(result)
}

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Options
}

/**
 * The value of every option that was not given.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaults: typeof LocalOptions.defaults = LocalOptions.defaults

/**
 * Options from the environment: `POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL`, which is a duration or `manual`.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Options> = LocalOptions.config

/**
 * What is known of the definitions of an instance. Times are milliseconds since the epoch.
 *
 * @since 0.1.0
 * @category models
 */
export interface Status {
  /** Whether flags can be evaluated in this process: definitions are loaded. */
  readonly isReady: boolean
  /** How many flags they have. */
  readonly flags: number
  /** When PostHog gave them, or last confirmed them. */
  readonly loadedAt: number | undefined
  /** Where this process has them from; `undefined`: there are none. */
  readonly source: "server" | "store" | "options" | undefined
  /** When a load last went well, also when nothing had changed. */
  readonly lastSuccess: number | undefined
  /** What last went wrong. Kept when later loads go well. */
  readonly lastError: { readonly at: number; readonly error: FlagsUnavailable | FlagDefinitionStoreError } | undefined
  /** When the next load begins; `undefined` while one is under way, or when there will be none. */
  readonly nextLoadAt: number | undefined
}

/**
 * Definitions that were installed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  /** Keys of all flags that are defined from now on, sorted; none when PostHog took the definitions away (402). */
  readonly keys: ReadonlyArray<string>
  readonly loadedAt: number | undefined
  readonly source: "server" | "store" | "options" | undefined
}

/** The poller of an instance, and how many scopes use it. */
interface Shared {
  readonly poller: Poller.Poller
  users: number
}

const sharedSlot = /* #__PURE__ */ slot<Shared>("LocalEvaluation")

/**
 * Switches local evaluation on for a service until the scope closes. A second scope on the same service shares what the
 * first has begun, options included; loading ends with the last. Most programs use {@link layer}.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  service: Service,
  options: Options = {}
): Effect.fn.Return<void, ConfigurationError, Scope.Scope> {
  const instance = instanceOf(service)
  const { active } = instance
  if (active === undefined) return
  const settings = yield* LocalOptions.resolve(options)
  const store = Option.getOrUndefined(yield* Effect.serviceOption(FlagDefinitionStore))
  const isNeeded = active.http !== undefined && store === undefined && settings.definitions === undefined
  if (isNeeded && active.options.secretKey === undefined) {
    return yield* Kind.invalidOption(
      "secretKey",
      "is needed to load flag definitions: a personal (phx_…) or project secret key (phs_…)",
      "POSTHOG_SECRET_KEY"
    )
  }
  const fresh = yield* Poller.make(instance, active, settings, store)
  yield* Effect.acquireRelease(
    Effect.suspend(() => {
      const shared = sharedSlot.get(instance)
      if (shared !== undefined) {
        shared.users++
        return Effect.void
      }
      sharedSlot.set(instance, { poller: fresh, users: 1 })
      localSlot.set(instance, Local.make(fresh))
      return fresh.start
    }),
    () =>
      Effect.suspend(() => {
        const shared = sharedSlot.get(instance)
        if (shared === undefined || --shared.users > 0) return Effect.void
        sharedSlot.remove(instance)
        localSlot.remove(instance)
        return shared.poller.stop
      })
  )
})

/**
 * Switches local evaluation on for the default instance, which needs the option `secretKey`. Building the layer begins
 * to load and does not wait; an evaluation that comes before the definitions waits for them as long as for an answer of
 * PostHog (`featureFlagsRequestTimeout`). A `FlagDefinitionStore` that is provided to the layer is used; with one, or
 * with `definitions`, no `secretKey` is needed. On an instance that is disabled it does nothing.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<never, ConfigurationError, PostHog> =>
  layerInstance(PostHog, options)

/**
 * The same for a named instance.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstance = <Self>(
  tag: Context.Tag<Self, Service>,
  options?: Options
): Layer.Layer<never, ConfigurationError, Self> =>
  Layer.scopedDiscard(Effect.flatMap(tag, (service) => make(service, options)))

/**
 * As {@link layer}, with options from Effect's Config, such as {@link config}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  config: Config.Config.Wrap<Options>
): Layer.Layer<never, ConfigurationError | ConfigError.ConfigError, PostHog> => layerInstanceConfig(PostHog, config)

/**
 * As {@link layerInstance}, with options from Effect's Config.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerInstanceConfig = <Self>(
  tag: Context.Tag<Self, Service>,
  config: Config.Config.Wrap<Options>
): Layer.Layer<never, ConfigurationError | ConfigError.ConfigError, Self> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), (options) => layerInstance(tag, options)))

const noPoller = (instance: Instance): FlagsUnavailable =>
  instance.active === undefined
    ? new FlagsUnavailable({ reason: notOpen(instance.state()) })
    : new FlagsUnavailable({ reason: "no_definitions", detail: "there is no LocalEvaluation layer" })

/** The poller of the instance, or why there is none. */
const ask = <A, E>(
  onPoller: (poller: Poller.Poller) => Effect.Effect<A, E>,
  otherwise: (error: FlagsUnavailable) => Effect.Effect<A, E>
): Effect.Effect<A, E, PostHog> =>
  Effect.flatMap(PostHog, (service) => {
    const instance = instanceOf(service)
    const shared = sharedSlot.get(instance)
    return shared !== undefined ? onPoller(shared.poller) : otherwise(noPoller(instance))
  })

const awaitLoaded = (poller: Poller.Poller): Effect.Effect<void, FlagsUnavailable> =>
  Effect.suspend(() =>
    poller.loader.current() !== undefined
      ? Effect.void
      : Effect.flatMap(
        Stream.runHead(Stream.filter(poller.installed, (loaded) => loaded !== undefined)),
        Option.match({
          onNone: () => new FlagsUnavailable({ reason: "closed" }),
          onSome: () => Effect.void
        })
      )
  )

/**
 * Waits until there are definitions, for ever or as long as `timeout` says; then it fails, and says what went wrong
 * last. Fails at once where nothing loads any.
 *
 * @since 0.1.0
 * @category accessors
 */
export const awaitReady = (options?: {
  readonly timeout?: Duration.DurationInput | undefined
}): Effect.Effect<void, FlagsUnavailable, PostHog> =>
  ask<void, FlagsUnavailable>((poller) => {
    const timeout = options?.timeout
    return timeout === undefined ? awaitLoaded(poller) : Effect.timeoutFail(awaitLoaded(poller), {
      duration: timeout,
      onTimeout: () =>
        new FlagsUnavailable({
          reason: "no_definitions",
          detail: poller.loader.lastError()?.error.message ?? `none within ${Duration.format(Duration.decode(timeout))}`
        })
    })
  }, Effect.fail)

const off: Status = {
  isReady: false,
  flags: 0,
  loadedAt: undefined,
  source: undefined,
  lastSuccess: undefined,
  lastError: undefined,
  nextLoadAt: undefined
}

const statusOf = ({ loader, nextLoadAt }: Poller.Poller): Status => {
  const current = loader.current()
  return {
    isReady: current !== undefined,
    flags: current?.definitions.keys.length ?? 0,
    loadedAt: current?.loadedAt,
    source: current?.source,
    lastSuccess: loader.lastSuccess(),
    lastError: loader.lastError(),
    nextLoadAt: nextLoadAt()
  }
}

/**
 * What is known of the definitions. Where there is no local evaluation, nothing is.
 *
 * @since 0.1.0
 * @category accessors
 */
export const status: Effect.Effect<Status, never, PostHog> = /* #__PURE__ */ ask(
  (poller) => Effect.sync(() => statusOf(poller)),
  () => Effect.succeed(off)
)

/**
 * Loads the definitions now, for instance after a webhook has told that a flag was changed, and waits for it.
 * Concurrent calls share one load. Fails when it fails; what was loaded before stays. With a store, who holds the lease
 * asks PostHog, and the others read what is stored.
 *
 * @since 0.1.0
 * @category accessors
 */
export const reload: Effect.Effect<void, FlagsUnavailable, PostHog> = /* #__PURE__ */ ask<void, FlagsUnavailable>(
  (poller) => poller.reload,
  Effect.fail
)

/**
 * The definitions that are loaded, and from now on each that are installed in their place; an answer that nothing has
 * changed is none. Ends with local evaluation.
 *
 * @since 0.1.0
 * @category accessors
 */
export const changes: Stream.Stream<Change, never, PostHog> = /* #__PURE__ */ Stream.unwrap(
  /* #__PURE__ */ ask(
    (poller) =>
      Effect.succeed(
        poller.installed.pipe(
          Stream.dropWhile((loaded) => loaded === undefined),
          Stream.map((loaded): Change => ({
            keys: loaded === undefined ? [] : Array.from(loaded.definitions.keys).sort(),
            loadedAt: loaded?.loadedAt,
            source: loaded?.source
          }))
        )
      ),
    () => Effect.succeed(Stream.empty)
  )
)

/**
 * For whom {@link explain} explains a flag, as for `FeatureFlags.evaluate`. What is absent comes from the context.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExplainOptions
  extends Pick<FlagsOptions, "deviceId" | "distinctId" | "groupProperties" | "groups" | "personProperties">
{}

/**
 * Why a flag has its value for somebody: each condition set of it, what it wants and what was there, by the definitions
 * that are loaded. Makes no request for flags and sends no event; waits for definitions as an evaluation does. What a
 * test sets for a flag is not looked at. {@link explanationText} says it in a sentence.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LocalEvaluation } from "effect-posthog"
 *
 * const why = LocalEvaluation.explain("checkout", { distinctId: "ada", personProperties: { plan: "free" } }).pipe(
 *   Effect.flatMap((explanation) => Effect.log(LocalEvaluation.explanationText(explanation)))
 * )
 * // checkout is off for ada: condition set 1 wants plan exact pro, and plan is free.
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const explain = (
  flag: string | Any,
  options: ExplainOptions = {}
): Effect.Effect<FlagExplanation, FlagNotFound | FlagsUnavailable | MissingDistinctId, PostHog> =>
  withFiber((fiber) => {
    const instance = instanceOf(serviceOf(fiber, PostHog))
    const state = stateAt(fiber)
    const poller = sharedSlot.get(instance)?.poller
    const { active } = instance
    if (active === undefined || poller === undefined) return noPoller(instance)
    return Effect.zipRight(
      poller.awaitFirst,
      Effect.flatMap(Effect.clock, (clock) => {
        const loaded = poller.loader.current()
        if (instance.state() !== "open") return new FlagsUnavailable({ reason: notOpen(instance.state()) })
        if (loaded === undefined) {
          const detail = poller.loader.lastError()?.error.message
          return new FlagsUnavailable({ reason: "no_definitions", detail })
        }
        const now = clock.unsafeCurrentTimeMillis()
        return explainOn(instance, active, state, loaded.definitions, flag, options, now)
      })
    )
  })

/**
 * The explanation in a sentence, for logs and for people: what the value is, and which condition set, property or
 * rollout made it so.
 *
 * @since 0.1.0
 * @category accessors
 */
export const explanationText: (explanation: FlagExplanation) => string = Text.explanationText

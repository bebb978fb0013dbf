/**
 * Feature flags: evaluate once for a user, and read all flags off the snapshot.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { FeatureFlags, PostHog } from "effect-posthog"
 *
 * const checkout = Effect.gen(function*() {
 *   const flags = yield* FeatureFlags.evaluate()
 *   if (yield* flags.isEnabled("new-checkout")) yield* Effect.log("the new checkout")
 *   yield* PostHog.capture("order completed", { total: 42 }, { flags })
 * }).pipe(PostHog.withDistinctId("user_123"))
 * ```
 *
 * There are two tiers. The total one cannot fail: {@link evaluate} always gives a snapshot, and reads give the default where
 * nothing is known; `snapshot.failure` and `snapshot.read` say why. The typed one fails with what went wrong:
 * {@link evaluateOrFail}, `snapshot.getOrFail`, {@link result}.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { GroupProperties, Groups, Properties } from "./core/event/properties.js"
import type { UnresolvedReason } from "./core/flags/local.js"
import { type FlagSource, type FlagValue, parsePayload } from "./core/flags/response.js"
import type { Any, FeatureFlag, Value } from "./FeatureFlag.js"
import { currentState, type FlagsOnEvents, type State } from "./internal/context.js"
import { evaluateOn } from "./internal/flags/evaluate.js"
import { askFlags, askRemoteConfig } from "./internal/flags/requests.js"
import * as internal from "./internal/flags/snapshot.js"
import { type Active, type Instance, instanceOf, notOpen } from "./internal/instance.js"
import { PostHog } from "./PostHog.js"
import type { Scope } from "./PostHogContext.js"
import { FlagDisabled, FlagsUnavailable, PayloadInvalid } from "./PostHogError.js"
import type { FlagNotFound, MissingDistinctId, UnknownVariant } from "./PostHogError.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  FlagSource,
  /**
   * @since 0.1.0
   * @category models
   */
  FlagValue,
  /**
   * @since 0.1.0
   * @category models
   */
  GroupProperties,
  /**
   * @since 0.1.0
   * @category models
   */
  UnresolvedReason
}

/**
 * For whom flags are evaluated, and which. What is absent comes from the context.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvaluateOptions {
  /** The user. Default: the context's. No id is ever made up. */
  readonly distinctId?: string | undefined
  /** Groups for flags that are rolled out by group, merged over those of the context. */
  readonly groups?: Groups | undefined
  /** Properties of the person that conditions look at, in addition to those that PostHog has; merged over the context's. */
  readonly personProperties?: Properties | undefined
  /** The same for groups, by group type. */
  readonly groupProperties?: GroupProperties | undefined
  /** Device, for flags that are rolled out by device. Default: the context's, or `$device_id` of `personProperties`. */
  readonly deviceId?: string | undefined
  /** Evaluates only these flags. An empty list evaluates none and makes no request. Default: all. */
  readonly flagKeys?: ReadonlyArray<string | Any> | undefined
  /**
   * Whether flags are evaluated in this process or not at all, without a request in any case; see `LocalEvaluation`. Default: the
   * instance's `strictLocalEvaluation`.
   */
  readonly onlyLocally?: boolean | undefined
  /** Whether PostHog shall not locate the user by IP address. Default: the instance's `disableGeoip`. */
  readonly disableGeoip?: boolean | undefined
  /** Whether reads of the snapshot send `$feature_flag_called`. Default: the instance's `sendFeatureFlagEvents`. */
  readonly sendFeatureFlagEvents?: boolean | undefined
}

/**
 * Options of one read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions<A> {
  /** The value when PostHog's is not known. A value that is known always wins. Default: the flag's, or none. */
  readonly default?: A | undefined
  /** Whether this read sends `$feature_flag_called`. Default: the flag's, the snapshot's or the instance's setting. */
  readonly sendFeatureFlagEvents?: boolean | undefined
}

/**
 * Why a flag has no value.
 *
 * @since 0.1.0
 * @category models
 */
export type FlagError = FlagNotFound | FlagsUnavailable | MissingDistinctId

/**
 * A value with what is behind it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reading<A> {
  readonly value: A
  /** Whether the value is the default, because PostHog's is not known or, for a flag with variants, not one of them. */
  readonly isDefault: boolean
  /** Why the value is the default. */
  readonly error: FlagError | UnknownVariant | undefined
  /** What PostHog said; `undefined` when it said nothing. */
  readonly flag: FlagDetails | undefined
}

/**
 * All that is known of one flag.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlagDetails {
  readonly key: string
  readonly value: FlagValue
  /** Whether the value is not `false`. */
  readonly enabled: boolean
  /** Only there when the value is a variant. */
  readonly variant?: string
  /** Decoded from JSON; text that is no JSON stays text. `undefined`: none. */
  readonly payload: unknown
  /** Why the value is what it is: a code such as `condition_match`, and the same for people. */
  readonly reason: { readonly code: string | undefined; readonly description: string | undefined } | undefined
  readonly source: FlagSource
  readonly id: number | undefined
  readonly version: number | undefined
  /** Whether the flag belongs to an experiment; `undefined`: not known. */
  readonly hasExperiment: boolean | undefined
  /** Id of the request in which PostHog evaluated the flag. */
  readonly requestId: string | undefined
  /** Milliseconds since the epoch. */
  readonly evaluatedAt: number | undefined
}

/**
 * What the flags were at one moment for one user. Never changes, makes no request, and can be read as often as one likes.
 *
 * The first read of a flag with `isEnabled`, `get`, `getOrFail` or `read` sends `$feature_flag_called`, once for each
 * combination of user, flag, value and groups. Payloads, details and lists can be looked at without that.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot extends FlagsOnEvents {
  /** For whom it is; `undefined` when there was no id. */
  readonly distinctId: string | undefined
  /** Why PostHog's answer is missing, when it was needed. Flags that were evaluated in this process are here all the same. */
  readonly failure: FlagsUnavailable | MissingDistinctId | undefined
  /** Whether PostHog could not compute all flags. Those that are here are right. */
  readonly errorsWhileComputing: boolean
  readonly requestId: string | undefined
  /** Milliseconds since the epoch. */
  readonly evaluatedAt: number | undefined
  /**
   * When the definitions came from PostHog by which flags were evaluated in this process, in milliseconds since the epoch;
   * `undefined` when none was.
   */
  readonly definitionsLoadedAt: number | undefined
  /**
   * Flags that could not be evaluated in this process, by key, and why; those that PostHog answered are not among them. Empty without
   * `LocalEvaluation`.
   */
  readonly unresolved: { readonly [key: string]: UnresolvedReason }
  /** Keys of the flags that are here, sorted. */
  readonly keys: ReadonlyArray<string>
  /** The values by key, as a plain object. Sends nothing. */
  readonly values: { readonly [key: string]: FlagValue }
  /**
   * The payloads by key, as a plain object: decoded from JSON, and frozen. Flags without one are not in it. Sends nothing.
   */
  readonly payloads: { readonly [key: string]: unknown }
  /** Keys that were read so far, sorted, those included that are not here. */
  readonly accessed: ReadonlyArray<string>
  /** What {@link PostHog.capture} adds to an event that is given this snapshot: `$feature/<key>`, `$active_feature_flags`. */
  readonly eventProperties: Properties
  /** Whether a flag is on, with whatever variant. Not known: the default, or `false`. */
  readonly isEnabled: (flag: string | Any, options?: ReadOptions<boolean>) => Effect.Effect<boolean>
  /** The value of a flag: `false`, `true` or the variant. Not known: the default; for a key without one, `undefined`. */
  readonly get: {
    <A extends FlagValue>(flag: FeatureFlag<A>, options?: ReadOptions<NoInfer<A>>): Effect.Effect<A>
    (flag: string, options: ReadOptions<FlagValue> & { readonly default: FlagValue }): Effect.Effect<FlagValue>
    (flag: string, options?: ReadOptions<FlagValue>): Effect.Effect<FlagValue | undefined>
  }
  /** The value of a flag, or why it is not known. */
  readonly getOrFail: {
    <A extends FlagValue>(
      flag: FeatureFlag<A>,
      options?: ReadOptions<never>
    ): Effect.Effect<A, FlagError | UnknownVariant>
    (flag: string, options?: ReadOptions<never>): Effect.Effect<FlagValue, FlagError>
  }
  /** The value of a flag with what is behind it. */
  readonly read: {
    <A extends FlagValue>(flag: FeatureFlag<A>, options?: ReadOptions<NoInfer<A>>): Effect.Effect<Reading<A>>
    (
      flag: string,
      options: ReadOptions<FlagValue> & { readonly default: FlagValue }
    ): Effect.Effect<Reading<FlagValue>>
    (flag: string, options?: ReadOptions<FlagValue>): Effect.Effect<Reading<FlagValue | undefined>>
  }
  /** The payload of the value, decoded by the flag's schema. None when there is no flag, or no payload. Sends nothing. */
  readonly payload: {
    <P>(flag: FeatureFlag<FlagValue, P>): Effect.Effect<Option.Option<P>, PayloadInvalid>
    (flag: string): Effect.Effect<Option.Option<unknown>>
  }
  /** All that is known of a flag; `undefined` when it is not here. Sends nothing. */
  readonly details: (flag: string | Any) => FlagDetails | undefined
  /** A snapshot of these flags only. Those that are not here are left out and reported. Reading what was left out sends nothing. */
  readonly only: (flags: ReadonlyArray<string | Any>) => Snapshot
  /** A snapshot of the flags that were read so far; of none when none was. */
  readonly onlyAccessed: () => Snapshot
}

const ask = <A, E>(f: (instance: Instance, state: State) => Effect.Effect<A, E>): Effect.Effect<A, E, PostHog> =>
  Effect.withFiberRuntime((fiber) =>
    f(
      instanceOf(Context.unsafeGet(fiber.currentContext as Context.Context<PostHog>, PostHog)),
      fiber.getFiberRef(currentState)
    )
  )

/**
 * Evaluates flags for the user of the call or of the context: one request, and the answer as a snapshot. Never fails; a snapshot
 * without flags says in `failure` why. Concurrent evaluations that ask the same share one request.
 *
 * @since 0.1.0
 * @category accessors
 */
export const evaluate = (options?: EvaluateOptions): Effect.Effect<Snapshot, never, PostHog> =>
  ask((instance, state) => evaluateOn(instance, state, options ?? {}))

/**
 * As {@link evaluate}, but fails when there is no distinct id or PostHog did not answer with flags.
 *
 * @since 0.1.0
 * @category accessors
 */
export const evaluateOrFail = (
  options?: EvaluateOptions
): Effect.Effect<Snapshot, FlagsUnavailable | MissingDistinctId, PostHog> =>
  Effect.flatMap(
    evaluate(options),
    (snapshot) =>
      // What was evaluated in this process counts, whatever became of the rest.
      snapshot.failure === undefined || snapshot.keys.length > 0
        ? Effect.succeed(snapshot)
        : Effect.fail(snapshot.failure)
  )

/**
 * The snapshot that {@link withSnapshot} or {@link setInContext} put into the context.
 *
 * @since 0.1.0
 * @category accessors
 */
export const current: Effect.Effect<Option.Option<Snapshot>, never, PostHog> = /* #__PURE__ */ ask(
  (instance, state) => {
    const flags = instance.active === undefined ? undefined : state.accumulated(instance.active.owner, undefined).flags
    return Effect.succeed(internal.isSnapshot(flags) ? Option.some(flags) : Option.none())
  }
)

/** The instance that a snapshot belongs to. */
const scopeOf = (snapshot: Snapshot): Scope => {
  const key = internal.instanceKeyOf(snapshot)
  return key === undefined ? {} : { instance: { key } }
}

/**
 * Runs an effect, and all fibers it forks, so that its events carry the flags of a snapshot, and {@link check} and the other
 * short forms read from it instead of making requests. Applies to the instance on which the snapshot was evaluated.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSnapshot: {
  /**
   * Runs an effect, and all fibers it forks, so that its events carry the flags of a snapshot.
   *
   * @since 0.1.0
   * @category combinators
   */
  (snapshot: Snapshot): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, and all fibers it forks, so that its events carry the flags of a snapshot.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, snapshot: Snapshot): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, snapshot: Snapshot): Effect.Effect<A, E, R> =>
    Effect.locallyWith(self, currentState, (state) => state.set({ flags: snapshot }, scopeOf(snapshot), undefined))
)

/**
 * The same for the rest of this fiber and the fibers it forks from now on. As with `PostHog.setContext`, the parent fiber never
 * sees it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setInContext = (snapshot: Snapshot): Effect.Effect<void> =>
  FiberRef.update(currentState, (state) => state.set({ flags: snapshot }, scopeOf(snapshot), undefined))

/**
 * Adds properties of the person for evaluations in the rest of this fiber and the fibers it forks from now on. Sends no event. For
 * a region there is `PostHog.withContext({ personProperties })`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setPersonPropertiesForFlags = (personProperties: Properties, scope?: Scope): Effect.Effect<void> =>
  FiberRef.update(currentState, (state) => state.set({ personProperties }, scope, undefined))

/**
 * Forgets the properties of the person that the context has for evaluations; with a scope, those of one instance.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resetPersonPropertiesForFlags = (scope?: Scope): Effect.Effect<void> =>
  FiberRef.update(currentState, (state) => state.resetFlagProperties("person", scope))

/**
 * Adds properties of groups, by group type, for evaluations in the rest of this fiber and the fibers it forks from now on.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setGroupPropertiesForFlags = (groupProperties: GroupProperties, scope?: Scope): Effect.Effect<void> =>
  FiberRef.update(currentState, (state) => state.set({ groupProperties }, scope, undefined))

/**
 * Forgets the properties of groups that the context has for evaluations, of one group type or of all.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resetGroupPropertiesForFlags = (groupType?: string, scope?: Scope): Effect.Effect<void> =>
  FiberRef.update(
    currentState,
    (state) => state.resetFlagProperties(groupType === undefined ? "groups" : { groupType }, scope)
  )

/** Options of the short forms: whom to evaluate for, and how to read. */
type ShortOptions<A> = Omit<EvaluateOptions, "flagKeys"> & ReadOptions<A>

/** Whether a read by key of what was given as a flag is told, as far as call and flag say. */
const tells = (flag: string | Any, options: ReadOptions<unknown> | undefined): boolean | undefined =>
  options?.sendFeatureFlagEvents ?? (typeof flag === "string" ? undefined : flag.sendFeatureFlagEvents)

/** The snapshot of the context if it is for the user of the context and the call does not say otherwise; else one of this flag. */
const snapshotFor = (
  flag: string | Any,
  options: ShortOptions<FlagValue> | undefined
): Effect.Effect<Snapshot, never, PostHog> =>
  ask((instance, state) => {
    const { default: _, sendFeatureFlagEvents: __, ...subject } = options ?? {}
    const alone = evaluateOn(instance, state, { ...subject, flagKeys: [flag] })
    if (instance.active === undefined || Object.values(subject).some((value) => value !== undefined)) return alone
    const { distinctId, flags } = state.accumulated(instance.active.owner, undefined)
    return internal.isSnapshot(flags) && flags.distinctId === distinctId &&
        internal.covers(flags, internal.keyOf(flag))
      ? Effect.succeed(flags)
      : alone
  })

/**
 * The value of one flag: reads it off the snapshot of the context, or else evaluates this flag alone. For more than one flag
 * {@link evaluate} is cheaper.
 *
 * @since 0.1.0
 * @category accessors
 */
export const check: {
  /**
   * The value of one flag.
   *
   * @since 0.1.0
   * @category accessors
   */
  <F extends Any>(flag: F, options?: ShortOptions<NoInfer<Value<F>>>): Effect.Effect<Value<F>, never, PostHog>
  /**
   * The value of one flag, or the default.
   *
   * @since 0.1.0
   * @category accessors
   */
  (
    flag: string,
    options: ShortOptions<FlagValue> & { readonly default: FlagValue }
  ): Effect.Effect<FlagValue, never, PostHog>
  /**
   * The value of one flag; `undefined` when it is not known and there is no default.
   *
   * @since 0.1.0
   * @category accessors
   */
  (flag: string, options?: ShortOptions<FlagValue>): Effect.Effect<FlagValue | undefined, never, PostHog>
} = (flag: string | Any, options?: ShortOptions<FlagValue>): Effect.Effect<never, never, PostHog> =>
  Effect.flatMap(
    snapshotFor(flag, options),
    (snapshot) => snapshot.get(flag as FeatureFlag<never>, options as ReadOptions<never>)
  )

/**
 * Whether one flag is on, as {@link check}.
 *
 * @since 0.1.0
 * @category accessors
 */
export const isEnabled = (
  flag: string | Any,
  options?: ShortOptions<boolean>
): Effect.Effect<boolean, never, PostHog> =>
  Effect.flatMap(snapshotFor(flag, options), (snapshot) => snapshot.isEnabled(flag, options))

/**
 * All that is known of one flag, as {@link check}, or why nothing is.
 *
 * @since 0.1.0
 * @category accessors
 */
export const result = (
  flag: string | Any,
  options?: Omit<ShortOptions<never>, "default">
): Effect.Effect<FlagDetails, FlagError, PostHog> =>
  Effect.flatMap(snapshotFor(flag, options), (snapshot) => {
    const key = internal.keyOf(flag)
    const sendFeatureFlagEvents = tells(flag, options)
    return Effect.map(snapshot.getOrFail(key, { sendFeatureFlagEvents }), () => snapshot.details(key)!)
  })

/**
 * Runs an effect if a flag is on.
 *
 * @since 0.1.0
 * @category combinators
 */
export const when: {
  /**
   * Runs an effect if a flag is on.
   *
   * @since 0.1.0
   * @category combinators
   */
  (
    flag: string | Any,
    options?: ShortOptions<boolean>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R | PostHog>
  /**
   * Runs an effect if a flag is on.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    flag: string | Any,
    options?: ShortOptions<boolean>
  ): Effect.Effect<Option.Option<A>, E, R | PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    flag: string | Any,
    options?: ShortOptions<boolean>
  ): Effect.Effect<Option.Option<A>, E, R | PostHog> => Effect.whenEffect(self, isEnabled(flag, options))
)

/** The keys by which {@link match} chooses: `true` and `false` by their names. */
type Cases<F extends Any> = `${Value<F>}`

type Handled<H> = H[keyof H]

/**
 * Runs the effect for the value of a flag. All values have to be there: the variants and `false`, or `true` and `false`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const match = <
  F extends Any,
  H extends { readonly [Case in Cases<F>]: Effect.Effect<unknown, unknown, unknown> }
>(
  flag: string extends Value<F> ? never : F,
  handlers: H & { readonly [Case in Exclude<keyof H, Cases<F>>]: never },
  options?: ShortOptions<Value<F>>
): Effect.Effect<
  Effect.Effect.Success<Handled<H>>,
  Effect.Effect.Error<Handled<H>>,
  Effect.Effect.Context<Handled<H>> | PostHog
> =>
  Effect.flatMap(
    check(flag as Any, options as ShortOptions<FlagValue>),
    // A value that has no effect cannot come from a flag of this type.
    (value) =>
      (handlers[String(value) as Cases<F>] ?? handlers["false" as Cases<F>]) as Effect.Effect<never, never, never>
  )

// In CommonJS each module has a `require` of its own.
const requireFlag: {
  /**
   * Runs an effect only if a flag is on.
   *
   * @since 0.1.0
   * @category combinators
   */
  (
    flag: string | Any,
    options?: ShortOptions<boolean>
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | FlagDisabled | FlagError, R | PostHog>
  /**
   * Runs an effect only if a flag is on.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    flag: string | Any,
    options?: ShortOptions<boolean>
  ): Effect.Effect<A, E | FlagDisabled | FlagError, R | PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    flag: string | Any,
    options?: ShortOptions<boolean>
  ): Effect.Effect<A, E | FlagDisabled | FlagError, R | PostHog> =>
    Effect.flatMap(snapshotFor(flag, options), (snapshot) => {
      const key = internal.keyOf(flag)
      const sendFeatureFlagEvents = tells(flag, options)
      return Effect.flatMap(
        snapshot.read(key, { default: options?.default, sendFeatureFlagEvents }),
        ({ error, value }): Effect.Effect<A, E | FlagDisabled | FlagError, R> =>
          error !== undefined && error._tag !== "UnknownVariant" && options?.default === undefined
            ? Effect.fail(error)
            : value !== undefined && value !== false
            ? self
            : new FlagDisabled({ key })
      )
    })
)

export {
  /**
   * Runs an effect only if a flag is on. Fails with `FlagDisabled` when it is off, and when that is not known, with why, unless there is
   * a default.
   *
   * @since 0.1.0
   * @category combinators
   */
  requireFlag as require
}

/**
 * One layer or another, by a flag that is read when the layer is built.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWhen = <A, E, R, E2, R2>(
  flag: string | Any,
  layers: { readonly onEnabled: Layer.Layer<A, E, R>; readonly onDisabled: Layer.Layer<A, E2, R2> },
  options?: ShortOptions<boolean>
): Layer.Layer<A, E | E2, R | R2 | PostHog> =>
  Layer.unwrapEffect(Effect.map(
    isEnabled(flag, options),
    (enabled): Layer.Layer<A, E | E2, R | R2> => enabled ? layers.onEnabled : layers.onDisabled
  ))

/** The active instance, or why there is none. */
const askActive = <A, E>(
  f: (active: Active, state: Instance["state"]) => Effect.Effect<A, E>
): Effect.Effect<A, E | FlagsUnavailable, PostHog> =>
  ask((instance): Effect.Effect<A, E | FlagsUnavailable> => {
    const state = instance.state()
    return instance.active === undefined || state !== "open"
      ? new FlagsUnavailable({ reason: notOpen(state) })
      : f(instance.active, instance.state)
  })

/**
 * Sends a request for flags as it is given, the token added, and gives the JSON that PostHog answered. A building block for what
 * {@link evaluate} does not do; time limit and repetitions are the same.
 *
 * @since 0.1.0
 * @category accessors
 */
export const request = (body: Properties): Effect.Effect<unknown, FlagsUnavailable, PostHog> =>
  askActive((active, state) =>
    Effect.flatMap(
      Effect.try({
        // PostHog does not know this SDK by its name yet, and would leave out the flags that are for servers.
        try: () =>
          JSON.stringify({ evaluation_runtime: "server", ...body, token: Redacted.value(active.options.apiKey!) }),
        catch: () => new FlagsUnavailable({ reason: "invalid_request" })
      }),
      (text) => Effect.map(askFlags(active, text, state), (reply) => reply.body)
    )
  )

/**
 * The payload of a remote config flag, decrypted if it is encrypted. Needs the option `secretKey`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const remoteConfig: {
  /**
   * The payload of a remote config flag, decoded by a schema.
   *
   * @since 0.1.0
   * @category accessors
   */
  <A, I>(
    key: string,
    schema: Schema.Schema<A, I>
  ): Effect.Effect<A, FlagNotFound | FlagsUnavailable | PayloadInvalid, PostHog>
  /**
   * The payload of a remote config flag; text that is no JSON stays text.
   *
   * @since 0.1.0
   * @category accessors
   */
  (key: string): Effect.Effect<unknown, FlagNotFound | FlagsUnavailable, PostHog>
} = <A, I>(
  key: string,
  schema?: Schema.Schema<A, I>
): Effect.Effect<never, never, PostHog> =>
  askActive((active) => askRemoteConfig(active, key)).pipe(
    Effect.map(parsePayload),
    Effect.flatMap((payload) =>
      schema === undefined ? Effect.succeed(payload) : Schema.decodeUnknown(schema)(payload).pipe(
        Effect.mapError((cause) => new PayloadInvalid({ key, detail: cause.message, cause }))
      )
    )
  ) as Effect.Effect<never, never, PostHog>

/**
 * What {@link verify} finds:
 *
 * - `Unknown`: PostHog has no active flag of this key
 * - `Expired`: the flag should be gone from the program, see its option `expires`
 * - `UnknownVariant`: PostHog's value is none that the program knows
 * - `PayloadInvalid`: the schema does not fit the payload
 * - `Undeclared`: PostHog has a flag that is not in the list
 *
 * @since 0.1.0
 * @category models
 */
export type Finding =
  | { readonly _tag: "Unknown"; readonly flag: Any }
  | { readonly _tag: "Expired"; readonly flag: Any; readonly expires: Date }
  | { readonly _tag: "UnknownVariant"; readonly flag: Any; readonly error: UnknownVariant }
  | { readonly _tag: "PayloadInvalid"; readonly flag: Any; readonly error: PayloadInvalid }
  | { readonly _tag: "Undeclared"; readonly key: string }

/**
 * Compares the flags of a program with what a running PostHog answers, for the user of the call or of the context. Payloads and
 * variants are checked as that user gets them. Sends no `$feature_flag_called`. An empty list of findings: all is well.
 *
 * @since 0.1.0
 * @category accessors
 */
export const verify = (
  flags: ReadonlyArray<Any>,
  options?: Omit<EvaluateOptions, "flagKeys" | "sendFeatureFlagEvents">
): Effect.Effect<ReadonlyArray<Finding>, FlagsUnavailable | MissingDistinctId, PostHog> =>
  Effect.gen(function*() {
    const snapshot = yield* evaluateOrFail({ ...options, sendFeatureFlagEvents: false })
    const clock = yield* Effect.clock
    const findings: Array<Finding> = []
    for (const flag of flags) {
      const { error } = yield* snapshot.read(flag, { sendFeatureFlagEvents: false })
      if (error?._tag === "FlagNotFound") findings.push({ _tag: "Unknown", flag })
      else if (error?._tag === "UnknownVariant") findings.push({ _tag: "UnknownVariant", flag, error })
      else if (error !== undefined) return yield* error
      if (flag.expires !== undefined && flag.expires.getTime() <= clock.unsafeCurrentTimeMillis()) {
        findings.push({ _tag: "Expired", flag, expires: flag.expires })
      }
      const payload = yield* Effect.either(snapshot.payload(flag))
      if (payload._tag === "Left") findings.push({ _tag: "PayloadInvalid", flag, error: payload.left })
    }
    const declared = new Set(flags.map(internal.keyOf))
    for (const key of snapshot.keys) if (!declared.has(key)) findings.push({ _tag: "Undeclared", key })
    return findings
  })

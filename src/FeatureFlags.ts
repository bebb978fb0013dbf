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
 * There are two tiers. The total one cannot fail: {@link evaluate} always gives a snapshot, and reads give the default
 * where nothing is known; `snapshot.failure` and `snapshot.read` say why. The typed one fails with what went wrong:
 * {@link evaluateOrFail}, `snapshot.getOrFail`, {@link detailsOrFail}.
 *
 * Long because of the documentation of overloads.
 *
 * PostHog on the concept: https://posthog.com/docs/feature-flags
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import type { Properties } from "./core/event/layers.js"
import { type FlagSource, type FlagValue, parsePayload } from "./core/flags/response.js"
import type { Any, FeatureFlag, Value } from "./FeatureFlag.js"
import { changeState, inState, type State, stateAt } from "./internal/context.js"
import type { ContextScope } from "./internal/contextValues.js"
import { serviceOf, withFiber } from "./internal/effect/fiber.js"
import { evaluateOn } from "./internal/flags/evaluate.js"
import { keyOf } from "./internal/flags/given.js"
import type {
  EvaluateOptions,
  FlagDetails,
  FlagError,
  Reading,
  ReadOptions,
  Snapshot
} from "./internal/flags/reading.js"
import { askFlags, askRemoteConfig } from "./internal/flags/requests.js"
import * as internal from "./internal/flags/snapshot.js"
import { compare, type Finding } from "./internal/flags/verify.js"
import { type Active, type Instance, instanceOf, notOpen } from "./internal/instance.js"
import { type Unrun, unrun } from "./internal/unrun.js"
import { PostHog } from "./PostHog.js"
import { FlagDisabled, FlagsUnavailable, PayloadInvalid } from "./PostHogError.js"
import type { FlagNotFound, MissingDistinctId } from "./PostHogError.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  EvaluateOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  Finding,
  /**
   * @since 0.1.0
   * @category models
   */
  FlagDetails,
  /**
   * @since 0.1.0
   * @category models
   */
  FlagError,
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
  Reading,
  /**
   * @since 0.1.0
   * @category models
   */
  ReadOptions,
  /**
   * @since 0.1.0
   * @category models
   */
  Snapshot,
  /**
   * @since 0.1.0
   * @category models
   */
  Unrun
}

const ask = <A, E>(f: (instance: Instance, state: State) => Effect.Effect<A, E>): Effect.Effect<A, E, PostHog> =>
  withFiber((fiber) => f(instanceOf(serviceOf(fiber, PostHog)), stateAt(fiber)))

/**
 * Evaluates flags for the user of the call or of the context: one request, and the answer as a snapshot. Never fails; a
 * snapshot without flags says in `failure` why. Concurrent evaluations that ask the same share one request.
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
 * The flags of a snapshot for code that is not Effect's, see {@link plain}.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlainFlags {
  /** Whether a flag is on, with whatever variant. Not known: the default, or `false`. */
  readonly isEnabled: (flag: string | Any, options?: ReadOptions<boolean>) => boolean
  /**
   * The value of a flag: `false`, `true` or the variant. Not known: the default; for a key without one, `undefined`.
   */
  readonly get: {
    <A extends FlagValue>(flag: FeatureFlag<A>, options?: ReadOptions<NoInfer<A>>): A
    (flag: string, options: ReadOptions<FlagValue> & { readonly default: FlagValue }): FlagValue
    (flag: string, options?: ReadOptions<FlagValue>): FlagValue | undefined
  }
}

/**
 * The flags of a snapshot for code that is not Effect's: `if (flags.isEnabled("beta"))` without `yield*`. Reads are
 * told to PostHog as ever, in the context of the region that ran this; after the first of each flag no fiber is made
 * for them. `snapshot.values` has the values without telling anybody.
 *
 * @since 0.1.0
 * @category accessors
 */
export const plain = (snapshot: Snapshot): Effect.Effect<PlainFlags> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const run = Runtime.runSync(runtime)
    return {
      isEnabled: (flag, options) => run(snapshot.isEnabled(flag, options)),
      get: (flag: string | Any, options?: ReadOptions<FlagValue>) =>
        run(snapshot.get(flag as FeatureFlag<never>, options as ReadOptions<never>))
    }
  })

/**
 * The snapshot that {@link withSnapshot} or {@link setSnapshot} put into the context.
 *
 * @since 0.1.0
 * @category accessors
 */
export const currentSnapshot: Effect.Effect<Option.Option<Snapshot>, never, PostHog> = /* #__PURE__ */ ask(
  (instance, state) => {
    const flags = instance.active === undefined ? undefined : state.accumulated(instance.active.owner, undefined).flags
    return Effect.succeed(internal.isSnapshot(flags) ? Option.some(flags) : Option.none())
  }
)

/** The instance that a snapshot belongs to. */
const scopeOf = (snapshot: Snapshot): ContextScope => {
  const key = internal.instanceKeyOf(snapshot)
  return key === undefined ? {} : { instance: { key } }
}

/**
 * Runs an effect, and all fibers it forks, so that its events carry the flags of a snapshot, and {@link check} and the
 * other short forms read from it instead of making requests. Applies to the instance on which the snapshot was
 * evaluated.
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
    inState(self, (state) => state.set({ flags: snapshot }, scopeOf(snapshot), undefined))
)

/**
 * The same for the rest of this fiber and the fibers it forks from now on. As with `PostHog.setContext`, the parent
 * fiber never sees it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setSnapshot = (snapshot: Snapshot): Effect.Effect<void> =>
  changeState((state) => state.set({ flags: snapshot }, scopeOf(snapshot), undefined))

/** Options of the short forms: whom to evaluate for, and how to read. */
type ShortOptions<A> = Omit<EvaluateOptions, "flagKeys"> & ReadOptions<A>

/** Whether a read is reported, as far as the call and the flag say. */
const tells = (flag: string | Any, options: ReadOptions<unknown> | undefined): boolean | undefined =>
  options?.sendFeatureFlagEvents ?? (typeof flag === "string" ? undefined : flag.sendFeatureFlagEvents)

/**
 * The snapshot of the context if it is for the user of the context and the call does not say otherwise; else one of
 * this flag.
 */
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
        internal.covers(flags, keyOf(flag))
      ? Effect.succeed(flags)
      : alone
  })

/**
 * The value of one flag: reads it off the snapshot of the context, or else evaluates this flag alone. For more than one
 * flag {@link evaluate} is cheaper.
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
  <F extends Any>(flag: F, options?: ShortOptions<NoInfer<Value<F>>>): Unrun<Value<F>, never, PostHog>
  /**
   * The value of one flag, or the default.
   *
   * @since 0.1.0
   * @category accessors
   */
  (
    flag: string,
    options: ShortOptions<FlagValue> & { readonly default: FlagValue }
  ): Unrun<FlagValue, never, PostHog>
  /**
   * The value of one flag; `undefined` when it is not known and there is no default.
   *
   * @since 0.1.0
   * @category accessors
   */
  (flag: string, options?: ShortOptions<FlagValue>): Unrun<FlagValue | undefined, never, PostHog>
} = (flag: string | Any, options?: ShortOptions<FlagValue>): Unrun<never, never, PostHog> =>
  unrun(Effect.flatMap(
    snapshotFor(flag, options),
    (snapshot) => snapshot.get(flag as FeatureFlag<never>, options as ReadOptions<never>)
  ))

/**
 * Whether one flag is on, as {@link check}.
 *
 * @since 0.1.0
 * @category accessors
 */
export const isEnabled = (
  flag: string | Any,
  options?: ShortOptions<boolean>
): Unrun<boolean, never, PostHog> =>
  unrun(Effect.flatMap(snapshotFor(flag, options), (snapshot) => snapshot.isEnabled(flag, options)))

/**
 * All that is known of one flag, as {@link check}, or why nothing is.
 *
 * @since 0.1.0
 * @category accessors
 */
export const detailsOrFail = (
  flag: string | Any,
  options?: Omit<ShortOptions<never>, "default">
): Effect.Effect<FlagDetails, FlagError, PostHog> =>
  Effect.flatMap(snapshotFor(flag, options), (snapshot) => {
    const key = keyOf(flag)
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
 * Runs the effect for the value of a flag. All values have to be there: the variants and `false`, or `true` and
 * `false`.
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
      const key = keyOf(flag)
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
   * Runs an effect only if a flag is on. Fails with `FlagDisabled` when it is off, and when that is not known, with
   * why, unless there is a default.
   *
   * @since 0.1.0
   * @category combinators
   */
  requireFlag as require
}

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
 * Sends a request for flags as it is given, the token added, and gives the JSON that PostHog answered. A building block
 * for what {@link evaluate} does not do; time limit and repetitions are the same.
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
 * Compares the flags of a program with what a running PostHog answers, for the user of the call or of the context.
 * Payloads and variants are checked as that user gets them. Sends no `$feature_flag_called`. An empty list of findings:
 * all is well.
 *
 * @since 0.1.0
 * @category accessors
 */
export const verify = (
  flags: ReadonlyArray<Any>,
  options?: Omit<EvaluateOptions, "flagKeys" | "sendFeatureFlagEvents">
): Effect.Effect<ReadonlyArray<Finding>, FlagsUnavailable | MissingDistinctId, PostHog> =>
  Effect.flatMap(
    evaluateOrFail({ ...options, sendFeatureFlagEvents: false }),
    (snapshot) => compare(flags, snapshot)
  )

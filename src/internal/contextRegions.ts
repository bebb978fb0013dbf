/**
 * The regions of a context: what runs an effect with values, sets them for the rest of a fiber, reads them and takes
 * them along.
 *
 * Long because of the documentation of overloads.
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Groups } from "../core/event/layers.js"
import { read } from "../core/guard.js"
import * as internal from "./carrier.js"
import type { Carrier } from "./carrier.js"
import { changeState, getState, inState } from "./context.js"
import type { ContextScope, ContextValues, CurrentContext, Owner } from "./contextValues.js"

const isEffectFirst = (args: IArguments): boolean => {
  try {
    return Effect.isEffect(args[0])
  } catch {
    // A revoked Proxy is no effect.
    return false
  }
}

/**
 * Runs an effect, and all fibers it forks, with values added to the context of all events.
 *
 * Every fiber that is forked from the region inherits the context, and it never comes back: what a fiber sets for
 * itself is seen by itself and its children only, also after a join.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withContext: {
  /**
   * Runs an effect, and all fibers it forks, with values added to the context of all events.
   *
   * Every fiber that is forked from the region inherits the context, and it never comes back: what a fiber sets for
   * itself is seen by itself and its children only, also after a join.
   *
   * @since 0.1.0
   * @category combinators
   */
  (values: ContextValues, scope?: ContextScope): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, and all fibers it forks, with values added to the context of all events.
   *
   * Every fiber that is forked from the region inherits the context, and it never comes back: what a fiber sets for
   * itself is seen by itself and its children only, also after a join.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, values: ContextValues, scope?: ContextScope): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  isEffectFirst,
  <A, E, R>(self: Effect.Effect<A, E, R>, values: ContextValues, scope?: ContextScope): Effect.Effect<A, E, R> =>
    inState(self, (state) => state.set(values, scope, undefined))
)

/**
 * Runs an effect, and all fibers it forks, with values added to the context of the events of one name. They win over
 * values that are meant for all events.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withEventContext: {
  /**
   * Runs an effect, and all fibers it forks, with values added to the context of the events of one name. They win over
   * values that are meant for all events.
   *
   * @since 0.1.0
   * @category combinators
   */
  (
    event: string,
    values: ContextValues,
    scope?: ContextScope
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, and all fibers it forks, with values added to the context of the events of one name. They win over
   * values that are meant for all events.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    event: string,
    values: ContextValues,
    scope?: ContextScope
  ): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  isEffectFirst,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    event: string,
    values: ContextValues,
    scope?: ContextScope
  ): Effect.Effect<A, E, R> => inState(self, (state) => state.set(values, scope, event))
)

/**
 * Runs an effect as one user: `withContext({ distinctId })`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withDistinctId: {
  /**
   * Runs an effect as one user: `withContext({ distinctId })`.
   *
   * @since 0.1.0
   * @category combinators
   */
  (distinctId: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect as one user: `withContext({ distinctId })`.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, distinctId: string): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, distinctId: string): Effect.Effect<A, E, R> =>
    withContext(self, { distinctId })
)

/**
 * Runs an effect with group memberships, by group type: `withContext({ groups })`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withGroups: {
  /**
   * Runs an effect with group memberships, by group type: `withContext({ groups })`.
   *
   * @since 0.1.0
   * @category combinators
   */
  (groups: Groups): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect with group memberships, by group type: `withContext({ groups })`.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, groups: Groups): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, groups: Groups): Effect.Effect<A, E, R> => withContext(self, { groups })
)

/**
 * Runs an effect as part of a PostHog session: `withContext({ sessionId })`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withSessionId: {
  /**
   * Runs an effect as part of a PostHog session: `withContext({ sessionId })`.
   *
   * @since 0.1.0
   * @category combinators
   */
  (sessionId: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect as part of a PostHog session: `withContext({ sessionId })`.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, sessionId: string): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, sessionId: string): Effect.Effect<A, E, R> => withContext(self, { sessionId })
)

/**
 * Runs an effect, and all fibers it forks, so that nothing is captured in it: no events, no `identify` and its kin, no
 * `$feature_flag_called`, no exceptions, no events about requests; they count as `ignored` in `PostHog.stats`. For
 * users who have not agreed, where `PostHog.optOut` would concern everybody. A handler that learns about it half-way
 * says `setContext({ capture: false })`.
 *
 * Carriers take it along to other processes. Feature flags are evaluated as ever, if need be by a request that names
 * the user.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withoutCapture = <A, E, R>(self: Effect.Effect<A, E, R>, scope?: ContextScope): Effect.Effect<A, E, R> =>
  withContext(self, { capture: false }, scope)

/**
 * Adds values to the context of all events for the rest of this fiber and the fibers it forks from now on. Meant for
 * handlers that learn the user half-way: in a request that `PostHogHttp` handles it holds for the whole request, with
 * the fibers that were forked before and the event of the request, wherever in the handler it is said. The parent fiber
 * never sees it, also not after a join; the other side of this is that a `setContext` inside `Effect.timeout`,
 * `Effect.race` or another operator that forks ends with that operator. Inside a `withContext` region it ends with the
 * region.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setContext = (values: ContextValues, scope?: ContextScope): Effect.Effect<void> =>
  changeState((state) => state.set(values, scope, undefined))

/**
 * As {@link setContext}, for the events of one name.
 *
 * @since 0.1.0
 * @category combinators
 */
export const setEventContext = (event: string, values: ContextValues, scope?: ContextScope): Effect.Effect<void> =>
  changeState((state) => state.set(values, scope, event))

/**
 * The values that the current context holds: those for all instances, with `scope` those of one instance merged over
 * them, with `event` those of the events of one name too.
 *
 * @since 0.1.0
 * @category accessors
 */
export const getContext = (
  options?: ContextScope & {
    /** Name of an event whose own values shall be included. */
    readonly event?: string | undefined
  }
): Effect.Effect<CurrentContext> =>
  Effect.map(getState, (state) => {
    const key = read(read(options, "instance"), "key")
    const event = read(options, "event")
    const owner: Owner = { key: typeof key === "string" ? key : "", globalProperties: {} }
    return internal.toShown(state.accumulated(owner, typeof event === "string" ? event : undefined), state.region)
  })

/**
 * The current context as a record, for another process that goes on with the work: put it into the job, the
 * message or the call. The snapshot of feature flags, if there is one, stays here, and so does what a request says
 * about itself.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog } from "effect-posthog"
 *
 * declare const enqueue: (job: unknown) => Effect.Effect<void>
 *
 * const produce = Effect.flatMap(PostHog.toCarrier, (posthog) => enqueue({ order: "ord_1", posthog }))
 *
 * const consume = (job: { readonly posthog?: unknown }) =>
 *   PostHog.capture("order shipped").pipe(PostHog.withCarrier(job.posthog))
 * ```
 *
 * @since 0.1.0
 * @category carriers
 */
export const toCarrier: Effect.Effect<Carrier> = /* #__PURE__ */ Effect.map(
  getState,
  internal.toCarrier
)

/**
 * Runs an effect, and all fibers it forks, with what a carrier brings added to the context. A carrier comes from
 * outside, so it may be anything: what is no part of one is passed over.
 *
 * @since 0.1.0
 * @category carriers
 */
export const withCarrier: {
  /**
   * Runs an effect, and all fibers it forks, with what a carrier brings added to the context. A carrier comes from
   * outside, so it may be anything: what is no part of one is passed over.
   *
   * @since 0.1.0
   * @category carriers
   */
  (carrier: unknown): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect, and all fibers it forks, with what a carrier brings added to the context. A carrier comes from
   * outside, so it may be anything: what is no part of one is passed over.
   *
   * @since 0.1.0
   * @category carriers
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, carrier: unknown): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, carrier: unknown): Effect.Effect<A, E, R> =>
    inState(self, (state) => internal.setCarrier(state, carrier))
)

/**
 * The context in code that is not Effect's, and back: libraries that call back with promises, event emitters, and what follows an
 * `AsyncLocalStorage`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog, PostHogBridge } from "effect-posthog"
 *
 * declare const each: (rows: ReadonlyArray<string>, f: (row: string) => Promise<void>) => Promise<void>
 *
 * const program = Effect.gen(function*() {
 *   const onRow = yield* PostHogBridge.callback((row: string) => PostHog.capture("row imported", { row }))
 *   yield* Effect.promise(() => each(["a", "b"], onRow))
 * }).pipe(PostHog.withDistinctId("user_123"))
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { dual } from "effect/Function"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { type Carrier, toCarrier, withCarrier } from "./PostHogContext.js"

/**
 * Makes a function that gives an effect into one that gives a promise, for a library that calls back. Each call runs with the context
 * and the services of the fiber that made it.
 *
 * @since 0.1.0
 * @category bridges
 */
export const callback = <Args extends ReadonlyArray<unknown>, A, E, R>(
  f: (...args: Args) => Effect.Effect<A, E, R>
): Effect.Effect<(...args: Args) => Promise<A>, never, R> =>
  Effect.map(Effect.runtime<R>(), (runtime) => {
    const run = Runtime.runPromise(runtime)
    return (...args) => run(Effect.suspend(() => f(...args)))
  })

/**
 * Makes a function that gives an effect into a listener of an event emitter: it never throws and gives nothing. Each call runs with the
 * context and the services of the fiber that made it, in a fiber that ends with the scope. A failure is logged as an error, with
 * error tracking also captured.
 *
 * @since 0.1.0
 * @category bridges
 */
export const listener = <Args extends ReadonlyArray<unknown>, R>(
  f: (...args: Args) => Effect.Effect<unknown, unknown, R>
): Effect.Effect<(...args: Args) => void, never, R | Scope.Scope> =>
  Effect.map(FiberSet.makeRuntime<R>(), (run) => (...args) => {
    run(
      Effect.catchAllCause(
        Effect.suspend(() => f(...args)),
        (cause) => Cause.isInterruptedOnly(cause) ? Effect.void : Effect.logError("A listener failed", cause)
      )
    )
  })

/**
 * The part of Node's `AsyncLocalStorage` that is needed.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncStorage<in Store> {
  readonly run: <A>(store: Store, f: () => A) => A
  readonly getStore: () => unknown
}

/**
 * Calls a function with the current context as the store of an `AsyncLocalStorage`, and waits for what it gives. What the function starts
 * finds the context with {@link fromAsyncStorage}, or looks at it with `storage.getStore()`. A function that throws, or a promise that is
 * rejected, is a defect, as with `Effect.promise`.
 *
 * @since 0.1.0
 * @category bridges
 */
export const toAsyncStorage: {
  /**
   * Calls a function with the current context as the store of an `AsyncLocalStorage`, and waits for what it gives.
   *
   * @since 0.1.0
   * @category bridges
   */
  (storage: AsyncStorage<Carrier>): <A>(f: () => A | PromiseLike<A>) => Effect.Effect<A>
  /**
   * Calls a function with the current context as the store of an `AsyncLocalStorage`, and waits for what it gives.
   *
   * @since 0.1.0
   * @category bridges
   */
  <A>(f: () => A | PromiseLike<A>, storage: AsyncStorage<Carrier>): Effect.Effect<A>
} = /* #__PURE__ */ dual(
  2,
  <A>(f: () => A | PromiseLike<A>, storage: AsyncStorage<Carrier>): Effect.Effect<A> =>
    Effect.flatMap(toCarrier, (carrier) => Effect.promise(async () => await storage.run(carrier, f)))
)

/**
 * Runs an effect with the context that an `AsyncLocalStorage` has when the effect begins, for effects that are run from code which
 * follows it. Put it outermost: later on, the store may be that of whoever scheduled the fiber. Without a store the effect runs as it is.
 *
 * @since 0.1.0
 * @category bridges
 */
export const fromAsyncStorage: {
  /**
   * Runs an effect with the context that an `AsyncLocalStorage` has when the effect begins.
   *
   * @since 0.1.0
   * @category bridges
   */
  (storage: AsyncStorage<never>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Runs an effect with the context that an `AsyncLocalStorage` has when the effect begins.
   *
   * @since 0.1.0
   * @category bridges
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, storage: AsyncStorage<never>): Effect.Effect<A, E, R>
} = /* #__PURE__ */ dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, storage: AsyncStorage<never>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => withCarrier(self, storage.getStore()))
)

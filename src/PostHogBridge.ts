/**
 * PostHog in code that is written with promises: Express, Fastify, Hono, Nest, Next, scripts; and the context on its
 * way from Effect into such code and back.
 *
 * ```ts
 * import { PostHog, PostHogBridge, PostHogLive } from "effect-posthog"
 *
 * const posthog = await PostHogBridge.make(PostHogLive)
 * await posthog.withContext({ distinctId: "user_123" }, async () => {
 *   await posthog.run(PostHog.capture("order completed", { total: 42 }))
 * })
 * await posthog.close()
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type { PropertiesInput } from "./core/event/layers.js"
import { type CaptureOptions, ordinaryInput } from "./internal/capture.js"
import { type Carrier, toStored } from "./internal/carrier.js"
import { asyncState, getState, inState, type State, stateAt, withState } from "./internal/context.js"
import { withCarrier } from "./internal/contextRegions.js"
import type { ContextScope, ContextValues } from "./internal/contextValues.js"
import { packageAnnotation } from "./internal/diagnostics.js"
import { isInterruption } from "./internal/effect/cause.js"
import { originOfRuntime, runtimeWith, servicesOf } from "./internal/effect/fiber.js"
import { instanceOf } from "./internal/instance.js"
import { builtin } from "./internal/node.js"
import { closeOnSignals } from "./internal/signals.js"
import { PostHog } from "./PostHog.js"

/**
 * PostHog for code that is written with promises, see {@link make}.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bridge<in R> {
  /**
   * Runs an effect with the services of the layer and in the context of the `withContext` around the call. The effect
   * begins at once, so that what `capture` is given is read before `run` returns. The promise of a capture is never
   * rejected and need not be awaited; other effects reject it with what they fail with, as `Effect.runPromise` does.
   */
  readonly run: <A, E>(effect: Effect.Effect<A, E, R>) => Promise<A>
  /**
   * Captures an event in the context of the `withContext` around the call, and returns: the short form of
   * `run(PostHog.capture(…))` for code that captures often, without a fiber and a promise for each event. Never throws,
   * like `PostHog.capture`. The layer has to provide `PostHog`, as `PostHogLive` does; without it nothing is captured,
   * and a warning is logged once.
   */
  readonly capture: (event: string, properties?: PropertiesInput, options?: CaptureOptions) => void
  /**
   * Calls a function, and gives what it gives. Everything that runs because of this call, behind an `await` too, is in
   * a context with these values. Calls nest: inside of them values are added, and outside nothing changes. Needs an
   * `AsyncLocalStorage`; where there is none, the function runs without the values, and a warning is logged once.
   */
  readonly withContext: <A>(values: ContextValues, f: () => A, scope?: ContextScope) => A
  /**
   * Sends what is queued, within `shutdownTimeout`, and ends the services of the layer. Never rejected; a second call
   * waits for the first one. Stop taking requests before, because what is captured afterwards is not sent.
   */
  readonly close: () => Promise<void>
}

/**
 * Options of {@link make}.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Carries the context behind an `await`. Default: one of Node's own (Node 20.16, Bun 1.2 and Deno 2 or later);
   * elsewhere `new AsyncLocalStorage()` from `node:async_hooks`.
   */
  readonly storage?: AsyncStorage<unknown> | undefined
  /**
   * Signals on which `close` is called, for programs that have no shutdown of their own. When it is done, the process
   * ends by the signal, unless somebody else listens for it. Default none: a server stops taking requests first and
   * calls `close` then.
   */
  readonly signals?: ReadonlyArray<"SIGHUP" | "SIGINT" | "SIGTERM"> | undefined
}

/** The class that Node, Bun and Deno have. */
const makeStorage = (): AsyncStorage<unknown> | undefined => {
  try {
    const hooks = builtin<{ readonly AsyncLocalStorage: new() => AsyncStorage<unknown> }>("node:async_hooks")
    return hooks === undefined ? undefined : new hooks.AsyncLocalStorage()
  } catch {
    return undefined
  }
}

const noStorage =
  "PostHog: withContext of PostHogBridge has no AsyncLocalStorage here, so events do not get its values. " +
  "Give one as the option storage: new AsyncLocalStorage() of node:async_hooks"

const noPostHog = "PostHog: capture of PostHogBridge has no PostHog here, so nothing is captured. " +
  "Give PostHogBridge.make a layer that provides it, such as PostHogLive"

/**
 * Builds a layer, such as `PostHogLive` or one with your services and it, for code that is written with promises.
 * Rejected with the error of the layer when it cannot be built, so that a wrong option shows at the start of the
 * program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = async <R, E>(layer: Layer.Layer<R, E>, options: Options = {}): Promise<Bridge<R>> => {
  const scope = Effect.runSync(Scope.make())
  const built = await Effect.runPromiseExit(Layer.toRuntime(layer).pipe(Scope.extend(scope)))
  if (Exit.isFailure(built)) {
    await Effect.runPromise(Scope.close(scope, built))
    throw Cause.squash(built.cause)
  }
  const storage = options.storage ?? makeStorage()
  const here = (): State | undefined => storage?.getStore() as State | undefined
  const runtime = runtimeWith(built.value, asyncState, here)
  const warned = new Set<string>()
  const warn = (text: string): void => {
    if (warned.has(text)) return
    warned.add(text)
    Runtime.runFork(runtime)(Effect.logWarning(text).pipe(Effect.annotateLogs("package", packageAnnotation)))
  }
  const service = Option.getOrUndefined(Context.getOption(servicesOf(runtime) as Context.Context<R | PostHog>, PostHog))
  const origin = originOfRuntime(runtime)
  const runPromise = Runtime.runPromise(runtime)
  const outside = stateAt(origin)
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    stopListening()
    return closed ??= Effect.runPromise(Effect.asVoid(Effect.exit(Scope.close(scope, Exit.void))))
  }
  const stopListening = closeOnSignals(options.signals ?? [], close)
  return {
    run: (effect) => {
      const state = here()
      return runPromise(state === undefined ? effect : inState(effect, () => state))
    },
    capture: (event, properties, options) => {
      if (service === undefined) return warn(noPostHog)
      const captured = instanceOf(service).door.capture(
        withState(origin, here()),
        ordinaryInput(event, properties, options)
      )
      // Something is left to do where the overflow policy waits for room, and where the instance is disabled.
      if (captured !== Effect.void) Runtime.runFork(runtime)(captured)
    },
    withContext: (values, f, contextScope) => {
      if (storage !== undefined) return storage.run((here() ?? outside).set(values, contextScope, undefined), f)
      warn(noStorage)
      return f()
    },
    close
  }
}

/**
 * Makes a function that gives an effect into one that gives a promise, for a library that calls back. Each call runs
 * with the context and the services of the fiber that made it.
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
 * Makes a function that gives an effect into a listener of an event emitter: it never throws and gives nothing. Each
 * call runs with the context and the services of the fiber that made it, in a fiber that ends with the scope. A failure
 * is logged as an error, with error tracking also captured.
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
        (cause) => isInterruption(cause) ? Effect.void : Effect.logError("A listener failed", cause)
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

/** The function goes on with the same request, which a carrier would not know. */
const stored = /* #__PURE__ */ Effect.map(getState, toStored)

/**
 * Calls a function with the current context as the store of an `AsyncLocalStorage`, and waits for what it gives. What
 * the function starts finds the context with {@link fromAsyncStorage}, or looks at it with `storage.getStore()`. A
 * function that throws, or a promise that is rejected, is a defect, as with `Effect.promise`. The function goes on with
 * the same request, if it is called in one; as JSON the store is an ordinary carrier.
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
    Effect.flatMap(stored, (carrier) => Effect.promise(async () => await storage.run(carrier, f)))
)

/**
 * Runs an effect with the context that an `AsyncLocalStorage` has when the effect begins, for effects that are run from
 * code which follows it. Put it outermost: later on, another request may have scheduled the fiber, and the
 * store is the one of that request. Without a
 * store the effect runs as it is.
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

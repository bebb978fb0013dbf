/**
 * PostHog where a process lives for a request, or stands still between two: Workers, Lambda, edge functions. For an
 * instance with `background: false`, whose events leave when somebody flushes.
 *
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Effect, Layer, ManagedRuntime } from "effect"
 * import { PostHog, PostHogServerless } from "effect-posthog"
 *
 * const runtime = ManagedRuntime.make(
 *   PostHog.layer({ apiKey: "phc_…", background: false }).pipe(Layer.provide(FetchHttpClient.layer))
 * )
 *
 * const handler = PostHog.capture("page served").pipe(Effect.as("hello"))
 *
 * const fetch = async (_: Request, __: unknown, ctx: { waitUntil(promise: Promise<unknown>): void }) =>
 *   new Response(await runtime.runPromise(handler.pipe(PostHogServerless.withFlush(ctx))))
 * ```
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Runtime from "effect/Runtime"
import { givenDuration } from "./internal/optionKinds.js"
import * as PostHog from "./PostHog.js"

/**
 * When a handler's events are sent. The context of a Worker is one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Tells the platform to keep the request's work going until a promise is settled: `ctx.waitUntil` of a Worker,
   * `waitUntil` of Vercel, `after` of Next. Default: there is none, and the handler's result waits for its events.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
  /**
   * Most time that sending may take; then the events go back to the queue, for the next flush. Default 25 seconds with
   * `waitUntil`, 2 seconds without.
   */
  readonly timeout?: Duration.DurationInput | undefined
}

/** Flushes once whatever has become of the handler. Never fails. */
const flushWith = (options: Options): Effect.Effect<void, never, PostHog.PostHog> =>
  Effect.flatMap(Effect.runtime<PostHog.PostHog>(), (runtime) => {
    const timeout = givenDuration(options.timeout) ?? Duration.seconds(options.waitUntil === undefined ? 2 : 25)
    // In a fiber of its own, because in one that is interrupted nothing can be timed out.
    const flushed = Runtime.runPromise(runtime)(
      Effect.exit(Effect.interruptible(Effect.timeout(PostHog.flush, timeout)))
    )
    try {
      if (options.waitUntil !== undefined) {
        const taken: unknown = options.waitUntil(flushed)
        // An async function is one that may be given here, and its rejection would end the process.
        Promise.resolve(taken).catch(() => undefined)
        return Effect.void
      }
    } catch {
      // The platform does not take it any more, so the handler has to wait after all.
    }
    return Effect.promise(() => flushed)
  })

/**
 * Flushes after a handler, also after one that failed or was interrupted: behind the response where the platform has a
 * `waitUntil`, else before the result is given. The result is the handler's, also when PostHog cannot be reached: what
 * could not be sent in time is still queued.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withFlush: {
  /**
   * Flushes after a handler, also after one that failed or was interrupted: behind the response where the platform has
   * a `waitUntil`, else before the result is given. The result is the handler's, also when PostHog cannot be reached:
   * what could not be sent in time is still queued.
   *
   * @since 0.1.0
   * @category combinators
   */
  (options?: Options): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | PostHog.PostHog>
  /**
   * Flushes after a handler, also after one that failed or was interrupted: behind the response where the platform has
   * a `waitUntil`, else before the result is given. The result is the handler's, also when PostHog cannot be reached:
   * what could not be sent in time is still queued.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, options?: Options): Effect.Effect<A, E, R | PostHog.PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(self: Effect.Effect<A, E, R>, options: Options = {}): Effect.Effect<A, E, R | PostHog.PostHog> =>
    Effect.ensuring(self, flushWith(options))
)

/**
 * Calls of language models, captured where they leave the program: at an `HttpClient`, or at the `fetch` of a
 * provider's own SDK. Call sites stay as they are.
 *
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { Layer } from "effect"
 * import { LlmClient, PostHogLive } from "effect-posthog"
 *
 * const HttpLive = LlmClient.layer().pipe(Layer.provide(FetchHttpClient.layer), Layer.provideMerge(PostHogLive))
 * ```
 *
 * Nothing of what the caller gets is changed, delayed or read: what the program reads of an answer is seen as it
 * passes.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { setCarrier } from "./internal/carrier.js"
import { asyncState, snapshot, stateAt, withState } from "./internal/context.js"
import { referenceAt, withFiber } from "./internal/effect/fiber.js"
import { isClient } from "./internal/effect/http.js"
import { instanceOf } from "./internal/instance.js"
import * as internal from "./internal/llm/http/client.js"
import { Exchanges, type Options } from "./internal/llm/http/exchanges.js"
import * as internalFetch from "./internal/llm/http/fetch.js"
import { PostHog } from "./PostHog.js"
import type { AsyncStorage } from "./PostHogBridge.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Options
}

/**
 * A client whose calls of language models are captured, each as a `$ai_generation` or `$ai_embedding`; other requests
 * pass as they are. It works with every client of `@effect/platform`, and so under `@effect/ai` and its providers.
 *
 * Where it stands decides what a call is: with a `HttpClient.retry` further out each try is one, with a retry further
 * in all tries are one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withCapture: {
  /**
   * A client whose calls of language models are captured.
   *
   * @since 0.1.0
   * @category combinators
   */
  (options?: Options): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R | PostHog>
  /**
   * A client whose calls of language models are captured.
   *
   * @since 0.1.0
   * @category combinators
   */
  <E, R>(client: HttpClient.HttpClient.With<E, R>, options?: Options): HttpClient.HttpClient.With<E, R | PostHog>
} = /* #__PURE__ */ dual(
  (args) => isClient(args[0]),
  <E, R>(client: HttpClient.HttpClient.With<E, R>, options: Options = {}) =>
    internal.withCapture(client, Effect.map(PostHog, instanceOf), options)
)

/**
 * The `HttpClient` with {@link withCapture}, for all that is built on it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient | PostHog> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      Effect.all([HttpClient.HttpClient, PostHog]),
      ([client, posthog]) =>
        internal.withCapture(
          client,
          // Another one within `PostHog.using`.
          Effect.map(Effect.serviceOption(PostHog), (here) => instanceOf(Option.getOrElse(here, () => posthog))),
          options
        )
    )
  )

/**
 * Options of {@link fetch}.
 *
 * @since 0.1.0
 * @category models
 */
export interface FetchOptions extends Options {
  /** What sends the requests. Default: the global `fetch`, as it is when this one is made. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /**
   * Where the context of a call is found, see `PostHogBridge.toAsyncStorage`. Default: that of the `PostHogBridge` in
   * which it is made, if it is made in one; else a call has the context in which this `fetch` was made.
   */
  readonly storage?: AsyncStorage<never> | undefined
}

/**
 * A `fetch` whose calls of language models are captured, for the SDKs of the providers.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LlmClient } from "effect-posthog"
 * import OpenAI from "openai"
 *
 * const client = Effect.map(LlmClient.fetch(), (fetch) => new OpenAI({ fetch }))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fetch = (options: FetchOptions = {}): Effect.Effect<typeof globalThis.fetch, never, PostHog> =>
  Effect.flatMap(PostHog, (posthog) =>
    withFiber((fiber) => {
      const send = options.fetch ?? globalThis.fetch
      const exchanges = Exchanges.of(instanceOf(posthog))
      if (exchanges === undefined) return Effect.succeed(send)
      const origin = snapshot(fiber)
      const lookUp = referenceAt(fiber, asyncState)
      const { storage } = options
      return Effect.succeed(internalFetch.withCapture(
        send,
        exchanges,
        () => {
          const state = lookUp?.()
          const here = withState(origin, state)
          if (storage === undefined) return here
          return withState(here, setCarrier(stateAt(here), storage.getStore()))
        },
        options
      ))
    }))

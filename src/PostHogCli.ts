/**
 * PostHog in command line tools: asks before it takes anything, and never keeps a command from ending.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { PostHog, PostHogCli, PostHogClient } from "effect-posthog"
 *
 * declare const hasAgreed: Effect.Effect<boolean>
 *
 * const PostHogHere = PostHogCli.layer({ apiKey: "phc_…", consent: hasAgreed
 * }).pipe(Layer.provide(PostHogClient.layer))
 *
 * const command = PostHog.capture("command run", { name: "build" }).pipe(Effect.provide(PostHogHere))
 * ```
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { read } from "./internal/effect/store.js"
import { fromEnvironment } from "./internal/effect/variables.js"
import * as PostHog from "./PostHog.js"
import type * as PostHogConfig from "./PostHogConfig.js"
import { ConfigurationError } from "./PostHogError.js"

/**
 * The options of an instance, two of them with other defaults: `shutdownTimeout` is half a second and `isServer`
 * `false`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> extends PostHogConfig.Options {
  /**
   * Whether the user agrees to being counted. Asked once, before the instance is there, so that nothing is taken
   * without an answer; a failure is a no. The instance begins opted out then, and `PostHog.optIn` can still change
   * that. Default: yes.
   */
  readonly consent?: Effect.Effect<boolean, unknown, R> | undefined
}

const defaults = { isServer: false, shutdownTimeout: "500 millis" } as const

const doNotTrack: Effect.Effect<boolean> = Config.string("DO_NOT_TRACK").pipe(
  Effect.map((value) => !["", "0", "false"].includes(value.trim().toLowerCase())),
  Effect.orElseSucceed(() => false)
)

/** The user's word counts also where the program takes its configuration from elsewhere. */
const isRefused: Effect.Effect<boolean> = /* #__PURE__ */ Effect.zipWith(
  doNotTrack,
  /* #__PURE__ */ fromEnvironment(doNotTrack),
  (here, environment) => here || environment
)

/**
 * The default instance as a command wants it: half a second to send what is left at the end, events without
 * `$is_server`, and nothing at all where `DO_NOT_TRACK` is set (to anything but nothing, `0` and `false`) or `consent`
 * says no.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <R = never>(
  options: Options<R>
): Layer.Layer<PostHog.PostHog, ConfigurationError, HttpClient.HttpClient | R> =>
  Layer.unwrapEffect(Effect.gen(function*() {
    if (yield* isRefused) return PostHog.layerNoop
    const { consent = Effect.succeed(true), ...rest } = options
    if (!Effect.isEffect(consent)) {
      return yield* new ConfigurationError({
        reason: "invalid_option",
        option: "consent",
        message: "consent is no Effect of a truth value"
      })
    }
    const isWanted = options.enabled === false || (yield* Effect.catchAllCause(consent, () => Effect.succeed(false)))
    const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
    return PostHog.layer({ ...defaults, ...given, optedOut: options.optedOut === true || isWanted !== true })
  }))

/**
 * As {@link layer}, with options from Effect's Config, such as `PostHogConfig.config`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = <R = never>(
  config: Config.Config.Wrap<PostHogConfig.Options>,
  /** What no Config can say, see {@link Options}. */
  options?: Pick<Options<R>, "consent">
): Layer.Layer<PostHog.PostHog, ConfigurationError | ConfigError.ConfigError, HttpClient.HttpClient | R> =>
  Layer.unwrapEffect(
    Effect.map(Config.unwrap(config), (given) => layer<R>({ ...given, consent: options?.consent }))
  )

/** Where {@link withAnonymousId} keeps the id, unless told otherwise. */
const anonymousIdKey = "posthog-anonymous-id"

/**
 * The id that the store has, or else a new one. A store that does not work costs the user nothing but being counted
 * twice.
 */
const anonymousId = Effect.fnUntraced(function*(key: string): Effect.fn.Return<
  string,
  never,
  KeyValueStore.KeyValueStore
> {
  const store = yield* KeyValueStore.KeyValueStore
  const known = yield* Effect.catchAllCause(read(store, key), () => Effect.succeed(undefined))
  if (known !== undefined && known.trim() !== "") return known.trim()
  const id = crypto.randomUUID()
  yield* Effect.exit(store.set(key, id))
  return id
})

/**
 * Gives events in the region a random id that is kept in the program's `KeyValueStore`, so that a user is one person
 * over all runs and nobody in particular. While the instance is opted out, nothing is read or written. `key` is where
 * the store has it, `posthog-anonymous-id` by default; removing it forgets the user.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withAnonymousId: {
  /**
   * Gives events in the region a random id that is kept in the program's `KeyValueStore`, so that a user is one person
   * over all runs and nobody in particular. While the instance is opted out, nothing is read or written. `key` is
   * where the store has it, `posthog-anonymous-id` by default; removing it forgets the user.
   *
   * @since 0.1.0
   * @category combinators
   */
  (
    key?: string
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | PostHog.PostHog | KeyValueStore.KeyValueStore>
  /**
   * Gives events in the region a random id that is kept in the program's `KeyValueStore`, so that a user is one person
   * over all runs and nobody in particular. While the instance is opted out, nothing is read or written. `key` is
   * where the store has it, `posthog-anonymous-id` by default; removing it forgets the user.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    key?: string
  ): Effect.Effect<A, E, R | PostHog.PostHog | KeyValueStore.KeyValueStore>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    key: string = anonymousIdKey
  ): Effect.Effect<A, E, R | PostHog.PostHog | KeyValueStore.KeyValueStore> =>
    Effect.flatMap(
      PostHog.isOptedOut,
      (isOut) => isOut ? self : Effect.flatMap(anonymousId(key), (id) => PostHog.withDistinctId(self, id))
    )
)

/**
 * The layer for a program that runs: options from the environment, a client of its own (see `PostHogClient`), error
 * tracking on, and local evaluation of flags when there is a secret key.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog, PostHogLive } from "effect-posthog"
 *
 * Effect.runPromise(
 *   PostHog.capture("program started", {}, { distinctId: "machine_1" }).pipe(Effect.provide(PostHogLive))
 * )
 * ```
 *
 * Options of the program go over those of the environment:
 *
 * ```ts
 * import { PostHogLive } from "effect-posthog"
 *
 * const PostHogHere = PostHogLive.with({ globalProperties: { service: "checkout" } })
 * ```
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ErrorTracking from "./ErrorTracking.js"
import { readSwitch, variable } from "./internal/environment.js"
import { compose, present } from "./internal/liveLayers.js"
import { keyText } from "./internal/optionKinds.js"
import { disabledBy } from "./internal/options.js"
import * as LocalEvaluation from "./LocalEvaluation.js"
import * as PostHog from "./PostHog.js"
import * as PostHogClient from "./PostHogClient.js"
import * as PostHogConfig from "./PostHogConfig.js"
import type { ConfigurationError } from "./PostHogError.js"

/**
 * The layer for a program that runs, with options from the environment; and ways to give it more of them.
 *
 * @since 0.1.0
 * @category layers
 */
export interface PostHogLive extends Layer.Layer<PostHog.PostHog, ConfigurationError | ConfigError.ConfigError> {
  /**
   * The same with options of the program, which go over those of the environment. Bind it to a constant: each call
   * makes an instance of its own.
   */
  readonly with: (
    options: PostHogConfig.LiveOptions
  ) => Layer.Layer<PostHog.PostHog, ConfigurationError | ConfigError.ConfigError>
  /**
   * The same for a named instance, which is for another project: `apiKey` and `secretKey` are not looked for in the
   * environment, all other options are.
   */
  readonly instance: <Self>(
    tag: Context.Tag<Self, PostHog.Service>,
    options: PostHogConfig.LiveOptions & Required<Pick<PostHogConfig.Options, "apiKey">>
  ) => Layer.Layer<Self, ConfigurationError | ConfigError.ConfigError>
}

type Live<Self> = Layer.Layer<Self, ConfigurationError | ConfigError.ConfigError, HttpClient.HttpClient>

const readText = (text: string) => text

/**
 * What decides whether the instance does anything at all. Read by itself: the rest must not keep an idle program from
 * starting.
 */
const switches = Config.all({
  // A value that is neither true nor false fails with the other options' errors.
  enabled: Config.orElse(variable("POSTHOG_ENABLED", "enabled", readSwitch), () => Config.succeed(true)),
  apiKey: variable("POSTHOG_API_KEY", "apiKey", readText)
})

const environment = Config.all({
  options: PostHogConfig.config,
  logger: ErrorTracking.loggerConfig,
  localEvaluation: LocalEvaluation.config,
  isLocal: variable("POSTHOG_LOCAL_EVALUATION", "localEvaluation", readSwitch)
})

/** Options with switches that may say more than on and off. */
const parted = <A extends object>(given: boolean | A | undefined): { readonly isOn?: boolean; readonly details?: A } =>
  typeof given === "object" && given !== null ? { details: given } : given === undefined ? {} : { isOn: given }

const whole = <Self>(
  tag: Context.Tag<Self, PostHog.Service>,
  { errorTracking, localEvaluation, ...rest }: PostHogConfig.LiveOptions,
  keys: Pick<PostHogConfig.Options, "apiKey" | "secretKey"> | undefined
): Live<Self> =>
  Layer.unwrapEffect(Effect.map(environment, (found): Live<Self> => {
    const errors = parted(errorTracking)
    const flags = parted(localEvaluation)
    const options: PostHogConfig.Options = {
      ...found.options,
      ...keys,
      ...present({ ...rest, errorTracking: errors.isOn })
    }
    const local = { ...found.localEvaluation, ...present(flags.details ?? {}) }
    const canLoad = keyText(options.secretKey) !== "" || local.definitions !== undefined
    return compose(tag, PostHog.layerInstance(tag, options), {
      logger: { ...found.logger, ...present(errors.details ?? {}) },
      localEvaluation: flags.isOn ?? (canLoad && found.isLocal !== false) ? local : undefined
    })
  }))

const live = <Self>(
  tag: Context.Tag<Self, PostHog.Service>,
  options: PostHogConfig.LiveOptions,
  keys?: Pick<PostHogConfig.Options, "apiKey" | "secretKey">
): Layer.Layer<Self, ConfigurationError | ConfigError.ConfigError> =>
  Layer.unwrapEffect(Effect.map(switches, (found): Live<Self> => {
    const { apiKey, enabled } = { ...found, ...keys, ...present({ enabled: options.enabled, apiKey: options.apiKey }) }
    return disabledBy({ enabled, apiKey }) === undefined
      ? whole(tag, options, keys)
      : PostHog.layerInstance(tag, { enabled, apiKey })
  })).pipe(
    Layer.provide(PostHogClient.layer)
  )

/**
 * The default instance with options from the environment (see `PostHogConfig.config`), `PostHogClient.layer` as
 * transport, and `ErrorTracking.layerLogger`. Without `POSTHOG_API_KEY`, or with `POSTHOG_ENABLED=false`, it does
 * nothing, after one warning.
 *
 * `PostHogLive.with(options)` takes options of the program over those of the environment, and
 * `PostHogLive.instance(tag, options)` is the same for a named instance.
 *
 * Error tracking has variables of its own: `POSTHOG_ERROR_TRACKING=false` switches it off, `POSTHOG_CAPTURE_LEVEL` is
 * the least level of log messages that are captured (`Error`), `POSTHOG_METADATA` the log annotations that become
 * properties (`all`, or names separated by commas).
 *
 * With `POSTHOG_SECRET_KEY` flags are evaluated in the process, see `LocalEvaluation`:
 * `POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL` is the time between two loads of their definitions (`30 seconds`, or
 * `manual`), `POSTHOG_LOCAL_EVALUATION=false` switches it off. A `FlagDefinitionStore` that is provided to this layer
 * is used.
 *
 * It is nothing but a composition of `PostHog.layerConfig`, `ErrorTracking.layerLoggerConfig` and
 * `LocalEvaluation.layerConfig`.
 *
 * @since 0.1.0
 * @category layers
 */
export const PostHogLive: PostHogLive =
  /* #__PURE__ */ (() =>
    Object.assign(Layer.suspend(() => live(PostHog.PostHog, {})), {
      with: (options: PostHogConfig.LiveOptions) => live(PostHog.PostHog, options),
      instance: <Self>(tag: Context.Tag<Self, PostHog.Service>, options: PostHogConfig.LiveOptions) =>
        live(tag, options, { apiKey: undefined, secretKey: undefined })
    }))()

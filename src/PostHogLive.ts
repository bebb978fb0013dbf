/**
 * The layer for a program that runs: options from the environment, the platform's `fetch` as transport, error tracking
 * on, and local evaluation of flags when there is a secret key.
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
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as ErrorTracking from "./ErrorTracking.js"
import { optional } from "./internal/environment.js"
import { switchErrorTrackingOff } from "./internal/errors/tracker.js"
import { instanceOf } from "./internal/instance.js"
import * as LocalEvaluation from "./LocalEvaluation.js"
import * as PostHog from "./PostHog.js"
import * as PostHogConfig from "./PostHogConfig.js"
import type { ConfigurationError } from "./PostHogError.js"

/** Read first: what an instance that does nothing would be built with must not keep the program from starting. */
const switches = Config.all({
  // What is no truth value is told by the other options.
  enabled: Config.orElse(Config.boolean("POSTHOG_ENABLED"), () => Config.succeed(true)),
  apiKey: Config.withDefault(Config.redacted("POSTHOG_API_KEY"), Redacted.make(""))
})

/** Effect's own names of levels, in any case, and `warn`. */
const logLevel = Config.mapOrFail(Config.string(), (text) => {
  const name = text.trim().toLowerCase()
  const level = LogLevel.allLevels.find(({ _tag, label }) => [_tag.toLowerCase(), label.toLowerCase()].includes(name))
  return level === undefined
    ? Either.left(
      ConfigError.InvalidData([], `is no log level: ${LogLevel.allLevels.map(({ _tag }) => _tag).join(", ")}`)
    )
    : Either.right(level)
})

const settings = Config.all({
  enabled: optional(Config.boolean(), "POSTHOG_ERROR_TRACKING"),
  captureLevel: optional(logLevel, "POSTHOG_CAPTURE_LEVEL"),
  metadata: Config.withDefault(Config.array(Config.string(), "POSTHOG_METADATA"), [])
})

/** `all` is no name of an annotation. */
const metadataOf = (names: ReadonlyArray<string>) => names.includes("all") ? "all" : names

const errorTracking = Layer.unwrapEffect(
  Effect.map(
    settings,
    ({ captureLevel, enabled = true, metadata }) =>
      enabled
        ? ErrorTracking.layerLogger({ captureLevel, metadata: metadataOf(metadata) })
        : Layer.effectDiscard(
          Effect.map(PostHog.PostHog, (service) => switchErrorTrackingOff(instanceOf(service)))
        )
  )
)

const flagSettings = Config.all({
  isOn: optional(Config.boolean(), "POSTHOG_LOCAL_EVALUATION"),
  secretKey: optional(Config.redacted(), "POSTHOG_SECRET_KEY"),
  // Checked by the layer, as what a program says.
  pollingInterval: optional(Config.string(), "POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL")
})

const localEvaluation = Layer.unwrapEffect(
  Effect.map(flagSettings, ({ isOn, pollingInterval, secretKey }) =>
    isOn === false || secretKey === undefined
      ? Layer.empty
      : LocalEvaluation.layer({
        pollingInterval: pollingInterval?.trim() as LocalEvaluation.Options["pollingInterval"]
      }))
)

const fromEnvironment = Layer.unwrapEffect(
  Effect.map(
    switches,
    ({ apiKey, enabled }): Layer.Layer<
      PostHog.PostHog,
      ConfigurationError | ConfigError.ConfigError,
      HttpClient.HttpClient
    > =>
      enabled && Redacted.value(apiKey).trim() !== ""
        ? Layer.provideMerge(Layer.merge(errorTracking, localEvaluation), PostHog.layerConfig(PostHogConfig.config))
        : PostHog.layer({ enabled, apiKey })
  )
)

/**
 * The default instance with options from the environment (see `PostHogConfig.config`), `fetch` as transport, and
 * `ErrorTracking.layerLogger`. Without `POSTHOG_API_KEY`, or with `POSTHOG_ENABLED=false`, it does nothing, after one warning.
 *
 * Error tracking has variables of its own: `POSTHOG_ERROR_TRACKING=false` switches it off, `POSTHOG_CAPTURE_LEVEL` is the least
 * level of log messages that are captured (`Error`), `POSTHOG_METADATA` the log annotations that become properties (`all`, or
 * names separated by commas).
 *
 * With `POSTHOG_SECRET_KEY` flags are evaluated in the process, see `LocalEvaluation`: `POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL` is the time
 * between two loads of their definitions (`30 seconds`, or `manual`), `POSTHOG_LOCAL_EVALUATION=false` switches it off. A
 * `FlagDefinitionStore` that is provided to this layer is used.
 *
 * @since 0.1.0
 * @category layers
 */
export const PostHogLive: Layer.Layer<PostHog.PostHog, ConfigurationError | ConfigError.ConfigError> = fromEnvironment
  .pipe(
    Layer.provide(FetchHttpClient.layer),
    // A redirect leads away from PostHog, see the decisions.
    Layer.provide(Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" }))
  )

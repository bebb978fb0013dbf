/**
 * The options of an instance, their defaults, and where they are read from in the environment.
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { PostHog } from "effect-posthog"
 *
 * const PostHogEu = PostHog.layer({
 *   apiKey: Redacted.make("phc_…"),
 *   host: "https://eu.i.posthog.com",
 *   globalProperties: { service: "checkout" }
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type { LoggerOptions } from "./internal/exceptions/loggerOptions.js"
import type * as LocalEvaluation from "./internal/flags/localOptions.js"
import * as internal from "./internal/options.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  BeforeSend,
  /**
   * @since 0.1.0
   * @category models
   */
  Options,
  /**
   * @since 0.1.0
   * @category models
   */
  Overflow
} from "./internal/options.js"

/**
 * The options of `PostHogLive.with` and, in tests, of `PostHogTest.layer`: those of an instance, and of what belongs to
 * it.
 *
 * @since 0.1.0
 * @category models
 */
export interface LiveOptions extends Omit<internal.Options, "errorTracking"> {
  /**
   * Whether exceptions are captured by themselves, or how (see `ErrorTracking.layerLogger`). Options given here leave
   * the switch `POSTHOG_ERROR_TRACKING` in force. Default `true`.
   */
  readonly errorTracking?: boolean | LoggerOptions | undefined
  /**
   * Whether flags are evaluated in the process, or how (see `LocalEvaluation.layer`). Options given here leave the
   * switch `POSTHOG_LOCAL_EVALUATION` in force. Default: if there is a `secretKey`, or `definitions` are given.
   */
  readonly localEvaluation?: boolean | LocalEvaluation.Options | undefined
}

/**
 * The value of every option that was not given.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaults: internal.Defaults = internal.defaults

/**
 * Options from the environment (through Effect's `ConfigProvider`), all of them optional. The variable of an option is
 * its name in capitals: `flushInterval` is `POSTHOG_FLUSH_INTERVAL`; the documentation has a table. Functions,
 * `globalProperties`, `overflow` and `featureFlagsCache` have none.
 *
 * White space and quotes around a value are cut, and a blank variable is none. Truth values are `true`, `yes`, `on`,
 * `1` and their opposites, in any case; durations `5 seconds`, `500ms` or a number of milliseconds; lists are separated
 * by commas. What cannot be read is a `ConfigError` that names the variable and the option, and never shows the value.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<internal.Options> = internal.config

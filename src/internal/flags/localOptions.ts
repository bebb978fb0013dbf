/**
 * Options of local evaluation: what they are, where they come from, and what the poller works with.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConfigurationError } from "../../PostHogError.js"
import { variable } from "../environment.js"
import * as Kind from "../optionKinds.js"
import { defaultInterval, type Settings } from "./loader.js"

/**
 * How definitions are loaded.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Time from the end of one load to the begin of the next; `"manual"`: they are loaded when the layer is built, and
   * after that by {@link reload} only. Default 30 seconds; 100 milliseconds is the least.
   */
  readonly pollingInterval?: Duration.DurationInput | "manual" | undefined
  /** Time limit of each call of the `FlagDefinitionStore`, if there is one. Default 3 seconds. */
  readonly storeTimeout?: Duration.DurationInput | undefined
  /**
   * Definitions to work with until the first load, as JSON text or parsed: what `GET /flags/definitions` answers. For
   * instance a file that is deployed along, or the definitions of a test. Default none.
   */
  readonly definitions?: unknown
}

const intervalVariable = "POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL"
const interval = /* #__PURE__ */ Kind.time(defaultInterval)
const storeLimit = Kind.timeLimit(Duration.seconds(3))

export const defaults = {
  pollingInterval: interval.fallback,
  storeTimeout: storeLimit.fallback
} as const

/** Options from the environment. */
export const config: Config.Config<Options> = /* #__PURE__ */ (() =>
  Config.map(
    variable(intervalVariable, "pollingInterval", (text) =>
      text.toLowerCase() === "manual" ? "manual" as const : Kind.durationOf(text)),
    (pollingInterval) =>
      pollingInterval === undefined ? {} : { pollingInterval }
  ))()

const leastInterval = Duration.millis(100)

/** Checks options and fills the gaps. */
export const resolve = Effect.fnUntraced(function*(
  { definitions, pollingInterval = defaults.pollingInterval, storeTimeout = defaults.storeTimeout }: Options
): Effect.fn.Return<Settings, ConfigurationError> {
  const every = pollingInterval === "manual"
    ? Duration.infinity
    : yield* Kind.checked("pollingInterval", interval, pollingInterval, intervalVariable)
  return {
    interval: Duration.isFinite(every) ? Duration.max(every, leastInterval) : undefined,
    storeTimeout: yield* Kind.checked("storeTimeout", storeLimit, storeTimeout),
    definitions
  }
})

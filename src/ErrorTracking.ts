/**
 * Error tracking: what goes wrong in a program, as PostHog's `$exception` events. A `Cause` stays the tree that it is:
 * each of its failures and defects is an entry of its own, with its type, its message, its frames and the spans through
 * which it went.
 *
 * ```ts
 * import { Data, Effect } from "effect"
 * import { ErrorTracking, PostHog } from "effect-posthog"
 *
 * class Declined extends Data.TaggedError("Declined")<{ readonly card: string }> {}
 *
 * const charge = Effect.fail(new Declined({ card: "1234" })).pipe(
 *   Effect.withSpan("charge"),
 *   ErrorTracking.captureErrors(),
 *   PostHog.withDistinctId("user_123")
 * )
 * ```
 *
 * PostHog on the concept: https://posthog.com/docs/error-tracking
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as LogLevel from "effect/LogLevel"
import type { PropertiesInput } from "./core/event/layers.js"
import { type Level, toLevel } from "./core/exceptions/level.js"
import type { CaptureOptions } from "./internal/capture.js"
import { type Fiber, fiberName, serviceOf, withFiber } from "./internal/effect/fiber.js"
import * as Log from "./internal/effect/log.js"
import { withReporter } from "./internal/effect/reporter.js"
import { listVariable, variable } from "./internal/environment.js"
import { hasNoStack } from "./internal/exceptions/cause.js"
import { makeErrorReporter } from "./internal/exceptions/errorReporter.js"
import { makeLogger, removeLogger, skipAnnotation } from "./internal/exceptions/logger.js"
import type { LoggerOptions } from "./internal/exceptions/loggerOptions.js"
import { observeProcess } from "./internal/exceptions/process.js"
import { byHand, region, type Reporter } from "./internal/exceptions/reporters.js"
import { type Report, send } from "./internal/exceptions/tracker.js"
import { type Instance, instanceOf } from "./internal/instance.js"
import { Problem } from "./internal/optionKinds.js"
import { PostHog } from "./PostHog.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Level
}

/**
 * What can be said about an exception besides what it says itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExceptionOptions extends CaptureOptions {
  /** Properties of the event. Those that only PostHog or this library may set are left out. */
  readonly properties?: PropertiesInput | undefined
  /** Default `error`. */
  readonly level?: Level | undefined
  /**
   * Puts exceptions with the same text into one issue, whatever they are. Default: PostHog groups by types and frames.
   */
  readonly fingerprint?: string | undefined
  /** Whether the program dealt with it. Default: `true` for {@link capture}, `false` for {@link captureErrors}. */
  readonly handled?: boolean | undefined
  /** Kind of place that reports, such as `task` or `middleware`. Default `generic`. */
  readonly mechanism?: string | undefined
  /** The hook that reports, `<technology>.<hook>` in lower case, for integrations. Default none. */
  readonly source?: string | undefined
}

const ask = (f: (instance: Instance, fiber: Fiber) => Effect.Effect<void>) =>
  withFiber<void, never, PostHog>((fiber) => f(instanceOf(serviceOf(fiber, PostHog)), fiber))

const nonEmpty = (text: unknown): string | undefined => typeof text === "string" && text !== "" ? text : undefined

/** Options with invalid values, or that throw as they are read, count as not given. */
const toReport = (reporter: Reporter, given: unknown, options: ExceptionOptions): Report => {
  try {
    return readReport(reporter, given, options)
  } catch {
    return readReport(reporter, given, {})
  }
}

const readReport = (reporter: Reporter, given: unknown, options: ExceptionOptions): Report => ({
  reporter: {
    ...reporter,
    type: nonEmpty(options.mechanism) ?? reporter.type,
    handled: typeof options.handled === "boolean" ? options.handled : reporter.handled,
    source: nonEmpty(options.source)
  },
  given,
  level: toLevel(options.level) ?? "error",
  fingerprint: nonEmpty(options.fingerprint),
  properties: options.properties,
  options
})

/** The stack of whoever called `above`. */
const stackOf = (above: (...args: ReadonlyArray<never>) => unknown): string | undefined => {
  const here: { stack?: string } = {}
  // Only engines that are built on V8 have it; elsewhere the stack begins with frames of this library.
  const { captureStackTrace } = Error as { readonly captureStackTrace?: (target: object, above: unknown) => void }
  if (captureStackTrace === undefined) return new Error().stack
  captureStackTrace(here, above)
  return here.stack
}

/**
 * Captures an exception: a `Cause`, an error, or whatever else may be thrown. Never fails. An interruption alone is
 * nothing.
 *
 * An error that was captured a moment ago, here or by {@link captureErrors} or the logger, is not captured again.
 *
 * @since 0.1.0
 * @category accessors
 */
export const capture = (
  causeOrError: unknown,
  options: ExceptionOptions = {}
): Effect.Effect<void, never, PostHog> => {
  const fallback = hasNoStack(causeOrError) ? stackOf(capture) : undefined
  return ask((instance, fiber) =>
    send(instance, fiber, {
      ...toReport(byHand, causeOrError, options),
      fallback,
      fiberId: fiberName(fiber)
    })
  )
}

/**
 * Captures whatever an effect fails or dies with, and lets it fail or die with that. For the edge of a program, next to
 * `runMain`, where the logger of a layer cannot see, and for regions that shall be reported wherever they are used.
 *
 * @since 0.1.0
 * @category combinators
 */
export const captureErrors: {
  /**
   * Captures whatever an effect fails or dies with, and lets it fail or die with that.
   *
   * @since 0.1.0
   * @category combinators
   */
  (options?: ExceptionOptions): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | PostHog>
  /**
   * Captures whatever an effect fails or dies with, and lets it fail or die with that.
   *
   * @since 0.1.0
   * @category combinators
   */
  <A, E, R>(self: Effect.Effect<A, E, R>, options?: ExceptionOptions): Effect.Effect<A, E, R | PostHog>
} = function captureErrors<A, E, R>(
  self: Effect.Effect<A, E, R> | ExceptionOptions | undefined,
  options?: ExceptionOptions
): never {
  // Not `dual`: what has no stack of its own is located here, where the caller is.
  const fallback = stackOf(captureErrors as never)
  const given = Effect.isEffect(self) ? options : self
  const observe = (effect: Effect.Effect<A, E, R>) =>
    Effect.tapErrorCause(effect, (cause) =>
      ask((instance, fiber) =>
        send(instance, fiber, {
          ...toReport(region, cause, given ?? {}),
          fallback,
          fiberId: fiberName(fiber)
        })
      ))
  return (Effect.isEffect(self) ? observe(self) : observe) as never
}

/**
 * Runs an effect whose log messages are not captured as exceptions.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withoutCapture = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.annotateLogs(self, skipAnnotation, false)

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  LoggerOptions
}

/** Effect's own names of levels, in any case, and `warn`. */
const readLevel = (text: string): LogLevel.LogLevel | Problem =>
  Log.levelNamed(text) ?? new Problem(`is no log level: ${Log.levelNames().join(", ")}`)

/**
 * Options of {@link layerLogger} from the environment: `POSTHOG_CAPTURE_LEVEL` is the least level of log messages that
 * are captured, and `POSTHOG_METADATA` the log annotations that become properties (`all`, or names separated by
 * commas).
 *
 * @since 0.1.0
 * @category config
 */
export const loggerConfig: Config.Config<LoggerOptions> = /* #__PURE__ */ (() =>
  Config.map(
    Config.all([variable("POSTHOG_CAPTURE_LEVEL", "captureLevel", readLevel), listVariable("POSTHOG_METADATA")]),
    ([captureLevel, metadata]): LoggerOptions => ({
      ...(captureLevel === undefined ? undefined : { captureLevel }),
      // `all` is no name of an annotation.
      ...(metadata === undefined ? undefined : { metadata: metadata.includes("all") ? "all" : metadata })
    })
  ))()

/**
 * Captures what is logged with `Effect.logError` and above, and every cause that is given to a logger. It adds a logger
 * and removes none. Where several are added for one instance, the last one captures. Provide it to layers with
 * `Layer.provide`, so that the fibers that they start are covered too. On an instance with `errorTracking: false` it
 * captures nothing.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerLogger = (options: LoggerOptions = {}): Layer.Layer<never, never, PostHog> => {
  const logger: Layer.Layer<never, never, PostHog> = Log.layer(
    Effect.flatMap(PostHog, (service) =>
      Effect.acquireRelease(
        Effect.sync(() => makeLogger(instanceOf(service), options)),
        (logger) => Effect.sync(() => removeLogger(instanceOf(service), logger))
      ))
  )
  return withReporter(
    Log.wantsFiberFailures(options) ? Layer.merge(logger, Log.layerFiberFailures) : logger,
    () => Effect.map(PostHog, (service) => makeErrorReporter(instanceOf(service)))
  )
}

/**
 * As {@link layerLogger}, with options from Effect's Config, such as {@link loggerConfig}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerLoggerConfig = (
  config: Config.Config.Wrap<LoggerOptions>
): Layer.Layer<never, ConfigError.ConfigError, PostHog> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layerLogger))

/**
 * Options of {@link layerProcess}.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProcessOptions {
  /** Most time that sending may take before the process ends. Default 2 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * Captures exceptions that nobody caught and rejections that nobody handled, on Node and what has its `process`;
 * elsewhere it does nothing. Node's decision about the process stays: an exception that would end it does so, with
 * Node's message and exit code, after the exception was sent or the time is up. A program that has a listener of its
 * own goes on.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerProcess = (options: ProcessOptions = {}): Layer.Layer<never, never, PostHog> =>
  Layer.scopedDiscard(
    Effect.flatMap(PostHog, (service) =>
      observeProcess(instanceOf(service), service.flush, options.timeout ?? "2 seconds"))
  )

/**
 * As {@link layerProcess}, with options from Effect's Config.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerProcessConfig = (
  config: Config.Config.Wrap<ProcessOptions>
): Layer.Layer<never, ConfigError.ConfigError, PostHog> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(config), layerProcess))

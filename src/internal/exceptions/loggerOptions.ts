/**
 * What the logger of error tracking can be told.
 */
import type * as LogLevel from "effect/LogLevel"

/**
 * Options of `ErrorTracking.layerLogger`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggerOptions {
  /** Messages of this level and above are captured; those with a cause always are. Default `LogLevel.Error`. */
  readonly captureLevel?: LogLevel.LogLevel | undefined
  /**
   * Log annotations, and log spans as `<label>_ms`, that become properties: none, all, or those of these names. Default
   * `none`.
   */
  readonly metadata?: "none" | "all" | ReadonlyArray<string> | undefined
  /**
   * Also captures failures of fibers that nobody observes. Effect logs those at debug level, so this raises that level
   * to error. Effect cannot tell an abandoned fiber from one whose failure is handled after `Fiber.join`, so `handled`
   * is left out of the event. Default `false`.
   */
  readonly unhandledFiberFailures?: boolean | undefined
}

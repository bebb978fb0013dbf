/**
 * What the logger of error tracking can be told.
 */
import type * as LogLevel from "effect/LogLevel"
import type { OwnOptions } from "../effect/log.js"

/**
 * Options of `ErrorTracking.layerLogger`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LoggerOptions extends OwnOptions {
  /** Messages of this level and above are captured; those with a cause always are. Default `LogLevel.Error`. */
  readonly captureLevel?: LogLevel.LogLevel | undefined
  /**
   * Log annotations, and log spans as `<label>_ms`, that become properties: none, all, or those of these names. Default
   * `none`.
   */
  readonly metadata?: "none" | "all" | ReadonlyArray<string> | undefined
}

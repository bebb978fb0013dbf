/**
 * How bad it is.
 *
 * @since 0.1.0
 */

/** The levels that PostHog knows. */
export type Level = "fatal" | "error" | "warning" | "log" | "info" | "debug"

/** Names that loggers give to levels, in lower case (specification of PostHog's SDKs, exception metadata). */
const levels: { readonly [name: string]: Level | undefined } = {
  fatal: "fatal",
  critical: "fatal",
  alert: "fatal",
  emergency: "fatal",
  error: "error",
  warning: "warning",
  warn: "warning",
  log: "log",
  notice: "info",
  info: "info",
  trace: "debug",
  debug: "debug"
}

/** PostHog's level for a logger's; `undefined` when the name is none. */
export const toLevel = (name: unknown): Level | undefined =>
  typeof name === "string" && Object.hasOwn(levels, name.toLowerCase()) ? levels[name.toLowerCase()] : undefined

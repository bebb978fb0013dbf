/**
 * Ids of traces, sessions and spans. PostHog refuses an event whose trace id has other characters than these.
 *
 * @since 0.1.0
 */

const other = /[^A-Za-z0-9\-_~.@()!':|]/g

/** Longest id; PostHog's longest distinct id. */
const maxLength = 200

/** The id with `_` in the place of characters that PostHog refuses; `undefined` for a value that is no id. */
export const readId = (given: unknown): string | undefined => {
  const text = typeof given === "number" && Number.isFinite(given) ? String(given) : given
  if (typeof text !== "string" || text.trim() === "") return undefined
  return text.trim().slice(0, maxLength).replace(other, "_")
}

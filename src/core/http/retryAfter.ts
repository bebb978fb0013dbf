/**
 * The `Retry-After` header (RFC 9110, section 10.2.3).
 *
 * @since 0.1.0
 */

/**
 * Milliseconds to wait from `now` on: whole seconds or an HTTP date; of several joined values the first counts.
 * `undefined` when the value cannot be read or does not lie in the future.
 */
export const parseRetryAfter = (value: string | undefined, now: number): number | undefined => {
  if (value === undefined) return undefined
  const text = value.trim()
  const seconds = /^(\d+)\s*(?:,|$)/.exec(text)
  // A date begins with the day's name; Date.parse alone would also make dates of numbers such as "1.5".
  const millis = seconds !== null
    ? Number(seconds[1]) * 1000
    : /^[A-Za-z]{3,9},? /.test(text)
    ? Date.parse(text) - now
    : Number.NaN
  return millis > 0 ? millis : undefined
}

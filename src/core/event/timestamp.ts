/**
 * Timestamps on the wire: RFC 3339 in UTC.
 *
 * @since 0.1.0
 */

/** `2025-01-02T03:04:05.123456+05:30`, with a space for the `T`, without seconds or without an offset as well. */
const pattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/

/** Formatting a date costs twelve times as much as this look-up, and events come in bursts. */
const makeFormatter = (): (millis: number) => string => {
  let last = Number.NaN
  let text = ""
  return (millis) => {
    if (millis !== last) {
      text = new Date(millis).toISOString()
      last = millis
    }
    return text
  }
}

/** Milliseconds since the epoch as `2025-01-02T03:04:05.678Z`. The value must be a valid time, see {@link isTime}. */
export const formatMillis: (millis: number) => string = makeFormatter()

/** The largest distance from the epoch that a `Date` can hold, in milliseconds (ECMA-262, section 21.4.1.1). */
const maxTime = 8.64e15

/** Whether the number is a time that can be written with a four-digit year. */
export const isTime = (millis: number): boolean => {
  if (!(Math.abs(millis) <= maxTime)) return false
  const year = new Date(millis).getUTCFullYear()
  return year >= 0 && year <= 9999
}

/**
 * The same instant in UTC, with the digits of the fraction kept as they were: `2025-01-02T08:34:05+05:30` gives
 * `2025-01-02T03:04:05Z`. A text without an offset is read as UTC, so that the answer does not depend on the machine.
 * `undefined` when the text is no date or names an impossible one.
 */
export const parseTimestamp = (text: string): string | undefined => {
  const match = pattern.exec(text.trim())
  if (match === null) return undefined
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = "Z"] = match
  const local = Date.UTC(+year!, +month! - 1, +day!, +hour, +minute, +second)
  // Date.UTC reads years below 100 as 19xx; no event is that old.
  if (new Date(local).toISOString().slice(0, 19) !== `${year}-${month}-${day}T${hour}:${minute}:${second}`) {
    return undefined
  }
  const offset = offsetMinutes(zone)
  if (offset === undefined) return undefined
  const utc = local - offset * 60_000
  return isTime(utc) ? new Date(utc).toISOString().slice(0, 19) + fraction + "Z" : undefined
}

const offsetMinutes = (zone: string): number | undefined => {
  if (zone === "Z" || zone === "z") return 0
  const hours = +zone.slice(1, 3)
  const minutes = zone.length > 3 ? +zone.slice(-2) : 0
  if (hours > 23 || minutes > 59) return undefined
  return (zone[0] === "-" ? -1 : 1) * (hours * 60 + minutes)
}

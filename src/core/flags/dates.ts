/**
 * Dates in conditions: moments, and distances before now.
 *
 * @since 0.1.0
 */

const hour = 3_600_000

export interface RelativeDate {
  readonly count: number
  readonly unit: "h" | "d" | "w" | "m" | "y"
}

/** Distances such as `30d` or `-1y`; the sign has no meaning. `undefined`: the text is none. */
export const parseRelativeDate = (text: string): RelativeDate | undefined => {
  const match = /^-?([0-9]+)([hdwmy])$/.exec(text)
  const count = Number(match?.[1])
  // PostHog reads longer ones as no distance at all.
  return match !== null && count < 10_000 ? { count, unit: match[2] as RelativeDate["unit"] } : undefined
}

/**
 * The moment so long before `now`, in UTC. Months go back one by one, and a day that a month does not have becomes its
 * last: two months before the 31st of March is the 29th of January in a leap year.
 */
export const resolveRelativeDate = ({ count, unit }: RelativeDate, now: number): number => {
  if (unit === "h") return now - count * hour
  if (unit === "d") return now - count * 24 * hour
  if (unit === "w") return now - count * 7 * 24 * hour
  const date = new Date(now)
  const year = date.getUTCFullYear()
  const month = date.getUTCMonth()
  let day = date.getUTCDate()
  if (unit === "y") {
    if (count > 0 && month === 1 && day === 29) day = 28
    return date.setUTCFullYear(year - count, month, day)
  }
  // Every month has 28 days.
  for (let step = 1; step <= count && day > 28; step++) {
    day = Math.min(day, new Date(Date.UTC(year, month - step + 1, 0)).getUTCDate())
  }
  return date.setUTCFullYear(year, month - count, day)
}

const isoWithoutOffset = /^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/
const namesZone = /:\d\d.*(?:[+-]\d|z|utc?|gmt|[ecmp][sd]t)|\b(?:z|utc|gmt)\b/i

/**
 * The moment that a value names, in milliseconds since the epoch; `undefined` when it names none. Without an offset it
 * is UTC, for an answer must not depend on where a program runs.
 */
export const parseDate = (value: unknown): number | undefined => {
  if (typeof value === "number") return usable(new Date(value).getTime())
  if (typeof value === "object") return timeOf(value)
  if (typeof value !== "string") return undefined
  if (isoWithoutOffset.test(value)) return usable(Date.parse(`${value}Z`))
  const time = Date.parse(value)
  // ISO dates without a time are UTC already.
  if (Number.isNaN(time) || /^[+-]?\d{4,6}(?:-\d\d){0,2}$/.test(value) || namesZone.test(value)) return usable(time)
  const local = new Date(time)
  return local.getTime() - local.getTimezoneOffset() * 60_000
}

/** A Proxy may call itself a date and be none. */
const timeOf = (value: object | null): number | undefined => {
  try {
    return value instanceof Date ? usable(Date.prototype.getTime.call(value)) : undefined
  } catch {
    return undefined
  }
}

const usable = (time: number): number | undefined => Number.isNaN(time) ? undefined : time

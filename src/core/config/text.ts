/**
 * Reading values that come as text from outside: variables of the environment, files of docker, forms of a hosting
 * service.
 *
 * @since 0.1.0
 */

/** Marks that people put around a value, each with the one that closes it. */
const quotes: Readonly<Record<string, string>> = { "\"": "\"", "'": "'", "`": "`", "“": "”", "‘": "’" }

/**
 * The value without white space and quotes around it. `docker run --env-file` and systemd units, for instance, pass on
 * the quotes that a shell would take away.
 */
export const unquote = (text: string): string => {
  const trimmed = text.trim()
  const closing = quotes[trimmed.charAt(0)]
  return closing !== undefined && trimmed.length > 1 && trimmed.endsWith(closing)
    ? unquote(trimmed.slice(1, -1))
    : trimmed
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  y: true,
  t: true,
  1: true,
  false: false,
  no: false,
  off: false,
  n: false,
  f: false,
  0: false
}

/** `true`, `yes`, `on`, `1` and their opposites, in any case. */
export const readBoolean = (text: string): boolean | undefined => {
  const word = unquote(text).toLowerCase()
  return Object.hasOwn(truths, word) ? truths[word] : undefined
}

/** A whole number, with `_` between digits if need be. */
export const readInteger = (text: string): number | undefined => {
  const digits = unquote(text)
  if (!/^[-+]?\d+(?:_\d+)*$/.test(digits)) return undefined
  const number = Number(digits.replaceAll("_", ""))
  return Number.isSafeInteger(number) ? number : undefined
}

/** Texts between commas; blank ones are none. */
export const readList = (text: string): ReadonlyArray<string> =>
  unquote(text).split(",").map(unquote).filter((item) => item !== "")

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** Units as Effect names them, and as they are abbreviated; the plural is cut. */
const units: Readonly<Record<string, number>> = {
  nano: 1e-6,
  ns: 1e-6,
  micro: 1e-3,
  us: 1e-3,
  µs: 1e-3,
  milli: 1,
  millisecond: 1,
  msec: 1,
  ms: 1,
  second: second,
  sec: second,
  s: second,
  minute: minute,
  min: minute,
  m: minute,
  hour: hour,
  hr: hour,
  h: hour,
  day: day,
  d: day,
  week: 7 * day,
  w: 7 * day
}

const unitOf = (name: string): number | undefined =>
  Object.hasOwn(units, name)
    ? units[name]
    : Object.hasOwn(units, name.slice(0, -1))
    ? units[name.slice(0, -1)]
    : undefined

/**
 * A time in milliseconds: a number of them, or a number with a unit, such as `5 seconds`, `500ms` or `1.5 h`.
 * `undefined` for everything else, negative and infinite times among it.
 */
export const readDuration = (text: string): number | undefined => {
  const match = /^\+?(\d+(?:_\d+)*(?:\.\d+)?|\.\d+)\s*([a-zµ]*)$/.exec(unquote(text).toLowerCase())
  if (match === null) return undefined
  const unit = match[2] === "" ? 1 : unitOf(match[2]!)
  const millis = unit === undefined ? Number.NaN : Number(match[1]!.replaceAll("_", "")) * unit
  return Number.isFinite(millis) ? millis : undefined
}

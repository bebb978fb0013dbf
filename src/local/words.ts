/**
 * What a local PostHog says to people: texts of strangers made harmless, lengths of time, counts.
 */

const longest = 200

/**
 * What a terminal or a reader takes for something else than text: control characters, and marks that turn a line
 * round.
 */
const harmful = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * The same text of JSON, without what a terminal takes for a command: whoever prints it, or a file of it, prints the
 * texts of strangers.
 */
export const printable = (json: string): string =>
  json.replace(harmful, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** The text of somebody else in one line, with what is no text made visible, and cut. */
export const plain = (text: string, max = longest): string => {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return cut.replace(harmful, (character) =>
    character === "\n"
      ? "\\n"
      : character === "\t"
      ? "\\t"
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/** The same in quotes. */
export const quoted = (text: string, max?: number): string => `"${plain(text, max).replaceAll("\"", "\\\"")}"`

/** Any value of an event, short, and without calling anything of it. */
export const shown = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return plain(value, 60)
    case "number":
    case "boolean":
    case "bigint":
      return String(value)
    case "object":
      if (value === null) return "null"
      return Array.isArray(value) ? `[${value.length}]` : `{${Object.keys(value).length}}`
    default:
      return typeof value
  }
}

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** Milliseconds of `500ms`, `5s`, `2m`, or a number of seconds; `undefined`: it is none. */
export const millisOf = (text: string): number | undefined => {
  const [, digits, unit = "s"] = /^\s*(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|m|h)?\s*$/.exec(text) ?? []
  return digits === undefined ? undefined : Math.round(Number(digits) * units[unit as keyof typeof units])
}

/** A length of time for people. */
export const sayMillis = (millis: number): string =>
  millis < 1_000
    ? `${Math.round(millis)} ms`
    : `${Math.round(millis / 100) / 10} second${millis === 1_000 ? "" : "s"}`

export const count = (n: number, one: string, several = `${one}s`): string => `${n} ${n === 1 ? one : several}`

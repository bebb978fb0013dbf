/**
 * Values as texts, as PostHog compares them. Properties come from a program and may be anything: what is no JSON has no
 * text.
 *
 * @since 0.1.0
 */

/** What nests deeper has no text. */
const maxDepth = 64
/** Longer lists have none either: they would hold up the process for each flag, and those with holes may be endless. */
const maxItems = 10_000

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** By code points, where the order of JavaScript's strings is that of UTF-16. */
const byCodePoints = (a: string, b: string): number => {
  const [left, right] = [Array.from(a), Array.from(b)]
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

class NoText {
  readonly _tag = "NoText"
}

const refuse = (): never => {
  throw new NoText()
}

/** A surrogate without its other half is no text in UTF-8. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text)

const quoted = (text: string): string => isWellFormed(text) ? JSON.stringify(text) : refuse()

/**
 * The JSON of a value with sorted names. PostHog knows 1 from 1.0 and writes them differently, which JavaScript cannot:
 * numbers that are whole have no text unless `whole` says that the text does not matter.
 */
const write = (value: unknown, whole: boolean, depth: number): string => {
  switch (typeof value) {
    case "string":
      return quoted(value)
    case "boolean":
      return value ? "true" : "false"
    case "number":
      return Number.isFinite(value) && (whole || !Number.isInteger(value)) ? String(value) : refuse()
    case "object": {
      if (value === null) return "null"
      if (depth >= maxDepth) return refuse()
      if (Array.isArray(value)) {
        if (value.length > maxItems) return refuse()
        // Holes are null in JSON.
        return `[${Array.from(value, (item, i) => i in value ? write(item, whole, depth + 1) : "null").join(",")}]`
      }
      if (!isPlain(value)) return refuse()
      const object = value as { readonly [name: string]: unknown }
      const names = Object.keys(object).sort(byCodePoints)
      return `{${names.map((name) => `${quoted(name)}:${write(object[name], whole, depth + 1)}`).join(",")}}`
    }
    default:
      return refuse()
  }
}

/** Getters and Proxies may throw whatever they like. */
const attempt = (text: () => string): string | undefined => {
  try {
    return text()
  } catch {
    return undefined
  }
}

/** The text by which `exact` compares, not yet in lower case. */
export const exactText = (value: unknown): string | undefined => {
  if (typeof value === "string") return isWellFormed(value) ? value : undefined
  if (typeof value === "boolean") return value ? "true" : "false"
  return attempt(() => write(value, false, 0))
}

/** Whether the value is one that JSON has, and not nested beyond measure. */
export const isJson = (value: unknown): boolean =>
  typeof value === "boolean" || attempt(() => write(value, true, 0)) !== undefined

/** Whether a list, and each in it, may be looked at. */
const isShort = (list: ReadonlyArray<unknown>, depth: number): boolean =>
  list.length <= maxItems && depth <= maxDepth &&
  list.every((item) => !Array.isArray(item) || isShort(item as ReadonlyArray<unknown>, depth + 1))

/** The text by which all other operators compare. */
export const plainText = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (typeof value === "boolean" || value === null) return String(value)
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : undefined
  if (typeof value !== "object") return undefined
  return attempt(() => (Array.isArray(value) ? isShort(value, 0) : isPlain(value)) ? String(value) : refuse())
}

/** In lower case, ASCII alone. */
export const lowerAscii = (text: string): string =>
  /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase()) : text

/** Whether a value says no more than true or false. */
export const isBooleanLike = (value: unknown): boolean =>
  typeof value === "boolean" ||
  typeof value === "string" && /^(?:true|false)$/i.test(value) ||
  Array.isArray(value) && value.every(isBooleanLike)

export const isTruthy = (value: unknown): boolean =>
  value === true ||
  typeof value === "string" && value.length === 4 && value.toLowerCase() === "true" ||
  Array.isArray(value) && Array.from(value).every(isTruthy)

/** A member that is the object's own; `undefined` when there is none, or when reading it throws. */
export const ownMember = (object: unknown, name: string): unknown => {
  if (typeof object !== "object" || object === null) return undefined
  try {
    return Object.hasOwn(object, name) ? (object as { readonly [name: string]: unknown })[name] : undefined
  } catch {
    // A getter that throws, or a Proxy.
    return undefined
  }
}

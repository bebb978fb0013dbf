/**
 * Reads requests and answers: JSON whose shape is not guaranteed. A member of another type than the expected one counts
 * as absent. No function here throws, and none looks deeper into a value than the members that it names.
 *
 * @since 0.1.0
 */
import { isList, isObject, isRecord, read } from "../../guard.js"

export interface JsonObject {
  readonly [name: string]: unknown
}

/** How much of a name, an id or a reason is kept. */
const wordLength = 1_000

const inObject = (value: unknown, name: string): unknown => isObject(value) ? read(value, name) : undefined

/** A member of an object, or of a member of it: `member(body, "error", "type")`. */
export const member = (value: unknown, name: string, second?: string, third?: string, fourth?: string): unknown => {
  // Not a list of names: this is asked dozens of times for each token.
  const found = inObject(value, name)
  if (second === undefined) return found
  const inner = inObject(found, second)
  if (third === undefined) return inner
  const innermost = inObject(inner, third)
  return fourth === undefined ? innermost : inObject(innermost, fourth)
}

export const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

/** A name, an id, a reason: a text that is not empty, and not long. */
export const word = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value.slice(0, wordLength) : undefined

/** As {@link word}; providers also number their codes. */
export const code = (value: unknown): string | undefined =>
  typeof value === "number" && Number.isFinite(value) ? String(value) : word(value)

/** How many: a whole number, not below zero. A fraction or a negative number would give wrong costs. */
export const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

export const list = (value: unknown): ReadonlyArray<unknown> => isList(value) ? value : []

export const record = (value: unknown): JsonObject | undefined => isRecord(value) ? value : undefined

/** Arguments of a tool: the object that the text says, or the text where it says none. */
export const toolArguments = (value: unknown): unknown => {
  if (typeof value !== "string") return value
  // Not every text is tried: a long one that is no object would be read for nothing.
  if (!/^\s*\{/.test(value)) return value
  try {
    return record(JSON.parse(value)) ?? value
  } catch {
    return value
  }
}

/** The given members of an object, without those that are absent or `null`, under their own names or others. */
export const given = (
  value: unknown,
  names: ReadonlyArray<string | readonly [sent: string, known: string]>
): JsonObject => {
  const found: Record<string, unknown> = {}
  for (const name of names) {
    const [sent, known] = typeof name === "string" ? [name, name] : name
    const given = inObject(value, sent)
    if (given !== undefined && given !== null) found[known] = given
  }
  return found
}

/** An object without the members that are `undefined`. */
export const known = <A extends object>(members: A): A => {
  for (const name of Object.keys(members) as Array<keyof A>) {
    if (members[name] === undefined) delete members[name]
  }
  return members
}

/**
 * Makes personal data unreadable in a value that is about to be sent, where its shape says that there is some.
 */
import { isPersonal, onlyChoice, waysOf } from "../../core/catalogue/describe.js"
import type { Shape } from "../../core/catalogue/shape.js"
import type { PersonalData, PersonalPolicy } from "../../core/event/declared.js"
import { hmac } from "../../core/event/hmac.js"
import { isList, isObject, isPlain } from "../../core/guard.js"

/** Left out. */
export const nothing: unique symbol = Symbol.for("effect-posthog/nothing")

const redacted = "[redacted]"

/** Deeper than any event is: what is further inside goes as a whole. */
const maxDepth = 32

/** A text that is the same for equal values; `undefined`: there is none. */
const textOf = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  // What has members of its own kind, such as a set, is written as if it had none.
  if (isObject(value) && !isList(value) && !isPlain(value)) return undefined
  try {
    return typeof value === "bigint" ? String(value) : JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** A value in the place of one that is personal data; {@link nothing}: none. */
export const replace = (value: unknown, how: PersonalData | "usual", { key, usual }: PersonalPolicy): unknown => {
  if (value === undefined || value === null) return value
  switch (how === "usual" ? usual : how) {
    case "omit":
      return nothing
    case "redact":
      return redacted
    case "hash": {
      const text = key === undefined ? undefined : textOf(value)
      // Without a key anybody could try all values there are.
      return key === undefined || text === undefined ? redacted : hmac(key, text)
    }
  }
}

/** From the one that leaves least. */
const strictness: ReadonlyArray<PersonalData> = ["omit", "redact", "hash"]

/** All of a value, in the strictest of the ways that are said for parts of it. */
export const replaceWhole = (
  value: unknown,
  ways: ReadonlyArray<PersonalData | "usual">,
  policy: PersonalPolicy
): unknown => {
  const said = ways.map((how) => how === "usual" ? policy.usual : how)
  return replace(value, strictness.find((how) => said.includes(how)) ?? policy.usual, policy)
}

/** Changes what is personal data in a value. */
export type Scrub = (value: unknown, policy: PersonalPolicy) => unknown

/** `undefined`: there is no personal data in values of the shape. */
export const scrubOf = (shape: Shape, depth = 0): Scrub | undefined => {
  const { personal } = shape
  // Where only the instance says how, what is said further inside must not be left with more.
  if (personal !== undefined && personal !== "usual") return (value, policy) => replace(value, personal, policy)
  if (!isPersonal(shape)) return undefined
  const ways = waysOf(shape)
  const whole: Scrub = (value, policy) => replaceWhole(value, ways, policy)
  if (personal !== undefined || depth > maxDepth) return whole
  switch (shape.kind) {
    case "object": {
      const members = new Map(shape.members.map((member) => [member.name, scrubOf(member.shape, depth + 1)]))
      const others = shape.others === undefined ? undefined : scrubOf(shape.others, depth + 1)
      return (value, policy) =>
        // What is no plain object is written in another form, which the shape does not know.
        isPlain(value)
          ? Object.fromEntries(
            Object.keys(value).flatMap((name): ReadonlyArray<readonly [string, unknown]> => {
              const scrub = members.has(name) ? members.get(name) : others
              const scrubbed = scrub === undefined ? value[name] : scrub(value[name], policy)
              return scrubbed === nothing ? [] : [[name, scrubbed]]
            })
          )
          : whole(value, policy)
    }
    case "list": {
      const scrubs = shape.items.map((item) => scrubOf(item, depth + 1))
      const isNonEmpty = scrubs.length === 2 && scrubs.every((scrub) => scrub !== undefined)
      /** The one for an item; `whole` where it cannot be told which of the shapes it has. */
      const scrubAt = (index: number, length: number): Scrub | undefined =>
        scrubs.length === length || scrubs.length === 1 || isNonEmpty
          ? scrubs[Math.min(index, scrubs.length - 1)]
          : whole
      return (value, policy) =>
        isList(value)
          ? value.map((item, index) => {
            const scrub = scrubAt(index, value.length)
            return scrub === undefined ? item : scrub(item, policy)
          }).filter((item) => item !== nothing)
          : whole(value, policy)
    }
    case "union": {
      const scrub = choiceOf(shape, depth)
      return scrub === undefined
        ? whole
        : (value, policy) => value === undefined || value === null ? value : scrub(value, policy)
    }
    default:
      // Of which of several shapes, or how deep one that contains itself is, a value is cannot be seen from outside.
      return whole
  }
}

/** That of a value that may be absent, and has one shape otherwise. */
const choiceOf = (shape: Shape & { readonly kind: "union" }, depth: number): Scrub | undefined => {
  const choice = onlyChoice(shape)
  return choice === undefined ? undefined : scrubOf(choice, depth + 1)
}

/**
 * Makes personal data unreadable in a value that is about to be sent, where its shape says that there is some.
 */
import { isPersonal } from "../../core/catalogue/describe.js"
import type { Shape } from "../../core/catalogue/shape.js"
import type { PersonalData, PersonalPolicy } from "../../core/event/declared.js"
import { hmac } from "../../core/event/hmac.js"
import { isList, isRecord } from "../../core/guard.js"

/** Left out. */
export const nothing: unique symbol = Symbol.for("effect-posthog/nothing")

const redacted = "[redacted]"

/** Deeper than any event is: what is further inside goes as a whole. */
const maxDepth = 32

/** A value in the place of one that is personal data; {@link nothing}: none. */
export const replace = (value: unknown, how: PersonalData | "usual", { key, usual }: PersonalPolicy): unknown => {
  if (value === undefined || value === null) return value
  switch (how === "usual" ? usual : how) {
    case "omit":
      return nothing
    case "redact":
      return redacted
    case "hash":
      // Without a key anybody could try all values there are.
      return key === undefined ? redacted : hmac(key, typeof value === "string" ? value : JSON.stringify(value) ?? "")
  }
}

/** Changes what is personal data in a value. */
export type Scrub = (value: unknown, policy: PersonalPolicy) => unknown

/** `undefined`: there is no personal data in values of the shape. */
export const scrubOf = (shape: Shape, depth = 0): Scrub | undefined => {
  const { personal } = shape
  if (personal !== undefined) return (value, policy) => replace(value, personal, policy)
  if (!isPersonal(shape)) return undefined
  if (depth > maxDepth) return (value, policy) => replace(value, "usual", policy)
  switch (shape.kind) {
    case "object": {
      const members = new Map(shape.members.map((member) => [member.name, scrubOf(member.shape, depth + 1)]))
      const others = shape.others === undefined ? undefined : scrubOf(shape.others, depth + 1)
      return (value, policy) =>
        isRecord(value)
          ? Object.fromEntries(
            Object.keys(value).flatMap((name): ReadonlyArray<readonly [string, unknown]> => {
              const scrub = members.has(name) ? members.get(name) : others
              const scrubbed = scrub === undefined ? value[name] : scrub(value[name], policy)
              return scrubbed === nothing ? [] : [[name, scrubbed]]
            })
          )
          : replace(value, "usual", policy)
    }
    case "list": {
      // Which item has which shape is not told apart: one that is personal makes all of them so, as far as it reaches.
      const scrubs = shape.items.flatMap((item) => scrubOf(item, depth + 1) ?? [])
      return (value, policy) =>
        isList(value)
          ? value.map((item) => scrubs.reduce((scrubbed, scrub) => scrub(scrubbed, policy), item as unknown))
            .filter((item) => item !== nothing)
          : replace(value, "usual", policy)
    }
    case "later": {
      let made: Scrub | undefined
      return (value, policy) => (made ??= scrubOf(shape.of(), depth + 1))?.(value, policy) ?? value
    }
    default:
      // Of which of several shapes a value is cannot be seen from outside.
      return (value, policy) => replace(value, "usual", policy)
  }
}

/**
 * What is in Effect's data, as far as its major versions differ.
 *
 * @since 0.1.0
 */
import { has, isInstance, read } from "../guard.js"

/** By which member data says what it is. Only what has symbols of Node's, too, is asked for it. */
export const idOf = (name: string): PropertyKey => `~effect/${name}`

/** Whether a member only says what a value is, or, of an error, what Effect shall do with it. */
export const isId = (name: string): boolean => name.startsWith("~effect/")

/** Collections of values that the other major has not. */
export const listsOfMajor: ReadonlyArray<string> = []

/** Collections of pairs that the other major has not. */
export const entriesOfMajor: ReadonlyArray<string> = []

/** When a `DateTime` is. */
export const epochMillisOf = (value: object): unknown => read(value, "epochMilliseconds")

/** One reason alone, or the list of them. */
const causeOf = (value: object): object => {
  const reasons = read(value, "reasons")
  switch (read(reasons, "length")) {
    case 0:
      return { _tag: "Empty" }
    case 1:
      return reasonOf(read(reasons, 0))
    default:
      return { reasons }
  }
}

const reasonOf = (value: unknown): object => {
  const tag = read(value, "_tag")
  switch (tag) {
    case "Fail":
      return { _tag: tag, error: read(value, "error") }
    case "Die":
      return { _tag: tag, defect: read(value, "defect") }
    default:
      return { _tag: "Interrupt" }
  }
}

/** Values that stand for another value. */
export const valuesOfMajor: ReadonlyArray<readonly [name: string, of: (value: object) => unknown]> = [
  ["Result", (value) => read(value, "_tag") === "Success" ? read(value, "success") : read(value, "failure")],
  ["Cause", causeOf],
  ["Cause/Reason", reasonOf]
]

const exitId = idOf("Exit")

/** What an `Exit` says; `undefined` of anything else. */
export const exitOf = (value: object): object | undefined => {
  if (!has(value, exitId)) return undefined
  return read(value, "_tag") === "Success"
    ? { _tag: "Success", value: read(value, "value") }
    : { _tag: "Failure", cause: read(value, "cause") }
}

const effectId = idOf("Effect")

/** Whether it is an effect, which nobody has run. Errors that can be yielded are errors. */
export const isEffect = (value: object): boolean => has(value, effectId) && !isInstance(value, Error)

/**
 * What is in Effect's data, as far as its major versions differ: `effect-4/src/core/event/effectData.ts` is this file
 * for Effect 4.
 *
 * @since 0.1.0
 */
import { has, isInstance, read } from "../guard.js"

/** By which member data says what it is: a symbol of the registry. */
export const idOf = (name: string): PropertyKey => Symbol.for(`effect/${name}`)

/** Whether a member only says what a value is. Symbols are no members of JSON. */
export const isId = (_name: string): boolean => false

/** Collections of values that the other major has not. */
export const listsOfMajor: ReadonlyArray<string> = ["List", "SortedSet", "MutableList"]

/** Collections of pairs that the other major has not. */
export const entriesOfMajor: ReadonlyArray<string> = ["SortedMap", "RedBlackTree"]

/** When a `DateTime` is. */
export const epochMillisOf = (value: object): unknown => read(value, "epochMillis")

/** A tree. */
const causeOf = (value: object): object => {
  const tag = read(value, "_tag")
  switch (tag) {
    case "Fail":
      return { _tag: tag, error: read(value, "error") }
    case "Die":
      return { _tag: tag, defect: read(value, "defect") }
    case "Interrupt":
      return { _tag: tag }
    case "Sequential":
    case "Parallel":
      return { _tag: tag, left: read(value, "left"), right: read(value, "right") }
    default:
      return { _tag: "Empty" }
  }
}

/** Values that stand for another value. */
export const valuesOfMajor: ReadonlyArray<readonly [name: string, of: (value: object) => unknown]> = [
  ["Either", (value) => read(value, "_tag") === "Right" ? read(value, "right") : read(value, "left")],
  ["Cause", causeOf]
]

const effectId = idOf("Effect")

const operationOf = (value: object): unknown =>
  has(value, effectId) && !isInstance(value, Error) ? read(value, "_op") : undefined

/** What an `Exit` says; `undefined` of anything else. */
export const exitOf = (value: object): object | undefined => {
  switch (operationOf(value)) {
    case "Success":
      return { _tag: "Success", value: read(value, "effect_instruction_i0") }
    case "Failure":
      return { _tag: "Failure", cause: read(value, "effect_instruction_i0") }
    default:
      return undefined
  }
}

/** Whether it is an effect, which nobody has run. Errors that can be yielded are errors. */
export const isEffect = (value: object): boolean => typeof operationOf(value) === "string"

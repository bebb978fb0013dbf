/**
 * Why a value does not fit its schema, in words: where in it, and what the rule says that it breaks. Never with
 * anything of the value, which may be personal data.
 *
 * @since 0.1.0
 */
import type { Shape } from "./shape.js"

/** Where in a value something is. */
export interface Place {
  /** Such as `items[2].price`. */
  readonly path: string
  readonly depth: number
}

/** What does not fit. */
export interface Misfit extends Place {
  readonly problem: "missing" | "invalid"
  /** What should be there, in words such as `a positive number`. */
  readonly expected: string
}

export const nowhere: Place = { path: "", depth: 0 }

/** Longer than a path that somebody reads. */
const maxPathLength = 200

const isPlainName = /^[\p{L}_$][\p{L}\p{N}_$]*$/u

/** `isDeclared`: whether the schema says the key itself. Other keys belong to the value, as those of a map do. */
export const inside = ({ depth, path }: Place, key: PropertyKey, isDeclared: boolean): Place => {
  const step = !isDeclared
    ? "[*]"
    : typeof key === "number"
    ? `[${key}]`
    : path === ""
    ? String(key)
    : typeof key === "string" && isPlainName.test(key)
    ? `.${key}`
    : `[${JSON.stringify(String(key))}]`
  return { path: path.length + step.length > maxPathLength ? path : path + step, depth: depth + 1 }
}

const maxExpectedLength = 100

export const missing = (place: Place): Misfit => ({ ...place, problem: "missing", expected: "present" })

export const invalid = ({ depth, path }: Place, expected: string): Misfit => ({
  depth,
  path,
  problem: "invalid",
  expected: expected.slice(0, maxExpectedLength)
})

/** Where nothing can be said. */
export const unsaid = "what its schema says"

/** What a shape is, in words. */
export const wordsOf = (shape: Shape): string => {
  switch (shape.kind) {
    case "string":
    case "number":
    case "boolean":
      return shape.values === undefined
        ? `a ${shape.kind}`
        : shape.values.map((value) => JSON.stringify(value)).join(" or ")
    case "time":
      return "a date"
    case "nothing":
      return "nothing"
    case "object":
      return "an object"
    case "list":
      return "a list"
    case "union": {
      const choices = shape.choices.filter(({ kind }) => kind !== "nothing")
      return [...new Set((choices.length > 0 ? choices : shape.choices).map(wordsOf))].join(" or ")
    }
    default:
      return unsaid
  }
}

/** What a rule says, with the first of the texts that were written for it; it may be about something else, too. */
export const ruleOf = (shape: Shape, texts: ReadonlyArray<string | undefined>): string => {
  const text = texts.find((one) => one !== undefined && one.trim() !== "")?.trim()
  const words = wordsOf(shape)
  return text === undefined
    ? words === unsaid ? words : `${words} that its schema allows`
    : /^an? /i.test(text)
    ? text
    : `${words} (${text})`
}

/**
 * What does not fit one of several choices: what the value comes nearest to, which is where the fault is furthest
 * inside, or otherwise all that it could be.
 */
export const nearest = (choices: ReadonlyArray<Misfit>, otherwise: Misfit): Misfit => {
  const depth = Math.max(otherwise.depth, ...choices.map((choice) => choice.depth))
  if (depth === otherwise.depth) {
    return choices.length === 0
      ? otherwise
      : invalid(otherwise, [...new Set(choices.map(({ expected }) => expected))].join(" or "))
  }
  const deepest = choices.filter((choice) => choice.depth === depth)
  const present = deepest.filter(({ problem }) => problem === "invalid")
  const [first, ...others] = present.length > 0 ? present : deepest
  return first === undefined || others.length > 0 ? otherwise : first
}

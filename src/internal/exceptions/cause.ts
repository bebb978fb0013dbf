/**
 * From a Cause, or anything that was thrown, to a tree of failures.
 */
import type * as Cause from "effect/Cause"
import { hasStack } from "../../core/exceptions/coerce.js"
import type { Failure } from "../../core/exceptions/list.js"
import { causeIn, type Leaf, leafOf, leavesOf, originalOf, outermost, spansOf, thrownBy } from "../effect/cause.js"

/** Causes that nest deeper are flattened. */
const maxDepth = 30

/** PostHog takes so many entries. More failures of a flattened Cause are not looked at. */
const maxFailures = 50

const one = (leaf: Leaf): Failure => {
  const thrown = originalOf(leaf)
  const mark = typeof leaf === "object" && leaf !== null ? leaf : undefined
  try {
    return { _tag: "One", thrown, spans: spansOf(leaf), mark }
  } catch {
    // A Proxy that throws when it is looked at, or a cause that leads back to itself.
    return { _tag: "One", thrown, spans: undefined, mark }
  }
}

const several = (how: "Parallel" | "Sequential", members: ReadonlyArray<Failure>): Failure | undefined => {
  // Compositions of one kind within each other say no more than one of them.
  const flat = members.flatMap((member) => member._tag === "Several" && member.how === how ? member.members : [member])
  return flat.length < 2 ? flat[0] : { _tag: "Several", how, members: flat }
}

const ofCause = (cause: Cause.Cause<unknown>, depth: number): Failure | undefined => {
  const part = outermost(cause)
  if (part === undefined) return undefined
  if (part._tag === "One") return one(part.leaf)
  const members = depth >= maxDepth
    ? leavesOf(cause).slice(0, maxFailures).map(one)
    : part.members.slice(0, maxFailures).map((member) => ofCause(member, depth + 1))
  return several(part.how, members.filter((member) => member !== undefined))
}

/** What went wrong; `undefined` when nothing did, as with an interruption. */
export const toFailure = (given: unknown): Failure | undefined => {
  const cause = causeIn(given)
  return cause === undefined ? one(leafOf(given)) : ofCause(cause, 0)
}

/** Whether something that was thrown has no stack of its own; of a Cause: whether any of its failures has none. */
export const hasNoStack = (given: unknown): boolean => {
  try {
    const cause = causeIn(given)
    const thrown = cause === undefined ? [given] : thrownBy(cause).slice(0, maxFailures)
    return thrown.some((value) => !hasStack(value))
  } catch {
    // It says that it is a Cause and is none.
    return true
  }
}

/** The objects by which the thrown values of a failure are known again, in order; `undefined`: by none. */
export const marksIn = (failure: Failure): ReadonlyArray<object | undefined> =>
  failure._tag === "One"
    ? [typeof failure.thrown === "object" && failure.thrown !== null ? failure.thrown : failure.mark]
    : failure.members.flatMap(marksIn)

/** The thrown values of a failure, in order. */
export const thrownIn = (failure: Failure): ReadonlyArray<unknown> =>
  failure._tag === "One" ? [failure.thrown] : failure.members.flatMap(thrownIn)

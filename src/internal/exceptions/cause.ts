/**
 * Effect's `Cause`, for the rest of error tracking: from a Cause, or anything that was thrown, to a tree of failures.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type * as Tracer from "effect/Tracer"
import { hasStack } from "../../core/exceptions/coerce.js"
import type { Failure } from "../../core/exceptions/list.js"

/** Causes that nest deeper are flattened. */
const maxDepth = 30

/** PostHog takes so many entries. More failures of a flattened Cause are not looked at. */
const maxFailures = 50

/** Where Effect keeps the span in which something failed. */
const spanSymbol: unique symbol = Symbol.for("effect/SpanAnnotation") as never

const one = (thrown: unknown): Failure => {
  const original = unwrapped(thrown)
  try {
    const span = typeof thrown === "object" && thrown !== null && spanSymbol in thrown
      ? thrown[spanSymbol] as Tracer.AnySpan | undefined
      : undefined
    return { _tag: "One", thrown: original, spans: stackOfSpans(span) }
  } catch {
    // A Proxy that throws when it is looked at, or a cause that leads back to itself.
    return { _tag: "One", thrown: original, spans: undefined }
  }
}

const unwrapped = (thrown: unknown): unknown => {
  try {
    return Cause.originalError(thrown)
  } catch {
    return thrown
  }
}

/**
 * The spans around a place as lines of a stack, innermost first. Effect's own text of an error with spans is not used:
 * it ends at the first generator, also where Effect has not run it.
 */
export const stackOfSpans = (span: Tracer.AnySpan | undefined): string | undefined => {
  if (span?._tag !== "Span") return undefined
  const stack = Cause.prettyErrors(Cause.fail(Object.assign(new Error(""), { stack: "", [spanSymbol]: span })))[0]
    ?.stack
  // The first line is what Effect says about an error without a message.
  return stack?.slice(stack.indexOf("\n") + 1)
}

const several = (how: "Parallel" | "Sequential", members: ReadonlyArray<Failure>): Failure | undefined => {
  // Compositions of one kind within each other say no more than one of them.
  const flat = members.flatMap((member) => member._tag === "Several" && member.how === how ? member.members : [member])
  return flat.length < 2 ? flat[0] : { _tag: "Several", how, members: flat }
}

/** All failures and defects of a Cause, failures first. */
export const thrownBy = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> => [
  ...Cause.failures(cause),
  ...Cause.defects(cause)
]

/** A Cause without the failures and defects for which `isLeftOut` holds; the same Cause when there are none. */
export const filterCause = <E>(cause: Cause.Cause<E>, isLeftOut: (thrown: unknown) => boolean): Cause.Cause<E> =>
  Cause.isEmpty(cause) || !thrownBy(cause).some(isLeftOut)
    ? cause
    : Cause.match(cause, {
      onEmpty: Cause.empty,
      onFail: (error): Cause.Cause<E> => isLeftOut(error) ? Cause.empty : Cause.fail(error),
      onDie: (defect) => isLeftOut(defect) ? Cause.empty : Cause.die(defect),
      onInterrupt: Cause.interrupt,
      onSequential: Cause.sequential,
      onParallel: Cause.parallel
    })

const ofCause = (cause: Cause.Cause<unknown>, depth: number): Failure | undefined => {
  switch (cause._tag) {
    case "Empty":
    case "Interrupt":
      return undefined
    case "Fail":
      return one(cause.error)
    case "Die":
      return one(cause.defect)
    default: {
      if (depth >= maxDepth) {
        return several(cause._tag, thrownBy(cause).slice(0, maxFailures).map(one))
      }
      const left = ofCause(cause.left, depth + 1)
      const right = ofCause(cause.right, depth + 1)
      return several(cause._tag, [left, right].filter((side) => side !== undefined))
    }
  }
}

/** The Cause in a value: the value itself, or that of an `Exit` or of an error of `Effect.runPromise`. */
export const causeIn = (given: unknown): Cause.Cause<unknown> | undefined => {
  try {
    if (Cause.isCause(given)) return given
    if (Exit.isExit(given)) return Exit.isFailure(given) ? given.cause : Cause.empty
    return Runtime.isFiberFailure(given) ? given[Runtime.FiberFailureCauseId] : undefined
  } catch {
    return undefined
  }
}

/** What went wrong; `undefined` when nothing did, as with an interruption. */
export const toFailure = (given: unknown): Failure | undefined => {
  const cause = causeIn(given)
  return cause === undefined ? one(given) : ofCause(cause, 0)
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

/** The thrown values of a failure, in order. */
export const thrownIn = (failure: Failure): ReadonlyArray<unknown> =>
  failure._tag === "One" ? [failure.thrown] : failure.members.flatMap(thrownIn)

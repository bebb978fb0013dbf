/**
 * What is in a `Cause`. Hides its shape (a tree of failures), where Effect keeps the spans through which a failure
 * went, and the error with which `Effect.runPromise` rejects.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import type * as Tracer from "effect/Tracer"
import { type Origin, spanAt } from "./fiber.js"

/** Where Effect keeps the span in which something failed. */
const spanSymbol: unique symbol = Symbol.for("effect/SpanAnnotation") as never

/** Something that was thrown, with what Effect has noted about it: a Proxy around it has the span. */
export type Leaf = unknown

/** What a Cause is made of: one thing that was thrown, or several Causes. */
export type Part =
  | { readonly _tag: "One"; readonly leaf: Leaf }
  | {
    readonly _tag: "Several"
    readonly how: "Parallel" | "Sequential"
    readonly members: ReadonlyArray<Cause.Cause<unknown>>
  }

/** The outermost part of a Cause; `undefined` when nothing was thrown, as with an interruption. */
export const outermost = (cause: Cause.Cause<unknown>): Part | undefined => {
  switch (cause._tag) {
    case "Empty":
    case "Interrupt":
      return undefined
    case "Fail":
      return { _tag: "One", leaf: cause.error }
    case "Die":
      return { _tag: "One", leaf: cause.defect }
    default:
      return { _tag: "Several", how: cause._tag, members: [cause.left, cause.right] }
  }
}

/** All that was thrown, in no particular order. */
export const leavesOf = (cause: Cause.Cause<unknown>): ReadonlyArray<Leaf> => thrownBy(cause)

/** Of something that was thrown, in no Cause. */
export const leafOf = (thrown: unknown): Leaf => thrown

/** What the program has thrown. */
export const originalOf = (leaf: Leaf): unknown => {
  try {
    return Cause.originalError(leaf)
  } catch {
    // It does not let itself be looked at.
    return leaf
  }
}

/** The spans through which it went, as lines of a stack, innermost first; `undefined` if Effect has noted none. */
export const spansOf = (leaf: Leaf): string | undefined =>
  typeof leaf === "object" && leaf !== null && spanSymbol in leaf
    ? stackOfSpans(leaf[spanSymbol] as Tracer.AnySpan | undefined)
    : undefined

/** The spans around a place, as {@link spansOf}. */
export const spansAround = (origin: Origin): string | undefined => stackOfSpans(spanAt(origin))

/**
 * Effect's own text of an error with spans is not used: it ends at the first generator, also where Effect has not run
 * it.
 */
const stackOfSpans = (span: Tracer.AnySpan | undefined): string | undefined => {
  if (span?._tag !== "Span") return undefined
  const stack = Cause.prettyErrors(Cause.fail(Object.assign(new Error(""), { stack: "", [spanSymbol]: span })))[0]
    ?.stack
  // The first line is what Effect says about an error without a message.
  return stack?.slice(stack.indexOf("\n") + 1)
}

export const isEmpty = (cause: Cause.Cause<unknown>): boolean => Cause.isEmpty(cause)

/** Whether there is nothing but interruptions; also when there is nothing at all. */
export const isInterruption = (cause: Cause.Cause<unknown>): boolean => Cause.isInterruptedOnly(cause)

export const defectsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> => Array.from(Cause.defects(cause))

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

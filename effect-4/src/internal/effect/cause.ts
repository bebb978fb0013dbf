/**
 * What is in a `Cause`. Hides its shape (a flat list of reasons), and where Effect keeps the spans through which a
 * failure went.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Tracer from "effect/Tracer"
import { type Origin, referenceAt, spanAt } from "./fiber.js"

/** Something that was thrown, with what Effect has noted about it. */
export type Leaf = Cause.Fail<unknown> | Cause.Die

/** What a Cause is made of: one thing that was thrown, or several Causes. */
export type Part =
  | { readonly _tag: "One"; readonly leaf: Leaf }
  | {
    readonly _tag: "Several"
    /** Effect does not say which of them came first. */
    readonly how: "Parallel" | "Sequential"
    readonly members: ReadonlyArray<Cause.Cause<unknown>>
  }

const isLeaf = (reason: Cause.Reason<unknown>): reason is Leaf => reason._tag !== "Interrupt"

/** The outermost part of a Cause; `undefined` when nothing was thrown, as with an interruption. */
export const outermost = (cause: Cause.Cause<unknown>): Part | undefined => {
  const [leaf, ...others] = leavesOf(cause)
  if (leaf === undefined) return undefined
  return others.length === 0
    ? { _tag: "One", leaf }
    : { _tag: "Several", how: "Parallel", members: [leaf, ...others].map((one) => Cause.fromReasons([one])) }
}

/** All that was thrown, in no particular order. */
export const leavesOf = (cause: Cause.Cause<unknown>): ReadonlyArray<Leaf> => cause.reasons.filter(isLeaf)

/** Of something that was thrown, in no Cause. */
export const leafOf = (thrown: unknown): Leaf => Cause.makeFailReason(thrown)

/** What the program has thrown. */
export const originalOf = (leaf: Leaf): unknown => leaf._tag === "Fail" ? leaf.error : leaf.defect

/** The spans through which it went, as lines of a stack, innermost first; `undefined` if Effect has noted none. */
export const spansOf = (leaf: Leaf): string | undefined =>
  linesOf(Context.getOrUndefined(Cause.reasonAnnotations(leaf), Cause.StackTrace))

/** The spans around a place, as {@link spansOf}. */
export const spansAround = (origin: Origin): string | undefined =>
  linesOf(referenceAt(origin, References.CurrentStackFrame)) ?? linesOfSpans(spanAt(origin))

/** Effect itself writes out so many. */
const maxFrames = 10

/** Where a region began, and where its function was written: Effect notes the lines of the engine's own stack. */
const linesAt = (name: string, place: string | undefined): ReadonlyArray<string> => {
  if (place === undefined) return [`    at ${name}`]
  const places = Array.from(place.matchAll(/\((.*)\)/g), ([, found]) => found)
  return (places.length === 0 ? [place.replace(/^at /, "")] : places).map((found) => `    at ${name} (${found})`)
}

const linesOf = (innermost: References.StackFrame | undefined): string | undefined => {
  const lines: Array<string> = []
  let frame = innermost
  for (let depth = 0; depth < maxFrames && frame !== undefined; depth++) {
    lines.push(...linesAt(frame.name, frame.stack()))
    frame = frame.parent
  }
  return lines.length === 0 ? undefined : lines.join("\n")
}

/** A span that was not made by `withSpan` or `fn`, such as that of a request, has no place. */
const linesOfSpans = (innermost: Tracer.AnySpan | undefined): string | undefined => {
  const lines: Array<string> = []
  let span = innermost
  for (let depth = 0; depth < maxFrames && span?._tag === "Span"; depth++) {
    lines.push(...linesAt(span.name, undefined))
    span = Option.getOrUndefined(span.parent)
  }
  return lines.length === 0 ? undefined : lines.join("\n")
}

export const isEmpty = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 0

/** Whether there is nothing but interruptions; also when there is nothing at all, unlike `Cause.hasInterruptsOnly`. */
export const isInterruption = (cause: Cause.Cause<unknown>): boolean => cause.reasons.every(Cause.isInterruptReason)

export const defectsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> =>
  cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect)

/** All failures and defects of a Cause, failures first. */
export const thrownBy = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> => [
  ...cause.reasons.filter(Cause.isFailReason).map(({ error }) => error),
  ...defectsOf(cause)
]

/** A Cause without the failures and defects for which `isLeftOut` holds; the same Cause when there are none. */
export const filterCause = <E>(cause: Cause.Cause<E>, isLeftOut: (thrown: unknown) => boolean): Cause.Cause<E> => {
  const kept = cause.reasons.filter((reason) => !isLeaf(reason) || !isLeftOut(originalOf(reason)))
  return kept.length === cause.reasons.length ? cause : Cause.fromReasons(kept)
}

/** The Cause in a value: the value itself, or that of an `Exit`. A rejected promise has the error alone. */
export const causeIn = (given: unknown): Cause.Cause<unknown> | undefined => {
  try {
    if (Cause.isCause(given)) return given
    if (Exit.isExit(given)) return Exit.isFailure(given) ? given.cause : Cause.empty
    return undefined
  } catch {
    return undefined
  }
}

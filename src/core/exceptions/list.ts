/**
 * `$exception_list`: a tree of what went wrong, flattened as PostHog wants it.
 *
 * @since 0.1.0
 */
import { redactText } from "../secrets.js"
import { behind, coerce, type Coerced, errorWithin, isOfRuntime, messageOf } from "./coerce.js"
import type { Frame } from "./frames.js"

/** One thing that went wrong, or several at once or one after the other. */
export type Failure =
  | {
    readonly _tag: "One"
    readonly thrown: unknown
    /** Lines of a stack for the spans through which it went, innermost first. */
    readonly spans: string | undefined
    /** What stands for it as long as it is on its way, where what was thrown is no object. */
    readonly mark?: object | undefined
  }
  | { readonly _tag: "Several"; readonly how: "Parallel" | "Sequential"; readonly members: ReadonlyArray<Failure> }

/** How an entry came about. */
export interface Mechanism {
  readonly type?: string
  readonly handled?: boolean
  readonly synthetic?: boolean
  readonly source?: string
  readonly exception_id: number
  readonly parent_id?: number
}

/** One entry on the wire. Its frames may be text of JSON already. */
export interface Entry<Frames = ReadonlyArray<Frame>> {
  readonly type: string
  readonly value: string
  readonly mechanism: Mechanism
  readonly stacktrace?: { readonly type: "raw"; readonly frames: Frames }
}

/** What the place that reports knows about the outermost entry. */
export interface Boundary {
  readonly type: string
  /** `undefined`: not known. */
  readonly handled: boolean | undefined
  readonly synthetic: boolean | undefined
}

/** What an entry says about itself besides its message. */
export interface EntryFields {
  readonly type: string
  readonly fields: NonNullable<Coerced["fields"]>
}

/** PostHog takes so many entries. */
const maxEntries = 50

/**
 * The lines of a stack without the message before them, in which anything may stand. Only the name of an error comes
 * before it.
 */
const withoutMessage = (stack: string, message: string | undefined): string => {
  const at = message === undefined || message === "" ? -1 : stack.indexOf(message)
  // Elsewhere it is the name of a function: the message was changed after the stack had been made.
  return at === -1 || /\n\s*at /.test(stack.slice(0, at)) ? stack : stack.slice(at + message!.length)
}

interface Parent {
  readonly id: number
  readonly source: string
}

/**
 * The entries of a failure, outermost first, parents before children; at least one. `fallback` gives a stack for what
 * has none. `framesOf` reads a stack; `undefined` when nothing in it can be shown. `mayRead` is whether the runtime
 * wrote the stack, so that it may say which files are looked into. `fields` are what each entry says about itself.
 */
export const toList = <Frames>(
  failure: Failure,
  boundary: Boundary,
  fallback: () => string | undefined,
  framesOf: (stack: string, mayRead: boolean, spans?: string) => Frames | undefined
): { readonly list: ReadonlyArray<Entry<Frames>>; readonly fields: ReadonlyArray<EntryFields> } => {
  const list: Array<Entry<Frames>> = []
  const seen = new Set<unknown>()
  const fields: Array<EntryFields> = []

  const add = (
    type: string,
    value: string,
    synthetic: boolean,
    frames: Frames | undefined,
    parent?: Parent
  ) => {
    const id = list.length
    list.push({
      type: redactText(type),
      value: redactText(value),
      mechanism: parent === undefined
        ? {
          type: boundary.type,
          ...(boundary.handled === undefined ? undefined : { handled: boundary.handled }),
          synthetic: boundary.synthetic ?? synthetic,
          exception_id: id
        }
        : { type: "chained", source: parent.source, synthetic, exception_id: id, parent_id: parent.id },
      ...(frames === undefined ? undefined : { stacktrace: { type: "raw", frames } })
    })
    return id
  }

  const visit = (failure: Failure, parent?: Parent): void => {
    if (list.length >= maxEntries) return
    if (failure._tag === "Several") {
      const id = add(...nameOf(failure), true, undefined, parent)
      for (const member of failure.members) visit(member, { id, source: "member" })
      return
    }
    const thrown = errorWithin(failure.thrown)
    if (typeof thrown === "object" && thrown !== null) {
      if (seen.has(thrown)) return
      seen.add(thrown)
    }
    const coerced = coerce(thrown)
    const { spans } = failure
    let frames = coerced.stack === undefined && spans === undefined
      ? undefined
      : framesOf(
        withoutMessage(coerced.stack ?? "", messageOf(thrown)),
        coerced.stack === undefined || isOfRuntime(thrown),
        spans
      )
    const isWithout = frames === undefined
    // Where a cause was made is not where what it caused was captured.
    if (isWithout && parent?.source !== "cause") frames = framesOf(fallback() ?? "", true)
    if (coerced.fields !== undefined) fields.push({ type: coerced.type, fields: coerced.fields })
    const id = add(
      coerced.type,
      coerced.value,
      coerced.isConverted || (isWithout && frames !== undefined),
      frames,
      parent
    )
    for (const { source, thrown: next } of behind(thrown)) {
      visit({ _tag: "One", thrown: next, spans: undefined }, { id, source })
    }
  }

  visit(failure)
  return { list, fields }
}

/**
 * Type and value of what has no error of its own. The types are in the type, so that other combinations are other
 * issues.
 */
const nameOf = (failure: Failure & { readonly _tag: "Several" }): [type: string, value: string] => {
  // What comes after them is cut off anyhow, and all of it may be longer than a text can be.
  const members = failure.members.slice(0, maxEntries).map((member): readonly [string, string] => {
    if (member._tag === "Several") return nameOf(member)
    const { type, value } = coerce(errorWithin(member.thrown))
    // Cut afterwards, and a secret that has lost its end is not known as one.
    return [redactText(type), redactText(value === "" ? type : `${type}: ${value}`)]
  })
  const types = members.map(([type]) => type)
  // Which of several fibers fails first is chance.
  if (failure.how === "Parallel") types.sort()
  return [
    `${failure.how}(${types.join(", ").slice(0, 200)})`,
    members.map(([, value]) => value).join("; ").slice(0, 1000)
  ]
}

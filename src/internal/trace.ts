/**
 * What an event says about the trace in which it happened.
 */
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import { isPropagated, nativeTracer } from "./effect/fiber.js"

/**
 * Ids may come from a header, so they are not trusted. Only zeros is what OpenTelemetry has where nothing is traced.
 */
const isId = (id: unknown): id is string => typeof id === "string" && /^(?!0+$)[\w-]{1,64}$/.test(id)

/** Whether a part of the trace was made outside of this program. */
const hasExternal = (span: Tracer.AnySpan): boolean => {
  for (let next: Tracer.AnySpan | undefined = span; next !== undefined;) {
    if (next._tag === "ExternalSpan") return true
    next = Option.getOrUndefined(next.parent)
  }
  return false
}

const write = (span: Tracer.AnySpan): string =>
  !isPropagated(span) || !isId(span.traceId) || !isId(span.spanId)
    ? ""
    : `,"$trace_id":"${span.traceId}","$span_id":"${span.spanId}"`

/**
 * The ids of a span as members of an event, with a comma before each; empty when there is nothing to say. Unless `any`
 * says so, only of spans that can be found somewhere: those of a tracer that the program has chosen, and those that
 * continue a trace from outside. Effect's own tracer makes spans for `withSpan` whether or not anybody looks at them.
 *
 * Made anew for each event: remembering it by span in a WeakMap costs the garbage collector far more.
 */
export const traceMembers = (span: Tracer.AnySpan | undefined, tracer: Tracer.Tracer, any: boolean): string => {
  try {
    return span !== undefined && (any || tracer !== nativeTracer || hasExternal(span)) ? write(span) : ""
  } catch {
    // A span is what a tracer made it to be.
    return ""
  }
}

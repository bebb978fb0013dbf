/**
 * In which trace, session and span a fiber is, and what the events about calls of models keep to there.
 *
 * The ids are in the context, as properties of the events that have them: so carriers and bridges take them along, and
 * events that a program captures by their names have them too.
 */
import type * as Effect from "effect/Effect"
import type { Call } from "../../core/llm/model.js"
import { inState, type State } from "../context.js"
import type { AiPolicy, Owner } from "../contextValues.js"

/** Events that stand somewhere in the tree of a trace. */
export const nodes = ["$ai_generation", "$ai_span", "$ai_embedding"] as const

/** Events that belong to a trace. */
const ofTrace = [...nodes, "$ai_trace", "$ai_metric", "$ai_feedback", "$ai_evaluation", "$exception"] as const

/** Where something is in the tree. */
export interface Ids {
  readonly traceId: string | undefined
  readonly sessionId: string | undefined
  /** Of the span around it, or of the trace. */
  readonly parentId: string | undefined
}

const idOf = (state: State, owner: Owner, name: string): string | undefined => {
  const value = state.property(owner, "$ai_generation", name)
  return typeof value === "string" && value !== "" ? value : typeof value === "number" ? String(value) : undefined
}

export const idsIn = (state: State, owner: Owner): Ids => ({
  traceId: idOf(state, owner, "$ai_trace_id"),
  sessionId: idOf(state, owner, "$ai_session_id"),
  parentId: idOf(state, owner, "$ai_parent_id")
})

/** What is in a trace is below it until there is a span. */
export const inTrace = (state: State, traceId: string, sessionId: string | undefined): State => {
  const all = state.setTexts(ofTrace, {
    $ai_trace_id: traceId,
    ...(sessionId === undefined ? undefined : { $ai_session_id: sessionId })
  })
  return all.setTexts(nodes, { $ai_parent_id: traceId })
}

export const inSession = (state: State, sessionId: string): State =>
  state.setTexts(ofTrace, { $ai_session_id: sessionId })

/** `traceId` where there was none. */
export const inSpan = (state: State, spanId: string, traceId: string | undefined): State =>
  (traceId === undefined ? state : state.setTexts(ofTrace, { $ai_trace_id: traceId }))
    .setTexts(nodes, { $ai_parent_id: spanId })

const nothing: AiPolicy = { privacyMode: false, fullCapture: undefined, redact: [], isCaptured: false }

export const policyIn = (state: State): AiPolicy => state.ai ?? nothing

export const changePolicy = (state: State, change: Partial<AiPolicy>): State =>
  state.withAi({ ...policyIn(state), ...change })

/** Whether somebody who knows more captures the calls of models that are made here. */
export const isCaptured = (state: State): boolean => state.ai?.isCaptured === true

/** Whoever captures the calls and wants to know what the client sees of them. */
export const listenerIn = (state: State): ((call: Call) => void) | undefined =>
  isCaptured(state) ? state.ai?.tell : undefined

/** Runs an effect in which calls of models are captured by somebody who knows more, or no longer. */
export const withCaptured = <A, E, R>(self: Effect.Effect<A, E, R>, captured: boolean): Effect.Effect<A, E, R> =>
  inState(self, (state) => changePolicy(state, { isCaptured: captured }))

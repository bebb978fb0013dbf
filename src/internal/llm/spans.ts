/**
 * Traces and spans around effects: what runs in them finds its place in the tree, and when they end there is an event.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import { makeUuidV7 } from "../../core/event/uuid.js"
import { isObject } from "../../core/guard.js"
import type { Looked } from "../../core/llm/content.js"
import { failureIn } from "../../core/llm/failure.js"
import { readId } from "../../core/llm/ids.js"
import type { Failure } from "../../core/llm/model.js"
import { PostHog } from "../../PostHog.js"
import { elapsedOf, millisOf, type Origin } from "../capture.js"
import { inState, type State, stateAt } from "../context.js"
import type { Owner } from "../contextValues.js"
import { kinds } from "../diagnostics.js"
import { type Fiber, serviceOf, spanAt, withFiber } from "../effect/fiber.js"
import { thrownIn, toFailure } from "../exceptions/cause.js"
import { noteIds } from "../exceptions/links.js"
import { type Instance, instanceOf } from "../instance.js"
import { slot } from "../slot.js"
import { captureStep, type EventOptions, lookBefore, type Step } from "./capture.js"
import { idsIn, inSpan, inTrace } from "./region.js"

/** Asks the instance of the running fiber. */
export const ask = <A, E, R>(
  f: (instance: Instance, fiber: Fiber) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | PostHog> =>
  withFiber<A, E, R | PostHog>((fiber) => f(instanceOf(serviceOf(fiber, PostHog)), fiber))

/** An instance that does nothing has no ids, but the tree goes on in other processes. */
const ids = /* #__PURE__ */ slot<(millis: number) => string>("LlmAnalytics/ids")

export const newIdOf = (instance: Instance, origin: Origin): string =>
  (instance.active?.newUuid ?? ids.getOrMake(instance, () => makeUuidV7((bytes) => crypto.getRandomValues(bytes))))(
    millisOf(origin)
  )

/** An id as PostHog takes it. A change is reported as a repair. */
export const idOf = (instance: Instance, event: string, property: string, given: unknown): string | undefined => {
  const id = readId(given)
  if (id !== given) {
    instance.active?.diagnostics.emit(kinds.eventRepaired, () => ({
      _tag: "EventRepaired",
      uuid: "",
      event,
      repairs: [`${property}: ${id === undefined ? "no id" : "characters that PostHog does not take in ids"}`]
    }))
  }
  return id
}

const nobody: Owner = { key: "", globalProperties: {} }

export const ownerOf = ({ active }: Instance): Owner => active?.owner ?? nobody

/** Traces of a tracer that were made the id of a trace here, by the span at their root. */
const taken = /* #__PURE__ */ slot<WeakSet<object>>("LlmAnalytics/taken")

const rootOf = (span: Tracer.AnySpan): Tracer.AnySpan => {
  let root = span
  for (let depth = 0; depth < 1_000 && root._tag === "Span" && root.parent._tag === "Some"; depth++) {
    root = root.parent.value
  }
  return root
}

/**
 * The id of a trace that begins here: that of the tracer's trace, so that one leads to the other. Only of the first one
 * in it: what goes on for days in one span has many.
 */
const traceIdOf = (instance: Instance, fiber: Fiber): string => {
  const span = spanAt(fiber)
  const given = readId(span?.traceId)
  if (span === undefined || given === undefined) return newIdOf(instance, fiber)
  const before = taken.getOrMake(instance, () => new WeakSet())
  const root = rootOf(span)
  if (before.has(root)) return newIdOf(instance, fiber)
  before.add(root)
  return given
}

/** What a region says about the event at its end. */
export interface RegionOptions extends EventOptions {
  readonly id?: string | undefined
  readonly type?: string | undefined
  /** A function is called when the region begins. */
  readonly input?: unknown
  /** A function is called with what the effect has given. */
  readonly output?: unknown
}

/** How a region ended. */
interface Ended {
  readonly failure: Failure | undefined
  readonly status: number | undefined
  readonly stopReason: string | undefined
}

/** Notes in which trace an error has come about, and says how the region ended. */
export const endedBy = (instance: Instance, origin: Origin, exit: Exit.Exit<unknown, unknown>): Ended => {
  if (exit._tag === "Success") return { failure: undefined, status: undefined, stopReason: undefined }
  const failure = toFailure(exit.cause)
  if (failure === undefined) {
    return {
      failure: undefined,
      status: undefined,
      stopReason: Cause.isInterrupted(exit.cause) ? "interrupted" : undefined
    }
  }
  const thrown = thrownIn(failure)
  noteIds(
    instance,
    [exit.cause, ...thrown].filter(isObject),
    idsIn(stateAt(origin), ownerOf(instance)),
    elapsedOf(origin)
  )
  const told = failureIn(thrown[0])
  return { failure: told.failure, status: told.status, stopReason: undefined }
}

const outputOf = <A>(output: unknown, exit: Exit.Exit<A, unknown>): (() => unknown) | undefined => {
  if (output === undefined) return undefined
  if (typeof output !== "function") return () => output
  return exit._tag === "Success" ? () => (output as (a: A) => unknown)(exit.value) : undefined
}

const inputOf = (
  instance: Instance,
  fiber: Fiber,
  event: Step["event"],
  { input, ...options }: RegionOptions
): Looked | (() => unknown) | undefined =>
  input === undefined ? undefined : lookBefore(
    instance,
    fiber,
    { event },
    typeof input === "function" ? input as () => unknown : () => input,
    options
  )

/** Runs an effect in a state of its own, and says at its end how long it took and how it went. */
const region = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  fiber: Fiber,
  state: State,
  atEnd: (fiber: Fiber, exit: Exit.Exit<A, E>, latencySeconds: number) => Effect.Effect<unknown>
): Effect.Effect<A, E, R> => {
  const start = elapsedOf(fiber)
  return inState(
    Effect.onExit(
      self,
      (exit) => withFiber((end) => atEnd(end, exit, Math.max(elapsedOf(end) - start, 0) / 1_000))
    ),
    () => state
  )
}

/** A node of the tree around an effect. `capture` makes the event at the end. */
export const nodeRegion = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  instance: Instance,
  fiber: Fiber,
  options: RegionOptions,
  change: (state: State) => State,
  capture: (
    fiber: Fiber,
    exit: Exit.Exit<A, E>,
    latencySeconds: number,
    place: EventOptions
  ) => Effect.Effect<unknown>
): Effect.Effect<A, E, R> => {
  const before = stateAt(fiber)
  const { parentId, sessionId, traceId } = idsIn(before, ownerOf(instance))
  const spanId = idOf(instance, "$ai_span", "$ai_span_id", options.id) ?? newIdOf(instance, fiber)
  const trace = traceId ?? readId(spanAt(fiber)?.traceId) ?? newIdOf(instance, fiber)
  const state = change(inSpan(before, spanId, traceId === undefined ? trace : undefined))
  const place = { spanId, parentId: parentId ?? null, traceId: trace, sessionId }
  return region(self, fiber, state, (end, exit, latency) => capture(end, exit, latency, place))
}

export const spanRegion = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  instance: Instance,
  fiber: Fiber,
  name: string,
  options: RegionOptions
): Effect.Effect<A, E, R> => {
  const input = inputOf(instance, fiber, "$ai_span", options)
  const { output, type, ...rest } = options
  return nodeRegion(self, instance, fiber, options, (state) => state, (end, exit, latencySeconds, place) => {
    const ended = endedBy(instance, end, exit)
    return captureStep(instance, end, {
      event: "$ai_span",
      type,
      latencySeconds,
      failure: ended.failure,
      httpStatus: ended.status,
      stopReason: ended.stopReason,
      input,
      output: outputOf(output, exit)
    }, { ...rest, name, ...place, thrown: exit._tag === "Failure" ? exit.cause : undefined })
  })
}

export const traceRegion = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  instance: Instance,
  fiber: Fiber,
  options: RegionOptions
): Effect.Effect<A, E, R> => {
  const before = stateAt(fiber)
  const outer = idsIn(before, ownerOf(instance))
  const traceId = idOf(instance, "$ai_trace", "$ai_trace_id", options.id) ??
    (outer.traceId === undefined ? traceIdOf(instance, fiber) : newIdOf(instance, fiber))
  const sessionId = idOf(instance, "$ai_trace", "$ai_session_id", options.sessionId) ?? outer.sessionId
  const input = inputOf(instance, fiber, "$ai_trace", options)
  const { id: _, input: __, output, type: ___, ...rest } = options
  return region(self, fiber, inTrace(before, traceId, sessionId), (end, exit, latencySeconds) => {
    const { failure, status, stopReason } = endedBy(instance, end, exit)
    // PostHog makes up a trace of what is in it where there is nothing to say about the whole.
    if (rest.name === undefined && input === undefined && output === undefined && failure === undefined) {
      return Effect.void
    }
    return captureStep(instance, end, {
      event: "$ai_trace",
      latencySeconds,
      failure,
      httpStatus: status,
      stopReason,
      input,
      output: outputOf(output, exit)
    }, { ...rest, traceId, sessionId, thrown: exit._tag === "Failure" ? exit.cause : undefined })
  })
}

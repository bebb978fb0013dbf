/**
 * Which errors came about in a trace of calls of models, and which exception events were about which errors: so that
 * each of the two events names the other, whichever is captured first.
 */
import type { Failure } from "../../core/exceptions/list.js"
import { isObject } from "../../core/guard.js"
import { slot } from "../slot.js"
import { thrownIn, toFailure } from "./cause.js"

/** The trace in which an error has come about. */
export interface TraceIds {
  readonly traceId: string | undefined
  readonly sessionId: string | undefined
}

/** What was noted about an error, and when: programs keep errors in constants, which fail again in other traces. */
interface Noted<A> {
  readonly value: A
  readonly at: number
}

interface Links {
  readonly traces: WeakMap<object, Noted<TraceIds>>
  /** Uuids of exception events. */
  readonly exceptions: WeakMap<object, Noted<string>>
}

/** So long it is the same failure on its way up, in milliseconds. */
const maxAge = 30_000

const find = <A>(
  noted: WeakMap<object, Noted<A>>,
  given: unknown,
  failure: Failure,
  now: number
): A | undefined => {
  for (const value of objectsOf(given, failure)) {
    const found = noted.get(value)
    if (found !== undefined && now - found.at <= maxAge) return found.value
  }
  return undefined
}

const links = /* #__PURE__ */ slot<Links>("LlmAnalytics/links")

type WithSlots = Parameters<typeof links.get>[0]

const of = (instance: WithSlots): Links =>
  links.getOrMake(instance, () => ({ traces: new WeakMap(), exceptions: new WeakMap() }))

const objectsOf = (given: unknown, failure: Failure): ReadonlyArray<object> =>
  [given, ...thrownIn(failure)].filter(isObject)

export const noteIds = (instance: WithSlots, thrown: ReadonlyArray<object>, value: TraceIds, at: number): void => {
  const { traces } = of(instance)
  for (const error of thrown) traces.set(error, { value, at })
}

/** The trace of an error; nobody asks for a trace where there are none. */
export const idsOf = (instance: WithSlots, given: unknown, failure: Failure, now: number): TraceIds | undefined => {
  const traces = links.get(instance)?.traces
  return traces === undefined ? undefined : find(traces, given, failure, now)
}

/** `isInTrace`: whether the exception carries the id of a trace. Programs that capture no calls of models have none. */
export const noteException = (
  instance: WithSlots,
  given: unknown,
  failure: Failure,
  uuid: string | undefined,
  at: number,
  isInTrace: boolean
): void => {
  if (uuid === undefined || (!isInTrace && links.get(instance) === undefined)) return
  const { exceptions } = of(instance)
  for (const error of objectsOf(given, failure)) exceptions.set(error, { value: uuid, at })
}

/** The uuid of the exception event about what was thrown, if there was one. From now on all of them are noted. */
export const exceptionOf = (instance: WithSlots, given: unknown, now: number): string | undefined => {
  const { exceptions } = of(instance)
  const failure = toFailure(given)
  return failure === undefined ? undefined : find(exceptions, given, failure, now)
}

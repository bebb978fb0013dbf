/**
 * From a call of a model, or another step, to the event about it.
 */
import * as Effect from "effect/Effect"
import { Written } from "../../core/event/json.js"
import { merge, type Properties, type PropertiesInput } from "../../core/event/layers.js"
import { canonicalUuid } from "../../core/event/uuid.js"
import { look, type Looked, type Redact, type Treatment } from "../../core/llm/content.js"
import type { Call, Failure } from "../../core/llm/model.js"
import { failureOf, propertiesOf, withOwn } from "../../core/llm/properties.js"
import { utf8Length } from "../../core/llm/utf8.js"
import type { DeliveryError } from "../../PostHogError.js"
import { type CaptureOptions, elapsedOf, millisOf, ordinary, type Origin } from "../capture.js"
import { type State, stateAt } from "../context.js"
import { spanAt } from "../effect/fiber.js"
import { exceptionOf } from "../exceptions/links.js"
import type { Active, Instance } from "../instance.js"
import { libraryVersion } from "../version.js"
import { idsIn, nodes, policyIn } from "./region.js"
import { type AiInput, sendAi, sendAiNow } from "./send.js"

/** What can be said about one event besides the call. */
export interface EventOptions extends CaptureOptions {
  /** `$ai_span_name`. */
  readonly name?: string | undefined
  /** Default: the event's uuid. */
  readonly spanId?: string | undefined
  /** Default: the span, or the trace, around it. `null`: none. */
  readonly parentId?: string | null | undefined
  /** Default: that of the context, else that of the tracer's span, else the event's uuid. */
  readonly traceId?: string | undefined
  readonly sessionId?: string | undefined
  /** Properties of the program; they win over those that are known of the call. */
  readonly properties?: PropertiesInput | undefined
  readonly privacyMode?: boolean | undefined
  readonly fullCapture?: boolean | undefined
  readonly redact?: Redact | undefined
  /** What the step has failed with, to name the exception event about it. */
  readonly thrown?: unknown
}

/** What is captured besides calls: a span, or a trace. */
export interface Step {
  readonly event: "$ai_span" | "$ai_trace"
  /** `$ai_span_type`. */
  readonly type?: string | undefined
  readonly latencySeconds?: number | undefined
  readonly failure?: Failure | undefined
  readonly httpStatus?: number | undefined
  readonly stopReason?: string | undefined
  /** Absent: the event has none. Content that was looked at before is not looked at again. */
  readonly input?: (() => unknown) | Looked | undefined
  readonly output?: (() => unknown) | undefined
}

/** Most bytes of an event that has everything, the limit of PostHog's route for events of AI. */
const maxFullBytes = 8 * 1024 * 1024

/** Most bytes of the definitions of tools, the parameters and what else is no content. */
const maxBesides = 200_000

/** Most bytes of an error's message. */
const maxMessageBytes = 20_000

/** Bytes for all that is small: ids, names, counts, the signature of the library. */
const reserve = 8_192

/** A UUID v7 for now. */
export const newId = ({ newUuid }: Active, origin: Origin): string => newUuid(millisOf(origin))

/** How the content of one event is treated; `undefined`: it has none. */
export const treatmentOf = (active: Active, state: State, options: EventOptions): Treatment | undefined => {
  const policy = policyIn(state)
  if (active.options.privacyMode || policy.privacyMode || options.privacyMode === true) return undefined
  const { fullAiCapture, redactAi } = active.options
  return {
    full: options.fullCapture ?? policy.fullCapture ?? fullAiCapture,
    redact: [redactAi, ...policy.redact, options.redact].filter((f) => f !== undefined)
  }
}

/** Bytes that one event may have besides what is small. */
export const roomOf = (active: Active, isFull: boolean): number =>
  (isFull ? maxFullBytes : active.options.maxEventBytes) - reserve

/** What is looked at when an event is made, in the order of what matters. */
interface Contents {
  readonly [property: string]: (() => unknown) | Looked | undefined
}

const lookAt = (
  contents: Contents,
  treatment: Treatment | undefined,
  room: number
): Record<string, unknown> => {
  const shown: Record<string, unknown> = {}
  const looked: Array<readonly [string, Looked]> = []
  for (const [property, get] of Object.entries(contents)) {
    if (get === undefined) continue
    if (treatment === undefined) {
      shown[property] = null
      continue
    }
    if (typeof get !== "function") {
      looked.push([property, get])
      continue
    }
    let value: unknown
    try {
      value = get()
    } catch {
      value = "[Throws]"
    }
    if (value === undefined) continue
    looked.push([property, look(value, property, treatment, room)])
  }
  let left = room
  for (const [index, [property, content]] of looked.entries()) {
    // Each of those that follow gets at least its part.
    const rest = looked.slice(index + 1).reduce((sum, [, { bytes }]) => sum + bytes, 0)
    const share = Math.max(left - rest, Math.floor(left / (looked.length - index)))
    const written = content.within(share)
    left -= written.text.length
    shown[property] = written
  }
  return shown
}

const bytesOf = (content: unknown): number => content instanceof Written ? utf8Length(content.text) : 0

/** An event whose properties are known, with its place in the tree. */
const placed = (
  instance: Instance,
  active: Active,
  origin: Origin,
  event: string,
  properties: Properties,
  options: EventOptions
): AiInput => {
  const state = stateAt(origin)
  const ids = idsIn(state, active.owner)
  const id = canonicalUuid(options.uuid) ?? newId(active, origin)
  const traceId = options.traceId ?? ids.traceId ?? spanAt(origin)?.traceId ?? id
  const isNode = (nodes as ReadonlyArray<string>).includes(event)
  const parentId = options.parentId === undefined ? ids.parentId : options.parentId ?? undefined
  const own: Record<string, unknown> = { $ai_trace_id: traceId }
  const sessionId = options.sessionId ?? ids.sessionId
  if (sessionId !== undefined) own.$ai_session_id = sessionId
  if (isNode) {
    own.$ai_span_id = options.spanId ?? id
    if (parentId !== undefined) own.$ai_parent_id = parentId
  }
  if (options.name !== undefined) own.$ai_span_name = options.name
  const exception = options.thrown === undefined ? undefined : exceptionOf(instance, options.thrown, elapsedOf(origin))
  if (exception !== undefined) own.$exception_event_id = exception
  const given = properties.$ai_trace_id
  return {
    event,
    properties: { ...own, ...properties },
    // A value that is no UUID is replaced where the event is written, and the repair is reported there.
    options: options.uuid === undefined ? { ...options, uuid: id } : options,
    personlessId: typeof given === "string" ? given : traceId,
    // Without a parent of its own it has not the one of its children.
    omits: isNode && parentId === undefined ? (name) => name === "$ai_parent_id" : undefined
  }
}

/** Sends an event whose properties are known. Gives its uuid, if it was taken. */
const send = (
  instance: Instance,
  active: Active,
  origin: Origin,
  event: string,
  properties: Properties,
  options: EventOptions
): Effect.Effect<string | undefined> => {
  const { uuid, captured } = sendAi(instance, origin, placed(instance, active, origin, event, properties, options))
  return Effect.as(captured, uuid)
}

/** Captures any other event of a trace, such as `$ai_metric`. As {@link captureCall}. */
export const captureAny = (
  instance: Instance,
  origin: Origin,
  event: string,
  properties: PropertiesInput | undefined,
  options: EventOptions = {}
): Effect.Effect<string | undefined> =>
  guarded(
    instance,
    origin,
    event,
    (active) => send(instance, active, origin, event, merge(properties, options.properties), options)
  )

/** The same past the queue: waits for PostHog's acknowledgement. `undefined`: there was nothing to send. */
export const captureAnyNow = (
  instance: Instance,
  origin: Origin,
  event: string,
  properties: PropertiesInput | undefined,
  options: EventOptions = {}
): Effect.Effect<string | undefined, DeliveryError> =>
  guarded(
    instance,
    origin,
    event,
    (active): Effect.Effect<string | undefined, DeliveryError> =>
      sendAiNow(
        instance,
        origin,
        placed(instance, active, origin, event, merge(properties, options.properties), options)
      )
  )

/** Captures a call of a model. Never fails. Gives the event's uuid; `undefined`: the instance takes no events. */
export const captureCall = (
  instance: Instance,
  origin: Origin,
  call: Call,
  options: EventOptions = {}
): Effect.Effect<string | undefined> => {
  const event = call.kind === "embedding" ? "$ai_embedding" : "$ai_generation"
  return guarded(instance, origin, event, (active) => sendCall(instance, active, origin, event, call, options))
}

/**
 * Makes an event where somebody takes events. What a program gives may throw as it is read, and nothing may escape.
 */
const guarded = <E>(
  { active, door }: Instance,
  origin: Origin,
  event: string,
  make: (active: Active) => Effect.Effect<string | undefined, E>
): Effect.Effect<string | undefined, E> => {
  try {
    if (active === undefined || door.isSilent(origin, event)) {
      // Counted as ignored.
      return Effect.as(
        door.capture(origin, { event, properties: undefined, subject: undefined, options: undefined, kind: ordinary }),
        undefined
      )
    }
    return make(active)
  } catch {
    return Effect.as(door.refuse(origin, event, "an argument throws as it is read"), undefined)
  }
}

const sendCall = (
  instance: Instance,
  active: Active,
  origin: Origin,
  event: string,
  call: Call,
  options: EventOptions
): Effect.Effect<string | undefined> => {
  const state = stateAt(origin)
  const treatment = treatmentOf(active, state, options)
  const failure = call.failure ?? call.answer.failure
  const output = call.answer.output ?? (failure === undefined ? undefined : () => [])
  const facts = propertiesOf(call)
  const most = roomOf(active, treatment?.full === true)
  // No content: sent in privacy mode too. A provider and a request may say any amount of it.
  const besides = lookAt(
    {
      $ai_tools: call.request.tools,
      $ai_model_parameters: () => facts.$ai_model_parameters,
      $ai_usage: () => facts.$ai_usage,
      $ai_provider_metadata: () => facts.$ai_provider_metadata
    },
    { full: treatment?.full === true, redact: [] },
    Math.min(maxBesides, Math.floor(most / 2))
  )
  const contents = lookAt(
    {
      $ai_output_choices: call.kind === "embedding" ? undefined : output,
      $ai_input: call.request.input
    },
    treatment,
    Object.values(besides).reduce<number>((left, content) => left - bytesOf(content), most)
  )
  return send(
    instance,
    active,
    origin,
    event,
    withOwn(
      {
        ...facts,
        $ai_lib_version: libraryVersion,
        ...contents,
        ...besides,
        ...(call.kind === "embedding" ? { $ai_output_choices: null } : undefined),
        ...(failure === undefined ? undefined : failureProperties(failure, call.httpStatus, treatment))
      },
      merge(undefined, options.properties)
    ),
    options
  )
}

const failureProperties = (
  failure: Failure,
  status: number | undefined,
  treatment: Treatment | undefined
): Properties =>
  failureOf(
    failure,
    status,
    treatment === undefined || failure.message === undefined
      ? undefined
      // Also where content is sent whole: a provider's message may quote the key, which is no content.
      : look(failure.message, "$ai_error", { ...treatment, full: false }, maxMessageBytes).within(maxMessageBytes)
  )

/** Looks at what a step begins with, before the step can change it; `undefined`: it will not be shown. */
export const lookBefore = (
  { active, door }: Instance,
  origin: Origin,
  step: Pick<Step, "event">,
  get: () => unknown,
  options: EventOptions
): Looked | (() => unknown) => {
  const unseen = () => null
  if (active === undefined || door.isSilent(origin, step.event)) return unseen
  const treatment = treatmentOf(active, stateAt(origin), options)
  if (treatment === undefined) return unseen
  try {
    return look(get(), "$ai_input_state", treatment, roomOf(active, treatment.full))
  } catch {
    return () => "[Throws]"
  }
}

/** Captures a span or a trace. As {@link captureCall}. */
export const captureStep = (
  instance: Instance,
  origin: Origin,
  step: Step,
  options: EventOptions = {}
): Effect.Effect<string | undefined> =>
  guarded(instance, origin, step.event, (active) => sendStep(instance, active, origin, step, options))

const sendStep = (
  instance: Instance,
  active: Active,
  origin: Origin,
  step: Step,
  options: EventOptions
): Effect.Effect<string | undefined> => {
  const treatment = treatmentOf(active, stateAt(origin), options)
  const properties = {
    ...lookAt(
      { $ai_output_state: step.output, $ai_input_state: step.input },
      treatment,
      treatment === undefined ? 0 : roomOf(active, treatment.full)
    ),
    ...(step.type === undefined ? undefined : { $ai_span_type: step.type }),
    ...(step.latencySeconds === undefined ? undefined : { $ai_latency: step.latencySeconds }),
    ...(step.stopReason === undefined ? undefined : { $ai_stop_reason: step.stopReason }),
    ...(step.failure === undefined ? undefined : failureProperties(step.failure, step.httpStatus, treatment))
  }
  return send(instance, active, origin, step.event, { ...properties, ...merge(undefined, options.properties) }, options)
}

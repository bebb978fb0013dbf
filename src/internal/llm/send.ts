/**
 * The door of LLM analytics: all of its events, by hand or captured, are sent from here.
 */
import type * as Effect from "effect/Effect"
import type { Properties } from "../../core/event/layers.js"
import { isAiEvent } from "../../core/llm/eventNames.js"
import type { DeliveryError } from "../../PostHogError.js"
import type { UnknownAiEvent } from "../../PostHogError.js"
import type { CaptureOptions, Input, Kind, Taken } from "../capture.js"
import type { Kind as DiagnosticKind } from "../diagnostics.js"
import type { Origin } from "../effect/fiber.js"
import type { Instance } from "../instance.js"
import { slot } from "../slot.js"
import { aiLane } from "./lane.js"

/** An event about a call of a model, or of what is around it. */
export interface AiInput {
  /** One of those that PostHog knows, such as `$ai_generation`. */
  readonly event: string
  /** May have members that are computed as they are read; they are read once, when the event is written. */
  readonly properties: Properties | undefined
  /** What can be said about every event; with a uuid, the event has that one. */
  readonly options?: CaptureOptions | undefined
  /** The distinct id when neither the options nor the context have one: the id of the trace. */
  readonly personlessId?: string | undefined
  /** Whether the event shall not have a property, wherever it comes from. */
  readonly omits?: ((name: string) => boolean) | undefined
}

const ordinary: Kind = { withContext: true, withFlags: true, needsId: false }

const aiKind = slot<Kind>("llm/kind")

const unknownAiEvent: DiagnosticKind<UnknownAiEvent> = {
  tag: "UnknownAiEvent",
  text: "an event of LLM analytics has a name that PostHog does not know there; it is sent as other events are",
  warns: true
}

/** PostHog's route for LLM analytics refuses events of other names, so those go with all others. */
const kindOf = (instance: Instance, event: string): Kind => {
  const { active } = instance
  if (active === undefined) return ordinary
  if (isAiEvent(event)) return aiKind.getOrMake(instance, () => ({ ...ordinary, lane: aiLane(active) }))
  if (typeof event === "string") {
    active.diagnostics.emit(unknownAiEvent, () => ({ _tag: "UnknownAiEvent", event: event.slice(0, 200) }))
  }
  return ordinary
}

const inputOf = (instance: Instance, { event, omits, options, personlessId, properties }: AiInput): Input => ({
  event,
  properties,
  subject: undefined,
  options,
  kind: kindOf(instance, event),
  personlessId,
  omits
})

/**
 * Captures an event of LLM analytics, at once and where it is called. Never fails or throws; `captured` is done already
 * unless the overflow policy waits for room.
 */
export const sendAi = (instance: Instance, origin: Origin, input: AiInput): Taken =>
  instance.door.take(origin, inputOf(instance, input))

/** Sends one at once, past the queue. Gives the uuid of the acknowledged event, `undefined` when nothing was sent. */
export const sendAiNow = (
  instance: Instance,
  origin: Origin,
  input: AiInput
): Effect.Effect<string | undefined, DeliveryError> => instance.door.captureNow(origin, inputOf(instance, input))

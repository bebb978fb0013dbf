/**
 * The door of LLM analytics: how its events get to PostHog, whoever makes them.
 */
import type { Properties } from "../../core/event/properties.js"
import type { CaptureOptions, Kind, Taken } from "../capture.js"
import type { Origin } from "../effect/fiber.js"
import type { Instance } from "../instance.js"

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

const kind: Kind = { withContext: true, withFlags: true, needsId: false }

/**
 * Captures an event of LLM analytics, at once and where it is called. Never fails or throws; `captured` is done already
 * unless the overflow policy waits for room.
 */
export const sendAi = ({ door }: Instance, origin: Origin, input: AiInput): Taken => {
  const { event, omits, options, personlessId, properties } = input
  return door.take(origin, { event, properties, subject: undefined, options, kind, personlessId, omits })
}

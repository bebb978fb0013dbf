/**
 * How an event with a meaning of its own is captured. Which there are is said in `PostHog.ts`, and what is in them in
 * `core/event/special.ts`.
 */
import * as Effect from "effect/Effect"
import type { DeclaredProperties } from "../core/event/declared.js"
import type { PropertiesInput } from "../core/event/layers.js"
import type { Made } from "../core/event/special.js"
import type { Capture, CaptureOptions, Kind, Origin } from "./capture.js"
import type { Resolver } from "./declarations.js"

/**
 * Options of the events that are about a person.
 *
 * @since 0.1.0
 * @category models
 */
export interface PersonOptions extends CaptureOptions {
  /** Properties that are only set when the person does not have them yet. */
  readonly setOnce?: PropertiesInput | DeclaredProperties<"person"> | undefined
}

/**
 * Options of `identify`.
 *
 * @since 0.1.0
 * @category models
 */
export interface IdentifyOptions extends Omit<PersonOptions, "distinctId"> {
  /** An id under which the same person was seen before they were known; the two are merged. */
  readonly anonDistinctId?: string | undefined
}

/** Says who somebody is: takes nothing from the context. */
export const identifying: Kind = { withContext: false, withFlags: false, needsId: true }

/** Says something of the person of the context. */
export const aboutPerson: Kind = { withContext: true, withFlags: true, needsId: true }

export interface Verb {
  readonly event: string
  readonly kind: Kind
  readonly options: CaptureOptions | undefined
  /** What the caller gave as properties, where the event's are made of it. */
  readonly given: unknown
  /** What the event says. May throw, because the arguments of a call may throw as they are read. */
  readonly make: (of: Resolver["of"]) => Made
}

/** Captures the event of a verb, if there is one. */
export const captureVerb = (door: Capture, origin: Origin, verb: Verb): Effect.Effect<void> => {
  const { event, given, kind, options } = verb
  // Nothing is looked at where nothing is taken; it is counted there.
  if (door.isSilent(origin, event)) return door.refuse(origin, event, "")
  const resolver = door.resolver(event)
  let made: Made
  try {
    made = verb.make(resolver.of)
  } catch {
    made = { invalid: "an argument throws as it is read" }
  }
  const defect = resolver.defect()
  if (defect !== undefined) return Effect.die(defect)
  if (made === undefined) return Effect.void
  if ("invalid" in made) return door.refuse(origin, event, made.invalid)
  return door.capture(origin, { event, properties: made.properties, subject: made.distinctId, options, kind, given })
}

/**
 * Reports reads of flags to PostHog: `$feature_flag_called`, once for each user, flag, value and groups.
 */
import * as Effect from "effect/Effect"
import { calledKey, calledProperties, type EvaluationFacts, minimalProperties } from "../../core/flags/called.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import type { EvaluatedFlag } from "../../core/flags/response.js"
import { aside, type Kind } from "../capture.js"
import { withFiber } from "../effect/fiber.js"
import type { Active, Instance } from "../instance.js"
import type { EvaluateOptions } from "./reading.js"
import type { Flags } from "./stages.js"
import { kinds } from "./words.js"

/** A flag that is read. */
export interface Exposed {
  /** `undefined`: the evaluation has no such flag. */
  readonly flag: EvaluatedFlag | undefined
  /** Whether PostHog was told about the read, or knew it already. */
  exposed: boolean
}

export interface Exposure {
  /** Whether reads are told that say nothing about it themselves. */
  readonly byDefault: boolean
  /** Tells PostHog about a read, unless it was told about an equal one. */
  readonly tell: (key: string, read: Exposed) => Effect.Effect<void>
  /** Tells the program that keys were asked for that are not here. */
  readonly notHere: (keys: ReadonlyArray<string>) => void
}

/** The event about a read: about the user of the snapshot, without the flags of the context. */
const calledEvent = "$feature_flag_called"
const calledKind: Kind = { withContext: true, withFlags: false, needsId: true }

/** The exposure of one evaluation. */
export const make = (
  { door, state }: Instance,
  { diagnostics, options }: Active,
  flags: Flags,
  { distinctId, groups }: FlagsRequest,
  { disableGeoip, sendFeatureFlagEvents = options.sendFeatureFlagEvents }: EvaluateOptions,
  facts: EvaluationFacts
): Exposure => ({
  byDefault: sendFeatureFlagEvents,
  tell: (key, read) =>
    withFiber((fiber) => {
      if (state() !== "open" || door.isSilent(fiber, calledEvent)) return Effect.void
      read.exposed = true
      const { flag } = read
      const name = calledKey(distinctId, key, flag?.value, groups)
      if (flags.called.get(name) === true) return Effect.void
      flags.called.set(name, true)
      // A read does not wait.
      return aside(door.capture(fiber, {
        event: calledEvent,
        properties: calledProperties(key, flag, facts, groups),
        subject: distinctId,
        options: { disableGeoip },
        kind: calledKind,
        omits: flags.minimalEvents && flag?.hasExperiment === false ? (name) => !minimalProperties.has(name) : undefined
      }))
    }),
  notHere: (keys) => {
    diagnostics.emit(kinds.flagsNotInSnapshot, () => ({ _tag: "FlagsNotInSnapshot", keys }))
  }
})

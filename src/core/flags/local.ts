/**
 * Evaluates flags from their definitions: pure, synchronous, and never a guess.
 *
 * @since 0.1.0
 */
import type { GroupProperties, Groups, Properties } from "../event/properties.js"
import type { Definitions } from "./definitions.js"
import type { EvaluatedFlag } from "./response.js"

/** For whom flags are evaluated. */
export interface Subject {
  readonly distinctId: string
  readonly groups?: Groups | undefined
  readonly personProperties?: Properties | undefined
  readonly groupProperties?: GroupProperties | undefined
  readonly deviceId?: string | undefined
}

/** Why a flag cannot be evaluated here. */
export type UnresolvedReason =
  | "experience_continuity"
  | "unsupported_definition"
  | "unresolved_dependency"
  | "missing_context"

/** A flag that only PostHog can evaluate for this subject. */
export interface Unresolved {
  readonly key: string
  readonly reason: UnresolvedReason
  /** Whether PostHog is to be asked: not for flags that are for browsers alone. */
  readonly asksServer: boolean
}

/** What became of each flag. */
export interface LocalResult {
  readonly flags: ReadonlyMap<string, EvaluatedFlag>
  readonly unresolved: ReadonlyMap<string, Unresolved>
}

/** All flags, or those of `keys`; unknown keys are in neither map. `now` is in milliseconds since the epoch. Never throws. */
export const evaluateFlags = (
  _definitions: Definitions,
  _subject: Subject,
  _now: number,
  _keys?: ReadonlyArray<string>
): LocalResult => ({ flags: new Map(), unresolved: new Map() })

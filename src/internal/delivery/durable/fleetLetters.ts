/**
 * Events that PostHog refused, as entries of the stream of dead letters.
 */
import * as Effect from "effect/Effect"
import type { Form } from "../../../core/event/properties.js"
import type { DropReason } from "../../../PostHogError.js"
import type { Batch } from "../batch.js"
import type { Failure } from "../failure.js"
import { encode } from "./element.js"
import type { Fields } from "./redis.js"

/** Events that were refused for one reason. */
export interface Letter {
  readonly batch: Batch
  readonly reason: DropReason
  readonly failure: Failure | undefined
}

export const letterOf = (
  { batch, failure, reason }: Letter,
  lane: string,
  form: Form | undefined
): Effect.Effect<Fields> =>
  Effect.map(encode(batch, form), (fields) => [
    ...fields,
    "l",
    lane,
    "r",
    reason,
    "s",
    failure?.status === undefined ? "" : String(failure.status),
    "d",
    failure?.detail ?? ""
  ])

/**
 * What the flushes of several queues achieved together.
 */
import * as Effect from "effect/Effect"
import { DeliveryError } from "../../PostHogError.js"
import type { FlushReport } from "./flushes.js"

/** What a flush has achieved, and why not more. */
interface Outcome {
  readonly report: FlushReport
  readonly failure: DeliveryError | undefined
}

export const outcomeOf = (flush: Effect.Effect<FlushReport, DeliveryError>): Effect.Effect<Outcome> =>
  Effect.match(flush, {
    onSuccess: (report): Outcome => ({ report, failure: undefined }),
    onFailure: (failure): Outcome => ({ report: failure, failure })
  })

/** What several flushes achieved together; the first failure says why not more. */
export const total = (results: ReadonlyArray<Outcome>): Effect.Effect<FlushReport, DeliveryError> => {
  let delivered = 0
  let dropped = 0
  let queued = 0
  let failure: DeliveryError | undefined
  for (const outcome of results) {
    delivered += outcome.report.delivered
    dropped += outcome.report.dropped
    queued += outcome.failure?.queued ?? 0
    failure ??= outcome.failure
  }
  if (failure === undefined) return Effect.succeed({ delivered, dropped })
  const { detail, reason, status } = failure
  return new DeliveryError({ reason, status, detail, delivered, dropped, queued })
}

/**
 * Takes one batch to its end: repeats requests that may succeed later, and takes a batch apart when only a part of it
 * is to blame.
 */
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { DropReason } from "../../PostHogError.js"
import type { Batch } from "./batch.js"
import type { Retryable, SendFailure } from "./failure.js"
import * as Schedules from "./schedules.js"
import type { Transport } from "./transport.js"

/** Most times that parts of one batch are halved after the server refused them. */
const maxBisections = 64

/** So many events refused one by one and none accepted mean that the server refuses everything. */
const maxRefusedAlone = 4

/** What is to be sent, and who follows how that goes. */
export interface Job {
  /** What is not settled yet, in order; the first is being sent. More than one after a split. */
  pieces: ReadonlyArray<Batch>
  /** Whether more requests may be made. When not, the rest is left as it is. */
  readonly mayGoOn: () => boolean
  /** How many of these events the next request should hold, from the first on. */
  readonly fitting: (piece: Batch) => number
  /** A request is about to be made. `attempt` counts from 0. */
  readonly onAttempt: (piece: Batch, attempt: number) => void
  /** Shortens the pause before a repetition, in milliseconds. */
  readonly cut: (delayMillis: number) => number
  /** The request failed and will be repeated after a pause. */
  readonly onPause: (piece: Batch, failure: Retryable, attempt: number, delayMillis: number) => void
  /** The server found the piece, several events, too large. */
  readonly onTooLarge: (piece: Batch) => void
  readonly onDelivered: (piece: Batch) => void
  readonly onDropped: (piece: Batch, reason: DropReason, failure: SendFailure) => void
}

/** Sends one piece, repeatedly if need be. */
const deliver = (
  piece: Batch,
  job: Job,
  transport: Transport,
  delays: Schedule.Schedule<unknown>,
  maxRetries: number
): Effect.Effect<void, SendFailure> => {
  let attempt = 0
  return Effect.suspend(() => {
    job.onAttempt(piece, attempt)
    return transport.send(piece, attempt++, job.mayGoOn)
  }).pipe(
    Effect.retry({
      schedule: Schedules.retries(
        delays,
        maxRetries,
        job.cut,
        (failure, attempt, delayMillis) => job.onPause(piece, failure, attempt, delayMillis)
      ),
      while: job.mayGoOn
    })
  )
}

/**
 * Sends a job. Pieces that are left at its end could not be sent: it gives the last failure when the retries are used
 * up, and nothing when it may not go on.
 */
export const make = (
  transport: Transport,
  { maxRetries, retrySchedule }: { readonly maxRetries: number; readonly retrySchedule: Schedule.Schedule<unknown> }
): (job: Job) => Effect.Effect<Retryable | undefined> =>
  Effect.fnUntraced(function*(job) {
    let bisections = 0
    let refusedAlone = 0
    let accepted = 0
    for (;;) {
      const [first, ...others] = job.pieces
      if (first === undefined || !job.mayGoOn()) return undefined
      // What the server takes may have been learnt since the batch was made.
      const fitting = job.fitting(first)
      const piece = first.slice(0, fitting)
      const rest = fitting < first.count ? [first.slice(fitting), ...others] : others
      const half = piece.count >> 1
      const result = yield* Effect.either(deliver(piece, job, transport, retrySchedule, maxRetries))
      if (result._tag === "Right") {
        accepted += piece.count
        job.pieces = rest
        job.onDelivered(piece)
        continue
      }
      const failure = result.left
      switch (failure._tag) {
        case "Retryable":
          return failure
        case "TooLarge": {
          if (piece.count > 1) job.onTooLarge(piece)
          if (piece.count === 1) {
            job.pieces = rest
            job.onDropped(piece, "too_large", failure)
          } else {
            // The rest stays together: how much of it fits is known when its turn comes.
            job.pieces = [piece.slice(0, half), piece.slice(half).upTo(rest.at(-1) ?? piece)]
          }
          continue
        }
        case "Rejected": {
          // 400 means that some event is malformed, without saying which; other statuses mean all of them.
          const bisect = failure.status === 400 && piece.count > 1 && bisections < maxBisections &&
            (accepted > 0 || refusedAlone < maxRefusedAlone)
          if (bisect) {
            bisections++
            job.pieces = [piece.slice(0, half), piece.slice(half), ...rest]
          } else {
            if (piece.count === 1) refusedAlone++
            job.pieces = rest
            job.onDropped(piece, "rejected", failure)
          }
          continue
        }
      }
    }
  })

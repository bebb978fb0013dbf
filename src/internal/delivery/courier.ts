/**
 * Takes one batch to its end: repeats requests that may succeed later, and takes a batch apart when only a part of it is to
 * blame.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { DropReason } from "../../PostHogError.js"
import type { Diagnostics } from "../diagnostics.js"
import { monotonicMillis } from "../monotonic.js"
import type { Resolved } from "../options.js"
import type { Batch } from "./eventQueue.js"
import * as Retry from "./retry.js"
import type { Statistics } from "./statistics.js"
import type { Retryable, SendFailure, Transport } from "./transport.js"

/** Most times that parts of one batch are halved after the server refused them. */
const maxBisections = 64

/** So many events refused one by one and none accepted mean that the server refuses everything. */
const maxRefusedAlone = 4

/** A batch on its way. */
export interface Sending {
  /** What is not settled yet, in order; the first is being sent. More than one after a split. */
  pieces: ReadonlyArray<Batch>
  /** Set during the pause before a retry: what the pause is for. */
  waiting: Retryable | undefined
  /** By when, on the clock, the request is answered or the pause over, unless the fiber is one that nothing resumes any more. */
  until: number
}

/** Who keeps the books of a sending. */
export interface Ledger {
  readonly delivered: (piece: Batch) => void
  readonly dropped: (piece: Batch, reason: DropReason, failure: SendFailure) => void
  /** The server found a body of this size too large. */
  readonly tooLarge: (bytes: number) => void
  /** Whether more requests may be made for this batch. When not, it is left as it is. */
  readonly mayGoOn: () => boolean
}

/**
 * Makes the effect that sends a batch. Pieces that are left at its end could not be sent: it gives the last failure when the
 * retries are used up, and nothing when it may not go on.
 */
export const make = (
  { maxRetries, requestTimeout }: Pick<Resolved, "maxRetries" | "requestTimeout">,
  transport: Transport,
  statistics: Statistics,
  diagnostics: Diagnostics
): (sending: Sending, ledger: Ledger) => Effect.Effect<Retryable | undefined> => {
  const timeoutMillis = Duration.toMillis(requestTimeout)

  /** Sends one piece, repeatedly if need be. */
  const deliver = (piece: Batch, sending: Sending, mayGoOn: () => boolean): Effect.Effect<void, SendFailure> => {
    let attempt = 0
    return Effect.clockWith((clock) => {
      sending.waiting = undefined
      sending.until = monotonicMillis(clock) + timeoutMillis
      if (attempt > 0) statistics.onRetried(piece.count)
      return transport.send(piece, attempt++, mayGoOn)
    }).pipe(
      Effect.retry({
        schedule: Retry.schedule(maxRetries, (failure, attempt, delayMillis) => {
          sending.waiting = failure
          sending.until += delayMillis
          const { reason, status } = failure
          diagnostics.emit("RetryScheduled", () => ({
            _tag: "RetryScheduled",
            reason,
            status,
            attempt,
            delayMillis,
            count: piece.count
          }))
        }),
        while: mayGoOn
      })
    )
  }

  return Effect.fnUntraced(function*(sending, ledger) {
    let bisections = 0
    let refusedAlone = 0
    let accepted = 0
    for (;;) {
      const [piece, ...rest] = sending.pieces
      if (piece === undefined || !ledger.mayGoOn()) return undefined
      const halves = [piece.slice(0, piece.count >> 1), piece.slice(piece.count >> 1), ...rest]
      const result = yield* Effect.either(deliver(piece, sending, ledger.mayGoOn))
      if (result._tag === "Right") {
        accepted += piece.count
        sending.pieces = rest
        ledger.delivered(piece)
        continue
      }
      const failure = result.left
      switch (failure._tag) {
        case "Retryable":
          return failure
        case "TooLarge": {
          ledger.tooLarge(piece.bytes.length)
          if (piece.count > 1) {
            sending.pieces = halves
          } else {
            sending.pieces = rest
            ledger.dropped(piece, "too_large", failure)
          }
          continue
        }
        case "Rejected": {
          // 400 means that some event is malformed, without saying which; other statuses mean all of them.
          const bisect = failure.status === 400 && piece.count > 1 && bisections < maxBisections &&
            (accepted > 0 || refusedAlone < maxRefusedAlone)
          if (bisect) {
            bisections++
            sending.pieces = halves
          } else {
            if (piece.count === 1) refusedAlone++
            sending.pieces = rest
            ledger.dropped(piece, "rejected", failure)
          }
          continue
        }
      }
    }
  })
}

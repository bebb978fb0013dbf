/**
 * Takes one batch to its end: repeats requests that may succeed later, and takes a batch apart when only a part of it
 * is to blame.
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Schedule from "effect/Schedule"
import type { DropReason } from "../../PostHogError.js"
import type { Batch } from "./batch.js"
import { type Retryable, type SendFailure, toFailure } from "./failure.js"
import type { Report, Unpersisted } from "./report.js"
import * as Schedules from "./schedules.js"
import {
  type Again,
  type Label,
  makeLabel,
  type Refusal,
  type Remark,
  type Results,
  type Transport
} from "./transport.js"

/** Most times that parts of one batch are halved after the server refused them. */
const maxBisections = 64

/** So many events refused one by one and none accepted mean that the server refuses everything. */
const maxRefusedAlone = 4

/** What is to be sent, and who follows how that goes. */
export interface Job {
  /** What is not settled yet, in order; the first is being sent. More than one after a split. */
  pieces: ReadonlyArray<Batch>
  /** Of the request that is being made for the first piece; whoever goes on with the pieces goes on with it. */
  label: Label | undefined
  /** Whether more requests may be made. When not, the rest is left as it is. */
  readonly mayGoOn: () => boolean
  /** Whether a request that failed may be made again. When not, the job ends as when the retries are used up. */
  readonly mayRepeat: () => boolean
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
  /** The server took events with a remark. They are among those that are delivered next. */
  readonly onRemarked: (piece: Batch, detail: string | undefined) => void
  /** Some events of a request were not persisted, and it is not repeated any more. */
  readonly onFailed: (report: Report) => void
}

/** One piece on its way. */
interface Parcel {
  /** What of it is not settled. Shrinks when an answer settles single events. */
  piece: Batch
  /** The pieces after it. */
  readonly rest: ReadonlyArray<Batch>
  /** How many of its events were acknowledged. */
  accepted: number
  /** Those that were refused by an answer about single events, and its status. */
  readonly refused: Array<Unpersisted>
  status: number | undefined
  /** What the last such answer said about those that are left. */
  again: ReadonlyArray<Unpersisted> | undefined
}

const parcelOf = (piece: Batch, rest: ReadonlyArray<Batch>): Parcel => ({
  piece,
  rest,
  accepted: 0,
  refused: [],
  status: undefined,
  again: undefined
})

/** Events of a piece by what was said about them. */
const grouped = <V extends Remark | Again | Refusal>(
  piece: Batch,
  verdicts: ReadonlyArray<readonly [position: number, verdict: V]>
): ReadonlyArray<{ readonly verdict: V; readonly batch: Batch }> => {
  const groups = new Map<string, { readonly verdict: V; readonly positions: Array<number> }>()
  for (const [position, verdict] of verdicts) {
    const key = JSON.stringify(verdict)
    const known = groups.get(key)
    if (known === undefined) groups.set(key, { verdict, positions: [position] })
    else known.positions.push(position)
  }
  return Array.from(groups.values(), ({ positions, verdict }) => ({ verdict, batch: piece.pick(positions) }))
}

type Policy = { readonly maxRetries: number; readonly retrySchedule: Schedule.Schedule<unknown> }

/** Sends a parcel, repeatedly if need be, until each of its events is settled. */
const deliver = (
  parcel: Parcel,
  job: Job,
  label: Label,
  transport: Transport,
  policy: Policy
): Effect.Effect<void, SendFailure> => {
  let attempt = 0
  const once = Effect.suspend(() => {
    if (attempt > 0) label.attempt++
    job.onAttempt(parcel.piece, attempt++)
    return Effect.flatMap(transport.send(parcel.piece, label, job.mayGoOn), (results) => settle(parcel, job, results))
  })
  return Schedules.retrying(
    once,
    policy.retrySchedule,
    policy.maxRetries,
    () => job.mayGoOn() && job.mayRepeat(),
    job.cut,
    (failure, attempt, delayMillis) => job.onPause(parcel.piece, failure, attempt, delayMillis)
  )
}

/** Settles what an answer settles. Fails when there are events that are to be sent again. */
const settle = (parcel: Parcel, job: Job, results: Results | undefined): Effect.Effect<void, Retryable> => {
  const { piece, rest } = parcel
  if (results === undefined) {
    parcel.accepted += piece.count
    job.pieces = rest
    job.label = undefined
    job.onDelivered(piece)
    return Effect.void
  }
  const accepted: Array<number> = []
  const remarks: Array<readonly [number, Remark]> = []
  const again: Array<readonly [number, Again]> = []
  const refused: Array<readonly [number, Refusal]> = []
  results.verdicts.forEach((verdict, position) => {
    if (verdict === "ok") return void accepted.push(position)
    if (verdict.result === "retry") return void again.push([position, verdict])
    if (verdict.result === "drop") return void refused.push([position, verdict])
    accepted.push(position)
    remarks.push([position, verdict])
  })
  const left = again.length === 0 ? [] : [piece.pick(again.map(([position]) => position))]
  const lost = Array.from(grouped(piece, refused))
  const { status } = results
  parcel.status = status
  parcel.again = grouped(piece, again).map((part) => ({ ...part, fate: "exhausted" }))
  for (const part of lost) parcel.refused.push({ ...part, fate: "dropped" })
  for (const { batch, verdict } of grouped(piece, remarks)) job.onRemarked(batch, verdict.detail)
  // What is not told yet is still unsettled, for those who wait for it.
  while (lost.length > 0) {
    const { batch, verdict: { detail, reason } } = lost.shift()!
    const others = accepted.length > 0 ? [piece.pick(accepted)] : []
    job.pieces = [...others, ...lost.map(({ batch }) => batch), ...left, ...rest]
    job.onDropped(batch, reason, { _tag: "Rejected", status, detail })
  }
  job.pieces = [...left, ...rest]
  if (accepted.length > 0) {
    parcel.accepted += accepted.length
    job.onDelivered(piece.pick(accepted))
  }
  const [next] = left
  if (next === undefined) {
    job.label = undefined
    return Effect.void
  }
  parcel.piece = next
  const { retryAfter } = results
  const detail = `${next.count} of ${piece.count} events were not taken yet`
  return Effect.fail({ _tag: "Retryable", reason: "status", status, detail, retryAfter })
}

/**
 * Sends a job. Pieces that are left at its end could not be sent: it gives the last failure when the retries are used
 * up, and nothing when it may not go on.
 */
export const make = (transport: Transport, policy: Policy): (job: Job) => Effect.Effect<Retryable | undefined> =>
  Effect.fnUntraced(function*(job) {
    let bisections = 0
    let refusedAlone = 0
    let accepted = 0
    for (;;) {
      const [first, ...others] = job.pieces
      if (first === undefined || !job.mayGoOn()) return undefined
      // What the server takes may have been learnt since the batch was made.
      const most = job.fitting(first)
      const fitting = transport.fitting === undefined ? most : transport.fitting(first, most)
      const rest = fitting < first.count ? [first.slice(fitting), ...others] : others
      const parcel = parcelOf(first.slice(0, fitting), rest)
      const label = job.label ??= makeLabel()
      const failure = yield* Effect.match(deliver(parcel, job, label, transport, policy), {
        onSuccess: () => undefined,
        onFailure: identity
      })
      accepted += parcel.accepted
      const report = (...more: ReadonlyArray<Unpersisted>): void => {
        const unpersisted = [...parcel.refused, ...more]
        const endpoint = transport.endpoint?.()
        if (unpersisted.length === 0 || endpoint === undefined) return
        const { attempt, requestId = "" } = label
        const status = failure === undefined ? parcel.status : toFailure(failure).status
        job.onFailed({ endpoint, requestId, attempts: attempt + 1, status, unpersisted })
      }
      if (failure === undefined) {
        report()
        continue
      }
      // Events that are left when the retries are used up, or when it may not go on.
      if (failure._tag === "Retryable") {
        const unsaid: Unpersisted = { batch: parcel.piece, fate: "exhausted", verdict: undefined }
        report(...job.mayGoOn() ? parcel.again ?? [unsaid] : [])
        return failure
      }
      if (failure._tag === "EncodingRefused") {
        report()
        // The same request once more; how its body is written is the transport's.
        if (job.label !== undefined) job.label.attempt++
        continue
      }
      job.label = undefined
      const { piece } = parcel
      const dropped: Unpersisted = { batch: piece, fate: "dropped", verdict: undefined }
      const half = piece.count >> 1
      switch (failure._tag) {
        case "TooLarge": {
          if (piece.count > 1) job.onTooLarge(piece)
          if (piece.count === 1) {
            job.pieces = rest
            job.onDropped(piece, "too_large", failure)
            report(dropped)
          } else {
            report()
            // The rest stays together: how much of it fits is known when its turn comes.
            job.pieces = [piece.slice(0, half), ...together(piece.slice(half), rest)]
          }
          continue
        }
        case "Rejected": {
          // 400 means that some event is malformed, without saying which; other statuses mean all of them.
          const bisect = failure.status === 400 && piece.count > 1 && bisections < maxBisections &&
            (accepted > 0 || refusedAlone < maxRefusedAlone)
          if (bisect) {
            bisections++
            report()
            job.pieces = [piece.slice(0, half), piece.slice(half), ...rest]
          } else {
            if (piece.count === 1) refusedAlone++
            job.pieces = rest
            // What to do about it is said first.
            job.onDropped(piece, "rejected", failure)
            report(dropped)
          }
          continue
        }
      }
    }
  })

/** A piece and those after it, as one as far as they stand side by side. */
const together = (piece: Batch, rest: ReadonlyArray<Batch>): ReadonlyArray<Batch> => {
  let whole = piece
  let joined = 0
  for (const next of rest) {
    const more = whole.join(next)
    if (more === undefined) break
    whole = more
    joined++
  }
  return [whole, ...rest.slice(joined)]
}

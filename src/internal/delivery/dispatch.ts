/**
 * What is being sent: hands batches of a queue to a limited number of fibers, and keeps each batch until it is settled
 * or taken back.
 *
 * Long because every end and every way back of a batch is here, beside what begins it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { redactText } from "../../core/secrets.js"
import { describe } from "../../core/thrown.js"
import type { DropReason } from "../../PostHogError.js"
import { type Diagnostics, kinds } from "../diagnostics.js"
import { isInterruption } from "../effect/cause.js"
import { interruptNow } from "../effect/fiber.js"
import type { Resolved } from "../options.js"
import type { Topic } from "../warnings.js"
import type { Backing } from "./backing.js"
import type { Batch } from "./batch.js"
import type { Books, Owner } from "./books.js"
import type { Budget } from "./budget.js"
import { Circuit, probeSize } from "./circuit.js"
import type { Elapsed } from "./elapsed.js"
import type { EventQueue } from "./eventQueue.js"
import { type Failure, type Retryable, toFailure } from "./failure.js"
import type { Flushes } from "./flushes.js"
import type { Gate } from "./gate.js"
import { tellFailed, tellRemarked } from "./report.js"
import type { Job } from "./sender.js"
import type { SizeLimit } from "./sizeLimit.js"
import type { Label } from "./transport.js"

/** Who sends queued events: the instance, or a flush for itself. */
export interface Round {
  /** Queued events below this number are to be sent as soon as a request may be made. */
  due: number
}

/** A batch in the hands of a fiber. */
export interface Sending {
  readonly job: Job
  readonly owner: Owner
  /** `undefined`: the batch did not come from the queue. */
  readonly round: Round | undefined
  /** Set during the pause before a repetition: what the pause is for. */
  waiting: Retryable | undefined
  /**
   * When the answer has to be there or the pause is over, by `Elapsed`. A fiber that is later than this is one that
   * nothing resumes.
   */
  until: number
  /** When it is to be sent anew, see `Budget`. */
  resendAt: number
  /** How many pauses had begun when its last request was made. */
  pauses: number
  /** Whether somebody opted out since it began: the request that is under way is the last. */
  stopped: boolean
  fiber: Fiber.RuntimeFiber<void> | undefined
}

export interface Parts {
  /** What requests are about, for warnings. */
  readonly about: Topic
  readonly options: Pick<Resolved, "maxConcurrentRequests" | "overflow" | "waitUpTo" | "retryPause" | "background">
  readonly queue: EventQueue
  readonly flushes: Flushes
  readonly backing: Backing | undefined
  readonly limit: SizeLimit
  readonly gate: Gate
  readonly books: Books
  readonly budget: Budget
  readonly elapsed: Elapsed
  readonly diagnostics: Diagnostics
  readonly send: (job: Job) => Effect.Effect<Retryable | undefined>
  /** Takes what comes from the queue, if that is not sent from here. */
  readonly store: Parts["send"] | undefined
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>
}

export class Dispatch {
  /** What the instance sends by itself, in the background and at the end. */
  readonly always: Round = { due: 0 }
  readonly sendings = new Set<Sending>()
  private readonly watchers = new Set<() => void>()
  private readonly again = new Set<Round>()
  private isProceeding = false
  private readonly circuit: Circuit
  /** Called when the queue may have room again. */
  onRoom: () => void = () => {}

  constructor(private readonly parts: Parts) {
    this.circuit = new Circuit(parts.options, parts.fork, () => this.advance())
  }

  /** Calls back after every step, until the result is called. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  /** Sends all that is queued now as soon as requests may be made. */
  makeDue(): void {
    this.always.due = this.parts.queue.next
    this.advance(this.always)
  }

  /** To be called after anything that may have settled events or made some due. */
  advance(round: Round = this.always): void {
    this.proceed(round)
    for (const watcher of this.watchers) watcher()
  }

  /** Does for a round what can be done now. */
  proceed(round: Round): void {
    this.again.add(round)
    // A client that answers on the spot would otherwise come back here from within, once for every batch.
    if (this.isProceeding) return
    this.isProceeding = true
    for (const round of this.again) {
      this.again.delete(round)
      this.startRequests(round)
      this.onRoom()
      this.parts.backing?.refill()
      if (!this.parts.flushes.isEmpty) this.parts.flushes.completeBelow(this.oldest())
    }
    this.isProceeding = false
  }

  private startRequests(round: Round): void {
    const { circuit, parts: { books, flushes, queue, store } } = this
    let requests = 0
    for (const sending of this.sendings) if (sending.round === round) requests++
    while (requests < circuit.most && queue.first < round.due) {
      // A store is given the same batch again, by which it knows what it has already.
      const batch = circuit.isProbing && store === undefined ? queue.probe(probeSize) : queue.shift()
      if (batch === undefined) return
      books.departed(batch)
      requests++
      this.start([batch], flushes, round)
    }
  }

  /**
   * Hands events in flight to a fiber, which begins on the spot: on some platforms only the caller of a flush may do
   * I/O.
   */
  start(pieces: ReadonlyArray<Batch>, owner: Owner, round: Round | undefined, label?: Label): Sending {
    const sending: Sending = {
      job: this.job(pieces, label, () => sending),
      owner,
      round,
      waiting: undefined,
      until: Number.POSITIVE_INFINITY,
      resendAt: Number.POSITIVE_INFINITY,
      pauses: this.circuit.pauses,
      stopped: false,
      fiber: undefined
    }
    this.sendings.add(sending)
    // Interruptible whatever the region was in which the instance was built: time limits depend on it.
    sending.fiber = this.parts.fork(Effect.matchCause(Effect.interruptible(this.sender(owner)(sending.job)), {
      onSuccess: (failure) => this.ended(sending, failure),
      onFailure: (cause) =>
        // Interrupted by the client itself; a sending that was taken from its fiber is not known here any more.
        isInterruption(cause)
          ? this.ended(sending, { _tag: "Retryable", reason: "connection", detail: "interrupted" })
          : this.ended(sending, undefined, redactText(describe(Cause.squash(cause))))
    }))
    return sending
  }

  private sender({ lane }: Owner): Parts["send"] {
    return (lane === undefined ? undefined : this.parts.store) ?? this.parts.send
  }

  /** Follows a job and keeps its books, until it is taken away from its fiber. */
  private job(pieces: ReadonlyArray<Batch>, label: Label | undefined, self: () => Sending): Job {
    const { about, books, budget, diagnostics, elapsed, limit, queue } = this.parts
    const isKnown = () => this.sendings.has(self())
    return {
      pieces,
      label,
      mayGoOn: () => !self().stopped,
      mayRepeat: () => !this.circuit.isProbing || self().owner.lane === undefined,
      fitting: (piece) => piece.fitting(limit.bytes),
      cut: (delayMillis) => budget.cut(delayMillis, elapsed.now()),
      onAttempt: (piece, attempt) => {
        const sending = self()
        const now = elapsed.now()
        sending.waiting = undefined
        sending.until = budget.answeredBy(now)
        sending.resendAt = budget.resendAt(now)
        sending.pauses = this.circuit.pauses
        if (attempt > 0) books.retried(piece)
      },
      onPause: (piece, failure, attempt, delayMillis) => {
        const { reason, status } = failure
        const sending = self()
        sending.waiting = failure
        sending.until = elapsed.now() + delayMillis
        sending.resendAt = Number.POSITIVE_INFINITY
        this.tell(failure, sending.owner, this.parts.gate.isClosed ? "closing" : "again")
        diagnostics.emit(kinds.retryScheduled, () => ({
          _tag: "RetryScheduled",
          reason,
          status,
          attempt,
          delayMillis,
          count: piece.count
        }))
      },
      onTooLarge: (piece) => {
        this.circuit.answered(self().pauses)
        limit.refused(piece)
        queue.maxBatchBytes = limit.bytes
      },
      onDelivered: (piece) => {
        limit.accepted()
        diagnostics.succeeded(about)
        queue.maxBatchBytes = limit.bytes
        if (!isKnown()) return
        const { owner, round } = self()
        if (this.sender(owner) === this.parts.store) {
          books.stored(piece, owner, "inFlight")
          // Whoever waits has waited for this.
          owner.settle(piece, undefined, undefined)
        } else {
          books.delivered(piece, owner)
        }
        if (this.circuit.answered(self().pauses)) this.circuit.end()
        this.advance(round)
      },
      onRemarked: (piece, detail) => {
        if (!isKnown()) return
        books.warned(piece)
        tellRemarked(diagnostics, piece, detail)
      },
      onFailed: (report) => {
        if (!isKnown()) return
        const { lane, left } = self().owner
        // What is stored has a later, also when this instance has none.
        tellFailed(diagnostics, report, lane === undefined || left === undefined && this.parts.gate.isClosed)
      },
      onDropped: (piece, reason, failure) => {
        if (!isKnown()) return
        this.circuit.answered(self().pauses)
        // For an event that is too large the report of the drop is enough.
        if (reason !== "too_large") this.tell(toFailure(failure), self().owner, "lost")
        books.lost(piece, self().owner, reason, toFailure(failure))
        this.advance(self().round)
      }
    }
  }

  /** A fiber has come to its end. */
  private ended(sending: Sending, failure: Retryable | undefined, defect?: string): void {
    if (!this.sendings.delete(sending)) return
    const why = failure && toFailure(failure)
    if (defect !== undefined) this.drop(sending, "internal_error", { reason: "connection", detail: defect })
    else if (sending.stopped || why === undefined) this.drop(sending, "opted_out", why)
    // Whoever stored it will have it sent another time.
    else if (sending.owner.left !== undefined && this.parts.gate.isClosed) this.leave(sending, "undelivered", why)
    // An event that somebody waits for is theirs to send again, and a closed instance has no later.
    else if (sending.owner.lane === undefined || this.parts.gate.isClosed) {
      this.tell(why, sending.owner, "lost")
      this.drop(sending, "undelivered", why)
    } else if (sending.job.pieces.length > 0) {
      this.tell(why, sending.owner, "again")
      this.postpone(sending, failure!, why)
    }
    this.advance(sending.round)
  }

  /** Reports a request that failed. `then` says where its events go. */
  private tell({ detail, reason, status }: Failure, { lane }: Owner, then: "again" | "closing" | "lost"): void {
    const fate = lane !== undefined ? then : then === "lost" ? "awaitedLost" : "awaited"
    const { about, diagnostics } = this.parts
    diagnostics.failed({ about, reason, status, detail, fate })
  }

  /** The retries are used up. */
  private postpone(sending: Sending, failure: Retryable, why: Failure): void {
    const { diagnostics, flushes } = this.parts
    const { pieces } = sending.job
    const { detail, reason, status } = failure
    const count = pieces.reduce((sum, piece) => sum + piece.count, 0)
    const { sequence } = pieces[0]!
    this.requeue(sending)
    const pauseMillis = this.circuit.pause(failure)
    diagnostics.emit(
      kinds.deliveryPaused,
      () => ({ _tag: "DeliveryPaused", reason, status, detail, count, pauseMillis })
    )
    this.trim()
    flushes.failAbove(sequence, why, (sequence) => this.isUnderWay(sequence))
  }

  /** Whether somebody is about to learn what becomes of the event of the queue with this number. */
  private isUnderWay(sequence: number): boolean {
    return Array.from(this.sendings).some(({ job, owner }) =>
      owner.lane !== undefined &&
      job.pieces.some((piece) => piece.countBelow(sequence + 1) > piece.countBelow(sequence))
    )
  }

  /** Requests may be made at once. */
  endPause(): void {
    this.circuit.end()
  }

  /** Gives up what a sending has left, after it was taken. */
  drop({ job, owner }: Sending, reason: DropReason, failure?: Failure): void {
    for (const piece of job.pieces) this.parts.books.lost(piece, owner, reason, failure)
  }

  /** Leaves to the store what a sending has left, after it was taken. What is in no store is given up. */
  leave({ job, owner }: Sending, reason: DropReason = "shutdown_timeout", failure?: Failure): void {
    for (const piece of job.pieces) this.leaveBatch(piece, owner, "inFlight", reason, failure)
  }

  private leaveBatch(
    piece: Batch,
    owner: Owner,
    from: "queued" | "inFlight",
    reason: DropReason,
    failure: Failure | undefined
  ): void {
    const { backing, books } = this.parts
    const parts = owner.lane === undefined ? undefined : backing?.split(piece)
    for (const { batch, isStored } of parts ?? [{ batch: piece, isStored: true }]) {
      if (isStored) books.stored(batch, owner, from)
      else if (from === "queued") books.evicted(batch, owner, reason, failure)
      else books.lost(batch, owner, reason, failure)
    }
  }

  /** Leaves to the store all that is queued. */
  leaveQueued(reason: DropReason, failure: Failure): void {
    const { backing, flushes, queue } = this.parts
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      this.leaveBatch(batch, flushes, "queued", reason, failure)
    }
    backing?.leave()
    this.advance()
  }

  private requeue({ job }: Sending): void {
    for (const piece of job.pieces) {
      this.parts.books.returned(piece)
      this.parts.queue.unshift(piece)
    }
  }

  /** What came back may be too much for the queue. Where callers wait for room, they wait a little longer instead. */
  private trim(): void {
    const { backing, books, flushes, options, queue } = this.parts
    // What a store has is not given up for want of memory: it is more by what was in flight, at most.
    if (backing !== undefined || options.waitUpTo !== undefined) return
    while (queue.isOver) {
      const batch = options.overflow === "dropOldest" ? queue.shift(1) : queue.dropNewest(1)
      books.evicted(batch!, flushes, "queue_full", { reason: "queue_full" })
    }
  }

  /** Gives up all that is queued. */
  dropQueued(reason: DropReason, failure?: Failure): void {
    const { books, flushes, queue } = this.parts
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      books.evicted(batch, flushes, reason, failure)
    }
    this.advance()
  }

  /** Ends a sending and takes it away from its fiber. */
  abandon(sending: Sending): void {
    this.sendings.delete(sending)
    interruptNow(sending.fiber)
  }

  /** The same for all that are meant. */
  take(which: (sending: Sending) => boolean): ReadonlyArray<Sending> {
    const taken = Array.from(this.sendings).filter(which)
    for (const sending of taken) this.abandon(sending)
    return taken
  }

  /** Sends anew what was taken. */
  restart(sending: Sending): void {
    const { books } = this.parts
    if (sending.stopped) {
      this.drop(sending, "opted_out")
    } else if (sending.job.pieces.length > 0) {
      const { label, pieces } = sending.job
      books.retried(pieces[0]!)
      this.start(pieces, sending.owner, sending.round, label && { ...label, attempt: label.attempt + 1 })
    }
  }

  /** What was being sent belongs to the queue again, unless nobody wants it sent any more. */
  giveBack(taken: ReadonlyArray<Sending>): void {
    for (const sending of taken) {
      if (sending.stopped) this.drop(sending, "opted_out")
      else if (sending.owner.lane !== undefined) this.requeue(sending)
      else if (sending.owner.left !== undefined) this.leave(sending, "undelivered", { reason: "timeout" })
      else this.drop(sending, "undelivered", { reason: "timeout" })
      // Its fiber may be late, and not dead.
      sending.stopped = true
    }
    this.trim()
  }

  /** Number of the oldest event of the queue that is not settled. */
  private oldest(): number {
    let first = Math.min(this.parts.queue.first, this.parts.backing?.firstUnread ?? Number.POSITIVE_INFINITY)
    for (const { job: { pieces }, owner } of this.sendings) {
      if (owner.lane !== undefined) { for (const { sequence } of pieces) first = Math.min(first, sequence) }
    }
    return first
  }

  /** How many events wait, in memory or not. */
  private get waiting(): number {
    return this.parts.queue.count + (this.parts.backing?.unread ?? 0)
  }

  /** How many events of the queue are not settled. */
  get unsettled(): number {
    let count = this.waiting
    for (const { job, owner } of this.sendings) {
      if (owner.lane !== undefined) { for (const piece of job.pieces) count += piece.count }
    }
    return count
  }

  /** Whether queued events wait for more than a request to become free. */
  get isHolding(): boolean {
    return this.circuit.isOpen
  }

  get isEmpty(): boolean {
    return this.waiting === 0 && this.sendings.size === 0
  }
}

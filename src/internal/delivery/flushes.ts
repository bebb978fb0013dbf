/**
 * Who waits for which events to be settled, and the failure that they get when events are dropped.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { DeliveryError, type DropReason } from "../../PostHogError.js"
import { complete } from "../completion.js"
import { makeDeferred } from "../effect/waiting.js"
import type { Backing } from "./backing.js"
import type { Batch } from "./batch.js"
import type { Owner } from "./books.js"
import type { Failure } from "./failure.js"

/**
 * What a flush achieved.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlushReport {
  /** Events that PostHog acknowledged during the flush. */
  readonly delivered: number
  /** Events that were given up on purpose meanwhile, because the instance was opted out. */
  readonly dropped: number
}

/** A flush in progress: waits until all events below `target` are settled. */
export interface Flush {
  readonly target: number
  /** Set if it waits for one event only, whatever becomes of those before it: its number. */
  readonly only: number | undefined
  /** How many events were not settled when the flush began. */
  readonly expected: number
  readonly done: Deferred.Deferred<FlushReport, DeliveryError>
  delivered: number
  dropped: number
  /** Why events were dropped, unless that was asked for. */
  failure: Failure | undefined
}

/** Those who wait for the events of one queue, to which they belong as long as they are on their way. */
export class Flushes implements Owner {
  private readonly running = new Set<Flush>()
  private backing: Backing | undefined
  /** Only where something is behind the queue. */
  left: Owner["left"] = undefined

  constructor(readonly lane: string) {}

  /** Says what is behind the queue. */
  back(backing: Backing | undefined): void {
    this.backing = backing
    if (backing !== undefined) this.left = (batch) => this.leave(batch)
  }

  get isEmpty(): boolean {
    return this.running.size === 0
  }

  /**
   * Waits for the `expected` events below `target`. Runs `start` once it is known that somebody waits; what it gives
   * runs until they are settled, and learns from its argument whether they are.
   */
  wait(
    target: number,
    expected: number,
    start: (isOver: () => boolean) => Effect.Effect<void>
  ): Effect.Effect<FlushReport, DeliveryError> {
    return Effect.suspend(() => this.await(this.begin(target, expected), start))
  }

  /** Follows one event from now on, to be waited for or forgotten. */
  follow(sequence: number): Flush {
    return this.begin(sequence + 1, 1, sequence)
  }

  await(
    flush: Flush,
    start: (isOver: () => boolean) => Effect.Effect<void>
  ): Effect.Effect<FlushReport, DeliveryError> {
    return Effect.ensuring(
      Effect.zipRight(start(() => !this.running.has(flush)), Deferred.await(flush.done)),
      Effect.sync(() => this.forget(flush))
    )
  }

  forget(flush: Flush): void {
    this.running.delete(flush)
  }

  private begin(target: number, expected: number, only?: number): Flush {
    const done = makeDeferred<FlushReport, DeliveryError>()
    const flush: Flush = { target, only, expected, done, delivered: 0, dropped: 0, failure: undefined }
    this.running.add(flush)
    return flush
  }

  /** Events have met their end. A drop that was asked for fails no flush. */
  settle(batch: Batch, reason: DropReason | undefined, failure: Failure | undefined): void {
    this.backing?.settled(batch, reason, failure)
    for (const flush of this.running) {
      const count = countFor(flush, batch)
      if (reason === undefined) flush.delivered += count
      else flush.dropped += count
      if (count > 0 && reason !== undefined && reason !== "opted_out") flush.failure ??= failure
    }
  }

  /** Nobody waits for them any longer here: the instance has ended. */
  private leave(batch: Batch): void {
    for (const flush of this.running) {
      if (countFor(flush, batch) > 0) flush.failure ??= { reason: "closed" }
    }
  }

  /** Ends the flushes whose events are all settled; `oldest` is the number of the oldest event that is not. */
  completeBelow(oldest: number): void {
    for (const flush of this.running) {
      if (flush.target <= oldest || isAtItsEnd(flush)) {
        this.end(flush, flush.failure ?? this.backing?.withheld(flush.target))
      }
    }
  }

  /**
   * Ends the flushes that wait for the event with this number, which nobody tries to deliver for now. Who waits for a
   * single one that is under way waits on.
   */
  failAbove(sequence: number, failure: Failure, isUnderWay: (sequence: number) => boolean): void {
    for (const flush of this.running) {
      const waitsOn = flush.only !== undefined && (isAtItsEnd(flush) || isUnderWay(flush.only))
      if (flush.target > sequence && !waitsOn) this.end(flush, failure)
    }
  }

  private end(flush: Flush, failure: Failure | undefined): void {
    this.running.delete(flush)
    const { delivered, dropped, expected } = flush
    complete(
      flush.done,
      failure === undefined
        ? Effect.succeed({ delivered, dropped })
        : new DeliveryError({ ...failure, delivered, dropped, queued: expected - delivered - dropped })
    )
  }
}

/** How many of these events a flush waits for. */
const countFor = ({ only, target }: Flush, batch: Batch): number =>
  batch.countBelow(target) - (only === undefined ? 0 : batch.countBelow(only))

/** Whether the one event is settled that a flush waits for. */
const isAtItsEnd = ({ delivered, dropped, only }: Flush): boolean => only !== undefined && delivered + dropped > 0

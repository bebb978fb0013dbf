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
interface Flush {
  readonly target: number
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
    return Effect.suspend(() => {
      const done = makeDeferred<FlushReport, DeliveryError>()
      const flush: Flush = { target, expected, done, delivered: 0, dropped: 0, failure: undefined }
      this.running.add(flush)
      return Effect.ensuring(
        Effect.zipRight(start(() => !this.running.has(flush)), Deferred.await(done)),
        Effect.sync(() => this.running.delete(flush))
      )
    })
  }

  /** Events have met their end. A drop that was asked for fails no flush. */
  settle(batch: Batch, reason: DropReason | undefined, failure: Failure | undefined): void {
    this.backing?.settled(batch, reason, failure)
    for (const flush of this.running) {
      const count = batch.countBelow(flush.target)
      if (reason === undefined) flush.delivered += count
      else flush.dropped += count
      if (count > 0 && reason !== undefined && reason !== "opted_out") flush.failure ??= failure
    }
  }

  /** Nobody waits for them any longer here: the instance has ended. */
  private leave(batch: Batch): void {
    for (const flush of this.running) {
      if (batch.countBelow(flush.target) > 0) flush.failure ??= { reason: "closed" }
    }
  }

  /** Ends the flushes whose events are all settled; `oldest` is the number of the oldest event that is not. */
  completeBelow(oldest: number): void {
    for (const flush of this.running) {
      if (flush.target <= oldest) this.end(flush, flush.failure ?? this.backing?.withheld(flush.target))
    }
  }

  /** Ends the flushes that wait for the event with this number, which nobody tries to deliver for now. */
  failAbove(sequence: number, failure: Failure): void {
    for (const flush of this.running) {
      if (flush.target > sequence) this.end(flush, failure)
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

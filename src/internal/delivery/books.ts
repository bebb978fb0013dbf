/**
 * The accounts of an instance. Each step of an event is one method of the books, and nothing is counted beside them:
 *
 * ```
 *           ┌─ waits ──► queued ◄──────────┐
 * accepted ─┼─ enqueued ──►│ ─ departed ─► in flight ── delivered ─► delivered
 *           │              │ evicted       │ lost
 *           └─ refused ────┴──► dropped ◄──┘
 * ```
 *
 * With a durable outbox there is one more origin, and one more end, which an event meets from the queue or in flight:
 *
 * ```
 * recovered ─┬─ recoveredQueued ──► queued       queued ───┬─ stored ──► stored
 *            └─ recoveredInFlight ► in flight    in flight ┘
 * ```
 *
 * Therefore accepted + recovered = queued + in flight + delivered + dropped + stored at every moment, also within a
 * call.
 */
import type { DropReason, EventHead } from "../../PostHogError.js"
import { type Diagnostics, kinds } from "../diagnostics.js"
import type { Batch } from "./batch.js"
import { detailOf, type Failure } from "./failure.js"
import { Statistics, type Stats } from "./statistics.js"

/**
 * Whom events belong to while they are on their way: the flushes of their queue, or the caller who waits for one event.
 */
export interface Owner {
  /** Name of the lane from whose queue they come; `undefined`: from none. */
  readonly lane: string | undefined
  /** They have met their end; without a reason they were delivered. */
  readonly settle: (batch: Batch, reason: DropReason | undefined, failure: Failure | undefined) => void
  /**
   * They stay in a store that outlives the process, for another time or for another process: no end of theirs, but the
   * end of this instance's part. Absent: they are in no store.
   */
  readonly left?: ((batch: Batch) => void) | undefined
}

/** Events that have met their end. */
export interface End {
  /** `undefined`: they were delivered. */
  readonly reason: DropReason | undefined
  readonly count: number
  /** Only asked when somebody wants to know. */
  readonly heads: () => ReadonlyArray<EventHead>
  readonly detail: string | undefined
  /** Those of a queue: its lane and the number of the first one; the others follow without gaps. */
  readonly from: { readonly lane: string; readonly sequence: number } | undefined
  /** Whether the log says in other words why they were dropped. */
  readonly isSaid?: boolean | undefined
}

/** A listener of the books, such as diagnostics. */
export interface Listener {
  /** An event got its place in the queue of a lane. */
  readonly queued?: (lane: string, sequence: number, text: string) => void
  readonly settled?: (end: End) => void
}

export class Books {
  private readonly statistics: Statistics
  private readonly onQueued: ReadonlyArray<NonNullable<Listener["queued"]>>
  private readonly onSettled: ReadonlyArray<NonNullable<Listener["settled"]>>

  constructor(instance: string, listeners: ReadonlyArray<Listener>) {
    this.statistics = new Statistics(instance)
    this.onQueued = listeners.flatMap(({ queued }) => queued ?? [])
    this.onSettled = listeners.flatMap(({ settled }) => settled ?? [])
  }

  snapshot(): Stats {
    return this.statistics.snapshot()
  }

  /** A call that nothing came of, because nothing is taken. */
  ignored(): void {
    this.statistics.onIgnored()
  }

  /** A value of an event was replaced. */
  repaired(): void {
    this.statistics.onRepaired()
  }

  /** The properties of an event do not fit its declaration. */
  invalid(): void {
    this.statistics.onInvalid()
  }

  /** Events in flight are sent again. */
  retried(batch: Batch): void {
    this.statistics.onRetried(batch.count)
  }

  /** So many more, or fewer, of the queued events are in no store, though there is one. */
  unstored(count: number): void {
    this.statistics.onUnstored(count)
  }

  /** Events that another process had stored are queued here. */
  recoveredQueued(count: number): void {
    this.statistics.move(count, "recovered", "queued")
  }

  /** Events that another process had stored are sent by this one. */
  recoveredInFlight(batch: Batch): void {
    this.statistics.move(batch.count, "recovered", "inFlight")
  }

  /** Events in flight are about to be delivered with a remark. */
  warned(batch: Batch): void {
    this.statistics.onWarned(batch.count)
  }

  /** A new event is given up at once. `isSaid`: the log says why in other words. */
  refused(reason: DropReason, heads: () => ReadonlyArray<EventHead>, detail?: string, isSaid?: boolean): void {
    this.statistics.move(1, "accepted", "dropped", reason)
    this.tell({ reason, count: 1, heads, detail, from: undefined, isSaid })
  }

  /** A new event has its place in the queue. */
  enqueued(lane: string, sequence: number, text: string): void {
    this.statistics.move(1, "accepted", "queued")
    for (const told of this.onQueued) told(lane, sequence, text)
  }

  /** A new event waits for room in the queue. */
  waits(): void {
    this.statistics.move(1, "accepted", "queued")
  }

  /** It has found some. */
  seated(lane: string, sequence: number, text: string): void {
    for (const told of this.onQueued) told(lane, sequence, text)
  }

  /** It waits no longer. */
  gaveUp(reason: DropReason, heads: () => ReadonlyArray<EventHead>): void {
    this.statistics.move(1, "queued", "dropped", reason)
    this.tell({ reason, count: 1, heads, detail: undefined, from: undefined })
  }

  /** A new event is sent at once. */
  hurried(batch: Batch): void {
    this.statistics.move(batch.count, "accepted", "inFlight")
  }

  /** Queued events are sent. */
  departed(batch: Batch): void {
    this.statistics.move(batch.count, "queued", "inFlight")
  }

  /** Events whose request failed are queued again. */
  returned(batch: Batch): void {
    this.statistics.move(batch.count, "inFlight", "queued")
  }

  /** Events in flight have arrived. */
  delivered(batch: Batch, owner: Owner): void {
    this.statistics.move(batch.count, "inFlight", "delivered")
    this.settle(batch, owner, undefined, undefined)
  }

  /** Events in flight are given up. */
  lost(batch: Batch, owner: Owner, reason: DropReason, failure?: Failure): void {
    this.statistics.move(batch.count, "inFlight", "dropped", reason)
    this.settle(batch, owner, reason, failure)
  }

  /** Queued events are given up. */
  evicted(batch: Batch, owner: Owner, reason: DropReason, failure?: Failure): void {
    this.statistics.move(batch.count, "queued", "dropped", reason)
    this.settle(batch, owner, reason, failure)
  }

  /** Queued events, or events in flight, are left to a store, where somebody else finds them. */
  stored(batch: Batch, owner: Owner, from: "queued" | "inFlight"): void {
    this.statistics.move(batch.count, from, "stored")
    owner.left?.(batch)
  }

  /** A new event has arrived, where arriving takes no time. */
  kept(heads: () => ReadonlyArray<EventHead>): void {
    this.statistics.move(1, "accepted", "delivered")
    this.tell({ reason: undefined, count: 1, heads, detail: undefined, from: undefined })
  }

  private settle(batch: Batch, owner: Owner, reason: DropReason | undefined, failure: Failure | undefined): void {
    const { lane } = owner
    owner.settle(batch, reason, failure)
    for (const run of batch.runs()) {
      this.tell({
        reason,
        count: run.count,
        heads: () => run.heads(),
        detail: detailOf(failure),
        from: lane === undefined ? undefined : { lane, sequence: run.sequence }
      })
    }
  }

  private tell(end: End): void {
    for (const told of this.onSettled) told(end)
  }
}

/** Tells subscribers and the log. */
export const reporter = (diagnostics: Diagnostics): Listener => ({
  settled: ({ count, detail, heads, isSaid, reason }) => {
    if (reason === undefined) {
      diagnostics.emit(kinds.eventsDelivered, () => ({ _tag: "EventsDelivered", count, events: heads() }))
    } else {
      diagnostics.emit(
        isSaid === true ? kinds.eventsDroppedAsSaid : kinds.eventsDropped,
        () => ({ _tag: "EventsDropped", reason, count, events: heads(), detail }),
        reason
      )
    }
  }
})

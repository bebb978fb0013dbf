/**
 * What can stand behind a queue: a store that has each of its events, and events that the queue has no room for. Types
 * only, see `durable/`.
 */
import type { DropReason } from "../../PostHogError.js"
import type { Batch } from "./batch.js"
import type { Owner } from "./books.js"
import type { EventQueue } from "./eventQueue.js"
import type { Failure } from "./failure.js"
import type { Lane } from "./lane.js"

export interface Backing {
  /** Takes a new event: into the store, and into the queue if that has room and nothing older waits outside of it. */
  readonly push: (text: string) => "added" | "too_large" | "full"
  /** Gives up what is oldest, to make room for a new event. Says whether there was something. */
  readonly evict: () => boolean
  /** Events of the queue have met their end. */
  readonly settled: (batch: Batch, reason: DropReason | undefined, failure: Failure | undefined) => void
  /** The same events, apart by whether they are in the store. */
  readonly split: (batch: Batch) => ReadonlyArray<{ readonly batch: Batch; readonly isStored: boolean }>
  /** How many events are in the store only. */
  readonly unread: number
  /** The number of the oldest of them that is not withheld. */
  readonly firstUnread: number
  /** Why events below a number are not sent for now, though nothing is in their way; `undefined`: there are none. */
  readonly withheld: (below: number) => Failure | undefined
  /** To be called when the queue may have room for them. */
  readonly refill: () => void
  /** Consent was withdrawn: forgets everything. */
  readonly purge: () => void
  /** The instance ends: what can be stored is stored now, and what is stored is known. */
  readonly closing: () => void
  /** The instance has ended: what is in the store only is left to others. */
  readonly leave: () => void
}

/** What a store is built behind. */
export interface Front {
  readonly lane: Lane
  readonly queue: EventQueue
  /** Whom its events belong to. */
  readonly owner: Owner
  /** To be called when events came into the queue that nobody offered. */
  readonly arrived: () => void
}

export type MakeBacking = (front: Front) => Backing

/**
 * A journal behind a queue: decides what is in memory and what is on disk only, reads that back when there is room, and
 * takes over what dead processes have left.
 */
import * as Effect from "effect/Effect"
import type { DropReason } from "../../../PostHogError.js"
import type { Diagnostics } from "../../diagnostics.js"
import type { Backing, Front } from "../backing.js"
import { Batch } from "../batch.js"
import type { Books } from "../books.js"
import type { Failure } from "../failure.js"
import type { DeadLetters } from "./deadLetters.js"
import { attempt, type FileSystem } from "./disk.js"
import { Journal } from "./journal.js"
import { kinds } from "./kinds.js"
import type { Entry } from "./lines.js"
import { Ranges } from "./ranges.js"
import type { Loaded, Unreadable } from "./reading.js"

/** Files with less than this to be sent are copied into the own one, so that a crash loop leaves no heap of files. */
const smallBytes = 256 * 1024

/** After a failure to read, the time until it is tried again, in milliseconds: at first, and after many failures. */
const rereadMillis = 200
const maxRereadMillis = 10_000

export interface Limits {
  readonly segmentBytes: number
  readonly syncMillis: number | undefined
  readonly maxBytes: number
  readonly maxEvents: number
  /** Milliseconds; `undefined`: any age. */
  readonly maxAge: number | undefined
}

/** What the lanes of an instance share. */
export interface Shared {
  readonly fs: FileSystem
  readonly limits: Limits
  readonly books: Books
  readonly diagnostics: Diagnostics
  readonly maxQueueBytes: number
  readonly maxQueueSize: number
  readonly dead: DeadLetters | undefined
  /** Brings what another process has written into the form of this one. */
  readonly reform: (lane: string, event: Uint8Array) => Uint8Array
  readonly now: () => number
  /** Milliseconds since the epoch. */
  readonly wall: () => number
  readonly later: (millis: number, f: () => void) => void
}

export class FileBacking implements Backing {
  unread = 0
  readonly journal: Journal
  /** Queued events that the journal has not taken, so that they are in memory alone. */
  private readonly unstored = new Ranges()
  /** How many of them the books know of. */
  private counted = 0
  private isLoading = false
  private hasLeft = false
  /** Whether nothing is read until some time has passed, because all that there is could not be read. */
  private isPaused = false
  private pauseMillis = rereadMillis
  /** Files whose events are in the own one by now, and that are removed when these are safe. */
  private readonly copied = new Set<string>()
  /** Lets one adoption wait for another. */
  readonly alone = Effect.unsafeMakeSemaphore(1).withPermits(1)
  /** Files that could not be taken over. */
  private readonly toldOf = new Set<string>()

  constructor(readonly front: Front, private readonly shared: Shared, readonly directory: string) {
    const { diagnostics, fs, later, limits, now } = shared
    this.journal = new Journal(fs, directory, limits, {
      now,
      later,
      failed: ({ detail, operation }) =>
        diagnostics.emit(kinds.failed, () => ({ _tag: "StorageFailed", operation, detail })),
      restored: () => diagnostics.emit(kinds.restored, () => ({ _tag: "StorageRestored", unstored: this.exposed })),
      counted: () => this.count()
    })
  }

  get firstUnread(): number {
    return this.unread === 0 ? Number.POSITIVE_INFINITY : this.journal.firstUnread
  }

  /** How many events would not outlive the process. */
  private get exposed(): number {
    return this.unstored.count + this.journal.exposed
  }

  private count(): void {
    const { counted, exposed } = this
    this.counted = exposed
    if (exposed !== counted) this.shared.books.unstored(exposed - counted)
  }

  withheld(below: number): Failure | undefined {
    return this.unread > 0 && this.journal.firstUnreadable < below
      ? { reason: "storage", detail: "a file of the durable outbox cannot be read" }
      : undefined
  }

  // Taking events

  push(text: string): "added" | "too_large" | "full" {
    const { journal } = this
    const { queue } = this.front
    if (!this.hasRoom(text.length)) return "full"
    // What is behind an event that waits on disk waits there, too, and is not in memory as well.
    const isStored = journal.isWritable
    const result = this.unread === 0 || !journal.hasLine || !isStored ? queue.push(text) : "full"
    if (result === "too_large") return result
    if (result === "added") {
      const sequence = queue.next - 1
      if (!isStored || !journal.append(sequence, text, true)) this.unstored.add(sequence)
      if (journal.fault !== undefined) this.count()
      return result
    }
    if (queue.isTooLarge(text)) return "too_large"
    if (!journal.append(queue.next, text, false)) return "full"
    queue.skip(1)
    this.unread++
    return "added"
  }

  private hasRoom(length: number): boolean {
    const { limits } = this.shared
    const { journal } = this
    return journal.bytes + length <= limits.maxBytes && journal.live < limits.maxEvents
  }

  evict(): boolean {
    const { books } = this.shared
    const { owner, queue } = this.front
    const { journal } = this
    const isCountedOut = journal.live >= this.shared.limits.maxEvents
    const isFull = isCountedOut || journal.bytes >= this.shared.limits.maxBytes - queue.maxEventBytes
    if (!isFull || isCountedOut && queue.count > 0) return this.evictQueued(1)
    const runs = journal.dropOldestUnread()
    if (runs === undefined) {
      const oldest = journal.oldest
      return oldest !== undefined && this.evictQueued(oldest[1] - Math.max(queue.first, oldest[0]))
    }
    for (const [sequence, count] of runs) {
      this.unread -= count
      books.evicted(Batch.absent(sequence, count), owner, "queue_full", { reason: "queue_full" })
    }
    return true
  }

  private evictQueued(count: number): boolean {
    const { owner, queue } = this.front
    let left = count
    while (left > 0) {
      const batch = queue.shift(left)
      if (batch === undefined) break
      left -= batch.count
      this.shared.books.evicted(batch, owner, "queue_full", { reason: "queue_full" })
    }
    return left < count
  }

  // Settling

  settled(batch: Batch, reason: DropReason | undefined, failure: Failure | undefined): void {
    if (reason === "rejected" || reason === "too_large") {
      this.shared.dead?.add(this.front.lane.name, batch, reason, failure)
    }
    for (const run of batch.runs()) {
      this.journal.settled(run.sequence, run.count)
      if (this.unstored.count > 0) this.unstored.remove(run.sequence, run.count)
    }
    if (this.counted > 0) this.count()
  }

  split(batch: Batch): ReadonlyArray<{ readonly batch: Batch; readonly isStored: boolean }> {
    const { journal } = this
    // What was captured in this turn, for instance.
    if (journal.lacksSome) journal.writeOut()
    if (this.unstored.count === 0 && !journal.lacksSome) return [{ batch, isStored: true }]
    const isIn = (sequence: number): boolean => !this.unstored.has(sequence) && !journal.lacks(sequence)
    return batch.runs().flatMap((run) => {
      const parts: Array<{ readonly batch: Batch; readonly isStored: boolean }> = []
      let from = 0
      for (let to = 1; to <= run.count; to++) {
        const isStored = isIn(run.sequence + from)
        if (to < run.count && isIn(run.sequence + to) === isStored) continue
        parts.push({ batch: run.slice(from, to), isStored })
        from = to
      }
      return parts
    })
  }

  /** Whether the journal has taken an event. */
  isStored(sequence: number): boolean {
    return !this.unstored.has(sequence)
  }

  // Reading back

  refill(): void {
    const { maxQueueBytes, maxQueueSize } = this.shared
    const { queue } = this.front
    if (this.unread === 0 || this.isLoading || this.hasLeft) return
    if (this.isPaused && this.firstUnread === Number.POSITIVE_INFINITY) return
    if (queue.bytes >= maxQueueBytes / 2 || queue.count >= maxQueueSize / 2) return
    this.isLoading = true
    void this.journal.load().then((loaded) => {
      this.isLoading = false
      if (loaded !== undefined && "operation" in loaded) return this.postponed(loaded)
      if (this.hasLeft) return
      if (loaded !== undefined) this.take(loaded)
      this.front.arrived()
    })
  }

  /** What can be read goes on, and who waits for the rest is told. */
  private postponed({ detail, isNew }: Unreadable): void {
    if (isNew) this.unreadable(detail)
    if (this.firstUnread !== Number.POSITIVE_INFINITY) return this.refill()
    if (isNew) this.front.arrived()
    if (this.isPaused) return
    this.isPaused = true
    this.shared.later(this.pauseMillis, () => {
      this.isPaused = false
      this.refill()
    })
    this.pauseMillis = Math.min(this.pauseMillis * 2, maxRereadMillis)
  }

  /** A file cannot be read for now. */
  unreadable(detail: string): void {
    this.shared.diagnostics.emit(
      kinds.unreadable,
      () => ({ _tag: "StorageFailed", operation: "read", detail }),
      "read"
    )
  }

  /** The same for one of another process, which is tried again and again. */
  unreadableOnce(path: string, detail: string): void {
    if (this.toldOf.has(path)) return
    this.toldOf.add(path)
    this.unreadable(`${path}: ${detail}`)
  }

  private isReadAgain(): void {
    this.pauseMillis = rereadMillis
    if (this.journal.firstUnreadable !== Number.POSITIVE_INFINITY) return
    this.shared.diagnostics.emit(
      kinds.readable,
      () => ({ _tag: "StorageRestored", unstored: this.exposed }),
      "read"
    )
  }

  private take({ events: stored, isAdopted, missing, wasUnreadable }: Loaded): void {
    if (wasUnreadable) this.isReadAgain()
    const { books, limits, reform, wall } = this.shared
    const { lane, owner, queue } = this.front
    const events = isAdopted
      ? stored.map(({ bytes, sequence }) => ({ sequence, bytes: reform(lane.name, bytes) }))
      : stored
    const oldest = limits.maxAge === undefined ? undefined : wall() - limits.maxAge
    const isExpired = ({ bytes }: Loaded["events"][number]): boolean => oldest !== undefined && timeOf(bytes) < oldest
    this.unread -= events.length
    queue.insert(oldest === undefined ? events : events.filter((event) => !isExpired(event)))
    if (oldest !== undefined) {
      for (const event of events) {
        if (isExpired(event)) books.evicted(Batch.ofBytes(event.bytes, event.sequence), owner, "expired")
      }
    }
    for (const [sequence, count] of missing) {
      this.unread -= count
      books.evicted(Batch.absent(sequence, count), owner, "damaged")
    }
  }

  /**
   * Takes over a file that a dead process has left. Says how many events of it are to be sent, which count as recovered
   * then; `undefined`: not for now.
   */
  receive(file: string, stored: Uint8Array, pending: ReadonlyArray<Entry>): number | undefined {
    const { books, fs } = this.shared
    const { queue } = this.front
    const { length: count } = pending
    if (this.hasLeft || this.copied.has(file)) return undefined
    if (count === 0) return attempt(() => fs.remove(file)) ? 0 : undefined
    const size = pending.reduce((sum, { end, start }) => sum + end - start, 0)
    const isTaken = size < smallBytes
      ? this.copy(file, pending.map(({ end, start }) => stored.subarray(start, end)))
      : this.journal.adopt(file, stored.length, pending, queue.next)
    if (!isTaken) return undefined
    queue.skip(count)
    this.unread += count
    books.recoveredQueued(count)
    return count
  }

  private copy(file: string, events: ReadonlyArray<Uint8Array>): boolean {
    const { lane, queue: { next } } = this.front
    const isCopied = this.journal.appendAll(
      events.map((bytes, at) => ({ sequence: next + at, bytes: this.shared.reform(lane.name, bytes) }))
    )
    if (isCopied) this.copied.add(file)
    return isCopied
  }

  /** Removes the files whose events are safe in the own one. */
  readonly removeCopied: Effect.Effect<void> = Effect.suspend(() => {
    if (this.copied.size === 0) return Effect.void
    const files = Array.from(this.copied)
    return Effect.map(Effect.promise(() => this.journal.durable()), (fault) => {
      if (fault !== undefined) return
      for (const file of files) if (attempt(() => this.shared.fs.remove(file))) this.copied.delete(file)
    })
  })

  // The end

  purge(): void {
    const { books } = this.shared
    const { owner } = this.front
    this.journal.purge()
    // Their events are gone with it, before anybody can copy them again.
    for (const file of this.copied) if (attempt(() => this.shared.fs.remove(file))) this.copied.delete(file)
    this.shared.dead?.clear()
    if (this.unread === 0) return
    const count = this.unread
    this.unread = 0
    books.evicted(Batch.absent(this.front.queue.next - count, count), owner, "opted_out")
  }

  closing(): void {
    this.journal.writeOut()
    this.journal.look()
  }

  leave(): void {
    const { books } = this.shared
    const { owner, queue } = this.front
    this.hasLeft = true
    if (this.unread === 0) return
    const { gone, unwritten } = this.journal.lost
    let count = this.unread
    this.unread = 0
    const lose = (numbers: typeof gone, reason: DropReason, failure?: Failure): void => {
      for (const [sequence, lost] of numbers) {
        count -= lost
        books.evicted(Batch.absent(sequence, lost), owner, reason, failure)
      }
    }
    lose(gone, "damaged")
    lose(unwritten, "shutdown_timeout", { reason: "closed" })
    if (count > 0) books.stored(Batch.absent(queue.next - count, count), owner, "queued")
  }
}

const decoder = new TextDecoder()
const timeName = "\"timestamp\":\""
/** How much of an event is looked at to find its time, which comes behind its name and its distinct id. */
const timeBytes = 8 * 1024

/** When an event happened, in milliseconds since the epoch; `NaN` where that is not said. */
export const timeOf = (event: Uint8Array): number => {
  const text = decoder.decode(event.subarray(0, timeBytes))
  const start = text.indexOf(timeName)
  if (start === -1) return Number.NaN
  const from = start + timeName.length
  return Date.parse(text.slice(from, text.indexOf("\"", from)))
}

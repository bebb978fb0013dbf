/**
 * The events of a queue on disk, in segments: files that only grow, in the form of `lines.ts`.
 *
 * What was appended is written at the end of the turn, or when there is enough of it. What is settled is noted in the
 * file that has the event; a file with nothing else left is removed. Nothing is ever rewritten, and what a process
 * leaves is read by another one, so that there is nothing to repair after a crash.
 *
 * Nothing here throws, and a failure of the disk costs nobody an event: it stays in memory.
 *
 * Long because whatever is written, settled, read back or removed changes the same few numbers.
 */
import { describe } from "../../../core/thrown.js"
import { attempt, codeOf, type Disk } from "./disk.js"
import { Gathered } from "./gathered.js"
import type { Entry } from "./lines.js"
import { Notes, removeFile } from "./notes.js"
import { entriesOf, type Loaded, missingIn, type Unreadable } from "./reading.js"
import { Segment } from "./segment.js"
import { Shelf } from "./shelf.js"
import { type Fault, Syncer } from "./syncer.js"

/** So much is gathered within a turn before it is written, in bytes. */
const gatherBytes = 16 * 1024

/** When writing is tried again after it failed, in milliseconds. */
const retryMillis = 200

/** How often a journal that writes looks whether its files are still there, in milliseconds. */
const lookMillis = 1_000

type Numbers = ReadonlyArray<readonly [sequence: number, count: number]>

export interface Settings {
  readonly segmentBytes: number
  /** Milliseconds after which what was written is synced; 0: at once, `undefined`: never. */
  readonly syncMillis: number | undefined
}

/** What surrounds a journal. */
export interface Surroundings {
  /** Milliseconds by a clock that never goes back. */
  readonly now: () => number
  /** Calls back once, after so many milliseconds. Keeps no process alive. */
  readonly later: (millis: number, f: () => void) => void
  /** Told when something failed that did not fail before. */
  readonly failed: (fault: Fault) => void
  /** Told when that works again. */
  readonly restored: () => void
  /** The number of events that are in memory alone may be another one. */
  readonly counted: () => void
}

export class Journal {
  /** Bytes of all segments. */
  bytes = 0
  /** Events that are not settled. */
  live = 0
  private readonly shelf = new Shelf()
  private current: Segment
  private made = 0
  private readonly gathered = new Gathered(2 * gatherBytes)
  /** Of other segments than the current one. */
  private readonly notes: Notes
  private isScheduled = false
  private writeFault: Fault | undefined
  private retryAt = 0
  private lookedAt = Number.NEGATIVE_INFINITY
  /** How many events were appended so far, and how many of them are written. */
  private appended = 0
  private written = 0
  private readonly syncer: Syncer
  private isEnded = false

  constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly settings: Settings,
    private readonly surroundings: Surroundings
  ) {
    this.notes = new Notes(disk)
    this.current = this.begin()
    this.syncer = new Syncer(disk, directory, settings.syncMillis, {
      later: surroundings.later,
      written: () => this.written,
      tell: (change) => this.tell(change),
      // What became of it nobody knows, and a second try would succeed whatever that was. So it goes on in a new file.
      failed: (segment) => {
        this.lookAt(segment)
        if (segment === this.current) this.rotate()
      },
      synced: (segment) => {
        if (segment.isSealed || segment.isRemoved) this.closeIfDone(segment)
      }
    })
  }

  /** Why nothing can be stored for now. */
  get fault(): Fault | undefined {
    return this.writeFault
  }

  get firstUnread(): number {
    return this.shelf.firstUnread
  }

  /** Number of the oldest one that could not be read. */
  get firstUnreadable(): number {
    return this.shelf.firstUnreadable
  }

  /** Whether events that come now have to wait on disk, behind others that do. */
  get hasLine(): boolean {
    return this.shelf.firstUnread !== Number.POSITIVE_INFINITY || this.current.unreadFrom !== undefined
  }

  /** Numbers of the events in the oldest segment: from one up to another, not included. */
  get oldest(): readonly [from: number, to: number] | undefined {
    return this.shelf.oldest
  }

  /** Whether events can be stored; tries it when nothing could be written and it is time to. */
  get isWritable(): boolean {
    return this.writeFault === undefined || this.write()
  }

  /** How many of the events that it took would not outlive the process. Those of this turn do not count. */
  get exposed(): number {
    return this.shelf.gone + (this.writeFault === undefined ? 0 : this.gathered.events.count)
  }

  /** Whether there are any that are in no file. */
  get lacksSome(): boolean {
    return this.gathered.events.count > 0 || this.shelf.hasGone
  }

  /** Whether this one is in none. */
  lacks(sequence: number): boolean {
    return this.gathered.events.has(sequence) || this.shelf.isGone(sequence)
  }

  /** Numbers of events that are neither in memory nor in a file: their file is gone, or they were not written. */
  get lost(): { readonly gone: Numbers; readonly unwritten: Numbers } {
    const { current, gathered, shelf } = this
    return {
      gone: shelf.unreadGone,
      unwritten: current.unreadFrom === undefined ? [] : gathered.events.from(current.unreadFrom)
    }
  }

  // Appending

  /** Stores an event, unless nothing can be written: then it says `false`, and knows nothing of the event. */
  append(sequence: number, event: string | Uint8Array, isInMemory: boolean): boolean {
    if (this.isEnded || this.writeFault !== undefined && !this.write()) return false
    if (this.current.bytes >= this.settings.segmentBytes) this.rotate()
    this.place(sequence, event, isInMemory)
    if (this.gathered.lines.used >= gatherBytes) this.write()
    else this.schedule()
    return true
  }

  /** The same for many small ones, of which all are stored or none. */
  appendAll(events: ReadonlyArray<{ readonly sequence: number; readonly bytes: Uint8Array }>): boolean {
    if (this.isEnded || !this.write()) return false
    if (this.current.bytes >= this.settings.segmentBytes) this.rotate()
    for (const { bytes, sequence } of events) this.place(sequence, bytes, false)
    this.schedule()
    return true
  }

  private place(sequence: number, event: string | Uint8Array, isInMemory: boolean): void {
    const { current } = this
    this.grow(current, this.gathered.add(sequence, event))
    current.add(sequence, sequence)
    this.live++
    this.appended++
    if (isInMemory) return
    if (current.unreadFrom === undefined) {
      current.unreadFrom = sequence
      this.shelf.addUnread(current)
    }
  }

  private grow(segment: Segment, bytes: number): void {
    segment.bytes += bytes
    this.bytes += bytes
  }

  private begin(): Segment {
    const segment = new Segment(this.nextPath())
    this.shelf.segments.push(segment)
    return segment
  }

  private nextPath(): string {
    return `${this.directory}/${String(this.made++).padStart(8, "0")}.log`
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    queueMicrotask(() => {
      this.isScheduled = false
      this.write()
      this.notes.write()
    })
  }

  /** Writes what was gathered; says whether nothing is left. What was written in part is written again. */
  private write(isLast = false): boolean {
    const { lines } = this.gathered
    if (lines.used === 0 && this.writeFault === undefined) return true
    const now = this.surroundings.now()
    if (this.writeFault !== undefined && !isLast && now < this.retryAt) return false
    if (now - this.lookedAt >= lookMillis) this.look()
    const { current } = this
    try {
      current.file ??= this.disk.open(current.path)
      current.isMade = true
      if (lines.used > 0) this.disk.write(current.file, lines.filled)
    } catch (error) {
      this.fail({ operation: "write", detail: describe(error) })
      // No file may be larger, but another one may be as large.
      if (codeOf(error) === "EFBIG" && current.first < this.gathered.from) {
        this.move()
        return this.write(true)
      }
      return false
    }
    this.gathered.clear()
    this.written = this.appended
    this.syncer.add(current)
    if (this.writeFault !== undefined) {
      this.tell(() => {
        this.writeFault = undefined
      })
      this.surroundings.counted()
    }
    return true
  }

  private fail(fault: Fault): void {
    this.retryAt = this.surroundings.now() + retryMillis
    const isNew = this.writeFault === undefined
    this.tell(() => {
      this.writeFault = fault
    })
    if (isNew) this.retryLater()
    this.surroundings.counted()
  }

  /**
   * Looks whether the files are there. A directory can be removed, or taken away by somebody who holds this process for
   * dead, and writing into a file without a name goes on succeeding.
   */
  look(): void {
    this.lookedAt = this.surroundings.now()
    for (const segment of Array.from(this.shelf.segments)) this.lookAt(segment)
  }

  private lookAt(segment: Segment): void {
    if (!segment.isMade || segment.isRemoved || this.disk.has(segment.path, segment.file)) return
    segment.isGone = true
    segment.isMade = false
    this.syncer.lose(segment)
    if (segment === this.current) this.move()
    else this.closeIfDone(segment)
    this.fail({ operation: "write", detail: `${segment.path} was removed or taken away` })
  }

  /** Goes on in another file, with what is not written. */
  private move(): void {
    const { current, gathered } = this
    this.current = this.begin()
    current.moveTo(this.current, this.gathered.from, gathered.events.count, gathered.lines.used)
    this.shelf.moved(current, this.current)
    current.isSealed = true
    if (current.live === 0) this.remove(current)
    else this.closeIfDone(current)
  }

  /** Changes what fails, and tells it when something does now and nothing did before, or the other way round. */
  private tell(change: () => void): void {
    const before = this.writeFault ?? this.syncer.fault
    change()
    const after = this.writeFault ?? this.syncer.fault
    if (before === undefined && after !== undefined) this.surroundings.failed(after)
    if (before !== undefined && after === undefined) this.surroundings.restored()
  }

  private retryLater(): void {
    this.surroundings.later(retryMillis, () => {
      if (this.writeFault === undefined || this.isEnded) return
      if (!this.write()) this.retryLater()
    })
  }

  /** Goes on in another file. Says whether it could: what is not written belongs to this one. */
  private rotate(): boolean {
    if (!this.write()) return false
    const { current } = this
    if (current.runs.length === 0 && current.file === undefined) return true
    current.isSealed = true
    this.current = this.begin()
    if (current.live === 0) this.remove(current)
    else this.closeIfDone(current)
    return true
  }

  /** A full segment stays open only as long as it has to be synced. */
  private closeIfDone(segment: Segment): void {
    const mustSync = this.syncer.has(segment) && this.settings.syncMillis !== undefined && !segment.isRemoved
    if (segment.file === undefined || segment.isSyncing || mustSync) return
    const { file } = segment
    segment.file = undefined
    this.syncer.delete(segment)
    attempt(() => this.disk.close(file))
  }

  // Settling

  /** These events of the queue have met their end. */
  settled(sequence: number, count: number): void {
    const done: Array<Segment> = []
    this.gathered.settled(sequence, count)
    for (const segment of this.shelf.segments) {
      if (segment.first >= sequence + count || segment.end <= sequence) continue
      const ranges = segment.numbersOf(sequence, count)
      for (const [first, last] of ranges) {
        segment.live -= last - first + 1
        this.live -= last - first + 1
      }
      // An idle process keeps little, and a busy one does not make a file for each batch.
      const isDone = segment.live === 0 && (segment.isSealed || segment.bytes >= this.settings.segmentBytes / 4)
      if (isDone) done.push(segment)
      else for (const [first, last] of ranges) this.note(segment, first, last)
    }
    for (const segment of done) {
      if (segment.isSealed) this.remove(segment)
      else this.restart()
    }
  }

  private note(segment: Segment, first: number, last: number): void {
    const lines = segment === this.current ? this.gathered.lines : this.notes.of(segment)
    this.grow(segment, lines.settled(first, last))
    this.schedule()
  }

  /** Begins anew: all that was appended is settled, written or not. */
  private restart(): void {
    const { current } = this
    this.gathered.clear()
    this.written = this.appended
    current.isSealed = true
    this.current = this.begin()
    this.remove(current)
  }

  private remove(segment: Segment): void {
    if (!this.shelf.remove(segment)) return
    segment.isRemoved = true
    this.bytes -= segment.bytes
    this.notes.delete(segment)
    this.syncer.delete(segment)
    this.closeIfDone(segment)
    if (segment.isMade) removeFile(this.disk, segment)
  }

  /** Forgets the oldest segment that is not in memory at all; gives the numbers of its events. */
  dropOldestUnread(): Numbers | undefined {
    const segment = this.shelf.oldestUnread
    if (segment === undefined) return undefined
    this.shelf.unread = this.shelf.unread.filter((one) => one !== segment)
    const runs = segment.runs.map(({ count, sequence }) => [sequence, count] as const)
    this.live -= segment.live
    segment.live = 0
    if (segment === this.current) this.restart()
    else this.remove(segment)
    return runs
  }

  /** Forgets everything. */
  purge(): void {
    this.shelf.unread = []
    this.live = 0
    for (const segment of Array.from(this.shelf.segments)) {
      segment.live = 0
      if (segment === this.current) this.restart()
      else this.remove(segment)
    }
  }

  /** Waits until what was appended so far survives, as far as the settings go; says why it does not. */
  async durable(): Promise<Fault | undefined> {
    const target = this.appended
    if (!this.write()) return this.writeFault
    if (this.settings.syncMillis !== undefined) return this.syncer.until(target)
    this.lookAt(this.current)
    return this.writeFault
  }

  // Reading

  /** Takes over a file that another process has left, with events that get the numbers from `sequence` on. */
  adopt(from: string, bytes: number, pending: ReadonlyArray<Entry>, sequence: number): boolean {
    if (this.isEnded || !this.rotate()) return false
    const segment = new Segment(this.nextPath())
    if (!attempt(() => this.disk.rename(from, segment.path))) return false
    pending.forEach(({ number }, at) => segment.add(sequence + at, number))
    segment.isSealed = true
    segment.isMade = segment.isNamed = segment.isAdopted = true
    segment.unreadFrom = sequence
    this.grow(segment, bytes)
    this.live += segment.live
    // Before the one that is being written, which has no events yet.
    this.shelf.insert(segment, this.current)
    this.shelf.addUnread(segment)
    return true
  }

  /** Reads the oldest segment that is not in memory. One that cannot be read is tried again after all others. */
  async load(): Promise<Loaded | Unreadable | undefined> {
    const segment = this.shelf.unread[0]
    if (segment?.unreadFrom === undefined) return undefined
    const { end, unreadFrom } = segment
    // What is not written yet. Some of it may be by the time that the file is read: numbers tell.
    const rest = segment === this.current ? this.gathered.lines.filled.slice() : new Uint8Array(0)
    let stored: Uint8Array
    try {
      stored = await this.disk.read(segment.path)
    } catch (error) {
      if (codeOf(error) !== "ENOENT") {
        const isNew = !segment.isUnreadable
        if (this.shelf.unread.includes(segment)) this.shelf.postpone(segment)
        // Events that come from now on are in a file that may be readable.
        if (segment === this.current) this.rotate()
        return { operation: "read", detail: `${segment.path}: ${describe(error)}`, isNew }
      }
      stored = new Uint8Array(0)
    }
    if (segment.isRemoved || segment.unreadFrom !== unreadFrom || !this.shelf.unread.includes(segment)) return undefined
    const { isAdopted, isUnreadable: wasUnreadable } = segment
    segment.isUnreadable = false
    const events = entriesOf(segment, stored, unreadFrom, end)
    events.push(...entriesOf(segment, rest, (events.at(-1)?.sequence ?? unreadFrom - 1) + 1, end))
    segment.unreadFrom = end < segment.end ? end : undefined
    this.shelf.forgetRead(segment)
    return { events, isAdopted, wasUnreadable, missing: missingIn(segment, unreadFrom, end, events) }
  }

  // The end

  /** Writes all that can be written at once, as when the process exits. */
  writeOut(): void {
    this.write(true)
    this.notes.write()
  }

  /** Writes and syncs the rest, and closes the files. Says whether any events are left. */
  async end(): Promise<boolean> {
    this.writeOut()
    if (this.live === 0) this.purge()
    else if (this.settings.syncMillis !== undefined) await this.syncer.sync()
    this.isEnded = true
    for (const segment of this.shelf.segments) {
      this.syncer.delete(segment)
      this.closeIfDone(segment)
    }
    return this.live > 0
  }
}

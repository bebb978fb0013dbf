/**
 * The events of a queue on disk, in segments: files that only grow, in the form of `lines.ts`.
 *
 * What was appended is written at the end of the turn, or when there is enough of it. What is settled is noted in the
 * file that has the event; a file with nothing else left is removed. Nothing is ever rewritten, and what a process
 * leaves is read by another one, so that there is nothing to repair after a crash.
 *
 * Nothing here throws, and a failure of the disk costs nobody an event: it stays in memory.
 */
import { describe } from "../../../core/thrown.js"
import { attempt, codeOf, type Disk } from "./disk.js"
import { type Entry, LineBuffer } from "./lines.js"
import { entriesOf, type Loaded, missingIn } from "./reading.js"
import { Segment } from "./segment.js"
import { type Fault, Syncer } from "./syncer.js"

/** So much is gathered within a turn before it is written, in bytes. */
const gatherBytes = 16 * 1024

/** When writing is tried again after it failed, in milliseconds. */
const retryMillis = 200

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
}

export class Journal {
  /** Bytes of all segments. */
  bytes = 0
  /** Events that are not settled. */
  live = 0
  /** Segments with events that are not in memory, oldest first. */
  private unread: Array<Segment> = []
  /** In the order of their events in the queue. */
  private segments: Array<Segment> = []
  private current: Segment
  private made = 0
  private readonly buffer = new LineBuffer(2 * gatherBytes)
  /** What is settled in other segments than the current one, and not written yet. */
  private readonly notes = new Map<Segment, LineBuffer>()
  private isScheduled = false
  private writeFault: Fault | undefined
  private retryAt = 0
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
    this.current = this.begin()
    this.syncer = new Syncer(disk, directory, settings.syncMillis, {
      later: surroundings.later,
      written: () => this.written,
      tell: (change) => this.tell(change),
      // What became of it nobody knows, and a second try would succeed whatever that was. So it goes on in a new file.
      failed: (segment) => {
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

  /** Number of the oldest event in the queue that is not in memory. */
  get firstUnread(): number {
    return this.unread[0]?.unreadFrom ?? Number.POSITIVE_INFINITY
  }

  // Appending

  /** Stores an event, unless nothing can be written: then it says `false`, and knows nothing of the event. */
  append(sequence: number, event: string | Uint8Array, isInMemory: boolean): boolean {
    if (this.isEnded || this.writeFault !== undefined && !this.write()) return false
    if (this.current.bytes >= this.settings.segmentBytes) this.rotate()
    this.place(sequence, event, isInMemory)
    if (this.buffer.used >= gatherBytes) this.write()
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
    this.grow(current, this.buffer.event(sequence, event))
    current.add(sequence, sequence)
    this.live++
    this.appended++
    if (isInMemory) return
    if (current.unreadFrom === undefined) {
      current.unreadFrom = sequence
      this.unread.push(current)
    }
  }

  private grow(segment: Segment, bytes: number): void {
    segment.bytes += bytes
    this.bytes += bytes
  }

  private begin(): Segment {
    const segment = new Segment(this.nextPath())
    this.segments.push(segment)
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
      this.writeNotes()
    })
  }

  /** Writes what was gathered; says whether nothing is left. What was written in part is written again. */
  private write(isLast = false): boolean {
    const { buffer, current } = this
    if (buffer.used === 0 && this.writeFault === undefined) return true
    if (this.writeFault !== undefined && !isLast && this.surroundings.now() < this.retryAt) return false
    try {
      current.file ??= this.disk.open(current.path)
      current.isMade = true
      if (buffer.used > 0) this.disk.write(current.file, buffer.filled)
    } catch (error) {
      this.retryAt = this.surroundings.now() + retryMillis
      const isNew = this.writeFault === undefined
      this.tell(() => {
        this.writeFault = { operation: "write", detail: describe(error) }
      })
      if (isNew) this.retryLater()
      return false
    }
    buffer.clear()
    this.written = this.appended
    this.syncer.add(current)
    this.tell(() => {
      this.writeFault = undefined
    })
    return true
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
    for (const segment of this.segments) {
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

  /** Nobody waits for this to be written: at worst the event is sent once more. */
  private note(segment: Segment, first: number, last: number): void {
    let lines = segment === this.current ? this.buffer : this.notes.get(segment)
    if (lines === undefined) this.notes.set(segment, lines = new LineBuffer(64))
    this.grow(segment, lines.settled(first, last))
    this.schedule()
  }

  private writeNotes(): void {
    for (const [segment, lines] of this.notes) {
      this.notes.delete(segment)
      if (segment.isRemoved) continue
      attempt(() => {
        const file = segment.file ?? this.disk.open(segment.path)
        try {
          this.disk.write(file, lines.filled)
        } finally {
          if (segment.file === undefined) this.disk.close(file)
        }
      })
    }
  }

  /** Begins anew: all that was appended is settled, written or not. */
  private restart(): void {
    const { current } = this
    this.buffer.clear()
    this.written = this.appended
    current.isSealed = true
    this.current = this.begin()
    this.remove(current)
  }

  private remove(segment: Segment): void {
    const at = this.segments.indexOf(segment)
    if (at === -1) return
    this.segments.splice(at, 1)
    segment.isRemoved = true
    this.bytes -= segment.bytes
    this.notes.delete(segment)
    this.syncer.delete(segment)
    this.closeIfDone(segment)
    if (!segment.isMade || attempt(() => this.disk.remove(segment.path))) return
    // What cannot be removed must not be sent again by the next process.
    attempt(() => {
      const lines = new LineBuffer(64)
      for (const { count, number } of segment.runs) lines.settled(number, number + count - 1)
      const file = this.disk.open(segment.path)
      try {
        this.disk.write(file, lines.filled)
      } finally {
        this.disk.close(file)
      }
    })
  }

  /** Forgets the oldest segment that is not in memory at all; gives the numbers of its events. */
  dropOldestUnread(): ReadonlyArray<readonly [sequence: number, count: number]> | undefined {
    const segment = this.unread.find(({ first, unreadFrom }) => unreadFrom !== undefined && unreadFrom <= first)
    if (segment === undefined) return undefined
    this.unread = this.unread.filter((one) => one !== segment)
    const runs = segment.runs.map(({ count, sequence }) => [sequence, count] as const)
    this.live -= segment.live
    segment.live = 0
    if (segment === this.current) this.restart()
    else this.remove(segment)
    return runs
  }

  /** Numbers of the events in the oldest segment: from one up to another, not included. */
  get oldest(): readonly [from: number, to: number] | undefined {
    const segment = this.segments.find(({ live }) => live > 0)
    return segment && [segment.first, segment.end]
  }

  /** Forgets everything. */
  purge(): void {
    const { segments } = this
    this.unread = []
    this.live = 0
    for (const segment of Array.from(segments)) {
      segment.live = 0
      if (segment === this.current) this.restart()
      else this.remove(segment)
    }
  }

  /** Waits until what was appended so far survives, as far as the settings go; says why it does not. */
  async durable(): Promise<Fault | undefined> {
    const target = this.appended
    return this.write() ? this.syncer.until(target) : this.writeFault
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
    this.segments.splice(this.segments.indexOf(this.current), 0, segment)
    this.unread.push(segment)
    return true
  }

  /** Reads the oldest segment that is not in memory. Nothing comes when that failed, and may work later. */
  async load(): Promise<Loaded | Fault | undefined> {
    const segment = this.unread[0]
    if (segment?.unreadFrom === undefined) return undefined
    const { end, unreadFrom } = segment
    // What is not written yet. Some of it may be by the time that the file is read: numbers tell.
    const rest = segment === this.current ? this.buffer.filled.slice() : new Uint8Array(0)
    let stored: Uint8Array
    try {
      stored = await this.disk.read(segment.path)
    } catch (error) {
      if (codeOf(error) !== "ENOENT") return { operation: "read", detail: describe(error) }
      stored = new Uint8Array(0)
    }
    if (segment.isRemoved || segment !== this.unread[0]) return undefined
    const events = entriesOf(segment, stored, unreadFrom, end)
    events.push(...entriesOf(segment, rest, (events.at(-1)?.sequence ?? unreadFrom - 1) + 1, end))
    segment.unreadFrom = end < segment.end ? end : undefined
    if (segment.unreadFrom === undefined) this.unread.shift()
    const { isAdopted } = segment
    return { events, isAdopted, missing: missingIn(segment, unreadFrom, end, events) }
  }

  // The end

  /** Writes all that can be written at once, as when the process exits. */
  writeOut(): void {
    this.write(true)
    this.writeNotes()
  }

  /** Writes and syncs the rest, and closes the files. Says whether any events are left. */
  async end(): Promise<boolean> {
    this.writeOut()
    if (this.live === 0) this.purge()
    else if (this.settings.syncMillis !== undefined) await this.syncer.sync()
    this.isEnded = true
    for (const segment of this.segments) {
      this.syncer.delete(segment)
      this.closeIfDone(segment)
    }
    return this.live > 0
  }
}

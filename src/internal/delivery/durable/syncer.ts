/**
 * When what was written to files survives a power cut: one sync at a time, which all share who wait.
 */
import { describe } from "../../../core/thrown.js"
import type { Disk } from "./disk.js"
import type { Segment } from "./segment.js"

/** What the disk could not do. */
export interface Fault {
  readonly operation: "write" | "sync" | "read"
  readonly detail: string
}

interface Hooks {
  readonly later: (millis: number, f: () => void) => void
  /** How many events are written. */
  readonly written: () => number
  /** Runs what changes the fault, and tells what comes of it. */
  readonly tell: (change: () => void) => void
  /** A file could not be synced. */
  readonly failed: (segment: Segment) => void
  /** A file is not being synced any more. */
  readonly synced: (segment: Segment) => void
}

export class Syncer {
  fault: Fault | undefined
  /** Segments with bytes that are not synced. */
  private readonly dirty = new Set<Segment>()
  /** How many of the events that were written are synced. */
  private synced = 0
  /** Up to this one nobody knows whether they are synced, though they may have been written. */
  private doubtful = 0
  private round: Promise<void> | undefined
  private isDue = false

  constructor(
    private readonly disk: Disk,
    private readonly directory: string,
    private readonly syncMillis: number | undefined,
    private readonly hooks: Hooks
  ) {}

  has(segment: Segment): boolean {
    return this.dirty.has(segment)
  }

  /** There is more in it to be synced, after the time for that. */
  add(segment: Segment): void {
    this.dirty.add(segment)
    this.later()
  }

  delete(segment: Segment): void {
    this.dirty.delete(segment)
  }

  /** It is not to be synced any more, though its events may be waited for. */
  lose(segment: Segment): void {
    this.dirty.delete(segment)
    this.doubtful = this.hooks.written()
  }

  private later(): void {
    const { syncMillis } = this
    if (syncMillis === undefined || this.isDue || this.dirty.size === 0) return
    this.isDue = true
    const begin = (): void => {
      this.isDue = false
      void this.sync()
    }
    if (syncMillis === 0) queueMicrotask(begin)
    else this.hooks.later(syncMillis, begin)
  }

  /** Syncs what is written by now, once what is under way has ended. Never rejects. */
  sync(): Promise<void> {
    if (this.round !== undefined) return this.round.then(() => this.sync())
    if (this.dirty.size === 0) return Promise.resolve()
    const round = this.once().then(() => {
      this.round = undefined
      this.later()
    })
    this.round = round
    return round
  }

  private async once(): Promise<void> {
    const { hooks } = this
    const written = hooks.written()
    const segments = Array.from(this.dirty)
    this.dirty.clear()
    const results = await Promise.all(segments.map((segment) => this.syncSegment(segment)))
    const fault = results.find((result) => result !== undefined)
    if (fault === undefined) this.synced = Math.max(this.synced, written)
    else this.doubtful = hooks.written()
    hooks.tell(() => {
      this.fault = fault
    })
  }

  private async syncSegment(segment: Segment): Promise<Fault | undefined> {
    const { file } = segment
    if (file === undefined) return undefined
    segment.isSyncing = true
    let fault: Fault | undefined
    try {
      await this.disk.sync(file)
      if (!segment.isNamed && !segment.isRemoved) {
        await this.disk.syncDirectory(this.directory)
        segment.isNamed = true
      }
      if (!segment.isRemoved && !this.disk.has(segment.path, file)) {
        fault = { operation: "sync", detail: `${segment.path} was removed or taken away` }
      }
    } catch (error) {
      fault = { operation: "sync", detail: describe(error) }
    }
    segment.isSyncing = false
    // Nobody needs what was in it any more.
    if (segment.isRemoved) fault = undefined
    if (fault !== undefined) this.hooks.failed(segment)
    this.hooks.synced(segment)
    return fault
  }

  /** Waits until so many events are synced; says why they are not. A sync that failed is never believed later. */
  async until(target: number): Promise<Fault | undefined> {
    if (this.syncMillis === undefined) return undefined
    while (this.synced < target && this.doubtful < target) {
      if (this.dirty.size === 0 && this.round === undefined) return undefined
      // oxlint-disable-next-line no-await-in-loop
      await (this.round ?? this.sync())
    }
    return this.doubtful < target ? undefined : this.fault ?? { operation: "sync", detail: "an earlier sync failed" }
  }
}

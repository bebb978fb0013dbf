/**
 * The segments of a journal, and which of their events are where.
 */
import type { Segment } from "./segment.js"

type Runs = ReadonlyArray<readonly [sequence: number, count: number]>

export class Shelf {
  /** In the order of their events in the queue. */
  readonly segments: Array<Segment> = []
  /** Those with events that are not in memory, oldest first; behind them those that could not be read. */
  unread: Array<Segment> = []

  /** Number of the oldest event in the queue that is not in memory, and may be as far as one knows. */
  get firstUnread(): number {
    return this.unread[0]?.isUnreadable === false ? this.unread[0].unreadFrom! : Number.POSITIVE_INFINITY
  }

  /** The same where reading has failed. */
  get firstUnreadable(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { isUnreadable, unreadFrom } of this.unread) if (isUnreadable) first = Math.min(first, unreadFrom!)
    return first
  }

  /** There are events in it that are not in memory. */
  addUnread(segment: Segment): void {
    const at = this.unread.findIndex(({ isUnreadable }) => isUnreadable)
    this.unread.splice(at === -1 ? this.unread.length : at, 0, segment)
  }

  /** It could not be read: others come first. */
  postpone(segment: Segment): void {
    segment.isUnreadable = true
    this.unread = [...this.unread.filter((one) => one !== segment), segment]
  }

  /** Numbers of the events in the oldest segment: from one up to another, not included. */
  get oldest(): readonly [from: number, to: number] | undefined {
    const segment = this.segments.find(({ live }) => live > 0)
    return segment && [segment.first, segment.end]
  }

  /** The oldest one of which nothing is in memory. */
  get oldestUnread(): Segment | undefined {
    return this.unread.find(({ first, unreadFrom }) => unreadFrom !== undefined && unreadFrom <= first)
  }

  insert(segment: Segment, before: Segment): void {
    this.segments.splice(this.segments.indexOf(before), 0, segment)
  }

  /** Says whether it was there. */
  remove(segment: Segment): boolean {
    const at = this.segments.indexOf(segment)
    if (at !== -1) this.segments.splice(at, 1)
    return at !== -1
  }

  /** The last events of one are in another one now. */
  moved(from: Segment, to: Segment): void {
    this.forgetRead(from)
    if (to.unreadFrom !== undefined) this.addUnread(to)
  }

  /** All of its events may be in memory now. */
  forgetRead(segment: Segment): void {
    if (segment.unreadFrom === undefined) this.unread = this.unread.filter((one) => one !== segment)
  }

  // Files that are gone

  get hasGone(): boolean {
    return this.segments.some(({ isGone }) => isGone)
  }

  /** How many events were in them that are not settled. */
  get gone(): number {
    let count = 0
    for (const { isGone, live } of this.segments) if (isGone) count += live
    return count
  }

  isGone(sequence: number): boolean {
    return this.segments.some((segment) => segment.isGone && segment.numbersOf(sequence, 1).length > 0)
  }

  /** Those of them that are not in memory either. */
  get unreadGone(): Runs {
    return this.unread.flatMap((segment) => segment.isGone ? segment.sequencesFrom(segment.unreadFrom!) : [])
  }
}

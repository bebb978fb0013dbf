/**
 * One file of a journal, as it is known in memory: which events are in it, never the events themselves.
 */

/** Events that follow one another both in the queue and in a file. */
interface Run {
  /** Number of the first one in the queue. */
  readonly sequence: number
  /** Its number in the file. */
  readonly number: number
  count: number
}

export class Segment {
  readonly runs: Array<Run> = []
  bytes = 0
  /** How many of its events are not settled. */
  live = 0
  /** Whether reading it has failed, and has not succeeded since. */
  isUnreadable = false
  /** From this number of the queue on its events are not in memory. */
  unreadFrom: number | undefined
  file: number | undefined
  /** Whether nothing is added any more, but for what is settled. */
  isSealed = false
  isRemoved = false
  /** Whether somebody else has removed its file, or taken it away. */
  isGone = false
  /** Whether another process has written it. */
  isAdopted = false
  /** Whether there is a file of it. */
  isMade = false
  /** Its file must stay open: the number could become that of another one. */
  isSyncing = false
  /** Whether its name in the directory is synced. */
  isNamed = false

  constructor(readonly path: string) {}

  /** Number of its first event in the queue. */
  get first(): number {
    return this.runs[0]?.sequence ?? Number.POSITIVE_INFINITY
  }

  /** Number behind that of its last event. */
  get end(): number {
    const last = this.runs.at(-1)
    return last === undefined ? Number.NEGATIVE_INFINITY : last.sequence + last.count
  }

  add(sequence: number, number: number): void {
    const last = this.runs.at(-1)
    if (last !== undefined && last.sequence + last.count === sequence && last.number + last.count === number) {
      last.count++
    } else {
      this.runs.push({ sequence, number, count: 1 })
    }
    this.live++
  }

  /** Its last events are those of another one from now on: from a number on, so many that are not settled. */
  moveTo(other: Segment, from: number, live: number, bytes: number): void {
    const runs = this.runs.splice(0)
    for (const run of runs) {
      const kept = Math.min(Math.max(from - run.sequence, 0), run.count)
      if (kept > 0) this.runs.push({ ...run, count: kept })
      if (kept === run.count) continue
      other.runs.push({ sequence: run.sequence + kept, number: run.number + kept, count: run.count - kept })
    }
    this.live -= live
    other.live += live
    this.bytes -= bytes
    other.bytes += bytes
    const { unreadFrom } = this
    if (unreadFrom === undefined || other.runs.length === 0) return
    other.unreadFrom = Math.max(unreadFrom, from)
    if (unreadFrom >= from) this.unreadFrom = undefined
  }

  /** Which of its events have a number of the queue from one on. */
  sequencesFrom(from: number): ReadonlyArray<readonly [sequence: number, count: number]> {
    return this.runs.flatMap(({ count, sequence }) => {
      const first = Math.max(sequence, from)
      return first < sequence + count ? [[first, sequence + count - first] as const] : []
    })
  }

  /** The numbers in the file of those events that are among `count` from `sequence` on. */
  numbersOf(sequence: number, count: number): ReadonlyArray<readonly [first: number, last: number]> {
    const found: Array<readonly [number, number]> = []
    for (const run of this.runs) {
      const first = Math.max(sequence, run.sequence)
      const last = Math.min(sequence + count, run.sequence + run.count) - 1
      if (first <= last) found.push([first - run.sequence + run.number, last - run.sequence + run.number])
    }
    return found
  }

  /** Which event of the queue has a number of the file. */
  sequenceOf(number: number): number | undefined {
    for (const run of this.runs) {
      if (number >= run.number && number < run.number + run.count) return number - run.number + run.sequence
    }
    return undefined
  }
}

/**
 * What a file says about the events that a segment is known to have.
 */
import { parse, pendingOf } from "./lines.js"
import type { Segment } from "./segment.js"
import type { Fault } from "./syncer.js"

/** Events that were read back. */
export interface Loaded {
  readonly events: ReadonlyArray<{ readonly sequence: number; readonly bytes: Uint8Array }>
  /** Whether another process has written them. */
  readonly isAdopted: boolean
  /** Whether it could not be read before. */
  readonly wasUnreadable: boolean
  /** Events that should have been there: the number of the first and how many. */
  readonly missing: ReadonlyArray<readonly [sequence: number, count: number]>
}

/** A file could not be read, and may be later. */
export interface Unreadable extends Fault {
  /** Whether that is so for the first time. */
  readonly isNew: boolean
}

/** The events of a segment in these bytes, from one number of the queue up to another. */
export const entriesOf = (segment: Segment, bytes: Uint8Array, from: number, until: number) =>
  pendingOf(parse(bytes)).flatMap(({ end, number, start }) => {
    const sequence = segment.sequenceOf(number)
    return sequence === undefined || sequence < from || sequence >= until
      ? []
      : [{ sequence, bytes: bytes.subarray(start, end) }]
  })

/** Which events of a segment, from one number up to another, were not found. */
export const missingIn = (
  segment: Segment,
  from: number,
  end: number,
  found: Loaded["events"]
): ReadonlyArray<readonly [number, number]> => {
  const missing: Array<readonly [number, number]> = []
  let at = 0
  for (const run of segment.runs) {
    let next = Math.max(run.sequence, from)
    const until = Math.min(run.sequence + run.count, end)
    for (; next < until; at++) {
      const present = Math.min(found[at]?.sequence ?? until, until)
      if (present > next) missing.push([next, present - next])
      next = present + 1
      if (present === until) break
    }
  }
  return missing
}

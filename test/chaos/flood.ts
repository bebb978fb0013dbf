/**
 * More events than memory holds, through one instance in a process with a small heap.
 */
import { strict as assert } from "node:assert"
import { run } from "../support/child.js"

export interface Seen {
  readonly events: number
  readonly delivered: number
  readonly dropped: number
  /** The most memory of the process. */
  readonly megabytes: number
}

/** Rejects when the heap was not enough, or when the numbers are not right. */
export const flood = async (events: number): Promise<Seen> => {
  const { code, signal, stderr, stdout } = await run("test/programs/flood.ts", {
    args: [String(events)],
    nodeArgs: ["--max-old-space-size=96"]
  })
  assert.equal(code, 0, `${signal ?? code}: ${stderr.slice(-500)}`)
  const { accepted, delivered, dropped, inFlight, megabytes, queued } = JSON.parse(stdout.trim().split("\n").at(-1)!)
  const lost = dropped.queue_full ?? 0
  assert.deepEqual(dropped, lost === 0 ? {} : { queue_full: lost }, stdout)
  assert.deepEqual([accepted, queued, inFlight, delivered + lost], [events, 0, 0, events], stdout)
  return { events, delivered, dropped: lost, megabytes: Math.round(megabytes) }
}

/**
 * All proofs under fault, for `npm run chaos`. The suite runs each of them in a small size.
 */
import * as fc from "fast-check"
import { runKills } from "../support/kills.js"
import { storm } from "./faultStorm.js"
import { flood } from "./flood.js"
import { nothingSeen, run, runDurable } from "./outboxModel.js"
import { durableSchedules, schedules } from "./outboxSchedule.js"
import { window } from "./window.js"

/** Counts of what was done and seen. */
export type Summary = Readonly<Record<string, number>>

export interface Context {
  readonly seed: number
  /** Whether there is more to do: until the work is done, or as long as there is time if somebody said how much. */
  readonly mayGoOn: (isDone: boolean) => boolean
  /** To be called often; tells it now and then. */
  readonly progress: (summary: () => Summary) => void
}

/** Rejects when something does not hold. */
export type Proof = (context: Context) => Promise<Summary>

/** So many schedules at a time, each time with another seed. */
const schedulesAtOnce = 100

/** Random schedules of whole instances against a model, on a clock of their own. */
const outbox: Proof = async ({ mayGoOn, progress, seed }) => {
  const seen = nothingSeen()
  const property = fc.asyncProperty(schedules(["v0", "v1"]), (schedule) => run(schedule, seen))
  for (let i = 0; mayGoOn(seen.schedules >= 10_000); i++) {
    await fc.assert(property, { seed: seed + i, numRuns: schedulesAtOnce })
    progress(() => ({ ...seen }))
  }
  return { ...seen }
}

/** The same with an outbox on disk, on which processes die and others go on. */
const durable: Proof = async ({ mayGoOn, progress, seed }) => {
  const seen = nothingSeen()
  const property = fc.asyncProperty(durableSchedules(), (schedule) => runDurable(schedule, seen))
  for (let i = 0; mayGoOn(seen.schedules >= 2_000); i++) {
    await fc.assert(property, { seed: seed + i, numRuns: schedulesAtOnce })
    progress(() => ({ ...seen }))
  }
  return { ...seen }
}

/** Storms of all faults of the network, over real sockets. */
const faults: Proof = async ({ mayGoOn, progress, seed }) => {
  const sums: Record<string, number> = { storms: 0 }
  for (let i = 0; mayGoOn(i >= 20); i++) {
    const seen = await storm({ seed: seed + i, captureMode: i % 2 === 0 ? "v0" : "v1", events: 3_000 })
    sums.storms!++
    for (const [name, count] of Object.entries(seen)) sums[name] = (sums[name] ?? 0) + count
    progress(() => sums)
  }
  return sums
}

/** Ten million events through one instance, whose server is away half of the time, in bounded memory. */
const memory: Proof = async ({ mayGoOn, progress }) => {
  const sums = { events: 0, delivered: 0, dropped: 0, mostMegabytes: 0 }
  while (mayGoOn(sums.events >= 10_000_000)) {
    const seen = await flood(2_000_000)
    sums.events += seen.events
    sums.delivered += seen.delivered
    sums.dropped += seen.dropped
    sums.mostMegabytes = Math.max(sums.mostMegabytes, seen.megabytes)
    progress(() => sums)
  }
  return sums
}

/** Real processes with an outbox on disk, one and three at a time, killed in the middle of their work. */
const kills: Proof = async ({ mayGoOn, progress, seed }) => {
  const sums = { kills: 0, acknowledged: 0, plain: 0, lostInTurn: 0, received: 0, duplicates: 0 }
  const ways = [[1_000, 1], ["never", 1], [0, 3], [1_000, 3]] as const
  for (let i = 0; mayGoOn(sums.kills >= 200); i++) {
    const [sync, processes] = ways[i % ways.length]!
    const seen = await runKills({ kills: 12, processes, sync, seed: seed + i })
    const { changed, left, lostAcknowledged, lostPlain } = seen
    if (changed > 0 || left.length + lostAcknowledged.length + lostPlain.length > 0) {
      throw new Error(`seed ${seed + i}, sync ${sync}, ${processes} at a time: ${JSON.stringify(seen)}`)
    }
    for (const name of Object.keys(sums) as Array<keyof typeof sums>) sums[name] += seen[name]
    progress(() => sums)
  }
  // Of processes that captured nothing nothing can be lost.
  if (sums.acknowledged === 0 || sums.plain === 0) throw new Error(`nothing was captured: ${JSON.stringify(sums)}`)
  return sums
}

/** A million events of an outage through 4 MiB of memory, the rest on disk, in order. */
const onDisk: Proof = async ({ mayGoOn, progress }) => {
  const sums = { events: 0, delivered: 0, mostMegabytes: 0 }
  while (mayGoOn(sums.events >= 1_000_000)) {
    const seen = await window(1_000_000)
    sums.events += seen.events
    sums.delivered += seen.delivered
    sums.mostMegabytes = Math.max(sums.mostMegabytes, seen.mostMegabytes)
    progress(() => sums)
  }
  return sums
}

export const proofs: Readonly<Record<string, Proof>> = { outbox, durable, faults, memory, kills, onDisk }

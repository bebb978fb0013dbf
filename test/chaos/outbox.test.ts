/**
 * Hundreds of random schedules against the model; `npm run chaos` runs longer ones, and more of them.
 */
import { it } from "@effect/vitest"
import * as fc from "fast-check"
import { nothingSeen, run, runDurable } from "./outboxModel.js"
import { durableSchedules, schedules } from "./outboxSchedule.js"

/** Another one each time. A failure prints it, with the smallest schedule that fails. */
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 0x7fffffff))

it("an instance keeps its promises under random schedules", async () => {
  const property = fc.asyncProperty(schedules(["v0", "v1"], 10), (schedule) => run(schedule, nothingSeen()))
  await fc.assert(property, { seed, numRuns: 700 })
}, 300_000)

it("and with an outbox on disk, on which one process after the other dies, too", async () => {
  const property = fc.asyncProperty(durableSchedules(8), (schedule) => runDurable(schedule, nothingSeen()))
  await fc.assert(property, { seed, numRuns: 100 })
}, 300_000)

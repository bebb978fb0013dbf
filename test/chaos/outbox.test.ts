/**
 * A thousand random schedules against the model; `npm run chaos` runs longer ones, and more of them.
 */
import { it } from "@effect/vitest"
import * as fc from "fast-check"
import { nothingSeen, run } from "./outboxModel.js"
import { schedules } from "./outboxSchedule.js"

/** Another one each time. A failure prints it, with the smallest schedule that fails. */
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 0x7fffffff))

it("an instance keeps its promises under random schedules", async () => {
  const property = fc.asyncProperty(schedules(["v0", "v1"], 10), (schedule) => run(schedule, nothingSeen()))
  await fc.assert(property, { seed, numRuns: 1_000 })
}, 300_000)

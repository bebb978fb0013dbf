/**
 * Proofs under fault, longer than in the suite: `npm run chaos -- [--minutes 30] [--seed 1] [--only outbox,faults]`.
 *
 * Each proof runs until it has done its work or its part of the time is over, tells how far it is, and ends with what it has seen. Whatever does
 * not hold is printed with the seed that shows it again, and the exit code is 1.
 */
import { parseArgs } from "node:util"
import { type Context, proofs, type Summary } from "../test/chaos/proofs.js"

const { values } = parseArgs({
  options: { minutes: { type: "string" }, seed: { type: "string" }, only: { type: "string" } }
})

const names = values.only?.split(",") ?? Object.keys(proofs)
const unknown = names.filter((name) => !Object.hasOwn(proofs, name))
if (unknown.length > 0) {
  console.error(`There is no proof ${unknown.join(", ")}. There are: ${Object.keys(proofs).join(", ")}`)
  process.exit(1)
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 0x7fffffff))
const share = values.minutes === undefined ? undefined : Number(values.minutes) * 60_000 / names.length

const summaryOf = (summary: Summary): string =>
  Object.entries(summary).map(([name, count]) => `${name} ${count.toLocaleString("en")}`).join(", ")

console.log(`seed ${seed}`)
const results: Array<string> = []
let violations = 0
for (const name of names) {
  const begin = performance.now()
  let told = begin
  const context: Context = {
    seed,
    mayGoOn: (isDone) => share === undefined ? !isDone : performance.now() - begin < share,
    progress: (summary) => {
      if (performance.now() - told < 10_000) return
      told = performance.now()
      console.log(`${name}: ${summaryOf(summary())}`)
    }
  }
  let line: string
  try {
    line = `ok        ${name}: ${summaryOf(await proofs[name]!(context))}`
  } catch (error) {
    violations++
    line = `VIOLATION ${name}: ${error instanceof Error ? error.message : String(error)}`
  }
  line += ` (${Math.round((performance.now() - begin) / 1_000)} s)`
  console.log(line)
  results.push(line)
}
console.log(`\nseed ${seed}\n${results.join("\n")}\n${violations} violations`)
// A client that never answers and cannot be interrupted may be left.
process.exit(violations === 0 ? 0 : 1)

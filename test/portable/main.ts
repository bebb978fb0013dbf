/**
 * Runs one check on whatever runtime this is: `main.mjs <check> <host>`. Prints what it gave as JSON.
 */
import { Effect } from "effect"
import { type Check, checks } from "./checks.js"

const [name, host] = process.argv.slice(2) as [Check, string]
const program: Effect.Effect<unknown, unknown> = checks[name](host)
console.log(JSON.stringify({ result: (await Effect.runPromise(program)) ?? null }))

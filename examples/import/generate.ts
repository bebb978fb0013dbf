/**
 * Writes a file of made-up past events, a few of them malformed, to try the import on.
 *
 *   npx tsx examples/import/generate.ts [file] [rows]      default: events.ndjson 100000; CSV when the file ends in .csv
 */
import { once } from "node:events"
import { createWriteStream } from "node:fs"

const [, , file = "events.ndjson", count = "100000"] = process.argv
const csv = file.endsWith(".csv")
const names = ["page viewed", "product viewed", "order completed", "signed up"]
const out = createWriteStream(file)

if (csv) out.write("event,distinct_id,timestamp,plan,amount\n")
const begin = Date.UTC(2024, 0, 1)
for (let i = 0; i < Number(count); i++) {
  const event = names[i % names.length]!
  const distinct_id = `user_${(i * 7919) % 5000}`
  const timestamp = new Date(begin + i * 300_000).toISOString()
  const plan = i % 3 === 0 ? "pro" : "free"
  const amount = (i * 37) % 1000
  // One row in ten thousand is broken, as in every export.
  const broken = i % 10_000 === 9_999
  const line = csv
    ? broken ? `${event},${distinct_id}` : `${event},${distinct_id},${timestamp},${plan},${amount}`
    : broken
    ? `{"event": "${event}", "distinct_id":`
    : JSON.stringify({ event, distinct_id, timestamp, properties: { plan, amount } })
  if (!out.write(`${line}\n`)) await once(out, "drain")
}
out.end()
await once(out, "finish")
console.log(`${file}: ${count} rows`)

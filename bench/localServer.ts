/**
 * A local PostHog in a process of its own. Says where it is, and after each line that it is told how much it has and takes.
 */
import { createInterface } from "node:readline"
import { makeServer } from "../src/local/server.js"

const say = (what: object): void => {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}

const server = await makeServer({ port: 0, controlPort: false })
say({ url: server.url, rss: process.memoryUsage.rss() })
createInterface({ input: process.stdin }).on("line", () => {
  const { counts, events } = server.local.store
  const { system, user } = process.cpuUsage()
  say({
    rss: process.memoryUsage.rss(),
    cpuSeconds: (system + user) / 1e6,
    counts,
    kept: events.length,
    bytes: events.reduce((sum, { bytes }) => sum + bytes, 0),
    people: server.local.people.all().length
  })
}).once("close", () => void server.close())

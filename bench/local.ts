/**
 * How many events a local PostHog takes per second, and how much memory it needs however many there were.
 *
 *   npx tsx bench/local.ts            1,000,000 events
 *   npx tsx bench/local.ts 50000      fewer
 */
import { build } from "esbuild"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { Agent, request } from "node:http"
import { createInterface } from "node:readline"
import { gzipSync } from "node:zlib"

const total = Number(process.argv[2] ?? 1_000_000)
const perRequest = 100
const concurrency = 4

const outfile = ".tmp/bench/localServer.mjs"
await build({
  entryPoints: ["bench/localServer.ts"],
  outfile,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  logLevel: "error"
})
const child = spawn(process.execPath, [outfile], { stdio: ["pipe", "pipe", "inherit"] })
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
const heard = async (): Promise<any> => JSON.parse((await lines.next()).value)
const ask = (): Promise<any> => {
  child.stdin.write("\n")
  return heard()
}

const { rss: empty, url } = await heard()
const agent = new Agent({ keepAlive: true, maxSockets: concurrency })

const post = (body: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      "content-encoding": "gzip",
      "content-length": body.length,
      "user-agent": "posthog-node/5.70.0"
    }
    request(`${url}/batch/`, { method: "POST", agent, headers }, (response) => {
      response.resume().once("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`)))
    }).once("error", reject).end(body)
  })

// As a browser sends them: most of an event is about the page and the device.
const about = Object.fromEntries(Array.from({ length: 25 }, (_, n) => [`$about_${n}`, `value ${n} `.repeat(2)]))
let made = 0
const batch = (): Buffer => {
  const events = Array.from({ length: perRequest }, () => {
    const n = made++
    return {
      event: ["order completed", "$pageview", "page read", "$identify"][n % 4],
      uuid: randomUUID(),
      timestamp: new Date().toISOString(),
      distinct_id: `person ${n % 50_000}`,
      properties: {
        ...about,
        n,
        $lib: "posthog-node",
        $lib_version: "5.70.0",
        ...n % 4 === 3 ? { $set: { plan: "pro", n } } : undefined
      }
    }
  })
  return gzipSync(JSON.stringify({ api_key: "phc_bench", batch: events }), { level: 1 })
}

let most = empty
let spent = 0
for (let left = Math.ceil(total / perRequest); left > 0; left -= 100) {
  // Made beforehand, so that making them is not measured.
  const bodies = Array.from({ length: Math.min(100, left) }, batch)
  const start = performance.now()
  const next = async (): Promise<void> => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) await post(body)
  }
  await Promise.all(Array.from({ length: concurrency }, next))
  spent += performance.now() - start
  most = Math.max(most, (await ask()).rss)
}
const { bytes, counts, cpuSeconds, kept, people } = await ask()
if (counts.accepted !== made) throw new Error(`${made} events were sent, and ${counts.accepted} were taken`)
const megabytes = (value: number): string => `${(value / 1024 / 1024).toFixed(0)} MB`
console.log([
  `events          ${made}, of which ${kept} are kept, of ${people} people`,
  `per second      ${Math.round(made / (spent / 1_000))}, and ${
    Math.round(made / cpuSeconds)
  } per second of its own time`,
  `bytes each      ${Math.round(bytes / kept)} of text, ${
    Math.round((most - empty) / kept)
  } of the process at its largest, people and garbage included`,
  `resident memory ${megabytes(empty)} empty, ${megabytes(most)} at most`
].join("\n"))
child.stdin.end()
agent.destroy()

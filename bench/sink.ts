/**
 * The server side of the benchmarks, in a process of its own. Keeps bodies as they come and looks at them only when asked, so
 * that it is never slower than what it measures.
 *
 * POST /i/v1/analytics/events   the same, answered as capture v1 answers
 * POST /batch/      stores the body; with ?delay in the settings waits before answering
 * POST /__settings  {"delay": ms, "poison": "event name", "flags": 100}: how to behave from now on; forgets what was received
 * POST /flags/      100 flags, which are all on
 * GET  /flags/definitions   as many definitions as the settings say
 * GET  /__report    what was received
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gunzipSync } from "node:zlib"
import { definitions } from "./definitions.js"

interface Settings {
  readonly delay?: number
  /** Batches with an event of this name are answered 400. */
  readonly poison?: string
  /** How many flags are defined; 100 when it is not said. */
  readonly flags?: number
}

const uuidPattern = /"uuid":"([0-9a-f-]{36})"/g

let settings: Settings = {}
let bodies: Array<{ readonly bytes: Buffer; readonly gzipped: boolean; readonly at: number }> = []

const text = (body: { readonly bytes: Buffer; readonly gzipped: boolean }): string =>
  (body.gzipped ? gunzipSync(body.bytes) : body.bytes).toString("utf8")

const flags = JSON.stringify({
  flags: Object.fromEntries(
    Array.from({ length: 100 }, (_, index) => [`flag-${index}`, {
      key: `flag-${index}`,
      enabled: true,
      variant: null,
      reason: { code: "condition_match", description: "Matched condition set 1" },
      metadata: { id: index, version: 1, payload: null }
    }])
  ),
  errorsWhileComputingFlags: false
})

/** What capture v1 answers. */
const verdicts = (body: Parameters<typeof text>[0]): string => {
  const each = Array.from(text(body).matchAll(uuidPattern), ([, uuid]) => `"${uuid}":{"result":"ok"}`)
  return `{"results":{${each.join()}}}`
}

const report = () => {
  const seen = new Set<string>()
  let events = 0
  let wireBytes = 0
  for (const body of bodies) {
    wireBytes += body.bytes.length
    for (const match of text(body).matchAll(uuidPattern)) {
      events++
      seen.add(match[1]!)
    }
  }
  return {
    requests: bodies.length,
    events,
    distinct: seen.size,
    wireBytes,
    firstAt: bodies[0]?.at ?? null,
    lastAt: bodies.at(-1)?.at ?? null
  }
}

const server = createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const bytes = Buffer.concat(chunks)
    const answer = (status: number, body: string) => {
      response.writeHead(status, { "content-type": "application/json" })
      response.end(body)
    }
    if (request.url === "/__settings") {
      settings = JSON.parse(bytes.toString("utf8")) as Settings
      bodies = []
      return answer(200, "{}")
    }
    if (request.url === "/__report") return answer(200, JSON.stringify(report()))
    if (request.url?.startsWith("/flags/definitions") === true || request.url?.includes("/local_evaluation") === true) {
      return answer(200, JSON.stringify(definitions(settings.flags ?? 100)))
    }
    if (request.url?.startsWith("/flags") === true) return answer(200, flags)
    const body = { bytes, gzipped: request.headers["content-encoding"] === "gzip", at: Date.now() }
    const finish = () => {
      if (settings.poison !== undefined && text(body).includes(`"event":"${settings.poison}"`)) {
        return answer(400, "{\"detail\":\"invalid event\"}")
      }
      bodies.push(body)
      return answer(200, request.url?.startsWith("/i/v1/") === true ? verdicts(body) : "{\"status\":1}")
    }
    if (settings.delay === undefined) finish()
    else setTimeout(finish, settings.delay)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})

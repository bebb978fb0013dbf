/**
 * The API with which a local PostHog is looked at and told what to do: by its page, by the command, and by tests in any
 * language. It is on a port of its own and wants a token, because what it gives out is not for any page that happens to
 * be open in a browser.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { messageOf } from "../core/thrown.js"
import { libraryVersion } from "../internal/version.js"
import { changeFlags, planOf } from "./asked.js"
import { hasToken, isAllowedHost } from "./guard.js"
import type { Local } from "./local.js"
import type { ReceivedEvent } from "./model.js"
import { bodyOf, isRefusal, type Refusal, refusal } from "./reading.js"
import type { LocalServer } from "./server.js"
import { stream } from "./stream.js"
import { jsonOf, viewOf } from "./view.js"
import { isAccepted, waitFor } from "./wait.js"
import { millisOf, quoted } from "./words.js"
import { asLines, asObject, write } from "./writing.js"

/** Each may be several megabytes behind. */
const maxStreams = 50

/** Each request is held against all of them. */
const maxFaults = 100

/** Longest time that somebody waits with one request. */
const maxWait = 600_000

const csp = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'"
].join("; ")

/** Of every answer. There is nothing about CORS among them: no other origin may read anything here. */
const headers = {
  "content-security-policy": csp,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store"
}

/** One request to the API. */
interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly server: LocalServer
  readonly local: Local
  readonly query: URLSearchParams
  /** What the path has behind the name of its route, piece by piece. */
  readonly rest: ReadonlyArray<string>
  /** The body. */
  readonly given: unknown
  readonly open: Open
}

/** What is open of all requests together. */
interface Open {
  streams: number
}

/** Answers with a value, or by itself. */
type Route = (call: Call) => unknown

/** Has been answered, or will be. */
const answered = { isAnswered: true } as const

const send = (response: ServerResponse, status: number, value: unknown): void => {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, "content-type": "application/json; charset=utf-8" })
  response.end(`${jsonOf(() => value)}\n`)
}

/** Events that the query is about. */
const selectionOf = ({ local, query }: Call): (event: ReceivedEvent) => boolean => {
  const event = query.get("event")
  const person = query.get("person")
  const project = query.get("project")
  const verdict = query.get("verdict")
  const since = Number(query.get("since") ?? 0)
  return (received) => {
    if (received.seq <= since) return false
    if (event !== null && received.event !== event) return false
    if (project !== null && received.project !== project) return false
    if (verdict !== null && received.verdict !== verdict) return false
    if (person === null || received.distinct_id === person) return true
    return local.people.find(received.project, person)?.ids.includes(received.distinct_id) ?? false
  }
}

const events: Route = (call) => {
  const { local, query, response, rest } = call
  const { counts, events, requests } = local.store
  const [seq] = rest
  if (seq !== undefined) {
    const event = events.find((event) => String(event.seq) === seq)
    if (event === undefined) return refusal(404, `there is no event ${quoted(seq, 20)}, or it is not kept any more`)
    return { ...viewOf(event), raw: event.raw, receivedIn: requests.find(({ seq }) => seq === event.request) }
  }
  const isLines = query.get("format") === "ndjson"
  const found = events.filter(selectionOf(call))
  response.writeHead(200, { ...headers, "content-type": isLines ? "application/x-ndjson" : "application/json" })
  void write(response, isLines ? asLines(found) : asObject(found, counts))
  return answered
}

const wait: Route = (call) => {
  const { local, query, response } = call
  const name = query.get("event") ?? undefined
  const count = Number(query.get("count") ?? 1)
  const within = millisOf(query.get("within") ?? "5s")
  if (!Number.isSafeInteger(count) || count < 1) return refusal(400, "count is a number of events, 1 or more")
  if (within === undefined || within > maxWait) {
    return refusal(400, "within is a time such as 5s, 500ms or 2m, up to 10m")
  }
  const person = query.get("person")
  const cancel = waitFor(local.store, {
    name,
    what: [name === undefined ? "at all" : quoted(name), ...person === null ? [] : [`of ${quoted(person)}`]].join(" "),
    // Whom a person is, events may have to tell first.
    matches: (event) => selectionOf(call)(event),
    count,
    withinMillis: within
  }, (waited) => {
    const found = waited.events.map(viewOf)
    if (waited.isThere) send(response, 200, { events: found })
    else {
      const refused = local.store.events.filter((event) => !isAccepted(event))
      send(response, 408, {
        error: waited.message,
        events: found,
        came: Array.from(new Set(local.store.events.filter(isAccepted).map(({ event }) => event))),
        refused: refused.slice(-100).map(({ distinct_id, event, reason }) => ({ event, distinct_id, reason }))
      })
    }
  })
  response.once("close", cancel)
  return answered
}

const flagsNow = ({ flags }: Local): unknown => ({
  document: flags.document(),
  overrides: flags.overrides(),
  missing: flags.missing()
})

/** The flag that a path names; badly escaped, it is none. */
const keyOf = (piece: string): string => {
  try {
    return decodeURIComponent(piece)
  } catch {
    return piece
  }
}

/** Why a flag is what it is for somebody. */
const why = ({ local, query }: Call, key: string): unknown => {
  const distinctId = query.get("person")
  if (distinctId === null || distinctId === "") return refusal(400, "say for whom: ?person=DISTINCT_ID")
  // Whoever has one project need not name it.
  const project = query.get("project") ?? local.store.events.at(-1)?.project ?? ""
  const groups = Object.fromEntries(
    query.getAll("group").flatMap((group) => {
      const [, type, of] = /^([^:]+):(.+)$/.exec(group) ?? []
      return type === undefined ? [] : [[type, of!]]
    })
  )
  return local.flags.why(key, { distinctId, project, groups }, local) ??
    refusal(404, `there is no flag ${quoted(key)}; make one with POST /flags {${quoted(key)}: true}`)
}

const flags: Route = (call) => {
  const { given, local, request, rest } = call
  const [piece] = rest
  if (piece !== undefined) {
    return request.method === "GET" ? why(call, keyOf(piece)) : refusal(405, "one flag is set with POST /flags")
  }
  if (request.method === "POST") {
    const problem = changeFlags(local.flags, given)
    if (problem !== undefined) return refusal(400, problem)
  }
  return flagsNow(local)
}

/** Stops one, or all; or says why the server is not as before. */
const stopFaults = ({ faults }: LocalServer, id?: number): Promise<Refusal | undefined> =>
  faults.stop(id).then(() => undefined, (thrown: unknown) => refusal(500, messageOf(thrown)))

const faults: Route = async ({ given, request, server }) => {
  if (request.method === "POST") {
    const { stop } = given as { readonly stop?: unknown }
    if (stop === undefined) {
      const plan = planOf(given)
      if (typeof plan === "string") return refusal(400, plan)
      if (server.faults.running().length >= maxFaults) return refusal(400, `${maxFaults} faults run already; stop some`)
      return { id: server.faults.start(plan).id, running: server.faults.running() }
    }
    if (stop !== "all" && typeof stop !== "number") return refusal(400, "stop is the id of a fault, or \"all\"")
    const problem = await stopFaults(server, stop === "all" ? undefined : stop)
    if (problem !== undefined) return problem
  }
  return { running: server.faults.running() }
}

const clear: Route = async ({ given, local, server }) => {
  const { what = [] } = given as { readonly what?: unknown }
  const also = Array.isArray(what) ? what : [what]
  const unknown = also.find((one) => one !== "flags" && one !== "faults")
  if (unknown !== undefined) return refusal(400, "what may also be cleared is \"flags\" and \"faults\"")
  local.people.clear()
  local.reports.clear()
  local.store.clear()
  if (also.includes("flags")) {
    local.flags.setDefinitions({ flags: [] })
    local.flags.setOverrides([])
    local.flags.clear()
  }
  const problem = also.includes("faults") ? await stopFaults(server) : undefined
  return problem ?? { counts: local.store.counts }
}

const report: Route = ({ given, local, request }) => {
  if (request.method === "POST") {
    const problem = local.reports.add(given, local.now())
    if (problem !== undefined) return refusal(400, problem)
  }
  return { reports: local.reports.all() }
}

const originsNow = ({ origins }: Local): unknown => ({ allowed: origins.allowed(), asking: origins.asking() })

const origins: Route = ({ given, local, request }) => {
  if (request.method === "POST") {
    const { allow } = given as { readonly allow?: unknown }
    if (typeof allow !== "string" || allow === "" || allow.length > 200) {
      return refusal(400, "say which origin may send: {\"allow\": \"https://my-app.example\"}")
    }
    local.origins.allow(allow)
    local.store.tell({ type: "changed", what: "origins" })
  }
  return originsNow(local)
}

/** What the stream tells of what is not a list of happenings. */
const stateOf = (server: LocalServer, what: string): unknown => {
  const { local } = server
  switch (what) {
    case "flags":
      return flagsNow(local)
    case "faults":
      return { running: server.faults.running() }
    case "origins":
      return originsNow(local)
    default:
      return { reports: local.reports.all() }
  }
}

const streamed: Route = ({ local, open, query, response, server }) => {
  if (open.streams >= maxStreams) return refusal(503, `there are ${maxStreams} readers of the stream already`)
  open.streams++
  response.once("close", () => open.streams--)
  response.writeHead(200, { ...headers, "content-type": "application/x-ndjson" })
  stream(response, local, (what) => stateOf(server, what), Number(query.get("since") ?? 0) || 0)
  return answered
}

const routes: { readonly [path: string]: { readonly methods: string; readonly route: Route } } = {
  clear: { methods: "POST", route: clear },
  counts: { methods: "GET", route: ({ local }) => local.store.counts },
  evaluations: { methods: "GET", route: ({ local }) => ({ evaluations: local.store.evaluations }) },
  events: { methods: "GET", route: events },
  faults: { methods: "GET POST", route: faults },
  flags: { methods: "GET POST", route: flags },
  hints: { methods: "GET", route: ({ local }) => ({ hints: local.store.hints }) },
  origins: { methods: "GET POST", route: origins },
  people: {
    methods: "GET",
    route: ({ local, query }) => ({ people: local.people.all(query.get("project") ?? undefined) })
  },
  report: { methods: "GET POST", route: report },
  requests: { methods: "GET", route: ({ local }) => ({ requests: local.store.requests }) },
  stream: { methods: "GET", route: streamed },
  wait: { methods: "GET", route: wait }
}

const toCome = `<!doctype html><html lang="en"><title>PostHog, here</title>
<h1>A local PostHog runs here</h1>
<p>Its page is to come. What arrives is in the terminal, and in the API of this port, see docs/local-posthog.md.</p>
</html>
`

/** Why a request of somebody may not be answered. */
const forbidden = ({ headers }: IncomingMessage, token: string): Refusal | undefined => {
  const { host, origin, "sec-fetch-site": site } = headers
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return refusal(403, "pages of other origins may not ask this; open the page of this server itself")
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${String(host).toLowerCase()}`) {
    return refusal(403, `pages of ${quoted(origin)} may not ask this; open the page of this server itself`)
  }
  if (hasToken(headers, token)) return undefined
  return refusal(
    401,
    headers.authorization === undefined
      ? "the token is missing; send it as \"Authorization: Bearer …\" (the server prints it, or give one with --token)"
      : "the token is wrong, or of a server that has ended; the server prints its token when it starts"
  )
}

const handle = async (
  request: IncomingMessage,
  response: ServerResponse,
  server: LocalServer,
  open: Open
): Promise<void> => {
  const { local } = server
  const { settings } = local
  const { method = "GET", url = "/" } = request
  const refuse = ({ error, status }: Refusal): void => send(response, status, { error })
  if (!isAllowedHost(request.headers.host, settings)) {
    return refuse(refusal(421, "this server has another name; allow that one with --allow-host"))
  }
  const mark = url.indexOf("?")
  const path = (mark < 0 ? url : url.slice(0, mark)).replace(/\/$/, "")
  const isReading = method === "GET" || method === "HEAD"
  if (path === "/health" && isReading) {
    return send(response, 200, {
      name: "effect-posthog",
      version: libraryVersion,
      url: server.url,
      controlUrl: server.controlUrl
    })
  }
  if (path === "" && isReading) {
    response.writeHead(200, { ...headers, "content-type": "text/html; charset=utf-8" })
    response.end(toCome)
    return
  }
  const problem = forbidden(request, server.token)
  if (problem !== undefined) return refuse(problem)
  const [first = "", ...rest] = path.slice(1).split("/")
  const found = Object.hasOwn(routes, first) ? routes[first] : undefined
  if (found === undefined) return refuse(refusal(404, `there are ${Object.keys(routes).join(", ")}, and health`))
  if (!found.methods.split(" ").includes(method === "HEAD" ? "GET" : method)) {
    return refuse(refusal(405, `/${first} takes ${found.methods.replace(" ", " and ")}`))
  }
  const body = await bodyOf(request)
  if (isRefusal(body)) return refuse(body)
  const value = await found.route({
    request,
    response,
    server,
    local,
    query: new URLSearchParams(mark < 0 ? "" : url.slice(mark)),
    rest,
    given: body.value,
    open
  })
  if (value === answered) return
  if (isRefusal(value)) return refuse(value)
  send(response, 200, value)
}

/** What listens on the second port. */
export const control = (server: LocalServer) => {
  const open: Open = { streams: 0 }
  return (request: IncomingMessage, response: ServerResponse): void => {
    response.on("error", () => {})
    handle(request, response, server, open).catch(() => {
      send(response, 500, { error: "the local PostHog failed to answer this" })
    })
  }
}

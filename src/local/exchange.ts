/**
 * One request from its first byte to the last of its answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { decode, maxBody, tooLarge, type Undecodable } from "./decode.js"
import { describe } from "./faults.js"
import { isAllowedHost, keptHeaders, shortenSecrets } from "./guard.js"
import type { Hooks, Local } from "./local.js"
import { type Answer, type Exchange, type Fault, json, type ReceivedRequest, type Sdk } from "./model.js"
import { cors, preflight } from "./pending.js"
import { play, type Stage } from "./play.js"
import { type Route, routeOf } from "./routes.js"

/** What is read of a body that is too large already, so that its sender hears the answer. */
const maxWasted = 3 * maxBody

const maxPath = 2_000

/** The path and the query of a request. A path that is badly escaped stays as it is, and leads nowhere. */
const readAddress = (url: string): { readonly path: string; readonly query: string } => {
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  return { path: shortenSecrets(path.slice(0, maxPath)), query: mark < 0 ? "" : url.slice(mark) }
}

const sdkOfText = (text: string | undefined): Sdk | undefined => {
  const found = /^([\w@.-]{1,60}(?:\/[a-z][\w.-]{0,60})?)\/(\d[\w.+-]{0,40})/i.exec(text ?? "")
  return found === null || found[1] === "Mozilla" ? undefined : { name: found[1]!, version: found[2]! }
}

/** What the first event of a body says about its library. */
const sdkOfBody = (body: unknown): Sdk | undefined => {
  const events = (body as { readonly batch?: unknown } | null | undefined)?.batch ?? body
  const event: unknown = Array.isArray(events) ? events[0] : events
  const properties = (event as { readonly properties?: Readonly<Record<string, unknown>> } | null | undefined)
    ?.properties
  const { $lib: name, $lib_version: version } = properties ?? {}
  return typeof name === "string" ? { name: name.slice(0, 100), version: String(version).slice(0, 100) } : undefined
}

const attemptOf = (request: IncomingMessage, query: URLSearchParams): number => {
  const attempt = Number(request.headers["posthog-attempt"] ?? Number(query.get("retry_count") ?? 0) + 1)
  return Number.isSafeInteger(attempt) && attempt > 0 ? attempt : 1
}

/** Reads a body. `undefined`: the connection ended. */
const readBody = async (
  request: IncomingMessage
): Promise<{ readonly wire: Buffer; readonly size: number; readonly isWhole: boolean } | undefined> => {
  const chunks: Array<Buffer> = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= maxBody) chunks.push(chunk)
      else if (size > maxBody + maxWasted) break
    }
  } catch {
    return undefined
  }
  return { wire: size > maxBody ? Buffer.alloc(0) : Buffer.concat(chunks), size, isWhole: size <= maxBody }
}

/** Answers to what is refused before a handler sees it, in the words of the route. */
const refuse = (
  { lane }: Route,
  { code, reason, status }: Undecodable,
  headers: IncomingMessage["headers"]
): Answer => {
  if (lane !== "v1") return json(status, { detail: reason })
  const id = headers["posthog-request-id"]
  return json(
    status,
    { error: code, error_description: reason },
    typeof id === "string" ? { "posthog-request-id": id } : undefined
  )
}

/** Takes part in an exchange until it is over. Never fails. */
export const exchange = async (
  request: IncomingMessage,
  response: ServerResponse,
  local: Local,
  hooks: Hooks
): Promise<void> => {
  const { faults, now, settings, store } = local
  const { path, query } = readAddress(request.url ?? "/")
  const method = request.method ?? "GET"
  const route = routeOf(method, path)
  const parameters = new URLSearchParams(query)
  const received: ReceivedRequest = {
    seq: store.nextRequest(),
    at: now(),
    method,
    path,
    query: shortenSecrets(query.slice(0, maxPath)),
    headers: keptHeaders(request.headers),
    target: route.target,
    sdk: sdkOfText(request.headers["posthog-sdk-info"]?.toString()) ?? sdkOfText(request.headers["user-agent"]) ??
      { name: "unknown", version: "" },
    project: undefined,
    packed: "plain",
    wireBytes: 0,
    bytes: 0,
    attempt: attemptOf(request, parameters),
    events: 0,
    status: undefined,
    reason: undefined,
    fault: undefined
  }
  store.addRequest(received)
  let isSettled = false
  const settled = (): void => {
    if (!isSettled) store.settled(received)
    isSettled = true
  }
  response.on("error", () => {})
  // Whoever gets no answer leaves some day.
  response.once("close", settled)
  const headersFor = (answer: Answer) => ({
    ...(route.isOpen ? cors(request.headers, settings) : undefined),
    ...answer.headers
  })
  const send = (answer: Answer): void => {
    if (response.headersSent) return
    received.status = answer.status
    response.writeHead(answer.status, headersFor(answer))
    response.end(answer.body)
    settled()
  }
  const sendHalf = (answer: Answer, then: () => void): void => {
    const body = Buffer.from(answer.body)
    received.status = answer.status
    response.writeHead(answer.status, { ...headersFor(answer), "content-length": body.length })
    response.write(body.subarray(0, body.length >> 1), then)
    settled()
  }
  try {
    if (!isAllowedHost(request.headers.host, settings)) {
      received.reason = `the host ${shortenSecrets(String(request.headers.host).slice(0, 200))} is not this server`
      return send(json(421, { detail: received.reason }, { connection: "close" }))
    }
    if (method === "OPTIONS") {
      return send({ status: 204, headers: route.isOpen ? preflight(request.headers) : {}, body: "" })
    }
    const planned = faults.next(received)
    if (planned?.kind === "reset" && planned.when === "before") {
      received.fault = describe(planned)
      request.socket.resetAndDestroy()
      return
    }
    const read = await readBody(request)
    if (read === undefined) return
    const isBinary = /protobuf|octet-stream/i.test(request.headers["content-type"] ?? "")
    const { body, bytes, packed, problem } = decode(read.wire, request.headers["content-encoding"], isBinary)
    const refused = read.isWhole ? problem : tooLarge("on the wire")
    received.wireBytes = read.size
    received.packed = packed
    received.bytes = bytes
    if (received.sdk.name === "unknown") received.sdk = sdkOfBody(body.json) ?? received.sdk
    const given: Exchange = { received, query: parameters, headers: request.headers, body }
    const chosen = hooks.onRequest?.(given, read.wire)
    const fault = planned ?? chosen
    if (fault !== undefined) received.fault = describe(fault)
    const stage: Omit<Stage, "answer"> = {
      request,
      response,
      send,
      sendHalf,
      target: route.target,
      isHit: faults.isHit
    }
    const go = async (exchange: Exchange): Promise<Answer> => {
      if (refused === undefined) return route.handler(exchange, local)
      received.reason = refused.reason
      return refuse(route, refused, request.headers)
    }
    const routed = async (resultFor?: Exchange["resultFor"]): Promise<Answer | Fault> => {
      const exchange = { ...given, resultFor }
      return hooks.intercept === undefined ? go(exchange) : hooks.intercept(exchange, go)
    }
    await play(fault, stage, routed)
  } catch {
    received.reason = "the local PostHog failed to answer this"
    if (response.headersSent) response.destroy()
    else send(json(500, { detail: received.reason }))
  }
}

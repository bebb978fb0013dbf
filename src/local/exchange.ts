/**
 * One request from its first byte to the last of its answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { attemptOf, sdkOf } from "./client.js"
import { decode, maxBody, tooLarge, type Undecodable } from "./decode.js"
import { describe } from "./faults.js"
import { isAllowedHost, keptHeaders, shortenSecrets } from "./guard.js"
import type { Hooks, Local } from "./local.js"
import { type Answer, type Exchange, json, type ReceivedRequest } from "./model.js"
import { cors, preflight } from "./origins.js"
import { play, type Routed } from "./play.js"
import { type Route, routeOf } from "./routes.js"

/** What is read of a body that is too large already, so that its sender hears the answer. */
const maxWasted = 3 * maxBody

/** Bytes of bodies that are being read at the same time, of all clients together. */
const maxReading = 10 * maxBody

/** What all requests of a server use together. */
export interface Shared {
  /** Bytes of bodies that are being read. */
  reading: number
}

const maxPath = 2_000

/** The path and the query of a request. A path that is badly escaped stays as it is, and leads nowhere. */
const readAddress = (url: string): { readonly path: string; readonly query: string } => {
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  return { path: shortenSecrets(path.slice(0, maxPath)), query: mark < 0 ? "" : url.slice(mark) }
}

interface Read {
  readonly wire: Buffer
  readonly size: number
  readonly problem: Undecodable | undefined
}

const busy: Undecodable = {
  status: 503,
  code: "service_unavailable",
  reason: "too many bodies are on their way at the same time"
}

/** Reads a body. `undefined`: the connection ended. */
const readBody = async (request: IncomingMessage, shared: Shared): Promise<Read | undefined> => {
  let chunks: Array<Buffer> = []
  let size = 0
  let problem: Undecodable | undefined
  let held = 0
  const drop = (why: Undecodable): void => {
    problem ??= why
    chunks = []
    shared.reading -= held
    held = 0
  }
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBody) drop(tooLarge("on the wire"))
      else if (shared.reading + chunk.length > maxReading) drop(busy)
      if (size > maxBody + maxWasted) break
      if (problem !== undefined) continue
      chunks.push(chunk)
      held += chunk.length
      shared.reading += chunk.length
    }
    return { wire: Buffer.concat(chunks), size, problem }
  } catch {
    return undefined
  } finally {
    shared.reading -= held
  }
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
  hooks: Hooks,
  shared: Shared
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
    sdk: sdkOf(request.headers),
    project: undefined,
    packed: "plain",
    wireBytes: 0,
    bytes: 0,
    attempt: attemptOf(request.headers, parameters),
    events: 0,
    status: undefined,
    isOver: false,
    reason: undefined,
    fault: undefined
  }
  store.addRequest(received)
  const settled = (): void => {
    if (received.isOver) return
    received.isOver = true
    store.settled(received)
  }
  response.on("error", () => {})
  // Whoever gets no answer leaves some day.
  response.once("close", settled)
  const headersFor = (answer: Answer) => ({
    ...(route.isOpen ? cors(request.headers) : undefined),
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
    const stranger = local.origins.refuse(request.headers)
    if (stranger !== undefined) {
      received.reason = `pages of ${keptHeaders({ origin: request.headers.origin }).origin} may not send here`
      return send(stranger)
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
    const read = await readBody(request, shared)
    if (read === undefined) {
      received.reason = "the connection ended before the request did"
      return settled()
    }
    const isBinary = /protobuf|octet-stream/i.test(request.headers["content-type"] ?? "")
    const { body, bytes, packed, problem } = decode(read.wire, request.headers["content-encoding"], isBinary)
    const refused = read.problem ?? problem
    received.wireBytes = read.size
    received.packed = packed
    received.bytes = bytes
    const given: Exchange = { received, query: parameters, headers: request.headers, body }
    const chosen = hooks.onRequest?.(given, read.wire)
    const fault = planned ?? chosen
    if (fault !== undefined) received.fault = describe(fault)
    store.tell({ type: "request", request: received })
    const go = async (exchange: Exchange): Promise<Answer> => {
      if (refused === undefined) return route.handler(exchange, local)
      received.reason = refused.reason
      return refuse(route, refused, request.headers)
    }
    const direct: Routed = (resultFor) => go({ ...given, resultFor })
    const routed: Routed = async (resultFor) =>
      hooks.intercept === undefined ? direct(resultFor) : hooks.intercept({ ...given, resultFor }, go)
    await play(fault, { request, response, send, sendHalf, target: route.target, isHit: faults.isHit, direct }, routed)
  } catch {
    received.reason = "the local PostHog failed to answer this"
    if (response.headersSent) response.destroy()
    else send(json(500, { detail: received.reason }))
  }
}

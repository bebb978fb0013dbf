/**
 * One request from its first byte to the last of its answer.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { decode, maxBody, tooLarge, type Undecodable } from "./decode.js"
import { describe } from "./faults.js"
import { isAllowedHost, keptHeaders, shortenSecrets } from "./guard.js"
import type { Intercept, Local } from "./local.js"
import { type Answer, type Exchange, type Fault, json, type ReceivedRequest, type Sdk } from "./model.js"
import { cors, preflight } from "./pending.js"
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
  const properties = (event as { readonly properties?: Readonly<Record<string, unknown>> } | null | undefined)?.properties
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
): Promise<{ readonly wire: Buffer; readonly isWhole: boolean } | undefined> => {
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
  return { wire: size > maxBody ? Buffer.alloc(0) : Buffer.concat(chunks), isWhole: size <= maxBody }
}

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis).unref()
  })

/** Answers to what is refused before a handler sees it, in the words of the route. */
const refuse = ({ lane }: Route, { code, reason, status }: Undecodable, headers: IncomingMessage["headers"]): Answer => {
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
  intercept: Intercept | undefined
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
  response.on("error", () => {})
  const send = ({ body, headers, status }: Answer): void => {
    received.status = status
    try {
      if (!response.headersSent && !response.destroyed) {
        response.writeHead(status, { ...(route.isOpen ? cors(request.headers, settings) : undefined), ...headers })
        response.end(body)
      }
    } catch {
      response.destroy()
    }
    store.settled(received)
  }
  const refuseWith = (status: number, reason: string): void => {
    received.reason = reason
    send(json(status, { detail: reason }, { connection: "close" }))
  }
  if (!isAllowedHost(request.headers.host, settings)) {
    return refuseWith(421, `the host ${shortenSecrets(String(request.headers.host).slice(0, 200))} is not this server`)
  }
  if (method === "OPTIONS") {
    return send({ status: 204, headers: route.isOpen ? preflight(request.headers) : {}, body: "" })
  }
  const fault = faults.next(received)
  if (fault !== undefined) received.fault = describe(fault)
  if (fault?.kind === "reset" && fault.when === "before") {
    request.socket.resetAndDestroy()
    store.settled(received)
    return
  }
  const read = await readBody(request)
  if (read === undefined) return store.settled(received)
  received.wireBytes = read.wire.length
  const answerWell = async (): Promise<Answer> => {
    if (!read.isWhole) return refuse(route, tooLarge("on the wire"), request.headers)
    const isBinary = /protobuf|octet-stream/i.test(request.headers["content-type"] ?? "")
    const { body, bytes, packed, problem } = decode(read.wire, request.headers["content-encoding"], isBinary)
    received.packed = packed
    received.bytes = bytes
    if (problem !== undefined) {
      received.reason = problem.reason
      return refuse(route, problem, request.headers)
    }
    if (received.sdk.name === "unknown") received.sdk = sdkOfBody(body.json) ?? received.sdk
    const given: Exchange = { received, query: parameters, headers: request.headers, body }
    const go = async (exchange: Exchange): Promise<Answer> => route.handler(exchange, local)
    const answer = intercept === undefined ? await go(given) : await intercept(given, go)
    return "kind" in answer ? json(500, { detail: "to come" }) : answer
  }
  try {
    await play(fault, answerWell, send, request, response)
  } catch {
    received.reason = "a handler failed"
    send(json(500, { detail: "the local PostHog failed to answer this" }))
  }
}

const play = async (
  fault: Fault | undefined,
  answerWell: () => Promise<Answer>,
  send: (answer: Answer) => void,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> => {
  switch (fault?.kind) {
    case "slow":
      await pause(fault.millis)
      return play(fault.next, answerWell, send, request, response)
    case "status":
      return send({ status: fault.status, headers: fault.headers, body: fault.body ?? "" })
    case "reset":
      await answerWell()
      request.socket.resetAndDestroy()
      return
    case "silent":
      return
    default:
      return send(await answerWell())
  }
}

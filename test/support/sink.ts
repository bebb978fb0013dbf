/**
 * A PostHog on the loopback interface: speaks the protocol, checks what it receives as PostHog does, records everything, and
 * misbehaves on request.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash, randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as zlib from "node:zlib"
import { LoopbackServer, open } from "./server.js"
import * as V1 from "./sinkV1.js"

/** What the sink does with one request. */
export type Behaviour =
  /** Checks the request and answers as PostHog would. */
  | { readonly kind: "ok" }
  /** Answers with a status without looking at the request. */
  | {
    readonly kind: "status"
    readonly status: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
  /** Reads the request and never answers. */
  | { readonly kind: "hang" }
  /** Closes the connection, before the request was read or after it was read and recorded. */
  | { readonly kind: "reset"; readonly when: "before" | "after" }
  /** Sends half of a body, and nothing after that. */
  | { readonly kind: "stall"; readonly body: string; readonly status?: number }
  /** Sends half of a body and closes the connection. */
  | { readonly kind: "cut"; readonly body: string }
  /** Waits before behaving. */
  | { readonly kind: "slow"; readonly millis: number; readonly next: Behaviour }
  /** Waits until the test says so. */
  | { readonly kind: "wait"; readonly until: Promise<unknown>; readonly next: Behaviour }

export const ok: Behaviour = { kind: "ok" }
export const hang: Behaviour = { kind: "hang" }
export const status = (status: number, headers: Readonly<Record<string, string>> = {}, body?: string): Behaviour => ({
  kind: "status",
  status,
  headers,
  ...(body === undefined ? undefined : { body })
})
export const retryAfterSeconds = (code: number, seconds: number): Behaviour =>
  status(code, { "retry-after": String(seconds) })
export const retryAfterDate = (code: number, date: Date): Behaviour =>
  status(code, { "retry-after": date.toUTCString() })
export const resetBefore: Behaviour = { kind: "reset", when: "before" }
export const resetAfter: Behaviour = { kind: "reset", when: "after" }
export const slow = (millis: number, next: Behaviour = ok): Behaviour => ({ kind: "slow", millis, next })

export interface SinkEvent {
  readonly uuid: string
  readonly event: string
  readonly distinct_id: string
  readonly timestamp: string
  readonly properties: Readonly<Record<string, any>>
  /** Of capture v1. */
  readonly options?: Readonly<Record<string, any>>
  readonly session_id?: string
  readonly window_id?: string
}

export interface SinkRequest {
  /** Milliseconds since the epoch, wall clock. */
  readonly at: number
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  /** Size of the body on the wire and after decompression. */
  readonly wireBytes: number
  readonly bytes: number
  /** The first bytes on the wire, in hexadecimal. */
  readonly beginsWith: string
  /** Whether the body could be decompressed. */
  readonly decodes: boolean
  /** The parsed body; `undefined` when it is no JSON. */
  readonly body: any
  readonly events: ReadonlyArray<SinkEvent>
  /** What was answered; `undefined` when nothing was. */
  status: number | undefined
}

/** A flag as somebody has it. */
export type SinkFlag = boolean | string | { readonly value: boolean | string; readonly payload?: unknown }

/** The answer to a request for flags. */
export const flagsAnswer = (flags: Readonly<Record<string, SinkFlag>>, only?: ReadonlyArray<string>) => ({
  flags: Object.fromEntries(
    Object.entries(flags).filter(([key]) => only?.includes(key) ?? true).map(([key, flag], index) => {
      const { payload, value } = typeof flag === "object" ? flag : { value: flag, payload: undefined }
      return [key, {
        key,
        enabled: value !== false,
        variant: typeof value === "string" ? value : null,
        reason: value === false
          ? { code: "no_condition_match", description: "No matching condition set", condition_index: null }
          : { code: "condition_match", description: "Matched condition set 1", condition_index: 0 },
        metadata: {
          id: index + 1,
          version: 1,
          payload: payload === undefined ? null : JSON.stringify(payload),
          description: null
        }
      }]
    })
  ),
  errorsWhileComputingFlags: false,
  requestId: randomUUID(),
  evaluatedAt: Date.now()
})

export interface Rules {
  /** Bodies above this size, after decompression, are answered 413. */
  readonly maxBodyBytes?: number
  /** Events that PostHog would refuse: the whole batch is answered 400. */
  readonly isPoisoned?: (event: SinkEvent) => boolean
  /** What PostHog says about an event that came with capture v1. Default: what it would. */
  readonly verdict?: (event: SinkEvent, request: SinkRequest) => V1.Verdict | undefined
  /** Whether the server does not know capture v1 for ordinary events. Default: it does. */
  readonly isOld?: boolean
  /** The routes for events of LLM analytics that are there. Default: both. */
  readonly aiRoutes?: ReadonlyArray<"v0" | "v1">
  /** What to do with requests for which no behaviour is scripted. Default: as PostHog does. */
  readonly otherwise?: (request: SinkRequest) => Behaviour
  /** The flags of somebody, by key. Default: none. */
  readonly flags?: (body: any) => Readonly<Record<string, SinkFlag>>
  /** The definitions of all flags, for who has a secret key; answered with an ETag, or 304. Default: 404. */
  readonly definitions?: () => unknown
  /** Answers to requests that are about neither events nor flags. */
  readonly routes?: Readonly<Record<string, (request: SinkRequest) => { status: number; body: unknown } | Behaviour>>
  /** Whether requests and events are only counted, not kept: for large numbers of them. */
  readonly forgetful?: boolean
  readonly port?: number
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** In Node from 22.15 on; types are of an older one. */
const { zstdDecompressSync } = zlib as { readonly zstdDecompressSync?: (bytes: Buffer) => Buffer }

const decompress = (encoding: string | undefined, bytes: Buffer): Buffer => {
  switch (encoding?.toLowerCase()) {
    case "gzip":
      return zlib.gunzipSync(bytes)
    case "deflate":
      return zlib.inflateSync(bytes)
    case "br":
      return zlib.brotliDecompressSync(bytes)
    case "zstd":
      if (zstdDecompressSync === undefined) throw new Error("this Node has no zstd")
      return zstdDecompressSync(bytes)
    default:
      return bytes
  }
}

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, millis).unref()
  })

/** Why PostHog would refuse the request, if it would. */
const problem = (request: SinkRequest): { status: number; reason: string } | undefined => {
  const { body } = request
  if (typeof body !== "object" || body === null) return { status: 400, reason: "malformed JSON" }
  if (typeof body.api_key !== "string" || body.api_key.trim() === "" || body.api_key.startsWith("phx_")) {
    return { status: 401, reason: "invalid token" }
  }
  if (!Array.isArray(body.batch) || body.batch.length === 0) return { status: 400, reason: "empty batch" }
  for (const event of body.batch) {
    if (typeof event.event !== "string" || event.event === "") return { status: 400, reason: "event without name" }
    if (typeof event.distinct_id !== "string" || event.distinct_id === "") {
      return { status: 400, reason: "event without distinct id" }
    }
    if (typeof event.uuid !== "string" || !uuidPattern.test(event.uuid)) return { status: 400, reason: "bad uuid" }
    if (typeof event.properties !== "object" || event.properties === null) {
      return { status: 400, reason: "event without properties" }
    }
  }
  return undefined
}

export class Sink extends LoopbackServer {
  /** Every request in the order of arrival, answered or not. */
  readonly requests: Array<SinkRequest> = []
  /** Every event of every request that was answered 200, in the order of the answers; duplicates included. */
  readonly accepted: Array<SinkEvent> = []
  /** How many events were in requests that were answered 200. */
  acceptedCount = 0
  /** Most requests that were open at the same time. */
  mostConcurrent = 0

  private script: Array<Behaviour> = []
  private concurrent = 0

  constructor(public rules: Rules = {}) {
    super()
  }

  override listen(): Promise<void> {
    return super.listen(this.rules.port)
  }

  /** Behaviours of the next requests, one each. */
  next(...behaviours: ReadonlyArray<Behaviour>): void {
    this.script.push(...behaviours)
  }

  /** Requests about events. */
  get batches(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => request.path.replace(/\/$/, "") === "/batch")
  }

  /** Requests about events over capture v1, but for those of LLM analytics. */
  get batchesV1(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => request.path.replace(/\/$/, "") === V1.analyticsPath)
  }

  /** Requests for flags of somebody, and for the definitions of all. */
  get evaluations(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => request.path.replace(/\/$/, "") === "/flags")
  }
  get loads(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => request.path === "/flags/definitions")
  }

  private accept(events: ReadonlyArray<SinkEvent>): void {
    this.acceptedCount += events.length
    if (this.rules.forgetful !== true) this.accepted.push(...events)
  }

  protected async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.concurrent++
    this.mostConcurrent = Math.max(this.mostConcurrent, this.concurrent)
    response.once("close", () => {
      this.concurrent--
    })
    const url = new URL(incoming.url ?? "/", this.url)
    const scripted = this.script.shift()
    if (scripted?.kind === "reset" && scripted.when === "before") {
      incoming.socket.resetAndDestroy()
      return
    }
    const chunks: Array<Buffer> = []
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
    } catch {
      return
    }
    const wire = Buffer.concat(chunks)
    let plain: Buffer | undefined
    let body: any
    try {
      plain = decompress(incoming.headers["content-encoding"], wire)
      body = plain.length === 0 ? undefined : JSON.parse(plain.toString("utf8"))
    } catch {
      body = undefined
    }
    const request: SinkRequest = {
      at: Date.now(),
      method: incoming.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      wireBytes: wire.length,
      bytes: (plain ?? wire).length,
      beginsWith: wire.subarray(0, 4).toString("hex"),
      decodes: plain !== undefined,
      body,
      events: Array.isArray(body?.batch) ? body.batch : [],
      status: undefined
    }
    if (this.rules.forgetful !== true) this.requests.push(request)
    this.notify()
    let behaviour = scripted ?? this.rules.otherwise?.(request) ?? ok
    while (behaviour.kind === "slow" || behaviour.kind === "wait") {
      if (behaviour.kind === "wait") await behaviour.until
      else await pause(behaviour.millis)
      behaviour = behaviour.next
    }
    this.behave(behaviour, request, incoming, response)
    this.notify()
  }

  private behave(
    behaviour: Behaviour,
    request: SinkRequest,
    incoming: IncomingMessage,
    response: ServerResponse
  ): void {
    const answer = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) => {
      request.status = status
      response.writeHead(status, { "content-type": "application/json", ...headers })
      response.end(body)
    }
    switch (behaviour.kind) {
      case "status":
        if (behaviour.status >= 200 && behaviour.status < 300) this.accept(request.events)
        return answer(behaviour.status, behaviour.body ?? "", behaviour.headers)
      case "hang":
        return
      case "reset":
        incoming.socket.resetAndDestroy()
        return
      case "stall":
        response.writeHead(behaviour.status ?? 200, {
          "content-type": "application/json",
          "content-length": behaviour.body.length
        })
        response.write(behaviour.body.slice(0, behaviour.body.length >> 1))
        return
      case "cut":
        response.writeHead(200, { "content-type": "application/json", "content-length": behaviour.body.length })
        response.write(behaviour.body.slice(0, behaviour.body.length >> 1), () => incoming.socket.destroy())
        return
      case "ok": {
        const route = this.rules.routes?.[request.path.replace(/(.)\/$/, "$1")]
        if (route !== undefined) {
          const routed = route(request)
          return "kind" in routed
            ? this.behave(routed, request, incoming, response)
            : answer(routed.status, typeof routed.body === "string" ? routed.body : JSON.stringify(routed.body))
        }
        const path = request.path.replace(/\/$/, "")
        if (path === "/flags" && request.method === "POST") {
          const { body } = request
          if (typeof body?.token !== "string") return answer(401, "{\"detail\":\"invalid token\"}")
          if (typeof body.distinct_id !== "string") return answer(400, "{\"detail\":\"no distinct id\"}")
          return answer(
            200,
            JSON.stringify(flagsAnswer(this.rules.flags?.(body) ?? {}, body.flag_keys_to_evaluate))
          )
        }
        if (path === "/flags/definitions" && request.method === "GET" && this.rules.definitions !== undefined) {
          const { authorization, "if-none-match": known } = request.headers
          if (!/^Bearer ph[xs]_/.test(String(authorization))) return answer(401, "{\"detail\":\"invalid secret key\"}")
          if (!request.query.get("token")?.startsWith("phc_")) return answer(403, "{\"detail\":\"invalid token\"}")
          const body = JSON.stringify(this.rules.definitions())
          const etag = `W/"${createHash("sha1").update(body).digest("hex")}"`
          return known === etag ? answer(304, "", { etag }) : answer(200, body, { etag })
        }
        const { aiRoutes = ["v0", "v1"] } = this.rules
        if (this.rules.maxBodyBytes !== undefined && request.bytes > this.rules.maxBodyBytes) {
          if ([V1.aiV0Path, V1.aiPath, V1.analyticsPath, "/batch"].includes(path)) return answer(413, "")
        }
        const isV1 = path === V1.analyticsPath && this.rules.isOld !== true ||
          path === V1.aiPath && aiRoutes.includes("v1")
        if (isV1 && request.method === "POST") {
          const answered = V1.answerV1(request, this.rules.verdict)
          this.accept(answered.accepted)
          return answer(answered.status, answered.body, answered.headers)
        }
        const isAiV0 = path === V1.aiV0Path && aiRoutes.includes("v0")
        if (!isAiV0 && path !== "/batch" || request.method !== "POST") {
          return answer(404, "{\"detail\":\"not found\"}")
        }
        const refused = problem(request) ?? (isAiV0 ? V1.problemV0(request) : undefined) ??
          (request.events.some((event) => this.rules.isPoisoned?.(event) === true)
            ? { status: 400, reason: "invalid event" }
            : undefined)
        if (refused !== undefined) return answer(refused.status, JSON.stringify({ detail: refused.reason }))
        this.accept(request.events)
        return answer(200, "{\"status\":1}")
      }
      default:
        throw new Error(`unexpected behaviour ${behaviour.kind}`)
    }
  }
}

/** A sink that lives as long as the scope. */
export const make = (rules?: Rules): Effect.Effect<Sink, never, Scope.Scope> => open(() => new Sink(rules))

/**
 * A PostHog on the loopback interface for the tests of the library: the local PostHog (`src/local`), with what a test
 * scripts for it, and with what arrived in the form in which it was sent.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import type { Intercept, OnRequest } from "../../src/local/local.js"
import { type Answer, type EventResult, type Fault, json, type ReceivedRequest } from "../../src/local/model.js"
import { type LocalServer, makeServer } from "../../src/local/server.js"
import { open, Waiting } from "./server.js"
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

/** What the local PostHog calls it. */
const faultOf = (behaviour: Behaviour): Fault => {
  switch (behaviour.kind) {
    case "ok":
      return { kind: "slow", millis: 0 }
    case "status":
    case "reset":
      return behaviour
    case "hang":
      return { kind: "silent" }
    case "stall":
      return { kind: "cut", body: behaviour.body, status: behaviour.status, stays: true }
    case "cut":
      return { kind: "cut", body: behaviour.body }
    case "slow":
    case "wait":
      return { ...behaviour, next: faultOf(behaviour.next) }
  }
}

const bare = (path: string): string => path.replace(/(.)\/$/, "$1")

const eventPaths = [V1.aiV0Path, V1.aiPath, V1.analyticsPath, "/batch"]

const jsonType = { "content-type": "application/json" }

const notFound: Answer = json(404, { detail: "not found" })

export class Sink {
  /** Every request in the order of arrival, answered or not. */
  readonly requests: Array<SinkRequest> = []
  /** Every event of every request that was answered 200, in the order of the answers; duplicates included. */
  readonly accepted: Array<SinkEvent> = []
  /** How many events were in requests that were answered 200. */
  acceptedCount = 0
  /** Most requests that were open at the same time. */
  mostConcurrent = 0

  private server: LocalServer | undefined
  /** Requests that have come and are not over, by their number. */
  private readonly open = new Map<number, SinkRequest | undefined>()
  /** The events of a request that are taken, where those are not all. */
  private readonly taken = new WeakMap<SinkRequest, ReadonlyArray<SinkEvent>>()
  private readonly waiting = new Waiting()

  constructor(public rules: Rules = {}) {}

  async listen(): Promise<void> {
    const { forgetful = false, port = 0 } = this.rules
    const bounds = forgetful ? { maxEvents: 0 } : {}
    this.server = await makeServer(
      { port, controlPort: false, host: "127.0.0.1", allowProduction: true, ...bounds },
      { onRequest: this.onRequest, intercept: this.intercept, isStrict: true }
    )
    this.server.local.store.subscribe((happening) => {
      if (happening.type === "request") this.follow(happening.request)
      this.waiting.notify()
    })
  }

  close(): Promise<void> {
    return this.server!.close()
  }

  get url(): string {
    return this.server!.url
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Behaviours of the next requests, one each. */
  next(...behaviours: ReadonlyArray<Behaviour>): void {
    for (const behaviour of behaviours) this.server!.faults.start({ fault: faultOf(behaviour), times: 1 })
  }

  /** Resolves when the condition holds; it is checked whenever something has happened. */
  until(condition: () => boolean): Promise<void> {
    return this.waiting.until(condition)
  }

  /** Requests about events. */
  get batches(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => bare(request.path) === "/batch")
  }

  /** Requests about events over capture v1, but for those of LLM analytics. */
  get batchesV1(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => bare(request.path) === V1.analyticsPath)
  }

  /** Requests for flags of somebody, and for the definitions of all. */
  get evaluations(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => bare(request.path) === "/flags")
  }
  get loads(): ReadonlyArray<SinkRequest> {
    return this.requests.filter((request) => request.path === "/flags/definitions")
  }

  private accept(events: ReadonlyArray<SinkEvent>): void {
    this.acceptedCount += events.length
    if (this.rules.forgetful !== true) this.accepted.push(...events)
  }

  private follow(received: ReceivedRequest): void {
    const { fault = "", isOver, seq, status } = received
    if (!isOver) {
      if (!this.open.has(seq)) this.open.set(seq, undefined)
      this.mostConcurrent = Math.max(this.mostConcurrent, this.open.size)
      return
    }
    const request = this.open.get(seq)
    this.open.delete(seq)
    // Half an answer is none.
    if (request === undefined || status === undefined || /\bcut\b/.test(fault)) return
    request.status = status
    if (status >= 200 && status < 300) this.accept(this.taken.get(request) ?? request.events)
  }

  private readonly onRequest: OnRequest = ({ body, headers, query, received }, wire) => {
    const json = body.json as { readonly batch?: unknown } | undefined
    const request: SinkRequest = {
      at: received.at,
      method: received.method,
      path: received.path,
      query,
      headers,
      wireBytes: received.wireBytes,
      bytes: received.bytes,
      beginsWith: Buffer.from(wire.subarray(0, 4)).toString("hex"),
      body: json,
      events: Array.isArray(json?.batch) ? json.batch as ReadonlyArray<SinkEvent> : [],
      status: undefined
    }
    this.open.set(received.seq, request)
    if (this.rules.forgetful !== true) this.requests.push(request)
    if (received.fault !== undefined) return undefined
    const behaviour = this.rules.otherwise?.(request)
    return behaviour === undefined || behaviour.kind === "ok" ? undefined : faultOf(behaviour)
  }

  private readonly intercept: Intercept = async (exchange, go) => {
    const { rules } = this
    const request = this.open.get(exchange.received.seq)!
    const path = bare(request.path)
    const routed = rules.routes?.[path]?.(request)
    if (routed !== undefined) {
      return "kind" in routed
        ? faultOf(routed)
        : typeof routed.body === "string"
        ? { status: routed.status, headers: jsonType, body: routed.body }
        : json(routed.status, routed.body)
    }
    const { aiRoutes = ["v0", "v1"] } = rules
    if (path === "/flags") return this.answerFlags(request)
    if (path === "/flags/definitions") return this.answerDefinitions(() => go(exchange))
    if (rules.maxBodyBytes !== undefined && request.bytes > rules.maxBodyBytes && eventPaths.includes(path)) {
      return { status: 413, body: "" }
    }
    const isMissing = path === V1.analyticsPath && rules.isOld === true ||
      path === V1.aiPath && !aiRoutes.includes("v1") || path === V1.aiV0Path && !aiRoutes.includes("v0")
    if (isMissing || !eventPaths.includes(path) || request.method !== "POST") return notFound
    const resultFor = (event: unknown): EventResult | undefined => {
      const sent = event as SinkEvent
      if (path !== V1.analyticsPath && path !== V1.aiPath) {
        return rules.isPoisoned?.(sent) === true ? { result: "drop", details: "invalid event" } : undefined
      }
      return rules.verdict?.(sent, request)
    }
    const answer = await go({ ...exchange, resultFor })
    if (path === V1.analyticsPath || path === V1.aiPath) this.taken.set(request, V1.takenOf(request, answer))
    return answer
  }

  private answerFlags(request: SinkRequest): Answer {
    const { body } = request
    if (request.method !== "POST") return notFound
    if (typeof body?.token !== "string") return json(401, { detail: "invalid token" })
    if (typeof body.distinct_id !== "string") return json(400, { detail: "no distinct id" })
    return json(200, flagsAnswer(this.rules.flags?.(body) ?? {}, body.flag_keys_to_evaluate))
  }

  /** What is no document of flags is answered as it is. */
  private answerDefinitions(go: () => Promise<Answer>): Answer | Promise<Answer> {
    const { definitions } = this.rules
    if (definitions === undefined) return notFound
    const document = definitions()
    return this.server!.local.flags.setDefinitions(document) === undefined ? go() : json(200, document)
  }
}

/** A sink that lives as long as the scope. */
export const make = (rules?: Rules): Effect.Effect<Sink, never, Scope.Scope> => open(() => new Sink(rules))

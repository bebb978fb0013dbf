/**
 * What a local PostHog knows: requests, events, evaluations of flags, and the vocabulary that its parts share.
 *
 * @since 0.1.0
 */

/** What a request is about. Faults are aimed at one of these. */
export type Target = "events" | "flags" | "definitions" | "config" | "replay" | "otlp" | "other"

/** The way that events came. */
export type Lane = "v0" | "v1" | "ai" | "otlp"

/** Who speaks: name and version of a library, as it says; `unknown` when it says nothing. */
export interface Sdk {
  readonly name: string
  readonly version: string
}

/** One request, answered or not. */
export interface ReceivedRequest {
  /** Counts requests of this server, from 1. */
  readonly seq: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** With its question mark; empty when there is none. Secret keys are shortened. */
  readonly query: string
  /** Names in lower case. Secret keys are shortened. */
  readonly headers: { readonly [name: string]: string }
  readonly target: Target
  sdk: Sdk
  /** The project key that the request is for, when it says one. */
  project: string | undefined
  /** How the body was packed, such as `gzip`, `gzip without header`, `base64`, `form`, or `plain`. */
  packed: string
  /** Bytes of the body on the wire, and unpacked. */
  wireBytes: number
  bytes: number
  /** 1: the first try of the client, as far as it says. */
  attempt: number
  /** How many events were in it. */
  events: number
  /** What was answered; `undefined`: nothing (yet). */
  status: number | undefined
  /** Whether it has been answered, or never will be. */
  isOver: boolean
  /** Why it was refused, in words. */
  reason: string | undefined
  /** The fault that was played, in words. */
  fault: string | undefined
}

/**
 * What became of an event: PostHog would take it; it is at fault itself; it is well, but the request that it came in
 * was refused as a whole.
 */
export type Verdict = "accepted" | "invalid" | "refused"

/** What an event is about, for whoever looks at a list of them. */
export type Kind =
  | "event"
  | "page"
  | "person"
  | "group"
  | "flag"
  | "exception"
  | "llm"
  | "replay"
  | "survey"
  | "log"
  | "span"

/** An event as PostHog sees it: where clients put things differently, they are in one place. */
export interface ReceivedEvent {
  /** Counts events of this server, from 1. */
  readonly seq: number
  /** When it arrived first; milliseconds since the epoch. */
  readonly at: number
  readonly kind: Kind
  readonly lane: Lane
  readonly sdk: Sdk
  readonly project: string
  /** The request that it came in first: `seq` of it. */
  readonly request: number
  readonly verdict: Verdict
  /** Why it was not accepted, in words. */
  readonly reason: string | undefined
  /** What PostHog takes without a word and the sender should know. */
  readonly warnings: ReadonlyArray<string>
  /** How often it arrived: events with the same uuid are one. */
  times: number
  /** Bytes of its text. */
  readonly bytes: number
  readonly uuid: string | undefined
  readonly event: string
  readonly distinct_id: string
  /** As it was sent. */
  readonly timestamp: string | undefined
  /** Those of the person that it changes. */
  readonly $set: { readonly [name: string]: unknown } | undefined
  readonly $set_once: { readonly [name: string]: unknown } | undefined
  readonly properties: { readonly [name: string]: any }
  /** The event as it was sent, parsed anew at each call. */
  readonly raw: unknown
}

/** One flag for one person, evaluated here, or by a client that said so. */
export interface Evaluation {
  readonly seq: number
  readonly at: number
  readonly project: string
  readonly distinct_id: string
  readonly flag: string
  /** `undefined`: there is no such flag. */
  readonly value: boolean | string | undefined
  /** PostHog's code, such as `condition_match`. */
  readonly reason: string
  readonly where: "here" | "client"
}

/** What somebody should know who uses a client, said once. */
export interface Hint {
  readonly at: number
  readonly about: string
  readonly text: string
}

/** Something has happened. */
export type Happening =
  | { readonly type: "event"; readonly event: ReceivedEvent }
  /** An event that was there has come again. */
  | { readonly type: "again"; readonly event: ReceivedEvent }
  /** A request has come, or has been answered. */
  | { readonly type: "request"; readonly request: ReceivedRequest }
  | { readonly type: "evaluation"; readonly evaluation: Evaluation }
  | { readonly type: "hint"; readonly hint: Hint }
  | { readonly type: "cleared" }
  /** Flags or faults are others now, or an origin asks. */
  | { readonly type: "changed"; readonly what: "flags" | "faults" | "origins" | "report" }

/** A body, unpacked. */
export interface Body {
  readonly text: string
  /** `undefined`: no JSON. */
  readonly json: unknown
}

/**
 * As Node's `IncomingHttpHeaders`, written out: the types of `PostHogServer` lead here, and who imports it need not
 * have the types of Node.
 */
export interface RequestHeaders {
  readonly [name: string]: string | Array<string> | undefined
  readonly "access-control-request-headers"?: string | undefined
  readonly authorization?: string | undefined
  readonly "content-type"?: string | undefined
  readonly "if-none-match"?: string | undefined
  readonly origin?: string | undefined
}

/** A request that is to be answered. */
export interface Exchange {
  readonly received: ReceivedRequest
  readonly query: URLSearchParams
  /** As they came, with secrets: for checking only. */
  readonly headers: RequestHeaders
  readonly body: Body
  /**
   * What a fault makes of an event of capture v1, whatever the event is; `undefined`: nothing. An event that is to be
   * sent again, or is dropped, is not accepted.
   */
  readonly resultFor?: ((event: unknown, index: number) => EventResult | undefined) | undefined
}

/** What capture v1 answers about one event. */
export interface EventResult {
  readonly result: string
  readonly details?: string | undefined
}

/** What is answered. */
export interface Answer {
  readonly status: number
  readonly headers?: { readonly [name: string]: string } | undefined
  readonly body: string | Uint8Array
}

/** An answer in JSON. */
export const json = (status: number, value: unknown, headers?: { readonly [name: string]: string }): Answer => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value)
})

/** What a server does instead of answering well. */
export type Fault =
  /** Answers with a status, without a look at the request. */
  | {
    readonly kind: "status"
    readonly status: number
    readonly headers?: { readonly [name: string]: string } | undefined
    readonly body?: string | undefined
  }
  /** Waits, then goes on. */
  | { readonly kind: "slow"; readonly millis: number; readonly next?: Fault | undefined }
  /** Waits until a promise is settled, then goes on: for who scripts a server from within its process. */
  | { readonly kind: "wait"; readonly until: Promise<unknown>; readonly next?: Fault | undefined }
  /** Reads the request and never answers. */
  | { readonly kind: "silent" }
  /** Closes the connection: before the request is read, or after it was taken. */
  | { readonly kind: "reset"; readonly when: "before" | "after" }
  /** Does not listen: connections are refused, as when PostHog is down. Concerns all targets. */
  | { readonly kind: "refuse" }
  /**
   * Half a body, then the connection ends (or, with `stays`, nothing more). With a body: without a look at the
   * request.
   */
  | {
    readonly kind: "cut"
    readonly stays?: boolean | undefined
    readonly status?: number | undefined
    readonly body?: string | undefined
  }
  /** 200, and what is no JSON. */
  | { readonly kind: "garbage" }
  /** 200, and that the quota of a kind is used up. */
  | { readonly kind: "quota"; readonly limited?: ReadonlyArray<string> | undefined }
  /** Capture v1: every n-th event gets this result. */
  | {
    readonly kind: "partial"
    readonly result: "retry" | "drop" | "limited" | "warning"
    readonly every?: number | undefined
    readonly details?: string | undefined
  }

/** Milliseconds that a timer of Node can wait: one with more ends at once. Three weeks. */
export const maxTimer = 2 ** 31 - 1

/** Leads elsewhere. What was shortened in an address has a character that no header may have. */
export const redirect = (location: string): Answer => ({
  status: 302,
  headers: { location: location.replace(/[^\x21-\x7e]/gu, encodeURIComponent) },
  body: ""
})

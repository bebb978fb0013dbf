/**
 * One batch, one request: builds the body, sends it once and says what the answer means. Retrying is not done here.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Encoding } from "../../core/http/encodings.js"
import { parseRetryAfter } from "../../core/http/retryAfter.js"
import type { DropReason } from "../../PostHogError.js"
import { type Diagnostics, kinds } from "../diagnostics.js"
import { type Answer, type Http, type Limits, type NoAnswer } from "../http/client.js"
import { monotonicMillis } from "../monotonic.js"
import type { Resolved } from "../options.js"
import type { Batch } from "./batch.js"
import { Compression } from "./compression.js"
import { compress } from "./encoding.js"
import type { Retryable, SendFailure } from "./failure.js"

/** What a request and its repetitions have in common. */
export interface Label {
  /** How many requests were made before. */
  attempt: number
  /** Made by the first request, where the protocol has one. */
  requestId: string | undefined
  /** When the first request was made, in milliseconds since the epoch. */
  createdAt: number | undefined
}

export const makeLabel = (): Label => ({ attempt: 0, requestId: undefined, createdAt: undefined })

/** An event was taken, and there is something to say about it. */
export interface Remark {
  readonly result: "warning"
  /** A code. */
  readonly detail: string | undefined
}

/** An event was not taken yet. */
export interface Again {
  readonly result: "retry"
  /** A code. */
  readonly detail: string | undefined
}

/** An event was refused for good, and only this one. */
export interface Refusal {
  readonly result: "drop"
  readonly reason: Extract<DropReason, "rejected" | "too_large">
  /** For people. */
  readonly detail: string
}

/** What an answer says about the single events of a batch: one verdict for each. */
export interface Results {
  readonly _tag: "Results"
  readonly status: number
  readonly verdicts: ReadonlyArray<"ok" | Remark | Again | Refusal>
  /** What the server asked for, in milliseconds. */
  readonly retryAfter: number | undefined
}

export interface Transport {
  /** The route, below the host, where it tells what became of single events. */
  readonly endpoint?: (() => string | undefined) | undefined
  /** How many of so many events, from the first on, may be in one request. Absent: all. */
  readonly fitting?: ((batch: Batch, count: number) => number) | undefined
  /**
   * Sends a batch once; gives nothing when PostHog acknowledged all of it. Until the last moment `mayGoOn` can keep the
   * request from being made.
   */
  readonly send: (
    batch: Batch,
    label: Label,
    mayGoOn: () => boolean
  ) => Effect.Effect<Results | undefined, SendFailure>
}

/** How requests with events are written, and how their answers are read. */
export interface Protocol {
  /** Below the host. */
  readonly path: string
  /** How a body may be compressed. */
  readonly encodings: ReadonlyArray<Encoding>
  /** What stands before and after the events of a body. `now` is in milliseconds since the epoch. */
  readonly envelope: (label: Label, now: number) => { readonly head: string; readonly tail: string }
  readonly headers?: (label: Label, now: number) => Readonly<Record<string, string>>
  /** What is read of an answer to so many events. */
  readonly limits: (count: number) => Pick<Limits, "maxBytes" | "bodyTimeout">
  /** What a good answer means; `undefined`: the batch is acknowledged. */
  readonly read: (answer: Answer, batch: Batch, retryAfter: number | undefined) => Results | SendFailure | undefined
  readonly fitting?: Transport["fitting"]
  /** Whether answers are about single events. */
  readonly isPerEvent: boolean
  /** What an answer that is no good one says, in a few words. */
  readonly detail: (answer: Answer) => string | undefined
}

const encoder = new TextEncoder()

const bodyOf = (batch: Batch, { head, tail }: ReturnType<Protocol["envelope"]>): Uint8Array<ArrayBuffer> => {
  const events = batch.bytes
  const before = encoder.encode(head)
  const after = encoder.encode(tail)
  const bytes = new Uint8Array(before.length + events.length + after.length)
  bytes.set(before)
  bytes.set(events, before.length)
  bytes.set(after, before.length + events.length)
  return bytes
}

export const make = (
  options: Resolved,
  protocol: Protocol,
  timeout: Duration.Duration,
  http: Http,
  diagnostics: Diagnostics
): Transport => {
  const request = http.request("POST", protocol.path)
  const compression = new Compression(options.compression, protocol.encodings, diagnostics)

  return {
    endpoint: () => protocol.isPerEvent ? protocol.path : undefined,
    fitting: protocol.fitting,
    send: Effect.fnUntraced(function*(batch, label, mayGoOn): Effect.fn.Return<Results | undefined, SendFailure> {
      const clock = yield* Effect.clock
      const startedAt = clock.unsafeCurrentTimeMillis()
      const begin = monotonicMillis(clock)
      const headers = protocol.headers?.(label, startedAt)
      const plain = bodyOf(batch, protocol.envelope(label, startedAt))
      const encoding = plain.length >= options.compressionThreshold ? compression.encoding() : undefined
      const compressed = encoding === undefined ? undefined : yield* compress(encoding, plain)
      const bytes = compressed ?? plain
      const answer = yield* http.exchangeIf(
        mayGoOn,
        request.pipe(
          headers === undefined ? (self) => self : HttpClientRequest.setHeaders(headers),
          HttpClientRequest.setBody(HttpBody.uint8Array(bytes, "application/json")),
          compressed === undefined ? (self) => self : HttpClientRequest.setHeader("content-encoding", encoding!)
        ),
        { ...protocol.limits(batch.count), timeout }
      )
      if (answer === undefined) {
        return yield* Effect.fail<Retryable>({ _tag: "Retryable", reason: "connection", detail: "not sent" })
      }
      const { status } = answer._tag === "Answer" ? answer : { status: undefined }
      const outcome: Results | SendFailure | undefined = compression.answered(status, compressed && encoding)
        ? { _tag: "EncodingRefused" }
        : outcomeOf(answer, batch, protocol, clock.unsafeCurrentTimeMillis())
      const durationMillis = Math.round(monotonicMillis(clock) - begin)
      diagnostics.emit(kinds.requestCompleted, () => ({
        _tag: "RequestCompleted",
        startedAt,
        durationMillis,
        attempt: label.attempt,
        status,
        failure: outcome?._tag === "Retryable" ? outcome.reason : undefined,
        events: batch.heads(),
        bodyBytes: bytes.length
      }))
      if (outcome === undefined || outcome._tag === "Results") {
        const resources = quotaLimited(answer)
        if (resources.length > 0) diagnostics.emit(kinds.quotaLimited, () => ({ _tag: "QuotaLimited", resources }))
        return outcome
      }
      return yield* Effect.fail(outcome)
    })
  }
}

/** What an answer means; `undefined`: the batch is acknowledged. */
const outcomeOf = (
  answer: Answer | NoAnswer,
  batch: Batch,
  protocol: Protocol,
  now: number
): Results | SendFailure | undefined => {
  if (answer._tag === "NoAnswer") return { _tag: "Retryable", reason: answer.reason, detail: answer.detail }
  const { headers, status } = answer
  const retryAfter = () => parseRetryAfter(headers["retry-after"], now)
  if (status >= 200 && status < 300) return protocol.read(answer, batch, retryAfter())
  if (status === 413) return { _tag: "TooLarge" }
  const detail = protocol.detail(answer)
  if (status === 408 || status === 429 || status >= 500) {
    return { _tag: "Retryable", reason: "status", status, detail, retryAfter: retryAfter() }
  }
  // Everything else is for good, a redirect included: it leads to a host that is not the one of the options.
  return { _tag: "Rejected", status, detail }
}

/** Resources named in `{"status":1,"quota_limited":["events"]}`; none when the body is anything else. */
const quotaLimited = (answer: Answer | NoAnswer): ReadonlyArray<string> => {
  if (answer._tag === "NoAnswer" || answer.unread !== undefined || !answer.text.includes("quota_limited")) return []
  try {
    const { quota_limited: resources } = JSON.parse(answer.text) as { readonly quota_limited?: unknown }
    return Array.isArray(resources) ? resources.filter((resource) => typeof resource === "string") : []
  } catch {
    return []
  }
}

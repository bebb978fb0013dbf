/**
 * One batch, one request: builds the body, sends it once and says what the answer means. Retrying is not done here.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { parseRetryAfter } from "../../core/http/retryAfter.js"
import type { Diagnostics } from "../diagnostics.js"
import { type Answer, type Http, type NoAnswer, summary } from "../http/client.js"
import { monotonicMillis } from "../monotonic.js"
import type { Resolved } from "../options.js"
import type { Batch } from "./batch.js"
import type { Retryable, SendFailure } from "./failure.js"
import { gzip } from "./gzip.js"
import type { Lane } from "./lane.js"

export interface Transport {
  /**
   * Sends a batch once; succeeds when PostHog acknowledged it. `attempt` counts from 0 and is for diagnostics only.
   * Until the last moment `mayGoOn` can keep the request from being made.
   */
  readonly send: (batch: Batch, attempt: number, mayGoOn: () => boolean) => Effect.Effect<void, SendFailure>
}

const encoder = new TextEncoder()

/** PostHog answers with a few bytes, which say nothing that the status does not, except what is over its quota. */
const maxAnswerBytes = 64 * 1024

/** So long is waited for these bytes: the status is the acknowledgement. */
const bodyTimeout = Duration.millis(250)

export const make = (options: Resolved, lane: Lane, http: Http, diagnostics: Diagnostics): Transport => {
  const request = http.request("POST", lane.path)
  const limits = { timeout: options.requestTimeout, maxBytes: maxAnswerBytes, bodyTimeout }

  const body = (batch: Batch, now: number): Uint8Array<ArrayBuffer> => {
    const events = batch.bytes
    const envelope = lane.envelope(now)
    const head = encoder.encode(envelope.head)
    const tail = encoder.encode(envelope.tail)
    const bytes = new Uint8Array(head.length + events.length + tail.length)
    bytes.set(head)
    bytes.set(events, head.length)
    bytes.set(tail, head.length + events.length)
    return bytes
  }

  return {
    send: Effect.fnUntraced(function*(batch, attempt, mayGoOn): Effect.fn.Return<void, SendFailure> {
      const clock = yield* Effect.clock
      const startedAt = clock.unsafeCurrentTimeMillis()
      const begin = monotonicMillis(clock)
      const plain = body(batch, startedAt)
      const compressed = options.compression && plain.length >= options.compressionThreshold
        ? yield* gzip(plain)
        : undefined
      const bytes = compressed ?? plain
      const answer = yield* http.exchangeIf(
        mayGoOn,
        request.pipe(
          HttpClientRequest.setBody(HttpBody.uint8Array(bytes, "application/json")),
          compressed === undefined ? (self) => self : HttpClientRequest.setHeader("content-encoding", "gzip")
        ),
        limits
      )
      if (answer === undefined) {
        return yield* Effect.fail<Retryable>({ _tag: "Retryable", reason: "connection", detail: "not sent" })
      }
      const failure = failureOf(answer, clock.unsafeCurrentTimeMillis())
      const durationMillis = Math.round(monotonicMillis(clock) - begin)
      diagnostics.emit("RequestCompleted", () => ({
        _tag: "RequestCompleted",
        startedAt,
        durationMillis,
        attempt,
        status: answer._tag === "Answer" ? answer.status : undefined,
        failure: failure?._tag === "Retryable" ? failure.reason : undefined,
        events: batch.heads(),
        bodyBytes: bytes.length
      }))
      if (failure !== undefined) return yield* Effect.fail(failure)
      const resources = quotaLimited(answer)
      if (resources.length > 0) diagnostics.emit("QuotaLimited", () => ({ _tag: "QuotaLimited", resources }))
    })
  }
}

/**
 * What an answer means; `undefined`: the batch is acknowledged. The status decides, whether or not the body could be
 * read.
 */
const failureOf = (answer: Answer | NoAnswer, now: number): SendFailure | undefined => {
  if (answer._tag === "NoAnswer") return { _tag: "Retryable", reason: answer.reason, detail: answer.detail }
  const { headers, status } = answer
  if (status >= 200 && status < 300) return undefined
  if (status === 413) return { _tag: "TooLarge" }
  const detail = summary(answer)
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfter = parseRetryAfter(headers["retry-after"], now)
    return { _tag: "Retryable", reason: "status", status, detail, retryAfter }
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

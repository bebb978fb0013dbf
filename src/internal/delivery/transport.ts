/**
 * One batch, one request: builds the body, sends it once and says what the answer means. Retrying is not done here.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { parseRetryAfter } from "../../core/event/retryAfter.js"
import { formatMillis } from "../../core/event/timestamp.js"
import type { Diagnostics } from "../diagnostics.js"
import type { Resolved } from "../options.js"
import { userAgent } from "../version.js"
import type { Batch } from "./eventQueue.js"
import { gzip } from "./gzip.js"

/** The same request may succeed later. */
export interface Retryable {
  readonly _tag: "Retryable"
  readonly reason: "connection" | "timeout" | "status"
  readonly status?: number | undefined
  readonly detail?: string | undefined
  /** What the server asked for, in milliseconds. */
  readonly retryAfter?: number | undefined
}

/** The body, or an event in it, is too large for the server. */
export interface TooLarge {
  readonly _tag: "TooLarge"
}

/** The server refuses this request for good. */
export interface Rejected {
  readonly _tag: "Rejected"
  readonly status: number
  readonly detail?: string | undefined
}

export type SendFailure = Retryable | TooLarge | Rejected

export interface Transport {
  /** Sends a batch once; succeeds when PostHog acknowledged it. `attempt` counts from 0 and is for diagnostics only. */
  readonly send: (batch: Batch, attempt: number) => Effect.Effect<void, SendFailure>
}

/** As much of an error page as is worth showing to people. */
const maxDetail = 200

const encoder = new TextEncoder()

export const make = (
  options: Resolved & { readonly apiKey: Redacted.Redacted<string> },
  client: HttpClient.HttpClient,
  diagnostics: Diagnostics
): Transport => {
  const execute = sender(options, client)
  const request = HttpClientRequest.post(`${options.host}/batch/`).pipe(
    HttpClientRequest.setHeader("user-agent", userAgent)
  )
  const head = encoder.encode(`{"api_key":${JSON.stringify(Redacted.value(options.apiKey))},"batch":[`)
  const historical = options.historicalMigration ? ",\"historical_migration\":true" : ""

  const body = (batch: Batch, now: number): Uint8Array<ArrayBuffer> => {
    const events = batch.bytes
    // The time of sending lets the server correct a clock that is wrong, so each attempt gets its own.
    const tail = encoder.encode(`],"sent_at":"${formatMillis(now)}"${historical}}`)
    const bytes = new Uint8Array(head.length + events.length + tail.length)
    bytes.set(head)
    bytes.set(events, head.length)
    bytes.set(tail, head.length + events.length)
    return bytes
  }

  return {
    send: Effect.fnUntraced(function*(batch, attempt): Effect.fn.Return<void, SendFailure> {
      const clock = yield* Effect.clock
      const startedAt = clock.unsafeCurrentTimeMillis()
      const plain = body(batch, startedAt)
      const compressed = options.compression && plain.length >= options.compressionThreshold
        ? yield* gzip(plain)
        : undefined
      const bytes = compressed ?? plain
      const outcome = yield* execute(
        request.pipe(
          HttpClientRequest.setBody(HttpBody.uint8Array(bytes, "application/json")),
          compressed === undefined ? (self) => self : HttpClientRequest.setHeader("content-encoding", "gzip")
        )
      )
      diagnostics.emit("RequestCompleted", () => ({
        _tag: "RequestCompleted",
        startedAt,
        durationMillis: clock.unsafeCurrentTimeMillis() - startedAt,
        attempt,
        status: outcome.status,
        failure: outcome.failure?._tag === "Retryable" ? outcome.failure.reason : undefined,
        events: batch.heads(),
        bodyBytes: bytes.length
      }))
      if (outcome.failure !== undefined) return yield* Effect.fail(outcome.failure)
      const resources = quotaLimited(outcome.body)
      if (resources.length > 0) {
        diagnostics.emit("QuotaLimited", () => ({ _tag: "QuotaLimited", resources }))
      }
    })
  }
}

interface Outcome {
  readonly status?: number | undefined
  readonly failure?: SendFailure | undefined
  readonly body: string
}

/** Sends a request, reads the answer, and tells apart what can be told apart. Never fails. */
const sender = (
  options: Resolved,
  client: HttpClient.HttpClient
): (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<Outcome> => {
  const transformed = (options.transformClient === undefined ? client : options.transformClient(client)).pipe(
    // The library's own requests are no part of the program's traces.
    HttpClient.withTracerDisabledWhen(() => true),
    HttpClient.withTracerPropagation(false)
  )
  const timeout = Duration.toMillis(options.requestTimeout)

  /** The text of an answer; empty when it cannot be read in time: the status alone decides. */
  const text = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
    response.text.pipe(
      Effect.timeout(options.requestTimeout),
      Effect.orElseSucceed(() => "")
    )

  const answered = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Outcome> =>
    Effect.zipWith(text(response), Clock.currentTimeMillis, (body, now): Outcome => {
      const { status } = response
      if (status >= 200 && status < 300) return { status, body }
      const detail = body.replace(/\s+/g, " ").trim().slice(0, maxDetail) || undefined
      if (status === 413) return { status, body, failure: { _tag: "TooLarge" } }
      if (status === 408 || status === 429 || status >= 500) {
        const retryAfter = parseRetryAfter(response.headers["retry-after"], now)
        return { status, body, failure: { _tag: "Retryable", reason: "status", status, detail, retryAfter } }
      }
      return { status, body, failure: { _tag: "Rejected", status, detail } }
    })

  const failed = (reason: "connection" | "timeout", detail: string | undefined): Outcome => ({
    body: "",
    failure: { _tag: "Retryable", reason, detail }
  })

  return (request) =>
    // Disconnected, because a client that cannot be interrupted must not hold up the end of the program.
    Effect.disconnect(transformed.execute(request)).pipe(
      // A client that fails on bad statuses has read the answer for us.
      Effect.catchTag("ResponseError", (error: HttpClientError.ResponseError) => Effect.succeed(error.response)),
      Effect.timeoutOption(options.requestTimeout),
      Effect.flatMap((response) =>
        response._tag === "None"
          ? Effect.succeed(failed("timeout", `no answer within ${timeout} ms`))
          : answered(response.value)
      ),
      // Interruption stays one; anything else that a client can do, throwing included, is a failed attempt.
      Effect.catchAllCause((cause) =>
        Cause.isInterrupted(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.succeed(failed("connection", explain(Cause.squash(cause))))
      )
    )
}

/**
 * The part of an error that helps and is safe to show: codes such as `ECONNREFUSED` and messages of the error's causes. The
 * error itself carries the request, whose body holds the events.
 */
const explain = (error: unknown): string | undefined => {
  const parts: Array<string> = []
  let current = error
  for (let depth = 0; depth < 5 && typeof current === "object" && current !== null; depth++) {
    const { cause, code, message, reason } = current as {
      readonly cause?: unknown
      readonly code?: unknown
      readonly message?: unknown
      readonly reason?: unknown
    }
    const part = typeof code === "string" ? code : depth === 0 && typeof reason === "string" ? reason : message
    if (typeof part === "string" && part !== "") parts.push(part)
    current = cause
  }
  return parts.length === 0 ? undefined : parts.join(": ").slice(0, maxDetail)
}

/** Resources named in `{"status":1,"quota_limited":["events"]}`; none when the body is anything else. */
const quotaLimited = (body: string): ReadonlyArray<string> => {
  if (!body.includes("quota_limited")) return []
  try {
    const { quota_limited: resources } = JSON.parse(body) as { readonly quota_limited?: unknown }
    return Array.isArray(resources) ? resources.filter((resource) => typeof resource === "string") : []
  } catch {
    return []
  }
}

/**
 * Asking PostHog for the definitions of all flags: one request, and what its answer means.
 */
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { parseRetryAfter } from "../../core/event/retryAfter.js"
import { FlagsUnavailable } from "../../PostHogError.js"
import { type Answer, type NoAnswer, summary } from "../http.js"
import { type Active, type Instance, notOpen } from "../instance.js"
import { readAnswer, unavailable } from "./remote.js"

export type Outcome =
  | { readonly _tag: "Loaded"; readonly document: unknown; readonly etag: string | undefined }
  | { readonly _tag: "NotModified"; readonly etag: string | undefined }
  | {
    readonly _tag: "Failed"
    readonly error: FlagsUnavailable
    /** Whether the definitions that are here must go: the project is over its quota. */
    readonly clears: boolean
    /** Whether to wait longer each time: the key is refused, or there were too many requests. */
    readonly backsOff: boolean
    /** What the server asks to wait, in milliseconds. */
    readonly retryAfter: number | undefined
  }

const failed = (error: FlagsUnavailable, retryAfter?: number): Outcome => ({
  _tag: "Failed",
  error,
  clears: error.reason === "quota_limited",
  backsOff: error.status === 401 || error.status === 403 || error.status === 429,
  retryAfter
})

/** Most bytes of the definitions of a project, with all cohorts that they refer to. */
const maxDefinitionsBytes = 32 * 1024 * 1024

const advice: { readonly [status: number]: string | undefined } = {
  401: "PostHog does not know the secretKey, or it is of another project than the apiKey",
  403: "the secretKey may not read flag definitions"
}

const read = (answer: Answer | NoAnswer, now: number): Effect.Effect<Outcome> => {
  if (answer._tag === "Answer") {
    const { headers, status } = answer
    const retryAfter = parseRetryAfter(headers["retry-after"], now)
    if (status === 304) return Effect.succeed({ _tag: "NotModified", etag: headers.etag })
    if (status === 402) return Effect.succeed(failed(unavailable("quota_limited", status, summary(answer)), retryAfter))
    if (status < 200 || status >= 300) {
      return Effect.succeed(failed(unavailable("status", status, advice[status] ?? summary(answer)), retryAfter))
    }
  }
  return Effect.match(readAnswer(answer), {
    onFailure: (error) => failed(error),
    onSuccess: (document): Outcome => ({
      _tag: "Loaded",
      document,
      etag: answer._tag === "Answer" ? answer.headers.etag : undefined
    })
  })
}

/** Asks for the definitions, unless they are still those with this ETag. Never fails. */
export const askDefinitions = (
  { http, options }: Active,
  state: Instance["state"],
  etag: string | undefined
): Effect.Effect<Outcome> => {
  const { apiKey, secretKey } = options
  if (http === undefined || apiKey === undefined) {
    return Effect.succeed(failed(unavailable("disabled", undefined, "nothing is asked from a test layer")))
  }
  if (secretKey === undefined) return Effect.succeed(failed(new FlagsUnavailable({ reason: "no_secret_key" })))
  const request = http.request(
    "GET",
    `/flags/definitions?token=${encodeURIComponent(Redacted.value(apiKey))}&send_cohorts`
  ).pipe(
    HttpClientRequest.setHeader("authorization", `Bearer ${Redacted.value(secretKey)}`),
    HttpClientRequest.setHeader("content-type", "application/json"),
    etag === undefined ? (self) => self : HttpClientRequest.setHeader("if-none-match", etag)
  )
  return Effect.flatMap(
    http.exchangeIf(() => state() === "open", request, {
      timeout: options.requestTimeout,
      maxBytes: maxDefinitionsBytes
    }),
    (answer) =>
      answer === undefined
        ? Effect.succeed(failed(unavailable(notOpen(state()))))
        : Effect.flatMap(Effect.clock, (clock) => read(answer, clock.unsafeCurrentTimeMillis()))
  )
}

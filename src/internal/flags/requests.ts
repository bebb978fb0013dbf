/**
 * The three requests about flags, and what their answers are: flags of somebody, the payload of a remote config flag,
 * and the definitions of all flags. Nothing here decides when to ask.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Failure } from "../../core/flags/loading.js"
import { parseRetryAfter } from "../../core/http/retryAfter.js"
import { FlagNotFound, FlagsUnavailable } from "../../PostHogError.js"
import { type Answer, type NoAnswer, summary } from "../http/client.js"
import { type Active, type Instance, notOpen } from "../instance.js"

/** What PostHog answered. */
export interface Reply {
  readonly body: unknown
  /** How many requests it took. */
  readonly requests: number
}

/**
 * Delay before the first repetition, in milliseconds; it doubles with each (specification of PostHog's SDKs, flags
 * request).
 */
const firstDelay = 300

/**
 * Most bytes of an answer about flags of somebody, or of the payload of one: far more than a thousand flags with
 * payloads have.
 */
const maxFlagsBytes = 8 * 1024 * 1024

export const unavailable = (reason: FlagsUnavailable["reason"], status?: number, detail?: string): FlagsUnavailable =>
  new FlagsUnavailable({ reason, status, detail })

/**
 * Whether the request may be repeated: nobody answered, a good answer broke off, or a proxy had no PostHog behind it.
 */
const isTransient = (answer: Answer | NoAnswer): boolean =>
  answer._tag === "NoAnswer" || answer.status === 502 || answer.status === 504 ||
  ((answer.unread === "connection" || answer.unread === "timeout") && answer.status >= 200 && answer.status < 300)

/** The JSON value in an answer, or what is wrong with it. */
export const readAnswer = (answer: Answer | NoAnswer): Effect.Effect<unknown, FlagsUnavailable> => {
  if (answer._tag === "NoAnswer") return unavailable(answer.reason, undefined, answer.detail)
  const { headers, status, text, unread } = answer
  if (status < 200 || status >= 300) return unavailable("status", status, summary(answer))
  if (unread === "too_large") return unavailable("invalid_response", status, "the answer is too large")
  if (unread !== undefined) return unavailable(unread, status, "the answer broke off")
  try {
    return Effect.succeed(JSON.parse(text) as unknown)
  } catch {
    // Not the text itself: it may be half of somebody's flags.
    return unavailable("invalid_response", status, `${headers["content-type"] ?? "no type"}, ${text.length} characters`)
  }
}

/** Sends a request for flags whose body is ready, and repeats it while the instance is open. */
export const askFlags = (
  { http, options }: Active,
  body: string,
  state: Instance["state"]
): Effect.Effect<Reply, FlagsUnavailable> => {
  if (http === undefined) return unavailable("disabled", undefined, "nothing is sent from a test layer")
  const request = http.request("POST", "/flags/?v=2").pipe(
    HttpClientRequest.setBody(HttpBody.uint8Array(new TextEncoder().encode(body), "application/json"))
  )
  const attempt = (requests: number): Effect.Effect<Reply, FlagsUnavailable> =>
    Effect.flatMap(
      http.exchangeIf(() => state() === "open", request, {
        timeout: options.featureFlagsRequestTimeout,
        maxBytes: maxFlagsBytes
      }),
      (answer): Effect.Effect<Reply, FlagsUnavailable> =>
        answer === undefined
          ? unavailable(notOpen(state()))
          : isTransient(answer) && requests <= options.featureFlagsRequestMaxRetries
          ? Effect.delay(attempt(requests + 1), Duration.millis(firstDelay * 2 ** (requests - 1)))
          : Effect.map(readAnswer(answer), (body) => ({ body, requests }))
    )
  return attempt(1)
}

/** Asks for the payload of a remote config flag. */
export const askRemoteConfig = (
  { http, options }: Active,
  key: string
): Effect.Effect<unknown, FlagNotFound | FlagsUnavailable> => {
  const { apiKey, secretKey } = options
  if (http === undefined || apiKey === undefined) {
    return unavailable("disabled", undefined, "nothing is sent from a test layer")
  }
  if (secretKey === undefined) return unavailable("no_secret_key")
  // As a part of a path these would be something else.
  if (typeof key !== "string" || key === "" || key === "." || key === "..") {
    return new FlagNotFound({ key: String(key) })
  }
  let path: string
  try {
    const token = encodeURIComponent(Redacted.value(apiKey))
    path = `/api/projects/@current/feature_flags/${encodeURIComponent(key)}/remote_config?token=${token}`
  } catch {
    // A lone surrogate has no encoding, and no flag has one in its key.
    return new FlagNotFound({ key })
  }
  const request = http.request("GET", path).pipe(
    HttpClientRequest.setHeader("authorization", `Bearer ${Redacted.value(secretKey)}`)
  )
  return Effect.flatMap(
    http.exchange(request, { timeout: options.requestTimeout, maxBytes: maxFlagsBytes }),
    (answer): Effect.Effect<unknown, FlagNotFound | FlagsUnavailable> =>
      answer._tag === "Answer" && answer.status === 404 ? new FlagNotFound({ key }) : readAnswer(answer)
  )
}

/** What came of asking for definitions. */
export type Outcome =
  | { readonly _tag: "Loaded"; readonly document: unknown; readonly etag: string | undefined }
  | { readonly _tag: "NotModified"; readonly etag: string | undefined }
  | { readonly _tag: "Failed"; readonly error: FlagsUnavailable } & Failure

const failedLoad = (error: FlagsUnavailable, retryAfter?: number): Outcome => ({
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

const readDefinitions = (answer: Answer | NoAnswer, now: number): Effect.Effect<Outcome> => {
  if (answer._tag === "Answer") {
    const { headers, status } = answer
    const retryAfter = parseRetryAfter(headers["retry-after"], now)
    if (status === 304) return Effect.succeed({ _tag: "NotModified", etag: headers.etag })
    if (status === 402) {
      return Effect.succeed(failedLoad(unavailable("quota_limited", status, summary(answer)), retryAfter))
    }
    if (status < 200 || status >= 300) {
      return Effect.succeed(failedLoad(unavailable("status", status, advice[status] ?? summary(answer)), retryAfter))
    }
  }
  return Effect.match(readAnswer(answer), {
    onFailure: (error) => failedLoad(error),
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
    return Effect.succeed(failedLoad(unavailable("disabled", undefined, "nothing is asked from a test layer")))
  }
  if (secretKey === undefined) return Effect.succeed(failedLoad(new FlagsUnavailable({ reason: "no_secret_key" })))
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
        ? Effect.succeed(failedLoad(unavailable(notOpen(state()))))
        : Effect.flatMap(Effect.clock, (clock) => readDefinitions(answer, clock.unsafeCurrentTimeMillis()))
  )
}

/**
 * Asking PostHog what the flags are: one request, repeated where PostHog's SDKs repeat it.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { FlagNotFound, FlagsUnavailable } from "../../PostHogError.js"
import { type Answer, type NoAnswer, summary } from "../http.js"
import { type Active, type Instance, notOpen } from "../instance.js"

/** What PostHog answered. */
export interface Reply {
  readonly body: unknown
  /** How many requests it took. */
  readonly requests: number
}

/** Delay before the first repetition, in milliseconds; it doubles with each (specification of PostHog's SDKs, flags request). */
const firstDelay = 300

/** Most bytes of an answer about flags of somebody, or of the payload of one: far more than a thousand flags with payloads have. */
const maxFlagsBytes = 8 * 1024 * 1024

export const unavailable = (reason: FlagsUnavailable["reason"], status?: number, detail?: string): FlagsUnavailable =>
  new FlagsUnavailable({ reason, status, detail })

/** Whether the request may be repeated: nobody answered, a good answer broke off, or a proxy had no PostHog behind it. */
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

/**
 * Capture v1: the key and what the request is stand in headers, and the answer has a verdict for each event.
 */
import { formatMillis } from "../../core/event/timestamp.js"
import { isList, isObject, read } from "../../core/guard.js"
import { encodings } from "../../core/http/encodings.js"
import { type Answer, summary } from "../http/client.js"
import { userAgent } from "../version.js"
import { noResults } from "../warnings.js"
import type { Batch } from "./batch.js"
import type { SendFailure } from "./failure.js"
import type { Label, Protocol, Refusal, Results } from "./transport.js"

/** Room for the answer: what stands around the verdicts, and one verdict. */
const maxAnswerBytes = 64 * 1024
const maxVerdictBytes = 1024

/** Verdicts on events that are larger than something there takes. */
const ofSize = new Set(["event_too_big", "ai_event_too_big"])

/** What PostHog gives as a reason is a code. Anything else is of something that is not PostHog, and not repeated. */
const code = /^[a-z0-9_]{1,100}$/

export const captureV1 = (
  path: string,
  apiKey: string,
  historicalMigration: boolean,
  newUuid: (millis: number) => string
): Protocol => {
  const historical = historicalMigration ? "\"historical_migration\":true," : ""
  const firstAt = (label: Label, now: number): number => label.createdAt ??= now
  return {
    path,
    encodings,
    envelope: (label, now) => ({
      head: `{"created_at":"${formatMillis(firstAt(label, now))}",${historical}"batch":[`,
      tail: "]}"
    }),
    headers: (label, now) => ({
      authorization: `Bearer ${apiKey}`,
      "posthog-sdk-info": userAgent,
      "posthog-attempt": String(label.attempt + 1),
      "posthog-request-id": label.requestId ??= newUuid(now),
      // Lets the server correct a clock that is wrong, so each attempt gets its own.
      "posthog-request-timestamp": formatMillis(now)
    }),
    limits: (count) => ({ maxBytes: maxAnswerBytes + count * maxVerdictBytes }),
    read: readAnswer,
    isPerEvent: true,
    detail: errorOf,
    fitting: withoutRepetition
  }
}

/** PostHog refuses all of a batch in which two events have one uuid. */
const withoutRepetition = (batch: Batch, count: number): number => {
  const seen = new Set<string>()
  for (const uuid of batch.slice(0, count).uuids()) {
    if (seen.has(uuid)) return seen.size
    seen.add(uuid)
  }
  return count
}

const readAnswer = (
  answer: Answer,
  batch: Batch,
  retryAfter: number | undefined
): Results | SendFailure | undefined => {
  const { status, text, unread } = answer
  // Without its body the answer says nothing: which events are to be sent again stands there.
  if (unread === "connection" || unread === "timeout") {
    return { _tag: "Retryable", reason: unread, detail: `the answer with status ${status} broke off` }
  }
  const results = unread === undefined ? resultsOf(text) : null
  if (results === undefined) return undefined
  if (results === null) return { _tag: "Rejected", status, detail: noResults }
  const verdicts = batch.uuids().map((uuid) => Object.hasOwn(results, uuid) ? verdictOf(results[uuid]) : "ok")
  return verdicts.every((verdict) => verdict === "ok")
    ? undefined
    : { _tag: "Results", status, verdicts, retryAfter }
}

/** By uuid; `undefined`: there is nothing to say, `null`: that is no answer of PostHog's. */
const resultsOf = (text: string): { readonly [uuid: string]: unknown } | undefined | null => {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(body) || isList(body)) return null
  const { results } = body as { readonly results?: unknown }
  if (results === undefined) return undefined
  return isObject(results) && !isList(results) ? results as { readonly [uuid: string]: unknown } : null
}

/** What is not known is a success, as PostHog asks for: later servers may say more. */
const verdictOf = (given: unknown): Results["verdicts"][number] => {
  if (!isObject(given)) return "ok"
  const { details, result } = given as { readonly details?: unknown; readonly result?: unknown }
  if (result === "retry" || result === "warning") return { result, detail: codeIn(details) }
  return result === "drop" ? refusal(codeIn(details)) : "ok"
}

const codeIn = (given: unknown): string | undefined => typeof given === "string" && code.test(given) ? given : undefined

const refusal = (detail = "dropped"): Refusal => ({
  result: "drop",
  reason: ofSize.has(detail) ? "too_large" : "rejected",
  detail
})

/** PostHog's code of an error. Of what is not PostHog, a proxy for instance, what it says. */
const errorOf = (answer: Answer): string | undefined => {
  try {
    const error = codeIn(read(JSON.parse(answer.text), "error"))
    if (error !== undefined) return error
  } catch {
    // It is no JSON.
  }
  return summary(answer)
}

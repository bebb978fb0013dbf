/**
 * What PostHog says about requests of capture v1: a request is refused for its headers and its shape, an event for
 * itself.
 */
import { parseTimestamp } from "../core/event/timestamp.js"
import { canonicalUuid, isUuid } from "../core/event/uuid.js"
import { isAiEvent } from "../core/llm/eventNames.js"
import { maxName, own } from "./event.js"
import type { EventResult, Exchange } from "./model.js"
import { isJunk } from "./people.js"
import { maxAiBytes, named, type Problem, problemOfKey } from "./verdict.js"

const mebibyte = 1024 * 1024

/** Of a body on the wire; unpacked it is the same for both routes. */
const maxWireBytes = { analytics: 10 * mebibyte, ai: 20 * mebibyte }
const maxBodyBytes = 20 * mebibyte
const maxEventBytes = mebibyte

const required = [
  "authorization",
  "content-type",
  "user-agent",
  "posthog-sdk-info",
  "posthog-attempt",
  "posthog-request-id",
  "posthog-request-timestamp"
]

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

/** A date, a time and an offset, and a moment that there is. */
const isMoment = (value: unknown): boolean =>
  typeof value === "string" && value.length <= 100 && rfc3339.test(value) && parseTimestamp(value) !== undefined

const invalidHeader = (name: string, reason: string): Problem => ({
  status: 400,
  code: `invalid_header_value`,
  reason: `The header ${name} ${reason}`
})

/** The project's key, as the header has it. */
export const keyOfV1 = ({ headers }: Exchange): string | undefined =>
  /^Bearer (.*)$/i.exec(headers.authorization ?? "")?.[1]?.trim()

/** What is wrong with the headers, in the order in which PostHog looks at them. */
export const problemOfHeaders = (exchange: Exchange, isStrict: boolean): Problem | undefined => {
  const { headers } = exchange
  const missing = required.filter((name) => headers[name] === undefined)
  if (missing.join() === "authorization") {
    return {
      status: 401,
      code: "missing_authorization",
      reason: "There is no project key. Send it as the header Authorization: Bearer phc_…"
    }
  }
  if (missing.length > 0) {
    return {
      status: 400,
      code: "missing_required_headers",
      reason: `Capture v1 demands headers that are not there: ${missing.join(", ")}`
    }
  }
  const text = (name: string): string => String(headers[name])
  const key = keyOfV1(exchange)
  if (key === undefined) return invalidHeader("Authorization", "must be Bearer and the project's key")
  const unauthorized = problemOfKey(key)
  if (unauthorized !== undefined) return unauthorized
  if (!/^application\/json *(;|$)/i.test(text("content-type"))) {
    return {
      status: 415,
      code: "unsupported_content_type",
      reason: `Content-Type is ${named(text("content-type"))}, and must be application/json`
    }
  }
  if (!/^[1-9]\d*$/.test(text("posthog-attempt"))) return invalidHeader("PostHog-Attempt", "must be a number from 1 on")
  const id = text("posthog-request-id")
  // In the suite of an SDK a uuid has one way to be written.
  if (isStrict ? !isUuid(id) || id !== id.toLowerCase() : canonicalUuid(id) === undefined) {
    return invalidHeader("PostHog-Request-Id", "must be a UUID")
  }
  if (!isMoment(text("posthog-request-timestamp"))) {
    return invalidHeader("PostHog-Request-Timestamp", "must be a time with an offset, such as 2026-01-31T12:00:00.000Z")
  }
  const info = text("posthog-sdk-info")
  if (isStrict ? !/^[^/]+\/[^/]+$/.test(info) : info === "") {
    return invalidHeader("PostHog-Sdk-Info", "must be the name and the version of the SDK, such as my-sdk/1.0.0")
  }
  const encoding = headers["content-encoding"]
  return encoding === undefined || /^(gzip|deflate|br|zstd)$/i.test(String(encoding)) ? undefined : {
    status: 415,
    code: "unsupported_encoding",
    reason: `Content-Encoding is ${
      named(encoding)
    }, and must be gzip, deflate, br or zstd; for a plain body leave it out`
  }
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)
/** `null` is none for PostHog, and nothing that an SDK shall send. */
const isTextOrNone = (value: unknown, isStrict: boolean): boolean =>
  value === undefined || value === null && !isStrict || typeof value === "string"

const parsing = (reason: string): Problem => ({ status: 400, code: "request_parsing_error", reason })

/** What is wrong with the type of a member, which loses all events of the request. */
const problemOfTypes = (event: unknown, isStrict: boolean): string | undefined => {
  for (const name of ["event", "distinct_id", "timestamp"]) {
    const value = own(event, name)
    if (typeof value !== "string") return `\`${name}\` is ${named(value)}, and must be a text`
  }
  const options = own(event, "options")
  if (!isObject(options) && (isStrict || options !== undefined && options !== null)) {
    return `\`options\` is ${named(options)}, and must be an object`
  }
  const bad = ["session_id", "window_id"].find((name) => !isTextOrNone(own(event, name), isStrict))
  return bad === undefined ? undefined : `\`${bad}\` is ${named(own(event, bad))}, and must be a text`
}

/** What is wrong with the body, and loses all of its events. */
export const problemOfBody = ({ body: { json, text }, received }: Exchange, isStrict: boolean): Problem | undefined => {
  const most = received.path.includes("/ai/") ? maxWireBytes.ai : maxWireBytes.analytics
  if (received.wireBytes > most || received.bytes > maxBodyBytes) {
    const reason =
      `The body has ${received.wireBytes} bytes and ${received.bytes} unpacked. PostHog takes ${most} and ${maxBodyBytes}`
    return { status: 413, code: "payload_too_large", reason }
  }
  if (text.trim() === "") return { status: 400, code: "empty_body", reason: "The body is empty" }
  if (json === undefined) return { status: 400, code: "request_decoding_error", reason: "The body is no JSON" }
  if (!isObject(json)) return parsing(`The body is ${named(json)}, and must be an object`)
  const created = own(json, "created_at")
  if (!isMoment(created)) {
    const reason = `\`created_at\` is ${
      named(created)
    }, and must be a time with an offset, such as 2026-01-31T12:00:00.000Z`
    return { status: 400, code: "invalid_batch", reason }
  }
  const known = ["created_at", "historical_migration", "batch"]
  const other = isStrict ? Object.keys(json as object).find((name) => !known.includes(name)) : undefined
  if (other !== undefined) return parsing(`\`${other}\` is no member of capture v1`)
  const batch = own(json, "batch")
  if (batch !== undefined && !Array.isArray(batch)) return parsing(`\`batch\` is ${named(batch)}, and must be a list`)
  if (batch === undefined || batch.length === 0) {
    return { status: 400, code: "empty_batch", reason: "There is no event in the request. Do not send empty batches" }
  }
  return undefined
}

/** For each event of a request what is wrong with it and loses all of them. */
export const problemsOfBatch = (
  batch: ReadonlyArray<unknown>,
  isStrict: boolean
): ReadonlyArray<Problem | undefined> => {
  const seen = new Set<string>()
  return batch.map((event) => {
    const given = own(event, "uuid")
    const uuid = canonicalUuid(given)
    if (!isObject(event)) return parsing(`The event is ${named(event)}, and must be an object`)
    if (given === undefined || given === null) {
      const reason = "`uuid` is missing. Make one when the event is captured, and keep it for all attempts"
      return { status: 400, code: isStrict ? "invalid_event_uuid" : "missing_event_uuid", reason }
    }
    if (uuid === undefined || isStrict && uuid !== given) {
      return { status: 400, code: "invalid_event_uuid", reason: `\`uuid\` is ${named(given)}, and must be a UUID` }
    }
    if (seen.has(uuid)) {
      const reason = `Two events of the request have the uuid ${uuid}. Send them in requests of their own`
      return { status: 400, code: "duplicate_event_uuid", reason }
    }
    seen.add(uuid)
    const types = problemOfTypes(event, isStrict)
    return types === undefined ? undefined : parsing(types)
  })
}

const optionTypes = [
  ["cookieless_mode", "boolean"],
  ["disable_skew_correction", "boolean"],
  ["process_person_profile", "boolean"],
  ["product_tour_id", "string"]
] as const

/** Properties that capture v1 has elsewhere. */
export const moved: ReadonlyArray<readonly [property: string, place: string]> = [
  ["$cookieless_mode", "options.cookieless_mode"],
  ["$ignore_sent_at", "options.disable_skew_correction"],
  ["$process_person_profile", "options.process_person_profile"],
  ["$product_tour_id", "options.product_tour_id"],
  ["$session_id", "session_id"],
  ["$window_id", "window_id"],
  ["$lib", "the header PostHog-Sdk-Info"],
  ["$lib_version", "the header PostHog-Sdk-Info"]
]

/** What PostHog answers about an event, and that in words. */
export interface Result {
  readonly answer: EventResult
  readonly reason: string | undefined
}

const ok: Result = { answer: { result: "ok" }, reason: undefined }

const drop = (details: string, reason: string): Result => ({ answer: { result: "drop", details }, reason })

/** The verdict about one event of a request that is well. `bytes`: of its text. */
export const resultOf = (event: unknown, bytes: number, isAi: boolean, isStrict: boolean): Result => {
  const name = own(event, "event") as string
  const id = own(event, "distinct_id") as string
  const properties = own(event, "properties")
  if (name === "") return drop("missing_event_name", "The event has no name: `event` is an empty text")
  if (Buffer.byteLength(name) > maxName) {
    return drop("event_name_too_long", `The name of the event has more than ${maxName} bytes`)
  }
  if (id.trim() === "") return drop("missing_distinct_id", "Nobody is named who did it: `distinct_id` is empty")
  if (Buffer.byteLength(id) > maxName) {
    return drop("distinct_id_too_large", `\`distinct_id\` has more than ${maxName} bytes`)
  }
  const timestamp = own(event, "timestamp")
  if (!isMoment(timestamp)) {
    const form = "must be a time with an offset, such as 2026-01-31T12:00:00.000Z"
    return drop("invalid_event_timestamp", `\`timestamp\` is ${named(timestamp)}, and ${form}`)
  }
  if (!isObject(properties)) {
    return drop("malformed_event_properties", `\`properties\` is ${named(properties)}, and must be an object`)
  }
  for (const [option, type] of optionTypes) {
    const value = own(own(event, "options"), option)
    const isNone = value === undefined || value === null && !isStrict
    if (!isNone && typeof value !== type) {
      const wanted = type === "boolean" ? "true or false" : "a text"
      return drop("invalid_options", `The option \`${option}\` is ${named(value)}, and must be ${wanted}`)
    }
  }
  const twice = isStrict ? moved.find(([property]) => own(properties, property) !== undefined) : undefined
  if (twice !== undefined) return drop("rejected", `\`${twice[0]}\` is a property, and belongs to ${twice[1]}`)
  if (isAi && !isAiEvent(name)) {
    const reason = `${named(name)} is no event of LLM analytics. Send it to /i/v1/analytics/events`
    return drop("misrouted_event", reason)
  }
  if (isAi) {
    const size = bytes <= maxAiBytes ? bytes : Buffer.byteLength(JSON.stringify(properties))
    return size <= maxAiBytes
      ? ok
      : drop("ai_event_too_big", `The properties have ${size} bytes, more than ${maxAiBytes}`)
  }
  if (bytes > maxEventBytes) {
    return drop("event_too_big", `The event has ${bytes} bytes. PostHog takes ${maxEventBytes}`)
  }
  return isJunk(id) ? { answer: { result: "ok", details: "person_processing_disabled" }, reason: undefined } : ok
}

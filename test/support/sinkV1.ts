/**
 * How the sink takes events over capture v1, with its headers and a verdict for each event, and events of LLM analytics over
 * the route that PostHog had before.
 */
import type { SinkEvent, SinkRequest } from "./sink.js"

/** What PostHog says about one event. */
export interface Verdict {
  readonly result: string
  readonly details?: string
}

export const analyticsPath = "/i/v1/analytics/events"
export const aiPath = "/i/v1/ai/events"
export const aiV0Path = "/i/v0/ai/batch"

export const maxPropertiesBytes = 8 * 1024 * 1024
/** Before and after decompression. */
const maxBodyBytes = 20 * 1024 * 1024
const maxWireBytes = { [aiPath]: maxBodyBytes, [analyticsPath]: 10 * 1024 * 1024 }

/** One event of the others. */
const maxEventBytes = 1024 * 1024

/**
 * The names that PostHog has. Those of the library are the same and are not taken from there, because a name that is
 * wrong or missing there would then be so here too, and no test would see it.
 */
const aiEvents = new Set([
  "$ai_generation",
  "$ai_embedding",
  "$ai_span",
  "$ai_trace",
  "$ai_metric",
  "$ai_feedback",
  "$ai_evaluation",
  "$ai_tag",
  "$ai_generation_summary",
  "$ai_trace_summary",
  "$ai_evaluation_report"
])

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

const required = [
  "authorization",
  "content-type",
  "user-agent",
  "posthog-sdk-info",
  "posthog-attempt",
  "posthog-request-id",
  "posthog-request-timestamp"
]

interface Problem {
  readonly status: number
  readonly error: string
}

const headerProblem = ({ headers }: SinkRequest): Problem | undefined => {
  const missing = required.filter((name) => headers[name] === undefined)
  if (missing.join() === "authorization") return { status: 401, error: "missing_authorization" }
  if (missing.length > 0) return { status: 400, error: `missing_required_headers ${missing.join(", ")}` }
  const text = (name: string): string => String(headers[name])
  const token = /^Bearer (.*)$/i.exec(text("authorization"))
  if (token === null) return { status: 400, error: "invalid_header_value authorization" }
  if (!/^[\x20-\x7e]{1,64}$/.test(token[1]!.trim()) || token[1]!.startsWith("phx_")) {
    return { status: 401, error: "invalid_api_token" }
  }
  if (!/^application\/json(;|$)/.test(text("content-type"))) return { status: 415, error: "unsupported_content_type" }
  if (!/^[1-9]\d*$/.test(text("posthog-attempt"))) {
    return { status: 400, error: "invalid_header_value posthog-attempt" }
  }
  if (!uuidPattern.test(text("posthog-request-id"))) {
    return { status: 400, error: "invalid_header_value posthog-request-id" }
  }
  if (!rfc3339.test(text("posthog-request-timestamp"))) {
    return { status: 400, error: "invalid_header_value posthog-request-timestamp" }
  }
  if (!/^[^/]+\/[^/]+$/.test(text("posthog-sdk-info"))) {
    return { status: 400, error: "invalid_header_value posthog-sdk-info" }
  }
  const encoding = headers["content-encoding"]
  if (encoding !== undefined && !/^(gzip|deflate|br|zstd)$/i.test(String(encoding))) {
    return { status: 415, error: "unsupported_encoding" }
  }
  return undefined
}

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value)

/** What loses all events of a request. */
const bodyProblem = ({ body, bytes, decodes, path, wireBytes }: SinkRequest): Problem | undefined => {
  const most = path.startsWith(aiPath) ? maxWireBytes[aiPath] : maxWireBytes[analyticsPath]
  if (wireBytes > most || bytes > maxBodyBytes) return { status: 413, error: "payload_too_large" }
  if (!decodes) return { status: 400, error: "request_decoding_error" }
  if (!isRecord(body)) return { status: 400, error: "request_parsing_error" }
  if (typeof body.created_at !== "string" || !rfc3339.test(body.created_at)) {
    return { status: 400, error: "invalid_batch" }
  }
  for (const name of Object.keys(body)) {
    if (!["created_at", "historical_migration", "batch"].includes(name)) {
      return { status: 400, error: `request_parsing_error ${name}` }
    }
  }
  if (!Array.isArray(body.batch) || body.batch.length === 0) return { status: 400, error: "empty_batch" }
  const uuids = new Set<string>()
  for (const event of body.batch) {
    if (!uuidPattern.test(event.uuid)) return { status: 400, error: "invalid_event_uuid" }
    if (uuids.has(event.uuid)) return { status: 400, error: "duplicate_event_uuid" }
    uuids.add(event.uuid)
    const isTyped = typeof event.event === "string" && typeof event.distinct_id === "string" &&
      typeof event.timestamp === "string" && isRecord(event.options) &&
      ["string", "undefined"].includes(typeof event.session_id) &&
      ["string", "undefined"].includes(typeof event.window_id)
    if (!isTyped) return { status: 400, error: "request_parsing_error" }
  }
  return undefined
}

const optionTypes: Readonly<Record<string, string>> = {
  cookieless_mode: "boolean",
  disable_skew_correction: "boolean",
  process_person_profile: "boolean",
  product_tour_id: "string"
}

/** Properties that capture v1 has elsewhere. */
const moved = [
  "$cookieless_mode",
  "$ignore_sent_at",
  "$process_person_profile",
  "$product_tour_id",
  "$session_id",
  "$window_id",
  "$lib",
  "$lib_version"
]

const verdict = (event: SinkEvent, path: string): Verdict => {
  const drop = (details: string): Verdict => ({ result: "drop", details })
  if (event.event === "") return drop("missing_event_name")
  if (Buffer.byteLength(event.event) > 200) return drop("event_name_too_long")
  if (event.distinct_id === "") return drop("missing_distinct_id")
  if (Buffer.byteLength(event.distinct_id) > 200) return drop("distinct_id_too_large")
  if (!rfc3339.test(event.timestamp)) return drop("invalid_event_timestamp")
  if (!isRecord(event.properties)) return drop("malformed_event_properties")
  const options = event.options ?? {}
  for (const [name, type] of Object.entries(optionTypes)) {
    if (name in options && typeof options[name] !== type) return drop("invalid_options")
  }
  // PostHog would not mind, but nothing here shall be said twice.
  if (moved.some((name) => name in event.properties)) return drop("rejected")
  if (!path.startsWith(aiPath)) {
    return Buffer.byteLength(JSON.stringify(event)) > maxEventBytes ? drop("event_too_big") : { result: "ok" }
  }
  if (!aiEvents.has(event.event)) return drop("misrouted_event")
  if (Buffer.byteLength(JSON.stringify(event.properties)) > maxPropertiesBytes) return drop("ai_event_too_big")
  return { result: "ok" }
}

/** What PostHog answers to a request with capture v1, and the events that it takes. */
export const answerV1 = (
  request: SinkRequest,
  given: ((event: SinkEvent, request: SinkRequest) => Verdict | undefined) | undefined
): {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly accepted: ReadonlyArray<SinkEvent>
} => {
  const problem = headerProblem(request) ?? bodyProblem(request)
  const headers = { "posthog-request-id": String(request.headers["posthog-request-id"]) }
  if (problem !== undefined) {
    return { status: problem.status, body: JSON.stringify({ error: problem.error }), headers, accepted: [] }
  }
  const verdicts = request.events.map((event) =>
    [event, given?.(event, request) ?? verdict(event, request.path)] as const
  )
  return {
    status: 200,
    body: JSON.stringify({ results: Object.fromEntries(verdicts.map(([{ uuid }, verdict]) => [uuid, verdict])) }),
    headers: verdicts.some(([, { result }]) => result === "retry") ? { ...headers, "retry-after": "1" } : headers,
    accepted: verdicts.filter(([, { result }]) => !["drop", "retry"].includes(result)).map(([event]) => event)
  }
}

/** Why PostHog would refuse a whole request on the route before. */
export const problemV0 = ({ events }: SinkRequest): { status: number; reason: string } | undefined => {
  for (const event of events) {
    if (!aiEvents.has(event.event)) return { status: 400, reason: "misrouted event" }
    if (event.options !== undefined) return { status: 400, reason: "options are of capture v1" }
    if (Buffer.byteLength(JSON.stringify(event)) > maxPropertiesBytes) return { status: 413, reason: "event too large" }
  }
  return undefined
}

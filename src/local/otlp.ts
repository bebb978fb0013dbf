/**
 * Logs and traces of OpenTelemetry, which PostHog takes beside events.
 */
import { cut, KeptEvent, maxName, own, textOf } from "./event.js"
import type { Handler, Local } from "./local.js"
import { type Answer, type Exchange, json } from "./model.js"
import { maxEvents, named, type Problem, problemOfKey, shortened, tooManyEvents } from "./verdict.js"

/** What all records of one source say about it. Above that it is not repeated with each of them. */
const maxResource = 8_000

type Members = { readonly [name: string]: unknown }

const listOf = (value: unknown, name: string): ReadonlyArray<unknown> => {
  const list = own(value, name)
  return Array.isArray(list) ? list : []
}

/** A value as OTLP wraps it. */
const plain = (value: unknown): unknown => {
  for (const name of ["stringValue", "boolValue", "doubleValue", "bytesValue"]) {
    const simple = own(value, name)
    if (simple !== undefined) return simple
  }
  const integer = own(value, "intValue")
  if (integer !== undefined) {
    return typeof integer === "string" && /^-?\d{1,15}$/.test(integer)
      ? Number(integer)
      : integer
  }
  const list = own(value, "arrayValue")
  if (list !== undefined) return listOf(list, "values").map(plain)
  const object = own(value, "kvlistValue")
  return object === undefined ? undefined : attributes(listOf(object, "values"))
}

const attributes = (entries: ReadonlyArray<unknown>): Members =>
  Object.fromEntries(
    entries.flatMap((entry) => {
      const key = own(entry, "key")
      return typeof key === "string" ? [[key, plain(own(entry, "value"))]] : []
    })
  )

/** Nanoseconds since the epoch, as a number or a text. */
const nanosOf = (value: unknown): bigint | undefined => {
  const text = typeof value === "number" && Number.isSafeInteger(Math.floor(value / 1e6))
    ? BigInt(value).toString()
    : value
  return typeof text === "string" && /^[1-9]\d{0,20}$/.test(text) ? BigInt(text) : undefined
}

const iso = (nanos: bigint | undefined): string | undefined => {
  // What a Date can hold.
  const millis = nanos === undefined ? Infinity : Number(nanos / 1_000_000n)
  return millis <= 8.64e15 ? new Date(millis).toISOString() : undefined
}

const spanKinds = ["unspecified", "internal", "server", "client", "producer", "consumer"]
const statusCodes = ["unset", "ok", "error"]

/** Numbers and names of an enumeration both occur. */
const worded = (value: unknown, words: ReadonlyArray<string>): string =>
  typeof value === "number"
    ? words[value] ?? String(value)
    : typeof value === "string"
    ? cut(value, 60).toLowerCase().replace(/^(?:span_kind|status_code)_/, "")
    : words[0]!

/** A record in the vocabulary of events. */
interface Entry {
  readonly event: "$log" | "$span"
  readonly attributes: Members
  readonly timestamp: string | undefined
  readonly properties: Members
}

const logOf = (record: unknown): Entry => ({
  event: "$log",
  attributes: attributes(listOf(record, "attributes")),
  timestamp: iso(nanosOf(own(record, "timeUnixNano")) ?? nanosOf(own(record, "observedTimeUnixNano"))),
  properties: {
    body: plain(own(record, "body")),
    severity: own(record, "severityText"),
    severity_number: own(record, "severityNumber")
  }
})

const spanOf = (span: unknown): Entry => {
  const start = nanosOf(own(span, "startTimeUnixNano"))
  const end = nanosOf(own(span, "endTimeUnixNano"))
  const status = own(span, "status")
  return {
    event: "$span",
    attributes: attributes(listOf(span, "attributes")),
    timestamp: iso(start),
    properties: {
      name: own(span, "name"),
      kind: worded(own(span, "kind"), spanKinds),
      duration_ms: start === undefined || end === undefined ? undefined : Number(end - start) / 1e6,
      status: worded(own(status, "code"), statusCodes),
      status_message: own(status, "message"),
      parent_span_id: own(span, "parentSpanId"),
      events: listOf(span, "events").map((event) => ({
        name: own(event, "name"),
        timestamp: iso(nanosOf(own(event, "timeUnixNano"))),
        attributes: attributes(listOf(event, "attributes"))
      }))
    }
  }
}

const resourceOf = (group: unknown): Members => {
  const resource = attributes(listOf(own(group, "resource"), "attributes"))
  return JSON.stringify(resource).length <= maxResource ? resource : { "service.name": resource["service.name"] }
}

/** Everything that is kept, with what its source says about itself. */
const entriesOf = (body: unknown): ReadonlyArray<() => { entry: Entry; record: unknown; resource: Members }> => {
  const groups = [
    ["resourceLogs", "scopeLogs", "logRecords", logOf],
    ["resourceSpans", "scopeSpans", "spans", spanOf]
  ] as const
  return groups.flatMap(([outer, middle, inner, make]) =>
    listOf(body, outer).flatMap((group) => {
      const resource = resourceOf(group)
      return listOf(group, middle).flatMap((scope) =>
        listOf(scope, inner).map((record) => () => ({ entry: make(record), record, resource }))
      )
    })
  )
}

const keep = (
  { entry, record, resource }: { readonly entry: Entry; readonly record: unknown; readonly resource: Members },
  project: string,
  { received }: Exchange,
  { now, store }: Local
): void => {
  const service = textOf(resource["service.name"]) ?? ""
  const distinctId = cut(textOf(entry.attributes["posthogDistinctId"]) ?? "", maxName)
  const value = {
    event: entry.event,
    distinct_id: distinctId,
    timestamp: entry.timestamp,
    properties: {
      ...entry.properties,
      trace_id: own(record, "traceId"),
      span_id: own(record, "spanId"),
      service,
      $session_id: entry.attributes["sessionId"],
      attributes: entry.attributes,
      resource
    }
  }
  const text = JSON.stringify(value)
  store.addEvent(
    new KeptEvent(
      {
        seq: store.nextEvent(),
        at: now(),
        kind: entry.event === "$log" ? "log" : "span",
        lane: "otlp",
        sdk: received.sdk,
        project,
        request: received.seq,
        verdict: "accepted",
        reason: undefined,
        warnings: [],
        uuid: undefined,
        event: entry.event,
        distinct_id: distinctId,
        timestamp: entry.timestamp
      },
      text,
      // What is not there in JSON shall not be there now either.
      undefined
    )
  )
}

const refuse = ({ received }: Exchange, { code, reason, status }: Problem): Answer => {
  received.reason = reason
  // The form that OTLP has for errors, with the code beside it.
  return json(status, { code, message: reason })
}

/** Logs, traces and metrics. What is said about metrics is counted by PostHog, and not kept here. */
export const otlp: Handler = (exchange, local) => {
  const { body, headers, query, received } = exchange
  const bearer = /^Bearer (.*)$/i.exec(headers.authorization ?? "")?.[1]
  const key = bearer ?? query.get("token") ?? undefined
  const problem = key === undefined
    ? {
      status: 401,
      code: "missing_authorization",
      reason: "There is no project key. Send it as the header Authorization: Bearer phc_…, or as ?token= in the address"
    }
    : problemOfKey(key)
  if (problem !== undefined) return refuse(exchange, problem)
  const project = shortened(key!.trim())
  received.project = project
  const type = headers["content-type"] ?? ""
  if (/protobuf/i.test(type)) {
    return refuse(exchange, {
      status: 415,
      code: "unsupported_content_type",
      reason: "PostHog reads protobuf, and this server reads JSON only: choose the exporter for JSON, or set " +
        "OTEL_EXPORTER_OTLP_PROTOCOL to http/json"
    })
  }
  if (typeof body.json !== "object" || body.json === null) {
    const reason = `The body is ${
      body.json === undefined ? "no JSON" : named(body.json)
    }, and must be an object of OTLP`
    return refuse(exchange, { status: 400, code: "request_parsing_error", reason })
  }
  const entries = entriesOf(body.json)
  received.events = entries.length
  if (entries.length > maxEvents) return refuse(exchange, tooManyEvents)
  // One after the other: what is made of all of them is larger than what was sent.
  for (const make of entries) keep(make(), project, exchange, local)
  return json(200, {})
}

/**
 * Events that come by capture v1, each of which gets an answer of its own.
 */
import { canonicalUuid } from "../core/event/uuid.js"
import { cut, own } from "./event.js"
import { accepted, blame, type Common, eventsOf, type Judgement, keep } from "./ingest.js"
import type { Handler } from "./local.js"
import { type Answer, type EventResult, type Exchange, json } from "./model.js"
import { maxEvents, type Problem, shortened, tooManyEvents } from "./verdict.js"
import { keyOfV1, problemOfBody, problemOfHeaders, problemsOfBatch, resultOf } from "./verdictV1.js"

const headersOf = ({ headers }: Exchange): { readonly [name: string]: string } => {
  const id = headers["posthog-request-id"]
  return typeof id === "string" ? { "posthog-request-id": cut(id, 100) } : {}
}

const refuse = (exchange: Exchange, { code, reason, status }: Problem): Answer => {
  exchange.received.reason = reason
  return json(status, { error: code, error_description: reason }, headersOf(exchange))
}

/** What a fault makes of an event. */
const judgeFault = ({ details, result }: EventResult): Judgement => {
  const why = details === undefined ? "" : ` (${details})`
  switch (result) {
    case "drop":
      return { verdict: "refused", reason: `A fault has it dropped${why}` }
    case "retry":
      return { verdict: "refused", reason: `A fault has it sent again${why}` }
    default:
      return accepted
  }
}

/** `/i/v1/analytics/events` and `/i/v1/ai/events`. */
export const ingestV1: Handler = (exchange, local) => {
  const { received } = exchange
  const isStrict = local.isStrict === true
  const isAi = received.path.includes("/ai/")
  const key = keyOfV1(exchange)
  const project = key === undefined ? "" : shortened(key)
  if (project !== "") received.project = project
  const isBatch = Array.isArray(own(exchange.body.json, "batch"))
  const events = isBatch ? eventsOf(exchange) ?? [] : []
  received.events = events.length
  local.hints.body(exchange)
  const common: Common = { lane: isAi ? "ai" : "v1", isV1: true, project, sdk: received.sdk }
  const keepAll = (judge: (index: number) => Judgement): void =>
    events.forEach((raw, index) => keep(raw, judge(index), common, exchange, local))

  const whole = events.length > maxEvents
    ? tooManyEvents
    : problemOfHeaders(exchange, isStrict) ?? problemOfBody(exchange, isStrict)
  if (whole !== undefined) {
    if (whole !== tooManyEvents) keepAll(() => ({ verdict: "refused", reason: whole.reason }))
    return refuse(exchange, whole)
  }
  const blamed = blame(problemsOfBatch(events.map(({ value }) => value), isStrict))
  if (blamed !== undefined) {
    keepAll(blamed.judge)
    return refuse(exchange, blamed.problem)
  }
  let isRetried = false
  const results: Record<string, EventResult> = {}
  const judgements = events.map(({ text, value }, index): Judgement => {
    const given = exchange.resultFor?.(value, index)
    const { answer, reason } = given === undefined
      ? resultOf(value, Buffer.byteLength(text), isAi, isStrict)
      : { answer: given, reason: undefined }
    results[canonicalUuid(own(value, "uuid"))!] = answer
    if (answer.result === "retry") isRetried = true
    if (given !== undefined) return judgeFault(given)
    return answer.result === "drop" ? { verdict: "invalid", reason } : accepted
  })
  keepAll((index) => judgements[index]!)
  const headers = headersOf(exchange)
  return json(200, { results }, isRetried ? { ...headers, "retry-after": "1" } : headers)
}

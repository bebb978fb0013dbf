/**
 * Events that clients send: what they are, whether PostHog would take them, and what it would know then.
 */
import { canonicalUuid } from "../core/event/uuid.js"
import { attemptOf, sdkOfEvent, unknownSdk } from "./client.js"
import { textsOf } from "./elements.js"
import { cut, distinctIdOf, KeptEvent, kindOf, maxName, own, textOf } from "./event.js"
import type { Handler, Local } from "./local.js"
import { type Answer, type Exchange, json, type Lane, type Sdk } from "./model.js"
import { type Problem, problemOfAi, problemOfKey, problemOfV0, shortened, strictProblemOfV0 } from "./verdict.js"

/** An event as it came, before anybody has judged it. */
interface Raw {
  readonly value: unknown
  readonly text: string
}

/** What has been decided about an event. */
interface Judged extends Raw {
  readonly verdict: "accepted" | "invalid" | "refused"
  readonly reason: string | undefined
  readonly warnings: ReadonlyArray<string>
}

/** What all events of a request have in common. */
interface Common {
  readonly lane: Lane
  readonly project: string
  readonly sdk: Sdk
}

/** Keeps an event, and learns from it what PostHog would. */
const keep = (
  { reason, text, value, verdict, warnings }: Judged,
  common: Common,
  exchange: Exchange,
  local: Local
): void => {
  const { people, store } = local
  const event = cut(textOf(own(value, "event")) ?? "", maxName)
  const kept = new KeptEvent(
    {
      seq: store.nextEvent(),
      at: local.now(),
      kind: kindOf(event),
      lane: common.lane,
      sdk: common.lane === "v1" ? common.sdk : sdkOfEvent(own(value, "properties") as object | undefined, common.sdk),
      project: common.project,
      request: exchange.received.seq,
      verdict,
      reason,
      warnings,
      uuid: uuidOf(value),
      event,
      distinct_id: cut(distinctIdOf(value), maxName),
      timestamp: timestampOf(value)
    },
    text,
    value
  )
  if (store.addEvent(kept) && verdict === "accepted") people.learn(kept)
}

const uuidOf = (value: unknown): string | undefined => {
  const uuid = own(value, "uuid")
  return canonicalUuid(uuid) ?? (typeof uuid === "string" && uuid !== "" ? cut(uuid, 64) : undefined)
}

const timestampOf = (value: unknown): string | undefined => {
  const timestamp = textOf(own(value, "timestamp"))
  return timestamp === undefined ? undefined : cut(timestamp, 64)
}

const none: ReadonlyArray<string> = []

/** The three shapes of bodies of capture v0: an envelope, a list, one event. */
const eventsOf = ({ body: { json: value, text } }: Exchange): ReadonlyArray<Raw> | undefined => {
  const together = (values: ReadonlyArray<unknown>, where: Parameters<typeof textsOf>[2]): ReadonlyArray<Raw> => {
    const texts = textsOf(text, values, where)
    return values.map((value, index) => ({ value, text: texts[index]! }))
  }
  if (Array.isArray(value)) return together(value, "list")
  if (typeof value !== "object" || value === null) return undefined
  if (!Object.hasOwn(value, "batch")) return together([value], "itself")
  const batch = own(value, "batch")
  return Array.isArray(batch) ? together(batch, { member: "batch" }) : undefined
}

const keyOf = (value: unknown): unknown =>
  own(value, "api_key") ?? own(value, "token") ?? own(value, "$token") ?? own(own(value, "properties"), "token")

/** The key for all events of a request: that of the envelope, or that which all of them say. */
const projectKey = ({ body, query }: Exchange, events: ReadonlyArray<Raw>): unknown => {
  const envelope = keyOf(body.json) ?? undefined
  if (envelope !== undefined) return envelope
  const keys = new Set(events.map(({ value }) => keyOf(value) ?? undefined))
  keys.delete(undefined)
  return keys.values().next().value ?? query.get("api_key") ?? query.get("token") ?? undefined
}

/** Several projects in one request: PostHog does not sort them out. */
const problemOfKeys = (exchange: Exchange, events: ReadonlyArray<Raw>): Problem | undefined => {
  if (!Array.isArray(exchange.body.json)) return undefined
  const keys = new Set(events.map(({ value }) => keyOf(value) ?? undefined).filter((key) => typeof key === "string"))
  return keys.size < 2 ? undefined : {
    status: 401,
    code: "multiple_tokens",
    reason: `The events of the request have ${keys.size} project keys. Send those of each project by themselves`
  }
}

const refuse = ({ received }: Exchange, { code, reason, status }: Problem): Answer => {
  received.reason = reason
  return json(status, {
    type: status === 401 ? "authentication_error" : "validation_error",
    code,
    detail: reason,
    attr: null
  })
}

/** A request of capture v0 with everything that it takes to be answered. */
const take = (exchange: Exchange, local: Local, lane: "v0" | "ai"): Answer => {
  const { headers, query, received } = exchange
  received.attempt = attemptOf(headers, query)
  if (exchange.body.json === undefined) {
    const what = exchange.body.text.trim() === "" ? "The body is empty" : "The body is no JSON"
    return refuse(exchange, { status: 400, code: "invalid_payload", reason: what })
  }
  const events = eventsOf(exchange)
  if (events === undefined) {
    const reason = "The body must be an event, a list of them, or an object with a list of them as `batch`"
    return refuse(exchange, { status: 400, code: "invalid_payload", reason })
  }
  received.events = events.length
  const key = projectKey(exchange, events)
  const project = typeof key === "string" ? shortened(key.trim()) : ""
  if (project !== "") received.project = project
  const common: Common = { lane, project, sdk: received.sdk }
  const keepAll = (judge: (raw: Raw, index: number) => Omit<Judged, keyof Raw>): void =>
    events.forEach((raw, index) => keep({ ...raw, ...judge(raw, index) }, common, exchange, local))

  const whole = problemOfKey(key) ?? problemOfKeys(exchange, events) ?? (events.length > 0 ? undefined : {
    status: 400,
    code: "empty_batch",
    reason: "There is no event in the request. Do not send empty batches"
  })
  if (whole !== undefined) {
    keepAll(() => ({ verdict: "refused", reason: whole.reason, warnings: none }))
    return refuse(exchange, whole)
  }
  const problems = events.map(({ text, value }, index): Problem | undefined => {
    const given = exchange.resultFor?.(value, index)
    const reason = (given?.result === "drop" ? given.details ?? "refused by a fault" : undefined) ??
      problemOfV0(value) ?? (local.isStrict === true ? strictProblemOfV0(value) : undefined)
    if (reason !== undefined) return { status: 400, code: "invalid_payload", reason }
    return lane === "ai" ? problemOfAi(value, Buffer.byteLength(text)) : undefined
  })
  const first = problems.findIndex((problem) => problem !== undefined)
  if (first >= 0) {
    const { code, reason, status } = problems[first]!
    const others = `Refused with event ${first + 1} of the request: ${reason}`
    keepAll((_, index) => ({
      verdict: problems[index] === undefined ? "refused" : "invalid",
      reason: problems[index]?.reason ?? others,
      warnings: none
    }))
    const where = events.length === 1 ? reason : `Event ${first + 1} of ${events.length}: ${reason}`
    return refuse(exchange, { code, reason: where, status })
  }
  keepAll(() => ({ verdict: "accepted", reason: undefined, warnings: none }))
  if (received.sdk === unknownSdk) {
    received.sdk = sdkOfEvent(own(events[0]!.value, "properties") as object | undefined, received.sdk)
  }
  return query.get("beacon") === "1" ? { status: 204, body: "" } : json(200, { status: 1 })
}

/** `/batch/`, `/e/` and their kin. */
export const ingestV0: Handler = (exchange, local) => take(exchange, local, "v0")

/** `/i/v0/ai/batch/`. */
export const ingestAi: Handler = (exchange, local) => take(exchange, local, "ai")

/**
 * Events that clients send: what they are, whether PostHog would take them, and what it would know then.
 */
import { canonicalUuid } from "../core/event/uuid.js"
import { sdkOfEvent, unknownSdk } from "./client.js"
import { textsOf } from "./elements.js"
import { cut, distinctIdOf, KeptEvent, kindOf, maxName, own, propertiesOf, textOf } from "./event.js"
import type { Handler, Local } from "./local.js"
import { type Answer, type Exchange, json, type Lane, type Sdk, type Verdict } from "./model.js"
import {
  maxEvents,
  type Problem,
  problemOfAi,
  problemOfKey,
  problemOfV0,
  shortened,
  strictProblemOfV0,
  tooManyEvents
} from "./verdict.js"
import { warningsOf } from "./warnings.js"

/** An event as it came, before anybody has judged it. */
export interface Raw {
  readonly value: unknown
  readonly text: string
}

/** What has been decided about an event. */
export interface Judgement {
  readonly verdict: Verdict
  readonly reason: string | undefined
}

export const accepted: Judgement = { verdict: "accepted", reason: undefined }

/** What all events of a request have in common. */
export interface Common {
  readonly lane: Lane
  readonly isV1: boolean
  readonly project: string
  readonly sdk: Sdk
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

/** Keeps an event, and learns from it what PostHog would. */
export const keep = (
  { text, value }: Raw,
  { reason, verdict }: Judgement,
  { isV1, lane, project, sdk: sender }: Common,
  { received }: Exchange,
  { hints, now, people, store }: Local
): void => {
  const name = textOf(own(value, "event")) ?? ""
  const event = cut(name, maxName)
  const distinctId = distinctIdOf(value)
  const sdk = isV1 ? sender : sdkOfEvent(own(value, "properties"), sender)
  const isAccepted = verdict === "accepted"
  const properties = propertiesOf(value, isV1, sdk)
  const warnings = isAccepted ? warningsOf(value, { distinctId, isV1, name, now: now(), properties }) : none
  const variants = isAccepted ? hints.name(project, event) : undefined
  const kept = new KeptEvent(
    {
      seq: store.nextEvent(),
      at: now(),
      kind: kindOf(event),
      lane,
      sdk,
      project,
      request: received.seq,
      verdict,
      reason,
      warnings: variants === undefined ? warnings : [...warnings, variants],
      uuid: uuidOf(value),
      event,
      distinct_id: cut(distinctId, maxName),
      timestamp: timestampOf(value)
    },
    text,
    value,
    isV1
  )
  // Before anybody is told of the event: who waits for it may look at the person next.
  if (isAccepted && !store.has(kept)) {
    const problem = people.learn(kept)
    if (problem !== undefined) store.hint(kept.at, `person ${kept.distinct_id}`, problem)
  }
  store.addEvent(kept)
}

/** The three shapes of bodies of capture v0: an envelope, a list, one event. `undefined`: none of these. */
export const eventsOf = ({ body: { json: value, text } }: Exchange): ReadonlyArray<Raw> | undefined => {
  const together = (values: ReadonlyArray<unknown>, where: Parameters<typeof textsOf>[2]): ReadonlyArray<Raw> => {
    // Nobody looks at single events of too many.
    if (values.length > maxEvents) return values.slice(0, maxEvents + 1).map((value) => ({ value, text: "" }))
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
const projectKey = ({ body, query }: Exchange, events: ReadonlyArray<Raw>): unknown =>
  keyOf(body.json) ?? keyOf(events.find(({ value }) => (keyOf(value) ?? undefined) !== undefined)?.value) ??
    query.get("api_key") ?? query.get("token") ?? undefined

/** Several projects in one request: PostHog does not sort them out. */
const problemOfKeys = (exchange: Exchange, events: ReadonlyArray<Raw>): Problem | undefined => {
  if (!Array.isArray(exchange.body.json)) return undefined
  const keys = new Set(events.map(({ value }) => keyOf(value)).filter((key) => typeof key === "string"))
  return keys.size < 2 ? undefined : {
    status: 401,
    code: "multiple_tokens",
    reason: `The events of the request have ${keys.size} project keys. Send those of each project by themselves`
  }
}

/** What loses a request of capture v0 whatever its events are. */
export const problemOfRequest = (
  exchange: Exchange,
  events: ReadonlyArray<Raw> | undefined,
  key: unknown
): Problem | undefined => {
  const { body } = exchange
  const invalid = (reason: string): Problem => ({ status: 400, code: "invalid_payload", reason })
  if (body.json === undefined) return invalid(body.text.trim() === "" ? "The body is empty" : "The body is no JSON")
  if (events === undefined) {
    return invalid("The body must be an event, a list of them, or an object with a list of them as `batch`")
  }
  if (events.length > maxEvents) return tooManyEvents
  return problemOfKey(key) ?? problemOfKeys(exchange, events) ?? (events.length > 0 ? undefined : {
    status: 400,
    code: "empty_batch",
    reason: "There is no event in the request. Do not send empty batches"
  })
}

export const refuse = ({ received }: Exchange, { code, reason, status }: Problem): Answer => {
  received.reason = reason
  const type = status === 401 ? "authentication_error" : "validation_error"
  return json(status, { type, code, detail: reason, attr: null })
}

/** The problem of a request that is that of one of its events; and what becomes of each of them. */
export const blame = (
  problems: ReadonlyArray<Problem | undefined>
): { readonly problem: Problem; readonly judge: (index: number) => Judgement } | undefined => {
  const first = problems.findIndex((problem) => problem !== undefined)
  if (first < 0) return undefined
  const problem = problems[first]!
  const innocent = {
    verdict: "refused",
    reason: `Refused with event ${first + 1} of the request: ${problem.reason}`
  } as const
  return {
    problem: problems.length === 1
      ? problem
      : { ...problem, reason: `Event ${first + 1} of ${problems.length}: ${problem.reason}` },
    judge: (index) => {
      const own = problems[index]
      return own === undefined ? innocent : { verdict: "invalid", reason: own.reason }
    }
  }
}

/** What a request of capture v0 brings, and for whom; noted in what is received, too. */
export const opened = (
  exchange: Exchange,
  lane: "v0" | "ai"
): { readonly events: ReadonlyArray<Raw> | undefined; readonly key: unknown; readonly common: Common } => {
  const { received } = exchange
  const events = eventsOf(exchange)
  const key = events && projectKey(exchange, events)
  const project = typeof key === "string" ? shortened(key.trim()) : ""
  if (project !== "") received.project = project
  received.events = events?.length ?? 0
  if (received.sdk.name === unknownSdk.name) {
    received.sdk = sdkOfEvent(own(events?.[0]?.value, "properties"), received.sdk)
  }
  return { events, key, common: { lane, isV1: false, project, sdk: received.sdk } }
}

/** What is answered when all events were taken. */
export const taken = ({ query }: Exchange): Answer =>
  query.get("beacon") === "1" ? { status: 204, body: "" } : json(200, { status: 1 })

/** A request of capture v0 with everything that it takes to be answered. */
const take = (exchange: Exchange, local: Local, lane: "v0" | "ai"): Answer => {
  const { common, events, key } = opened(exchange, lane)
  local.hints.body(exchange)
  const keepAll = (judge: (index: number) => Judgement): void =>
    events?.forEach((raw, index) => keep(raw, judge(index), common, exchange, local))

  const whole = problemOfRequest(exchange, events, key)
  if (whole !== undefined) {
    if (whole !== tooManyEvents) keepAll(() => ({ verdict: "refused", reason: whole.reason }))
    return refuse(exchange, whole)
  }
  const blamed = blame(events!.map(({ text, value }, index): Problem | undefined => {
    const given = exchange.resultFor?.(value, index)
    const reason = (given?.result === "drop" ? given.details ?? "A fault says so" : undefined) ?? problemOfV0(value) ??
      (local.isStrict === true ? strictProblemOfV0(value) : undefined)
    if (reason !== undefined) return { status: 400, code: "invalid_payload", reason }
    return lane === "ai" ? problemOfAi(value, Buffer.byteLength(text)) : undefined
  }))
  if (blamed !== undefined) {
    keepAll(blamed.judge)
    return refuse(exchange, blamed.problem)
  }
  keepAll(() => accepted)
  return taken(exchange)
}

/** `/batch/`, `/e/` and their kin. */
export const ingestV0: Handler = (exchange, local) => take(exchange, local, "v0")

/** `/i/v0/ai/batch/`. */
export const ingestAi: Handler = (exchange, local) => take(exchange, local, "ai")

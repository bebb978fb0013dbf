/**
 * Why PostHog would refuse what a client sends by capture v0, and what to do about it.
 */
import { canonicalUuid, isUuid } from "../core/event/uuid.js"
import { isAiEvent } from "../core/llm/eventNames.js"
import { cut, distinctIdOf, own, textOf } from "./event.js"

/** Why a request is refused as a whole. */
export interface Problem {
  readonly status: number
  /** PostHog's own word for it. */
  readonly code: string
  /** In words. */
  readonly reason: string
}

/** Events of one request that are looked at. PostHog has no such limit; 20 MB of empty objects are seven million. */
export const maxEvents = 100_000

export const tooManyEvents: Problem = {
  status: 413,
  code: "payload_too_large",
  reason: `The request has more than ${maxEvents} events, which is a limit of this local server and not of PostHog`
}

/** How a value from outside is called in a sentence. */
export const named = (value: unknown): string => {
  if (value === undefined) return "missing"
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  switch (typeof value) {
    case "string":
      return value.length <= 60 ? JSON.stringify(value) : `a text of ${value.length} characters`
    case "number":
    case "boolean":
      return String(value)
    default:
      return "an object"
  }
}

/** A secret in a sentence: enough to know which, too little to use. */
export const shortened = (key: string): string =>
  /^ph[a-z]_/.test(key) && !key.startsWith("phc_") ? `${key.slice(0, 4)}…` : cut(key, 64)

const unauthorized = (code: string, reason: string): Problem => ({ status: 401, code, reason })

/** What is wrong with the key of a project. Any key that could be one is one. */
export const problemOfKey = (key: unknown): Problem | undefined => {
  const code = "invalid_api_token"
  if (key === undefined || key === null) {
    return unauthorized(
      "missing_api_token",
      "There is no project key. Send it as `api_key`, or as `token` in the properties of each event"
    )
  }
  if (typeof key !== "string") return unauthorized(code, `The project key is ${named(key)}, and must be a text`)
  const trimmed = key.trim()
  if (trimmed === "") return unauthorized(code, "The project key is empty. Is the variable set that it comes from?")
  if (trimmed.startsWith("phx_")) {
    return unauthorized(
      code,
      "The key is a personal one (phx_…), which is a secret and opens no project for events. Send the project's key (phc_…)"
    )
  }
  if (trimmed.length > 64) {
    return unauthorized(code, `The project key has ${trimmed.length} characters. PostHog looks at 64 at most`)
  }
  // oxlint-disable-next-line no-control-regex
  if (!/^[\x01-\x7f]+$/.test(trimmed)) {
    return unauthorized(code, "The project key has characters that are not ASCII. Was it copied with quotation marks?")
  }
  return undefined
}

/** Names that other products and other SDKs have for the same. */
const misspelt = (raw: unknown, names: ReadonlyArray<string>, right: string): string => {
  const found = names.find((name) => own(raw, name) !== undefined || own(own(raw, "properties"), name) !== undefined)
  return found === undefined ? "" : ` \`${found}\` is not read: call it \`${right}\``
}

/** What makes PostHog refuse an event, and with it all that came in the same request. */
export const problemOfV0 = (raw: unknown): string | undefined => {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return `The event is ${named(raw)}, and must be an object`
  }
  const name = own(raw, "event")
  if (typeof name !== "string") {
    const other = misspelt(raw, ["name", "eventName", "event_name", "type"], "event")
    return `The event has no name: \`event\` is ${named(name)}, and must be a text.${other}`
  }
  if (name === "") return "The event has no name: `event` is an empty text"
  if (distinctIdOf(raw) === "") {
    const other = misspelt(raw, ["distinctId", "userId", "user_id", "anonymousId", "$distinct_id"], "distinct_id")
    const top = own(raw, "distinct_id")
    const id = top === undefined ? own(own(raw, "properties"), "distinct_id") : top
    return `Nobody is named who did it: \`distinct_id\` is ${
      named(id)
    }, at the top of the event or in its properties.${other}`
  }
  const uuid = own(raw, "uuid")
  // An empty one counts as none.
  if (uuid !== undefined && uuid !== null && uuid !== "" && canonicalUuid(uuid) === undefined) {
    return `\`uuid\` is ${named(uuid)}, and must be a UUID. Leave it out, or make one when the event is captured`
  }
  const properties = own(raw, "properties")
  if (
    properties !== undefined && (typeof properties !== "object" || properties === null || Array.isArray(properties))
  ) {
    return `\`properties\` is ${named(properties)}, and must be an object`
  }
  const cookieless = own(properties, "$cookieless_mode")
  if (cookieless !== undefined && typeof cookieless !== "boolean") {
    return `\`$cookieless_mode\` is ${named(cookieless)}, and must be true or false`
  }
  return undefined
}

/** Of one event on the routes for LLM analytics. */
export const maxAiBytes = 8 * 1024 * 1024

/** What PostHog's older route for LLM analytics refuses besides. */
export const problemOfAi = (raw: unknown, bytes: number): Problem | undefined => {
  const name = textOf(own(raw, "event")) ?? ""
  if (!isAiEvent(name)) {
    return {
      status: 400,
      code: "misrouted_event",
      reason: `${
        named(name)
      } is no event of LLM analytics. Send it to /batch/; this route takes $ai_generation and its kin`
    }
  }
  return bytes <= maxAiBytes ? undefined : {
    status: 413,
    code: "ai_event_too_big",
    reason: `The event ${named(name)} has ${bytes} bytes. PostHog takes ${maxAiBytes} at most`
  }
}

/** What the suite of an SDK wants besides: PostHog does without. */
export const strictProblemOfV0 = (raw: unknown): string | undefined => {
  if (typeof own(raw, "distinct_id") !== "string") return "`distinct_id` is not at the top of the event"
  if (!isUuid(own(raw, "uuid"))) return "`uuid` is missing, or not in the form with hyphens"
  if (own(raw, "properties") === undefined) return "`properties` is missing"
  if (own(raw, "options") !== undefined) return "`options` is of capture v1"
  return undefined
}

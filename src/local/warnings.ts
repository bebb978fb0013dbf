/**
 * What PostHog takes without a word, and the sender should know.
 */
import { isAiEvent } from "../core/llm/eventNames.js"
import { cut, maxName, own, textOf } from "./event.js"
import { isAboutPerson, isJunk } from "./people.js"
import { named } from "./verdict.js"
import { moved } from "./verdictV1.js"

const hour = 3_600_000

/** Events further ahead are put at the time at which they arrive. */
const maxAhead = 23 * hour

const aboutTimestamp = (timestamp: unknown, now: number): string | undefined => {
  if (timestamp === undefined || timestamp === null) return undefined
  const millis = typeof timestamp === "string" ? Date.parse(cut(timestamp, 100)) : Number.NaN
  if (Number.isNaN(millis)) {
    return `\`timestamp\` is ${named(timestamp)}, which PostHog cannot read: the time of arrival is taken. ` +
      "Send a text such as 2026-01-31T12:00:00.000Z"
  }
  return millis - now <= maxAhead ? undefined : "`timestamp` is more than 23 hours ahead: the time of arrival is taken"
}

const aboutId = (id: string): string | undefined => {
  if (isJunk(id)) {
    return `The distinct id ${named(id)} stands for nobody: PostHog makes one person of all who have it, and merges ` +
      "them with nobody. Is a variable not set?"
  }
  return id.length <= maxName ? undefined : `The distinct id has ${id.length} characters: PostHog keeps ${maxName}`
}

const aboutGroups = (properties: unknown): string | undefined => {
  const groups = own(properties, "$groups")
  if (groups === undefined || groups === null) return undefined
  if (typeof groups !== "object" || Array.isArray(groups)) {
    return `\`$groups\` is ${named(groups)}, and must be an object such as {"company": "acme"}: it is not read`
  }
  const bad = Object.entries(groups).find(([, key]) => typeof key !== "string")
  return bad && `The key of the group \`${cut(bad[0], 60)}\` is ${named(bad[1])}, and should be a text`
}

const isTextual = (value: unknown): boolean => typeof value === "string" || typeof value === "number"

/** What the events have wrong that PostHog itself has a meaning for. */
const aboutSpecial = (name: string, properties: unknown): string | undefined => {
  const get = (member: string): unknown => own(properties, member)
  switch (name) {
    case "$exception": {
      const list = get("$exception_list")
      if (Array.isArray(list) && list.length > 0) return undefined
      return `\`$exception_list\` is ${
        Array.isArray(list) ? "empty" : named(list)
      }, and must be a list of exceptions: ` +
        "error tracking shows nothing of it"
    }
    case "$create_alias":
      return isTextual(get("alias")) ? undefined : `\`alias\` is ${named(get("alias"))}: nothing is merged`
    case "$groupidentify": {
      const bad = ["$group_type", "$group_key"].find((member) => !isTextual(get(member)))
      return bad && `\`${bad}\` is ${named(get(bad))}, and must be a text: the group gets no properties`
    }
    case "$feature_flag_called": {
      const error = textOf(get("$feature_flag_error"))
      const flag = cut(textOf(get("$feature_flag")) ?? "", 200)
      return error && `The client got no good answer for the flag \`${flag}\`: ${cut(error, 200)}`
    }
    case "$$client_ingestion_warning":
      return `The client itself says: ${cut(textOf(get("$$client_ingestion_warning_message")) ?? "no more", 300)}`
    default:
      return undefined
  }
}

/** Events of LLM analytics that belong to no trace by themselves. */
const withoutTrace = new Set(["$ai_generation_summary", "$ai_trace_summary", "$ai_evaluation_report", "$ai_tag"])

const aboutTrace = (name: string, properties: unknown): string | undefined => {
  if (!isAiEvent(name) || withoutTrace.has(name)) return undefined
  const id = own(properties, "$ai_trace_id")
  if (id === undefined || id === null || id === "") {
    return "`$ai_trace_id` is missing: PostHog shows the event in no trace"
  }
  const text = textOf(id) ?? ""
  return text.length <= 1_000 && /^[\w\-~.@()!':|]+$/.test(text)
    ? undefined
    : `\`$ai_trace_id\` is ${named(id)}. It may have letters, digits and - _ ~ . @ ( ) ! ' : | only`
}

/** `$set` and its kin, at the top of an event or among its properties. */
const personMembers = ["$set", "$set_once"] as const

const aboutPerson = (raw: unknown, name: string, properties: unknown): string | undefined => {
  const profile = own(properties, "$process_person_profile")
  if (profile !== undefined && typeof profile !== "boolean") {
    return `\`$process_person_profile\` is ${named(profile)}, and must be true or false: it is not read`
  }
  const bad = personMembers.find((member) => {
    const value = own(raw, member) ?? own(properties, member)
    return value !== undefined && value !== null && (typeof value !== "object" || Array.isArray(value))
  })
  if (bad !== undefined) return `\`${bad}\` must be an object with properties of the person: it is not read`
  const unset = own(properties, "$unset")
  if (unset !== undefined && !Array.isArray(unset)) {
    return `\`$unset\` is ${named(unset)}, and must be a list of names: nothing is removed`
  }
  if (profile !== false) return undefined
  if (isAboutPerson(name)) {
    return `\`$process_person_profile\` is false: PostHog drops ${name}, which is about nothing but a person`
  }
  const set = [...personMembers, "$unset"].find((member) => (own(raw, member) ?? own(properties, member)) !== undefined)
  return set && `\`$process_person_profile\` is false: PostHog ignores \`${set}\``
}

const aboutUuid = (uuid: unknown): string | undefined =>
  uuid === undefined || uuid === null || uuid === ""
    ? "`uuid` is missing: when the request is sent again, PostHog has the event twice"
    : undefined

const none: ReadonlyArray<string> = []

/**
 * About an event that is accepted. `properties`: as PostHog has them; `isV1`: it came by capture v1, which demands a
 * uuid and has another place for some properties.
 */
export const warningsOf = (
  raw: unknown,
  { distinctId, isV1, name, now, properties }: {
    readonly distinctId: string
    readonly isV1: boolean
    readonly name: string
    readonly now: number
    readonly properties: unknown
  }
): ReadonlyArray<string> => {
  const twice = isV1
    ? moved.find(([property]) => own(own(raw, "properties"), property) !== undefined)
    : undefined
  const warnings = [
    name.length <= maxName
      ? undefined
      : `The name of the event has ${name.length} characters: PostHog keeps ${maxName}`,
    aboutId(distinctId),
    isV1 ? undefined : aboutUuid(own(raw, "uuid")),
    aboutTimestamp(own(raw, "timestamp"), now),
    aboutPerson(raw, name, properties),
    aboutGroups(properties),
    aboutSpecial(name, properties),
    aboutTrace(name, properties),
    twice && `\`${twice[0]}\` is a property, and belongs to ${twice[1]} in capture v1`
  ].filter((warning) => warning !== undefined)
  return warnings.length === 0 ? none : warnings
}

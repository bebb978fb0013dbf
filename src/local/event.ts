/**
 * An event as a local PostHog keeps it: its text, and in words of one vocabulary what each client says in its own way.
 */
import { isRecord } from "../core/guard.js"
import { isAiEvent } from "../core/llm/eventNames.js"
import type { Kind, Lane, ReceivedEvent, Sdk, Verdict } from "./model.js"

export type Members = { readonly [name: string]: unknown }

/** The beginning of a text, without the rest of it staying in memory. */
export const cut = (text: string, length: number): string =>
  text.length <= length ? text : Buffer.from(text.slice(0, length)).toString()

/** What PostHog makes of a value where it wants a text. Asking the value itself for one could throw. */
export const textOf = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "string":
      return value
    case "number":
    case "boolean":
      return String(value)
    case "object":
      return value === null ? undefined : JSON.stringify(value)
    default:
      return undefined
  }
}

/** A member of the value's own: outside names may be those of a prototype. */
export const own = (value: unknown, name: string): unknown =>
  isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined

export const members = (value: unknown): Members | undefined => isRecord(value) ? value : undefined

/** Characters of a distinct id and of an event's name that PostHog keeps. */
export const maxName = 200

/** Clients of browsers say it in the properties. Empty: nowhere. */
export const distinctIdOf = (raw: unknown): string =>
  textOf(own(raw, "distinct_id") ?? own(own(raw, "properties"), "distinct_id")) ?? ""

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["$pageview", "page"],
  ["$pageleave", "page"],
  ["$screen", "page"],
  ["$identify", "person"],
  ["$set", "person"],
  ["$unset", "person"],
  ["$create_alias", "person"],
  ["$merge_dangerously", "person"],
  ["$groupidentify", "group"],
  ["$feature_flag_called", "flag"],
  ["$exception", "exception"],
  ["$snapshot", "replay"],
  ["survey shown", "survey"],
  ["survey sent", "survey"],
  ["survey dismissed", "survey"],
  ["survey abandoned", "survey"]
])

export const kindOf = (event: string): Kind => kinds.get(event) ?? (isAiEvent(event) ? "llm" : "event")

/** Where capture v1 has what is a property in capture v0. */
const movedOptions = [
  ["cookieless_mode", "$cookieless_mode"],
  ["disable_skew_correction", "$ignore_sent_at"],
  ["process_person_profile", "$process_person_profile"],
  ["product_tour_id", "$product_tour_id"]
] as const

/** The properties of an event of capture v1 as PostHog has them then. */
const propertiesOfV1 = (raw: unknown, sdk: Sdk): Members => {
  const properties: Record<string, unknown> = { $lib: sdk.name, $lib_version: sdk.version }
  for (const [option, property] of movedOptions) {
    const value = own(own(raw, "options"), option)
    if (value !== undefined && value !== null) properties[property] = value
  }
  for (const name of ["session_id", "window_id"]) {
    const value = own(raw, name)
    if (typeof value === "string") properties[`$${name}`] = value
  }
  return { ...properties, ...members(own(raw, "properties")) }
}

/** Properties of an event, wherever its client puts them. */
export const propertiesOf = (raw: unknown, isV1: boolean, sdk: Sdk): Members =>
  isV1 ? propertiesOfV1(raw, sdk) : members(own(raw, "properties")) ?? {}

/** `$set` and its kin: at the top, or among the properties, which win. */
export const personMembers = (raw: unknown, name: "$set" | "$set_once"): Members | undefined => {
  const top = members(own(raw, name))
  const inner = members(own(own(raw, "properties"), name))
  return top === undefined || inner === undefined ? inner ?? top : { ...top, ...inner }
}

/** What is known of an event besides its text. */
export type Facts = Omit<ReceivedEvent, "times" | "bytes" | "properties" | "$set" | "$set_once" | "raw">

export class KeptEvent implements ReceivedEvent {
  readonly seq: number
  readonly at: number
  readonly kind: Kind
  readonly lane: Lane
  readonly sdk: Sdk
  readonly project: string
  readonly request: number
  readonly verdict: Verdict
  readonly reason: string | undefined
  readonly warnings: ReadonlyArray<string>
  readonly uuid: string | undefined
  readonly event: string
  readonly distinct_id: string
  readonly timestamp: string | undefined
  // Anybody who tests looks into properties, and does not know their types.
  // oxlint-disable-next-line typescript/no-explicit-any
  declare readonly properties: { readonly [name: string]: any }
  declare readonly $set: Members | undefined
  declare readonly $set_once: Members | undefined
  readonly bytes: number
  times = 1
  // Parsed objects take three to four times the memory of their text.
  readonly #text: Buffer
  readonly #isV1: boolean
  #parsed: WeakRef<object> | undefined

  /** `isV1`: some of its properties are elsewhere. */
  constructor(facts: Facts, text: string, parsed: unknown, isV1 = false) {
    this.seq = facts.seq
    this.at = facts.at
    this.kind = facts.kind
    this.lane = facts.lane
    this.sdk = facts.sdk
    this.project = facts.project
    this.request = facts.request
    this.verdict = facts.verdict
    this.reason = facts.reason
    this.warnings = facts.warnings
    this.uuid = facts.uuid
    this.event = facts.event
    this.distinct_id = facts.distinct_id
    this.timestamp = facts.timestamp
    this.#text = Buffer.from(text)
    this.#isV1 = isV1
    this.bytes = this.#text.length
    // Members of its own, although they are made when they are read: whoever copies, compares or prints it sees them.
    Object.defineProperties(this, KeptEvent.#views)
    this.#parsed = typeof parsed === "object" && parsed !== null ? new WeakRef(parsed) : undefined
  }

  get raw(): unknown {
    return JSON.parse(this.#text.toString())
  }

  /** As `raw`, the same object as long as somebody has it: whoever looks at one member looks at others too. */
  get #shared(): unknown {
    const known = this.#parsed?.deref()
    if (known !== undefined) return known
    const parsed = this.raw
    if (typeof parsed === "object" && parsed !== null) this.#parsed = new WeakRef(parsed)
    return parsed
  }

  /** The same functions for all events, so that they cost nothing. */
  static #views: PropertyDescriptorMap = {
    properties: {
      enumerable: true,
      get(this: KeptEvent) {
        return propertiesOf(this.#shared, this.#isV1, this.sdk)
      }
    },
    $set: {
      enumerable: true,
      get(this: KeptEvent) {
        return personMembers(this.#shared, "$set")
      }
    },
    $set_once: {
      enumerable: true,
      get(this: KeptEvent) {
        return personMembers(this.#shared, "$set_once")
      }
    }
  }
}

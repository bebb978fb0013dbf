/**
 * What is shown of events and requests to whoever looks at a local PostHog from outside: whole, or cut for a list.
 * Texts of strangers go through here, so nothing may throw for them.
 */
import type { ReceivedEvent } from "./model.js"

/** An event as it is given out and written to files. */
export interface EventView {
  readonly seq: number
  readonly at: string
  readonly kind: string
  readonly lane: string
  readonly sdk: string
  readonly project: string
  readonly request: number
  readonly verdict: string
  readonly reason?: string | undefined
  readonly warnings?: ReadonlyArray<string> | undefined
  readonly times: number
  readonly bytes: number
  readonly uuid?: string | undefined
  readonly event: string
  readonly distinct_id: string
  readonly timestamp?: string | undefined
  readonly $set?: unknown
  readonly $set_once?: unknown
  readonly properties: unknown
}

/** The whole event. */
export const viewOf = (event: ReceivedEvent): EventView => ({
  seq: event.seq,
  at: new Date(event.at).toISOString(),
  event: event.event,
  distinct_id: event.distinct_id,
  verdict: event.verdict,
  reason: event.reason,
  kind: event.kind,
  lane: event.lane,
  sdk: event.sdk.version === "" ? event.sdk.name : `${event.sdk.name}/${event.sdk.version}`,
  project: event.project,
  request: event.request,
  warnings: event.warnings.length === 0 ? undefined : event.warnings,
  times: event.times,
  bytes: event.bytes,
  uuid: event.uuid,
  timestamp: event.timestamp,
  $set: event.$set,
  $set_once: event.$set_once,
  properties: event.properties
})

const longestText = 1_000
const longestList = 50
const mostMembers = 200
/** Of all texts and names of one event in a list. */
const mostCharacters = 40_000

/** A value for a list: long texts and lists are cut, and say so. `budget` is for all of an event. */
const cutValue = (value: unknown, budget: { left: number }): unknown => {
  if (budget.left <= 0) return "…"
  if (typeof value === "string") {
    budget.left -= Math.min(value.length, longestText)
    return value.length > longestText ? `${value.slice(0, longestText)}… (${value.length} characters)` : value
  }
  if (typeof value !== "object" || value === null) {
    budget.left -= 8
    return value
  }
  if (Array.isArray(value)) {
    const items = value.slice(0, longestList).map((item) => cutValue(item, budget))
    return value.length > longestList ? [...items, `… (${value.length} items)`] : items
  }
  const names = Object.keys(value)
  // A member may have the name `__proto__`, which an object of the usual kind takes for something else.
  const cut: Record<string, unknown> = Object.create(null)
  for (const name of names.slice(0, mostMembers)) {
    budget.left -= name.length
    cut[name.slice(0, longestText)] = cutValue((value as Record<string, unknown>)[name], budget)
  }
  if (names.length > mostMembers) cut["…"] = `${names.length} members`
  return cut
}

/** The event for a list. */
export const cutViewOf = (event: ReceivedEvent): unknown => {
  const budget = { left: mostCharacters }
  const { properties, ...rest } = viewOf(event)
  // Last, so that what is told of the event itself is never cut away.
  return { ...(cutValue(rest, budget) as object), properties: cutValue(properties, budget) }
}

/** A text of JSON; a value that cannot be one is said to be that, instead of ending what else is told. */
export const jsonOf = (make: () => unknown): string => {
  try {
    return JSON.stringify(make()) ?? "null"
  } catch {
    return "{\"type\":\"unreadable\"}"
  }
}

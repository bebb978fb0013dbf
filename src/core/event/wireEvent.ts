/**
 * An event as PostHog receives it on `POST /batch/` (capture v0).
 *
 * @since 0.1.0
 */
import { isRecord } from "../guard.js"
import { writeMembers, type Writer, writeString } from "./json.js"
import { isIdentifier } from "./layers.js"
import { withLegacy } from "./options.js"
import { parseTimestamp } from "./timestamp.js"
import { canonicalUuid, isUuid } from "./uuid.js"

/** One event, complete. `beforeSend` may change every member. */
export interface WireEvent {
  /** Identifies the event over all retries; any UUID in hyphenated form. */
  uuid: string
  /** The name, such as `order completed` or `$identify`. */
  event: string
  distinct_id: string
  /** RFC 3339, UTC. */
  timestamp: string
  properties: Record<string, unknown>
  /**
   * How PostHog shall treat the event, by the names of capture v1 (`process_person_profile`, `cookieless_mode` …).
   * Events that are sent with capture v0 have none: what is put here becomes the properties that mean the same there.
   */
  options?: Record<string, unknown>
}

const uuidStart = "{\"uuid\":\""
const nameStart = "\",\"event\":"

/** Where the uuid stands in the text of an event. */
const uuidOffset = uuidStart.length
const uuidLength = 36

/** How much of an event's text holds its uuid. ASCII, so that these are bytes as well. */
export const uuidEnd = uuidOffset + uuidLength

/**
 * The text of an event. `members` is the inside of its properties' JSON object. The uuid comes first and the name
 * second, so that both can be read back from a queued event without parsing the rest.
 */
export const eventText = (
  writer: Writer,
  uuid: string,
  event: string,
  distinctId: string,
  timestamp: string,
  members: string,
  /** Members between the timestamp and the properties, each with a comma before it. */
  between = ""
): string =>
  uuidStart + uuid + nameStart + writeString(writer, event) +
  ",\"distinct_id\":" + writeString(writer, distinctId) +
  ",\"timestamp\":\"" + timestamp + "\"" + between + ",\"properties\":{" + members + "}}"

/** The text of an event that a hook returned. Throws `TooLarge`. */
export const writeEvent = (writer: Writer, event: WireEvent): string =>
  eventText(
    writer,
    event.uuid,
    event.event,
    event.distinct_id,
    event.timestamp,
    writeMembers(writer, withLegacy(event.properties, event.options), undefined, true).slice(1)
  )

/**
 * What a hook returned, when it is an event that PostHog takes; in words what is wrong with it otherwise. The timestamp
 * is brought into PostHog's form.
 */
export const checkEvent = (event: WireEvent): WireEvent | string => {
  if (typeof event !== "object") return "it returned no event"
  const { distinct_id, event: name, options, properties, timestamp, uuid } = event
  if (typeof name !== "string" || name.trim() === "") return "it returned an event with a blank name"
  if (!isIdentifier(distinct_id)) return "it returned an event with a blank distinct_id"
  const id = isUuid(uuid) ? uuid : canonicalUuid(uuid)
  if (id === undefined) return "it returned an event whose uuid is not a UUID"
  const time = typeof timestamp === "string" ? parseTimestamp(timestamp) : undefined
  if (time === undefined) return "it returned an event whose timestamp is not a time"
  if (typeof properties !== "object" || properties === null) return "it returned an event without properties"
  const checked: WireEvent = { uuid: id, event: name, distinct_id: String(distinct_id), timestamp: time, properties }
  if (isRecord(options)) checked.options = options as Record<string, unknown>
  return checked
}

/** The uuid in the text of an event. */
export const readUuid = (text: string): string => text.slice(uuidOffset, uuidOffset + uuidLength)

/** Whether the text is that of an event with this name, of which JSON escapes nothing. */
export const isNamed = (text: string, name: string): boolean =>
  text.startsWith(`"${name}"`, uuidOffset + uuidLength + nameStart.length)

/** The uuid and the name in the text of an event, which may be cut off after the name. */
export const readHead = (text: string): { readonly uuid: string; readonly event: string } => {
  // The name ends at the first quote that is not escaped.
  const name = /^"(?:[^"\\]|\\.)*"/s.exec(text.slice(uuidOffset + uuidLength + nameStart.length))
  return { uuid: readUuid(text), event: name === null ? "" : JSON.parse(name[0]) as string }
}

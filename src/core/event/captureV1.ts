/**
 * An event as PostHog receives it with capture v1: options and session stand beside the properties, and the library in
 * the headers of the request.
 *
 * @since 0.1.0
 */
import { writeMembers, Writer, writeString } from "./json.js"
import { isReserved } from "./layers.js"
import { legacyOptions, legacyProperties, setOptions } from "./options.js"
import { type Form, writeOptions } from "./properties.js"
import { canonicalUuid } from "./uuid.js"
import { eventText, uuidEnd, type WireEvent } from "./wireEvent.js"

/** Properties of capture v0 that are texts beside the properties here. */
const besides: ReadonlyArray<readonly [member: string, property: string]> = [
  ["session_id", "$session_id"],
  ["window_id", "$window_id"]
]

const elsewhere: ReadonlySet<string> = /* #__PURE__ */ new Set(
  /* #__PURE__ */ [...legacyOptions, ...besides].map(([, property]) => property)
)

const isElsewhere = (name: string): boolean => elsewhere.has(name)

const texts: Readonly<Record<string, boolean>> = { true: true, "1": true, false: false, "0": false }

/** A property that stands for an option may have been written in several ways; the option may not. */
const toBoolean = (value: unknown): boolean | undefined => {
  switch (typeof value) {
    case "boolean":
      return value
    case "number":
      return value !== 0
    case "string":
      return texts[value.trim().toLowerCase()]
    default:
      return undefined
  }
}

const toText = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

const noValue = "no value that capture v1 takes"

/** What stands between the timestamp and the properties. A property fills an option only where that is not set. */
const between = (
  writer: Writer,
  options: Record<string, unknown>,
  legacy: ((property: string) => unknown) | undefined
): string => {
  let rest = ""
  if (legacy !== undefined) {
    for (const [option, property] of legacyOptions) {
      if (Object.hasOwn(options, option)) continue
      const given = legacy(property)
      const value = option === "product_tour_id" ? toText(given) : toBoolean(given)
      if (value !== undefined) options[option] = value
      else if (isGiven(given)) writer.repair(noValue, property)
    }
    for (const [member, property] of besides) {
      const given = legacy(property)
      const value = toText(given)
      if (value !== undefined) rest += `,"${member}":` + writeString(writer, value)
      else if (isGiven(given)) writer.repair(noValue, property)
    }
  }
  return writeOptions(writer, options) + rest
}

/** Where the string ends that begins at a position. */
const stringEnd = (text: string, start: number): number => {
  for (let at = start + 1; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === 0x5c) at++
    else if (unit === 0x22) return at + 1
  }
  return text.length
}

/** Where the object ends that begins at a position. */
const objectEnd = (text: string, start: number): number => {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22:
        at = stringEnd(text, at) - 1
        break
      case 0x7b:
        depth++
        break
      case 0x7d:
        if (--depth === 0) return at + 1
    }
  }
  return text.length
}

/** The parts of an event's text, as text. */
interface Parts {
  /** The members before the options. */
  readonly head: string
  readonly options: string
  /** By the property of capture v0. */
  readonly besides: ReadonlyArray<readonly [property: string, value: string]>
  /** The inside of the properties. */
  readonly members: string
}

const after = (at: number, name: string): number => at + `,"${name}":`.length

/** Where the members end that an event has in every form: the quote after the uuid, name, distinct id and timestamp. */
const headEnd = (text: string): number => {
  let at = uuidEnd + 1
  for (const name of ["event", "distinct_id", "timestamp"]) at = stringEnd(text, after(at, name))
  return at
}

/** Takes apart what {@link captureV1} wrote, without looking at the properties, which may be large. */
const partsOf = (text: string): Parts => {
  let at = headEnd(text)
  const head = text.slice(0, at)
  const start = after(at, "options")
  at = objectEnd(text, start)
  const options = text.slice(start, at)
  const found: Array<readonly [string, string]> = []
  for (const [member, property] of besides) {
    if (!text.startsWith(`,"${member}":`, at)) continue
    const from = after(at, member)
    at = stringEnd(text, from)
    found.push([property, text.slice(from, at)])
  }
  return { head, options, besides: found, members: text.slice(after(at, "properties") + 1, -2) }
}

export interface CaptureV1 extends Form {
  /** The text of the same event for capture v0. Options that no property stands for are lost. */
  readonly toV0: (text: string) => string
  /** Whether a text is that of an event in this form; in that of capture v0 otherwise. */
  readonly isText: (text: string) => boolean
  /** The text of an event in the form of capture v0, in this form. */
  readonly fromV0: (text: string) => string
  /** The properties in the text of an event, as text. */
  readonly propertiesOf: (text: string) => string
}

export const captureV1 = (library: string, libraryVersion: string): CaptureV1 => {
  const signature = `"$lib":${JSON.stringify(library)},"$lib_version":${JSON.stringify(libraryVersion)}`

  const toV0 = (text: string): string => {
    const { besides, head, members, options } = partsOf(text)
    let before = signature
    if (options !== "{}") {
      const properties = legacyProperties(JSON.parse(options) as Record<string, unknown>)
      for (const [name, value] of Object.entries(properties)) before += `,"${name}":${JSON.stringify(value)}`
    }
    for (const [property, value] of besides) before += `,"${property}":${value}`
    return head + ",\"properties\":{" + before + (members === "" ? "" : "," + members) + "}}"
  }

  const write: Form["write"] = (writer, event) =>
    eventText(
      writer,
      canonicalUuid(event.uuid) ?? event.uuid,
      event.event,
      event.distinct_id,
      event.timestamp,
      writeMembers(writer, event.properties, (name) => isElsewhere(name) || isReserved(name), true, true),
      between(writer, setOptions(event.options), (name) => event.properties[name])
    )

  return {
    isElsewhere,
    uuid: canonicalUuid,
    text: (writer, { distinctId, event, legacy, members, options, timestamp, uuid }) =>
      eventText(writer, uuid, event, distinctId, timestamp, members, between(writer, options, legacy)),
    write,
    read: (text) => {
      const event = JSON.parse(toV0(text)) as WireEvent
      const { options } = partsOf(text)
      return options === "{}" ? event : { ...event, options: JSON.parse(options) as Record<string, unknown> }
    },
    toV0,
    isText: (text) => text.startsWith(",\"options\":", headEnd(text)),
    fromV0: (text) => write(new Writer(Number.POSITIVE_INFINITY), JSON.parse(text) as WireEvent),
    propertiesOf: (text) => "{" + partsOf(text).members + "}"
  }
}

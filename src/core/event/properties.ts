/**
 * Puts the text of an event together: what the call says, over what the surroundings say, under what the SDK says.
 *
 * The members of each source are written as text straight away; merging them into an object first and writing that
 * would cost twice as much.
 *
 * @since 0.1.0
 */
import { isRecord, read } from "../guard.js"
import { inOnePiece, writeMembers, writeName, type Writer, writeString } from "./json.js"
import { type Groups, isIdentifier, isReserved, type Layer, type Properties } from "./layers.js"
import { type EventOptions, legacyProperties, overlayOptions } from "./options.js"
import { formatMillis, isTime, parseTimestamp } from "./timestamp.js"
import { canonicalUuid, isUuid } from "./uuid.js"
import { eventText, type WireEvent } from "./wireEvent.js"

/** A form of events in which some of what is known stands elsewhere than among the properties. */
export interface Form {
  /** Whether a property stands elsewhere. */
  readonly isElsewhere: (property: string) => boolean
  /** The uuid as this form has it; `undefined` for what is none. */
  readonly uuid: (given: unknown) => string | undefined
  /** The text of an event. */
  readonly text: (
    writer: Writer,
    parts: {
      readonly uuid: string
      readonly event: string
      readonly distinctId: string
      readonly timestamp: string
      /** Those that are set; the form may change the object. */
      readonly options: Record<string, unknown>
      /** The inside of the properties, without those that stand elsewhere. */
      readonly members: string
      /** The values of those; `undefined`: there are none. */
      readonly legacy: ((property: string) => unknown) | undefined
    }
  ) => string
  /** The text of an event that a hook returned. Throws `TooLarge`. */
  readonly write: (writer: Writer, event: WireEvent) => string
  /** The event in a text, with everything where capture v0 has it, and its options. */
  readonly read: (text: string) => WireEvent
}

/** What a caller says about one event. */
export interface Call {
  readonly event: string
  readonly properties: Properties | undefined
  readonly distinctId: string | number | undefined
  /** Whether the event makes no sense without a distinct id. */
  readonly needsId: boolean
  readonly groups: Groups | undefined
  /** Milliseconds since the epoch, or text. */
  readonly timestamp: number | string | undefined
  readonly uuid: string | undefined
  readonly disableGeoip: boolean | undefined
  readonly processPersonProfile: boolean | undefined
  /** How PostHog shall treat the event, by the names of capture v1. */
  readonly options: EventOptions | undefined
  /** `undefined`: that of capture v0. */
  readonly form: Form | undefined
  /** Whether a hook will see the event, with its properties among the others, before it is brought into its form. */
  readonly isDraft: boolean
  /** What a snapshot of flags adds, in the place of what that of the surroundings adds. `null`: nothing. */
  readonly flags: Layer | null | undefined
  /** The ids of a trace and a span, each as a member with a comma before it, or nothing. */
  readonly trace: string
  /** Whether the event shall not have a property, wherever it comes from. */
  readonly omits: ((name: string) => boolean) | undefined
  /** The distinct id of an event without a user, where the kind of event has one: the trace of a call of a model. */
  readonly personlessId: string | undefined
}

/** The distinct id that events of one region share when they have no user. The first one makes it. */
export interface Personless {
  id: string | undefined
}

/** What the surroundings say about every event. */
export interface Surroundings {
  readonly distinctId: string | undefined
  /** Absent: each event without a user has an id of its own. */
  readonly personless?: Personless | undefined
  /**
   * Address of the client, for `$ip`. Personal data that is of no use to PostHog unless it looks up where the address
   * is.
   */
  readonly address?: string | undefined
  readonly groups: Groups | undefined
  /** How PostHog shall treat the events; what is `null` is not set. */
  readonly options?: EventOptions | undefined
  /** What a snapshot of flags adds, below all others, to the events of one user. */
  readonly flags: { readonly layer: Layer; readonly distinctId: string | undefined } | undefined
  /** From low to high. */
  readonly layers: ReadonlyArray<Layer>
}

/** What an instance says about all of its events. */
export interface Identity {
  readonly library: string
  readonly libraryVersion: string
  readonly isServer: boolean
  readonly disableGeoip: boolean
}

/** The text of an event, or in words why there can be none. */
export type Composed =
  | {
    readonly _tag: "Event"
    readonly text: string
    readonly uuid: string
    /** Whether there was no user, and an id had to be made up. */
    readonly personless: boolean
  }
  | { readonly _tag: "Invalid"; readonly why: string }

const invalid = (why: string): Composed => ({ _tag: "Invalid", why })

/** The first character of all names that PostHog gives a meaning. */
const dollar = 0x24

/** What flags were for one user says nothing about another. */
const flagsFor = ({ flags }: Surroundings, distinctId: string | number | undefined): Layer | undefined =>
  flags !== undefined &&
    (flags.distinctId === undefined || distinctId === undefined || flags.distinctId === String(distinctId))
    ? flags.layer
    : undefined

/**
 * Makes the composer of an instance. It throws `TooLarge`, and whatever the caller's objects throw when they are read.
 */
export const makeComposer = (
  identity: Identity,
  newUuid: (millis: number) => string
): (writer: Writer, call: Call, surroundings: Surroundings, now: number) => Composed => {
  // First, so that all other sources can begin with a comma.
  const place = identity.isServer ? "\"$is_server\":true" : ""
  const signature = inOnePiece(
    `"$lib":${JSON.stringify(identity.library)},"$lib_version":${JSON.stringify(identity.libraryVersion)}` +
      (place === "" ? "" : `,${place}`)
  )

  const personlessId = ({ personless }: Surroundings, now: number): string =>
    personless === undefined ? newUuid(now) : personless.id ??= newUuid(now)

  return (writer, call, surroundings, now) => {
    if (typeof call.event !== "string" || call.event.trim() === "") return invalid("the event's name is blank")
    if (call.distinctId !== undefined && call.distinctId !== null && !isIdentifier(call.distinctId)) {
      return invalid("the distinct id is blank")
    }
    const given = call.distinctId ?? surroundings.distinctId
    if (given === undefined && call.needsId) {
      return invalid("there is no distinct id, neither in the call nor in the context")
    }
    const { form, isDraft } = call
    const usable = isUuid(call.uuid) && form === undefined ? call.uuid : canonicalUuid(call.uuid)
    if (call.uuid !== undefined && usable === undefined) writer.repair("not a UUID", "uuid")
    const uuid = usable ?? newUuid(now)

    const flags = call.flags === undefined ? flagsFor(surroundings, given) : call.flags
    const layers = flags === undefined || flags === null ? surroundings.layers : [flags, ...surroundings.layers]
    const properties = isRecord(call.properties) ? call.properties : undefined
    if (properties === undefined && call.properties !== undefined && call.properties !== null) {
      writer.repair("no object", "properties")
    }
    const says = (name: string): boolean => {
      if (properties !== undefined && Object.hasOwn(properties, name)) return true
      for (const layer of layers) if (Object.hasOwn(layer.properties, name)) return true
      return false
    }
    // Without options a property may lift it; then it does so beside options, too.
    const isPersonless = given === undefined && !(form === undefined && says("$process_person_profile"))
    const options = optionsOf(call, surroundings.options, isPersonless)
    /** Options as the properties that mean the same. */
    const legacy = form === undefined && options !== undefined ? legacyProperties(options) : undefined
    const profile = options !== undefined
      ? undefined
      : call.processPersonProfile ?? (isPersonless ? false : undefined)
    const disableGeoip = call.disableGeoip ?? identity.disableGeoip
    const groups = call.groups === undefined && (surroundings.groups === undefined || says("$groups"))
      ? undefined
      : writeGroups(writer, surroundings.groups, call.groups)

    /** Whether the program says so by the property itself. */
    const isGeoipDisabled = (): boolean => {
      const name = "$geoip_disable"
      if (properties !== undefined && Object.hasOwn(properties, name)) return Boolean(properties[name])
      let value: unknown
      for (const layer of layers) if (Object.hasOwn(layer.properties, name)) value = layer.properties[name]
      return Boolean(value)
    }

    const isFinal = form !== undefined && !isDraft
    let hasMoved = false
    /** Whether the SDK writes this name itself, or it shall not be written at all. */
    const isFixed = (name: string): boolean => {
      if (call.omits !== undefined && call.omits(name)) return true
      if (name.charCodeAt(0) !== dollar) return false
      if (legacy !== undefined && Object.hasOwn(legacy, name)) return true
      if (isFinal && form.isElsewhere(name)) return hasMoved = true
      switch (name) {
        case "$is_server":
          return identity.isServer
        case "$geoip_disable":
          return disableGeoip
        case "$groups":
          return groups !== undefined
        case "$process_person_profile":
          return profile !== undefined
        default:
          return isReserved(name)
      }
    }
    let members = isFinal ? place : signature
    for (let i = 0; i < layers.length; i++) members += writeLayer(writer, layers, i, properties, isFixed)
    if (properties !== undefined) members += writeMembers(writer, properties, isFixed, true)
    if (call.trace !== "" && !says("$trace_id") && !says("$span_id")) members += call.trace
    if (groups !== undefined) members += ",\"$groups\":" + groups
    if (profile !== undefined) members += ",\"$process_person_profile\":" + (profile ? "true" : "false")
    if (disableGeoip) members += ",\"$geoip_disable\":true"
    else if (surroundings.address !== undefined && !says("$ip") && !isFixed("$ip") && !isGeoipDisabled()) {
      members += writeName(writer, "$ip") + writeString(writer, surroundings.address)
    }
    const substitute = isIdentifier(call.personlessId) ? call.personlessId : undefined
    const distinctId = given === undefined ? substitute ?? personlessId(surroundings, now) : String(given)
    const timestamp = writeTimestamp(writer, call.timestamp, now)
    if (legacy !== undefined) members += writeMembers(writer, legacy, undefined, true)

    /** The value of a property that stands elsewhere. */
    const moved = (name: string): unknown => {
      if (properties !== undefined && Object.hasOwn(properties, name)) return read(properties, name)
      for (let i = layers.length - 1; i >= 0; i--) {
        if (Object.hasOwn(layers[i]!.properties, name)) return layers[i]!.properties[name]
      }
      return undefined
    }
    const { event } = call
    return {
      _tag: "Event",
      text: form === undefined
        ? eventText(writer, uuid, event, distinctId, timestamp, members)
        : isDraft
        ? eventText(writer, uuid, event, distinctId, timestamp, members, writeOptions(writer, options))
        : form.text(writer, {
          uuid,
          event,
          distinctId,
          timestamp,
          options: options ?? {},
          // Cutting it copies all of it.
          members: place === "" ? members.slice(1) : members,
          legacy: hasMoved ? moved : undefined
        }),
      uuid,
      personless: given === undefined && substitute === undefined
    }
  }
}

/** The options that are set; `undefined`: what there is to say is said in properties. */
const optionsOf = (
  { form, options: own, processPersonProfile }: Call,
  around: EventOptions | undefined,
  isPersonless: boolean
): Record<string, unknown> | undefined => {
  if (form === undefined && own === undefined && around === undefined) return undefined
  const under = processPersonProfile === undefined
    ? around
    : { ...around, process_person_profile: processPersonProfile }
  const options = overlayOptions(under, own)
  // What the SDK says itself is below all others.
  if (isPersonless) options.process_person_profile ??= false
  return options
}

/** The member that has the options, with a comma before it. */
export const writeOptions = (writer: Writer, options: EventOptions | undefined): string =>
  ",\"options\":{" + (options === undefined ? "" : writeMembers(writer, options, undefined, false, true)) + "}"

/** The members of a layer but for those that a later source has too. */
const writeLayer = (
  writer: Writer,
  layers: ReadonlyArray<Layer>,
  index: number,
  properties: Properties | undefined,
  isFixed: (name: string) => boolean
): string => {
  const layer = layers[index]!
  const isOverridden = (name: string): boolean => {
    if (isFixed(name) || (properties !== undefined && Object.hasOwn(properties, name))) return true
    for (let later = index + 1; later < layers.length; later++) {
      if (Object.hasOwn(layers[later]!.properties, name)) return true
    }
    return false
  }
  for (const name in layer.properties) {
    if (isOverridden(name)) return writeMembers(writer, layer.properties, isOverridden, true)
  }
  writer.addRepairs(layer.repairs, layer.notes)
  return layer.text
}

/** Groups as a JSON object, those of the call winning; `undefined` when there are none. */
const writeGroups = (writer: Writer, under: Groups | undefined, over: Groups | undefined): string | undefined => {
  const members = writeGroupMembers(writer, under, over) + writeGroupMembers(writer, over, undefined)
  return members === "" ? undefined : "{" + members.slice(1) + "}"
}

const writeGroupMembers = (writer: Writer, groups: Groups | undefined, except: Groups | undefined): string => {
  let members = ""
  if (groups === undefined || groups === null) return members
  try {
    if (!isRecord(groups)) throw new TypeError("no object")
    for (const type of Object.keys(groups)) {
      if (except !== undefined && Object.hasOwn(except, type)) continue
      const key: unknown = groups[type]
      if (isIdentifier(key)) members += writeName(writer, type) + writeString(writer, String(key))
      else if (key !== undefined) writer.repair("no usable key", `$groups.${type}`)
    }
  } catch {
    writer.repair("no readable groups", "$groups")
  }
  return members
}

const writeTimestamp = (writer: Writer, timestamp: number | string | undefined, now: number): string => {
  if (timestamp === undefined) return formatMillis(now)
  const text = typeof timestamp === "string"
    ? parseTimestamp(timestamp)
    : typeof timestamp === "number" && isTime(timestamp)
    ? formatMillis(timestamp)
    : undefined
  if (text === undefined) writer.repair("not a time", "timestamp")
  return text ?? formatMillis(now)
}

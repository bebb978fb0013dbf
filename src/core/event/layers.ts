/**
 * Properties and groups, and the layers of which an event's properties are made.
 *
 * @since 0.1.0
 */
import { isRecord, setMember } from "../guard.js"
import { freeze, inOnePiece, thaw, throwing, toJson, writeMembers, Writer } from "./json.js"

export { setMember }

/** Properties of an event, a person or a group: JSON values by name. */
export interface Properties {
  readonly [name: string]: unknown
}

/** Stands in the place of a type that a property cannot have: the compiler shows this text in its error. */
type NoProperty = "is an option, not a property: capture(event, properties, { distinctId })"

/**
 * Members of what is no record of properties: lists, maps, functions, promises, dates, and options that were put among
 * them.
 */
interface NoProperties {
  readonly distinctId?: NoProperty | undefined
  readonly distinct_id?: NoProperty | undefined
  /** What was declared with `PostHogEvent` goes to the functions that say who somebody is, and to flags. */
  readonly "~effect-posthog/DeclaredProperties"?: never
  readonly [Symbol.iterator]?: never
  readonly [Symbol.toStringTag]?: never
  readonly [Symbol.hasInstance]?: never
  readonly [Symbol.toPrimitive]?: never
}

/**
 * What can be given as properties: any object with them, also one whose type is an interface or a class. Not a list, a
 * map, a function, a promise, an effect or a date, and without `distinctId`, which is an option of the call.
 */
export type PropertiesInput = (Properties | object) & NoProperties

/** What can be given as properties of groups: group type to properties. */
export interface GroupPropertiesInput {
  readonly [groupType: string]: PropertiesInput
}

/** What was given, to be read by name. */
export const readable = (given: PropertiesInput | undefined): Properties | undefined => given as Properties | undefined

/**
 * Group memberships: group type to group key. `undefined` is no membership, also where the surrounding context has one.
 */
export interface Groups {
  readonly [groupType: string]: string | number | undefined
}

/** Properties of groups: group type to properties. */
export interface GroupProperties {
  readonly [groupType: string]: Properties
}

/** Whether a value can be a distinct id or a key: a text that is not only white space, or a finite number. */
export const isIdentifier = (value: unknown): value is string | number =>
  // Nearly all begin with a visible character, and looking at it spares a copy of the rest.
  typeof value === "string"
    ? value.charCodeAt(0) > 0x20 && value.charCodeAt(0) < 0x7f || value.trim() !== ""
    : typeof value === "number" && Number.isFinite(value)

/**
 * The own enumerable members of both, `over` winning, as a new object. A getter that throws is replaced by a marker;
 * anything that is no object counts as empty.
 */
export const merge = (
  under: PropertiesInput | undefined,
  over: PropertiesInput | undefined,
  change: (name: string, value: unknown) => unknown = (_, value) => value
): Properties => {
  const merged: Record<string, unknown> = {}
  for (const source of [readable(under), readable(over)]) {
    if (!isRecord(source)) continue
    for (const name of Object.keys(source)) {
      let value: unknown
      try {
        value = change(name, source[name])
      } catch {
        value = throwing
      }
      setMember(merged, name, value)
    }
  }
  return merged
}

/** A context's property need not be longer than what PostHog takes as one event. */
const maxFrozenLength = 1_000_000

/** What stands in the place of properties of which not even the names can be read. */
export const unreadable: Properties = { "[unreadable]": throwing }

/** As {@link merge}, with values as they are now, see {@link freeze}. */
export const mergeFrozen = (under: Properties | undefined, over: PropertiesInput | undefined): Properties => {
  const change = (name: string, value: unknown) => freeze(name, value, maxFrozenLength)
  try {
    return merge(under, over, change)
  } catch {
    return merge(under, unreadable, change)
  }
}

/** As {@link merge}, with values as an event would show them, in their JSON form. */
export const mergeJson = (under: Properties | undefined, over: PropertiesInput | undefined): Properties =>
  merge(under, over, (name, value) => toJson(name, value, maxFrozenLength))

/** The properties as values of JSON. */
export const thawAll = (properties: Properties): Properties => merge(properties, undefined, (_, value) => thaw(value))

/**
 * A new object with the members of both, `over` winning. Members that are computed as they are read stay so: it is for
 * the writer to read them.
 */
export const extend = (under: Properties, over: PropertiesInput | undefined): Properties =>
  isRecord(over)
    ? Object.defineProperties({ ...under }, Object.getOwnPropertyDescriptors(over))
    : { ...under }

/** Both, the properties of each group type merged with {@link merge}. */
export const mergeGroupProperties = (
  under: GroupProperties | undefined,
  over: GroupPropertiesInput | undefined
): GroupProperties => {
  const first = merge(under, undefined) as GroupProperties
  if (over === undefined) return first
  const second = merge(
    over,
    undefined,
    (type, properties) => mergeFrozen(Object.hasOwn(first, type) ? first[type] : undefined, properties as Properties)
  )
  return merge(first, second) as GroupProperties
}

/**
 * Properties that many events share, such as those of a context: written once, and copied as text into every event that
 * does not override one of them.
 */
export interface Layer {
  readonly properties: Properties
  /** The members with a comma before each. */
  readonly text: string
  /** What had to be replaced as the text was written. */
  readonly repairs: number
  readonly notes: ReadonlyArray<string> | undefined
}

/** A layer need not be longer than what PostHog takes as one event. */
const maxLayerLength = 1_000_000

/** Properties that only the SDK writes. */
export const isReserved = (name: string): boolean => name === "$lib" || name === "$lib_version"

/** Writes properties, which must not change afterwards, as a layer. Throws `TooLarge`. */
export const makeLayer = (properties: Properties): Layer => {
  const writer = new Writer(maxLayerLength)
  const text = inOnePiece(writeMembers(writer, properties, isReserved, true))
  return { properties, text, repairs: writer.repairs, notes: writer.notes }
}

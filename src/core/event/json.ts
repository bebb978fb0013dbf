/**
 * A JSON writer that cannot fail: the one place where values given by a program become text.
 *
 * For everything that `JSON.stringify` can write the text is the same. Where `JSON.stringify` would throw (cycles,
 * `BigInt`, getters and `toJSON` that throw), silently lose a value (functions, symbols, invalid dates, maps, sets) or
 * write text that a server refuses (lone surrogates), the value is replaced and the replacement is counted. One pass
 * over the value does both jobs, which is also faster than checking first and calling `JSON.stringify` afterwards.
 *
 * @since 0.1.0
 */

import { isInstance, isObject, read, setMember } from "../guard.js"
import { shared } from "../shared.js"
import { bigintText, binaryOf, effectOf, type Meaning, platformOf } from "./data.js"
import { isId } from "./effectData.js"

/** How deep arrays and objects may nest before the rest is cut off. */
const maxDepth = 64

/**
 * Strings above this length go to the engine's own writer, which beats a regular expression there (measured on Node
 * 20).
 */
const longString = 1000

/** How many replacements are described; further ones are only counted. */
const maxNotes = 8

const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/
const loneSurrogate = /\p{Surrogate}/gu

/** Longest text that stands for a value that has none. */
const maxMarker = 300

/** Thrown, and caught inside this library, when a text grows past its limit: going on would only cost the host time. */
export const TooLarge = /* #__PURE__ */ shared("TooLarge", () =>
  class TooLarge {
    readonly _tag = "TooLarge"
  })

/** Whether something that was thrown is a {@link TooLarge}: it may be anything. */
export const isTooLarge = (thrown: unknown): boolean => isInstance(thrown, TooLarge)

/** A value whose text is there already. */
export const Written = /* #__PURE__ */ shared("Written", () =>
  class Written {
    constructor(
      readonly text: string,
      readonly repairs: number,
      readonly notes: ReadonlyArray<string> | undefined
    ) {}
  })

export type Written = InstanceType<typeof Written>

/** The writing of one event: its limit, and what had to be replaced on the way. */
export class Writer {
  /** Number of values that were replaced. */
  repairs = 0
  /** What was replaced, as `property: what`. */
  notes: Array<string> | undefined = undefined
  /** The top-level property being written, for notes. */
  key = ""
  /** Objects that enclose the value being written: meeting one of them again is a cycle. */
  ancestors: Array<object> | undefined = undefined

  /** `limit` is the longest text of one value, in UTF-16 units. */
  constructor(readonly limit: number) {}

  /** Counts a replacement. */
  repair(what: string, key = this.key): void {
    this.repairs++
    const notes = this.notes ??= []
    if (notes.length < maxNotes) notes.push(key === "" ? what : `${key.slice(0, 100)}: ${what}`)
  }

  /** Counts what was replaced when a part of the event was written earlier. */
  addRepairs(repairs: number, notes: ReadonlyArray<string> | undefined): void {
    this.repairs += repairs
    if (notes !== undefined) this.notes = [...this.notes ?? [], ...notes].slice(0, maxNotes)
  }
}

const anything = /^/

/**
 * The same text, stored in one piece. V8 stores a sum of strings as a tree of its parts, and walks the tree each time
 * when a text that contains it is encoded. A text that is copied into many events should be walked once: a regular
 * expression makes it flat.
 */
export const inOnePiece = (text: string): string => {
  anything.test(text)
  return text
}

/** The JSON text of a string, with lone surrogates replaced by U+FFFD. */
export const writeString = (writer: Writer, text: string): string => {
  if (text.length < longString && !needsEscape.test(text)) return "\"" + text + "\""
  if (text.length > writer.limit) throw new TooLarge()
  const json = JSON.stringify(text)
  // A lone surrogate is the only thing that JSON.stringify writes as \ud…; the text itself may contain that sequence
  // too.
  if (json.includes("\\ud")) {
    const wellFormed = text.replace(loneSurrogate, "\ufffd")
    if (wellFormed !== text) {
      writer.repair("lone surrogate")
      return JSON.stringify(wellFormed)
    }
  }
  return json
}

/** Names of members that were written before. Programs use few, and the same again and again. */
const memberNames = new Map<string, string>()
const maxMemberNames = 4096

/** `,"name":` */
export const writeName = (writer: Writer, name: string): string => {
  const known = memberNames.get(name)
  if (known !== undefined) return known
  const before = writer.repairs
  const text = inOnePiece("," + writeString(writer, name) + ":")
  // A name that had to be repaired is to be counted each time.
  const isKept = memberNames.size < maxMemberNames && name.length <= 100 && writer.repairs === before
  if (isKept) memberNames.set(name, text)
  return text
}

/** Names and descriptions in markers come from the program too. The replacement counts once. */
const writeMarker = (writer: Writer, what: string, marker: string): string => {
  writer.repair(what)
  return JSON.stringify(marker.slice(0, maxMarker).replace(loneSurrogate, "\ufffd"))
}

const functionName = (value: unknown): string => {
  const name = read(value, "name")
  return typeof name === "string" && name !== "" ? name.slice(0, 100) : "anonymous"
}

/** The JSON text of a value, or `undefined` where `JSON.stringify` leaves the member out. */
const writeValue = (writer: Writer, key: string, value: unknown): string | undefined => {
  switch (typeof value) {
    case "string":
      return writeString(writer, value)
    case "number":
      return value - value === 0 ? "" + value : "null"
    case "boolean":
      return value ? "true" : "false"
    case "undefined":
      return undefined
    case "object":
      return value === null ? "null" : writeObject(writer, key, value)
    case "bigint":
      return writeBigint(writer, value)
    case "symbol":
      return writeMarker(writer, "symbol", `Symbol(${value.description?.slice(0, 200) ?? ""})`)
    case "function":
      return writeMarker(writer, "function", `[Function: ${functionName(value)}]`)
  }
}

const writeBigint = (writer: Writer, value: bigint): string => {
  writer.repair("bigint")
  return `"${bigintText(value) ?? "[BigInt]"}"`
}

const writeObject = (writer: Writer, key: string, value: object): string | undefined => {
  const ancestors = writer.ancestors ??= []
  if (ancestors.includes(value)) return writeMarker(writer, "cycle", "[Circular]")
  const depth = ancestors.length
  if (depth >= maxDepth) return writeMarker(writer, "nesting", "[Too deep]")
  ancestors.push(value)
  try {
    return writeContents(writer, key, value)
  } catch (error) {
    if (isTooLarge(error)) throw error
    // Proxies may throw from any operation, a `toJSON` from anywhere.
    return writeMarker(writer, "value that throws", "[Throws]")
  } finally {
    ancestors.length = depth
  }
}

const writeContents = (writer: Writer, key: string, value: object): string | undefined => {
  const prototype: unknown = Object.getPrototypeOf(value)
  // Nearly all: no other question has to be asked about them.
  if (prototype === Array.prototype && Array.isArray(value)) return writeArray(writer, value)
  if (prototype === Object.prototype || prototype === null) {
    const toJSON = (value as { readonly toJSON?: unknown }).toJSON
    return typeof toJSON === "function" ? writeAsked(writer, key, value, toJSON) : writeBraces(writer, value)
  }
  if (value instanceof Written) {
    writer.addRepairs(value.repairs, value.notes)
    return value.text
  }
  if (value instanceof Date) return writeDate(writer, key, value)
  const binary = binaryOf(value)
  if (binary !== undefined) return writeMeaning(writer, key, binary)
  const toJSON = (value as { readonly toJSON?: unknown }).toJSON
  if (typeof toJSON !== "function") return writeOther(writer, key, value)
  const meaning = effectOf(value)
  return meaning === undefined ? writeAsked(writer, key, value, toJSON) : writeMeaning(writer, key, meaning)
}

const { getTime, toJSON: dateToJson } = Date.prototype

/** A date says itself what it is in JSON, where it can. */
const writeDate = (writer: Writer, key: string, date: Date): string | undefined => {
  const toJSON: unknown = date.toJSON
  if (typeof toJSON !== "function") return writeBraces(writer, date)
  if (Number.isNaN(getTime.call(date))) return writeMarker(writer, "invalid date", "[Invalid Date]")
  return toJSON === dateToJson ? writeValue(writer, key, date.toISOString()) : writeAsked(writer, key, date, toJSON)
}

/** What `toJSON` gives. As in JSON.stringify, that is not asked for its own `toJSON`. */
const writeAsked = (writer: Writer, key: string, value: object, toJSON: Function): string | undefined => {
  const json: unknown = toJSON.call(value, key)
  if (!isObject(json)) return writeValue(writer, key, json)
  if (json !== value && writer.ancestors!.includes(json)) return writeMarker(writer, "cycle", "[Circular]")
  const meaning = binaryOf(json) ?? effectOf(json)
  return meaning === undefined ? writeOther(writer, key, json) : writeMeaning(writer, key, meaning)
}

/** A value without `toJSON`, or one that was asked. */
const writeOther = (writer: Writer, key: string, value: object): string | undefined => {
  if (Array.isArray(value)) return writeArray(writer, value)
  if (value instanceof Error) return writeError(writer, value)
  const meaning = platformOf(value)
  return meaning === undefined ? writeBraces(writer, value) : writeMeaning(writer, key, meaning)
}

const writeMeaning = (writer: Writer, key: string, meaning: Meaning): string | undefined => {
  switch (meaning._tag) {
    case "Marker":
      return writeMarker(writer, meaning.what, meaning.text)
    case "Value":
      return writeValue(writer, key, meaning.value)
    case "List":
      return writeArray(writer, collect(writer, meaning.values))
    case "Entries":
      return writeEntries(writer, collect(writer, meaning.entries))
  }
}

/** What can be iterated may have no end; each value takes room in the text. */
const collect = (writer: Writer, values: Iterable<unknown>): ReadonlyArray<unknown> => {
  const collected: Array<unknown> = []
  for (const value of values) {
    collected.push(value)
    if (collected.length > writer.limit) throw new TooLarge()
  }
  return collected
}

const writeArray = (writer: Writer, values: ReadonlyArray<unknown>): string => {
  let out = ""
  for (let i = 0; i < values.length; i++) {
    let element: unknown
    try {
      element = values[i]
    } catch {
      writer.repair("element that throws")
      element = "[Throws]"
    }
    const json = writeValue(writer, String(i), element) ?? "null"
    out += i === 0 ? json : "," + json
    if (out.length > writer.limit) throw new TooLarge()
  }
  return "[" + out + "]"
}

const writeEntries = (writer: Writer, entries: ReadonlyArray<unknown>): string => {
  const object: Record<string, unknown> = {}
  for (const entry of entries) {
    if (!Array.isArray(entry) || typeof entry[0] !== "string") return writeArray(writer, entries)
    setMember(object, entry[0], entry[1])
  }
  return writeBraces(writer, object)
}

/**
 * An error's message is not enumerable, so JSON.stringify would write `{}`. Stacks stay out: they are for error
 * tracking.
 */
const writeError = (writer: Writer, error: Error): string =>
  "{\"name\":" + (writeValue(writer, "name", read(error, "name")) ?? "null") +
  ",\"message\":" + (writeValue(writer, "message", read(error, "message")) ?? "null") +
  writeMembers(writer, error, (name) => name === "name" || name === "message") + "}"

const writeBraces = (writer: Writer, object: object): string =>
  "{" + writeMembers(writer, object, undefined, false, true) + "}"

/**
 * The value as it is now: objects as {@link Written}, so that no later change of theirs is seen. What is longer than
 * `limit` is replaced.
 */
export const freeze = (name: string, value: unknown, limit: number): unknown => {
  const isLong = typeof value === "string" && value.length > limit
  if (!isLong && (!isObject(value) || isInstance(value, Written))) return value
  const writer = new Writer(limit)
  writer.key = name
  let text: string | undefined
  try {
    text = writeValue(writer, name, value)
    if (text !== undefined && text.length > limit) throw new TooLarge()
  } catch {
    writer.repair("too large")
    text = "\"[Too large]\""
  }
  return text === undefined ? undefined : new Written(inOnePiece(text), writer.repairs, writer.notes)
}

/** The value behind {@link freeze}, in its JSON form. */
export const thaw = (value: unknown): unknown => isInstance(value, Written) ? JSON.parse(value.text) as unknown : value

/** The value as an event would show it, as a value of JSON; `undefined` where the member would be left out. */
export const toJson = (name: string, value: unknown, limit: number): unknown => {
  switch (typeof value) {
    case "object":
      return value === null ? null : thaw(freeze(name, value, limit))
    case "bigint":
    case "symbol":
    case "function":
      return JSON.parse(writeValue(new Writer(limit), name, value)!) as unknown
    default:
      return value
  }
}

/** Stands for a member that throws as it is read. */
export const throwing = new Written("\"[Throws]\"", 1, ["getter that throws"])

/**
 * The own enumerable members of an object, each with a comma before it: `,"a":1,"b":2`. Members for which `skip` says
 * so are left out; it is asked before the member is read. `top` marks the properties of the event itself, by which
 * repairs are named. With `first` there is no comma before the first; cutting it off afterwards would copy the whole
 * text. Throws {@link TooLarge} when the text grows past the writer's limit, and whatever a Proxy throws when asked for
 * its keys.
 */
export const writeMembers = (
  writer: Writer,
  object: object,
  skip?: (name: string) => boolean,
  top = false,
  first = false
): string => {
  const names = Object.keys(object)
  let out = ""
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!
    if (isId(name) || skip !== undefined && skip(name)) continue
    if (top) writer.key = name
    let value: unknown
    try {
      value = (object as { readonly [name: string]: unknown })[name]
    } catch {
      writer.repair("getter that throws")
      value = "[Throws]"
    }
    const json = writeValue(writer, name, value)
    if (json === undefined) continue
    const before = writeName(writer, name)
    out += (first && out === "" ? before.slice(1) : before) + json
    if (out.length > writer.limit) throw new TooLarge()
  }
  return out
}

/**
 * A JSON writer that cannot fail: the one place where values given by a program become text.
 *
 * For everything that `JSON.stringify` can write the text is the same. Where `JSON.stringify` would throw (cycles, `BigInt`,
 * getters and `toJSON` that throw), silently lose a value (functions, symbols, invalid dates, maps, sets) or write text that
 * a server refuses (lone surrogates), the value is replaced and the replacement is counted. One pass over the value does
 * both jobs, which is also faster than checking first and calling `JSON.stringify` afterwards.
 *
 * @since 0.1.0
 */

import { shared } from "../shared.js"

/** How deep arrays and objects may nest before the rest is cut off. */
const maxDepth = 64

/** Strings above this length go to the engine's own writer, which beats a regular expression there (measured on Node 20). */
const longString = 1000

/** How many replacements are described; further ones are only counted. */
const maxNotes = 8

const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/
const boxed = /^\[object (?:String|Number|Boolean|BigInt)\]$/
const loneSurrogate = /\p{Surrogate}/gu

/** Thrown, and caught inside this library, when a text grows past its limit: going on would only cost the host time. */
export const TooLarge = /* #__PURE__ */ shared("TooLarge", () =>
  class TooLarge {
    readonly _tag = "TooLarge"
  })

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

/** The JSON text of a string, with lone surrogates replaced by U+FFFD. */
export const writeString = (writer: Writer, text: string): string => {
  if (text.length < longString && !needsEscape.test(text)) return "\"" + text + "\""
  if (text.length > writer.limit) throw new TooLarge()
  const json = JSON.stringify(text)
  // A lone surrogate is the only thing that JSON.stringify writes as \ud…; the text itself may contain that sequence too.
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
  const text = "," + writeString(writer, name) + ":"
  // A name that had to be repaired is to be counted each time.
  const isKept = memberNames.size < maxMemberNames && name.length <= 100 && writer.repairs === before
  if (isKept) memberNames.set(name, text)
  return text
}

const writeMarker = (writer: Writer, what: string, marker: string): string => {
  writer.repair(what)
  return JSON.stringify(marker)
}

const functionName = (value: Function): string => {
  try {
    return typeof value.name === "string" && value.name.length > 0 ? value.name.slice(0, 100) : "anonymous"
  } catch {
    return "anonymous"
  }
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
      return writeMarker(writer, "bigint", String(value))
    case "symbol":
      return writeMarker(writer, "symbol", String(value))
    case "function":
      return writeMarker(writer, "function", `[Function: ${functionName(value)}]`)
  }
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
    if (error instanceof TooLarge) throw error
    // Proxies may throw from any operation, a `toJSON` from anywhere.
    return writeMarker(writer, "value that throws", "[Throws]")
  } finally {
    ancestors.length = depth
  }
}

const writeContents = (writer: Writer, key: string, value: object): string | undefined => {
  if (value instanceof Written) {
    writer.addRepairs(value.repairs, value.notes)
    return value.text
  }
  if (Array.isArray(value)) return writeArray(writer, value)
  if (value instanceof Date) {
    return Number.isNaN(value.getTime())
      ? writeMarker(writer, "invalid date", "[Invalid Date]")
      : "\"" + value.toISOString() + "\""
  }
  const toJSON = (value as { readonly toJSON?: unknown }).toJSON
  if (typeof toJSON === "function") {
    const json: unknown = toJSON.call(value, key)
    // As in JSON.stringify, what toJSON gives is not asked for its own toJSON.
    if (typeof json !== "object" || json === null) return writeValue(writer, key, json)
    if (json !== value && writer.ancestors!.includes(json)) return writeMarker(writer, "cycle", "[Circular]")
    return Array.isArray(json) ? writeArray(writer, json) : writeBraces(writer, json)
  }
  if (value instanceof Map) return writeMap(writer, value)
  if (value instanceof Set) return writeArray(writer, Array.from(value))
  if (value instanceof Error) return writeError(writer, value)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    const name = Object.prototype.toString.call(value).slice(8, -1)
    return writeMarker(writer, "binary data", `[${name}: ${value.byteLength} bytes]`)
  }
  if (boxed.test(Object.prototype.toString.call(value))) return writeValue(writer, key, value.valueOf())
  return writeBraces(writer, value)
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

const writeMap = (writer: Writer, map: ReadonlyMap<unknown, unknown>): string => {
  for (const key of map.keys()) {
    if (typeof key !== "string") return writeArray(writer, Array.from(map))
  }
  return writeBraces(writer, Object.fromEntries(map))
}

/** An error's message is not enumerable, so JSON.stringify would write `{}`. Stacks stay out: they are for error tracking. */
const writeError = (writer: Writer, error: Error): string =>
  "{\"name\":" + (writeValue(writer, "name", error.name) ?? "null") +
  ",\"message\":" + (writeValue(writer, "message", error.message) ?? "null") +
  writeMembers(writer, error, (name) => name === "name" || name === "message") + "}"

const writeBraces = (writer: Writer, object: object): string =>
  "{" + writeMembers(writer, object, undefined, false, true) + "}"

/**
 * The value as it is now: objects as {@link Written}, so that no later change of theirs is seen. What is longer than `limit` is
 * replaced.
 */
export const freeze = (name: string, value: unknown, limit: number): unknown => {
  const isLong = typeof value === "string" && value.length > limit
  if (!isLong && (typeof value !== "object" || value === null || value instanceof Written)) return value
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
  return text === undefined ? undefined : new Written(text, writer.repairs, writer.notes)
}

/** The value behind {@link freeze}, in its JSON form. */
export const thaw = (value: unknown): unknown => value instanceof Written ? JSON.parse(value.text) as unknown : value

/** Stands for a member that throws as it is read. */
export const throwing = new Written("\"[Throws]\"", 1, ["getter that throws"])

/**
 * The own enumerable members of an object, each with a comma before it: `,"a":1,"b":2`. Members for which `skip` says so are
 * left out; it is asked before the member is read. `top` marks the properties of the event itself, by which repairs are named.
 * With `first` there is no comma before the first; cutting it off afterwards would copy the whole text.
 * Throws {@link TooLarge} when the text grows past the writer's limit, and whatever a Proxy throws when asked for its keys.
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
    if (skip !== undefined && skip(name)) continue
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

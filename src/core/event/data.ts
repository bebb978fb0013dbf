/**
 * What a value stands for that is neither a plain object nor a plain array: binary data, collections, what the platform
 * has, and Effect's data. `docs/properties.md` is this module as a table.
 *
 * Effect's data is known by its type id, so that nothing of Effect has to be imported and an object that only looks
 * alike stays what it is. What is said here about a value may throw as it is read further;
 * nothing is read before it is asked for.
 *
 * @since 0.1.0
 */
import { has, isInstance, read } from "../guard.js"
import { entriesOfMajor, epochMillisOf, exitOf, idOf, isEffect, listsOfMajor, valuesOfMajor } from "./effectData.js"

/** What a value stands for. */
export type Meaning =
  /** A text in its place, which counts as a replacement. */
  | { readonly _tag: "Marker"; readonly what: string; readonly text: string }
  /** Another value. */
  | { readonly _tag: "Value"; readonly value: unknown }
  /** A list. */
  | { readonly _tag: "List"; readonly values: Iterable<unknown> }
  /** An object where all keys are texts, or else a list of pairs. */
  | { readonly _tag: "Entries"; readonly entries: Iterable<unknown> }

const marker = (what: string, text: string): Meaning => ({ _tag: "Marker", what, text })
const valued = (value: unknown): Meaning => ({ _tag: "Value", value })

/** What `Object.prototype.toString` calls a value; anybody may call a value so. */
const nameOf = (value: object): string => {
  try {
    return Object.prototype.toString.call(value).slice(8, -1)
  } catch {
    return ""
  }
}

const constructorName = (value: object, otherwise: string): string => {
  const name = read(read(value, "constructor"), "name")
  return typeof name === "string" && name !== "" ? name.slice(0, 100) : otherwise
}

/** What only a real one answers: methods of the prototype do not take a value that is merely called so. */
const ask = <A>(method: () => A): A | undefined => {
  try {
    return method()
  } catch {
    return undefined
  }
}

const bytes = (name: string, count: unknown): Meaning =>
  marker("binary data", `[${name}: ${typeof count === "number" ? count : 0} bytes]`)

const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype) as object
const typedArrayName = Object.getOwnPropertyDescriptor(typedArray, Symbol.toStringTag)!.get!
const byteLengthOf = (prototype: object) => Object.getOwnPropertyDescriptor(prototype, "byteLength")?.get
const lengthOfTyped = byteLengthOf(typedArray)!
const lengthOfDataView = byteLengthOf(DataView.prototype)!
const lengthOfBuffer = byteLengthOf(ArrayBuffer.prototype)!
const lengthOfShared = typeof SharedArrayBuffer === "undefined" ? undefined : byteLengthOf(SharedArrayBuffer.prototype)

/**
 * Data that is not for a property, whatever its `toJSON` would make of it: that of a `Buffer` gives each byte as a
 * number.
 */
export const binaryOf = (value: object): Meaning | undefined => {
  if (ArrayBuffer.isView(value)) {
    const name = typedArrayName.call(value) as string | undefined
    if (name === undefined) return bytes("DataView", ask(() => lengthOfDataView.call(value) as unknown))
    const isBuffer = name === "Uint8Array" && constructorName(value, name) === "Buffer"
    return bytes(isBuffer ? "Buffer" : name, lengthOfTyped.call(value))
  }
  switch (nameOf(value)) {
    case "ArrayBuffer": {
      const length = ask(() => lengthOfBuffer.call(value) as number)
      return length === undefined ? undefined : bytes("ArrayBuffer", length)
    }
    case "SharedArrayBuffer": {
      const length = ask(() => lengthOfShared!.call(value) as number)
      return length === undefined ? undefined : bytes("SharedArrayBuffer", length)
    }
    case "Blob":
    case "File": {
      const { Blob } = globalThis as { readonly Blob?: abstract new() => object }
      return Blob !== undefined && isInstance(value, Blob) ? bytes(nameOf(value), read(value, "size")) : undefined
    }
    default:
      return isNodeStream(value) ? marker("stream", `[${constructorName(value, "Stream")}]`) : undefined
  }
}

/** They hold sockets, headers and buffers, all of it enumerable. */
const isNodeStream = (value: object): boolean =>
  typeof read(value, "pipe") === "function" &&
    (has(value, "_readableState") || has(value, "_writableState")) ||
  // A response of a server has no such state.
  typeof read(value, "writeHead") === "function" && typeof read(value, "pipe") === "function"

/**
 * What the platform has and JSON has not. Those of them that are empty in JSON, so that nothing of a program's own is
 * lost.
 */
const opaque = new Set([
  "Promise",
  "WeakMap",
  "WeakSet",
  "WeakRef",
  "Generator",
  "AsyncGenerator",
  "Map Iterator",
  "Set Iterator",
  "Array Iterator",
  "ReadableStream",
  "WritableStream",
  "TransformStream",
  "CompressionStream",
  "DecompressionStream",
  "Request",
  "Response",
  "Headers",
  "FormData",
  "AbortSignal",
  "AbortController",
  "CryptoKey"
])

/** What the platform's own values stand for. They have no `toJSON`. */
export const platformOf = (value: object): Meaning | undefined => {
  const name = isInstance(value, Map) ? "Map" : isInstance(value, Set) ? "Set" : nameOf(value)
  switch (name) {
    case "Map": {
      const entries = ask(() => Map.prototype.entries.call(value))
      return entries === undefined ? undefined : { _tag: "Entries", entries }
    }
    case "Set": {
      const values = ask(() => Set.prototype.values.call(value))
      return values === undefined ? undefined : { _tag: "List", values }
    }
    case "String":
      return boxed(ask(() => String.prototype.valueOf.call(value)))
    case "Number":
      return boxed(ask(() => Number.prototype.valueOf.call(value)))
    case "Boolean":
      return boxed(ask(() => Boolean.prototype.valueOf.call(value)))
    case "BigInt":
      return boxed(ask(() => BigInt.prototype.valueOf.call(value)))
    case "Symbol":
      return boxed(ask(() => Symbol.prototype.valueOf.call(value)))
    case "RegExp":
    case "URLSearchParams":
      return Object.keys(value).length === 0 ? valued(String(value)) : undefined
    default:
      return opaque.has(name) && Object.keys(value).length === 0 ? marker("no data", `[${name}]`) : undefined
  }
}

const boxed = (primitive: unknown): Meaning | undefined => primitive === undefined ? undefined : valued(primitive)

const redactedId = idOf("Redacted")
const inspect = Symbol.for("nodejs.util.inspect.custom")

type Reader = (value: object) => Meaning | undefined

const lists: Reader = (value) => ({ _tag: "List", values: value as Iterable<unknown> })
const entries: Reader = (value) => ({ _tag: "Entries", entries: value as Iterable<unknown> })

/** In milliseconds. One without end has no number, as in JSON. */
const durationOf: Reader = (value) => {
  const inner = read(value, "value")
  switch (read(inner, "_tag")) {
    case "Millis":
      return valued(read(inner, "millis"))
    case "Nanos": {
      const nanos = read(inner, "nanos")
      return valued(typeof nanos === "bigint" ? Number(nanos) / 1_000_000 : null)
    }
    default:
      return valued(null)
  }
}

/** So many digits a number keeps. */
const exactDigits = 15
/** A longer text is no amount, and parsing it costs time. */
const maxDigits = 1_000

/** A number where it says the same, else a text. */
const decimalOf: Reader = (value) => {
  const digits = read(value, "value")
  const scale = read(value, "scale")
  if (typeof digits !== "bigint" || typeof scale !== "number") return undefined
  const text = bigintText(digits)
  if (text === undefined) return marker("number", "[BigDecimal]")
  const significant = text.replace(/^-/, "").replace(/0+$/, "")
  const exponent = `${text}e${-scale}`
  const number = Number(exponent)
  const isExact = significant.length <= exactDigits && Number.isFinite(number) && (number !== 0 || digits === 0n)
  if (isExact) return valued(number)
  if (scale < 0 || scale > maxDigits) return valued(exponent)
  const padded = text.replace(/^-/, "").padStart(scale + 1, "0")
  const whole = padded.slice(0, padded.length - scale)
  const fraction = padded.slice(padded.length - scale).replace(/0+$/, "")
  return valued(`${digits < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`)
}

const maxBigint = 10n ** BigInt(maxDigits)

/** The digits of an integer, unless they are beyond measure. */
export const bigintText = (value: bigint): string | undefined =>
  value < maxBigint && value > -maxBigint ? String(value) : undefined

/** ISO 8601 in UTC, which PostHog reads as a time. */
const timeOf: Reader = (value) => {
  const millis = epochMillisOf(value)
  return typeof millis === "number" ? valued(new Date(millis)) : undefined
}

const zoneOf: Reader = (value) => valued(read(value, "id") ?? read(value, "offset"))

/** By type id. */
const readers: ReadonlyArray<readonly [PropertyKey, Reader]> = ([
  ["Option", (value) => valued(read(value, "_tag") === "Some" ? read(value, "value") : undefined)],
  ["Duration", durationOf],
  ["DateTime", timeOf],
  ["BigDecimal", decimalOf],
  ["Chunk", lists],
  ["HashMap", entries],
  ["HashSet", lists],
  ["DateTime/TimeZone", zoneOf],
  ["MutableHashMap", entries],
  ["MutableHashSet", lists],
  ["Trie", entries],
  ...valuesOfMajor.map(([name, read]): readonly [string, Reader] => [name, (value) => valued(read(value))]),
  ...listsOfMajor.map((name): readonly [string, Reader] => [name, lists]),
  ...entriesOfMajor.map((name): readonly [string, Reader] => [name, entries])
] satisfies ReadonlyArray<readonly [string, Reader]>).map(([name, reader]) => [idOf(name), reader])

/** What Effect's data stands for. All of it has a `toJSON`, which the caller has found. */
export const effectOf = (value: object): Meaning | undefined => {
  if (!has(value, inspect)) return undefined
  // First, whatever else it says that it is.
  if (has(value, redactedId)) return valued("<redacted>")
  for (const [id, reader] of readers) if (has(value, id)) return reader(value)
  const exit = exitOf(value)
  if (exit !== undefined) return valued(exit)
  return isEffect(value) ? marker("effect that was not run", "[Effect]") : undefined
}

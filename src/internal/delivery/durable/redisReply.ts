/**
 * What Redis answers, read from whatever form a client gives it: lists or maps (RESP2, RESP3), texts or bytes.
 */
import { isInstance, isList, isObject } from "../../../core/guard.js"

/** An entry of a stream. */
export interface Entry {
  readonly id: string
  readonly fields: ReadonlyMap<string, string>
}

/** An entry that somebody has taken and not settled. */
export interface Pending {
  readonly id: string
  readonly consumer: string
  /** For how long nobody has done anything about it, in milliseconds, as Redis's clock has it. */
  readonly idle: number
}

const decoder = new TextDecoder()

/** A text; `undefined` for what is none. */
export const textOf = (reply: unknown): string | undefined => {
  switch (typeof reply) {
    case "string":
      return reply
    case "number":
    case "bigint":
      return String(reply)
    default:
      return isInstance(reply, Uint8Array) ? decoder.decode(reply) : undefined
  }
}

export const numberOf = (reply: unknown): number | undefined => {
  const text = textOf(reply)
  return text === undefined || !/^-?\d{1,20}$/.test(text) ? undefined : Number(text)
}

/** Names and values: a map, an object, a list of pairs, or a list in which they take turns. */
const pairsOf = (reply: unknown): ReadonlyArray<readonly [unknown, unknown]> => {
  if (isInstance(reply, Map)) return Array.from(reply as Map<unknown, unknown>)
  if (!isList(reply)) return isObject(reply) ? Object.entries(reply) : []
  if (isList(reply[0])) return reply.map((pair) => isList(pair) ? [pair[0], pair[1]] : [undefined, undefined])
  return Array.from({ length: reply.length >> 1 }, (_, i) => [reply[2 * i], reply[2 * i + 1]])
}

/** What Redis numbers entries with: milliseconds of its clock, and a counter. */
const idForm = /^\d{1,20}-\d{1,20}$/

export const idOf = (reply: unknown): string | undefined => {
  const text = textOf(reply)
  return text !== undefined && idForm.test(text) ? text : undefined
}

export const idsOf = (reply: unknown): ReadonlyArray<string> =>
  isList(reply) ? reply.flatMap((id) => idOf(id) ?? []) : []

/** Some of the entries that are asked for may be nothing: they were deleted. */
export const entriesOf = (reply: unknown): ReadonlyArray<Entry> => {
  if (!isList(reply)) return []
  return reply.flatMap((entry) => {
    const id = isList(entry) ? idOf(entry[0]) : undefined
    if (id === undefined) return []
    const fields = new Map<string, string>()
    for (const [name, value] of pairsOf((entry as ReadonlyArray<unknown>)[1])) {
      fields.set(textOf(name) ?? "", textOf(value) ?? "")
    }
    return [{ id, fields }]
  })
}

/** The entries of the one stream that was read. */
export const readOf = (reply: unknown): ReadonlyArray<Entry> =>
  pairsOf(reply).flatMap(([, entries]) => entriesOf(entries))

export const pendingOf = (reply: unknown): ReadonlyArray<Pending> =>
  isList(reply)
    ? reply.flatMap((entry) => {
      const [id, consumer, idle] = isList(entry) ? [idOf(entry[0]), textOf(entry[1]), numberOf(entry[2])] : []
      return id === undefined || consumer === undefined || idle === undefined ? [] : [{ id, consumer, idle }]
    })
    : []

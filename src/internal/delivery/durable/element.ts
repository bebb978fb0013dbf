/**
 * Batches as entries of a stream. Compressed, an event costs a tenth of what its text does, in Redis and on the way.
 *
 * | Field | |
 * |---|---|
 * | `v` | 1: how the rest is to be read |
 * | `f` | the form of the events, `v0` or `v1`, as the capture mode of who wrote them |
 * | `n` | how many events |
 * | `b` | bytes of their texts with a line break between them |
 * | `c` | how these are written: `gzip`, `json` |
 * | `e` | them, as Base64 where they are compressed |
 *
 * Dead letters have in addition `l`, the lane, `r`, the reason, `s`, the status of PostHog's answer, and `d`, what it
 * said.
 */
import * as Effect from "effect/Effect"
import { Writer } from "../../../core/event/json.js"
import type { Form } from "../../../core/event/properties.js"
import { type WireEvent, writeEvent } from "../../../core/event/wireEvent.js"
import { fromBase64, toBase64 } from "../../base64.js"
import { formV1 } from "../../form.js"
import { Batch } from "../batch.js"
import { compress } from "../encoding.js"
import { gunzip } from "./gunzip.js"
import type { Fields } from "./redis.js"

const version = "1"

/** An element that says that it is larger is not looked into: no process of this library writes such a one. */
const maxBytes = 256 * 1024 * 1024
const maxCount = 1_000_000

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const nameOf = (form: Form | undefined): string => form === undefined ? "v0" : "v1"

export const encode = (batch: Batch, form: Form | undefined): Effect.Effect<Fields> => {
  const lines = batch.lines()
  return Effect.map(compress("gzip", lines), (compressed) => [
    "v",
    version,
    "f",
    nameOf(form),
    "n",
    String(batch.count),
    "b",
    String(lines.length),
    "c",
    compressed === undefined ? "json" : "gzip",
    "e",
    compressed === undefined ? decoder.decode(lines) : toBase64(compressed)
  ])
}

/** A number that an entry says, within bounds. */
const within = (text: string | undefined, most: number): number | undefined => {
  const value = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : 0
  return value > 0 && value <= most ? value : undefined
}

/** How many events an entry says that it has. */
export const countOf = (fields: ReadonlyMap<string, string>): number => within(fields.get("n"), maxCount) ?? 0

/** The events of an entry, the first with that number, or in words why there are none. */
export const decode = (
  fields: ReadonlyMap<string, string>,
  form: Form | undefined,
  sequence: number
): Effect.Effect<Batch | string> => {
  if (fields.get("v") !== version) return Effect.succeed("it is of another version of this library")
  const count = within(fields.get("n"), maxCount)
  const size = within(fields.get("b"), maxBytes)
  const text = fields.get("e")
  if (count === undefined || size === undefined || text === undefined) return Effect.succeed("it is no batch of events")
  const bytes = fields.get("c") === "gzip" ? fromBase64(text) : encoder.encode(text)
  if (bytes === undefined) return Effect.succeed("its text is damaged")
  return Effect.map(
    fields.get("c") === "gzip" ? gunzip(bytes, size) : Effect.succeed(bytes.length === size ? bytes : undefined),
    (lines) => {
      const batch = lines === undefined ? undefined : Batch.fromLines(lines, sequence)
      if (batch?.count !== count) return "its events are damaged"
      const written = fields.get("f") === "v1" ? formV1 : undefined
      return nameOf(written) === nameOf(form) ? batch : rewrite(batch, written, form)
    }
  )
}

/** What another process has written in its capture mode, in the one of this process. */
const rewrite = (batch: Batch, from: Form | undefined, to: Form | undefined): Batch | string => {
  try {
    return batch.rewritten(Array.from({ length: batch.count }, (_, i) => {
      const writer = new Writer(maxBytes)
      return to === undefined
        ? writeEvent(writer, read(batch.text(i), from))
        : to.write(writer, read(batch.text(i), from))
    }))
  } catch {
    return "its events are damaged"
  }
}

const read = (text: string, form: Form | undefined): WireEvent =>
  form === undefined ? JSON.parse(text) as WireEvent : form.read(text)

/** The events as values. Throws where a text is none. */
export const eventsOf = (batch: Batch, form: Form | undefined): ReadonlyArray<WireEvent> =>
  Array.from({ length: batch.count }, (_, i) => read(batch.text(i), form))

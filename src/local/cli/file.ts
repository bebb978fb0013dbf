/**
 * Events in a file, a line of JSON for each: for `grep`, for databases that read such files, and to go on with later.
 */
import { closeSync, constants, createReadStream, fchmodSync, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { isTooDeep } from "../decode.js"
import { cut, maxName } from "../event.js"
import type { Local } from "../local.js"
import type { Kind, Lane, ReceivedEvent, Verdict } from "../model.js"
import { jsonOf, viewOf } from "../view.js"
import { printable } from "../words.js"

export interface Writer {
  readonly write: (event: ReceivedEvent) => void
  readonly close: () => void
}

/** Whether a line was begun and not ended, by a process that was killed. */
const endsWithin = (descriptor: number): boolean => {
  const { size } = fstatSync(descriptor)
  if (size === 0) return false
  const last = Buffer.alloc(1)
  readSync(descriptor, last, 0, 1, size - 1)
  return last[0] !== 0x0a
}

/**
 * Opens a file at its end, for this user alone. Each event is with the system when `write` returns, so that nothing but
 * the line that is being written can be lost with the process.
 */
export const openFile = (path: string, failed: (error: unknown) => void): Writer => {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o600)
  if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o600)
  let isBroken = false
  if (endsWithin(descriptor)) writeSync(descriptor, "\n")
  return {
    write: (event) => {
      if (isBroken) return
      try {
        const bytes = Buffer.from(`${printable(jsonOf(() => viewOf(event)))}\n`)
        for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at)
      } catch (error) {
        isBroken = true
        failed(error)
      }
    },
    close: () => closeSync(descriptor)
  }
}

type Fields = { readonly [name: string]: unknown }

const record = (value: unknown): Fields | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Fields : undefined

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

const number = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const verdicts: ReadonlyArray<unknown> = ["accepted", "invalid", "refused"] satisfies ReadonlyArray<Verdict>
const lanes: ReadonlyArray<unknown> = ["v0", "v1", "ai", "otlp"] satisfies ReadonlyArray<Lane>
const kinds: ReadonlyArray<unknown> = [
  "event",
  "page",
  "person",
  "group",
  "flag",
  "exception",
  "llm",
  "replay",
  "survey",
  "log",
  "span"
] satisfies ReadonlyArray<Kind>

/** An event of a line; `undefined`: it is none. Its text is kept, and parsed on demand. */
const eventOf = (line: string, local: Local): ReceivedEvent | undefined => {
  let given: Fields | undefined
  try {
    given = isTooDeep(line) ? undefined : record(JSON.parse(line))
  } catch {
    return undefined
  }
  const name = text(given?.event)
  const distinctId = text(given?.distinct_id)
  if (given === undefined || name === undefined || distinctId === undefined) return undefined
  const bytes = Buffer.from(line)
  const parsed = (): Fields => JSON.parse(bytes.toString("utf8")) as Fields
  const [sdk = "unknown", version = ""] = cut(text(given.sdk) ?? "", 150).split(/\/(?=\d)/)
  const at = Date.parse(text(given.at) ?? "")
  return {
    seq: local.store.nextEvent(),
    at: Number.isNaN(at) ? local.now() : at,
    kind: kinds.includes(given.kind) ? given.kind as Kind : "event",
    lane: lanes.includes(given.lane) ? given.lane as Lane : "v0",
    sdk: { name: sdk, version },
    project: cut(text(given.project) ?? "", 64),
    request: 0,
    verdict: verdicts.includes(given.verdict) ? given.verdict as Verdict : "accepted",
    reason: text(given.reason),
    warnings: Array.isArray(given.warnings) ? given.warnings.filter((one) => typeof one === "string") : [],
    times: number(given.times) ?? 1,
    bytes: bytes.length,
    uuid: text(given.uuid),
    event: cut(name, maxName),
    distinct_id: cut(distinctId, maxName),
    timestamp: text(given.timestamp),
    get $set() {
      return record(parsed().$set)
    },
    get $set_once() {
      return record(parsed().$set_once)
    },
    get properties() {
      return record(parsed().properties) ?? {}
    },
    get raw() {
      return parsed()
    }
  }
}

/** Of a line. An event in its largest form has less; a file may be a device that never ends. */
const maxLine = 64 * 1024 * 1024

/** The lines of a file; `undefined` for one that is too long to be an event. */
async function* linesOf(path: string): AsyncIterable<string | undefined> {
  let parts: Array<Buffer> = []
  let length = 0
  const end = (): string | undefined => {
    const line = length > maxLine ? undefined : Buffer.concat(parts).toString("utf8")
    parts = []
    length = 0
    return line
  }
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let at = 0
    for (let next = chunk.indexOf(0x0a); next >= 0; next = chunk.indexOf(0x0a, at)) {
      parts.push(chunk.subarray(at, next))
      length += next - at
      yield end()
      at = next + 1
    }
    length += chunk.length - at
    if (length > maxLine) parts = []
    else parts.push(chunk.subarray(at))
  }
  yield end()
}

/** Takes the events of a file as if they had come; tells how many, and how many lines are none. */
export const loadFile = async (
  path: string,
  local: Local
): Promise<{ readonly events: number; readonly others: number }> => {
  let [events, others] = [0, 0]
  for await (const line of linesOf(path)) {
    if (line?.trim() === "") continue
    const event = line === undefined ? undefined : eventOf(line, local)
    if (event === undefined) others++
    else {
      events++
      if (local.store.addEvent(event) && event.verdict === "accepted") local.people.learn(event)
    }
  }
  return { events, others }
}

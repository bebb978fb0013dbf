/**
 * The form in which events are on disk: lines that each stand for themselves.
 *
 * ```
 * <checksum> <number> <event>         an event; JSON has no line break inside
 * <checksum> -<first> <last>          the events with these numbers are settled
 * <checksum> !<number> <JSON>         a remark about an event
 * ```
 *
 * The checksum, eight hexadecimal digits, is that of everything behind it. There is a line break before and after each
 * line, so that no line costs another one, whichever of its bytes is missing or changed. Numbers of events rise within
 * a file: one that does not is a repetition of what was written in part before. Lines of kinds that are not known are
 * those of a later version, and are passed over.
 */
import { crc32 } from "./crc32.js"

const encoder = new TextEncoder()

const lineBreak = 0x0a
const space = 0x20
const minus = 0x2d
const exclamation = 0x21

/** Digits of the checksum and the space behind it. */
const headLength = 9

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 48 && byte <= 57

/** Lines that are not written yet. */
export class LineBuffer {
  /** How many bytes there are. */
  used = 0
  private bytes: Uint8Array

  constructor(size = 1024) {
    this.bytes = new Uint8Array(size)
  }

  get filled(): Uint8Array {
    return this.bytes.subarray(0, this.used)
  }

  clear(): void {
    this.used = 0
  }

  /** Adds the line of an event, as text or as bytes; gives its length. */
  event(number: number, event: string | Uint8Array): number {
    const start = this.begin(typeof event === "string" ? event.length * 3 : event.length)
    this.number(number)
    this.bytes[this.used++] = space
    if (typeof event === "string") {
      this.used += encoder.encodeInto(event, this.bytes.subarray(this.used)).written
    } else {
      this.bytes.set(event, this.used)
      this.used += event.length
    }
    return this.end(start)
  }

  /** Adds a line that says that the events from one number to another, both included, are settled. */
  settled(first: number, last: number): number {
    const start = this.begin(0)
    this.bytes[this.used++] = minus
    this.number(first)
    this.bytes[this.used++] = space
    this.number(last)
    return this.end(start)
  }

  /** Adds a remark about an event. */
  remark(number: number, json: string): number {
    const start = this.begin(json.length * 3)
    this.bytes[this.used++] = exclamation
    this.number(number)
    this.bytes[this.used++] = space
    this.used += encoder.encodeInto(json, this.bytes.subarray(this.used)).written
    return this.end(start)
  }

  /** Leaves room for the checksum; gives where the line begins. */
  private begin(length: number): number {
    const needed = this.used + length + 64
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, needed))
      grown.set(this.filled)
      this.bytes = grown
    }
    this.bytes[this.used] = lineBreak
    const start = this.used + 1
    this.used = start + headLength
    return start
  }

  private end(start: number): number {
    let checksum = crc32(this.bytes, start + headLength, this.used)
    for (let at = start + headLength - 2; at >= start; at--) {
      const digit = checksum & 15
      this.bytes[at] = digit < 10 ? 48 + digit : 87 + digit
      checksum >>>= 4
    }
    this.bytes[start + headLength - 1] = space
    this.bytes[this.used++] = lineBreak
    return this.used - start + 1
  }

  private number(value: number): void {
    if (value >= 10) this.number(Math.floor(value / 10))
    this.bytes[this.used++] = 48 + value % 10
  }
}

/** What stands behind a number in a line. */
export interface Entry {
  readonly number: number
  /** Where it begins and ends in the bytes that were read. */
  readonly start: number
  readonly end: number
}

/** What a file says. */
export interface Parsed {
  readonly events: ReadonlyArray<Entry>
  /** First and last number of those that are settled. */
  readonly settled: ReadonlyArray<readonly [first: number, last: number]>
  readonly remarks: ReadonlyArray<Entry>
  /** Where lines are that cannot be read: begin and end. */
  readonly damaged: ReadonlyArray<readonly [start: number, end: number]>
}

const checksumAt = (bytes: Uint8Array, start: number): number => {
  let value = 0
  for (let at = start; at < start + headLength - 1; at++) {
    const byte = bytes[at]!
    const digit = isDigit(byte) ? byte - 48 : byte >= 97 && byte <= 102 ? byte - 87 : -1
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return bytes[start + headLength - 1] === space ? value : -1
}

const numberAt = (bytes: Uint8Array, at: number): number => {
  let value = 0
  for (; isDigit(bytes[at]); at++) value = value * 10 + bytes[at]! - 48
  return value
}

/** Reads whatever stands in a file. Never fails. */
export const parse = (bytes: Uint8Array): Parsed => {
  const events: Array<Entry> = []
  const settled: Array<readonly [number, number]> = []
  const remarks: Array<Entry> = []
  const damaged: Array<readonly [number, number]> = []
  let newest = -1
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(lineBreak, start)
    const end = found === -1 ? bytes.length : found
    if (end > start) {
      const begin = start + headLength
      const checksum = end > begin ? checksumAt(bytes, start) : -1
      if (checksum === -1 || checksum !== crc32(bytes, begin, end)) {
        damaged.push([start, end])
      } else {
        const kind = bytes[begin]
        const behind = bytes.indexOf(space, begin) + 1
        if (kind === minus) {
          settled.push([numberAt(bytes, begin + 1), numberAt(bytes, behind)])
        } else if (kind === exclamation) {
          remarks.push({ number: numberAt(bytes, begin + 1), start: behind, end })
        } else if (isDigit(kind)) {
          const number = numberAt(bytes, begin)
          if (number > newest) events.push({ number, start: behind, end })
          newest = Math.max(newest, number)
        }
      }
    }
    start = end + 1
  }
  return { events, settled, remarks, damaged }
}

/** The events of a file that are not settled. */
export const pendingOf = ({ events, settled }: Pick<Parsed, "events" | "settled">): ReadonlyArray<Entry> => {
  if (settled.length === 0) return events
  const ranges = Array.from(settled).sort(([a], [b]) => a - b)
  let next = 0
  let until = -1
  return events.filter(({ number }) => {
    while (next < ranges.length && ranges[next]![0] <= number) until = Math.max(until, ranges[next++]![1])
    return number > until
  })
}

/**
 * Serialised events that are sent in one request.
 */
import { readHead, readUuid, uuidEnd } from "../../core/event/wireEvent.js"
import type { EventHead } from "../../PostHogError.js"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Part of an event's bytes that holds its uuid and all but absurdly long names. */
const headBytes = 4096

const comma = 0x2c
const lineBreak = 0x0a

/** Events that stand one after the other in a buffer, separated by commas: the inside of a JSON array. */
export class Batch {
  private constructor(
    private readonly buffer: Uint8Array,
    /** Where each event begins, and after them where the one after the last would begin. */
    private readonly offsets: ReadonlyArray<number>,
    private readonly from: number,
    private readonly to: number,
    /** Number of the first event in the order of acceptance. */
    readonly sequence: number,
    /** The numbers of all events in the buffer; `undefined`: they follow the first without gaps. */
    private readonly sequences: ReadonlyArray<number> | undefined = undefined
  ) {}

  static make(buffer: Uint8Array, offsets: ReadonlyArray<number>, sequence: number): Batch {
    return new Batch(buffer, offsets, 0, offsets.length - 1, sequence)
  }

  /** A batch of events that stand apart, as a copy. */
  static ofPieces(pieces: ReadonlyArray<Uint8Array>, sequence: number): Batch {
    const buffer = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length + 1, 0))
    const offsets = [0]
    let at = 0
    for (const piece of pieces) {
      buffer.set(piece, at)
      at += piece.length
      buffer[at++] = comma
      offsets.push(at)
    }
    return Batch.make(buffer, offsets, sequence)
  }

  /** A batch of one event that does not go through a queue. */
  static single(text: string): Batch {
    const buffer = encoder.encode(text)
    return new Batch(buffer, [0, buffer.length + 1], 0, 1, 0)
  }

  /**
   * The events of lines as {@link lines} gives them, whose bytes become those of the batch; `undefined` where a line is
   * no object.
   */
  static fromLines(bytes: Uint8Array, sequence: number): Batch | undefined {
    const offsets = [0]
    for (let start = 0; start <= bytes.length;) {
      const found = bytes.indexOf(lineBreak, start)
      const end = found === -1 ? bytes.length : found
      if (bytes[start] !== 0x7b || bytes[end - 1] !== 0x7d) return undefined
      if (found !== -1) bytes[found] = comma
      start = end + 1
      offsets.push(start)
    }
    return new Batch(bytes, offsets, 0, offsets.length - 1, sequence)
  }

  /** The events of several batches one after the other, as a copy, with the number of the first. */
  static concat(batches: ReadonlyArray<Batch>): Batch {
    const [first, ...others] = batches
    if (others.length === 0) return first!
    const buffer = new Uint8Array(batches.reduce((sum, { size }) => sum + size + 1, 0))
    const offsets: Array<number> = []
    let at = 0
    for (const batch of batches) {
      buffer.set(batch.bytes, at)
      const moved = at - batch.offsets[batch.from]!
      for (let i = batch.from; i < batch.to; i++) offsets.push(batch.offsets[i]! + moved)
      at += batch.size + 1
      buffer[at - 1] = comma
    }
    offsets.push(at)
    return new Batch(buffer, offsets, 0, offsets.length - 1, first!.sequence)
  }

  /** Events of which nothing is in memory: for the books only. */
  static absent(sequence: number, count: number): Batch {
    return new Batch(new Uint8Array(0), [], 0, count, sequence)
  }

  /** A batch of one event of a queue. */
  static ofBytes(bytes: Uint8Array, sequence: number): Batch {
    return new Batch(bytes, [0, bytes.length + 1], 0, 1, sequence)
  }

  /** The same events in another form, one text for each. */
  rewritten(texts: ReadonlyArray<string>): Batch {
    return Batch.ofPieces(texts.map((text) => encoder.encode(text)), this.sequence)
  }

  get count(): number {
    return this.to - this.from
  }

  /** Bytes of the events with the commas between them. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(this.offsets[this.from], this.offsets[this.to]! - 1)
  }

  /** The events one to a line, as a copy: JSON has no line breaks in it, so that they can be told apart again. */
  lines(): Uint8Array<ArrayBuffer> {
    const lines = new Uint8Array(this.bytes)
    const start = this.offsets[this.from]!
    for (let i = this.from + 1; i < this.to; i++) lines[this.offsets[i]! - 1 - start] = lineBreak
    return lines
  }

  /** Length of {@link bytes}. */
  get size(): number {
    return this.offsets[this.to]! - 1 - this.offsets[this.from]!
  }

  /** The events from one position up to another as a batch of their own, without copying. */
  slice(from: number, to = this.count): Batch {
    const sequence = this.sequences?.[this.from + from] ?? this.sequence + from
    return new Batch(this.buffer, this.offsets, this.from + from, this.from + to, sequence, this.sequences)
  }

  /** These events and those of another batch, without copying; `undefined`: they do not stand side by side. */
  join(other: Batch): Batch | undefined {
    if (other.buffer !== this.buffer || other.from !== this.to) return undefined
    return new Batch(this.buffer, this.offsets, this.from, other.to, this.sequence, this.sequences)
  }

  /** The events at these positions, in this order, as a batch of their own. Copies, unless they are neighbours. */
  pick(positions: ReadonlyArray<number>): Batch {
    const first = positions[0]!
    const last = positions.at(-1)!
    if (last - first === positions.length - 1) return this.slice(first, last + 1)
    const spans = positions.map((at) => [this.offsets[this.from + at]!, this.offsets[this.from + at + 1]!] as const)
    const buffer = new Uint8Array(spans.reduce((sum, [start, end]) => sum + end - start, 0))
    const offsets = [0]
    for (const [start, end] of spans) {
      const at = offsets.at(-1)!
      // The last event of a buffer need not have its comma.
      buffer.set(this.buffer.subarray(start, end - 1), at)
      buffer[at + end - start - 1] = comma
      offsets.push(at + end - start)
    }
    const sequences = positions.map((at) => this.sequenceAt(at))
    return new Batch(buffer, offsets, 0, positions.length, sequences[0]!, sequences)
  }

  /** Number of the event at a position. */
  private sequenceAt(position: number): number {
    return this.sequences?.[this.from + position] ?? this.sequence + position
  }

  /** How many of the events have a number below this one. */
  countBelow(sequence: number): number {
    if (this.sequences === undefined) return Math.min(Math.max(sequence - this.sequence, 0), this.count)
    let count = 0
    while (count < this.count && this.sequenceAt(count) < sequence) count++
    return count
  }

  /** The same events in batches whose numbers have no gaps. */
  runs(): ReadonlyArray<Batch> {
    if (this.sequences === undefined) return [this]
    const runs: Array<Batch> = []
    let from = 0
    for (let to = 1; to <= this.count; to++) {
      if (to < this.count && this.sequenceAt(to) === this.sequenceAt(to - 1) + 1) continue
      runs.push(this.slice(from, to))
      from = to
    }
    return runs
  }

  /** How many of the events, from the first on, fit into so many bytes: at least one. */
  fitting(maxBytes: number): number {
    if (this.size <= maxBytes) return this.count
    const end = this.offsets[this.from]! + maxBytes
    let fits = 1
    let tooMany = this.count
    while (tooMany - fits > 1) {
      const middle = (fits + tooMany) >> 1
      if (this.offsets[this.from + middle]! - 1 <= end) fits = middle
      else tooMany = middle
    }
    return fits
  }

  /** The text of the event at a position. */
  text(position: number): string {
    const start = this.offsets[this.from + position]!
    return decoder.decode(this.buffer.subarray(start, this.offsets[this.from + position + 1]! - 1))
  }

  /** The uuids of the events. */
  uuids(): ReadonlyArray<string> {
    const uuids: Array<string> = []
    for (let i = this.from; i < this.to; i++) {
      const start = this.offsets[i]!
      uuids.push(readUuid(decoder.decode(this.buffer.subarray(start, start + uuidEnd))))
    }
    return uuids
  }

  /** What diagnostics tell about the events. Reads the bytes: only for when somebody looks. */
  heads(): ReadonlyArray<EventHead> {
    const heads: Array<EventHead> = []
    if (this.offsets.length === 0) return heads
    for (let i = this.from; i < this.to; i++) {
      const start = this.offsets[i]!
      const end = this.offsets[i + 1]! - 1
      heads.push(readHead(decoder.decode(this.buffer.subarray(start, Math.min(end, start + headBytes)))))
    }
    return heads
  }
}

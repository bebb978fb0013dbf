/**
 * Serialised events that are sent in one request.
 */
import { readHead } from "../../core/event/wireEvent.js"
import type { EventHead } from "../../PostHogError.js"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Part of an event's bytes that holds its uuid and all but absurdly long names. */
const headBytes = 4096

/** Events that stand one after the other in a buffer, separated by commas: the inside of a JSON array. */
export class Batch {
  private constructor(
    private readonly buffer: Uint8Array,
    /** Where each event begins, and after them where the one after the last would begin. */
    private readonly offsets: ReadonlyArray<number>,
    private readonly from: number,
    private readonly to: number,
    /** Number of the first event in the order of acceptance; the others follow without gaps. */
    readonly sequence: number
  ) {}

  static make(
    buffer: Uint8Array,
    offsets: ReadonlyArray<number>,
    from: number,
    to: number,
    sequence: number
  ): Batch {
    return new Batch(buffer, offsets, from, to, sequence)
  }

  /** A batch of one event that does not go through a queue. */
  static single(text: string): Batch {
    const buffer = encoder.encode(text)
    return new Batch(buffer, [0, buffer.length + 1], 0, 1, 0)
  }

  get count(): number {
    return this.to - this.from
  }

  /** Bytes of the events with the commas between them. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(this.offsets[this.from], this.offsets[this.to]! - 1)
  }

  /** Length of {@link bytes}. */
  get size(): number {
    return this.offsets[this.to]! - 1 - this.offsets[this.from]!
  }

  /** The events from one position up to another as a batch of their own, without copying. */
  slice(from: number, to = this.count): Batch {
    return new Batch(this.buffer, this.offsets, this.from + from, this.from + to, this.sequence + from)
  }

  /** From the first of these events to the last of another batch, which was cut from the same one and comes later. */
  upTo(other: Batch): Batch {
    return new Batch(this.buffer, this.offsets, this.from, other.to, this.sequence)
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

  /** What diagnostics tell about the events. Reads the bytes: only for when somebody looks. */
  heads(): ReadonlyArray<EventHead> {
    const heads: Array<EventHead> = []
    for (let i = this.from; i < this.to; i++) {
      const start = this.offsets[i]!
      const end = this.offsets[i + 1]! - 1
      heads.push(readHead(decoder.decode(this.buffer.subarray(start, Math.min(end, start + headBytes)))))
    }
    return heads
  }
}

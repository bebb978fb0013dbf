/**
 * The queue of serialised events: bytes, grouped into the batches in which they will be sent.
 *
 * Held as text or as objects, 100,000 events cost 70 to 120 MB of heap and the garbage collector's time; as bytes in a
 * few large buffers they cost what they weigh. Taking a batch is handing over a buffer.
 */
import { Batch } from "./batch.js"
import { bytesOver } from "./bytes.js"

const encoder = new TextEncoder()

/** First size of a batch's buffer when nothing is known about earlier batches. */
const initialBytes = 16 * 1024

/** The batch that is being filled. */
interface OpenBatch {
  buffer: Uint8Array
  /** As in {@link Batch}; the last entry is where the next event goes. */
  readonly offsets: Array<number>
  readonly sequence: number
}

export interface Limits {
  readonly maxBatchSize: number
  readonly maxEventBytes: number
  readonly maxQueueBytes: number
  readonly maxQueueSize: number
}

export class EventQueue {
  /** Number of queued events. */
  count = 0
  /** Bytes of queued events. */
  bytes = 0
  /** Sequence number of the next event to be accepted. */
  next = 0

  /** Full batches in the order of acceptance; the first `head` entries are gone. */
  private sealed: Array<Batch> = []
  private head = 0
  private open: OpenBatch | undefined
  /** Number of the last event of the batch of which the last probe was. */
  private probed = -1
  /** Expected size of the next batch: that of the one before, so that buffers are rarely grown. */
  private expected = initialBytes

  /**
   * `maxBatchBytes` may change: it holds for batches that are taken from then on, also for those that are full already.
   */
  constructor(private readonly limits: Limits, public maxBatchBytes: number) {}

  get maxEventBytes(): number {
    return this.limits.maxEventBytes
  }

  /** Sequence number of the oldest queued event; `next` when the queue is empty. */
  get first(): number {
    return this.sealed.length > this.head
      ? this.sealed[this.head]!.sequence
      : this.open === undefined
      ? this.next
      : this.open.sequence
  }

  /** Adds an event, or says why not: then nothing has changed. */
  push(text: string): "added" | "too_large" | "full" {
    // UTF-8 has at least one byte for every unit of UTF-16.
    if (text.length > this.limits.maxEventBytes) return "too_large"
    let open = this.open ?? this.begin()
    let start = open.offsets[open.offsets.length - 1]!
    const written = this.write(open, start, text)
    if (written > this.limits.maxEventBytes) return "too_large"
    if (this.count >= this.limits.maxQueueSize || this.bytes + written > this.limits.maxQueueBytes) return "full"
    if (start > 0 && start + written > this.maxBatchBytes) {
      const bytes = open.buffer.subarray(start, start + written)
      this.seal()
      open = this.begin(written)
      open.buffer.set(bytes)
      start = 0
    }
    open.buffer[start + written] = 0x2c
    open.offsets.push(start + written + 1)
    this.count++
    this.next++
    this.bytes += written
    if (open.offsets.length > this.limits.maxBatchSize || start + written >= this.maxBatchBytes) this.seal()
    return "added"
  }

  /** Adds a batch that somebody else has made, with the next number. The limits may be exceeded then. */
  append(batch: Batch): void {
    this.seal()
    this.sealed.push(batch)
    this.next = batch.sequence + batch.count
    this.count += batch.count
    this.bytes += eventBytes(batch)
  }

  /** Whether {@link push} would refuse it for its size. */
  isTooLarge(text: string): boolean {
    const most = this.limits.maxEventBytes
    // UTF-8 has at least one byte for every unit of UTF-16.
    return text.length > most || bytesOver(text, most) !== undefined
  }

  /** Leaves numbers to events that wait elsewhere. */
  skip(count: number): void {
    this.seal()
    // An open batch without events has a number already.
    this.open = undefined
    this.next += count
  }

  /** Adds events that have numbers already, in rising order. The limits may be exceeded then. */
  insert(events: ReadonlyArray<{ readonly sequence: number; readonly bytes: Uint8Array }>): void {
    for (let from = 0; from < events.length;) {
      let size = events[from]!.bytes.length + 1
      let to = from + 1
      for (; to < events.length && to - from < this.limits.maxBatchSize; to++) {
        const { bytes, sequence } = events[to]!
        if (sequence !== events[to - 1]!.sequence + 1 || size + bytes.length > this.maxBatchBytes) break
        size += bytes.length + 1
      }
      this.unshift(Batch.ofPieces(events.slice(from, to).map(({ bytes }) => bytes), events[from]!.sequence))
      from = to
    }
  }

  /** Takes the oldest batch, also one that is not full; no more than `most` events of it. */
  shift(most = Number.POSITIVE_INFINITY): Batch | undefined {
    if (this.sealed.length === this.head) this.seal()
    return this.sealed.length === this.head ? undefined : this.takeAt(this.head, most)
  }

  /**
   * Takes some events to find out with whether a server takes any: each time of another batch, as long as there is one.
   * So a batch that never succeeds does not stand before all others.
   */
  probe(most: number): Batch | undefined {
    if (this.sealed.length === this.head || this.sealed.at(-1)!.sequence <= this.probed) this.seal()
    if (this.sealed.length === this.head) return undefined
    const behind = this.sealed.findIndex((batch, at) => at >= this.head && batch.sequence > this.probed)
    const at = behind === -1 ? this.head : behind
    const { count, sequence } = this.sealed[at]!
    this.probed = sequence + count - 1
    return this.takeAt(at, most)
  }

  private takeAt(at: number, most: number): Batch {
    const batch = this.sealed[at]!
    const fitting = Math.min(batch.fitting(this.maxBatchBytes), most)
    if (fitting < batch.count) {
      this.sealed[at] = batch.slice(fitting)
      return this.removed(batch.slice(0, fitting))
    }
    if (at > this.head) {
      this.sealed.splice(at, 1)
    } else {
      this.sealed[this.head++] = undefined as never
      if (this.head > 64 && this.head * 2 > this.sealed.length) {
        this.sealed = this.sealed.slice(this.head)
        this.head = 0
      }
    }
    return this.removed(batch)
  }

  /**
   * Puts a batch back to where its events belong in the order of acceptance, and to those with which they were one. The
   * limits may be exceeded then.
   */
  unshift(batch: Batch): void {
    let at = this.head
    while (at < this.sealed.length && this.sealed[at]!.sequence < batch.sequence) at++
    this.count += batch.count
    this.bytes += eventBytes(batch)
    const whole = this.sealed[at] === undefined ? undefined : batch.join(this.sealed[at]!)
    if (whole === undefined) this.sealed.splice(at, 0, batch)
    else this.sealed[at] = whole
  }

  /** Removes up to `count` events from the new end. */
  dropNewest(count: number): Batch | undefined {
    this.seal()
    const batch = this.sealed[this.sealed.length - 1]
    if (this.sealed.length === this.head || batch === undefined) return undefined
    this.sealed.pop()
    this.removed(batch)
    if (batch.count <= count) return batch
    this.unshift(batch.slice(0, batch.count - count))
    return batch.slice(batch.count - count)
  }

  /** Whether the limits are exceeded, which only {@link unshift} can bring about. */
  get isOver(): boolean {
    return this.count > this.limits.maxQueueSize || this.bytes > this.limits.maxQueueBytes
  }

  private removed(batch: Batch): Batch {
    this.count -= batch.count
    this.bytes -= eventBytes(batch)
    return batch
  }

  private begin(atLeast = 0): OpenBatch {
    const size = Math.max(this.expected, atLeast + 1)
    return this.open = { buffer: new Uint8Array(size), offsets: [0], sequence: this.next }
  }

  private seal(): void {
    const { open } = this
    if (open === undefined || open.offsets.length === 1) return
    this.open = undefined
    const used = open.offsets[open.offsets.length - 1]!
    this.expected = Math.max(initialBytes, Math.min(used + (used >>> 4), this.maxBatchBytes))
    this.sealed.push(Batch.make(open.buffer, open.offsets, open.sequence))
  }

  /** Writes the text and leaves room for a comma; grows the buffer as needed. Returns the number of bytes. */
  private write(open: OpenBatch, start: number, text: string): number {
    for (;;) {
      const { read, written } = encoder.encodeInto(text, open.buffer.subarray(start))
      if (read === text.length && start + written < open.buffer.length) return written
      const needed = start + written + (text.length - read) * 3 + 1
      const grown = new Uint8Array(Math.max(open.buffer.length * 2, needed))
      grown.set(open.buffer.subarray(0, start))
      open.buffer = grown
    }
  }
}

/** Bytes of a batch's events without commas, which is what the queue's limit counts. */
const eventBytes = (batch: Batch): number => batch.size - batch.count + 1

/**
 * How much a server takes in one request, learnt from what it took and what it answered with 413.
 */
import type { Batch } from "./batch.js"

/**
 * Begins with the limits of the options and only becomes smaller. A server that refuses less than it took before has no limit
 * of bytes, or a new one: then the number of events is what is learnt, and what is known is believed half as much.
 */
export class RequestLimit {
  /** The most that was accepted in one request. */
  private acceptedBytes = 0
  private acceptedCount = 0

  constructor(public bytes: number, public count: number) {}

  /** How many events of a batch the next request should hold, from the first on. */
  fitting(batch: Batch): number {
    return batch.fitting(this.bytes, this.count)
  }

  accepted({ count, size }: Batch): void {
    this.acceptedBytes = Math.max(this.acceptedBytes, size)
    this.acceptedCount = Math.max(this.acceptedCount, count)
  }

  refused({ count, size }: Batch): void {
    if (size > this.acceptedBytes) {
      this.bytes = Math.min(this.bytes, Math.max(size >> 1, this.acceptedBytes, 1))
    } else if (count > this.acceptedCount) {
      this.count = Math.min(this.count, Math.max(count >> 1, this.acceptedCount, 1))
    } else {
      this.acceptedBytes >>= 1
      this.acceptedCount >>= 1
    }
  }
}

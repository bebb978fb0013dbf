/**
 * What is to be written into the current segment, and which events are in it.
 */
import { LineBuffer } from "./lines.js"
import { Ranges } from "./ranges.js"

export class Gathered {
  readonly lines: LineBuffer
  /** Numbers of its events, those that are settled left out. */
  readonly events = new Ranges()
  /** Number of its first event, settled or not. */
  from = Number.POSITIVE_INFINITY

  constructor(size: number) {
    this.lines = new LineBuffer(size)
  }

  /** Gives the length of its line. */
  add(sequence: number, event: string | Uint8Array): number {
    this.events.add(sequence)
    this.from = Math.min(this.from, sequence)
    return this.lines.event(sequence, event)
  }

  settled(sequence: number, count: number): void {
    if (this.events.count > 0) this.events.remove(sequence, count)
  }

  clear(): void {
    this.lines.clear()
    this.events.clear()
    this.from = Number.POSITIVE_INFINITY
  }
}

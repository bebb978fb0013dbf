/**
 * How much a server takes in one request, learnt from what it answers with 413 and what it takes.
 */
import type { Batch } from "./batch.js"

/** So many requests in a row have to be taken before a larger one is tried for the first time. */
const firstPatience = 16

/** The most of them. */
const mostPatience = 1024

/**
 * Every refusal halves the limit. It is doubled again after some requests that the server took: the refusal may
 * have had another reason than the size, or the server's limit may be higher now. Each time that the larger request is
 * refused again, the next try waits for twice as many requests.
 */
export class SizeLimit {
  private readonly most: number
  private patience = firstPatience
  private taken = 0
  private isTrying = false

  /** `bytes` are those of the events, without what stands around them. */
  constructor(public bytes: number) {
    this.most = bytes
  }

  accepted(): void {
    if (this.bytes === this.most || ++this.taken < this.patience) return
    // The larger requests of the last try were taken: no need to be careful.
    if (this.isTrying) this.patience = Math.max(this.patience >> 1, 1)
    this.isTrying = true
    this.taken = 0
    this.bytes = Math.min(this.bytes * 2, this.most)
  }

  /** Several events were too much. One event alone teaches nothing about others. */
  refused({ size }: Batch): void {
    if (this.isTrying) this.patience = Math.min(Math.max(this.patience, firstPatience >> 1) * 2, mostPatience)
    this.isTrying = false
    this.taken = 0
    this.bytes = Math.max(Math.min(this.bytes, size >> 1), 1)
  }
}

/**
 * The entries of a stream that this process works on, and which of their events have met their end.
 */
import type { DropReason } from "../../../PostHogError.js"
import { Batch } from "../batch.js"
import type { Owner } from "../books.js"
import type { Failure } from "../failure.js"
import { Flushes } from "../flushes.js"
import type { Letter } from "./fleetLetters.js"

export interface Held {
  readonly id: string
  /** Number of its first event in the queue. */
  readonly first: number
  readonly count: number
  /** How many of its events have not met their end. */
  left: number
  /** Those that PostHog refused. */
  readonly letters: Array<Letter>
}

/** Reasons of drops that are PostHog's own. */
const refusals: ReadonlySet<DropReason> = /* #__PURE__ */ new Set<DropReason>(["rejected", "too_large"])

export class Holdings {
  private readonly held = new Map<string, Held>()
  /** Entries whose events have all met their end. */
  finished: ReadonlyArray<Held> = []

  constructor(private readonly keepsLetters: boolean) {}

  get size(): number {
    return this.held.size
  }

  get ids(): ReadonlyArray<string> {
    return Array.from(this.held.keys())
  }

  has(id: string): boolean {
    return this.held.has(id)
  }

  add(id: string, first: number, count: number): void {
    this.held.set(id, { id, first, count, left: count, letters: [] })
  }

  /** Events of the queue, by the entry that they are in. */
  partsOf(batch: Batch): ReadonlyArray<{ readonly held: Held; readonly part: Batch }> {
    return batch.runs().flatMap((run) =>
      Array.from(this.held.values()).flatMap((held) => {
        const from = Math.max(run.sequence, held.first)
        const to = Math.min(run.sequence + run.count, held.first + held.count)
        return from < to ? [{ held, part: run.slice(from - run.sequence, to - run.sequence) }] : []
      })
    )
  }

  /** Events of the queue that are in an entry of this process, and those that are in none any more. */
  divided(batch: Batch): { readonly own: Batch | undefined; readonly gone: Batch | undefined } {
    const own: Array<number> = []
    const gone: Array<number> = []
    let at = 0
    for (const { count, sequence } of batch.runs()) {
      for (let number = sequence; number < sequence + count; number++) (this.isOwn(number) ? own : gone).push(at++)
    }
    if (gone.length === 0) return { own: batch, gone: undefined }
    return { own: own.length === 0 ? undefined : batch.pick(own), gone: batch.pick(gone) }
  }

  private isOwn(number: number): boolean {
    for (const { count, first } of this.held.values()) if (first <= number && number < first + count) return true
    return false
  }

  ended(batch: Batch, reason: DropReason | undefined, failure: Failure | undefined): void {
    for (const { held, part } of this.partsOf(batch)) {
      held.left -= part.count
      if (this.keepsLetters && reason !== undefined && refusals.has(reason)) {
        held.letters.push({ batch: part, reason, failure })
      }
      if (held.left === 0) this.finished = [...this.finished, held]
    }
  }

  /** These are settled in the stream, too. */
  settled(some: ReadonlyArray<Held>): void {
    for (const { id } of some) this.held.delete(id)
    this.finished = this.finished.filter((held) => !some.includes(held))
  }

  /** Somebody else works on these, unless they have met their end. */
  lose(ids: ReadonlyArray<string>): void {
    for (const id of ids) {
      if (this.held.get(id)?.left !== 0) this.held.delete(id)
    }
  }

  /** Others may take all of them. */
  clear(): void {
    this.held.clear()
    this.finished = []
  }
}

/** Who follows what becomes of events of a stream. */
export interface Follower {
  readonly ended: (batch: Batch, reason: DropReason | undefined, failure: Failure | undefined) => void
  /** Nobody tries to send them for now. */
  readonly fail: (failure: Failure) => void
}

/** The owner of events that are in a stream as well. */
export class Borrowed extends Flushes implements Owner {
  follower: Follower | undefined

  override settle(batch: Batch, reason: DropReason | undefined, failure: Failure | undefined): void {
    super.settle(batch, reason, failure)
    this.follower?.ended(batch, reason, failure)
  }

  override failAbove(...[sequence, failure, isUnderWay]: Parameters<Flushes["failAbove"]>): void {
    super.failAbove(sequence, failure, isUnderWay)
    this.follower?.fail(failure)
  }

  /** They stay in the stream, and this process gives them back when it is done. */
  override readonly left = (): void => this.follower?.fail({ reason: "closed" })
}

/** The same events in batches as they are sent: small ones together, large ones apart. */
export const packed = (
  batches: ReadonlyArray<Batch>,
  { maxBatchBytes, maxBatchSize }: { readonly maxBatchSize: number; readonly maxBatchBytes: number }
): ReadonlyArray<Batch> => {
  const all: Array<Batch> = []
  let open: Array<Batch> = []
  let count = 0
  let bytes = 0
  const seal = (): void => {
    if (open.length > 0) all.push(Batch.concat(open))
    open = []
    count = 0
    bytes = 0
  }
  for (const batch of batches) {
    for (let from = 0; from < batch.count; from += maxBatchSize) {
      const part = batch.slice(from, Math.min(from + maxBatchSize, batch.count))
      if (count + part.count > maxBatchSize || bytes + part.size > maxBatchBytes) seal()
      open.push(part)
      count += part.count
      bytes += part.size + 1
    }
  }
  seal()
  return all
}

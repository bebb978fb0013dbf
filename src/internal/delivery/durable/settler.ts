/**
 * The end of entries in the stream: of those whose events have met theirs, and of those that nobody can read.
 */
import * as Effect from "effect/Effect"
import type { Form } from "../../../core/event/properties.js"
import type { Diagnostics } from "../../diagnostics.js"
import { letterOf } from "./fleetLetters.js"
import type { Held, Holdings } from "./holdings.js"
import { kinds } from "./kinds.js"
import type { Streams, Trouble } from "./redis.js"

export interface Parts {
  readonly lane: string
  readonly streams: Streams
  readonly form: Form | undefined
  readonly diagnostics: Diagnostics
  /** Key under which what nobody can read is found. */
  readonly deadKey: string
  /** `undefined`: there are no dead letters. */
  readonly settings: { readonly maxDeadBytes: number | undefined }
}

/** An entry that nobody can read. */
export interface Damaged {
  readonly id: string
  readonly why: string
  /** How many events it says that it has. */
  readonly count: number
}

/** A process that keeps no dead letters leaves those of the others alone. */
const othersKeep = Number.MAX_SAFE_INTEGER
/** Entries that are settled in one step. */
const settledAtOnce = 32

export class Settler {
  constructor(private readonly parts: Parts, private readonly holdings: Holdings) {}

  /** Removes what has met its end. */
  readonly settle: Effect.Effect<void, Trouble> = Effect.suspend(() => {
    const some = this.holdings.finished.slice(0, settledAtOnce)
    if (some.length === 0) return Effect.void
    const { form, lane, settings: { maxDeadBytes }, streams } = this.parts
    const entries = Effect.forEach(
      some,
      ({ id, letters }) =>
        Effect.map(Effect.forEach(letters, (letter) => letterOf(letter, lane, form)), (dead) => ({ id, dead }))
    )
    return Effect.flatMap(
      entries,
      (entries) =>
        Effect.flatMap(streams.settle(entries, maxDeadBytes ?? othersKeep), (removed) => {
          this.holdings.settled(some)
          this.tellLetters(some)
          this.tellRemoved(removed)
          return this.settle
        })
    )
  })

  /** Puts aside what nobody can read, one after the other. */
  setAside(damaged: ReadonlyArray<Damaged>): Effect.Effect<void, Trouble> {
    const { deadKey, diagnostics, settings: { maxDeadBytes }, streams } = this.parts
    return Effect.forEach(damaged, ({ count, id, why }) => {
      const done = maxDeadBytes === undefined
        ? streams.settle([{ id, dead: [] }], othersKeep)
        : Effect.map(streams.setAside(id, why, maxDeadBytes), (removed) => this.tellRemoved(removed))
      return Effect.map(done, () => {
        diagnostics.emit(kinds.setAside, () => ({ _tag: "LinesSetAside", count, file: deadKey }))
      })
    }, { discard: true })
  }

  private tellLetters(some: ReadonlyArray<Held>): void {
    for (const { batch, reason } of some.flatMap(({ letters }) => letters)) {
      this.parts.diagnostics.emit(
        kinds.deadLettered,
        () => ({ _tag: "DeadLettered", count: batch.count, reason, events: batch.heads() })
      )
    }
  }

  /** So many events of dead letters went for lack of room. */
  private tellRemoved(count: number): void {
    if (count > 0) this.parts.diagnostics.emit(kinds.lettersRemoved, () => ({ _tag: "DeadLettersRemoved", count }))
  }
}

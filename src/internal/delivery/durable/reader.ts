/**
 * Takes batches from the stream of a lane, whoever has stored them, and sees to it that each is removed when its events
 * have met their end, and not before.
 *
 * All that is asked of Redis is asked by one fiber, one thing after the other: settle what has ended; say that the rest
 * is still being worked on; look for what others have left; take more. It asks again and again, at longer and longer
 * intervals while there is nothing, and is woken by what happens here. It does not block: the connection may be the
 * program's only one.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Form } from "../../../core/event/properties.js"
import { describe } from "../../../core/thrown.js"
import type { DropReason } from "../../../PostHogError.js"
import { complete } from "../../completion.js"
import type { Diagnostics } from "../../diagnostics.js"
import { makeDeferred } from "../../effect/waiting.js"
import { sleepIdle } from "../../sleepIdle.js"
import type { Batch } from "../batch.js"
import type { Books } from "../books.js"
import type { Dispatch } from "../dispatch.js"
import type { EventQueue } from "../eventQueue.js"
import type { Failure } from "../failure.js"
import type { Phase } from "../gate.js"
import type { Label } from "../transport.js"
import { CatchUps } from "./catchUps.js"
import { countOf, decode } from "./element.js"
import type { Health } from "./health.js"
import { type Borrowed, type Follower, Holdings, packed } from "./holdings.js"
import { kinds } from "./kinds.js"
import { Leftovers } from "./leftovers.js"
import { Permits } from "./permits.js"
import type { Streams, Trouble } from "./redis.js"
import type { Entry } from "./redisReply.js"
import { type Damaged, Settler } from "./settler.js"

export interface Parts {
  readonly lane: string
  readonly streams: Streams
  readonly form: Form | undefined
  readonly queue: EventQueue
  readonly dispatch: Dispatch
  readonly books: Books
  readonly diagnostics: Diagnostics
  readonly health: Health
  readonly limits: { readonly maxBatchSize: number; readonly maxBatchBytes: number }
  readonly settings: ReaderSettings
  readonly phase: () => Phase
  readonly now: () => number
  /** Key under which what nobody can read is found. */
  readonly deadKey: string
}

/** Times in milliseconds. */
export interface ReaderSettings {
  /** What nobody has touched for so long is claimed. */
  readonly claimAfter: number
  /** The longest time between two looks for new entries. */
  readonly pollInterval: number
  /** `undefined`: there are no dead letters. */
  readonly maxDeadBytes: number | undefined
}

/** Time between two looks when there was something a moment ago, in milliseconds. */
const firstPause = 20
/** After a failure, in milliseconds. */
const firstTrouble = 200
const longestTrouble = 5_000

/** Bytes of a read, about; and the most entries. */
const readBytes = 4 * 1024 * 1024
const maxEntries = 64
/** So many entries are enough to find out whether PostHog refuses one or everything. */
const mostWhileHolding = 2
/** What an entry has until it is known better. */
const usualBytes = 256 * 1024

/** An entry that can be read. */
interface Taken {
  readonly id: string
  readonly batch: Batch
}

export class Reader implements Follower {
  private readonly holdings: Holdings
  private readonly catchUps = new CatchUps()
  /** Whether something has happened since the last round began, and whom that wakes. */
  private isWoken = false
  private resting: Deferred.Deferred<void> | undefined
  private refreshedAt = Number.NEGATIVE_INFINITY
  /** Whether something may have been taken that this process has not seen. */
  private isUncertain = false
  private isDeparting = false
  private readonly permits = new Permits()
  private readonly leftovers: Leftovers
  private readonly settler: Settler
  private pause = firstPause
  private troubles = firstTrouble
  private entryBytes = usualBytes

  constructor(private readonly parts: Parts, private readonly owner: Borrowed) {
    const { now, settings: { claimAfter, maxDeadBytes }, streams } = parts
    this.holdings = new Holdings(maxDeadBytes !== undefined)
    this.leftovers = new Leftovers(streams, claimAfter, now)
    this.settler = new Settler(parts, this.holdings)
    owner.follower = this
  }

  wake(): void {
    this.isWoken = true
    if (this.resting !== undefined) complete(this.resting, Effect.void)
    this.resting = undefined
  }

  /** Waits until nothing up to that entry waits for being taken. */
  catchUp(target: string): Effect.Effect<void, Failure> {
    return this.catchUps.wait(target, () => this.wake())
  }

  fail(failure: Failure): void {
    this.catchUps.fail(failure)
  }

  ended(batch: Batch, reason: DropReason | undefined, failure: Failure | undefined): void {
    this.holdings.ended(batch, reason, failure)
    this.wake()
  }

  /** Sends nothing of the stream any more: what is not at its end stays there, and is given back. */
  leave(detail?: string): void {
    const { books, dispatch, queue } = this.parts
    for (const sending of dispatch.take(({ owner }) => owner === this.owner)) dispatch.leave(sending)
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      books.stored(batch, this.owner, "queued")
    }
    dispatch.advance()
    this.isDeparting = true
    this.fail({ reason: "closed", detail })
    this.wake()
  }

  /** Settles what has ended, and gives back the rest. To be called when nothing else runs. */
  readonly depart: Effect.Effect<void, Trouble> = Effect.suspend(() =>
    Effect.zipRight(
      this.settler.settle,
      Effect.map(this.parts.streams.depart, () => {
        this.holdings.clear()
        this.isDeparting = false
      })
    )
  )

  /** Waits until what has ended is settled. */
  readonly settled: Effect.Effect<void> = Effect.suspend(() =>
    this.holdings.finished.length === 0 ? Effect.void : Effect.zipRight(Effect.sleep(firstPause), this.settled)
  )

  readonly run: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() =>
      Effect.catchAll(
        Effect.catchAllDefect(this.round, (defect): Effect.Effect<never, Trouble> =>
          Effect.fail({
            _tag: "Trouble",
            operation: "read",
            code: undefined,
            detail: describe(defect),
            isDoubtful: true
          })),
        (trouble) => this.troubled(trouble)
      )
    )
  )

  /**
   * Lets a request go on at once, or after Redis has said that its events still belong to this process: one that stood
   * still for so long that it counts as gone finds out before it sends. While Redis is away nobody knows, and it sends.
   */
  permit(label: Label): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { dispatch, now, settings: { claimAfter } } = this.parts
      const isLate = this.holdings.size > 0 && now() - this.permits.askedAt >= claimAfter
      if (!isLate && !this.permits.doomed.has(label)) return Effect.void
      // What somebody waits for goes past Redis.
      const isOwn = Array.from(dispatch.sendings).some(({ job, owner }) => owner === this.owner && job.label === label)
      if (!isOwn) return Effect.void
      this.isUncertain = true
      this.wake()
      return this.permits.wait(label)
    })
  }

  private troubled(trouble: Trouble): Effect.Effect<void> {
    this.permits.asked(this.parts.now())
    this.parts.health.failed("reader", trouble)
    this.isUncertain = true
    this.leftovers.forget()
    this.fail({ reason: "storage", detail: trouble.detail })
    const millis = this.troubles
    this.troubles = Math.min(millis * 2, longestTrouble)
    return sleepIdle(Duration.millis(millis))
  }

  private get mayTake(): boolean {
    const { dispatch, limits, phase, queue } = this.parts
    // While nothing can be sent: an entry that never can must not stand before all others.
    const hasRoom = dispatch.isHolding
      ? this.holdings.size < mostWhileHolding
      : queue.count < limits.maxBatchSize && this.holdings.size < 4 * maxEntries
    return !this.isDeparting && (phase() === "open" || !this.catchUps.isEmpty) && hasRoom
  }

  private get untilRefresh(): number {
    const { now, settings: { claimAfter } } = this.parts
    return this.holdings.size === 0
      ? Number.POSITIVE_INFINITY
      : Math.max(this.refreshedAt + claimAfter / 4 - now(), 0)
  }

  private readonly round: Effect.Effect<void, Trouble> = Effect.suspend(() => {
    this.isWoken = false
    return Effect.gen(this, function*() {
      const { health, phase, settings: { pollInterval }, streams } = this.parts
      if (this.holdings.finished.length > 0) yield* this.settler.settle
      if (this.isDeparting) yield* this.depart
      // Whoever waits, and whatever is uncertain: nothing is sent.
      if (phase() === "opted_out") return yield* this.rest(Number.POSITIVE_INFINITY)
      if (this.isUncertain || this.untilRefresh === 0) yield* this.refresh
      if (!this.mayTake) return yield* this.rest(this.untilRefresh)
      if (this.leftovers.isDue) {
        const found = yield* this.leftovers.take(this.entriesAtOnce)
        if (found !== undefined) yield* this.load(found.entries, found.lives)
      }
      const entries = yield* streams.read(this.entriesAtOnce)
      health.succeeded("reader")
      this.troubles = firstTrouble
      if (entries.length > 0) {
        this.pause = firstPause
        yield* this.load(entries)
        if (!this.isDeparting) this.catchUps.reached(entries.at(-1)!.id)
      } else {
        this.catchUps.reached(undefined)
        const millis = Math.min(this.pause, pollInterval)
        this.pause = millis * 2
        yield* this.rest(Math.min(millis, this.untilRefresh))
      }
    })
  })

  /** As many entries as make a read of a reasonable size. */
  private get entriesAtOnce(): number {
    return this.parts.dispatch.isHolding
      ? 1
      : Math.min(Math.max(Math.floor(readBytes / this.entryBytes), 1), maxEntries)
  }

  /** Waits to be woken. */
  private rest(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isWoken) return Effect.void
      const woken = Deferred.await(this.resting = makeDeferred<void>())
      return Number.isFinite(millis) ? Effect.raceFirst(woken, sleepIdle(Duration.millis(millis))) : woken
    })
  }

  /**
   * Says that what is held is being worked on, and learns what is not held any more, because this process was taken for
   * dead, and what is, though nobody told.
   */
  private readonly refresh: Effect.Effect<void, Trouble> = Effect.suspend(() => {
    const { now, settings: { claimAfter }, streams } = this.parts
    const begun = now()
    const isLate = begun - this.refreshedAt >= claimAfter
    return Effect.flatMap(streams.refresh(this.holdings.ids, isLate), ({ others, own }) => {
      this.refreshedAt = begun
      if (others.length > 0 || this.permits.doomed.size > 0) this.lose(others)
      this.permits.asked(now())
      const unseen = own.filter((id) => !this.holdings.has(id)).slice(0, maxEntries)
      if (unseen.length === 0) {
        this.isUncertain = false
        return Effect.void
      }
      return Effect.flatMap(streams.fetch(unseen), (entries) => this.load(entries))
    })
  })

  /** Somebody else works on these entries. A request that is under way here is the last; the rest is theirs. */
  private lose(ids: ReadonlyArray<string>): void {
    const { books, dispatch, queue } = this.parts
    dispatch.giveBack(dispatch.take((sending) => sending.owner === this.owner && this.permits.rests(sending)))
    this.holdings.lose(ids)
    const mine: Array<Batch> = []
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
      const { gone, own } = this.holdings.divided(batch)
      if (gone !== undefined) books.stored(gone, this.owner, "queued")
      if (own !== undefined) mine.push(own)
    }
    for (const batch of mine) queue.unshift(batch)
    this.permits.doomed = new Set(
      Array.from(dispatch.sendings).flatMap(({ job: { label, pieces }, owner }) =>
        owner === this.owner && label !== undefined &&
          pieces.some((piece) => this.holdings.divided(piece).gone !== undefined)
          ? [label]
          : []
      )
    )
    dispatch.makeDue()
  }

  /** Takes over the events of entries. `lives`: so many processes had left them. */
  private load(entries: ReadonlyArray<Entry>, lives?: number): Effect.Effect<void, Trouble> {
    return Effect.gen(this, function*() {
      const { diagnostics, form, queue } = this.parts
      // From now on there is something to say about it.
      if (this.holdings.size === 0) this.permits.askedAt = this.refreshedAt = this.parts.now()
      let sequence = queue.next
      let bytes = 0
      const good: Array<Taken> = []
      const damaged: Array<Damaged> = []
      for (const { fields, id } of entries) {
        if (this.holdings.has(id)) continue
        const batch = yield* decode(fields, form, sequence)
        bytes += fields.get("e")?.length ?? 0
        if (typeof batch === "string") {
          damaged.push({ id, why: batch, count: countOf(fields) })
        } else {
          good.push({ id, batch })
          sequence += batch.count
        }
      }
      // They are given back with everything else.
      if (this.isDeparting) return
      const count = sequence - queue.next
      this.entryBytes = Math.max(bytes / Math.max(entries.length, 1), 1)
      if (lives !== undefined && entries.length > 0) {
        diagnostics.emit(
          kinds.recovered,
          () => ({ _tag: "OutboxRecovered", count, bytes, damaged: damaged.length, lives })
        )
      }
      this.hold(good)
      // Last, because Redis may fail: what it has not done is found among what this process has taken and not seen.
      yield* this.settler.setAside(damaged)
    })
  }

  /**
   * In one turn: an entry that is held and whose events are not queued would never be sent, and would be settled by
   * the end of others that have got the same numbers.
   */
  private hold(taken: ReadonlyArray<Taken>): void {
    if (taken.length === 0) return
    const { books, dispatch, limits, queue } = this.parts
    for (const { batch, id } of taken) this.holdings.add(id, batch.sequence, batch.count)
    const batches = taken.map(({ batch }) => batch)
    books.recoveredQueued(batches.reduce((sum, { count }) => sum + count, 0))
    for (const batch of packed(batches, limits)) queue.append(batch)
    dispatch.makeDue()
  }
}

/**
 * The way of one lane's events: into the queue, in batches out of it, and to their end.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { readHead } from "../../core/event/wireEvent.js"
import { DeliveryError, type DropReason } from "../../PostHogError.js"
import { interruptNow } from "../effect/fiber.js"
import type { Resolved } from "../options.js"
import * as Background from "./background.js"
import type { Backing, MakeBacking } from "./backing.js"
import { Batch } from "./batch.js"
import { Budget } from "./budget.js"
import { Dispatch, type Parts } from "./dispatch.js"
import { EventQueue } from "./eventQueue.js"
import { toFailure } from "./failure.js"
import { type Flush, Flushes, type FlushReport } from "./flushes.js"
import { Foreground } from "./foreground.js"
import type { Lane, Route } from "./lane.js"
import { Line } from "./line.js"
import { Receipt } from "./receipt.js"
import * as Sender from "./sender.js"
import { SizeLimit } from "./sizeLimit.js"

/** What all lanes of an instance share. */
export interface Shared extends Pick<Parts, "gate" | "books" | "elapsed" | "diagnostics" | "fork"> {
  readonly options: Resolved
  readonly back?: MakeBacking | undefined
}

/** Called with the number of an event in the queue, or with the reason why it has none. */
export type Told = (seat: number | DropReason) => void

/** An event that waits for room. */
interface Waiting {
  readonly text: string
  readonly told: Told | undefined
}

/** While closing, the shortest time between two looks for what is to be sent anew, in milliseconds. */
const leastLook = 10

export class Pipeline {
  private readonly line = new Line<Waiting>()
  private readonly foreground: Foreground
  /** Set while the instance closes. */
  private hastening: Fiber.RuntimeFiber<never> | undefined

  constructor(
    readonly lane: Lane,
    private readonly shared: Shared,
    readonly queue: EventQueue,
    private readonly flushes: Flushes,
    private readonly budget: Budget,
    readonly dispatch: Dispatch,
    readonly background: Background.Background | undefined,
    private readonly backing: Backing | undefined
  ) {
    this.foreground = new Foreground(dispatch, shared)
    dispatch.onRoom = () => this.line.admit((waiting) => this.seat(waiting))
  }

  // Taking events

  /** Takes the text of an event. Suspends only when the overflow policy says so. */
  offer(text: string, told?: Told): Effect.Effect<void> {
    const { background, backing, lane, queue, shared: { books, gate, options } } = this
    if (gate.phase !== "open") return this.refuse(gate.phase, text, undefined, told)
    for (;;) {
      const result = this.line.isEmpty ? (backing ?? queue).push(text) : "full"
      if (result === "added") {
        books.enqueued(lane.name, queue.next - 1, text)
        told?.(queue.next - 1)
        background?.added()
        return Effect.void
      }
      if (result === "too_large") return this.refuse("too_large", text, `${text.length} characters`, told)
      background?.hurry()
      if (options.waitUpTo !== undefined) return this.waitForRoom({ text, told }, options.waitUpTo)
      if (options.overflow !== "dropOldest" || !this.evict()) return this.refuse("queue_full", text, undefined, told)
    }
  }

  /** Gives up what is oldest; says whether there was something. */
  private evict(): boolean {
    const { backing, flushes, queue, shared: { books } } = this
    if (backing !== undefined) return backing.evict()
    const evicted = queue.shift(1)
    if (evicted !== undefined) books.evicted(evicted, flushes, "queue_full", { reason: "queue_full" })
    return evicted !== undefined
  }

  private waitForRoom(waiting: Waiting, limit: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { books, gate } = this.shared
      if (gate.phase !== "open") return this.refuse(gate.phase, waiting.text, undefined, waiting.told)
      books.waits()
      return this.line.wait(waiting, limit, () => this.giveUp("queue_full", waiting))
    })
  }

  private giveUp(reason: DropReason, { text, told }: Waiting): void {
    this.shared.books.gaveUp(reason, () => [readHead(text)])
    told?.(reason)
  }

  /** Whether a waiting event has found room, or will never find any. */
  private seat(waiting: Waiting): boolean {
    const { background, backing, lane, queue, shared: { books } } = this
    const { text, told } = waiting
    const result = (backing ?? queue).push(text)
    if (result === "added") {
      books.seated(lane.name, queue.next - 1, text)
      told?.(queue.next - 1)
      background?.added()
    } else if (result === "too_large") {
      this.giveUp("too_large", waiting)
    } else {
      background?.hurry()
    }
    return result !== "full"
  }

  private turnAway(reason: DropReason): void {
    this.line.admit((waiting) => {
      this.giveUp(reason, waiting)
      return true
    })
  }

  private refuse(reason: DropReason, text: string, detail?: string, told?: Told): Effect.Effect<void> {
    this.shared.books.refused(reason, () => [readHead(text)], detail)
    told?.(reason)
    return Effect.void
  }

  // Sending on demand

  /**
   * Sends one event at once, past the queue, and waits for the acknowledgement. Gives `false` when the event was
   * dropped without being sent, and fails when the instance is closed.
   */
  sendNow(text: string): Effect.Effect<boolean, DeliveryError> {
    return Effect.suspend(() => {
      const { dispatch, lane, shared: { books, gate } } = this
      const batch = Batch.single(text)
      const reason = gate.phase !== "open"
        ? gate.phase
        : batch.size > lane.limits.maxEventBytes
        ? "too_large"
        : undefined
      if (reason !== undefined) {
        const refused = this.refuse(reason, text)
        return reason === "closed"
          ? new DeliveryError({ reason, delivered: 0, dropped: 1, queued: 0 })
          : Effect.as(refused, false)
      }
      const receipt = new Receipt()
      books.hurried(batch)
      dispatch.start([batch], receipt, undefined)
      return Deferred.await(receipt.done).pipe(
        Effect.as(true),
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            for (const sending of dispatch.take(({ owner }) => owner === receipt)) {
              dispatch.drop(sending, "undelivered")
              dispatch.advance()
            }
          })
        )
      )
    })
  }

  /** Sends what is queued now and waits until each of these events is settled. */
  readonly flush: Effect.Effect<FlushReport, DeliveryError> = Effect.suspend(() =>
    this.flushes.wait(this.queue.next, this.dispatch.unsettled, (isOver) => this.sendAll(isOver))
  )

  /** Follows one event of the queue from now on, to be waited for or forgotten. */
  follow(seat: number): Flush {
    return this.flushes.follow(seat)
  }

  forget(followed: Flush): void {
    this.flushes.forget(followed)
  }

  /** Sends what is queued now and waits until that one event is settled. */
  await(followed: Flush): Effect.Effect<FlushReport, DeliveryError> {
    return Effect.suspend(() => this.flushes.await(followed, (isOver) => this.sendAll(isOver)))
  }

  private sendAll(isOver: () => boolean): Effect.Effect<void> {
    const { background, dispatch, queue } = this
    dispatch.endPause()
    if (background === undefined) return this.foreground.send({ due: queue.next }, isOver)
    background.flush()
    return Effect.void
  }

  // The end

  /** Drops what is queued, and lets no request be repeated. */
  optOut(): void {
    const { dispatch } = this
    this.turnAway("opted_out")
    dispatch.endPause()
    for (const sending of dispatch.sendings) sending.stopped = true
    for (const sending of dispatch.take(({ waiting }) => waiting !== undefined)) {
      dispatch.drop(sending, "opted_out", toFailure(sending.waiting!))
    }
    dispatch.dropQueued("opted_out")
    this.backing?.purge()
    this.makeDue()
  }

  /** Sends all that is left, each attempt within its share of the time. */
  close(): void {
    const { budget, dispatch, shared: { elapsed, fork, options } } = this
    const now = elapsed.now()
    this.backing?.closing()
    budget.close(now, Duration.toMillis(options.shutdownTimeout))
    this.turnAway("closed")
    dispatch.endPause()
    if (this.background === undefined) this.foreground.takeOver(dispatch.always)
    for (const sending of dispatch.sendings) {
      if (sending.waiting === undefined) sending.resendAt = budget.resendAt(now)
      // A pause that the server did not ask for would only use up the time that is left.
      else if (sending.waiting.retryAfter === undefined) sending.resendAt = now
    }
    this.resend(now)
    this.makeDue()
    this.hastening = fork(Effect.forever(this.hasten))
  }

  /** Ends what is not at its end. */
  abort(): void {
    const { dispatch } = this
    interruptNow(this.hastening)
    this.backing?.closing()
    for (const sending of dispatch.take(() => true)) {
      if (sending.owner.left !== undefined) dispatch.leave(sending, "shutdown_timeout", { reason: "closed" })
      else dispatch.drop(sending, "shutdown_timeout", { reason: "closed" })
    }
    if (this.backing === undefined) dispatch.dropQueued("shutdown_timeout", { reason: "closed" })
    else dispatch.leaveQueued("shutdown_timeout", { reason: "closed" })
  }

  /** Sends anew what has used up its share. */
  private resend(now: number): void {
    const { dispatch } = this
    const overdue = Array.from(dispatch.sendings).filter(({ resendAt }) => resendAt <= now)
    for (const sending of overdue) {
      if (this.background !== undefined || sending.round === dispatch.always) {
        dispatch.abandon(sending)
        dispatch.restart(sending)
      } else if (sending.owner.lane !== undefined) {
        // In the fiber of somebody's flush, which only they may touch.
        dispatch.sendings.delete(sending)
        dispatch.giveBack([sending])
      } else {
        // Somebody waits for this event in a fiber of their own, and nobody else may send it.
        sending.resendAt = Number.POSITIVE_INFINITY
      }
    }
    if (overdue.length > 0) dispatch.advance()
  }

  private readonly hasten: Effect.Effect<void> = Effect.suspend(() => {
    const { budget, shared: { elapsed } } = this
    const now = elapsed.now()
    this.resend(now)
    let next = now + budget.least
    for (const { resendAt } of this.dispatch.sendings) next = Math.min(next, resendAt)
    return Effect.sleep(Math.max(next - now, leastLook))
  })

  /** Events came into the queue that nobody offered. */
  arrived(): void {
    if (this.background === undefined) this.dispatch.advance()
    else this.background.flush()
  }

  private makeDue(): void {
    if (this.background === undefined) this.dispatch.makeDue()
    else this.background.flush()
  }
}

/** Builds the way of a lane's events, with its batching fiber if the options want one. */
export const make = Effect.fnUntraced(function*(
  { lane, store, transport }: Route,
  shared: Shared,
  /** Whoever fills the queue and makes its events due; `undefined`: callers, and the batching fiber. */
  feeder?: Flushes
): Effect.fn.Return<Pipeline, never, Scope.Scope> {
  const { options } = shared
  const { about, limits, requestTimeout } = lane
  const queue = new EventQueue(limits, limits.maxBatchBytes)
  const flushes = feeder ?? new Flushes(lane.name)
  const limit = new SizeLimit(limits.maxBatchBytes)
  const budget = new Budget(Duration.toMillis(requestTimeout))
  const send = Sender.make(transport, options)
  const intoStore = store && Sender.make(store, options)
  let arrived = (): void => {}
  const backing = shared.back?.({ lane, queue, owner: flushes, arrived: () => arrived() })
  flushes.back(backing)
  const dispatch = new Dispatch({ ...shared, about, queue, flushes, backing, limit, budget, send, store: intoStore })
  const background = feeder !== undefined
    ? Background.fed(dispatch)
    : options.background
    ? yield* Background.make(options, limits.maxBatchSize, queue, dispatch, shared.elapsed)
    : undefined
  const pipeline = new Pipeline(lane, shared, queue, flushes, budget, dispatch, background, backing)
  arrived = () => pipeline.arrived()
  return pipeline
})

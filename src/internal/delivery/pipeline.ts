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
import { Batch } from "./batch.js"
import { Budget } from "./budget.js"
import { Dispatch, type Parts } from "./dispatch.js"
import { EventQueue } from "./eventQueue.js"
import { toFailure } from "./failure.js"
import { Flushes, type FlushReport } from "./flushes.js"
import { Foreground } from "./foreground.js"
import type { Lane, Route } from "./lane.js"
import { Line } from "./line.js"
import { Receipt } from "./receipt.js"
import * as Sender from "./sender.js"
import { SizeLimit } from "./sizeLimit.js"

/** What all lanes of an instance share. */
export interface Shared extends Pick<Parts, "gate" | "books" | "elapsed" | "diagnostics" | "fork"> {
  readonly options: Resolved
}

/** While closing, the shortest time between two looks for what is to be sent anew, in milliseconds. */
const leastLook = 10

export class Pipeline {
  private readonly line = new Line()
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
    readonly background: Background.Background | undefined
  ) {
    this.foreground = new Foreground(dispatch, shared)
    dispatch.onRoom = () => this.line.admit((text) => this.seat(text))
  }

  // Taking events

  /** Takes the text of an event. Suspends only when the overflow policy says so. */
  offer(text: string): Effect.Effect<void> {
    const { background, lane, queue, shared: { books, gate, options } } = this
    if (gate.phase !== "open") return this.refuse(gate.phase, text)
    for (;;) {
      const result = this.line.isEmpty ? queue.push(text) : "full"
      if (result === "added") {
        books.enqueued(lane.name, queue.next - 1, text)
        background?.added()
        return Effect.void
      }
      if (result === "too_large") return this.refuse("too_large", text, `${text.length} characters`)
      background?.hurry()
      if (options.waitUpTo !== undefined) return this.waitForRoom(text, options.waitUpTo)
      const evicted = options.overflow === "dropOldest" ? queue.shift(1) : undefined
      if (evicted === undefined) return this.refuse("queue_full", text)
      books.evicted(evicted, this.flushes, "queue_full", { reason: "queue_full" })
    }
  }

  private waitForRoom(text: string, limit: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { books, gate } = this.shared
      if (gate.phase !== "open") return this.refuse(gate.phase, text)
      books.waits()
      return this.line.wait(text, limit, () => books.gaveUp("queue_full", () => [readHead(text)]))
    })
  }

  /** Whether a waiting event has found room, or will never find any. */
  private seat(text: string): boolean {
    const { background, lane, queue, shared: { books } } = this
    const result = queue.push(text)
    if (result === "added") {
      books.seated(lane.name, queue.next - 1, text)
      background?.added()
    } else if (result === "too_large") {
      books.gaveUp("too_large", () => [readHead(text)])
    } else {
      background?.hurry()
    }
    return result !== "full"
  }

  private turnAway(reason: DropReason): void {
    this.line.admit((text) => {
      this.shared.books.gaveUp(reason, () => [readHead(text)])
      return true
    })
  }

  private refuse(reason: DropReason, text: string, detail?: string): Effect.Effect<void> {
    this.shared.books.refused(reason, () => [readHead(text)], detail)
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
  readonly flush: Effect.Effect<FlushReport, DeliveryError> = Effect.suspend(() => {
    const { background, dispatch, queue } = this
    return this.flushes.wait(queue.next, dispatch.unsettled, (isOver) => {
      dispatch.endPause()
      if (background === undefined) return this.foreground.send({ due: queue.next }, isOver)
      background.flush()
      return Effect.void
    })
  })

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
    this.makeDue()
  }

  /** Sends all that is left, each attempt within its share of the time. */
  close(): void {
    const { budget, dispatch, shared: { elapsed, fork, options } } = this
    const now = elapsed.now()
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
    for (const sending of dispatch.take(() => true)) {
      if (sending.owner.left !== undefined) dispatch.leave(sending)
      else dispatch.drop(sending, "shutdown_timeout", { reason: "closed" })
    }
    dispatch.dropQueued("shutdown_timeout", { reason: "closed" })
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
  const dispatch = new Dispatch({ ...shared, about, queue, flushes, limit, budget, send, store: intoStore })
  const background = feeder !== undefined
    ? Background.fed(dispatch)
    : options.background
    ? yield* Background.make(options, limits.maxBatchSize, queue, dispatch, shared.elapsed)
    : undefined
  return new Pipeline(lane, shared, queue, flushes, budget, dispatch, background)
})

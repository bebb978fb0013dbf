/**
 * Where events wait and from where they leave.
 *
 * `offer` puts the text of an event into the queue and never waits. A batching fiber, asleep while the queue is empty, wakes
 * with the first event and makes what is queued due when there are `flushAt` events or `flushInterval` has passed. Due
 * batches are sent by at most `maxConcurrentRequests` fibers, each of which keeps its batch until the events are
 * acknowledged, dropped, or back in the queue.
 *
 * Without the batching fiber each flush sends what it finds by itself (see rounds.ts), and the limit holds for each of them.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { readHead } from "../../core/event/wireEvent.js"
import { redactText } from "../../core/secrets.js"
import { DeliveryError, type DropReason } from "../../PostHogError.js"
import type { Diagnostics } from "../diagnostics.js"
import * as Drop from "../drop.js"
import type { Resolved } from "../options.js"
import * as Batching from "./batching.js"
import * as Courier from "./courier.js"
import { Batch, EventQueue } from "./eventQueue.js"
import { detailOf, type Failure, Flushes, type FlushReport, toFailure } from "./flushes.js"
import * as Rounds from "./rounds.js"
import type { Statistics } from "./statistics.js"
import type { Retryable, Transport } from "./transport.js"

/** What the rest of the library knows of delivery: over the network, into memory, or nowhere. */
export interface Outbox {
  /** Takes the text of an event. Suspends only when the overflow policy says so. */
  readonly offer: (text: string) => Effect.Effect<void>
  /**
   * Sends one event at once, past the queue, and waits for the acknowledgement. Gives `false` when the event was dropped without
   * being sent.
   */
  readonly sendNow: (text: string) => Effect.Effect<boolean, DeliveryError>
  /** Sends what is queued now and waits until each of these events is settled. */
  readonly flush: Effect.Effect<FlushReport, DeliveryError>
  /** Drops what is queued, and lets no request be repeated until `resume`. */
  readonly halt: () => void
  readonly resume: () => void
  /** Whether events are still taken. */
  readonly isOpen: () => boolean
}

/** Batches are not made smaller than this after a 413; for a server that takes even less, each is split by itself. */
const minBatchBytes = 64 * 1024

/** A batch in the hands of a fiber. */
interface Sending extends Rounds.Sending {
  /** Set when the batch is one event that did not come from the queue, and somebody waits for it. */
  readonly receipt: Deferred.Deferred<void, DeliveryError> | undefined
  /** Whether somebody opted out since it began: the request that is under way is the last. */
  stopped: boolean
  fiber: Fiber.RuntimeFiber<void> | undefined
}

export const make = Effect.fnUntraced(function*(
  options: Resolved,
  transport: Transport,
  statistics: Statistics,
  diagnostics: Diagnostics
): Effect.fn.Return<Outbox, never, Scope.Scope> {
  // Sending fibers belong to no scope, because a scope would end them before the finalizer that waits for them. That finalizer
  // ends those that are left.
  const fork = Runtime.runFork(yield* Effect.runtime<never>())
  const clock = yield* Effect.clock
  const courier = Courier.make(options, transport, statistics, diagnostics)

  // An event that fills the whole queue must not push all others out.
  const maxEventBytes = Math.min(options.maxEventBytes, options.maxQueueBytes)
  const queue = new EventQueue({ ...options, maxEventBytes }, options.maxBatchBytes)
  const sendings = new Set<Sending>()
  const flushes = new Flushes()
  const drop = Drop.make(statistics, diagnostics)
  /** Opened and closed again when the queue has shrunk. */
  const room = Effect.unsafeMakeLatch()
  /** Completed when the outbox is closed and nothing is left in it. */
  const drained = Deferred.unsafeMake<void>(FiberId.none)
  /** What is sent in the background, and at the end. */
  const always: Rounds.Round = { due: 0 }
  let halted = false
  /** How often somebody opted out. */
  let halts = 0
  let open = true

  // Bookkeeping

  const dropQueued = (reason: DropReason, batch: Batch, failure?: Failure): void => {
    statistics.onQueued(-batch.count)
    drop(reason, batch.count, () => batch.heads(), detailOf(failure))
    flushes.settle(batch, "dropped", failure)
  }

  const dropAllQueued = (reason: DropReason, failure?: Failure): void => {
    for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) dropQueued(reason, batch, failure)
    advance()
  }

  const dropSending = (reason: DropReason, sending: Sending, piece: Batch, failure?: Failure): void => {
    statistics.onInFlight(-piece.count)
    drop(reason, piece.count, () => piece.heads(), detailOf(failure))
    if (sending.receipt === undefined) {
      flushes.settle(piece, "dropped", failure)
    } else {
      const why = failure ?? { reason: "closed" }
      Deferred.unsafeDone(sending.receipt, new DeliveryError({ ...why, delivered: 0, dropped: 1, queued: 0 }))
    }
  }

  /** Number of the oldest event that came through the queue and is not settled. */
  const oldest = (): number => {
    let first = queue.first
    for (const { pieces, receipt } of sendings) {
      if (receipt === undefined && pieces.length > 0) first = Math.min(first, pieces[0]!.sequence)
    }
    return first
  }

  // Sending

  let proceeding = false
  const again = new Set<Rounds.Round>()

  /** Does what can be done now. */
  const proceed = (round: Rounds.Round): void => {
    again.add(round)
    // A client that answers on the spot would otherwise come back here from within, once for every batch.
    if (proceeding) return
    proceeding = true
    for (const round of again) {
      again.delete(round)
      startRequests(round)
      if (!flushes.isEmpty) flushes.completeBelow(oldest())
      room.unsafeOpen()
      room.unsafeClose()
      if (!open && queue.count === 0 && sendings.size === 0) Deferred.unsafeDone(drained, Effect.void)
    }
    proceeding = false
  }

  /** To be called after anything that may have settled events or made some due. */
  const advance = (round = always): void => {
    proceed(round)
    rounds.wake()
  }

  const mayRequest = (round: Rounds.Round): boolean => !batching.isPaused() && queue.first < round.due

  const startRequests = (round: Rounds.Round): void => {
    let requests = 0
    for (const sending of sendings) if (sending.round === round) requests++
    while (requests < options.maxConcurrentRequests && mayRequest(round)) {
      const batch = queue.shift()
      if (batch === undefined) return
      statistics.onQueued(-batch.count)
      requests++
      start(batch, undefined, round)
    }
  }

  /** Hands a batch to a fiber, which begins on the spot: on some platforms only the caller of a flush may do I/O. */
  const start = (batch: Batch, receipt: Sending["receipt"], round: Rounds.Round | undefined): Sending => {
    const sending: Sending = {
      pieces: [batch],
      waiting: undefined,
      until: Number.POSITIVE_INFINITY,
      receipt,
      round,
      stopped: false,
      fiber: undefined
    }
    sendings.add(sending)
    statistics.onInFlight(batch.count)
    // Interruptible whatever the region was in which the instance was built: time limits depend on it.
    sending.fiber = fork(Effect.matchCause(Effect.interruptible(courier(sending, ledger(sending))), {
      onSuccess: (failure) => {
        if (!sendings.delete(sending)) return
        notDelivered(sending, failure)
        advance(round)
      },
      onFailure: (cause) => {
        // Interrupted by whoever took the sending away and keeps its books from then on, or else by the client itself.
        if (!sendings.delete(sending)) return
        const detail = Cause.isInterruptedOnly(cause) ? "interrupted" : redactText(String(Cause.squash(cause)))
        if (Cause.isInterruptedOnly(cause)) {
          notDelivered(sending, { _tag: "Retryable", reason: "connection", detail })
        } else {
          for (const piece of sending.pieces) {
            dropSending("internal_error", sending, piece, { reason: "connection", detail })
          }
        }
        advance(round)
      }
    }))
    return sending
  }

  /** Keeps the books of a sending, until it is taken away from its fiber. */
  const ledger = (sending: Sending): Courier.Ledger => ({
    delivered: (piece) => {
      if (!sendings.has(sending)) return
      statistics.onInFlight(-piece.count)
      statistics.onDelivered(piece.count)
      diagnostics.emit("EventsDelivered", () => ({
        _tag: "EventsDelivered",
        count: piece.count,
        events: piece.heads()
      }))
      batching.endPause()
      if (sending.receipt === undefined) flushes.settle(piece, "delivered")
      else Deferred.unsafeDone(sending.receipt, Effect.void)
      advance(sending.round)
    },
    dropped: (piece, reason, failure) => {
      if (!sendings.has(sending)) return
      dropSending(reason, sending, piece, toFailure(failure))
      advance(sending.round)
    },
    tooLarge: (bytes) => {
      queue.maxBatchBytes = Math.min(queue.maxBatchBytes, Math.max(bytes >> 1, minBatchBytes))
    },
    mayGoOn: () => !sending.stopped
  })

  /** What is left of a sending that has come to its end. `failure` is set when the retries are used up. */
  const notDelivered = (sending: Sending, failure: Retryable | undefined): void => {
    if (sending.pieces.length === 0) return
    if (sending.stopped || failure === undefined) {
      // Whoever waits for an event is told what happened to it; a flush takes a drop that was asked for in its stride.
      const told = sending.receipt === undefined || failure === undefined ? undefined : toFailure(failure)
      for (const piece of sending.pieces) dropSending("opted_out", sending, piece, told)
      return
    }
    const why = toFailure(failure)
    // An event that somebody waits for is theirs to send again, and a closed outbox has no later.
    const giveUp = sending.receipt !== undefined || !open
    for (const piece of sending.pieces) {
      if (giveUp) dropSending("undelivered", sending, piece, why)
      else requeue(piece)
    }
    if (giveUp) return
    const count = sending.pieces.reduce((sum, piece) => sum + piece.count, 0)
    const pauseMillis = options.background ? Duration.toMillis(options.retryPause) : undefined
    const { detail, reason, status } = failure
    batching.pause()
    diagnostics.emit("DeliveryPaused", () => ({ _tag: "DeliveryPaused", reason, status, detail, count, pauseMillis }))
    trim()
    flushes.failAbove(sending.pieces[0]!.sequence, why)
  }

  const requeue = (piece: Batch): void => {
    statistics.onInFlight(-piece.count)
    statistics.onQueued(piece.count)
    queue.unshift(piece)
  }

  /** What came back may be too much for the queue. Where callers wait for room, they wait a little longer instead. */
  const trim = (): void => {
    while (queue.isOver && options.waitUpTo === undefined) {
      const batch = options.overflow === "dropOldest" ? queue.dropOldest(1) : queue.dropNewest(1)
      dropQueued("queue_full", batch!, { reason: "queue_full" })
    }
  }

  const restart = (piece: Batch, receipt: Sending["receipt"]): void => {
    statistics.onInFlight(-piece.count)
    start(piece, receipt, undefined)
  }

  /** Takes sendings that wait for a retry away from their fibers. */
  const takeWaiting = (which: (failure: Retryable) => boolean): ReadonlyArray<Sending> => {
    const taken = Array.from(sendings).filter(({ waiting }) => waiting !== undefined && which(waiting))
    for (const sending of taken) abandon(sending)
    return taken
  }

  const abandon = (sending: Sending): void => {
    sendings.delete(sending)
    sending.fiber?.unsafeInterruptAsFork(FiberId.none)
  }

  // Sending without the batching fiber

  /** What was being sent belongs to the queue again, unless nobody wants it sent any more. */
  const giveBack = (taken: ReadonlyArray<Sending>): void => {
    for (const sending of taken) {
      for (const piece of sending.pieces) {
        if (sending.stopped) dropSending("opted_out", sending, piece)
        else if (sending.receipt === undefined) requeue(piece)
        else dropSending("undelivered", sending, piece, { reason: "timeout" })
      }
      // Its fiber may be late, and not dead.
      sending.stopped = true
    }
    trim()
  }

  const rounds = Rounds.make({ sendings, clock, fork, proceed, advance, abandon, giveBack })

  // Sending with it

  const batching = Batching.make(options, queue, always, advance)

  // Taking events

  const refuse = (reason: DropReason, text: string): Effect.Effect<void> => {
    drop(reason, 1, () => [readHead(text)], reason === "too_large" ? `${text.length} characters` : undefined)
    return Effect.void
  }

  const offer = (text: string): Effect.Effect<void> => {
    if (!open || halted) return refuse(open ? "opted_out" : "closed", text)
    for (;;) {
      const result = queue.push(text)
      if (result === "added") {
        statistics.onQueued(1)
        batching.wake()
        return Effect.void
      }
      if (result === "too_large") return refuse("too_large", text)
      batching.hurry()
      if (options.waitUpTo !== undefined) return waitForRoom(text, options.waitUpTo)
      const evicted = options.overflow === "dropOldest" ? queue.dropOldest(1) : undefined
      if (evicted === undefined) return refuse("queue_full", text)
      dropQueued("queue_full", evicted, { reason: "queue_full" })
    }
  }

  const waitForRoom = (text: string, waitUpTo: Duration.Duration): Effect.Effect<void> =>
    Effect.suspend(() => {
      // The time may run out, or the fiber be interrupted, at the moment at which the event finds its place.
      let added = false
      const before = halts
      const attempt: Effect.Effect<void> = Effect.suspend(() => {
        const taking = open && halts === before
        added = taking && queue.push(text) === "added"
        if (added) batching.wake()
        else if (taking) batching.hurry()
        return added || !taking ? Effect.void : Effect.zipRight(room.await, attempt)
      })
      statistics.onQueued(1)
      return Effect.ensuring(
        // Interruptible, because the limit holds also where the caller cannot be interrupted.
        Effect.timeoutOption(Effect.interruptible(attempt), waitUpTo),
        Effect.suspend(() => {
          if (added) return Effect.void
          statistics.onQueued(-1)
          return refuse(!open ? "closed" : halts !== before ? "opted_out" : "queue_full", text)
        })
      )
    })

  const sendNow = (text: string): Effect.Effect<boolean, DeliveryError> =>
    Effect.suspend(() => {
      const batch = Batch.single(text)
      const reason = !open
        ? "closed"
        : halted
        ? "opted_out"
        : batch.bytes.length > maxEventBytes
        ? "too_large"
        : undefined
      if (reason !== undefined) return Effect.as(refuse(reason, text), false)
      const receipt = Deferred.unsafeMake<void, DeliveryError>(FiberId.none)
      const sending = start(batch, receipt, undefined)
      return Deferred.await(receipt).pipe(
        Effect.as(true),
        Effect.onInterrupt(() =>
          Effect.sync(() => {
            if (!sendings.has(sending)) return
            abandon(sending)
            for (const piece of sending.pieces) dropSending("undelivered", sending, piece)
            advance()
          })
        )
      )
    })

  const flush: Effect.Effect<FlushReport, DeliveryError> = Effect.suspend(() => {
    let expected = queue.count
    for (const { pieces, receipt } of sendings) {
      if (receipt === undefined) { for (const piece of pieces) expected += piece.count }
    }
    if (expected === 0) return Effect.succeed({ delivered: 0, dropped: 0 })
    return flushes.wait(queue.next, expected, (isOver) => {
      batching.endPause()
      if (!options.background) return rounds.send({ due: queue.next }, isOver)
      batching.overtake()
      return Effect.void
    })
  })

  // The end

  const close = Effect.suspend(() => {
    open = false
    batching.endPause()
    // A pause that the server did not ask for would only use up the time that is left.
    for (const sending of takeWaiting(({ retryAfter }) => retryAfter === undefined)) {
      for (const piece of sending.pieces) {
        if (sending.receipt === undefined) requeue(piece)
        else restart(piece, sending.receipt)
      }
    }
    if (!options.background) rounds.takeOver(always)
    batching.overtake()
    // The fiber that closes the scope may be an interrupted one, in which nothing can be timed out. So the time limit is a
    // fiber of its own, and this one waits, uninterruptibly, for whichever comes first.
    const timer = fork(
      Effect.flatMap(Effect.sleep(options.shutdownTimeout), () => Deferred.succeed(drained, undefined))
    )
    return Effect.as(Deferred.await(drained), timer)
  }).pipe(
    Effect.map((timer) => {
      timer.unsafeInterruptAsFork(FiberId.none)
      for (const sending of sendings) {
        abandon(sending)
        for (const piece of sending.pieces) dropSending("shutdown_timeout", sending, piece, { reason: "closed" })
      }
      dropAllQueued("shutdown_timeout", { reason: "closed" })
    })
  )
  yield* Effect.addFinalizer(() => close)
  if (options.background) yield* batching.run.pipe(Effect.interruptible, Effect.forkScoped)

  return {
    offer,
    sendNow,
    flush,
    halt: () => {
      halted = true
      halts++
      batching.endPause()
      for (const sending of sendings) sending.stopped = true
      for (const sending of takeWaiting(() => true)) {
        const why = sending.receipt === undefined ? undefined : toFailure(sending.waiting!)
        for (const piece of sending.pieces) dropSending("opted_out", sending, piece, why)
      }
      dropAllQueued("opted_out")
      batching.overtake()
    },
    resume: () => {
      halted = false
    },
    isOpen: () => open
  }
})

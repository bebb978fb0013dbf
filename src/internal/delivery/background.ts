/**
 * Sending in the background: a fiber that makes queued events due. It waits for signals; to give one never
 * suspends the caller. While nothing is queued it sleeps without a timer, so that a process can end.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Resolved } from "../options.js"
import type { Dispatch } from "./dispatch.js"
import type { Elapsed } from "./elapsed.js"
import type { EventQueue } from "./eventQueue.js"
import { cadence, stepper } from "./schedules.js"

/**
 * There is something in the queue; so much that it should be sent soon; enough to be sent at once; or somebody else has
 * just made all of it due.
 */
type Signal = "some" | "soon" | "enough" | "now"

/** What a signal says beyond another one. */
const urgency: Readonly<Record<Signal, number>> = { some: 0, soon: 1, enough: 2, now: 3 }

/**
 * A request costs about as much as 1,000 events: a busy program that sent one for every 100 events would pay twice as
 * much for each.
 */
const millisBetweenStarts = 1_000

export interface Background {
  readonly run: Effect.Effect<never>
  /** To be called when an event was queued. */
  readonly added: () => void
  /** There is no reason to wait for more events. */
  readonly hurry: () => void
  /** Makes all due at once. */
  readonly flush: () => void
}

/** For a queue that somebody else fills and makes due. */
export const fed = (dispatch: Dispatch): Background => ({
  run: Effect.never,
  added: () => {},
  hurry: () => {},
  flush: () => dispatch.makeDue()
})

export const make = Effect.fnUntraced(function*(
  { flushAt, flushInterval, isFlushAtGiven }: Pick<Resolved, "flushAt" | "flushInterval" | "isFlushAtGiven">,
  maxBatchSize: number,
  queue: EventQueue,
  dispatch: Dispatch,
  elapsed: Elapsed
): Effect.fn.Return<Background> {
  // It stays short, because only what says more than the last signal is told.
  const signals = yield* Queue.unbounded<Signal>()
  const next = Queue.take(signals)
  const wait = yield* stepper(cadence(flushInterval))
  const spacing = isFlushAtGiven ? 0 : Math.min(millisBetweenStarts, Duration.toMillis(flushInterval))
  /** When events were made due the last time. */
  let lastDue = Number.NEGATIVE_INFINITY
  /** The last signal about events that are not due yet. */
  let told: Signal | undefined

  const tell = (signal: Signal): void => {
    if (told !== undefined && urgency[told] >= urgency[signal]) return
    told = signal
    Queue.unsafeOffer(signals, signal)
  }

  const makeDue = (): void => {
    told = undefined
    lastDue = elapsed.now()
    dispatch.makeDue()
  }

  const news = (): Signal => {
    const count = queue.next - dispatch.always.due
    if (queue.bytes >= queue.maxBatchBytes) return "enough"
    if (count < flushAt) return "some"
    return count < maxBatchSize && spacing > 0 && elapsed.now() - lastDue < spacing ? "soon" : "enough"
  }

  const until = (isMeant: (signal: Signal) => boolean): Effect.Effect<Signal> =>
    Effect.flatMap(next, (signal) => isMeant(signal) ? Effect.succeed(signal) : until(isMeant))

  /** Waits until there is enough, or nothing any more, or for as long as an event may wait. */
  const collected: Effect.Effect<Signal> = Effect.raceFirst(
    Effect.as(wait, "enough" as const),
    until((signal) => signal !== "some")
  )

  /** Waits for the end of the time between two starts, or until a request is full. */
  const spaced: Effect.Effect<Signal> = Effect.suspend(() =>
    Effect.raceFirst(
      Effect.as(Effect.sleep(Math.max(lastDue + spacing - elapsed.now(), 0)), "enough" as const),
      until((signal) => signal === "enough" || signal === "now")
    )
  )

  const once = Effect.gen(function*() {
    let signal = yield* next
    // A flush may have come first.
    if (dispatch.always.due === queue.next) return void (told = undefined)
    if (signal === "some") signal = yield* collected
    if (signal === "soon") signal = yield* spaced
    // Told "now", what this fiber was waiting to send is sent already; events that came since have signals of their
    // own.
    if (signal === "enough") makeDue()
  })

  return {
    run: Effect.forever(once),
    added: () => tell(news()),
    hurry: () => tell("enough"),
    flush: () => {
      const isWaiting = told !== undefined
      makeDue()
      if (isWaiting) Queue.unsafeOffer(signals, "now")
    }
  }
})

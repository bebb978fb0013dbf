/**
 * Sending in the background: a fiber that makes queued events due. It is told by signals, which never make the teller wait, and asleep
 * without a timer while nothing is queued, so that a process can end.
 */
import * as Effect from "effect/Effect"
import * as Mailbox from "effect/Mailbox"
import * as Schedule from "effect/Schedule"
import type { Resolved } from "../options.js"
import type { Dispatch } from "./dispatch.js"
import type { EventQueue } from "./eventQueue.js"
import { cadence } from "./schedules.js"

/** There is something in the queue; enough of it to be sent at once; or somebody else has just made all of it due. */
type Signal = "some" | "enough" | "now"

export interface Background {
  readonly run: Effect.Effect<never>
  /** To be called when an event was queued. */
  readonly added: () => void
  /** There is no reason to wait for more events. */
  readonly hurry: () => void
  /** Makes all due at once. */
  readonly flush: () => void
}

export const make = Effect.fnUntraced(function*(
  { flushAt, flushInterval }: Pick<Resolved, "flushAt" | "flushInterval">,
  queue: EventQueue,
  dispatch: Dispatch
): Effect.fn.Return<Background> {
  // A newer signal takes the place of an older one: each says at least as much as those before it.
  const signals = yield* Mailbox.make<Signal>({ capacity: 1, strategy: "sliding" })
  const next = Effect.orDie(signals.take)
  const wait = yield* Schedule.driver(cadence(flushInterval))
  /** The last signal about events that are not due yet. */
  let told: Signal | undefined

  const tell = (signal: Signal): void => {
    if (told === signal || told === "enough") return
    told = signal
    signals.unsafeOffer(signal)
  }

  const makeDue = (): void => {
    told = undefined
    dispatch.makeDue()
  }

  const hasEnough = (): boolean => queue.next - dispatch.always.due >= flushAt || queue.bytes >= queue.maxBatchBytes

  /** Waits until there is enough, or nothing any more, or for as long as an event may wait. */
  const collected: Effect.Effect<Signal> = Effect.raceFirst(
    Effect.as(Effect.ignore(wait.next(undefined)), "enough" as const),
    Effect.repeat(next, { until: (signal) => signal !== "some" })
  )

  const once = Effect.gen(function*() {
    let signal = yield* next
    // A flush may have come first.
    if (dispatch.always.due === queue.next) return void (told = undefined)
    if (signal === "some") signal = yield* collected
    // Told "now", what this fiber was waiting to send is sent already; events that came since have signals of their own.
    if (signal === "enough") makeDue()
  })

  return {
    run: Effect.forever(once),
    added: () => tell(hasEnough() ? "enough" : "some"),
    hurry: () => tell("enough"),
    flush: () => {
      makeDue()
      signals.unsafeOffer("now")
    }
  }
})

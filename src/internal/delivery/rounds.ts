/**
 * Sending without a batching fiber: each flush sends what it finds, by itself and in the fiber that flushes.
 *
 * Platforms for serverless and edge end the I/O of a request with the request, and a fiber that waits for it never goes on. So no
 * flush waits for what another one sends longer than that may take; then the events are its own to send. PostHog knows
 * repetitions by their uuid.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { monotonicMillis } from "../monotonic.js"
import type * as Courier from "./courier.js"

/** How late a sending may be, in milliseconds, before it is taken for one that nobody goes on with. */
const lateness = 1_000

/** Who sends queued events: the instance, or a flush for itself. */
export interface Round {
  /** Queued events below this number are to be sent as soon as a request may be made. */
  due: number
}

export interface Sending extends Courier.Sending {
  /** `undefined`: the batch did not come from the queue. */
  readonly round: Round | undefined
}

/** What a flush does to the rest of the outbox. */
interface Parts<S extends Sending> {
  readonly clock: Clock.Clock
  readonly fork: <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>
  readonly sendings: Set<S>
  /** Makes the requests that a round may make now. */
  readonly proceed: (round: Round) => void
  /** To be called after something has happened. */
  readonly advance: () => void
  /** Ends a sending and takes it away from its fiber. */
  readonly abandon: (sending: S) => void
  /** Puts the events of sendings that were taken away back into the queue. */
  readonly giveBack: (taken: ReadonlyArray<S>) => void
}

export interface Rounds {
  /** Makes the requests of a round, until `isOver`. */
  readonly send: (round: Round, isOver: () => boolean) => Effect.Effect<void>
  /** Takes what others were to send and have not come back to. */
  readonly takeOver: (round: Round) => void
  /** Lets all rounds see that something has happened. */
  readonly wake: () => void
}

export const make = <S extends Sending>(
  { abandon, advance, clock, fork, giveBack, proceed, sendings }: Parts<S>
): Rounds => {
  /** Of rounds that wait for something to happen. Each is called once, so that those that are gone are forgotten. */
  const waiting = new Set<() => void>()

  const overdueAt = ({ until }: S): number => until + lateness

  const takeOver = (round: Round): void => {
    const now = monotonicMillis(clock)
    const taken = Array.from(sendings).filter((sending) => sending.round !== round && overdueAt(sending) <= now)
    // Not interrupted: it may still be alive, and touching the timers of another request can be an error.
    for (const sending of taken) sendings.delete(sending)
    if (taken.length > 0) giveBack(taken)
  }

  /** Waits until something has happened, or a sending of another round is overdue. What happens from the call on counts. */
  const change = (round: Round): Effect.Effect<void> => {
    let wake = (): void => {}
    // Not a latch: where another request calls this, a promise brings the fiber back to the request that made it.
    const changed = new Promise<void>((resolve) => {
      wake = resolve
    })
    waiting.add(wake)
    const overdue = Array.from(sendings, (sending) => sending.round === round ? Infinity : overdueAt(sending))
    const rest = Math.min(...overdue) - monotonicMillis(clock)
    const timer = rest < Infinity ? fork(Effect.map(Effect.sleep(rest), wake)) : undefined
    return Effect.ensuring(
      Effect.promise(() => changed),
      Effect.sync(() => {
        waiting.delete(wake)
        timer?.unsafeInterruptAsFork(FiberId.none)
      })
    )
  }

  const attend = (round: Round, isOver: () => boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      takeOver(round)
      proceed(round)
      return isOver() ? Effect.void : Effect.zipRight(change(round), attend(round, isOver))
    })

  /** What a flush still sends when it ends, by an interruption for instance, is for the next one to send. */
  const leave = (round: Round): void => {
    const left = Array.from(sendings).filter((sending) => sending.round === round)
    if (left.length === 0) return
    for (const sending of left) abandon(sending)
    giveBack(left)
    advance()
  }

  return {
    send: (round, isOver) => Effect.ensuring(attend(round, isOver), Effect.sync(() => leave(round))),
    takeOver,
    wake: () => {
      for (const wake of waiting) {
        waiting.delete(wake)
        wake()
      }
    }
  }
}

/**
 * Sending without a batching fiber: each flush sends what it finds, by itself and in the fiber that flushes.
 *
 * Platforms for serverless and edge end the I/O of a request with the request, and a fiber that waits for it never goes
 * on. So no flush waits for what another one sends longer than that may take; then the events are its own to send.
 * PostHog knows repetitions by their uuid.
 */
import * as Effect from "effect/Effect"
import { interruptNow } from "../effect/fiber.js"
import type { Dispatch, Parts, Round } from "./dispatch.js"

/** How late a sending may be, in milliseconds, before it is taken for one that nobody goes on with. */
const lateness = 1_000

export class Foreground {
  constructor(private readonly dispatch: Dispatch, private readonly parts: Pick<Parts, "elapsed" | "fork">) {}

  /** Makes the requests of a round, until `isOver`. */
  send(round: Round, isOver: () => boolean): Effect.Effect<void> {
    return Effect.ensuring(this.attend(round, isOver), Effect.sync(() => this.leave(round)))
  }

  /** Takes what others were to send and have not come back to. */
  takeOver(round: Round): void {
    const { sendings } = this.dispatch
    const now = this.parts.elapsed.now()
    const taken = Array.from(sendings).filter((sending) => sending.round !== round && sending.until + lateness <= now)
    // Not interrupted: it may still be alive, and touching the timers of another request can be an error.
    for (const sending of taken) sendings.delete(sending)
    if (taken.length > 0) this.dispatch.giveBack(taken)
  }

  private attend(round: Round, isOver: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.takeOver(round)
      this.dispatch.proceed(round)
      return isOver() ? Effect.void : Effect.zipRight(this.change(round), this.attend(round, isOver))
    })
  }

  /**
   * Waits until something has happened, or a sending of another round is overdue. What happens from the call on counts.
   */
  private change(round: Round): Effect.Effect<void> {
    const { elapsed, fork } = this.parts
    let wake = (): void => {}
    // Not a latch: where another request calls this, a promise brings the fiber back to the request that made it.
    const changed = new Promise<void>((resolve) => {
      wake = resolve
    })
    const unwatch = this.dispatch.watch(() => {
      unwatch()
      wake()
    })
    let overdue = Number.POSITIVE_INFINITY
    for (const sending of this.dispatch.sendings) {
      if (sending.round !== round) overdue = Math.min(overdue, sending.until + lateness)
    }
    const timer = overdue === Number.POSITIVE_INFINITY
      ? undefined
      : fork(Effect.map(Effect.sleep(Math.max(overdue - elapsed.now(), 0)), wake))
    return Effect.ensuring(
      Effect.promise(() => changed),
      Effect.sync(() => {
        unwatch()
        interruptNow(timer)
      })
    )
  }

  /** What a flush still sends when it ends, by an interruption for instance, is for the next one to send. */
  private leave(round: Round): void {
    const left = this.dispatch.take((sending) => sending.round === round)
    if (left.length === 0) return
    this.dispatch.giveBack(left)
    this.dispatch.advance()
  }
}

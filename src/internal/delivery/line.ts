/**
 * Callers that wait for room in the queue, in the order in which they came: the overflow policy `waitUpTo`.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { complete } from "../completion.js"
import { makeDeferred } from "../effect/waiting.js"

interface Waiter<A> {
  readonly what: A
  readonly done: Deferred.Deferred<void>
}

export class Line<A> {
  private readonly waiters = new Set<Waiter<A>>()

  get isEmpty(): boolean {
    return this.waiters.size === 0
  }

  /**
   * Waits for {@link admit}, at most as long as `limit`. `gaveUp` is called when the time was up or the caller was
   * interrupted.
   */
  wait(what: A, limit: Duration.Duration, gaveUp: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      const waiter: Waiter<A> = { what, done: makeDeferred() }
      this.waiters.add(waiter)
      return Effect.ensuring(
        // Interruptible, because the limit holds also where the caller cannot be interrupted.
        Effect.timeoutOption(Effect.interruptible(Deferred.await(waiter.done)), limit),
        Effect.sync(() => {
          if (this.waiters.delete(waiter)) gaveUp()
        })
      )
    })
  }

  /** Lets callers go on, the first one first, until `take` has no place for one. */
  admit(take: (what: A) => boolean): void {
    for (const waiter of this.waiters) {
      if (!take(waiter.what)) return
      this.waiters.delete(waiter)
      complete(waiter.done, Effect.void)
    }
  }
}

/**
 * Who waits until nothing up to an entry of a stream waits for being taken.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { complete } from "../../completion.js"
import { makeDeferred } from "../../effect/waiting.js"
import type { Failure } from "../failure.js"

/** Whether an id is not before another. */
const isAtLeast = (id: string, other: string): boolean => {
  const [millis, number] = id.split("-").map(BigInt) as [bigint, bigint]
  const [otherMillis, otherNumber] = other.split("-").map(BigInt) as [bigint, bigint]
  return millis === otherMillis ? number >= otherNumber : millis > otherMillis
}

export class CatchUps {
  private readonly waiting = new Set<{ readonly target: string; readonly done: Deferred.Deferred<void, Failure> }>()

  get isEmpty(): boolean {
    return this.waiting.size === 0
  }

  /** Waits for an entry. `begin` is called once it is known that somebody waits. */
  wait(target: string, begin: () => void): Effect.Effect<void, Failure> {
    return Effect.suspend(() => {
      const waiter = { target, done: makeDeferred<void, Failure>() }
      this.waiting.add(waiter)
      begin()
      return Effect.ensuring(Deferred.await(waiter.done), Effect.sync(() => this.waiting.delete(waiter)))
    })
  }

  /** All up to this entry is taken; `undefined`: everything is. */
  reached(last: string | undefined): void {
    for (const waiter of this.waiting) {
      if (last !== undefined && !isAtLeast(last, waiter.target)) continue
      this.waiting.delete(waiter)
      complete(waiter.done, Effect.void)
    }
  }

  /** Nobody will take more for now. */
  fail(failure: Failure): void {
    for (const { done } of this.waiting) complete(done, Effect.fail(failure))
    this.waiting.clear()
  }
}

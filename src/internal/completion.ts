/**
 * Bookkeeping first, completion last: whoever waits goes on when the books are in order again.
 */
import type * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import { completeNow } from "./effect/waiting.js"

/**
 * Completes what somebody waits for after the current turn. Completed on the spot, a waiter could run in the middle of
 * what completed it, and look at numbers that do not add up yet.
 */
export const complete = <A, E>(deferred: Deferred.Deferred<A, E>, result: Effect.Effect<A, E>): void => {
  queueMicrotask(() => completeNow(deferred, result))
}

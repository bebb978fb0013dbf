/**
 * Failures that are answers: a typed 404 is no exception.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { filterCause } from "../effect/cause.js"
import { respondable } from "../effect/http.js"

/** Whether a failure says itself which response it is, and that response does not say that the server failed. */
const isResponse = (failure: unknown): boolean => {
  try {
    if (typeof failure !== "object" || failure === null || !(respondable in failure)) return false
    const respond = failure[respondable] as () => Effect.Effect<{ readonly status: number }, unknown>
    const exit = Effect.runSyncExit(respond.call(failure))
    // A response that cannot be had at once may be anything; it was meant as one.
    return Exit.isFailure(exit) || exit.value.status < 500
  } catch {
    return false
  }
}

/** The Cause without such failures; the same one when there are none. */
export const withoutResponses = <E>(cause: Cause.Cause<E>): Cause.Cause<E> => filterCause(cause, isResponse)

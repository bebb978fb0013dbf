/**
 * When events are sent and when they are sent again: all times of delivery, as schedules.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Schedule from "effect/Schedule"
import * as Retry from "../effect/retry.js"
import type { Retryable, SendFailure } from "./failure.js"

/** How long a queued event waits for others. */
export const cadence = (flushInterval: Duration.Duration): Schedule.Schedule<unknown> => Schedule.spaced(flushInterval)

/** When sending goes on after all retries failed. */
export const resumption = (pauseMillis: number): Schedule.Schedule<unknown> => Schedule.spaced(pauseMillis)

/** First delay in milliseconds, doubled for each further one; 1 second as in PostHog's other SDKs. */
const baseDelay = 1_000

/** Largest delay, also when the server asks for more. */
const maxDelay = 30_000

/** How much of a delay chance decides, so that many processes do not come back at the same moment. */
const jitter = { min: 0.75, max: 1.25 }

/** The delays between the attempts to send a batch when the program has not chosen its own. */
export const defaultRetries: Schedule.Schedule<unknown> =
  /* #__PURE__ */ (() => Retry.exponential(baseDelay, maxDelay, jitter))()

/** The delay in milliseconds that the server asked for, as far as it is granted. */
export const askedFor = ({ retryAfter = 0 }: Retryable): number => Math.min(retryAfter, maxDelay)

/** Waits for the next delay of a schedule, each time it is run; not at all when the schedule has ended. */
export const stepper = (delays: Schedule.Schedule<unknown>): Effect.Effect<Effect.Effect<unknown>> =>
  Effect.map(Retry.follow(delays, identity), (next) => next(undefined))

/**
 * Repeats retryable failures for as long as `delays` goes on and `mayGoOn` holds, at most `maxRetries` times. A delay
 * is never shorter than the server's `Retry-After`; without one `cut` may shorten it. `onDelay` is called before each
 * delay begins.
 */
export const retrying = <A>(
  self: Effect.Effect<A, SendFailure>,
  delays: Schedule.Schedule<unknown>,
  maxRetries: number,
  mayGoOn: () => boolean,
  cut: (delayMillis: number) => number,
  onDelay: (failure: Retryable, attempt: number, delayMillis: number) => void
): Effect.Effect<A, SendFailure> =>
  Effect.suspend(() => {
    let attempt = 0
    let last: Retryable
    const delayOf = (delayMillis: number): number => {
      const actual = Math.max(cut(delayMillis), askedFor(last))
      onDelay(last, ++attempt, actual)
      return actual
    }
    return Effect.flatMap(Retry.follow(delays, delayOf), (next) => {
      const again = (failure: SendFailure): Effect.Effect<A, SendFailure> => {
        if (failure._tag !== "Retryable" || attempt >= maxRetries || !mayGoOn()) return Effect.fail(failure)
        last = failure
        return Effect.flatMap(next(failure), (goesOn) => goesOn ? once : Effect.fail(failure))
      }
      const once: Effect.Effect<A, SendFailure> = Effect.catchAll(self, again)
      return once
    })
  })

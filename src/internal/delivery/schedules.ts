/**
 * When events are sent and when they are sent again: all times of delivery, as schedules.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
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

const isRetryable = (failure: SendFailure): failure is Retryable => failure._tag === "Retryable"

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
  Retry.retrying(
    self,
    delays,
    maxRetries,
    (failure): failure is Retryable => isRetryable(failure) && mayGoOn(),
    (failure, attempt, delayMillis) => {
      const actual = Math.max(cut(delayMillis), askedFor(failure))
      onDelay(failure, attempt, actual)
      return actual
    }
  )

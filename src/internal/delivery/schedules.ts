/**
 * When events are sent and when they are sent again: all times of delivery, as schedules.
 */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { after, exponential, retrying } from "../effect/retry.js"
import type { Retryable, SendFailure } from "./failure.js"

/** How long a queued event waits for others. */
export const cadence = (flushInterval: Duration.Duration): Schedule.Schedule<unknown> => Schedule.spaced(flushInterval)

/** When sending goes on after all retries failed. */
export const resumption = (retryPause: Duration.Duration): Schedule.Schedule<unknown> => after(retryPause)

/** First delay, doubled for each further one; 1 second as in PostHog's other SDKs. */
const baseDelay = Duration.seconds(1)

/** Largest delay, also when the server asks for more. */
const maxDelay = Duration.seconds(30)

/** How much of a delay chance decides, so that many processes do not come back at the same moment. */
const jitter = { min: 0.75, max: 1.25 }

/** The delays between the attempts to send a batch when the program has not chosen its own. */
export const defaultRetries: Schedule.Schedule<unknown> =
  /* #__PURE__ */ (() => exponential(baseDelay, maxDelay, jitter))()

const isRetryable = (failure: SendFailure): failure is Retryable => failure._tag === "Retryable"

/**
 * Repeats retryable failures for as long as `delays` goes on, at most `maxRetries` times. A delay is never shorter than
 * the server's `Retry-After`; without one `cut` may shorten it. `onDelay` is called before each delay begins.
 */
export const retries = (
  delays: Schedule.Schedule<unknown>,
  maxRetries: number,
  cut: (delayMillis: number) => number,
  onDelay: (failure: Retryable, attempt: number, delayMillis: number) => void
): Schedule.Schedule<unknown, SendFailure> =>
  retrying(delays, maxRetries, isRetryable, (failure, attempt, delay) => {
    const floor = Duration.min(Duration.millis(failure.retryAfter ?? 0), maxDelay)
    const actual = Duration.max(Duration.millis(cut(Duration.toMillis(delay))), floor)
    onDelay(failure, attempt, Duration.toMillis(actual))
    return actual
  })

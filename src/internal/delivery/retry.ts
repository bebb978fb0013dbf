/**
 * When a failed request is repeated.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Retryable, SendFailure } from "./transport.js"

/** First delay, doubled for each further one. PROTOCOL of PostHog's SDKs: 1 second. */
const baseDelay = Duration.seconds(1)

/** Largest delay, also when the server asks for more. */
const maxDelay = Duration.seconds(30)

/** How much of a delay chance decides, so that many processes do not come back at the same moment. */
const jitter = { min: 0.75, max: 1.25 }

const delays = Schedule.exponential(baseDelay).pipe(
  Schedule.either(Schedule.spaced(maxDelay)),
  Schedule.jitteredWith(jitter)
)

/**
 * Repeats retryable failures up to `maxRetries` times. What the server asks for with `Retry-After` is the least delay.
 * `onDelay` is told of each delay before it begins.
 */
export const schedule = (
  maxRetries: number,
  onDelay: (failure: Retryable, attempt: number, delayMillis: number) => void
): Schedule.Schedule<unknown, SendFailure> =>
  delays.pipe(
    Schedule.intersect(Schedule.recurs(maxRetries)),
    Schedule.intersect(Schedule.identity<SendFailure>()),
    Schedule.whileInput((failure: SendFailure) => failure._tag === "Retryable"),
    Schedule.modifyDelayEffect(([[, retries], failure], delay) =>
      Effect.sync(() => {
        const retryable = failure as Retryable
        const floor = Duration.min(Duration.millis(retryable.retryAfter ?? 0), maxDelay)
        const actual = Duration.max(delay, floor)
        onDelay(retryable, retries + 1, Duration.toMillis(actual))
        return actual
      })
    )
  )

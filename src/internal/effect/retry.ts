/**
 * Times as schedules. Hides Effect's algebra of them: how they are put together, and how one is followed step by step.
 *
 * `Effect.retry`, `Effect.repeat` and the combinators that join schedules are not used: they are four fifths of what
 * Effect has about schedules, and a program that captures would bundle them for one loop.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Delays that double, up to `most` milliseconds, each times a random factor of `jitter`. Without end. */
export const exponential = (
  first: number,
  most: number,
  jitter: { readonly min: number; readonly max: number }
): Schedule.Schedule<unknown> =>
  Schedule.exponential(first).pipe(
    Schedule.delayed((delay) => Math.min(Duration.toMillis(delay), most)),
    Schedule.jitteredWith(jitter)
  )

/**
 * Follows a schedule: each call of what it gives waits for the next delay, and says whether there was one. `delayOf` is
 * called before a delay begins and makes of the schedule's milliseconds those that are waited.
 */
export const follow = (
  delays: Schedule.Schedule<unknown>,
  delayOf: (delayMillis: number) => number
): Effect.Effect<(input: unknown) => Effect.Effect<boolean>> =>
  Effect.map(
    Schedule.driver(Schedule.delayed(delays, (delay) => delayOf(Duration.toMillis(delay)))),
    (driver) => (input) => Effect.isSuccess(driver.next(input))
  )

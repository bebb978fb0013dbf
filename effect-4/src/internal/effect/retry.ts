/**
 * Times as schedules. Hides Effect's algebra of them: how they are put together, how one looks at what went wrong, and
 * how one is followed step by step.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** Once, after a delay. */
export const after = (delay: Duration.Duration): Schedule.Schedule<unknown> => Schedule.duration(delay)

/** Delays that double, up to `most`, each times a random factor of `jitter`. Without end. */
export const exponential = (
  first: Duration.Duration,
  most: Duration.Duration,
  jitter: { readonly min: number; readonly max: number }
): Schedule.Schedule<unknown> =>
  Schedule.min([Schedule.exponential(first), Schedule.spaced(most)]).pipe(
    // `Schedule.jittered` knows one range only.
    Schedule.modifyDelay(({ duration }) =>
      Effect.map(Random.nextBetween(jitter.min, jitter.max), (factor) => Duration.times(duration, factor))
    )
  )

/**
 * Goes on as `delays` does, at most `times` times and as long as `isWanted` holds for the failure. `delayOf` is called
 * before each delay begins, with the attempt that follows (from 1), and says how long it is.
 */
export const retrying = <E, E2 extends E>(
  delays: Schedule.Schedule<unknown>,
  times: number,
  isWanted: (failure: E) => failure is E2,
  delayOf: (failure: E2, attempt: number, delay: Duration.Duration) => Duration.Duration
): Schedule.Schedule<unknown, E> =>
  delays.pipe(
    Schedule.setInputType<E>(),
    Schedule.upTo({ times }),
    Schedule.while(({ input }) => isWanted(input)),
    Schedule.modifyDelay(({ attempt, duration, input }) => Effect.sync(() => delayOf(input as E2, attempt, duration)))
  )

/** Waits for the next delay of a schedule, each time it is run. */
export const stepper = (delays: Schedule.Schedule<unknown>): Effect.Effect<Effect.Effect<void>> =>
  Effect.map(Schedule.toStepWithSleep(delays), (step) => Effect.ignore(Effect.suspend(() => step(undefined))))

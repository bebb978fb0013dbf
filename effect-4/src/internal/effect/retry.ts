/**
 * Times as schedules. Hides Effect's algebra of them: how they are put together, and how one is followed step by step.
 *
 * `Effect.retry`, `Effect.repeat` and the combinators that join schedules are not used: they are most of what Effect
 * has about schedules, and a program that captures would bundle them for one loop.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** Delays that double, up to `most` milliseconds, each times a random factor of `jitter`. Without end. */
export const exponential = (
  first: number,
  most: number,
  jitter: { readonly min: number; readonly max: number }
): Schedule.Schedule<unknown> =>
  Schedule.modifyDelay(
    Schedule.exponential(first),
    // `Schedule.jittered` knows one range only.
    ({ duration }) =>
      Effect.map(
        Random.nextBetween(jitter.min, jitter.max),
        (factor) => Math.min(Duration.toMillis(duration), most) * factor
      )
  )

/**
 * Repeats an effect as long as `isWanted` holds for its failure, at most `times` times, and as long as `delays` goes
 * on. `delayOf` is called before each delay begins, with the attempt that follows (from 1), and says how long it is,
 * in milliseconds.
 */
export const retrying = <A, E, E2 extends E>(
  self: Effect.Effect<A, E>,
  delays: Schedule.Schedule<unknown>,
  times: number,
  isWanted: (failure: E) => failure is E2,
  delayOf: (failure: E2, attempt: number, delayMillis: number) => number
): Effect.Effect<A, E> =>
  Effect.suspend(() => {
    let attempt = 0
    let delayFor: (delayMillis: number) => number
    return Effect.flatMap(
      Schedule.toStepWithSleep(
        Schedule.modifyDelay(delays, ({ duration }) => Effect.sync(() => delayFor(Duration.toMillis(duration))))
      ),
      (next) => {
        const again = (failure: E): Effect.Effect<A, E> => {
          if (!isWanted(failure) || attempt >= times) return Effect.fail(failure)
          delayFor = (delayMillis) => delayOf(failure, ++attempt, delayMillis)
          return Effect.matchEffect(Effect.suspend(() => next(failure)), {
            onFailure: () => Effect.fail(failure),
            onSuccess: () => once
          })
        }
        const once: Effect.Effect<A, E> = Effect.catch(self, again)
        return once
      }
    )
  })

/** Waits for the next delay of a schedule, each time it is run. */
export const stepper = (delays: Schedule.Schedule<unknown>): Effect.Effect<Effect.Effect<void>> =>
  Effect.map(Schedule.toStepWithSleep(delays), (step) => Effect.ignore(Effect.suspend(() => step(undefined))))

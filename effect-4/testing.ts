/**
 * `effect/testing`, with a clock that takes its time: that of Effect 4 gives a fiber which it wakes one turn and goes
 * on, so that a loop which needs several turns before it sleeps again misses wake-ups when the clock jumps over them.
 */
import { Clock, Duration, Effect } from "effect"
import * as EffectClock from "effect/testing/TestClock"

export * as TestConsole from "effect/testing/TestConsole"

/** Turns that fibers get after each step. */
const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

/** In at most so many steps. */
const mostSteps = 400

const setTime = (to: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeMillis, (from) => {
    const step = Math.max(1, Math.ceil((to - from) / mostSteps))
    const go = (now: number): Effect.Effect<void> => {
      const next = Math.min(to, now + step)
      return Effect.andThen(EffectClock.setTime(next), turns).pipe(
        Effect.andThen(Effect.suspend(() => next < to ? go(next) : Effect.void))
      )
    }
    return Effect.andThen(turns, go(from))
  })

export const TestClock = {
  ...EffectClock,
  setTime,
  adjust: (by: Duration.Input): Effect.Effect<void> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => setTime(now + Duration.toMillis(by)))
}

// eslint-disable-next-line @typescript-eslint/no-namespace
export declare namespace TestClock {
  export type TestClock = EffectClock.TestClock
}

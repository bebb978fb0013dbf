/**
 * `effect/testing`, with a clock that takes its time: that of Effect 4 gives a fiber which it wakes one turn and goes
 * on, so that a loop which needs several turns before it sleeps again misses wake-ups when the clock jumps over them.
 * This one goes from sleeper to sleeper.
 */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import * as EffectClock from "effect/testing/TestClock"

export * as TestConsole from "effect/testing/TestConsole"

/** Turns that fibers get after each step. */
const turns = Effect.repeat(Effect.yieldNow, { times: 20 })

const stepping = (clock: EffectClock.TestClock): EffectClock.TestClock => {
  /** When those who sleep are to be woken. */
  const wakes = new Set<{ readonly at: number }>()
  const setTime = (to: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      const now = clock.currentTimeMillisUnsafe()
      let next = to
      for (const { at } of wakes) if (at > now && at < next) next = at
      return Effect.andThen(clock.setTime(next), turns).pipe(
        Effect.andThen(Effect.suspend(() => next < to ? setTime(to) : Effect.void))
      )
    })
  return {
    ...clock,
    sleep: (duration) =>
      Effect.suspend(() => {
        const wake = { at: clock.currentTimeMillisUnsafe() + Duration.toMillis(duration) }
        wakes.add(wake)
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => wakes.delete(wake)))
      }),
    setTime: (to) => Effect.andThen(turns, setTime(to)),
    adjust: (by) =>
      Effect.andThen(
        turns,
        Effect.suspend(() => setTime(clock.currentTimeMillisUnsafe() + Duration.toMillis(by)))
      )
  }
}

const layer = (options?: EffectClock.TestClock.Options): Layer.Layer<EffectClock.TestClock> =>
  Layer.provideMerge(
    Layer.effectContext(
      EffectClock.testClockWith((clock) => Effect.succeed(Context.make(Clock.Clock, stepping(clock))))
    ),
    EffectClock.layer(options)
  )

export const TestClock = { ...EffectClock, layer }

// eslint-disable-next-line @typescript-eslint/no-namespace
export declare namespace TestClock {
  export type TestClock = EffectClock.TestClock
}

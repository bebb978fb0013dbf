/**
 * Waiting that does not keep a program from ending.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { liveClock } from "./effect/fiber.js"
import { unref } from "./node.js"

/** More is not possible with a timer of the platform, which would go off at once. */
const maxMillis = 2 ** 31 - 1

/** A timer that keeps no process alive. */
const timer = (millis: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const handle = setTimeout(() => resume(Effect.void), millis)
    unref(handle)
    return Effect.sync(() => clearTimeout(handle))
  })

/**
 * Sleeps by the clock of the surroundings, about as long as that or shorter. The live clock's own timers keep a process
 * alive.
 */
export const sleepIdle = (duration: Duration.Duration): Effect.Effect<void> =>
  Effect.clockWith((clock) =>
    clock === liveClock
      ? timer(Math.min(Duration.toMillis(duration), maxMillis))
      : clock.sleep(duration)
  )

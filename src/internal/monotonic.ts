/**
 * Time for "how long" and "when is it due". The wall clock says when something happened; somebody may set it, back by
 * an hour for instance, and what is due by it would wait that long.
 */
import type * as Clock from "effect/Clock"

/** Milliseconds, fractions included, from an arbitrary moment; never goes back. `TestClock` moves it too. */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

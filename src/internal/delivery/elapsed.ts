/**
 * The time by which delivery knows what is late.
 */
import type * as Clock from "effect/Clock"
import { monotonicMillis } from "../monotonic.js"

/**
 * Milliseconds that never go back. The wall clock alone can be set back, which would make everybody wait for that long;
 * a clock that only runs forward may stand still while a process is frozen, as between the invocations of a serverless
 * function. So whichever of the two has gone further since the last look counts.
 */
export class Elapsed {
  private time = 0
  private wall: number
  private monotonic: number

  constructor(private readonly clock: Clock.Clock) {
    this.wall = clock.unsafeCurrentTimeMillis()
    this.monotonic = monotonicMillis(clock)
  }

  now(): number {
    const wall = this.clock.unsafeCurrentTimeMillis()
    const monotonic = monotonicMillis(this.clock)
    this.time += Math.max(wall - this.wall, monotonic - this.monotonic, 0)
    this.wall = wall
    this.monotonic = monotonic
    return this.time
  }
}

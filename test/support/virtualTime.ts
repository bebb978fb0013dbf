/**
 * A clock that a test moves, for tests that move it very often: one step of it costs microseconds, one of `TestClock` ten milliseconds and more,
 * because that asks the real clock whether all fibers have come to rest. Its time of day can be set.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { makeClock, withClock } from "./effect.js"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** So many turns of the event loop, one after the other, fibers get to come to rest. */
const turns = 6

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Lets fibers go on until each of them waits for something. */
export const settled = async (): Promise<void> => {
  for (let i = 0; i < turns; i++) await turn()
}

export class VirtualTime {
  /** Milliseconds since the beginning; nobody sets this one. */
  now = 0
  /** What the time of day is beyond that. */
  private offset: number
  private readonly sleepers = new Set<Sleeper>()

  constructor(start = Date.UTC(2026, 10, 27)) {
    this.offset = start
  }

  /** The time of day. */
  get millis(): number {
    return this.offset + this.now
  }

  /** How many fibers wait for the time. */
  get sleeping(): number {
    return this.sleepers.size
  }

  readonly clock = makeClock({
    millis: () => Math.floor(this.millis),
    nanos: () => BigInt(Math.round(this.now * 1e6)),
    sleep: (duration) => this.sleep(Duration.toMillis(duration))
  })

  /** Runs an effect on this clock. */
  readonly on = withClock(this.clock)

  private sleep(millis: number): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper: Sleeper = { at: this.now + millis, wake: () => resume(Effect.void) }
      this.sleepers.add(sleeper)
      return Effect.sync(() => this.sleepers.delete(sleeper))
    })
  }

  /** Sets the time of day by so much, forth or back. Nobody who sleeps is woken by it. */
  setBy(millis: number): void {
    this.offset += millis
  }

  /** Goes on by so much, from sleeper to sleeper. */
  async advance(millis: number): Promise<void> {
    const to = this.now + millis
    await settled()
    for (;;) {
      let next: Sleeper | undefined
      for (const sleeper of this.sleepers) if (next === undefined || sleeper.at < next.at) next = sleeper
      if (next === undefined || next.at > to) break
      this.now = Math.max(next.at, this.now)
      for (const sleeper of Array.from(this.sleepers)) {
        if (sleeper.at > this.now) continue
        this.sleepers.delete(sleeper)
        sleeper.wake()
      }
      await settled()
    }
    this.now = to
  }
}

/**
 * What other processes have left: what they gave back, and what they have not touched for too long.
 *
 * A process that lives touches what it holds four times as often, so two looks that are half that time apart see the
 * same only where nobody lives: a clock that was set, or a Redis that was away, makes all entries look old at once.
 */
import * as Effect from "effect/Effect"
import { givenBackMillis, type Streams, type Trouble } from "./redis.js"
import type { Entry } from "./redisReply.js"

/** So often is looked for it, in milliseconds. */
const lookPause = 5_000
/** Consumers that have nothing are removed when they have been gone for so long, in milliseconds. */
const goneAfter = 3_600_000

export interface Found {
  readonly entries: ReadonlyArray<Entry>
  /** So many processes had left them. */
  readonly lives: number
}

export class Leftovers {
  /** Since when somebody's entries have not been touched. */
  private suspects: ReadonlyMap<string, number> = new Map()
  private lookedAt = Number.NEGATIVE_INFINITY
  private sweptAt = Number.NEGATIVE_INFINITY

  constructor(
    private readonly streams: Streams,
    private readonly claimAfter: number,
    private readonly now: () => number
  ) {}

  get isDue(): boolean {
    return this.now() - this.lookedAt >= Math.min(lookPause, this.claimAfter / 6)
  }

  /** While Redis is away nobody can touch anything. */
  forget(): void {
    this.suspects = new Map()
  }

  /** Takes over no more entries than that. */
  take(most: number): Effect.Effect<Found | undefined, Trouble> {
    return Effect.suspend(() => {
      const { claimAfter, streams } = this
      const time = this.now()
      this.lookedAt = time
      const sweep = time - this.sweptAt < goneAfter ? Effect.void : Effect.map(streams.sweep(goneAfter), () => {
        this.sweptAt = time
      })
      const claimed = Effect.flatMap(streams.idle(claimAfter), (idle) => {
        const suspects = new Map<string, number>()
        const ready = idle.filter(({ id, idle }) => {
          const since = this.suspects.get(id) ?? time
          suspects.set(id, since)
          return idle >= givenBackMillis || time - since >= claimAfter / 2
        }).slice(0, most)
        this.suspects = suspects
        return ready.length === 0 ? Effect.succeed(undefined) : Effect.map(
          streams.claim(ready.map(({ id }) => id), claimAfter),
          (entries): Found => ({ entries, lives: new Set(ready.map(({ consumer }) => consumer)).size })
        )
      })
      return Effect.zipRight(sweep, claimed)
    })
  }
}

/**
 * Requests that have to wait until it is known whether their events still belong to this process: it may have stood
 * still for so long that another one took them over.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { complete } from "../../completion.js"
import { makeDeferred } from "../../effect/waiting.js"
import type { Sending } from "../dispatch.js"
import type { Label } from "../transport.js"

export class Permits {
  /** When Redis was asked, with or without success, what belongs to this process. */
  askedAt = Number.NEGATIVE_INFINITY
  /** Requests of which some events are somebody else's: they are not repeated. */
  doomed: ReadonlySet<Label> = new Set()
  private readonly waiting = new Map<Label, Deferred.Deferred<void>>()

  /** Waits for the next answer of Redis. */
  wait(label: Label): Effect.Effect<void> {
    return Effect.suspend(() => {
      const done = makeDeferred<void>()
      this.waiting.set(label, done)
      return Effect.ensuring(Deferred.await(done), Effect.sync(() => this.waiting.delete(label)))
    })
  }

  asked(now: number): void {
    this.askedAt = now
    for (const done of this.waiting.values()) complete(done, Effect.void)
    this.waiting.clear()
  }

  /** Whether there is no request of it under way: it waits for the next attempt, or here. */
  rests({ job: { label }, waiting }: Sending): boolean {
    return waiting !== undefined || label !== undefined && this.waiting.has(label)
  }
}

/**
 * An outbox that keeps events instead of sending them, for tests.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { readHead, type WireEvent } from "../../core/event/wireEvent.js"
import type { DropReason } from "../../PostHogError.js"
import type { Diagnostics } from "../diagnostics.js"
import * as Drop from "../drop.js"
import type { Outbox } from "./outbox.js"
import type { Statistics } from "./statistics.js"

interface Waiter {
  readonly predicate: (event: WireEvent) => boolean
  readonly count: number
  readonly found: Deferred.Deferred<ReadonlyArray<WireEvent>>
}

/** The events that an outbox kept. */
export class Store {
  private events: Array<WireEvent> = []
  private readonly waiters = new Set<Waiter>()

  add(event: WireEvent): void {
    this.events.push(event)
    for (const waiter of this.waiters) this.answer(waiter)
  }

  all(): ReadonlyArray<WireEvent> {
    return this.events.slice()
  }

  clear(): void {
    this.events = []
  }

  /** Waits until `count` events satisfy the predicate, and gives them. */
  waitFor(predicate: (event: WireEvent) => boolean, count: number): Effect.Effect<ReadonlyArray<WireEvent>> {
    return Effect.suspend(() => {
      const waiter: Waiter = { predicate, count, found: Deferred.unsafeMake(FiberId.none) }
      this.waiters.add(waiter)
      this.answer(waiter)
      return Effect.ensuring(Deferred.await(waiter.found), Effect.sync(() => this.waiters.delete(waiter)))
    })
  }

  private answer(waiter: Waiter): void {
    const found = this.events.filter(waiter.predicate)
    if (found.length < waiter.count) return
    this.waiters.delete(waiter)
    Deferred.unsafeDone(waiter.found, Effect.succeed(found))
  }
}

export const make = Effect.fnUntraced(function*(
  store: Store,
  statistics: Statistics,
  diagnostics: Diagnostics,
  maxEventBytes: number
): Effect.fn.Return<Outbox, never, Scope.Scope> {
  let open = true
  const encoder = new TextEncoder()
  const drop = Drop.make(statistics, diagnostics)

  /** Whether the event was kept; the same checks as in live delivery. */
  const keep = (text: string): boolean => {
    const reason: DropReason | undefined = !open
      ? "closed"
      : encoder.encode(text).length > maxEventBytes
      ? "too_large"
      : undefined
    if (reason !== undefined) {
      drop(reason, 1, () => [readHead(text)])
      return false
    }
    statistics.onDelivered(1)
    diagnostics.emit("EventsDelivered", () => ({ _tag: "EventsDelivered", count: 1, events: [readHead(text)] }))
    store.add(JSON.parse(text) as WireEvent)
    return true
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      open = false
    })
  )
  return {
    offer: (text) => {
      keep(text)
      return Effect.void
    },
    sendNow: (text) => Effect.sync(() => keep(text)),
    flush: Effect.succeed({ delivered: 0, dropped: 0 }),
    halt: () => {},
    resume: () => {},
    isOpen: () => open
  }
})

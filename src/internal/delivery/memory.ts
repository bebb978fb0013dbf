/**
 * An outbox that keeps events instead of sending them, for tests.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Form } from "../../core/event/properties.js"
import { readHead, type WireEvent } from "../../core/event/wireEvent.js"
import { DeliveryError } from "../../PostHogError.js"
import { complete } from "../completion.js"
import { makeDeferred } from "../effect/waiting.js"
import type { Books } from "./books.js"
import { bytesOver } from "./bytes.js"
import { OutboxStorageError } from "./durable/errors.js"
import type { Gate } from "./gate.js"
import type { Branch } from "./lane.js"
import type { Outbox } from "./outbox.js"

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
      const waiter: Waiter = { predicate, count, found: makeDeferred() }
      this.waiters.add(waiter)
      this.answer(waiter)
      return Effect.ensuring(Deferred.await(waiter.found), Effect.sync(() => this.waiters.delete(waiter)))
    })
  }

  private answer(waiter: Waiter): void {
    const found = this.events.filter(waiter.predicate)
    if (found.length < waiter.count) return
    this.waiters.delete(waiter)
    complete(waiter.found, Effect.succeed(found))
  }
}

export const make = Effect.fnUntraced(function*(
  store: Store,
  maxEventBytes: number,
  /** Of events that have no lane. */
  usualForm: Form | undefined,
  gate: Gate,
  books: Books
): Effect.fn.Return<Outbox, never, Scope.Scope> {
  /** Why the event was not kept, if it was not; the same checks as in live delivery. */
  const keep = (text: string, lane: Branch | undefined): "opted_out" | "closed" | "too_large" | undefined => {
    const heads = () => [readHead(text)]
    const reason = gate.phase !== "open"
      ? gate.phase
      // Lanes with limits of their own have looked already.
      : lane === undefined && bytesOver(text, maxEventBytes) !== undefined
      ? "too_large"
      : undefined
    if (reason === undefined) {
      books.kept(heads)
      const form = lane === undefined ? usualForm : lane.form
      store.add(form === undefined ? JSON.parse(text) as WireEvent : form.read(text))
    } else {
      books.refused(reason, heads)
    }
    return reason
  }

  const closed = (dropped: number) => new DeliveryError({ reason: "closed", delivered: 0, dropped, queued: 0 })

  yield* Effect.addFinalizer(() => Effect.sync(() => gate.close()))
  return {
    offer: (text, lane) => {
      keep(text, lane)
      return Effect.void
    },
    sendNow: (text, lane) =>
      Effect.suspend(() => {
        const reason = keep(text, lane)
        return reason === "closed" ? closed(1) : Effect.succeed(reason === undefined)
      }),
    // A test keeps events as long as it wants them.
    storeNow: (text, lane) =>
      Effect.suspend(() => {
        const reason = keep(text, lane)
        return reason === undefined
          ? Effect.void
          : Effect.fail(new OutboxStorageError({ reason: "refused", operation: "capture", detail: reason }))
      }),
    flush: Effect.suspend(() => gate.isClosed ? closed(0) : Effect.succeed({ delivered: 0, dropped: 0 })),
    optOut: () => gate.optOut(),
    optIn: () => gate.optIn()
  }
})

/**
 * Where events wait and from where they leave.
 *
 * `offer` puts the text of an event into the queue of its lane and never waits (pipeline.ts). A batching fiber, asleep
 * while the queue is empty, wakes with the first event and makes what is queued due when there are `flushAt` events or
 * `flushInterval` has passed (background.ts); without it each flush sends what it finds by itself (foreground.ts). Due
 * batches are sent by at most `maxConcurrentRequests` fibers (dispatch.ts), each of which keeps its batch until the
 * events are acknowledged, dropped, or back in the queue (sender.ts). A gate knows whether events are taken, and the
 * books count each transition of an event.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { isNamed } from "../../core/event/wireEvent.js"
import { DeliveryError } from "../../PostHogError.js"
import { complete } from "../completion.js"
import type { Diagnostics } from "../diagnostics.js"
import { interruptNow } from "../effect/fiber.js"
import { makeDeferred } from "../effect/waiting.js"
import type { Resolved } from "../options.js"
import type { MakeBacking } from "./backing.js"
import type { Books } from "./books.js"
import type { Letters } from "./durable/deadLetters.js"
import type { OutboxStorageError } from "./durable/errors.js"
import { Elapsed } from "./elapsed.js"
import type { FlushReport } from "./flushes.js"
import type { Gate } from "./gate.js"
import { type Branch, exceptions, type Route } from "./lane.js"
import { outcomeOf, total } from "./outcomes.js"
import * as Pipeline from "./pipeline.js"

/** What the rest of the library knows of delivery: over the network, into memory, or nowhere. */
export interface Outbox {
  /**
   * Takes the text of an event, for that lane or the one of all events. Suspends only when the overflow policy says so.
   */
  readonly offer: (text: string, lane?: Branch) => Effect.Effect<void>
  /**
   * Sends one event at once, past the queue, and waits for the acknowledgement. Gives `false` when the event was
   * dropped without being sent, and fails when the outbox is closed.
   */
  readonly sendNow: (text: string, lane?: Branch) => Effect.Effect<boolean, DeliveryError>
  /**
   * Sends what is queued now and waits until each of these events is settled. Fails when the outbox is closed and
   * empty.
   */
  readonly flush: Effect.Effect<FlushReport, DeliveryError>
  /** Closes the gate for lack of consent, drops what is queued, and lets no request be repeated. */
  readonly optOut: () => void
  readonly optIn: () => void
  /**
   * As `offer`, and waits until the event outlives the process. Fails when it may not. Absent: there is no place where
   * it would.
   */
  readonly storeNow?: ((text: string, lane?: Branch) => Effect.Effect<void, OutboxStorageError>) | undefined
  /** Events that were refused, where they are kept. */
  readonly letters?: Letters | undefined
}

/** An outbox that sends over the network. */
export interface LiveOutbox extends Outbox {
  /** The way of an event; opened if need be. */
  readonly pipelineFor: (text: string, lane: Branch | undefined) => Pipeline.Pipeline
  /** The way of a lane that is open, or that every instance can open. */
  readonly pipelineOf: (lane: string) => Pipeline.Pipeline | undefined
}

export const make = Effect.fnUntraced(function*(
  options: Resolved,
  /** Of events for which no other is given. */
  route: Route,
  gate: Gate,
  books: Books,
  diagnostics: Diagnostics,
  /** What is behind the queue of each lane, if anything is. */
  back?: MakeBacking
): Effect.fn.Return<LiveOutbox, never, Scope.Scope> {
  // Sending fibers belong to no scope, because a scope would end them before the finalizer that waits for them. That
  // finalizer ends those that are left.
  const runtime = yield* Effect.runtime<Scope.Scope>()
  const forkScoped = Runtime.runFork(runtime)
  const fork: Pipeline.Shared["fork"] = forkScoped
  const elapsed = new Elapsed(yield* Effect.clock)
  const shared: Pipeline.Shared = { options, gate, books, elapsed, diagnostics, fork, back }
  const main = yield* Pipeline.make(route, shared)
  const pipelines = [main]

  /** The fiber of a pipeline ends with the scope, before the finalizer that sends what is left. */
  const begin = ({ background }: Pipeline.Pipeline): Effect.Effect<unknown, never, Scope.Scope> =>
    background === undefined ? Effect.void : Effect.forkScoped(Effect.interruptible(background.run))

  const open = (branch: Branch): Pipeline.Pipeline => {
    const pipeline = Runtime.runSync(runtime)(Pipeline.make(branch.open(), shared))
    pipelines.push(pipeline)
    forkScoped(begin(pipeline))
    return pipeline
  }
  const ofExceptions = exceptions(route)
  const of = (text: string, given: Branch | undefined): Pipeline.Pipeline => {
    const branch = given ?? (isNamed(text, "$exception") ? ofExceptions : undefined)
    // Events that are not taken open nothing.
    return branch === undefined || gate.phase !== "open"
      ? main
      : pipelines.find(({ lane }) => lane.name === branch.name) ?? open(branch)
  }

  const flush: Effect.Effect<FlushReport, DeliveryError> = Effect.suspend(() => {
    const [one, ...others] = pipelines.filter(({ dispatch }) => dispatch.unsettled > 0)
    if (one === undefined) {
      return gate.isClosed
        ? new DeliveryError({ reason: "closed", delivered: 0, dropped: 0, queued: 0 })
        : Effect.succeed({ delivered: 0, dropped: 0 })
    }
    if (others.length === 0) return one.flush
    return Effect.flatMap(
      Effect.forEach([one, ...others], ({ flush }) => outcomeOf(flush), { concurrency: "unbounded" }),
      total
    )
  })

  const close = Effect.suspend(() => {
    gate.close()
    /** Completed when nothing is left. */
    const drained = makeDeferred<void>()
    const look = (): void => {
      if (pipelines.every(({ dispatch }) => dispatch.isEmpty)) complete(drained, Effect.void)
    }
    for (const pipeline of pipelines) {
      pipeline.dispatch.watch(look)
      pipeline.close()
    }
    look()
    // The fiber that closes the scope may be an interrupted one, in which nothing can be timed out. So the time limit
    // is a fiber of its own, and this one waits, uninterruptibly, for whichever comes first.
    const timer = fork(
      Effect.flatMap(Effect.sleep(options.shutdownTimeout), () => Deferred.succeed(drained, undefined))
    )
    return Effect.as(Deferred.await(drained), timer)
  }).pipe(
    Effect.map((timer) => {
      interruptNow(timer)
      for (const pipeline of pipelines) pipeline.abort()
    })
  )
  yield* Effect.addFinalizer(() => close)
  yield* begin(main)

  return {
    pipelineFor: of,
    pipelineOf: (name) =>
      pipelines.find(({ lane }) => lane.name === name) ??
        (name === ofExceptions.name ? open(ofExceptions) : undefined),
    offer: (text, lane) => of(text, lane).offer(text),
    sendNow: (text, lane) => of(text, lane).sendNow(text),
    flush,
    optOut: () => {
      gate.optOut()
      for (const pipeline of pipelines) pipeline.optOut()
    },
    optIn: () => gate.optIn()
  }
})

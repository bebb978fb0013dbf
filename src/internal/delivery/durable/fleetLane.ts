/**
 * The way of one lane's events through Redis. It has two pipelines. The *intake* is the usual queue, but its batches go
 * into the lane's stream (appender.ts); then they are `stored`, and their way in this process has ended. The *outlet*
 * sends what the reader takes from the stream (reader.ts), batches of this process or of others, and has captureNow's
 * events too, which do not go through Redis.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Form } from "../../../core/event/properties.js"
import { DeliveryError } from "../../../PostHogError.js"
import type { Diagnostics } from "../../diagnostics.js"
import { interruptNow } from "../../effect/fiber.js"
import type { Owner } from "../books.js"
import type { Dispatch } from "../dispatch.js"
import type { Failure } from "../failure.js"
import type { Flush, FlushReport } from "../flushes.js"
import type { Gate } from "../gate.js"
import type { Route } from "../lane.js"
import * as Pipeline from "../pipeline.js"
import { Appender } from "./appender.js"
import { countOf, decode } from "./element.js"
import { OutboxStorageError } from "./errors.js"
import type { Settings } from "./fleetOptions.js"
import type { Health } from "./health.js"
import { Borrowed } from "./holdings.js"
import { kinds } from "./kinds.js"
import { Reader } from "./reader.js"
import type { Keys, Removed, Streams } from "./redis.js"

/** What the lanes of an instance share. */
export interface Shared {
  readonly shared: Pipeline.Shared
  readonly settings: Settings
  readonly health: Health
  readonly keys: Keys
  readonly streamsOf: (lane: string) => Streams
  readonly runSync: <A>(effect: Effect.Effect<A, never, Scope.Scope>) => A
  readonly forkScoped: (effect: Effect.Effect<unknown, never, Scope.Scope>) => void
  /** Called when there may be more or fewer events in memory alone. */
  readonly counted: () => void
}

/** After a failure, the time until batches are offered to Redis again. */
const storagePause = Duration.seconds(1)

/** So long the end of a lane waits for Redis beyond the time for closing: for what it says at last. */
const lastWords = Duration.seconds(1)

/** Failures of Redis are told by `Health`, in other words than those of requests. */
const aboutStorage = (diagnostics: Diagnostics): Diagnostics => ({
  ...diagnostics,
  failed: () => {},
  succeeded: () => {},
  emit: (kind, make, reason) => {
    if (kind.tag !== "RetryScheduled" && kind.tag !== "DeliveryPaused") diagnostics.emit(kind, make, reason)
  }
})

/** Of entries that are removed before anybody has taken them. */
const nobody: Owner = { lane: undefined, settle: () => {} }

/** Waits until a pipeline has nothing left. */
const emptied = (dispatch: Dispatch): Effect.Effect<void> =>
  Effect.async((resume) => {
    const look = (): void => {
      if (!dispatch.isEmpty) return
      unwatch()
      resume(Effect.void)
    }
    const unwatch = dispatch.watch(look)
    look()
    return Effect.sync(unwatch)
  })

export class FleetLane {
  constructor(
    readonly name: string,
    readonly intake: Pipeline.Pipeline,
    readonly outlet: Pipeline.Pipeline,
    private readonly appender: Appender,
    /** `undefined`: this process sends nothing of the stream. */
    readonly reader: Reader | undefined,
    private readonly reading: Fiber.RuntimeFiber<never> | undefined,
    private readonly gate: Gate
  ) {}

  /**
   * Takes an event as always, and waits until it is in the stream. While Redis is away that is no use: the next attempt
   * is made after a pause that whoever waits does not end.
   */
  storeNow(offer: (told: Pipeline.Told) => Effect.Effect<void>): Effect.Effect<void, OutboxStorageError> {
    return Effect.suspend(() => {
      const { appender, intake } = this
      const isAway = appender.trouble !== undefined
      let seat: Parameters<Pipeline.Told>[0] | undefined
      let followed: Flush | undefined
      const offered = offer((told) => {
        seat = told
        if (typeof told === "number") followed = intake.follow(told)
      })
      const waited = Effect.suspend(() =>
        followed === undefined
          ? refused(String(seat ?? "closed"))
          : isAway
          ? unstored(appender)
          : Effect.matchEffect(intake.await(followed), {
            onFailure: ({ detail, dropped, reason }) =>
              reason === "closed" ? unstored(appender) : dropped > 0 ? gone : unstored(appender, detail),
            onSuccess: ({ dropped }) => dropped > 0 ? gone : Effect.void
          })
      )
      return Effect.ensuring(
        Effect.zipRight(offered, waited),
        Effect.sync(() => {
          if (followed !== undefined) intake.forget(followed)
        })
      )
    })
  }

  /**
   * Stores what is queued, takes what waits in the stream up to there, and waits for the end of what this process has
   * taken. What others have taken is theirs.
   */
  readonly flush: Effect.Effect<FlushReport, DeliveryError> = Effect.suspend(() =>
    Effect.gen(this, function*() {
      const { appender, intake, outlet, reader } = this
      const { dropped } = intake.dispatch.unsettled > 0
        ? yield* Effect.mapError(intake.flush, ofStorage)
        : { dropped: 0 }
      if (reader === undefined || this.isOptedOut) return { delivered: 0, dropped }
      outlet.dispatch.endPause()
      const { last } = appender
      if (last !== undefined) {
        yield* Effect.mapError(reader.catchUp(last), (failure: Failure) =>
          new DeliveryError({ ...failure, delivered: 0, dropped, queued: outlet.dispatch.unsettled }))
      }
      if (outlet.dispatch.unsettled === 0) {
        return { delivered: 0, dropped }
      }
      const report = yield* outlet.flush
      return { delivered: report.delivered, dropped: report.dropped + dropped }
    })
  )

  private get isOptedOut(): boolean {
    return this.gate.phase === "opted_out"
  }

  optOut(): void {
    this.intake.optOut()
    this.reader?.leave("the instance was opted out")
    this.outlet.optOut()
  }

  close(): void {
    this.intake.close()
    this.outlet.close()
  }

  /** Sends what can be sent in the time there is: what this process has stored comes first. */
  readonly drain: Effect.Effect<void> = Effect.suspend(() =>
    Effect.gen(this, function*() {
      const { appender, intake, outlet, reader } = this
      yield* emptied(intake.dispatch)
      if (reader !== undefined && appender.last !== undefined && !this.isOptedOut) {
        yield* Effect.ignore(reader.catchUp(appender.last))
      }
      yield* emptied(outlet.dispatch)
      if (reader !== undefined) yield* reader.settled
    })
  )

  /** Gives back what is left in the stream, and gives up what is in memory alone. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    const { intake, outlet, reader, reading } = this
    interruptNow(reading)
    reader?.leave()
    // Redis may have had no time to fail.
    if (intake.dispatch.unsettled > 0) this.appender.gaveUp()
    intake.abort()
    outlet.abort()
    return reader === undefined ? Effect.void : Effect.ignore(Effect.timeoutOption(reader.depart, lastWords))
  })
}

/** What a flush into Redis fails with has nothing to do with PostHog. */
const ofStorage = ({ delivered, detail, dropped, queued, reason }: DeliveryError): DeliveryError =>
  new DeliveryError({
    reason: reason === "connection" || reason === "timeout" || reason === "status" ? "storage" : reason,
    delivered,
    dropped,
    queued,
    detail
  })

const refused = (detail: string) => new OutboxStorageError({ reason: "refused", operation: "append", detail })

const gone = refused("it was dropped while it waited")

/** Redis may have taken another batch since. */
const unstored = ({ isFull, trouble }: Appender, detail = trouble?.detail) =>
  new OutboxStorageError({
    reason: isFull ? "full" : "storage",
    operation: "append",
    detail: detail ?? "the instance was closed"
  })

/** Tells about an entry that was removed for lack of room, or for its age. */
const onRemoved =
  (form: Form | undefined, { books, diagnostics }: Pipeline.Shared, { dead }: Keys) =>
  ({ entry: { fields }, reason }: Removed): Effect.Effect<void> =>
    Effect.map(decode(fields, form, 0), (batch) => {
      if (typeof batch === "string") {
        const count = countOf(fields)
        return diagnostics.emit(kinds.setAside, () => ({ _tag: "LinesSetAside", count, file: dead }))
      }
      books.recoveredInFlight(batch)
      books.lost(batch, nobody, reason)
    })

export const open = (
  { lane, transport }: Route,
  form: Form | undefined,
  { counted, forkScoped, health, keys, runSync, settings, shared, streamsOf }: Shared
): FleetLane => {
  const { books, diagnostics, elapsed, fork, gate, options } = shared
  const now = () => elapsed.now()
  const streams = streamsOf(lane.name)
  const appender: Appender = new Appender({
    streams,
    form,
    health,
    maxBytes: settings.maxBytes,
    maxAge: settings.maxAge,
    refuses: options.overflow !== "dropOldest",
    isClosing: () => gate.isClosed,
    now,
    onAppended: () => reader?.wake(),
    onRemoved: onRemoved(form, shared, keys)
  })
  const intake = runSync(Pipeline.make({ lane, transport, store: appender }, {
    ...shared,
    // One attempt, and then a short pause: Redis is near, and what waits here is not safe yet.
    options: { ...options, maxRetries: 0, retryPause: storagePause },
    diagnostics: aboutStorage(diagnostics)
  }))
  const borrowed = new Borrowed(lane.name)
  // What is in the stream must not be dropped for lack of room here: the reader takes no more than can be sent.
  const limits = { ...lane.limits, maxQueueBytes: Number.POSITIVE_INFINITY, maxQueueSize: Number.POSITIVE_INFINITY }
  const permitted: typeof transport = {
    ...transport,
    send: (batch, label, mayGoOn) =>
      reader === undefined
        ? transport.send(batch, label, mayGoOn)
        : Effect.zipRight(reader.permit(label), Effect.suspend(() => transport.send(batch, label, mayGoOn)))
  }
  const outlet = runSync(Pipeline.make({ lane: { ...lane, limits }, transport: permitted }, shared, borrowed))
  const reader: Reader | undefined = settings.delivers ?? options.background
    ? new Reader({
      lane: lane.name,
      streams,
      form,
      queue: outlet.queue,
      dispatch: outlet.dispatch,
      books,
      diagnostics,
      health,
      limits: lane.limits,
      settings,
      phase: () => gate.phase,
      now,
      deadKey: keys.dead
    }, borrowed)
    : undefined
  intake.dispatch.watch(counted)
  if (reader !== undefined) outlet.dispatch.watch(() => reader.wake())
  // The fiber of the intake ends with the scope, before what is left is sent.
  const { background } = intake
  if (background !== undefined) forkScoped(Effect.forkScoped(Effect.interruptible(background.run)))
  const reading = reader && fork(Effect.interruptible(reader.run))
  return new FleetLane(lane.name, intake, outlet, appender, reader, reading, gate)
}

/**
 * One place to tell what happens: to the subscribers of `PostHog.diagnostics`, and to Effect's logger.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import type { Diagnostic, DropReason } from "../PostHogError.js"

/** Diagnostics that a slow subscriber may fall behind before it misses the oldest. */
const subscriberCapacity = 4096

/** Value of the log annotation `package` on everything this library logs; loggers of this library skip such messages. */
export const packageAnnotation = "effect-posthog"

export interface Diagnostics {
  /** Tells what happened. The value is only made when somebody wants to know. */
  readonly emit: (kind: Diagnostic["_tag"], make: () => Diagnostic, reason?: DropReason) => void
  /** Logs every diagnostic from now on, or no longer. */
  readonly setDebug: (enabled: boolean) => void
  readonly stream: Stream.Stream<Diagnostic>
  /** Ends the streams. */
  readonly close: () => void
}

/** Kinds that a program's operator should see once without asking. */
const warnings: Partial<Record<Diagnostic["_tag"], true>> = {
  EventRepaired: true,
  EventsDropped: true,
  DeliveryPaused: true,
  QuotaLimited: true
}

/** Drops that were asked for. */
const intended: Partial<Record<DropReason, true>> = { before_send: true, opted_out: true }

const describe = (diagnostic: Diagnostic): string => {
  switch (diagnostic._tag) {
    case "EventsDropped": {
      const names = [...new Set(diagnostic.events.slice(0, 100).map((head) => head.event))].slice(0, 5).join(", ")
      const detail = diagnostic.detail === undefined ? "" : `: ${diagnostic.detail}`
      return `PostHog: ${diagnostic.count} events dropped, ${diagnostic.reason}${
        names === "" ? "" : ` (${names})`
      }${detail}`
    }
    case "EventRepaired":
      return `PostHog: values of "${diagnostic.event}" were replaced: ${diagnostic.repairs.join(", ")}`
    case "MissingDistinctId":
      return `PostHog: "${diagnostic.event}" has no distinct id and is sent without a person profile`
    case "EventsDelivered":
      return `PostHog: ${diagnostic.count} events delivered`
    case "RequestCompleted":
      return `PostHog: request with ${diagnostic.events.length} events, ${
        diagnostic.status ?? diagnostic.failure
      } after ${diagnostic.durationMillis} ms`
    case "RetryScheduled":
      return `PostHog: ${diagnostic.count} events will be sent again in ${Math.round(diagnostic.delayMillis)} ms (${
        diagnostic.status ?? diagnostic.reason
      })`
    case "DeliveryPaused":
      return `PostHog: ${diagnostic.count} events could not be sent (${
        diagnostic.detail ?? diagnostic.status ?? diagnostic.reason
      }) and stay queued; next try in ${Math.round(diagnostic.pauseMillis / 1000)} s`
    case "QuotaLimited":
      return `PostHog: over quota, these are discarded: ${diagnostic.resources.join(", ")}`
  }
}

/** What one subscriber has not seen yet. */
class Subscriber {
  private buffer: Array<Diagnostic> = []
  private readonly some = Effect.unsafeMakeLatch()
  private ended = false

  offer(diagnostic: Diagnostic): void {
    if (this.buffer.length === subscriberCapacity) this.buffer.shift()
    this.buffer.push(diagnostic)
    this.some.unsafeOpen()
  }

  end(): void {
    this.ended = true
    this.some.unsafeOpen()
  }

  /** What has happened since the last pull, waiting for something to happen. */
  readonly pull: Effect.Effect<Chunk.Chunk<Diagnostic>, Option.Option<never>> = Effect.flatMap(this.some.await, () => {
    const chunk = Chunk.unsafeFromArray(this.buffer)
    if (this.ended && chunk.length === 0) return Effect.fail(Option.none())
    this.buffer = []
    if (!this.ended) this.some.unsafeClose()
    return Effect.succeed(chunk)
  })
}

export const make = Effect.fnUntraced(function*(instance: string, debug: boolean): Effect.fn.Return<Diagnostics> {
  const runtime = yield* Effect.runtime<never>()
  const subscribers = new Set<Subscriber>()
  const warned = new Set<string>()
  let verbose = debug
  let closed = false

  const log = (level: LogLevel.LogLevel, message: string): void => {
    Runtime.runFork(runtime)(
      Effect.logWithLevel(level, message).pipe(
        Effect.annotateLogs({ package: packageAnnotation, instance }),
        // Asking for debug output means to see it, also under the usual minimum of Info.
        verbose ? Logger.withMinimumLogLevel(LogLevel.Debug) : (self) => self
      )
    )
  }

  const emit: Diagnostics["emit"] = (kind, make, reason) => {
    const warning = warnings[kind] === true && (reason === undefined || intended[reason] !== true)
    const key = reason === undefined ? kind : reason
    const first = warning && !warned.has(key)
    if (!first && !verbose && subscribers.size === 0) return
    const diagnostic = make()
    for (const subscriber of subscribers) subscriber.offer(diagnostic)
    if (first) {
      warned.add(key)
      log(LogLevel.Warning, `${describe(diagnostic)}. Further cases are counted (PostHog.stats), not logged`)
    } else if (verbose) {
      log(LogLevel.Debug, describe(diagnostic))
    }
  }

  const subscribe = Effect.acquireRelease(
    Effect.sync(() => {
      const subscriber = new Subscriber()
      subscribers.add(subscriber)
      if (closed) subscriber.end()
      return subscriber
    }),
    (subscriber) => Effect.sync(() => subscribers.delete(subscriber))
  )

  return {
    emit,
    setDebug: (enabled) => {
      verbose = enabled
    },
    stream: Stream.unwrapScoped(Effect.map(subscribe, (subscriber) => Stream.repeatEffectChunkOption(subscriber.pull))),
    close: () => {
      closed = true
      for (const subscriber of subscribers) subscriber.end()
    }
  }
})

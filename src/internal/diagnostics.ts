/**
 * One place to tell what happens: to the subscribers of `PostHog.diagnostics`, and to Effect's logger.
 */
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Stream from "effect/Stream"
import { redactText } from "../core/secrets.js"
import type { Diagnostic, StorageFailed } from "../PostHogError.js"
import { say } from "./effect/log.js"
import { Feed } from "./feed.js"
import { Lines } from "./lines.js"
import { monotonicMillis } from "./monotonic.js"
import { drops, onlyOnce, type Topic, type Trouble, Warnings } from "./warnings.js"

/** Diagnostics that a slow subscriber may fall behind before it misses the oldest. */
const subscriberCapacity = 4096

/**
 * Value of the log annotation `package` on everything this library logs; loggers of this library skip such messages.
 */
export const packageAnnotation = "effect-posthog"

/**
 * What is said of a kind of diagnostics. Those of flags, models and exceptions stand beside what tells them, so that
 * programs without these do not bundle the words.
 */
export interface Kind<D extends Diagnostic> {
  readonly tag: D["_tag"]
  /** How a log message begins; the members of the diagnostic follow as data. */
  readonly text: string
  /** Whether a program's operator should see one without asking: the first of each kind. */
  readonly warns?: true
  /** The whole message, where an operator should see every one of which no subscriber is told. */
  readonly line?: () => string
}

export const kinds = {
  eventsDropped: { tag: "EventsDropped", text: "events dropped", warns: true },
  /** Of which the log has said why in other words. */
  eventsDroppedAsSaid: { tag: "EventsDropped", text: "events dropped" },
  eventRepaired: { tag: "EventRepaired", text: "values of an event were replaced", warns: true },
  eventInvalid: {
    tag: "EventInvalid",
    text: "the properties of an event do not fit its declaration",
    warns: true
  },
  personlessEvent: {
    tag: "PersonlessEvent",
    text: "an event has no distinct id and is sent without a person profile"
  },
  optionsAmongProperties: {
    tag: "OptionsAmongProperties",
    text:
      "among the properties of an event stand options, which are sent as properties and do nothing else; they belong into the argument behind: capture(event, properties, { distinctId })",
    warns: true
  },
  eventsDelivered: { tag: "EventsDelivered", text: "events delivered" },
  requestCompleted: { tag: "RequestCompleted", text: "request completed" },
  retryScheduled: { tag: "RetryScheduled", text: "events will be sent again" },
  deliveryPaused: { tag: "DeliveryPaused", text: "events could not be sent and stay queued" },
  quotaLimited: { tag: "QuotaLimited", text: "over quota, PostHog discards events", warns: true }
} as const

export interface Diagnostics {
  /**
   * Tells what happened. The value is only made when somebody wants to know. What has different reasons is logged once
   * for each of them.
   */
  readonly emit: <D extends Diagnostic>(kind: Kind<D>, make: () => D, reason?: string) => void
  /** To be called when a request was no success: the first of each kind is logged. */
  readonly failed: (trouble: Trouble) => void
  /** To be called when one was. */
  readonly succeeded: (about: Topic) => void
  /** Logs every diagnostic from now on, or no longer. */
  readonly setDebug: (enabled: boolean) => void
  readonly stream: Stream.Stream<Diagnostic>
  /** Says what was lost in all, and ends the streams. */
  readonly close: (dropped: { readonly [reason: string]: number | undefined }) => void
}

/** Reasons of drops that are logged in other words: the requests that failed, and all of them at the end. */
const toldOtherwise: { readonly [reason: string]: true | undefined } = { rejected: true, shutdown_timeout: true }

/** Reasons that were asked for. */
const intended: { readonly [reason: string]: true | undefined } = {
  before_send: true,
  opted_out: true,
  disabled: true
}

/** Most events that a log message names. */
const maxLoggedEvents = 5

/** Most kinds and reasons of which the first is logged; some reasons are a server's words. */
const maxWarned = 200

/** The members of a diagnostic on one line. */
const toLog = ({ _tag, ...members }: Diagnostic): string =>
  JSON.stringify(members, (_, value: unknown) => Array.isArray(value) ? value.slice(0, maxLoggedEvents) : value)

/**
 * `property: what`. The name is the program's and may be anything; the rest are words of this library, which must not
 * be taken for the value of a secret with that name.
 */
const redactRepair = (repair: string): string => {
  const end = repair.lastIndexOf(": ")
  return end === -1 ? redactText(repair) : redactText(repair.slice(0, end)) + repair.slice(end)
}

/** What a transport, a server, a hook or a store has said may be anything. */
const withoutSecrets = (diagnostic: Diagnostic): Diagnostic =>
  "detail" in diagnostic && typeof diagnostic.detail === "string"
    ? { ...diagnostic, detail: redactText(diagnostic.detail) }
    : "repairs" in diagnostic
    ? { ...diagnostic, repairs: diagnostic.repairs.map(redactRepair) }
    : diagnostic

export const make = Effect.fnUntraced(function*(
  instance: string,
  debug: boolean,
  address: string
): Effect.fn.Return<Diagnostics> {
  const runtime = yield* Effect.runtime<never>()
  const feed = new Feed<Diagnostic>(subscriberCapacity)
  const warned = new Set<string>()
  let verbose = debug
  /** A program's logger may capture events, whose diagnostics must not be logged in turn. */
  let logging = false
  const log = (level: "Debug" | "Info" | "Warning", text: string): void => {
    if (logging) return
    logging = true
    Runtime.runFork(runtime)(
      // Asking for debug output means to see it, also under the usual minimum of Info.
      Effect.annotateLogs(say(level, text, verbose), { package: packageAnnotation, instance })
    )
    logging = false
  }

  const textOf = (text: string, diagnostic: Diagnostic, remark = ""): string => {
    const why = diagnostic._tag === "EventsDropped" ? drops[diagnostic.reason] : undefined
    return `PostHog: ${text}${why === undefined ? "" : `: ${why}`}${remark} ${toLog(diagnostic)}`
  }

  const clock = yield* Effect.clock
  const requests = new Warnings(
    address,
    () => monotonicMillis(clock),
    log
  )

  const lines = new Lines(() => monotonicMillis(clock), (line) => log("Warning", `PostHog: ${line}`))

  const emit: Diagnostics["emit"] = ({ line, tag, text, warns }, make, reason) => {
    if (tag === "StorageFailed") requests.unstored(make() as Diagnostic as StorageFailed)
    if (tag === "StorageRestored") requests.unstored(undefined)
    const warning = warns === true &&
      (reason === undefined || intended[reason] !== true && toldOtherwise[reason] !== true)
    const key = reason === undefined ? tag : `${tag} ${reason}`
    const first = warning && !warned.has(key) && warned.size < maxWarned
    if (line !== undefined && !feed.isFollowed) lines.add(line())
    if (!first && !verbose && !feed.isFollowed) return
    const diagnostic = withoutSecrets(make())
    feed.publish(diagnostic)
    if (first) {
      warned.add(key)
      log("Warning", textOf(text, diagnostic, onlyOnce))
    } else if (verbose) {
      log("Debug", textOf(text, diagnostic))
    }
  }

  return {
    emit,
    failed: (trouble) => requests.failed(trouble),
    succeeded: (about) => requests.recovered(about),
    setDebug: (enabled) => {
      verbose = enabled
    },
    stream: feed.stream(),
    close: (dropped) => {
      const lost = Object.fromEntries(Object.entries(dropped).filter(([reason]) => intended[reason] !== true))
      requests.lost(lost)
      feed.end()
    }
  }
})

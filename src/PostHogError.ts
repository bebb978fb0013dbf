/**
 * Every way in which something can go wrong: typed errors, which a caller can catch, and diagnostics, which tell what
 * became of events after `capture` has returned.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PostHog } from "effect-posthog"
 *
 * const flushed = PostHog.flush.pipe(
 *   Effect.catchTag("DeliveryError", (error) => Effect.logWarning(error.message))
 * )
 * ```
 *
 * Long because of documentation: every error and diagnostic with its reasons.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { PropertyProblem } from "./core/event/declared.js"
import type { FlagsUnavailable } from "./internal/flags/errors.js"

/**
 * The options cannot work. `reason` says which mistake it is:
 *
 * - `personal_api_key`: a personal API key (`phx_…`) was given as the project API key
 * - `project_secret_key`: a project secret key (`phs_…`) was given as the project API key
 * - `malformed_api_key`: PostHog refuses every key of this form (over 64 characters, or not printable ASCII)
 * - `project_api_key`: a project API key (`phc_…`) was given as the secret key
 * - `malformed_secret_key`: no secret key has this form
 * - `invalid_host`: the host is no `http` or `https` URL
 * - `outbox_storage`: the `DurableOutbox` that was provided cannot store anything for this instance
 * - `invalid_option`: another option is out of its range
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigurationError extends Data.TaggedError("ConfigurationError")<{
  readonly reason:
    | "personal_api_key"
    | "project_secret_key"
    | "malformed_api_key"
    | "project_api_key"
    | "malformed_secret_key"
    | "invalid_host"
    | "outbox_storage"
    | "invalid_option"
  /** The option that is wrong. */
  readonly option: string
  /** What is wrong and what to do. Never contains a key. */
  readonly message: string
}> {}

/**
 * Events that somebody waits for (`flush`, `captureNow`) were not acknowledged. `reason` says why:
 *
 * - `connection`: no connection, or it broke off
 * - `timeout`: no answer within `requestTimeout`
 * - `status`: PostHog, or something in front of it, went on answering with the error in `status`
 * - `rejected`: PostHog refused the events with `status`; sending them again would not help
 * - `queue_full`: the queue overflowed while the caller was waiting
 * - `closed`: the instance was closed before the events were acknowledged
 * - `storage`: the durable outbox does not work, so that events of it could not be sent
 *
 * @since 0.1.0
 * @category errors
 */
export class DeliveryError extends Data.TaggedError("DeliveryError")<{
  readonly reason: "connection" | "timeout" | "status" | "rejected" | "queue_full" | "closed" | "storage"
  /** Status of the last answer, if there was one. */
  readonly status?: number | undefined
  /** How many of the events were acknowledged before this. */
  readonly delivered: number
  /** How many of the events are given up. */
  readonly dropped: number
  /** How many of the events are still queued and will be tried again. */
  readonly queued: number
  /** What the transport or the server said, for people. */
  readonly detail?: string | undefined
}> {
  /** What happened and what to do. */
  override get message(): string {
    const what = {
      connection: "PostHog could not be reached; check the host and the network",
      timeout: "PostHog did not answer in time; check the network or raise requestTimeout",
      status: `PostHog answered ${this.status}; see its status page`,
      rejected: `PostHog refused the events with ${this.status}; check apiKey and host`,
      queue_full: "the queue overflowed; raise maxQueueBytes or send less",
      closed: "the instance was closed first; raise shutdownTimeout or flush earlier",
      storage: "the durable outbox does not work; look at its disk or its Redis"
    }[this.reason]
    const detail = this.detail === undefined ? "" : ` (${this.detail})`
    return `${what}${detail}: ${this.delivered} events delivered, ${this.dropped} dropped, ${this.queued} still queued`
  }
}

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  OutboxStorageError
} from "./internal/delivery/durable/errors.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  FlagDisabled,
  /**
   * @since 0.1.0
   * @category errors
   */
  FlagNotFound,
  /**
   * @since 0.1.0
   * @category errors
   */
  FlagsUnavailable,
  /**
   * @since 0.1.0
   * @category errors
   */
  MissingDistinctId,
  /**
   * @since 0.1.0
   * @category errors
   */
  PayloadInvalid,
  /**
   * @since 0.1.0
   * @category errors
   */
  UnknownVariant
} from "./internal/flags/errors.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  PostHogApiError
} from "./internal/catalogue/errors.js"

export {
  /**
   * @since 0.1.0
   * @category errors
   */
  PromptUnavailable
} from "./internal/llm/promptErrors.js"

/**
 * Why an accepted event was not delivered:
 *
 * - `invalid_event`: the name or the distinct id is blank, or an argument is unusable
 * - `before_send`: a `beforeSend` hook returned nothing
 * - `before_send_failed`: a `beforeSend` hook threw, or returned something that is no event
 * - `too_large`: the event is larger than `maxEventBytes` (8 MiB for LLM analytics), or the server finds it so
 * - `queue_full`: the queue was full, see `overflow`
 * - `rejected`: the server refused the event for good (a 4xx status, or its verdict on this event)
 * - `rate_limited`: there were too many of the same exception, see `ErrorTracking`
 * - `undelivered`: somebody waited for the event and was told that it could not be delivered
 * - `opted_out`: the instance was opted out while the event was queued
 * - `damaged`: what the durable outbox had of the event could not be read
 * - `expired`: the event was older than `maxAge` of the durable outbox
 * - `closed`: the instance was closed already
 * - `shutdown_timeout`: the instance closed, and `shutdownTimeout` passed before the event was acknowledged
 * - `internal_error`: a defect of this library, please report it
 *
 * @since 0.1.0
 * @category models
 */
export type DropReason =
  | "invalid_event"
  | "before_send"
  | "before_send_failed"
  | "too_large"
  | "queue_full"
  | "rejected"
  | "rate_limited"
  | "undelivered"
  | "opted_out"
  | "damaged"
  | "expired"
  | "closed"
  | "shutdown_timeout"
  | "internal_error"

/**
 * An event as diagnostics name it: never with its properties.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventHead {
  readonly uuid: string
  /** The event's name. */
  readonly event: string
}

/**
 * Accepted events will not be delivered. Events that were never queued have no entry in `events` unless their name is
 * known.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EventsDropped {
  readonly _tag: "EventsDropped"
  readonly reason: DropReason
  readonly count: number
  readonly events: ReadonlyArray<EventHead>
  /** For people: sizes, statuses, what a hook threw. Never contains property values. */
  readonly detail?: string | undefined
}

/**
 * An event was kept, but something in it was replaced: an unusable uuid or timestamp, values that JSON cannot express.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EventRepaired extends EventHead {
  readonly _tag: "EventRepaired"
  /** What was replaced, such as `total: bigint`; the first few. */
  readonly repairs: ReadonlyArray<string>
}

/**
 * The properties of an event, or of a person or a group, do not fit their declaration, see `PostHogEvent`. Values are
 * not told, because they may be personal data.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EventInvalid {
  readonly _tag: "EventInvalid"
  readonly event: string
  /** What does not fit, property by property. */
  readonly problems: ReadonlyArray<PropertyProblem>
  /** Whether it is sent all the same, see the option `invalidEvents`. */
  readonly isSent: boolean
}

/**
 * An event had no distinct id, neither from the call nor from the context, and became personless.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface PersonlessEvent extends EventHead {
  readonly _tag: "PersonlessEvent"
}

/**
 * Among the properties of an event stand what seem to be options, such as `capture("x", { distinctId })`. The event is
 * sent as it is said, with them as properties. Looked for once per name of an event.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface OptionsAmongProperties {
  readonly _tag: "OptionsAmongProperties"
  readonly event: string
  readonly names: ReadonlyArray<string>
}

/**
 * PostHog acknowledged events.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EventsDelivered {
  readonly _tag: "EventsDelivered"
  readonly count: number
  readonly events: ReadonlyArray<EventHead>
}

/**
 * One HTTP request with events came to its end, well or not.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface RequestCompleted {
  readonly _tag: "RequestCompleted"
  /** Time at which the request was sent, in milliseconds since the epoch. */
  readonly startedAt: number
  readonly durationMillis: number
  /** 0 for the first request with these events, 1 for the first retry, and so on. */
  readonly attempt: number
  /** Status of the answer; absent when there was none. */
  readonly status?: number | undefined
  /** Why there is no good answer. */
  readonly failure?: "connection" | "timeout" | "status" | undefined
  readonly events: ReadonlyArray<EventHead>
  /** Bytes of the body as it was sent. */
  readonly bodyBytes: number
}

/**
 * A request failed and will be repeated after `delayMillis`.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface RetryScheduled {
  readonly _tag: "RetryScheduled"
  readonly reason: "connection" | "timeout" | "status"
  readonly status?: number | undefined
  /** 1 for the first retry. */
  readonly attempt: number
  readonly delayMillis: number
  readonly count: number
}

/**
 * All retries failed. The events went back to the queue, and sending pauses for `pauseMillis` (or until a flush).
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface DeliveryPaused {
  readonly _tag: "DeliveryPaused"
  readonly reason: "connection" | "timeout" | "status"
  readonly status?: number | undefined
  readonly detail?: string | undefined
  readonly count: number
  /** `undefined`: until a flush, because nothing is sent in the background. */
  readonly pauseMillis: number | undefined
}

/**
 * PostHog took events and has a remark on them, such as that person processing is disabled for their distinct id. Only
 * capture v1 says so.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EventsWarned {
  readonly _tag: "EventsWarned"
  readonly count: number
  readonly events: ReadonlyArray<EventHead>
  /** PostHog's code, such as `person_processing_disabled`; absent when it gives none. */
  readonly detail?: string | undefined
}

/**
 * Not every event of a batch was persisted, and its request is not repeated any more. Only of capture v1, which tells
 * what became of each event. Those that were `dropped` are lost; those that are `exhausted` stay queued, unless
 * somebody waited for them or the instance closes without a durable outbox. When nobody listens, batches of which
 * events are lost are logged, one line each, and no more than ten in a minute.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface BatchFailed {
  readonly _tag: "BatchFailed"
  /** The route, below the host. */
  readonly endpoint: string
  /** As PostHog has it in its own logs. */
  readonly requestId: string
  /** How many requests were made. */
  readonly attempts: number
  /** Status of the last answer; absent when there was none. */
  readonly status?: number | undefined
  /** How many events were refused for good. */
  readonly dropped: number
  /** How many events were left when the retries were used up. */
  readonly exhausted: number
  /** How many events there are of each verdict and code, such as `drop/billing_limit_exceeded`. */
  readonly verdicts: { readonly [verdict: string]: number }
  /** The first 1,000 of the events, each with PostHog's last verdict on it, if there was one. */
  readonly events: ReadonlyArray<
    EventHead & {
      readonly fate: "dropped" | "exhausted"
      readonly result?: "drop" | "retry" | undefined
      readonly detail?: string | undefined
    }
  >
}

/**
 * The server does not have capture v1, which the option `captureMode` asks for. Events are sent with capture v0 from
 * now on, as long as the instance lives: nothing is lost, but PostHog does not say any more what became of single
 * events, and options that capture v0 does not have are left out. With a server or a proxy of one's own, say
 * `captureMode: "v0"`, or let it pass the route.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface CaptureRouteMissing {
  readonly _tag: "CaptureRouteMissing"
  /** What is not there, below the host. */
  readonly path: string
  /** What was answered: 404 or 405. */
  readonly status: number
  /** Where the events are sent instead. */
  readonly instead: string
}

/**
 * The server answered 415 to a compressed body, and took the same one as it is. Bodies are not compressed any more, as
 * long as the instance lives. Another `compression` may be taken there.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EncodingRefused {
  readonly _tag: "EncodingRefused"
  /** Such as `gzip`. */
  readonly encoding: string
}

/**
 * The runtime cannot compress as the option `compression` says; `gzip` takes its place. Told once.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface EncodingUnavailable {
  readonly _tag: "EncodingUnavailable"
  /** Such as `zstd`. */
  readonly encoding: string
  readonly instead: string
}

/**
 * The server has no route for events of LLM analytics. They go another way from now on, as long as the instance lives:
 * over the route that PostHog had before, or over the one of all events, where those larger than `maxEventBytes` are
 * dropped. A server or a proxy of one's own may lack these routes.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface AiRouteMissing {
  readonly _tag: "AiRouteMissing"
  /** What is not there, below the host. */
  readonly path: string
  /** What was answered: 404 or 405. */
  readonly status: number
  /** Where the events are sent instead. */
  readonly instead: string
}

/**
 * An event was captured for LLM analytics whose name is none that PostHog's route for them takes, such as
 * `$ai_generation`. It is sent as any other event.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface UnknownAiEvent {
  readonly _tag: "UnknownAiEvent"
  readonly event: string
}

/**
 * PostHog acknowledged a request but discards what is named in `resources`, because the project is over its quota.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface QuotaLimited {
  readonly _tag: "QuotaLimited"
  readonly resources: ReadonlyArray<string>
}

/**
 * PostHog evaluated feature flags. A request that several evaluations share is reported once.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface FlagsEvaluated {
  readonly _tag: "FlagsEvaluated"
  /** How many flags the answer has. */
  readonly count: number
  readonly requestId?: string | undefined
  readonly durationMillis: number
  /** 1 when the first request was answered. */
  readonly requests: number
  /** Whether PostHog could not compute all flags. */
  readonly errorsWhileComputing: boolean
}

/**
 * Feature flags could not be evaluated; reads give defaults.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface FlagsFailed {
  readonly _tag: "FlagsFailed"
  readonly reason: FlagsUnavailable["reason"] | "missing_distinct_id"
  readonly status?: number | undefined
  readonly detail?: string | undefined
}

/**
 * `snapshot.only` was asked for flags that the snapshot does not have.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface FlagsNotInSnapshot {
  readonly _tag: "FlagsNotInSnapshot"
  readonly keys: ReadonlyArray<string>
}

/**
 * Flag definitions were loaded, or PostHog said that those that are here are still right.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface DefinitionsLoaded {
  readonly _tag: "DefinitionsLoaded"
  /** Where they came from. `options`: the option `definitions` of `LocalEvaluation.layer`. */
  readonly source: "server" | "store" | "options"
  /** How many flags they have. */
  readonly count: number
  /** Whether they are the same as before. */
  readonly unchanged: boolean
}

/**
 * Flag definitions could not be loaded; those that are here stay, unless the project is over its quota.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface DefinitionsFailed {
  readonly _tag: "DefinitionsFailed"
  readonly reason: FlagsUnavailable["reason"]
  readonly status?: number | undefined
  readonly detail?: string | undefined
  /** When they will be asked for again, in milliseconds from now; absent when only by hand. */
  readonly delayMillis?: number | undefined
}

/**
 * The store of flag definitions failed, took too long, or had something in it that nobody can read. This instance does
 * without.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface DefinitionStoreFailed {
  readonly _tag: "DefinitionStoreFailed"
  readonly operation: "get" | "put" | "lease" | "release"
  readonly detail: string
}

/**
 * A language model was called through PostHog's own gateway, which captures the call: `LlmClient` leaves it out. Told
 * once.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface GatewayCalled {
  readonly _tag: "GatewayCalled"
  /** Without secrets. */
  readonly url: string
}

/**
 * An exception could not be made into an event. A fault of this library, please report it.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface ExceptionLost {
  readonly _tag: "ExceptionLost"
  readonly detail: string
}

/**
 * Events that another process had left in the durable outbox were taken over, and are sent by this one.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface OutboxRecovered {
  readonly _tag: "OutboxRecovered"
  readonly count: number
  /** Bytes that they take in the store. */
  readonly bytes: number
  /** How many lines could not be read, see `LinesSetAside`. */
  readonly damaged: number
  /** How many processes had left them. */
  readonly lives: number
}

/**
 * The durable outbox could not do something. Events are taken as before, but those that are not stored would be lost
 * with the process; `PostHog.stats` counts them as `unstored`. Told once, until a `StorageRestored`; with the operation
 * `read` once for each file that cannot be read, whose events stay there and are sent when it can.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface StorageFailed {
  readonly _tag: "StorageFailed"
  /** What was tried, such as `write`, `sync` or `read`. */
  readonly operation: string
  readonly detail: string
}

/**
 * The durable outbox works again.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface StorageRestored {
  readonly _tag: "StorageRestored"
  /** Queued events that are in memory alone: they came meanwhile, and are not stored later. */
  readonly unstored: number
}

/**
 * Lines of the durable outbox could not be read, and were put aside. All others are sent.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface LinesSetAside {
  readonly _tag: "LinesSetAside"
  readonly count: number
  /** Where they are, for somebody who wants to look. */
  readonly file: string
}

/**
 * Events that PostHog refused are kept by the durable outbox, see `DurableOutbox.deadLetters`.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface DeadLettered {
  readonly _tag: "DeadLettered"
  readonly count: number
  readonly reason: DropReason
  readonly events: ReadonlyArray<EventHead>
}

/**
 * The oldest dead letters of a `DurableOutbox` in Redis were removed to make room for others, see its option
 * `deadLetters`. They were counted as dropped when PostHog refused them.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export interface DeadLettersRemoved {
  readonly _tag: "DeadLettersRemoved"
  /** Number of events. */
  readonly count: number
}

/**
 * What an instance has to tell about its work, see `PostHog.diagnostics`.
 *
 * @since 0.1.0
 * @category diagnostics
 */
export type Diagnostic =
  | EventsDropped
  | EventRepaired
  | EventInvalid
  | PersonlessEvent
  | OptionsAmongProperties
  | EventsDelivered
  | RequestCompleted
  | RetryScheduled
  | DeliveryPaused
  | QuotaLimited
  | EventsWarned
  | BatchFailed
  | CaptureRouteMissing
  | EncodingRefused
  | EncodingUnavailable
  | AiRouteMissing
  | UnknownAiEvent
  | FlagsEvaluated
  | FlagsFailed
  | FlagsNotInSnapshot
  | DefinitionsLoaded
  | DefinitionsFailed
  | DefinitionStoreFailed
  | ExceptionLost
  | GatewayCalled
  | OutboxRecovered
  | StorageFailed
  | StorageRestored
  | LinesSetAside
  | DeadLettered
  | DeadLettersRemoved

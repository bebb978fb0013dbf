/**
 * The options of an instance, their defaults, and where they are read from in the environment.
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { PostHog } from "effect-posthog"
 *
 * const PostHogEu = PostHog.layer({
 *   apiKey: Redacted.make("phc_…"),
 *   host: "https://eu.i.posthog.com",
 *   globalProperties: { service: "checkout" }
 * })
 * ```
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { defaultHost } from "./core/event/host.js"
import type { Properties } from "./core/event/properties.js"
import type { WireEvent } from "./core/event/wireEvent.js"
import { optional } from "./internal/environment.js"

/**
 * Sees every event, of every kind, exactly as it would be sent, and returns what to send instead: the event, changed or not,
 * or nothing to drop it. The event is a copy of plain JSON values that the hook may change. A hook that throws drops the
 * event: one that was meant to remove personal data must not leak it when it fails.
 *
 * @since 0.1.0
 * @category models
 */
export type BeforeSend = (event: WireEvent) => WireEvent | null | undefined

/**
 * What happens to events when the queue is full:
 *
 * - `dropOldest`: the oldest queued events make room
 * - `dropNewest`: the new event is dropped
 * - `{ waitUpTo }`: the capturing fiber waits for room, and the event is dropped when the time is over. The only setting
 *   under which `capture` can suspend; meant for imports
 *
 * @since 0.1.0
 * @category models
 */
export type Overflow = "dropOldest" | "dropNewest" | { readonly waitUpTo: Duration.DurationInput }

/**
 * The options of an instance. Only `apiKey` has no default; without it everything is a no-op.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Project API key (`phc_…`). Absent or blank: the instance is disabled, after one warning. A personal key (`phx_…`) or a
   * project secret key (`phs_…`) here is a `ConfigurationError`.
   */
  readonly apiKey?: Redacted.Redacted<string> | string | undefined
  /**
   * Where PostHog is, without a path unless a proxy needs one. Default `https://us.i.posthog.com`. The addresses of the web
   * application (`https://eu.posthog.com`) are mapped to those that take events.
   */
  readonly host?: string | undefined
  /**
   * Personal API key (`phx_…`) or project secret key (`phs_…`) for what the project API key may not read: `LocalEvaluation` and
   * `FeatureFlags.remoteConfig`. A project API key (`phc_…`) here is a `ConfigurationError`. Default none.
   */
  readonly secretKey?: Redacted.Redacted<string> | string | undefined
  /** `false` makes everything a no-op. Default `true`. */
  readonly enabled?: boolean | undefined
  /** Whether the instance begins opted out, see `PostHog.optIn`. Default `false`. */
  readonly optedOut?: boolean | undefined
  /** Properties of every event, under those of the context and of the call. Default none. */
  readonly globalProperties?: Properties | undefined
  /** Hooks that see every event before it is queued, in this order. Default none. */
  readonly beforeSend?: BeforeSend | ReadonlyArray<BeforeSend> | undefined
  /** Whether events carry `$is_server: true`. Default `true`. */
  readonly isServer?: boolean | undefined
  /**
   * Whether events carry `$geoip_disable: true`, which keeps PostHog from locating the user by the address of your server.
   * Default `true`.
   */
  readonly disableGeoip?: boolean | undefined
  /** Whether events go to the pipeline for past events; they should have timestamps then. Default `false`. */
  readonly historicalMigration?: boolean | undefined
  /**
   * Whether events carry the ids of the trace and span in which they were captured, as `$trace_id` and `$span_id`. Only of spans
   * that can be found somewhere: of a tracer that the program has chosen, or that continue a trace from outside. Default `true`.
   */
  readonly traceIds?: boolean | undefined
  /**
   * Whether a fiber of the instance sends what is queued. `false`: events leave when somebody flushes, in the fiber that
   * flushes, and when the instance closes; meant for serverless and edge, see `PostHogServerless`. Default `true`.
   */
  readonly background?: boolean | undefined
  /** Number of queued events that starts sending at once. Default 100. */
  readonly flushAt?: number | undefined
  /** Longest time that an event waits for others before it is sent. Default 5 seconds. */
  readonly flushInterval?: Duration.DurationInput | undefined
  /** Most events of one request. Default 500. */
  readonly maxBatchSize?: number | undefined
  /** Most bytes of one request before compression. Default 5 MiB. */
  readonly maxBatchBytes?: number | undefined
  /** Most bytes of one event; larger ones are dropped. Default 1,000,000, the limit of PostHog's queues. */
  readonly maxEventBytes?: number | undefined
  /** Most bytes of queued events. Default 64 MiB, which is more than 100,000 ordinary events. */
  readonly maxQueueBytes?: number | undefined
  /** Most queued events. Default: only `maxQueueBytes` counts. */
  readonly maxQueueSize?: number | undefined
  /** What happens when the queue is full. Default `dropOldest`. */
  readonly overflow?: Overflow | undefined
  /** Most requests in flight at the same time, those of `captureNow` not counted. Default 4. */
  readonly maxConcurrentRequests?: number | undefined
  /** Whether request bodies are compressed with gzip. Default `true`. */
  readonly compression?: boolean | undefined
  /** Smallest body, in bytes, that is worth compressing. Default 1,024. */
  readonly compressionThreshold?: number | undefined
  /** Time limit of each request. Default 10 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /**
   * How often a request is repeated after a network error or a status 408, 429 or 5xx. The delays double from one second to
   * 30 seconds. Default 8, about two minutes. When all fail, the events stay queued and sending pauses.
   */
  readonly maxRetries?: number | undefined
  /** How long sending pauses after all retries failed, unless somebody flushes. Default 30 seconds. */
  readonly retryPause?: Duration.DurationInput | undefined
  /** Most time that closing the instance may take to send what is queued. Default 10 seconds. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
  /** Time limit of each request for feature flags. Default 3 seconds. */
  readonly featureFlagsRequestTimeout?: Duration.DurationInput | undefined
  /**
   * How often a request for feature flags is repeated when there was no answer or a status 502 or 504. The delays are 300,
   * 600, 1200 … milliseconds. Default 1.
   */
  readonly featureFlagsRequestMaxRetries?: number | undefined
  /**
   * Keeps complete answers for `timeToLive`, so that equal evaluations in that time make no request; at most `capacity` of
   * them (default 1,000). Default: nothing is kept.
   */
  readonly featureFlagsCache?: {
    readonly timeToLive: Duration.DurationInput
    readonly capacity?: number | undefined
  } | undefined
  /** Whether reading a flag sends `$feature_flag_called`, from which experiments are counted. Default `true`. */
  readonly sendFeatureFlagEvents?: boolean | undefined
  /**
   * How many combinations of user, flag, value and groups are remembered so that `$feature_flag_called` is not sent again; the
   * least recently used is forgotten first. Default 50,000.
   */
  readonly featureFlagCalledCacheSize?: number | undefined
  /**
   * Whether flags are evaluated in this process or not at all, unless a call says otherwise (`onlyLocally: false`); see
   * `LocalEvaluation`. Default `false`: PostHog is asked about what cannot be evaluated here.
   */
  readonly strictLocalEvaluation?: boolean | undefined
  /** Evaluation contexts: flags that are restricted to others are left out. Default: all flags. */
  readonly evaluationContexts?: ReadonlyArray<string> | undefined
  /** Whether exceptions carry the lines of source around their frames, where files can be read. Default `true`. */
  readonly sourceContext?: boolean | undefined
  /** How many lines before and after a frame's own; PostHog keeps at most 10. Default 5. */
  readonly contextLines?: number | undefined
  /**
   * More directories of which source lines may be read. Default: none besides the working directory, and the package and the workspace of the
   * program's main module. Relative ones are relative to the working directory.
   */
  readonly sourceRoots?: ReadonlyArray<string> | undefined
  /**
   * Whether a file is the program's own, by its absolute path; `undefined`: as without this option, by which everything outside of
   * `node_modules` is.
   */
  readonly isInApp?: ((path: string) => boolean | undefined) | undefined
  /** Whether every diagnostic is logged, at debug level, see also `PostHog.debug`. Default `false`. */
  readonly debug?: boolean | undefined
  /** Changes the `HttpClient` that sends events: more headers, a proxy, logging. Default: unchanged. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/**
 * The value of every option that was not given.
 *
 * @since 0.1.0
 * @category defaults
 */
export const defaults = {
  host: defaultHost,
  enabled: true,
  optedOut: false,
  globalProperties: {} as Properties,
  isServer: true,
  disableGeoip: true,
  historicalMigration: false,
  traceIds: true,
  background: true,
  flushAt: 100,
  flushInterval: Duration.seconds(5),
  maxBatchSize: 500,
  maxBatchBytes: 5 * 1024 * 1024,
  maxEventBytes: 1_000_000,
  maxQueueBytes: 64 * 1024 * 1024,
  maxQueueSize: Number.POSITIVE_INFINITY,
  overflow: "dropOldest" as Overflow,
  maxConcurrentRequests: 4,
  compression: true,
  compressionThreshold: 1024,
  requestTimeout: Duration.seconds(10),
  maxRetries: 8,
  retryPause: Duration.seconds(30),
  shutdownTimeout: Duration.seconds(10),
  featureFlagsRequestTimeout: Duration.seconds(3),
  featureFlagsRequestMaxRetries: 1,
  sendFeatureFlagEvents: true,
  featureFlagCalledCacheSize: 50_000,
  strictLocalEvaluation: false,
  evaluationContexts: [] as ReadonlyArray<string>,
  sourceContext: true,
  contextLines: 5,
  debug: false
} as const

/** A list in a variable, separated by commas, or as the provider has lists; blank is none. */
const optionalList = (name: string): Config.Config<ReadonlyArray<string> | undefined> =>
  Config.array(Config.string(), name).pipe(
    Config.map((items) => items.map((item) => item.trim()).filter((item) => item !== "")),
    Config.map((items) => items.length === 0 ? undefined : items),
    Config.option,
    Config.map(Option.getOrUndefined)
  )

/**
 * Options from the environment (through Effect's `ConfigProvider`), all of them optional:
 *
 * `POSTHOG_API_KEY`, `POSTHOG_SECRET_KEY`, `POSTHOG_HOST`, `POSTHOG_ENABLED`, `POSTHOG_OPTED_OUT`, `POSTHOG_IS_SERVER`, `POSTHOG_DISABLE_GEOIP`,
 * `POSTHOG_HISTORICAL_MIGRATION`, `POSTHOG_TRACE_IDS`, `POSTHOG_BACKGROUND`, `POSTHOG_FLUSH_AT`, `POSTHOG_FLUSH_INTERVAL`, `POSTHOG_MAX_BATCH_SIZE`,
 * `POSTHOG_MAX_QUEUE_SIZE`, `POSTHOG_MAX_QUEUE_BYTES`, `POSTHOG_COMPRESSION`, `POSTHOG_REQUEST_TIMEOUT`,
 * `POSTHOG_MAX_RETRIES`, `POSTHOG_SHUTDOWN_TIMEOUT`, `POSTHOG_FEATURE_FLAGS_REQUEST_TIMEOUT`,
 * `POSTHOG_FEATURE_FLAGS_REQUEST_MAX_RETRIES`, `POSTHOG_SEND_FEATURE_FLAG_EVENTS`, `POSTHOG_STRICT_LOCAL_EVALUATION`,
 * `POSTHOG_EVALUATION_CONTEXTS` (separated by commas), `POSTHOG_SOURCE_CONTEXT`, `POSTHOG_CONTEXT_LINES`,
 * `POSTHOG_SOURCE_ROOTS` (separated by commas), `POSTHOG_DEBUG`.
 *
 * Durations are written as `5 seconds`.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Options> = /* #__PURE__ */ (() =>
  Config.all({
    apiKey: optional(Config.redacted(), "POSTHOG_API_KEY"),
    secretKey: optional(Config.redacted(), "POSTHOG_SECRET_KEY"),
    host: optional(Config.string(), "POSTHOG_HOST"),
    enabled: optional(Config.boolean(), "POSTHOG_ENABLED"),
    optedOut: optional(Config.boolean(), "POSTHOG_OPTED_OUT"),
    isServer: optional(Config.boolean(), "POSTHOG_IS_SERVER"),
    disableGeoip: optional(Config.boolean(), "POSTHOG_DISABLE_GEOIP"),
    historicalMigration: optional(Config.boolean(), "POSTHOG_HISTORICAL_MIGRATION"),
    traceIds: optional(Config.boolean(), "POSTHOG_TRACE_IDS"),
    background: optional(Config.boolean(), "POSTHOG_BACKGROUND"),
    flushAt: optional(Config.integer(), "POSTHOG_FLUSH_AT"),
    flushInterval: optional(Config.duration(), "POSTHOG_FLUSH_INTERVAL"),
    maxBatchSize: optional(Config.integer(), "POSTHOG_MAX_BATCH_SIZE"),
    maxQueueSize: optional(Config.integer(), "POSTHOG_MAX_QUEUE_SIZE"),
    maxQueueBytes: optional(Config.integer(), "POSTHOG_MAX_QUEUE_BYTES"),
    compression: optional(Config.boolean(), "POSTHOG_COMPRESSION"),
    requestTimeout: optional(Config.duration(), "POSTHOG_REQUEST_TIMEOUT"),
    maxRetries: optional(Config.integer(), "POSTHOG_MAX_RETRIES"),
    shutdownTimeout: optional(Config.duration(), "POSTHOG_SHUTDOWN_TIMEOUT"),
    featureFlagsRequestTimeout: optional(Config.duration(), "POSTHOG_FEATURE_FLAGS_REQUEST_TIMEOUT"),
    featureFlagsRequestMaxRetries: optional(Config.integer(), "POSTHOG_FEATURE_FLAGS_REQUEST_MAX_RETRIES"),
    sendFeatureFlagEvents: optional(Config.boolean(), "POSTHOG_SEND_FEATURE_FLAG_EVENTS"),
    strictLocalEvaluation: optional(Config.boolean(), "POSTHOG_STRICT_LOCAL_EVALUATION"),
    evaluationContexts: optionalList("POSTHOG_EVALUATION_CONTEXTS"),
    sourceContext: optional(Config.boolean(), "POSTHOG_SOURCE_CONTEXT"),
    contextLines: optional(Config.integer(), "POSTHOG_CONTEXT_LINES"),
    sourceRoots: optionalList("POSTHOG_SOURCE_ROOTS"),
    debug: optional(Config.boolean(), "POSTHOG_DEBUG")
  }))()

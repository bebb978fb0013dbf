/**
 * The options of an instance, and the table of them: from it come the defaults, the Config, the checks, and the table
 * in the documentation.
 *
 * Long because of the documentation of each option.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { defaultHost } from "../core/config/host.js"
import { checkApiKey, checkSecretKey } from "../core/config/keys.js"
import type { PersonalData } from "../core/event/declared.js"
import { mergeFrozen, type Properties, type PropertiesInput } from "../core/event/layers.js"
import type { EventOptions } from "../core/event/options.js"
import type { WireEvent } from "../core/event/wireEvent.js"
import { isRecord } from "../core/guard.js"
import type { Encoding } from "../core/http/encodings.js"
import type { Redact } from "../core/llm/content.js"
import type { ConfigurationError } from "../PostHogError.js"
import { defaultRetries } from "./delivery/schedules.js"
import { readVariable } from "./environment.js"
import * as Kind from "./optionKinds.js"
import { Problem } from "./optionKinds.js"

/**
 * Sees every event, of every kind, exactly as it would be sent, and returns what to send instead: the event, changed or
 * not, or nothing to drop it. The event is a copy of plain JSON values that the hook may change. A hook that throws
 * drops the event: one that was meant to remove personal data must not leak it when it fails.
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
 * - `{ waitUpTo }`: the capturing fiber waits for room, and the event is dropped when the time is over. The only
 *   setting under which `capture` can suspend; meant for imports
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
   * Project API key (`phc_…`). Absent or blank: the instance is disabled, after one warning. A personal key (`phx_…`)
   * or a project secret key (`phs_…`) here is a `ConfigurationError`.
   */
  readonly apiKey?: Redacted.Redacted<string> | string | undefined
  /**
   * Where PostHog is, without a path unless a proxy needs one. Default `https://us.i.posthog.com`. The addresses of the
   * web application (`https://eu.posthog.com`) are mapped to those that take events.
   */
  readonly host?: string | undefined
  /**
   * Personal API key (`phx_…`) or project secret key (`phs_…`) for what the project API key may not read:
   * `LocalEvaluation` and `FeatureFlags.remoteConfig`. A project API key (`phc_…`) here is a `ConfigurationError`.
   * Default none.
   */
  readonly secretKey?: Redacted.Redacted<string> | string | undefined
  /** `false` makes everything a no-op. Default `true`. */
  readonly enabled?: boolean | undefined
  /** Whether the instance begins opted out, see `PostHog.optIn`. Default `false`. */
  readonly optedOut?: boolean | undefined
  /** Properties of every event, under those of the context and of the call. Default none. */
  readonly globalProperties?: PropertiesInput | undefined
  /**
   * How PostHog shall treat every event, by its own names such as `cookieless_mode`; see `options` of `capture`. What
   * the context and the call say wins. Default none.
   */
  readonly globalOptions?: EventOptions | undefined
  /** Hooks that see every event before it is queued, in this order. Default none. */
  readonly beforeSend?: BeforeSend | ReadonlyArray<BeforeSend> | undefined
  /**
   * What happens to an event that was declared with `PostHogEvent`, and whose properties do not fit the declaration:
   * `"send"` sends it with `$invalid_properties`, the names of the properties that do not fit; `"drop"` drops it. Both
   * are counted, see `EventInvalid`. Default `"send"`.
   */
  readonly invalidEvents?: "send" | "drop" | undefined
  /**
   * How properties are made unreadable that `PostHogEvent.personal` says to be personal data, where the field does not
   * say it itself: `"redact"` puts `[redacted]` in their place, `"hash"` their HMAC-SHA-256 with `personalDataKey`,
   * `"omit"` nothing. Default `"redact"`.
   */
  readonly personalData?: PersonalData | undefined
  /** What hashes of personal data are made with: a text of your own that nobody else knows. Default none: redacted. */
  readonly personalDataKey?: Redacted.Redacted<string> | string | undefined
  /** Whether events carry `$is_server: true`. Default `true`. */
  readonly isServer?: boolean | undefined
  /**
   * Whether events carry `$geoip_disable: true`, which keeps PostHog from locating the user by the address of your
   * server. Default `true`.
   */
  readonly disableGeoip?: boolean | undefined
  /** Whether events go to the pipeline for past events; they should have timestamps then. Default `false`. */
  readonly historicalMigration?: boolean | undefined
  /**
   * Whether events carry the ids of the trace and span in which they were captured, as `$trace_id` and `$span_id`. Only
   * of spans that can be found somewhere: of a tracer that the program has chosen, or that continue a trace from
   * outside. Default `true`.
   */
  readonly traceIds?: boolean | undefined
  /**
   * Whether a fiber of the instance sends what is queued. `false`: events leave when somebody flushes, in the fiber
   * that flushes, and when the instance closes; meant for serverless and edge, see `PostHogServerless`. Default `true`.
   */
  readonly background?: boolean | undefined
  /**
   * Number of queued events that starts sending at once. Default 100, and at most one such start in a second until a
   * request is full: a request costs about as much as 1,000 events, so a busy program sends fewer and larger ones. A
   * number that is given is not put off.
   */
  readonly flushAt?: number | undefined
  /** Longest time that an event waits for others before it is sent. Default 5 seconds. */
  readonly flushInterval?: Duration.DurationInput | undefined
  /** Most events of one request. Default 1,000. */
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
  /**
   * Whether request bodies are compressed, or how: `true` is `"gzip"`. Capture v0 knows only that, so what is sent with
   * it is compressed with gzip also where another word is given. `"br"` takes less time and is smaller. `"zstd"` needs
   * Node 22.15; where the runtime does not have it, gzip takes its place, see `EncodingUnavailable`. Default `true`.
   */
  readonly compression?: boolean | Encoding | undefined
  /** Smallest body, in bytes, that is worth compressing. Default 1,024. */
  readonly compressionThreshold?: number | undefined
  /**
   * How events are sent: `v0` over `/batch/`, which every PostHog has and which takes or refuses a request as a whole,
   * or `v1` over `/i/v1/analytics/events`, which tells what became of each event and takes at most 900 KiB of one.
   * Where a server has no `v1`, events are sent with `v0`; see `CaptureRouteMissing`. Default `"v0"`.
   */
  readonly captureMode?: "v0" | "v1" | undefined
  /**
   * How events of LLM analytics are sent: `v1` over PostHog's route for them, which tells what became of each event, or
   * `v0` over the one before it. Where a server has neither, they go the way of all other events, as far as they are
   * small enough; see `AiRouteMissing`. Default `"v1"`.
   */
  readonly aiCaptureMode?: "v0" | "v1" | undefined
  /** Time limit of each request. Default 10 seconds, for events of LLM analytics 30 seconds. */
  readonly requestTimeout?: Duration.DurationInput | undefined
  /**
   * How often a request is repeated after a network error or a status 408, 429 or 5xx. The delays double from one
   * second to 30 seconds. Default 8, about two minutes. When all fail, the events stay queued and sending pauses.
   */
  readonly maxRetries?: number | undefined
  /**
   * The delays between these repetitions, as a `Schedule`; what it gives is not looked at. A `Retry-After` of the
   * server is the least delay, and `maxRetries` holds as well. Default: one second, doubled up to 30 seconds, each a
   * quarter longer or shorter by chance.
   */
  readonly retrySchedule?: Schedule.Schedule<unknown> | undefined
  /** How long sending pauses after all retries failed, unless somebody flushes. Default 30 seconds. */
  readonly retryPause?: Duration.DurationInput | undefined
  /** Most time that closing the instance may take to send what is queued. Default 10 seconds. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
  /** Time limit of each request for feature flags. Default 3 seconds. */
  readonly featureFlagsRequestTimeout?: Duration.DurationInput | undefined
  /**
   * How often a request for feature flags is repeated when there was no answer or a status 502 or 504. The delays are
   * 300, 600, 1200 … milliseconds. Default 1.
   */
  readonly featureFlagsRequestMaxRetries?: number | undefined
  /**
   * Keeps complete answers for `timeToLive`, so that equal evaluations in that time make no request; at most `capacity`
   * of them (default 1,000). Default: nothing is kept.
   */
  readonly featureFlagsCache?: {
    readonly timeToLive: Duration.DurationInput
    readonly capacity?: number | undefined
  } | undefined
  /** Whether reading a flag sends `$feature_flag_called`, from which experiments are counted. Default `true`. */
  readonly sendFeatureFlagEvents?: boolean | undefined
  /**
   * How many combinations of user, flag, value and groups are remembered so that `$feature_flag_called` is not sent
   * again; the least recently used is forgotten first. Default 50,000.
   */
  readonly featureFlagCalledCacheSize?: number | undefined
  /**
   * Whether flags are evaluated in this process or not at all, unless a call says otherwise (`onlyLocally: false`); see
   * `LocalEvaluation`. Default `false`: PostHog is asked about what cannot be evaluated here.
   */
  readonly strictLocalEvaluation?: boolean | undefined
  /** Evaluation contexts: flags that are restricted to others are left out. Default: all flags. */
  readonly evaluationContexts?: ReadonlyArray<string> | undefined
  /**
   * Whether exceptions are captured by themselves: by the logger of `ErrorTracking.layerLogger` and by `PostHogHttp`.
   * What a program captures by hand always is. Default `true`.
   */
  readonly errorTracking?: boolean | undefined
  /**
   * Whether exceptions of one kind that come too often are held back: equal ones within a second, and more than ten at
   * once and one in ten seconds. The next that is captured says how many, as `exceptions_held_back`. What a program
   * captures by hand is never held back. Default `true`; in tests `false`.
   */
  readonly exceptionRateLimit?: boolean | undefined
  /**
   * Id of the release, sent with exceptions as `$release_id`. Default: what PostHog's bundler plugins have put into the
   * bundle, if anything.
   */
  readonly releaseId?: string | undefined
  /** Whether exceptions carry the lines of source around their frames, where files can be read. Default `true`. */
  readonly sourceContext?: boolean | undefined
  /** How many lines before and after a frame's own; PostHog keeps at most 10. Default 5. */
  readonly contextLines?: number | undefined
  /**
   * More directories of which source lines may be read. Default: none besides the working directory, and the package
   * and the workspace of the program's main module. Relative ones are relative to the working directory.
   */
  readonly sourceRoots?: ReadonlyArray<string> | undefined
  /**
   * Whether a file is the program's own, by its absolute path; `undefined`: as without this option, by which everything
   * outside of `node_modules` is.
   */
  readonly isInApp?: ((path: string) => boolean | undefined) | undefined
  /**
   * Whether events about calls of models are without what the models are told and say: messages, and the input and
   * output of spans. Counts of tokens, costs, latencies, names of models and definitions of tools are sent. Nobody in
   * the program can undo it. Default `false`.
   */
  readonly privacyMode?: boolean | undefined
  /**
   * Whether events about calls of models have what the models are told and say whole: images and other media stay, and
   * nothing is cut or replaced. Such an event may have 8 MiB. Default `false`.
   */
  readonly fullAiCapture?: boolean | undefined
  /**
   * Sees each text and each part of what models are told and say, and gives what shall be sent in its place. What
   * throws is replaced by a word. Default: none.
   */
  readonly redactAi?: Redact | undefined
  /** Whether every diagnostic is logged, at debug level, see also `PostHog.debug`. Default `false`. */
  readonly debug?: boolean | undefined
  /** Changes the `HttpClient` that sends events: more headers, a proxy, logging. Default: unchanged. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/** What happens when the queue is full, with the time to wait checked. */
interface CheckedOverflow {
  readonly overflow: "dropOldest" | "dropNewest"
  /** Set when the capturing fiber shall wait for room. */
  readonly waitUpTo: Duration.Duration | undefined
}

const checkOverflow = (given: unknown): CheckedOverflow | Problem => {
  if (given === "dropOldest" || given === "dropNewest") return { overflow: given, waitUpTo: undefined }
  if (typeof given !== "object" || given === null || !("waitUpTo" in given)) {
    return new Problem("is neither \"dropOldest\" nor \"dropNewest\" nor { waitUpTo }")
  }
  const waitUpTo = Kind.durationOf(given.waitUpTo)
  return waitUpTo instanceof Problem ? waitUpTo : { overflow: "dropNewest", waitUpTo }
}

const checkHooks = (given: unknown): ReadonlyArray<BeforeSend> | Problem => {
  const hooks: ReadonlyArray<unknown> = given === undefined ? [] : Array.isArray(given) ? given : [given]
  return hooks.every((hook) => typeof hook === "function")
    ? hooks as ReadonlyArray<BeforeSend>
    : new Problem("is neither a function nor a list of functions")
}

interface Cache {
  readonly timeToLive: Duration.Duration
  readonly capacity: number
}

const checkCache = (given: unknown): Cache | undefined | Problem => {
  if (given === undefined) return undefined
  if (typeof given !== "object" || given === null) return new Problem("is no object with a timeToLive")
  const { capacity = 1_000, timeToLive } = given as { readonly capacity?: unknown; readonly timeToLive?: unknown }
  const duration = Kind.durationOf(timeToLive)
  if (duration instanceof Problem) return duration
  return typeof capacity === "number" && capacity >= 1
    ? { timeToLive: duration, capacity }
    : new Problem(`has a capacity of ${String(capacity)}, but needs at least 1`)
}

/**
 * Every option once: its kind and its default. A new one is written here and in {@link Options}, which explains it.
 * The code that uses it reads it from {@link Resolved}.
 */
const table = /* #__PURE__ */ (() =>
  ({
    apiKey: Kind.key(checkApiKey, "the project API key (phc_…) from the project settings"),
    host: Kind.host(defaultHost),
    secretKey: Kind.key(checkSecretKey, "a personal (phx_…) or project secret key (phs_…)"),
    enabled: Kind.flag(true),
    optedOut: Kind.flag(false),
    globalProperties: Kind.given<PropertiesInput, Properties>(
      {},
      (given) => mergeFrozen(undefined, given as Properties)
    ),
    globalOptions: Kind.given<EventOptions | undefined, EventOptions | undefined>(
      undefined,
      (given) =>
        given === undefined || isRecord(given)
          ? given && mergeFrozen(undefined, given as EventOptions)
          : new Problem("is no object")
    ),
    beforeSend: Kind.given<Options["beforeSend"], ReadonlyArray<BeforeSend>>(undefined, checkHooks),
    invalidEvents: Kind.choice<"send" | "drop">(["send", "drop"], "send"),
    personalData: Kind.choice<PersonalData>(["redact", "hash", "omit"], "redact"),
    personalDataKey: Kind.key(() => undefined, "a text"),
    isServer: Kind.flag(true),
    disableGeoip: Kind.flag(true),
    historicalMigration: Kind.flag(false),
    traceIds: Kind.flag(true),
    background: Kind.flag(true),
    flushAt: Kind.count(100, 1),
    flushInterval: Kind.time(Duration.seconds(5)),
    maxBatchSize: Kind.count(1_000, 1),
    maxBatchBytes: Kind.count(5 * 1024 * 1024, 1),
    maxEventBytes: Kind.count(1_000_000, 1),
    maxQueueBytes: Kind.count(64 * 1024 * 1024, 1),
    maxQueueSize: Kind.count(Number.POSITIVE_INFINITY, 1),
    overflow: Kind.given<Overflow, CheckedOverflow>("dropOldest", checkOverflow),
    maxConcurrentRequests: Kind.count(4, 1),
    compression: Kind.compression(),
    compressionThreshold: Kind.count(1024, 0),
    captureMode: Kind.choice<"v0" | "v1">(["v0", "v1"], "v0"),
    aiCaptureMode: Kind.choice<"v0" | "v1">(["v1", "v0"], "v1"),
    requestTimeout: Kind.timeLimit(Duration.seconds(10)),
    maxRetries: Kind.retries(8),
    retrySchedule: Kind.given<Schedule.Schedule<unknown> | undefined, Schedule.Schedule<unknown>>(
      undefined,
      (given) =>
        given === undefined
          ? defaultRetries
          : Schedule.isSchedule(given)
          ? given as Schedule.Schedule<unknown>
          : new Problem("is no Schedule")
    ),
    retryPause: Kind.time(Duration.seconds(30)),
    shutdownTimeout: Kind.timeLimit(Duration.seconds(10)),
    featureFlagsRequestTimeout: Kind.timeLimit(Duration.seconds(3)),
    featureFlagsRequestMaxRetries: Kind.retries(1),
    featureFlagsCache: Kind.given<Options["featureFlagsCache"], Cache | undefined>(undefined, checkCache),
    sendFeatureFlagEvents: Kind.flag(true),
    featureFlagCalledCacheSize: Kind.count(50_000, 0),
    strictLocalEvaluation: Kind.flag(false),
    evaluationContexts: Kind.list(),
    errorTracking: Kind.flag(true),
    exceptionRateLimit: Kind.flag(true),
    releaseId: Kind.text(),
    sourceContext: Kind.flag(true),
    contextLines: Kind.count(5, 0),
    sourceRoots: Kind.list(),
    isInApp: Kind.callback<NonNullable<Options["isInApp"]>>(),
    privacyMode: Kind.flag(false),
    fullAiCapture: Kind.flag(false),
    redactAi: Kind.callback<Redact>(),
    debug: Kind.flag(false),
    transformClient: Kind.callback<NonNullable<Options["transformClient"]>>()
  }) satisfies { readonly [Name in keyof Options]-?: Kind.Kind<Options[Name], unknown> })()

type Table = typeof table

/** The variable of an option is its name in capitals; what no text can say has none. */
const variableOf = (option: string, { form }: Kind.Kind<unknown, unknown>): string | undefined =>
  form === undefined ? undefined : `POSTHOG_${option.replace(/[A-Z]/g, "_$&").toUpperCase()}`

/** What is known of each option, for the documentation: its variable and its default. */
export const descriptions: () => ReadonlyArray<{
  readonly option: string
  readonly variable: string | undefined
  readonly fallback: unknown
}> = () =>
  Object.entries<Kind.Kind<unknown, unknown>>(table).map(([option, kind]) => ({
    option,
    variable: variableOf(option, kind),
    fallback: kind.fallback
  }))

/** The defaults of those options that have one. */
export type Defaults = {
  readonly [Name in keyof Table as undefined extends Table[Name]["fallback"] ? never : Name]: Table[Name]["fallback"]
}

export const defaults: Defaults = /* #__PURE__ */ (() =>
  Object.fromEntries(
    Object.entries(table).flatMap(([option, { fallback }]) => fallback === undefined ? [] : [[option, fallback]])
  ) as Defaults)()

/** Options from the environment. What a variable has nothing of is absent. */
export const config: Config.Config<Options> = /* #__PURE__ */ (() =>
  Config.map(
    Config.all(
      Object.entries<Kind.Kind<unknown, unknown>>(table).flatMap(([option, kind]) => {
        const name = variableOf(option, kind)
        return name === undefined
          ? []
          : [Config.map(readVariable(name, option, kind), (value) => [option, value] as const)]
      })
    ),
    (entries) => Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Options
  ))()

type Checked = {
  readonly [Name in Exclude<keyof Table, "overflow">]: Exclude<ReturnType<Table[Name]["check"]>, Problem>
}

/** Options that were checked and completed. */
export interface Resolved extends Checked, CheckedOverflow {
  /** Whether the program chose `flushAt`. */
  readonly isFlushAtGiven: boolean
  /** Whether the program chose `shutdownTimeout`. */
  readonly isShutdownTimeoutGiven: boolean
  /** Whether the program chose `requestTimeout`. */
  readonly isRequestTimeoutGiven: boolean
  /** Why the instance does nothing, if it does. */
  readonly disabled: "no_api_key" | "not_enabled" | undefined
}

/** Why an instance does nothing, if it does. */
export const disabledBy = ({ apiKey, enabled }: Options): Resolved["disabled"] =>
  enabled === false
    ? "not_enabled"
    : apiKey === undefined || (typeof apiKey === "string" || Redacted.isRedacted(apiKey)) && Kind.keyText(apiKey) === ""
    ? "no_api_key"
    : undefined

/**
 * Checks options and fills the gaps. An instance that does nothing has no use for them, so that they are not looked at.
 */
export const resolve = (given: Options): Effect.Effect<Resolved, ConfigurationError> => {
  const disabled = disabledBy(given)
  return disabled === undefined ? check(given) : Effect.map(check({}), (resolved) => ({ ...resolved, disabled }))
}

/** The same for an instance that works without a key, in a test. */
export const check = (given: Options): Effect.Effect<Resolved, ConfigurationError> =>
  Effect.suspend(() => {
    const resolved: Record<string, unknown> = {}
    for (const option of Object.keys(table) as Array<keyof Table>) {
      const kind: Kind.Kind<unknown, unknown> = table[option]
      const value = kind.check(given[option] === undefined ? kind.fallback : given[option])
      if (value instanceof Problem) return Kind.invalidOption(option, value, variableOf(option, kind))
      resolved[option] = value
    }
    const { overflow, ...rest } = resolved as Checked & { readonly overflow: CheckedOverflow }
    return Effect.succeed({
      ...rest,
      ...overflow,
      isFlushAtGiven: given.flushAt !== undefined,
      isShutdownTimeoutGiven: given.shutdownTimeout !== undefined,
      isRequestTimeoutGiven: given.requestTimeout !== undefined,
      disabled: rest.apiKey === undefined ? "no_api_key" : undefined
    })
  })

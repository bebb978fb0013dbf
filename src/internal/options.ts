/**
 * From what a user gave to what an instance works with.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { checkApiKey } from "../core/event/apiKey.js"
import { normaliseHost } from "../core/event/host.js"
import { merge, type Properties } from "../core/event/properties.js"
import { type BeforeSend, defaults, type Options } from "../PostHogConfig.js"
import { ConfigurationError } from "../PostHogError.js"

/** Options that were checked and completed. */
export interface Resolved {
  /** `undefined`: the instance is disabled, for the reason in `disabled`. */
  readonly apiKey: Redacted.Redacted<string> | undefined
  readonly disabled: "no_api_key" | "not_enabled" | undefined
  readonly host: string
  readonly optedOut: boolean
  readonly globalProperties: Properties
  readonly beforeSend: ReadonlyArray<BeforeSend>
  readonly isServer: boolean
  readonly disableGeoip: boolean
  readonly historicalMigration: boolean
  readonly flushAt: number
  readonly flushInterval: Duration.Duration
  readonly maxBatchSize: number
  readonly maxBatchBytes: number
  readonly maxEventBytes: number
  readonly maxQueueBytes: number
  readonly maxQueueSize: number
  readonly overflow: "dropOldest" | "dropNewest"
  /** Set when the capturing fiber shall wait for room. */
  readonly waitUpTo: Duration.Duration | undefined
  readonly maxConcurrentRequests: number
  readonly compression: boolean
  readonly compressionThreshold: number
  readonly requestTimeout: Duration.Duration
  readonly maxRetries: number
  readonly retryPause: Duration.Duration
  readonly shutdownTimeout: Duration.Duration
  readonly debug: boolean
  readonly transformClient: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

const keyAdvice = {
  personal_api_key:
    "this is a personal API key (phx_…), which must stay secret; apiKey wants the project API key (phc_…) from the project settings",
  project_secret_key:
    "this is a project secret key (phs_…), which must stay secret; apiKey wants the project API key (phc_…) from the project settings",
  malformed_api_key:
    "PostHog refuses keys of this form; copy the project API key (phc_…) from the project settings again"
} as const

/** The part of an address that may be shown: a proxy's user and password may stand in it. */
const showHost = (host: string): string => host.replace(/\/\/[^/@]*@/, "//").slice(0, 200)

/** Checks options and fills the gaps. */
export const resolve = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Resolved, ConfigurationError> {
  const given = typeof options.apiKey === "string"
    ? options.apiKey
    : options.apiKey === undefined
    ? ""
    : Redacted.value(options.apiKey)
  const apiKey = given.trim()
  const problem = apiKey === "" ? undefined : checkApiKey(apiKey)
  if (problem !== undefined) {
    return yield* new ConfigurationError({ reason: problem, option: "apiKey", message: keyAdvice[problem] })
  }
  const host = normaliseHost(options.host ?? defaults.host)
  if (host === undefined) {
    return yield* new ConfigurationError({
      reason: "invalid_host",
      option: "host",
      message: `"${showHost(options.host!)}" is no URL of the form https://eu.i.posthog.com`
    })
  }
  const overflow = options.overflow ?? defaults.overflow
  const waitUpTo = typeof overflow === "object" ? yield* toDuration("overflow", overflow.waitUpTo) : undefined
  if (typeof overflow === "string" && overflow !== "dropOldest" && overflow !== "dropNewest") {
    return yield* invalidOption("overflow", "is neither \"dropOldest\" nor \"dropNewest\" nor { waitUpTo }")
  }
  const beforeSend = options.beforeSend ?? []
  const maxRetries = options.maxRetries ?? defaults.maxRetries
  return {
    apiKey: apiKey === "" || options.enabled === false ? undefined : Redacted.make(apiKey),
    disabled: options.enabled === false ? "not_enabled" : apiKey === "" ? "no_api_key" : undefined,
    host,
    optedOut: options.optedOut ?? defaults.optedOut,
    globalProperties: merge(options.globalProperties, undefined),
    beforeSend: typeof beforeSend === "function" ? [beforeSend] : beforeSend,
    isServer: options.isServer ?? defaults.isServer,
    disableGeoip: options.disableGeoip ?? defaults.disableGeoip,
    historicalMigration: options.historicalMigration ?? defaults.historicalMigration,
    flushAt: yield* atLeast(options, "flushAt", 1),
    flushInterval: yield* duration(options, "flushInterval"),
    maxBatchSize: yield* atLeast(options, "maxBatchSize", 1),
    maxBatchBytes: yield* atLeast(options, "maxBatchBytes", 1),
    maxEventBytes: yield* atLeast(options, "maxEventBytes", 1),
    maxQueueBytes: yield* atLeast(options, "maxQueueBytes", 1),
    maxQueueSize: yield* atLeast(options, "maxQueueSize", 1),
    overflow: overflow === "dropOldest" ? "dropOldest" : "dropNewest",
    waitUpTo,
    maxConcurrentRequests: yield* atLeast(options, "maxConcurrentRequests", 1),
    compression: options.compression ?? defaults.compression,
    compressionThreshold: yield* atLeast(options, "compressionThreshold", 0),
    requestTimeout: yield* duration(options, "requestTimeout"),
    // PostHog's SDKs read a negative or non-finite number as "never".
    maxRetries: maxRetries > 0 && Number.isFinite(maxRetries) ? Math.floor(maxRetries) : 0,
    retryPause: yield* duration(options, "retryPause"),
    shutdownTimeout: yield* duration(options, "shutdownTimeout"),
    debug: options.debug ?? defaults.debug,
    transformClient: options.transformClient
  }
})

type NumericOption =
  | "flushAt"
  | "maxBatchSize"
  | "maxBatchBytes"
  | "maxEventBytes"
  | "maxQueueBytes"
  | "maxQueueSize"
  | "maxConcurrentRequests"
  | "compressionThreshold"

const invalidOption = (option: string, problem: string): ConfigurationError =>
  new ConfigurationError({ reason: "invalid_option", option, message: `${option} ${problem}` })

const atLeast = (
  options: Options,
  option: NumericOption,
  minimum: number
): Effect.Effect<number, ConfigurationError> => {
  const value = options[option] ?? defaults[option]
  return value >= minimum
    ? Effect.succeed(Math.floor(value))
    : invalidOption(option, `is ${value}, but has to be at least ${minimum}`)
}

const toDuration = (option: string, value: unknown): Effect.Effect<Duration.Duration, ConfigurationError> => {
  const decoded = Duration.decodeUnknown(value)
  return Option.isSome(decoded)
    ? Effect.succeed(decoded.value)
    : invalidOption(option, "is no duration; write \"5 seconds\" or a number of milliseconds")
}

const duration = (
  options: Options,
  option: "flushInterval" | "requestTimeout" | "retryPause" | "shutdownTimeout"
): Effect.Effect<Duration.Duration, ConfigurationError> => toDuration(option, options[option] ?? defaults[option])

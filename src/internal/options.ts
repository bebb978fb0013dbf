/**
 * From what a user gave to what an instance works with.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { checkApiKey, checkSecretKey } from "../core/event/apiKey.js"
import { normaliseHost } from "../core/event/host.js"
import { mergeFrozen, type Properties } from "../core/event/properties.js"
import { redactText } from "../core/secrets.js"
import { type BeforeSend, defaults, type Options } from "../PostHogConfig.js"
import { ConfigurationError } from "../PostHogError.js"

/** Options that every instance has in the end. */
type Plain =
  | "optedOut"
  | "isServer"
  | "disableGeoip"
  | "historicalMigration"
  | "compression"
  | "sendFeatureFlagEvents"
  | "background"
  | "traceIds"
  | "strictLocalEvaluation"
  | "sourceContext"
  | "debug"
type Numeric =
  | "flushAt"
  | "maxBatchSize"
  | "maxBatchBytes"
  | "maxEventBytes"
  | "maxQueueBytes"
  | "maxQueueSize"
  | "maxConcurrentRequests"
  | "compressionThreshold"
  | "featureFlagCalledCacheSize"
  | "contextLines"
type Timed = "flushInterval" | "requestTimeout" | "retryPause" | "shutdownTimeout" | "featureFlagsRequestTimeout"

/** Options that were checked and completed. */
export interface Resolved
  extends
    Readonly<Record<Plain, boolean>>,
    Readonly<Record<Numeric, number>>,
    Readonly<Record<Timed, Duration.Duration>>
{
  /** `undefined`: the instance is disabled, for the reason in `disabled`. */
  readonly apiKey: Redacted.Redacted<string> | undefined
  readonly disabled: "no_api_key" | "not_enabled" | undefined
  readonly host: string
  readonly globalProperties: Properties
  readonly beforeSend: ReadonlyArray<BeforeSend>
  readonly overflow: "dropOldest" | "dropNewest"
  /** Set when the capturing fiber shall wait for room. */
  readonly waitUpTo: Duration.Duration | undefined
  readonly maxRetries: number
  readonly secretKey: Redacted.Redacted<string> | undefined
  readonly featureFlagsRequestMaxRetries: number
  readonly featureFlagsCache: { readonly timeToLive: Duration.Duration; readonly capacity: number } | undefined
  readonly evaluationContexts: ReadonlyArray<string>
  readonly sourceRoots: ReadonlyArray<string> | undefined
  readonly isInApp: Options["isInApp"]
  readonly transformClient: Options["transformClient"]
}

/** The least value of each number. */
const least: Readonly<Record<Numeric, number>> = {
  flushAt: 1,
  maxBatchSize: 1,
  maxBatchBytes: 1,
  maxEventBytes: 1,
  maxQueueBytes: 1,
  maxQueueSize: 1,
  maxConcurrentRequests: 1,
  compressionThreshold: 0,
  featureFlagCalledCacheSize: 0,
  contextLines: 0
}

const timed: ReadonlyArray<Timed> = [
  "flushInterval",
  "requestTimeout",
  "retryPause",
  "shutdownTimeout",
  "featureFlagsRequestTimeout"
]

const wanted = "apiKey wants the project API key (phc_…) from the project settings"

const keyAdvice = {
  personal_api_key: `this is a personal API key (phx_…), which must stay secret; ${wanted}`,
  project_secret_key: `this is a project secret key (phs_…), which must stay secret; ${wanted}`,
  malformed_api_key: `PostHog refuses keys of this form; ${wanted}`,
  project_api_key:
    "this is a project API key (phc_…); secretKey wants a personal (phx_…) or project secret key (phs_…)",
  malformed_secret_key: "no key has this form; secretKey wants a personal (phx_…) or project secret key (phs_…)"
} as const

/** The part of an address that may be shown: a proxy's user and password may stand in it. */
const showHost = (host: string): string => redactText(host, 200)

type WithDefaults = Options & { readonly [Option in keyof typeof defaults]: NonNullable<Options[Option]> }

const withDefaults = (given: Options): WithDefaults => ({
  ...defaults,
  ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
})

/** The text of a key without the white space around it; empty when there is none. */
const keyText = (key: Redacted.Redacted<string> | string | undefined): string =>
  String(key === undefined ? "" : typeof key === "string" ? key : Redacted.value(key)).trim()

/** PostHog's SDKs read a negative or non-finite number of retries as "never". */
const retries = (given: number): number => given > 0 && Number.isFinite(given) ? Math.floor(given) : 0

const defaultCacheCapacity = 1_000

const switches: ReadonlyArray<Plain | "enabled"> = [
  "enabled",
  "optedOut",
  "isServer",
  "disableGeoip",
  "historicalMigration",
  "compression",
  "sendFeatureFlagEvents",
  "background",
  "traceIds",
  "strictLocalEvaluation",
  "sourceContext",
  "debug"
]

/** Why an instance does nothing, if it does. */
const disabledBy = ({ apiKey, enabled }: Options): Resolved["disabled"] =>
  enabled === false
    ? "not_enabled"
    : apiKey === undefined || (typeof apiKey === "string" || Redacted.isRedacted(apiKey)) && keyText(apiKey) === ""
    ? "no_api_key"
    : undefined

/** Checks options and fills the gaps. An instance that does nothing has no use for them, so that they are not looked at. */
export const resolve = (given: Options): Effect.Effect<Resolved, ConfigurationError> => {
  const disabled = disabledBy(given)
  return disabled === undefined ? check(given) : Effect.map(check({}), (resolved) => ({ ...resolved, disabled }))
}

/** The same for an instance that works without a key, in a test. */
export const check = Effect.fnUntraced(function*(given: Options): Effect.fn.Return<Resolved, ConfigurationError> {
  const options = withDefaults(given)
  for (const option of switches) {
    if (typeof options[option] !== "boolean") return yield* invalidOption(option, "is neither true nor false")
  }
  for (const option of ["apiKey", "secretKey"] as const) {
    const key: unknown = options[option]
    if (key !== undefined && typeof key !== "string" && !Redacted.isRedacted(key)) {
      return yield* invalidOption(option, "is neither a text nor Redacted")
    }
  }
  const { beforeSend = [], featureFlagsCache, overflow } = options
  const apiKey = keyText(options.apiKey)
  const secretKey = keyText(options.secretKey)
  const problem = apiKey === "" ? undefined : checkApiKey(apiKey)
  if (problem !== undefined) {
    return yield* new ConfigurationError({ reason: problem, option: "apiKey", message: keyAdvice[problem] })
  }
  const secretProblem = secretKey === "" ? undefined : checkSecretKey(secretKey)
  if (secretProblem !== undefined) {
    return yield* new ConfigurationError({
      reason: secretProblem,
      option: "secretKey",
      message: keyAdvice[secretProblem]
    })
  }
  const host = normaliseHost(String(options.host))
  if (host === undefined) {
    return yield* new ConfigurationError({
      reason: "invalid_host",
      option: "host",
      message: `"${showHost(String(options.host))}" is no URL of the form https://eu.i.posthog.com`
    })
  }
  const hooks = typeof beforeSend === "function" ? [beforeSend] : beforeSend
  if (!Array.isArray(hooks) || hooks.some((hook) => typeof hook !== "function")) {
    return yield* invalidOption("beforeSend", "is neither a function nor a list of functions")
  }
  for (const option of ["maxRetries", "featureFlagsRequestMaxRetries"] as const) {
    if (typeof options[option] !== "number") return yield* invalidOption(option, "is no number")
  }
  const numbers: Partial<Record<Numeric, number>> = {}
  for (const option of Object.keys(least) as Array<Numeric>) {
    if (typeof options[option] !== "number" || !(options[option] >= least[option])) {
      return yield* invalidOption(
        option,
        `is ${String(options[option])}, but has to be a number of at least ${least[option]}`
      )
    }
    numbers[option] = Math.floor(options[option])
  }
  const durations: Partial<Record<Timed, Duration.Duration>> = {}
  for (const option of timed) durations[option] = yield* toDuration(option, options[option])
  const waitUpTo = typeof overflow === "object" && overflow !== null
    ? yield* toDuration("overflow", overflow.waitUpTo)
    : undefined
  if (waitUpTo === undefined && overflow !== "dropOldest" && overflow !== "dropNewest") {
    return yield* invalidOption("overflow", "is neither \"dropOldest\" nor \"dropNewest\" nor { waitUpTo }")
  }
  if (featureFlagsCache !== undefined && (typeof featureFlagsCache !== "object" || featureFlagsCache === null)) {
    return yield* invalidOption("featureFlagsCache", "is no object with a timeToLive")
  }
  for (const option of ["transformClient", "isInApp"] as const) {
    if (options[option] !== undefined && typeof options[option] !== "function") {
      return yield* invalidOption(option, "is no function")
    }
  }
  const contexts: unknown = options.evaluationContexts
  if (!Array.isArray(contexts) || contexts.some((context) => typeof context !== "string")) {
    return yield* invalidOption("evaluationContexts", "is no list of texts")
  }
  const sourceRoots: unknown = options.sourceRoots
  if (
    sourceRoots !== undefined && (!Array.isArray(sourceRoots) || sourceRoots.some((root) => typeof root !== "string"))
  ) {
    return yield* invalidOption("sourceRoots", "is no list of directories")
  }
  const cache = featureFlagsCache === undefined ? undefined : {
    timeToLive: yield* toDuration("featureFlagsCache", featureFlagsCache.timeToLive),
    capacity: featureFlagsCache.capacity ?? defaultCacheCapacity
  }
  if (cache !== undefined && !(cache.capacity >= 1)) {
    return yield* invalidOption("featureFlagsCache", `has a capacity of ${cache.capacity}, but needs at least 1`)
  }
  return {
    ...options,
    ...numbers as Required<typeof numbers>,
    ...durations as Required<typeof durations>,
    apiKey: apiKey === "" ? undefined : Redacted.make(apiKey),
    disabled: apiKey === "" ? "no_api_key" : undefined,
    host,
    globalProperties: mergeFrozen(undefined, options.globalProperties),
    beforeSend: hooks,
    overflow: overflow === "dropOldest" ? overflow : "dropNewest",
    waitUpTo,
    maxRetries: retries(options.maxRetries),
    secretKey: secretKey === "" ? undefined : Redacted.make(secretKey),
    featureFlagsRequestMaxRetries: retries(options.featureFlagsRequestMaxRetries),
    featureFlagsCache: cache,
    sourceRoots: options.sourceRoots,
    isInApp: options.isInApp,
    transformClient: options.transformClient
  }
})

export const invalidOption = (option: string, problem: string): ConfigurationError =>
  new ConfigurationError({ reason: "invalid_option", option, message: `${option} ${problem}` })

export const toDuration = (option: string, value: unknown): Effect.Effect<Duration.Duration, ConfigurationError> => {
  const decoded = Duration.decodeUnknown(value)
  const isNegative = typeof value === "number"
    ? !(value >= 0)
    : typeof value === "string" && value.trim().startsWith("-")
  return Option.isSome(decoded) && !isNegative
    ? Effect.succeed(decoded.value)
    : invalidOption(option, "is no duration; write \"5 seconds\" or a number of milliseconds")
}

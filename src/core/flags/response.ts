/**
 * What PostHog answers to `POST /flags/?v=2`, in its current and its older shapes.
 *
 * @since 0.1.0
 */

/** The value of a flag: off, on, or the variant that is on. */
export type FlagValue = boolean | string

/** Where a value came from: PostHog's answer, definitions evaluated in this process, or a test. */
export type FlagSource = "remote" | "local" | "override"

/** One flag as it was evaluated for somebody. */
export interface EvaluatedFlag {
  readonly key: string
  readonly value: FlagValue
  readonly source: FlagSource
  /** The payload of the value, decoded from JSON; a text that is no JSON stays a text. `undefined`: none. */
  readonly payload: unknown
  readonly id: number | undefined
  readonly version: number | undefined
  /** Why the value is what it is, such as `condition_match`. */
  readonly reasonCode: string | undefined
  /** The same for people, such as `Matched condition set 1`. */
  readonly reasonDescription: string | undefined
  /** Whether the flag belongs to an experiment; `undefined`: not known. */
  readonly hasExperiment: boolean | undefined
}

/** One evaluation of all flags that were asked for. */
export interface FlagsResponse {
  readonly flags: ReadonlyMap<string, EvaluatedFlag>
  /** Keys of flags in a form that nobody can read. */
  readonly malformed: ReadonlySet<string>
  /** Keys of flags that PostHog could not compute: what it answered of them is no value. */
  readonly failed: ReadonlySet<string>
  readonly requestId: string | undefined
  /** Milliseconds since the epoch. */
  readonly evaluatedAt: number | undefined
  /** Whether PostHog could not compute all flags; those in `flags` are right. */
  readonly errorsWhileComputing: boolean
  /** Whether the project is over its quota; there are no flags then. */
  readonly quotaLimited: boolean
  /** Whether events about flags without an experiment may be sent in their short form. */
  readonly minimalFlagCalledEvents: boolean
}

export type Json = { readonly [name: string]: unknown }

/** Whether a value is an object of JSON. */
export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined
export const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined
export const boolean = (value: unknown): boolean | undefined => typeof value === "boolean" ? value : undefined

/**
 * One payload may be read by many, none of whom must change it for the others. Without recursion, because a payload may
 * nest deeper than the stack reaches.
 */
const deepFreeze = (value: unknown): unknown => {
  const open = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== "object" || next === null || Object.isFrozen(next)) continue
    Object.freeze(next)
    for (const member of Object.values(next)) open.push(member)
  }
  return value
}

/** Payloads travel as JSON inside of JSON. The result cannot be changed. */
export const parsePayload = (payload: unknown): unknown => {
  if (payload === null) return undefined
  if (typeof payload !== "string") return deepFreeze(payload)
  try {
    return deepFreeze(JSON.parse(payload)) ?? undefined
  } catch {
    return payload
  }
}

/** A flag in a form that nobody can read, or one that PostHog could not compute. */
type NoFlag = "malformed" | "failed"

const isNil = (value: unknown): value is null | undefined => value === undefined || value === null

/**
 * A member that decides and has a wrong type makes the flag unreadable; what only describes the flag is left out then.
 */
const parseFlag = (key: string, flag: unknown): EvaluatedFlag | NoFlag => {
  if (!isObject(flag)) return "malformed"
  const { enabled, failed, variant } = flag
  if (failed === true) return "failed"
  if (typeof enabled !== "boolean" || !(isNil(failed) || failed === false)) return "malformed"
  if (!isNil(variant) && typeof variant !== "string") return "malformed"
  const metadata = isObject(flag.metadata) ? flag.metadata : {}
  const reason = isObject(flag.reason) ? flag.reason : {}
  return {
    key,
    value: enabled && typeof variant === "string" ? variant : enabled,
    source: "remote",
    payload: parsePayload(metadata.payload),
    id: number(metadata.id),
    version: number(metadata.version),
    reasonCode: text(reason.code),
    reasonDescription: text(reason.description),
    hasExperiment: boolean(metadata.has_experiment)
  }
}

/** A flag of which only value and payload are known. */
export const plainFlag = (key: string, value: FlagValue, payload: unknown, source: FlagSource): EvaluatedFlag => ({
  key,
  value,
  source,
  payload,
  id: undefined,
  version: undefined,
  reasonCode: undefined,
  reasonDescription: undefined,
  hasExperiment: undefined
})

/** The flags of an answer by key. `undefined` for what is no answer. */
const parseFlags = (body: Json): ReadonlyMap<string, EvaluatedFlag | NoFlag> | undefined => {
  const flags = new Map<string, EvaluatedFlag | NoFlag>()
  if (isObject(body.flags)) {
    for (const key of Object.keys(body.flags)) flags.set(key, parseFlag(key, body.flags[key]))
    return flags
  }
  if (body.flags !== undefined) return undefined
  // Answers of older servers: values by key, or only the keys of flags that are on.
  const legacy = body.featureFlags
  if (Array.isArray(legacy)) {
    for (const key of legacy) if (typeof key === "string") flags.set(key, plainFlag(key, true, undefined, "remote"))
    return flags
  }
  if (!isObject(legacy)) return undefined
  const payloads = isObject(body.featureFlagPayloads) ? body.featureFlagPayloads : {}
  for (const key of Object.keys(legacy)) {
    const value = legacy[key]
    const payload = Object.hasOwn(payloads, key) ? parsePayload(payloads[key]) : undefined
    const isValue = typeof value === "boolean" || typeof value === "string"
    flags.set(key, isValue ? plainFlag(key, value, payload, "remote") : "malformed")
  }
  return flags
}

/**
 * Reads an answer, or of it only the flags with the keys that were asked for; `undefined` when it is none. Flags that
 * are malformed are neither off nor missing.
 */
export const parseFlagsResponse = (body: unknown, only?: ReadonlyArray<string>): FlagsResponse | undefined => {
  if (!isObject(body)) return undefined
  const parsed = parseFlags(body)
  const { errorsWhileComputingFlags: errors } = body
  const quotaLimited = Array.isArray(body.quotaLimited) && body.quotaLimited.includes("feature_flags")
  if (parsed === undefined && !quotaLimited) return undefined
  const flags = new Map<string, EvaluatedFlag>()
  const malformed = new Set<string>()
  const failed = new Set<string>()
  const wanted = only === undefined ? undefined : new Set(only)
  for (const [key, flag] of quotaLimited || parsed === undefined ? [] : parsed) {
    if (wanted?.has(key) === false) continue
    if (flag === "malformed") malformed.add(key)
    else if (flag === "failed") failed.add(key)
    else flags.set(key, flag)
  }
  return {
    flags,
    malformed,
    failed,
    requestId: text(body.requestId),
    evaluatedAt: number(body.evaluatedAt),
    // Said in another way than by `true`, it is said all the same: flags that are not here must not count as not
    // existing.
    errorsWhileComputing: !isNil(errors) && errors !== false,
    quotaLimited,
    minimalFlagCalledEvents: body.minimalFlagCalledEvents === true
  }
}

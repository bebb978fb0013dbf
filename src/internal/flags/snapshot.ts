/**
 * A snapshot: what the flags were at one moment for one user. Reading it is a look-up; what the first read of a flag
 * tells PostHog is `exposure.ts`.
 */
import * as Effect from "effect/Effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import type * as Option from "effect/Option"
import { type Properties, setMember } from "../../core/event/layers.js"
import { eventProperties } from "../../core/flags/called.js"
import type { UnresolvedReason } from "../../core/flags/local.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import type { EvaluatedFlag, FlagValue } from "../../core/flags/response.js"
import { shared } from "../../core/shared.js"
import type { Any } from "../../FeatureFlag.js"
import { type Unrun, unrun } from "../unrun.js"
import { FlagNotFound, FlagsUnavailable, type MissingDistinctId, UnknownVariant } from "./errors.js"
import { type Evaluation, nothing } from "./evaluation.js"
import type { Exposure } from "./exposure.js"
import { decodePayload, isFlag, keyOf } from "./given.js"
import type { FlagError, Reading, ReadOptions, Snapshot } from "./reading.js"

/** What a snapshot is made of. */
interface Parts {
  readonly evaluation: Omit<Evaluation, "failure">
  readonly failure: FlagsUnavailable | MissingDistinctId | undefined
  readonly distinctId: string | undefined
  /** Keys that were asked for; `undefined`: all. */
  readonly asked: ReadonlyArray<string> | undefined
  /** Reports reads to PostHog. Without one nothing is reported. */
  readonly exposure: Exposure | undefined
  /** Key of the instance, for the context. */
  readonly instance: string
  /** Flags of the snapshot of which this is a part. */
  readonly whole?: ReadonlyMap<string, EvaluatedFlag> | undefined
  readonly accessed?: ReadonlyArray<string> | undefined
}

/** One flag of a snapshot, or one that it does not have. */
interface Entry {
  readonly flag: EvaluatedFlag | undefined
  accessed: boolean
  /** Whether PostHog was told about the read, or knew it already. */
  exposed: boolean
  /** What reads by key give from then on. Kept, so that a read in a hot loop makes nothing. */
  readonly value: Effect.Effect<FlagValue | undefined>
  readonly enabled: Effect.Effect<boolean>
}

/**
 * What get, getOrFail and read give depends on the flag in a way that the interface says and an implementation cannot,
 * hence the casts. A class with getters, because an object literal with getters takes microseconds to make; with
 * functions as fields, because users may take them off the snapshot.
 */
class Evaluated implements Snapshot {
  readonly distinctId: string | undefined
  readonly failure: FlagsUnavailable | MissingDistinctId | undefined
  readonly requestId: string | undefined
  readonly evaluatedAt: number | undefined
  readonly errorsWhileComputing: boolean
  readonly definitionsLoadedAt: number | undefined
  readonly #parts: Parts
  readonly #flags: ReadonlyMap<string, EvaluatedFlag>
  #entries: Map<string, Entry> | undefined
  #properties: Properties | undefined

  constructor(parts: Parts) {
    const { distinctId, evaluation, failure } = parts
    this.distinctId = distinctId
    this.failure = failure
    this.requestId = evaluation.requestId
    this.evaluatedAt = evaluation.evaluatedAt
    this.errorsWhileComputing = evaluation.errorsWhileComputing
    this.definitionsLoadedAt = evaluation.local?.definitionsLoadedAt
    this.#parts = parts
    this.#flags = evaluation.flags
    for (const key of parts.accessed ?? []) this.#entry(key).accessed = true
    Object.freeze(this)
  }

  static instanceOf(flags: unknown): string | undefined {
    return Evaluated.is(flags) ? (flags as Evaluated).#parts.instance : undefined
  }

  static is(flags: unknown): flags is Snapshot {
    return typeof flags === "object" && flags !== null && #parts in flags
  }

  /** Whether the snapshot can say what a flag is, or that there is no such flag. */
  static covers(flags: Snapshot, key: string): boolean {
    const self = flags as Evaluated
    return self.failure === undefined
      ? self.#flags.has(key) || (self.#wasAsked(key) && !self.#isLeftOut(key))
      : self.distinctId !== undefined
  }

  get keys(): ReadonlyArray<string> {
    return Array.from(this.#flags.keys()).sort()
  }

  get values(): { readonly [key: string]: FlagValue } {
    const values: Record<string, FlagValue> = {}
    for (const [key, { value }] of this.#flags) setMember(values, key, value)
    return values
  }

  get payloads(): { readonly [key: string]: unknown } {
    const payloads: Record<string, unknown> = {}
    for (const [key, { payload }] of this.#flags) if (payload !== undefined) setMember(payloads, key, payload)
    return payloads
  }

  get unresolved(): { readonly [key: string]: UnresolvedReason } {
    return Object.fromEntries(this.#parts.evaluation.unresolved)
  }

  get accessed(): ReadonlyArray<string> {
    return Array.from(this.#entries ?? []).flatMap(([key, entry]) => entry.accessed ? [key] : []).sort()
  }

  get eventProperties(): Properties {
    return this.#properties ??= Object.freeze(eventProperties(this.#flags.values()))
  }

  /** What is seen of it in logs. */
  toJSON(): unknown {
    const {
      definitionsLoadedAt,
      distinctId,
      errorsWhileComputing,
      evaluatedAt,
      failure,
      requestId,
      unresolved,
      values
    } = this
    return {
      _id: "FeatureFlags.Snapshot",
      distinctId,
      failure,
      values,
      unresolved,
      errorsWhileComputing,
      requestId,
      evaluatedAt,
      definitionsLoadedAt
    }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  readonly isEnabled: Snapshot["isEnabled"] = (flag, options) =>
    unrun(
      this.#told(flag)?.enabled ?? this.#reading(flag, options, (entry) => {
        const { value = false } = this.#interpret(flag, entry, options)
        return Effect.succeed(value !== false)
      })
    )

  readonly get: Snapshot["get"] = (flag: string | Any, options?: ReadOptions<FlagValue>): Unrun<never> =>
    (this.#told(flag)?.value ??
      this.#reading(flag, options, (entry) => Effect.succeed(this.#interpret(flag, entry, options).value))) as never

  readonly getOrFail: Snapshot["getOrFail"] = (
    flag: string | Any,
    options?: ReadOptions<never>
  ): Unrun<never, never> =>
    unrun(this.#reading(flag, options, (entry) => {
      const { error, value } = this.#interpret(flag, entry, options)
      return error === undefined ? Effect.succeed(value as never) : Effect.fail(error as never)
    }))

  readonly read: Snapshot["read"] = (
    flag: string | Any,
    options?: ReadOptions<FlagValue>
  ): Effect.Effect<Reading<never>> =>
    this.#reading(flag, options, (entry) => {
      const { error, value } = this.#interpret(flag, entry, options)
      return Effect.succeed({
        value: value as never,
        isDefault: error !== undefined,
        error,
        flag: this.details(flag)
      })
    })

  readonly payload: Snapshot["payload"] = (flag: string | Any): Effect.Effect<Option.Option<never>, never> =>
    Effect.suspend(() => decodePayload(flag, this.#flags.get(keyOf(flag))?.payload)) as Effect.Effect<
      Option.Option<never>,
      never
    >

  readonly details: Snapshot["details"] = (flag) => {
    const evaluated = this.#flags.get(keyOf(flag))
    if (evaluated === undefined) return undefined
    const { reasonCode: code, reasonDescription: description, value } = evaluated
    const isLocal = evaluated.source === "local"
    return {
      key: evaluated.key,
      value,
      enabled: value !== false,
      ...(typeof value === "string" ? { variant: value } : undefined),
      payload: evaluated.payload,
      reason: code === undefined && description === undefined ? undefined : { code, description },
      source: evaluated.source,
      id: evaluated.id,
      version: evaluated.version,
      hasExperiment: evaluated.hasExperiment,
      requestId: isLocal ? undefined : this.requestId,
      evaluatedAt: isLocal ? this.#parts.evaluation.local?.evaluatedAt : this.evaluatedAt
    }
  }

  readonly only: Snapshot["only"] = (wanted) => {
    const keys = wanted.map(keyOf)
    const missing = keys.filter((key) => !this.#flags.has(key))
    if (missing.length > 0 && this.failure === undefined) this.#parts.exposure?.notHere(missing)
    return this.#part(keys)
  }

  readonly onlyAccessed: Snapshot["onlyAccessed"] = () => this.#part(this.accessed)

  #entry(key: string): Entry {
    const entries = this.#entries ??= new Map<string, Entry>()
    let entry = entries.get(key)
    if (entry === undefined) {
      const flag = this.#flags.get(key)
      entry = {
        flag,
        accessed: false,
        exposed: false,
        value: Effect.succeed(flag?.value),
        enabled: Effect.succeed(flag !== undefined && flag.value !== false)
      }
      entries.set(key, entry)
    }
    return entry
  }

  /** A flag that PostHog has been told about: reading it by key again makes nothing. */
  #told(flag: string | Any): Entry | undefined {
    if (typeof flag !== "string") return undefined
    const entry = this.#entries?.get(flag)
    return entry !== undefined && entry.exposed && entry.flag !== undefined ? entry : undefined
  }

  #isLeftOut(key: string): boolean {
    return this.#parts.whole?.has(key) === true && !this.#flags.has(key)
  }

  #wasAsked(key: string): boolean {
    return this.#parts.asked?.includes(key) !== false
  }

  #whyMissing(key: string): FlagError {
    const { errorsWhileComputing, failed, malformed, unresolved } = this.#parts.evaluation
    if (this.failure !== undefined) return this.failure
    if (!this.#wasAsked(key) || this.#isLeftOut(key)) return new FlagsUnavailable({ reason: "not_evaluated" })
    if (malformed.has(key)) return new FlagsUnavailable({ reason: "invalid_response" })
    if (errorsWhileComputing || failed.has(key)) return new FlagsUnavailable({ reason: "errors_while_computing" })
    const reason = unresolved.get(key)
    return reason === undefined
      ? new FlagNotFound({ key })
      : new FlagsUnavailable({ reason: "unresolved_locally", unresolved: reason })
  }

  /** What a flag's value means to the program, and when it is the default, why. */
  #interpret(
    flag: string | Any,
    { flag: evaluated }: Entry,
    options: ReadOptions<FlagValue> | undefined
  ): { readonly value: FlagValue | undefined; readonly error: FlagError | UnknownVariant | undefined } {
    const fallback = options?.default ?? (isFlag(flag) ? flag.default : undefined)
    if (evaluated === undefined) return { value: fallback, error: this.#whyMissing(keyOf(flag)) }
    const { key, value } = evaluated
    if (!isFlag(flag)) return { value, error: undefined }
    // Somebody may have added variants to a flag of which the program only wants to know whether it is on.
    if (flag.variants === undefined) return { value: value !== false, error: undefined }
    if (value === false || flag.variants.includes(value as string)) return { value, error: undefined }
    return { value: fallback, error: new UnknownVariant({ key, value, variants: flag.variants }) }
  }

  /** Whether a read is one that PostHog is to be told about. */
  #isTold(flag: string | Any, { flag: evaluated }: Entry, options: ReadOptions<FlagValue> | undefined): boolean {
    const { exposure, whole } = this.#parts
    if (exposure === undefined || (whole !== undefined && evaluated === undefined)) return false
    return options?.sendFeatureFlagEvents ??
      (isFlag(flag) ? flag.sendFeatureFlagEvents : undefined) ??
      exposure.byDefault
  }

  #reading<A, E>(
    flag: string | Any,
    options: ReadOptions<FlagValue> | undefined,
    give: (entry: Entry) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const entry = this.#entry(keyOf(flag))
      entry.accessed = true
      return entry.exposed || !this.#isTold(flag, entry, options)
        ? give(entry)
        : Effect.zipRight(this.#parts.exposure!.tell(keyOf(flag), entry), give(entry))
    })
  }

  #part(keys: ReadonlyArray<string>): Snapshot {
    const kept = new Map<string, EvaluatedFlag>()
    for (const key of keys) {
      const flag = this.#flags.get(key)
      if (flag !== undefined) kept.set(key, flag)
    }
    return new Evaluated({
      ...this.#parts,
      evaluation: { ...this.#parts.evaluation, flags: kept },
      whole: this.#parts.whole ?? this.#flags,
      accessed: this.accessed
    })
  }
}

/** One class for all copies of this module: a snapshot of one is a snapshot for the other. */
const Shared = /* #__PURE__ */ shared("Snapshot", () => Evaluated)

export const isSnapshot = (flags: unknown): flags is Snapshot => Shared.is(flags)

/** Key of the instance of a snapshot; `undefined` when the value is none. */
export const instanceKeyOf = (flags: unknown): string | undefined => Shared.instanceOf(flags)

export const covers = (flags: Snapshot, key: string): boolean => Shared.covers(flags, key)

/** The snapshot of an evaluation. */
export const make = (
  evaluation: Evaluation,
  { distinctId, flagKeys }: FlagsRequest,
  exposure: Exposure,
  instance: string
): Snapshot => new Shared({ evaluation, failure: evaluation.failure, distinctId, asked: flagKeys, exposure, instance })

/** A snapshot without flags, whose reads are not reported to PostHog. */
export const empty = (
  distinctId: string | undefined,
  failure: FlagsUnavailable | MissingDistinctId | undefined,
  instance: string
): Snapshot =>
  new Shared({
    evaluation: nothing,
    failure,
    distinctId,
    asked: [],
    exposure: undefined,
    instance
  })

/**
 * A snapshot: what the flags were at one moment for one user. Reading it is a look-up; the first read of a flag is told to
 * PostHog.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Properties } from "../../core/event/properties.js"
import { calledKey, calledProperties, eventProperties, minimalProperties } from "../../core/flags/called.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import type { EvaluatedFlag, FlagValue } from "../../core/flags/response.js"
import type { Any, FeatureFlag } from "../../FeatureFlag.js"
import type { EvaluateOptions, FlagDetails, FlagError, Reading, ReadOptions, Snapshot } from "../../FeatureFlags.js"
import {
  FlagNotFound,
  FlagsUnavailable,
  type MissingDistinctId,
  PayloadInvalid,
  UnknownVariant
} from "../../PostHogError.js"
import type { Kind } from "../capture.js"
import type { Active } from "../instance.js"
import type { Evaluation, Flags } from "./evaluator.js"

/** What a read needs to tell PostHog about it. Without one nothing is told. */
export interface Exposures {
  readonly active: Active
  readonly isOpen: () => boolean
  readonly flags: Flags
  readonly request: FlagsRequest
  readonly options: EvaluateOptions
}

/** One flag of a snapshot, or one that it does not have. */
interface Entry {
  readonly flag: EvaluatedFlag | undefined
  accessed: boolean
  /** Whether PostHog was told about the read, or knew it already. */
  exposed: boolean
  /** What reads give from then on. Kept, so that a read in a hot loop makes nothing. */
  readonly value: Effect.Effect<FlagValue | undefined>
  readonly enabled: Effect.Effect<boolean>
}

/** The event about a read: about the user of the snapshot, without the flags of the context. */
const calledEvent = "$feature_flag_called"
const calledKind: Kind = { withContext: true, withFlags: false, needsId: true }

const keyOf = (flag: string | Any): string => typeof flag === "string" ? flag : flag.key

class SnapshotImpl implements Snapshot {
  private readonly entries = new Map<string, Entry>()
  private properties: Properties | undefined

  constructor(
    readonly evaluation: Omit<Evaluation, "failure">,
    readonly distinctId: string | undefined,
    readonly failure: FlagsUnavailable | MissingDistinctId | undefined,
    private readonly exposures: Exposures | undefined,
    /** Key of the instance, for the context. */
    readonly instance: string,
    /** Whether this is a part of another snapshot; nothing is told about flags that were left out. */
    private readonly isPart = false
  ) {}

  get requestId(): string | undefined {
    return this.evaluation.requestId
  }

  get evaluatedAt(): number | undefined {
    return this.evaluation.evaluatedAt
  }

  get errorsWhileComputing(): boolean {
    return this.evaluation.errorsWhileComputing
  }

  get keys(): ReadonlyArray<string> {
    return Array.from(this.evaluation.flags.keys()).sort()
  }

  get accessed(): ReadonlyArray<string> {
    return Array.from(this.entries).flatMap(([key, entry]) => entry.accessed ? [key] : []).sort()
  }

  get eventProperties(): Properties {
    return this.properties ??= Object.freeze(eventProperties(this.evaluation.flags.values()))
  }

  isEnabled(flag: string | Any, options?: ReadOptions<boolean>): Effect.Effect<boolean> {
    if (typeof flag === "string") {
      const known = this.entries.get(flag)
      if (known !== undefined && known.exposed && options?.default === undefined) return known.enabled
    }
    return this.reading(flag, options, (entry) =>
      entry.flag === undefined
        ? Effect.succeed(options?.default ?? (typeof flag === "string" ? false : flag.default !== false))
        : entry.enabled)
  }

  // What the next three give depends on the flag in a way that the interface says and an implementation cannot.
  get(flag: string | Any, options?: ReadOptions<FlagValue>): Effect.Effect<never> {
    if (typeof flag === "string") {
      const known = this.entries.get(flag)
      if (known !== undefined && known.exposed && options?.default === undefined) {
        return known.value as Effect.Effect<never>
      }
    }
    return this.reading(flag, options, (entry) => Effect.succeed(this.interpret(flag, entry, options).value as never))
  }

  getOrFail(flag: string | Any, options?: ReadOptions<never>): Effect.Effect<never, never> {
    return this.reading(flag, options, (entry) => {
      const { error, value } = this.interpret(flag, entry, options)
      return error === undefined ? Effect.succeed(value as never) : Effect.fail(error as never)
    })
  }

  read(flag: string | Any, options?: ReadOptions<FlagValue>): Effect.Effect<Reading<never>> {
    return this.reading(flag, options, (entry) => {
      const { error, value } = this.interpret(flag, entry, options)
      return Effect.succeed({
        value: value as never,
        isDefault: error !== undefined,
        error,
        flag: this.details(flag)
      })
    })
  }

  payload<P>(flag: FeatureFlag<FlagValue, P>): Effect.Effect<Option.Option<P>, PayloadInvalid>
  payload(flag: string): Effect.Effect<Option.Option<unknown>>
  payload(flag: string | Any): Effect.Effect<Option.Option<unknown>, PayloadInvalid> {
    return Effect.suspend(() => {
      const key = keyOf(flag)
      const payload = this.evaluation.flags.get(key)?.payload
      if (payload === undefined) return Effect.succeedNone
      const decode = typeof flag === "string" ? undefined : flag.decodePayload
      if (decode === undefined) return Effect.succeedSome(payload)
      return decode(payload).pipe(
        Effect.map(Option.some),
        Effect.mapError((cause) => new PayloadInvalid({ key, detail: cause.message, cause }))
      )
    })
  }

  details(flag: string | Any): FlagDetails | undefined {
    const evaluated = this.evaluation.flags.get(keyOf(flag))
    if (evaluated === undefined) return undefined
    const { reasonCode: code, reasonDescription: description, value } = evaluated
    return {
      key: evaluated.key,
      value,
      enabled: value !== false,
      variant: typeof value === "string" ? value : undefined,
      payload: evaluated.payload,
      reason: code === undefined && description === undefined ? undefined : { code, description },
      source: evaluated.source,
      id: evaluated.id,
      version: evaluated.version,
      hasExperiment: evaluated.hasExperiment,
      requestId: this.requestId,
      evaluatedAt: this.evaluatedAt
    }
  }

  only(flags: ReadonlyArray<string | Any>): Snapshot {
    const keys = flags.map(keyOf)
    const missing = keys.filter((key) => !this.evaluation.flags.has(key))
    if (missing.length > 0 && this.failure === undefined) {
      this.exposures?.active.diagnostics.emit(
        "FlagsNotInSnapshot",
        () => ({ _tag: "FlagsNotInSnapshot", keys: missing })
      )
    }
    return this.part(keys)
  }

  onlyAccessed(): Snapshot {
    return this.part(this.accessed)
  }

  /** Whether the snapshot can say that there is no such flag, or what it is. */
  covers(key: string): boolean {
    if (this.evaluation.flags.has(key)) return true
    const asked = this.exposures?.request.flagKeys
    return !this.isPart && (asked === undefined || asked.includes(key))
  }

  private part(keys: ReadonlyArray<string>): Snapshot {
    const flags = new Map<string, EvaluatedFlag>()
    for (const key of keys) {
      const flag = this.evaluation.flags.get(key)
      if (flag !== undefined) flags.set(key, flag)
    }
    const part = new SnapshotImpl(
      { ...this.evaluation, flags },
      this.distinctId,
      this.failure,
      this.exposures,
      this.instance,
      true
    )
    for (const key of this.accessed) part.entry(key).accessed = true
    return part
  }

  private entry(key: string): Entry {
    let entry = this.entries.get(key)
    if (entry === undefined) {
      const flag = this.evaluation.flags.get(key)
      entry = {
        flag,
        accessed: false,
        exposed: false,
        value: Effect.succeed(flag?.value),
        enabled: Effect.succeed(flag !== undefined && flag.value !== false)
      }
      this.entries.set(key, entry)
    }
    return entry
  }

  /** What a flag's value means to the program, and when it is the default, why. */
  private interpret(
    flag: string | Any,
    { flag: evaluated }: Entry,
    options: ReadOptions<FlagValue> | undefined
  ): { readonly value: FlagValue | undefined; readonly error: FlagError | UnknownVariant | undefined } {
    const fallback = options?.default ?? (typeof flag === "string" ? undefined : flag.default)
    if (evaluated === undefined) return { value: fallback, error: this.whyMissing(keyOf(flag)) }
    const { key, value } = evaluated
    if (typeof flag === "string") return { value, error: undefined }
    // Somebody may have added variants to a flag of which the program only wants to know whether it is on.
    if (flag.variants === undefined) return { value: value !== false, error: undefined }
    if (value === false || flag.variants.includes(value as string)) return { value, error: undefined }
    return { value: fallback, error: new UnknownVariant({ key, value, variants: flag.variants }) }
  }

  private whyMissing(key: string): FlagError {
    if (this.failure !== undefined) return this.failure
    return this.errorsWhileComputing && !this.isPart
      ? new FlagsUnavailable({ reason: "errors_while_computing" })
      : new FlagNotFound({ key })
  }

  private reading<A, E>(
    flag: string | Any,
    options: ReadOptions<FlagValue> | undefined,
    give: (entry: Entry) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      const entry = this.entry(keyOf(flag))
      entry.accessed = true
      return entry.exposed || !this.isToldOf(flag, entry, options)
        ? give(entry)
        : Effect.zipRight(this.expose(keyOf(flag), entry), give(entry))
    })
  }

  private isToldOf(
    flag: string | Any,
    { flag: evaluated }: Entry,
    options: ReadOptions<FlagValue> | undefined
  ): boolean {
    if (this.exposures === undefined || (this.isPart && evaluated === undefined)) return false
    return options?.sendFeatureFlagEvents ??
      (typeof flag === "string" ? undefined : flag.sendFeatureFlagEvents) ??
      this.exposures.options.sendFeatureFlagEvents ??
      this.exposures.active.options.sendFeatureFlagEvents
  }

  /** Tells PostHog about a read, unless it was told about an equal one. */
  private expose(key: string, entry: Entry): Effect.Effect<void> {
    return Effect.withFiberRuntime((fiber) => {
      const { active, flags, isOpen, options, request } = this.exposures!
      if (!isOpen()) return Effect.void
      entry.exposed = true
      const name = calledKey(request.distinctId, key, entry.flag?.value, request.groups)
      if (flags.called.get(name) === true) return Effect.void
      flags.called.set(name, true)
      return active.door.capture(fiber, {
        event: calledEvent,
        properties: calledProperties(key, entry.flag, this.evaluationFacts(), request.groups),
        subject: request.distinctId,
        options: { disableGeoip: options.disableGeoip },
        kind: calledKind,
        keep: flags.minimalEvents && entry.flag?.hasExperiment === false ? minimalProperties : undefined
      })
    })
  }

  private evaluationFacts() {
    const { failure } = this
    return { ...this.evaluation, failure: failure?._tag === "FlagsUnavailable" ? failure : undefined }
  }
}

/** The snapshot among the things that events may carry flags from. */
export const isSnapshot = (flags: unknown): flags is SnapshotImpl => flags instanceof SnapshotImpl

/** The snapshot of an evaluation. */
export const make = (evaluation: Evaluation, exposures: Exposures, instance: string): Snapshot =>
  new SnapshotImpl(evaluation, exposures.request.distinctId, evaluation.failure, exposures, instance)

/** A snapshot without flags, of which PostHog is told nothing. */
export const empty = (
  distinctId: string | undefined,
  failure: FlagsUnavailable | MissingDistinctId | undefined,
  instance: string
): Snapshot => {
  const nothing = { flags: new Map(), requestId: undefined, evaluatedAt: undefined, errorsWhileComputing: false }
  return new SnapshotImpl(nothing, distinctId, failure, undefined, instance)
}

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
import type { Any } from "../../FeatureFlag.js"
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

/** What a snapshot is made of. */
interface Parts {
  readonly evaluation: Omit<Evaluation, "failure">
  readonly failure: FlagsUnavailable | MissingDistinctId | undefined
  readonly distinctId: string | undefined
  /** Keys that were asked for; `undefined`: all. */
  readonly asked: ReadonlyArray<string> | undefined
  readonly exposures: Exposures | undefined
  /** Key of the instance, for the context. */
  readonly instance: string
  /** Flags of the snapshot of which this is a part. */
  readonly whole?: ReadonlyMap<string, EvaluatedFlag> | undefined
  readonly accessed?: ReadonlyArray<string> | undefined
}

/** What this library knows of a snapshot besides what everybody sees. */
export interface Behind {
  readonly instance: string
  /** Whether the snapshot can say what a flag is, or that there is no such flag. */
  readonly covers: (key: string) => boolean
}

const known = new WeakMap<object, Behind>()

/** What is behind a snapshot; `undefined` when the value is none. */
export const behind = (flags: unknown): Behind | undefined =>
  typeof flags === "object" && flags !== null ? known.get(flags) : undefined

export const isSnapshot = (flags: unknown): flags is Snapshot => behind(flags) !== undefined

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

/** The event about a read: about the user of the snapshot, without the flags of the context. */
const calledEvent = "$feature_flag_called"
const calledKind: Kind = { withContext: true, withFlags: false, needsId: true }

/** The key of whatever was given: reads never throw, also not where types were got round. */
export const keyOf = (flag: string | Any): string =>
  typeof flag === "string" ? flag : String((flag as Any | null | undefined)?.key)

const isFlag = (flag: string | Any): flag is Any => typeof flag === "object" && flag !== null

const makeFrom = (parts: Parts): Snapshot => {
  const { asked, distinctId, evaluation, exposures, failure, instance, whole } = parts
  const { errorsWhileComputing, evaluatedAt, flags, local, malformed, requestId, unresolved } = evaluation
  const entries = new Map<string, Entry>()
  let properties: Properties | undefined

  const entryOf = (key: string): Entry => {
    let entry = entries.get(key)
    if (entry === undefined) {
      const flag = flags.get(key)
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
  for (const key of parts.accessed ?? []) entryOf(key).accessed = true

  const accessed = (): ReadonlyArray<string> =>
    Array.from(entries).flatMap(([key, entry]) => entry.accessed ? [key] : []).sort()

  const isLeftOut = (key: string): boolean => whole !== undefined && whole.has(key) && !flags.has(key)
  const wasAsked = (key: string): boolean => asked === undefined || asked.includes(key)

  const whyMissing = (key: string): FlagError => {
    if (failure !== undefined) return failure
    if (!wasAsked(key) || isLeftOut(key)) return new FlagsUnavailable({ reason: "not_evaluated" })
    if (malformed.has(key)) return new FlagsUnavailable({ reason: "invalid_response" })
    if (errorsWhileComputing) return new FlagsUnavailable({ reason: "errors_while_computing" })
    const reason = unresolved.get(key)
    return reason === undefined
      ? new FlagNotFound({ key })
      : new FlagsUnavailable({ reason: "unresolved_locally", unresolved: reason })
  }

  /** What a flag's value means to the program, and when it is the default, why. */
  const interpret = (
    flag: string | Any,
    { flag: evaluated }: Entry,
    options: ReadOptions<FlagValue> | undefined
  ): { readonly value: FlagValue | undefined; readonly error: FlagError | UnknownVariant | undefined } => {
    const fallback = options?.default ?? (isFlag(flag) ? flag.default : undefined)
    if (evaluated === undefined) return { value: fallback, error: whyMissing(keyOf(flag)) }
    const { key, value } = evaluated
    if (!isFlag(flag)) return { value, error: undefined }
    // Somebody may have added variants to a flag of which the program only wants to know whether it is on.
    if (flag.variants === undefined) return { value: value !== false, error: undefined }
    if (value === false || flag.variants.includes(value as string)) return { value, error: undefined }
    return { value: fallback, error: new UnknownVariant({ key, value, variants: flag.variants }) }
  }

  const isTold = (
    flag: string | Any,
    { flag: evaluated }: Entry,
    options: ReadOptions<FlagValue> | undefined
  ): boolean => {
    if (exposures === undefined || (whole !== undefined && evaluated === undefined)) return false
    return options?.sendFeatureFlagEvents ??
      (isFlag(flag) ? flag.sendFeatureFlagEvents : undefined) ??
      exposures.options.sendFeatureFlagEvents ??
      exposures.active.options.sendFeatureFlagEvents
  }

  /** Tells PostHog about a read, unless it was told about an equal one. */
  const expose = (key: string, entry: Entry): Effect.Effect<void> =>
    Effect.withFiberRuntime((fiber) => {
      const { active, flags, isOpen, options, request } = exposures!
      if (!isOpen()) return Effect.void
      entry.exposed = true
      const name = calledKey(request.distinctId, key, entry.flag?.value, request.groups)
      if (flags.called.get(name) === true) return Effect.void
      flags.called.set(name, true)
      const captured = active.door.capture(fiber, {
        event: calledEvent,
        properties: calledProperties(
          key,
          entry.flag,
          { ...evaluation, failure: failure?._tag === "FlagsUnavailable" ? failure : undefined },
          request.groups
        ),
        subject: request.distinctId,
        options: { disableGeoip: options.disableGeoip },
        kind: calledKind,
        omits: flags.minimalEvents && entry.flag?.hasExperiment === false
          ? (name) => !minimalProperties.has(name)
          : undefined
      })
      // Only under the overflow policy that waits is there anything to wait for, and a read does not.
      return captured === Effect.void ? captured : Effect.asVoid(Effect.forkDaemon(captured))
    })

  const reading = <A, E>(
    flag: string | Any,
    options: ReadOptions<FlagValue> | undefined,
    give: (entry: Entry) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const entry = entryOf(keyOf(flag))
      entry.accessed = true
      return entry.exposed || !isTold(flag, entry, options)
        ? give(entry)
        : Effect.zipRight(expose(keyOf(flag), entry), give(entry))
    })

  const details = (flag: string | Any): FlagDetails | undefined => {
    const evaluated = flags.get(keyOf(flag))
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
      requestId: isLocal ? undefined : requestId,
      evaluatedAt: isLocal ? local?.evaluatedAt : evaluatedAt
    }
  }

  const part = (keys: ReadonlyArray<string>): Snapshot => {
    const kept = new Map<string, EvaluatedFlag>()
    for (const key of keys) {
      const flag = flags.get(key)
      if (flag !== undefined) kept.set(key, flag)
    }
    return makeFrom({
      ...parts,
      evaluation: { ...evaluation, flags: kept },
      whole: whole ?? flags,
      accessed: accessed()
    })
  }

  // What get, getOrFail and read give depends on the flag in a way that the interface says and an implementation cannot.
  const snapshot: Snapshot = {
    distinctId,
    failure,
    requestId,
    evaluatedAt,
    errorsWhileComputing,
    definitionsLoadedAt: local?.definitionsLoadedAt,
    get keys() {
      return Array.from(flags.keys()).sort()
    },
    get values() {
      return Object.fromEntries(Array.from(flags, ([key, { value }]) => [key, value]))
    },
    get unresolved() {
      return Object.fromEntries(unresolved)
    },
    get accessed() {
      return accessed()
    },
    get eventProperties() {
      return properties ??= Object.freeze(eventProperties(flags.values()))
    },
    isEnabled: (flag, options) => {
      if (typeof flag === "string") {
        const known = entries.get(flag)
        if (known !== undefined && known.exposed && known.flag !== undefined) return known.enabled
      }
      return reading(flag, options, (entry) => {
        const { value = false } = interpret(flag, entry, options)
        return Effect.succeed(value !== false)
      })
    },
    get: (flag: string | Any, options?: ReadOptions<FlagValue>): Effect.Effect<never> => {
      if (typeof flag === "string") {
        const known = entries.get(flag)
        if (known !== undefined && known.exposed && known.flag !== undefined) return known.value as Effect.Effect<never>
      }
      return reading(flag, options, (entry) => Effect.succeed(interpret(flag, entry, options).value as never))
    },
    getOrFail: (flag: string | Any, options?: ReadOptions<never>): Effect.Effect<never, never> =>
      reading(flag, options, (entry) => {
        const { error, value } = interpret(flag, entry, options)
        return error === undefined ? Effect.succeed(value as never) : Effect.fail(error as never)
      }),
    read: (flag: string | Any, options?: ReadOptions<FlagValue>): Effect.Effect<Reading<never>> =>
      reading(flag, options, (entry) => {
        const { error, value } = interpret(flag, entry, options)
        return Effect.succeed({
          value: value as never,
          isDefault: error !== undefined,
          error,
          flag: details(flag)
        })
      }),
    payload: (flag: string | Any): Effect.Effect<Option.Option<never>, never> =>
      Effect.suspend((): Effect.Effect<Option.Option<unknown>, PayloadInvalid> => {
        const key = keyOf(flag)
        const payload = flags.get(key)?.payload
        if (payload === undefined) return Effect.succeedNone
        const decode = isFlag(flag) ? flag.decodePayload : undefined
        if (decode === undefined) return Effect.succeedSome(payload)
        return Effect.suspend(() => decode(payload)).pipe(
          Effect.map(Option.some),
          Effect.mapError((cause) => new PayloadInvalid({ key, detail: cause.message, cause })),
          // A schema's own functions may throw.
          Effect.catchAllDefect((cause) => new PayloadInvalid({ key, detail: String(cause), cause }))
        )
      }) as Effect.Effect<Option.Option<never>, never>,
    details,
    only: (wanted) => {
      const keys = wanted.map(keyOf)
      const missing = keys.filter((key) => !flags.has(key))
      if (missing.length > 0 && failure === undefined) {
        exposures?.active.diagnostics.emit(
          "FlagsNotInSnapshot",
          () => ({ _tag: "FlagsNotInSnapshot", keys: missing })
        )
      }
      return part(keys)
    },
    onlyAccessed: () => part(accessed())
  }
  Object.freeze(snapshot)
  known.set(snapshot, {
    instance,
    covers: (key) =>
      failure === undefined ? flags.has(key) || (wasAsked(key) && !isLeftOut(key)) : distinctId !== undefined
  })
  return snapshot
}

/** The snapshot of an evaluation. */
export const make = (evaluation: Evaluation, exposures: Exposures, instance: string): Snapshot =>
  makeFrom({
    evaluation,
    failure: evaluation.failure,
    distinctId: exposures.request.distinctId,
    asked: exposures.request.flagKeys,
    exposures,
    instance
  })

/** A snapshot without flags, of which PostHog is told nothing. */
export const empty = (
  distinctId: string | undefined,
  failure: FlagsUnavailable | MissingDistinctId | undefined,
  instance: string
): Snapshot =>
  makeFrom({
    evaluation: {
      flags: new Map(),
      malformed: new Set(),
      unresolved: new Map(),
      requestId: undefined,
      evaluatedAt: undefined,
      errorsWhileComputing: false
    },
    failure,
    distinctId,
    asked: [],
    exposures: undefined,
    instance
  })

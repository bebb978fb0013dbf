/**
 * What programs see of an evaluation: for whom and how they ask, and the snapshot that they read.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { DeclaredProperties } from "../../core/event/declared.js"
import type { Groups, Properties, PropertiesInput } from "../../core/event/layers.js"
import type { UnresolvedReason } from "../../core/flags/outcome.js"
import type { FlagSource, FlagValue } from "../../core/flags/response.js"
import type { Any, FeatureFlag } from "../../FeatureFlag.js"
import type { FlagsOnEvents } from "../contextValues.js"
import type { Unrun } from "../unrun.js"
import type { FlagNotFound, FlagsUnavailable, MissingDistinctId, PayloadInvalid, UnknownVariant } from "./errors.js"

/**
 * For whom flags are evaluated, and which. What is absent comes from the context.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvaluateOptions {
  /** The user. Default: the context's. No id is ever made up. */
  readonly distinctId?: string | undefined
  /** Groups for flags that are rolled out by group, merged over those of the context. */
  readonly groups?: Groups | undefined
  /**
   * Properties of the person that conditions look at, in addition to those that PostHog has; merged over the context's.
   */
  readonly personProperties?: PropertiesInput | DeclaredProperties<"person"> | undefined
  /** The same for groups, by group type. */
  readonly groupProperties?: {
    readonly [groupType: string]: PropertiesInput | DeclaredProperties<{ readonly group: string }>
  } | undefined
  /** Device, for flags that are rolled out by device. Default: the context's, or `$device_id` of `personProperties`. */
  readonly deviceId?: string | undefined
  /** Evaluates only these flags. An empty list evaluates none and makes no request. Default: all. */
  readonly flagKeys?: ReadonlyArray<string | Any> | undefined
  /**
   * Whether flags are evaluated in this process or not at all, without a request in any case; see `LocalEvaluation`.
   * Default: the instance's `strictLocalEvaluation`.
   */
  readonly onlyLocally?: boolean | undefined
  /** Whether PostHog shall not locate the user by IP address. Default: the instance's `disableGeoip`. */
  readonly disableGeoip?: boolean | undefined
  /** Whether reads of the snapshot send `$feature_flag_called`. Default: the instance's `sendFeatureFlagEvents`. */
  readonly sendFeatureFlagEvents?: boolean | undefined
}

/**
 * Options of one read.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions<A> {
  /** The value when PostHog's is not known. A value that is known always wins. Default: the flag's, or none. */
  readonly default?: A | undefined
  /** Whether this read sends `$feature_flag_called`. Default: the flag's, the snapshot's or the instance's setting. */
  readonly sendFeatureFlagEvents?: boolean | undefined
}

/**
 * Why a flag has no value.
 *
 * @since 0.1.0
 * @category models
 */
export type FlagError = FlagNotFound | FlagsUnavailable | MissingDistinctId

/**
 * A value with what is behind it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reading<A> {
  readonly value: A
  /** Whether the value is the default, because PostHog's is not known or, for a flag with variants, not one of them. */
  readonly isDefault: boolean
  /** Why the value is the default. */
  readonly error: FlagError | UnknownVariant | undefined
  /** What PostHog said; `undefined` when it said nothing. */
  readonly flag: FlagDetails | undefined
}

/**
 * All that is known of one flag.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlagDetails {
  readonly key: string
  readonly value: FlagValue
  /** Whether the value is not `false`. */
  readonly enabled: boolean
  /** Only there when the value is a variant. */
  readonly variant?: string
  /** Decoded from JSON; text that is no JSON stays text. `undefined`: none. */
  readonly payload: unknown
  /** Why the value is what it is: a code such as `condition_match`, and the same for people. */
  readonly reason: { readonly code: string | undefined; readonly description: string | undefined } | undefined
  readonly source: FlagSource
  readonly id: number | undefined
  readonly version: number | undefined
  /** Whether the flag belongs to an experiment; `undefined`: not known. */
  readonly hasExperiment: boolean | undefined
  /** Id of the request in which PostHog evaluated the flag. */
  readonly requestId: string | undefined
  /** Milliseconds since the epoch. */
  readonly evaluatedAt: number | undefined
}

/**
 * What the flags were at one moment for one user. Never changes, makes no request, and can be read as often as one
 * likes.
 *
 * The first read of a flag with `isEnabled`, `get`, `getOrFail` or `read` sends `$feature_flag_called`, once for each
 * combination of user, flag, value and groups. Payloads, details and lists can be looked at without that.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot extends FlagsOnEvents {
  /** For whom it is; `undefined` when there was no id. */
  readonly distinctId: string | undefined
  /**
   * Why PostHog's answer is missing, when it was needed. Flags that were evaluated in this process are here all the
   * same.
   */
  readonly failure: FlagsUnavailable | MissingDistinctId | undefined
  /** Whether PostHog could not compute all flags. Those that are here are right. */
  readonly errorsWhileComputing: boolean
  readonly requestId: string | undefined
  /** Milliseconds since the epoch. */
  readonly evaluatedAt: number | undefined
  /**
   * When the definitions came from PostHog by which flags were evaluated in this process, in milliseconds since the
   * epoch; `undefined` when none was.
   */
  readonly definitionsLoadedAt: number | undefined
  /**
   * Flags that could not be evaluated in this process, by key, and why; those that PostHog answered are not among them.
   * Empty without `LocalEvaluation`.
   */
  readonly unresolved: { readonly [key: string]: UnresolvedReason }
  /** Keys of the flags that are here, sorted. */
  readonly keys: ReadonlyArray<string>
  /** The values by key, as a plain object. Sends nothing. */
  readonly values: { readonly [key: string]: FlagValue }
  /**
   * The payloads by key, as a plain object: decoded from JSON, and frozen. Flags without one are not in it. Sends
   * nothing.
   */
  readonly payloads: { readonly [key: string]: unknown }
  /** Keys that were read so far, sorted, those included that are not here. */
  readonly accessed: ReadonlyArray<string>
  /**
   * What {@link PostHog.capture} adds to an event that is given this snapshot: `$feature/<key>`,
   * `$active_feature_flags`.
   */
  readonly eventProperties: Properties
  /** Whether a flag is on, with whatever variant. Not known: the default, or `false`. */
  readonly isEnabled: (flag: string | Any, options?: ReadOptions<boolean>) => Unrun<boolean>
  /**
   * The value of a flag: `false`, `true` or the variant. Not known: the default; for a key without one, `undefined`.
   */
  readonly get: {
    <A extends FlagValue>(flag: FeatureFlag<A>, options?: ReadOptions<NoInfer<A>>): Unrun<A>
    (flag: string, options: ReadOptions<FlagValue> & { readonly default: FlagValue }): Unrun<FlagValue>
    (flag: string, options?: ReadOptions<FlagValue>): Unrun<FlagValue | undefined>
  }
  /** The value of a flag, or why it is not known. */
  readonly getOrFail: {
    <A extends FlagValue>(
      flag: FeatureFlag<A>,
      options?: ReadOptions<never>
    ): Unrun<A, FlagError | UnknownVariant>
    (flag: string, options?: ReadOptions<never>): Unrun<FlagValue, FlagError>
  }
  /** The value of a flag with what is behind it. */
  readonly read: {
    <A extends FlagValue>(flag: FeatureFlag<A>, options?: ReadOptions<NoInfer<A>>): Effect.Effect<Reading<A>>
    (
      flag: string,
      options: ReadOptions<FlagValue> & { readonly default: FlagValue }
    ): Effect.Effect<Reading<FlagValue>>
    (flag: string, options?: ReadOptions<FlagValue>): Effect.Effect<Reading<FlagValue | undefined>>
  }
  /**
   * The payload of the value, decoded by the flag's schema. None when there is no flag, or no payload. Sends nothing.
   */
  readonly payload: {
    <P>(flag: FeatureFlag<FlagValue, P>): Effect.Effect<Option.Option<P>, PayloadInvalid>
    (flag: string): Effect.Effect<Option.Option<unknown>>
  }
  /** All that is known of a flag; `undefined` when it is not here. Sends nothing. */
  readonly details: (flag: string | Any) => FlagDetails | undefined
  /**
   * A snapshot of these flags only. Those that are not here are left out and reported. Reading what was left out sends
   * nothing.
   */
  readonly only: (flags: ReadonlyArray<string | Any>) => Snapshot
  /** A snapshot of the flags that were read so far; of none when none was. */
  readonly onlyAccessed: () => Snapshot
}

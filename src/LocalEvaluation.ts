/**
 * Flags from their definitions, in this process: one load for all users instead of one request for each.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { compileDefinitions, type Definitions } from "./core/flags/definitions.js"
import { evaluateFlags, type LocalResult, type Subject, type UnresolvedReason } from "./core/flags/local.js"
import { matchFilter } from "./core/flags/operators.js"
import type { Properties } from "./PostHogContext.js"

/**
 * Definitions that are ready to be evaluated.
 *
 * @since 0.1.0
 * @category models
 */
export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Definitions
} from "./core/flags/definitions.js"
export type {
  /**
   * @since 0.1.0
   * @category models
   */
  LocalResult,
  /**
   * @since 0.1.0
   * @category models
   */
  Subject,
  /**
   * @since 0.1.0
   * @category models
   */
  Unresolved,
  /**
   * @since 0.1.0
   * @category models
   */
  UnresolvedReason
} from "./core/flags/local.js"

/**
 * What {@link compile} may be told.
 *
 * @since 0.1.0
 * @category models
 */
export interface CompileOptions {
  /** Only flags that are for one of these contexts, or for all. Default: every flag. */
  readonly evaluationContexts?: ReadonlyArray<string> | undefined
}

/**
 * What {@link evaluate} has to be told: it reads no clock.
 *
 * @since 0.1.0
 * @category models
 */
export interface EvaluateOptions {
  /** Milliseconds since the epoch, for conditions such as "in the last 30 days". */
  readonly now: number
  /** Only these flags. Default: all. */
  readonly flagKeys?: ReadonlyArray<string> | undefined
}

/**
 * What {@link matchProperty} has to be told.
 *
 * @since 0.1.0
 * @category models
 */
export interface MatchOptions {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The document's `property_matching_version`: 2 compares texts such as `"true"` strictly. Default: as before there were versions. */
  readonly propertyMatchingVersion?: number | undefined
}

/**
 * Reads the body of `GET /flags/definitions`, once for any number of evaluations; none when it is no such document. A flag that
 * cannot be read stays unresolved, and harms no other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const compile = (document: unknown, options: CompileOptions = {}): Option.Option<Definitions> =>
  Option.fromNullable(compileDefinitions(document, options.evaluationContexts))

/**
 * Evaluates flags for somebody: the same values that PostHog would give, or the reason why only PostHog can tell.
 *
 * @since 0.1.0
 * @category evaluation
 */
export const evaluate = (definitions: Definitions, subject: Subject, options: EvaluateOptions): LocalResult =>
  evaluateFlags(definitions, subject, options.now, options.flagKeys)

/**
 * Whether properties pass one filter of a condition, such as `{ key: "email", operator: "icontains", value: "@acme.com" }`. `Left`:
 * it cannot be told here.
 *
 * @since 0.1.0
 * @category evaluation
 */
export const matchProperty = (
  filter: unknown,
  properties: Properties,
  options: MatchOptions
): Either.Either<boolean, UnresolvedReason> => {
  const result = matchFilter(filter, properties, options.now, options.propertyMatchingVersion ?? 1)
  return typeof result === "boolean" ? Either.right(result) : Either.left(result)
}

/**
 * What an explanation of a flag says. Plain data, of which there is never very much.
 *
 * @since 0.1.0
 */
import type { StepOutcome } from "./local.js"
import type { UnresolvedReason } from "./outcome.js"
import type { FlagValue } from "./response.js"

/** PostHog's codes of reasons. */
export type ReasonCode =
  | "super_condition_value"
  | "holdout_condition_value"
  | "condition_match"
  | "no_condition_match"
  | "out_of_rollout_bound"
  | "no_group_type"
  | "flag_disabled"

/** The reason as PostHog gives it with a value. */
export interface FlagReason {
  readonly code: ReasonCode
  /** The condition set that decided, from 0. */
  readonly conditionIndex: number | undefined
  /** Such as `Matched condition set 1`. */
  readonly description: string
}

/** What came of a filter; `unresolved`: only PostHog can tell. */
export type FilterOutcome = "match" | "no_match" | "unresolved"

/** What all explanations of filters have. */
export interface FilterResult {
  readonly outcome: FilterOutcome
  /** Why only PostHog can tell. */
  readonly unresolved: UnresolvedReason | undefined
}

/** A filter on a property, and what was there. */
export interface PropertyExplanation extends FilterResult {
  readonly kind: "property"
  readonly key: string
  /** Such as `exact`. */
  readonly operator: string | undefined
  /** What the definition compares with; what is long is only begun. */
  readonly expected: unknown
  /** Whether the property is there. */
  readonly isGiven: boolean
  /** The property; what is long is only begun. */
  readonly actual: unknown
  /** Whether the opposite is wanted, as filters in cohorts may. */
  readonly isNegated: boolean
}

/** A filter on a cohort, and what its own filters say. */
export interface CohortExplanation extends FilterResult {
  readonly kind: "cohort"
  readonly id: string
  /** Whether those are wanted who are not in it. */
  readonly isNegated: boolean
  readonly filters: ReadonlyArray<FilterExplanation>
}

/** A filter on another flag, and its value. */
export interface DependencyExplanation extends FilterResult {
  readonly kind: "flag"
  readonly key: string
  /** Any but `flag_evaluates_to` holds of no flag. */
  readonly operator: string | undefined
  /** `true` is any variant, too. */
  readonly expected: FlagValue | undefined
  /** `undefined`: only PostHog can tell. */
  readonly actual: FlagValue | undefined
  readonly isNegated: boolean
}

/** Filters of which each, or one, has to match. */
export interface GroupExplanation extends FilterResult {
  readonly kind: "group"
  readonly needs: "all" | "any"
  readonly filters: ReadonlyArray<FilterExplanation>
}

/** What is known without looking at anybody, such as a filter that only PostHog can read. */
export interface KnownExplanation extends FilterResult {
  readonly kind: "known"
  /** Whether it is about a cohort that is not in the definitions. */
  readonly isServerOnly: boolean
  readonly key: string | undefined
  readonly operator: string | undefined
  readonly expected: unknown
}

/** A filter of a condition set or cohort, and what came of it. */
export type FilterExplanation =
  | PropertyExplanation
  | CohortExplanation
  | DependencyExplanation
  | GroupExplanation
  | KnownExplanation

/** Where somebody is among all. Numbers are percentages, and who is at or below the one of the share is in it. */
export interface Place {
  readonly percentage: number
  readonly place: number
  readonly isIn: boolean
}

/** A condition set, and what came of it. */
export interface ConditionExplanation {
  /** From 0. */
  readonly index: number
  /**
   * - `match`: all filters match, and the rollout has the subject
   * - `no_match`: a filter does not match
   * - `out_of_rollout`: all filters match, and the rollout is for others
   * - `no_group`: the subject is in no group of the type that this set is about
   * - `unresolved`: only PostHog can tell
   * - `not_reached`: something else had decided before
   */
  readonly outcome: StepOutcome | "not_reached"
  readonly unresolved: UnresolvedReason | undefined
  /** Whether the value is what this set says. */
  readonly isDecisive: boolean
  /** Whose properties it looks at: those of the group of this type; `undefined`: of the person. */
  readonly groupType: string | undefined
  readonly filters: ReadonlyArray<FilterExplanation>
  /** `undefined`: it is for all who match, or there is nobody to place. */
  readonly rollout: Place | undefined
  /** The variant that it gives to everybody. */
  readonly variant: string | undefined
}

/** How a variant was chosen. */
export interface VariantExplanation {
  readonly key: string
  /** By the condition set, or by the place of the subject among all. */
  readonly by: "condition" | "hash" | "holdout"
  /** In percent; who is at `from` or above and below `before` gets it. */
  readonly place: number | undefined
  readonly from: number | undefined
  readonly before: number | undefined
}

/** Why a flag has its value for somebody. Plain data: what is `undefined` is not in its JSON. */
export interface FlagExplanation {
  readonly key: string
  readonly distinctId: string
  /** The value, as an evaluation gives it; `undefined`: only PostHog can tell. */
  readonly value: FlagValue | undefined
  readonly unresolved: UnresolvedReason | undefined
  /** `undefined` where there is no value. */
  readonly reason: FlagReason | undefined
  readonly variant: VariantExplanation | undefined
  readonly payload: unknown
  /** Whether the flag is active. */
  readonly isActive: boolean
  /** The group type that the flag is about; `undefined`: persons. */
  readonly groupType: string | undefined
  /** Who is hashed for rollouts and variants: person, device, or the key of the group. */
  readonly bucketing: "distinct_id" | "device_id" | "group"
  /** `undefined`: there is none. */
  readonly bucketingId: string | undefined
  /** The choice to take part in an early access feature, where that is what decides. */
  readonly enrollment: { readonly property: string; readonly choice: unknown } | undefined
  /** The holdout of the flag, which comes before the conditions. */
  readonly holdout: Place | undefined
  /** Whether a rollout that leaves somebody out ends the search. */
  readonly isEarlyExit: boolean
  readonly conditions: ReadonlyArray<ConditionExplanation>
  /** How many condition sets and filters are left out, because there are very many. */
  readonly omitted: number
  /** Whether properties that were not given are known to be absent. */
  readonly isComplete: boolean
}

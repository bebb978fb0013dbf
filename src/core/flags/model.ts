/**
 * Flags and cohorts in the form in which they are evaluated.
 *
 * @since 0.1.0
 */
import type { Operator } from "./operators.js"
import type { EvaluatedFlag, FlagValue } from "./response.js"

/** What refers to others, and may so take part in a cycle. */
interface Node {
  /** Flags and cohorts that this one refers to. */
  readonly refers: Array<Flag | Cohort>
  /** How much deeper than its own a reference to this one nests. */
  weight: number
  /** How deep the evaluation nests, flags included. */
  depth: number
  /** The same through cohorts alone. */
  nesting: number
  /** Number of the cycle that this one is part of, if it is. */
  cycle: number | undefined
  /** Whether the cycle is so large that nothing of it is evaluated. */
  refused: boolean
  /** Whether the definition alone says that something cannot be evaluated. */
  isUnsupported: boolean
}

/** What a filter says in the definition, for explanations: a value that is long is only begun. */
export interface Asked {
  readonly key: string | undefined
  readonly operator: string | undefined
  readonly value: unknown
}

/** One filter of a condition or of a cohort, or what is known of it without looking at anybody. */
export type Filter =
  | {
    readonly kind: "property"
    readonly key: string
    readonly operator: Operator
    readonly negated: boolean
    readonly asked: Asked
  }
  | { readonly kind: "cohort"; readonly cohort: Cohort; readonly negated: boolean }
  | {
    readonly kind: "flag"
    readonly chain: ReadonlyArray<Flag>
    /** Whether the value of the last is the wanted one; `undefined`: the flag asked about is not in the chain. */
    readonly target: Flag | undefined
    readonly wanted: FlagValue | undefined
    readonly negated: boolean
    readonly asked: Asked
  }
  | { readonly kind: "group"; readonly every: boolean; readonly filters: ReadonlyArray<Filter> }
  | { readonly kind: "known"; readonly outcome: number; readonly asked?: Asked | undefined }

export interface Cohort extends Node {
  readonly kind: "cohort"
  readonly id: string
  filter: Filter
}

/** A condition set. */
export interface Condition {
  readonly filters: ReadonlyArray<Filter>
  /** The share of those who match, as a hash; `Infinity`: all. */
  readonly rollout: number
  /** The variant that everybody gets. */
  readonly override: EvaluatedFlag | undefined
  /** The group type, when it is not the flag's; `null`: one that nobody knows. */
  readonly group: string | null | undefined
}

export interface Variant {
  readonly from: number
  readonly before: number
  readonly result: EvaluatedFlag
}

/** What is evaluated of a flag; the rest is in the results. */
export interface Plan {
  /** The value that everybody gets, or the reason why nobody does. */
  readonly settled: EvaluatedFlag | number | undefined
  readonly group: string | undefined
  readonly byDevice: boolean
  /**
   * The property of the person that says whether the user takes part in an early access feature, and which decides
   * before all else.
   */
  readonly enrollment: string | undefined
  readonly holdout: { readonly share: number; readonly result: EvaluatedFlag } | undefined
  readonly conditions: ReadonlyArray<Condition>
  readonly variants: ReadonlyArray<Variant>
  readonly earlyExit: boolean
  readonly off: EvaluatedFlag
  readonly on: EvaluatedFlag
}

export interface Flag extends Node {
  readonly kind: "flag"
  readonly key: string
  /** What is hashed before the bucketing value. */
  readonly prefix: Uint8Array
  readonly asksServer: boolean
  plan: Plan
  /** Whether other flags depend on this one. */
  isShared: boolean
}

export const makeNode = () => ({
  refers: [],
  weight: 1,
  depth: 1,
  nesting: 1,
  cycle: undefined,
  refused: false,
  isUnsupported: false
})

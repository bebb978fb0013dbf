/**
 * What an evaluation is, and who makes one: evaluators, and the stages of which an instance's evaluator is composed.
 */
import type * as Effect from "effect/Effect"
import type { EvaluationFacts } from "../../core/flags/called.js"
import type { UnresolvedReason } from "../../core/flags/outcome.js"
import type { FlagsRequest } from "../../core/flags/request.js"
import type { EvaluatedFlag } from "../../core/flags/response.js"
import type { FlagsUnavailable } from "./errors.js"

/** What the flags are for somebody, or why that is not known. */
export interface Evaluation extends EvaluationFacts {
  readonly flags: ReadonlyMap<string, EvaluatedFlag>
  /** Keys of flags that PostHog answered in a form that nobody can read. */
  readonly malformed: ReadonlySet<string>
  /** Keys of flags that PostHog could not compute. */
  readonly failed: ReadonlySet<string>
  /** Why flags that are not here were not resolved in this process. */
  readonly unresolved: ReadonlyMap<string, UnresolvedReason>
  readonly failure: FlagsUnavailable | undefined
}

/** Never fails: an evaluation says itself what went wrong. `onlyLocally`: without a request. */
export interface Evaluator {
  (question: FlagsRequest, onlyLocally: boolean): Effect.Effect<Evaluation>
}

/** Answers what it can, and leaves the rest to the evaluator behind it. */
export interface Stage {
  (next: Evaluator): Evaluator
}

/** The evaluation in which nothing is known and nothing went wrong. */
export const nothing: Evaluation = {
  flags: new Map(),
  malformed: new Set(),
  failed: new Set(),
  unresolved: new Map(),
  requestId: undefined,
  evaluatedAt: undefined,
  errorsWhileComputing: false,
  failure: undefined
}

/** An evaluation without flags. */
export const failed = (failure: FlagsUnavailable): Evaluation => ({ ...nothing, failure })

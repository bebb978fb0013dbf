/**
 * From what a caller and the context say to the explanation of a flag.
 */
import * as Effect from "effect/Effect"
import type { Definitions } from "../../core/flags/definitions.js"
import { explainFlag } from "../../core/flags/explain.js"
import type { FlagExplanation } from "../../core/flags/explanation.js"
import type { Any } from "../../FeatureFlag.js"
import type { State } from "../context.js"
import type { Active, Instance } from "../instance.js"
import { FlagNotFound, FlagsUnavailable, MissingDistinctId } from "./errors.js"
import { askedAbout, questionOf } from "./evaluate.js"
import { keyOf } from "./given.js"
import type { EvaluateOptions } from "./reading.js"

/**
 * Why a flag has its value by these definitions, for whom an evaluation with the same options would be; asks nobody and
 * tells nobody.
 */
export const explainOn = (
  instance: Instance,
  active: Active,
  state: State,
  definitions: Definitions,
  flag: string | Any,
  options: EvaluateOptions,
  now: number
): Effect.Effect<FlagExplanation, FlagNotFound | FlagsUnavailable | MissingDistinctId> => {
  try {
    const key = keyOf(flag)
    const known = state.accumulated(active.owner, undefined)
    const distinctId = askedAbout(known, options)
    if (distinctId === undefined) return new MissingDistinctId()
    const { defect, request } = questionOf(active, instance, known, distinctId, options, [key])
    if (defect !== undefined) return Effect.die(defect)
    const explanation = explainFlag(definitions, request, now, key)
    return explanation === undefined ? new FlagNotFound({ key }) : Effect.succeed(explanation)
  } catch {
    // A Proxy or a getter among the arguments throws.
    return new FlagsUnavailable({ reason: "invalid_request" })
  }
}

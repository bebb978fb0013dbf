/**
 * Why a flag has its value for somebody: it is evaluated once more, and tells how that goes. Evaluations that are not
 * explained keep nothing for this.
 *
 * @since 0.1.0
 */
import type { Definitions } from "./definitions.js"
import type {
  ConditionExplanation,
  FilterExplanation,
  FilterResult,
  FlagExplanation,
  FlagReason,
  Place,
  ReasonCode,
  VariantExplanation
} from "./explanation.js"
import { hash } from "./hash.js"
import {
  type Answer,
  holdoutPrefix,
  isNobody,
  nothing,
  type Party,
  Run,
  type StepOutcome,
  type Subject,
  variantSalt
} from "./local.js"
import type { Condition, Filter, Flag } from "./model.js"
import { isServerOnly, isUnresolved, no, reasonOf, yes } from "./outcome.js"
import { preview } from "./preview.js"

const maxConditions = 100
const maxFilters = 200
/** Of one list of filters. */
const maxListed = 50
const maxNesting = 6

const descriptions: { readonly [Code in ReasonCode]: string } = {
  super_condition_value: "Super condition value",
  holdout_condition_value: "Holdout condition value",
  condition_match: "Matched condition set",
  no_condition_match: "No matching condition set",
  out_of_rollout_bound: "Out of rollout bound",
  no_group_type: "No group type",
  flag_disabled: "Feature flag is disabled"
}

const reasonFor = (code: ReasonCode, conditionIndex?: number): FlagReason => {
  const text = descriptions[code]
  const isMatch = code === "condition_match" && conditionIndex !== undefined
  return { code, conditionIndex, description: isMatch ? `${text} ${conditionIndex + 1}` : text }
}

/** Fractions as percentages, without the noise of their last digits. */
const percent = (fraction: number): number => Number((fraction * 100).toPrecision(14))

const placeOf = (place: number, share: number): Place => ({
  percentage: percent(share),
  place: percent(place),
  isIn: place <= share
})

const resultOf = (outcome: number): FilterResult => ({
  outcome: isUnresolved(outcome) ? "unresolved" : outcome === yes ? "match" : "no_match",
  unresolved: isUnresolved(outcome) ? reasonOf(outcome) : undefined
})

/**
 * When no condition set matches, PostHog gives the reason that is the last in this order, of the last set that has
 * it.
 */
const codes = ["no_condition_match", "out_of_rollout_bound", "no_group_type"] as const
const ranks: ReadonlyArray<StepOutcome> = ["no_match", "out_of_rollout", "no_group"]

interface Step {
  readonly outcome: StepOutcome
  readonly found: number
}

const decoder = new TextDecoder()

class Explainer {
  private decision: ReasonCode | undefined
  private readonly steps: Array<Step> = []
  private budget = maxFilters
  private omitted = 0

  constructor(private readonly run: Run, private readonly flag: Flag) {}

  /** Those that are not the flag's own. */
  private party({ group }: Pick<Condition, "group">): Party | undefined {
    if (group === null) return undefined
    const type = group ?? this.flag.plan.group
    return type === undefined ? this.run.person : this.run.group(type)
  }

  private bucket(condition: Pick<Condition, "group">): Uint8Array | undefined {
    return condition.group === undefined && this.flag.plan.byDevice ? this.run.device() : this.party(condition)?.bucket
  }

  private filters(filters: ReadonlyArray<Filter>, party: Party, nesting: number): ReadonlyArray<FilterExplanation> {
    const told: Array<FilterExplanation> = []
    for (const filter of filters) {
      if (told.length === maxListed || this.budget === 0 || nesting > maxNesting) {
        this.omitted += filters.length - told.length
        break
      }
      this.budget--
      told.push(this.filter(filter, party, nesting))
    }
    return told
  }

  private filter(filter: Filter, party: Party, nesting: number): FilterExplanation {
    const { run } = this
    // How often a cycle may be entered is counted anew for each.
    run.rounds = 1
    const result = resultOf(run.test(filter, party))
    switch (filter.kind) {
      case "property": {
        const { key, operator, value } = filter.asked
        const actual = party.property(filter.key)
        return {
          kind: "property",
          key: key!,
          operator,
          expected: value,
          isGiven: actual !== undefined,
          actual: preview(actual),
          isNegated: filter.negated,
          ...result
        }
      }
      case "cohort": {
        const { cohort, negated } = filter
        const isEntered = cohort.cycle === undefined || run.entered.has(cohort)
        if (!isEntered) run.entered.add(cohort)
        const filters = this.filters([cohort.filter], party, nesting + 1)
        if (!isEntered) run.entered.delete(cohort)
        return { kind: "cohort", id: cohort.id, isNegated: negated, filters, ...result }
      }
      case "flag": {
        const { asked, negated, target, wanted } = filter
        const answer = target === undefined ? undefined : run.answer(target)
        return {
          kind: "flag",
          key: asked.key!,
          operator: asked.operator,
          expected: wanted,
          actual: typeof answer === "object" ? answer.value : undefined,
          isNegated: negated,
          ...result
        }
      }
      case "group": {
        const needs = filter.every ? "all" : "any"
        return { kind: "group", needs, filters: this.filters(filter.filters, party, nesting + 1), ...result }
      }
      case "known":
        return {
          kind: "known",
          isServerOnly: isServerOnly(filter.outcome),
          key: filter.asked?.key,
          operator: filter.asked?.operator,
          expected: filter.asked?.value,
          ...result
        }
    }
  }

  private condition(index: number, decisive: number | undefined): ConditionExplanation {
    const condition = this.flag.plan.conditions[index]!
    const step = this.steps[index]
    const party = step === undefined ? undefined : this.party(condition)
    const bucket = party === undefined ? undefined : this.bucket(condition)
    const found = step?.found ?? no
    return {
      index,
      outcome: step?.outcome ?? "not_reached",
      unresolved: isUnresolved(found) ? reasonOf(found) : undefined,
      isDecisive: index === decisive,
      groupType: condition.group === null ? undefined : condition.group ?? this.flag.plan.group,
      filters: party === undefined ? [] : this.filters(condition.filters, party, 0),
      rollout: bucket === undefined || condition.rollout === Infinity
        ? undefined
        : placeOf(hash(this.flag.prefix, bucket, nothing), condition.rollout),
      variant: typeof condition.override?.value === "string" ? condition.override.value : undefined
    }
  }

  private reason(answer: Answer): FlagReason | undefined {
    if (typeof answer === "number") return undefined
    if (this.flag.plan.settled !== undefined) return reasonFor("flag_disabled")
    if (this.decision !== undefined) return reasonFor(this.decision)
    const last = this.steps.length - 1
    const outcome = this.steps[last]?.outcome
    if (outcome === "match") return reasonFor("condition_match", last)
    if (outcome === "out_of_rollout" && this.flag.plan.earlyExit) return reasonFor("out_of_rollout_bound", last)
    let [rank, index] = [0, undefined as number | undefined]
    this.steps.forEach((step, i) => {
      const own = ranks.indexOf(step.outcome)
      if (own >= rank) [rank, index] = [own, i]
    })
    return reasonFor(codes[rank]!, index)
  }

  private variant({ value }: { readonly value: unknown }, reason: FlagReason): VariantExplanation | undefined {
    if (typeof value !== "string") return undefined
    const unplaced = { key: value, place: undefined, from: undefined, before: undefined }
    if (reason.code === "holdout_condition_value") return { ...unplaced, by: "holdout" }
    const condition = this.flag.plan.conditions[reason.conditionIndex!]!
    if (condition.override !== undefined) return { ...unplaced, by: "condition" }
    const place = hash(this.flag.prefix, this.bucket(condition)!, variantSalt)
    const variant = this.flag.plan.variants.find(({ before, from }) => from <= place && place < before)!
    return {
      key: value,
      by: "hash",
      place: percent(place),
      from: percent(variant.from),
      before: percent(variant.before)
    }
  }

  explain(): FlagExplanation {
    const { flag, run } = this
    const { plan } = flag
    const answer = run.answer(flag)
    if (plan.settled === undefined && !flag.refused) {
      // As within the evaluation: what is part of a cycle knows that it was entered here.
      if (flag.cycle !== undefined) run.entered.add(flag)
      run.rounds = 1
      run.evaluate(flag, {
        decide: (code) => this.decision = code,
        note: (outcome, found) => this.steps.push({ outcome, found })
      })
    }
    const reason = this.reason(answer)
    const decisive = reason?.code === "condition_match" || reason?.code === "out_of_rollout_bound" && plan.earlyExit
      ? reason.conditionIndex
      : undefined
    const conditions: Array<ConditionExplanation> = []
    plan.conditions.forEach((_, index) => {
      if (index < maxConditions || index === decisive) conditions.push(this.condition(index, decisive))
      else this.omitted++
    })
    const bucket = this.bucket({ group: undefined })
    const property = plan.enrollment
    const choice = property === undefined ? undefined : run.person.property(property)
    return {
      key: flag.key,
      distinctId: String(preview(run.person.id)),
      value: typeof answer === "number" ? undefined : answer.value,
      unresolved: typeof answer === "number" ? reasonOf(answer) : undefined,
      reason,
      variant: typeof answer === "number" ? undefined : this.variant(answer, reason!),
      payload: typeof answer === "number" ? undefined : answer.payload,
      isActive: typeof plan.settled !== "object",
      groupType: plan.group,
      bucketing: plan.group !== undefined ? "group" : plan.byDevice ? "device_id" : "distinct_id",
      bucketingId: bucket === undefined ? undefined : String(preview(decoder.decode(bucket))),
      enrollment: property === undefined ? undefined : { property, choice: preview(choice) },
      holdout: plan.holdout === undefined || bucket === undefined
        ? undefined
        : placeOf(hash(holdoutPrefix, bucket, nothing), plan.holdout.share),
      isEarlyExit: plan.earlyExit,
      conditions,
      omitted: this.omitted,
      isComplete: run.isComplete
    }
  }
}

/**
 * Why the flag has its value for somebody, or why it has none here: the value and the reason that an evaluation of the
 * same subject at the same time gives. `undefined` where that would have no such flag: the key is not defined, or the
 * id is blank.
 */
export const explainFlag = (
  definitions: Definitions,
  subject: Subject,
  now: number,
  key: string
): FlagExplanation | undefined => {
  const flag = definitions.flags.get(key)
  return flag === undefined || isNobody(subject) ? undefined : new Explainer(new Run(subject, now), flag).explain()
}

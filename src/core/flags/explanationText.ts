/**
 * Explanations of flags in sentences.
 *
 * @since 0.1.0
 */
import type { ConditionExplanation, FilterExplanation, FilterOutcome, FlagExplanation, Place } from "./explanation.js"

const maxConditions = 5
const maxFilters = 3
const maxText = 120
const maxChoices = 5

const plainWord = /^[A-Za-z_$][\w$@./-]*$/

/** A value as it stands in a sentence: in quotes where it could be mistaken. */
const word = (value: unknown): string => {
  if (typeof value === "string" && plainWord.test(value) && !["true", "false", "null"].includes(value)) {
    return value.length <= maxText ? value : `${value.slice(0, maxText)}…`
  }
  const text = JSON.stringify(value) ?? "nothing"
  return text.length <= maxText ? text : `${text.slice(0, maxText)}…`
}

/** What a filter compares with: PostHog writes one text as a list, too. */
const choices = (expected: unknown): string => {
  if (!Array.isArray(expected) || expected.length === 0 || expected.some((one) => typeof one !== "string")) {
    return word(expected)
  }
  const shown = expected.slice(0, maxChoices).map(word)
  return [...shown, ...(shown.length < expected.length ? ["one of several more"] : [])].join(" or ")
}

const join = (parts: ReadonlyArray<string>, more: string, most: number, between: string): string => {
  const rest = parts.length - most
  return [...parts.slice(0, most), ...(rest > 0 ? [`${rest} more ${more}`] : [])].join(between)
}

const cohortId = (id: unknown): string => typeof id === "string" && /^\d{1,20}$/.test(id) ? id : word(id)

const flagValue = (value: unknown): string => value === true ? "on" : value === false ? "off" : word(value)

/** With one digit behind the point, or as many as it takes to see on which side of the other it is. */
const percentage = (value: number, other?: number): string => {
  if (other === undefined) return `${Number(value.toPrecision(12))} %`
  for (let digits = 1; digits <= 12; digits++) {
    const rounded = Number(value.toFixed(digits))
    if (Math.sign(rounded - other) === Math.sign(value - other)) return `${rounded} %`
  }
  return `${value} %`
}

/** What may be said about a filter, and about whom. */
interface Speech {
  readonly who: string
  /** "of the company", where it is about a group. */
  readonly whose: string
  readonly isComplete: boolean
}

/** The filters that make their condition set or cohort what it is. */
const culprits = (filters: ReadonlyArray<FilterExplanation>, outcome: FilterOutcome): Array<FilterExplanation> =>
  filters.flatMap((filter) =>
    filter.outcome !== outcome ? [] : filter.kind === "group" ? culprits(filter.filters, outcome) : [filter]
  )

const wants = (filters: ReadonlyArray<FilterExplanation>, outcome: FilterOutcome, speech: Speech): string =>
  join(
    culprits(filters, outcome).map((filter) => filterText(filter, speech)),
    "like that",
    maxFilters,
    ", and it wants "
  )

const asked = (
  { expected, key, operator }: { readonly key?: unknown; readonly operator?: unknown; readonly expected: unknown },
  whose: string
): string => {
  const isAlone = operator === "is_set" || operator === "is_not_set"
  return `${word(key)}${whose} ${word(operator)}${isAlone || expected === undefined ? "" : ` ${choices(expected)}`}`
}

const filterText = (filter: FilterExplanation, speech: Speech): string => {
  const { isComplete, who, whose } = speech
  switch (filter.kind) {
    case "property": {
      const { actual, isGiven, isNegated, key, outcome, unresolved } = filter
      const wanted = `${isNegated ? "not " : ""}${asked(filter, whose)}`
      const cannot = outcome !== "unresolved"
        ? ""
        : unresolved === "unsupported_definition"
        ? ", which only PostHog can compare"
        : ", which cannot be compared"
      return isGiven
        ? `${wanted}, and ${word(key)} is ${word(actual)}${cannot}`
        : `${wanted}, and ${isComplete ? `there is no ${word(key)}` : `${word(key)} was not given`}`
    }
    case "cohort": {
      const { filters, id, isNegated, outcome } = filter
      const wanted = isNegated ? `nobody of cohort ${cohortId(id)}` : `cohort ${cohortId(id)}`
      if (outcome === "no_match" && isNegated) return `${wanted}, and ${who} is in it`
      const why = wants(filters, outcome, speech)
      const is = outcome === "unresolved"
        ? `whether ${who} is in it cannot be told here`
        : `${who} is ${outcome === "match" && !isNegated ? "" : "not "}in it`
      return `${wanted}, and ${is}${why === "" || outcome === "match" ? "" : ` (it wants ${why})`}`
    }
    case "flag": {
      const { actual, expected, isNegated, key, operator, outcome } = filter
      const wanted = `flag ${word(key)} ${isNegated ? "not " : ""}to be ${flagValue(expected)}`
      if (outcome === "unresolved") return `${wanted}, and its value cannot be told here`
      if (operator !== "flag_evaluates_to") return `${wanted}, and the operator ${word(operator)} is for no flag`
      return `${wanted}, and it is ${actual === undefined ? "not among those it depends on" : flagValue(actual)}`
    }
    case "group":
      return wants(filter.filters, filter.outcome, speech)
    case "known":
      if (filter.isServerOnly) {
        return `cohort ${cohortId(filter.expected ?? null)}, of which only PostHog knows who is in it`
      }
      if (filter.outcome === "unresolved") {
        return `${filter.key === undefined ? "something" : asked(filter, whose)}, which cannot be read here`
      }
      return filter.outcome === "match" ? "nothing" : "what nobody matches"
  }
}

const rolloutText = ({ percentage: share, place }: Place, who: string): string =>
  `its rollout is ${percentage(share)} and ${who} is at ${percentage(place, share)}`

const speechOf = ({ distinctId, isComplete }: FlagExplanation, groupType: string | undefined): Speech => ({
  who: word(distinctId),
  whose: groupType === undefined ? "" : ` of the ${word(groupType)}`,
  isComplete
})

const conditionText = (explanation: FlagExplanation, condition: ConditionExplanation): string => {
  const { filters, groupType, index, isDecisive, outcome, rollout } = condition
  const speech = speechOf(explanation, groupType)
  const set = `condition set ${index + 1}`
  switch (outcome) {
    case "match": {
      const why = wants(filters, "match", speech)
      const matched = `${set} matched${why === "" ? "" : `: it wants ${why}`}`
      if (!isDecisive) return `${set} matched, but an earlier one may decide otherwise`
      return rollout === undefined ? matched : `${matched}; ${rolloutText(rollout, speech.who)}`
    }
    case "no_match":
      return `${set} wants ${wants(filters, "no_match", speech) || "what does not match"}`
    case "out_of_rollout": {
      const out = rollout === undefined ? "is for others" : rolloutText(rollout, speech.who)
      return `${set} matched but ${out}${explanation.isEarlyExit ? ", and sets behind it do not count then" : ""}`
    }
    case "no_group":
      return groupType === undefined
        ? `${set} is about a type of groups that the definitions do not name`
        : `${set} is about groups of type ${word(groupType)}, and ${speech.who} is in none`
    case "unresolved": {
      const why = wants(filters, "unresolved", speech)
      return why === "" ? `${set} has nobody to look at, since an id is not usable` : `${set} wants ${why}`
    }
    case "not_reached":
      return `${set} was not looked at`
  }
}

const variantText = ({ distinctId, value, variant }: FlagExplanation): string => {
  if (variant === undefined || variant.by === "holdout") return ""
  if (variant.by === "condition") return `; it gives ${word(value)} to all`
  const { before, from, place } = variant
  return `; ${word(value)} is for those from ${percentage(from!)} to below ${percentage(before!)}, and ${
    word(distinctId)
  } is at ${percentage(place!, before)}`
}

const conditionsText = (explanation: FlagExplanation): string => {
  const { conditions, reason } = explanation
  if (reason?.code === "condition_match") {
    const decisive = conditions.find(({ isDecisive }) => isDecisive)!
    return `${conditionText(explanation, decisive)}${variantText(explanation)}`
  }
  const reached = conditions.filter(({ outcome }) => outcome !== "not_reached")
  if (reached.length === 0) return "it has no condition set"
  return join(
    reached.map((condition) => conditionText(explanation, condition)),
    "condition sets do not help either",
    maxConditions,
    "; "
  )
}

/** Why nothing can be told before a condition set is looked at. */
const unresolvedText = (explanation: FlagExplanation): string => {
  const { bucketing, bucketingId, conditions, distinctId, enrollment, isComplete, unresolved } = explanation
  if (conditions.some(({ outcome }) => outcome !== "not_reached")) return conditionsText(explanation)
  if (unresolved === "experience_continuity") {
    return "it keeps its value when somebody logs in, and only PostHog knows who had one before"
  }
  if (enrollment !== undefined && enrollment.choice === undefined && !isComplete) {
    return `${word(enrollment.property)} says whether ${word(distinctId)} takes part, and was not given`
  }
  if (bucketingId === undefined && unresolved === "missing_context") {
    return bucketing === "device_id"
      ? "it is rolled out by device, and no device id was given"
      : bucketing === "group"
      ? "the key of the group is not usable"
      : "the distinct id is not usable"
  }
  return "its definition says something that cannot be read here"
}

/** The explanation for people, in one sentence: what the value is, and why. */
export const explanationText = (explanation: FlagExplanation): string => {
  const { distinctId, enrollment, groupType, holdout, key, reason, value } = explanation
  const who = word(distinctId)
  const head = reason === undefined
    ? `${word(key)} cannot be told here for ${who}`
    : `${word(key)} is ${flagValue(value)}`
  switch (reason?.code) {
    case undefined:
      return `${head}: ${unresolvedText(explanation)}.`
    case "flag_disabled":
      return `${head} for everybody: the flag is disabled.`
    case "super_condition_value":
      return `${head} for ${who}: ${word(enrollment!.property)} is ${word(enrollment!.choice)}, and decides alone.`
    case "holdout_condition_value":
      return `${head} for ${who}: the holdout takes ${percentage(holdout!.percentage)}, and ${who} is at ${
        percentage(holdout!.place, holdout!.percentage)
      }.`
    case "no_group_type":
      if (reason!.conditionIndex !== undefined) return `${head} for ${who}: ${conditionsText(explanation)}.`
      return `${head} for ${who}: it is about groups of type ${word(groupType)}, and ${who} is in none.`
    default:
      return `${head} for ${who}: ${conditionsText(explanation)}.`
  }
}

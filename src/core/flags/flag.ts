/**
 * Reads the definition of one flag.
 *
 * @since 0.1.0
 */
import { setMember } from "../event/layers.js"
import { type Library, readFilter } from "./filters.js"
import type { Condition, Filter, Flag, Plan, Variant } from "./model.js"
import { experienceContinuity, unsupported } from "./outcome.js"
import { boolean, type EvaluatedFlag, type FlagValue, isObject, type Json, number, parsePayload } from "./response.js"

const isNil = (value: unknown): value is null | undefined => value === undefined || value === null

/** Definitions that cannot be read. */
class Unreadable {
  readonly _tag = "Unreadable"
}

const list = (value: unknown): ReadonlyArray<unknown> => {
  if (isNil(value)) return []
  if (!Array.isArray(value)) throw new Unreadable()
  return value
}

const object = (value: unknown): Json => {
  if (isNil(value)) return {}
  if (!isObject(value)) throw new Unreadable()
  return value
}

/** A switch that is off where it is absent. */
const flagged = (value: unknown): boolean => {
  if (isNil(value)) return false
  if (typeof value !== "boolean") throw new Unreadable()
  return value
}

/**
 * A copy of lists and objects, without recursion; what nests deeper than the stack reaches cannot be copied as JSON.
 */
const copyOf = (value: unknown): unknown => {
  const copies = new Map<unknown, Json | Array<unknown>>()
  const open: Array<unknown> = []
  const begin = (original: unknown): unknown => {
    if (typeof original !== "object" || original === null) return original
    const known = copies.get(original)
    if (known !== undefined) return known
    const copy = Array.isArray(original) ? [] : {}
    copies.set(original, copy)
    open.push(original)
    return copy
  }
  const copied = begin(value)
  while (open.length > 0) {
    const original = open.pop() as Json
    const copy = copies.get(original) as Record<string, unknown>
    for (const name of Object.keys(original)) setMember(copy, name, begin(original[name]))
  }
  return copied
}

/** Payloads that are no text are copied: the document stays its owner's. */
const readPayload = (payload: unknown): unknown => {
  if (isNil(payload) || payload === "") return undefined
  if (typeof payload === "string") return parsePayload(payload)
  let text: string
  try {
    text = JSON.stringify(payload)
  } catch {
    return parsePayload(copyOf(payload))
  }
  return parsePayload(text)
}

/** The flag as it is for a value; equal values give the same object. */
const results = (key: string, definition: Json, filters: Json) => {
  const payloads = isObject(filters.payloads) ? filters.payloads : {}
  const made = new Map<FlagValue, EvaluatedFlag>()
  return (value: FlagValue): EvaluatedFlag => {
    const before = made.get(value)
    if (before !== undefined) return before
    const name = String(value)
    const result = Object.freeze<EvaluatedFlag>({
      key,
      value,
      source: "local",
      payload: value !== false && Object.hasOwn(payloads, name) ? readPayload(payloads[name]) : undefined,
      id: number(definition.id),
      version: number(definition.version),
      reasonCode: undefined,
      reasonDescription: "Evaluated locally",
      hasExperiment: boolean(definition.has_experiment)
    })
    made.set(value, result)
    return result
  }
}

const readVariants = (filters: Json, result: (value: FlagValue) => EvaluatedFlag): ReadonlyArray<Variant> => {
  let from = 0
  return list(object(filters.multivariate).variants).map((variant) => {
    const { key, rollout_percentage: share } = object(variant)
    if (typeof key !== "string" || typeof share !== "number") throw new Unreadable()
    const before = from + share / 100
    // A variant without a name is on, no more.
    const read = { from, before, result: result(key === "" ? true : key) }
    from = before
    return read
  })
}

const readHoldout = (filters: Json, result: (value: FlagValue) => EvaluatedFlag): Plan["holdout"] => {
  const { exclusion_percentage: excluded, id } = object(filters.holdout)
  // PostHog has no holdout without an id or a share, or with a text that is no number.
  if (isNil(id) || isNil(excluded)) return undefined
  if (typeof id !== "number" && typeof id !== "string") throw new Unreadable()
  if (typeof excluded !== "number" && typeof excluded !== "string") throw new Unreadable()
  const share = Number(excluded)
  if (!Number.isFinite(share)) return undefined
  return { share: Math.min(Math.max(share, 0), 100) / 100, result: result(`holdout-${id}`) }
}

const readCondition = (
  library: Library,
  flag: Flag,
  condition: unknown,
  aggregation: unknown,
  variants: ReadonlyArray<Variant>
): Condition => {
  const unreadable = (): Condition => {
    flag.isUnsupported = true
    const filters: ReadonlyArray<Filter> = [{ kind: "known", outcome: unsupported }]
    return { filters, rollout: Infinity, override: undefined, group: undefined }
  }
  if (!isObject(condition)) return unreadable()
  const { aggregation_group_type_index: own, properties, rollout_percentage: share, variant } = condition
  if (!isNil(properties) && !Array.isArray(properties)) return unreadable()
  if (!isNil(share) && (typeof share !== "number" || Number.isNaN(share))) return unreadable()
  if (!isNil(variant) && typeof variant !== "string") return unreadable()
  if (!isNil(own) && typeof own !== "number") return unreadable()
  const isOther = !isNil(own) && own !== aggregation
  return {
    filters: list(properties).map((filter) => readFilter(library, flag, filter, false)),
    rollout: isNil(share) ? Infinity : share / 100,
    override: isNil(variant) || variant === ""
      ? undefined
      : variants.find((known) => known.result.value === variant)?.result,
    group: isOther ? library.groupType(own) ?? null : undefined
  }
}

/** The plan of a flag about which nothing is to be found out. */
export const settledPlan = (key: string, settled: EvaluatedFlag | number | undefined): Plan => {
  const result = results(key, {}, {})
  return {
    settled: settled ?? result(false),
    group: undefined,
    byDevice: false,
    enrollment: undefined,
    holdout: undefined,
    conditions: [],
    variants: [],
    earlyExit: false,
    off: result(false),
    on: result(true)
  }
}

/** What is hashed. PostHog writes an empty text where nobody has chosen. */
const bucketings: ReadonlyArray<unknown> = ["distinct_id", "device_id", "", null, undefined]

/** The rules by which the definition is to be read; another version means something else by the same members. */
const isKnownVersion = ({ filters }: Json): boolean =>
  !isObject(filters) || isNil(filters.version) || filters.version === 1

const readPlan = (library: Library, flag: Flag, definition: Json): Plan => {
  const { bucketing_identifier: bucketing } = definition
  const isActive = flagged(definition.active)
  if (isActive && flagged(definition.ensure_experience_continuity)) {
    return settledPlan(flag.key, experienceContinuity)
  }
  if (!isKnownVersion(definition)) throw new Unreadable()
  if (!isActive) return settledPlan(flag.key, results(flag.key, definition, {})(false))
  const filters = object(definition.filters)
  const result = results(flag.key, definition, filters)
  const aggregation = filters.aggregation_group_type_index
  const group = isNil(aggregation) ? undefined : library.groupType(aggregation)
  if (!isNil(aggregation) && group === undefined) throw new Unreadable()
  if (!bucketings.includes(bucketing)) throw new Unreadable()
  const takesPart = flagged(filters.feature_enrollment)
  // People take part in early access, groups do not.
  if (takesPart && group !== undefined) throw new Unreadable()
  const variants = readVariants(filters, result)
  return {
    settled: undefined,
    group,
    byDevice: group === undefined && bucketing === "device_id",
    enrollment: takesPart ? `$feature_enrollment/${flag.key}` : undefined,
    holdout: readHoldout(filters, result),
    conditions: list(filters.groups).map((condition) => readCondition(library, flag, condition, aggregation, variants)),
    variants,
    earlyExit: flagged(filters.early_exit),
    off: result(false),
    on: result(true)
  }
}

/** Reads a definition into the flag that stands for it; `undefined`: one that cannot be read. */
export const readFlag = (library: Library, flag: Flag, definition: Json | undefined): void => {
  try {
    if (definition === undefined) throw new Unreadable()
    flag.plan = readPlan(library, flag, definition)
  } catch {
    flag.plan = settledPlan(flag.key, unsupported)
    flag.refers.length = 0
    flag.isUnsupported = true
  }
}

/**
 * Reads the filters of conditions and cohorts.
 *
 * @since 0.1.0
 */
import { maxDepth } from "./graph.js"
import type { Asked, Cohort, Filter, Flag } from "./model.js"
import { compileOperator, isKnownOperator, isPropertyType } from "./operators.js"
import { no, serverOnly, unsupported, yes } from "./outcome.js"
import { preview, shorten } from "./preview.js"
import { isObject, type Json } from "./response.js"

/** What a document says beside its flags, and how to find what it defines. */
export interface Library {
  /** How properties are compared; `undefined`: in a way that is not known. */
  readonly matchingVersion: number | undefined
  readonly groupType: (index: unknown) => string | undefined
  readonly flag: (key: string) => Flag | undefined
  readonly cohort: (id: string) => Cohort | undefined
}

/** The flag or cohort that is being read. */
type Owner = Pick<Flag | Cohort, "refers" | "isUnsupported" | "weight">

const known = (outcome: number, asked?: Asked): Filter => ({ kind: "known", outcome, asked })

const textOf = (value: unknown): string | undefined => typeof value === "string" ? shorten(value) : undefined

const askedBy = ({ key, operator, value }: Json): Asked => ({
  key: textOf(key),
  operator: operator === undefined || operator === null || operator === "" ? "exact" : textOf(operator),
  value: preview(value)
})

const refuse = (owner: Owner, filter?: unknown): Filter => {
  owner.isUnsupported = true
  return known(unsupported, isObject(filter) ? askedBy(filter) : undefined)
}

/** Ids of cohorts are numbers in filters and texts where they are defined. */
const idOf = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined

const flagOperator = "flag_evaluates_to"

/** Operators of filters on cohorts; only the first excludes. */
const cohortOperators: ReadonlyArray<unknown> = ["not_in", "in", "exact", "", null, undefined]

const readFlagFilter = (library: Library, owner: Owner, filter: Json, negated: boolean): Filter => {
  const { dependency_chain: keys, key, operator, value } = filter
  if (!Array.isArray(keys) || keys.length === 0 || typeof key !== "string") return refuse(owner, filter)
  // An operator for properties holds of no flag; one that is not known at all may ask anything.
  if (operator !== flagOperator && !isKnownOperator(operator)) return refuse(owner, filter)
  const chain: Array<Flag> = []
  for (const key of keys as ReadonlyArray<unknown>) {
    const flag = typeof key === "string" ? library.flag(key) : undefined
    if (flag === undefined) return refuse(owner, filter)
    chain.push(flag)
  }
  for (const flag of chain) {
    flag.isShared = true
    owner.refers.push(flag)
  }
  return {
    kind: "flag",
    chain,
    target: operator === flagOperator ? chain.find((flag) => flag.key === key) : undefined,
    wanted: typeof value === "boolean" || typeof value === "string" ? value : undefined,
    negated,
    asked: askedBy(filter)
  }
}

/** Reads a filter. Only in cohorts may it be negated. */
export const readFilter = (library: Library, owner: Owner, filter: unknown, inCohort: boolean): Filter => {
  if (!isObject(filter)) return refuse(owner)
  const { key, negation, operator, type, value } = filter
  if (inCohort && negation !== undefined && negation !== null && typeof negation !== "boolean") {
    return refuse(owner, filter)
  }
  const negated = inCohort && negation === true
  if (type === "flag") return readFlagFilter(library, owner, filter, negated)
  if (type === "cohort") {
    if (!cohortOperators.includes(operator)) return refuse(owner, filter)
    const id = idOf(value)
    const cohort = id === undefined ? undefined : library.cohort(id)
    if (cohort === undefined) {
      owner.isUnsupported = true
      return known(serverOnly, askedBy(filter))
    }
    owner.refers.push(cohort)
    return { kind: "cohort", cohort, negated: negated !== (operator === "not_in") }
  }
  if (typeof key !== "string" || !isPropertyType(type)) return refuse(owner, filter)
  const compiled = compileOperator(operator, value, library.matchingVersion)
  if (compiled.absent === unsupported) owner.isUnsupported = true
  return { kind: "property", key, operator: compiled, negated, asked: askedBy(filter) }
}

/** Reads the property group that makes a cohort. */
export const readGroup = (library: Library, owner: Owner, group: unknown, depth = 1): Filter => {
  if (group === undefined || group === null) return known(yes)
  if (!isObject(group) || depth > maxDepth) return refuse(owner)
  if (Object.keys(group).length === 0) return known(yes)
  const { type, values } = group
  if (type !== "AND" && type !== "OR" && type !== "property") {
    // What is in it still says whether the definition can be read.
    readGroup(library, owner, { type: "AND", values }, depth)
    return known(serverOnly)
  }
  const every = type !== "OR"
  if (values === undefined || values === null) return known(every ? yes : no)
  if (!Array.isArray(values)) return refuse(owner)
  if (values.length === 0) return known(every ? yes : no)
  owner.weight = Math.max(owner.weight, depth)
  const first: unknown = values[0]
  const areGroups = isObject(first) && Object.hasOwn(first, "values")
  const filters = (values as ReadonlyArray<unknown>).map((value) =>
    areGroups ? readGroup(library, owner, value, depth + 1) : readFilter(library, owner, value, true)
  )
  return { kind: "group", every, filters }
}

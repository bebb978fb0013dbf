/**
 * Overrides of flags, written into the definitions: who evaluates flags by itself sees them too.
 *
 * @since 0.1.0
 */
import { type FlagValue, isObject, type Json } from "../core/flags/response.js"
import { isList } from "../core/guard.js"
import { type FlagDocument, plainDefinition, withMembers } from "./flagDocument.js"

/** What a flag shall be whatever its definition says. */
export interface Override {
  readonly key: string
  readonly value: boolean | string
  readonly payload?: unknown
  /** For this person alone. */
  readonly distinctId?: string | undefined
}

const listOf = (value: unknown): ReadonlyArray<unknown> => isList(value) ? value : []

const filtersOf = ({ filters }: Json): Json => isObject(filters) ? filters : {}

const isNil = (value: unknown): boolean => value === undefined || value === null

/** The variants, with one for the value. A new one is for nobody but those whom a condition set gives it. */
const variantsWith = (filters: Json, value: FlagValue): Json => {
  const multivariate = isObject(filters.multivariate) ? filters.multivariate : {}
  const variants = listOf(multivariate.variants)
  if (typeof value !== "string" || variants.some((variant) => isObject(variant) && variant.key === value)) return {}
  return {
    multivariate: { ...multivariate, variants: [...variants, { key: value, name: "", rollout_percentage: 0 }] }
  }
}

const payloadsWith = (filters: Json, { payload, value }: Override): Json => {
  if (payload === undefined || value === false) return {}
  const payloads = isObject(filters.payloads) ? filters.payloads : {}
  return { payloads: withMembers(payloads, { [String(value)]: JSON.stringify(payload) }) }
}

/** The set that gives the value to those who have these properties. */
const conditionSet = (value: FlagValue, properties: ReadonlyArray<Json>): Json => ({
  properties,
  rollout_percentage: 100,
  ...(typeof value === "string" ? { variant: value } : {})
})

/** The definition by which everybody has the value: nothing else in it decides any more. */
const forEverybody = (definition: Json, override: Override): Json => {
  const filters = filtersOf(definition)
  return withMembers(definition, {
    active: true,
    deleted: false,
    ensure_experience_continuity: false,
    bucketing_identifier: null,
    filters: withMembers(filters, {
      ...variantsWith(filters, override.value),
      ...payloadsWith(filters, override),
      // Without variants the flag is on; with variants it would be one of them.
      ...(override.value === true ? { multivariate: null } : {}),
      groups: override.value === false ? [] : [conditionSet(override.value, [])],
      aggregation_group_type_index: null,
      holdout: null,
      holdout_groups: null,
      super_groups: null,
      feature_enrollment: false,
      early_exit: false
    })
  })
}

const isPerson = (distinctId: string, operator: "exact" | "is_not"): Json => ({
  key: "distinct_id",
  type: "person",
  operator,
  value: [distinctId]
})

/**
 * The sets of a flag about groups, each of which says so itself: among them one about a person can stand then. A
 * holdout is by group as well, so that a flag with one stays as it is.
 */
const aboutPersons = (filters: Json): Json | undefined => {
  const aggregation = filters.aggregation_group_type_index
  if (isNil(aggregation)) return filters
  if (!isNil(filters.holdout)) return undefined
  return withMembers(filters, {
    aggregation_group_type_index: null,
    groups: listOf(filters.groups).map((set) =>
      isObject(set) && isNil(set.aggregation_group_type_index)
        ? withMembers(set, { aggregation_group_type_index: aggregation })
        : set
    )
  })
}

/**
 * The definition by which one person has the value, and all others have what they had. That person must not be in a
 * holdout, which comes before all sets: `/flags` knows better, but not who evaluates by itself.
 */
const forOne = (definition: Json, override: Override, distinctId: string): Json => {
  const filters = aboutPersons(filtersOf(definition))
  if (filters === undefined) return definition
  // The others had nothing of a flag that was off.
  const sets = definition.active === true ? listOf(filters.groups) : []
  const groups = override.value === false
    ? sets.map((set) =>
      isObject(set) && isNil(set.aggregation_group_type_index)
        ? withMembers(set, { properties: [...listOf(set.properties), isPerson(distinctId, "is_not")] })
        : set
    )
    : [conditionSet(override.value, [isPerson(distinctId, "exact")]), ...sets]
  return withMembers(definition, {
    active: definition.active === true || override.value !== false,
    filters: withMembers(filters, {
      ...variantsWith(filters, override.value),
      ...payloadsWith(filters, override),
      groups
    })
  })
}

const freeId = (flags: ReadonlyArray<Json>): number => {
  let highest = 0
  for (const { id } of flags) if (typeof id === "number") highest = Math.max(highest, id)
  return highest + 1
}

/**
 * The document with overrides in it, the first of which are the weakest. `revisions` says how often each flag was
 * overridden or freed: its version is so much higher.
 */
export const withOverrides = (
  document: FlagDocument,
  overrides: ReadonlyArray<Override>,
  revisions: ReadonlyMap<string, number>
): FlagDocument => {
  const flags = new Map(document.flags.map((flag) => [String(flag.key), flag]))
  let free = freeId(document.flags)
  for (const override of overrides) {
    const { distinctId, key } = override
    const definition = flags.get(key) ?? plainDefinition(key, free++, false)
    flags.set(
      key,
      distinctId === undefined ? forEverybody(definition, override) : forOne(definition, override, distinctId)
    )
  }
  const versioned = Array.from(flags.values(), (flag) => {
    const revision = revisions.get(String(flag.key))
    const version = typeof flag.version === "number" ? flag.version : 0
    return revision === undefined ? flag : withMembers(flag, { version: version + revision })
  })
  return { ...document, flags: versioned }
}

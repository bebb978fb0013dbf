/**
 * What changes between two tracking plans, and what it breaks.
 *
 * @since 0.1.0
 */
import type { EventDescription, Plan, PropertyDescription } from "./model.js"

/**
 * One change between two plans.
 *
 * @since 0.1.0
 * @category models
 */
export interface Change {
  readonly kind:
    | "event_added"
    | "event_removed"
    | "group_added"
    | "group_removed"
    | "property_added"
    | "property_removed"
    | "property_required"
    | "property_optional"
    | "type_widened"
    | "type_narrowed"
    | "type_changed"
    | "values_widened"
    | "values_narrowed"
    | "groups_widened"
    | "groups_narrowed"
    | "personal_exposed"
    | "personal_hidden"
    | "deprecated"
    | "no_longer_deprecated"
  /** `breaking`: somebody who relied on the earlier plan gets something else, or nothing. */
  readonly impact: "breaking" | "compatible"
  /** What changed, such as `order completed`, `group company` or `person`. */
  readonly subject: string
  readonly property?: string | undefined
  /** What it breaks, and for whom. */
  readonly effect: string
}

type Told = readonly [kind: Change["kind"], impact: Change["impact"], effect: string]

const listed = (values: ReadonlyArray<unknown>): string => values.map((value) => JSON.stringify(value)).join(", ")

/** What one list has that another has not. */
const without = <A>(values: ReadonlyArray<A>, others: ReadonlyArray<A>): ReadonlyArray<A> =>
  values.filter((value) => !others.includes(value))

/** How unreadable values are: the higher, the less can be seen. */
const hidden = ({ personal }: PropertyDescription): number =>
  personal === undefined ? 0 : ["hash", "usual", "redact", "omit"].indexOf(personal) + 1

const older = "programs that still run with the earlier plan"

const dropped = `events of ${older} do not fit, and where PostHog enforces the schema it drops them`

const typesOf = (from: PropertyDescription, to: PropertyDescription): ReadonlyArray<Told> => {
  if (hidden(from) !== hidden(to)) return []
  // No types: anything.
  const isWider = to.types.length === 0 || from.types.length > 0 && without(from.types, to.types).length === 0
  const isNarrower = from.types.length === 0 || to.types.length > 0 && without(to.types, from.types).length === 0
  if (isWider && isNarrower) return []
  const [before, after] = [from, to].map(({ types }) => types.length === 0 ? "anything" : types.join(" or "))
  const change = `${before} became ${after}`
  if (isWider) {
    return [["type_widened", "breaking", `${change}: insights and other readers meet values they do not know`]]
  }
  if (isNarrower && !to.required) {
    return [["type_narrowed", "compatible", `${change}: programs that sent others have to change`]]
  }
  return isNarrower
    ? [["type_narrowed", "breaking", `${change}: ${dropped}`]]
    : [["type_changed", "breaking", `${change}: insights that filter or count by it no longer fit, and ${dropped}`]]
}

const valuesOf = (from: PropertyDescription, to: PropertyDescription): ReadonlyArray<Told> => {
  if (hidden(from) !== hidden(to)) return []
  const [before, after] = [from.values, to.values]
  if (before === undefined && after === undefined) return []
  if (before === undefined) {
    return [[
      "values_narrowed",
      "breaking",
      `only ${listed(after!)}: programs and insights with other values no longer fit`
    ]]
  }
  if (after === undefined) {
    return [["values_widened", "compatible", "any value: insights that list values miss new ones"]]
  }
  const [added, removed] = [without(after, before), without(before, after)]
  return [
    ...(removed.length === 0 ? [] : [
      [
        "values_narrowed",
        "breaking",
        `no longer ${listed(removed)}: programs that send it, and insights that filter by it, no longer fit`
      ] as const
    ]),
    ...(added.length === 0 ? [] : [
      ["values_widened", "compatible", `also ${listed(added)}: insights that list values miss it`] as const
    ])
  ]
}

const deprecation = (from: string | undefined, to: string | undefined): ReadonlyArray<Told> =>
  from === undefined && to !== undefined
    ? [["deprecated", "compatible", `should not be used any more: ${to}`]]
    : from !== undefined && to === undefined
    ? [["no_longer_deprecated", "compatible", "can be used again"]]
    : []

const propertyChanges = (from: PropertyDescription, to: PropertyDescription): ReadonlyArray<Told> => [
  ...typesOf(from, to),
  ...(!from.required && to.required ? [["property_required", "breaking", dropped] as const] : []),
  ...(from.required && !to.required
    ? [
      [
        "property_optional",
        "breaking",
        "insights that rely on it find events without it; PostHog drops those as long as its own schema requires it"
      ] as const
    ]
    : []),
  ...valuesOf(from, to),
  ...(hidden(from) > hidden(to)
    ? [
      ["personal_exposed", "breaking", "personal data is less protected than before, for persons in the data"] as const
    ]
    : []),
  ...(hidden(from) < hidden(to)
    ? [["personal_hidden", "breaking", "insights that filter or group by its values no longer find them"] as const]
    : []),
  ...deprecation(from.deprecated, to.deprecated)
]

/** Pairs of what has one name, with `undefined` for what is on one side only. */
const paired = <A>(
  earlier: ReadonlyArray<A>,
  later: ReadonlyArray<A>,
  nameOf: (item: A) => string
): ReadonlyArray<readonly [name: string, from: A | undefined, to: A | undefined]> => {
  const [before, after] = [earlier, later].map((items) => new Map(items.map((item) => [nameOf(item), item])))
  return [...new Set([...before!.keys(), ...after!.keys()])].map((name) => [name, before!.get(name), after!.get(name)])
}

const properties = (
  subject: string,
  earlier: ReadonlyArray<PropertyDescription>,
  later: ReadonlyArray<PropertyDescription>
): ReadonlyArray<Change> =>
  paired(earlier, later, ({ name }) => name).flatMap(([property, from, to]) => {
    const told: ReadonlyArray<Told> = from === undefined
      ? to!.required
        ? [["property_added", "breaking", `it is required: ${dropped}`]]
        : [["property_added", "compatible", "it is optional"]]
      : to === undefined
      ? [["property_removed", "breaking", "insights and other readers of it find no new values"]]
      : propertyChanges(from, to)
    return told.map(([kind, impact, effect]) => ({ kind, impact, subject, property, effect }))
  })

const groupsOf = (from: EventDescription, to: EventDescription): ReadonlyArray<Told> => {
  const [before, after] = [from.groups, to.groups]
  if (after === undefined) {
    return before === undefined ? [] : [["groups_widened", "compatible", "can be about any group"]]
  }
  if (before === undefined) {
    return [[
      "groups_narrowed",
      "breaking",
      `only about ${listed(after)}: programs that say other groups no longer compile`
    ]]
  }
  const [added, removed] = [without(after, before), without(before, after)]
  return [
    ...(removed.length === 0 ? [] : [
      [
        "groups_narrowed",
        "breaking",
        `no longer about ${listed(removed)}: insights by that group find no new events`
      ] as const
    ]),
    ...(added.length === 0 ? [] : [["groups_widened", "compatible", `also about ${listed(added)}`] as const])
  ]
}

/** All changes from one plan to a later one. Descriptions, owners and tags change nothing for anybody. */
export const compare = (earlier: Plan, later: Plan): ReadonlyArray<Change> => [
  ...paired(earlier.events, later.events, ({ name }) => name).flatMap(([subject, from, to]): ReadonlyArray<Change> => {
    if (to === undefined) {
      const effect = "insights, cohorts and destinations that use it find no new events"
      return [{ kind: "event_removed", impact: "breaking", subject, effect }]
    }
    if (from === undefined) return [{ kind: "event_added", impact: "compatible", subject, effect: "it is new" }]
    return [
      ...[...groupsOf(from, to), ...deprecation(from.deprecated, to.deprecated)].map(([kind, impact, effect]) => ({
        kind,
        impact,
        subject,
        effect
      })),
      ...properties(subject, from.properties, to.properties)
    ]
  }),
  ...paired(earlier.groups, later.groups, ({ type }) => type).flatMap(([type, from, to]): ReadonlyArray<Change> => {
    const subject = `group ${type}`
    if (to === undefined) {
      const effect = "insights by that group type find no new groups"
      return [{ kind: "group_removed", impact: "breaking", subject, effect }]
    }
    if (from === undefined) return [{ kind: "group_added", impact: "compatible", subject, effect: "it is new" }]
    return asParts(properties(subject, from.properties, to.properties))
  }),
  ...asParts(properties("person", earlier.person, later.person))
]

/** Of persons and groups any properties may be left out, and PostHog enforces nothing there. */
const asParts = (changes: ReadonlyArray<Change>): ReadonlyArray<Change> =>
  changes.flatMap((change) =>
    change.kind === "property_required" || change.kind === "property_optional"
      ? []
      : change.kind === "property_added"
      ? [{ ...change, impact: "compatible", effect: "it is new" }]
      : [change]
  )

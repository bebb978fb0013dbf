/**
 * What changes of one value between two tracking plans, without what is inside of it.
 *
 * @since 0.1.0
 */
import { isKnown } from "./merge.js"
import type { ValueDescription } from "./model.js"

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
  /** Its name, with the way to what is inside of it, such as `items[].price`. */
  readonly property?: string | undefined
  /** What it breaks, and for whom. */
  readonly effect: string
}

/** What is told of a change, whatever it is about. */
export type Told = readonly [kind: Change["kind"], impact: Change["impact"], effect: string]

/**
 * Where a value is: a property of an event, or one of a person or a group, which may always be left out and which
 * PostHog does not look at, or inside of one.
 */
export type Level = "event" | "part" | "inside"

/** Values for people. */
export const listed = (values: ReadonlyArray<unknown>): string =>
  values.map((value) => JSON.stringify(value)).join(", ")

/** What one list has that another has not. */
export const without = <A>(values: ReadonlyArray<A>, others: ReadonlyArray<A>): ReadonlyArray<A> => {
  const known = new Set(others)
  return values.filter((value) => !known.has(value))
}

/** How unreadable values are: the higher, the less can be seen. */
export const hidden = ({ personal }: ValueDescription): number =>
  personal === undefined ? 0 : ["hash", "usual", "redact", "omit"].indexOf(personal) + 1

const older = "programs that still run with the earlier plan"

const dropped: Readonly<Record<Level, string>> = {
  event: `events of ${older} do not fit, and where PostHog enforces the schema it drops them`,
  part: `values of ${older} do not fit`,
  inside: `values of ${older} do not fit, and PostHog takes them, because it does not look inside`
}

/** The types, with objects and lists apart where that is known on both sides. */
const kindsOf = (value: ValueDescription, other: ValueDescription): ReadonlyArray<string> =>
  value.types.flatMap((type): ReadonlyArray<string> =>
    type === "Object" && isKnown(value) && isKnown(other)
      ? [...(value.objects === undefined ? [] : ["object"]), ...(value.items === undefined ? [] : ["list"])]
      : [type]
  )

const typesOf = (from: ValueDescription, to: ValueDescription, level: Level): ReadonlyArray<Told> => {
  if (hidden(from) !== hidden(to)) return []
  const [old, now] = [kindsOf(from, to), kindsOf(to, from)]
  // No types: anything.
  const isWider = now.length === 0 || old.length > 0 && without(old, now).length === 0
  const isNarrower = old.length === 0 || now.length > 0 && without(now, old).length === 0
  if (isWider && isNarrower) return []
  const [before, after] = [old, now].map((kinds) => kinds.length === 0 ? "anything" : kinds.join(" or "))
  const change = `${before} became ${after}`
  // Objects and lists are one type for PostHog.
  const isInside = without(from.types, to.types).length + without(to.types, from.types).length === 0
  const others = dropped[isInside ? "inside" : level]
  if (isWider) {
    return [["type_widened", "breaking", `${change}: insights and other readers meet values they do not know`]]
  }
  if (isNarrower && !to.required) {
    return [["type_narrowed", "compatible", `${change}: programs that sent others have to change`]]
  }
  return isNarrower
    ? [["type_narrowed", "breaking", `${change}: ${others}`]]
    : [[
      "type_changed",
      "breaking",
      `${change}: insights that filter or count by it no longer fit, and ${others}`
    ]]
}

const valuesOf = (from: ValueDescription, to: ValueDescription): ReadonlyArray<Told> => {
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

const presenceOf = (from: ValueDescription, to: ValueDescription, level: Level): ReadonlyArray<Told> => {
  if (level === "part" || from.required === to.required) return []
  if (to.required) return [["property_required", "breaking", dropped[level]]]
  return [[
    "property_optional",
    "breaking",
    level === "inside"
      ? "readers that rely on it find values without it"
      : "insights that rely on it find events without it; PostHog drops those as long as its own schema requires it"
  ]]
}

/** That something should not be used any more, or can be again. */
export const deprecation = (from: string | undefined, to: string | undefined): ReadonlyArray<Told> =>
  from === undefined && to !== undefined
    ? [["deprecated", "compatible", `should not be used any more: ${to}`]]
    : from !== undefined && to === undefined
    ? [["no_longer_deprecated", "compatible", "can be used again"]]
    : []

const protection = (from: ValueDescription, to: ValueDescription): ReadonlyArray<Told> =>
  hidden(from) > hidden(to)
    ? [["personal_exposed", "breaking", "personal data is less protected than before, for persons in the data"]]
    : hidden(from) < hidden(to)
    ? [["personal_hidden", "breaking", "insights that filter or group by its values no longer find them"]]
    : []

/** What changes of a value that is in both plans. */
export const valueChanges = (from: ValueDescription, to: ValueDescription, level: Level): ReadonlyArray<Told> => [
  ...typesOf(from, to, level),
  ...presenceOf(from, to, level),
  ...valuesOf(from, to),
  ...protection(from, to),
  ...deprecation(from.deprecated, to.deprecated)
]

/** What it means that a value is new. */
export const added = (to: ValueDescription, level: Level): Told =>
  level === "part"
    ? ["property_added", "compatible", "it is new"]
    : to.required
    ? ["property_added", "breaking", `it is required: ${dropped[level]}`]
    : ["property_added", "compatible", "it is optional"]

/** What it means that there is a value no more. */
export const removed: Told = ["property_removed", "breaking", "insights and other readers of it find no new values"]

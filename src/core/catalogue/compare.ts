/**
 * What changes between two tracking plans, and what it breaks.
 *
 * @since 0.1.0
 */
import { paired, propertyChanges } from "./compareInside.js"
import { type Change, deprecation, type Level, listed, type Told, without } from "./compareValue.js"
import type { EventDescription, Plan, PropertyDescription } from "./model.js"

const properties = (
  subject: string,
  earlier: ReadonlyArray<PropertyDescription>,
  later: ReadonlyArray<PropertyDescription>,
  level: Level
): ReadonlyArray<Change> =>
  propertyChanges(earlier, later, level).map(([property, [kind, impact, effect]]) => ({
    kind,
    impact,
    subject,
    property,
    effect
  }))

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
      ...properties(subject, from.properties, to.properties, "event")
    ]
  }),
  ...paired(earlier.groups, later.groups, ({ type }) => type).flatMap(([type, from, to]): ReadonlyArray<Change> => {
    const subject = `group ${type}`
    if (to === undefined) {
      const effect = "insights by that group type find no new groups"
      return [{ kind: "group_removed", impact: "breaking", subject, effect }]
    }
    if (from === undefined) return [{ kind: "group_added", impact: "compatible", subject, effect: "it is new" }]
    return properties(subject, from.properties, to.properties, "part")
  }),
  ...properties("person", earlier.person, later.person, "part")
]

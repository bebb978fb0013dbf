/**
 * A tracking plan beside events that were captured.
 *
 * @since 0.1.0
 */
import { type Violation, violations } from "./coercion.js"
import type { EventDescription, Plan } from "./model.js"

/**
 * An event that was captured, such as those of `PostHogTest.captured`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Captured {
  readonly event: string
  readonly properties: { readonly [name: string]: unknown }
}

/**
 * Events, and properties of events.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gaps {
  readonly events: ReadonlyArray<string>
  readonly properties: ReadonlyArray<{ readonly event: string; readonly property: string }>
}

/**
 * An event that PostHog would drop, if it enforced the plan.
 *
 * @since 0.1.0
 * @category models
 */
export interface Refused extends Violation {
  readonly event: string
}

/** PostHog's own names, which no plan declares. */
const isOfPostHog = (name: string): boolean => name.startsWith("$")

/** The names of the properties that each event was seen with. */
const namesOf = (captured: ReadonlyArray<Captured>): ReadonlyMap<string, ReadonlySet<string>> => {
  const names = new Map<string, Set<string>>()
  for (const { event, properties } of captured) {
    const known = names.get(event) ?? new Set()
    for (const [name, value] of Object.entries(properties)) if (value !== undefined && value !== null) known.add(name)
    names.set(event, known)
  }
  return names
}

/** What the plan declares, and nothing has captured. Properties that are always left out cannot be seen. */
export const unseen = ({ events }: Plan, captured: ReadonlyArray<Captured>): Gaps => {
  const seen = namesOf(captured)
  return {
    events: events.flatMap(({ name }) => seen.has(name) ? [] : [name]),
    properties: events.flatMap(({ name: event, properties }) => {
      const names = seen.get(event)
      return names === undefined ?
        [] :
        properties.flatMap(({ name: property, personal }) =>
          names.has(property) || personal === "omit" ? [] : [{ event, property }]
        )
    })
  }
}

/** What was captured, and the plan does not declare. */
export const undeclared = ({ events }: Plan, captured: ReadonlyArray<Captured>): Gaps => {
  const declared = new Map(events.map(({ name, properties }) => [name, new Set(properties.map(({ name }) => name))]))
  const seen = [...namesOf(captured)].filter(([event]) => !isOfPostHog(event))
  return {
    events: seen.flatMap(([event]) => declared.has(event) ? [] : [event]),
    properties: seen.flatMap(([event, names]) => {
      const known = declared.get(event)
      return known === undefined ?
        [] :
        [...names].flatMap((property) => known.has(property) || isOfPostHog(property) ? [] : [{ event, property }])
    })
  }
}

/** Why PostHog would drop some of the events, if it enforced the plan: each reason once for each event and property. */
export const refused = ({ events }: Plan, captured: ReadonlyArray<Captured>): ReadonlyArray<Refused> => {
  const plans = new Map<string, EventDescription>(events.map((event) => [event.name, event]))
  const found = new Map<string, Refused>()
  for (const { event, properties } of captured) {
    const plan = plans.get(event)
    if (plan === undefined) continue
    for (const violation of violations(plan, properties)) {
      found.set(JSON.stringify([event, violation.property, violation.reason]), { event, ...violation })
    }
  }
  return [...found.values()]
}

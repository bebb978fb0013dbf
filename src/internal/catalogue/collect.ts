/**
 * The events among what a module exports.
 */
import type { EventDescription, GroupDescription, Plan, PropertyDescription } from "../../core/catalogue/model.js"
import { isList, isObject, read } from "../../core/guard.js"
import { type Any, isPostHogEvent } from "../../PostHogEvent.js"

/** What a group type and the properties of persons have in common, and events have not. */
const isDescribed = (value: unknown): value is { readonly describe: () => unknown } =>
  isObject(value) && typeof read(value, "describe") === "function" && typeof read(value, "with") === "function"

/** All that a module exports, and what is in the lists that it exports. */
const valuesOf = (exports: unknown): ReadonlyArray<unknown> =>
  isObject(exports)
    ? Object.keys(exports).flatMap((name) => {
      const value = read(exports, name)
      return isList(value) ? value : [value]
    })
    : []

/** The plan of the events that a module exports; or what is wrong with them. */
export const collect = (exports: unknown): Plan | { readonly problem: string } => {
  // What is exported under two names is there once.
  const values = [...new Set(valuesOf(exports))]
  const events = values.filter(isPostHogEvent)
  if (events.length === 0) return { problem: "exports no event (PostHogEvent.make)" }
  const twice = events.find((event: Any, index) => events.findIndex((other) => other.event === event.event) < index)
  if (twice !== undefined) {
    return { problem: `declares the event ${JSON.stringify(twice.event)} twice; an event has one declaration` }
  }
  const described = values.filter((value) => isDescribed(value) && !isPostHogEvent(value)).filter(isDescribed)
    .map((value) => value.describe())
  return {
    version: 1,
    events: events.map((event): EventDescription => event.describe()),
    groups: described.filter((one) => !isList(one)) as ReadonlyArray<GroupDescription>,
    person: described.filter(isList).flat() as ReadonlyArray<PropertyDescription>
  }
}

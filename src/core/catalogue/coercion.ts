/**
 * What PostHog does with events of which it enforces the schema (`reject`): those whose required properties are missing
 * or of another type are dropped as they arrive, and whoever sent them is told nothing.
 *
 * https://posthog.com/docs/product-analytics/schema-management
 *
 * @since 0.1.0
 */
import { isRecord } from "../guard.js"
import type { EventDescription, PropertyType } from "./model.js"

/**
 * Why PostHog would drop an event: one reason for each property, by PostHog's own words.
 *
 * @since 0.1.0
 * @category models
 */
export interface Violation {
  readonly property: string
  readonly reason: "missing_required" | "type_mismatch"
  /** The types of which it should be one. */
  readonly expected: ReadonlyArray<PropertyType>
}

/** A reason in words. */
export const sayViolation = ({ expected, property, reason }: Violation): string =>
  reason === "missing_required" ? `${property} is missing` : `${property} is no ${expected.join(" or ")}`

/** A text that is a finite number, and is not blank. */
const isNumeric = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text))

/**
 * ISO 8601 and what is near to it. PostHog takes everything that ClickHouse reads by its best effort; what is left out
 * here, such as names of months, is refused too early rather than too late.
 */
const isTime = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/i.test(text.trim()) &&
    !Number.isNaN(Date.parse(text.trim().replace(" ", "T"))) ||
  // Seconds or milliseconds since the epoch.
  /^\d{9,13}$/.test(text.trim())

/** Whether PostHog takes a value, which is one of JSON, as being of a type. */
export const isCoercible = (value: unknown, type: PropertyType): boolean => {
  switch (type) {
    case "String":
      return true
    case "Numeric":
      return typeof value === "number" && Number.isFinite(value) || typeof value === "string" && isNumeric(value)
    case "Boolean":
      return typeof value === "boolean" || value === "true" || value === "false"
    case "DateTime":
      return typeof value === "number" || typeof value === "string" && isTime(value)
    case "Object":
      return isRecord(value) || Array.isArray(value)
  }
}

/** Why PostHog would drop an event with these properties, if it enforced the description; none: it would take it. */
export const violations = (
  { properties }: Pick<EventDescription, "properties">,
  sent: { readonly [name: string]: unknown }
): ReadonlyArray<Violation> =>
  properties.flatMap(({ name, required, types }): ReadonlyArray<Violation> => {
    if (!required) return []
    const value = Object.hasOwn(sent, name) ? sent[name] : undefined
    if (value === undefined || value === null) return [{ property: name, reason: "missing_required", expected: types }]
    return types.length === 0 || types.some((type) => isCoercible(value, type))
      ? []
      : [{ property: name, reason: "type_mismatch", expected: types }]
  })

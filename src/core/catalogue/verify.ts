/**
 * Comparing a tracking plan with what PostHog has.
 *
 * @since 0.1.0
 */
import { isCoercible } from "./coercion.js"
import { type Defined, indexed, type IndexedDefined, isPropertyName, schemaOf, type SchemaProperty } from "./defined.js"
import type { EventDescription, Plan, PropertyDescription, PropertyType } from "./model.js"

/**
 * What `Catalogue.verify` finds:
 *
 * - `MissingEvent`: PostHog has no definition of this event
 * - `MissingProperty`: no group of the event has this property
 * - `UnusableName`: no group can have a property of this name
 * - `Mistyped`: PostHog has the property with another type
 * - `WouldBeDropped`: PostHog enforces the schema of the event, and requires what the plan leaves optional, does not
 *   have, or has with another type: events without it are dropped as they arrive. `certain` is `false` where PostHog
 *   may do so: its mode of enforcement is not known here, or it says that something else than the program adds the
 *   property
 *
 * @since 0.1.0
 * @category models
 */
export type Finding =
  | { readonly _tag: "MissingEvent"; readonly event: string }
  | { readonly _tag: "MissingProperty"; readonly event: string; readonly property: string }
  | { readonly _tag: "UnusableName"; readonly event: string; readonly property: string }
  | {
    readonly _tag: "Mistyped"
    readonly event: string
    readonly property: string
    /** In the plan. */
    readonly declared: ReadonlyArray<PropertyType>
    /** In PostHog. */
    readonly defined: ReadonlyArray<PropertyType>
  }
  | {
    readonly _tag: "WouldBeDropped"
    readonly event: string
    readonly property: string
    /** In PostHog's own words. */
    readonly reason: "missing_required" | "type_mismatch"
    /** The types that PostHog takes. */
    readonly expected: ReadonlyArray<PropertyType>
    /** PostHog's mode: `reject`, or another that is not known. */
    readonly enforcement: string
    readonly certain: boolean
  }

/** The values of a type that PostHog takes as another, too. */
const alsoTaken: Readonly<Record<PropertyType, ReadonlyArray<PropertyType>>> = {
  String: [],
  Numeric: ["DateTime"],
  Boolean: [],
  DateTime: [],
  Object: []
}

/** Whether PostHog takes every value of a property, of whatever type it is. */
const isTaken = ({ types, values }: PropertyDescription, { isUnclear, types: taken }: SchemaProperty): boolean => {
  if (isUnclear || taken.length === 0 || taken.includes("String")) return true
  if (values !== undefined) return values.every((value) => taken.some((type) => isCoercible(value, type)))
  return types.length > 0 &&
    types.every((type) => taken.includes(type) || alsoTaken[type].some((other) => taken.includes(other)))
}

/**
 * Whether the types are the same, as far as PostHog can say it: it has no word for values of several types but
 * `String`, of which everything is.
 */
const isSame = ({ types }: PropertyDescription, { isUnclear, types: defined }: SchemaProperty): boolean =>
  isUnclear || types.every((type) => defined.includes(type)) ||
  types.length > 1 && defined.includes("String")

const compareEvent = (event: EventDescription, defined: IndexedDefined): ReadonlyArray<Finding> => {
  const definition = defined.definitionsByName.get(event.name)
  if (definition === undefined) return [{ _tag: "MissingEvent", event: event.name }]
  const schema = schemaOf(defined.groupsOf(definition.id))
  const findings: Array<Finding> = []
  const declared = new Map(event.properties.map((property) => [property.name, property]))
  for (const property of event.properties) {
    const at = { event: event.name, property: property.name }
    // It is never sent.
    if (property.personal === "omit") continue
    const there = schema.get(property.name)
    if (!isPropertyName(property.name)) findings.push({ _tag: "UnusableName", ...at })
    else if (there === undefined) findings.push({ _tag: "MissingProperty", ...at })
    else if (!isSame(property, there)) {
      findings.push({ _tag: "Mistyped", ...at, declared: property.types, defined: there.types })
    }
  }
  if (definition.enforcement === "allow") return findings
  for (const there of schema.values()) {
    if (!there.required) continue
    const property = declared.get(there.name)
    const isSent = property !== undefined && property.required && property.personal !== "omit"
    if (isSent && isTaken(property, there)) continue
    findings.push({
      _tag: "WouldBeDropped",
      event: event.name,
      property: there.name,
      reason: isSent ? "type_mismatch" : "missing_required",
      expected: there.types,
      enforcement: definition.enforcement,
      certain: definition.enforcement === "reject" && !there.isAdded
    })
  }
  return findings
}

/** What is wrong with a plan, as PostHog has it. */
export const verify = (plan: Pick<Plan, "events">, defined: Defined): ReadonlyArray<Finding> => {
  const known = indexed(defined)
  return plan.events.flatMap((event) => compareEvent(event, known))
}

const anyOf = (types: ReadonlyArray<PropertyType>): string => types.length === 0 ? "anything" : types.join(" or ")

/**
 * A finding in words, and what to do about it.
 *
 * @since 0.1.0
 */
export const sayFinding = (finding: Finding): string => {
  switch (finding._tag) {
    case "MissingEvent":
      return `${finding.event}: PostHog has no definition of this event; push the plan`
    case "MissingProperty":
      return `${finding.event}: PostHog does not have the property ${finding.property}; push the plan`
    case "UnusableName":
      return `${finding.event}: PostHog's schemas cannot have a property of the name ${
        JSON.stringify(finding.property)
      }; use letters, digits and _ only, and no digit first`
    case "Mistyped":
      return `${finding.event}: ${finding.property} is ${anyOf(finding.declared)} here and ${
        anyOf(finding.defined)
      } in PostHog; change one of them`
    case "WouldBeDropped": {
      const { certain, enforcement, event, expected, property, reason } = finding
      const what = reason === "missing_required"
        ? `without ${property}`
        : `whose ${property} is not ${anyOf(expected)}`
      return `${event}: PostHog ${certain ? "drops" : "may drop"} events ${what}, because it enforces the schema ` +
        `(mode ${enforcement}); make the property ${
          reason === "missing_required" ? "required" : anyOf(expected)
        } here, ` +
        "or optional in PostHog"
    }
  }
}

/**
 * What a shape is in PostHog's terms.
 *
 * @since 0.1.0
 */
import type { PropertyDescription, PropertyType } from "./model.js"
import type { Member, Shape } from "./shape.js"

/** Shapes that contain themselves end here; nobody nests so deep. */
const maxDepth = 16

interface Found {
  readonly types: Set<PropertyType>
  /** `undefined`: also other values than those that are listed. */
  values: Array<string | number | boolean> | undefined
  /** Whether there may be no value. */
  canBeNothing: boolean
  isAnything: boolean
}

const propertyTypes = { string: "String", number: "Numeric", boolean: "Boolean", time: "DateTime" } as const

const look = (shape: Shape, found: Found, depth: number): void => {
  switch (shape.kind) {
    case "string":
    case "number":
    case "boolean":
      found.types.add(propertyTypes[shape.kind])
      if (shape.values === undefined) found.values = undefined
      else found.values?.push(...shape.values)
      return
    case "time":
      found.types.add("DateTime")
      found.values = undefined
      return
    case "nothing":
      found.canBeNothing = true
      return
    case "object":
    case "list":
      found.types.add("Object")
      found.values = undefined
      return
    case "union":
      for (const choice of shape.choices) look(choice, found, depth + 1)
      return
    case "later":
      if (depth < maxDepth) return look(shape.of(), found, depth + 1)
      found.isAnything = true
      return
    case "unknown":
      found.isAnything = true
      found.canBeNothing = true
  }
}

/** Whether anything in a shape is personal data. What contains itself is gone through once. */
export const isPersonal = (shape: Shape): boolean => {
  const seen = new Set<Shape>()
  return hasPersonal(shape, seen)
}

const hasPersonal = (shape: Shape, seen: Set<Shape>): boolean => {
  if (shape.personal !== undefined) return true
  if (shape.kind === "later") {
    if (seen.has(shape)) return false
    seen.add(shape)
  }
  return partsOf(shape).some((part) => hasPersonal(part, seen))
}

const partsOf = (shape: Shape): ReadonlyArray<Shape> => {
  switch (shape.kind) {
    case "object":
      return [...shape.members.map((member) => member.shape), ...(shape.others === undefined ? [] : [shape.others])]
    case "list":
      return shape.items
    case "union":
      return shape.choices
    case "later":
      return [shape.of()]
    default:
      return []
  }
}

/** The property that a member of an event's object is. */
export const describeMember = ({ isOptional, name, shape }: Member): PropertyDescription => {
  const found: Found = { types: new Set(), values: [], canBeNothing: isOptional, isAnything: false }
  look(shape, found, 0)
  const { deprecated, description, personal } = shape
  // What is redacted or hashed is text, whatever it was.
  const types: ReadonlyArray<PropertyType> = found.isAnything
    ? []
    : personal !== undefined && personal !== "omit"
    ? ["String"]
    : [...found.types].sort()
  return {
    name,
    types,
    required: !found.canBeNothing && personal !== "omit" && personal !== "usual",
    ...(description === undefined ? {} : { description }),
    ...(found.isAnything || personal !== undefined || found.values === undefined || found.values.length === 0
      ? {}
      : { values: [...new Set(found.values)] }),
    ...(personal === undefined ? {} : { personal }),
    ...(deprecated === undefined ? {} : { deprecated })
  }
}

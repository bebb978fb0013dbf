/**
 * What a shape is in PostHog's terms.
 *
 * @since 0.1.0
 */
import type { PersonalData } from "../event/declared.js"
import type { PropertyDescription, PropertyType } from "./model.js"
import { maxLevels } from "./scan.js"
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

/** The ways in which parts of a shape are made unreadable; none: nothing in it is personal data. */
export const waysOf = (shape: Shape): ReadonlyArray<PersonalData | "usual"> => {
  const seen = new Set<Shape>()
  const found = new Set<PersonalData | "usual">()
  const waiting: Array<readonly [part: Shape, level: number]> = [[shape, 0]]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [part, level] = next
    if (seen.has(part)) continue
    seen.add(part)
    if (part.personal !== undefined) found.add(part.personal)
    const inside = part.kind === "later" ? level + 1 : level
    if (inside <= maxLevels) { for (const one of partsOf(part)) waiting.push([one, inside]) }
  }
  return [...found]
}

/** Whether anything in a shape is personal data. */
export const isPersonal = (shape: Shape): boolean => waysOf(shape).length > 0

/**
 * Whether a value goes as a whole, because there is personal data in a part of it that cannot be told from the others.
 */
export const goesWhole = (shape: Shape): boolean => {
  if (shape.personal !== undefined) return true
  if (!isPersonal(shape)) return false
  const only = shape.kind === "union" ? onlyChoice(shape) ?? shape : shape
  return only !== shape ? goesWhole(only) : only.kind !== "object" && only.kind !== "list"
}

/** The shape of a value that may be absent, and has one shape otherwise. */
export const onlyChoice = ({ choices }: Shape & { readonly kind: "union" }): Shape | undefined => {
  const [first, ...others] = choices.filter(({ kind }) => kind !== "nothing")
  return others.length === 0 ? first : undefined
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
  const { deprecated, description } = shape
  const personal = shape.personal ?? (goesWhole(shape) ? "usual" : undefined)
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

/**
 * What a shape is in PostHog's terms.
 *
 * @since 0.1.0
 */
import type { PersonalData } from "../event/declared.js"
import { merged } from "./merge.js"
import type { PropertyDescription, PropertyType, ValueDescription } from "./model.js"
import { maxLevels } from "./scan.js"
import type { Member, Shape } from "./shape.js"

/** Shapes that contain themselves end here; nobody nests so deep. */
const maxDepth = 16

/** So many objects and lists inside of one another are in a plan. */
const maxInside = 8

/** So many members and items of one property are in a plan. */
const maxParts = 500

interface Found {
  readonly types: Set<PropertyType>
  /** `undefined`: also other values than those that are listed. */
  values: Array<string | number | boolean> | undefined
  /** Whether there may be no value. */
  canBeNothing: boolean
  isAnything: boolean
  readonly objects: Array<Shape & { readonly kind: "object" }>
  readonly lists: Array<Shape & { readonly kind: "list" }>
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
      found.types.add("Object")
      found.values = undefined
      found.objects.push(shape)
      return
    case "list":
      found.types.add("Object")
      found.values = undefined
      found.lists.push(shape)
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

/** Where in a property a value is. */
interface Place {
  /** The objects and lists around it. */
  readonly around: ReadonlyArray<Shape>
  readonly depth: number
  /** How much of the property there may still be. */
  readonly room: { left: number }
  /** Whether there is personal data in the property; looked for once, because all of it has to be gone through. */
  readonly isPersonal: boolean
}

/** Equal items at all places, such as those of a list that is not empty, are said once. */
const distinct = (items: ReadonlyArray<ValueDescription>): ReadonlyArray<ValueDescription> =>
  new Set(items.map((item) => JSON.stringify(item))).size === 1 ? items.slice(0, 1) : items

/** What is inside of objects and lists: all of it, or nothing, so that nothing seems to be missing that was cut off. */
const describeInside = (
  { lists, objects }: Found,
  { around, depth, isPersonal, room }: Place
): Pick<ValueDescription, "items" | "objects"> => {
  const parts = [...objects, ...lists]
  const size = objects.reduce((sum, { members }) => sum + members.length + 1, 0) +
    lists.reduce((sum, { items }) => sum + items.length, 0)
  if (parts.length === 0 || depth >= maxInside || size > room.left) return {}
  // It contains itself: what is said of it once holds for all levels.
  if (parts.some((part) => around.includes(part))) return {}
  room.left -= size
  const place: Place = { around: [...around, ...parts], depth: depth + 1, room, isPersonal }
  const value = (shape: Shape) => describeValue(shape, false, place)
  const items = lists.map((list) => list.items.map(value))
  return {
    ...(objects.length === 0 ? {} : {
      objects: objects.map(({ members, others }) => ({
        members: members.map(({ isOptional, name, shape }) => ({ name, ...describeValue(shape, isOptional, place) })),
        ...(others === undefined ? {} : { others: value(others) })
      }))
    }),
    ...(items.length === 0 ? {} : { items: items.length === 1 ? distinct(items[0]!) : [merged(items.flat())] })
  }
}

const describeValue = (shape: Shape, isOptional: boolean, place: Place): ValueDescription => {
  const found: Found = {
    types: new Set(),
    values: [],
    canBeNothing: isOptional,
    isAnything: false,
    objects: [],
    lists: []
  }
  look(shape, found, 0)
  const { deprecated, description } = shape
  const personal = place.isPersonal ? shape.personal ?? (goesWhole(shape) ? "usual" : undefined) : undefined
  // What is redacted or hashed is text, whatever it was.
  const types: ReadonlyArray<PropertyType> = found.isAnything
    ? []
    : personal !== undefined && personal !== "omit"
    ? ["String"]
    : [...found.types].sort()
  return {
    types,
    required: !found.canBeNothing && personal !== "omit" && personal !== "usual",
    ...(description === undefined ? {} : { description }),
    ...(found.isAnything || personal !== undefined || found.values === undefined || found.values.length === 0
      ? {}
      : { values: [...new Set(found.values)] }),
    ...(personal === undefined ? {} : { personal }),
    ...(deprecated === undefined ? {} : { deprecated }),
    ...(found.isAnything || personal !== undefined ? {} : describeInside(found, place))
  }
}

/** The property that a member of an event's object is. */
export const describeMember = ({ isOptional, name, shape }: Member): PropertyDescription => ({
  name,
  ...describeValue(shape, isOptional, {
    around: [],
    depth: 0,
    room: { left: maxParts },
    isPersonal: isPersonal(shape)
  })
})

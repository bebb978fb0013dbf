/**
 * What is missing in PostHog for a tracking plan. Nothing that is there is changed or deleted: a definition is given a
 * description where it has none, a group gets more properties.
 *
 * @since 0.1.0
 */
import {
  type DefinedGroup,
  type DefinedProperty,
  type Definition,
  type IndexedDefined,
  isPropertyName,
  schemaOf
} from "./defined.js"
import type { EventDescription, PropertyDescription, PropertyType } from "./model.js"

/**
 * What `Catalogue.push` has done, or would do:
 *
 * - `CreatedEvent`: a definition of the event
 * - `DescribedEvent`: the definition had no description, or no tags, and has those of the plan
 * - `CreatedGroup`: a group of properties
 * - `ExtendedGroup`: more properties for a group that was there
 * - `LinkedGroup`: the event has the properties of the group
 * - `MadeOptional`: PostHog enforces the schema of the event, so the property was added as an optional one: if it were
 *   required, PostHog would drop the events of programs that do not know it yet
 * - `Left`: something that was not done, with the reason
 *
 * @since 0.1.0
 * @category models
 */
export type Action =
  | { readonly _tag: "CreatedEvent"; readonly event: string }
  | { readonly _tag: "DescribedEvent"; readonly event: string }
  | {
    readonly _tag: "CreatedGroup" | "ExtendedGroup"
    readonly event: string
    readonly group: string
    /** Those that were added. */
    readonly properties: ReadonlyArray<string>
  }
  | { readonly _tag: "LinkedGroup"; readonly event: string; readonly group: string }
  | { readonly _tag: "MadeOptional"; readonly event: string; readonly property: string }
  | { readonly _tag: "Left"; readonly event: string; readonly property?: string | undefined; readonly why: string }

/** A property as it is sent. */
export interface NewProperty {
  readonly name: string
  readonly property_type: PropertyType
  readonly is_required: boolean
  readonly description?: string | undefined
}

/** What is to be done for one event, in this order. */
export interface Steps {
  readonly definition: Definition | undefined
  /** What a new definition gets, or one that is there and lacks it. */
  readonly details: { readonly description?: string; readonly tags?: ReadonlyArray<string> }
  /** `undefined`: there is nothing to add. */
  readonly group:
    | undefined
    | {
      readonly name: string
      /** The group that is extended; `undefined`: a new one. */
      readonly there: DefinedGroup | undefined
      readonly isLinked: boolean
      readonly properties: ReadonlyArray<NewProperty>
    }
  /** What there is to say besides. */
  readonly notes: ReadonlyArray<Action>
}

/** PostHog has no word for values of several types but `String`, of which everything is. */
const typeOf = ({ types }: PropertyDescription): PropertyType => types.length === 1 ? types[0]! : "String"

const toNew = (property: PropertyDescription, isEnforced: boolean): NewProperty => ({
  name: property.name,
  property_type: typeOf(property),
  is_required: property.required && !isEnforced,
  ...(property.description === undefined ? {} : { description: property.description })
})

const maxName = 400

/** Groups that the properties of an event can go to: its own by their names. */
const groupNames = (event: string): ReadonlyArray<string> =>
  ["", " (catalogue)", " (catalogue 2)", " (catalogue 3)"].map((suffix) =>
    event.slice(0, maxName - suffix.length) + suffix
  )

interface Own {
  readonly name: string
  readonly there: DefinedGroup | undefined
  readonly isLinked: boolean
}

/** Whether PostHog has a property as the plan would make it. A type that is not known here may be right. */
const isSame = ({ type }: DefinedProperty, property: PropertyDescription): boolean =>
  type === undefined || property.types.length === 0 || type === typeOf(property)

/** The properties of a group that have another type in the plan. */
const otherTypes = (group: DefinedGroup, event: EventDescription): ReadonlyArray<DefinedProperty> => {
  const declared = new Map(event.properties.map((property) => [property.name, property]))
  return group.properties.filter((property) => {
    const known = declared.get(property.name)
    return known !== undefined && known.personal !== "omit" && !isSame(property, known)
  })
}

/**
 * A group of the event's own, which no other event has: adding to it changes no other event. One that waits to be
 * linked is taken, unless that would give the event other types than the plan has, or make PostHog drop events.
 */
const ownGroup = (
  { groupsByName, usersOf }: IndexedDefined,
  event: EventDescription,
  id: string | undefined,
  isEnforced: boolean
): { readonly own: Own | undefined; readonly refused: ReadonlyArray<string> } => {
  const refused: Array<string> = []
  for (const name of groupNames(event.name)) {
    const there = groupsByName.get(name)
    if (there === undefined) return { own: { name, there, isLinked: false }, refused }
    const users = usersOf(there.id)
    if (users.some((user) => user !== id)) continue
    if (users.length > 0) return { own: { name, there, isLinked: true }, refused }
    const others = otherTypes(there, event)
    if (others.length > 0) {
      const types = others.map((property) => `${property.name} as ${property.type}`).join(", ")
      refused.push(
        `the property group ${
          JSON.stringify(name)
        }, which no event has, has ${types}; change it in PostHog, or delete it`
      )
    } else if (!isEnforced || !there.properties.some(({ required }) => required)) {
      return { own: { name, there, isLinked: false }, refused }
    }
  }
  return { own: undefined, refused }
}

/** What there is to do for an event. */
export const stepsFor = (event: EventDescription, defined: IndexedDefined): Steps => {
  const notes: Array<Action> = []
  const left = (why: string, property?: string): void => {
    notes.push({ _tag: "Left", event: event.name, ...(property === undefined ? {} : { property }), why })
  }
  const definition = defined.definitionsByName.get(event.name)
  const schema = schemaOf(definition === undefined ? [] : defined.groupsOf(definition.id))
  const isEnforced = definition !== undefined && definition.enforcement !== "allow"
  const { own, refused } = ownGroup(defined, event, definition?.id, isEnforced)
  const inOwn = new Set(own?.there?.properties.map(({ name }) => name))
  const missing: Array<PropertyDescription> = []
  for (const property of event.properties) {
    const there = schema.get(property.name)
    // It is never sent.
    if (property.personal === "omit") continue
    if (!isPropertyName(property.name)) left("PostHog's schemas cannot have a property of this name", property.name)
    else if (there === undefined) {
      if (!inOwn.has(property.name)) missing.push(property)
    } else if (!there.isUnclear && property.types.length > 0 && !there.types.includes(typeOf(property))) {
      const isWider = property.types.every((type) => there.types.includes(type))
      if (!isWider) left(`PostHog has it as ${there.types.join(" or ")}; a push changes no type`, property.name)
    }
  }
  const isWaiting = own !== undefined && own.there !== undefined && !own.isLinked && own.there.properties.length > 0
  const isWanted = missing.length > 0 || isWaiting
  if (isWanted && own === undefined) {
    left("no group could have its properties: they belong to other events, too, or fit no more")
  }
  if (isWanted) { for (const why of refused) left(why) }
  if (isEnforced && isWanted && own !== undefined) {
    for (const { name, required } of missing) {
      if (required) notes.push({ _tag: "MadeOptional", event: event.name, property: name })
    }
  }
  const { description, tags } = event
  return {
    definition,
    details: {
      ...(description !== undefined && definition?.description === undefined ? { description } : {}),
      ...(tags !== undefined && tags.length > 0 && (definition?.tags.length ?? 0) === 0 ? { tags } : {})
    },
    group: isWanted && own !== undefined
      ? { ...own, properties: missing.map((property) => toNew(property, isEnforced)) }
      : undefined,
    notes
  }
}

/** The list that takes the place of a group's: what is there, as it came, and behind it what is new. */
export const extended = (
  { properties, raw }: DefinedGroup,
  added: ReadonlyArray<NewProperty>
): ReadonlyArray<unknown> => {
  const there = new Set(properties.map(({ name }) => name))
  return [...raw, ...added.filter(({ name }) => !there.has(name))]
}

/** An action in words. `isDone`: it was done, and is not only what would be done. */
export const sayAction = (action: Action, isDone: boolean): string => {
  const say = (done: string, wouldBe: string): string => `${action.event}: ${isDone ? done : wouldBe}`
  switch (action._tag) {
    case "CreatedEvent":
      return say("created the definition", "would create the definition")
    case "DescribedEvent":
      return say("described the definition, which said nothing", "would describe the definition, which says nothing")
    case "CreatedGroup":
    case "ExtendedGroup": {
      const what = action._tag === "CreatedGroup" ? ["created", "create"] : ["extended", "extend"]
      const group = `the property group ${JSON.stringify(action.group)} with ${action.properties.join(", ")}`
      return say(`${what[0]} ${group}`, `would ${what[1]} ${group}`)
    }
    case "LinkedGroup": {
      const group = `the property group ${JSON.stringify(action.group)}`
      return say(`linked ${group}`, `would link ${group}`)
    }
    case "MadeOptional":
      return say(
        `${action.property} is optional in PostHog, which enforces the schema; require it there when every program sends it`,
        `${action.property} would be optional in PostHog, which enforces the schema`
      )
    case "Left":
      return `${action.event}: ${
        action.property === undefined ? "" : `${action.property} `
      }left as it is, because ${action.why}`
  }
}

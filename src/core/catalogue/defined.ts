/**
 * Tracking plans as PostHog keeps them: an event definition is linked to groups of properties, and a group may belong
 * to several events. What answers of its API say is read here.
 *
 * https://posthog.com/docs/product-analytics/schema-management
 *
 * @since 0.1.0
 */
import { isList, isRecord } from "../guard.js"
import type { PropertyType } from "./model.js"

/** A definition of an event. */
export interface Definition {
  readonly id: string
  readonly name: string
  readonly description: string | undefined
  readonly owner: string | undefined
  readonly tags: ReadonlyArray<string>
  /** What PostHog does with events that break the schema: `allow`, `reject`, or what is not known yet. */
  readonly enforcement: string
}

/** A property in a group. */
export interface DefinedProperty {
  readonly name: string
  /** `undefined`: a type that is not known here. */
  readonly type: PropertyType | undefined
  readonly required: boolean
  /** Whether something else than the program adds it, so that a program may leave it out. */
  readonly isAdded: boolean
  readonly description: string | undefined
}

/** A group of properties. */
export interface DefinedGroup {
  readonly id: string
  readonly name: string
  readonly properties: ReadonlyArray<DefinedProperty>
  /** The properties as they came, to be sent back when the list is replaced by a longer one. */
  readonly raw: ReadonlyArray<unknown>
}

/** That an event has the properties of a group. */
export interface Link {
  readonly event: string
  readonly group: string
}

/** All that PostHog knows. */
export interface Defined {
  readonly definitions: ReadonlyArray<Definition>
  readonly groups: ReadonlyArray<DefinedGroup>
  readonly links: ReadonlyArray<Link>
}

/** The names of properties that can be in a group. */
export const isPropertyName = (name: string): boolean => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && name.length <= 400

const propertyTypes: ReadonlyArray<string> = ["String", "Numeric", "Boolean", "DateTime", "Object"]

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value.trim() !== "" ? value : undefined

/** The name of a person, and never the address: what is written is kept in repositories. */
const readOwner = (owner: unknown): string | undefined => {
  if (!isRecord(owner)) return undefined
  const names = [owner.first_name, owner.last_name].flatMap((name) => text(name) ?? [])
  return names.length === 0 ? undefined : names.join(" ")
}

export const readDefinition = (value: unknown): Definition | undefined => {
  if (!isRecord(value)) return undefined
  const { description, enforcement_mode: enforcement, id, name, owner, tags } = value
  return typeof id !== "string" || typeof name !== "string" ? undefined : {
    id,
    name,
    description: text(description),
    owner: readOwner(owner),
    tags: isList(tags) ? tags.filter((tag) => typeof tag === "string") : [],
    // Servers that do not enforce anything do not say so.
    enforcement: text(enforcement) ?? "allow"
  }
}

const readProperty = (value: unknown): DefinedProperty | undefined => {
  if (!isRecord(value)) return undefined
  const { description, is_optional_in_types: isAdded, is_required: required, name, property_type: type } = value
  return typeof name !== "string" ? undefined : {
    name,
    type: propertyTypes.includes(type as string) ? type as PropertyType : undefined,
    required: required === true,
    isAdded: isAdded === true,
    description: text(description)
  }
}

export const readGroup = (value: unknown): DefinedGroup | undefined => {
  if (!isRecord(value)) return undefined
  const { id, name, properties: raw } = value
  if (typeof id !== "string" || typeof name !== "string" || !isList(raw)) return undefined
  const properties: Array<DefinedProperty> = []
  for (const one of raw) {
    const property = readProperty(one)
    if (property === undefined) return undefined
    properties.push(property)
  }
  return { id, name, properties, raw }
}

/** What an identifier stands for, or the thing itself. */
const idOf = (value: unknown): string | undefined =>
  typeof value === "string" ? value : isRecord(value) && typeof value.id === "string" ? value.id : undefined

export const readLink = (value: unknown): Link | undefined => {
  if (!isRecord(value)) return undefined
  const event = idOf(value.event_definition)
  const group = idOf(value.property_group) ?? idOf(value.property_group_id)
  return event === undefined || group === undefined ? undefined : { event, group }
}

/** A page of a list; `undefined`: the answer is none. */
export const readPage = <A>(
  body: unknown,
  read: (value: unknown) => A | undefined
): { readonly items: ReadonlyArray<A>; readonly next: string | undefined } | undefined => {
  const results = isList(body) ? body : isRecord(body) ? body.results : undefined
  if (!isList(results)) return undefined
  const items: Array<A> = []
  for (const one of results) {
    const item = read(one)
    // Half of a list is no list: what is missing would be made a second time.
    if (item === undefined) return undefined
    items.push(item)
  }
  return { items, next: isRecord(body) ? text(body.next) : undefined }
}

/** A property of an event: what all of its groups say. */
export interface SchemaProperty {
  readonly name: string
  /** The values that PostHog takes are of one of these. */
  readonly types: ReadonlyArray<PropertyType>
  /** Whether a type is among them that is not known here. */
  readonly isUnclear: boolean
  readonly required: boolean
  readonly isAdded: boolean
  readonly description: string | undefined
}

/** What PostHog knows, to be asked for one thing after the other without going through all of it each time. */
export interface IndexedDefined extends Defined {
  readonly definitionsByName: ReadonlyMap<string, Definition>
  readonly groupsByName: ReadonlyMap<string, DefinedGroup>
  /** The groups of an event, by its identifier. */
  readonly groupsOf: (event: string) => ReadonlyArray<DefinedGroup>
  /** The identifiers of the events that have a group. */
  readonly usersOf: (group: string) => ReadonlyArray<string>
}

/** By name; the first one where several have it. */
const firsts = <A extends { readonly name: string }>(items: ReadonlyArray<A>): ReadonlyMap<string, A> => {
  const found = new Map<string, A>()
  for (const item of items) if (!found.has(item.name)) found.set(item.name, item)
  return found
}

/** Brings what PostHog knows into order. */
export const indexed = (defined: Defined): IndexedDefined => {
  const users = new Map<string, Array<string>>()
  for (const { event, group } of defined.links) {
    const known = users.get(group)
    if (known === undefined) users.set(group, [event])
    else known.push(event)
  }
  const groups = new Map<string, Array<DefinedGroup>>()
  for (const group of defined.groups) {
    for (const event of new Set(users.get(group.id))) {
      const known = groups.get(event)
      if (known === undefined) groups.set(event, [group])
      else known.push(group)
    }
  }
  return {
    ...defined,
    definitionsByName: firsts(defined.definitions),
    groupsByName: firsts(defined.groups),
    groupsOf: (event) => groups.get(event) ?? [],
    usersOf: (group) => users.get(group) ?? []
  }
}

/** The properties of an event, by name. A name in several groups has the types of all of them. */
export const schemaOf = (groups: ReadonlyArray<DefinedGroup>): ReadonlyMap<string, SchemaProperty> => {
  const all = new Map<string, SchemaProperty>()
  for (const { description, isAdded, name, required, type } of groups.flatMap(({ properties }) => properties)) {
    const before = all.get(name)
    all.set(name, {
      name,
      types: [...new Set([...before?.types ?? [], ...type === undefined ? [] : [type]])],
      isUnclear: (before?.isUnclear ?? false) || type === undefined,
      required: (before?.required ?? false) || required,
      isAdded: (before?.isAdded ?? true) && isAdded,
      description: before?.description ?? description
    })
  }
  return all
}

/**
 * A tracking plan out of a file, which may be of anybody: bounded, and with words for what is wrong in it and where.
 *
 * @since 0.1.0
 */
import { isList, isRecord } from "../guard.js"
import type {
  EventDescription,
  GroupDescription,
  ObjectDescription,
  Plan,
  PropertyDescription,
  PropertyType,
  ValueDescription
} from "./model.js"

/** Longer than a plan of thousands of events. */
const maxLength = 16 * 1024 * 1024

const maxItems = 10_000

/** Deeper than what is written. */
const maxDepth = 32

const types: ReadonlySet<unknown> = new Set<PropertyType>(["String", "Numeric", "Boolean", "DateTime", "Object"])

const personal: ReadonlySet<unknown> = new Set(["redact", "hash", "omit", "usual"])

/** What is wrong, and at which place. */
interface Problem {
  readonly place: string
  readonly problem: string
}

type Fields = { readonly [name: string]: unknown }

/** Reads the members of one plan, and keeps the first thing that is wrong. */
const reader = () => {
  const problems: Array<Problem> = []
  const wrong = (place: string, problem: string): void => {
    if (problems.length === 0) problems.push({ place, problem })
  }
  const object = (value: unknown, place: string): Fields => {
    if (isRecord(value)) return value
    wrong(place, "is no object")
    return {}
  }
  const text = (of: Fields, name: string, place: string): string => {
    const value = of[name]
    if (typeof value === "string" && value !== "") return value
    wrong(`${place}.${name}`, value === undefined ? "is missing" : "is no text, or an empty one")
    return ""
  }
  /** The texts that are given, by their names. */
  const texts = (of: Fields, names: ReadonlyArray<string>, place: string): { readonly [name: string]: string } =>
    Object.fromEntries(names.flatMap((name): ReadonlyArray<readonly [string, string]> => {
      const value = of[name]
      if (value === undefined) return []
      if (typeof value === "string") return [[name, value]]
      wrong(`${place}.${name}`, "is no text")
      return []
    }))
  const list = <A>(value: unknown, place: string, one: (value: unknown, place: string) => A): ReadonlyArray<A> => {
    if (!isList(value)) wrong(place, value === undefined ? "is missing" : "is no list")
    else if (value.length > maxItems) wrong(place, `has more than ${maxItems} entries`)
    else return value.map((item, index) => one(item, `${place}[${index}]`))
    return []
  }
  const oneOf = <A>(among: ReadonlySet<unknown>) => (value: unknown, place: string): A => {
    if (!among.has(value)) wrong(place, `is none of ${[...among].join(", ")}`)
    return value as A
  }
  const name = (value: unknown, place: string): string => {
    if (typeof value === "string") return value
    wrong(place, "is no text")
    return ""
  }
  const literal = (value: unknown, place: string): string | number | boolean => {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value
    wrong(place, "is neither a text nor a number nor a truth value")
    return ""
  }
  /** No two of one name. */
  const unique = <A>(items: ReadonlyArray<A>, nameOf: (item: A) => string, place: string): ReadonlyArray<A> => {
    const names = new Set<string>()
    for (const [index, item] of items.entries()) {
      if (names.has(nameOf(item))) wrong(`${place}[${index}]`, `has the name of another one, ${nameOf(item)}`)
      names.add(nameOf(item))
    }
    return items
  }
  /** What is inside of objects and lists, if it is said. */
  const inside = (of: Fields, place: string, depth: number): Pick<ValueDescription, "items" | "objects"> => {
    if (of["objects"] === undefined && of["items"] === undefined) return {}
    if (depth >= maxDepth) {
      wrong(place, `has more than ${maxDepth} levels inside`)
      return {}
    }
    const value = (item: unknown, at: string) => valueOf(object(item, at), at, depth + 1)
    const objectOf = (item: unknown, at: string): ObjectDescription => {
      const { members, others } = object(item, at)
      return {
        members: properties(members, `${at}.members`, depth + 1),
        ...(others === undefined ? {} : { others: value(others, `${at}.others`) })
      }
    }
    return {
      ...(of["objects"] === undefined ? {} : { objects: list(of["objects"], `${place}.objects`, objectOf) }),
      ...(of["items"] === undefined ? {} : { items: list(of["items"], `${place}.items`, value) })
    }
  }
  const valueOf = (of: Fields, place: string, depth: number): ValueDescription => {
    if (typeof of["required"] !== "boolean") wrong(`${place}.required`, "is neither true nor false")
    return {
      types: list(of["types"], `${place}.types`, oneOf<PropertyType>(types)),
      required: of["required"] === true,
      ...texts(of, ["description", "deprecated"], place),
      ...(of["values"] === undefined ? {} : { values: list(of["values"], `${place}.values`, literal) }),
      ...(of["personal"] === undefined
        ? {}
        : { personal: oneOf<PropertyDescription["personal"]>(personal)(of["personal"], `${place}.personal`) }),
      ...inside(of, place, depth)
    }
  }
  const properties = (value: unknown, place: string, depth = 0): ReadonlyArray<PropertyDescription> =>
    unique(
      list(value, place, (item, at) => {
        const of = object(item, at)
        return { name: text(of, "name", at), ...valueOf(of, at, depth) }
      }),
      (property) => property.name,
      place
    )
  const event = (value: unknown, place: string): EventDescription => {
    const of = object(value, place)
    return {
      name: text(of, "name", place),
      ...texts(of, ["description", "owner", "deprecated"], place),
      ...(of["tags"] === undefined ? {} : { tags: list(of["tags"], `${place}.tags`, name) }),
      ...(of["groups"] === undefined ? {} : { groups: list(of["groups"], `${place}.groups`, name) }),
      properties: properties(of["properties"], `${place}.properties`)
    }
  }
  const group = (value: unknown, place: string): GroupDescription => {
    const of = object(value, place)
    return {
      type: text(of, "type", place),
      ...texts(of, ["description", "owner"], place),
      properties: properties(of["properties"], `${place}.properties`)
    }
  }
  const plan = (value: unknown): Plan => {
    const of = object(value, "the plan")
    if (of["version"] !== 1) wrong("version", "is not 1, which is the only one that this release reads")
    return {
      version: 1,
      events: unique(list(of["events"], "events", event), (event) => event.name, "events"),
      groups: unique(list(of["groups"], "groups", group), (group) => group.type, "groups"),
      person: properties(of["person"], "person")
    }
  }
  return { plan, problems }
}

/** A plan, or what is wrong with the text in words. */
export const readPlan = (text: string): Plan | string => {
  if (text.length > maxLength) return `the plan has more than ${maxLength} characters`
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return "the plan is no JSON"
  }
  const { plan, problems } = reader()
  const read = plan(value)
  const [first] = problems
  return first === undefined ? read : `${first.place} ${first.problem}`
}

/**
 * Declarations of events, as TypeScript, from what PostHog has.
 *
 * @since 0.1.0
 */
import {
  type Defined,
  type Definition,
  indexed,
  type IndexedDefined,
  isPropertyName,
  schemaOf,
  type SchemaProperty
} from "./defined.js"
import { anyObject, described, union } from "./dialect.js"
import type { PropertyType } from "./model.js"
import { byName, comment, identifiers, memberName, quoted } from "./sourceText.js"

const schemas: Readonly<Record<PropertyType, string>> = {
  String: "Schema.String",
  Numeric: "Schema.Number",
  Boolean: "Schema.Boolean",
  DateTime: "Schema.Date",
  Object: anyObject
}

const schemaText = ({ description, isAdded, isUnclear, required, types }: SchemaProperty): string => {
  const [first, ...others] = [...types].sort().map((type) => schemas[type])
  const plain = isUnclear || first === undefined
    ? "Schema.Unknown"
    : others.length === 0
    ? first
    : union([first, ...others])
  const full = description === undefined ? plain : described(plain, quoted(description))
  return required && !isAdded ? full : `Schema.optional(${full})`
}

const options = ({ description, owner, tags }: Definition): string => {
  const members = [
    ...(description === undefined ? [] : [`description: ${quoted(description)}`]),
    ...(owner === undefined ? [] : [`owner: ${quoted(owner)}`]),
    ...(tags.length === 0 ? [] : [`tags: [${tags.map(quoted).join(", ")}]`])
  ]
  return members.length === 0 ? "" : `, {\n${members.map((member) => `  ${member}`).join(",\n")}\n}`
}

const declaration = (definition: Definition, identifier: string, defined: IndexedDefined): string => {
  const properties = [...schemaOf(defined.groupsOf(definition.id)).values()].sort((a, b) => byName(a.name, b.name))
  const fields = properties.flatMap((property) =>
    isPropertyName(property.name) ? [`  ${memberName(property.name)}: ${schemaText(property)}`] : []
  )
  // PostHog refuses such names itself, so this is for what it will allow one day.
  const others = properties.flatMap(({ name }) =>
    isPropertyName(name) ? [] : [`// No name of a field: ${quoted(name)}\n`]
  )
  const object = fields.length === 0 ? "{}" : `{\n${fields.join(",\n")}\n}`
  return `${others.join("")}${comment(definition.description ?? "")}export const ${identifier} = PostHogEvent.make(${
    quoted(definition.name)
  }, ${object}${options(definition)})\n`
}

/** PostHog's own events begin so; of these a program may send some. */
const ofPostHog = /^\$/
const alsoSent = ["$pageview", "$pageleave", "$screen"]

/** Which events are written. */
export interface EventSelection {
  /** The only ones. Default: all but PostHog's own, whose names begin with `$`. */
  readonly events?: ReadonlyArray<string> | undefined
}

const isWanted = ({ name }: Definition, { events }: EventSelection): boolean =>
  // What a declaration could not have as its name.
  name.trim() !== "" && name.length <= 400 &&
  (events === undefined ? !ofPostHog.test(name) || alsoSent.includes(name) : events.includes(name))

/** The source of a module that declares the events. */
export const eventSource = (defined: Defined, selection: EventSelection = {}): string => {
  const wanted = defined.definitions.filter((definition) => isWanted(definition, selection))
    .sort((a, b) => byName(a.name, b.name))
  const names = identifiers(wanted.map(({ name }) => name), "Event", ["PostHogEvent", "Schema"])
  const known = indexed(defined)
  const declarations = wanted.map((definition, index) => declaration(definition, names[index]!, known))
  const usesSchemas = declarations.some((text) => text.includes("Schema."))
  return [
    "/**\n * Events as PostHog has them. Written by `effect-posthog catalogue pull`.\n */\n" +
    `${usesSchemas ? "import { Schema } from \"effect\"\n" : ""}import { PostHogEvent } from "effect-posthog"\n`,
    ...declarations
  ].join("\n")
}

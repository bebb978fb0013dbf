/**
 * JSON Schema (draft 2020-12) of events as they are sent. It is made of shapes, as the values are, so that it is the
 * same on both majors of Effect, and right where this library writes a value in its own way: dates, options, durations,
 * big decimals, collections, and personal data that is made unreadable.
 *
 * @since 0.1.0
 */
import type { EventDescription, PropertyDescription, PropertyType } from "./model.js"
import type { Member, Shape } from "./shape.js"

/**
 * A JSON Schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/** An event with the shapes of its properties. */
export interface ShapedEvent {
  readonly description: EventDescription
  readonly members: ReadonlyArray<Member>
}

const time: JsonSchema = { anyOf: [{ type: "string", format: "date-time" }, { type: "number" }] }

/** One of several. */
const anyOf = (schemas: ReadonlyArray<JsonSchema>): JsonSchema => {
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()]
  return different.length === 1 ? different[0]! : { anyOf: different }
}

const notes = ({ deprecated, description, personal }: Pick<Shape, "deprecated" | "description" | "personal">) => ({
  ...(description === undefined && deprecated === undefined
    ? {}
    : {
      description: [description ?? [], deprecated === undefined ? [] : `Deprecated: ${deprecated}`].flat().join("\n")
    }),
  ...(deprecated === undefined ? {} : { deprecated: true }),
  ...(personal === undefined ? {} : { "x-personal-data": personal })
})

/** Turns shapes into schemas; those that contain themselves become definitions. */
const maker = (definitions: Record<string, JsonSchema>) => {
  const names = new Map<Shape, string>()

  const bare = (shape: Shape): JsonSchema => {
    // What is redacted or hashed is text, whatever it was.
    if (shape.personal !== undefined) return { type: "string" }
    switch (shape.kind) {
      case "string":
      case "number":
      case "boolean":
        return shape.values === undefined
          ? { type: shape.kind }
          : shape.values.length === 1
          ? { type: shape.kind, const: shape.values[0] }
          : { type: shape.kind, enum: shape.values }
      case "time":
        return time
      case "nothing":
        return { type: "null" }
      case "object":
        return {
          ...object(shape.members),
          ...(shape.others === undefined ? {} : { additionalProperties: schemaOf(shape.others) })
        }
      case "list":
        return shape.items.length === 0 ? { type: "array" } : { type: "array", items: anyOf(shape.items.map(schemaOf)) }
      case "union": {
        const choices = shape.choices.filter((choice) => choice.kind !== "nothing" || choice.isAbsent !== true)
        return choices.length > 0 && choices.every(isLiteral)
          ? { enum: [...new Set(choices.flatMap(literalsOf))] }
          : anyOf((choices.length > 0 ? choices : shape.choices).map(schemaOf))
      }
      case "later": {
        let name = names.get(shape)
        if (name === undefined) {
          name = `recursive ${names.size + 1}`
          names.set(shape, name)
          definitions[name] = schemaOf(shape.of())
        }
        return { $ref: reference(name) }
      }
      case "unknown":
        return {}
    }
  }

  const schemaOf = (shape: Shape): JsonSchema => ({ ...bare(shape), ...notes(shape) })

  const object = (members: ReadonlyArray<Member>): JsonSchema => {
    const required = members.flatMap(({ isOptional, name, shape }) =>
      isOptional || shape.personal === "omit" || shape.personal === "usual" || isAbsent(shape) ? [] : [name]
    )
    return {
      type: "object",
      properties: Object.fromEntries(members.map(({ name, shape }) => [name, schemaOf(shape)])),
      ...(required.length === 0 ? {} : { required })
    }
  }

  return object
}

/** Whether there may be no value at all. */
const isAbsent = (shape: Shape): boolean =>
  shape.kind === "union" ? shape.choices.some(isAbsent) : shape.kind === "nothing" && shape.isAbsent === true

const literalsOf = (shape: Shape): ReadonlyArray<string | number | boolean | null> =>
  "values" in shape && shape.values !== undefined ? shape.values : [null]

const isLiteral = (shape: Shape): boolean =>
  shape.personal === undefined && shape.description === undefined &&
  (shape.kind === "nothing" || "values" in shape && shape.values !== undefined)

/** A reference into the definitions of the same document. */
const reference = (name: string): string =>
  `#/$defs/${encodeURIComponent(name.replace(/~/g, "~0").replace(/\//g, "~1"))}`

const ofType: Readonly<Record<PropertyType, JsonSchema>> = {
  String: { type: "string" },
  Numeric: { type: "number" },
  Boolean: { type: "boolean" },
  DateTime: time,
  Object: { type: ["object", "array"] }
}

/** Of a property of which no more is known than what PostHog knows. */
const described = (property: PropertyDescription): JsonSchema => ({
  ...(property.personal !== undefined
    ? { type: "string" }
    : property.values !== undefined
    ? { enum: property.values }
    : property.types.length === 0
    ? {}
    : anyOf(property.types.map((type) => ofType[type]))),
  ...notes(property)
})

const propertiesOf = (properties: ReadonlyArray<PropertyDescription>): JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(properties.map((property) => [property.name, described(property)]))
})

/** A schema of all events: `{ event, properties }`, one definition for the properties of each. */
export const toJsonSchema = (
  events: ReadonlyArray<ShapedEvent>,
  groups: ReadonlyArray<{ readonly type: string; readonly properties: ReadonlyArray<PropertyDescription> }>,
  person: ReadonlyArray<PropertyDescription>
): JsonSchema => {
  const definitions: Record<string, JsonSchema> = {}
  const object = maker(definitions)
  for (const { description: { deprecated, description, name }, members } of events) {
    definitions[`event ${name}`] = { title: name, ...object(members), ...notes({ description, deprecated }) }
  }
  for (const { properties, type } of groups) definitions[`group ${type}`] = propertiesOf(properties)
  if (person.length > 0) definitions["person"] = propertiesOf(person)
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Tracking plan",
    oneOf: events.map(({ description: { name } }) => ({
      type: "object",
      properties: { event: { const: name }, properties: { $ref: reference(`event ${name}`) } },
      required: ["event", "properties"]
    })),
    $defs: definitions
  }
}

/**
 * A tracking plan as a page for people.
 *
 * @since 0.1.0
 */
import { byTag, isKnown, memberPath, mergedObject, tagsOf } from "./merge.js"
import type { EventDescription, ObjectDescription, Plan, PropertyDescription, ValueDescription } from "./model.js"

/** Not every reader of Markdown knows these behind a backslash. */
const entities: { readonly [sign: string]: string } = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

/** A text that nothing in it can end or change, on one line: in a table, in a heading and in a paragraph. */
const plain = (text: string): string =>
  text.replace(/\s+/g, " ").trim().replace(/[\\`*_{}[\]<>()#+\-!|~&]/g, (sign) => entities[sign] ?? `\\${sign}`)

const personalWords = {
  redact: "personal, redacted",
  hash: "personal, hashed",
  omit: "personal, left out",
  usual: "personal"
} as const

/** What a value can be. */
const typeOf = (value: ValueDescription): string => {
  const { types, values } = value
  if (values !== undefined) return values.map((value) => plain(JSON.stringify(value))).join(", ")
  return types.length === 0 ? "anything" : types.flatMap((type) =>
    type === "Object" && isKnown(value)
      ? [
        ...(value.objects === undefined ? [] : ["object"]),
        ...(value.items === undefined ? [] : [listOf(value.items)])
      ]
      : [type]
  ).join(" or ")
}

const listOf = (items: ReadonlyArray<ValueDescription>): string => {
  const each = items.map((item) => typeOf(item) === "object" ? items.length === 1 ? "objects" : "object" : typeOf(item))
  return items.length === 0 ? "list" : `list of ${each.join(", ")}`
}

const notesOf = ({ deprecated, description, personal }: ValueDescription): string =>
  [
    ...(deprecated === undefined ? [] : [`**Deprecated**: ${plain(deprecated)}.`]),
    ...(personal === undefined ? [] : [`(${personalWords[personal]})`]),
    ...(description === undefined ? [] : [plain(description)])
  ].join(" ")

/** A line of a table: the way to a value, and the value. */
type Row = readonly [path: string, value: ValueDescription]

/** A value and all that is inside of it. */
const rowsOf = (path: string, value: ValueDescription): ReadonlyArray<Row> => [[path, value], ...insideOf(path, value)]

const insideOf = (path: string, { items = [], objects = [] }: ValueDescription): ReadonlyArray<Row> => {
  const tags = objects.length > 1 ? tagsOf(objects) : []
  const kinds: Iterable<readonly [string, ReadonlyArray<ObjectDescription>]> = tags.length > 0
    ? [...byTag(objects, tags)].map(([tag, choices]) => [`${path}(${tag})`, choices] as const)
    : objects.length > 0
    ? [[path, objects]]
    : []
  return [
    ...[...kinds].flatMap(([place, choices]) => {
      const { members, others } = mergedObject(choices)
      return [
        ...members.flatMap((member) => rowsOf(memberPath(place, member.name), member)),
        ...(others === undefined ? [] : rowsOf(`${place}.*`, others))
      ]
    }),
    ...(items.length > 1
      ? items.flatMap((item, index) => rowsOf(`${path}[${index}]`, item))
      // The line of the list says what is in it.
      : items.flatMap((item) =>
        notesOf(item) === "" && item.required ? insideOf(`${path}[]`, item) : rowsOf(`${path}[]`, item)
      ))
  ]
}

const table = (properties: ReadonlyArray<PropertyDescription>, isPartial: boolean): ReadonlyArray<string> =>
  properties.length === 0 ? ["No properties."] : [
    isPartial ? "| Property | Values | |" : "| Property | Values | Required | |",
    isPartial ? "|---|---|---|" : "|---|---|---|---|",
    ...properties.flatMap((property) => rowsOf(property.name, property)).map(([path, value]) =>
      `| ${
        [plain(path), typeOf(value), ...(isPartial ? [] : [value.required ? "yes" : "no"]), notesOf(value)].join(" | ")
      } |`
    )
  ]

const facts = (pairs: ReadonlyArray<readonly [string, string | undefined]>): ReadonlyArray<string> =>
  pairs.flatMap(([name, text]) => text === undefined || text === "" ? [] : [`- ${name}: ${text}`])

const section = (heading: string, ...parts: ReadonlyArray<ReadonlyArray<string>>): string =>
  [heading, ...parts.filter((lines) => lines.length > 0).map((lines) => lines.join("\n"))].join("\n\n")

const event = ({ deprecated, description, groups, name, owner, properties, tags }: EventDescription): string =>
  section(
    `## ${plain(name)}`,
    deprecated === undefined ? [] : [`**Deprecated**: ${plain(deprecated)}.`],
    description === undefined ? [] : [plain(description)],
    facts([
      ["Owner", owner === undefined ? undefined : plain(owner)],
      ["Tags", tags?.map(plain).join(", ")],
      ["Groups", groups === undefined ? undefined : groups.length === 0 ? "none" : groups.map(plain).join(", ")]
    ]),
    table(properties, false)
  )

/** The page. */
export const toMarkdown = ({ events, groups, person }: Plan): string =>
  `${
    [
      "# Tracking plan",
      ...events.map(event),
      ...groups.map(({ description, owner, properties, type }) =>
        section(
          `## Group ${plain(type)}`,
          description === undefined ? [] : [plain(description)],
          facts([["Owner", owner === undefined ? undefined : plain(owner)]]),
          table(properties, true)
        )
      ),
      ...(person.length === 0 ? [] : [section("## Persons", table(person, true))])
    ].join("\n\n")
  }\n`

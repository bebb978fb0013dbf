/**
 * A tracking plan as a page for people.
 *
 * @since 0.1.0
 */
import type { EventDescription, Plan, PropertyDescription } from "./model.js"

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

const typeOf = ({ types, values }: PropertyDescription): string =>
  values === undefined
    ? types.length === 0 ? "anything" : types.join(" or ")
    : values.map((value) => plain(JSON.stringify(value))).join(", ")

const notesOf = ({ deprecated, description, personal }: PropertyDescription): string =>
  [
    ...(deprecated === undefined ? [] : [`**Deprecated**: ${plain(deprecated)}.`]),
    ...(personal === undefined ? [] : [`(${personalWords[personal]})`]),
    ...(description === undefined ? [] : [plain(description)])
  ].join(" ")

const table = (properties: ReadonlyArray<PropertyDescription>, isPartial: boolean): ReadonlyArray<string> =>
  properties.length === 0 ? ["No properties."] : [
    isPartial ? "| Property | Values | |" : "| Property | Values | Required | |",
    isPartial ? "|---|---|---|" : "|---|---|---|---|",
    ...properties.map((property) =>
      `| ${
        [
          plain(property.name),
          typeOf(property),
          ...(isPartial ? [] : [property.required ? "yes" : "no"]),
          notesOf(property)
        ].join(" | ")
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

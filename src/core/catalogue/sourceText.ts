/**
 * Texts of others in a TypeScript source: what PostHog has may be anything, and must stay a text, a comment or a name.
 *
 * @since 0.1.0
 */

/** Characters that editors do not show, or that turn the direction of what follows. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}]/gu

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`
  ).join("")

/** A text as a literal, in which nothing is hidden. */
export const quoted = (text: string): string => JSON.stringify(text).replace(unseen, escaped)

const maxComment = 2_000

/** A doc comment, indented; nothing for a blank text. */
export const comment = (text: string, indent = ""): string => {
  const lines = text.slice(0, maxComment).split(/\r\n|[\n\r\u2028\u2029]/)
    // The end of a comment, and what tools read as a tag.
    .map((line) => line.replace(unseen, "").trim().replaceAll("*/", "*\\/").replace(/^@/, "\\@"))
  while (lines.at(-1) === "") lines.pop()
  while (lines[0] === "") lines.shift()
  if (lines.length === 0) return ""
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`
  return `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`
}

/** The name of a member of an object. */
export const memberName = (name: string): string =>
  // It would be the prototype.
  name === "__proto__"
    ? `["__proto__"]`
    : /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name)
    ? name
    : quoted(name)

const maxIdentifier = 80

/** Letters and digits that every compiler knows as part of a name. */
const words = /(?:(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{Nd}])+/gu

/** A name as an identifier in capitals: `order completed` is `OrderCompleted`. */
const capitals = (name: string, kind: string): string => {
  const found = name.slice(0, 400).match(words) ?? []
  const joined = found.map((word) => {
    const [first = "", ...rest] = Array.from(word)
    const upper = first.toUpperCase()
    return (Array.from(upper).length === 1 ? upper : first) + rest.join("")
  }).join("")
  const short = Array.from(joined).slice(0, maxIdentifier).join("")
  return short === "" ? kind : /^\p{L}/u.test(short) ? short : kind + short
}

/**
 * Gives each name an identifier of its own. `taken` are those that the source has already. `kind` stands where a name
 * has nothing that could be one, and before digits.
 */
export const identifiers = (
  names: ReadonlyArray<string>,
  kind: string,
  taken: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const used = new Set(taken)
  const counts = new Map<string, number>()
  return names.map((name) => {
    const base = capitals(name, kind)
    let count = counts.get(base) ?? 1
    let identifier = base
    while (used.has(identifier)) identifier = `${base}${++count}`
    counts.set(base, count)
    used.add(identifier)
    return identifier
  })
}

/** By code points, so that the order is the same everywhere. */
export const byName = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

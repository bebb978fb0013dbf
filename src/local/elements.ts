/**
 * Where in the text of a body its events stand, so that each is kept as it was sent: parsing a number or a name and
 * writing it anew may give another text.
 */

const quote = 0x22
const backslash = 0x5c

/** Where a text that begins at `start` ends. */
const endOfText = (json: string, start: number): number => {
  for (let at = json.indexOf("\"", start + 1);; at = json.indexOf("\"", at + 1)) {
    if (at < 0) return json.length
    let slashes = 0
    while (json.charCodeAt(at - 1 - slashes) === backslash) slashes++
    if (slashes % 2 === 0) return at + 1
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

const skipSpace = (json: string, start: number): number => {
  let at = start
  while (isSpace(json.charCodeAt(at))) at++
  return at
}

/** Where a value that begins at `start` ends. */
const endOfValue = (json: string, start: number): number => {
  let depth = 0
  for (let at = start; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case quote:
        at = endOfText(json, at) - 1
        if (depth === 0) return at + 1
        break
      case 0x5b /* [ */:
      case 0x7b /* { */:
        depth++
        break
      case 0x5d /* ] */:
      case 0x7d /* } */:
        // Of what the value is in, when it is a number or a word.
        if (depth === 0) return at
        if (--depth === 0) return at + 1
        break
      case 0x2c /* , */:
        if (depth === 0) return at
        break
      default:
        if (depth === 0 && isSpace(json.charCodeAt(at))) return at
    }
  }
  return json.length
}

/** Calls `each` with the start of every entry of the list or the object that begins at `start`. */
const entries = (json: string, start: number, each: (start: number) => number): void => {
  let at = skipSpace(json, start + 1)
  while (at < json.length && json[at] !== "]" && json[at] !== "}") {
    at = skipSpace(json, each(at))
    if (json[at] === ",") at = skipSpace(json, at + 1)
  }
}

/** The texts of the elements of the list at `start`. */
const elements = (json: string, start: number): Array<string> => {
  const texts: Array<string> = []
  entries(json, start, (at) => {
    const end = endOfValue(json, at)
    texts.push(json.slice(at, end))
    // Where nothing is, nothing goes on.
    return end === at ? json.length : end
  })
  return texts
}

/**
 * The texts of `values`, which are the elements of the list that a body is, of its member `name`, or the body itself.
 * The text of the body must be JSON.
 */
export const textsOf = (
  json: string,
  values: ReadonlyArray<unknown>,
  where: "list" | "itself" | { readonly member: string }
): ReadonlyArray<string> => {
  if (where === "itself") return [json]
  const start = skipSpace(json, 0)
  let list: number | undefined = start
  if (where !== "list") {
    const name = JSON.stringify(where.member)
    list = undefined
    entries(json, start, (at) => {
      const end = endOfText(json, at)
      const value = skipSpace(json, skipSpace(json, end) + 1)
      // Of members with the same name, the last one is that which is parsed.
      if (json.slice(at, end) === name) list = value
      return endOfValue(json, value)
    })
  }
  const texts = list === undefined ? [] : elements(json, list)
  // A name can be written with escapes too.
  return texts.length === values.length ? texts : values.map((value) => JSON.stringify(value))
}

/**
 * A text without what must not be told.
 *
 * @since 0.1.0
 */
import { markUserInfo } from "./addresses.js"
import { isSecretParameter } from "./names.js"
import { markArguments, markPairs } from "./pairs.js"
import { markActual, markWire } from "./quotes.js"
import { markSchemes, markShapes, mayBeShape } from "./shapes.js"
import { redacted, Spans, unescaped, type View } from "./spans.js"

/** Layers of escapes that are read. */
const maxDepth = 4

/** Longest text that is shown. What comes after it is cut off before anything is looked for. */
export const maxText = 10_000

/** So much more is looked at, so that a secret does not lose its end with which it is known. */
const margin = 2_000

/** What a text needs to have in it before any of the rules can find something. */
const mayHide = /[=:@%\\&]|--|\b(?:bearer|basic|pass)|\[["']/i

const cut = (text: string, limit: number): string => text.length > limit ? `${text.slice(0, limit)}…` : text

/**
 * A text without user and password in addresses, values of secrets in queries, fragments, headers, JSON and prose, and
 * keys of known shapes. Of a longer text the beginning. Takes time in proportion to `limit`, whatever the text is.
 * Twice is once.
 */
export const redactText = (text: string, limit = maxText, isSecret = isSecretParameter): string => {
  const start = text.length > limit + margin ? text.slice(0, limit + margin) : text
  if (!mayHide.test(start) && !mayBeShape(start)) return cut(start, limit)
  const spans = new Spans()
  let view: View | undefined = { text: start, places: undefined, depth: 0 }
  while (view !== undefined) {
    const { text } = view
    const mark = spans.markIn(view)
    markShapes(text, mark)
    markUserInfo(text, mark)
    markPairs(text, isSecret, mark)
    markSchemes(text, mark)
    markArguments(text, mark)
    markActual(text, mark)
    markWire(text, mark)
    view = view.depth < maxDepth ? unescaped(view) : undefined
  }
  return spans.render(start, limit) + (text.length > limit ? "…" : "")
}

/** A line of source without keys of known shapes, and without user and password in addresses. */
export const redactSource = (line: string): string => {
  const spans = new Spans()
  const mark = spans.markIn({ text: line, places: undefined, depth: 0 })
  markShapes(line, mark)
  if (line.includes("://")) markUserInfo(line, mark)
  return spans.render(line, line.length)
}

const decode = (text: string): string => {
  if (!text.includes("%") && !text.includes("+")) return text
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return text
  }
}

/** A parameter with a value in which there is no room for a secret without a name. */
const short = /^[\w.-]*(?:=[\w.-]{0,12})?$/

/**
 * A parameter, or several of them with a semicolon between, as some servers read them; it may as well be part of a
 * secret.
 */
const redactParameter = (parameter: string, isSecret: (name: string) => boolean): string => {
  const shown: Array<string> = []
  for (const part of parameter.split(";")) {
    const end = part.indexOf("=")
    if (end !== -1 && isSecret(decode(part.slice(0, end)))) {
      shown.push(`${part.slice(0, end)}=${redacted}`)
      break
    }
    // An address may stand in it, or a key.
    shown.push(short.test(part) ? part : redactText(part, maxText, isSecret))
  }
  return shown.join(";")
}

/** A query, without its question mark, in which the values of secrets are replaced. */
export const redactQuery = (query: string, isSecret: (name: string) => boolean): string =>
  query.split("&").map((parameter) => redactParameter(parameter, isSecret)).join("&")

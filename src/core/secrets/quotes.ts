/**
 * Texts that quote what was given from outside: requests as they go over a wire, and values that a schema has refused.
 *
 * @since 0.1.0
 */
import { isSecretName } from "./names.js"
import type { Mark } from "./spans.js"

/** The first line of a request, with a further line behind it: a log of accesses has none. */
const requestLine = /\b[A-Z]{3,10} \S{1,4000} HTTP\/\d(?:\.\d)?\r?\n/g

/** Marks headers and body of a request as it goes over the wire. */
export const markWire = (text: string, mark: Mark): void => {
  if (!text.includes(" HTTP/")) return
  const first = requestLine.exec(text)
  requestLine.lastIndex = 0
  if (first !== null) mark(first.index + first[0].length, text.length)
}

const pathOf = /\[(?:"([^"\n]{1,100})"|'([^'\n]{1,100})')\]/g
const actual = /\b(?:actual|received|got|input|value)[ :=]{1,3}/gi

/** How far a line of a tree is indented. */
const depthOf = (line: string): number => {
  const at = line.search(/[^\s│|]/)
  return at === -1 ? line.length : at
}

const hasSecretPath = (line: string): boolean => {
  for (const [, double, single] of line.matchAll(pathOf)) if (isSecretName(double ?? single!)) return true
  return false
}

/** Marks what an error of a schema says about a value whose place says that it is a secret. */
export const markActual = (text: string, mark: Mark): void => {
  if (!text.includes("[\"") && !text.includes("['")) return
  let hidden: number | undefined
  let start = 0
  while (start <= text.length) {
    const next = text.indexOf("\n", start)
    const end = next === -1 ? text.length : next
    const line = text.slice(start, end)
    const depth = depthOf(line)
    if (hidden !== undefined && depth <= hidden) hidden = undefined
    if (hidden === undefined && hasSecretPath(line)) hidden = depth
    if (hidden !== undefined) {
      const last = lastMatch(line)
      if (last !== undefined && last < line.length) mark(start + last, end)
    }
    start = end + 1
  }
}

/** Where the value begins that a line tells. */
const lastMatch = (line: string): number | undefined => {
  actual.lastIndex = 0
  const match = actual.exec(line)
  return match === null ? undefined : match.index + match[0].length
}

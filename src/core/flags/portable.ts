/**
 * Which regular expressions mean the same to JavaScript and to the engine of PostHog, which is Rust's.
 *
 * @since 0.1.0
 */

const escape = /^\\(?:[dDsSwWfnrtv]|x[\da-fA-F]{2}|[ -/:;=?@[-`{-~])/
const escapeInClass = /^\\(?:[bBdDsSwWfnrtv]|x[\da-fA-F]{2}|[ -/:;=?@[-`{-~])/
const count = /^\{(\d+)(?:,(\d*))?\}/
const maxCount = 0xffffffff

/**
 * The end of the class that begins at `at`: -1 when it does not end or is not portable, and the length if it goes on to
 * the end.
 */
const endOfClass = (pattern: string, at: number): number => {
  const start = pattern[at + 1] === "^" ? at + 2 : at + 1
  if (pattern[start] === "]") return -1
  at = start
  while (at < pattern.length && pattern[at] !== "]") {
    if (pattern[at] === "\\") {
      const escaped = escapeInClass.exec(pattern.slice(at, at + 4))
      if (escaped === null && at + 1 < pattern.length) return -1
      at += escaped?.[0].length ?? 1
      continue
    }
    if (pattern[at] === "[") return -1
    const pair = pattern.slice(at, at + 2)
    if (pair === "&&" || pair === "--" || pair === "~~") return -1
    at++
  }
  return Math.min(at + 1, pattern.length)
}

/** What stands before a quantifier. */
type Before = "nothing" | "atom" | "anchor" | "open" | "empty group" | "quantifier"

/** Whether a pattern is in the common subset. It need not be a regular expression at all. */
export const isPortable = (pattern: string): boolean => {
  if (/[^\u0000-\u007f]/.test(pattern)) return false
  let before = "nothing" as Before
  let at = 0
  while (at < pattern.length) {
    const character = pattern[at]!
    if (character === "\\") {
      // A lone backslash at the end is for the compiler to refuse.
      if (at + 1 === pattern.length) return true
      const escaped = escape.exec(pattern.slice(at, at + 4))
      if (escaped === null) return false
      at += escaped[0].length
      before = "atom"
    } else if (character === "[") {
      const end = endOfClass(pattern, at)
      if (end === -1) return false
      at = end
      before = "atom"
    } else if (character === "(") {
      if (pattern[at + 1] === "?" && pattern[at + 2] !== ":") return false
      at += pattern[at + 1] === "?" ? 3 : 1
      before = "open"
    } else if (character === ")") {
      at++
      before = before === "open" || before === "empty group" ? "empty group" : "atom"
    } else if (character === "*" || character === "+" || character === "?" || character === "{") {
      if (before === "anchor" || before === "empty group") return false
      let end = at + 1
      if (character === "{") {
        const counted = count.exec(pattern.slice(at))
        if (counted === null || before === "nothing" || before === "open") return false
        if (Number(counted[1]) > maxCount || Number(counted[2] ?? 0) > maxCount) return false
        end = at + counted[0].length
      }
      if (pattern[end] === "+" || pattern[end] === "{") return false
      at = end
      before = "quantifier"
    } else {
      at++
      before = character === "^" || character === "$" ? "anchor" : character === "|" ? "nothing" : "atom"
      // A brace that closes nothing looks to PostHog's SDKs like the end of a count.
      if (character === "}" && (pattern[at] === "+" || pattern[at] === "{")) return false
    }
  }
  return true
}

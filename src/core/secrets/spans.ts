/**
 * A text, what it says once its escapes are read, and the parts of it that must not be told.
 *
 * Secrets stand in addresses within addresses (`?next=%2Fcb%3Ftoken%3D…`) and in JSON within JSON
 * (`{\"token\":\"…\"}`). So a text is looked at several times, each time with one more layer of escapes read. What is
 * found is marked in the text as it was given, so that the rest of it stays as it is.
 *
 * @since 0.1.0
 */

/** What stands where a secret was. */
export const redacted = "[redacted]"

/** A text with escapes read. */
export interface View {
  readonly text: string
  /** Where each character stands in the text that was given, and where it ends; `undefined`: this is that text. */
  readonly places: Uint32Array | undefined
  /** How many layers of escapes were read. */
  readonly depth: number
}

/** Marks the characters from `start` to `end`, the latter not included. */
export type Mark = (start: number, end: number) => void

const escape = /%[\da-f]{2}|\\(?:u[\da-f]{4}|x[\da-f]{2}|[^])|&(?:quot|apos|amp|lt|gt|#\d{1,4}|#x[\da-f]{1,4});/gi

const named: { readonly [name: string]: string | undefined } = {
  "&quot;": "\"",
  "&apos;": "'",
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t"
}

/** One character, whatever it is: what is decoded is looked at and never shown. */
const read = (escaped: string): string => {
  const known = named[escaped]
  if (known !== undefined) return known
  if (escaped.startsWith("%")) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
  if (escaped.startsWith("&")) {
    const isHex = /^&#x/i.test(escaped)
    return String.fromCharCode(Number.parseInt(escaped.slice(isHex ? 3 : 2), isHex ? 16 : 10))
  }
  return escaped.length === 2 ? escaped[1]! : String.fromCharCode(Number.parseInt(escaped.slice(2), 16))
}

/** The text with one more layer of escapes read; `undefined` when it has none. */
export const unescaped = ({ depth, places, text }: View): View | undefined => {
  escape.lastIndex = 0
  let match = escape.exec(text)
  if (match === null) return undefined
  const next = new Uint32Array(text.length + 1)
  let shown = ""
  let from = 0
  const place = (at: number) => places === undefined ? at : places[at]!
  const keep = (to: number) => {
    for (let at = from; at < to; at++) next[shown.length + at - from] = place(at)
    shown += text.slice(from, to)
  }
  while (match !== null) {
    keep(match.index)
    next[shown.length] = place(match.index)
    shown += read(match[0])
    from = match.index + match[0].length
    match = escape.exec(text)
  }
  keep(text.length)
  next[shown.length] = place(text.length)
  return { text: shown, places: next, depth: depth + 1 }
}

/** What is to be left out of a text. */
export class Spans {
  private readonly found: Array<readonly [start: number, end: number]> = []

  /** Marks places of a view. */
  markIn({ places }: View): Mark {
    return (start, end) => {
      if (end <= start) return
      // An escape that ends a secret belongs to it.
      this.found.push(places === undefined ? [start, end] : [places[start]!, places[end]!])
    }
  }

  /** The text up to `end`, with a word in the place of what was marked. */
  render(text: string, end: number): string {
    let shown = ""
    let at = 0
    let isAfterSecret = false
    for (const [from, to] of this.found.sort(([a], [b]) => a - b)) {
      if (from >= end) break
      if (from > at || !isAfterSecret) shown += text.slice(at, from) + redacted
      at = Math.max(at, to)
      isAfterSecret = true
    }
    return at < end ? shown + text.slice(at, end) : shown
  }
}

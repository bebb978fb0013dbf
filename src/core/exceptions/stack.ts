/**
 * Reads the text of a stack: V8's, which Node, Deno, Bun and workerd write, with what Effect adds, and that of the
 * other engines.
 *
 * A line is read from its end. There the place is, of which much is known: it is in brackets, begins like a path or an
 * address and ends in numbers. The name before it may be anything, and a path may contain whatever a name may.
 *
 * @since 0.1.0
 */
import { pathOfFileUrl } from "./paths.js"

/** One line of a stack. */
export interface StackLine {
  /** As it stands in the stack, without the white space around it. */
  readonly text: string
  /** `undefined`: anonymous. */
  readonly function: string | undefined
  /** A path (also for a `file:` URL), another URL, `node:…`, `native`, or `undefined` when there is none. */
  readonly path: string | undefined
  readonly line: number | undefined
  readonly column: number | undefined
}

type Place = Pick<StackLine, "path" | "line" | "column">

/** Texts of stacks are looked at so far, and lines of a stack; what is longer was not written by an engine. */
const maxLength = 2 * 1024 * 1024
const maxLineLength = 16 * 1024
/** Longer paths are addresses that hold code, and longer names are no names. */
const maxPathLength = 1024
const maxNameLength = 1000
/** So many lines the name of a span may have. */
const maxNameLines = 50

const nowhere: Place = { path: undefined, line: undefined, column: undefined }

/** What a place begins with. */
const placeStart =
  /(?:\/|[A-Za-z]:[\\/]|\\\\|\.\.?[\\/]|[A-Za-z][\w+.-]{1,40}:\/\/|(?:file|node|ext|data|blob|npm|jsr|bun|deno|wasm|native|internal|webpack-internal|node-internal|cloudflare|cloudflare-internal|workerd):|<anonymous>)/y

/** What a place ends with. */
const position = /:(\d+)(?::(\d+))?$/

/** Places that engines write when they know of none. */
const words = /^(?:native|unknown|unknown location|<anonymous>|index \d+)$/

/** Places without numbers. */
const placed = /:wasm-function|:0x[\da-f]+$|^eval at |\.[cm]?[jt]sx?(?:[?#:]|$)/

const startsPlace = (text: string, at: number): boolean => {
  placeStart.lastIndex = at
  return placeStart.test(text)
}

/** An address without user and password, and without what is different each time: a query, a fragment. */
const addressOf = (url: string): string => {
  const [, scheme, rest] = /^([A-Za-z][\w+.-]+:\/\/)(.*)$/s.exec(url) ?? []
  if (scheme === undefined) return url
  const path = rest!.replace(/[?#].*$/s, "")
  const end = path.indexOf("/")
  const host = end === -1 ? path : path.slice(0, end)
  return `${scheme}${host.slice(host.lastIndexOf("@") + 1)}${path.slice(host.length)}`
}

const toPath = (location: string): string | undefined => {
  if (location === "" || location === "<anonymous>" || /^unknown(?: location)?$/.test(location)) return undefined
  return /^file:\/\//i.test(location) ? pathOfFileUrl(location) : addressOf(location)
}

const toNumber = (digits: string | undefined): number | undefined => {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : undefined
}

const readLocation = (text: string): Place => {
  // The index of a promise among others is no place.
  if (/^index \d+$/.test(text)) return { ...nowhere, path: "node:internal/promise" }
  const match = position.exec(text)
  // What SpiderMonkey writes about evaluated code.
  const location = (match === null ? text : text.slice(0, match.index)).replace(
    / line (\d+) > (?:eval|Function).*$/s,
    ""
  )
  const path = toPath(location)
  // Lines are counted from one; what is not known is written as zero.
  return { path, line: toNumber(match?.[1]) || undefined, column: toNumber(match?.[2]) }
}

const readFunction = (text: string): string | undefined => {
  let name = text.startsWith("async ") ? text.slice("async ".length) : text
  // An alias, as in `Foo.bar [as baz]`.
  const alias = name.endsWith("]") ? name.lastIndexOf(" [as ") : -1
  if (alias !== -1) name = name.slice(0, alias)
  // Effect's names for functions of the program that it calls.
  if (name === "" || name === "<anonymous>" || /effect_instruction_i|EffectPrimitive\./.test(name)) return undefined
  if (name.endsWith(".<anonymous>")) name = `${name.slice(0, -"<anonymous>".length)}?`
  return name.length > maxNameLength ? `${name.slice(0, maxNameLength - 1)}…` : name
}

/** Where the place in brackets at the end of a line begins; -1 when there is none. Goes over the line once. */
const openingOf = (text: string): number => {
  const last = text.length - 1
  const isPlaced = (from: number) => {
    const inner = text.slice(from, last)
    return position.test(inner) || words.test(inner) || inner === "" || placed.test(inner)
  }
  // Closing brackets to the right of which the opening one has not been met.
  let closed = 0
  let begins = -1
  for (let at = last - 1; at >= 0; at--) {
    const code = text.charCodeAt(at)
    if (code === 41 /* ) */) closed++
    if (code !== 40 /* ( */) continue
    const isOwn = at === 0 || text.charCodeAt(at - 1) === 32
    const isStart = isOwn && (startsPlace(text, at + 1) || text.startsWith("eval at ", at + 1))
    if (isStart && begins === -1) begins = at
    if (closed > 0) {
      closed--
      continue
    }
    if (!isOwn) continue
    // Its brackets match. If it does not look like a place and one after it does, that has a bracket too many.
    if (isStart) return isPlaced(at + 1) ? at : -1
    if (begins === -1) return isPlaced(at + 1) ? at : -1
    break
  }
  return begins !== -1 && isPlaced(begins + 1) ? begins : -1
}

/**
 * Evaluated code says where the code came from: `eval at run (/app/a.js:1:2), <anonymous>:3:4`, within each other, too.
 */
const readEval = (text: string): Place => {
  const depth = text.split("eval at ").length - 1
  const inner = text.slice(text.lastIndexOf("eval at ") + "eval at ".length)
  // The place within the evaluated code, and the brackets of those around the innermost.
  const end = inner.lastIndexOf("), ")
  const own = (end === -1 ? inner : inner.slice(0, end + 1)).replace(
    /\)+$/,
    (all) => all.slice(0, all.length - depth + 1)
  )
  const at = own.endsWith(")") ? openingOf(own) : -1
  return at === -1 ? nowhere : readLocation(own.slice(at + 1, -1))
}

const readPlace = (text: string): Omit<StackLine, "text"> => {
  if (text.endsWith(")")) {
    const open = openingOf(text)
    if (open === -1) return { function: readFunction(text), ...nowhere }
    const inner = text.slice(open + 1, -1)
    return {
      function: readFunction(text.slice(0, open).trim()),
      ...(inner.startsWith("eval at ") ? readEval(inner) : readLocation(inner))
    }
  }
  const bare = text.startsWith("async ") ? text.slice("async ".length) : text
  const numbers = position.exec(bare)
  // Effect writes spans whose place it does not know as a name alone.
  const isPlace = startsPlace(bare, 0)
    ? numbers !== null || bare.includes("://") && !bare.includes(" ")
    : words.test(bare) || (numbers?.[2] !== undefined && !bare.includes(" "))
  return isPlace ? { function: undefined, ...readLocation(bare) } : { function: readFunction(text), ...nowhere }
}

/** A line of SpiderMonkey and JavaScriptCore: `run@/app/a.js:1:2`. */
const readOther = (text: string): Omit<StackLine, "text"> | undefined => {
  for (let at = text.indexOf("@"), tries = 0; at !== -1 && tries < 10; at = text.indexOf("@", at + 1), tries++) {
    const place = text.slice(at + 1)
    if (place !== "[native code]" && !(startsPlace(place, 0) && position.test(place))) continue
    // Parts that say how a function is nested, and an `async*` before those that waited.
    const name = text.slice(0, at).replace(/^(?:async\*|async )/, "").replace(/[/<]+$/, "")
    return {
      function: /^(?:(?:global|module|eval) code)?$/.test(name) ? undefined : readFunction(name),
      ...(place === "[native code]" ? { ...nowhere, path: "native" } : readLocation(place))
    }
  }
  return undefined
}

const isKnown = ({ line, path }: Place): boolean => path !== undefined || line !== undefined

/** Lines that may stand among those of one error. What else comes after them is about another. */
const isFiller = (line: string): boolean => line === "" || /^(?:From previous event:|-{3,}|\.{3} )/.test(line)

/**
 * The lines of a stack, crash site first as engines have it; at most `limit`. What comes before them is passed over.
 */
export const readStack = (stack: string, limit: number): ReadonlyArray<StackLine> => {
  const lines: Array<StackLine> = []
  const end = Math.min(stack.length, maxLength)
  const endOf = (start: number) => {
    const at = stack.indexOf("\n", start)
    return at === -1 || at > end ? end : at
  }
  const at = (start: number, stop: number) => stop - start > maxLineLength ? undefined : stack.slice(start, stop).trim()
  const push = (text: string, place: Omit<StackLine, "text">) => {
    const isReadable = (place.path?.length ?? 0) <= maxPathLength && (isKnown(place) || text.length <= maxPathLength)
    if (isReadable) lines.push({ text, ...place })
  }
  /** The name of a span may have several lines, of which the last brings the place. */
  const continued = (first: string, start: number): readonly [text: string, next: number] | undefined => {
    let text = first
    for (let next = start, count = 1; next < end && count < maxNameLines; count++) {
      const stop = endOf(next)
      const line = at(next, stop)
      if (line === undefined || line.startsWith("at ") || text.length + line.length > maxLineLength) return undefined
      text = `${text}\n${line}`
      if (line.endsWith(")") && openingOf(line) !== -1) return [text, stop + 1]
      next = stop + 1
    }
    return undefined
  }
  let start = 0
  while (start < end && lines.length < limit) {
    const stop = endOf(start)
    const line = at(start, stop)
    start = stop + 1
    if (line === undefined) continue
    if (line.startsWith("at ")) {
      const place = readPlace(line.slice("at ".length))
      const more = isKnown(place) || words.test(line.slice("at ".length)) || line.endsWith("<anonymous>)")
        ? undefined
        : continued(line, start)
      if (more === undefined) push(line, place)
      else {
        push(more[0], readPlace(more[0].slice("at ".length)))
        start = more[1]
      }
    } else if (lines.length > 0 && !isFiller(line)) break
  }
  return lines.length > 0 || !stack.includes("@") ? lines : readOthers(stack.slice(0, end), limit)
}

const readOthers = (stack: string, limit: number): ReadonlyArray<StackLine> => {
  const lines: Array<StackLine> = []
  for (const text of stack.split("\n")) {
    const place = lines.length >= limit || text.length > maxLineLength ? undefined : readOther(text.trim())
    if (place !== undefined && (place.path?.length ?? 0) <= maxPathLength) lines.push({ text: text.trim(), ...place })
  }
  return lines
}

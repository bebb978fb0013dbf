/**
 * Reads the text of a stack as V8 writes it.
 *
 * @since 0.1.0
 */

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

/** Longer lines are none that a person could read; V8 writes them for generated code. */
const maxLineLength = 1024

const position = /^(.*?):(\d+)(?::(\d+))?$/s

/** An alias in brackets, as in `Foo.bar [as baz]`. */
const alias = / \[as .*\]$/

/** The path in a location: without `file://`, decoded, and without the slash that URLs put before a drive. */
const toPath = (location: string): string => {
  if (!location.startsWith("file://")) return location
  let path = location.slice("file://".length)
  try {
    path = decodeURI(path)
  } catch {
    // A name with a percent sign that begins no escape is what it is.
  }
  return /^\/[A-Za-z]:/.test(path) ? path.slice(1) : path
}

const toNumber = (digits: string | undefined): number | undefined => {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : undefined
}

const readLocation = (text: string): Pick<StackLine, "path" | "line" | "column"> => {
  // Evaluated code says where the code came from: `eval at run (/app/a.js:1:2), <anonymous>:3:4`.
  if (text.startsWith("eval at ")) {
    const inner = /\(([^()]*:\d+:\d+)\)/.exec(text)?.[1]
    return inner === undefined ? { path: undefined, line: undefined, column: undefined } : readLocation(inner)
  }
  // The index of a promise among others is no place.
  if (/^index \d+$/.test(text)) return { path: "node:internal/promise", line: undefined, column: undefined }
  const match = position.exec(text)
  const location = match?.[1] ?? text
  return {
    path: location === "<anonymous>" || location === "" ? undefined : toPath(location),
    line: toNumber(match?.[2]),
    column: toNumber(match?.[3])
  }
}

const readFunction = (text: string): string | undefined => {
  const name = text.replace(/^async /, "").replace(alias, "")
  // Effect's names for functions of the program that it calls.
  if (name === "" || name === "<anonymous>" || /effect_instruction_i|EffectPrimitive\./.test(name)) return undefined
  return name.endsWith(".<anonymous>") ? `${name.slice(0, -"<anonymous>".length)}?` : name
}

const readPlace = (text: string): Omit<StackLine, "text"> => {
  // A path may contain brackets too, so the first one that follows a space begins the place.
  const open = text.startsWith("(") ? 0 : text.indexOf(" (") + 1
  if (text.endsWith(")") && (open > 0 || text.startsWith("("))) {
    return { function: readFunction(text.slice(0, open).trim()), ...readLocation(text.slice(open + 1, -1)) }
  }
  const place = readLocation(text.replace(/^async /, ""))
  // Effect writes spans whose place it does not know as a name alone.
  return place.line === undefined && !text.includes("://") && !/[\\/]/.test(text)
    ? { function: readFunction(text), path: undefined, line: undefined, column: undefined }
    : { function: undefined, ...place }
}

/** The lines of a stack, crash site first as V8 has it; at most `limit`. Whatever is no line of a stack is passed over. */
export const readStack = (stack: string, limit: number): ReadonlyArray<StackLine> => {
  const lines: Array<StackLine> = []
  let start = 0
  while (start < stack.length && lines.length < limit) {
    let end = stack.indexOf("\n", start)
    if (end === -1) end = stack.length
    if (end - start <= maxLineLength) {
      const line = stack.slice(start, end).trim()
      if (line.startsWith("at ")) lines.push({ text: line, ...readPlace(line.slice("at ".length)) })
    }
    start = end + 1
  }
  return lines
}

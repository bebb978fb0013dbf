/**
 * Regular expressions from flag definitions. Only what means the same to PostHog's engine and to JavaScript's is
 * matched here, and without backtracking: all ways to match are followed at once, so that no pattern can hang the
 * program that evaluates it.
 *
 * @since 0.1.0
 */
import { parseClass, single, wordBits } from "./characters.js"
import { isPortable } from "./portable.js"

/** `undefined`: only PostHog can tell. */
export type Matcher = (text: string) => boolean | undefined

/** Longer patterns, deeper groups and larger programs are left to PostHog. */
const maxPattern = 2_000
const maxDepth = 100
const maxProgram = 5_000
const maxWrites = 50_000

/** Moves of one match: some ten milliseconds. */
const maxMoves = 2_000_000

const foreign = /[^\u0000-\u007f]|\r/

type Node =
  | { readonly kind: "set"; readonly bits: Uint32Array }
  | { readonly kind: "start" | "end" }
  | { readonly kind: "sequence" | "choice"; readonly nodes: ReadonlyArray<Node> }
  | { readonly kind: "repeat"; readonly node: Node; readonly min: number; readonly max: number }

/** Patterns that this engine does not follow. */
class Unfit {
  readonly _tag = "Unfit"
}

/** Everything but the ends of lines, of which a text here can only have one. */
const anyBits = wordBits((code) => code !== 0x0a)

/** Reads a pattern that is portable and that JavaScript takes, which leaves few ways to be wrong. */
const parse = (pattern: string): Node => {
  let at = 0
  let depth = 0

  const choice = (): Node => {
    if (++depth > maxDepth) throw new Unfit()
    const nodes = [sequence()]
    while (pattern[at] === "|") {
      at++
      nodes.push(sequence())
    }
    depth--
    return nodes.length === 1 ? nodes[0]! : { kind: "choice", nodes }
  }

  const sequence = (): Node => {
    const nodes: Array<Node> = []
    while (at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") nodes.push(repeated(atom()))
    return { kind: "sequence", nodes }
  }

  const atom = (): Node => {
    const character = pattern[at]!
    switch (character) {
      case "(": {
        at += pattern[at + 1] === "?" ? 3 : 1
        const inner = choice()
        if (pattern[at++] !== ")") throw new Unfit()
        return inner
      }
      case "^":
        at++
        return { kind: "start" }
      case "$":
        at++
        return { kind: "end" }
      case ".":
        at++
        return { kind: "set", bits: anyBits }
      case "[":
      case "\\": {
        const read = parseClass(pattern, at)
        if (read === undefined) throw new Unfit()
        at = read.end
        return { kind: "set", bits: read.bits }
      }
      default:
        at++
        return { kind: "set", bits: single(character.charCodeAt(0)) }
    }
  }

  const repeated = (node: Node): Node => {
    let [min, max] = [0, Infinity]
    const counted = /^\{(\d+)(?:(,)(\d*))?\}/.exec(pattern.slice(at, at + 30))
    const character = pattern[at]
    if (counted !== null) {
      at += counted[0].length
      min = Number(counted[1])
      max = counted[2] === undefined ? min : counted[3] === "" ? Infinity : Number(counted[3])
    } else if (character === "*" || character === "+" || character === "?") {
      at++
      min = character === "+" ? 1 : 0
      max = character === "?" ? 1 : Infinity
    } else return node
    // Lazy or not, a text matches or it does not.
    if (pattern[at] === "?") at++
    return { kind: "repeat", node, min, max }
  }

  const whole = choice()
  if (at < pattern.length) throw new Unfit()
  return whole
}

const enum Op {
  Set,
  Split,
  Start,
  End,
  Match
}

/** Instructions side by side: a set and where to go, two places to go, or a condition and where to go. */
interface Program {
  readonly ops: Array<Op>
  readonly next: Array<number>
  readonly other: Array<number>
  readonly sets: Array<Uint32Array | undefined>
}

/** Writes the program backwards, so that the place where a node goes on is known when the node is written. */
const assemble = (root: Node): { readonly program: Program; readonly entry: number } => {
  const program: Program = { ops: [], next: [], other: [], sets: [] }
  const add = (op: Op, next: number, other = 0, set?: Uint32Array): number => {
    if (program.ops.length >= maxProgram) throw new Unfit()
    program.ops.push(op)
    program.next.push(next)
    program.other.push(other)
    program.sets.push(set)
    return program.ops.length - 1
  }
  let writes = 0
  const write = (node: Node, next: number): number => {
    // What repeats nothing adds no instruction, however often it is written.
    if (++writes > maxWrites) throw new Unfit()
    switch (node.kind) {
      case "set":
        return add(Op.Set, next, 0, node.bits)
      case "start":
        return add(Op.Start, next)
      case "end":
        return add(Op.End, next)
      case "sequence":
        return node.nodes.reduceRight((after, part) => write(part, after), next)
      case "choice":
        return node.nodes.map((part) => write(part, next)).reduceRight((rest, part) => add(Op.Split, part, rest))
      case "repeat":
        return writeRepeat(node, next)
    }
  }
  const writeRepeat = ({ max, min, node }: Node & { readonly kind: "repeat" }, next: number): number => {
    if (min > maxProgram || max !== Infinity && max > maxProgram) throw new Unfit()
    let entry = next
    if (max === Infinity) {
      entry = add(Op.Split, next, next)
      program.next[entry] = write(node, entry)
    } else {
      for (let i = min; i < max; i++) entry = add(Op.Split, write(node, entry), next)
    }
    for (let i = 0; i < min; i++) entry = write(node, entry)
    return entry
  }
  const entry = write(root, add(Op.Match, 0))
  return { program, entry }
}

/** Whether the program matches anywhere in the text; `undefined` when that takes too long. */
const run = (program: Program, entry: number, text: string): boolean | undefined => {
  const { next, ops, other, sets } = program
  // Where each instruction was last reached: 1 + the position.
  const reached = new Uint32Array(ops.length)
  const pending = new Uint32Array(ops.length * 2 + 2)
  let now = new Uint32Array(ops.length)
  let then = new Uint32Array(ops.length)
  let count = 0
  let moves = 0
  for (let position = 0;; position++) {
    // Those that wait for this position, and a new attempt that starts here.
    let waiting = 0
    let depth = 0
    for (let i = count - 1; i >= 0; i--) pending[depth++] = now[i]!
    pending[depth++] = entry
    while (depth > 0) {
      const at = pending[--depth]!
      if (reached[at] === position + 1) continue
      reached[at] = position + 1
      if (++moves > maxMoves) return undefined
      switch (ops[at]!) {
        case Op.Match:
          return true
        case Op.Set:
          then[waiting++] = at
          break
        case Op.Split:
          pending[depth++] = other[at]!
          pending[depth++] = next[at]!
          break
        case Op.Start:
          if (position === 0) pending[depth++] = next[at]!
          break
        case Op.End:
          if (position === text.length) pending[depth++] = next[at]!
          break
      }
    }
    if (position === text.length) return false
    const code = text.charCodeAt(position)
    count = 0
    for (let i = 0; i < waiting; i++) {
      const at = then[i]!
      if ((sets[at]![code >> 5]! >>> (code & 31) & 1) === 1) now[count++] = next[at]!
    }
  }
}

const isPattern = (pattern: string, flags: string): boolean => {
  try {
    return RegExp(pattern, flags) instanceof RegExp
  } catch {
    return false
  }
}

/**
 * Compiles a pattern. `false`: it is none, which is as much as no match for an operator and for its negation.
 * `undefined`: only PostHog can tell.
 */
export const compileRegex = (pattern: string): Matcher | false | undefined => {
  if (pattern === "") return () => true
  if (pattern.length > maxPattern || !isPortable(pattern)) return undefined
  if (!isPattern(pattern, "")) return false
  for (const [text] of pattern.matchAll(/\\[^]|\[(?:\\[^]|[^\]\\])*\]/g)) {
    if (text.startsWith("[") && !isPattern(text, "u")) return undefined
  }
  try {
    const { entry, program } = assemble(parse(pattern))
    return (text) => foreign.test(text) ? undefined : run(program, entry, text)
  } catch {
    return undefined
  }
}

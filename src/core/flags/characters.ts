/**
 * Sets of ASCII characters, as bits, and how regular expressions write them.
 *
 * @since 0.1.0
 */

/** The characters of which `has` holds. */
export const wordBits = (has: (code: number) => boolean): Uint32Array => {
  const bits = new Uint32Array(4)
  for (let code = 0; code < 128; code++) if (has(code)) add(bits, code)
  return bits
}

const add = (bits: Uint32Array, code: number): void => {
  bits[code >> 5] = bits[code >> 5]! | 1 << (code & 31)
}

export const single = (code: number): Uint32Array => wordBits((other) => other === code)

const not = (bits: Uint32Array): Uint32Array => bits.map((word) => ~word)

const digit = wordBits((code) => code >= 0x30 && code <= 0x39)
const space = wordBits((code) => code === 0x20 || code >= 0x09 && code <= 0x0d)
const word = wordBits((code) => /\w/.test(String.fromCharCode(code)))

const classes: Readonly<Record<string, Uint32Array>> = {
  d: digit,
  D: not(digit),
  s: space,
  S: not(space),
  w: word,
  W: not(word)
}

const controls: Readonly<Record<string, number>> = { b: 0x08, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09, v: 0x0b }

interface Read {
  readonly bits: Uint32Array
  /** The character when there is only one: only such can begin or end a range. */
  readonly code: number | undefined
  readonly end: number
}

const one = (code: number, end: number): Read => ({ bits: single(code), code, end })

/** One character or escape at `at`. */
const parseCharacter = (pattern: string, at: number): Read => {
  if (pattern[at] !== "\\") return one(pattern.charCodeAt(at), at + 1)
  const escaped = pattern[at + 1]!
  const bits = classes[escaped]
  if (bits !== undefined) return { bits, code: undefined, end: at + 2 }
  if (escaped === "x") return one(Number.parseInt(pattern.slice(at + 2, at + 4), 16), at + 4)
  return one(controls[escaped] ?? escaped.charCodeAt(0), at + 2)
}

/** An escape or a class in brackets; `undefined` where it does not end. */
export const parseClass = (pattern: string, at: number): Read | undefined => {
  if (pattern[at] !== "[") {
    const read = parseCharacter(pattern, at)
    // Codes above ASCII match nothing that is matched here.
    return read.code !== undefined && read.code > 127 ? { ...read, bits: new Uint32Array(4) } : read
  }
  const isNegated = pattern[at + 1] === "^"
  const bits = new Uint32Array(4)
  at += isNegated ? 2 : 1
  while (pattern[at] !== "]") {
    if (at >= pattern.length) return undefined
    const first = parseCharacter(pattern, at)
    at = first.end
    if (first.code !== undefined && pattern[at] === "-" && pattern[at + 1] !== "]") {
      const last = parseCharacter(pattern, at + 1)
      if (last.code === undefined) return undefined
      at = last.end
      for (let code = first.code; code <= Math.min(last.code, 127); code++) add(bits, code)
    } else for (let i = 0; i < 4; i++) bits[i] = bits[i]! | first.bits[i]!
  }
  return { bits: isNegated ? not(bits) : bits, code: undefined, end: at + 1 }
}

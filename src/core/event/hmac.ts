/**
 * HMAC with SHA-256, for personal data that shall still be told apart. WebCrypto cannot be asked without waiting, which
 * `capture` never does, and what Node has is not there in browsers and on edge runtimes.
 *
 * SHA-256: https://doi.org/10.6028/NIST.FIPS.180-4, HMAC: https://www.rfc-editor.org/rfc/rfc2104
 *
 * @since 0.1.0
 */

const blockBytes = 64
const digestBytes = 32

const encoder = new TextEncoder()

/** The first 32 bits of the fractional part of a root: the standard takes those of the first primes. */
const fraction = (value: number): number => Math.floor((value - Math.floor(value)) * 2 ** 32) | 0

const primes = ((): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let n = 2; found.length < 64; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
})()

const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)))
const constants = primes.map((prime) => fraction(Math.cbrt(prime)))

const rotate = (word: number, by: number): number => word >>> by | word << 32 - by

const sha256 = (message: Uint8Array): Uint8Array => {
  // A bit that is set, and the length in bits at the end of the last block.
  const padded = new Uint8Array(Math.ceil((message.length + 9) / blockBytes) * blockBytes)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(message.length / 2 ** 29))
  view.setUint32(padded.length - 4, message.length << 3)
  const state = Int32Array.from(initial)
  const w = new Int32Array(64)
  for (let at = 0; at < padded.length; at += blockBytes) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + i * 4)
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15]!, w[i - 2]!]
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ x >>> 3
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ y >>> 10
      w[i] = w[i - 16]! + s0 + w[i - 7]! + s1 | 0
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = h + s1 + (e & f ^ ~e & g) + constants[i]! + w[i]! | 0
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = s0 + (a & b ^ a & c ^ b & c) | 0
      h = g
      g = f
      f = e
      e = d + t1 | 0
      d = c
      c = b
      b = a
      a = t1 + t2 | 0
    }
    const words = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) state[i] = state[i]! + words[i]! | 0
  }
  const digest = new Uint8Array(digestBytes)
  const out = new DataView(digest.buffer)
  state.forEach((word, i) => out.setInt32(i * 4, word))
  return digest
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** The HMAC of a text with a key, both as UTF-8, in 64 hexadecimal digits. */
export const hmac = (key: string, text: string): string => {
  const given = encoder.encode(key)
  const block = new Uint8Array(blockBytes)
  block.set(given.length > blockBytes ? sha256(given) : given)
  const inner = sha256(joined(block.map((byte) => byte ^ 0x36), encoder.encode(text)))
  const outer = sha256(joined(block.map((byte) => byte ^ 0x5c), inner))
  return Array.from(outer, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/**
 * Where somebody falls between 0 and 1 for a flag: PostHog takes the first 60 bits of a SHA-1. WebCrypto cannot be
 * asked without waiting, and for the one block that nearly every key fits into plain arithmetic is the fastest of all.
 *
 * @since 0.1.0
 */

/** Bytes of a message that fit into one block, beside the padding. */
const blockBytes = 55

const encoder = new TextEncoder()
const words = new Int32Array(80)
const state = new Int32Array(5)

/** One block: `words[0..15]` into `state`. */
const compress = (): void => {
  const w = words
  for (let i = 16; i < 80; i++) {
    const x = w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!
    w[i] = x << 1 | x >>> 31
  }
  let a = state[0]!
  let b = state[1]!
  let c = state[2]!
  let d = state[3]!
  let e = state[4]!
  let i = 0
  for (; i < 20; i++) {
    const t = (a << 5 | a >>> 27) + (b & c | ~b & d) + e + 0x5a827999 + w[i]! | 0
    e = d
    d = c
    c = b << 30 | b >>> 2
    b = a
    a = t
  }
  for (; i < 40; i++) {
    const t = (a << 5 | a >>> 27) + (b ^ c ^ d) + e + 0x6ed9eba1 + w[i]! | 0
    e = d
    d = c
    c = b << 30 | b >>> 2
    b = a
    a = t
  }
  for (; i < 60; i++) {
    const t = (a << 5 | a >>> 27) + (b & c | b & d | c & d) + e - 0x70e44324 + w[i]! | 0
    e = d
    d = c
    c = b << 30 | b >>> 2
    b = a
    a = t
  }
  for (; i < 80; i++) {
    const t = (a << 5 | a >>> 27) + (b ^ c ^ d) + e - 0x359d3e2a + w[i]! | 0
    e = d
    d = c
    c = b << 30 | b >>> 2
    b = a
    a = t
  }
  state[0] = state[0]! + a | 0
  state[1] = state[1]! + b | 0
  state[2] = state[2]! + c | 0
  state[3] = state[3]! + d | 0
  state[4] = state[4]! + e | 0
}

const reset = (): void => {
  state[0] = 0x67452301
  state[1] = -0x10325477
  state[2] = -0x67452302
  state[3] = 0x10325476
  state[4] = -0x3c2d1e10
}

/**
 * The first 60 bits as a fraction. Both the number and 2^60, by which it is divided, are rounded to doubles as PostHog
 * does.
 */
const fraction = (): number => ((state[0]! >>> 0) * 0x10000000 + (state[1]! >>> 4)) / 0x1000000000000000

const put = (position: number, byte: number): void => {
  words[position >> 2] = words[position >> 2]! | byte << 24 - ((position & 3) << 3)
}

const hashLong = (message: Uint8Array): number => {
  reset()
  const blocks = (message.length + 8 >> 6) + 1
  for (let block = 0; block < blocks; block++) {
    words.fill(0, 0, 16)
    const from = block * 64
    const until = Math.min(from + 64, message.length)
    for (let i = from; i < until; i++) put(i - from, message[i]!)
    if (message.length >= from && message.length < from + 64) put(message.length - from, 0x80)
    if (block === blocks - 1) {
      words[14] = Math.floor(message.length / 0x20000000)
      words[15] = message.length << 3
    }
    compress()
  }
  return fraction()
}

/** The text as UTF-8, lone surrogates as U+FFFD. */
export const bytesOf = (text: string): Uint8Array => {
  if (text.length > blockBytes) return encoder.encode(text)
  // For short texts calling the encoder is most of its cost.
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return encoder.encode(text)
    bytes[i] = code
  }
  return bytes
}

/** The hash of three parts in a row, each as UTF-8. */
export const hash = (prefix: Uint8Array, bucket: Uint8Array, salt: Uint8Array): number => {
  const length = prefix.length + bucket.length + salt.length
  if (length > blockBytes) {
    const message = new Uint8Array(length)
    message.set(prefix)
    message.set(bucket, prefix.length)
    message.set(salt, prefix.length + bucket.length)
    return hashLong(message)
  }
  reset()
  for (let i = 0; i < 16; i++) words[i] = 0
  let position = 0
  for (let i = 0; i < prefix.length; i++) put(position++, prefix[i]!)
  for (let i = 0; i < bucket.length; i++) put(position++, bucket[i]!)
  for (let i = 0; i < salt.length; i++) put(position++, salt[i]!)
  put(position, 0x80)
  words[15] = length << 3
  compress()
  return fraction()
}

/**
 * UUIDs of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, a 12-bit counter that keeps the ids of one
 * millisecond in order (section 6.2, method 1), 62 random bits.
 *
 * @since 0.1.0
 */

const hex: ReadonlyArray<string> = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether PostHog accepts the text as an event's uuid: any version, hyphenated form. */
export const isUuid = (text: unknown): text is string => typeof text === "string" && pattern.test(text)

/** The other ways in which a uuid may be written: without hyphens, in braces, as a URN. */
const loose = /^(?:urn:uuid:|\{)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/i

/** The uuid in lower case and with hyphens, as PostHog's answers name it; `undefined` for what is none. */
export const canonicalUuid = (text: unknown): string | undefined => {
  if (isUuid(text)) return text.toLowerCase()
  const parts = typeof text === "string" ? loose.exec(text) : null
  return parts === null ? undefined : parts.slice(1).join("-").toLowerCase()
}

/**
 * How many random bytes are drawn at once, which is enough for 1,600 ids or more. After an idle moment a draw takes up
 * to 80 µs, whatever its size. With 1 kB every hundredth call of `capture` had to wait for one.
 */
const poolSize = 16 * 1024

/** Most bytes that one id takes: 8 for its random part and 2 for the start of a counter. */
const bytesPerId = 10

/**
 * Makes a generator. `fill` overwrites the given bytes with random ones, such as `crypto.getRandomValues`. The ids of
 * one generator never repeat and sort in the order of the calls, also when the clock stands still or goes back.
 */
export const makeUuidV7 = (fill: (bytes: Uint8Array<ArrayBuffer>) => void): (millis: number) => string => {
  const pool = new Uint8Array(poolSize)
  let at = poolSize
  let last = -1
  let counter = 0
  let prefix = ""
  return (millis) => {
    if (at + bytesPerId > poolSize) {
      fill(pool)
      at = 0
    }
    if (millis > last || counter === 0xfff) {
      last = millis > last ? Math.floor(millis) : last + 1
      // Begins in the lower half, so that at least 2,048 ids follow before the next millisecond has to be borrowed.
      counter = ((pool[at++]! & 0x07) << 8) | pool[at++]!
      const high = Math.floor(last / 0x10000)
      const low = last & 0xffff
      prefix = hex[(high >>> 24) & 0xff]! + hex[(high >>> 16) & 0xff]! + hex[(high >>> 8) & 0xff]! + hex[high & 0xff]! +
        "-" + hex[low >>> 8]! + hex[low & 0xff]! + "-"
    } else {
      counter++
    }
    const id = prefix + hex[0x70 | (counter >>> 8)]! + hex[counter & 0xff]! + "-" +
      hex[(pool[at]! & 0x3f) | 0x80]! + hex[pool[at + 1]!]! + "-" +
      hex[pool[at + 2]!]! + hex[pool[at + 3]!]! + hex[pool[at + 4]!]! +
      hex[pool[at + 5]!]! + hex[pool[at + 6]!]! + hex[pool[at + 7]!]!
    at += 8
    return id
  }
}

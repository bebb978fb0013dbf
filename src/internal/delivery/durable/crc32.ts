/**
 * CRC-32 as in zlib, four bytes at a time. Not the runtime's own, which Node has from 20.15 and 22.2 on only.
 */

const tables: ReadonlyArray<Uint32Array> = /* #__PURE__ */ (() => {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    return value
  })
  const next = (before: Uint32Array): Uint32Array => before.map((value) => first[value & 255]! ^ (value >>> 8))
  const second = next(first)
  const third = next(second)
  return [first, second, third, next(third)]
})()

/** The checksum of the bytes from `start` up to `end`. */
export const crc32 = (bytes: Uint8Array, start: number, end: number): number => {
  const [one, two, three, four] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array]
  let value = -1
  let at = start
  for (; at + 4 <= end; at += 4) {
    value ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24
    value = four[value & 255]! ^ three[value >>> 8 & 255]! ^ two[value >>> 16 & 255]! ^ one[value >>> 24]!
  }
  for (; at < end; at++) value = one[(value ^ bytes[at]!) & 255]! ^ (value >>> 8)
  return ~value >>> 0
}

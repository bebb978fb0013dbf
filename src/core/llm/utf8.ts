/**
 * How long texts are in UTF-8.
 *
 * @since 0.1.0
 */

const beyondAscii = /[^\x00-\x7f]/

/** Bytes of a text. */
export const utf8Length = (text: string): number => {
  const first = text.search(beyondAscii)
  if (first === -1) return text.length
  let bytes = first
  for (let at = first; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit < 0x80) bytes++
    else if (unit < 0x800) bytes += 2
    else if (isPair(text, at)) {
      bytes += 4
      at++
    } else bytes += 3
  }
  return bytes
}

const isPair = (text: string, at: number): boolean => {
  const next = text.charCodeAt(at + 1)
  return text.charCodeAt(at) >= 0xd800 && text.charCodeAt(at) <= 0xdbff && next >= 0xdc00 && next <= 0xdfff
}

/** The beginning of a text that has at most so many bytes, never with half a character at its end. */
export const cutBytes = (text: string, max: number): string => {
  if (text.length * 3 <= max) return text
  let bytes = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    const pair = unit >= 0x800 && isPair(text, at)
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3
    if (bytes > max) return text.slice(0, at)
    if (pair) at++
  }
  return text
}

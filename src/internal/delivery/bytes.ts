/**
 * How large texts are as bytes.
 */
const encoder = new TextEncoder()

/** Bytes of a text, where there are more of them than that. */
export const bytesOver = (text: string, most: number): number | undefined => {
  // No unit of UTF-16 has more than three bytes.
  if (text.length * 3 <= most) return undefined
  const bytes = encoder.encode(text).length
  return bytes > most ? bytes : undefined
}

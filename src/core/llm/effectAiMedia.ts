/**
 * Files in messages of `@effect/ai`: pictures, sound and documents, as PostHog shows them.
 *
 * @since 0.1.0
 */
import { isInstance } from "../guard.js"
import type { Part } from "./model.js"

const isAddress = (data: string): boolean => /^(?:https?|gs|s3|file|data):/i.test(data)

/** `data` is base64, bytes, or an address. Bytes stay bytes: whoever writes the event decides about them. */
export const mediaPart = (mediaType: unknown, data: unknown, name: unknown): Part => {
  const type = typeof mediaType === "string" ? mediaType : "application/octet-stream"
  const value = isInstance(data, URL) ? data.href : data
  const isUrl = typeof value === "string" && isAddress(value)
  const inline = { inline_data: { mime_type: type, data: value } }
  if (type.startsWith("image/")) return { type: "image", ...isUrl ? { image: value } : inline }
  if (type.startsWith("audio/")) return { type: "audio", mime_type: type, data: value }
  if (isUrl || !isDocument(type)) return { type: "file", ...named(name), mediaType: type, data: value }
  return { type: "document", ...named(name), ...inline }
}

const isDocument = (type: string): boolean => type === "application/pdf" || type.startsWith("text/")

const named = (name: unknown) => typeof name === "string" ? { name } : {}

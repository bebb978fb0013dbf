/**
 * Files in messages of `@effect/ai`: pictures, sound and documents, as PostHog shows them.
 *
 * @since 0.1.0
 */
import { isInstance } from "../../guard.js"
import type { Part } from "../model.js"

const isAddress = (data: string): boolean => /^(?:https?|gs|s3|file|data):/i.test(data)

/** Bytes at a time: a call of a function takes no more arguments. */
const step = 8_190

const base64Of = (bytes: Uint8Array): string => {
  let text = ""
  // Three bytes are four characters, so the parts fit together.
  for (let at = 0; at < bytes.length; at += step) text += btoa(String.fromCharCode(...bytes.subarray(at, at + step)))
  return text
}

/**
 * `data` is base64, bytes, or an address. Bytes become base64 where the event is sent whole; else they stay bytes,
 * which are replaced anyway.
 */
export const mediaPart = (mediaType: unknown, data: unknown, name: unknown, whole: boolean): Part => {
  const type = typeof mediaType === "string" ? mediaType : "application/octet-stream"
  const value = isInstance(data, URL) ? data.href : whole && isInstance(data, Uint8Array) ? base64Of(data) : data
  const isUrl = typeof value === "string" && isAddress(value)
  const inline = { inline_data: { mime_type: type, data: value } }
  if (type.startsWith("image/")) return { type: "image", ...isUrl ? { image: value } : inline }
  if (type.startsWith("audio/")) return { type: "audio", mime_type: type, data: value }
  if (isUrl || !isDocument(type)) return { type: "file", ...named(name), mediaType: type, data: value }
  return { type: "document", ...named(name), ...inline }
}

const isDocument = (type: string): boolean => type === "application/pdf" || type.startsWith("text/")

const named = (name: unknown) => typeof name === "string" ? { name } : {}

/**
 * Images, sounds and files among messages: how they are known where they stand as text, and what PostHog shows in their
 * place.
 *
 * @since 0.1.0
 */
import { read } from "../guard.js"

/** Where a value stands: in an object, under a name. */
export interface Place {
  readonly parent: object | undefined
  readonly name: string
}

/** A text in base64 is known by so many characters where what stands around it says that it is no text … */
const leastAmongHints = 64
/** … and by so many where nothing does. */
const least = 1024

const typeNames = ["mediaType", "media_type", "mimeType", "mime_type"] as const

/** Names under which data stands. */
const dataNames = new Set([
  "data",
  "file_data",
  "fileData",
  "image_url",
  "imageUrl",
  "video_url",
  "videoUrl",
  "audio",
  "audio_data",
  "audioData",
  "inline_data",
  "inlineData",
  "source",
  "result"
])

const formats = new Set(["wav", "mp3", "ogg", "flac", "m4a", "aac", "webm"])

const anyFile = "application/octet-stream"

/** What a part of that type holds, for those that hold no text. */
const ofType: { readonly [type: string]: string | undefined } = {
  "image": "image",
  "image_url": "image",
  "input_image": "image",
  "audio": "audio",
  "input_audio": "audio",
  "video": "video",
  "video_url": "video",
  "file": anyFile,
  "input_file": anyFile,
  "document": anyFile,
  "media": anyFile,
  "file-data": anyFile
}

const givenType = ({ parent }: Place): string | undefined => {
  if (parent === undefined) return undefined
  for (const name of typeNames) {
    const value = read(parent, name)
    if (typeof value === "string") return value
  }
  return undefined
}

const givenFormat = ({ parent }: Place): string | undefined => {
  const format = read(parent, "format")
  return typeof format === "string" && format.length < 8 && formats.has(format.toLowerCase())
    ? `audio/${format.toLowerCase()}`
    : undefined
}

const typeOfPart = ({ parent }: Place): string | undefined => {
  const type = read(parent, "type")
  return typeof type === "string" && Object.hasOwn(ofType, type) ? ofType[type] : undefined
}

const typeOfName = (name: string): string | undefined => {
  const lower = name.slice(0, 100).toLowerCase()
  if (lower.includes("audio")) return "audio"
  if (lower.includes("video")) return "video"
  if (lower.includes("image")) return "image"
  return lower.includes("file") || lower.includes("document") ? anyFile : undefined
}

/** Longest media type that a placeholder names. */
const maxType = 100

const placeholder = (type: string | undefined): string =>
  type === undefined
    ? "[base64 redacted]"
    : type === anyFile
    ? "[base64 file redacted]"
    : `[base64 ${type.slice(0, maxType)} redacted]`

/** What stands in the place of binary data. */
export const placeholderAt = (place: Place): string =>
  placeholder(givenType(place) ?? givenFormat(place) ?? typeOfPart(place) ?? typeOfName(place.name))

const isBase64 = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) ||
  code === 0x2b || code === 0x2f || code === 0x5f || code === 0x3d || code === 0x2d

/** Whether the first `count` characters can be base64; line breaks are passed over where `inLines` says so. */
const beginsAsBase64 = (text: string, count: number, inLines: boolean): boolean => {
  let seen = 0
  for (let i = 0; i < text.length && seen < count; i++) {
    const code = text.charCodeAt(i)
    if (inLines && (code === 0x0a || code === 0x0d)) continue
    if (!isBase64(code)) return false
    seen++
  }
  return seen > 0
}

const dataUri = /^data:([^;,\s]{1,200})(?:;[^;,\s]{0,200}){0,10};base64,/i

/**
 * What stands in the place of a text that is media in base64; `undefined` for all others. Looks at no more than the
 * beginning.
 */
export const mediaIn = (text: string, place: Place): string | undefined => {
  // Nearly all texts have a space within the first words.
  const uri = text.length > 12 && (text.charCodeAt(0) | 0x20) === 0x64 ? dataUri.exec(text.slice(0, 3_000)) : null
  if (uri !== null) return placeholder(uri[1])
  const { name, parent } = place
  const hasName = dataNames.has(name)
  if (parent !== undefined && hasName) {
    const type = givenType(place)
    if (type !== undefined && !type.toLowerCase().startsWith("text/")) {
      return beginsAsBase64(text, leastAmongHints, true) ? placeholderAt(place) : undefined
    }
  }
  if (text.length < leastAmongHints || !beginsAsBase64(text, leastAmongHints, false)) return undefined
  const isHinted = hasName || givenType(place) !== undefined || givenFormat(place) !== undefined ||
    typeOfPart(place) !== undefined
  return isHinted || (text.length >= least && beginsAsBase64(text, least, false)) ? placeholderAt(place) : undefined
}

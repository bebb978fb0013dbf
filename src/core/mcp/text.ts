/**
 * What clients of an MCP server and its tools say, as it may leave the program: without credentials, without what tells
 * who somebody is, without media, and short.
 *
 * @since 0.1.0
 */
import { has, isInstance, isList, isObject, read, setMember } from "../guard.js"
import { mediaIn, placeholderAt } from "../llm/media.js"
import { isSecretName, redactText } from "../secrets.js"

const redacted = "[redacted]"

/** So much more is looked at, so that what is redacted is redacted whole. */
const margin = 2_000

const email = /[\w.%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24}\b/gi
const ssn = /\b\d{3}-\d{2}-\d{4}\b/g
const ipv4 = /\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b(?!\.\d)/g
const ipv6 =
  /(?<![\w:])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6})(?![\w:])/gi
const phone =
  /(?<![\w.-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-])/g
const card = /(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])/g

/** Whether digits are those of a card: each has a check digit. */
const isCard = (text: string): boolean => {
  const digits = text.replace(/\D/g, "")
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i])
    const counted = i % 2 === 1 ? digit * 2 : digit
    sum += counted > 9 ? counted - 9 : counted
  }
  return sum % 10 === 0
}

const withoutPersons = (text: string): string =>
  text.replace(email, redacted).replace(card, (found) => isCard(found) ? redacted : found).replace(ssn, redacted)
    .replace(phone, redacted).replace(ipv4, redacted).replace(ipv6, redacted)

/** The beginning of a text, without half of a character at its end. */
const cut = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const unit = text.charCodeAt(limit - 1)
  return text.slice(0, unit >= 0xd800 && unit <= 0xdbff ? limit - 1 : limit)
}

/** A text as it may leave. First it is redacted, then cut: a credential that is cut in two is not known any more. */
export const textFor = (text: string, limit: number): string =>
  cut(withoutPersons(redactText(cut(text, limit + margin), limit + margin)), limit)

/** Most entries of an object or a list, and how deep they nest. */
const maxEntries = 100
const maxDepth = 10

const show = (value: unknown, parent: object | undefined, name: string, limit: number, depth: number): unknown => {
  if (typeof value === "string") return mediaIn(value, { parent, name }) ?? textFor(value, limit)
  if (typeof value === "number" || typeof value === "boolean" || value === null) return value
  if (!isObject(value)) return undefined
  if (depth >= maxDepth) return "[Too deep]"
  if (isInstance(value, Uint8Array) || isInstance(value, ArrayBuffer)) return placeholderAt({ parent, name })
  if (isList(value)) {
    return value.slice(0, maxEntries).map((element) => show(element, parent, name, limit, depth + 1) ?? null)
  }
  return showMembers(value, limit, depth)
}

const showMembers = (value: object, limit: number, depth: number): unknown => {
  const shown: Record<string, unknown> = {}
  for (const name of Object.keys(value).slice(0, maxEntries)) {
    const member = read(value, name)
    const isSecret = isSecretName(name) && (typeof member === "string" || isObject(member))
    const as = isSecret ? redacted : show(member, value, name, limit, depth + 1)
    if (as !== undefined) setMember(shown, cut(name, 256), as)
  }
  return shown
}

/** Lengths of texts that are tried one after the other. */
const lengths = [32_768, 4_096, 512]

/**
 * A value as it may leave, in no more characters than there is room for. `undefined`: there is nothing, or it has no
 * room.
 */
export const valueFor = (value: unknown, room: number): unknown => {
  for (const limit of lengths) {
    try {
      const shown = show(value, undefined, "", limit, 0)
      const length = JSON.stringify(shown)?.length ?? 0
      if (length <= room) return shown
    } catch {
      return "[Throws]"
    }
  }
  return "[removed due to size limit]"
}

/** Whether a tool can be given one more parameter: an object that says what it has, and has none of that name. */
export const takesIntent = (schema: unknown): boolean =>
  isObject(schema) && !["$ref", "oneOf", "anyOf", "allOf"].some((name) => has(schema, name)) &&
  (read(schema, "type") === "object" || read(schema, "type") === undefined) &&
  !has(read(schema, "properties"), "context")

/**
 * What can be said about anything that may be thrown: type, message, stack. Nothing here throws.
 *
 * @since 0.1.0
 */

import { isId } from "../event/effectData.js"
import { freeze, thaw, Written } from "../event/json.js"
import { answerOf, descriptionOf, isAiError, kindOf, reasonOf } from "../llm/effectAi/errors.js"
import { redactJson } from "../secrets.js"

/** A thrown value as PostHog can show it. */
export interface Coerced {
  /** Never empty. */
  readonly type: string
  readonly value: string
  /** The stack of the value itself. */
  readonly stack: string | undefined
  /** Whether the value is no error, so that type and message were made up from it. */
  readonly isConverted: boolean
  /** What else a tagged error says about itself, by name. */
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

const maxText = 10_000

/** A member that may be a getter that throws, or belong to a revoked Proxy. */
const read = (value: object, name: string): unknown => {
  try {
    return (value as { readonly [name: string]: unknown })[name]
  } catch {
    return undefined
  }
}

const readText = (value: object, name: string): string | undefined => {
  const text = read(value, name)
  return typeof text === "string" ? text.slice(0, maxText) : undefined
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** Also errors of other realms, such as those of `vm` contexts. */
export const isError = (value: unknown): value is Error => {
  try {
    if (!isObject(value)) return false
    return value instanceof Error || /^\[object (?:Error|DOMException)\]$/.test(Object.prototype.toString.call(value))
  } catch {
    return false
  }
}

/**
 * Whether the stack of a value is one that the runtime made: the value is an error, and not only looks like one, and
 * nothing was put in the place of its stack that can be told from it. Parsed JSON is never one. Of an error to which a
 * text was assigned it cannot be known: engines keep no trace of it.
 */
export const isOfRuntime = (value: unknown): value is Error => {
  try {
    if (!isError(value)) return false
    // Without a tag of its own, the brand says it, also that of another realm. What has a tag has it from code.
    const tag: unknown = (value as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]
    const isBranded = typeof tag !== "string" && Object.prototype.toString.call(value) === "[object Error]"
    if (!isBranded && !(value instanceof Error) && tag !== "DOMException") return false
    // All engines hide it. Assigning to what has none yet, copying members, or a field of a class makes one that is
    // seen.
    return Object.getOwnPropertyDescriptor(value, "stack")?.enumerable !== true
  } catch {
    return false
  }
}

/** Whether a value brings a stack of its own. */
export const hasStack = (value: unknown): boolean => isObject(value) && (readText(value, "stack") ?? "") !== ""

const builtIn = /^(?:Uncaught )?((?:Eval|Internal|Range|Reference|Syntax|Type|URI)?Error): (.*)$/s

const ofText = (text: string): Omit<Coerced, "stack" | "fields"> => {
  const match = builtIn.exec(text)
  return match === null
    ? { type: "Error", value: text.replace(/^Uncaught /, ""), isConverted: true }
    : { type: match[1]!, value: match[2]!, isConverted: true }
}

const constructorName = (value: object): string | undefined => {
  const constructor = read(value, "constructor")
  const name = typeof constructor === "function" ? readText(constructor, "name") : undefined
  return name === "" ? undefined : name
}

/** So many members of a value are looked at. */
const maxMembers = 1000

/**
 * How many elements a value has, if it is nothing but a long list of them: their names would take longer to make than
 * anything else.
 */
const lengthOf = (value: object): number | undefined => {
  try {
    const length = Array.isArray(value) || ArrayBuffer.isView(value) ? read(value, "length") : undefined
    return typeof length === "number" && length > maxMembers ? length : undefined
  } catch {
    // A Proxy that was revoked.
    return undefined
  }
}

/** Names of members, not more than are looked at. */
const namesOf = (value: object): Array<string> => {
  if (lengthOf(value) !== undefined) return []
  try {
    return Object.keys(value).slice(0, maxMembers)
  } catch {
    return []
  }
}

/** Names of the members, sorted, as many as fit. */
const keysOf = (value: object): string => {
  const length = lengthOf(value)
  if (length !== undefined) return `[${length} elements]`
  const keys = namesOf(value).filter((name) => !isId(name)).sort()
  if (keys.length === 0) return "[object has no keys]"
  if (keys[0]!.length >= 40) return `${keys[0]!.slice(0, 39)}…`
  let text = keys[0]!
  for (const key of keys.slice(1)) {
    if (text.length + 2 + key.length > 40) break
    text += `, ${key}`
  }
  return text
}

/** Type and message of an object that is no error. */
const ofObject = (value: object): Omit<Coerced, "stack" | "fields"> => {
  const name = readText(value, "name")
  const message = readText(value, "message")
  const tag = readText(value, "_tag")
  if (tag !== undefined && tag !== "") {
    return {
      type: tag,
      value: message ?? `${tag} captured as exception with keys: ${keysOf(value)}`,
      isConverted: true
    }
  }
  if (name !== undefined && name !== "") {
    const value = message === undefined ? "" : ` with message: '${message}'`
    return { type: name, value: `'${name}' captured as exception${value}`, isConverted: true }
  }
  if (message !== undefined) return { type: "Error", value: message, isConverted: true }
  const kind = constructorName(value)
  const what = kind === undefined || kind === "Object" ? "Object" : `'${kind}'`
  return { type: "Error", value: `${what} captured as exception with keys: ${keysOf(value)}`, isConverted: true }
}

const ofError = (error: object): Omit<Coerced, "stack" | "fields"> => {
  const message = read(error, "message")
  // Some libraries wrap what they caught in the place of the message.
  const wrapped = isObject(message) && isObject(read(message, "error"))
    ? readText(read(message, "error") as object, "message")
    : undefined
  const tag = readText(error, "_tag")
  const name = readText(error, "name")
  return {
    type: (tag || name) ?? constructorName(error) ?? "Error",
    value: wrapped ?? (typeof message === "string" ? message.slice(0, maxText) : ""),
    isConverted: false
  }
}

/** Most characters of what a provider says to a request that it refuses. */
const maxBody = 1_000

/** The message of an error of `@effect/ai`, of parts that say nothing of the request. */
const ofAiError = (error: object): Omit<Coerced, "stack" | "fields"> => {
  const reason = reasonOf(error)
  const { body, status } = answerOf(reason)
  const said = [kindOf(reason), descriptionOf(reason), body?.slice(0, maxBody)]
    .filter((part) => part !== undefined && part !== "")
  const text = said.join(": ").slice(0, maxText)
  const tag = read(reason as object, "_tag")
  return {
    type: typeof tag === "string" ? tag : "AiError",
    value: typeof status === "number" ? `${text}${text === "" ? "" : " "}(${status})` : text,
    isConverted: false
  }
}

/** What else such an error may say. */
const fieldsOfAiError = (error: object): Readonly<Record<string, unknown>> => ({
  module: readText(error, "module"),
  method: readText(error, "method"),
  reason: kindOf(reasonOf(error))
})

/** Members that are said elsewhere, or that Effect adds. */
const notFields = new Set(["_tag", "name", "message", "stack", "cause", "errors", "span"])

/** The members of a tagged error. */
const fieldsOf = (value: object): Readonly<Record<string, unknown>> | undefined => {
  if (readText(value, "_tag") === undefined) return undefined
  try {
    const entries = namesOf(value).filter((name) => !notFields.has(name)).map((name) => [name, read(value, name)])
    return entries.length === 0 ? undefined : Object.fromEntries(entries) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Characters of what is made up from fields. */
const maxSummary = 1_000

/** A tagged error without a message says what it has: its tag and its fields. */
const summaryOf = (tag: string, fields: Coerced["fields"]): string => {
  if (fields === undefined) return tag
  const written = freeze("", fields, maxText)
  if (!(written instanceof Written)) return tag
  const text = JSON.stringify(redactJson(thaw(written)))
  return text === "{}" ? tag : `${tag} ${text.slice(0, maxSummary)}`
}

/**
 * What a primitive value says. Never what is in a function, which is source code; and large numbers take long to write.
 */
const textOf = (value: unknown): string => {
  if (typeof value === "function") {
    const name = readText(value, "name")
    return name === undefined || name === "" ? "[Function (anonymous)]" : `[Function: ${name}]`
  }
  return typeof value === "bigint" && BigInt.asIntN(1024, value) !== value
    ? "[BigInt of more than 1024 bits]"
    : String(value).slice(0, maxText)
}

/** All of an error's message. */
export const messageOf = (thrown: unknown): string | undefined => {
  const message = isObject(thrown) ? read(thrown, "message") : undefined
  return typeof message === "string" ? message : undefined
}

/** Looks at a thrown value. */
export const coerce = (thrown: unknown): Coerced => {
  try {
    if (typeof thrown === "string") return { ...ofText(thrown.slice(0, maxText)), stack: undefined, fields: undefined }
    if (!isObject(thrown)) {
      const value = `Primitive value captured as exception: ${textOf(thrown)}`
      return { type: "Error", value, stack: undefined, isConverted: true, fields: undefined }
    }
    const isOfAi = isAiError(thrown)
    const said = isOfAi ? ofAiError(thrown) : isError(thrown) ? ofError(thrown) : ofObject(thrown)
    const stack = read(thrown, "stack")
    const fields = isOfAi ? fieldsOfAiError(thrown) : fieldsOf(thrown)
    return {
      ...said,
      type: said.type === "" ? "Error" : said.type,
      value: said.value === "" && readText(thrown, "_tag") !== undefined ? summaryOf(said.type, fields) : said.value,
      stack: typeof stack === "string" ? stack : undefined,
      fields
    }
  } catch {
    return { type: "Error", value: "Unknown error", stack: undefined, isConverted: true, fields: undefined }
  }
}

/** What stands behind a thrown value, in order: its cause, then its members. */
export const behind = (
  thrown: unknown
): ReadonlyArray<{ readonly source: "cause" | "member"; readonly thrown: unknown }> => {
  if (!isObject(thrown)) return []
  const parts: Array<{ readonly source: "cause" | "member"; readonly thrown: unknown }> = []
  const isOne = isError(thrown)
  // The reason of an error of `@effect/ai` is its cause as well, and was told with it.
  const reason = isAiError(thrown) ? reasonOf(thrown) : thrown
  const cause = given(reason as object, "cause") ?? (isOne ? undefined : memberError(thrown))
  if (cause !== undefined && cause !== null) parts.push({ source: "cause", thrown: cause })
  for (const member of membersOf(thrown, isOne)) parts.push({ source: "member", thrown: member })
  return parts
}

/**
 * A member, or what it gives when it is a function: VError has `cause()` and `errors()`. A function itself is no
 * failure.
 */
const given = (value: object, name: string): unknown => {
  const member = read(value, name)
  if (typeof member !== "function") return member
  try {
    return isError(value) && member.length === 0 ? (member as (this: object) => unknown).call(value) : undefined
  } catch {
    return undefined
  }
}

/**
 * The errors of which an error consists. What TypeScript makes for engines without SuppressedError is one only by its
 * name.
 */
const membersOf = (value: object, isOne: boolean): ReadonlyArray<unknown> => {
  try {
    const name = readText(value, "name")
    if (!isOne && name !== "AggregateError" && name !== "SuppressedError") return []
    if ((name === "SuppressedError" || constructorName(value) === "SuppressedError") && "suppressed" in value) {
      return [read(value, "error"), read(value, "suppressed")].filter((member) => member !== undefined)
    }
    const errors = given(value, "errors")
    return Array.isArray(errors) ? errors.slice(0, maxMembers) as ReadonlyArray<unknown> : []
  } catch {
    // A list that throws as it is read has no members.
    return []
  }
}

const memberError = (value: object): Error | undefined => {
  for (const name of namesOf(value)) {
    const member = read(value, name)
    if (isError(member)) return member
  }
  return undefined
}

/** An error that a plain object has as a member, which is what was meant. */
export const errorWithin = (thrown: unknown): unknown => {
  // What has a tag is a failure of its own; the error in it stands behind it.
  return !isObject(thrown) || isError(thrown) || readText(thrown, "_tag") !== undefined
    ? thrown
    : memberError(thrown) ?? thrown
}

const variable =
  /"[^"]*"|'[^']*'|\b[0-9a-f]{8}-[0-9a-f-]{27,}\b|\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b|\b\w*\d[\w-]*(?:[.,:]\d+)*/gi

/** A message without its variable parts: what is left says where it was written. */
export const template = (message: string): string =>
  message.slice(0, 1_000).replace(variable, "…").replace(/\s+/g, " ").trim().slice(0, 100)

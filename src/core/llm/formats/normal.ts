/**
 * What the formats of all providers have in common: bounds, failures, parts of messages, usage that comes in pieces.
 *
 * @since 0.1.0
 */
import { setMember } from "../../guard.js"
import { redactText } from "../../secrets.js"
import type { Room } from "../boundedText.js"
import type { AnswerFacts, Failure, Part } from "../model.js"
import { kept } from "./kept.js"
import { code, count, type JsonObject, known, list, member, record, text, word } from "./read.js"

/** How many choices, tool calls and items of one answer are shown. */
export const most = { choices: 128, toolCalls: 256, items: 256 } as const

/** Most characters of a provider's message about a failure. */
const maxMessage = 10_000

/** A provider's message about a failure. It may quote a key. */
export const said = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? redactText(value, maxMessage) : undefined

/** `com.amazon.coral.service#ThrottlingException:http://…`: the name within. */
const shortName = (value: unknown): string | undefined => word(value)?.split(":", 1)[0]!.split("#").at(-1)

/**
 * The failure in the body of an answer, as Anthropic, Google, Amazon, Ollama and Cohere put it: an object `error`, a
 * text `error`, or a bare `message`, for Google also the first of a list. `isAnswer`: what a body has that is no
 * failure.
 */
export const failureIn = (body: unknown, isAnswer = (_body: JsonObject): boolean => false): Failure | undefined => {
  const whole = record(Array.isArray(body) ? body[0] : body)
  if (whole === undefined) return undefined
  const error = record(whole.error)
  if (error !== undefined) {
    // Google's word is the status, its code a number; Anthropic has a type.
    const found = known({
      type: word(error.type) ?? word(error.status),
      code: code(error.code),
      message: said(error.message)
    })
    return Object.keys(found).length === 0 ? { type: "error" } : found
  }
  if (typeof whole.error === "string" && whole.error !== "") return { message: said(whole.error)! }
  if (isAnswer(whole)) return undefined
  const type = shortName(whole.__type) ?? (whole.type === "error" ? "error" : undefined)
  // Services of Amazon differ in the case of this word.
  const message = said(whole.message) ?? said(whole.Message)
  return type === undefined && message === undefined ? undefined : known({ type, message })
}

/** A text of an answer or a thought; none where it is empty. */
export const textPart = (value: unknown): ReadonlyArray<Part> => {
  const found = text(value)
  return found === undefined || found === "" ? [] : [{ type: "text", text: found }]
}

export const reasoningPart = (value: unknown): ReadonlyArray<Part> => {
  const found = text(value)
  return found === undefined || found === "" ? [] : [{ type: "reasoning", text: found }]
}

/** A call of a tool in the form that PostHog finds tools by. */
export const functionPart = (id: unknown, name: unknown, toolArguments: unknown, more: JsonObject = {}): Part =>
  known({
    type: "function",
    id: word(id),
    function: { name: word(name) ?? "", arguments: toolArguments ?? "" },
    ...more
  })

/** A picture, a recording or a document that lies in the message as base64. */
export const mediaPart = (mediaType: unknown, data: unknown): Part => {
  const type = word(mediaType) ?? "application/octet-stream"
  if (type.startsWith("image/")) return { type: "image", inline_data: { mime_type: type, data } }
  if (type.startsWith("audio/")) return { type: "audio", mime_type: type, data }
  return { type: "document", inline_data: { mime_type: type, data } }
}

/** The same where it lies elsewhere. */
export const linkPart = (mediaType: unknown, url: unknown): Part => {
  const type = word(mediaType)
  return type?.startsWith("image/") === true
    ? { type: "image", image: url }
    : known({ type: "file", mediaType: type, data: url })
}

/** A part whose kind is the name of its only member, as Google and Amazon write it, and that has no common form. */
export const unknownPart = (value: unknown): ReadonlyArray<Part> => {
  const object = record(value)
  const name = object === undefined ? undefined : Object.keys(object).find((name) => record(object[name]) !== undefined)
  return object === undefined || name === undefined ? [] : [{ ...object, type: name.slice(0, 100) }]
}

/** The parts of one message; no message where there are none. */
export const assistant = (content: ReadonlyArray<Part>): ReturnType<AnswerFacts["output"]> =>
  content.length === 0 ? [] : [{ role: "assistant", content }]

/** The definitions of tools, as facts of a request have them. */
export const toolsOf = (tools: unknown): (() => unknown) | undefined =>
  list(tools).length === 0 && record(tools) === undefined ? undefined : () => tools

/** Members of a usage object that are kept, and characters of those that are objects. */
const maxMembers = 64
const maxUsage = 8_192

/** A usage object that comes bit by bit: what comes later holds, what comes no more stays. */
export class MergedUsage {
  private readonly members: Record<string, unknown> = {}
  private size = 0

  add(value: unknown): void {
    const object = record(value)
    if (object === undefined) return
    for (const name in object) {
      const member = object[name]
      if (member === null || member === undefined) continue
      const isNew = !Object.hasOwn(this.members, name)
      if (isNew && (this.size >= maxMembers || name.length > 100)) continue
      if (isNew) this.size += 1
      const room: Room = { left: maxUsage }
      setMember(this.members, name, typeof member === "number" ? member : kept(member, room))
    }
  }

  /** `undefined`: none came. */
  get value(): JsonObject | undefined {
    return this.size === 0 ? undefined : this.members
  }
}

/** The sum of the counts that are there; `undefined`: none is. */
export const sum = (counts: ReadonlyArray<number | undefined>): number | undefined =>
  counts.reduce((total, each) => each === undefined ? total : (total ?? 0) + each, undefined)

/** How many; absent where there are none. */
export const some = (value: unknown): number | undefined => {
  const found = count(value)
  return found === 0 ? undefined : found
}

/** The first of several names that a member goes by. */
export const either = (value: unknown, ...names: ReadonlyArray<string>): unknown => {
  for (const name of names) {
    const found = member(value, name)
    if (found !== undefined && found !== null) return found
  }
  return undefined
}

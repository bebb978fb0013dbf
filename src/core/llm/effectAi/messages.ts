/**
 * The prompts and answers of `@effect/ai`, in the terms of `core/llm/model.ts`. Nothing of `@effect/ai` is
 * imported here: its values are looked at by their members, so that one code reads every version of it.
 *
 * @since 0.1.0
 */
import { isList, isObject, read } from "../../guard.js"
import { text } from "../formats/read.js"
import type { Message, Part } from "../model.js"
import { mediaPart } from "./media.js"

/** A message of what a prompt says: a list of parts, or a text where that is all there is. */
const withContent = (role: string, parts: ReadonlyArray<Part>): Message => ({
  role,
  content: parts.length === 1 && parts[0]!.type === "text" ? String(parts[0]!.text) : parts
})

const isPart = (part: Part | undefined): part is Part => part !== undefined

/** A call of a tool. */
export const callPart = (part: unknown, params: unknown = read(part, "params")): Part => ({
  type: "function",
  id: read(part, "id"),
  function: { name: read(part, "name"), arguments: params }
})

/**
 * What a tool gave. In answers the value is decoded, and the text that goes to the model stands beside it. Since
 * version 4 a tool may say by itself what goes to the model.
 */
const resultOf = (part: unknown, whole: boolean): unknown => {
  const told = read(part, "modelOutput")
  return isList(told)
    ? told.map((inner) => contentPart(inner, whole)).filter(isPart)
    : read(part, "encodedResult") ?? read(part, "result")
}

const failed = (part: unknown) => read(part, "isFailure") === true ? { is_error: true } : {}

const sourcePart = (part: unknown): Part => ({
  type: "source",
  sourceType: read(part, "sourceType"),
  id: read(part, "id"),
  title: read(part, "title"),
  ...read(part, "url") === undefined ? {} : { url: String(read(part, "url")) },
  ...read(part, "fileName") === undefined ? {} : { filename: read(part, "fileName") }
})

/** A part of a message or of an answer; `undefined`: it is no content. */
export const contentPart = (part: unknown, whole: boolean): Part | undefined => {
  switch (read(part, "type")) {
    case "text":
      return { type: "text", text: text(read(part, "text")) ?? "" }
    case "reasoning":
      return { type: "reasoning", text: text(read(part, "text")) ?? "" }
    case "file":
      return mediaPart(read(part, "mediaType"), read(part, "data"), read(part, "fileName"), whole)
    case "tool-call":
      return callPart(part)
    case "tool-result":
      // What the provider's own tools gave is a part of the answer; what ours gave is a message of its own.
      return read(part, "providerExecuted") === true
        ? { type: "tool_result", tool_use_id: read(part, "id"), content: resultOf(part, whole), ...failed(part) }
        : undefined
    case "source":
      return sourcePart(part)
    default:
      return undefined
  }
}

const resultMessage = (part: unknown, whole: boolean): Message => ({
  role: "tool",
  tool_call_id: read(part, "id"),
  name: read(part, "name"),
  // PostHog shows any value; the type knows what models say.
  content: resultOf(part, whole) as string,
  ...failed(part)
})

const isOurResult = (part: unknown): boolean =>
  read(part, "type") === "tool-result" && read(part, "providerExecuted") !== true

/** One message of `@effect/ai` as those that PostHog shows: each result of a tool is one of its own. */
const messagesOfOne = (message: unknown, whole: boolean): ReadonlyArray<Message> => {
  const role = text(read(message, "role")) ?? "user"
  const content = read(message, "content")
  if (!isList(content)) return [{ role, content: text(content) ?? "" }]
  const parts = content.map((part) =>
    typeof part === "string" ? { type: "text", text: part } : contentPart(part, whole)
  )
    .filter(isPart)
  const results = content.filter(isOurResult).map((part) => resultMessage(part, whole))
  return parts.length === 0 && results.length > 0 ? results : [withContent(role, parts), ...results]
}

/**
 * What a prompt says: a text, messages, or a `Prompt`. Linear in the number of parts; texts are not copied. `whole`:
 * whether media are sent.
 */
export const promptMessages = (prompt: unknown, whole = false): ReadonlyArray<Message> => {
  if (typeof prompt === "string") return [{ role: "user", content: prompt }]
  const messages = isList(prompt) ? prompt : read(prompt, "content")
  return isList(messages) ? messages.flatMap((message) => messagesOfOne(message, whole)) : []
}

/** What a model answered at once. */
export const answerMessages = (parts: ReadonlyArray<unknown>, whole: boolean): ReadonlyArray<Message> => {
  const content = parts.map((part) => contentPart(part, whole)).filter(isPart)
  return content.length === 0 ? [] : [{ role: "assistant", content }]
}

/** Which of the tools a call offers, by its `toolChoice`. */
export const offered = (tools: unknown, choice: unknown): ReadonlyArray<unknown> => {
  if (!isObject(tools)) return []
  const all = Object.values(tools)
  const among = read(choice, "oneOf")
  if (!isList(among)) return all
  const names = new Set(among)
  return all.filter((tool) => names.has(read(tool, "name")))
}

/** The definitions of tools as an event shows them. `schema` and `description` ask `@effect/ai`. */
export const toolDefinitions = (
  tools: ReadonlyArray<unknown>,
  ask: { readonly schema: (tool: object) => unknown; readonly description: (tool: object) => unknown }
): ReadonlyArray<unknown> => tools.filter(isObject).map((tool) => toolDefinition(tool, ask))

const toolDefinition = (tool: object, ask: Parameters<typeof toolDefinitions>[1]): unknown => {
  const provided = text(read(tool, "providerName"))
  if (provided !== undefined) return { type: provided, name: read(tool, "name"), args: read(tool, "args") }
  return {
    type: "function",
    function: { name: read(tool, "name"), description: ask.description(tool), parameters: ask.schema(tool) }
  }
}

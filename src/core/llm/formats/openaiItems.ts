/**
 * The items of OpenAI's Responses, which stand in requests and in answers.
 *
 * @since 0.1.0
 */
import type { Message, Part } from "../model.js"
import { functionPart, most, reasoningPart, textPart } from "./normal.js"
import { hasUrlCitation, roleOf, searchesShown } from "./openai.js"
import { given, type JsonObject, known, list, member, record, text, toolArguments, word } from "./read.js"

/** A part of a message. What PostHog knows by OpenAI's own name, and what is not known here, stays as it is. */
const contentPart = (part: unknown): ReadonlyArray<Part> => {
  if (typeof part === "string") return textPart(part)
  const object = record(part)
  const type = word(object?.type)
  if (object === undefined || type === undefined) return []
  if (type === "input_text" || type === "output_text" || type === "text") return textPart(object.text)
  if (type === "refusal") return textPart(object.refusal)
  if (type === "reasoning_text" || type === "summary_text") return reasoningPart(text(object.text) ?? "")
  const url = type === "input_image" ? text(object.image_url) : undefined
  return [url === undefined ? { ...object, type } : { type: "image", image: url }]
}

const content = (value: unknown): ReadonlyArray<Part> =>
  typeof value === "string" ? textPart(value) : list(value).flatMap(contentPart)

const joined = (pieces: unknown): string =>
  list(pieces).map((piece) => text(member(piece, "text")) ?? "").filter((piece) => piece !== "").join("\n\n")

/** The thoughts themselves where a host shows them (open models), else their summary. */
const thoughts = (item: JsonObject): string => joined(item.content) || joined(item.summary)

const imagePart = (item: JsonObject): ReadonlyArray<Part> => {
  const data = text(item.result)
  if (data === undefined || data === "") return []
  return [{ type: "image", inline_data: { mime_type: `image/${word(item.output_format) ?? "png"}`, data } }]
}

/** What a part of an answer, or an item that the model made in an earlier one, shows. */
export const itemParts = (item: unknown): ReadonlyArray<Part> => {
  const object = record(item)
  if (object === undefined) return []
  const type = word(object.type) ?? (object.content === undefined ? undefined : "message")
  switch (type) {
    case undefined:
      return []
    case "message":
      return content(object.content)
    case "reasoning":
      return reasoningPart(thoughts(object))
    case "function_call":
      return [functionPart(object.call_id ?? object.id, object.name, toolArguments(object.arguments))]
    case "custom_tool_call":
      return [functionPart(object.call_id ?? object.id, object.name, text(object.input))]
    case "mcp_call":
      // The provider ran the tool itself: what came of it stands beside the call.
      return [functionPart(
        object.id,
        object.name,
        toolArguments(object.arguments),
        given(object, ["server_label", "output", "error"])
      )]
    case "image_generation_call":
      return imagePart(object)
    default:
      return [{ ...object, type }]
  }
}

/** One message: a model answers with items, and all of them together are its answer. */
export const outputMessages = (output: unknown): ReadonlyArray<Message> => {
  const parts = list(output).slice(0, most.items).flatMap(itemParts)
  return parts.length === 0 ? [] : [{ role: "assistant", content: parts }]
}

/** What a tool gave: a text, parts, or for some of OpenAI's own tools an object. */
const outputOf = (value: unknown): Message["content"] => {
  if (typeof value === "string") return value
  const object = record(value)
  return object === undefined ? content(value) : [{ ...object, type: word(object.type) ?? "output" }]
}

/** An item of a request. */
const inputMessage = (item: unknown): ReadonlyArray<Message> => {
  if (typeof item === "string") return [{ role: "user", content: item }]
  const object = record(item)
  if (object === undefined) return []
  const role = roleOf(object.role)
  const type = word(object.type)
  if (role !== undefined || type === "message") {
    const said = object.content
    return [{ role: role ?? "user", content: typeof said === "string" ? said : content(said) }]
  }
  if (type?.endsWith("_output") === true) {
    return [known({ role: "tool", tool_call_id: word(object.call_id), content: outputOf(object.output) })]
  }
  const parts = itemParts(object)
  return parts.length === 0 ? [] : [{ role: "assistant", content: parts }]
}

/** What a request says: the instructions in front, once. */
export const inputMessages = (input: unknown, instructions: unknown): ReadonlyArray<Message> => {
  const said = typeof input === "string"
    ? inputMessage(input)
    : record(input) === undefined
    ? list(input).flatMap(inputMessage)
    : inputMessage(input)
  const system = typeof instructions === "string" ? instructions : undefined
  if (system === undefined || system === "") return [...list(instructions).flatMap(inputMessage), ...said]
  return said.some((message) => message.role === "system" && message.content === system)
    ? said
    : [{ role: "system", content: system }, ...said]
}

/** How many searches of the web an answer shows. */
export const itemSearches = (response: unknown): number => {
  const items = list(member(response, "output"))
  const calls = items.filter((item) => member(item, "type") === "web_search_call").length
  return calls || searchesShown(response) || Number(
    items.some((item) => list(member(item, "content")).some((part) => hasUrlCitation(member(part, "annotations"))))
  )
}

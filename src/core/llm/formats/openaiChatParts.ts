/**
 * The parts of a message of Chat Completions, whole or in the pieces of a stream, and what stands beside the choices.
 *
 * @since 0.1.0
 */
import type { Failure, Part } from "../model.js"
import { functionPart, most, reasoningPart, textPart } from "./normal.js"
import { failureOf, hasUrlCitation, searchesShown } from "./openai.js"
import { type JsonObject, known, list, member, record, text, toolArguments, word } from "./read.js"

/** What the model thought, in the members that hosts have for it; some fill two of them with the same. */
export const reasoningOf = (message: unknown): string => {
  const found = text(member(message, "reasoning")) || text(member(message, "reasoning_content"))
  if (found !== undefined && found !== "") return found
  // OpenRouter's.
  const details = list(member(message, "reasoning_details"))
  return details.length === 0 ? "" : details
    .map((detail) => text(member(detail, "text")) ?? text(member(detail, "summary")) ?? "")
    .join("")
}

/** Mistral's thinking models answer with a list of parts. */
export const contentPart = (part: unknown): ReadonlyArray<Part> => {
  if (typeof part === "string") return textPart(part)
  const object = record(part)
  const type = word(object?.type)
  if (object === undefined || type === undefined) return []
  if (type === "text") return textPart(object.text)
  if (type === "thinking") return reasoningPart(thoughtOf(object))
  return [{ ...object, type }]
}

export const thoughtOf = (part: unknown): string => {
  const thought = member(part, "thinking")
  return text(thought) ?? list(thought).map((piece) => text(member(piece, "text")) ?? "").join("")
}

export const imageParts = (images: unknown): ReadonlyArray<Part> =>
  list(images).slice(0, most.items).flatMap((image) => {
    const url = text(member(image, "image_url", "url")) ?? text(member(image, "image_url"))
    return url === undefined ? [] : [{ type: "image", image: url }]
  })

export const toolPart = (call: unknown): ReadonlyArray<Part> => {
  const object = record(call)
  if (object === undefined) return []
  return record(object.custom) !== undefined
    ? [functionPart(object.id, member(object.custom, "name"), member(object.custom, "input"))]
    : [functionPart(
      object.id,
      member(object.function, "name"),
      toolArguments(member(object.function, "arguments"))
    )]
}

export const legacyToolPart = (call: unknown): ReadonlyArray<Part> =>
  record(call) === undefined
    ? []
    : [functionPart(undefined, member(call, "name"), toolArguments(member(call, "arguments")))]

/** OpenRouter puts the failure of a host into the choice. */
export const choiceFailure = (choices: ReadonlyArray<unknown>): Failure | undefined => {
  for (const choice of choices) {
    const failure = record(member(choice, "error")) === undefined ? undefined : failureOf(choice)
    if (failure !== undefined) return failure
  }
  return undefined
}

/** How many searches of the web an answer, or a piece of a streamed one, shows. */
export const searches = (body: unknown): number =>
  searchesShown(body) || Number(
    list(member(body, "choices")).slice(0, most.choices).some((choice) =>
      hasUrlCitation(member(choice, "message", "annotations")) ||
      hasUrlCitation(member(choice, "delta", "annotations"))
    )
  )

/** Groq puts the usage of a stream into a member of its own. */
export const usageMember = (body: unknown): unknown =>
  record(member(body, "usage")) ?? record(member(body, "x_groq", "usage"))

/** The second is OpenRouter's: the host that served the call. */
export const metadata = (body: unknown): JsonObject | undefined => {
  const found = known({
    system_fingerprint: word(member(body, "system_fingerprint")),
    provider: word(member(body, "provider"))
  })
  return Object.keys(found).length === 0 ? undefined : found
}

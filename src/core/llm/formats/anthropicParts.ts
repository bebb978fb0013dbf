/**
 * The parts of which Anthropic's answers are made.
 *
 * @since 0.1.0
 */
import { setMember } from "../../guard.js"
import type { Failure, Part, Usage } from "../model.js"
import { failureIn, functionPart, reasoningPart, some, sum, textPart } from "./normal.js"
import { count, type JsonObject, known, list, member, record, text, word } from "./read.js"

/** How many blocks of an answer are shown, and citations of a text. */
export const most = { blocks: 256, citations: 64 } as const

export const failureOf = (body: unknown): Failure | undefined =>
  failureIn(body, ({ content, type }) => type === "message" || content !== undefined)

/** What is encrypted says nothing to anybody but the provider, and is long. */
const encrypted = ["encrypted_content", "encrypted_index", "signature"]

export const withoutEncrypted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutEncryptedMembers)
  return withoutEncryptedMembers(value)
}

const withoutEncryptedMembers = (value: unknown): unknown => {
  const object = record(value)
  if (object === undefined) return value
  const shown: Record<string, unknown> = {}
  for (const name in object) if (!encrypted.includes(name)) setMember(shown, name, object[name])
  return shown
}

/** A text, with what it quotes. */
export const citedText = (value: unknown, citations: ReadonlyArray<unknown>): ReadonlyArray<Part> =>
  textPart(value).map((part) =>
    citations.length === 0 ? part : { ...part, citations: withoutEncrypted(citations.slice(0, most.citations)) }
  )

/** A block that has no common form, such as the results of a search: as it is, without what is encrypted. */
export const nativePart = (block: JsonObject): Part => {
  const shown: Record<string, unknown> = { ...record(withoutEncrypted(block)) }
  if (shown.content !== undefined) shown.content = withoutEncrypted(shown.content)
  return { ...shown, type: word(block.type) ?? "unknown" }
}

export const blockParts = (block: unknown): ReadonlyArray<Part> => {
  const object = record(block)
  if (object === undefined) return []
  switch (object.type) {
    case "text":
      return citedText(object.text, list(object.citations))
    case "thinking":
      return reasoningPart(object.thinking)
    // Only the provider can read it: that something was thought is all there is to show.
    case "redacted_thinking":
      return [{ type: "redacted_thinking" }]
    case "tool_use":
      return [functionPart(object.id, object.name, object.input ?? {})]
    default:
      return text(object.type) === undefined ? [] : [nativePart(object)]
  }
}

/** The counts of the cache are not in `input_tokens`; what was thought is in `output_tokens`. */
export const usageOf = (value: unknown): Usage | undefined => {
  const usage = record(value)
  if (usage === undefined) return undefined
  const kept5m = count(member(usage, "cache_creation", "ephemeral_5m_input_tokens"))
  const kept1h = count(member(usage, "cache_creation", "ephemeral_1h_input_tokens"))
  const split = kept5m === undefined || kept1h === undefined ? undefined : kept5m + kept1h
  const written = count(usage.cache_creation_input_tokens) ?? sum([kept5m, kept1h])
  const isSplit = split !== undefined && split > 0 && split === written
  return known({
    inputTokens: count(usage.input_tokens),
    outputTokens: count(usage.output_tokens),
    cacheReadInputTokens: count(usage.cache_read_input_tokens),
    cacheCreationInputTokens: written,
    cacheCreation5mInputTokens: isSplit ? kept5m : undefined,
    cacheCreation1hInputTokens: isSplit ? kept1h : undefined,
    cacheReportingExclusive: true,
    webSearchCount: some(member(usage, "server_tool_use", "web_search_requests")),
    raw: usage
  })
}

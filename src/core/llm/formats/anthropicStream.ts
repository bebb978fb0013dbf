/**
 * Anthropic's Messages that arrive in pieces.
 *
 * @since 0.1.0
 */
import { BoundedText, type Room } from "../boundedText.js"
import type { AnswerFacts, Failure, Part, StreamReader } from "../model.js"
import { blockParts, citedText, failureOf, most, nativePart, usageOf, withoutEncrypted } from "./anthropicParts.js"
import { kept } from "./kept.js"
import { assistant, functionPart, MergedUsage, reasoningPart } from "./normal.js"
import { count, type JsonObject, known, list, member, record, text, toolArguments, word } from "./read.js"

/** Members in which the pieces of a block come, and so are not kept beside them. */
const growing = ["text", "thinking", "input", "citations", "data", "signature"]

/** One block of the answer. */
class Block {
  /** The text, the thought, or the JSON of the input. */
  private readonly text: BoundedText
  private readonly start: JsonObject
  private readonly citations: Array<unknown> = []

  constructor(private readonly room: Room, private readonly type: string, start: unknown) {
    this.text = new BoundedText(room)
    const rest: Record<string, unknown> = { ...record(withoutEncrypted(start)) }
    // A tool may be given its input at once.
    if (Object.keys(record(rest.input) ?? {}).length > 0) rest.whole = rest.input
    for (const name of growing) delete rest[name]
    if (rest.content !== undefined) rest.content = withoutEncrypted(rest.content)
    this.start = record(kept(rest, room)) ?? {}
    this.text.add(text(member(start, "text")) ?? text(member(start, "thinking")) ?? "")
    this.cite(list(member(start, "citations")))
  }

  add(piece: string): void {
    this.text.add(piece)
  }

  cite(citations: ReadonlyArray<unknown>): void {
    for (const citation of citations.slice(0, most.citations - this.citations.length)) {
      this.citations.push(kept(record(withoutEncrypted(citation)) ?? {}, this.room))
    }
  }

  private get input(): unknown {
    return this.text.isEmpty ? this.start.whole ?? {} : toolArguments(String(this.text))
  }

  parts(): ReadonlyArray<Part> {
    switch (this.type) {
      case "text":
        return citedText(String(this.text), this.citations)
      case "thinking":
        return reasoningPart(String(this.text))
      case "tool_use":
        return [functionPart(this.start.id, this.start.name, this.input)]
      case "redacted_thinking":
        return blockParts({ type: this.type })
      default: {
        const { whole, ...start } = this.start
        const isCall = whole !== undefined || !this.text.isEmpty || this.type.endsWith("_use")
        return [nativePart({ ...start, type: this.type, ...(isCall ? { input: this.input } : {}) })]
      }
    }
  }
}

/** The type of a block whose beginning was not seen. */
const typeOfDelta = (delta: unknown): string | undefined => {
  switch (member(delta, "type")) {
    case "text_delta":
    case "citations_delta":
      return "text"
    case "thinking_delta":
      return "thinking"
    case "input_json_delta":
      return "tool_use"
    default:
      return undefined
  }
}

class AnthropicStream implements StreamReader {
  private readonly room: Room
  /** By their index, which counts all blocks, thoughts and results of searches too. */
  private readonly blocks = new Map<number, Block>()
  private readonly usage = new MergedUsage()
  private model: string | undefined
  private completionId: string | undefined
  private stopReason: string | undefined
  private failure: Failure | undefined

  constructor(limit: number) {
    this.room = { left: limit }
  }

  readonly read = (piece: unknown): boolean => {
    switch (member(piece, "type")) {
      case "message_start":
        return this.begin(member(piece, "message"))
      case "content_block_start":
        return this.start(count(member(piece, "index")), member(piece, "content_block"))
      case "content_block_delta":
        return this.grow(count(member(piece, "index")), member(piece, "delta"))
      case "message_delta":
        this.stopReason = word(member(piece, "delta", "stop_reason")) ?? this.stopReason
        this.usage.add(member(piece, "usage"))
        return false
      case "message":
        // Somebody on the way has put the answer together.
        this.begin(piece)
        for (const [index, block] of list(member(piece, "content")).slice(0, most.blocks).entries()) {
          this.start(index, block)
        }
        return true
      default:
        this.failure ??= failureOf(piece)
        return false
    }
  }

  private begin(message: unknown): boolean {
    this.model = word(member(message, "model")) ?? this.model
    this.completionId = word(member(message, "id")) ?? this.completionId
    this.stopReason = word(member(message, "stop_reason")) ?? this.stopReason
    this.usage.add(member(message, "usage"))
    return false
  }

  private start(index: number | undefined, block: unknown): boolean {
    const type = word(member(block, "type"))
    if (index === undefined || type === undefined || this.blocks.has(index)) return false
    if (this.blocks.size >= most.blocks) return false
    this.blocks.set(index, new Block(this.room, type, block))
    return type === "tool_use" || (type === "text" && (word(member(block, "text")) ?? "") !== "")
  }

  private grow(index: number | undefined, delta: unknown): boolean {
    const type = typeOfDelta(delta)
    if (index === undefined || type === undefined) return false
    if (!this.blocks.has(index)) this.start(index, { type })
    const block = this.blocks.get(index)
    if (member(delta, "type") === "citations_delta") block?.cite([member(delta, "citation")])
    const piece = text(member(delta, "text")) ?? text(member(delta, "thinking")) ??
      text(member(delta, "partial_json")) ?? ""
    block?.add(piece)
    return type === "text" && piece !== ""
  }

  readonly answer = (): AnswerFacts => {
    const usage = this.usage.value
    const blocks = Array.from(this.blocks).sort(([a], [b]) => a - b)
    return known({
      model: this.model,
      completionId: this.completionId,
      stopReason: this.stopReason,
      usage: usageOf(usage),
      serviceTier: word(member(usage, "service_tier")),
      failure: this.failure,
      output: () => assistant(blocks.flatMap(([, block]) => block.parts()))
    })
  }
}

export const anthropicStream = (limit: number): StreamReader => new AnthropicStream(limit)

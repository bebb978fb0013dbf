/**
 * Gemini's answers that arrive in pieces, each of which looks like an answer.
 *
 * @since 0.1.0
 */
import { BoundedText, type Room } from "../boundedText.js"
import type { AnswerFacts, Message, Part, StreamReader } from "../model.js"
import { partsOf, refusal, toldBy, usageIn, usageOf } from "./geminiParts.js"
import { kept } from "./kept.js"
import { assistant, either, MergedUsage, most } from "./normal.js"
import { count, known, list, member, record, text, word } from "./read.js"

/** Texts and thoughts grow, what else there is comes whole. */
type Piece = { readonly type: "text" | "reasoning"; readonly text: BoundedText } | { readonly part: Part }

const isText = (part: Part): part is Part & { readonly type: "text" | "reasoning" } =>
  part.type === "text" || part.type === "reasoning"

class Candidate {
  private readonly pieces: Array<Piece> = []

  constructor(private readonly room: Room) {}

  add(part: Part): void {
    const last = this.pieces.at(-1)
    if (isText(part) && last !== undefined && "text" in last && last.type === part.type) {
      last.text.add(text(part.text) ?? "")
      return
    }
    if (this.pieces.length >= most.items) return
    if (!isText(part)) {
      this.pieces.push({ part: { ...record(kept(part, this.room)), type: part.type } })
      return
    }
    const grown = new BoundedText(this.room)
    grown.add(text(part.text) ?? "")
    this.pieces.push({ type: part.type, text: grown })
  }

  message(): ReadonlyArray<Message> {
    return assistant(
      this.pieces.map((piece) => "part" in piece ? piece.part : { type: piece.type, text: String(piece.text) })
    )
  }
}

class GeminiStream implements StreamReader {
  private readonly room: Room
  private readonly candidates = new Map<number, Candidate>()
  private readonly usage = new MergedUsage()
  private facts: Omit<AnswerFacts, "output" | "usage"> = {}
  private stopReason: string | undefined
  private hasSearched = false
  private refusal: ReadonlyArray<Message> = []

  constructor(limit: number) {
    this.room = { left: limit }
  }

  readonly read = (piece: unknown): boolean => {
    // With a stream that is a list, a failure may be a list too.
    const body = Array.isArray(piece) ? piece[0] : piece
    if (record(body) === undefined) return false
    const { searched, stopReason, ...facts } = toldBy(body)
    this.facts = { ...this.facts, ...facts, ...known({ failure: this.facts.failure ?? facts.failure }) }
    this.hasSearched ||= searched
    this.usage.add(usageIn(body))
    if (this.refusal.length === 0) this.refusal = refusal(body).map((message) => kept(message, this.room) as Message)
    const candidates = list(member(body, "candidates")).slice(0, most.choices)
    let isAnswer = false
    for (const [position, candidate] of candidates.entries()) {
      const index = count(member(candidate, "index")) ?? position
      if (index === 0) this.stopReason = word(either(candidate, "finishReason", "finish_reason")) ?? this.stopReason
      isAnswer = this.grow(index, list(member(candidate, "content", "parts"))) || isAnswer
    }
    // Of a prompt that is refused.
    if (candidates.length === 0) this.stopReason ??= stopReason
    return isAnswer
  }

  private grow(index: number, parts: ReadonlyArray<unknown>): boolean {
    let candidate = this.candidates.get(index)
    if (candidate === undefined && parts.length > 0 && this.candidates.size < most.choices) {
      candidate = new Candidate(this.room)
      this.candidates.set(index, candidate)
    }
    const shown = parts.slice(0, most.items).flatMap(partsOf)
    for (const part of shown) candidate?.add(part)
    return shown.some((part) => part.type !== "reasoning")
  }

  readonly answer = (): AnswerFacts => {
    const candidates = Array.from(this.candidates).sort(([a], [b]) => a - b)
    return known({
      ...this.facts,
      stopReason: this.stopReason,
      usage: usageOf(this.usage.value, this.hasSearched ? 1 : undefined),
      output: () => [...candidates.flatMap(([, candidate]) => candidate.message()), ...this.refusal]
    })
  }
}

export const geminiStream = (limit: number): StreamReader => new GeminiStream(limit)

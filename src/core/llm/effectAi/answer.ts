/**
 * An answer of a model, put together from the parts that `@effect/ai` gives, at once or in a stream.
 *
 * @since 0.1.0
 */
import { isInstance, isObject } from "../../guard.js"
import { BoundedText, type Room, truncated } from "../boundedText.js"
import { member, text, word } from "../formats/read.js"
import type { AnswerFacts, Failure, Message, Part, StreamReader } from "../model.js"
import { failureOfPart } from "./failure.js"
import { answerMessages, callPart, contentPart } from "./messages.js"
import { usageOf } from "./usage.js"

/** An `Option` of the decoded parts, or the value itself. */
const optional = (value: unknown): unknown => isObject(value) ? member(value, "value") : value

/** Whether the provider itself searches the web. Since version 4 parts have only the name that the tool has here. */
const isSearch = (part: unknown): boolean =>
  member(part, "providerExecuted") === true &&
  /web_?search/i.test(text(member(part, "providerName")) ?? text(member(part, "name")) ?? "")

/** What the parts say besides their content. */
class Facts {
  private finish: unknown
  private model: string | undefined
  private id: string | undefined
  private searches = 0
  private failure: Failure | undefined

  constructor(private readonly provider: () => string | undefined, private readonly streamed: boolean) {}

  read(part: unknown): void {
    switch (member(part, "type")) {
      case "response-metadata":
        this.model = word(optional(member(part, "modelId"))) ?? this.model
        this.id = word(optional(member(part, "id"))) ?? this.id
        break
      case "tool-call":
        if (isSearch(part)) this.searches++
        break
      case "finish":
        this.finish = part
        break
      case "error":
        this.failure = failureOfPart(member(part, "error"))
        break
    }
  }

  answer(output: () => ReadonlyArray<Message>): AnswerFacts {
    const usage = this.finish === undefined
      ? undefined
      : usageOf(this.finish, this.provider(), this.streamed, this.searches)
    const anthropic = this.streamed ? undefined : member(this.finish, "metadata", "anthropic", "usage")
    return {
      model: this.model,
      completionId: this.id,
      stopReason: word(member(this.finish, "reason")),
      usage,
      serviceTier: word(member(this.finish, "metadata", "openai", "serviceTier")) ??
        word(member(anthropic, "service_tier")),
      failure: this.failure,
      output
    }
  }
}

/** What an answer says that came at once. */
export const answerOf = (
  parts: ReadonlyArray<unknown>,
  provider: string | undefined,
  whole = false
): AnswerFacts => {
  const facts = new Facts(() => provider, false)
  for (const part of parts) facts.read(part)
  return facts.answer(() => answerMessages(parts, whole))
}

/** Most parts of one answer that are kept. */
const maxParts = 10_000

/** Something of a streamed answer: a text that still grows, or a part that came whole. */
type Piece =
  | { readonly type: "text" | "reasoning"; readonly text: BoundedText }
  | { readonly type: "params"; readonly call: unknown; readonly text: BoundedText }
  | { readonly type: "whole"; readonly part: Part }

const finished = (piece: Piece): Part | undefined => {
  switch (piece.type) {
    case "whole":
      return piece.part
    case "params":
      return callPart(piece.call, piece.text.toString())
    default:
      return piece.text.isEmpty ? undefined : { type: piece.type, text: piece.text.toString() }
  }
}

/** How long a value is as text, about; more than `most` for all that are longer. */
const lengthOf = (value: unknown, most: number, depth = 0): number => {
  if (typeof value === "string") return value.length
  if (isInstance(value, Uint8Array)) return Math.ceil(value.length / 3) * 4
  if (!isObject(value) || depth > 64) return 8
  let length = 2
  for (const name of Object.keys(value)) {
    length += name.length + lengthOf(member(value, name), most - length, depth + 1)
    if (length > most) break
  }
  return length
}

const isFirstToken = /^(?:text-delta|reasoning-delta|tool-params-start|tool-call)$/

/**
 * Reads the parts of a stream. Keeps at most `limit` characters of what they say. `provider` is asked at the end: only
 * then does anybody know.
 */
export class PartsReader implements StreamReader {
  private readonly facts: Facts
  private readonly pieces: Array<Piece> = []
  /** Where the texts stand that still grow, by kind and id. */
  private readonly open = new Map<string, number>()
  private readonly room: Room

  constructor(provider: () => string | undefined, limit: number, private readonly whole = false) {
    this.facts = new Facts(provider, true)
    this.room = { left: limit }
  }

  readonly read = (part: unknown): boolean => {
    this.facts.read(part)
    const type = text(member(part, "type")) ?? ""
    switch (type) {
      case "text-start":
      case "reasoning-start":
      case "tool-params-start":
        this.begin(type, part)
        break
      case "text-delta":
      case "reasoning-delta":
      case "tool-params-delta":
        this.grow(type, part)
        break
      case "text-end":
      case "reasoning-end":
        this.open.delete(keyOf(type, part))
        break
      case "tool-call":
        this.call(part)
        break
      default:
        this.add(() => contentPart(part, this.whole), part)
    }
    return isFirstToken.test(type)
  }

  readonly answer = (): AnswerFacts =>
    this.facts.answer(() => {
      const content = this.pieces.map(finished).filter((part) => part !== undefined)
      return content.length === 0 ? [] : [{ role: "assistant", content }]
    })

  private begin(type: string, part: unknown): void {
    if (this.pieces.length >= maxParts) return
    const text = new BoundedText(this.room)
    this.open.set(keyOf(type, part), this.pieces.length)
    this.pieces.push(
      type === "tool-params-start"
        ? { type: "params", call: { id: word(member(part, "id")), name: word(member(part, "name")) }, text }
        : { type: type === "text-start" ? "text" : "reasoning", text }
    )
  }

  private grow(type: string, part: unknown): void {
    if (!this.open.has(keyOf(type, part))) this.begin(type.replace("delta", "start"), part)
    const piece = this.pieces[this.open.get(keyOf(type, part)) ?? -1]
    if (piece !== undefined && piece.type !== "whole") piece.text.add(text(member(part, "delta")) ?? "")
  }

  /** A call stands where its parameters began to come. */
  private call(part: unknown): void {
    const key = keyOf("tool-params", part)
    const at = this.open.get(key)
    this.open.delete(key)
    const piece = at === undefined ? undefined : this.pieces[at]
    if (at === undefined || piece?.type !== "params") return this.add(() => callPart(part), part)
    // The text was counted as it came; a text that was cut stays one.
    if (!piece.text.toString().endsWith(truncated)) this.pieces[at] = { type: "whole", part: callPart(part) }
  }

  private add(make: () => Part | undefined, part: unknown): void {
    if (this.pieces.length >= maxParts) return
    const made = make()
    if (made === undefined) return
    const length = lengthOf(part, this.room.left)
    if (length <= this.room.left) {
      this.room.left -= length
      this.pieces.push({ type: "whole", part: made })
    } else {
      const without = made.type === "function" ? callPart(part, truncated) : { type: made.type, text: truncated }
      this.pieces.push({ type: "whole", part: without })
    }
  }
}

/** By the kind of text and its id; `text-start`, `text-delta` and `text-end` are one kind. */
const keyOf = (type: string, part: unknown): string =>
  `${type.replace(/-(?:start|delta|end)$/, "")} ${word(member(part, "id")) ?? ""}`

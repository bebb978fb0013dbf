/**
 * Chat Completions that arrive in pieces.
 *
 * @since 0.1.0
 */
import { BoundedText, type Room } from "../boundedText.js"
import type { AnswerFacts, Failure, Message, Part, StreamReader } from "../model.js"
import { BoundedMedia, kept, keptPart } from "./kept.js"
import { functionPart, most, reasoningPart, textPart } from "./normal.js"
import { chatUsageNames, failureOf, roleOf, usageOf } from "./openai.js"
import {
  choiceFailure,
  contentPart,
  imageParts,
  metadata,
  reasoningOf,
  searches,
  usageMember
} from "./openaiChatParts.js"
import { count, type JsonObject, known, list, member, record, text, toolArguments, word } from "./read.js"

/** A call of a tool, whose arguments come in pieces. */
interface ToolCall {
  readonly index: number
  id: string | undefined
  name: string | undefined
  /** Custom tools take a text, which is not to be read as JSON. */
  readonly custom: boolean
  readonly arguments: BoundedText
}

const toolCallPart = (call: ToolCall): Part =>
  functionPart(call.id, call.name, call.custom ? String(call.arguments) : toolArguments(String(call.arguments)))

/** The room for texts and tool calls that the choices of an answer share. */
interface Shared {
  readonly room: Room
  toolCallsLeft: number
}

class ToolCalls {
  private readonly calls: Array<ToolCall> = []

  constructor(private readonly shared: Shared) {}

  read(piece: unknown): void {
    const custom = record(member(piece, "custom"))
    const called = custom ?? member(piece, "function")
    const call = this.find(count(member(piece, "index")), word(member(piece, "id")), called, custom !== undefined)
    if (call === undefined) return
    call.id ??= word(member(piece, "id"))
    call.name ??= word(member(called, "name"))
    call.arguments.add(text(member(called, custom === undefined ? "arguments" : "input")) ?? "")
  }

  /**
   * Some hosts leave the index out, or give each call of several the same: what has another id and a name is another
   * call. Others repeat the id in each piece.
   */
  private find(index: number | undefined, id: string | undefined, called: unknown, custom: boolean) {
    const last = this.last(index)
    const named = word(member(called, "name")) !== undefined
    const isAnother = id === undefined ? index === undefined && last?.name !== undefined : last?.id !== id
    if (last !== undefined && !(named && isAnother && last.name !== undefined)) return last
    if (this.shared.toolCallsLeft <= 0) return undefined
    this.shared.toolCallsLeft--
    const call: ToolCall = {
      index: index ?? this.calls.length,
      id: undefined,
      name: undefined,
      custom,
      arguments: new BoundedText(this.shared.room)
    }
    this.calls.push(call)
    return call
  }

  private last(index: number | undefined): ToolCall | undefined {
    for (let position = this.calls.length - 1; position >= 0; position--) {
      if (index === undefined || this.calls[position]?.index === index) return this.calls[position]
    }
    return undefined
  }

  parts(): ReadonlyArray<Part> {
    return this.calls.slice().sort((a, b) => a.index - b.index).map(toolCallPart)
  }
}

/** A recording, with what is said in it. */
class Audio {
  private facts: JsonObject = {}
  private readonly data: BoundedMedia
  private readonly transcript: BoundedText

  constructor(room: Room) {
    this.data = new BoundedMedia(room)
    this.transcript = new BoundedText(room)
  }

  read(piece: unknown): void {
    this.facts = {
      ...this.facts,
      ...known({ id: word(member(piece, "id")), expires_at: count(member(piece, "expires_at")) })
    }
    this.data.add(text(member(piece, "data")) ?? "")
    this.transcript.add(text(member(piece, "transcript")) ?? "")
  }

  part(): Part {
    return known({
      type: "audio",
      ...this.facts,
      data: this.data.isEmpty ? undefined : String(this.data),
      transcript: this.transcript.isEmpty ? undefined : String(this.transcript)
    })
  }
}

/** One of the choices. Their pieces come mixed. */
class Choice {
  stopReason: string | undefined
  private role: string | undefined
  private readonly reasoning: BoundedText
  private readonly text: BoundedText
  private readonly refusal: BoundedText
  /** Those that arrive whole. */
  private readonly parts: Array<Part> = []
  private readonly calls: ToolCalls
  private legacyCall: ToolCall | undefined
  private audio: Audio | undefined

  constructor(readonly index: number, private readonly shared: Shared) {
    this.reasoning = new BoundedText(shared.room)
    this.text = new BoundedText(shared.room)
    this.refusal = new BoundedText(shared.room)
    this.calls = new ToolCalls(shared)
  }

  /** Gives whether there was a text or a call of a tool. */
  read(piece: unknown): boolean {
    this.stopReason = word(member(piece, "finish_reason")) ?? this.stopReason
    const delta = member(piece, "delta") ?? member(piece, "message")
    this.role ??= roleOf(member(delta, "role"))
    this.reasoning.add(reasoningOf(delta))
    this.refusal.add(text(member(delta, "refusal")) ?? "")
    const said = this.readContent(member(delta, "content")) || this.readContent(member(piece, "text"))
    const calls = list(member(delta, "tool_calls"))
    for (const call of calls.slice(0, most.toolCalls)) this.calls.read(call)
    for (const image of imageParts(member(delta, "images"))) this.keep(image)
    const legacy = this.readLegacyCall(member(delta, "function_call"))
    return this.readAudio(member(delta, "audio")) || said || legacy || calls.length > 0
  }

  private readContent(content: unknown): boolean {
    if (typeof content === "string") {
      this.text.add(content)
      return content !== ""
    }
    const parts = list(content).flatMap(contentPart)
    for (const part of parts) {
      if (part.type === "text") this.text.add(text(part.text) ?? "")
      else if (part.type === "reasoning") this.reasoning.add(text(part.text) ?? "")
      else this.keep(part)
    }
    return parts.some((part) => part.type !== "reasoning")
  }

  private readLegacyCall(call: unknown): boolean {
    if (record(call) === undefined) return false
    this.legacyCall ??= {
      index: 0,
      id: undefined,
      name: undefined,
      custom: false,
      arguments: new BoundedText(this.shared.room)
    }
    this.legacyCall.name ??= word(member(call, "name"))
    this.legacyCall.arguments.add(text(member(call, "arguments")) ?? "")
    return true
  }

  private readAudio(piece: unknown): boolean {
    if (record(piece) === undefined) return false
    this.audio ??= new Audio(this.shared.room)
    this.audio.read(piece)
    return true
  }

  private keep(part: Part): void {
    if (this.parts.length < most.items) this.parts.push(keptPart(part, this.shared.room))
  }

  message(): ReadonlyArray<Message> {
    const parts = [
      ...reasoningPart(String(this.reasoning)),
      ...textPart(String(this.text)),
      ...textPart(String(this.refusal)),
      ...(this.audio === undefined ? [] : [this.audio.part()]),
      ...this.parts,
      ...this.calls.parts(),
      ...(this.legacyCall === undefined ? [] : [toolCallPart(this.legacyCall)])
    ]
    return parts.length === 0 ? [] : [{ role: this.role ?? "assistant", content: parts }]
  }
}

/** Usage is numbers under names: what is longer is something else. */
const usageLength = 20_000

class ChatStream implements StreamReader {
  private readonly shared: Shared
  private readonly choices = new Map<number, Choice>()
  private model: string | undefined
  private completionId: string | undefined
  private serviceTier: string | undefined
  private metadata: JsonObject | undefined
  private failure: Failure | undefined
  private usage: unknown
  private searches = 0

  constructor(limit: number) {
    this.shared = { room: { left: limit }, toolCallsLeft: most.toolCalls }
  }

  readonly read = (piece: unknown): boolean => {
    if (record(piece) === undefined) return false
    this.model ??= word(member(piece, "model"))
    this.completionId ??= word(member(piece, "id"))
    this.serviceTier = word(member(piece, "service_tier")) ?? this.serviceTier
    this.metadata ??= metadata(piece)
    const usage = usageMember(piece)
    if (usage !== undefined) this.usage = kept(usage, { left: usageLength })
    this.searches = Math.max(this.searches, searches(piece))
    const choices = list(member(piece, "choices")).slice(0, most.choices)
    this.failure ??= failureOf(piece) ?? choiceFailure(choices)
    let isAnswer = false
    for (const [position, choice] of choices.entries()) {
      isAnswer = this.choice(count(member(choice, "index")) ?? position)?.read(choice) === true || isAnswer
    }
    return isAnswer
  }

  private choice(index: number): Choice | undefined {
    const found = this.choices.get(index)
    if (found !== undefined || this.choices.size >= most.choices) return found
    const choice = new Choice(index, this.shared)
    this.choices.set(index, choice)
    return choice
  }

  readonly answer = (): AnswerFacts => {
    const choices = Array.from(this.choices.values()).sort((a, b) => a.index - b.index)
    return known({
      model: this.model,
      completionId: this.completionId,
      stopReason: choices[0]?.stopReason,
      usage: usageOf(this.usage, chatUsageNames, this.searches),
      serviceTier: this.serviceTier,
      metadata: this.metadata,
      failure: this.failure,
      output: () => choices.flatMap((choice) => choice.message())
    })
  }
}

export const chatStream = (limit: number): StreamReader => new ChatStream(limit)

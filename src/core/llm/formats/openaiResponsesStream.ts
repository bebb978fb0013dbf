/**
 * Responses that arrive in pieces. The last event of a stream has the whole answer. A stream that broke off is put
 * together from the items that were complete, and from the texts of those that were not.
 *
 * @since 0.1.0
 */
import { BoundedText, type Room } from "../boundedText.js"
import type { AnswerFacts, Failure, Message, Part, StreamReader } from "../model.js"
import { kept, keptPart } from "./kept.js"
import { most } from "./normal.js"
import { failureOf, hasUrlCitation } from "./openai.js"
import { itemParts, itemSearches } from "./openaiItems.js"
import { isTerminal, responseFacts } from "./openaiResponse.js"
import { count, given, type JsonObject, known, list, member, record, text, word } from "./read.js"

type Growing = "text" | "refusal" | "reasoning" | "arguments"

/** What events bring a piece of, and in which member. */
const growing: {
  readonly [event: string]: readonly [what: Growing, whole: string] | undefined
} = {
  output_text: ["text", "text"],
  refusal: ["refusal", "refusal"],
  reasoning_text: ["reasoning", "text"],
  reasoning_summary_text: ["reasoning", "text"],
  function_call_arguments: ["arguments", "arguments"],
  mcp_call_arguments: ["arguments", "arguments"],
  custom_tool_call_input: ["arguments", "input"]
}

/** Those that PostHog takes for the first token. */
const firstTokens: ReadonlyArray<unknown> = [
  "response.output_item.added",
  "response.content_part.added",
  "response.output_text.delta",
  "response.reasoning_text.delta",
  "response.reasoning_summary_text.delta",
  "response.audio.delta",
  "response.audio.transcript.delta",
  "response.refusal.delta"
]

/** An item of the output that is not complete, or was completed. */
class Item {
  type: string | undefined
  private started: JsonObject = {}
  private readonly grown = new Map<Growing, { readonly text: BoundedText; part: number | undefined }>()
  private completed: ReadonlyArray<Part> | undefined
  private used = 0

  constructor(private readonly room: Room) {}

  private using<A>(take: (room: Room) => A): A {
    const before = this.room.left
    const taken = take(this.room)
    this.used += before - this.room.left
    return taken
  }

  start(item: unknown): void {
    this.type = word(member(item, "type")) ?? this.type
    this.started = {
      ...record(this.using((room) => kept(item, room))),
      ...known({
        type: this.type,
        id: word(member(item, "id")),
        call_id: word(member(item, "call_id")),
        name: word(member(item, "name"))
      })
    }
  }

  /** `part`: which of several texts of the same kind. */
  grow(what: Growing, piece: string, part: number | undefined): void {
    const found = this.grown.get(what) ?? { text: new BoundedText(this.room), part }
    this.grown.set(what, found)
    this.using(() => {
      if (found.part !== part) found.text.add("\n\n")
      found.text.add(piece)
    })
    found.part = part
  }

  has(what: Growing): boolean {
    return this.grown.has(what)
  }

  complete(item: unknown): void {
    this.type = word(member(item, "type")) ?? this.type
    // The pieces make room for the whole.
    this.grown.clear()
    this.started = {}
    this.room.left += this.used
    this.used = 0
    this.completed = this.using((room) => itemParts(item).map((part) => keptPart(part, room)))
  }

  parts(): ReadonlyArray<Part> {
    return this.completed ?? (this.grown.size === 0 ? itemParts(this.started) : itemParts(this.grownItem()))
  }

  private grownItem(): JsonObject {
    const [said, refused, thought, called] = (["text", "refusal", "reasoning", "arguments"] as const)
      .map((what) => this.grown.get(what)?.text.toString())
    if (called !== undefined) {
      return {
        type: "function_call",
        ...this.started,
        [this.type === "custom_tool_call" ? "input" : "arguments"]: called
      }
    }
    return thought === undefined
      ? { type: "message", content: [{ type: "text", text: said }, { type: "refusal", refusal: refused }] }
      : { type: "reasoning", summary: [{ text: thought }] }
  }
}

/** The members of a response that are of interest besides its output. */
const headNames = [
  "id",
  "model",
  "status",
  "background",
  "error",
  "incomplete_details",
  "usage",
  "service_tier",
  "created_at",
  "completed_at"
] as const

const headLength = 40_000

/** What a response that does not tell its status has become by the event that brings it. */
const statusOf = (event: unknown): string | undefined => {
  const status = text(event)?.slice("response.".length)
  return isTerminal(status) ? status : undefined
}

class ResponsesStream implements StreamReader {
  private readonly room: Room
  private readonly items = new Map<number | string, Item>()
  private head: JsonObject = {}
  private whole: ReadonlyArray<Part> | undefined
  private failure: Failure | undefined
  private searches = 0
  private current: number | string = 0

  constructor(private readonly limit: number) {
    this.room = { left: limit }
  }

  readonly read = (event: unknown): boolean => {
    const type = text(member(event, "type"))
    const response = record(member(event, "response"))
    if (response !== undefined) this.readResponse(response, statusOf(type))
    else if (type === undefined || type === "error") this.failure ??= failureOf(event)
    else if (this.whole === undefined) this.readPiece(type, event)
    return firstTokens.includes(type)
  }

  private readResponse(response: JsonObject, status: string | undefined): void {
    const head = record(kept(given(response, headNames), { left: headLength }))
    this.head = { ...this.head, ...(status === undefined ? {} : { status }), ...head }
    if (!isTerminal(this.head.status)) return
    this.searches = Math.max(this.searches, itemSearches(response))
    const output = list(response.output).slice(0, most.items)
    // Some hosts leave the output out of the last event, because the events before had all of it.
    if (output.length === 0) return
    this.items.clear()
    const room = { left: this.limit }
    this.whole = output.flatMap(itemParts).map((part) => keptPart(part, room))
  }

  private readPiece(type: string, event: unknown): void {
    const [, name = "", stage] = /^response\.([a-z_]+)\.(added|delta|done)$/.exec(type.slice(0, 100)) ?? []
    if (name === "output_text.annotation" || type === "response.output_text.annotation.added") {
      if (hasUrlCitation([member(event, "annotation")])) this.searches = Math.max(this.searches, 1)
      return
    }
    if (name === "output_item") {
      const item = member(event, "item")
      const found = this.item(count(member(event, "output_index")) ?? word(member(item, "id")))
      return stage === "done" ? found?.complete(item) : found?.start(item)
    }
    const grows = Object.hasOwn(growing, name) ? growing[name] : undefined
    if (grows === undefined || stage === undefined) return
    const found = this.item(count(member(event, "output_index")) ?? word(member(event, "item_id")))
    const [what, whole] = grows
    // The whole text is news only to who did not see its pieces.
    if (found === undefined || stage === "done" && found.has(what)) return
    const piece = text(member(event, stage === "done" ? whole : "delta"))
    if (piece !== undefined) found.grow(what, piece, partOf(event))
  }

  private item(key: number | string | undefined): Item | undefined {
    this.current = key ?? this.current
    const found = this.items.get(this.current)
    if (found !== undefined || this.items.size >= most.items) return found
    const item = new Item(this.room)
    this.items.set(this.current, item)
    return item
  }

  readonly answer = (): AnswerFacts => {
    const items = sorted(this.items)
    const searched = items.filter((item) => item.type === "web_search_call").length
    const facts = responseFacts(this.head, {
      searches: Math.max(this.searches, searched),
      output: () => message(this.whole ?? items.flatMap((item) => item.parts())),
      pends: this.head.background === true
    })
    return known({ ...facts, failure: facts.failure ?? this.failure })
  }
}

const partOf = (event: unknown): number | undefined =>
  count(member(event, "summary_index")) ?? count(member(event, "content_index"))

const message = (parts: ReadonlyArray<Part>): ReadonlyArray<Message> =>
  parts.length === 0 ? [] : [{ role: "assistant", content: parts }]

const sorted = (items: ReadonlyMap<number | string, Item>): ReadonlyArray<Item> =>
  Array.from(items)
    .sort(([a], [b]) => typeof a === "number" && typeof b === "number" ? a - b : 0)
    .map(([, item]) => item)

export const responsesStream = (limit: number): StreamReader => new ResponsesStream(limit)

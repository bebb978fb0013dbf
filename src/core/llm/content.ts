/**
 * The messages of a call, as they may leave the program: without images and other media, without keys,
 * with long texts cut, in no more room than an event has.
 *
 * A value is looked at once, from its end, because the newest messages matter most; what has no room is not looked at.
 *
 * @since 0.1.0
 */
import { binaryOf } from "../event/data.js"
import { freeze, isTooLarge, toJson, TooLarge, Written } from "../event/json.js"
import { isList, isObject, read, setMember } from "../guard.js"
import { redactSource } from "../secrets.js"
import { truncated } from "./boundedText.js"
import { mediaIn, placeholderAt } from "./media.js"
import type { Part } from "./model.js"
import { cutBytes, utf8Length } from "./utf8.js"

/** Where a text or a part stands that a program's function is shown. */
export interface Where {
  /** The property of the event, such as `$ai_input` or `$ai_output_choices`. */
  readonly property: string
  /** Whose message it is in, such as `user`. */
  readonly role: string | undefined
}

/**
 * Gets a text or a part of a message, and returns what is sent in its place; `undefined` leaves it out.
 */
export type Redact = (content: string | Part, where: Where) => unknown

/** How content is treated. */
export interface Treatment {
  /** Whether it is sent whole: with media and keys, and nothing cut. */
  readonly full: boolean
  /** The functions of the program, in order. */
  readonly redact: ReadonlyArray<Redact>
}

/** Longest text, in bytes of UTF-8; what PostHog's own wrappers send. */
const maxTextBytes = 200_000

/** Lengths of texts that are tried one after the other for a message that is too large. */
const shorter = [maxTextBytes, 50_000, 10_000, 2_000, 500]

/** So much more of a text is looked at, so that a key does not lose its end by which it is known. */
const margin = 4_000

const maxDepth = 64

/** What stands in the place of what a function of the program could not redact. */
const unredacted = "[redaction failed]"

const tooLarge = "[removed due to size limit]"

/** What kind of object a value is: it decides which of its texts say something. */
type Shape = "message" | "part" | "data"

/** Names of members of messages and parts that say what they are, and nothing of what is said. */
const structural = new Set([
  "type",
  "role",
  "id",
  "name",
  "tool_call_id",
  "tool_use_id",
  "call_id",
  "status",
  "mediaType",
  "media_type",
  "mimeType",
  "mime_type",
  "format",
  "detail"
])

/** Members of messages and parts that hold parts again; what the others hold is data. */
const holdsParts = new Set([
  "content",
  "parts",
  "tool_calls",
  "message",
  "function",
  "function_call",
  "functionCall",
  "source",
  "inline_data",
  "inlineData",
  "image_url",
  "input_audio",
  "file"
])

/** Makes a copy of a value as it may leave. Throws {@link TooLarge} when there is no room for it. */
class Walk {
  repairs = 0
  notes: Array<string> | undefined = undefined
  private readonly ancestors: Array<object> = []
  private role: string | undefined = undefined

  constructor(
    private readonly treatment: Treatment,
    private readonly property: string,
    /** Characters that the copy may still have, about. */
    private room: number,
    private readonly maxText: number
  ) {}

  private repair(what: string): void {
    this.repairs++
    const notes = this.notes ??= []
    if (notes.length < 8) notes.push(`${this.property}: ${what}`)
  }

  private take(count: number): void {
    this.room -= count
    if (this.room < 0) throw new TooLarge()
  }

  /** `parent` and `name`: where it stands. */
  value(value: unknown, parent: object | undefined, name: string, shape: Shape): unknown {
    if (typeof value === "string") return this.text(value, parent, name, shape)
    this.take(4)
    return isObject(value) ? this.object(value, parent, name, shape) : value
  }

  private text(text: string, parent: object | undefined, name: string, shape: Shape): unknown {
    const { full, redact } = this.treatment
    if (!full) {
      const media = mediaIn(text, { parent, name })
      if (media !== undefined) {
        this.take(media.length)
        return media
      }
    }
    const isCut = !full && text.length > this.maxText + margin
    const start = isCut ? text.slice(0, this.maxText + margin) : text
    const said = redact.length === 0 || (shape !== "data" && structural.has(name)) ? start : this.redacted(start)
    // What the program has made of it may be anything.
    if (typeof said !== "string") return this.made(said, name)
    const shown = full ? said : this.shortened(redactSource(said), isCut)
    this.take(shown.length + 2)
    return shown
  }

  private shortened(text: string, isCut: boolean): string {
    const kept = cutBytes(text, this.maxText)
    return isCut || kept !== text ? kept + truncated : kept
  }

  /** What a function of the program gives has been seen by it already. */
  private made(value: unknown, name: string): unknown {
    const json = toJson(name, value, Math.max(this.room, 0))
    if (isObject(json) || typeof json === "string") this.take(JSON.stringify(json).length)
    return json
  }

  private redacted(content: string | Part): unknown {
    let value: unknown = content
    for (const f of this.treatment.redact) {
      if (typeof value !== "string" && !isObject(value)) return value
      try {
        value = f(value as string | Part, { property: this.property, role: this.role })
      } catch {
        this.repair("redaction that throws")
        return unredacted
      }
    }
    return value
  }

  private object(value: object, parent: object | undefined, name: string, shape: Shape): unknown {
    const { ancestors } = this
    if (ancestors.includes(value)) {
      this.repair("cycle")
      return "[Circular]"
    }
    if (ancestors.length >= maxDepth) {
      this.repair("nesting")
      return "[Too deep]"
    }
    const depth = ancestors.length
    ancestors.push(value)
    try {
      return this.contents(value, parent, name, shape)
    } catch (error) {
      if (isTooLarge(error)) throw error
      this.repair("value that throws")
      return "[Throws]"
    } finally {
      ancestors.length = depth
    }
  }

  private contents(value: object, parent: object | undefined, name: string, shape: Shape): unknown {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Array.prototype && Array.isArray(value)) return this.list(value, parent, name, shape)
    if (prototype === Object.prototype || prototype === null) {
      if (typeof (value as { readonly toJSON?: unknown }).toJSON !== "function") return this.members(value, shape)
    } else if (!this.treatment.full && binaryOf(value) !== undefined) {
      const media = placeholderAt({ parent, name })
      this.take(media.length)
      return media
    }
    const json = toJson(name, value, this.room)
    return isObject(json) && !isList(json)
      ? this.members(json, shape)
      : isList(json)
      ? this.list(json, parent, name, shape)
      : this.value(json, parent, name, shape)
  }

  private list(values: ReadonlyArray<unknown>, parent: object | undefined, name: string, shape: Shape): unknown {
    const copy: Array<unknown> = []
    for (let i = 0; i < values.length; i++) {
      let element: unknown
      try {
        element = values[i]
      } catch {
        this.repair("element that throws")
        element = "[Throws]"
      }
      const shown = this.element(element, parent, name, shape)
      if (shown !== undefined || element === undefined) copy.push(shown)
    }
    return copy
  }

  /** Parts are shown to the program as a whole, before their texts are. */
  private element(element: unknown, parent: object | undefined, name: string, shape: Shape): unknown {
    if (shape !== "part" || this.treatment.redact.length === 0 || !isObject(element) || isList(element)) {
      return this.value(element, parent, name, shape)
    }
    const said = this.redacted(element as Part)
    return said === null || said === undefined ? undefined : this.value(said, parent, name, shape)
  }

  private members(object: object, shape: Shape): unknown {
    const copy: Record<string, unknown> = {}
    const outer = this.role
    if (shape === "message") {
      const role = read(object, "role")
      if (typeof role === "string") this.role = role
    }
    for (const name of Object.keys(object)) {
      this.take(name.length + 3)
      let value: unknown
      try {
        value = (object as { readonly [name: string]: unknown })[name]
      } catch {
        this.repair("getter that throws")
        value = "[Throws]"
      }
      setMember(
        copy,
        name,
        this.value(value, object, name, shape === "data" || !isObject(value) ? shape : this.shapeIn(name))
      )
    }
    this.role = outer
    return copy
  }

  private shapeIn(name: string): Shape {
    return holdsParts.has(name) ? "part" : "data"
  }
}

/** A value as JSON text, with what had to be replaced in it; `undefined` when it has no room. */
const attempt = (
  treatment: Treatment,
  property: string,
  value: unknown,
  name: string,
  shape: Shape,
  room: number,
  maxText: number
): Written | undefined => {
  // Lists of tokens have many.
  if (typeof value === "number" && room > 0) return new Written(JSON.stringify(value), 0, undefined)
  try {
    const walk = new Walk(treatment, property, room, maxText)
    const copy = walk.value(value, undefined, name, shape)
    const frozen = freeze(property, [copy], Number.POSITIVE_INFINITY) as Written
    const text = frozen.text.slice(1, -1)
    return utf8Length(text) > room
      ? undefined
      : new Written(text, frozen.repairs + walk.repairs, [...walk.notes ?? [], ...frozen.notes ?? []])
  } catch {
    return undefined
  }
}

/** As {@link attempt}, with texts cut more and more until it fits. */
const squeeze = (
  treatment: Treatment,
  property: string,
  value: unknown,
  shape: Shape,
  room: number
): Written | undefined => {
  for (const maxText of treatment.full ? [maxTextBytes] : shorter) {
    const written = attempt(treatment, property, value, "", shape, room, maxText)
    if (written !== undefined) return written
  }
  return undefined
}

/** Content that was looked at. */
export class Looked {
  constructor(
    /** Texts of JSON: of a list its elements, the newest first; of anything else the one. */
    private readonly pieces: ReadonlyArray<Written>,
    private readonly isListed: boolean,
    /** How many older elements of the list had no room. */
    private readonly removed: number,
    /** Whether the elements are messages. */
    private readonly hasMessages: boolean
  ) {}

  /** Bytes of the text. */
  get bytes(): number {
    return this.pieces.reduce((sum, { text }) => sum + utf8Length(text) + 1, 2)
  }

  /** The value for the event, without the oldest elements for which there is no room. */
  within(room: number): Written {
    const [first] = this.pieces
    if (!this.isListed) return first ?? new Written(JSON.stringify(tooLarge), 0, undefined)
    let left = room - noteRoom
    let count = 0
    for (const { text } of this.pieces) {
      left -= utf8Length(text) + 1
      if (left < 0) break
      count++
    }
    const kept = Array.from({ length: count }, (_, at) => this.pieces[count - 1 - at]!)
    const removed = this.removed + this.pieces.length - count
    const note = `[${removed} messages removed due to size limit]`
    const notes = removed === 0
      ? []
      : [JSON.stringify(this.hasMessages ? { role: "posthog", content: note } : note)]
    return new Written(
      `[${[...notes, ...kept.map(({ text }) => text)].join(",")}]`,
      kept.reduce((sum, { repairs }) => sum + repairs, 0),
      kept.flatMap(({ notes }) => notes ?? []).slice(0, 8)
    )
  }
}

/** Bytes of the note about messages that were removed. */
const noteRoom = 100

const isMessage = (value: unknown): boolean => typeof read(value, "role") === "string"

/**
 * Looks at a value: once, and at no more of it than there is room for, in bytes. The newest element of a list, or what
 * is no list, gets half of the room at most.
 */
export const look = (value: unknown, property: string, treatment: Treatment, room: number): Looked => {
  const areMessages = property === "$ai_input" || property === "$ai_output_choices"
  const shapeOf = (element: unknown): Shape => areMessages || isMessage(element) ? "message" : "data"
  const half = treatment.full ? room : Math.floor(room / 2)
  if (!isPlainList(value)) {
    const piece = squeeze(treatment, property, value, shapeOf(value), half)
    return new Looked(piece === undefined ? [] : [piece], false, 0, false)
  }
  const pieces: Array<Written> = []
  let left = room
  let hasMessages = false
  for (let at = value.length - 1; at >= 0; at--) {
    const element = read(value, at)
    hasMessages ||= isObject(element)
    const piece = pieces.length === 0
      ? squeeze(treatment, property, element, shapeOf(element), half)
      : attempt(treatment, property, element, "", shapeOf(element), left, maxTextBytes)
    if (piece === undefined) return new Looked(pieces, true, at + 1, hasMessages)
    left -= utf8Length(piece.text) + 1
    pieces.push(piece)
  }
  return new Looked(pieces, true, 0, hasMessages)
}

/** Whether a value is an ordinary array, whose elements can be read one by one. */
const isPlainList = (value: unknown): value is ReadonlyArray<unknown> => {
  try {
    return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype
  } catch {
    return false
  }
}

/**
 * What is kept of a streamed answer besides its texts.
 *
 * @since 0.1.0
 */
import { setMember } from "../../guard.js"
import { BoundedText, type Room, truncated } from "../boundedText.js"
import type { Part } from "../model.js"
import { known, list, member, record, word } from "./read.js"

const deepest = 24

/** How much is left of an image or a recording for which there is no room: enough to see what it was. */
const mediaPrefix = 1_024

const looksEncoded = (value: string): boolean => /^(?:data:|[\w+/=-]{256})/.test(value.slice(0, 300))

/** Cut media are worth nothing, and must not take the room of the texts. */
const keptText = (value: string, room: Room): string => {
  if (value.length > room.left / 2 && value.length > mediaPrefix && looksEncoded(value)) {
    return value.slice(0, mediaPrefix) + truncated
  }
  const text = new BoundedText(room)
  text.add(value)
  return text.toString()
}

/**
 * A copy of a piece of JSON that takes no more characters than there is room for. Texts are cut; members and items for
 * which there is no room, and what is nested too deep, are left out.
 */
export const kept = (value: unknown, room: Room, depth = 0): unknown => {
  if (typeof value === "string") return keptText(value, room)
  const object = record(value)
  if (object === undefined && !Array.isArray(value)) return value
  if (depth >= deepest) return null
  if (object === undefined) {
    const items: Array<unknown> = []
    for (const item of list(value)) {
      if (room.left <= 0) break
      room.left--
      items.push(kept(item, room, depth + 1))
    }
    return items
  }
  const members: Record<string, unknown> = {}
  for (const name in object) {
    if (room.left < name.length) break
    room.left -= name.length
    setMember(members, name, kept(object[name], room, depth + 1))
  }
  return members
}

/** A part of a message as {@link kept}. The name of a tool is kept in any case. */
export const keptPart = (part: Part, room: Room): Part => {
  if (part.type !== "function") return { ...record(kept(part, room)), type: part.type }
  const { function: called, ...rest } = part
  return {
    ...record(kept(rest, room)),
    ...known({ type: part.type, id: word(part.id) }),
    function: {
      name: word(member(called, "name")) ?? "",
      arguments: room.left > 0 ? kept(member(called, "arguments"), room) : truncated
    }
  }
}

/** An image or a recording that arrives in pieces: kept whole, or not more of it than shows what it was. */
export class BoundedMedia {
  private pieces: Array<string> = []
  private length = 0
  private cut = false

  constructor(private readonly room: Room) {}

  get isEmpty(): boolean {
    return this.pieces.length === 0
  }

  add(piece: string): void {
    if (this.cut || piece === "") return
    this.pieces.push(piece)
    this.length += piece.length
    this.room.left -= piece.length
    if (this.room.left >= this.length) return
    this.cut = true
    this.room.left += this.length
    const prefix = this.pieces.join("").slice(0, Math.max(0, Math.min(mediaPrefix, this.room.left)))
    this.room.left -= prefix.length
    this.pieces = [prefix, truncated]
  }

  toString(): string {
    return this.pieces.join("")
  }
}

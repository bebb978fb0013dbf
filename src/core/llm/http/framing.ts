/**
 * From the bytes of a streamed answer to its pieces of JSON, as they come.
 *
 * A splitter holds the piece that is not complete, and nothing else. It never throws: bytes that are no UTF-8 become
 * replacement characters, a piece that is no JSON is left out.
 *
 * @since 0.1.0
 */

/**
 * Longest piece, in characters. A longer one is left out and is not held: a picture, more often than not. Room for what
 * comes at the end of an answer and repeats the whole of it.
 */
export const maxPiece = 8 * 1024 * 1024

/** Deepest nesting of a piece that is read. */
const maxDepth = 512

/** So many bytes of a chunk are decoded at once: the text of a huge chunk never exists as a whole. */
const slice = 64 * 1024

/**
 * How an answer is divided into pieces. `json`: one array whose members are the pieces, or values one after another.
 */
export type Framing = "sse" | "ndjson" | "json"

export interface Splitter {
  /** Takes what came. Calls back for each piece that is complete by now. */
  readonly push: (chunk: Uint8Array | string) => void
  /** Nothing comes any more: what is left is a piece if it is complete. */
  readonly end: () => void
}

/** What the content type of an answer says about its pieces; `undefined`: it does not come in pieces. */
export const framingOf = (contentType: string | undefined): Framing | undefined => {
  const type = (contentType ?? "").slice(0, 200).split(";", 1)[0]!.trim().toLowerCase()
  if (type === "text/event-stream") return "sse"
  if (/^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines|jsonlines|stream\+json)$/.test(type)) return "ndjson"
  return /^(?:application\/(?:[\w.-]+\+)?json|text\/json)$/.test(type) ? "json" : undefined
}

/** Takes texts instead of bytes. */
interface TextSplitter {
  readonly push: (text: string) => void
  readonly end: () => void
}

/** Decodes what comes, wherever it was cut. */
const decoding = (splitter: TextSplitter): Splitter => {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  let isBegun = false
  const take = (text: string): void => {
    if (text === "") return
    const start = !isBegun && text.charCodeAt(0) === 0xfeff ? 1 : 0
    isBegun = true
    splitter.push(start === 0 ? text : text.slice(start))
  }
  const decode = (bytes: Uint8Array | undefined): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true })
    } catch {
      // The memory of the chunk was given away meanwhile.
      return ""
    }
  }
  return {
    push: (chunk) => {
      if (typeof chunk === "string") return take(chunk)
      if (chunk.length <= slice) return take(decode(chunk))
      for (let start = 0; start < chunk.length; start += slice) take(decode(chunk.subarray(start, start + slice)))
    },
    end: () => {
      take(decode(undefined))
      splitter.end()
    }
  }
}

const parsed = (text: string, onPiece: (piece: unknown) => void): void => {
  let piece: unknown
  try {
    piece = JSON.parse(text)
  } catch {
    return
  }
  onPiece(piece)
}

/**
 * A text in parts, up to a number of characters. Joined once, when it is complete: a text that grows by concatenation
 * and is searched after each part takes time in proportion to the square of its length.
 */
class Held {
  private parts: Array<string> = []
  private length = 0

  /** How much of the text came, whether it is held or not. */
  get size(): number {
    return this.length
  }

  /** `room`: how long the text may become. */
  add(part: string, room: number): void {
    this.length += part.length
    if (this.length <= room) this.parts.push(part)
    else this.parts = []
  }

  /** The text, unless it became too long, and begins anew. */
  take(room: number): string | undefined {
    const text = this.length > room ? undefined : this.parts.length === 1 ? this.parts[0]! : this.parts.join("")
    this.parts = []
    this.length = 0
    return text
  }
}

/**
 * Lines that end with CR, LF or both. `onLine` gets `undefined` for one that is longer than there is room, and gives
 * the room for the next.
 */
const lines = (room: number, onLine: (line: string | undefined) => number): TextSplitter => {
  const held = new Held()
  let wasReturn = false
  const complete = (part: string): void => {
    if (held.size === 0 && part.length <= room) {
      room = onLine(part)
      return
    }
    held.add(part, room)
    room = onLine(held.take(room))
  }
  return {
    push: (text) => {
      // The LF of a CR LF that was cut in two.
      let start = wasReturn && text.charCodeAt(0) === 10 ? 1 : 0
      wasReturn = false
      let feed = text.indexOf("\n", start)
      let carriage = text.indexOf("\r", start)
      while (feed !== -1 || carriage !== -1) {
        const isReturn = carriage !== -1 && (feed === -1 || carriage < feed)
        const end = isReturn ? carriage : feed
        complete(text.slice(start, end))
        start = end + 1
        if (isReturn) {
          if (start === text.length) wasReturn = true
          else if (feed === start) start += 1
          carriage = text.indexOf("\r", start)
        }
        if (feed !== -1 && feed < start) feed = text.indexOf("\n", start)
      }
      if (start < text.length) held.add(text.slice(start), room)
    },
    end: () => {
      if (held.size > 0) complete("")
    }
  }
}

/** The value of a line of data; `undefined` for other lines. */
const dataOf = (line: string): string | undefined =>
  !line.startsWith("data")
    ? undefined
    : line.charCodeAt(4) === 58
    ? line.slice(line.charCodeAt(5) === 32 ? 6 : 5)
    : line.length === 4
    ? ""
    : undefined

/** Server-sent events. The data of each is a piece. `[DONE]` is no JSON, so it is no piece. */
const sse = (onPiece: (piece: unknown) => void): TextSplitter => {
  let data: Array<string> = []
  // Of all lines of the event, those too that are no data: each holds a part of the chunk that it came in.
  let size = 0
  const dispatch = (): void => {
    if (data.length > 0 && size <= maxPiece) parsed(data.length === 1 ? data[0]! : data.join("\n"), onPiece)
    data = []
    size = 0
  }
  const splitter = lines(maxPiece, (line) => {
    if (line === "") dispatch()
    else if (line === undefined) size = maxPiece + 1
    else {
      size += line.length + 1
      const value = dataOf(line)
      if (value !== undefined && size <= maxPiece) data.push(value)
    }
    if (size > maxPiece && data.length > 0) data = []
    return Math.max(0, maxPiece - size)
  })
  return {
    push: splitter.push,
    end: () => {
      splitter.end()
      dispatch()
    }
  }
}

/** A value of JSON in each line. */
const ndjson = (onPiece: (piece: unknown) => void): TextSplitter =>
  lines(maxPiece, (line) => {
    if (line !== undefined && line !== "") parsed(line, onPiece)
    return maxPiece
  })

/** Objects and lists that stand in one list, or one after another. */
const json = (onPiece: (piece: unknown) => void): TextSplitter => {
  const held = new Held()
  // The depth at which pieces stand: 1 within the list.
  let base = 0
  let depth = 0
  let isTooDeep = false
  let isInText = false
  let isEscaped = false
  const complete = (part: string): void => {
    held.add(part, maxPiece)
    const text = held.take(maxPiece)
    if (text !== undefined && !isTooDeep) parsed(text, onPiece)
    isTooDeep = false
  }
  /** Where the text ends that is being read; the length when it goes on in the next part. */
  const endOfText = (text: string, from: number): number => {
    let index = from
    for (; index < text.length; index += 1) {
      const unit = text.charCodeAt(index)
      if (isEscaped) isEscaped = false
      else if (unit === 92) isEscaped = true
      else if (unit === 34) {
        isInText = false
        return index
      }
    }
    return index
  }
  return {
    push: (text) => {
      let start = 0
      for (let index = 0; index < text.length; index += 1) {
        if (isInText) {
          index = endOfText(text, index)
          continue
        }
        const unit = text.charCodeAt(index)
        if (unit === 34) isInText = depth > 0
        else if (unit === 123 || unit === 91) {
          if (depth === 0 && base === 0 && unit === 91) base = 1
          else if (depth === base) start = index
          depth += 1
          if (depth > maxDepth) isTooDeep = true
        } else if ((unit === 125 || unit === 93) && depth > 0) {
          depth -= 1
          if (depth < base) base = 0
          else if (depth === base) complete(text.slice(start, index + 1))
        }
      }
      if (depth > base) held.add(text.slice(start), maxPiece)
    },
    end: () => {}
  }
}

/** Divides an answer. `onPiece` gets each piece, parsed. */
export const splitter = (framing: Framing, onPiece: (piece: unknown) => void): Splitter =>
  decoding(framing === "sse" ? sse(onPiece) : framing === "ndjson" ? ndjson(onPiece) : json(onPiece))

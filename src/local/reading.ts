/**
 * Small bodies, of those who control a server or report to it.
 */
import type { IncomingMessage } from "node:http"
import { isTooDeep } from "./decode.js"

/** Of what is told: a document of definitions is the largest. */
const maxBody = 20 * 1024 * 1024

/** What is read of a body that is too large already, in times of what it may have: its sender shall hear the answer. */
const maxWasted = 3

/**
 * The text of a body; `undefined`: it is larger than `max` bytes. It is read all the same, because a connection with
 * half a body in it takes no further request.
 */
export const readText = async (request: IncomingMessage, max: number): Promise<string | undefined> => {
  let chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= max) chunks.push(chunk)
    else chunks = []
    if (size > max * (1 + maxWasted)) {
      request.socket.destroy()
      break
    }
  }
  return size > max ? undefined : Buffer.concat(chunks).toString("utf8")
}

/** What is not well, in words that say what to do. */
export interface Refusal {
  readonly status: number
  readonly error: string
}

export const refusal = (status: number, error: string): Refusal => ({ status, error })

export const isRefusal = (value: unknown): value is Refusal =>
  typeof value === "object" && value !== null && "error" in value && "status" in value

/** Reads a body of JSON. Nothing is an empty object. */
export const bodyOf = async (request: IncomingMessage): Promise<{ readonly value: unknown } | Refusal> => {
  const text = await readText(request, maxBody)
  if (text === undefined) return refusal(413, `the body is larger than ${maxBody} bytes`)
  if (text.trim() === "") return { value: {} }
  try {
    const value: unknown = isTooDeep(text) ? undefined : JSON.parse(text)
    return typeof value === "object" && value !== null ? { value } : refusal(400, "the body is an object of JSON")
  } catch {
    return refusal(400, "the body is no JSON")
  }
}

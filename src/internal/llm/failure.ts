/**
 * Why there was no answer of a model, or not all of it, without what the request holds: its key, its prompt.
 */
import { isObject, read } from "../../core/guard.js"
import type { Failure } from "../../core/llm/model.js"
import { explain } from "../http/explain.js"

/** How far the causes of an error are followed. */
const maxDepth = 5

/** The first code that an error or what is behind it has, such as `ECONNRESET`. */
const codeOf = (thrown: unknown): string | undefined => {
  let current = thrown
  for (let depth = 0; depth < maxDepth && isObject(current); depth++) {
    const code = read(current, "code")
    if (typeof code === "string" && code !== "") return code.slice(0, 100)
    current = read(current, "cause")
  }
  return undefined
}

/** Errors of clients and of `fetch`, whose words are about the connection. */
const isOfTransport = (name: string): boolean =>
  /^(?:HttpClientError|RequestError|ResponseError|TypeError|SocketError)$/.test(name)

/** What a client or `fetch` has failed with. */
export const failureOf = (thrown: unknown): Failure => {
  const tag = read(thrown, "_tag")
  const name = read(thrown, "name")
  const type = typeof tag === "string" ? tag : typeof name === "string" ? name : "Error"
  return {
    type: type.slice(0, 100),
    code: codeOf(thrown),
    // The words of others may quote the request.
    message: isOfTransport(type) ? explain(thrown) : undefined
  }
}

/** Whether a body came and was no JSON. */
export const isNoJson = (thrown: unknown): boolean =>
  read(read(thrown, "cause"), "name") === "SyntaxError" || read(thrown, "name") === "SyntaxError"

/** Whether somebody has called off what failed. */
export const isAbort = (thrown: unknown): boolean => read(thrown, "name") === "AbortError"

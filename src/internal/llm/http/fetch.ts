/**
 * Calls of models over `fetch`, for the SDKs of the providers: what the program reads of an answer is seen as it
 * passes, and nothing else is read.
 */
import { isInstance, isObject, read } from "../../../core/guard.js"
import type { Origin } from "../../capture.js"
import { failureOf, isAbort } from "../failure.js"
import { bodyOf, type Exchanges, type Options, type Request as Seen, type Watched } from "./exchanges.js"
import { withUsage } from "./includeUsage.js"

type Fetch = typeof globalThis.fetch
type Input = Parameters<Fetch>[0]
type Init = Parameters<Fetch>[1]

/** The request of a `Request` object whose body is JSON: read from a copy, because the body itself is read once. */
const bodyOfRequest = (request: globalThis.Request): () => unknown => {
  let text: string | undefined
  try {
    if (!request.bodyUsed && /\bjson\b/i.test(request.headers.get("content-type") ?? "")) {
      request.clone().text().then((read) => {
        text = read
      }, () => {})
    }
  } catch {
    // A body that cannot be copied is left alone.
  }
  return () => bodyOf(text)()
}

/** What is asked, as far as it can be said without reading what can be read once only. */
const seenOf = (input: Input, init: Init): Seen => {
  const request = isInstance(input, Request) ? input : undefined
  const headers = (): Headers => new Headers(init?.headers ?? request?.headers)
  const body = read(init, "body")
  return {
    method: String(init?.method ?? request?.method ?? "GET"),
    url: request?.url ?? String(input),
    header: (name) => headers().get(name),
    body: body === undefined && request !== undefined ? bodyOfRequest(request) : bodyOf(body)
  }
}

/** The arguments with the question for the number of tokens. */
const asked = (init: Init, seen: Seen): Init => {
  const text = typeof init?.body === "string" && !isObject(seen.header("content-length")) ? withUsage(seen) : undefined
  return text === undefined ? init : { ...init, body: text }
}

/** `fetch`, of whose calls of models events are made. `originOf` says for whom a call is made, when it is made. */
export const withCapture = (
  fetch: Fetch,
  exchanges: Exchanges,
  originOf: () => Origin,
  options: Options
): Fetch =>
(input, init) => {
  let seen: Seen
  let origin: Origin
  let watched: Watched | undefined
  try {
    seen = seenOf(input, init)
    origin = originOf()
    watched = exchanges.watch(origin, seen, options)
  } catch {
    // What is no request is refused by who sends it.
    return fetch(input, init)
  }
  if (watched === undefined) return fetch(input, init)
  const { exchange } = watched
  const signal = init?.signal ?? read(input, "signal")
  const failed = (thrown: unknown): void => {
    if (isAbort(thrown) || read(signal, "aborted") === true) exchange.abort()
    else exchange.fail(failureOf(thrown))
  }
  let answer: Promise<Response>
  try {
    answer = fetch(input, options.includeUsage === true ? asked(init, seen) : init)
  } catch (thrown) {
    failed(thrown)
    throw thrown
  }
  return answer.then(
    (response) => answered(exchanges, origin, watched, response, failed),
    (thrown) => {
      failed(thrown)
      throw thrown
    }
  )
}

const answered = (
  exchanges: Exchanges,
  origin: Origin,
  watched: Watched,
  response: Response,
  failed: (thrown: unknown) => void
): Response => {
  const { exchange } = watched
  try {
    const { body, status } = response
    if (status >= 300 && status < 400) {
      exchanges.dismiss(watched)
      return response
    }
    exchange.answered(status, (name) => response.headers.get(name))
    if (body === null) {
      exchange.end()
      return response
    }
    if (!isInstance(response, Response) || !isInstance(body, ReadableStream) || body.locked) {
      // An answer of another kind, such as that of node-fetch, is not looked into.
      exchange.abandon()
      return response
    }
    if (exchange.isRefused) exchanges.refused(watched, origin)
    return dressed(new Response(passing(body, watched, failed), { status }), response)
  } catch {
    exchange.abandon()
    return response
  }
}

/** What a response made here cannot be given otherwise. */
const told = ["headers", "ok", "redirected", "status", "statusText", "type", "url"] as const

/** Says of itself what the original does; its copies too. */
const dressed = (made: Response, original: Response): Response => {
  for (const name of told) Object.defineProperty(made, name, { value: original[name], configurable: true })
  Object.defineProperty(made, "clone", {
    value: () => dressed(Response.prototype.clone.call(made), original),
    configurable: true,
    writable: true
  })
  return made
}

/**
 * A body that reads another one, piece by piece, when it is read itself. A stream of bytes, as the bodies of `fetch`
 * are, so that it can be read in every way in which those can be.
 */
const passing = (
  body: ReadableStream<Uint8Array>,
  watched: Watched,
  failed: (thrown: unknown) => void
): ReadableStream<Uint8Array> => {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const pull = async (controller: ReadableByteStreamController): Promise<void> => {
    const { exchange } = watched
    try {
      reader ??= body.getReader()
      // A stream of bytes takes no piece without any.
      let next = await reader.read()
      while (!next.done && next.value.length === 0) next = await reader.read()
      if (next.done) {
        exchange.end()
        controller.close()
        // Who reads into memory of their own has to be told that there is nothing.
        controller.byobRequest?.respond(0)
        return
      }
      exchange.push(next.value)
      controller.enqueue(ownBytes(next.value))
    } catch (thrown) {
      failed(thrown)
      controller.error(thrown)
    }
  }
  return new ReadableStream({
    type: "bytes",
    pull,
    cancel: (reason) => {
      watched.exchange.abort()
      return reader === undefined ? body.cancel(reason) : reader.cancel(reason)
    }
  }, { highWaterMark: 0 })
}

/** Bytes are given away with all of their memory, which others may use a part of. */
const ownBytes = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? bytes as Uint8Array<ArrayBuffer>
    : new Uint8Array(bytes)

/**
 * Reads what a server answers, up to a bound, over any client. A proxy or the page of a hotel's network may
 * answer without an end, or with a few kilobytes that are gigabytes when they are unpacked.
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isBodyMissing } from "../effect/http.js"
import { disconnect } from "../effect/waiting.js"

/** Why a body was not read to its end. */
export type Unread = "connection" | "timeout" | "too_large"

export interface Body {
  /** What was read of it. */
  readonly text: string
  /** `undefined`: all of it. */
  readonly unread: Unread | undefined
}

const empty: Body = { text: "", unread: undefined }

/** Statuses that have no body (RFC 9110, section 6.4.1). */
const isBodyless = (status: number): boolean => status === 204 || status === 304

/** Whether the server has said how long the body is, and it is no more than that: HTTP does not give more then. */
const isShort = ({ headers }: HttpClientResponse.HttpClientResponse, maxBytes: number): boolean => {
  const length = headers["content-length"]
  return length !== undefined && /^\d+$/.test(length) && Number(length) <= maxBytes &&
    headers["content-encoding"] === undefined && headers["transfer-encoding"] === undefined
}

/** Members that the platform's responses have and do not tell: the answer of `fetch`, in a wrapper or not. */
interface Wrapped {
  readonly source?: Partial<Pick<Response, "body" | "bodyUsed" | "redirected" | "url">>
}

/** The answer of `fetch` behind a response, if there is one. */
export const sourceOf = (
  response: HttpClientResponse.HttpClientResponse
): NonNullable<Wrapped["source"]> | undefined => {
  const { original, source = original?.source } = response as Wrapped & { readonly original?: Wrapped }
  return source
}

const nothing = (): void => {}

/** Reads from the stream of a web answer, which costs a fraction of the way over `Stream`. */
const readWeb = (
  body: ReadableStream<Uint8Array>,
  take: (chunk: Uint8Array) => boolean
): Effect.Effect<void, unknown> =>
  Effect.async((resume) => {
    const reader = body.getReader()
    const cancel = () => {
      reader.cancel().catch(nothing)
    }
    const next = (): void => {
      reader.read().then(({ done, value }) => {
        if (done) return resume(Effect.void)
        if (take(value)) return next()
        cancel()
        resume(Effect.void)
      }).catch((error) => resume(Effect.fail(error)))
    }
    next()
    return Effect.sync(cancel)
  })

/** Gives the body, in pieces or as a whole, to `take`, until that has enough. */
const readInto = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
  take: (chunk: Uint8Array) => boolean,
  takeAll: (text: string) => void
): Effect.Effect<void, unknown> => {
  const source = sourceOf(response)
  // What the program's own client has read is in memory, and cannot be read again.
  if (isShort(response, maxBytes) || source?.bodyUsed === true) return Effect.map(response.text, takeAll)
  if (source?.body === null) return Effect.void
  // That of undici is a stream of Node.
  if (typeof source?.body?.getReader === "function") return readWeb(source.body, take)
  // Who stops reading a stream closes it. Disconnected, because a client that cannot be interrupted must not hold up
  // the end of the program.
  return disconnect(
    Stream.runForEachWhile(response.stream, (chunk) => Effect.sync(() => take(chunk))).pipe(
      // A body that there is not can be no stream.
      Effect.catchAll((error) => isBodyMissing(error) ? Effect.void : Effect.fail(error))
    )
  )
}

/** Reads the body, no more than `maxBytes` of it after decompression, for no longer than `limitMillis`. Never fails. */
export const readBody = (
  response: HttpClientResponse.HttpClientResponse,
  maxBytes: number,
  limitMillis: number
): Effect.Effect<Body> => {
  if (isBodyless(response.status)) return Effect.succeed(empty)
  let text = ""
  let left = maxBytes
  const decoder = new TextDecoder()
  const take = (chunk: Uint8Array): boolean => {
    text += decoder.decode(chunk.length > left ? chunk.subarray(0, left) : chunk, { stream: true })
    left -= chunk.length
    return left >= 0
  }
  const takeAll = (whole: string): void => {
    text = whole
  }
  return Effect.suspend(() => readInto(response, maxBytes, take, takeAll)).pipe(
    Effect.timeoutOption(limitMillis),
    Effect.exit,
    Effect.map((exit): Body => ({
      text: text + decoder.decode(),
      // First, because a client may call it an error that somebody stops reading.
      unread: left < 0
        ? "too_large"
        : exit._tag === "Failure"
        ? "connection"
        : exit.value._tag === "None"
        ? "timeout"
        : undefined
    }))
  )
}

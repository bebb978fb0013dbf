/**
 * One request, one answer: what all requests to PostHog have in common. Nothing is retried here.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { redactText } from "../core/secrets.js"
import type { Resolved } from "./options.js"
import { userAgent } from "./version.js"

/** The server answered. */
export interface Answer {
  readonly _tag: "Answer"
  readonly status: number
  /** By lower-case name. */
  readonly headers: { readonly [name: string]: string | undefined }
  /** The body as text; `undefined` when it broke off or did not come in time, see `unread`. */
  readonly text: string | undefined
  /** Why the body could not be read. */
  readonly unread?: "connection" | "timeout" | undefined
}

/** There was no answer. */
export interface NoAnswer {
  readonly _tag: "NoAnswer"
  readonly reason: "connection" | "timeout"
  /** For people; shows nothing of the request. */
  readonly detail: string | undefined
}

export interface Http {
  /** A request to a path of the instance's host. */
  readonly request: (method: "GET" | "POST", path: string) => HttpClientRequest.HttpClientRequest
  /** Sends a request. Never fails; takes no longer than `timeout`, the body included. */
  readonly exchange: (
    request: HttpClientRequest.HttpClientRequest,
    timeout: Duration.Duration
  ) => Effect.Effect<Answer | NoAnswer>
  /** The same, unless `isWanted` says at the last moment that the request shall not be made; then `undefined`. */
  readonly exchangeIf: (
    isWanted: () => boolean,
    request: HttpClientRequest.HttpClientRequest,
    timeout: Duration.Duration
  ) => Effect.Effect<Answer | NoAnswer | undefined>
}

interface Wrapped {
  readonly source?: { readonly redirected?: unknown; readonly url?: unknown }
}

/**
 * What fetch went to in the end, when it followed a redirect. It goes on with a GET, so the answer says nothing about what was
 * sent. Other clients do not follow redirects.
 */
const redirectedTo = (response: HttpClientResponse.HttpClientResponse): string | undefined => {
  // Members that the platform's responses have and do not tell: the answer of fetch, in a wrapper or not.
  const { original, source = original?.source } = response as Wrapped & { readonly original?: Wrapped }
  return source?.redirected === true && typeof source.url === "string" ? source.url : undefined
}

/** The status that a redirect is told with when the client has followed it and the real one is not known. */
const followedRedirect = 302

/** As much of an error or an error page as is worth showing to people, in characters. */
const maxDetail = 200

export const make = (options: Resolved, client: HttpClient.HttpClient): Http => {
  const transformed = (options.transformClient === undefined ? client : options.transformClient(client)).pipe(
    // The library's own requests are no part of the program's traces.
    HttpClient.withTracerDisabledWhen(() => true),
    HttpClient.withTracerPropagation(false)
  )

  const read = (
    response: HttpClientResponse.HttpClientResponse,
    deadline: number
  ): Effect.Effect<Answer> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      response.text.pipe(
        Effect.timeout(Math.max(deadline - now, 0)),
        Effect.either,
        Effect.map((body) => {
          const location = redirectedTo(response)
          return {
            _tag: "Answer",
            status: location === undefined ? response.status : followedRedirect,
            headers: location === undefined ? response.headers : { ...response.headers, location },
            text: body._tag === "Right" ? body.right : undefined,
            unread: body._tag === "Right"
              ? undefined
              : body.left._tag === "TimeoutException"
              ? "timeout"
              : "connection"
          }
        })
      ))

  const noAnswer = (reason: NoAnswer["reason"], detail: string | undefined): NoAnswer => ({
    _tag: "NoAnswer",
    reason,
    detail
  })

  const exchangeIf: Http["exchangeIf"] = (isWanted, request, timeout) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const deadline = now + Duration.toMillis(timeout)
      // Disconnected, because a client that cannot be interrupted must not hold up the end of the program.
      return Effect.disconnect(
        // Looked at as late as can be: what comes before takes time.
        Effect.suspend(() => isWanted() ? transformed.execute(request) : Effect.succeed(undefined))
      ).pipe(
        // A client that fails on bad statuses has read the answer for us.
        Effect.catchTag("ResponseError", (error: HttpClientError.ResponseError) => Effect.succeed(error.response)),
        Effect.timeoutOption(timeout),
        Effect.flatMap((response): Effect.Effect<Answer | NoAnswer | undefined> =>
          response._tag === "None"
            ? Effect.succeed(noAnswer("timeout", `no answer within ${Duration.format(timeout)}`))
            : response.value === undefined
            ? Effect.succeed(undefined)
            : read(response.value, deadline)
        ),
        // Whatever a client can do, throwing and interrupting itself included, is a failed exchange. (A fiber that is interrupted
        // from outside does not come here.)
        Effect.catchAllCause((cause) =>
          Effect.succeed(
            noAnswer("connection", Cause.isInterruptedOnly(cause) ? "interrupted" : explain(Cause.squash(cause)))
          )
        )
      )
    })

  return {
    request: (method, path) =>
      HttpClientRequest.setHeader(HttpClientRequest.make(method)(options.host + path), "user-agent", userAgent),
    exchange: (request, timeout) => exchangeIf(() => true, request, timeout) as Effect.Effect<Answer | NoAnswer>,
    exchangeIf
  }
}

/** An error page in one line, for people; of a redirect, where it leads. */
export const summary = ({ headers, text }: Answer): string | undefined =>
  headers.location === undefined
    ? redactText(text?.replace(/\s+/g, " ").trim() ?? "", maxDetail) || undefined
    : `redirected to ${redactText(headers.location.replace(/[?#].*$/s, ""), maxDetail)}`

/**
 * The part of an error that helps and is safe to show: codes such as `ECONNREFUSED` and messages of the error's causes. The
 * error itself carries the request, whose body holds the events.
 */
const explain = (error: unknown): string | undefined => {
  const parts: Array<string> = []
  let current = error
  for (let depth = 0; depth < 5 && typeof current === "object" && current !== null; depth++) {
    const { cause, code, message, reason } = current as {
      readonly cause?: unknown
      readonly code?: unknown
      readonly message?: unknown
      readonly reason?: unknown
    }
    const part = typeof code === "string" ? code : depth === 0 && typeof reason === "string" ? reason : message
    if (typeof part === "string" && part !== "") parts.push(part)
    current = cause
  }
  return parts.length === 0 ? undefined : redactText(parts.join(": "), maxDetail)
}

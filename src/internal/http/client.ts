/**
 * One request, one answer: what all requests to PostHog have in common. Nothing is retried here.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { redactText } from "../../core/secrets.js"
import type { ConfigurationError } from "../../PostHogError.js"
import { isInterruption } from "../effect/cause.js"
import { isClient, untraced, withFailedResponse } from "../effect/http.js"
import { disconnect } from "../effect/waiting.js"
import { monotonicMillis } from "../monotonic.js"
import { invalidOption } from "../optionKinds.js"
import type { Resolved } from "../options.js"
import { userAgent } from "../version.js"
import { readBody, sourceOf, type Unread } from "./answer.js"
import { describeThrown, explain, maxDetail } from "./explain.js"

/** The server answered. */
export interface Answer {
  readonly _tag: "Answer"
  readonly status: number
  /** By lower-case name. */
  readonly headers: { readonly [name: string]: string | undefined }
  /** The body, or what was read of it, see `unread`. */
  readonly text: string
  /** Why the body was not read to its end; `undefined` when it was. */
  readonly unread: Unread | undefined
}

/** There was no answer. */
export interface NoAnswer {
  readonly _tag: "NoAnswer"
  readonly reason: "connection" | "timeout"
  /** For people; shows nothing of the request. */
  readonly detail: string | undefined
}

/** What an exchange may take. */
export interface Limits {
  /** The time for all of it, the body included. */
  readonly timeout: Duration.Duration
  /** Most bytes of the body, after decompression. */
  readonly maxBytes: number
  /** The time for the body alone, where the status says it all. */
  readonly bodyTimeout?: Duration.Duration | undefined
}

export interface Http {
  /** A request to a path of the instance's host. */
  readonly request: (method: "GET" | "PATCH" | "POST", path: string) => HttpClientRequest.HttpClientRequest
  /** Sends a request. Never fails, and keeps to the limits. */
  readonly exchange: (
    request: HttpClientRequest.HttpClientRequest,
    limits: Limits
  ) => Effect.Effect<Answer | NoAnswer>
  /** The same, unless `isWanted` says at the last moment that the request shall not be made; then `undefined`. */
  readonly exchangeIf: (
    isWanted: () => boolean,
    request: HttpClientRequest.HttpClientRequest,
    limits: Limits
  ) => Effect.Effect<Answer | NoAnswer | undefined>
}

/**
 * What fetch went to in the end, when it followed a redirect. It goes on with a GET, so the answer says nothing about
 * what was sent. Other clients do not follow redirects.
 */
const redirectedTo = (response: HttpClientResponse.HttpClientResponse): string | undefined => {
  const source = sourceOf(response)
  return source?.redirected === true && typeof source.url === "string" ? source.url : undefined
}

/** The status that stands for a redirect which the client has followed: the real one is not known. */
const followedRedirect = 302

/**
 * The client with the program's changes. A function that throws, or that gives no client, is a fault of the options.
 */
const transform = (
  { transformClient }: Resolved,
  client: HttpClient.HttpClient
): Effect.Effect<HttpClient.HttpClient, ConfigurationError> =>
  Effect.suspend(() => {
    if (transformClient === undefined) return Effect.succeed(client)
    try {
      const transformed: unknown = transformClient(client)
      if (isClient(transformed)) return Effect.succeed(transformed)
      throw new Error("it gives no HttpClient")
    } catch (thrown) {
      return invalidOption("transformClient", `cannot be used: ${describeThrown(thrown)}`)
    }
  })

export const make = (
  options: Resolved,
  given: HttpClient.HttpClient
): Effect.Effect<Http, ConfigurationError> =>
  Effect.map(transform(options, given), (client) => makeWith(options.host, client))

/** The same without the options of an instance. */
export const makeWith = (host: string, client: HttpClient.HttpClient): Http => {
  const transformed = untraced(client)

  const read = (
    response: HttpClientResponse.HttpClientResponse,
    { bodyTimeout, maxBytes }: Limits,
    left: number
  ): Effect.Effect<Answer> =>
    Effect.map(
      readBody(response, maxBytes, bodyTimeout === undefined ? left : Math.min(left, Duration.toMillis(bodyTimeout))),
      ({ text, unread }) => {
        const location = redirectedTo(response)
        return {
          _tag: "Answer",
          status: location === undefined ? response.status : followedRedirect,
          headers: location === undefined ? response.headers : { ...response.headers, location },
          text,
          unread
        }
      }
    )

  const noAnswer = (reason: NoAnswer["reason"], detail: string | undefined): NoAnswer => ({
    _tag: "NoAnswer",
    reason,
    detail
  })

  const exchangeIf: Http["exchangeIf"] = (isWanted, request, limits) =>
    Effect.clockWith((clock) => {
      const { timeout } = limits
      const deadline = monotonicMillis(clock) + Duration.toMillis(timeout)
      // Disconnected, because a client that cannot be interrupted must not hold up the end of the program.
      return disconnect(
        // Looked at as late as can be: what comes before takes time.
        Effect.suspend(() => isWanted() ? transformed.execute(request) : Effect.succeed(undefined))
      ).pipe(
        // A client that fails on bad statuses has read the answer for us.
        withFailedResponse,
        Effect.timeoutOption(timeout),
        Effect.flatMap((response): Effect.Effect<Answer | NoAnswer | undefined> =>
          response._tag === "None"
            ? Effect.succeed(noAnswer("timeout", `no answer within ${Duration.format(timeout)}`))
            : response.value === undefined
            ? Effect.succeed(undefined)
            : read(response.value, limits, Math.max(deadline - monotonicMillis(clock), 0))
        ),
        // Whatever a client can do, throwing and interrupting itself included, is a failed exchange. (A fiber that is
        // interrupted from outside does not come here.)
        Effect.catchAllCause((cause) =>
          Effect.succeed(
            noAnswer("connection", isInterruption(cause) ? "interrupted" : explain(Cause.squash(cause)))
          )
        )
      )
    })

  return {
    request: (method, path) =>
      HttpClientRequest.setHeader(HttpClientRequest.make(method)(host + path), "user-agent", userAgent),
    exchange: (request, limits) => exchangeIf(() => true, request, limits) as Effect.Effect<Answer | NoAnswer>,
    exchangeIf
  }
}

/** An error page in one line, for people; of a redirect, where it leads. */
export const summary = ({ headers, text }: Answer): string | undefined =>
  headers.location === undefined
    ? redactText(text.replace(/\s+/g, " ").trim(), maxDetail) || undefined
    : `redirected to ${redactText(headers.location.replace(/[?#].*$/s, ""), maxDetail)}`

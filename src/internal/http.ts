/**
 * One request, one answer: what all requests to PostHog have in common. Nothing is retried here.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Resolved } from "./options.js"
import { userAgent } from "./version.js"

/** The server answered. */
export interface Answer {
  readonly _tag: "Answer"
  readonly status: number
  /** By lower-case name. */
  readonly headers: { readonly [name: string]: string | undefined }
  /** The body as text; `undefined` when it broke off or did not come in time. */
  readonly text: string | undefined
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
}

/**
 * Redirects are not followed: fetch would go on with a GET, whose answer says nothing about the events, and cannot send a body
 * twice. Other settings of the program stay.
 */
const withoutRedirects = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.mapInputContext(self, (context: Context.Context<R>) => {
    const settings = context.unsafeMap.get(FetchHttpClient.RequestInit.key) as RequestInit | undefined
    return Context.add(context, FetchHttpClient.RequestInit, { ...settings, redirect: "manual" })
  })

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
        Effect.orElseSucceed(() => undefined),
        Effect.map((text) => ({ _tag: "Answer", status: response.status, headers: response.headers, text }))
      ))

  const noAnswer = (reason: NoAnswer["reason"], detail: string | undefined): NoAnswer => ({
    _tag: "NoAnswer",
    reason,
    detail
  })

  return {
    request: (method, path) =>
      HttpClientRequest.setHeader(HttpClientRequest.make(method)(options.host + path), "user-agent", userAgent),
    exchange: (request, timeout) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const deadline = now + Duration.toMillis(timeout)
        // Disconnected, because a client that cannot be interrupted must not hold up the end of the program.
        return Effect.disconnect(withoutRedirects(transformed.execute(request))).pipe(
          // A client that fails on bad statuses has read the answer for us.
          Effect.catchTag("ResponseError", (error: HttpClientError.ResponseError) => Effect.succeed(error.response)),
          Effect.timeoutOption(timeout),
          Effect.flatMap((response): Effect.Effect<Answer | NoAnswer> =>
            response._tag === "Some"
              ? read(response.value, deadline)
              : Effect.succeed(noAnswer("timeout", `no answer within ${Duration.format(timeout)}`))
          ),
          // Interruption stays one; anything else that a client can do, throwing included, is a failed exchange.
          Effect.catchAllCause((cause) =>
            Cause.isInterrupted(cause)
              ? Effect.failCause(cause as Cause.Cause<never>)
              : Effect.succeed(noAnswer("connection", explain(Cause.squash(cause))))
          )
        )
      })
  }
}

/** An error page in one line, for people; of a redirect, where it leads. */
export const summary = ({ headers, text }: Answer): string | undefined =>
  headers.location === undefined
    ? text?.replace(/\s+/g, " ").trim().slice(0, maxDetail) || undefined
    : `redirected to ${headers.location.replace(/[?#].*$/s, "").slice(0, maxDetail)}`

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
  return parts.length === 0 ? undefined : parts.join(": ").slice(0, maxDetail)
}

/**
 * Effect's HTTP client. Hides its tracing switches, what its errors look like, and what its clients are made of.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import { globalValue } from "effect/GlobalValue"

/** Sends a request, and gives the response before anything of its body was read. */
export type Execute<E, R> = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>

/** A client whose requests are no part of the program's traces. */
export const untraced = <E, R>(client: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E, R> =>
  client.pipe(HttpClient.withTracerDisabledWhen(() => true), HttpClient.withTracerPropagation(false))

/** Also the response that a client has, but fails with: one that fails on bad statuses. */
export const withFailedResponse = <A, R>(
  self: Effect.Effect<A, HttpClientError.HttpClientError, R>
): Effect.Effect<A | HttpClientResponse.HttpClientResponse, HttpClientError.RequestError, R> =>
  Effect.catchAll(self, (error) => error._tag === "ResponseError" ? Effect.succeed(error.response) : Effect.fail(error))

/** The response for whose status a client has failed, if that is what it failed with. */
export const refusedResponse = (thrown: unknown): HttpClientResponse.HttpClientResponse | undefined => {
  const { _tag, reason, response } = (thrown ?? {}) as Partial<HttpClientError.ResponseError>
  return _tag === "ResponseError" && reason === "StatusCode" ? response : undefined
}

/** The error of a client that has got no response. */
export const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  cause: unknown
): HttpClientError.HttpClientError => new HttpClientError.RequestError({ request, reason: "Transport", cause })

/** Whether the error says that the response has no body. */
export const isBodyMissing = (error: HttpClientError.ResponseError): boolean => error.reason === "EmptyBody"

/**
 * Under which a failure has what makes the response of it. `HttpServerRespondable.symbol`, whose import would bring the
 * server to programs that have none.
 */
export const respondable: unique symbol = Symbol.for("@effect/platform/HttpServerRespondable") as never

/** What every client of the platform is made of, which its type does not say. */
interface Parts<E, R> {
  readonly postprocess: HttpClient.HttpClient.Postprocess<E, R>
  readonly preprocess: HttpClient.HttpClient.Preprocess<E, R>
}

/** What a client is made of; `undefined`: it is not the platform's, and has `execute` only. */
export const partsOf = <E, R>(client: HttpClient.HttpClient.With<E, R>): Parts<E, R> | undefined => {
  const { postprocess, preprocess } = client as Partial<Parts<E, R>>
  return postprocess === undefined || preprocess === undefined ? undefined : { postprocess, preprocess }
}

/**
 * Sends `other` with the client below instead of `request`. `HttpClient.withScope` further out has noted what aborts
 * the request when the scope ends, by the request object: it holds for the other one, too. Were the map elsewhere, this
 * one would be empty and change nothing.
 */
export const sendInstead = <E, R>(
  request: HttpClientRequest.HttpClientRequest,
  other: HttpClientRequest.HttpClientRequest,
  send: Execute<E, R>
): Effect.Effect<HttpClientResponse.HttpClientResponse, E, R> => {
  const scoped = globalValue(
    "@effect/platform/HttpClient/scopedRequests",
    () => new WeakMap<HttpClientRequest.HttpClientRequest, AbortController>()
  )
  const controller = scoped.get(request)
  if (controller !== undefined) scoped.set(other, controller)
  return send(other)
}

export const isClient = (value: unknown): value is HttpClient.HttpClient =>
  typeof value === "object" && value !== null && HttpClient.TypeId in value

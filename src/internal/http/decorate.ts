/**
 * The one way to decorate an `HttpClient` of the program.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import { globalValue } from "effect/GlobalValue"

/** Sends a request, and gives the response before anything of its body was read. */
export type Execute<E, R> = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>

/**
 * A client whose requests pass through `wrap`. It gets each request as it will be sent, and what sends it. It may send
 * another request, send it again, or not at all, and may answer with another response object.
 *
 * What is put before the address further out, such as the `baseUrl` of an `HttpApiClient`, is in the request already: a
 * `mapRequest` in here would come before it. Each try of a `retry` further out passes, and so does each redirect that
 * a client follows further out; what is further in is not seen. Nothing of a body is read in here.
 */
export const decorate = <E, R, E1, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  wrap: (
    request: HttpClientRequest.HttpClientRequest,
    execute: Execute<E, R>
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, E1, R1>
): HttpClient.HttpClient.With<E | E1, R | R1> => {
  const { postprocess, preprocess } = client as Partial<Parts<E, R>>
  // A client that is not made by `@effect/platform` has `execute` only.
  const made = postprocess !== undefined && preprocess !== undefined
  const send: Execute<E, R> = made ? (request) => postprocess(Effect.succeed(request)) : client.execute
  return HttpClient.makeWith<E, R, E | E1, R | R1>(
    Effect.flatMap((request) =>
      wrap(request, (other) => {
        if (other !== request) keepScope(request, other)
        return send(other)
      })
    ),
    made ? preprocess : Effect.succeed
  )
}

/** What every client of `@effect/platform` is made of, which its type does not say. */
interface Parts<E, R> {
  readonly postprocess: HttpClient.HttpClient.Postprocess<E, R>
  readonly preprocess: HttpClient.HttpClient.Preprocess<E, R>
}

/**
 * `HttpClient.withScope` further out has noted what aborts the request when the scope ends, by the request object. It
 * holds for the request that is sent instead, too. Were the map elsewhere, this one would be empty and change nothing.
 */
const keepScope = (
  from: HttpClientRequest.HttpClientRequest,
  to: HttpClientRequest.HttpClientRequest
): void => {
  const scoped = globalValue(
    "@effect/platform/HttpClient/scopedRequests",
    () => new WeakMap<HttpClientRequest.HttpClientRequest, AbortController>()
  )
  const controller = scoped.get(from)
  if (controller !== undefined) scoped.set(to, controller)
}

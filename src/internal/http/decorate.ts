/**
 * The one way to decorate an `HttpClient` of the program.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import { type Execute, partsOf, sendInstead } from "../effect/http.js"

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
  const parts = partsOf(client)
  const send: Execute<E, R> = parts === undefined
    ? client.execute
    : (request) => parts.postprocess(Effect.succeed(request))
  return HttpClient.makeWith<E, R, E | E1, R | R1>(
    Effect.flatMap((request) =>
      wrap(request, (other) => other === request ? send(other) : sendInstead(request, other, send))
    ),
    parts === undefined ? Effect.succeed : parts.preprocess
  )
}

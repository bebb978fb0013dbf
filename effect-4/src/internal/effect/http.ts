/**
 * Effect's HTTP client. Hides its tracing switches, what its errors look like, and what its clients are made of.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

/** Sends a request, and gives the response before anything of its body was read. */
export type Execute<E, R> = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>

/** A client whose requests are no part of the program's traces. */
export const untraced = <E, R>(client: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E, R> =>
  HttpClient.transformResponse(client, (sent) =>
    sent.pipe(
      Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
      Effect.provideService(HttpClient.TracerPropagationEnabled, false)
    ))

/** Also the response that a client has, but fails with: one that fails on bad statuses. */
export const withFailedResponse = <A, R>(
  self: Effect.Effect<A, HttpClientError.HttpClientError, R>
): Effect.Effect<A | HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError, R> =>
  Effect.catch(self, (error) => {
    // The client is the program's, and may fail with anything.
    const response = HttpClientError.isHttpClientError(error) ? error.response : undefined
    return response === undefined ? Effect.fail(error) : Effect.succeed(response)
  })

/** The response for whose status a client has failed, if that is what it failed with. */
export const refusedResponse = (thrown: unknown): HttpClientResponse.HttpClientResponse | undefined => {
  const { _tag, reason } = (thrown ?? {}) as Partial<HttpClientError.HttpClientError>
  return _tag === "HttpClientError" && reason?._tag === "StatusCodeError" ? reason.response : undefined
}

/** The error of a client that has got no response. */
export const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  cause: unknown
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

/** Whether the error says that the response has no body. */
export const isBodyMissing = ({ reason }: HttpClientError.HttpClientError): boolean => reason._tag === "EmptyBodyError"

/**
 * Under which a failure has what makes the response of it. `HttpServerRespondable.symbol`, whose import would bring the
 * server to programs that have none.
 */
export const respondable = "~effect/http/HttpServerRespondable"

/** What every client of Effect is made of. The type says so, but the program's own may be another object. */
interface Parts<E, R> {
  readonly postprocess: HttpClient.HttpClient.Postprocess<E, R>
  readonly preprocess: HttpClient.HttpClient.Preprocess<E, R>
}

/** What a client is made of; `undefined`: it is not Effect's, and has `execute` only. */
export const partsOf = <E, R>(client: HttpClient.HttpClient.With<E, R>): Parts<E, R> | undefined => {
  const { postprocess, preprocess } = client as Partial<Parts<E, R>>
  return postprocess === undefined || preprocess === undefined ? undefined : { postprocess, preprocess }
}

/**
 * What aborts a request: a client of Effect gives the same signal each time for a request that `HttpClient.withScope`
 * further out has noted, and a new one for others.
 */
const signalFor = (request: HttpClientRequest.HttpClientRequest): AbortSignal | undefined => {
  const signals: Array<AbortSignal> = []
  const probe = HttpClient.make((_request, _url, signal) => {
    signals.push(signal)
    return Effect.die("nothing is sent")
  })
  const ask = Effect.exit(untraced(probe).execute(request))
  Effect.runSync(Effect.andThen(ask, ask))
  return signals[0] === signals[1] ? signals[0] : undefined
}

/**
 * Sends `other` with the client below instead of `request`. `HttpClient.withScope` further out has noted what aborts
 * the request when the scope ends, by the request object and where nobody can look it up: the other one gets a scope of
 * its own, which is closed when the first would be aborted.
 */
export const sendInstead = <E, R>(
  request: HttpClientRequest.HttpClientRequest,
  other: HttpClientRequest.HttpClientRequest,
  send: Execute<E, R>
): Effect.Effect<HttpClientResponse.HttpClientResponse, E, R> =>
  Effect.withFiber(({ context }) => {
    const signal = Option.isNone(Context.getOption(context, Scope.Scope)) ? undefined : signalFor(request)
    if (signal === undefined) return send(other)
    const scope = Scope.makeUnsafe()
    signal.addEventListener("abort", () => Effect.runFork(Scope.close(scope, Exit.void)), { once: true })
    const scoped = HttpClient.withScope(HttpClient.makeWith<never, never, E, R>(Effect.flatMap(send), Effect.succeed))
    return Effect.provideService(scoped.execute(other), Scope.Scope, scope)
  })

export const isClient = (value: unknown): value is HttpClient.HttpClient =>
  typeof value === "object" && value !== null && HttpClient.isHttpClient(value)

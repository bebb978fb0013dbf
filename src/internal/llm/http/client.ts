/**
 * Calls of models over an `HttpClient`: what the program reads of an answer is seen as it passes, and nothing else is
 * read.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Origin } from "../../capture.js"
import { snapshot } from "../../context.js"
import { isInterruption } from "../../effect/cause.js"
import { withFiber } from "../../effect/fiber.js"
import { refusedResponse } from "../../effect/http.js"
import { decorate } from "../../http/decorate.js"
import type { Instance } from "../../instance.js"
import { failureOf, isNoJson } from "../failure.js"
import { bodyOf, Exchanges, type Options, type Request, type Watched } from "./exchanges.js"
import { withUsage } from "./includeUsage.js"

/** The address as it is sent, but for the case of a query in both places. */
const urlOf = ({ url, urlParams }: HttpClientRequest.HttpClientRequest): string => {
  const query = UrlParams.toString(urlParams)
  return query === "" ? url : `${url}${url.includes("?") ? "&" : "?"}${query}`
}

const requestOf = (request: HttpClientRequest.HttpClientRequest): Request => {
  const { body, headers, method } = request
  return {
    method,
    url: urlOf(request),
    header: (name) => headers[name],
    body: bodyOf(body._tag === "Uint8Array" || body._tag === "Raw" ? body.body : undefined)
  }
}

/** A client whose calls of models are captured. `instanceOf` gives the instance for a fiber's context. */
export const withCapture = <E, R, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  instanceOf: Effect.Effect<Instance, never, R1>,
  options: Options
): HttpClient.HttpClient.With<E, R | R1> =>
  decorate(
    client,
    (request, execute) =>
      Effect.flatMap(instanceOf, (instance) =>
        withFiber<HttpClientResponse.HttpClientResponse, E, R>((fiber) => {
          const exchanges = Exchanges.of(instance)
          if (exchanges === undefined) {
            return execute(request)
          }
          const seen = requestOf(request)
          const origin = snapshot(fiber)
          const watched = exchanges.watch(origin, seen, options)
          if (watched === undefined) {
            return execute(request)
          }
          return Effect.uninterruptibleMask((restore) =>
            Effect.matchCauseEffect(restore(execute(options.includeUsage === true ? asked(request, seen) : request)), {
              onFailure: (cause) => {
                broken(watched, cause)
                return Effect.failCause(cause)
              },
              onSuccess: (response) => Effect.succeed(answered(exchanges, origin, watched, response))
            })
          )
        }))
  )

/** The request with the question for the number of tokens. */
const asked = (request: HttpClientRequest.HttpClientRequest, seen: Request): HttpClientRequest.HttpClientRequest => {
  const text = withUsage(seen)
  return text === undefined
    ? request
    : HttpClientRequest.bodyText(request, text, request.headers["content-type"] ?? "application/json")
}

/** There will be no answer, or no more of it. */
const broken = ({ exchange }: Watched, cause: Cause.Cause<unknown>): void => {
  if (isInterruption(cause)) return exchange.abort()
  const error = Cause.squash(cause)
  const refused = refusedResponse(error)
  if (refused !== undefined) {
    // A client further in fails for some statuses.
    const { headers, status } = refused
    exchange.answered(status, (name) => headers[name])
    return exchange.abandon()
  }
  if (isNoJson(error)) return exchange.unreadable()
  exchange.fail(failureOf(error))
}

const answered = (
  exchanges: Exchanges,
  origin: Origin,
  watched: Watched,
  response: HttpClientResponse.HttpClientResponse
): HttpClientResponse.HttpClientResponse => {
  const { headers, status } = response
  if (status >= 300 && status < 400) {
    exchanges.dismiss(watched)
    return response
  }
  watched.exchange.answered(status, (name) => headers[name])
  if (watched.exchange.isRefused) exchanges.refused(watched, origin)
  return new Proxy(response, {
    get: (target, name) => {
      const tap = isTapped(target, name) ? taps[name] : undefined
      // Asked of the response itself, because what it keeps to itself is known to itself only.
      return tap === undefined ? Reflect.get(target, name, target) : tap(target, watched)
    }
  })
}

/** What happens with what an accessor gives. */
const tapped = <A, E>(
  self: Effect.Effect<A, E>,
  watched: Watched,
  onSuccess: (value: A) => void
): Effect.Effect<A, E> =>
  Effect.onExit(self, (exit) =>
    Effect.sync(() => {
      if (Exit.isSuccess(exit)) onSuccess(exit.value)
      else broken(watched, exit.cause)
    }))

type Response = HttpClientResponse.HttpClientResponse

/** The ways to read a body. Each is seen by itself, because one does not know what another has read. */
const taps: { readonly [name: string]: ((response: Response, watched: Watched) => unknown) | undefined } = {
  text: ({ text }, watched) =>
    tapped(text, watched, (value) => {
      watched.exchange.push(value)
      watched.exchange.end()
    }),
  json: ({ json }, watched) => tapped(json, watched, (value) => watched.exchange.value(value)),
  arrayBuffer: ({ arrayBuffer }, watched) =>
    tapped(arrayBuffer, watched, (value) => {
      watched.exchange.push(new Uint8Array(value))
      watched.exchange.end()
    }),
  // No provider answers so.
  formData: ({ formData }, watched) => tapped(formData, watched, () => watched.exchange.abandon()),
  urlParamsBody: ({ urlParamsBody }, watched) => tapped(urlParamsBody, watched, () => watched.exchange.abandon()),
  stream: ({ stream }, watched) => tappedStream(stream, watched)
}

/** Whether a member may be replaced: a Proxy must give a member that is not configurable as it is. */
const isTapped = (target: object, name: string | symbol): name is string =>
  typeof name === "string" && Object.hasOwn(taps, name) &&
  Object.getOwnPropertyDescriptor(target, name)?.configurable !== false

/** Pulled when the program pulls, in the chunks that come. */
const tappedStream = <E>(self: Stream.Stream<Uint8Array, E>, watched: Watched): Stream.Stream<Uint8Array, E> =>
  self.pipe(
    Stream.map((bytes) => {
      watched.exchange.push(bytes)
      return bytes
    }),
    Stream.onEnd(Effect.sync(() => watched.exchange.end())),
    Stream.onError((cause) => Effect.sync(() => broken(watched, cause))),
    // However the program comes to its end: what has ended before stays as it was.
    Stream.ensuring(Effect.sync(() => watched.exchange.abort()))
  )

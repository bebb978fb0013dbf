/**
 * Effect's HTTP server. Hides how one is told of the response before it is sent, and how a Cause says which response it
 * is.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import { defectsOf } from "./cause.js"

/**
 * Runs something with the response to the request of this fiber, once that is known and before it is sent. The form of
 * Effect that is an effect requires the request, which is not in the types of a middleware.
 */
export const beforeResponse = (
  f: (response: HttpServerResponse.HttpServerResponse) => Effect.Effect<void>
): Effect.Effect<void> =>
  Effect.withFiber(({ context }) => {
    HttpEffect.appendPreResponseHandlerUnsafe(context, (_, response) => Effect.as(f(response), response))
    return Effect.void
  })

/** A Cause without the responses in it. */
export const withoutResponse = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Option.getOrElse(HttpServerError.causeResponseStripped(cause)[1], () => Cause.empty)

/** The response that was sent already, which a middleware of `serve` finds among the defects. */
export const sentResponse = (cause: Cause.Cause<unknown>): HttpServerResponse.HttpServerResponse | undefined =>
  defectsOf(cause).find(HttpServerResponse.isHttpServerResponse)

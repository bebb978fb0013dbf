/**
 * When something is captured about a request to a server of `@effect/platform`.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { currentPlace } from "../context.js"
import { isInterruption } from "../effect/cause.js"
import { serviceIfAny, streamLocally, withFiber } from "../effect/fiber.js"
import { beforeResponse, sentResponse, withoutResponse } from "../effect/server.js"
import { withoutResponses } from "../exceptions/responses.js"
import type { Server } from "./requestContext.js"

/** Without what says itself which response it is. */
const failureIn = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> => withoutResponses(withoutResponse(cause))

/** Status of an answer to a failure that says no other. */
const serverError = 500

/**
 * Runs something when the request is over. A handler for the response does not always run: `Effect.timeout` around the
 * middleware forks, and what a fiber that fails has set in its references is lost with it.
 */
const atEnd = (f: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>): Effect.Effect<void> =>
  withFiber((fiber) => {
    const scope = serviceIfAny(fiber, Scope.Scope)
    return Option.isSome(scope) ? Scope.addFinalizerExit(scope.value, f) : Effect.void
  })

/**
 * A server of `@effect/platform`. Whether a failure is an exception is decided by the response that is made from it,
 * which may happen further out: an `HttpApi` makes a typed 404 of an error that is no response itself.
 */
export const platformServer: Server<HttpServerResponse.HttpServerResponse> = {
  begin: ({ onEnd }) => {
    // Runs at most once: when a streamed body fails, the platform calls this again although the status is out. Cleared
    // after use, because this closure outlives the request.
    let pending = onEnd
    const end = (status: number | undefined): Effect.Effect<void> => {
      if (pending === undefined) return Effect.void
      const ended = pending(status)
      pending = undefined
      return ended
    }
    return Effect.zipRight(
      atEnd(() => end(undefined)),
      beforeResponse(({ status }) => end(status))
    )
  },
  succeeded: () => Effect.void,
  // The server makes the body outside of the middleware. When that fails, the status has been sent, whatever it is.
  sustain: (response, place, { onFailure }) => {
    const { body } = response
    if (body._tag !== "Stream") return response
    const stream = onFailure === undefined ? body.stream : Stream.tapErrorCause(body.stream, (cause) => {
      const failure = failureIn(cause)
      return isInterruption(failure) ? Effect.void : onFailure(failure)(response.status)
    })
    return HttpServerResponse.setBody(
      response,
      HttpBody.stream(
        streamLocally(stream, currentPlace, place),
        body.contentType,
        body.contentLength
      )
    )
  },
  failed: (cause, { onFailure }) => {
    if (onFailure === undefined) return Effect.void
    const failure = failureIn(cause)
    // An interruption alone is a client that has gone, or a server that ends.
    if (isInterruption(failure)) return Effect.void
    const capture = onFailure(failure)
    let isDecided = false
    const report = (status: number): Effect.Effect<void> => {
      if (isDecided) return Effect.void
      isDecided = true
      return status < 500 ? Effect.void : capture(status)
    }
    // A middleware of `serve` comes after the response.
    const sent = sentResponse(cause)
    return sent !== undefined ? report(sent.status) : Effect.zipRight(
      atEnd((exit) => Exit.isFailure(exit) ? report(serverError) : Effect.void),
      beforeResponse(({ status }) => report(status))
    )
  },
  // It cannot be interrupted outside of the handler, and answers 499.
  interrupted: undefined
}

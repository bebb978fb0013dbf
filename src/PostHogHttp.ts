/**
 * PostHog in HTTP servers that are built with `@effect/platform`.
 *
 * ```ts
 * import { HttpRouter, HttpServerResponse } from "@effect/platform"
 * import { PostHogHttp } from "effect-posthog"
 *
 * const app = HttpRouter.empty.pipe(
 *   HttpRouter.get("/", HttpServerResponse.text("hello")),
 *   PostHogHttp.captureErrors
 * )
 * ```
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerRespondable from "@effect/platform/HttpServerRespondable"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ErrorTracking from "./ErrorTracking.js"
import type { PostHog } from "./PostHog.js"

/** The cause without what says itself which response it is: a typed 404 is no exception. */
const withoutResponses = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.match(cause, {
    onEmpty: Cause.empty,
    onFail: (error): Cause.Cause<unknown> =>
      HttpServerRespondable.isRespondable(error) ? Cause.empty : Cause.fail(error),
    onDie: (defect) => HttpServerResponse.isServerResponse(defect) ? Cause.empty : Cause.die(defect),
    onInterrupt: (fiberId) => Cause.interrupt(fiberId),
    onSequential: (left, right) => Cause.sequential(left, right),
    onParallel: (left, right) => Cause.parallel(left, right)
  })

/**
 * Captures failures and defects of handlers that nobody turned into a response. Errors that say themselves which response they
 * are, such as a route that is not found, are no exceptions. The event carries the context in which the middleware runs, and the
 * method and path of the request.
 *
 * @since 0.1.0
 * @category middleware
 */
export const captureErrors = <E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R | PostHog> =>
  Effect.tapErrorCause(app, (cause) => {
    const failure = withoutResponses(cause)
    return Cause.isEmpty(failure)
      ? Effect.void
      : Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        ErrorTracking.capture(failure, {
          handled: false,
          mechanism: "middleware",
          source: "effect.http_middleware",
          properties: { $request_method: request.method, $request_path: request.url.replace(/[?#].*$/s, "") }
        }))
  })

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
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as ErrorTracking from "./ErrorTracking.js"
import { withoutResponses } from "./internal/errors/responses.js"
import * as internal from "./internal/tracingHeaders.js"
import type { PostHog } from "./PostHog.js"
import type * as PostHogContext from "./PostHogContext.js"

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

/**
 * Options of {@link withTracingHeaders}.
 *
 * @since 0.1.0
 * @category models
 */
export interface TracingHeadersOptions extends PostHogContext.Scope {
  /** Names of the hosts that get the headers: exact, without scheme, port, path and wildcard. */
  readonly hosts: ReadonlyArray<string>
}

/**
 * A client that tells one's own servers for whom it makes a request: `X-POSTHOG-DISTINCT-ID` and `X-POSTHOG-SESSION-ID` with the values
 * of the context as the request is made, in the place of those that the request has. Only requests to the hosts that are named get them; an
 * id that a header cannot hold (printable ASCII, 1,000 characters) is left out.
 *
 * @since 0.1.0
 * @category client
 */
export const withTracingHeaders: {
  /**
   * A client that tells one's own servers for whom it makes a request.
   *
   * @since 0.1.0
   * @category client
   */
  (
    options: TracingHeadersOptions
  ): <E, R>(client: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  /**
   * A client that tells one's own servers for whom it makes a request.
   *
   * @since 0.1.0
   * @category client
   */
  <E, R>(client: HttpClient.HttpClient.With<E, R>, options: TracingHeadersOptions): HttpClient.HttpClient.With<E, R>
} = /* #__PURE__ */ dual(2, internal.withTracingHeaders)

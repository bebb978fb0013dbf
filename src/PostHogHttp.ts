/**
 * PostHog in HTTP servers and clients: what is captured while a request is handled carries the request, its user and
 * its session, and a handler that fails is an exception.
 *
 * ```ts
 * import { HttpRouter, HttpServerResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import { PostHog, PostHogHttp } from "effect-posthog"
 *
 * const app = HttpRouter.empty.pipe(
 *   HttpRouter.get("/", Effect.as(PostHog.capture("page served"), HttpServerResponse.text("hello"))),
 *   PostHogHttp.middleware()
 * )
 * ```
 *
 * @since 0.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import { isObject, read } from "./core/guard.js"
import type { RequestFacts } from "./core/http/incoming.js"
import { currentPlace } from "./internal/context.js"
import type { ContextScope, CurrentContext } from "./internal/contextValues.js"
import { serviceOf, withFiber, withinRegion } from "./internal/effect/fiber.js"
import { webServer } from "./internal/http/fetchServer.js"
import { platformServer } from "./internal/http/platformServer.js"
import { plainValues, within } from "./internal/http/requestContext.js"
import { type Options, resolve } from "./internal/http/requestOptions.js"
import * as internal from "./internal/http/tracingHeaders.js"
import type { PostHog } from "./PostHog.js"

export type {
  /**
   * @since 0.1.0
   * @category models
   */
  Options
}

/** Asked when it is needed: Node's request has its socket, a request of the Fetch API has none. */
const isEncrypted = (request: HttpServerRequest.HttpServerRequest): boolean | undefined => {
  const socket = read(request.source, "socket")
  return isObject(socket) ? read(socket, "encrypted") === true : undefined
}

const factsOf = (request: HttpServerRequest.HttpServerRequest): RequestFacts => ({
  method: request.method,
  url: request.originalUrl,
  header: (name) => request.headers[name],
  remoteAddress: Option.getOrUndefined(request.remoteAddress),
  isEncrypted: () => isEncrypted(request)
})

/**
 * Handles each request in a context of its own, for all instances: the address (`$current_url`, `$host`, `$pathname`),
 * the method, the client (`$ip`, `$user_agent`), the user and the session of PostHog's headers, and the pattern of the
 * route as `http.route` once the router has found it. Captures what handlers fail with, and an event for each request
 * if wanted. Nothing of it delays the response.
 *
 * For an app or a router, and as `HttpLayerRouter.middleware(PostHogHttp.middleware(), { global: true })` or, for an
 * API, `HttpApiBuilder.middleware((app) => PostHogHttp.middleware(app), { withContext: true })`.
 *
 * @since 0.1.0
 * @category middleware
 */
export const middleware: {
  /**
   * Handles each request in a context of its own, and captures what handlers fail with.
   *
   * @since 0.1.0
   * @category middleware
   */
  <R = never>(
    options?: Options<HttpServerRequest.HttpServerRequest, R>
  ): <E, R2>(app: HttpApp.Default<E, R2>) => HttpApp.Default<E, NoInfer<R> | R2 | PostHog>
  /**
   * Handles each request in a context of its own, and captures what handlers fail with.
   *
   * @since 0.1.0
   * @category middleware
   */
  <E, R2, R = never>(
    app: HttpApp.Default<E, R2>,
    options?: Options<HttpServerRequest.HttpServerRequest, R>
  ): HttpApp.Default<E, NoInfer<R> | R2 | PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <E, R2, R = never>(
    app: HttpApp.Default<E, R2>,
    options: Options<HttpServerRequest.HttpServerRequest, R> = {}
  ): HttpApp.Default<E, R | R2 | PostHog> => {
    const settings = resolve(options)
    return withFiber((fiber) => {
      const request = serviceOf(fiber, HttpServerRequest.HttpServerRequest)
      return within(app, request, request.source, factsOf(request), settings, platformServer)
    })
  }
)

const webFactsOf = (request: Request): RequestFacts => ({
  method: request.method,
  url: request.url,
  header: (name) => {
    try {
      return request.headers.get(name)
    } catch {
      // No name of a header.
      return undefined
    }
  },
  remoteAddress: undefined
})

/**
 * Runs an effect that answers a request of the Fetch API as {@link middleware} would, for platforms that call a
 * function from `Request` to `Response`: Workers, Bun, Deno, Next. The address of the client is only known there by
 * `ipHeader` or `trustProxies`.
 *
 * ```ts
 * import { Effect, ManagedRuntime } from "effect"
 * import { PostHog, PostHogHttp, PostHogLive } from "effect-posthog"
 *
 * const runtime = ManagedRuntime.make(PostHogLive)
 *
 * const handler = (request: Request): Promise<Response> =>
 *   PostHog.capture("page served").pipe(
 *     Effect.as(new Response("hello")),
 *     PostHogHttp.withRequest(request),
 *     runtime.runPromise
 *   )
 * ```
 *
 * @since 0.1.0
 * @category middleware
 */
export const withRequest: {
  /**
   * Runs an effect that answers a request of the Fetch API as {@link middleware} would.
   *
   * @since 0.1.0
   * @category middleware
   */
  <R = never>(
    request: Request,
    options?: Options<Request, R>
  ): <E, R2>(self: Effect.Effect<Response, E, R2>) => Effect.Effect<Response, E, R | R2 | PostHog>
  /**
   * Runs an effect that answers a request of the Fetch API as {@link middleware} would.
   *
   * @since 0.1.0
   * @category middleware
   */
  <E, R2, R = never>(
    self: Effect.Effect<Response, E, R2>,
    request: Request,
    options?: Options<Request, R>
  ): Effect.Effect<Response, E, R | R2 | PostHog>
} = /* #__PURE__ */ dual(
  (args) => Effect.isEffect(args[0]),
  <E, R2, R = never>(
    self: Effect.Effect<Response, E, R2>,
    request: Request,
    options: Options<Request, R> = {}
  ): Effect.Effect<Response, E, R | R2 | PostHog> =>
    // The fiber may be anybody's here, and go on after it was interrupted in the middle.
    withinRegion(
      within(self, request, request, webFactsOf(request), resolve(options), webServer),
      currentPlace
    )
)

/**
 * A request as Node has it, and with it Express, Fastify and Nest.
 *
 * @since 0.1.0
 * @category models
 */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  /** The address before a router cut it, as Express and Fastify have it. */
  readonly originalUrl?: string | undefined
  readonly headers: { readonly [name: string]: string | ReadonlyArray<string> | undefined }
  readonly socket?: { readonly remoteAddress?: string | undefined } | null | undefined
}

const isWebRequest = (request: NodeRequest | Request): request is Request =>
  typeof (request.headers as { readonly get?: unknown }).get === "function"

const nodeFactsOf = (request: NodeRequest): RequestFacts => ({
  method: request.method ?? "",
  url: request.originalUrl ?? request.url ?? "",
  header: (name) => request.headers[name],
  remoteAddress: request.socket?.remoteAddress
})

/**
 * What a request says about itself, as values for `withContext`: address, method, client, and the user and the session
 * of PostHog's headers. For servers that are no server of `@effect/platform`, see `docs/frameworks.md`. Takes a request
 * of Node or of the Fetch API, and never throws: what cannot be read is left out.
 *
 * The values, and copies of them, remember what is the request's: `$ip` is only sent with events that PostHog may
 * locate, carriers leave all of it out, and events without a user share one id.
 *
 * @since 0.1.0
 * @category accessors
 */
export const contextOf = <R extends NodeRequest | Request>(
  request: R,
  options: Omit<Options<R>, "captureErrors" | "distinctId" | "requestEvent"> = {}
): CurrentContext => {
  try {
    const facts = isWebRequest(request) ? webFactsOf(request) : nodeFactsOf(request)
    return plainValues(request, facts, resolve(options))
  } catch {
    return {}
  }
}

/**
 * Options of {@link withTracingHeaders}.
 *
 * @since 0.1.0
 * @category models
 */
export interface TracingHeadersOptions extends ContextScope {
  /** Names of the hosts that get the headers: exact, without scheme, port, path and wildcard. */
  readonly hosts: ReadonlyArray<string>
}

/**
 * A client that tells one's own servers for whom it makes a request: `X-POSTHOG-DISTINCT-ID` and `X-POSTHOG-SESSION-ID`
 * with the values of the context as the request is made, in the place of those that the request has. Only requests to
 * the hosts that are named get them; an id that a header cannot hold (printable ASCII, 1,000 characters) is left out.
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

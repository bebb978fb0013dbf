/**
 * Apps of an HTTP server, and ways to ask them: `test/support/web.ts` for Effect 4, where a router is made of layers.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import type * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"

/** What answers a request. */
export type App<E = never, R = never> = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  E,
  R | HttpServerRequest.HttpServerRequest
>

/** What the test gives to an app; the server gives the rest. */
type Own<R> = Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>

type Method = "GET" | "POST"
type Handler = HttpServerResponse.HttpServerResponse | Effect.Effect<HttpServerResponse.HttpServerResponse, any, any>
type Handlers = Readonly<Record<`${Method} /${string}`, Handler>>
type EffectsOf<H extends Handlers> = Extract<H[keyof H], Effect.Effect<any, any, any>>

/** A router, which fails where it has no route. */
export const routes = <H extends Handlers>(
  handlers: H
): App<
  Effect.Error<EffectsOf<H>> | HttpServerError.HttpServerError,
  Exclude<Effect.Services<EffectsOf<H>>, HttpRouter.Provided>
> => {
  const made = Effect.runSync(Effect.gen(function*() {
    const router = yield* HttpRouter.make
    for (const [route, handler] of Object.entries<Handler>(handlers)) {
      const [method, path] = route.split(" ") as [Method, `/${string}`]
      yield* router.add(method, path, handler) as Effect.Effect<void>
    }
    return router.asHttpEffect()
  }))
  return made as App<any, any>
}

/** An app as a handler of the Fetch API, with the services of the test. */
export const webHandler = <E, R>(
  app: App<E, R>
): Effect.Effect<(request: Request) => Promise<Response>, never, Own<R>> =>
  Effect.map(
    Effect.context<Own<R>>(),
    (context) => HttpEffect.toWebHandlerWith(context)(app as never) as (request: Request) => Promise<Response>
  )

/** What an app answers. */
export const ask = <E, R>(app: App<E, R>, request: Request): Effect.Effect<Response, never, Own<R>> =>
  Effect.flatMap(webHandler(app), (handler) => Effect.promise(() => handler(request)))

/** Serves an app on a free port until the scope closes. A `middleware` comes after the response. */
export const serve = <E, R>(
  app: App<E, R>,
  options: { readonly make?: () => Server; readonly middleware?: HttpMiddleware.HttpMiddleware } = {}
): Effect.Effect<number, never, Own<R> | Scope.Scope> =>
  Effect.gen(function*() {
    const server = (options.make ?? createServer)()
    const context = yield* Layer.build(Layer.orDie(NodeHttpServer.layer(() => server, { port: 0 })))
    yield* (options.middleware === undefined
      ? HttpServer.serveEffect(app)
      : HttpServer.serveEffect(app, options.middleware)).pipe(Effect.provide(context)) as Effect.Effect<
        void,
        never,
        Own<R> | Scope.Scope
      >
    return (server.address() as AddressInfo).port
  })

/**
 * Apps of an HTTP server, and ways to ask them. `effect-4/test/support/web.ts` is this file for Effect 4, where a router
 * is made of layers.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpApp from "@effect/platform/HttpApp"
import type * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import type * as HttpServerError from "@effect/platform/HttpServerError"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"

/** What answers a request. */
export type App<E = never, R = never> = HttpApp.Default<E, R>

/** What the test gives to an app; the server gives the rest. */
type Own<R> = Exclude<R, HttpServerRequest.HttpServerRequest | Scope.Scope>

type Method = "GET" | "POST"
type HandlersOf<H> = Extract<H[keyof H], Effect.Effect<any, any, any>>
type Handlers = Readonly<Record<`${Method} /${string}`, HttpRouter.Route.Handler<any, any>>>

/** A router, which fails where it has no route. */
export const routes = <H extends Handlers>(
  handlers: H
): App<
  Effect.Effect.Error<HandlersOf<H>> | HttpServerError.RouteNotFound,
  Exclude<Effect.Effect.Context<HandlersOf<H>>, HttpRouter.HttpRouter.Provided>
> =>
  Object.entries(handlers).reduce<HttpRouter.HttpRouter<any, any>>((router, [route, handler]) => {
    const [method, path] = route.split(" ") as [Method, `/${string}`]
    return HttpRouter.route(method)(router, path, handler)
  }, HttpRouter.empty)

/** An app as a handler of the Fetch API, with the services of the test. */
export const webHandler = <E, R>(
  app: App<E, R>
): Effect.Effect<(request: Request) => Promise<Response>, never, Own<R>> =>
  Effect.map(
    Effect.runtime<Own<R>>(),
    (runtime) => HttpApp.toWebHandlerRuntime(runtime)(app as App<E, Own<R>>)
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

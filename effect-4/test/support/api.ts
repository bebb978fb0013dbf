/**
 * An API with users, of whom a security middleware tells who they are: `test/support/api.ts` for Effect 4, which
 * declares APIs in another form.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { PostHog, PostHogHttp } from "../../src/index.js"

class User extends Context.Service<User, { readonly id: string }>()("test/User") {}

class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}, { httpApiStatus: 401 }) {}

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", {}, { httpApiStatus: 409 }) {}

class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: User }>()("test/Authorization", {
  error: Unauthorized,
  security: { bearer: HttpApiSecurity.bearer }
}) {}

const Shop = HttpApi.make("shop").add(
  HttpApiGroup.make("orders")
    .add(
      HttpApiEndpoint.get("order", "/orders/:id", {
        params: { id: Schema.String },
        success: Schema.String,
        error: OutOfStock
      })
    )
    .middleware(Authorization)
)

const AuthorizationLive = Layer.succeed(Authorization, {
  bearer: (handler, { credential }) =>
    Effect.gen(function*() {
      const user = Redacted.value(credential)
      if (user === "") return yield* new Unauthorized()
      yield* PostHog.setContext({ distinctId: user })
      return yield* Effect.provideService(handler, User, { id: user })
    })
})

const OrdersLive = HttpApiBuilder.group(
  Shop,
  "orders",
  (handlers) =>
    handlers.handle("order", ({ params: { id } }) =>
      Effect.gen(function*() {
        const user = yield* User
        yield* PostHog.capture("order viewed", { viewer: user.id })
        if (id === "none") return yield* new OutOfStock()
        if (id === "broken") return yield* Effect.die(new TypeError("broken"))
        return id
      }))
)

/**
 * `GET /orders/:id` answers 401 without a bearer token, which is the user's id, 409 when the order is `none`, and 500
 * when it is `broken`.
 */
export const shop: Effect.Effect<(request: Request) => Promise<Response>, never, PostHog.PostHog | Scope.Scope> = Effect
  .gen(function*() {
    const { dispose, handler } = HttpRouter.toWebHandler(
      Layer.mergeAll(
        HttpApiBuilder.layer(Shop).pipe(Layer.provide(OrdersLive), Layer.provide(AuthorizationLive)),
        HttpRouter.middleware(PostHogHttp.middleware(), { global: true })
      ).pipe(
        Layer.provideMerge(Layer.succeed(PostHog.PostHog, yield* PostHog.PostHog)),
        Layer.provide(HttpServer.layerServices)
      ),
      { disableLogger: true }
    )
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    return (request) => handler(request)
  })

/**
 * An API with users, of whom a security middleware tells who they are. `effect-4/test/support/api.ts` is this file for
 * Effect 4, which declares APIs in another form.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { PostHog, PostHogHttp } from "../../src/index.js"

class User extends Context.Tag("test/User")<User, { readonly id: string }>() {}

class Unauthorized extends Schema.TaggedError<Unauthorized>()(
  "Unauthorized",
  {},
  HttpApiSchema.annotations({ status: 401 })
) {}

class OutOfStock extends Schema.TaggedError<OutOfStock>()(
  "OutOfStock",
  {},
  HttpApiSchema.annotations({ status: 409 })
) {}

class Authorization extends HttpApiMiddleware.Tag<Authorization>()("test/Authorization", {
  failure: Unauthorized,
  provides: User,
  security: { bearer: HttpApiSecurity.bearer }
}) {}

const Shop = HttpApi.make("shop").add(
  HttpApiGroup.make("orders")
    .add(
      HttpApiEndpoint.get("order")`/orders/${HttpApiSchema.param("id", Schema.String)}`.addSuccess(Schema.String)
        .addError(OutOfStock)
    )
    .middleware(Authorization)
)

const AuthorizationLive = Layer.succeed(Authorization, {
  bearer: (token) =>
    Effect.gen(function*() {
      const user = Redacted.value(token)
      if (user === "") return yield* new Unauthorized()
      yield* PostHog.setContext({ distinctId: user })
      return { id: user }
    })
})

const OrdersLive = HttpApiBuilder.group(
  Shop,
  "orders",
  (handlers) =>
    handlers.handle("order", ({ path: { id } }) =>
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
    const { dispose, handler } = HttpApiBuilder.toWebHandler(
      Layer.mergeAll(
        HttpApiBuilder.api(Shop).pipe(Layer.provide(OrdersLive), Layer.provide(AuthorizationLive)),
        HttpApiBuilder.middleware((app) => PostHogHttp.middleware(app), { withContext: true }),
        HttpServer.layerContext
      ).pipe(Layer.provideMerge(Layer.succeed(PostHog.PostHog, yield* PostHog.PostHog)))
    )
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    return (request) => handler(request)
  })

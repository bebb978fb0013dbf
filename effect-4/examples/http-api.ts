/**
 * An API with users. Who makes a request is said by a security middleware; everything that is captured while the request is handled, and
 * what goes wrong in it, is about that user.
 *
 *   npx tsx examples/http-api.ts                            with a PostHog inside this program, and three requests
 *   POSTHOG_API_KEY=phc_… npx tsx examples/http-api.ts      with yours, on port 3000, until it is stopped
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Context, Effect, Layer, Logger, Redacted, Result, Schema } from "effect"
import { PostHog, PostHogClient, PostHogHttp, PostHogLive } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { HttpClient, HttpClientRequest, HttpRouter, HttpServer } from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSecurity
} from "effect/http-api"
import { createServer } from "node:http"

// ---- The API

class User extends Context.Service<User, { readonly id: string }>()("User") {}

class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}, { httpApiStatus: 401 }) {}

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { order: Schema.String }, { httpApiStatus: 404 }) {}

class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: User }>()("Authorization", {
  error: Unauthorized,
  security: { bearer: HttpApiSecurity.bearer }
}) {}

class Shop extends HttpApi.make("shop").add(
  HttpApiGroup.make("orders")
    .add(
      HttpApiEndpoint.get("order", "/orders/:id", {
        params: { id: Schema.String },
        success: Schema.Struct({ id: Schema.String, total: Schema.Number }),
        error: NotFound
      })
    )
    .middleware(Authorization)
) {}

// ---- Its implementation

const AuthorizationLive = Layer.succeed(Authorization, {
  bearer: (handler, { credential }) =>
    Effect.gen(function*() {
      // A real one would look the token up.
      const id = Redacted.value(credential).replace(/^token-of-/, "")
      if (id === "") return yield* new Unauthorized()
      // From here on the request is this user's, whatever its headers say.
      yield* PostHog.setContext({ distinctId: id })
      return yield* Effect.provideService(handler, User, { id })
    })
})

const totals: Readonly<Record<string, number>> = { ord_1: 42, ord_2: Number.NaN }

const OrdersLive = HttpApiBuilder.group(
  Shop,
  "orders",
  (handlers) =>
    handlers.handle("order", ({ params: { id } }) =>
      Effect.gen(function*() {
        const total = totals[id]
        // A typed 404 is an answer, not an exception.
        if (total === undefined) return yield* new NotFound({ order: id })
        if (Number.isNaN(total)) return yield* Effect.die(new RangeError(`order ${id} has no total`))
        yield* PostHog.capture("order viewed", { order: id, total })
        return { id, total }
      }))
)

const Routes = Layer.mergeAll(
  HttpApiBuilder.layer(Shop).pipe(Layer.provide(OrdersLive), Layer.provide(AuthorizationLive)),
  HttpRouter.middleware(PostHogHttp.middleware({ requestEvent: "request handled" }), { global: true })
)

const Server = (port: number) =>
  HttpRouter.serve(Routes).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port })))

// ---- Running it

const clientFor = (url: string, user: string) =>
  HttpApiClient.make(Shop, {
    baseUrl: url,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(`token-of-${user}`))
  }).pipe(Effect.provide(PostHogClient.layer))

const demonstration = Effect.gen(function*() {
  const host = yield* PostHogServer.url
  yield* Effect.gen(function*() {
    const server = yield* HttpServer.HttpServer
    const url = HttpServer.formatAddress(server.address).replace("0.0.0.0", "127.0.0.1")
    for (const [user, id] of [["ada", "ord_1"], ["bob", "ord_3"], ["eve", "ord_2"]] as const) {
      const client = yield* clientFor(url, user)
      const answer = yield* Effect.result(client.orders.order({ params: { id } }))
      yield* Console.log(
        `${user} asks for ${id}: ${
          Result.isSuccess(answer) ? answer.success.total : (answer.failure as { _tag: string })._tag
        }`
      )
    }
  }).pipe(
    Effect.provide(Server(0)),
    Effect.provide(
      PostHog.layer({ apiKey: "phc_shop", host }).pipe(Layer.provide(PostHogClient.layer))
    ),
    Effect.provide(Logger.layer([]))
  )
  for (const { distinct_id, event, properties } of yield* PostHogServer.events) {
    const what = properties.$exception_message ?? properties.$response_status_code ?? properties.order
    yield* Console.log(`${event} (${what}) of ${distinct_id} at ${properties["http.route"]}`)
  }
}).pipe(Effect.provide(PostHogServer.layer()))

const main: Effect.Effect<void, unknown> = process.env.POSTHOG_API_KEY === undefined
  ? demonstration
  : Layer.launch(Server(3000).pipe(Layer.provide(PostHogLive)))

NodeRuntime.runMain(main)

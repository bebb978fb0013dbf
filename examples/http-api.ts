/**
 * An API with users. Who makes a request is said by a security middleware; everything that is captured while the request is handled, and
 * what goes wrong in it, is about that user.
 *
 *   npx tsx examples/http-api.ts                            with a PostHog inside this program, and three requests
 *   POSTHOG_API_KEY=phc_… npx tsx examples/http-api.ts      with yours, on port 3000, until it is stopped
 */
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  HttpClient,
  HttpClientRequest,
  HttpServer
} from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Context, Effect, Either, Layer, Logger, Redacted, Schema } from "effect"
import { PostHog, PostHogClient, PostHogHttp, PostHogLive } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { createServer } from "node:http"

// ---- The API

class User extends Context.Tag("User")<User, { readonly id: string }>() {}

class Unauthorized extends Schema.TaggedError<Unauthorized>()(
  "Unauthorized",
  {},
  HttpApiSchema.annotations({ status: 401 })
) {}

class NotFound extends Schema.TaggedError<NotFound>()(
  "NotFound",
  { order: Schema.String },
  HttpApiSchema.annotations({ status: 404 })
) {}

class Authorization extends HttpApiMiddleware.Tag<Authorization>()("Authorization", {
  failure: Unauthorized,
  provides: User,
  security: { bearer: HttpApiSecurity.bearer }
}) {}

class Shop extends HttpApi.make("shop").add(
  HttpApiGroup.make("orders")
    .add(
      HttpApiEndpoint.get("order")`/orders/${HttpApiSchema.param("id", Schema.String)}`
        .addSuccess(Schema.Struct({ id: Schema.String, total: Schema.Number }))
        .addError(NotFound)
    )
    .middleware(Authorization)
) {}

// ---- Its implementation

const AuthorizationLive = Layer.succeed(Authorization, {
  bearer: (token) =>
    Effect.gen(function*() {
      // A real one would look the token up.
      const id = Redacted.value(token).replace(/^token-of-/, "")
      if (id === "") return yield* new Unauthorized()
      // From here on the request is this user's, whatever its headers say.
      yield* PostHog.setContext({ distinctId: id })
      return { id }
    })
})

const totals: Readonly<Record<string, number>> = { ord_1: 42, ord_2: Number.NaN }

const OrdersLive = HttpApiBuilder.group(
  Shop,
  "orders",
  (handlers) =>
    handlers.handle("order", ({ path: { id } }) =>
      Effect.gen(function*() {
        const total = totals[id]
        // A typed 404 is an answer, not an exception.
        if (total === undefined) return yield* new NotFound({ order: id })
        if (Number.isNaN(total)) return yield* Effect.die(new RangeError(`order ${id} has no total`))
        yield* PostHog.capture("order viewed", { order: id, total })
        return { id, total }
      }))
)

const Server = (port: number) =>
  HttpApiBuilder.serve().pipe(
    Layer.provide(
      HttpApiBuilder.middleware(
        (app) => PostHogHttp.middleware(app, { requestEvent: "request handled" }),
        { withContext: true }
      )
    ),
    Layer.provide(HttpApiBuilder.api(Shop)),
    Layer.provide(OrdersLive),
    Layer.provide(AuthorizationLive),
    HttpServer.withLogAddress,
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port }))
  )

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
      const answer = yield* Effect.either(client.orders.order({ path: { id } }))
      yield* Console.log(
        `${user} asks for ${id}: ${
          Either.isRight(answer) ? answer.right.total : (answer.left as { _tag: string })._tag
        }`
      )
    }
  }).pipe(
    Effect.provide(Server(0)),
    Effect.provide(
      PostHog.layer({ apiKey: "phc_shop", host }).pipe(Layer.provide(PostHogClient.layer))
    ),
    Effect.provide(Logger.remove(Logger.defaultLogger))
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

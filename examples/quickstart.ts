/**
 * A small HTTP shop that tells PostHog what its customers do.
 *
 *   npm run quickstart                            sends to a PostHog that runs inside this program
 *   POSTHOG_API_KEY=phc_… npm run quickstart      sends to your project (POSTHOG_HOST for another region)
 *
 * A second project, for marketing, gets what is of interest there: POSTHOG_MARKETING_API_KEY, by default the same key.
 */
import {
  HttpBody,
  HttpClient,
  HttpClientRequest,
  HttpMiddleware,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Logger, LogLevel, Option, Redacted, Schema, Stream } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogClient, PostHogConfig } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { createServer } from "node:http"

// ---- The shop: a few routes. Who the customer is comes with each request.

/** Which checkout a customer gets. Until there is such a flag in your project, everybody gets the usual one. */
const Checkout = FeatureFlag.variants("checkout", ["control", "fast"], { default: "control", owner: "shop" })

class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}

const signup = Effect.gen(function*() {
  const { company, email, id } = yield* HttpServerRequest.schemaBodyJson(
    Schema.Struct({ id: Schema.String, email: Schema.String, company: Schema.String })
  )
  yield* PostHog.identify(id, { email }, { setOnce: { signed_up_at: new Date() } })
  yield* PostHog.groupIdentify("company", company, { seats: 5 })
  // From here on the request has a user.
  yield* PostHog.setContext({ distinctId: id, groups: { company } })
  yield* PostHog.capture("signed up", { plan: "free" })
  yield* PostHog.capture("lead won", { source: "shop" }).pipe(PostHog.using(Marketing))
  return HttpServerResponse.empty({ status: 201 })
})

const product = Effect.gen(function*() {
  const { id } = yield* HttpRouter.schemaPathParams(Schema.Struct({ id: Schema.String }))
  yield* PostHog.capture("product viewed", { product: id })
  return yield* HttpServerResponse.json({ id, price: 42 })
})

const checkout = Effect.gen(function*() {
  const { products } = yield* HttpServerRequest.schemaBodyJson(Schema.Struct({ products: Schema.Array(Schema.String) }))
  const flags = yield* FeatureFlags.evaluate({ flagKeys: [Checkout] })
  const checkout = yield* flags.get(Checkout)
  // The event says which checkout it was.
  yield* PostHog.capture("order completed", { products, total: products.length * 42 }, { flags })
  yield* PostHog.setPersonProperties({ plan: "pro" })
  return yield* HttpServerResponse.json({ ok: true, checkout })
})

const shop = HttpRouter.empty.pipe(
  HttpRouter.post("/signup", signup),
  HttpRouter.get("/products/:id", product),
  HttpRouter.post("/checkout", checkout),
  // Everything that a request captures belongs to its customer, session and company.
  HttpMiddleware.make((app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, url }) =>
      PostHog.withContext(app, {
        distinctId: headers["x-customer"],
        sessionId: headers["x-session"],
        groups: { company: headers["x-company"] },
        properties: { $pathname: url }
      }))
  )
)

// ---- Its customers

const visit = Effect.gen(function*() {
  const client = yield* HttpClient.HttpClient
  const address = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const send = (request: HttpClientRequest.HttpClientRequest, headers: Record<string, string>) =>
    client.execute(request.pipe(HttpClientRequest.prependUrl(address), HttpClientRequest.setHeaders(headers))).pipe(
      Effect.flatMap((response) => response.text)
    )
  yield* Effect.forEach(["ada", "grace", "barbara"], (id) =>
    Effect.gen(function*() {
      const company = `${id}-inc`
      const headers = { "x-customer": id, "x-session": `session-${id}`, "x-company": company }
      const post = (url: string, body: unknown) => HttpClientRequest.post(url, { body: HttpBody.unsafeJson(body) })
      yield* send(post("/signup", { id, email: `${id}@example.com`, company }), {})
      yield* send(HttpClientRequest.get("/products/teapot"), headers)
      yield* send(post("/checkout", { products: ["teapot", "cup"] }), headers)
    }), { concurrency: "unbounded" })
})

// ---- What PostHog says to it

const printAcknowledged = (name: string) =>
  PostHog.diagnostics.pipe(
    Stream.runForEach((diagnostic) => {
      switch (diagnostic._tag) {
        case "EventsDelivered":
          return Effect.forEach(
            diagnostic.events,
            ({ event, uuid }) => Console.log(`  acknowledged  ${name.padEnd(10)} ${event.padEnd(20)} ${uuid}`),
            { discard: true }
          )
        case "EventsDropped":
        case "RetryScheduled":
        case "DeliveryPaused":
          return Console.log(`  ${diagnostic._tag}  ${name}  ${JSON.stringify(diagnostic)}`)
        default:
          return Effect.void
      }
    }),
    Effect.forkScoped
  )

const printStats = (name: string) =>
  Effect.flatMap(PostHog.stats, ({ accepted, delivered, dropped, inFlight, queued }) =>
    Console.log(
      `  ${
        name.padEnd(10)
      } accepted ${accepted} = delivered ${delivered} + queued ${queued} + in flight ${inFlight} + dropped ${
        Object.values(dropped).reduce((sum, count) => sum + count, 0)
      }`
    ))

const program = Effect.gen(function*() {
  yield* printAcknowledged("PostHog")
  yield* printAcknowledged("Marketing").pipe(PostHog.using(Marketing))
  yield* Layer.build(HttpServer.serve(shop))
  yield* HttpServer.addressFormattedWith((address) => Console.log(`The shop is open at ${address}.`))
  yield* visit
  yield* Effect.all([PostHog.flush, PostHog.flush.pipe(PostHog.using(Marketing))], { concurrency: 2 })
  // The lines above are printed by fibers of their own; give them a moment.
  yield* Effect.sleep("50 millis")
  yield* Console.log("What became of it:")
  yield* printStats("PostHog")
  yield* printStats("Marketing").pipe(PostHog.using(Marketing))
}).pipe(Effect.scoped)

// ---- Where the events go

const instances = (options: PostHogConfig.Options, marketing: PostHogConfig.Options) =>
  Layer.merge(PostHog.layer(options), PostHog.layerInstance(Marketing, marketing))

const PostHogHere = Layer.unwrapScoped(Effect.gen(function*() {
  const options = yield* PostHogConfig.config
  if (options.apiKey === undefined) {
    const { url } = yield* PostHogServer.make({
      flags: [
        PostHogServer.override(Checkout, "control"),
        { ...PostHogServer.override(Checkout, "fast"), distinctId: "ada" }
      ]
    })
    yield* Console.log(`No POSTHOG_API_KEY: a PostHog of its own listens at ${url}.`)
    return instances({ apiKey: "phc_shop", host: url }, { apiKey: "phc_marketing", host: url })
  }
  const marketing = yield* Config.option(Config.redacted("POSTHOG_MARKETING_API_KEY"))
  yield* Console.log(`Sending to ${options.host ?? PostHogConfig.defaults.host}.`)
  return instances(options, {
    ...options,
    apiKey: Option.getOrElse(marketing, () => options.apiKey ?? Redacted.make(""))
  })
})).pipe(Layer.provide(PostHogClient.layer))

const Here = Layer.mergeAll(
  PostHogHere,
  NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }),
  PostHogClient.layer,
  Logger.minimumLogLevel(LogLevel.Warning)
)

NodeRuntime.runMain(Effect.provide(program, Here))

/** A hello-world server, without PostHog or with the middleware. Prints its port; `/cpu` answers the CPU time used so far. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as PostHog from "effect-posthog/PostHog"
import * as PostHogHttp from "effect-posthog/PostHogHttp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { routes } from "../../test/support/web.js"

const [kind, host] = process.argv.slice(2)

const cpu = Effect.sync(() => {
  const { system, user } = process.cpuUsage()
  return HttpServerResponse.text(String(system + user))
})

const router = routes({ "GET /users/:id": HttpServerResponse.text("hello"), "GET /cpu": cpu })

const app = kind === "without" ? router : PostHogHttp.middleware(router, {
  requestEvent: kind === "with an event" ? ({ url }) => url === "/cpu" ? undefined : "request" : undefined
})

const address = HttpServer.addressFormattedWith((address) =>
  Effect.sync(() => process.stdout.write(`${new URL(address).port}\n`))
)

Effect.runFork(
  Effect.zipRight(HttpServer.serveEffect(app), Effect.zipRight(address, Effect.never)).pipe(
    Effect.scoped,
    Effect.provide(
      Layer.merge(
        NodeHttpServer.layer(createServer, { port: 0 }),
        PostHog.layer({ apiKey: "phc_bench", host }).pipe(Layer.provide(FetchHttpClient.layer))
      )
    )
  )
)

/**
 * The HTTP client that `PostHogLive` uses, for layers that are put together by hand.
 *
 * ```ts
 * import { Layer } from "effect"
 * import { PostHog, PostHogClient } from "effect-posthog"
 *
 * const PostHogHere = PostHog.layer({ apiKey: "phc_…" }).pipe(Layer.provide(PostHogClient.layer))
 * ```
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { providedIn } from "./internal/effect/fiber.js"
import * as NodeClient from "./internal/http/nodeClient.js"

const hasSettingsOfFetch = Effect.map(
  Effect.context<never>(),
  (context) =>
    providedIn(context, FetchHttpClient.Fetch) !== undefined ||
    providedIn(context, FetchHttpClient.RequestInit) !== undefined
)

const fetchClient = Layer.provide(
  FetchHttpClient.layer,
  Layer.effect(
    FetchHttpClient.RequestInit,
    Effect.map(Effect.context<never>(), (context): RequestInit => {
      const given = providedIn(context, FetchHttpClient.RequestInit)
      // A redirect leads away from PostHog, see docs/decisions/delivery.md, "A redirect is a rejection".
      return { redirect: "manual", ...given }
    })
  )
)

/**
 * A client over `node:http` on Node 20.16 and later, and over the platform's `fetch` everywhere else. It follows no
 * redirect.
 *
 * On Node a process ends within the instance's `shutdownTimeout` also when PostHog's host does not answer to
 * connections, which it does not with `fetch`: a connection attempt that is given up there holds the process for up to
 * ten seconds. Connections are kept for four seconds, and closed with the layer.
 *
 * Where `FetchHttpClient.Fetch` or `FetchHttpClient.RequestInit` is provided to this layer (a `fetch` of the program's
 * own, settings such as a dispatcher), requests go over `fetch` with them.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<HttpClient.HttpClient> = /* #__PURE__ */ Layer.unwrapScoped(
  /* #__PURE__ */ Effect.gen(function*() {
    const overFetch = yield* Effect.map(Layer.build(fetchClient), Context.get(HttpClient.HttpClient))
    const client = (yield* hasSettingsOfFetch) ? undefined : yield* NodeClient.make(overFetch)
    return Layer.succeed(HttpClient.HttpClient, client ?? overFetch)
  })
)

/**
 * A Cloudflare Worker whose events arrive although nothing runs between its requests. Bundle it with `esbuild --bundle --format=esm`
 * (wrangler does the same) and set POSTHOG_API_KEY and POSTHOG_HOST as variables of the Worker.
 *
 *   GET /orders/7?user=ada    captures an event, and sends it behind the response
 *   GET /isolated?user=ada    the same with an instance for this request alone
 */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer, ManagedRuntime } from "effect"
import { PostHog, PostHogServerless } from "effect-posthog"

interface Env {
  readonly POSTHOG_API_KEY: string
  readonly POSTHOG_HOST: string
}

interface Context {
  waitUntil(promise: Promise<unknown>): void
}

const makeRuntime = (env: Env) =>
  ManagedRuntime.make(
    PostHog.layer({
      apiKey: env.POSTHOG_API_KEY,
      host: env.POSTHOG_HOST,
      background: false,
      requestTimeout: "5 seconds"
    })
      .pipe(Layer.provide(FetchHttpClient.layer))
  )

/** One for all requests that this isolate serves. Made with the first, because a Worker's variables come with requests. */
let shared: ReturnType<typeof makeRuntime> | undefined

const respond = (url: URL): Effect.Effect<Response, never, PostHog.PostHog> =>
  Effect.gen(function*() {
    yield* PostHog.capture("order viewed", { path: url.pathname })
    yield* PostHog.capture("recommendations shown", { count: 3 })
    return new Response("hello\n")
  }).pipe(PostHog.withDistinctId(url.searchParams.get("user") ?? ""))

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === "/isolated") {
      const runtime = makeRuntime(env)
      try {
        return await runtime.runPromise(respond(url))
      } finally {
        // Closing the instance sends what is queued.
        context.waitUntil(runtime.dispose())
      }
    }
    shared ??= makeRuntime(env)
    return shared.runPromise(respond(url).pipe(PostHogServerless.withFlush(context)))
  }
}

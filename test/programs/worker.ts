/**
 * A Worker that shows what the example does not: requests that end in the middle of a flush, and the numbers. Run by workerd.test.ts.
 */
import { FetchHttpClient } from "@effect/platform"
import { Effect, Layer, ManagedRuntime } from "effect"
import { PostHog, PostHogServerless } from "effect-posthog"

interface Env {
  readonly POSTHOG_HOST: string
}

interface Context {
  waitUntil(promise: Promise<unknown>): void
}

const make = (env: Env, background = false) =>
  ManagedRuntime.make(
    PostHog.layer({ apiKey: "phc_worker", host: env.POSTHOG_HOST, background, requestTimeout: "1 second" })
      .pipe(Layer.provide(FetchHttpClient.layer))
  )

let runtime: ReturnType<typeof make> | undefined

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    runtime ??= make(env)
    const { pathname, searchParams } = new URL(request.url)
    const id = searchParams.get("id") ?? ""
    const count = Number(searchParams.get("count") ?? 1)
    const capture = Effect.forEach(
      Array.from({ length: count }, (_, i) => i),
      (i) => PostHog.capture(`event ${id}.${i}`, { text: "x".repeat(200) }, { distinctId: id }),
      { discard: true }
    )
    switch (pathname) {
      case "/cut-off":
        // Nobody tells the platform that this goes on.
        runtime.runFork(Effect.zipRight(capture, PostHog.flush))
        if (searchParams.has("once")) await fetch(`${env.POSTHOG_HOST}/${searchParams.get("once")}`)
        return new Response("")
      case "/wait":
        await runtime.runPromise(capture.pipe(PostHogServerless.withFlush()))
        return new Response("")
      case "/own": {
        const own = make(env, true)
        await own.runPromise(capture)
        context.waitUntil(own.dispose())
        return new Response("")
      }
      case "/stats":
        return Response.json(await runtime.runPromise(PostHog.stats))
      default:
        await runtime.runPromise(capture.pipe(PostHogServerless.withFlush(context)))
        return new Response("")
    }
  }
}

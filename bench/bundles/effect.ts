/** What a program with Effect and an HTTP client over fetch weighs without PostHog. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

const runtime = ManagedRuntime.make(Layer.mergeAll(FetchHttpClient.layer))
await runtime.runPromise(
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const response = yield* client.execute(HttpClientRequest.post("https://us.i.posthog.com/batch/"))
    return yield* response.text
  })
)

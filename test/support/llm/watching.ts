/**
 * Programs that call models of the loopback server and are watched by PostHog.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Effect, Layer } from "effect"
import type { Providers } from "./providers.js"

/** Clients whose requests to providers go to the loopback server. */
export const httpLayer = (providers: Providers): Layer.Layer<HttpClient.HttpClient> =>
  // Effect 4 gives the client that is provided further out, which has another `fetch`, unless a new one is asked for.
  Layer.fresh(FetchHttpClient.layer).pipe(Layer.provide(Layer.succeed(FetchHttpClient.Fetch, providers.fetch)))

export const chatRequest = (body: object = {}) =>
  HttpClientRequest.post("https://api.openai.com/v1/chat/completions").pipe(
    HttpClientRequest.bearerToken("sk-proj-secret1234567890abcdefghij"),
    HttpClientRequest.bodyUnsafeJson({
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "What is the weather in Paris?" }],
      ...body
    })
  )

/** Waits until something is so; the test's own time limit ends it. */
export const eventually = (condition: () => boolean): Effect.Effect<void> =>
  Effect.repeat(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), {
    until: condition
  }).pipe(Effect.asVoid)

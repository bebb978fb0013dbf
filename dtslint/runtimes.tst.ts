import type { HttpClient, KeyValueStore } from "@effect/platform"
import { Effect, type Layer } from "effect"
import { type PostHog, PostHogCli, type PostHogError, PostHogServerless } from "effect-posthog"
import { describe, expect, it } from "tstyche"

declare const handler: Effect.Effect<number, "failed", { readonly service: "service" }>
type Handler<R> = Effect.Effect<number, "failed", { readonly service: "service" } | PostHog.PostHog | R>

describe("PostHogServerless.withFlush", () => {
  it("changes neither the result nor the errors", () => {
    expect(handler.pipe(PostHogServerless.withFlush())).type.toBe<Handler<never>>()
    expect(handler.pipe(PostHogServerless.withFlush({ timeout: "1 second" }))).type.toBe<Handler<never>>()
    expect(PostHogServerless.withFlush(handler)).type.toBe<Handler<never>>()
  })

  it("takes the context of a Worker", () => {
    type Context = { waitUntil(promise: Promise<any>): void; passThroughOnException(): void }
    expect<PostHogServerless.Options>().type.toBeAssignableFrom<Context>()
    expect<PostHogServerless.Options>().type.not.toBeAssignableFrom<{ waitUntil: string }>()
  })
})

describe("PostHogCli", () => {
  it("asks for what consent asks for", () => {
    expect(PostHogCli.layer({ apiKey: "phc_x" })).type.toBe<
      Layer.Layer<PostHog.PostHog, PostHogError.ConfigurationError, HttpClient.HttpClient>
    >()
    const consent = Effect.as(handler, true)
    expect(PostHogCli.layer({ apiKey: "phc_x", consent })).type.toBe<
      Layer.Layer<
        PostHog.PostHog,
        PostHogError.ConfigurationError,
        HttpClient.HttpClient | { readonly service: "service" }
      >
    >()
    expect<PostHogCli.Options>().type.not.toBeAssignableFrom<{ consent: boolean }>()
  })

  it("an id needs a store", () => {
    expect(handler.pipe(PostHogCli.withAnonymousId())).type.toBe<Handler<KeyValueStore.KeyValueStore>>()
    expect(PostHogCli.withAnonymousId(handler, "key")).type.toBe<Handler<KeyValueStore.KeyValueStore>>()
  })
})

import type { HttpClient } from "@effect/platform"
import { type Config, type ConfigError, Effect, type Layer, type Option, type Redacted, type Stream } from "effect"
import { capture, PostHog, PostHogConfig, type PostHogError, PostHogLive, PostHogTest, TestLayer } from "effect-posthog"
import { describe, expect, it } from "tstyche"

class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}

describe("capture", () => {
  it("cannot fail and asks for PostHog only", () => {
    expect(PostHog.capture("e")).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(capture("e", { a: 1 }, { distinctId: "u" })).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(PostHog.identify("u", { a: 1 }, { setOnce: { b: 1 } })).type.toBe<
      Effect.Effect<void, never, PostHog.PostHog>
    >()
  })

  it("takes optional values that are undefined", () => {
    expect(PostHog.capture("e", undefined, { distinctId: undefined, timestamp: undefined })).type.toBe<
      Effect.Effect<void, never, PostHog.PostHog>
    >()
    expect(PostHog.withContext).type.toBeCallableWith({ distinctId: undefined, groups: { company: undefined } })
  })

  it("refuses what can never work", () => {
    // Not toBeCallableWith: that fails for every effect that nobody runs, so its negation would never.
    type Capture = Parameters<typeof PostHog.capture>
    expect<Capture>().type.toBeAssignableFrom<["e"]>()
    expect<Capture>().type.not.toBeAssignableFrom<[]>()
    expect<Capture>().type.not.toBeAssignableFrom<["e", "properties"]>()
    expect<Capture>().type.not.toBeAssignableFrom<["e", {}, { timestamp: number }]>()
    expect<Parameters<typeof PostHog.alias>>().type.not.toBeAssignableFrom<["a", "b"]>()
  })

  it("what is awaited fails with a typed error", () => {
    expect(PostHog.captureNow("e")).type.toBe<
      Effect.Effect<Option.Option<string>, PostHogError.DeliveryError, PostHog.PostHog>
    >()
    expect(PostHog.flush).type.toBe<
      Effect.Effect<PostHog.FlushReport, PostHogError.DeliveryError, PostHog.PostHog>
    >()
    expect(PostHog.diagnostics).type.toBe<Stream.Stream<PostHogError.Diagnostic, never, PostHog.PostHog>>()
  })
})

describe("layers", () => {
  it("say what they provide, how they fail and what they need", () => {
    expect(PostHog.layer({})).type.toBe<
      Layer.Layer<PostHog.PostHog, PostHogError.ConfigurationError, HttpClient.HttpClient>
    >()
    expect(PostHog.layerConfig(PostHogConfig.config)).type.toBe<
      Layer.Layer<
        PostHog.PostHog,
        PostHogError.ConfigurationError | ConfigError.ConfigError,
        HttpClient.HttpClient
      >
    >()
    type Live = Layer.Layer<PostHog.PostHog, PostHogError.ConfigurationError | ConfigError.ConfigError>
    expect(PostHogLive).type.toBeAssignableTo<Live>()
    expect(PostHogLive).type.not.toBeAssignableTo<Layer.Layer<PostHog.PostHog>>()
    expect(PostHogLive.with({ globalProperties: { service: "checkout" }, errorTracking: false })).type.toBe<Live>()
    expect(PostHogLive.instance(Marketing, { apiKey: "phc_a" })).type.toBe<
      Layer.Layer<Marketing, PostHogError.ConfigurationError | ConfigError.ConfigError>
    >()
    expect(TestLayer).type.toBe<Layer.Layer<PostHog.PostHog>>()
    expect(PostHogTest.layerInstance(Marketing)).type.toBe<Layer.Layer<Marketing>>()
    expect(PostHog.layerInstance(Marketing, {})).type.toBe<
      Layer.Layer<Marketing, PostHogError.ConfigurationError, HttpClient.HttpClient>
    >()
  })

  it("take keys plain and redacted, and Config part by part", () => {
    expect(PostHog.layer).type.toBeCallableWith({ apiKey: "phc_a" })
    expect(PostHog.layer).type.toBeCallableWith({ apiKey: {} as Redacted.Redacted })
    expect(PostHog.layer).type.not.toBeCallableWith({ api_key: "phc_a" })
    expect(PostHog.layerConfig).type.toBeCallableWith({ apiKey: {} as Config.Config<Redacted.Redacted> })
  })
})

describe("using", () => {
  it("replaces the default instance by the named one, and nothing else", () => {
    const effect = {} as Effect.Effect<number, "e", PostHog.PostHog | HttpClient.HttpClient>
    expect(effect.pipe(PostHog.using(Marketing))).type.toBe<
      Effect.Effect<number, "e", Marketing | HttpClient.HttpClient>
    >()
    expect(PostHog.using(effect, Marketing)).type.toBe<
      Effect.Effect<number, "e", Marketing | HttpClient.HttpClient>
    >()
  })

  it("instances do not stand in for each other", () => {
    expect(Effect.provide(PostHog.capture("e"), PostHogTest.layerInstance(Marketing))).type.toBe<
      Effect.Effect<void, never, PostHog.PostHog>
    >()
  })
})

describe("withContext", () => {
  it("changes no type", () => {
    const effect = {} as Effect.Effect<number, "e", "r">
    expect(effect.pipe(PostHog.withContext({ distinctId: "u" }))).type.toBe<Effect.Effect<number, "e", "r">>()
    expect(PostHog.withContext(effect, {}, { instance: Marketing })).type.toBe<Effect.Effect<number, "e", "r">>()
    expect(PostHog.withEventContext(effect, "e", {})).type.toBe<Effect.Effect<number, "e", "r">>()
    expect(effect.pipe(PostHog.withDistinctId("u"))).type.toBe<Effect.Effect<number, "e", "r">>()
  })
})

describe("beforeSend", () => {
  it("returns an event or nothing", () => {
    expect<PostHogConfig.BeforeSend>().type.toBeAssignableFrom((event: Parameters<PostHogConfig.BeforeSend>[0]) =>
      event
    )
    expect<PostHogConfig.BeforeSend>().type.toBeAssignableFrom(() => null)
    expect<PostHogConfig.BeforeSend>().type.not.toBeAssignableFrom(() => Promise.resolve(null))
  })
})

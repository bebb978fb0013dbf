import type { HttpClient } from "@effect/platform"
import { type Config, type ConfigError, Effect, type Layer, type Option, type Redacted, type Stream } from "effect"
import {
  capture,
  type DurableOutbox,
  ErrorTracking,
  FeatureFlags,
  PostHog,
  PostHogConfig,
  type PostHogError,
  PostHogLive,
  PostHogTest,
  TestLayer
} from "effect-posthog"
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
    expect<Parameters<typeof PostHog.alias>>().type.not.toBeAssignableFrom<["a", "b"]>()
  })

  it("what is awaited fails with a typed error", () => {
    expect(PostHog.captureNow("e")).type.toBe<
      Effect.Effect<Option.Option<string>, PostHogError.DeliveryError, PostHog.PostHog>
    >()
    expect(PostHog.captureDurable("e")).type.toBe<
      Effect.Effect<void, DurableOutbox.OutboxStorageError, PostHog.PostHog>
    >()
    expect(PostHog.flush).type.toBe<
      Effect.Effect<PostHog.FlushReport, PostHogError.DeliveryError, PostHog.PostHog>
    >()
    expect(PostHog.diagnostics).type.toBe<Stream.Stream<PostHogError.Diagnostic, never, PostHog.PostHog>>()
  })
})

describe("properties", () => {
  interface Order {
    readonly id: string
    readonly uuid: string
    readonly items: ReadonlyArray<{ readonly price: number }>
  }
  class Product {
    constructor(readonly name: string) {}
  }
  const order = {} as Order
  const record = {} as Record<string, string>
  const generic = <A extends object>(properties: A) => PostHog.capture("e", properties)

  it("are objects of whatever type", () => {
    expect(PostHog.capture("e", order)).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(PostHog.capture("e", new Product("teapot"))).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(PostHog.capture("e", record)).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(PostHog.capture("e", { ...order, length: 7 })).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(generic(order)).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    // Not toBeCallableWith, which is told that the effect floats.
    expect([
      PostHog.captureNow("e", order),
      PostHog.identify("u", order, { setOnce: order }),
      PostHog.setPersonProperties(order, { setOnce: order }),
      PostHog.groupIdentify("company", "acme", order),
      PostHog.pageView("/", order),
      PostHog.screen("home", order),
      PostHog.setContext({ properties: order, personProperties: order, groupProperties: { company: order } }),
      FeatureFlags.evaluate({ personProperties: order, groupProperties: { company: order } }),
      ErrorTracking.capture(new Error(), { properties: order })
    ]).type.toBeAssignableTo<ReadonlyArray<Effect.Effect<unknown, unknown, PostHog.PostHog>>>()
    expect(PostHogLive.with).type.toBeCallableWith({ globalProperties: order })
    expect(PostHog.layer).type.toBeCallableWith({ globalProperties: new Product("teapot") })
  })

  it("of a context can be read by name", () => {
    expect(PostHog.getContext()).type.toBeAssignableTo<
      Effect.Effect<{ readonly properties?: Readonly<Record<string, unknown>> | undefined }>
    >()
    expect<PostHog.PropertiesInput>().type.toBeAssignableFrom<PostHog.Properties>()
  })
})

describe("an effect that must not be taken for its value", () => {
  const flags = {} as FeatureFlags.Snapshot

  it("is an effect everywhere else", () => {
    expect(flags.isEnabled("a")).type.toBeAssignableTo<Effect.Effect<boolean>>()
    expect(Effect.gen(function*() {
      return (yield* flags.isEnabled("a")) ? 1 : yield* flags.get("b", { default: "x" })
    })).type.toBe<Effect.Effect<string | boolean | 1>>()
    expect(Effect.andThen(Effect.void, flags.isEnabled("a"))).type.toBe<Effect.Effect<boolean>>()
    expect(flags.isEnabled("a").pipe(Effect.andThen((isOn) => flags.get("b", { default: isOn })))).type.toBe<
      Effect.Effect<string | boolean>
    >()
    expect(Effect.all({ a: flags.isEnabled("a"), b: FeatureFlags.isEnabled("b") })).type.toBe<
      Effect.Effect<{ a: boolean; b: boolean }, never, PostHog.PostHog>
    >()
    expect(Effect.runPromise(flags.isEnabled("a"))).type.toBe<Promise<boolean>>()
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

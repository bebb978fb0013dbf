import { Effect, type Option, Schema } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, type PostHogError, PostHogTest } from "effect-posthog"
import { describe, expect, it } from "tstyche"

const NewUi = FeatureFlag.boolean("new-ui")
const Checkout = FeatureFlag.variants("checkout", ["control", "fast"])
const WithPayload = Checkout.payload(Schema.Struct({ size: Schema.NumberFromString }))

describe("flags as values", () => {
  it("know their values and their payload", () => {
    expect(NewUi).type.toBe<FeatureFlag.FeatureFlag<boolean>>()
    expect(Checkout).type.toBe<FeatureFlag.FeatureFlag<"control" | "fast" | false>>()
    expect(WithPayload).type.toBe<FeatureFlag.FeatureFlag<"control" | "fast" | false, { readonly size: number }>>()
    expect<FeatureFlag.Value<typeof Checkout>>().type.toBe<"control" | "fast" | false>()
    expect<FeatureFlag.Payload<typeof WithPayload>>().type.toBe<{ readonly size: number }>()
  })

  it("take only defaults that they can have", () => {
    expect(FeatureFlag.variants).type.toBeCallableWith("f", ["a", "b"], { default: "a" })
    expect(FeatureFlag.variants).type.toBeCallableWith("f", ["a", "b"], { default: false })
    expect(FeatureFlag.variants).type.not.toBeCallableWith("f", ["a", "b"], { default: "c" })
    expect(FeatureFlag.variants).type.not.toBeCallableWith("f", ["a", "b"], { default: true })
    expect(FeatureFlag.boolean).type.not.toBeCallableWith("f", { default: "a" })
  })

  it("take only payload schemas that need no service", () => {
    expect(Checkout.payload).type.not.toBeCallableWith(Schema.String as Schema.Schema<string, string, "service">)
  })

  it("are overridden by values that they can have only", () => {
    expect(PostHogTest.override).type.toBeCallableWith(Checkout, "fast")
    expect(PostHogTest.override).type.toBeCallableWith(Checkout, false)
    expect(PostHogTest.override).type.toBeCallableWith("any", "thing", { a: 1 })
    expect(PostHogTest.override).type.not.toBeCallableWith(Checkout, "purple")
    expect(PostHogTest.override).type.not.toBeCallableWith(Checkout, true)
    expect(PostHogTest.override).type.not.toBeCallableWith(NewUi, "on")
    expect(PostHogTest.layer).type.toBeCallableWith({ flags: [PostHogTest.override(NewUi, true)] })
  })
})

describe("evaluate", () => {
  it("is total, or typed", () => {
    expect(FeatureFlags.evaluate()).type.toBe<Effect.Effect<FeatureFlags.Snapshot, never, PostHog.PostHog>>()
    expect(FeatureFlags.evaluateOrFail({ flagKeys: ["a", Checkout] })).type.toBe<
      Effect.Effect<
        FeatureFlags.Snapshot,
        PostHogError.FlagsUnavailable | PostHogError.MissingDistinctId,
        PostHog.PostHog
      >
    >()
  })
})

describe("snapshot", () => {
  const flags = {} as FeatureFlags.Snapshot

  it("reads by key", () => {
    expect(flags.isEnabled("a")).type.toBe<FeatureFlags.Unrun<boolean>>()
    expect(flags.get("a")).type.toBe<FeatureFlags.Unrun<string | boolean | undefined>>()
    expect(flags.get("a", { default: "b" })).type.toBe<FeatureFlags.Unrun<string | boolean>>()
    expect(flags.getOrFail("a")).type.toBe<
      FeatureFlags.Unrun<
        string | boolean,
        PostHogError.FlagNotFound | PostHogError.FlagsUnavailable | PostHogError.MissingDistinctId
      >
    >()
    expect(flags.payload("a")).type.toBe<Effect.Effect<Option.Option<unknown>>>()
  })

  it("reads by flag, with its types", () => {
    expect(flags.get(Checkout)).type.toBe<FeatureFlags.Unrun<"control" | "fast" | false>>()
    expect(flags.get(NewUi)).type.toBe<FeatureFlags.Unrun<boolean>>()
    expect(flags.read(Checkout)).type.toBe<Effect.Effect<FeatureFlags.Reading<"control" | "fast" | false>>>()
    expect(flags.payload(WithPayload)).type.toBe<
      Effect.Effect<Option.Option<{ readonly size: number }>, PostHogError.PayloadInvalid>
    >()
    expect(flags.getOrFail(NewUi)).type.toBe<
      FeatureFlags.Unrun<boolean, FeatureFlags.FlagError | PostHogError.UnknownVariant>
    >()
  })

  it("goes onto events", () => {
    expect(PostHog.capture("e", {}, { flags })).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect<Parameters<typeof PostHog.capture>>().type.not.toBeAssignableFrom<["e", {}, { flags: string }]>()
    const effect = {} as Effect.Effect<number, "e", "r">
    expect(effect.pipe(FeatureFlags.withSnapshot(flags))).type.toBe<Effect.Effect<number, "e", "r">>()
  })
})

describe("combinators", () => {
  const effect = {} as Effect.Effect<number, "e", "r">

  it("keep the types of what they run", () => {
    expect(effect.pipe(FeatureFlags.when("a"))).type.toBe<
      Effect.Effect<Option.Option<number>, "e", "r" | PostHog.PostHog>
    >()
    expect(FeatureFlags.when(effect, NewUi, { default: true })).type.toBe<
      Effect.Effect<Option.Option<number>, "e", "r" | PostHog.PostHog>
    >()
    expect(effect.pipe(FeatureFlags.require(NewUi))).type.toBe<
      Effect.Effect<number, "e" | PostHogError.FlagDisabled | FeatureFlags.FlagError, "r" | PostHog.PostHog>
    >()
    expect(FeatureFlags.check(Checkout)).type.toBe<
      FeatureFlags.Unrun<"control" | "fast" | false, never, PostHog.PostHog>
    >()
    expect(FeatureFlags.check("a", { default: true })).type.toBe<
      FeatureFlags.Unrun<string | boolean, never, PostHog.PostHog>
    >()
  })

  it("match gives what its effects give", () => {
    expect(FeatureFlags.match(Checkout, {
      control: Effect.succeed(1),
      fast: Effect.fail("no" as const),
      false: effect
    })).type.toBe<Effect.Effect<number, "no" | "e", "r" | PostHog.PostHog>>()
    expect(FeatureFlags.match(NewUi, { true: Effect.void, false: Effect.void })).type.toBe<
      Effect.Effect<void, never, PostHog.PostHog>
    >()
  })
})

import { type Effect, type Option, Schema } from "effect"
import { PostHog, type PostHogError, PostHogEvent } from "effect-posthog"
import { describe, expect, it } from "tstyche"

const Company = PostHogEvent.group("company", { plan: Schema.Literal("free", "pro") })
const Person = PostHogEvent.person({ plan: Schema.Literal("free", "pro") })

const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  at: Schema.DateFromSelf,
  id: Schema.NumberFromString,
  note: Schema.optional(Schema.String)
}, { groups: [Company, "project"] })

const order = { total: 1, at: new Date(), id: 7 }

declare const long400: LongText
declare const long401: `${LongText}a`

class Shop extends PostHog.StrictInstance<Shop>()("Shop") {}

describe("a declared event", () => {
  it("knows its properties, as a program has them", () => {
    expect<PostHogEvent.PropertiesOf<typeof OrderCompleted>>().type.toBe<
      { readonly total: number; readonly at: Date; readonly id: number; readonly note?: string | undefined }
    >()
  })

  it("is captured with these", () => {
    expect(PostHog.capture(OrderCompleted, order)).type.toBe<Effect.Effect<void, never, PostHog.PostHog>>()
    expect(PostHog.captureNow(OrderCompleted, order)).type.toBe<
      Effect.Effect<Option.Option<string>, PostHogError.DeliveryError, PostHog.PostHog>
    >()
  })

  it("refuses names that PostHog cannot hold", () => {
    expect(PostHogEvent.make).type.toBeCallableWith("a", {})
    expect(PostHogEvent.make).type.toBeCallableWith("a" as string, {})
    expect(PostHogEvent.make).type.not.toBeCallableWith("", {})
    expect(PostHogEvent.make).type.not.toBeCallableWith(" \t ", {})
    expect(PostHogEvent.group).type.not.toBeCallableWith(" ", {})
    expect(PostHogEvent.make).type.toBeCallableWith(long400, {})
    expect(PostHogEvent.make).type.not.toBeCallableWith(long401, {})
    expect(PostHogEvent.make).type.toBeCallableWith("a", { _a1B: Schema.String })
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", { "": Schema.String })
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", { "a b": Schema.String })
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", { "$a": Schema.String })
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", { "a.b": Schema.String })
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", { "1a": Schema.String })
    expect(PostHogEvent.person).type.not.toBeCallableWith({ "a-b": Schema.String })
    expect(PostHogEvent.group).type.not.toBeCallableWith("a", { "a-b": Schema.String })
  })

  it("refuses fields that need a service, or are none", () => {
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", {
      b: Schema.String as Schema.Schema<string, string, "service">
    })
    expect(PostHogEvent.make).type.not.toBeCallableWith("a", { b: "string" })
  })
})

describe("a strict instance", () => {
  it("takes what was declared", () => {
    expect(Shop.capture(OrderCompleted, order)).type.toBe<Effect.Effect<void, never, Shop>>()
    expect(Shop.captureNow(OrderCompleted, order)).type.toBe<
      Effect.Effect<Option.Option<string>, PostHogError.DeliveryError, Shop>
    >()
  })
})

describe("persons and groups", () => {
  it("have the properties that are declared, or some of them", () => {
    expect(Person.with).type.not.toBeCallableWith({ plan: "gold" })
    expect(Person.with).type.not.toBeCallableWith({ plann: "pro" })
    expect(Company.with).type.not.toBeCallableWith({ seats: 1 })
  })
})

type Ten = "aaaaaaaaaa"
type Hundred = `${Ten}${Ten}${Ten}${Ten}${Ten}${Ten}${Ten}${Ten}${Ten}${Ten}`
type LongText = `${Hundred}${Hundred}${Hundred}${Hundred}`

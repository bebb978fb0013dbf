/**
 * Declared events: what compiles, and what must not. Checked by tsc: an expectation that is not met is an error.
 */
import { Effect, Schema } from "effect"
import { FeatureFlags, PostHog, PostHogEvent } from "effect-posthog"

const Company = PostHogEvent.group("company", { plan: Schema.Literal("free", "pro") })
const Person = PostHogEvent.person({ plan: Schema.Literal("free", "pro") })

const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  at: Schema.DateFromSelf,
  id: Schema.NumberFromString,
  note: Schema.optional(Schema.String)
}, { groups: [Company, "project"] })

const Opened = PostHogEvent.make("opened", { from: Schema.optional(Schema.String) })
const Closed = PostHogEvent.make("closed", {})

export const Old = PostHogEvent.make("old", { total: Schema.Number }, { deprecated: "use \"order completed\"" })

const Alone = PostHogEvent.make("alone", { a: Schema.Number }, { groups: [] })

const company = Company.with({ plan: "pro" })
const person = Person.with({ plan: "pro" })

const order = { total: 1, at: new Date(), id: 7 }

interface Order {
  readonly total: number
  readonly at: Date
  readonly id: number
  readonly customer: string
}

class Shop extends PostHog.StrictInstance<Shop>()("Shop") {}

export const compiles = (row: Order) => [
  PostHog.capture(OrderCompleted, { ...order, note: "a" }, { distinctId: "u" }),
  PostHog.capture(OrderCompleted, row),
  PostHog.capture(OrderCompleted, order, { groups: { company: "acme", project: 7 } }),
  PostHog.capture(Opened),
  PostHog.capture(Opened, { from: "a" }, { groups: { anything: "acme" } }),
  PostHog.capture(Closed),
  PostHog.identify("u", Person.with({ plan: "pro" }), { setOnce: Person.with({}) }),
  PostHog.groupIdentify("company", "acme", Company.with({ plan: "pro" })),
  PostHog.groupIdentify("company" as string, "acme", company),
  PostHog.groupIdentify("team", "acme", { plan: "pro" }),
  PostHog.identify("u", { plan: "pro" }, { setOnce: person }),
  FeatureFlags.evaluate({ personProperties: person, groupProperties: { company } }),
  PostHog.capture(Alone, { a: 1 }, { groups: {} }),
  PostHog.capture(Closed, {}, { groups: { anything: "acme" } }),
  PostHog.using(Effect.void, Shop.instance),
  // Marked by editors and linters.
  PostHog.capture(Old, { total: 1 })
]

export const refusedNames = [
  // @ts-expect-error an error in the name of a property
  PostHog.capture(OrderCompleted, { ...order, notes: "a" }),
  // @ts-expect-error an error in the name of a required property
  PostHog.capture(OrderCompleted, { totl: 1, at: new Date(), id: 7 }),
  // @ts-expect-error also where it is waited for
  PostHog.captureNow(OrderCompleted, { totl: 1, at: new Date(), id: 7 }),
  // @ts-expect-error and where it is stored
  PostHog.captureDurable(OrderCompleted, { totl: 1, at: new Date(), id: 7 })
]

export const refusedTypes = [
  // @ts-expect-error a text
  PostHog.capture(OrderCompleted, { ...order, total: "1" }),
  // @ts-expect-error the encoded side, which nobody writes
  PostHog.capture(OrderCompleted, { ...order, id: "7" }),
  // @ts-expect-error null
  PostHog.capture(OrderCompleted, { ...order, total: null }),
  // @ts-expect-error a required property is missing
  PostHog.capture(OrderCompleted, { total: 1, id: 7 }),
  // @ts-expect-error all of them
  PostHog.capture(OrderCompleted, {}),
  // @ts-expect-error all of them
  PostHog.capture(OrderCompleted)
]

export const refusedGroups = [
  // @ts-expect-error a group type that the event does not have
  PostHog.capture(OrderCompleted, order, { groups: { compny: "acme" } }),
  // @ts-expect-error also where it is waited for
  PostHog.captureNow(OrderCompleted, order, { groups: { compny: "acme" } }),
  // @ts-expect-error the event is about no group
  PostHog.capture(Alone, { a: 1 }, { groups: { company: "acme" } }),
  // @ts-expect-error also where it is waited for
  PostHog.captureNow(Alone, { a: 1 }, { groups: { company: 7 } }),
  // @ts-expect-error and in a strict instance
  Shop.capture(Alone, { a: 1 }, { groups: { company: "acme" } })
]

export const refusedOfEmpty = [
  // @ts-expect-error the event has no properties
  PostHog.capture(Closed, { a: 1 }),
  // @ts-expect-error also where it is waited for
  PostHog.captureNow(Closed, { a: 1 }),
  // @ts-expect-error and where it is stored
  PostHog.captureDurable(Closed, { a: 1 }),
  // @ts-expect-error and in a strict instance
  Shop.capture(Closed, { a: 1 })
]

export const refusedOfOthers = [
  // @ts-expect-error properties of another type of groups
  PostHog.groupIdentify("team", "acme", company),
  // @ts-expect-error a person's
  PostHog.groupIdentify("company", "acme", person),
  // @ts-expect-error a group's
  PostHog.identify("u", company),
  // @ts-expect-error also among those that are set once
  PostHog.identify("u", {}, { setOnce: company }),
  // @ts-expect-error also in the context's person
  PostHog.setPersonProperties(company),
  // @ts-expect-error and for flags
  FeatureFlags.evaluate({ personProperties: company }),
  // @ts-expect-error a person's, for flags
  FeatureFlags.evaluate({ groupProperties: { company: person } })
]

export const refusedByStrictInstance = [
  // @ts-expect-error no event that was declared
  Shop.capture("order completed"),
  // @ts-expect-error also where it is waited for
  Shop.captureNow("order completed", {}),
  // @ts-expect-error and where it is stored
  Shop.captureDurable("order completed", {}),
  // @ts-expect-error should not be captured any more
  Shop.capture(Old, { total: 1 }),
  // @ts-expect-error a required property is missing
  Shop.capture(OrderCompleted, { total: 1 }),
  // @ts-expect-error what runs there could capture anything
  PostHog.using(PostHog.capture("order completed"), Shop),
  // @ts-expect-error nor is there a service that could
  Effect.flatMap(Shop, (service) => service.capture("order completed"))
]

export const refusedElsewhere = [
  // @ts-expect-error properties of persons are not those of an event
  PostHog.capture("a", Person.with({ plan: "pro" })),
  // @ts-expect-error nor of a context
  PostHog.withContext({ properties: Person.with({ plan: "pro" }) }),
  // @ts-expect-error no such value
  Person.with({ plan: "gold" }),
  // @ts-expect-error no such property
  Company.with({ seats: 1 })
]

/** A wrapper that hands on what it is given. */
export const track: PostHogEvent.StrictCapture<Effect.Effect<void, never, PostHog.PostHog>> = (event, ...rest) =>
  PostHog.capture(event, ...rest)

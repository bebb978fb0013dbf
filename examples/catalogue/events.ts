/**
 * The events of a shop, in one place.
 */
import { Schema } from "effect"
import { PostHogEvent } from "effect-posthog"

export const Company = PostHogEvent.group("company", { plan: Schema.Literal("free", "pro") }, { owner: "sales" })

export const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  currency: Schema.Literal("EUR", "USD"),
  coupon: Schema.optional(Schema.String)
}, { description: "Somebody paid", owner: "payments", groups: [Company] })

export const SignedUp = PostHogEvent.make("signed up", {
  email: PostHogEvent.personal(Schema.String, "hash")
}, { description: "Somebody made an account", owner: "growth" })

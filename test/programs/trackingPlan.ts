/** Events of a program, for the command. */
import { PostHogEvent } from "effect-posthog"
import * as Schema from "effect/Schema"

/** A group type. */
export const Company = PostHogEvent.group("company", { plan: Schema.String })

export const Person = PostHogEvent.person({ email: PostHogEvent.personal(Schema.String) })

export const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  coupon: Schema.optional(Schema.String)
}, { groups: [Company], owner: "payments" })

const SignedUp = PostHogEvent.make("signed up", { plan: Schema.Literal("free", "pro") })

/** Also in lists, and under several names. */
export const all = [OrderCompleted, SignedUp]

export { OrderCompleted as default }

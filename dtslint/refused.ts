/**
 * What must not compile. Checked by tsc: an expectation that is not met is an error.
 */
import { Effect } from "effect"
import { FeatureFlag, FeatureFlags, PostHog } from "effect-posthog"

const NewUi = FeatureFlag.boolean("new-ui")
const Checkout = FeatureFlag.variants("checkout", ["control", "fast"])

export const refused = (flags: FeatureFlags.Snapshot) => [
  // @ts-expect-error it is distinctId
  PostHog.capture("e", {}, { distinct_id: "u" }),
  // @ts-expect-error the id is the first argument
  PostHog.identify("u", {}, { distinctId: "v" }),

  // @ts-expect-error there is no purple
  flags.get(Checkout, { default: "purple" }),
  // @ts-expect-error false is forgotten
  FeatureFlags.match(NewUi, { true: Effect.void }),
  // @ts-expect-error a variant is forgotten
  FeatureFlags.match(Checkout, { control: Effect.void, false: Effect.void }),
  // @ts-expect-error off is forgotten
  FeatureFlags.match(Checkout, { control: Effect.void, fast: Effect.void }),
  // @ts-expect-error there is no purple
  FeatureFlags.match(Checkout, { control: Effect.void, fast: Effect.void, false: Effect.void, purple: Effect.void }),
  // @ts-expect-error variants that the compiler does not know cannot be matched
  FeatureFlags.match(FeatureFlag.variants("w", ["x", "y"] as Array<string>), { x: Effect.void, false: Effect.void }),
  // @ts-expect-error there is no purple
  FeatureFlag.override(Checkout, "purple")
]

/**
 * What must not compile. Checked by tsc: an expectation that is not met is an error.
 */
import { Effect } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogLive } from "effect-posthog"

const NewUi = FeatureFlag.boolean("new-ui")
const Checkout = FeatureFlag.variants("checkout", ["control", "fast"])

interface WithId {
  readonly distinctId: string
  readonly total: number
}

export const refusedProperties = (withId: WithId) => [
  // @ts-expect-error the user is an option
  PostHog.capture("e", { distinctId: "u" }),
  // @ts-expect-error the user is an option, among properties too
  PostHog.capture("e", { total: 42, distinct_id: "u" }),
  // @ts-expect-error also where the type has a name
  PostHog.capture("e", withId),
  // @ts-expect-error the user is a value of the context
  PostHog.withContext({ properties: { distinctId: "u" } }),
  // @ts-expect-error the person is the first argument
  PostHog.identify("u", { distinctId: "u" }),
  // @ts-expect-error no options of this name
  PostHogLive.with({ globalProperties: { distinctId: "u" } }),
  // @ts-expect-error a text
  PostHog.capture("e", "properties"),
  // @ts-expect-error a list
  PostHog.capture("e", [1]),
  // @ts-expect-error a function
  PostHog.capture("e", () => ({})),
  // @ts-expect-error a date
  PostHog.capture("e", new Date()),
  // @ts-expect-error a map
  PostHog.capture("e", new Map()),
  // @ts-expect-error a promise that nobody awaits
  PostHog.capture("e", Promise.resolve({})),
  // @ts-expect-error an effect that nobody runs
  PostHog.capture("e", Effect.succeed({})),
  // @ts-expect-error nothing
  PostHog.capture("e", null),
  // @ts-expect-error no event
  PostHog.capture(),
  // @ts-expect-error a number says neither whether it is seconds nor where it is
  PostHog.capture("e", {}, { timestamp: 1 })
]

/** Effects of truth values that are taken for the values: always true. */
export const refusedConditions = (flags: FeatureFlags.Snapshot) => {
  // @ts-expect-error yield* is missing
  if (flags.isEnabled("beta")) return 1
  // @ts-expect-error yield* is missing
  if (flags.isEnabled(NewUi) && flags.keys.length > 0) return 2
  const isOn = flags.get("beta")
  // @ts-expect-error yield* is missing
  if (isOn) return 3
  // @ts-expect-error yield* is missing
  if (FeatureFlags.isEnabled("beta")) return 4
  // @ts-expect-error yield* is missing
  if (FeatureFlags.check(Checkout)) return 5
  // @ts-expect-error yield* is missing
  if (PostHog.isOptedOut) return 6
  // @ts-expect-error yield* is missing
  if (flags.get(Checkout) === "fast") return 7
  // @ts-expect-error yield* is missing
  return flags.getOrFail("beta") ? 8 : 9
}

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
  PostHogTest.override(Checkout, "purple")
]

import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Fiber, Option, Stream } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { collector } from "../support/log.js"

const messagesOf = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const { layer, messages } = collector()
  return effect.pipe(Effect.provide(layer), Effect.map(() => messages.map(({ text }) => text)))
}

/** As JavaScript would call it, or a program whose properties have the type of a record. */
const given = (properties: Record<string, unknown>): Record<string, unknown> => properties

describe("options among properties", () => {
  for (
    const [what, effect, name] of [
      ["a user", PostHog.capture("x", given({ distinctId: "u" })), "distinctId"],
      ["a user on the wire", PostHog.capture("x", given({ distinct_id: "u" })), "distinct_id"],
      ["groups", PostHog.capture("x", { groups: { company: "acme" } }), "groups"],
      ["a time", PostHog.capture("x", { timestamp: new Date(0) }), "timestamp"],
      ["another kind of time", PostHog.capture("x", { timestamp: DateTime.unsafeMake(0) }), "timestamp"],
      ["an id", PostHog.capture("x", { uuid: "019b76da-a800-7000-8000-000000000000" }), "uuid"],
      ["a switch", PostHog.capture("x", { processPersonProfile: false }), "processPersonProfile"],
      ["what is only set once", PostHog.identify("u", { setOnce: { first: 1 } }), "setOnce"],
      ["another id", PostHog.identify("u", { anonDistinctId: "v" }), "anonDistinctId"],
      ["the user of a person", PostHog.setPersonProperties(given({ distinctId: "u" }), { setOnce: {} }), "distinctId"],
      ["the user of a page", PostHog.pageView("https://example.com/", given({ distinctId: "u" })), "distinctId"],
      [
        "flags",
        Effect.flatMap(FeatureFlags.evaluate({ distinctId: "u" }), (flags) => PostHog.capture("x", { flags })),
        "flags"
      ]
    ] as const
  ) {
    it.effect(`are told once, with what to write: ${what}`, () =>
      Effect.gen(function*() {
        const messages = yield* messagesOf(Effect.provide(
          Effect.repeat(effect, { times: 2 }),
          PostHogTest.layer({ flags: [PostHogTest.override(FeatureFlag.boolean("beta"), true)] })
        ))
        assert.deepStrictEqual(messages.map((message) => message.includes(`"names":["${name}"]`)), [true])
        assert.include(messages[0], "capture(event, properties, { distinctId })")
      }).pipe(PostHog.withDistinctId("someone")))
  }

  it.effect("the event is sent as it is said", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("x", given({ distinctId: "u" }))
      const [event] = yield* PostHogTest.captured
      assert.deepInclude(event!.properties, { distinctId: "u", $process_person_profile: false })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("what only has the name of one is a property", () =>
    Effect.gen(function*() {
      const messages = yield* messagesOf(Effect.provide(
        Effect.all([
          PostHog.capture("a", { timestamp: "2026-01-01", uuid: "order-7", groups: ["a"], flags: 3, setOnce: true }),
          PostHog.capture("b", given({ distinctId: undefined })),
          PostHog.capture("c", given({ distinctId: "u" }), { distinctId: "u" }),
          PostHog.capture("d", { timestamp: new Date(0) }, { timestamp: new Date(0) }),
          PostHog.capture("e", given(Object.create({ distinctId: "u" }) as Record<string, unknown>)),
          PostHog.capture("f", "distinctId" as never),
          PostHog.capture(
            "g",
            {
              get uuid(): string {
                throw new Error("no")
              }
            }
          ),
          PostHog.capture("h", new Proxy({}, { getOwnPropertyDescriptor: () => Object.keys(null as never) as never }))
        ]),
        TestLayer
      ))
      assert.deepStrictEqual(messages.filter((message) => message.includes("options")), [])
    }))

  it.effect("are a diagnostic too", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(
        Stream.runHead(Stream.filter(PostHog.diagnostics, ({ _tag }) => _tag === "OptionsAmongProperties"))
      )
      yield* Effect.repeat(Effect.yieldNow(), { times: 10 })
      yield* PostHog.capture("x", given({ distinctId: "u" }))
      assert.deepStrictEqual(
        yield* Fiber.join(fiber),
        Option.some({
          _tag: "OptionsAmongProperties" as const,
          event: "x",
          names: ["distinctId"]
        })
      )
    }).pipe(Effect.provide(TestLayer)))
})

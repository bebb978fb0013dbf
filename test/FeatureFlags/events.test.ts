import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import { FeatureFlags, PostHog, PostHogTest, TestLayer } from "effect-posthog"

describe("flags on events", () => {
  const layer = PostHogTest.layer({
    flags: [
      PostHogTest.override("z", true),
      PostHogTest.override("b", "blue"),
      PostHogTest.override("off", false)
    ],
    globalProperties: { "$feature/off": "global" }
  })
  const carried = { "$feature/z": true, "$feature/b": "blue", $active_feature_flags: ["b", "z"] }

  it.effect("of one capture, below all other sources", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* PostHog.capture("with", {}, { flags })
      yield* PostHog.capture("without")
      yield* PostHog.capture("over", { "$feature/z": "mine" }, { flags })
      yield* PostHog.capture("some", {}, { flags: flags.only(["b"]) })
      yield* PostHog.capture("none", {}, { flags: flags.onlyAccessed() })
      const [first, without, over, some, none] = yield* PostHogTest.captured
      assert.deepInclude(first!.properties, { ...carried, "$feature/off": "global" })
      assert.notProperty(without!.properties, "$active_feature_flags")
      assert.strictEqual(over!.properties["$feature/z"], "mine")
      assert.deepStrictEqual(some!.properties.$active_feature_flags, ["b"])
      assert.notProperty(some!.properties, "$feature/z")
      assert.notProperty(none!.properties, "$active_feature_flags")
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of a region and its fibers, and not outside of it", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate()
      const region = Effect.gen(function*() {
        yield* PostHog.capture("inside")
        yield* Effect.fork(PostHog.capture("forked")).pipe(Effect.flatMap(Fiber.join))
        yield* PostHog.capture("part", {}, { flags: flags.only(["z"]) })
        yield* PostHog.identify("u")
        assert.strictEqual(Option.getOrThrow(yield* FeatureFlags.currentSnapshot), flags)
      })
      yield* region.pipe(FeatureFlags.withSnapshot(flags))
      yield* PostHog.capture("outside")
      assert.isTrue(Option.isNone(yield* FeatureFlags.currentSnapshot))
      const [inside, forked, part, identify, outside] = yield* PostHogTest.captured
      assert.deepInclude(inside!.properties, carried)
      assert.deepInclude(forked!.properties, carried)
      assert.deepStrictEqual(part!.properties.$active_feature_flags, ["z"])
      assert.notProperty(part!.properties, "$feature/b")
      for (const event of [identify, outside]) assert.notProperty(event!.properties, "$active_feature_flags")
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of the rest of a fiber, as in the Elixir SDK, and never of its parent", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate()
      yield* Effect.fork(FeatureFlags.setSnapshot(flags)).pipe(Effect.flatMap(Fiber.join))
      yield* PostHog.capture("before")
      yield* FeatureFlags.setSnapshot(flags)
      yield* PostHog.capture("after")
      const [before, after] = yield* PostHogTest.captured
      assert.notProperty(before!.properties, "$active_feature_flags")
      assert.deepInclude(after!.properties, carried)
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("of the instance that evaluated them", () => {
    class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* Effect.all([PostHog.capture("e"), PostHog.capture("e").pipe(PostHog.using(Marketing))]).pipe(
        FeatureFlags.withSnapshot(flags)
      )
      const [ours] = yield* PostHogTest.captured
      const [theirs] = yield* PostHogTest.captured.pipe(PostHog.using(Marketing))
      assert.property(ours!.properties, "$active_feature_flags")
      assert.notProperty(theirs!.properties, "$active_feature_flags")
    }).pipe(Effect.provide(Layer.merge(layer, PostHogTest.layerInstance(Marketing))))
  })

  it.effect("anything that is no snapshot adds nothing", () =>
    Effect.gen(function*() {
      for (const flags of [null, 3, "x", {}, [], { eventProperties: null }]) {
        yield* PostHog.capture("e", { a: 1 }, { flags: flags as never, distinctId: "u" })
      }
      const events = yield* PostHogTest.captured
      assert.strictEqual(events.length, 6)
      for (const { properties } of events) assert.strictEqual(properties.a, 1)
    }).pipe(Effect.provide(TestLayer)))
})

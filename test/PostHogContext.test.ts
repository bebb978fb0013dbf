import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, ManagedRuntime, Stream, TestClock } from "effect"
import { PostHog, PostHogTest, TestLayer } from "effect-posthog"

class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}

/** Who the events captured so far are about, by event name. */
const idsByName = Effect.map(
  PostHogTest.captured,
  (events) => Object.fromEntries(events.map((event) => [event.event, event.distinct_id]))
)

const contextId = Effect.map(PostHog.getContext(), (context) => context.distinctId)

describe("values of a context", () => {
  it.effect("are those of the moment at which they were set, nested ones too", () =>
    Effect.gen(function*() {
      const n = { v: 1, date: new Date(0) }
      yield* Effect.gen(function*() {
        yield* PostHog.capture("a")
        n.v = 2
        n.date.setFullYear(2000)
        yield* PostHog.capture("b")
        yield* PostHog.capture("c", { z: 1 })
        yield* PostHog.capture("d").pipe(PostHog.withContext({ properties: { w: 1 } }))
        assert.deepStrictEqual((yield* PostHog.getContext()).properties, {
          n: { v: 1, date: "1970-01-01T00:00:00.000Z" },
          z: 0
        })
      }).pipe(PostHog.withContext({ properties: { n, z: 0 } }))
      for (const event of yield* PostHogTest.captured) {
        assert.deepStrictEqual(event.properties.n, { v: 1, date: "1970-01-01T00:00:00.000Z" }, event.event)
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("cost no event, however large they are", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("a", { text: "small" })
      yield* PostHog.capture("b")
      const [a, b] = yield* PostHogTest.captured
      assert.strictEqual(a!.properties.text, "small")
      assert.strictEqual(b!.properties.text, "[Too large]")
      assert.strictEqual(b!.properties.list, "[Too large]")
      assert.strictEqual((yield* PostHog.stats).repaired, 2)
    }).pipe(
      PostHog.withContext({ properties: { text: "x".repeat(2_000_000), list: ["y".repeat(2_000_000)] } }),
      Effect.provide(TestLayer)
    ))
})

describe("withContext", () => {
  it.effect("applies to the region and everything in it, and to nothing after it", () =>
    Effect.gen(function*() {
      const inner = Effect.gen(function*() {
        yield* PostHog.capture("inner").pipe(PostHog.withContext({ distinctId: "inner", properties: { b: 2 } }))
        yield* PostHog.capture("outer")
      }).pipe(PostHog.withContext({ distinctId: "outer", sessionId: "s1", properties: { a: 1, b: 1 } }))
      yield* inner
      yield* PostHog.capture("after")
      const events = yield* PostHogTest.captured
      assert.deepInclude(events[0], { distinct_id: "inner" })
      assert.deepInclude(events[0]!.properties, { a: 1, b: 2, $session_id: "s1" })
      assert.deepInclude(events[1], { distinct_id: "outer" })
      assert.deepInclude(events[1]!.properties, { a: 1, b: 1, $session_id: "s1" })
      assert.notProperty(events[2]!.properties, "a")
      assert.strictEqual(events[2]!.properties.$process_person_profile, false)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("can be called with the effect first or last", () =>
    Effect.gen(function*() {
      const capture = PostHog.capture("event")
      yield* PostHog.withContext(capture, { distinctId: "1" })
      yield* PostHog.withEventContext(capture, "event", { distinctId: "2" })
      yield* PostHog.withDistinctId(capture, "3")
      yield* PostHog.withGroups(capture, { g: "4" })
      yield* PostHog.withSessionId(capture, "5")
      yield* capture.pipe(PostHog.withDistinctId("6"), PostHog.withGroups({ g: "6" }), PostHog.withSessionId("6"))
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(events.slice(0, 3).map((event) => event.distinct_id), ["1", "2", "3"])
      assert.deepStrictEqual(events[3]!.properties.$groups, { g: "4" })
      assert.strictEqual(events[4]!.properties.$session_id, "5")
      assert.deepInclude(events[5]!.properties, { $groups: { g: "6" }, $session_id: "6" })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("an explicit id, session or property of the call wins", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("event", { $session_id: "call", plan: "call" }, { distinctId: "call" })
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event!.distinct_id, "call")
      assert.deepInclude(event!.properties, { $session_id: "call", plan: "call" })
    }).pipe(
      PostHog.withContext({ distinctId: "context", sessionId: "context", properties: { plan: "context" } }),
      Effect.provide(TestLayer)
    ))

  it.effect("blank ids count as absent, and values that throw leave the context as it was", () =>
    Effect.gen(function*() {
      const hostile = new Proxy({}, {
        get() {
          throw new Error("no")
        }
      }) as never
      const ids = yield* Effect.all([
        contextId.pipe(PostHog.withContext({ distinctId: " " })),
        contextId.pipe(PostHog.withContext(hostile)),
        contextId.pipe(PostHog.withContext(null as never))
      ])
      assert.deepStrictEqual(ids, ["outer", "outer", "outer"])
      yield* PostHog.setContext(hostile)
      yield* PostHog.capture("event").pipe(PostHog.withContext({ properties: hostile, groups: hostile }))
      assert.strictEqual((yield* PostHogTest.captured)[0]!.distinct_id, "outer")
    }).pipe(PostHog.withDistinctId("outer"), Effect.provide(TestLayer)))

  it.effect("is a copy of what was given", () => {
    const properties = { plan: "pro" }
    return Effect.gen(function*() {
      properties.plan = "free"
      yield* PostHog.capture("event")
      assert.strictEqual((yield* PostHogTest.captured)[0]!.properties.plan, "pro")
    }).pipe(PostHog.withContext({ properties }), Effect.provide(TestLayer))
  })
})

describe("fibers", () => {
  it.effect("inherit the context: forked, daemon, racing, timed, streamed, in parallel", () =>
    Effect.gen(function*() {
      const capture = (name: string) => PostHog.capture(name)
      yield* Effect.gen(function*() {
        yield* Fiber.join(yield* Effect.fork(capture("fork")))
        yield* Fiber.join(yield* Effect.forkDaemon(capture("daemon")))
        yield* Effect.race(Effect.zipRight(Effect.yieldNow(), capture("race")), Effect.never)
        yield* Effect.timeout(capture("timeout"), "1 second")
        yield* Stream.range(1, 3).pipe(
          Stream.mapEffect((i) => capture(`stream ${i}`), { concurrency: 3 }),
          Stream.runDrain
        )
        yield* Effect.all([capture("all 1"), capture("all 2")], { concurrency: "unbounded" })
        yield* Effect.scoped(Effect.addFinalizer(() => capture("finalizer")))
      }).pipe(PostHog.withDistinctId("user_1"))
      const ids = yield* idsByName
      assert.strictEqual(Object.keys(ids).length, 10)
      assert.deepStrictEqual(new Set(Object.values(ids)), new Set(["user_1"]))
    }).pipe(Effect.provide(TestLayer)))

  it.effect("siblings do not see each other's context", () =>
    Effect.gen(function*() {
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        (i) =>
          Effect.gen(function*() {
            yield* PostHog.setContext({ distinctId: `user_${i}` })
            yield* Effect.yieldNow()
            yield* PostHog.capture(`event ${i}`)
          }),
        { concurrency: "unbounded" }
      )
      const ids = yield* idsByName
      for (let i = 0; i < 50; i++) assert.strictEqual(ids[`event ${i}`], `user_${i}`)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("never write back when they are joined", () =>
    Effect.gen(function*() {
      const set = PostHog.setContext({ distinctId: "child" })
      yield* Fiber.join(yield* Effect.fork(set))
      yield* Effect.all([set, set], { concurrency: 2 })
      yield* Effect.race(set, Effect.never)
      yield* Effect.timeout(set, "1 second")
      yield* Effect.forEach([1, 2], () => set, { concurrency: 2 })
      assert.strictEqual(yield* contextId, "parent")
    }).pipe(PostHog.withDistinctId("parent")))

  it("a ManagedRuntime runs each program with the context that surrounds it", async () => {
    const runtime = ManagedRuntime.make(TestLayer)
    const run = (id: string) => runtime.runPromise(PostHog.capture("event").pipe(PostHog.withDistinctId(id)))
    await Promise.all(["a", "b", "c"].map(run))
    await runtime.runPromise(PostHog.capture("none"))
    const events = await runtime.runPromise(PostHogTest.captured)
    assert.deepStrictEqual(events.slice(0, 3).map((event) => event.distinct_id).sort(), ["a", "b", "c"])
    assert.strictEqual(events[3]!.properties.$process_person_profile, false)
    await runtime.dispose()
  })
})

describe("setContext", () => {
  it.effect("lasts for the rest of the fiber, reaches its children, and ends with a surrounding region", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* PostHog.capture("before")
        yield* PostHog.setContext({ distinctId: "later", groups: { a: "1" } })
        yield* PostHog.setContext({ groups: { b: "2" } })
        yield* PostHog.capture("after")
        yield* Fiber.join(yield* Effect.fork(PostHog.capture("child")))
      }).pipe(PostHog.withDistinctId("first"))
      assert.deepStrictEqual(yield* idsByName, { before: "first", after: "later", child: "later" })
      assert.deepStrictEqual((yield* PostHogTest.captured)[1]!.properties.$groups, { a: "1", b: "2" })
      assert.strictEqual(yield* contextId, undefined)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("ends with an operator that forks, as documented", () =>
    Effect.gen(function*() {
      yield* Effect.timeout(PostHog.setContext({ distinctId: "inside" }), "1 second")
      assert.strictEqual(yield* contextId, undefined)
      const delayed = yield* Effect.fork(Effect.zipRight(Effect.sleep("1 second"), contextId))
      yield* PostHog.setContext({ distinctId: "too late" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(delayed), undefined)
    }))
})

describe("event context", () => {
  it.effect("applies to events of one name, over everything that is for all", () =>
    Effect.gen(function*() {
      yield* PostHog.setEventContext("b", { properties: { set: true } })
      yield* PostHog.capture("a")
      yield* PostHog.capture("b")
      const [a, b] = yield* PostHogTest.captured
      assert.deepInclude(a, { distinct_id: "all" })
      assert.notProperty(a!.properties, "only")
      assert.deepInclude(b, { distinct_id: "only_b" })
      assert.deepInclude(b!.properties, { only: "b", plan: "pro", set: true })
    }).pipe(
      PostHog.withContext({ distinctId: "all", properties: { plan: "pro" } }),
      PostHog.withEventContext("b", { distinctId: "only_b", properties: { only: "b" } }),
      Effect.provide(TestLayer)
    ))
})

describe("instances", () => {
  const both = Layer.merge(
    PostHogTest.layer(),
    PostHogTest.layerInstance(Marketing, { globalProperties: { site: "www" } })
  )
  const marketing = PostHogTest.captured.pipe(PostHog.using(Marketing))

  it.effect("have their own context beside the one for all", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("event")
      yield* PostHog.capture("event").pipe(PostHog.using(Marketing))
      yield* PostHog.using(PostHog.capture("special"), Marketing)
      const [mine] = yield* PostHogTest.captured
      const [theirs, special] = yield* marketing
      assert.deepInclude(mine, { distinct_id: "all" })
      assert.notProperty(mine!.properties, "campaign")
      assert.deepInclude(theirs, { distinct_id: "lead" })
      assert.deepInclude(theirs!.properties, { campaign: "spring", plan: "pro", site: "www" })
      assert.strictEqual(special!.properties.campaign, "special")
    }).pipe(
      PostHog.withEventContext("special", { properties: { campaign: "special" } }, { instance: Marketing }),
      PostHog.withContext({ distinctId: "lead", properties: { campaign: "spring" } }, { instance: Marketing }),
      PostHog.withContext({ distinctId: "all", properties: { plan: "pro" } }),
      Effect.provide(both)
    ))

  it.effect("are addressed by using, which reaches everything that asks for PostHog", () =>
    Effect.gen(function*() {
      const everything = Effect.gen(function*() {
        yield* PostHog.identify("lead_1")
        yield* PostHog.groupIdentify("company", "acme")
        yield* Effect.fork(PostHog.capture("forked")).pipe(Effect.flatMap(Fiber.join))
        return yield* PostHog.stats
      })
      const stats = yield* everything.pipe(PostHog.using(Marketing))
      assert.strictEqual(stats.accepted, 3)
      assert.strictEqual((yield* PostHog.stats).accepted, 0)
      assert.strictEqual((yield* marketing).length, 3)
      yield* PostHog.optOut.pipe(PostHog.using(Marketing))
      assert.isFalse(yield* PostHog.isOptedOut)
      assert.isTrue(yield* PostHog.isOptedOut.pipe(PostHog.using(Marketing)))
    }).pipe(Effect.provide(both)))
})

describe("getContext", () => {
  it.effect("gives what has accumulated, for all instances, for one, and for one event", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* PostHog.getContext(), {
        distinctId: "user",
        sessionId: "s1",
        groups: { company: "acme" },
        properties: { plan: "pro" }
      })
      assert.deepStrictEqual((yield* PostHog.getContext({ instance: Marketing })).properties, {
        plan: "pro",
        campaign: "spring"
      })
      assert.deepStrictEqual((yield* PostHog.getContext({ instance: Marketing, event: "e" })).properties, {
        plan: "pro",
        campaign: "spring",
        e: 1
      })
    }).pipe(
      PostHog.withEventContext("e", { properties: { e: 1 } }),
      PostHog.withContext({ properties: { campaign: "spring" } }, { instance: Marketing }),
      PostHog.withContext({
        distinctId: "user",
        sessionId: "s1",
        groups: { company: "acme" },
        properties: { plan: "pro" }
      })
    ))

  it.effect("is empty outside of every context", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* PostHog.getContext(), { properties: {} })
    }))
})

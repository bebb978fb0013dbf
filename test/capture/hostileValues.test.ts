/**
 * Values that throw, lie or are beyond measure, wherever a program can give one: no fiber dies, and the books balance.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Option, Redacted } from "effect"
import { ErrorTracking, FeatureFlags, PostHog, PostHogHttp, PostHogTest } from "effect-posthog"
import { revoked, throwsRevoked } from "../support/hostile.js"
import { assertAddsUp } from "../support/posthog.js"

const layer = PostHogTest.TestLayer

const throwsOnRead = (): object => ({
  get distinctId() {
    throw revoked()
  },
  get a() {
    throw revoked()
  }
})

/** As anything at all: what a program gives is not always what its types say. */
const any = (value: unknown): never => value as never

const hostiles: ReadonlyArray<readonly [string, () => unknown]> = [
  ["a revoked Proxy", () => revoked()],
  ["a revoked Proxy of a list", () => revoked([])],
  ["a Proxy whose traps throw a revoked one", () => throwsRevoked()],
  ["a Proxy of a function whose traps throw a revoked one", () => throwsRevoked(() => 1)],
  ["a getter that throws a revoked Proxy", throwsOnRead],
  ["a text of ten million", () => "x".repeat(10_000_000)],
  ["ten million bytes", () => Buffer.alloc(10_000_000)],
  ["a list without end", () => Object.assign([], { length: 4_294_967_295 })],
  ["a symbol", () => Symbol("\ud800")],
  ["a value that cannot become a text", () => Object.create(null)],
  ["a value whose text is no text", () => ({ toString: () => revoked(), [Symbol.toPrimitive]: () => revoked() })]
]

const verbs: Readonly<Record<string, (value: never) => Effect.Effect<unknown, unknown, PostHog.PostHog>>> = {
  "the name of capture": (value) => PostHog.capture(value, {}, { distinctId: "u" }),
  "the properties of capture": (value) => PostHog.capture("e", value, { distinctId: "u" }),
  "a property of capture": (value) => PostHog.capture("e", { value }, { distinctId: "u" }),
  "the options of capture": (value) => PostHog.capture("e", {}, value),
  "the distinct id of capture": (value) => PostHog.capture("e", {}, { distinctId: value }),
  "the flags of capture": (value) => PostHog.capture("e", {}, { distinctId: "u", flags: value }),
  "the groups of capture": (value) => PostHog.capture("e", {}, { distinctId: "u", groups: value }),
  "a group of capture": (value) => PostHog.capture("e", {}, { distinctId: "u", groups: { g: value } }),
  "the timestamp of capture": (value) => PostHog.capture("e", {}, { distinctId: "u", timestamp: value }),
  "the uuid of capture": (value) => PostHog.capture("e", {}, { distinctId: "u", uuid: value }),
  "the properties of captureNow": (value) => PostHog.captureNow("e", value, { distinctId: "u" }),
  "the user of identify": (value) => PostHog.identify(value, {}),
  "the properties of identify": (value) => PostHog.identify("u", value),
  "the options of identify": (value) => PostHog.identify("u", { a: 1 }, value),
  "setOnce of identify": (value) => PostHog.identify("u", { a: 1 }, { setOnce: value }),
  "setPersonProperties": (value) => PostHog.setPersonProperties(value, { distinctId: "u" }),
  "setOnce of setPersonProperties": (value) => PostHog.setPersonProperties({}, { distinctId: "u", setOnce: value }),
  "unsetPersonProperties": (value) => PostHog.unsetPersonProperties(value, { distinctId: "u" }),
  "a name of unsetPersonProperties": (value) => PostHog.unsetPersonProperties([value, "b"], { distinctId: "u" }),
  "the ids of alias": (value) => PostHog.alias(value),
  "an id of alias": (value) => PostHog.alias({ distinctId: "u", alias: value }),
  "the type of groupIdentify": (value) => PostHog.groupIdentify(value, "k"),
  "the key of groupIdentify": (value) => PostHog.groupIdentify("g", value),
  "the properties of groupIdentify": (value) => PostHog.groupIdentify("g", "k", value),
  "the address of pageView": (value) => PostHog.pageView(value, {}, { distinctId: "u" }),
  "the properties of pageView": (value) => PostHog.pageView("https://a.b/c", value, { distinctId: "u" }),
  "the properties of screen": (value) => PostHog.screen("s", value, { distinctId: "u" }),
  "a context": (value) => PostHog.capture("e").pipe(PostHog.withContext(value)),
  "the properties of a context": (value) =>
    PostHog.capture("e").pipe(PostHog.withContext({ distinctId: "u", properties: value })),
  "a property of a context": (value) =>
    PostHog.capture("e").pipe(PostHog.withContext({ distinctId: "u", properties: { value } })),
  "the groups of a context": (value) =>
    PostHog.capture("e").pipe(PostHog.withContext({ distinctId: "u", groups: value })),
  "the person properties of flags": (value) => FeatureFlags.evaluate({ distinctId: "u", personProperties: { value } }),
  "the properties of an exception": (value) =>
    ErrorTracking.capture(new Error("e"), { distinctId: "u", properties: { value } }),
  "the scope of a context": (value) => PostHog.capture("e").pipe(PostHog.withContext({ distinctId: "u" }, value)),
  "the instance of a scope": (value) =>
    PostHog.setContext({ distinctId: "u" }, { instance: value }).pipe(Effect.zipRight(PostHog.capture("e"))),
  "the key of an instance": (value) =>
    Effect.zipRight(PostHog.getContext({ instance: { key: value }, event: value }), PostHog.capture("e")).pipe(
      PostHog.withEventContext(value, { distinctId: "u" }, { instance: { key: value } })
    ),
  "the options of getContext": (value) => PostHog.getContext(value),
  "a carrier": (value) => PostHog.capture("e").pipe(PostHog.withCarrier(value)),
  "what a carrier remembers of its request": (value) =>
    PostHog.capture("e").pipe(PostHog.withCarrier({ [Symbol.for("effect-posthog/context/request")]: value })),
  "what properties remember of their request": (value) =>
    PostHog.capture("e").pipe(
      PostHog.withContext({
        properties: any({ [Symbol.for("effect-posthog/context/request")]: value, $ip: "1" })
      })
    ),
  "the keys of flags": (value) => FeatureFlags.evaluate({ distinctId: "u", flagKeys: value }),
  "a key of flags": (value) => FeatureFlags.evaluate({ distinctId: "u", flagKeys: [value] }),
  "a thrown value": (value) => ErrorTracking.capture(value, { distinctId: "u" }),
  "a field of a tagged error": (value) =>
    ErrorTracking.capture(Object.assign(new Error("e"), { _tag: "Tagged", value }), { distinctId: "u" }),
  "the tag, the name and the message of an error": (value) =>
    ErrorTracking.capture({ _tag: value, name: value, message: value, stack: value }, { distinctId: "u" }),
  "the cause and the members of an error": (value) =>
    ErrorTracking.capture(Object.assign(new Error("e", { cause: value }), { errors: value }), { distinctId: "u" }),
  "a request": (value) => Effect.sync(() => PostHogHttp.contextOf(value)),
  "the options of a request": (value) =>
    PostHog.capture("e").pipe(
      Effect.as(new Response("")),
      PostHogHttp.withRequest(new Request("http://shop/"), value)
    )
}

describe("hostile values", () => {
  for (const [what, verb] of Object.entries(verbs)) {
    it.effect(`as ${what}`, () =>
      Effect.forEach(hostiles, ([name, make]) =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(verb(any(make())))
          assert.strictEqual(exit._tag, "Success", `${name}: ${JSON.stringify(exit)}`)
          yield* PostHog.capture("after", {}, { distinctId: "u" })
          yield* Effect.ignore(PostHog.flush)
          const stats = yield* PostHog.stats
          assertAddsUp(stats)
          assert.strictEqual(stats.dropped.internal_error ?? 0, 0, name)
          const events = yield* PostHogTest.captured
          assert.strictEqual(events.at(-1)!.event, "after", name)
          for (const { properties } of events) assert.isTrue(JSON.stringify(properties).isWellFormed())
        }).pipe(Effect.provide(layer)), { discard: true }))
  }

  it.effect("a hook that gives properties that throw has failed, which is no fault of the library", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("e", {}, { distinctId: "u" })
      const { dropped } = yield* PostHog.stats
      assert.strictEqual(dropped.before_send_failed, 1)
    }).pipe(
      Effect.provide(PostHogTest.layer({ beforeSend: (event) => ({ ...event, properties: throwsRevoked() as never }) }))
    ))

  it.effect("a snapshot that throws costs the event its flags and nothing else", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("e", { a: 1 }, { distinctId: "u", flags: any(throwsRevoked()) })
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event!.properties.a, 1)
      assert.strictEqual((yield* PostHog.stats).repaired, 1)
    }).pipe(Effect.provide(layer)))

  it.effect("names that are none are not unset, and too many are refused", () =>
    Effect.gen(function*() {
      yield* PostHog.unsetPersonProperties(any(["a", undefined, 7, null, "b"]), { distinctId: "u" })
      yield* PostHog.unsetPersonProperties(any("email"), { distinctId: "u" })
      yield* PostHog.unsetPersonProperties(any(new Set(["a"])), { distinctId: "u" })
      yield* PostHog.unsetPersonProperties(Array.from({ length: 10_001 }, (_, i) => `p${i}`), { distinctId: "u" })
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(events.map(({ properties }) => properties.$unset), [["a", "7", "b"], ["email"], ["a"]])
      assert.strictEqual((yield* PostHog.stats).dropped.invalid_event, 1)
    }).pipe(Effect.provide(layer)))
})

describe("one encoding", () => {
  const given = {
    plan: Option.some("pro"),
    none: Option.none(),
    since: DateTime.unsafeMake(0),
    secret: Redacted.make("hunter2"),
    photo: Buffer.alloc(100)
  }
  const wanted = { plan: "pro", since: "1970-01-01T00:00:00.000Z", secret: "<redacted>", photo: "[Buffer: 100 bytes]" }
  const pick = (properties: object) =>
    Object.fromEntries(Object.entries(properties).filter(([name]) => Object.hasOwn(given, name)))

  it.effect("holds wherever values enter", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("call", given, { distinctId: "u" })
      yield* PostHog.capture("context").pipe(PostHog.withContext({ distinctId: "u", properties: given }))
      yield* PostHog.identify("u", given)
      yield* PostHog.groupIdentify("g", "k", given)
      yield* ErrorTracking.capture(new Error("e"), { distinctId: "u", properties: given })
      yield* Effect.logError("log").pipe(
        Effect.annotateLogs(given),
        Effect.provide(ErrorTracking.layerLogger({ metadata: "all" }))
      )
      const events = yield* PostHogTest.captured
      assert.lengthOf(events, 6)
      for (const { event, properties } of events) {
        const all = (properties.$set ?? properties.$group_set ?? properties) as object
        // Annotations are gathered, not given to PostHog: a secret among them is not even named.
        const { secret, ...unnamed } = wanted
        const isLog = properties.$exception_source === "effect.logger"
        assert.deepStrictEqual(pick(all), isLog ? unnamed : { ...unnamed, secret }, event)
      }
    }).pipe(Effect.provide(layer)))

  it.effect("holds for global properties", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("e", {}, { distinctId: "u" })
      const [event] = yield* PostHogTest.captured
      assert.deepStrictEqual(pick(event!.properties), wanted)
    }).pipe(Effect.provide(PostHogTest.layer({ globalProperties: given }))))
})

import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { ErrorTracking, FeatureFlags, PostHog, PostHogBridge, PostHogHttp, PostHogTest } from "effect-posthog"
import { run } from "./support/child.js"
import * as Sink from "./support/sink.js"

class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}

const made = <R, E>(layer: Layer.Layer<R, E>, options?: PostHogBridge.Options) =>
  Effect.acquireRelease(
    Effect.promise(() => PostHogBridge.make(layer, options)),
    (bridge) => Effect.promise(() => bridge.close())
  )

describe("PostHogBridge.make", () => {
  it.scopedLive("what is captured behind an await is in its context, however many there are at once", () =>
    Effect.gen(function*() {
      const bridge = yield* made(PostHogTest.TestLayer)
      const request = (user: number) =>
        bridge.withContext({ distinctId: `user_${user}`, properties: { depth: 1 } }, async () => {
          await Promise.resolve()
          void bridge.run(PostHog.capture("seen"))
          await bridge.withContext({ properties: { depth: 2 } }, async () => {
            await new Promise(setImmediate)
            await bridge.run(PostHog.capture("inside", { user }))
          })
          await bridge.run(PostHog.capture("outside", { user }))
        })
      yield* Effect.promise(() => Promise.all(Array.from({ length: 100 }, (_, user) => request(user))))
      const events = yield* Effect.promise(() => bridge.run(PostHogTest.captured))
      assert.strictEqual(events.length, 300)
      for (const { distinct_id, event, properties } of events) {
        if (event !== "seen") assert.strictEqual(distinct_id, `user_${properties.user as number}`)
        assert.strictEqual(properties.depth, event === "inside" ? 2 : 1)
      }
    }))

  it.scopedLive("values for one instance are for that one", () =>
    Effect.gen(function*() {
      const bridge = yield* made(Layer.merge(PostHogTest.TestLayer, PostHogTest.layerInstance(Marketing)))
      yield* Effect.promise(() =>
        bridge.withContext({ distinctId: "lead" }, () =>
          bridge.run(Effect.all([
            PostHog.capture("a", {}, { distinctId: "user" }),
            PostHog.capture("b").pipe(PostHog.using(Marketing))
          ])), { instance: Marketing })
      )
      const [own] = yield* Effect.promise(() => bridge.run(PostHogTest.captured))
      const [other] = yield* Effect.promise(() => bridge.run(PostHogTest.captured.pipe(PostHog.using(Marketing))))
      assert.deepStrictEqual([own?.distinct_id, other?.distinct_id], ["user", "lead"])
    }))

  it.scopedLive("exceptions, flags and services of the program work as they do in effects", () =>
    Effect.gen(function*() {
      class Price extends Context.Tag("Price")<Price, number>() {}
      const bridge = yield* made(
        Layer.merge(PostHogTest.layer({ flags: [PostHogTest.override("beta", true)] }), Layer.succeed(Price, 7))
      )
      const [isOn, price] = yield* Effect.promise(() =>
        bridge.withContext(
          { distinctId: "ada" },
          () => Promise.all([bridge.run(FeatureFlags.isEnabled("beta")), bridge.run(Price)])
        )
      )
      assert.deepStrictEqual([isOn, price], [true, 7])
      yield* Effect.promise(() =>
        bridge.withContext({ distinctId: "ada" }, () => bridge.run(ErrorTracking.capture(new Error("boom"))))
      )
      const events = yield* Effect.promise(() => bridge.run(PostHogTest.captured))
      assert.deepStrictEqual(events.map(({ distinct_id, event }) => [event, distinct_id]), [
        ["$feature_flag_called", "ada"],
        ["$exception", "ada"]
      ])
      const failure = yield* Effect.promise(() => bridge.run(Effect.fail("no")).catch(String))
      assert.include(failure, "no")
    }))

  it.scopedLive("capture does what run(PostHog.capture(…)) does, at once and in the same context", () =>
    Effect.gen(function*() {
      const bridge = yield* made(PostHogTest.TestLayer)
      const { capture } = bridge
      const request = (user: number) =>
        bridge.withContext({ distinctId: `user_${user}`, groups: { company: "acme" } }, async () => {
          await new Promise(setImmediate)
          const properties = { user }
          capture("plain", properties, { groups: { project: "p" } })
          properties.user = -1
          await bridge.run(PostHog.capture("effect", { user }, { groups: { project: "p" } }))
        })
      yield* Effect.promise(() => Promise.all(Array.from({ length: 50 }, (_, user) => request(user))))
      bridge.capture("outside")
      const events = yield* Effect.promise(() => bridge.run(PostHogTest.captured))
      assert.strictEqual(events.length, 101)
      const of = (name: string) =>
        events.filter(({ event }) => event === name).map(({ distinct_id, properties }) => ({ distinct_id, properties }))
      assert.deepStrictEqual(of("plain"), of("effect"))
      assert.deepStrictEqual(
        of("plain").map(({ properties }) => properties.user),
        Array.from({ length: 50 }, (_, i) => i)
      )
      assert.isFalse(events.at(-1)!.properties.$process_person_profile)
    }))

  it.live("capture never throws, whatever it is given and when; what is dropped is counted", () =>
    Effect.gen(function*() {
      const bridge = yield* Effect.promise(() => PostHogBridge.make(PostHogTest.layer({ maxEventBytes: 1_000 })))
      const thrower = new Proxy({}, {
        ownKeys: () => {
          throw new Error("no")
        }
      })
      for (const value of [null, 1, "text", thrower, () => 1, { big: "x".repeat(2_000) }]) {
        bridge.capture("a", value as never)
        bridge.capture(value as never)
        bridge.capture("a", {}, value as never)
      }
      const stats = yield* Effect.promise(() => bridge.run(PostHog.stats))
      assert.strictEqual(stats.accepted, 18)
      assert.isAbove(stats.dropped.invalid_event ?? 0, 0)
      assert.isAbove(stats.dropped.too_large ?? 0, 0)
      yield* Effect.promise(() => bridge.close())
      bridge.capture("late")
    }))

  it.scopedLive("capture of a disabled instance is counted as ignored; without PostHog a warning says so, once", () =>
    Effect.gen(function*() {
      const disabled = yield* made(Layer.provide(PostHog.layer({ enabled: false }), FetchHttpClient.layer))
      disabled.capture("a")
      const stats = yield* Effect.promise(() => disabled.run(PostHog.stats))
      assert.deepStrictEqual([stats.ignored, stats.accepted], [1, 0])

      const said: Array<string> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => said.push(String(message))))
      const without = yield* made(logger)
      without.capture("a")
      without.capture("b")
      assert.strictEqual(said.filter((text) => text.includes("no PostHog here")).length, 1)
    }))

  it.scopedLive("capture returns at once also where the overflow policy waits for room, and the event is sent later", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const layer = PostHog.layer({
        apiKey: "phc_1234567890",
        host: sink.url,
        maxQueueSize: 1,
        flushAt: 1_000,
        overflow: { waitUpTo: "30 seconds" }
      })
      const bridge = yield* made(Layer.provide(layer, FetchHttpClient.layer))
      for (const event of ["a", "b", "c"]) bridge.capture(event, {}, { distinctId: "ada" })
      yield* Effect.promise(() => bridge.run(PostHog.flush))
      yield* Effect.promise(() => bridge.close())
      assert.sameMembers(sink.requests.flatMap(({ events }) => events.map(({ event }) => event)), ["a", "b", "c"])
    }))

  it.live("a layer that cannot be built rejects with its error, and leaves nothing open", () =>
    Effect.gen(function*() {
      let isOpen = false
      const resource = Layer.scopedDiscard(
        Effect.acquireRelease(Effect.sync(() => isOpen = true), () => Effect.sync(() => isOpen = false))
      )
      const broken = Layer.provide(PostHogTest.layer({ apiKey: "phx_personal" }), resource)
      const error = yield* Effect.promise(() => PostHogBridge.make(broken).then(() => undefined, (error) => error))
      assert.strictEqual(error?._tag, "ConfigurationError")
      assert.isFalse(isOpen)
    }))

  it.scopedLive("without an AsyncLocalStorage the function runs all the same, and that is said once", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const logger = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => said.push(String(message))))
      const { process } = globalThis as { process: { getBuiltinModule?: unknown } }
      const { getBuiltinModule } = process
      process.getBuiltinModule = undefined
      const bridge = yield* made(Layer.merge(PostHogTest.TestLayer, logger)).pipe(
        Effect.ensuring(Effect.sync(() => process.getBuiltinModule = getBuiltinModule))
      )
      for (let i = 0; i < 2; i++) assert.strictEqual(bridge.withContext({ distinctId: "ada" }, () => i), i)
      assert.strictEqual(said.filter((text) => text.includes("AsyncLocalStorage")).length, 1)
    }))

  it.live("after close captures are counted and nothing is rejected; closing twice is closing once", () =>
    Effect.gen(function*() {
      const bridge = yield* Effect.promise(() => PostHogBridge.make(PostHogTest.TestLayer))
      yield* Effect.promise(() => Promise.all([bridge.close(), bridge.close()]))
      yield* Effect.promise(() => bridge.run(PostHog.capture("late")))
      const { accepted, dropped, ignored } = yield* Effect.promise(() => bridge.run(PostHog.stats))
      assert.deepStrictEqual([accepted + ignored, Object.values(dropped).reduce((a, b) => a + b, 0) + ignored], [1, 1])
    }))
})

describe("signals", () => {
  const ended = (way: string, signal: NodeJS.Signals) =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const result = yield* Effect.promise(() =>
        run("test/programs/bridge.ts", {
          args: [way],
          env: { POSTHOG_API_KEY: "phc_test", POSTHOG_HOST: sink.url, POSTHOG_FLUSH_INTERVAL: "1 hour" },
          onLine: (line, kill) => {
            if (line === "ready") kill(signal)
          }
        })
      )
      assert.deepStrictEqual(sink.accepted.map(({ event }) => event), ["started"], result.stderr)
      return result
    })

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.scopedLive(
      `${signal} sends what is queued and ends the process as it would have ended`,
      () =>
        Effect.gen(function*() {
          const result = yield* ended("alone", signal)
          assert.deepStrictEqual([result.code, result.signal], [null, signal])
        }),
      60_000
    )
  }

  it.scopedLive("whoever else listens decides about the process", () =>
    Effect.gen(function*() {
      const result = yield* ended("listener", "SIGTERM")
      assert.deepStrictEqual([result.code, result.signal], [7, null])
    }), 60_000)
})

describe("PostHogHttp.contextOf", () => {
  it("reads a request of Node, and one of the Fetch API", () => {
    const headers = { host: "shop.example.com", "user-agent": "Firefox", "x-posthog-distinct-id": "ada" }
    const expected = {
      distinctId: "ada",
      sessionId: undefined,
      properties: {
        $host: "shop.example.com",
        $pathname: "/a/b",
        $request_method: "GET",
        $user_agent: "Firefox"
      }
    }
    const node = PostHogHttp.contextOf({
      method: "GET",
      url: "/b?x=1",
      originalUrl: "/a/b?x=1",
      headers,
      socket: { remoteAddress: "10.0.0.1" }
    })
    assert.deepInclude(node.properties, { ...expected.properties, $ip: "10.0.0.1" })
    assert.strictEqual(node.distinctId, "ada")
    const web = PostHogHttp.contextOf(new Request("https://shop.example.com/a/b?x=1", { headers }))
    assert.deepInclude(web.properties, { ...expected.properties, $current_url: "https://shop.example.com/a/b?x=1" })
    assert.strictEqual(web.distinctId, "ada")
  })

  it("gives what can be read of a request that is broken, and never throws", () => {
    const throwing = Proxy.revocable({}, {})
    throwing.revoke()
    for (const request of [throwing.proxy, { headers: {} }, { headers: null }, {}]) {
      assert.isObject(PostHogHttp.contextOf(request as never))
    }
    const broken = {
      headers: {},
      get url(): string {
        throw new Error("no")
      }
    }
    assert.deepStrictEqual(PostHogHttp.contextOf(broken), {})
  })
})

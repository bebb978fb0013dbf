/**
 * What the events of one request share: an id where nobody is known, and what the request says about itself, which is the request's alone.
 */
import { HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { ErrorTracking, PostHog, PostHogBridge, PostHogHttp, PostHogTest } from "effect-posthog"
import { AsyncLocalStorage } from "node:async_hooks"
import { ask } from "../support/web.js"

const { TestLayer } = PostHogTest
const Located = PostHogTest.layer({ disableGeoip: false })

const aRequest = (headers: Record<string, string> = {}, path = "/shop?page=2") =>
  new Request(`https://shop.example.com${path}`, {
    headers: { "user-agent": "Firefox", "cf-connecting-ip": "1.2.3.4", "x-posthog-window-id": "w1", ...headers }
  })
const options = { ipHeader: "cf-connecting-ip" }

/** Handles a request of the Fetch API. */
const handled = <A, E, R>(self: Effect.Effect<A, E, R>, request = aRequest()) =>
  Effect.as(self, new Response("")).pipe(PostHogHttp.withRequest(request, options))

const ofRequest = [
  "$current_url",
  "$host",
  "$pathname",
  "$request_path",
  "$request_method",
  "$ip",
  "$user_agent",
  "$raw_user_agent",
  "$window_id",
  "http.route"
]

const assertNothingOfRequest = (properties: unknown) =>
  assert.deepStrictEqual(ofRequest.filter((name) => Object.hasOwn(properties as object, name)), [])

/** Ids of the events so far, each once. */
const ids = Effect.map(PostHogTest.captured, (events) => {
  for (const { properties } of events) assert.isFalse(properties.$process_person_profile)
  return [...new Set(events.map(({ distinct_id }) => distinct_id))]
})

const named = (name: string) =>
  Effect.map(PostHogTest.captured, (events) => events.find(({ event }) => event === name)!)

describe("an anonymous request has one id", () => {
  it.effect("for what its handler captures, in forks too, for its exception and for the event of the request", () =>
    Effect.gen(function*() {
      const app = Effect.gen(function*() {
        yield* PostHog.pageView("https://shop.example.com/shop")
        yield* PostHog.setContext({ properties: { step: 1 } })
        yield* PostHog.withContext(PostHog.capture("inside"), { sessionId: "s" })
        yield* Fiber.join(yield* Effect.fork(PostHog.capture("forked")))
        yield* Effect.timeout(PostHog.capture("in time"), "1 minute")
        yield* ErrorTracking.capture(new Error("by hand"))
        return yield* Effect.die(new Error("broken"))
      }).pipe(PostHogHttp.middleware({ requestEvent: "request" }))
      yield* ask(app, aRequest())
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ event }) => event).sort(),
        ["$exception", "$exception", "$pageview", "forked", "in time", "inside", "request"]
      )
      assert.strictEqual((yield* ids).length, 1)
      yield* ask(app, aRequest())
      assert.strictEqual((yield* ids).length, 2)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("also where something around the middleware forks, and where the handler is interrupted", () =>
    Effect.gen(function*() {
      const app = PostHog.capture("a").pipe(
        Effect.zipRight(Effect.interrupt),
        PostHogHttp.middleware({ requestEvent: "request" }),
        Effect.timeout("1 minute")
      )
      yield* ask(app, aRequest())
      yield* named("request").pipe(Effect.map(({ properties }) => assert.strictEqual(properties.$pathname, "/shop")))
      assert.strictEqual((yield* ids).length, 1)
      yield* PostHogTest.clear
      yield* Effect.exit(
        Effect.as(Effect.zipRight(PostHog.capture("a"), Effect.interrupt), new Response("")).pipe(
          PostHogHttp.withRequest(aRequest(), { requestEvent: "request" })
        )
      )
      assert.strictEqual((yield* PostHogTest.captured).length, 2)
      assert.strictEqual((yield* ids).length, 1)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("for all instances, and through two middlewares", () =>
    Effect.gen(function*() {
      class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}
      yield* Effect.gen(function*() {
        const request = aRequest()
        const runtime = yield* Effect.runtime<PostHog.PostHog>()
        const app = PostHog.capture("inner").pipe(Effect.as(HttpServerResponse.empty()), PostHogHttp.middleware())
        yield* PostHog.capture("outer").pipe(
          Effect.zipRight(PostHog.capture("lead").pipe(PostHog.using(Marketing))),
          Effect.zipRight(ask(app.pipe(Effect.provide(runtime)), request)),
          (self) => handled(self, request)
        )
        const [lead] = yield* PostHogTest.captured.pipe(PostHog.using(Marketing))
        assert.deepStrictEqual(yield* ids, [lead!.distinct_id])
      }).pipe(Effect.provide(Layer.merge(TestLayer, PostHogTest.layerInstance(Marketing))))
    }))

  it.effect("until somebody is known; another request in it is another one, and a plain region has none", () =>
    Effect.gen(function*() {
      yield* handled(Effect.gen(function*() {
        yield* PostHog.capture("before")
        yield* handled(PostHog.capture("other"), aRequest())
        yield* PostHog.setContext({ distinctId: "ada" })
        yield* PostHog.capture("known")
      }))
      yield* Effect.zipRight(PostHog.capture("plain 1"), PostHog.capture("plain 2")).pipe(
        PostHog.withContext({ properties: { a: 1 } })
      )
      const found = (yield* PostHogTest.captured).map(({ distinct_id }) => distinct_id)
      assert.strictEqual(found[2], "ada")
      assert.strictEqual(new Set(found).size, 5)
    }).pipe(Effect.provide(TestLayer)))

  it.scopedLive("in promise code, however often its request is read", () =>
    Effect.gen(function*() {
      const bridge = yield* Effect.promise(() => PostHogBridge.make(TestLayer))
      const request = { method: "GET", url: "/a", headers: {}, socket: { remoteAddress: "1.2.3.4" } }
      const capture = (name: string) => bridge.run(PostHog.capture(name))
      yield* Effect.promise(() =>
        bridge.withContext(PostHogHttp.contextOf(request), async () => {
          await capture("a")
          await bridge.withContext({ properties: { plan: "pro" } }, () => capture("b"))
          await bridge.withContext(PostHogHttp.contextOf(request), () => capture("c"))
        })
      )
      const found = yield* Effect.promise(() => bridge.run(ids))
      assert.strictEqual(found.length, 1)
      yield* Effect.promise(() => bridge.close())
    }))

  it.effect("also for a library that follows an AsyncLocalStorage, and for whoever goes on with getContext", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<PostHog.Carrier>()
      const context = yield* Effect.context<PostHog.PostHog>()
      yield* handled(Effect.gen(function*() {
        yield* PostHog.capture("a")
        yield* PostHogBridge.toAsyncStorage(() =>
          Effect.runPromise(
            PostHog.capture("b").pipe(PostHogBridge.fromAsyncStorage(storage), Effect.provide(context))
          ), storage)
        const values = yield* PostHog.getContext()
        yield* Effect.promise(() =>
          Effect.runPromise(
            PostHog.capture("c").pipe(PostHog.withContext(values), Effect.provide(context))
          )
        )
      }))
      assert.strictEqual((yield* PostHogTest.captured).length, 3)
      assert.strictEqual((yield* ids).length, 1)
      for (const { properties } of yield* PostHogTest.captured) assert.strictEqual(properties.$pathname, "/shop")
    }).pipe(Effect.provide(TestLayer)))
})

describe("the address of the client", () => {
  for (const instance of [true, false]) {
    for (const call of [undefined, true, false]) {
      const isSent = !(call ?? instance)
      it.effect(`is ${isSent ? "" : "not "}sent with disableGeoip ${instance} of the instance and ${call} of the call`, () =>
        Effect.gen(function*() {
          yield* handled(Effect.gen(function*() {
            yield* PostHog.capture("e", { a: 1 }, { disableGeoip: call })
            yield* PostHog.withEventContext(PostHog.capture("named", {}, { disableGeoip: call }), "named", {
              properties: { b: 1 }
            })
            yield* ErrorTracking.capture(new Error("no"), { disableGeoip: call })
          }))
          for (const { properties } of yield* PostHogTest.captured) {
            assert.strictEqual(properties.$ip, isSent ? "1.2.3.4" : undefined)
            assert.strictEqual(properties.$geoip_disable, isSent ? undefined : true)
            assert.strictEqual(properties.$user_agent, "Firefox")
          }
          assert.strictEqual((yield* PostHogTest.captured).length, 3)
        }).pipe(Effect.provide(PostHogTest.layer({ disableGeoip: instance }))))
    }
  }

  it.effect("is not sent where a property says that nobody shall be located", () =>
    Effect.gen(function*() {
      const $geoip_disable = true
      yield* handled(Effect.gen(function*() {
        yield* PostHog.capture("call", { $geoip_disable })
        yield* PostHog.capture("context").pipe(PostHog.withContext({ properties: { $geoip_disable } }))
        yield* PostHog.capture("undone", { $geoip_disable: false }).pipe(
          PostHog.withContext({ properties: { $geoip_disable } })
        )
      }))
      const addresses = (yield* PostHogTest.captured).map(({ event, properties }) => [event, properties.$ip])
      assert.deepStrictEqual(addresses, [["call", undefined], ["context", undefined], ["undone", "1.2.3.4"]])
    }).pipe(Effect.provide(Located)))

  it.effect("is sent as the program gives it, whatever that is and wherever it gives it", () =>
    Effect.gen(function*() {
      const $ip = "5.6.7.8"
      yield* handled(Effect.gen(function*() {
        yield* PostHog.capture("call", { $ip })
        yield* PostHog.capture("located", { $ip }, { disableGeoip: false })
        yield* PostHog.capture("withheld", { $ip: null }, { disableGeoip: false })
        yield* PostHog.setContext({ properties: { $ip: "1.2.3.4" } })
        yield* PostHog.capture("the same")
      }))
      yield* PostHog.capture("option").pipe(
        Effect.as(new Response("")),
        PostHogHttp.withRequest(aRequest(), { ...options, properties: () => ({ $ip }) })
      )
      yield* handled(PostHog.capture("outside")).pipe(PostHog.withContext({ properties: { $ip } }))
      const addresses = (yield* PostHogTest.captured).map(({ event, properties }) => [event, properties.$ip])
      assert.deepStrictEqual(addresses, [
        ["call", $ip],
        ["located", $ip],
        ["withheld", null],
        ["the same", "1.2.3.4"],
        ["option", $ip],
        ["outside", $ip]
      ])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("given for all events of an instance is the program's too", () =>
    Effect.gen(function*() {
      yield* handled(PostHog.capture("e"))
      assert.strictEqual((yield* named("e")).properties.$ip, "5.6.7.8")
    }).pipe(Effect.provide(PostHogTest.layer({ globalProperties: { $ip: "5.6.7.8" } }))))

  it.effect("is not sent with identify and its kin, which take nothing from a context", () =>
    Effect.gen(function*() {
      yield* handled(Effect.zipRight(
        PostHog.identify("ada", { plan: "pro" }),
        PostHog.groupIdentify("company", "acme", { size: 1 }, { distinctId: "ada" })
      ))
      for (const { properties } of yield* PostHogTest.captured) assertNothingOfRequest(properties)
    }).pipe(Effect.provide(Located)))

  it.scopedLive("read by contextOf is sent by the same rule; copies remember it, and what the program changes is its own", () =>
    Effect.gen(function*() {
      const bridge = yield* Effect.promise(() => PostHogBridge.make(TestLayer))
      const request = { method: "GET", url: "/a", headers: {}, socket: { remoteAddress: "1.2.3.4" } }
      const values = PostHogHttp.contextOf(request)
      assert.strictEqual(values.properties?.$ip, "1.2.3.4")
      const { $ip, ...withoutAddress } = values.properties ?? {}
      assert.strictEqual($ip, "1.2.3.4")
      const cases: Record<string, readonly [PostHog.ContextValues, string | undefined, string | undefined]> = {
        plain: [values, undefined, "1.2.3.4"],
        copied: [{ ...values, properties: { ...values.properties, plan: "pro" } }, undefined, "1.2.3.4"],
        changed: [{ ...values, properties: { ...values.properties, $ip: "5.6.7.8" } }, "5.6.7.8", "5.6.7.8"],
        removed: [{ ...values, properties: withoutAddress }, undefined, undefined]
      }
      for (const [name, [given, off, on]] of Object.entries(cases)) {
        yield* Effect.promise(() =>
          bridge.withContext(given, async () => {
            await bridge.run(PostHog.capture(name))
            await bridge.run(PostHog.capture(name, {}, { disableGeoip: false }))
            const carrier = await bridge.run(PostHog.toCarrier)
            assert.deepStrictEqual(
              carrier.properties,
              name === "copied" ? { plan: "pro" } : name === "changed" ? { $ip: "5.6.7.8" } : undefined
            )
          })
        )
        const events = yield* Effect.promise(() => bridge.run(PostHogTest.captured))
        assert.deepStrictEqual(events.map(({ properties }) => properties.$ip), [off, on], name)
        for (const { properties } of events) assert.strictEqual(properties.$pathname, "/a")
        yield* Effect.promise(() => bridge.run(PostHogTest.clear))
      }
      yield* Effect.promise(() => bridge.close())
    }))
})

describe("a job that a request starts", () => {
  it.effect("takes the user, the session, the groups and what the program has said, and nothing of the request", () =>
    Effect.gen(function*() {
      let job = ""
      const app = Effect.gen(function*() {
        yield* PostHog.setContext({ properties: { plan: "pro", $pathname: "/own" }, groups: { company: "acme" } })
        job = JSON.stringify(
          yield* PostHog.toCarrier.pipe(PostHog.withEventContext("done", { properties: { queue: "mail" } }))
        )
        return HttpServerResponse.empty()
      }).pipe(PostHogHttp.middleware({ ...options, properties: () => ({ tenant: "t1" }) }))
      yield* ask(app, aRequest({ "x-posthog-distinct-id": "ada", "x-posthog-session-id": "s1" }))
      assert.deepStrictEqual(JSON.parse(job), {
        distinctId: "ada",
        sessionId: "s1",
        groups: { company: "acme" },
        properties: { plan: "pro", $pathname: "/own", tenant: "t1" },
        events: { done: { properties: { queue: "mail" } } }
      })
      yield* PostHog.capture("done").pipe(PostHog.withCarrier(JSON.parse(job)))
      const { distinct_id, properties } = yield* named("done")
      assert.strictEqual(distinct_id, "ada")
      assert.deepInclude(properties, { $session_id: "s1", tenant: "t1", queue: "mail", $pathname: "/own" })
      const { $pathname, ...others } = properties
      assertNothingOfRequest(others)
    }).pipe(Effect.provide(Located)))

  it.effect("takes nothing of it either as what a storage holds, once it is a text; nor its anonymous id", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<PostHog.Carrier>()
      const context = yield* Effect.context<PostHog.PostHog>()
      yield* handled(Effect.gen(function*() {
        yield* PostHog.capture("in the request")
        assert.strictEqual(
          yield* PostHogBridge.toAsyncStorage(() => JSON.stringify(storage.getStore()), storage),
          "{}"
        )
        const job = PostHog.withCarrier(PostHog.capture("job"), structuredClone(yield* PostHog.toCarrier))
        yield* Effect.promise(() => Effect.runPromise(job.pipe(Effect.provide(context))))
      }))
      const [first, job] = yield* PostHogTest.captured
      assert.notStrictEqual(first!.distinct_id, job!.distinct_id)
      assertNothingOfRequest(job!.properties)
    }).pipe(Effect.provide(Located)))
})

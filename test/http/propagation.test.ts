import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Fiber, identity, Layer, Logger, Schema } from "effect"
import {
  ErrorTracking,
  FeatureFlags,
  PostHog,
  PostHogBridge,
  PostHogHttp,
  PostHogTest,
  TestLayer
} from "effect-posthog"
import { AsyncLocalStorage } from "node:async_hooks"
import { EventEmitter } from "node:events"

class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}

const who = Effect.map(PostHogTest.captured, (events) => events.map((event) => [event.event, event.distinct_id]))

describe("carriers", () => {
  const region = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    self.pipe(
      PostHog.withEventContext("order shipped", { properties: { carrier: "post" } }),
      PostHog.withContext({ properties: { campaign: "spring" } }, { instance: Marketing }),
      PostHog.withContext({
        distinctId: "ada",
        sessionId: "s1",
        deviceId: "d1",
        groups: { company: "acme", seats: 7 },
        properties: { plan: "pro", at: new Date(0), nested: { list: [1, { two: "2" }] } },
        personProperties: { email: "ada@example.com" },
        groupProperties: { company: { size: 3 } }
      })
    )

  it.effect("a consumer continues the producer's context, through a text", () =>
    Effect.gen(function*() {
      const carrier = yield* region(PostHog.toCarrier)
      const text = JSON.stringify(carrier)
      assert.deepStrictEqual(JSON.parse(text), carrier)
      const given = JSON.parse(text) as unknown
      const here = yield* region(PostHog.getContext())
      assert.deepStrictEqual(yield* PostHog.withCarrier(PostHog.getContext(), given), here)
      for (const options of [{ instance: Marketing }, { event: "order shipped" }]) {
        assert.deepStrictEqual(
          yield* PostHog.withCarrier(PostHog.getContext(options), given),
          yield* region(PostHog.getContext(options))
        )
      }
      yield* PostHog.capture("order shipped").pipe(PostHog.withCarrier(given))
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event!.distinct_id, "ada")
      assert.deepInclude(event!.properties, {
        $session_id: "s1",
        $device_id: "d1",
        $groups: { company: "acme", seats: "7" },
        plan: "pro",
        at: "1970-01-01T00:00:00.000Z",
        nested: { list: [1, { two: "2" }] },
        carrier: "post"
      })
      assert.notProperty(event!.properties, "campaign")
      // For the evaluation of flags only.
      assert.notProperty(event!.properties, "email")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("it is added to the context of the consumer and wins over it, and ends with the region", () =>
    Effect.gen(function*() {
      const inside = yield* PostHog.getContext().pipe(
        PostHog.withCarrier({ distinctId: "ada", properties: { plan: "pro" } }),
        PostHog.withContext({ distinctId: "worker", properties: { plan: "free", queue: "orders" } })
      )
      assert.deepStrictEqual(inside, { distinctId: "ada", properties: { plan: "pro", queue: "orders" } })
      assert.deepStrictEqual(yield* PostHog.getContext(), { properties: {} })
    }))

  it.effect("outside of every region the carrier is empty, and brings nothing", () =>
    Effect.gen(function*() {
      const carrier = yield* PostHog.toCarrier
      assert.deepStrictEqual(carrier, {})
      assert.deepStrictEqual(yield* PostHog.withCarrier(PostHog.getContext(), carrier), { properties: {} })
    }))

  it.effect("a carrier of many thousand events costs no more than one of five hundred", () =>
    Effect.gen(function*() {
      const events = Object.fromEntries(Array.from({ length: 16_000 }, (_, i) => [`e${i}`, { properties: { i } }]))
      const found = yield* PostHog.withCarrier(PostHog.toCarrier, { events })
      assert.strictEqual(Object.keys(found.events ?? {}).length, 500)
    }))

  it.effect("what is no carrier is passed over, and what is one in it still counts", () =>
    Effect.gen(function*() {
      const no = () => {
        throw new Error("no")
      }
      const { proxy: revoked, revoke } = Proxy.revocable({}, {})
      revoke()
      const hostile = new Proxy({}, { get: no, has: no, ownKeys: no, getOwnPropertyDescriptor: no })
      const nothing: ReadonlyArray<unknown> = [
        undefined,
        null,
        "ada",
        7,
        [],
        ["distinctId"],
        () => "ada",
        revoked,
        hostile,
        { distinctId: "  ", sessionId: {}, groups: "acme", properties: [1], events: "x", instances: 5 },
        { events: [1], instances: { [Marketing.key]: null } },
        Object.create({ distinctId: "inherited" })
      ]
      for (const carrier of nothing) {
        assert.deepStrictEqual(yield* PostHog.withCarrier(PostHog.getContext(), carrier), { properties: {} })
      }
      const partly = Object.defineProperty({ distinctId: 42, properties: { ok: 1 }, groups: revoked }, "sessionId", {
        get: no,
        enumerable: true
      })
      const { distinctId, properties = {}, sessionId } = yield* PostHog.withCarrier(PostHog.getContext(), partly)
      assert.deepStrictEqual([distinctId, properties.ok, sessionId], ["42", 1, undefined])
      const polluting = JSON.parse(
        `{"properties":{"__proto__":{"polluted":1}},"events":{"__proto__":{"distinctId":"x"}},"instances":{"__proto__":{"distinctId":"y"}},"__proto__":{"distinctId":"z"}}`
      ) as unknown
      const read = yield* PostHog.withCarrier(PostHog.getContext(), polluting)
      assert.isUndefined(read.distinctId)
      assert.isTrue(Object.hasOwn(read.properties!, "__proto__"))
      assert.notProperty({}, "polluted")
    }))

  it.effect("fits into the schema of a job", () =>
    Effect.gen(function*() {
      const Job = Schema.parseJson(Schema.Struct({ order: Schema.String, posthog: Schema.Unknown }))
      const posthog = yield* PostHog.toCarrier.pipe(PostHog.withDistinctId("ada"))
      const text = yield* Schema.encode(Job)({ order: "o", posthog })
      const job = yield* Schema.decode(Job)(text)
      assert.deepInclude(yield* PostHog.getContext().pipe(PostHog.withCarrier(job.posthog)), { distinctId: "ada" })
    }))

  it.effect("a snapshot of flags stays where it is", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "ada" })
      const carrier = yield* PostHog.toCarrier.pipe(FeatureFlags.withSnapshot(flags), PostHog.withDistinctId("ada"))
      assert.deepStrictEqual(carrier, { distinctId: "ada" })
    }).pipe(Effect.provide(PostHogTest.layer({ flags: [PostHogTest.override("beta", true)] }))))
})

describe("tracing headers of requests", () => {
  const sent = (
    options: PostHogHttp.TracingHeadersOptions,
    request: HttpClientRequest.HttpClientRequest,
    change: (client: HttpClient.HttpClient) => HttpClient.HttpClient = identity
  ) => {
    const seen: Array<Record<string, string>> = []
    const client = HttpClient.make((request) => {
      const { "x-posthog-distinct-id": distinctId, "x-posthog-session-id": sessionId, ...rest } = request.headers
      assert.notProperty(rest, "undefined")
      seen.push({
        ...(distinctId === undefined ? undefined : { distinctId }),
        ...(sessionId === undefined ? undefined : { sessionId })
      })
      return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("ok")))
    })
    return Effect.as(PostHogHttp.withTracingHeaders(change(client), options).execute(request), seen)
  }
  const get = HttpClientRequest.get
  const asAda = PostHog.withContext({ distinctId: "ada", sessionId: "s1" })
  const ada = { distinctId: "ada", sessionId: "s1" }

  it.effect("go to the hosts that are named, with the values of the context as the request is made", () =>
    Effect.gen(function*() {
      const options = { hosts: ["API.example.com", "localhost"] }
      for (const url of ["https://api.example.com/a?b", "http://API.EXAMPLE.COM:8080/", "http://localhost:3000"]) {
        assert.deepStrictEqual(yield* asAda(sent(options, get(url))), [ada], url)
      }
      for (
        const url of [
          "https://example.com",
          "https://x.api.example.com",
          "https://api.example.com.evil.com",
          "https://evil.com/api.example.com",
          "https://api.example.com@evil.com/"
        ]
      ) {
        assert.deepStrictEqual(yield* asAda(sent(options, get(url))), [{}], url)
      }
      assert.deepStrictEqual(yield* sent(options, get("http://localhost/")), [{}])
    }))

  it.effect("a base address that the client puts in front counts", () =>
    Effect.gen(function*() {
      const prepend = HttpClient.mapRequest(HttpClientRequest.prependUrl("https://api.example.com"))
      const client = (client: HttpClient.HttpClient) => prepend(client)
      assert.deepStrictEqual(yield* asAda(sent({ hosts: ["api.example.com"] }, get("/users"), client)), [ada])
    }))

  it.effect("replace what the request has; without an id in the context the stale one is emptied", () =>
    Effect.gen(function*() {
      const stale = get("http://localhost/").pipe(
        HttpClientRequest.setHeaders({ "X-PostHog-Distinct-Id": "old", "x-posthog-session-id": "old" })
      )
      assert.deepStrictEqual(yield* asAda(sent({ hosts: ["localhost"] }, stale)), [ada])
      assert.deepStrictEqual(yield* sent({ hosts: ["localhost"] }, stale), [{ distinctId: "", sessionId: "" }])
      assert.deepStrictEqual(yield* asAda(sent({ hosts: ["elsewhere"] }, stale)), [
        { distinctId: "old", sessionId: "old" }
      ])
    }))

  it.effect("go to the address that is requested in the end, also where its beginning is put before it further out", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const client = HttpClient.make((request) => {
        seen.push(request.headers["x-posthog-distinct-id"])
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("ok")))
      })
      for (const base of ["http://stock.internal", "http://elsewhere"]) {
        yield* client.pipe(
          PostHogHttp.withTracingHeaders({ hosts: ["stock.internal"] }),
          HttpClient.mapRequest(HttpClientRequest.prependUrl(base))
        ).execute(get("/x")).pipe(asAda)
      }
      assert.deepStrictEqual(seen, ["ada", undefined])
    }))

  it.effect("an id that a header cannot hold is left out, and the request goes", () =>
    Effect.gen(function*() {
      for (const distinctId of ["ada\r\nx: y", "späť", "日本", "\u0000", " ada", "x".repeat(1_001), "Lovelace, Ada"]) {
        const seen = yield* sent({ hosts: ["localhost"] }, get("http://localhost/")).pipe(
          PostHog.withContext({ distinctId, sessionId: "s1" })
        )
        assert.deepStrictEqual(seen, [{ sessionId: "s1" }], distinctId)
      }
    }))

  it.effect("can be those of one instance", () =>
    Effect.gen(function*() {
      const seen = yield* sent({ hosts: ["localhost"], instance: Marketing }, get("http://localhost/")).pipe(
        PostHog.withContext({ distinctId: "lead" }, { instance: Marketing }),
        PostHog.withDistinctId("ada")
      )
      assert.deepStrictEqual(seen, [{ distinctId: "lead" }])
    }))

  it.effect("what is no host name is told once, and the others work", () =>
    Effect.gen(function*() {
      const messages: Array<string> = []
      const logger = Logger.make(({ message }) => messages.push(String(message)))
      const hosts = [
        "https://api.example.com",
        "api.example.com:443",
        "*.example.com",
        "localhost/path",
        "",
        "localhost"
      ]
      const client = PostHogHttp.withTracingHeaders(
        HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("ok")))),
        { hosts }
      )
      yield* Effect.zipRight(client.get("http://a/"), client.get("http://localhost/")).pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
      assert.strictEqual(messages.length, 1)
      assert.include(messages[0], hosts.slice(0, 4).join(", "))
      assert.deepStrictEqual(yield* asAda(sent({ hosts }, get("http://localhost/"))), [ada])
    }))
})

describe("bridges", () => {
  /** A library without Effect that calls back, some of it later. */
  const each = async <A>(items: ReadonlyArray<A>, f: (item: A) => Promise<unknown>) => {
    await f(items[0]!)
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all(items.slice(1).map(f))
  }

  it.effect("callbacks that give promises run in the context of who made them", () =>
    Effect.gen(function*() {
      const run = (user: string) =>
        Effect.gen(function*() {
          const onItem = yield* PostHogBridge.callback((item: string) =>
            Effect.zipRight(Effect.yieldNow(), PostHog.capture(item))
          )
          yield* Effect.promise(() => each(["a", "b", "c"], onItem))
        }).pipe(PostHog.withDistinctId(user))
      yield* Effect.all([run("ada"), run("bob")], { concurrency: "unbounded" })
      const events = yield* who
      for (const user of ["ada", "bob"]) {
        assert.deepStrictEqual(events.filter(([, id]) => id === user).map(([name]) => name).sort(), ["a", "b", "c"])
      }
    }).pipe(Effect.provide(TestLayer)))

  it.effect("what a callback fails with, or throws, rejects its promise", () =>
    Effect.gen(function*() {
      const failing = yield* PostHogBridge.callback(() => Effect.fail(new Error("failed")))
      const throwing = yield* PostHogBridge.callback((): Effect.Effect<void> => {
        throw new Error("threw")
      })
      for (const [f, message] of [[failing, "failed"], [throwing, "threw"]] as const) {
        const error = yield* Effect.flip(Effect.tryPromise({ try: () => f() as Promise<unknown>, catch: String }))
        assert.include(error, message)
      }
    }))

  it.effect("listeners of an emitter run in the context of who made them, until the scope closes", () =>
    Effect.gen(function*() {
      const emitter = new EventEmitter()
      yield* Effect.scoped(Effect.gen(function*() {
        const began = yield* Deferred.make<void>()
        emitter.on("data", yield* PostHogBridge.listener((item: string) => PostHog.capture(item)))
        emitter.on(
          "slow",
          yield* PostHogBridge.listener(() =>
            Deferred.succeed(began, undefined).pipe(
              Effect.zipRight(Effect.never),
              Effect.onInterrupt(() => PostHog.capture("interrupted"))
            )
          )
        )
        emitter.emit("data", "first")
        emitter.emit("slow")
        yield* Deferred.await(began)
        yield* PostHog.capture("inside")
      })).pipe(PostHog.withDistinctId("ada"))
      emitter.emit("data", "too late")
      assert.deepStrictEqual(yield* who, [["first", "ada"], ["inside", "ada"], ["interrupted", "ada"]])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("a listener that fails is an exception, and the emitter sees nothing of it", () =>
    Effect.gen(function*() {
      const emitter = new EventEmitter()
      emitter.on("data", yield* PostHogBridge.listener(() => Effect.fail(new Error("in a listener"))))
      emitter.on(
        "data",
        yield* PostHogBridge.listener((): Effect.Effect<void> => {
          throw new TypeError("thrown in a listener")
        })
      )
      assert.isTrue(emitter.emit("data"))
      const exceptions = yield* PostHogTest.exceptions
      assert.deepStrictEqual(exceptions.map(({ type, value }) => `${type}: ${value}`), [
        "Error: in a listener",
        "TypeError: thrown in a listener"
      ])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        ErrorTracking.layerLogger().pipe(
          Layer.provideMerge(TestLayer),
          Layer.provideMerge(Logger.remove(Logger.defaultLogger))
        )
      )
    ))

  it.effect("a library that follows an AsyncLocalStorage carries the context, and effects run from it have it", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<PostHog.Carrier>()
      const context = yield* Effect.context<PostHog.PostHog>()
      // Deep in code that knows nothing of Effect, and long after: another run of another fiber.
      const record = (event: string) =>
        Effect.runPromise(
          Effect.zipRight(Effect.yieldNow(), PostHog.capture(event)).pipe(
            PostHogBridge.fromAsyncStorage(storage),
            Effect.provide(context)
          )
        )
      const work = async () => {
        await record("at once")
        await new Promise((resolve) => setImmediate(resolve))
        await record("later")
        return storage.getStore()?.distinctId
      }
      const found = yield* Effect.all(
        ["ada", "bob"].map((user) => PostHogBridge.toAsyncStorage(work, storage).pipe(PostHog.withDistinctId(user))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(found, ["ada", "bob"])
      yield* Effect.promise(() => record("outside"))
      const events = yield* who
      for (const user of ["ada", "bob"]) {
        assert.deepStrictEqual(events.filter(([, id]) => id === user).map(([name]) => name), ["at once", "later"])
      }
      assert.strictEqual(events.length, 5)
      assert.isUndefined(storage.getStore())
    }).pipe(Effect.provide(TestLayer)))

  it.effect("what the library throws is a defect with the error itself", () =>
    Effect.gen(function*() {
      const storage = new AsyncLocalStorage<PostHog.Carrier>()
      const error = new Error("from the library")
      const fiber = yield* Effect.fork(
        PostHogBridge.toAsyncStorage((): void => {
          throw error
        }, storage)
      )
      const exit = yield* Effect.flip(Effect.sandbox(Fiber.join(fiber)))
      assert.deepStrictEqual([Cause.isDie(exit), Cause.squash(exit)], [true, error])
    }))
})

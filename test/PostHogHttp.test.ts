import { HttpLayerRouter, HttpMiddleware, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Data, Deferred, Effect, Fiber, Layer, Logger, Runtime, Stream, TestClock } from "effect"
import { ErrorTracking, PostHog, PostHogHttp, PostHogLive, PostHogTest, TestLayer } from "effect-posthog"
import { request as nodeRequest } from "node:http"
import { connect } from "node:net"
import { shop } from "./support/api.js"
import { major, originalError } from "./support/effect.js"
import { onSink, settle, stats } from "./support/posthog.js"
import * as Sink from "./support/sink.js"
import { type App, ask, routes, serve } from "./support/web.js"

class Declined extends Data.TaggedError("Declined")<{ readonly message: string }> {}

const served = PostHog.capture("served").pipe(Effect.as(HttpServerResponse.unsafeJson({ ok: true })))

const event = (name: string) =>
  Effect.map(PostHogTest.captured, (events) => {
    const found = events.filter((event) => event.event === name)
    assert.strictEqual(found.length, 1, name)
    return found[0]!
  })

const isException = ({ event }: { readonly event: string }): boolean => event === "$exception"

/** Routes can be interrupted, a bare app cannot. */
const routed = <E, R>(handler: App<E, R>) => routes({ "GET /*": handler })

describe("the context of a request", () => {
  it.effect("is on what the handler captures, for all instances, and on nothing else", () =>
    Effect.gen(function*() {
      const app = routes({ "GET /users/:id": served }).pipe(PostHogHttp.middleware())
      yield* ask(
        app,
        new Request("https://shop.example.com/users/7?page=2&token=t", {
          headers: {
            "user-agent": "test/1",
            "x-posthog-distinct-id": "ada",
            "X-PostHog-Session-Id": "s1",
            "x-posthog-window-id": "w1"
          }
        })
      )
      const { distinct_id, properties } = yield* event("served")
      assert.strictEqual(distinct_id, "ada")
      assert.deepInclude(properties, {
        $current_url: "https://shop.example.com/users/7?page=2&token=[redacted]",
        $host: "shop.example.com",
        $pathname: "/users/7",
        $request_path: "/users/7",
        $request_method: "GET",
        $user_agent: "test/1",
        $session_id: "s1",
        $window_id: "w1",
        "http.route": "/users/:id"
      })
      assert.notProperty(properties, "$ip")
      yield* PostHog.capture("outside")
      assert.notProperty((yield* event("outside")).properties, "$current_url")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("who the application knows wins over the header, and whoever the call names over both", () =>
    Effect.gen(function*() {
      const request = () => new Request("http://shop/", { headers: { "x-posthog-distinct-id": "header" } })
      const capture = (name: string) => Effect.as(PostHog.capture(name), HttpServerResponse.empty())
      const { middleware } = PostHogHttp
      yield* ask(capture("header").pipe(middleware()), request())
      yield* ask(capture("surroundings").pipe(middleware(), PostHog.withDistinctId("surroundings")), request())
      yield* ask(capture("option").pipe(middleware({ distinctId: () => Effect.succeed("option") })), request())
      yield* ask(
        Effect.zipRight(PostHog.setContext({ distinctId: "handler" }), capture("handler")).pipe(middleware()),
        request()
      )
      yield* ask(
        Effect.as(PostHog.capture("call", {}, { distinctId: "call" }), HttpServerResponse.empty()).pipe(middleware()),
        request()
      )
      // What cannot be told is nobody, and then the header counts.
      for (
        const [name, distinctId] of Object.entries({
          failing: () => Effect.fail("no"),
          dying: () => Effect.die("no"),
          throwing: (): Effect.Effect<string> => {
            throw new Error("no")
          },
          blank: () => Effect.succeed("  ")
        })
      ) yield* ask(capture(name).pipe(middleware({ distinctId })), request())
      const ids = Object.fromEntries(
        (yield* PostHogTest.captured).map(({ distinct_id, event }) => [event, distinct_id])
      )
      assert.deepStrictEqual(ids, {
        header: "header",
        surroundings: "surroundings",
        option: "option",
        handler: "handler",
        call: "call",
        failing: "header",
        dying: "header",
        throwing: "header",
        blank: "header"
      })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("without any id events are personless, and properties of the program are added", () =>
    Effect.gen(function*() {
      const app = Effect.as(PostHog.capture("served", { $request_method: "mine" }), HttpServerResponse.empty()).pipe(
        PostHogHttp.middleware({
          ip: false,
          userAgent: false,
          query: "omit",
          properties: (request) => ({ tenant: request.headers["x-tenant"] })
        })
      )
      yield* ask(app, new Request("http://shop/?a=1", { headers: { "x-tenant": "acme", "user-agent": "x" } }))
      const { properties } = yield* event("served")
      assert.deepInclude(properties, {
        $process_person_profile: false,
        $request_method: "mine",
        tenant: "acme",
        $current_url: "http://shop/"
      })
      assert.notProperty(properties, "$user_agent")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("functions of the program that throw cost their own part only", () =>
    Effect.gen(function*() {
      const no = () => {
        throw new Error("no")
      }
      const app = served.pipe(
        PostHogHttp.middleware({ properties: no, isSecret: no, trustProxies: no, requestEvent: no })
      )
      const response = yield* ask(app, new Request("http://shop/?a=1"))
      assert.strictEqual(response.status, 200)
      const { properties } = yield* event("served")
      assert.strictEqual(properties.$current_url, "http://shop/?a=[redacted]")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("options that throw as they are read, or are none, are as good as none", () =>
    Effect.gen(function*() {
      const hostile = new Proxy({}, {
        get: () => {
          throw new Error("no")
        }
      })
      const wrong = { distinctId: 5, properties: "x", trustProxies: "yes", ipHeader: 7, isSecret: 1, query: {} }
      for (const options of [hostile, wrong, null, 7] as ReadonlyArray<object>) {
        const request = new Request("http://shop/", { headers: { "x-posthog-distinct-id": "ada" } })
        assert.strictEqual((yield* ask(served.pipe(PostHogHttp.middleware(options)), request)).status, 200)
      }
      const ids = (yield* PostHogTest.captured).map((
        { distinct_id, properties }
      ) => [distinct_id, properties.$pathname])
      assert.deepStrictEqual(ids, Array.from({ length: 4 }, () => ["ada", "/"]))
    }).pipe(Effect.provide(TestLayer)))

  it.live("work for the id that was given up elsewhere does not give up the request", () =>
    Effect.gen(function*() {
      const shared = yield* Effect.forkDaemon(Effect.never)
      yield* Fiber.interrupt(shared)
      const app = served.pipe(PostHogHttp.middleware({ distinctId: () => Fiber.join(shared) }))
      const request = new Request("http://shop/", { headers: { "x-posthog-distinct-id": "ada" } })
      assert.strictEqual((yield* ask(app, request)).status, 200)
      assert.strictEqual((yield* event("served")).distinct_id, "ada")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("has the route also when something before the router looked at the context or changed it", () =>
    Effect.gen(function*() {
      const app = routes({
        "GET /users/:id": Effect.all([served, PostHog.toCarrier, PostHog.getContext()]).pipe(
          Effect.map(([response, carrier, { properties }]) => {
            // What is the request's is no job's.
            assert.notProperty(carrier.properties ?? {}, "http.route")
            assert.strictEqual(properties?.["http.route"], "/users/:id")
            return response
          })
        )
      }).pipe(
        HttpMiddleware.make((app) =>
          PostHog.capture("before").pipe(
            Effect.zipRight(PostHog.setContext({ distinctId: "eve" })),
            Effect.zipRight(PostHog.capture("known")),
            Effect.zipRight(app),
            Effect.zipLeft(PostHog.capture("after"))
          )
        ),
        PostHogHttp.middleware()
      )
      yield* ask(app, new Request("http://shop/users/7"))
      assert.deepStrictEqual(
        (yield* PostHogTest.captured).map(({ event, properties }) => [event, properties["http.route"]]),
        [["before", undefined], ["known", undefined], ["served", "/users/:id"], ["after", "/users/:id"]]
      )
    }).pipe(Effect.provide(TestLayer)))

  it.effect("reaches a second instance too", () =>
    Effect.gen(function*() {
      class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}
      const service = yield* PostHog.PostHog
      const app = PostHog.capture("lead").pipe(
        PostHog.using(Marketing),
        Effect.provideService(Marketing, service),
        Effect.as(HttpServerResponse.empty()),
        PostHogHttp.middleware()
      )
      yield* ask(app, new Request("http://shop/", { headers: { "x-posthog-distinct-id": "ada" } }))
      assert.strictEqual((yield* event("lead")).distinct_id, "ada")
    }).pipe(Effect.provide(TestLayer)))
})

describe("isolation", () => {
  it.scopedLive(
    "200 concurrent requests of different users, through forks, races and timeouts: no event is somebody else's",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const count = 200
        const gate = yield* Deferred.make<void>()
        let arrived = 0
        yield* Effect.gen(function*() {
          const handler = Effect.gen(function*() {
            const request = yield* HttpServerRequest.HttpServerRequest
            const user = request.headers["x-user"]
            if (Number(user?.slice("user_".length)) % 2 === 1) yield* PostHog.setContext({ distinctId: user })
            // All requests are under way before the first goes on.
            if (++arrived === count) yield* Deferred.succeed(gate, undefined)
            yield* Deferred.await(gate)
            const capture = (step: string) =>
              Effect.zipRight(Effect.yieldNow(), PostHog.capture(step, { belongs_to: user }))
            yield* capture("first")
            const daemon = yield* Effect.forkDaemon(capture("daemon"))
            yield* Effect.all([capture("a"), capture("b")], { concurrency: "unbounded" })
            yield* Effect.race(Effect.zipRight(capture("race"), Effect.never), capture("winner"))
            yield* Effect.timeout(capture("in time"), "1 minute")
            yield* Effect.fork(Effect.zipRight(PostHog.setContext({ distinctId: "nobody" }), Effect.void)).pipe(
              Effect.flatMap(Fiber.join)
            )
            yield* PostHog.setContext({ properties: { late: user } })
            yield* capture("last")
            yield* Fiber.join(daemon)
            return HttpServerResponse.text("ok")
          })
          const middleware = PostHogHttp.middleware({
            requestEvent: "request",
            // Half of the users are known by the request, the other half by the handler.
            distinctId: ({ headers: { "x-user": user } }) =>
              Effect.as(Effect.yieldNow(), Number(user?.slice("user_".length)) % 2 === 0 ? user : undefined)
          })
          const port = yield* serve(routed(handler).pipe(middleware))
          const responses = yield* Effect.promise(() =>
            Promise.all(Array.from({ length: count }, (_, i) =>
              fetch(`http://127.0.0.1:${port}/${i}`, {
                headers: {
                  "x-user": `user_${i}`,
                  // Each says that it is somebody else.
                  "x-posthog-distinct-id": `user_${(i + 1) % count}`,
                  "x-posthog-session-id": `s_${i}`
                }
              }).then((response) => response.text())))
          )
          assert.deepStrictEqual(new Set(responses), new Set(["ok"]))
        }).pipe(Effect.scoped, Effect.provide(onSink(sink)))
        const steps = ["first", "daemon", "a", "b", "winner", "in time", "last", "request"]
        for (const step of steps) {
          assert.strictEqual(sink.accepted.filter(({ event }) => event === step).length, count, step)
        }
        for (const { distinct_id, event, properties } of sink.accepted) {
          const number = distinct_id.slice("user_".length)
          assert.strictEqual(properties.$session_id, `s_${number}`, event)
          assert.strictEqual(properties.$pathname, `/${number}`, event)
          if (event !== "request") assert.strictEqual(properties.belongs_to, distinct_id, event)
          if (event === "last") assert.strictEqual(properties.late, distinct_id)
        }
      }),
    60_000
  )
})

describe("failures of handlers", () => {
  const app = routes({
    "GET /fine": HttpServerResponse.text("fine"),
    "GET /broken/:id": Effect.zipRight(
      PostHog.setContext({ distinctId: "late" }),
      Effect.fail(new Declined({ message: "no" }))
    ),
    "GET /dead": Effect.die(new TypeError("dead")),
    "GET /gone": Effect.fail(HttpServerResponse.empty({ status: 410 })),
    "GET /thrown": Effect.die(HttpServerResponse.empty({ status: 403 })),
    "GET /interrupted": Effect.interrupt
  }).pipe(
    PostHogHttp.middleware(),
    HttpMiddleware.logger
  )

  it.effect("are exceptions with the request's context; answers, among them a route that is not found, are none", () =>
    Effect.gen(function*() {
      const statuses: Array<number> = []
      for (const path of ["fine", "nowhere", "gone", "thrown", "interrupted", "broken/7?card=1", "dead"]) {
        statuses.push((yield* ask(app, new Request(`http://shop/${path}`))).status)
      }
      assert.deepStrictEqual(statuses.slice(0, 4), [200, 404, 410, 403])
      assert.deepStrictEqual(statuses.slice(5), [500, 500])
      // The logger has its say after the response; it comes to nothing, because both errors were reported.
      const [broken, dead, ...rest] = yield* PostHogTest.waitFor("$exception", { count: 2 })
      assert.deepStrictEqual(rest, [])
      assert.strictEqual(broken!.distinct_id, "late")
      assert.deepInclude(broken!.properties, {
        $exception_type: "Declined",
        $exception_source: "effect.http_middleware",
        $exception_level: "error",
        $request_method: "GET",
        $request_path: "/broken/7",
        $response_status_code: 500,
        "http.route": "/broken/:id"
      })
      const [entry] = dead!.properties.$exception_list as ReadonlyArray<{ readonly mechanism: unknown }>
      assert.deepStrictEqual(entry!.mechanism, {
        type: "middleware",
        handled: false,
        synthetic: false,
        exception_id: 0
      })
    }).pipe(
      Effect.provide(
        ErrorTracking.layerLogger().pipe(
          Layer.provideMerge(TestLayer),
          Layer.provideMerge(Logger.remove(Logger.defaultLogger))
        )
      )
    ))

  it.effect("pass unchanged, can be dealt with further out, and can be left alone", () =>
    Effect.gen(function*() {
      const failures: Array<unknown> = []
      const seen: Array<unknown> = []
      const failing = (options: PostHogHttp.Options, status: number) =>
        ask(
          Effect.suspend(() => {
            const failure = new Declined({ message: `for ${status}` })
            failures.push(failure)
            return Effect.fail(failure)
          }).pipe(
            PostHogHttp.middleware(options),
            Effect.catchAll((error) => {
              seen.push(error)
              return Effect.succeed(HttpServerResponse.empty({ status }))
            })
          ),
          new Request("http://shop/")
        )
      yield* failing({}, 404)
      yield* failing({ captureErrors: false }, 503)
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
      yield* failing({}, 503)
      assert.strictEqual((yield* event("$exception")).properties.$response_status_code, 503)
      // With a span around, Effect wraps errors.
      assert.isTrue(seen.length === 3 && seen.every((error, index) => originalError(error) === failures[index]))
    }).pipe(Effect.provide(TestLayer)))

  it.effect("are told for each user also where the error is always the same one", () =>
    Effect.gen(function*() {
      const app = routed(Effect.fail(new Declined({ message: "made once" }))).pipe(PostHogHttp.middleware())
      for (const user of ["a", "b", "b", "c"]) {
        yield* ask(app, new Request("http://shop/x", { headers: { "x-posthog-distinct-id": user } }))
      }
      assert.deepStrictEqual((yield* PostHogTest.captured).map((event) => event.distinct_id), ["a", "b", "c"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("are exceptions also where something around the middleware forks", () =>
    Effect.gen(function*() {
      const failing = routes({
        "GET /x": Effect.suspend(() => Effect.fail(new Declined({ message: "no" }))),
        "GET /late": Effect.never
      }).pipe(PostHogHttp.middleware({ requestEvent: "request" }))
      yield* ask(Effect.timeout(failing, "1 minute"), new Request("http://shop/x"))
      yield* PostHogTest.waitFor("request")
      assert.strictEqual((yield* event("$exception")).properties.$exception_type, "Declined")
      assert.strictEqual((yield* event("request")).properties.$request_path, "/x")
      const late = yield* Effect.fork(ask(Effect.timeout(failing, "1 second"), new Request("http://shop/late")))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(late)
      yield* PostHogTest.waitFor("request", { count: 2 })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("that are captured by hand further out are exceptions whatever the answer, and once", () =>
    Effect.gen(function*() {
      for (const status of [404, 503]) {
        yield* ask(
          Effect.fail(new Declined({ message: `for ${status}` })).pipe(
            PostHogHttp.middleware(),
            Effect.catchAll((error) => Effect.as(ErrorTracking.capture(error), HttpServerResponse.empty({ status })))
          ),
          new Request("http://shop/")
        )
      }
      const values = (yield* PostHogTest.captured).map(({ properties }) => properties.$exception_message)
      assert.deepStrictEqual(values, ["for 404", "for 503"])
    }).pipe(Effect.provide(TestLayer)))

  it.scopedLive("are seen also by a middleware of the server, which comes after the response", () =>
    Effect.gen(function*() {
      const app = routes({
        "GET /broken": Effect.zipRight(PostHog.capture("tried"), Effect.fail(new Declined({ message: "no" })))
      })
      const port = yield* serve(app, { middleware: PostHogHttp.middleware({ requestEvent: "request" }) })
      for (const path of ["nowhere", "broken"]) {
        yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/${path}`))
      }
      yield* PostHogTest.waitFor("$exception")
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ event, properties }) => [event, properties.$pathname, properties.$response_status_code]).sort(),
        [
          // The server of Effect 4 tells its reporters of errors first, before there is a response.
          ["$exception", "/broken", major === 3 ? 500 : undefined],
          ["request", "/broken", 500],
          ["request", "/nowhere", 404],
          ["tried", "/broken", undefined]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.scopedLive("are left alone where POSTHOG_ERROR_TRACKING is false", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const live = (errorTracking: string) =>
        PostHogLive.pipe(
          Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(
            new Map([
              ["POSTHOG_API_KEY", "phc_test"],
              ["POSTHOG_HOST", sink.url],
              ["POSTHOG_ERROR_TRACKING", errorTracking]
            ])
          ))),
          Layer.provideMerge(Logger.remove(Logger.defaultLogger))
        )
      const app = Effect.fail(new Declined({ message: "no" })).pipe(PostHogHttp.middleware())
      yield* ask(app, new Request("http://shop/")).pipe(Effect.provide(live("false")))
      assert.strictEqual(sink.accepted.length, 0)
      yield* ask(app, new Request("http://shop/")).pipe(Effect.provide(live("true")))
      assert.deepStrictEqual(sink.accepted.map(({ event }) => event), ["$exception"])
    }))

  it.scopedLive("a client that has gone is no failure; the event of its request says 499", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      const app = routed(Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never)).pipe(
        PostHogHttp.middleware({ requestEvent: "request" })
      )
      const port = yield* serve(app)
      const request = nodeRequest({ port, path: "/" })
      request.on("error", () => {})
      request.end()
      yield* Deferred.await(reached)
      request.destroy()
      const [event] = yield* PostHogTest.waitFor("request")
      assert.strictEqual(event!.properties.$response_status_code, 499)
      assert.deepStrictEqual((yield* PostHogTest.captured).map(({ event }) => event), ["request"])
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

describe("bodies that are streams", () => {
  const app = routes({
    "GET /streams/:id": Effect.gen(function*() {
      const service = yield* PostHog.PostHog
      yield* PostHog.setContext({ distinctId: "ada" })
      return HttpServerResponse.stream(
        Stream.make("a", "b").pipe(
          Stream.tap((chunk) => service.capture(`chunk ${chunk}`)),
          Stream.concat(Stream.fail(new Declined({ message: "half-way" }))),
          Stream.encodeText
        ),
        { status: 201, headers: { "x-kept": "yes" }, contentType: "text/event-stream" }
      )
    })
  }).pipe(PostHogHttp.middleware({ requestEvent: "request" }))
  const check = Effect.gen(function*() {
    yield* PostHogTest.waitFor("$exception")
    const events = yield* PostHogTest.captured
    for (const { distinct_id, event, properties } of events) {
      assert.deepStrictEqual([distinct_id, properties["http.route"]], ["ada", "/streams/:id"], event)
    }
    assert.deepStrictEqual(
      events.map(({ event, properties }) => [event, properties.$response_status_code]).sort(),
      [["$exception", 201], ["chunk a", undefined], ["chunk b", undefined], ["request", 201]]
    )
    assert.strictEqual((yield* event("$exception")).properties.$exception_type, "Declined")
  })

  it.effect("are in the context of their request, and failures in them are exceptions", () =>
    Effect.gen(function*() {
      const response = yield* ask(app, new Request("http://shop/streams/7"))
      assert.deepStrictEqual(
        [response.status, response.headers.get("x-kept"), response.headers.get("content-type")],
        [201, "yes", "text/event-stream"]
      )
      yield* Effect.promise(() => response.text().catch(() => ""))
      yield* check
    }).pipe(Effect.provide(TestLayer)))

  it.scopedLive("on a server too, and the request has one event", () =>
    Effect.gen(function*() {
      const port = yield* serve(app)
      yield* Effect.promise(() =>
        fetch(`http://127.0.0.1:${port}/streams/7`).then((response) => response.text()).catch(() => "")
      )
      yield* check
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.scopedLive("a client that leaves in the middle of one is no failure", () =>
    Effect.gen(function*() {
      const began = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const endless = HttpServerResponse.stream(
        Stream.make("a").pipe(
          Stream.encodeText,
          Stream.concat(Stream.fromEffect(Effect.zipRight(Deferred.succeed(began, undefined), Effect.never))),
          Stream.ensuring(Deferred.succeed(ended, undefined))
        )
      )
      const port = yield* serve(routed(Effect.succeed(endless)).pipe(PostHogHttp.middleware()))
      const request = nodeRequest({ port, path: "/" })
      request.on("error", () => {})
      request.end()
      yield* Deferred.await(began)
      request.destroy()
      yield* Deferred.await(ended)
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

describe("events of requests", () => {
  it.effect("have status, duration and route, also of failures", () =>
    Effect.gen(function*() {
      const app = routes({
        "GET /slow": Effect.as(TestClock.adjust("250 millis"), HttpServerResponse.empty({ status: 202 })),
        "GET /broken": Effect.fail(new Declined({ message: "no" })),
        "GET /health": HttpServerResponse.empty()
      }).pipe(
        PostHogHttp.middleware({
          captureErrors: false,
          requestEvent: (request) => request.url === "/health" ? undefined : "$pageview"
        })
      )
      for (const path of ["slow", "broken", "nowhere", "health"]) yield* ask(app, new Request(`http://shop/${path}`))
      const all = yield* PostHogTest.captured
      const [exceptions, events] = [all.filter(isException), all.filter((event) => !isException(event))]
      // The server of Effect 4 tells its reporters of errors all the same, after the middleware.
      assert.deepStrictEqual(
        exceptions.map(({ properties }) => properties.$exception_source),
        major === 3 ? [] : ["effect.error_reporter"]
      )
      assert.deepStrictEqual(
        events.map(({ event, properties }) => [
          event,
          properties.$pathname,
          properties.$response_status_code,
          properties.duration_ms,
          properties["http.route"]
        ]),
        [
          ["$pageview", "/slow", 202, 250, "/slow"],
          ["$pageview", "/broken", 500, 0, "/broken"],
          ["$pageview", "/nowhere", 404, 0, undefined]
        ]
      )
    }).pipe(Effect.provide(TestLayer)))
})

describe("hostile requests", () => {
  /** Sends bytes as they are and gives the status line. */
  const raw = (port: number, text: string) =>
    Effect.promise(() =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(port, "127.0.0.1")
        let answer = ""
        socket.on("data", (chunk) => answer += chunk.toString("latin1"))
        socket.on("error", reject)
        socket.on("close", () => resolve(answer.split("\r\n")[0]!))
        socket.end(Buffer.from(text, "latin1"))
      })
    )

  it.scopedLive("are refused by the server or cleaned, and the next one is served", () =>
    Effect.gen(function*() {
      const port = yield* serve(served.pipe(PostHogHttp.middleware({ trustProxies: 1 })))
      const request = (headers: ReadonlyArray<string>, path = "/") =>
        raw(port, [`GET ${path} HTTP/1.1`, "Host: shop", "Connection: close", ...headers, "", ""].join("\r\n"))
      const ok = "HTTP/1.1 200 OK"
      // Node itself refuses control characters and more than 16 kB of headers.
      assert.include(yield* request(["X-PostHog-Distinct-Id: a\u0000b"]), "400")
      assert.include(yield* request([`X-PostHog-Distinct-Id: ${"x".repeat(100_000)}`]), "431")
      assert.strictEqual(yield* request(["X-PostHog-Distinct-Id: \u0085\u009bada"]), ok)
      assert.strictEqual(yield* request(["X-PostHog-Distinct-Id: bob", "X-POSTHOG-DISTINCT-ID: eve"]), ok)
      assert.strictEqual(yield* request([`X-PostHog-Distinct-Id: ${"y".repeat(10_000)}`]), ok)
      assert.strictEqual(yield* request(["__proto__: x", "constructor: y", "X-PostHog-Distinct-Id: __proto__"]), ok)
      assert.strictEqual(yield* request(["X-PostHog-Distinct-Id: Zo\u00c3\u00ab"]), ok)
      assert.strictEqual(yield* request(["X-Forwarded-For: <script>, ::ffff:9.9.9.9"], "/%ff%00/../x?%zz=1"), ok)
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ distinct_id, properties }) =>
          properties.$process_person_profile === false ? undefined : distinct_id
        ),
        ["ada", "bob", "y".repeat(1_000), "__proto__", "Zo\u00c3\u00ab", undefined]
      )
      assert.deepInclude(events.at(-1)!.properties, { $ip: "9.9.9.9", $pathname: "/%ff%00/../x" })
    }).pipe(Effect.scoped, Effect.provide(PostHogTest.layer({ disableGeoip: false }))))
})

describe("a PostHog that does not answer", () => {
  it.scopedLive("delays no response, not even where capture waits for room", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.hang })
      yield* Effect.gen(function*() {
        const app = routes({
          "GET /": HttpServerResponse.text("ok"),
          "GET /broken": Effect.fail(new Declined({ message: "no" }))
        }).pipe(PostHogHttp.middleware({ requestEvent: "request" }))
        const port = yield* serve(app)
        for (let i = 0; i < 30; i++) {
          const path = i % 2 === 0 ? "" : "broken"
          const { status } = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/${path}`))
          assert.strictEqual(status, i % 2 === 0 ? 200 : 500)
        }
        assert.strictEqual((yield* stats).delivered, 0)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          onSink(sink, { maxQueueSize: 5, overflow: { waitUpTo: "1 minute" }, shutdownTimeout: 0, flushAt: 1 })
        )
      )
    }))
})

describe("HttpApi", () => {
  it.scoped("a security middleware says who the user is, to what is captured and to exceptions", () =>
    Effect.gen(function*() {
      const handler = yield* shop
      const get = (id: string, user: string) =>
        Effect.promise(() =>
          handler(
            new Request(`http://shop/orders/${id}`, {
              headers: { authorization: `Bearer ${user}`, "x-posthog-distinct-id": "header" }
            })
          )
        )
      const statuses = []
      for (const [id, user] of [["1", "ada"], ["none", "bob"], ["broken", "eve"], ["1", ""]] as const) {
        statuses.push((yield* get(id, user)).status)
      }
      assert.deepStrictEqual(statuses, [200, 409, 500, 401])
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ distinct_id, event, properties }) => [event, distinct_id, properties["http.route"]]),
        [
          ["order viewed", "ada", "/orders/:id"],
          ["order viewed", "bob", "/orders/:id"],
          ["order viewed", "eve", "/orders/:id"],
          ["$exception", "eve", "/orders/:id"]
        ]
      )
      assert.strictEqual(events[3]!.properties.$exception_type, "TypeError")
    }).pipe(Effect.provide(TestLayer)))
})

describe("HttpLayerRouter", () => {
  it.scoped("takes it as a middleware for all routes", () =>
    Effect.gen(function*() {
      const service = Layer.succeed(PostHog.PostHog, yield* PostHog.PostHog)
      const { dispose, handler } = HttpLayerRouter.toWebHandler(
        Layer.mergeAll(
          HttpLayerRouter.add("GET", "/users/:id", served),
          HttpLayerRouter.middleware(PostHogHttp.middleware(), { global: true })
        ).pipe(Layer.provideMerge(service))
      )
      yield* Effect.addFinalizer(() => Effect.promise(dispose))
      yield* Effect.promise(() =>
        handler(new Request("http://shop/users/7", { headers: { "x-posthog-distinct-id": "ada" } }))
      )
      const { distinct_id, properties } = yield* event("served")
      assert.deepStrictEqual([distinct_id, properties.$pathname], ["ada", "/users/7"])
    }).pipe(Effect.provide(TestLayer)))
})

describe("handlers of the Fetch API", () => {
  it.live("leave nothing behind in a fiber that goes on after they were interrupted", () =>
    Effect.gen(function*() {
      const began = yield* Deferred.make<void>()
      const request = new Request("http://shop/", { headers: { "x-posthog-distinct-id": "ada" } })
      const fiber = yield* Effect.fork(Effect.uninterruptibleMask((restore) =>
        Effect.zipRight(Deferred.succeed(began, undefined), Effect.never as Effect.Effect<Response>).pipe(
          PostHogHttp.withRequest(request, { requestEvent: "request" }),
          restore,
          Effect.exit,
          Effect.zipRight(PostHog.capture("afterwards"))
        )
      ))
      yield* Deferred.await(began)
      yield* Fiber.interrupt(fiber)
      const ended = yield* event("request")
      assert.deepStrictEqual([ended.distinct_id, ended.properties.$response_status_code], ["ada", 499])
      const { distinct_id, properties } = yield* event("afterwards")
      assert.notStrictEqual(distinct_id, "ada")
      assert.notProperty(properties, "$current_url")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("have one event also where the handler interrupts itself", () =>
    Effect.gen(function*() {
      yield* Effect.exit(
        PostHogHttp.withRequest(Effect.interrupt, new Request("http://shop/"), { requestEvent: "request" })
      )
      assert.strictEqual((yield* event("request")).properties.$response_status_code, 499)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("an option that names no header costs the address only", () =>
    Effect.gen(function*() {
      const request = new Request("http://shop/", { headers: { "x-posthog-distinct-id": "ada" } })
      yield* Effect.as(PostHog.capture("served"), new Response("")).pipe(
        PostHogHttp.withRequest(request, { ipHeader: "no name" })
      )
      const { distinct_id, properties } = yield* event("served")
      assert.deepStrictEqual([distinct_id, properties.$pathname, properties.$ip], ["ada", "/", undefined])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("have the request's context, its user and its errors", () =>
    Effect.gen(function*() {
      const runtime = yield* Effect.runtime<PostHog.PostHog>()
      const handler = (request: Request): Promise<Response> =>
        Effect.gen(function*() {
          yield* PostHog.capture("page served")
          if (request.url.endsWith("broken")) return yield* new Declined({ message: "no" })
          return new Response("hello", { status: 201 })
        }).pipe(
          PostHogHttp.withRequest(request, {
            ipHeader: "CF-Connecting-IP",
            requestEvent: "request",
            distinctId: ({ headers }) => Effect.succeed(headers.get("x-user") ?? undefined)
          }),
          Runtime.runPromise(runtime)
        )
      const request = (path: string) =>
        new Request(`https://shop.example.com/${path}`, { headers: { "x-user": "ada", "cf-connecting-ip": "1.2.3.4" } })
      assert.strictEqual((yield* Effect.promise(() => handler(request("page")))).status, 201)
      yield* Effect.promise(() => handler(request("broken")).catch(() => undefined))
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ distinct_id, event, properties }) => [
          event,
          distinct_id,
          properties.$current_url,
          properties.$ip,
          properties.$response_status_code
        ]),
        [
          ["page served", "ada", "https://shop.example.com/page", "1.2.3.4", undefined],
          ["request", "ada", "https://shop.example.com/page", "1.2.3.4", 201],
          ["page served", "ada", "https://shop.example.com/broken", "1.2.3.4", undefined],
          ["$exception", "ada", "https://shop.example.com/broken", "1.2.3.4", undefined],
          ["request", "ada", "https://shop.example.com/broken", "1.2.3.4", undefined]
        ]
      )
    }).pipe(Effect.provide(PostHogTest.layer({ disableGeoip: false }))))
})

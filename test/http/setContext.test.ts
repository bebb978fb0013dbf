/**
 * `PostHog.setContext` in requests and out of them.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { PostHog, PostHogHttp, PostHogTest, TestLayer } from "effect-posthog"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

const idOf = (name: string) =>
  Effect.map(PostHogTest.captured, (events) => events.filter(({ event }) => event === name).map((e) => e.distinct_id))

/** As programs write it: a function with a span, with annotations for logs. */
const authenticate = Effect.fn("authenticate")(function*(id: string) {
  yield* Effect.annotateLogs(PostHog.setContext({ distinctId: id }), "step", "authentication")
})

const request = () => new Request("http://shop/orders", { headers: { "x-posthog-distinct-id": "header" } })

const answer = new Response("ok")

describe("setContext in a request", () => {
  it.effect("holds for the request, though it is said in a function with a span", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* PostHog.capture("before")
        yield* authenticate("ada")
        yield* PostHog.capture("after")
        yield* PostHog.capture("in a span").pipe(Effect.withSpan("work"))
        return answer
      }).pipe(PostHogHttp.withRequest(request(), { requestEvent: "request" }))
      yield* PostHog.capture("outside")
      assert.deepStrictEqual(yield* idOf("before"), ["header"])
      for (const name of ["after", "in a span", "request"]) assert.deepStrictEqual(yield* idOf(name), ["ada"], name)
      assert.notInclude(yield* idOf("outside"), "ada")
    }).pipe(Effect.provide(TestLayer)))

  it.effect("holds for the failure of the handler, and for that of a server of Effect", () =>
    Effect.gen(function*() {
      const failing = Effect.zipRight(authenticate("ada"), Effect.fail(new Error("broken")))
      yield* Effect.exit(PostHogHttp.withRequest(failing, request()))
      assert.deepStrictEqual(yield* idOf("$exception"), ["ada"])
      const app = Effect.gen(function*() {
        yield* authenticate("eve")
        yield* PostHog.capture("served")
        return HttpServerResponse.text("ok")
      })
      yield* PostHogHttp.middleware(app).pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(request()))
      )
      assert.deepStrictEqual(yield* idOf("served"), ["eve"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("is seen by what the request has forked, before and after; a fork changes nobody but itself", () =>
    Effect.gen(function*() {
      const authenticated = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        const early = yield* Effect.fork(Effect.zipRight(Deferred.await(authenticated), PostHog.capture("early")))
        yield* authenticate("ada")
        yield* Deferred.succeed(authenticated, undefined)
        yield* Fiber.join(yield* Effect.fork(PostHog.capture("late")))
        yield* Fiber.join(early)
        yield* Fiber.join(
          yield* Effect.fork(Effect.zipRight(authenticate("somebody else"), PostHog.capture("fork")))
        )
        yield* Effect.forEach(
          ["a", "b", "c"],
          (id) =>
            Effect.zipRight(authenticate(id), Effect.zipRight(Effect.yieldNow(), PostHog.capture("each", { id }))),
          { concurrency: "unbounded" }
        )
        yield* PostHog.capture("own")
        return answer
      }).pipe(PostHogHttp.withRequest(request(), { requestEvent: "request" }))
      for (const name of ["early", "late", "own", "request"]) {
        assert.deepStrictEqual(yield* idOf(name), ["ada"], name)
      }
      assert.deepStrictEqual(yield* idOf("fork"), ["somebody else"])
      const each = (yield* PostHogTest.captured).filter(({ event }) => event === "each")
      assert.deepStrictEqual(each.map(({ distinct_id }) => distinct_id), each.map(({ properties }) => properties.id))
    }).pipe(Effect.provide(TestLayer)))

  it.effect("is not seen by other requests", () =>
    Effect.gen(function*() {
      const ids = Array.from({ length: 20 }, (_, i) => `user_${i}`)
      yield* Effect.forEach(
        ids,
        (id) =>
          Effect.gen(function*() {
            yield* Effect.yieldNow()
            yield* authenticate(id)
            yield* Effect.yieldNow()
            yield* PostHog.capture("work", { id })
            return answer
          }).pipe(PostHogHttp.withRequest(request(), { requestEvent: "request", properties: () => ({ id }) })),
        { concurrency: "unbounded" }
      )
      const events = yield* PostHogTest.captured
      assert.strictEqual(events.length, 40)
      for (const { distinct_id, properties } of events) assert.strictEqual(distinct_id, properties.id)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("ends with a region of withContext, and holds in all of it", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* Effect.zipRight(authenticate("inside"), PostHog.capture("inside")).pipe(
          PostHog.withContext({ properties: { region: true } })
        )
        yield* PostHog.capture("after")
        return answer
      }).pipe(PostHogHttp.withRequest(request(), { requestEvent: "request" }))
      assert.deepStrictEqual(yield* idOf("inside"), ["inside"])
      assert.deepStrictEqual(yield* idOf("after"), ["header"])
      assert.deepStrictEqual(yield* idOf("request"), ["header"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("one request in two middlewares stays one", () =>
    Effect.gen(function*() {
      const same = request()
      yield* Effect.as(authenticate("ada"), answer).pipe(
        PostHogHttp.withRequest(same, { requestEvent: "inner" }),
        PostHogHttp.withRequest(same, { requestEvent: "outer" })
      )
      assert.deepStrictEqual(yield* idOf("inner"), ["ada"])
      assert.deepStrictEqual(yield* idOf("outer"), ["ada"])
    }).pipe(Effect.provide(TestLayer)))
})

describe("setContext out of requests", () => {
  it.effect("a loop that sets the user of each job changes none that runs", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const jobs: Array<Fiber.Fiber<void>> = []
      for (const user of ["a", "b", "c"]) {
        yield* PostHog.setContext({ distinctId: user })
        jobs.push(yield* Effect.fork(Effect.zipRight(Deferred.await(started), PostHog.capture("job", { user }))))
      }
      yield* Deferred.succeed(started, undefined)
      yield* Effect.forEach(jobs, Fiber.join)
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(events.map(({ distinct_id }) => distinct_id).sort(), ["a", "b", "c"])
      for (const { distinct_id, properties } of events) assert.strictEqual(distinct_id, properties.user)
    }).pipe(Effect.provide(TestLayer)))
})

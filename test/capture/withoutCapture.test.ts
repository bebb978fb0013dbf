import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import {
  ErrorTracking,
  FeatureFlag,
  FeatureFlags,
  PostHog,
  PostHogBridge,
  PostHogHttp,
  PostHogTest,
  TestLayer
} from "effect-posthog"
import { AsyncLocalStorage } from "node:async_hooks"
import { names } from "../support/posthog.js"

class Marketing extends PostHog.Instance<Marketing>()("WithoutCapture") {}

const captured = Effect.map(PostHogTest.captured, names)

const flags = [PostHogTest.override(FeatureFlag.boolean("beta"), true)]

/** Everything that captures. */
const everything = Effect.gen(function*() {
  yield* PostHog.capture("event")
  yield* PostHog.capture("")
  assert.strictEqual((yield* PostHog.captureNow("now"))._tag, "None")
  yield* PostHog.identify("u", { plan: "pro" })
  yield* PostHog.identify("")
  yield* PostHog.alias({ distinctId: "u", alias: "v" })
  yield* PostHog.setPersonProperties({ a: 1 }, { distinctId: "u" })
  yield* PostHog.unsetPersonProperties(["a"], { distinctId: "u" })
  yield* PostHog.groupIdentify("company", "acme")
  yield* PostHog.pageView("https://example.com/")
  yield* PostHog.screen("home")
  yield* ErrorTracking.capture(new Error("by hand"))
  yield* Effect.exit(Effect.fail(new Error("edge")).pipe(ErrorTracking.captureErrors()))
  yield* Effect.logError("logged")
  yield* Effect.fork(PostHog.capture("forked")).pipe(Effect.flatMap(Fiber.await))
  assert.isTrue(yield* FeatureFlags.isEnabled("beta", { distinctId: "u" }))
})

describe("withoutCapture", () => {
  it.effect("captures nothing of any kind, counts it as ignored, and ends with the region", () =>
    Effect.gen(function*() {
      yield* PostHog.withoutCapture(everything)
      assert.deepStrictEqual(yield* captured, [])
      const { accepted, ignored } = yield* PostHog.stats
      assert.strictEqual(accepted, 0)
      assert.isAtLeast(ignored, 14)
      yield* PostHog.capture("after")
      assert.deepStrictEqual(yield* captured, ["after"])
      yield* everything.pipe(PostHog.withoutCapture, PostHog.withDistinctId("u"))
      assert.deepStrictEqual(yield* captured, ["after"])
    }).pipe(Effect.provide(PostHogTest.layer({ flags }))))

  it.effect("a read in it is no exposure, and one after it is", () =>
    Effect.gen(function*() {
      const snapshot = yield* FeatureFlags.evaluate({ distinctId: "u" })
      yield* PostHog.withoutCapture(Effect.repeat(snapshot.isEnabled("beta"), { times: 2 }))
      assert.deepStrictEqual(yield* captured, [])
      yield* Effect.repeat(snapshot.isEnabled("beta"), { times: 2 })
      assert.deepStrictEqual(yield* captured, ["$feature_flag_called"])
    }).pipe(Effect.provide(PostHogTest.layer({ flags }))))

  it.effect("an error that was met in it is news outside", () =>
    Effect.gen(function*() {
      const error = new Error("x")
      yield* PostHog.withoutCapture(ErrorTracking.capture(error))
      yield* ErrorTracking.capture(error)
      assert.strictEqual((yield* PostHogTest.exceptions).length, 1)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("one instance can be meant, or the events of one name", () =>
    Effect.gen(function*() {
      const both = Effect.zipRight(PostHog.capture("a"), PostHog.using(PostHog.capture("a"), Marketing))
      yield* PostHog.withoutCapture(both, { instance: Marketing })
      assert.deepStrictEqual(yield* captured, ["a"])
      assert.deepStrictEqual(yield* PostHog.using(captured, Marketing), [])
      yield* both.pipe(PostHog.withEventContext("a", { capture: false }))
      yield* PostHog.capture("b").pipe(PostHog.withEventContext("a", { capture: false }))
      assert.deepStrictEqual(yield* captured, ["a", "b"])
      // Whoever forbids it has the last word.
      yield* both.pipe(PostHog.withoutCapture, PostHog.withContext({ capture: true }, { instance: Marketing }))
      yield* both.pipe(PostHog.withContext({ capture: true }, { instance: Marketing }), PostHog.withoutCapture)
      assert.deepStrictEqual(yield* PostHog.using(captured, Marketing), [])
    }).pipe(
      Effect.provide(TestLayer),
      Effect.provide(PostHogTest.layerInstance(Marketing))
    ))

  it.effect("is set half-way, for this user and no other", () =>
    Effect.gen(function*() {
      const handle = (user: string, agrees: boolean) =>
        Effect.gen(function*() {
          yield* PostHog.capture(`${user} before`)
          yield* PostHog.setContext({ distinctId: user, capture: agrees })
          yield* Effect.yieldNow()
          yield* PostHog.capture(`${user} after`)
        })
      yield* Effect.all([handle("ada", true), handle("bob", false)], { concurrency: 2 })
      assert.deepStrictEqual((yield* captured).slice().sort(), ["ada after", "ada before", "bob before"])
      assert.isFalse(yield* PostHog.isOptedOut)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("values that cannot be read forbid nothing less", () =>
    Effect.gen(function*() {
      const throwing = {
        capture: false,
        get distinctId(): string {
          throw new Error("no")
        }
      }
      yield* PostHog.capture("a").pipe(PostHog.withContext(throwing))
      yield* PostHog.capture("a").pipe(PostHog.withContext({ capture: "false" as never }))
      assert.deepStrictEqual(yield* captured, ["a"])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("goes along in carriers, bridges and storages; a carrier cannot undo it", () =>
    Effect.gen(function*() {
      const carrier = yield* PostHog.withoutCapture(PostHog.toCarrier)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(carrier)), { capture: false })
      yield* PostHog.capture("job").pipe(PostHog.withCarrier(JSON.parse(JSON.stringify(carrier))))
      const ofOne = yield* PostHog.withoutCapture(PostHog.toCarrier, { instance: PostHog.PostHog })
      yield* PostHog.capture("job").pipe(PostHog.withCarrier(ofOne))
      yield* PostHog.capture("job").pipe(PostHog.withCarrier({ capture: true }), PostHog.withoutCapture)
      const storage = new AsyncLocalStorage<PostHog.Carrier>()
      const runtime = yield* Effect.runtime<PostHog.PostHog>()
      const run = <A>(effect: Effect.Effect<A, never, PostHog.PostHog>) =>
        Effect.runPromise(Effect.provide(effect, runtime))
      yield* PostHogBridge.toAsyncStorage(
        () => run(PostHog.capture("row").pipe(PostHogBridge.fromAsyncStorage(storage))),
        storage
      ).pipe(PostHog.withoutCapture)
      const callback = yield* PostHog.withoutCapture(PostHogBridge.callback(() => PostHog.capture("row")))
      yield* Effect.promise(() => callback())
      assert.deepStrictEqual(yield* captured, [])
      assert.isFalse((yield* PostHog.withoutCapture(PostHog.getContext())).capture)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("concerns what the middleware captures once the handler has said so, and what clients are told", () =>
    Effect.gen(function*() {
      const handle = (agrees: boolean, fails: boolean) =>
        PostHogHttp.withRequest(
          Effect.gen(function*() {
            yield* PostHog.setContext({ distinctId: "u", capture: agrees })
            if (fails) return yield* Effect.die(new Error("no"))
            return new Response("ok")
          }),
          new Request("https://shop.example.com/a"),
          { requestEvent: "request handled" }
        ).pipe(Effect.exit)
      yield* handle(false, false)
      yield* handle(false, true)
      assert.deepStrictEqual(yield* captured, [])
      yield* handle(true, true)
      assert.deepStrictEqual((yield* captured).slice().sort(), ["$exception", "request handled"])
      const seen: Array<string | undefined> = []
      const client = HttpClient.make((request) => {
        seen.push(request.headers["x-posthog-distinct-id"])
        return Effect.succeed(HttpClientResponse.fromWeb(request, new Response("")))
      }).pipe(PostHogHttp.withTracingHeaders({ hosts: ["api.example.com"] }))
      const call = client.get("https://api.example.com/").pipe(PostHog.withDistinctId("u"))
      yield* call
      yield* PostHog.withoutCapture(call)
      assert.deepStrictEqual(seen, ["u", undefined])
    }).pipe(Effect.provide(TestLayer)))
})

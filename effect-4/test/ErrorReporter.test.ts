/**
 * Effect's `ErrorReporter` as a source of exceptions.
 */
import { assert, describe, it } from "@effect/vitest"
import { ErrorTracking, PostHog, PostHogHttp, PostHogTest } from "effect-posthog"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ErrorReporter from "effect/ErrorReporter"
import * as HttpEffect from "effect/http/HttpEffect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"

class Declined extends Data.TaggedError("Declined")<{ readonly card: string }> {}

const live = Layer.provideMerge(ErrorTracking.layerLogger(), PostHogTest.TestLayer)

const exceptions = Effect.map(PostHogTest.captured, (events) => events.filter(({ event }) => event === "$exception"))

const valuesOf = (
  { properties }: { readonly properties: Readonly<Record<string, unknown>> }
) => (properties.$exception_list as ReadonlyArray<{ readonly type: string; readonly value: string }>)

/** Answers a request with an app, in the context of the test. */
const ask = <E>(
  app: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    E,
    PostHog.PostHog | HttpServerRequest.HttpServerRequest
  >,
  id = "header"
) =>
  Effect.flatMap(
    Effect.context<PostHog.PostHog>(),
    (context) =>
      Effect.promise(() =>
        HttpEffect.toWebHandlerWith<PostHog.PostHog, PostHog.PostHog | HttpServerRequest.HttpServerRequest>(context)(
          app
        )(
          new Request("http://shop/orders", { headers: { "x-posthog-distinct-id": id } })
        )
      )
  )

describe("ErrorReporter", () => {
  it.effect("what is reported is an exception with the context of the fiber, of level error", () =>
    Effect.gen(function*() {
      yield* Effect.fail(new Declined({ card: "1234" })).pipe(
        Effect.withSpan("charge"),
        Effect.withErrorReporting,
        PostHog.withDistinctId("ada"),
        Effect.exit
      )
      const [event, ...others] = yield* exceptions
      assert.deepStrictEqual(others, [])
      assert.strictEqual(event!.distinct_id, "ada")
      assert.deepInclude(event!.properties, {
        $exception_level: "error",
        $exception_type: "Declined",
        $exception_source: "effect.error_reporter",
        card: "1234"
      })
      assert.isString(event!.properties.fiber_id)
    }).pipe(Effect.provide(live)))

  it.effect("errors say their level, what is to be known of them, and that they are not to be reported", () =>
    Effect.gen(function*() {
      const error = Object.assign(new Error("slow"), {
        [ErrorReporter.severity]: "Warn" as const,
        [ErrorReporter.attributes]: { order: 7, password: "hunter2" }
      })
      const ignored = Object.assign(new Error("ignored"), { [ErrorReporter.ignore]: true })
      yield* ErrorReporter.report(Cause.fromReasons([Cause.makeFailReason(error), Cause.makeDieReason(ignored)]))
      yield* ErrorReporter.report(Cause.fail(ignored))
      yield* ErrorReporter.report(Cause.interrupt())
      yield* ErrorReporter.report(Cause.empty)
      const [event, ...others] = yield* exceptions
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(valuesOf(event!).map(({ value }) => value), ["slow"])
      assert.deepInclude(event!.properties, { $exception_level: "warning", order: 7 })
      for (const name of Object.keys(event!.properties)) assert.notMatch(name, /password|~effect/)
    }).pipe(Effect.provide(live)))

  it.effect("an error is one event, whoever else sees it", () =>
    Effect.gen(function*() {
      const error = new Error("once")
      const cause = Cause.fail(error)
      yield* Effect.logError("seen", cause)
      yield* ErrorReporter.report(cause)
      yield* ErrorReporter.report(Cause.die(error))
      yield* ErrorTracking.captureErrors(Effect.fail(error)).pipe(Effect.exit)
      assert.strictEqual((yield* exceptions).length, 1)
    }).pipe(Effect.provide(live)))

  it.effect("a server without our middleware tells of its failures, and not of typed answers", () =>
    Effect.gen(function*() {
      const response = yield* ask(Effect.fail(new Error("broken")))
      assert.strictEqual(response.status, 500)
      yield* ask(Effect.die(HttpServerResponse.empty({ status: 404 })))
      const events = yield* exceptions
      assert.deepStrictEqual(events.map((event) => valuesOf(event).map(({ value }) => value)), [["broken"]])
      assert.strictEqual(events[0]!.properties.$exception_source, "effect.error_reporter")
    }).pipe(Effect.provide(live)))

  it.effect("with our middleware the exception is that of the request, once, whatever was thrown", () =>
    Effect.gen(function*() {
      for (const thrown of [new Error("broken"), "a text", undefined]) {
        yield* ask(PostHogHttp.middleware(Effect.fail(thrown)), "ada")
        const events = yield* exceptions
        assert.strictEqual(events.length, 1, String(thrown))
        assert.strictEqual(events[0]!.distinct_id, "ada")
        assert.deepInclude(events[0]!.properties, {
          $exception_source: "effect.http_middleware",
          $response_status_code: 500,
          $pathname: "/orders"
        })
        yield* PostHogTest.clear
      }
    }).pipe(Effect.provide(live)))

  it.effect("the program's own reporters stay", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const own = ErrorReporter.layer([ErrorReporter.make(({ error }) => seen.push(error.message))])
      yield* ErrorReporter.report(Cause.fail(new Error("both"))).pipe(
        Effect.provide(Layer.provideMerge(ErrorTracking.layerLogger(), own))
      )
      assert.deepStrictEqual(seen, ["both"])
      assert.strictEqual((yield* exceptions).length, 1)
    }).pipe(Effect.provide(PostHogTest.TestLayer)))

  it.effect("what does not let itself be looked at never throws", () =>
    Effect.gen(function*() {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const throwing = Object.defineProperty(new Error("e"), ErrorReporter.attributes, {
        get: () => {
          throw new Error("no")
        }
      })
      const within = Object.assign(new Error("f"), {
        [ErrorReporter.attributes]: Object.defineProperty({}, "a", {
          enumerable: true,
          get: () => {
            throw new Error("no")
          }
        })
      })
      for (const error of [proxy, throwing, within]) yield* ErrorReporter.report(Cause.fail(error))
      assert.strictEqual((yield* exceptions).length, 3)
    }).pipe(Effect.provide(live)))

  it.effect("reports nothing without error tracking, and after the end of the instance", () =>
    Effect.gen(function*() {
      const off = Layer.provideMerge(ErrorTracking.layerLogger(), PostHogTest.layer({ errorTracking: false }))
      yield* Effect.gen(function*() {
        yield* ErrorReporter.report(Cause.fail(new Error("nobody")))
        assert.deepStrictEqual(yield* exceptions, [])
      }).pipe(Effect.provide(off, { local: true }))
    }))
})

/**
 * A server for tests and development, as a layer. The server itself is tested in test/local.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect"
import { FeatureFlag, FeatureFlags, PostHog, PostHogTest } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { until } from "./support/fleet.js"

const Checkout = FeatureFlag.variants("checkout", ["control", "fast"])

const order = PostHog.capture("order completed", { total: 42 }, { distinctId: "ada" })

const names = Effect.map(PostHogServer.events, (events) => events.map(({ event }) => event))

describe("PostHogServer", () => {
  it.effect("gives the events that the program sent, without a flush, under TestClock", () =>
    Effect.gen(function*() {
      yield* order
      const [event] = yield* PostHogServer.waitFor("order completed")
      assert.strictEqual(event?.distinct_id, "ada")
      assert.strictEqual(event?.properties.total, 42)
      assert.strictEqual(event?.verdict, "accepted")
      assert.deepStrictEqual(yield* names, ["order completed"])
      assert.deepStrictEqual(yield* PostHogServer.refused, [])
      yield* PostHog.flush
      const [request] = yield* PostHogServer.requests
      assert.deepInclude(request, { target: "events", status: 200, events: 1 })
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.live("waits for several events, by name and by predicate, also for those that come while it waits", () =>
    Effect.gen(function*() {
      yield* order
      yield* Effect.fork(Effect.zipRight(Effect.sleep("20 millis"), order))
      const two = yield* PostHogServer.waitFor("order completed", { count: 2 })
      assert.strictEqual(two.length, 2)
      assert.notStrictEqual(two[0]?.uuid, two[1]?.uuid)
      const [found] = yield* PostHogServer.waitFor(({ properties }) => properties.total === 42)
      assert.strictEqual(found?.event, "order completed")
      yield* PostHogServer.clear
      assert.deepStrictEqual(yield* names, [])
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.effect("says what came instead, and what was refused and why, when it waits in vain", () =>
    Effect.gen(function*() {
      yield* order
      yield* PostHogServer.waitFor("order completed")
      const url = yield* PostHogServer.url
      yield* Effect.promise(() =>
        fetch(`${url}/batch/`, {
          method: "POST",
          body: JSON.stringify({
            api_key: "phc_local",
            batch: [{ event: "order paid", properties: {}, uuid: "no", distinct_id: "ada" }]
          })
        })
      )
      const error = yield* Effect.flip(PostHogServer.waitFor("Order Completed", { within: "10 millis" }))
      assert.strictEqual(error._tag, "WaitTimeout")
      assert.match(error.message, /^No event "Order Completed" came within 10 ms\./)
      assert.match(error.message, /Did you mean "order completed"\?/)
      assert.match(error.message, /Came:\n {2}"order completed" of "ada"/)
      assert.match(error.message, /Refused:\n {2}"order paid": .*uuid/)
      const few = yield* Effect.flip(PostHogServer.waitFor("order completed", { count: 3, within: "10 millis" }))
      assert.match(few.message, /^3 events "order completed" were waited for, and 1 came within 10 ms/)
      assert.strictEqual(few.events.length, 1)
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.effect("says so when nothing has reached it, and when a request went wrong", () =>
    Effect.gen(function*() {
      const nothing = yield* Effect.flip(PostHogServer.waitFor("a", { within: 1 }))
      assert.match(nothing.message, /no request has reached this server/)
      yield* order.pipe(
        Effect.zipRight(Effect.flip(PostHogServer.waitFor("order completed", { within: "200 millis" }))),
        Effect.tap(({ message }) =>
          Effect.sync(() =>
            assert.match(message, /\n {2}POST \/batch\/?: 401, the fault that was asked for: status 401/)
          )
        ),
        PostHogServer.failing(PostHogServer.status(401), { on: "events" })
      )
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.live("times without an end are waited for, and not over at once", () =>
    Effect.gen(function*() {
      yield* PostHogServer.fail(PostHogServer.slow(Duration.infinity), { on: "events", times: 1 })
      const waiting = yield* Effect.fork(PostHogServer.waitFor("order completed", { within: Duration.infinity }))
      yield* order
      assert.strictEqual((yield* Fiber.join(waiting)).length, 1)
      // Its answer may be on the way still.
      yield* PostHog.flush
      const [first, second] = (yield* PostHogServer.requests).filter(({ target }) => target === "events")
      assert.deepStrictEqual([first?.status, second?.status], [undefined, 200])
    }).pipe(Effect.provide(PostHogServer.layerTest({ client: { requestTimeout: "500 millis" } }))))

  it.effect("a predicate that throws ends the wait", () =>
    Effect.gen(function*() {
      let calls = 0
      const wait = Effect.exit(PostHogServer.waitFor(
        () => {
          calls++
          throw new Error("out of order")
        },
        // Nobody wants to have a process that lives on for the rest of it.
        { within: "1 hour" }
      ))
      const isFailed = (exit: Exit.Exit<unknown, unknown>) => {
        assert.isTrue(Exit.isFailure(exit))
        assert.include(JSON.stringify(exit), "Die")
      }
      // While it waits, and of what came before.
      const waiting = yield* Effect.fork(wait)
      yield* order
      isFailed(yield* Fiber.join(waiting))
      isFailed(yield* wait)
      assert.strictEqual(calls, 2)
      yield* order
      yield* PostHogServer.waitFor("order completed", { count: 2 })
      assert.strictEqual(calls, 2)
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.effect("answers flags as they are said to be, and keeps the evaluations", () =>
    Effect.gen(function*() {
      const value = Effect.flatMap(
        FeatureFlags.evaluate({ distinctId: "ada" }),
        (flags) => flags.get(Checkout)
      )
      assert.strictEqual(yield* value, "control")
      yield* PostHogServer.setFlags([PostHogServer.override(Checkout, "fast")])
      yield* PostHogServer.waitFor("$feature_flag_called")
      const [evaluation] = yield* PostHogServer.evaluations
      assert.deepInclude(evaluation, { flag: "checkout", distinct_id: "ada", value: "control", where: "here" })
    }).pipe(
      Effect.provide(PostHogServer.layerTest({ flags: [PostHogServer.override(Checkout, "control")] }))
    ))

  it.effect("a flag may be another for one person", () =>
    Effect.gen(function*() {
      yield* PostHogServer.setFlags([PostHogTest.override(Checkout, "control")])
      yield* PostHogServer.setFlags([PostHogTest.override(Checkout, "fast")], { distinctId: "bob" })
      const of = (distinctId: string) =>
        Effect.flatMap(FeatureFlags.evaluate({ distinctId }), (flags) => flags.get(Checkout))
      assert.deepStrictEqual([yield* of("ada"), yield* of("bob")], ["control", "fast"])
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.effect("what is no document of definitions is refused in words", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(PostHogServer.setDefinitions("none"))
      assert.strictEqual(error.reason, "invalid_definitions")
      assert.isAbove(error.message.length, 10)
    }).pipe(Effect.provide(PostHogServer.layer())))

  it.live("lets requests go wrong while an effect runs, and what is sent again arrives once", () =>
    Effect.gen(function*() {
      yield* order.pipe(
        PostHogServer.failing(PostHogServer.reset("after"), { on: "events", times: 1 })
      )
      yield* PostHogServer.waitFor("order completed")
      yield* PostHog.flush
      const [event, ...more] = yield* PostHogServer.events
      assert.deepStrictEqual([event?.event, event?.times, more.length], ["order completed", 2, 0])
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.effect("gives exceptions as they arrived", () =>
    Effect.gen(function*() {
      yield* Effect.logError("it went wrong", new TypeError("no total"))
      yield* PostHogServer.waitFor("$exception")
      const [exception] = yield* PostHogServer.exceptions
      assert.deepInclude(exception, { type: "TypeError", value: "no total", level: "error", handled: true })
      assert.isAtLeast(exception?.list.length ?? 0, 1)
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.live("tells of everything that happens", () =>
    Effect.gen(function*() {
      const first = yield* Effect.fork(
        PostHogServer.stream.pipe(
          Stream.filter((happening) => happening.type === "event"),
          Stream.take(1),
          Stream.runCollect
        )
      )
      yield* Effect.sleep("20 millis")
      yield* order
      const [happening] = Array.from(yield* Fiber.join(first))
      assert.strictEqual(happening?.type === "event" ? happening.event.event : undefined, "order completed")
    }).pipe(Effect.provide(PostHogServer.layerTest())))

  it.live("an instance says what became of its events, which is what the server has seen", () =>
    Effect.gen(function*() {
      yield* order
      yield* PostHogServer.waitFor("order completed")
      yield* PostHog.capture("", {})
      yield* order.pipe(
        Effect.zipRight(Effect.exit(PostHog.flush)),
        PostHogServer.failing(PostHogServer.status(400), { on: "events" })
      )
      yield* until(Effect.map(PostHogServer.reports, ([report]) => report?.dropped.rejected === 1))
      const [report] = yield* PostHogServer.reports
      const { accepted, delivered, dropped, lost, queued } = report!
      assert.deepInclude(dropped, { rejected: 1 })
      assert.strictEqual(delivered, (yield* PostHogServer.events).length)
      assert.strictEqual(accepted, delivered + queued + Object.values(dropped).reduce((sum, n) => sum + n, 0))
      assert.deepInclude(lost, { event: "order completed", reason: "rejected" })
      assert.isFalse((yield* PostHogServer.requests).some(({ path }) => path.includes("report")))
    }).pipe(Effect.provide(Layer.provideMerge(PostHogServer.layerReport, PostHogServer.layerTest()))))

  describe("whatever goes wrong, what an instance says of its events is what the server holds", () => {
    const faults: Readonly<Record<string, PostHogServer.Fault>> = {
      ...Object.fromEntries([400, 401, 402, 404, 413, 500].map((status) => [status, PostHogServer.status(status)])),
      ...Object.fromEntries(
        [429, 503].map((status) => [status, PostHogServer.status(status, { retryAfter: "1 second" })])
      ),
      slow: PostHogServer.slow("50 millis"),
      "slow, then 503": PostHogServer.slow("50 millis", PostHogServer.status(503)),
      silent: PostHogServer.silent,
      "reset before": PostHogServer.reset("before"),
      "reset after": PostHogServer.reset("after"),
      refuse: PostHogServer.refuse,
      cut: PostHogServer.cut(),
      "cut, and stays": PostHogServer.cut({ stays: true }),
      garbage: PostHogServer.garbage,
      quota: PostHogServer.quota(),
      ...Object.fromEntries(
        (["retry", "drop", "limited", "warning"] as const).map((result) => [
          `partial ${result}`,
          PostHogServer.partial(result, { every: 2 })
        ])
      )
    }
    for (const captureMode of ["v0", "v1"] as const) {
      for (const [name, fault] of Object.entries(faults)) {
        if (fault.kind === "partial" && captureMode === "v0") continue
        it.live(`${name}, ${captureMode}`, () =>
          Effect.gen(function*() {
            // Nobody is refused for one request only.
            const options = fault.kind === "refuse"
              ? { on: "everything" } as const
              : { on: "events", times: 2 } as const
            const stop = yield* PostHogServer.fail(fault, options)
            for (let i = 0; i < 6; i++) yield* PostHog.capture(`event ${i}`, {}, { distinctId: "ada" })
            yield* Effect.exit(PostHog.flush)
            if (fault.kind === "refuse") yield* stop
            yield* Effect.exit(PostHog.flush)
            yield* until(Effect.map(PostHog.stats, ({ inFlight, queued }) => queued + inFlight === 0))
            const { accepted } = yield* PostHog.stats
            assert.strictEqual(accepted, 6)
            yield* until(Effect.map(PostHogServer.reports, ([report]) => report?.accepted === 6 && report.queued === 0))
            const [report] = yield* PostHogServer.reports
            const { delivered, dropped } = report!
            assert.strictEqual(delivered + Object.values(dropped).reduce((sum, n) => sum + n, 0), 6)
            // With capture v0 an answer is its status alone, and who is over quota is told that all is well.
            const isLie = fault.kind === "quota" || fault.kind === "garbage" && captureMode === "v0"
            assert.strictEqual((yield* PostHogServer.events).length, isLie ? 0 : delivered)
          }).pipe(Effect.provide(Layer.provideMerge(
            PostHogServer.layerReport,
            PostHogServer.layerTest({
              client: {
                captureMode,
                flushAt: 3,
                flushInterval: "10 millis",
                requestTimeout: "500 millis",
                retrySchedule: Schedule.spaced("10 millis"),
                retryPause: "10 millis"
              }
            })
          ))), 60_000)
      }
    }
  })

  it.live("leaves nothing behind that keeps a process alive", () =>
    Effect.gen(function*() {
      const handles = Effect.sync(() =>
        process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")).length
      )
      const before = yield* handles
      yield* Effect.gen(function*() {
        yield* order
        yield* PostHogServer.waitFor("order completed")
      }).pipe(Effect.provide(PostHogServer.layerTest({ page: true })))
      yield* until(Effect.map(handles, (now) => now <= before))
    }))

  it.live("50 at the same time, each with its own server", () =>
    Effect.forEach(
      Array.from({ length: 50 }, (_, index) => index),
      (index) =>
        Effect.gen(function*() {
          yield* PostHog.capture("mine", { index }, { distinctId: `user_${index}` })
          const events = yield* PostHogServer.waitFor("mine", { within: "30 seconds" })
          assert.deepStrictEqual(events.map(({ properties }) => properties.index), [index])
          assert.strictEqual((yield* PostHogServer.events).length, 1)
          return yield* PostHogServer.url
        }).pipe(Effect.provide(PostHogServer.layerTest())),
      { concurrency: "unbounded" }
    ).pipe(Effect.map((urls) => assert.strictEqual(new Set(urls).size, 50))), 60_000)

  it.live("does not start where NODE_ENV is production, unless that is allowed", () =>
    Effect.gen(function*() {
      const before = process.env.NODE_ENV
      process.env.NODE_ENV = "production"
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          process.env.NODE_ENV = before
        })
      )
      const error = yield* Effect.flip(Effect.scoped(PostHogServer.make()))
      assert.strictEqual(error.reason, "production")
      assert.match(error.message, /allowProduction/)
      const { url } = yield* Effect.scoped(PostHogServer.make({ allowProduction: true }))
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
    }).pipe(Effect.scoped))

  it.live("a port that is in use, and options that cannot be, are typed errors", () =>
    Effect.gen(function*() {
      const port = Number(new URL(yield* PostHogServer.url).port)
      const taken = yield* Effect.flip(Effect.scoped(PostHogServer.make({ port })))
      assert.strictEqual(taken.reason, "port_in_use")
      assert.include(taken.message, String(port))
      const open = yield* Effect.flip(Effect.scoped(PostHogServer.make({ host: "0.0.0.0" })))
      assert.strictEqual(open.reason, "invalid_option")
      assert.match(open.message, /token/)
    }).pipe(Effect.provide(PostHogServer.layer())))
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, LogLevel, Metric, Stream, TestClock } from "effect"
import { PostHog, type PostHogError, PostHogTest, TestLayer } from "effect-posthog"
import { FakeClient } from "../support/fakeClient.js"
import { collector } from "../support/log.js"
import { captureMany, collectDiagnostics, onFake, range, settle } from "../support/posthog.js"

describe("diagnostics", () => {
  it.scoped("a repair says what was replaced, also of a property whose name is that of a secret", () =>
    Effect.gen(function*() {
      const seen = yield* collectDiagnostics
      yield* settle
      yield* PostHog.capture("a", {
        api_token: 1n,
        password: () => 1,
        session_id: Symbol("x"),
        "key sk-proj-abcdefgh1234567890abcdefgh": 1n
      })
      yield* settle
      const repaired = seen.find(({ _tag }) => _tag === "EventRepaired")
      assert.deepStrictEqual((repaired as PostHogError.EventRepaired).repairs, [
        "api_token: bigint",
        "password: function",
        "session_id: symbol",
        "key [redacted]: bigint"
      ])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("tell what became of each event, by uuid and name and never with its properties", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 })
      yield* Effect.gen(function*() {
        const first = yield* PostHog.diagnostics.pipe(Stream.take(6), Stream.runCollect, Effect.fork)
        yield* settle
        yield* PostHog.capture("a", { secret: "hunter2", big: 1n })
        yield* PostHog.capture(" ")
        const flush = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(flush)
        const diagnostics = Array.from(yield* Fiber.join(first))
        assert.notInclude(JSON.stringify(diagnostics), "hunter2")
        const uuid = client.accepted[0]!.uuid
        const events = [{ uuid, event: "a" }]
        const bodyBytes = (diagnostics[3] as { readonly bodyBytes: number }).bodyBytes
        assert.isAbove(bodyBytes, 100)
        assert.deepStrictEqual(diagnostics.slice(0, 4), [
          { _tag: "PersonlessEvent", uuid, event: "a" },
          { _tag: "EventRepaired", uuid, event: "a", repairs: ["big: bigint"] },
          {
            _tag: "EventsDropped",
            reason: "invalid_event",
            count: 1,
            events: [{ uuid: "", event: " " }],
            detail: "the event's name is blank"
          },
          {
            _tag: "RequestCompleted",
            startedAt: 0,
            durationMillis: 0,
            attempt: 0,
            status: 503,
            failure: "status",
            events,
            bodyBytes
          }
        ])
        const retry = diagnostics[4]!
        assert.strictEqual(retry._tag, "RetryScheduled")
        assert.deepInclude(retry, { reason: "status", status: 503, attempt: 1, count: 1 })
        assert.deepInclude(diagnostics[5], { _tag: "RequestCompleted", attempt: 1, status: 200, failure: undefined })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("every subscriber gets all of them, and one that falls behind misses the oldest", () =>
    Effect.gen(function*() {
      const subscribe = (count: number) =>
        PostHog.diagnostics.pipe(
          Stream.filter((diagnostic) => diagnostic._tag === "EventsDelivered"),
          Stream.flatMap((diagnostic) => Stream.fromIterable(diagnostic.events)),
          Stream.map((event) => event.event),
          Stream.take(count),
          Stream.runCollect,
          Effect.fork
        )
      const subscribers = [yield* subscribe(3), yield* subscribe(3)]
      yield* settle
      yield* captureMany(3)
      for (const subscriber of subscribers) {
        assert.deepStrictEqual(Array.from(yield* Fiber.join(subscriber)), range(3))
      }
      const slow = yield* subscribe(4096)
      yield* settle
      // Synchronously, so that the subscriber cannot run in between.
      const service = yield* PostHog.PostHog
      for (let i = 0; i < 5_000; i++) Effect.runSync(service.capture(`event ${i}`, {}, { distinctId: "u" }))
      const seen = Array.from(yield* Fiber.join(slow))
      assert.deepStrictEqual(seen, range(4096, 5_000 - 4_096))
    }).pipe(Effect.provide(TestLayer)))

  it.effect("end at once for a subscriber that comes after the end", () =>
    Effect.gen(function*() {
      const service = yield* Effect.provide(PostHog.PostHog, TestLayer)
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(service.diagnostics)), [])
    }))
})

describe("logs", () => {
  it.effect("each kind of trouble is logged once, and what was asked for never", () => {
    const { layer, messages } = collector()
    const client = new FakeClient()
    return Effect.gen(function*() {
      for (let i = 0; i < 3; i++) {
        yield* PostHog.capture(" ")
        yield* PostHog.capture("repaired", { big: 1n })
        yield* PostHog.capture("large", { text: "x".repeat(2_000_000) })
        yield* PostHog.capture("unwanted")
        client.next({ status: 401 })
        yield* Effect.either(PostHog.flush)
      }
      yield* captureMany(1)
      yield* PostHog.optOut
      assert.deepStrictEqual(messages.map(({ level }) => level), ["Warning", "Warning", "Warning", "Warning"])
      assert.match(messages[0]!.text, /invalid_event/)
      assert.match(messages[1]!.text, /"event":"repaired".*big: bigint/)
      assert.match(messages[2]!.text, /too_large.*"large".*larger than 1000000 bytes/)
      assert.match(messages[3]!.text, /rejected.*401/)
      assert.isTrue(messages.every((message) => message.package === "effect-posthog"))
    }).pipe(
      Effect.provide(onFake(client, { beforeSend: (event) => event.event === "unwanted" ? null : event })),
      Effect.provide(layer)
    )
  })

  it.effect("debug logs everything at debug level, from the option or at run time, below the minimum level too", () =>
    Effect.gen(function*() {
      const fromOption = collector()
      yield* captureMany(1).pipe(
        Effect.zipRight(PostHog.flush),
        Effect.provide(onFake(new FakeClient(), { debug: true })),
        Effect.provide(fromOption.layer)
      )
      assert.isTrue(fromOption.messages.some(({ level, text }) => level === "Debug" && /delivered/.test(text)))

      const atRunTime = collector()
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        assert.strictEqual(atRunTime.messages.length, 0)
        yield* PostHog.debug()
        yield* captureMany(1)
        const count = atRunTime.messages.length
        assert.isAbove(count, 0)
        yield* PostHog.debug(false)
        yield* captureMany(1)
        assert.strictEqual(atRunTime.messages.length, count)
      }).pipe(Effect.provide(PostHogTest.layer()), Effect.provide(atRunTime.layer))
    }).pipe(Logger.withMinimumLogLevel(LogLevel.Info)))

  it.effect("a logger that throws hurts nobody", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* PostHog.capture(" ")
      yield* captureMany(2)
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 2, dropped: 0 })
    }).pipe(
      Effect.provide(onFake(client, { debug: true })),
      Effect.provide(Logger.replace(
        Logger.defaultLogger,
        Logger.make(() => {
          throw new Error("a broken logger")
        })
      ))
    )
  })
})

describe("metrics", () => {
  it.effect("say the same as stats, by instance and reason", () =>
    Effect.gen(function*() {
      class Measured extends PostHog.Instance<Measured>()("Measured") {}
      const client = new FakeClient()
      client.next({ status: 503 }, { status: 200 }, { status: 401 })
      const own = PostHog.metrics
      const of = "Measured"
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        const flush = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(flush)
        yield* captureMany(2)
        yield* Effect.either(PostHog.flush)
        yield* captureMany(4)
        const stats = yield* PostHog.stats
        assert.deepInclude(stats, { accepted: 9, delivered: 3, queued: 4, retried: 3, dropped: { rejected: 2 } })
        assert.deepInclude(yield* Metric.value(Metric.tagged(own.accepted, "instance", of)), { count: stats.accepted })
        assert.deepInclude(yield* Metric.value(Metric.tagged(own.delivered, "instance", of)), {
          count: stats.delivered
        })
        assert.deepInclude(yield* Metric.value(Metric.tagged(own.retried, "instance", of)), { count: stats.retried })
        assert.deepInclude(yield* Metric.value(Metric.tagged(own.queued, "instance", of)), { value: stats.queued })
        assert.deepInclude(yield* Metric.value(Metric.tagged(own.inFlight, "instance", of)), { value: 0 })
        const dropped = Metric.tagged(own.dropped, "instance", of)
        assert.deepInclude(yield* Metric.value(Metric.tagged(dropped, "reason", "rejected")), { count: 2 })
      }).pipe(
        PostHog.using(Measured),
        Effect.provide(
          PostHog.layerInstance(Measured, { apiKey: "phc_a", shutdownTimeout: 0 }).pipe(Layer.provide(client.layer))
        )
      )
    }))
})

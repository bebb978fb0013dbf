import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import {
  Chunk,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Random,
  Scope,
  Stream,
  TestClock,
  Tracer
} from "effect"
import { PostHog } from "effect-posthog"
import { type Answer, FakeClient } from "../../support/fakeClient.js"
import {
  apiKey,
  captureMany,
  collectDiagnostics,
  names,
  onFake,
  range,
  settle,
  stats,
  sum
} from "../../support/posthog.js"

/** The parts of events that must be the same on every attempt. */
const identity = (events: ReadonlyArray<{ uuid: string; event: string; distinct_id: string; timestamp: string }>) =>
  events.map(({ distinct_id, event, timestamp, uuid }) => ({ distinct_id, event, timestamp, uuid }))

const sizes = (client: FakeClient): ReadonlyArray<number> => client.requests.map(({ events }) => events.length)

const gaps = (client: FakeClient): ReadonlyArray<number> =>
  client.requests.slice(1).map((request, i) => request.at - client.requests[i]!.at)

/** Runs an effect under a tracer that notes the names of all spans. */
const withSpanNames = (spans: Array<string>) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.tracer, (native) =>
    Effect.withTracer(
      self,
      Tracer.make({
        span: (name, ...rest) => {
          spans.push(name)
          return native.span(name, ...rest)
        },
        context: (f, fiber) => native.context(f, fiber)
      })
    ))

describe("batching", () => {
  it.effect("reaching flushAt sends at once", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* TestClock.adjust(0)
      assert.strictEqual(client.requests.length, 0)
      yield* captureMany(1, 2)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(client.requests.map((request) => names(request.events)), [range(3)])
    }).pipe(Effect.provide(onFake(client, { flushAt: 3 })))
  })

  it.effect("flushAt by default starts at most once a second, unless a request is full", () => {
    const client = new FakeClient()
    const times = (count: number) => Effect.zipRight(captureMany(count), settle)
    return Effect.gen(function*() {
      yield* times(100)
      assert.deepStrictEqual(sizes(client), [100])
      // Within a second of the last start.
      yield* TestClock.adjust("400 millis")
      yield* times(100)
      yield* TestClock.adjust("599 millis")
      assert.deepStrictEqual(sizes(client), [100])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(sizes(client), [100, 100])
      yield* times(1_000)
      assert.deepStrictEqual(sizes(client), [100, 100, 1_000])
      // And fewer than flushAt wait for flushInterval as ever.
      yield* times(99)
      yield* TestClock.adjust("4999 millis")
      assert.strictEqual(sizes(client).length, 3)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(sizes(client), [100, 100, 1_000, 99])
      // After a quiet second 100 events start at once.
      yield* TestClock.adjust("1 second")
      yield* times(150)
      assert.deepStrictEqual(sizes(client).at(-1), 150)
    }).pipe(Effect.provide(onFake(client, {})))
  })

  it.effect("events that wait for the end of the second are never older than flushInterval", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* Effect.zipRight(captureMany(100), settle)
      yield* Effect.zipRight(captureMany(100), settle)
      assert.deepStrictEqual(sizes(client), [100])
      yield* TestClock.adjust("200 millis")
      assert.deepStrictEqual(sizes(client), [100, 100])
    }).pipe(Effect.provide(onFake(client, { flushInterval: "200 millis" })))
  })

  it.effect("below flushAt, events leave when flushInterval has passed since the first", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("4 seconds")
      yield* captureMany(1, 1)
      assert.strictEqual(client.requests.length, 0)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(client.requests.map((request) => names(request.events)), [range(2)])
      yield* captureMany(1, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(client.requests.length, 2)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a request holds at most maxBatchSize events, in order, and the rest follows", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(25)
      yield* PostHog.flush
      assert.deepStrictEqual(client.requests.map((request) => request.events.length), [10, 10, 5])
      assert.deepStrictEqual(names(client.accepted), range(25))
    }).pipe(Effect.provide(onFake(client, { flushAt: 1000, maxBatchSize: 10 })))
  })

  it.effect("a request holds at most maxBatchBytes bytes", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      for (let i = 0; i < 10; i++) yield* PostHog.capture(`event ${i}`, { text: "x".repeat(1000) })
      yield* PostHog.flush
      assert.deepStrictEqual(client.requests.map((request) => request.events.length), [3, 3, 3, 1])
    }).pipe(Effect.provide(onFake(client, { maxBatchBytes: 4_500 })))
  })

  it.effect("capturing goes on while requests are in flight, of which there are at most maxConcurrentRequests", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        yield* captureMany(25)
        yield* TestClock.adjust(0)
        assert.strictEqual(client.requests.length, 2)
        const during = yield* stats
        assert.strictEqual(during.inFlight, 20)
        assert.strictEqual(during.queued, 5)
        yield* captureMany(5, 25)
        assert.strictEqual((yield* stats).queued, 10)
      }).pipe(Effect.provide(
        onFake(client, { flushAt: 10, maxBatchSize: 10, maxConcurrentRequests: 2 })
      ))
    }))

  it.effect("what leaves during a request cannot cost what came in meanwhile", () =>
    // RETRY-06 of PostHog's SDK specifications.
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        yield* TestClock.adjust(0)
        yield* captureMany(3, 3)
        client.otherwise = () => ({ status: 200 })
        yield* TestClock.adjust("20 seconds")
        yield* PostHog.flush
        assert.deepStrictEqual(client.requests.map((request) => names(request.events)), [
          range(3),
          range(3, 3),
          range(3)
        ])
        assert.strictEqual((yield* stats).delivered, 6)
      }).pipe(Effect.provide(onFake(client, { flushAt: 3, maxQueueSize: 3 })))
    }))
})

describe("the request", () => {
  it.effect("has the address, headers and body of PostHog's protocol", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      yield* PostHog.capture("order completed", { total: 42 }, { distinctId: "user_123" })
      yield* PostHog.flush
      const [request] = client.requests
      assert.strictEqual(request!.method, "POST")
      assert.strictEqual(request!.url, "https://eu.i.posthog.com/batch/")
      assert.strictEqual(request!.headers["content-type"], "application/json")
      assert.match(request!.headers["user-agent"]!, /^posthog-effect\/\d+\.\d+\.\d+$/)
      assert.notProperty(request!.headers, "content-encoding")
      assert.notProperty(request!.headers, "authorization")
      const { uuid, ...event } = request!.body.batch[0]
      assert.match(uuid, /^[0-9a-f-]{36}$/)
      assert.deepStrictEqual(event, {
        event: "order completed",
        distinct_id: "user_123",
        timestamp: "2026-01-01T00:00:00.000Z",
        properties: {
          $lib: "posthog-effect",
          $lib_version: request!.headers["user-agent"]!.split("/")[1],
          $is_server: true,
          $geoip_disable: true,
          total: 42
        }
      })
      const { batch: _, ...rest } = request!.body
      assert.deepStrictEqual(rest, { api_key: apiKey, sent_at: "2026-01-01T00:00:00.000Z" })
    }).pipe(Effect.provide(onFake(client, { host: "https://eu.posthog.com/", compressionThreshold: 1e9 })))
  })

  it.effect("says so when events are historical", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* PostHog.flush
      assert.isTrue(client.requests[0]!.body.historical_migration)
    }).pipe(Effect.provide(onFake(client, { historicalMigration: true })))
  })

  it.effect("is compressed from the threshold on, unless compression is off", () =>
    Effect.gen(function*() {
      const encodings = (options: { readonly compression?: boolean; readonly compressionThreshold?: number }) => {
        const client = new FakeClient()
        return Effect.gen(function*() {
          yield* captureMany(1)
          yield* PostHog.flush
          yield* captureMany(20)
          yield* PostHog.flush
          return client.requests.map((request) => request.headers["content-encoding"])
        }).pipe(Effect.provide(onFake(client, options)))
      }
      assert.deepStrictEqual(yield* encodings({}), [undefined, "gzip"])
      assert.deepStrictEqual(yield* encodings({ compressionThreshold: 0 }), ["gzip", "gzip"])
      assert.deepStrictEqual(yield* encodings({ compression: false }), [undefined, undefined])
    }))

  it.effect("says anew with each attempt when it was sent, and repeats the events as they were", () => {
    const client = new FakeClient()
    client.next({ status: 503 })
    return Effect.gen(function*() {
      yield* captureMany(3)
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(flushed)
      const [first, second] = client.requests
      assert.notStrictEqual(first!.body.sent_at, second!.body.sent_at)
      assert.deepStrictEqual(first!.body.batch, second!.body.batch)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("goes through the client as transformed by the user", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* PostHog.flush
      assert.strictEqual(client.requests[0]!.headers["x-proxy"], "yes")
    }).pipe(Effect.provide(onFake(client, {
      transformClient: (client) => HttpClient.mapRequest(client, HttpClientRequest.setHeader("x-proxy", "yes"))
    })))
  })

  it.effect("is no part of the program's traces", () => {
    const client = new FakeClient()
    const spans: Array<string> = []
    return Effect.gen(function*() {
      yield* captureMany(1).pipe(Effect.withSpan("mine"))
      yield* PostHog.flush.pipe(Effect.withSpan("mine"))
      assert.deepStrictEqual(new Set(spans), new Set(["mine"]))
      assert.notProperty(client.requests[0]!.headers, "traceparent")
      assert.notProperty(client.requests[0]!.headers, "b3")
    }).pipe(Effect.provide(onFake(client)), Effect.withSpan("mine"), withSpanNames(spans))
  })
})

describe("retries", () => {
  const retryable: ReadonlyArray<Answer> = [
    "refused",
    "dies",
    { status: 408 },
    { status: 429 },
    { status: 500 },
    { status: 502 },
    { status: 503 },
    { status: 504 },
    { status: 599 }
  ]
  for (const answer of retryable) {
    it.effect(`repeats after ${typeof answer === "string" ? answer : answer.status}`, () => {
      const client = new FakeClient()
      client.next(answer)
      return Effect.gen(function*() {
        yield* captureMany(2)
        const flushed = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(yield* Fiber.join(flushed), { delivered: 2, dropped: 0 })
        assert.strictEqual(client.requests.length, 2)
        assert.strictEqual((yield* stats).retried, 2)
      }).pipe(Effect.provide(onFake(client)))
    })
  }

  it.effect("repeats when there is no answer within requestTimeout", () => {
    const client = new FakeClient()
    client.next("hang")
    return Effect.gen(function*() {
      yield* captureMany(1)
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(client.requests.length, 1)
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(flushed)
      assert.strictEqual(client.requests.length, 2)
    }).pipe(Effect.provide(onFake(client, { requestTimeout: "3 seconds" })))
  })

  it.effect("waits longer each time, up to 30 seconds, give or take a quarter", () => {
    const client = new FakeClient(() => ({ status: 503 }))
    return Effect.gen(function*() {
      yield* captureMany(1)
      const flushed = yield* Effect.fork(Effect.either(PostHog.flush))
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(flushed)
      const bases = [1, 2, 4, 8, 16, 30, 30, 30]
      const delays = gaps(client).slice(0, bases.length)
      assert.strictEqual(delays.length, bases.length)
      for (const [i, base] of bases.entries()) {
        assert.isAtLeast(delays[i]!, base * 750)
        assert.isAtMost(delays[i]!, base * 1250)
      }
      assert.isAbove(new Set(delays.map((delay, i) => delay / bases[i]!)).size, 4, "there is chance in it")
    }).pipe(Effect.provide(onFake(client)), Effect.withRandom(Random.make("retries")))
  })

  it.effect("waits at least as long as Retry-After says, in both of its forms, up to 30 seconds", () =>
    Effect.gen(function*() {
      const delayAfter = (retryAfter: string) => {
        const client = new FakeClient()
        client.next({ status: 429, headers: { "retry-after": retryAfter } })
        return Effect.gen(function*() {
          yield* captureMany(1)
          const flushed = yield* Effect.fork(PostHog.flush)
          yield* TestClock.adjust("2 minutes")
          yield* Fiber.join(flushed)
          return gaps(client)[0]!
        }).pipe(Effect.provide(onFake(client)))
      }
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      assert.strictEqual(yield* delayAfter("7"), 7_000)
      assert.isAtMost(yield* delayAfter("0"), 1_250)
      assert.strictEqual(yield* delayAfter("600"), 30_000)
      yield* TestClock.setTime(Date.UTC(2026, 0, 2))
      assert.strictEqual(yield* delayAfter("Fri, 02 Jan 2026 00:00:09 GMT"), 9_000)
    }))

  it.effect("a minute of 503 costs nothing: each event exactly once, as captured, in order", () => {
    const client = new FakeClient((request) => ({ status: request.at < 60_000 ? 503 : 200 }))
    return Effect.gen(function*() {
      yield* captureMany(250)
      yield* TestClock.adjust("30 seconds")
      yield* captureMany(250, 250)
      yield* TestClock.adjust("3 minutes")
      const { delivered, dropped, queued } = yield* stats
      assert.deepStrictEqual({ delivered, dropped, queued }, { delivered: 500, dropped: {}, queued: 0 })
      const attempted = new Map(
        client.requests.flatMap((request) => identity(request.events)).map((event) => [
          JSON.stringify(event),
          event
        ])
      )
      assert.strictEqual(attempted.size, 500, "uuid and timestamp never change")
      assert.strictEqual(client.accepted.length, 500)
      for (const request of client.requests) {
        const order = request.events.map((event) => event.properties.i as number)
        assert.deepStrictEqual(order, [...order].sort((a, b) => a - b))
      }
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("with the retries used up the events stay queued, and sending pauses", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ status: 503 }))
      yield* Effect.gen(function*() {
        const diagnostics = yield* collectDiagnostics
        yield* captureMany(1)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(client.requests.length, 4, "one try and three retries")
        assert.strictEqual((yield* stats).queued, 1)
        yield* captureMany(1, 1)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual(client.requests.length, 4, "the interval does not end the pause")
        const paused = diagnostics.filter((diagnostic) => diagnostic._tag === "DeliveryPaused")
        assert.deepStrictEqual(paused, [
          { _tag: "DeliveryPaused", reason: "status", status: 503, detail: undefined, count: 1, pauseMillis: 30_000 }
        ])
        client.otherwise = () => ({ status: 200 })
        yield* TestClock.adjust("30 seconds")
        assert.deepStrictEqual(new Set(names(client.accepted)), new Set(range(2)))
        assert.strictEqual((yield* stats).delivered, 2)
      }).pipe(Effect.scoped, Effect.provide(onFake(client, { maxRetries: 3, flushInterval: "500 millis" })))
    }))

  it.effect("a client that interrupts itself costs nothing but the pause", () => {
    const client = new FakeClient()
    client.next("interrupts")
    return Effect.gen(function*() {
      yield* captureMany(2)
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Fiber.join(flushed), { delivered: 2, dropped: 0 })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a flush does not wait for the pause to end", () => {
    const client = new FakeClient()
    client.next({ status: 503 })
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* stats).queued, 1)
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
    }).pipe(Effect.provide(onFake(client, { maxRetries: 0 })))
  })

  it.effect("an unusable number of retries means none", () =>
    Effect.gen(function*() {
      for (const maxRetries of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const client = new FakeClient(() => ({ status: 503 }))
        yield* Effect.zipRight(captureMany(1), Effect.either(PostHog.flush)).pipe(
          Effect.provide(onFake(client, { maxRetries }))
        )
        // One for the flush, and one for the last chance that closing gives it.
        assert.isAtMost(client.requests.length, 2)
      }
    }))

  it.effect("new events are sent while earlier ones wait for a retry", () => {
    const client = new FakeClient()
    client.next({ status: 429, headers: { "retry-after": "20" } })
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("5 seconds")
      yield* captureMany(1, 1)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(names(client.accepted), range(1, 1))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(names(client.accepted), ["event 1", "event 0"])
    }).pipe(Effect.provide(onFake(client)))
  })
})

describe("answers for good", () => {
  it.effect("a redirect is not followed, and says where it leads", () => {
    const client = new FakeClient(() => ({ status: 302, headers: { location: "https://login.example/?next=secret" } }))
    return Effect.gen(function*() {
      yield* captureMany(2)
      const error = yield* Effect.flip(PostHog.flush)
      assert.deepInclude(error, { reason: "rejected", status: 302, dropped: 2 })
      assert.include(error.message, "https://login.example/")
      assert.notInclude(error.message, "secret")
      assert.strictEqual(client.requests.length, 1)
    }).pipe(Effect.provide(onFake(client)))
  })

  for (const status of [301, 401, 402, 403, 404, 422]) {
    it.effect(`${status} drops the batch with its reason, and later events are not affected`, () =>
      Effect.gen(function*() {
        const client = new FakeClient()
        client.next({ status, body: "no\n  such project" })
        yield* Effect.gen(function*() {
          const diagnostics = yield* collectDiagnostics
          yield* captureMany(3)
          const error = yield* Effect.flip(PostHog.flush)
          assert.strictEqual(error._tag, "DeliveryError")
          assert.deepInclude(error, { reason: "rejected", status, delivered: 0, dropped: 3, queued: 0 })
          assert.strictEqual(error.detail, "no such project")
          assert.include(error.message, String(status))
          assert.strictEqual(client.requests.length, 1)
          yield* captureMany(1, 3)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
          assert.deepStrictEqual((yield* stats).dropped, { rejected: 3 })
          const dropped = diagnostics.find((diagnostic) => diagnostic._tag === "EventsDropped")
          assert.deepInclude(dropped, { reason: "rejected", count: 3, detail: "no such project" })
          assert.deepStrictEqual(names(dropped!.events), range(3))
        }).pipe(Effect.scoped, Effect.provide(onFake(client)))
      }))
  }

  it.effect("413 halves the batch without costing retries, and drops an event that is alone too large", () => {
    const client = new FakeClient((request) => ({
      status: request.events.some((event) => event.event === "event 5") || request.events.length > 3 ? 413 : 200
    }))
    return Effect.gen(function*() {
      yield* captureMany(10)
      const error = yield* Effect.flip(PostHog.flush)
      assert.deepInclude(error, { reason: "rejected", status: 413, delivered: 9, dropped: 1, queued: 0 })
      assert.deepStrictEqual(names(client.accepted), range(10).filter((name) => name !== "event 5"))
      assert.deepStrictEqual((yield* stats).dropped, { too_large: 1 })
      assert.strictEqual((yield* stats).retried, 0)
    }).pipe(Effect.provide(onFake(client, { maxRetries: 0 })))
  })

  it.effect("after a 413 later batches are made smaller", () => {
    const client = new FakeClient((request) => ({ status: request.events.length > 30 ? 413 : 200 }))
    return Effect.gen(function*() {
      const captureLarge = Effect.forEach(range(100), (name) => PostHog.capture(name, { text: "x".repeat(5_000) }))
      yield* captureLarge
      yield* PostHog.flush
      const before = client.requests.length
      yield* captureLarge
      yield* PostHog.flush
      assert.strictEqual(client.accepted.length, 200)
      assert.isBelow(client.requests.length - before, before)
      assert.isTrue(client.requests.slice(before).every((request) => request.events.length < 30))
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("400 on a batch finds the event that is to blame, wherever it is", () =>
    Effect.gen(function*() {
      for (const poisoned of [0, 1, 499, 500, 777, 999]) {
        const client = new FakeClient((request) => ({
          status: request.events.some((event) => event.properties.i === poisoned) ? 400 : 200
        }))
        yield* Effect.gen(function*() {
          yield* captureMany(1000)
          const error = yield* Effect.flip(PostHog.flush)
          assert.deepInclude(error, { reason: "rejected", status: 400, delivered: 999, dropped: 1, queued: 0 })
          assert.strictEqual(client.accepted.length, 999)
          assert.isBelow(client.requests.length, 25)
        }).pipe(Effect.provide(onFake(client, { flushAt: 10_000 })))
      }
    }))

  it.effect("400 on several bad events costs them alone", () => {
    const bad = new Set([3, 4, 90, 201, 420])
    const client = new FakeClient((request) => ({
      status: request.events.some((event) => bad.has(event.properties.i as number)) ? 400 : 200
    }))
    return Effect.gen(function*() {
      yield* captureMany(500)
      yield* Effect.either(PostHog.flush)
      assert.strictEqual(client.accepted.length, 495)
      assert.deepStrictEqual((yield* stats).dropped, { rejected: 5 })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a server that refuses everything is not asked about every single event", () => {
    const client = new FakeClient(() => ({ status: 400 }))
    return Effect.gen(function*() {
      yield* captureMany(500)
      yield* Effect.either(PostHog.flush)
      assert.deepStrictEqual((yield* stats).dropped, { rejected: 500 })
      assert.isBelow(client.requests.length, 40)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("200 with quota_limited is a delivery, and is told", () => {
    const client = new FakeClient(() => ({ status: 200, body: "{\"status\":1,\"quota_limited\":[\"events\"]}" }))
    return Effect.gen(function*() {
      const diagnostics = yield* collectDiagnostics
      yield* captureMany(1)
      yield* PostHog.flush
      yield* Effect.yieldNow()
      assert.deepInclude(diagnostics, { _tag: "QuotaLimited", resources: ["events"] })
      assert.strictEqual((yield* stats).delivered, 1)
    }).pipe(Effect.scoped, Effect.provide(onFake(client)))
  })

  it.effect("any 2xx is a delivery, whatever its body", () =>
    Effect.gen(function*() {
      for (
        const answer of [
          { status: 200, body: "<html>" },
          { status: 202 },
          { status: 200, body: "{\"quota_limited\":7}" },
          { status: 200, body: "quota_limited {" }
        ]
      ) {
        const client = new FakeClient(() => answer)
        yield* captureMany(1).pipe(
          Effect.zipRight(PostHog.flush),
          Effect.tap((report) => Effect.sync(() => assert.deepStrictEqual(report, { delivered: 1, dropped: 0 }))),
          Effect.provide(onFake(client))
        )
      }
    }))
})

describe("overflow", () => {
  it.effect("dropOldest keeps the newest events", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(10)
      assert.deepInclude(yield* stats, { accepted: 10, queued: 4, dropped: { queue_full: 6 } })
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(4, 6))
    }).pipe(Effect.provide(onFake(client, { maxQueueSize: 4, flushAt: 100 })))
  })

  it.effect("dropNewest keeps the oldest events", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(10)
      assert.deepInclude(yield* stats, { accepted: 10, queued: 4, dropped: { queue_full: 6 } })
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(4))
    }).pipe(Effect.provide(onFake(client, { maxQueueSize: 4, flushAt: 100, overflow: "dropNewest" })))
  })

  it.effect("maxQueueBytes counts as well", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      for (let i = 0; i < 10; i++) yield* PostHog.capture(`event ${i}`, { text: "x".repeat(1_000) })
      const { dropped, queued } = yield* stats
      assert.strictEqual(queued, 3)
      assert.strictEqual(dropped.queue_full, 7)
    }).pipe(Effect.provide(onFake(client, { maxQueueBytes: 5_000, flushAt: 100 })))
  })

  it.effect("an event that is larger than the whole queue is dropped, and does not push others out", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(2)
      yield* PostHog.capture("large", { text: "x".repeat(10_000) })
      assert.deepInclude(yield* stats, { queued: 2, dropped: { too_large: 1 } })
    }).pipe(Effect.provide(onFake(client, { maxQueueBytes: 5_000, flushAt: 100 })))
  })

  it.effect("waitUpTo makes the caller wait for room, and drops the event when there is none in time", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(6))
        yield* TestClock.adjust("1 second")
        // Two in flight, two queued, and the fifth waits for room.
        assert.deepInclude(yield* stats, { accepted: 5, inFlight: 2, queued: 3 })
        client.otherwise = () => ({ status: 200 })
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual((yield* PostHog.stats).dropped, {})
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(capturing)
        yield* PostHog.flush
        assert.strictEqual((yield* stats).delivered, 6)
        assert.strictEqual(client.accepted.length, 6)

        client.otherwise = () => "hang"
        const late = yield* Effect.fork(captureMany(5, 6))
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual((yield* PostHog.stats).dropped.queue_full, undefined)
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(late)
        assert.deepStrictEqual((yield* stats).dropped, { queue_full: 1 })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        requestTimeout: "5 seconds",
        overflow: { waitUpTo: "30 seconds" }
      })))
    }))

  it.effect("a caller that is interrupted while it waits for room counts its event as dropped", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(5))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(capturing)
        assert.deepStrictEqual((yield* stats).dropped, { queue_full: 1 })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        overflow: { waitUpTo: "30 seconds" }
      })))
    }))

  it.effect("waitUpTo holds also where the caller cannot be interrupted", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(Effect.uninterruptible(captureMany(5)))
        yield* TestClock.adjust("31 seconds")
        yield* Fiber.join(capturing)
        assert.deepStrictEqual((yield* stats).dropped, { queue_full: 1 })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        requestTimeout: "1 hour",
        overflow: { waitUpTo: "30 seconds" }
      })))
    }))

  it.effect("with waitUpTo nothing gives way to events that come back after failed retries", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(6))
        yield* TestClock.adjust("11 seconds")
        assert.deepInclude(yield* stats, { dropped: {} })
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(capturing)
        yield* PostHog.flush
        assert.deepInclude(yield* stats, { delivered: 6, dropped: {} })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 2,
        maxBatchSize: 2,
        flushAt: 2,
        maxConcurrentRequests: 1,
        maxRetries: 0,
        retryPause: "5 seconds",
        overflow: { waitUpTo: "1 minute" }
      })))
    }))

  it.effect("events that come back after failed retries give way by the same policy", () =>
    Effect.gen(function*() {
      for (const overflow of ["dropOldest", "dropNewest"] as const) {
        const client = new FakeClient()
        client.next("hang")
        yield* Effect.gen(function*() {
          yield* captureMany(3)
          yield* TestClock.adjust(0)
          yield* captureMany(3, 3)
          yield* TestClock.adjust("10 seconds")
          assert.deepInclude(yield* stats, { queued: 3, dropped: { queue_full: 3 } })
          yield* PostHog.flush
          assert.deepStrictEqual(names(client.accepted), overflow === "dropOldest" ? range(3, 3) : range(3))
        }).pipe(
          Effect.provide(
            onFake(client, { maxQueueSize: 3, flushAt: 3, maxRetries: 0, maxConcurrentRequests: 1, overflow })
          )
        )
      }
    }))
})

describe("flush", () => {
  it.effect("with nothing to send makes no request", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
      assert.strictEqual(client.requests.length, 0)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("waits for what is in flight, and several share one drain", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 429, headers: { "retry-after": "20" } })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        yield* TestClock.adjust("5 seconds")
        yield* captureMany(1, 1)
        const flushes = yield* Effect.forEach([1, 2, 3], () => Effect.fork(PostHog.flush))
        yield* TestClock.adjust("10 seconds")
        assert.isNull(flushes[0]!.unsafePoll())
        yield* TestClock.adjust("15 seconds")
        for (const flush of flushes) {
          assert.deepStrictEqual(yield* Fiber.join(flush), { delivered: 2, dropped: 0 })
        }
        assert.strictEqual(client.requests.length, 3)
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("does not wait for what is captured after it began", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        client.next({ status: 503 })
        const flush = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        yield* captureMany(1, 1)
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(yield* Fiber.join(flush), { delivered: 1, dropped: 0 })
        assert.deepInclude(yield* stats, { queued: 1, delivered: 1 })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("fails with what happened when events could not be delivered, and they stay queued", () => {
    const client = new FakeClient((request) =>
      request.events.some((event) => event.properties.i === 0)
        ? { status: 503, body: "overloaded" }
        : { status: 200 }
    )
    return Effect.gen(function*() {
      yield* captureMany(4)
      const error = yield* Effect.flip(PostHog.flush)
      assert.deepInclude({ ...error }, { _tag: "DeliveryError", reason: "status", status: 503, dropped: 0 })
      assert.strictEqual(error.delivered + error.queued, 4)
      assert.isAtLeast(error.queued, 2)
      assert.include(error.message, "overloaded")
      assert.strictEqual((yield* stats).queued, error.queued)
    }).pipe(Effect.provide(onFake(client, { maxBatchSize: 2, maxRetries: 0 })))
  })

  it.effect("says connection and timeout apart, and shows no part of the events", () =>
    Effect.gen(function*() {
      for (const [answer, reason] of [["refused", "connection"], ["hang", "timeout"]] as const) {
        const client = new FakeClient(() => answer)
        const error = yield* Effect.gen(function*() {
          yield* PostHog.capture("event", { secret: "hunter2" })
          const flush = yield* Effect.fork(Effect.flip(PostHog.flush))
          yield* TestClock.adjust("1 minute")
          return yield* Fiber.join(flush)
        }).pipe(Effect.provide(onFake(client, { maxRetries: 0 })))
        assert.strictEqual(error.reason, reason)
        assert.notInclude(JSON.stringify(error) + error.message, "hunter2")
        if (answer === "refused") assert.include(error.message, "ECONNREFUSED")
      }
    }))

  it.effect("can be interrupted, and the events are still delivered", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        const flush = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        yield* Fiber.interrupt(flush)
        yield* TestClock.adjust("2 seconds")
        assert.deepInclude(yield* stats, { queued: 0, delivered: 1 })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("goes on after more batches than the stack is deep, with a client that answers on the spot", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(5_000)
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 5_000, dropped: 0 })
    }).pipe(Effect.provide(onFake(client, { flushAt: 1e6, maxBatchSize: 1, maxConcurrentRequests: 1 })))
  }, 120_000)
})

describe("captureNow", () => {
  it.effect("sends one event past the queue and gives its uuid", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      const uuid = yield* PostHog.captureNow("urgent", { a: 1 }, { distinctId: "user_1" })
      assert.deepStrictEqual(names(client.accepted), ["urgent"])
      assert.deepStrictEqual(uuid, Option.some(client.accepted[0]!.uuid))
      assert.deepInclude(yield* stats, { accepted: 2, queued: 1, delivered: 1 })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("repeats, and fails with what happened; the event is given up then", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ status: 503 }))
      yield* Effect.gen(function*() {
        const sent = yield* Effect.fork(Effect.flip(PostHog.captureNow("urgent")))
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(yield* Fiber.join(sent), { reason: "status", status: 503, dropped: 1 })
        assert.strictEqual(client.requests.length, 3)
        assert.deepInclude(yield* stats, { queued: 0, inFlight: 0, dropped: { undelivered: 1 } })
      }).pipe(Effect.provide(onFake(client, { maxRetries: 2 })))
    }))

  it.effect("gives nothing when there is nothing to send", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* PostHog.captureNow(" "), Option.none())
        assert.deepStrictEqual(yield* PostHog.captureNow("big", { text: "x".repeat(2e6) }), Option.none())
        yield* PostHog.optOut
        assert.deepStrictEqual(yield* PostHog.captureNow("urgent"), Option.none())
        assert.strictEqual(client.requests.length, 0)
        assert.deepInclude(yield* stats, { accepted: 2, ignored: 1, dropped: { invalid_event: 1, too_large: 1 } })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("an interruption ends it, and the event is counted", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const sent = yield* Effect.fork(PostHog.captureNow("urgent"))
        yield* TestClock.adjust("1 second")
        assert.deepInclude(yield* stats, { inFlight: 1 })
        yield* Fiber.interrupt(sent)
        assert.deepInclude(yield* stats, { inFlight: 0, dropped: { undelivered: 1 } })
      }).pipe(Effect.provide(onFake(client)))
    }))
})

describe("consent", () => {
  it.effect("opting out drops what is queued, takes nothing, sends nothing, and opting in restores later calls", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      assert.isFalse(yield* PostHog.isOptedOut)
      yield* captureMany(3)
      yield* PostHog.optOut
      yield* PostHog.optOut
      assert.isTrue(yield* PostHog.isOptedOut)
      yield* captureMany(3, 3)
      yield* PostHog.identify("user_1", { a: 1 })
      yield* PostHog.alias({ distinctId: "", alias: "" })
      assert.deepStrictEqual(yield* PostHog.captureNow("urgent"), Option.none())
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(client.requests.length, 0)
      assert.deepInclude(yield* stats, { accepted: 3, queued: 0, ignored: 6, dropped: { opted_out: 3 } })
      yield* PostHog.optIn
      assert.isFalse(yield* PostHog.isOptedOut)
      yield* captureMany(1, 6)
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(1, 6))
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("no request is repeated after opting out", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 }, "hang")
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        const first = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        yield* captureMany(1, 1)
        const second = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        assert.strictEqual(client.requests.length, 2)
        yield* PostHog.optOut
        // One was waiting for its retry, the other's request times out and is not repeated.
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(client.requests.length, 2)
        assert.deepStrictEqual(yield* Fiber.join(first), { delivered: 0, dropped: 1 })
        assert.deepStrictEqual(yield* Fiber.join(second), { delivered: 0, dropped: 2 })
        assert.deepStrictEqual((yield* stats).dropped, { opted_out: 2 })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("a batch that is being taken apart goes no further after opting out", () =>
    Effect.gen(function*() {
      for (const status of [400, 413]) {
        const client = new FakeClient((request) => ({ status: request.events.length > 1 ? status : 200 }))
        yield* Effect.gen(function*() {
          const service = yield* PostHog.PostHog
          const { otherwise } = client
          client.otherwise = (request) => {
            Effect.runSync(service.optOut)
            return otherwise(request)
          }
          yield* captureMany(8)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 8 })
          assert.strictEqual(client.requests.length, 1)
          assert.deepInclude(yield* stats, { inFlight: 0, delivered: 0, dropped: { opted_out: 8 } })
        }).pipe(Effect.provide(onFake(client)))
      }
    }))

  it.effect("a request that has not begun yet is not made", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        const flushed = yield* Effect.fork(PostHog.flush)
        // The flush has handed the batch to a fiber, which has not come to its request.
        while ((yield* PostHog.stats).inFlight === 0) yield* Effect.yieldNow()
        assert.strictEqual(client.requests.length, 0)
        yield* PostHog.optOut
        yield* Fiber.join(flushed)
        assert.strictEqual(client.requests.length, 0)
        assert.deepInclude(yield* stats, { dropped: { opted_out: 3 } })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("captureNow does not get past a hook that opts out", () => {
    const client = new FakeClient()
    let service: PostHog.Service | undefined
    return Effect.gen(function*() {
      service = yield* PostHog.PostHog
      assert.deepStrictEqual(yield* PostHog.captureNow("now"), Option.none())
      assert.strictEqual(client.requests.length, 0)
      assert.deepInclude(yield* stats, { dropped: { opted_out: 1 } })
    }).pipe(Effect.provide(onFake(client, {
      beforeSend: (event) => {
        Effect.runSync(service!.optOut)
        return event
      }
    })))
  })

  it.effect("an event that waits for room does not outlive opting out, however soon somebody opts in", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      yield* Effect.gen(function*() {
        const capturing = yield* Effect.fork(captureMany(3))
        yield* TestClock.adjust("1 second")
        assert.deepInclude(yield* stats, { inFlight: 1, queued: 2 })
        yield* Effect.zipRight(PostHog.optOut, PostHog.optIn)
        yield* Fiber.join(capturing)
        assert.deepInclude(yield* stats, { queued: 0, dropped: { opted_out: 2 } })
      }).pipe(Effect.provide(onFake(client, {
        maxQueueSize: 1,
        maxBatchSize: 1,
        flushAt: 1,
        maxConcurrentRequests: 1,
        overflow: { waitUpTo: "1 minute" }
      })))
    }))

  it.effect("opting in again repeats nothing that was sent before opting out", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang")
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        const flushed = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust(0)
        yield* PostHog.optOut
        yield* PostHog.optIn
        yield* TestClock.adjust("5 minutes")
        yield* Fiber.join(flushed)
        assert.strictEqual(client.requests.length, 1)
        assert.deepInclude(yield* stats, { dropped: { opted_out: 1 } })
      }).pipe(Effect.provide(onFake(client)))
    }))

  it.effect("opting out ends a pause: what is captured after opting in is sent in its time", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        yield* Effect.either(PostHog.flush)
        yield* PostHog.optOut
        yield* PostHog.optIn
        yield* captureMany(1, 1)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(names(client.accepted), range(1, 1))
      }).pipe(Effect.provide(onFake(client, { maxRetries: 0, retryPause: "1 hour" })))
    }))

  it.effect("an event that is on its way in when somebody opts out does not slip through", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      let service: PostHog.Service | undefined
      yield* Effect.gen(function*() {
        service = yield* PostHog.PostHog
        yield* PostHog.capture("opts out")
        assert.deepInclude(yield* stats, { accepted: 1, queued: 0, dropped: { opted_out: 1 } })
        yield* PostHog.optIn
        const waiting = yield* Effect.fork(captureMany(5))
        yield* TestClock.adjust("1 second")
        yield* PostHog.optOut
        yield* Fiber.join(waiting)
        assert.deepInclude(yield* stats, { queued: 0, inFlight: 2, dropped: { opted_out: 4 } })
      }).pipe(Effect.provide(onFake(client, {
        flushAt: 2,
        maxQueueSize: 2,
        maxBatchSize: 2,
        maxConcurrentRequests: 1,
        overflow: { waitUpTo: "1 minute" },
        beforeSend: (event) => {
          if (event.event === "opts out") Effect.runSync(service!.optOut)
          return event
        }
      })))
    }))

  it.effect("an instance can begin opted out", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      assert.isTrue(yield* PostHog.isOptedOut)
      yield* captureMany(1)
      yield* PostHog.optIn
      yield* captureMany(1, 1)
      yield* PostHog.flush
      assert.deepStrictEqual(names(client.accepted), range(1, 1))
    }).pipe(Effect.provide(onFake(client, { optedOut: true })))
  })
})

describe("closing", () => {
  /** Builds an instance whose scope the test closes. */
  const open = (client: FakeClient, options: Parameters<typeof onFake>[1] = {}) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const service = yield* Layer.buildWithScope(onFake(client, { shutdownTimeout: "10 seconds", ...options }), scope)
        .pipe(
          Effect.map(Context.get(PostHog.PostHog))
        )
      return { service, close: Scope.close(scope, Exit.void), scope }
    })

  const capture = (service: PostHog.Service, count: number) =>
    captureMany(count).pipe(Effect.provideService(PostHog.PostHog, service))

  it.effect("sends what is queued and waits for what is in flight", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 429, headers: { "retry-after": "3" } })
      const { close, service } = yield* open(client, { flushAt: 2 })
      yield* capture(service, 3)
      yield* TestClock.adjust(0)
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("2 seconds")
      assert.isNull(closing.unsafePoll())
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* service.stats, { queued: 0, inFlight: 0, delivered: 3 })
    }))

  it.effect("does not sit out a pause that the server did not ask for", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next(...Array.from({ length: 6 }, (): Answer => ({ status: 503 })))
      const { close, service } = yield* open(client)
      yield* capture(service, 2)
      // Chance lengthens the pauses between the requests.
      while (client.requests.length < 6) yield* TestClock.adjust("1 second")
      const before = client.requests.length
      yield* close
      assert.strictEqual(client.requests.length, before + 1)
      assert.deepInclude(yield* service.stats, { delivered: 2 })
    }))

  it.effect("takes no longer than shutdownTimeout and accounts for what is left", () =>
    Effect.gen(function*() {
      for (const answer of ["hang", "stuck", "refused"] as const) {
        const client = new FakeClient(() => answer)
        const { close, service } = yield* open(client, { flushAt: 2, maxConcurrentRequests: 1, maxBatchSize: 2 })
        yield* capture(service, 5)
        const closing = yield* Effect.fork(close)
        yield* TestClock.adjust("9 seconds")
        assert.isNull(closing.unsafePoll())
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(closing)
        assert.deepInclude(yield* service.stats, { queued: 0, inFlight: 0, dropped: { shutdown_timeout: 5 } })
      }
    }))

  it.effect("drains also when the fiber that closes the scope was interrupted", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 429, headers: { "retry-after": "3" } })
      const service = yield* Deferred.make<PostHog.Service>()
      const program = yield* Effect.gen(function*() {
        yield* Deferred.succeed(service, yield* PostHog.PostHog)
        yield* captureMany(3)
        return yield* Effect.never
      }).pipe(Effect.provide(onFake(client, { shutdownTimeout: "10 seconds" })), Effect.fork)
      const { stats } = yield* Deferred.await(service)
      yield* Effect.yieldNow()
      const interrupted = yield* Effect.fork(Fiber.interrupt(program))
      yield* TestClock.adjust("5 seconds")
      const exit = yield* Fiber.join(interrupted)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.deepInclude(yield* stats, { queued: 0, inFlight: 0, delivered: 3 })
    }))

  it.effect("afterwards events are dropped as closed, who waits is told so, and nothing else changes", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      const { close, scope, service } = yield* open(client)
      yield* close
      yield* capture(service, 2)
      assert.deepInclude(yield* Effect.flip(service.captureNow("late")), { reason: "closed", dropped: 1, queued: 0 })
      assert.deepInclude(yield* Effect.flip(service.flush), { reason: "closed", delivered: 0, dropped: 0, queued: 0 })
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(yield* service.isOptedOut)
      assert.deepInclude(yield* service.stats, { accepted: 3, dropped: { closed: 3 } })
      assert.strictEqual(client.requests.length, 0)
    }))

  it.effect("with the retries used up the events are given up", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ status: 503 }))
      const { close, service } = yield* open(client, { maxRetries: 0 })
      yield* capture(service, 2)
      yield* close
      assert.strictEqual(client.requests.length, 1)
      assert.deepInclude(yield* service.stats, { dropped: { undelivered: 2 } })
    }))

  it.effect("an event that somebody waits for is part of it", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      const { close, service } = yield* open(client)
      const sent = yield* Effect.fork(Effect.flip(service.captureNow("urgent")))
      yield* Effect.yieldNow()
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.deepInclude(yield* Fiber.join(sent), { reason: "closed" })
      assert.deepInclude(yield* service.stats, { inFlight: 0, dropped: { shutdown_timeout: 1 } })
    }))

  it.effect("keeps its time limit when the instance was built where nothing can be interrupted", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      const { close, service } = yield* Effect.uninterruptible(open(client))
      yield* capture(service, 2)
      yield* TestClock.adjust("5 seconds")
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.isAtLeast(client.requests.length, 1)
      assert.deepInclude(yield* service.stats, { inFlight: 0, queued: 0 })
    }))

  it.effect("sends what waits for a retry once, when the instance was built where nothing can be interrupted", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next({ status: 503 })
      const { close, service } = yield* Effect.uninterruptible(open(client))
      yield* capture(service, 2)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(client.requests.length, 1)
      yield* close
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(client.requests.length, 2)
      assert.deepInclude(yield* service.stats, { delivered: 2 })
    }))

  it.effect("ends the stream of diagnostics, after what happened while draining", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      const { close, service } = yield* open(client)
      const all = yield* Effect.fork(Stream.runCollect(service.diagnostics))
      yield* settle
      yield* capture(service, 1)
      yield* close
      const tags = Chunk.toReadonlyArray(yield* Fiber.join(all)).map((diagnostic) => diagnostic._tag)
      assert.deepStrictEqual(tags, ["RequestCompleted", "EventsDelivered"])
    }))
})

describe("accounting", () => {
  it.effect("adds up at every step of a bad day", () => {
    let turn = 0
    const answers: ReadonlyArray<Answer> = [
      { status: 200 },
      { status: 503 },
      "refused",
      { status: 400 },
      { status: 413 },
      "hang",
      { status: 404 },
      { status: 429, headers: { "retry-after": "5" } }
    ]
    const client = new FakeClient(() => answers[turn++ % answers.length]!)
    return Effect.gen(function*() {
      for (let round = 0; round < 60; round++) {
        yield* captureMany(1 + round % 23, round * 100)
        yield* PostHog.capture("")
        yield* stats
        yield* TestClock.adjust(`${round % 7} seconds`)
        yield* stats
        if (round % 11 === 0) yield* Effect.fork(Effect.either(PostHog.flush))
        if (round % 13 === 0) yield* Effect.fork(Effect.either(PostHog.captureNow("urgent")))
      }
      client.otherwise = () => ({ status: 200 })
      yield* TestClock.adjust("10 minutes")
      const end = yield* stats
      assert.strictEqual(end.queued + end.inFlight, 0)
      assert.strictEqual(end.delivered, client.accepted.length)
      assert.strictEqual(new Set(client.accepted.map((event) => event.uuid)).size, client.accepted.length)
      assert.isAbove(sum(end.dropped), 0)
    }).pipe(Effect.provide(onFake(client, {
      flushAt: 10,
      maxBatchSize: 8,
      maxQueueSize: 60,
      maxRetries: 2,
      maxConcurrentRequests: 2
    })))
  })
})

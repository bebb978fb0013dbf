/**
 * Closing an instance while its server misbehaves: what can be delivered within the budget is, and the rest is accounted for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { PostHog, type PostHogConfig } from "effect-posthog"
import { isRunning } from "../../support/effect.js"
import { type Answer, FakeClient } from "../../support/fakeClient.js"
import { assertAddsUp, captureMany, names, onFake, range, sum } from "../../support/posthog.js"

/** An instance whose scope the test closes. */
const open = (client: FakeClient, options: PostHogConfig.Options = {}) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(onFake(client, { shutdownTimeout: "10 seconds", ...options }), scope)
    const service = Context.get(context, PostHog.PostHog)
    return {
      service,
      close: Scope.close(scope, Exit.void),
      capture: (count: number) => Effect.provideService(captureMany(count), PostHog.PostHog, service)
    }
  })

/** Closes, lets as much time pass as needed up to the limit, and gives how much that was and what became of the events. */
const closeWithin = (
  { close, service }: { readonly close: Effect.Effect<void>; readonly service: PostHog.Service },
  limitMillis: number
) =>
  Effect.gen(function*() {
    const closing = yield* Effect.fork(close)
    let millis = 0
    yield* TestClock.adjust(0)
    for (; millis < limitMillis && isRunning(closing); millis += 50) yield* TestClock.adjust(50)
    yield* Fiber.join(closing)
    const stats = yield* service.stats
    assertAddsUp(stats)
    assert.strictEqual(stats.queued + stats.inFlight, 0)
    return { millis, stats }
  })

const ok: Answer = { status: 200 }

describe("a server that hangs while an instance closes", () => {
  const scripts: Readonly<Record<string, ReadonlyArray<Answer>>> = {
    "once": ["hang"],
    "twice": ["hang", "hang"],
    "three times": ["hang", "hang", "hang"],
    "for all batches once": ["hang", "hang", "hang", "hang"],
    "for the second batch only": [ok, "hang"],
    "for the last batch only": [ok, ok, ok, "hang"],
    "and is then overloaded for a moment": ["hang", { status: 503 }],
    "and cannot be interrupted": ["stuck"],
    "after a connection was refused": ["refused", "hang"]
  }
  for (const [name, script] of Object.entries(scripts)) {
    for (const maxConcurrentRequests of [1, 4]) {
      it.effect(`${name}, ${maxConcurrentRequests} at a time: all is delivered within the budget`, () =>
        Effect.gen(function*() {
          const client = new FakeClient()
          client.next(...script)
          const instance = yield* open(client, { flushAt: 10_000, maxBatchSize: 50, maxConcurrentRequests })
          yield* instance.capture(200)
          const { millis, stats } = yield* closeWithin(instance, 10_000)
          assert.isBelow(millis, 10_000)
          assert.deepInclude(stats, { accepted: 200, delivered: 200, dropped: {} })
          assert.deepStrictEqual(new Set(names(client.accepted)), new Set(range(200)))
        }))
    }
  }

  it.effect("when the request was made before: it gets no more than its share of the budget from then on", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang", "hang")
      const instance = yield* open(client, { flushAt: 10, maxBatchSize: 10, requestTimeout: "1 hour" })
      yield* instance.capture(20)
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* instance.service.stats, { inFlight: 20 })
      const { stats } = yield* closeWithin(instance, 10_000)
      assert.deepInclude(stats, { delivered: 20, dropped: {} })
    }))

  it.effect("for somebody who waits for one event, too", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang")
      const instance = yield* open(client, { requestTimeout: "1 hour" })
      const sent = yield* Effect.fork(instance.service.captureNow("urgent"))
      yield* TestClock.adjust(0)
      const { stats } = yield* closeWithin(instance, 10_000)
      assert.isTrue(Option.isSome(yield* Fiber.join(sent)))
      assert.deepInclude(stats, { delivered: 1, dropped: {} })
    }))

  it.effect("in two seconds as well", () =>
    Effect.gen(function*() {
      for (const script of [["hang"], [{ status: 503 }, "hang"], ["hang", { status: 503 }]]) {
        const client = new FakeClient()
        client.next(...script as ReadonlyArray<Answer>)
        const instance = yield* open(client, { shutdownTimeout: "2 seconds" })
        yield* instance.capture(10)
        const { stats } = yield* closeWithin(instance, 2_000)
        assert.deepInclude(stats, { delivered: 10, dropped: {} })
      }
    }))

  it.effect("in half a second a slow answer is not given up for a second request", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ delay: 450, status: 200 }))
      const instance = yield* open(client, { shutdownTimeout: "500 millis" })
      yield* instance.capture(10)
      const { stats } = yield* closeWithin(instance, 500)
      assert.deepInclude(stats, { delivered: 10, retried: 0, dropped: {} })
      assert.strictEqual(client.requests.length, 1)
    }))

  it.effect("in half a second what failed at once is sent again", () =>
    Effect.gen(function*() {
      for (const script of [[{ status: 503 }], ["refused", { status: 429 }]]) {
        const client = new FakeClient()
        client.next(...script as ReadonlyArray<Answer>)
        const instance = yield* open(client, { shutdownTimeout: "500 millis" })
        yield* instance.capture(10)
        const { stats } = yield* closeWithin(instance, 500)
        assert.deepInclude(stats, { delivered: 10, dropped: {} })
      }
    }))

  it.effect("without a batching fiber as well", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      client.next("hang", "hang")
      const instance = yield* open(client, { background: false, maxBatchSize: 10 })
      yield* instance.capture(30)
      const { stats } = yield* closeWithin(instance, 10_000)
      assert.deepInclude(stats, { delivered: 30, dropped: {} })
    }))

  it.effect("for good: the budget is used up, with few requests, and all is counted", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      const instance = yield* open(client, { maxBatchSize: 10, maxConcurrentRequests: 2 })
      yield* instance.capture(40)
      const { millis, stats } = yield* closeWithin(instance, 20_000)
      assert.strictEqual(millis, 10_000)
      assert.deepStrictEqual(stats.dropped, { shutdown_timeout: 40 })
      assert.isAtMost(client.requests.length, 2 * 8)
    }))

  it.effect("does not keep an answer from counting that takes less than half of the budget", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ delay: 4_000, status: 200 }))
      const instance = yield* open(client)
      yield* instance.capture(10)
      const { stats } = yield* closeWithin(instance, 10_000)
      assert.deepInclude(stats, { delivered: 10, retried: 0 })
      assert.strictEqual(client.requests.length, 1)
    }))

  it.effect("a pause that the server asked for is kept, others are cut to their share", () =>
    Effect.gen(function*() {
      const asked = new FakeClient()
      asked.next({ status: 429, headers: { "retry-after": "8" } })
      const patient = yield* open(asked)
      yield* patient.capture(1)
      assert.isAtLeast((yield* closeWithin(patient, 10_000)).millis, 8_000)
      assert.strictEqual(asked.accepted.length, 1)

      const unasked = new FakeClient()
      unasked.next(...Array.from({ length: 5 }, (): Answer => ({ status: 503 })))
      const hasty = yield* open(unasked)
      yield* hasty.capture(1)
      assert.deepInclude((yield* closeWithin(hasty, 10_000)).stats, { delivered: 1 })
    }))
})

describe("a server that takes little in one request", () => {
  /** 413 above `most` events of one request. */
  const taking = (most: number) => new FakeClient(({ events }) => ({ status: events.length > most ? 413 : 200 }))

  for (const most of [1, 2, 3, 7, 49, 100]) {
    it.effect(`${most} events: the limit is learnt once, for all batches`, () =>
      Effect.gen(function*() {
        const client = taking(most)
        const instance = yield* open(client, { flushAt: 10_000, maxBatchSize: 100 })
        yield* instance.capture(400)
        const { stats } = yield* closeWithin(instance, 10_000)
        assert.deepInclude(stats, { delivered: 400, dropped: {} })
        const refused = client.requests.length - client.requests.filter(({ events }) => events.length <= most).length
        // Four batches at the same time halve until it fits.
        assert.isAtMost(refused, 4 * 8 + 4 * 5)
        assert.isAtMost(client.requests.length - refused, 2 * Math.ceil(400 / most) + 4)
      }))
  }

  it.effect("also for batches that were full before it was learnt, and for those that come after", () =>
    Effect.gen(function*() {
      const client = taking(1)
      const instance = yield* open(client, { flushAt: 1e6, maxBatchSize: 100, maxConcurrentRequests: 1 })
      yield* instance.capture(250)
      yield* instance.service.flush
      yield* instance.capture(50)
      yield* instance.service.flush
      assert.strictEqual(client.accepted.length, 300)
      assert.isAtMost(client.requests.length, 300 + 15)
    }))

  it.effect("bytes: an event of an odd size costs itself alone, and the others are not sent one by one for it", () =>
    Effect.gen(function*() {
      const client = new FakeClient((request) => ({
        status: JSON.stringify(request.body).length > 30_000 ? 413 : 200
      }))
      const instance = yield* open(client, { flushAt: 1e6 })
      const capture = (i: number) =>
        instance.service.capture(`event ${i}`, { text: "x".repeat(i % 100 === 50 ? 40_000 : 20 + i % 37 * 30) })
      yield* Effect.forEach(Array.from({ length: 500 }, (_, i) => i), capture)
      const { stats } = yield* closeWithin(instance, 10_000)
      assert.deepInclude(stats, { delivered: 495, dropped: { too_large: 5 } })
      assert.isAtMost(client.requests.length, 100)
    }))

  it.effect("a 413 for what an event says, and not for how much, is soon forgotten", () =>
    Effect.gen(function*() {
      for (const bad of [0, 111, 199]) {
        const client = new FakeClient(({ events }) => ({
          status: events.some((event) => event.properties.i === bad) ? 413 : 200
        }))
        const instance = yield* open(client, { flushAt: 1e6, maxConcurrentRequests: 1 })
        yield* instance.capture(200)
        yield* Effect.either(instance.service.flush)
        assert.strictEqual(sum((yield* instance.service.stats).dropped), 1)
        assert.isAtMost(client.requests.length, 100)
        for (let i = 0; i < 20; i++) {
          yield* Effect.provideService(captureMany(20, 1_000 + i * 100), PostHog.PostHog, instance.service)
          yield* instance.service.flush
        }
        const before = client.requests.length
        yield* Effect.provideService(captureMany(200, 5_000), PostHog.PostHog, instance.service)
        yield* instance.service.flush
        assert.isAtMost(client.requests.length - before, 2)
        yield* instance.close
      }
    }))
})

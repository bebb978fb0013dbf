/**
 * More than can be sent: a host that is away for long is not hammered, and what is most wanted gives way last.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope, TestClock } from "effect"
import { PostHog, type PostHogConfig } from "effect-posthog"
import { type Answer, FakeClient, type FakeRequest } from "../../support/fakeClient.js"
import { captureMany, collectDiagnostics, names, onFake, range, stats, sum } from "../../support/posthog.js"
import { VirtualTime } from "../../support/virtualTime.js"

const retryPause = 30_000

/** Exceptions as they are captured by hand; the queue knows all of them by their name. */
const captureExceptions = (count: number) =>
  Effect.forEach(
    range(count),
    (name) => PostHog.capture("$exception", { name }, { distinctId: "u" }),
    { discard: true }
  )

const ofExceptions = (client: FakeClient): ReadonlyArray<unknown> =>
  client.accepted.filter(({ event }) => event === "$exception").map(({ properties }) => properties.name)

/** One batch has used up its retries, and the pause after that has begun. */
const untilPaused = (client: FakeClient) =>
  Effect.gen(function*() {
    yield* captureMany(100)
    yield* TestClock.adjust(0)
    assert.isAtLeast(client.requests.length, 1)
    client.requests.length = 0
  })

const impatient: PostHogConfig.Options = {
  flushAt: 100,
  maxBatchSize: 50,
  maxRetries: 0,
  retryPause,
  compression: false
}

describe("a host that is away", () => {
  it.effect("gets one small request after each pause, and everything when it has answered", () => {
    const client = new FakeClient(() => "refused")
    return Effect.gen(function*() {
      yield* untilPaused(client)
      yield* captureMany(400, 100)
      yield* TestClock.adjust(10 * retryPause)
      assert.strictEqual(client.requests.length, 10)
      // Each of another batch, so that one that never succeeds does not stand before all others.
      const first = new Set(client.requests.map(({ events }) => names(events)[0]))
      assert.strictEqual(first.size, 10)
      for (const { events } of client.requests) assert.strictEqual(events.length, 10)
      client.otherwise = () => ({ status: 200 })
      yield* TestClock.adjust(retryPause)
      assert.deepInclude(yield* stats, { delivered: 500, queued: 0, dropped: {} })
      assert.strictEqual(new Set(names(client.accepted)).size, 500)
    }).pipe(Effect.provide(onFake(client, impatient)))
  })

  it.effect("is asked again by events that come later, when nothing was left", () => {
    const client = new FakeClient(() => "refused")
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* TestClock.adjust("10 seconds")
      client.otherwise = () => ({ status: 200 })
      yield* TestClock.adjust(retryPause)
      assert.deepInclude(yield* stats, { delivered: 1, queued: 0 })
      yield* captureMany(60, 1)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(client.requests.at(-1)!.events.length, 10, "60 events in batches of 50")
      assert.deepInclude(yield* stats, { delivered: 61, queued: 0 })
    }).pipe(Effect.provide(onFake(client, impatient)))
  })

  it.effect("a repetition that is under way when the pause ends is the one request", () => {
    const client = new FakeClient(({ at }) => at < 65_000 ? { status: 503 } : { status: 200 })
    client.next({ status: 503, delay: 35_000 })
    return Effect.gen(function*() {
      yield* captureMany(150)
      yield* TestClock.adjust("34 seconds")
      // The first of three is still without an answer, the others were postponed.
      assert.deepInclude(yield* stats, { inFlight: 50, queued: 100 })
      const before = client.requests.length
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(client.requests.length, before, "its failure began the pause anew")
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude(yield* stats, { delivered: 150 })
    }).pipe(Effect.provide(onFake(client, { ...impatient, requestTimeout: "1 minute" })))
  })

  it.effect("a server that asks for more time than the pause gets it", () => {
    const client = new FakeClient(() => ({ status: 429, headers: { "retry-after": "25" } }))
    return Effect.gen(function*() {
      const diagnostics = yield* collectDiagnostics
      yield* untilPaused(client)
      yield* TestClock.adjust("24 seconds")
      assert.strictEqual(client.requests.length, 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(client.requests.length, 1)
      const [paused] = diagnostics.filter(({ _tag }) => _tag === "DeliveryPaused")
      assert.deepInclude(paused, { pauseMillis: 25_000 })
    }).pipe(Effect.scoped, Effect.provide(onFake(client, { ...impatient, retryPause: "1 second" })))
  })

  for (const status of [400, 401, 413]) {
    it.effect(`an answer ${status} to the small request is an answer: sending goes on`, () => {
      const client = new FakeClient(() => "refused")
      return Effect.gen(function*() {
        yield* untilPaused(client)
        client.otherwise = ({ events }): Answer => ({ status: names(events).includes("event 3") ? status : 200 })
        yield* TestClock.adjust(retryPause)
        const { delivered, dropped, queued } = yield* stats
        assert.strictEqual(queued, 0)
        assert.strictEqual(delivered + sum(dropped), 100)
        assert.isAtMost(sum(dropped), 10)
      }).pipe(Effect.provide(onFake(client, impatient)))
    })
  }

  it.effect("a flush does not wait for the pause, and is not held to one small request", () => {
    const client = new FakeClient(() => "refused")
    return Effect.gen(function*() {
      yield* captureMany(100)
      yield* TestClock.adjust("15 seconds")
      client.requests.length = 0
      // The pause is over, and the small request has no answer.
      client.otherwise = () => "hang"
      yield* TestClock.adjust(retryPause)
      assert.strictEqual(client.requests.length, 1)
      client.otherwise = () => ({ status: 200 })
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust(0)
      assert.deepInclude(yield* stats, { delivered: 90, inFlight: 10 })
      // What it had no answer to is repeated, because somebody waits for it.
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* Fiber.join(flushed), { delivered: 100, dropped: 0 })
    }).pipe(Effect.provide(onFake(client, { ...impatient, maxRetries: 3 })))
  }, 60_000)

  it("for a day: what is held stays as much as the queue may hold, and it is asked now and then", async () => {
    const maxQueueSize = 500
    const minutes = 24 * 60
    const client = new FakeClient(() => "refused")
    const time = new VirtualTime()
    const options = { maxQueueSize, retryPause, compression: false }
    const scope = Effect.runSync(Scope.make())
    const service = await Effect.runPromise(
      Layer.buildWithScope(onFake(client, options), scope).pipe(Effect.map(Context.get(PostHog.PostHog)), time.on)
    )
    const run = <A, E>(self: Effect.Effect<A, E, PostHog.PostHog>) =>
      Effect.runPromise(self.pipe(Effect.provideService(PostHog.PostHog, service), time.on))
    let most = 0
    for (let minute = 0; minute < minutes; minute += 10) {
      await run(captureMany(50, minute * 5))
      await time.advance(10 * 60_000)
      const { inFlight, queued } = await run(stats)
      most = Math.max(most, inFlight + queued)
    }
    assert.isAtMost(most, maxQueueSize)
    // One a pause, after the retries of the first batches.
    const retries = 4 * 9
    assert.isAtMost(client.requests.length, minutes * 60_000 / retryPause + retries)
    for (const { events } of client.requests.slice(retries)) assert.isAtMost(events.length, 10)
    client.otherwise = () => ({ status: 200 })
    await time.advance(60_000)
    const { accepted, delivered, dropped, inFlight, queued } = await run(stats)
    assert.deepStrictEqual({ inFlight, queued }, { inFlight: 0, queued: 0 })
    assert.deepStrictEqual(dropped, { queue_full: accepted - maxQueueSize })
    assert.strictEqual(delivered, maxQueueSize)
    assert.strictEqual(new Set(client.accepted.map(({ uuid }) => uuid)).size, delivered)
    await run(Scope.close(scope, Exit.void))
    assert.strictEqual(time.sleeping, 0)
  }, 120_000)
})

describe("exceptions", () => {
  for (const overflow of ["dropOldest", "dropNewest"] as const) {
    it.effect(`are not pushed out by other events (${overflow}), only by each other`, () => {
      const client = new FakeClient()
      return Effect.gen(function*() {
        yield* captureExceptions(3)
        yield* captureMany(100)
        yield* captureExceptions(2)
        assert.deepInclude(yield* stats, { queued: 15, dropped: { queue_full: 90 } })
        yield* PostHog.flush
        assert.deepStrictEqual(ofExceptions(client), [...range(3), ...range(2)])
        yield* captureExceptions(12)
        assert.deepInclude(yield* stats, { queued: 10, dropped: { queue_full: 92 } })
      }).pipe(Effect.provide(onFake(client, { flushAt: 1e6, maxQueueSize: 10, overflow })))
    })
  }

  it.effect("do not wait for room while other events do", () => {
    const client = new FakeClient(() => "hang")
    return Effect.gen(function*() {
      // As many as are sent, as many as there is room for, and one.
      const waiting = yield* Effect.fork(captureMany(21))
      yield* TestClock.adjust(0)
      yield* captureExceptions(3)
      assert.deepInclude(yield* stats, { queued: 10 + 1 + 3 })
      yield* Fiber.interrupt(waiting)
    }).pipe(Effect.provide(onFake(client, {
      flushAt: 1e6,
      maxQueueSize: 10,
      maxConcurrentRequests: 1,
      overflow: { waitUpTo: "1 hour" }
    })))
  })

  it.effect("do not stand behind a backlog when the time to close is short", () =>
    Effect.gen(function*() {
      // Takes a tenth of a second for each request: of the backlog of 200 requests, a few arrive.
      const client = new FakeClient(() => ({ status: 200, delay: 100 }))
      const scope = yield* Scope.make()
      const options = {
        flushAt: 1e6,
        maxBatchSize: 10,
        maxConcurrentRequests: 1,
        shutdownTimeout: "500 millis"
      } as const
      const service = Context.get(yield* Layer.buildWithScope(onFake(client, options), scope), PostHog.PostHog)
      yield* Effect.provideService(captureMany(2_000), PostHog.PostHog, service)
      yield* Effect.provideService(captureExceptions(3), PostHog.PostHog, service)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(ofExceptions(client), range(3))
      const { delivered, dropped } = yield* service.stats
      assert.isBelow(delivered, 100)
      assert.strictEqual(delivered + sum(dropped), 2_003)
    }))

  it.effect("and immediate sends are sent while the queue pauses", () => {
    const client = new FakeClient(() => "refused")
    return Effect.gen(function*() {
      yield* untilPaused(client)
      client.otherwise = () => ({ status: 200 })
      yield* captureExceptions(1)
      // As soon as events are sent that nobody hurries.
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(ofExceptions(client), range(1))
      assert.deepInclude(yield* stats, { queued: 100 })
      yield* PostHog.captureNow("urgent")
      assert.include(names(client.accepted), "urgent")
    }).pipe(Effect.provide(onFake(client, impatient)))
  })
})

describe("a batch that never succeeds", () => {
  const poison = "poison"
  const never: ReadonlyArray<readonly [string, PostHogConfig.Options, (request: FakeRequest) => Answer]> = [
    ["that something refuses with 502", {}, ({ events }) => ({
      status: names(events).includes(poison) ? 502 : 200
    })],
    ["of which PostHog says retry", { captureMode: "v1" }, ({ events }) => {
      const verdictOf = (event: string) => ({ result: event === poison ? "retry" : "ok" })
      const results = Object.fromEntries(events.map(({ event, uuid }) => [uuid, verdictOf(event)]))
      return { status: 200, body: JSON.stringify({ results }) }
    }]
  ]
  for (const [name, options, answer] of never) {
    it.effect(`${name}, does not hold up the others for ever`, () => {
      const client = new FakeClient(answer)
      return Effect.gen(function*() {
        yield* PostHog.capture(poison, {}, { distinctId: "u" })
        yield* TestClock.adjust("20 seconds")
        yield* captureMany(40)
        yield* TestClock.adjust(6 * retryPause)
        assert.deepInclude(yield* stats, { delivered: 40, queued: 1, inFlight: 0 })
        assert.deepStrictEqual(names(client.accepted).filter((name) => name !== poison), range(40))
      }).pipe(Effect.provide(onFake(client, { ...impatient, ...options, flushInterval: "1 second" })))
    })
  }
})

import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope, Stream, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { isRunning } from "../../support/effect.js"
import { type Answer, FakeClient } from "../../support/fakeClient.js"
import { captureMany, onFake, settle } from "../../support/posthog.js"

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
      assert.isTrue(isRunning(closing))
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
        assert.isTrue(isRunning(closing))
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
      yield* Fiber.join(interrupted)
      const exit = yield* Fiber.await(program)
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
      const tags = Array.from(yield* Fiber.join(all), (diagnostic) => diagnostic._tag)
      assert.deepStrictEqual(tags, ["RequestCompleted", "EventsDelivered"])
    }))
})

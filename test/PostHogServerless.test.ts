/**
 * Instances without a fiber of their own, and flushing after a handler.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Layer, ManagedRuntime, Scope, TestClock } from "effect"
import { PostHog, type PostHogConfig, PostHogServerless } from "effect-posthog"
import { isRunning, makeClock, timeOf, withClock } from "./support/effect.js"
import { FakeClient } from "./support/fakeClient.js"
import { captureMany, collectDiagnostics, names, onFake, onSink, range, stats } from "./support/posthog.js"
import * as Sink from "./support/sink.js"

const manual = (client: FakeClient, options: PostHogConfig.Options = {}) =>
  onFake(client, { background: false, ...options })

/** One flush after the other, each acknowledged. */
const flushed = Effect.map(PostHog.flush, ({ delivered }) => delivered)

/** Lets fibers run, without `Effect.repeat`: that sleeps on Effect 4, and clocks here may not go on. */
const settle = Effect.forEach(Array.from({ length: 100 }), () => Effect.yieldNow(), { discard: true })

describe("background: false", () => {
  it.effect("captures are only queued, however many and however long; a flush sends them", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(250)
      yield* TestClock.adjust("1 hour")
      yield* settle
      assert.strictEqual(client.requests.length, 0)
      assert.strictEqual(yield* flushed, 250)
      assert.deepStrictEqual(names(client.accepted), range(250))
      assert.deepInclude(yield* stats, { queued: 0, inFlight: 0, delivered: 250 })
    }).pipe(Effect.provide(manual(client, { flushAt: 10 })))
  })

  it.effect("a flush with nothing to send makes no request and no timer", () => {
    const client = new FakeClient()
    let sleeps = 0
    const sleep = () => Effect.suspend(() => (sleeps++, Effect.never))
    return Effect.gen(function*() {
      const clock = makeClock({ ...timeOf(yield* Effect.clock), sleep })
      yield* Effect.gen(function*() {
        assert.strictEqual(yield* flushed, 0)
        yield* settle
        assert.strictEqual(client.requests.length, 0)
        assert.strictEqual(sleeps, 0)
        yield* captureMany(1)
        assert.strictEqual(yield* flushed, 1)
        assert.isAbove(sleeps, 0)
      }).pipe(Effect.provide(manual(client)), withClock(clock))
    })
  })

  it.effect("closing sends what is queued", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(manual(client, { shutdownTimeout: "10 seconds" }), scope)
      yield* Effect.provide(captureMany(1_200), context)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(names(client.accepted), range(1_200))
      assert.strictEqual((yield* Effect.provide(stats, context)).delivered, 1_200)
    })
  })

  it.scopedLive("a flush sends everything, in as many requests at a time as an instance may make", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* captureMany(1_000)
        const release = yield* Deferred.make<void>()
        sink.rules = {
          otherwise: () => ({ kind: "wait", until: Effect.runPromise(Deferred.await(release)), next: Sink.ok })
        }
        const flush = yield* Effect.fork(flushed)
        yield* Effect.promise(() => sink.until(() => sink.requests.length === 3))
        yield* Deferred.succeed(release, undefined)
        assert.strictEqual(yield* Fiber.join(flush), 1_000)
        assert.strictEqual(sink.mostConcurrent, 3)
        assert.sameMembers(names(sink.accepted) as Array<string>, range(1_000) as Array<string>)
      }).pipe(Effect.provide(onSink(sink, { background: false, maxBatchSize: 50, maxConcurrentRequests: 3 })))
    }))

  it.effect("a flush that is interrupted puts its events back, in order, for the next one", () => {
    const client = new FakeClient()
    client.next("hang", "hang", "hang")
    return Effect.gen(function*() {
      yield* captureMany(10)
      const first = yield* Effect.fork(PostHog.flush)
      yield* settle
      assert.strictEqual(client.requests.length, 3)
      yield* captureMany(2, 10)
      yield* Fiber.interrupt(first)
      assert.deepInclude(yield* stats, { queued: 12, inFlight: 0 })
      assert.strictEqual(yield* flushed, 12)
      assert.deepStrictEqual(names(client.accepted), range(12))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* stats).delivered, 12)
      assert.strictEqual(client.accepted.length, 12)
    }).pipe(Effect.provide(manual(client, { maxBatchSize: 4 })))
  })

  it.effect("a time limit around a flush is one", () => {
    const client = new FakeClient(() => "hang")
    return Effect.gen(function*() {
      yield* captureMany(1)
      const flush = yield* Effect.fork(Effect.timeoutOption(PostHog.flush, "1 second"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(flush))._tag, "None")
      assert.deepInclude(yield* stats, { queued: 1, inFlight: 0 })
    }).pipe(Effect.provide(manual(client)))
  })

  it.scopedLive("a second flush waits for what the first one sends, and sends only what is new", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let release = () => {}
      sink.next({ kind: "wait", until: new Promise<void>((resolve) => (release = resolve)), next: Sink.ok })
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        const first = yield* Effect.fork(flushed)
        yield* Effect.promise(() => sink.until(() => sink.requests.length === 1))
        yield* captureMany(2, 3)
        const second = yield* Effect.fork(flushed)
        yield* Effect.promise(() => sink.until(() => sink.accepted.length === 2))
        yield* settle
        assert.isTrue(isRunning(second))
        release()
        assert.strictEqual(yield* Fiber.join(first), 3)
        assert.strictEqual(yield* Fiber.join(second), 5)
        assert.deepStrictEqual(sink.requests.map(({ events }) => events.length), [3, 2])
      }).pipe(Effect.provide(onSink(sink, { background: false })))
    }))

  it.effect("retries run within the flush; when they are used up the events stay queued until the next one", () => {
    const client = new FakeClient()
    client.next({ status: 503 }, { status: 503 }, { status: 503 })
    return Effect.gen(function*() {
      const diagnostics = yield* collectDiagnostics
      yield* captureMany(2)
      const first = yield* Effect.fork(Effect.flip(PostHog.flush))
      yield* TestClock.adjust("1 minute")
      assert.deepInclude(yield* Fiber.join(first), { reason: "status", status: 503, queued: 2 })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(client.requests.length, 3)
      yield* settle
      const paused = diagnostics.find((diagnostic) => diagnostic._tag === "DeliveryPaused")
      assert.deepInclude(paused, { count: 2, pauseMillis: undefined })
      assert.strictEqual(yield* flushed, 2)
    }).pipe(Effect.scoped, Effect.provide(manual(client, { maxRetries: 2 })))
  })

  it.effect("opting out empties the queue and what an interrupted flush would put back", () => {
    const client = new FakeClient(() => "hang")
    return Effect.gen(function*() {
      yield* captureMany(2)
      const flush = yield* Effect.fork(PostHog.flush)
      yield* settle
      yield* captureMany(3, 2)
      yield* PostHog.optOut
      yield* Fiber.interrupt(flush)
      assert.deepInclude(yield* stats, { queued: 0, inFlight: 0, dropped: { opted_out: 5 } })
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
    }).pipe(Effect.provide(manual(client)))
  })
})

/**
 * A clock on which nothing that was begun in a request that is over goes on: what platforms for the edge do with timers. The fake
 * client does the same to I/O with "hang".
 */
const requestClock = (clock: Clock.Clock) => {
  const state = { over: false }
  const dying: Clock.Clock = Object.assign(Object.create(clock) as Clock.Clock, {
    sleep: (duration: Parameters<Clock.Clock["sleep"]>[0]) =>
      Effect.suspend(() => state.over ? clock.sleep(duration) : Effect.never)
  })
  return { state, dying }
}

describe("a request that is cut off in the middle of a flush", () => {
  const scenario = (
    client: FakeClient,
    program: (endRequest: () => void) => Effect.Effect<void, unknown, PostHog.PostHog>
  ) =>
    Effect.gen(function*() {
      const { dying, state } = requestClock(yield* Effect.clock)
      yield* program(() => {
        state.over = true
      }).pipe(
        Effect.provide(manual(client, { requestTimeout: "3 seconds", maxBatchSize: 5 })),
        withClock(dying)
      )
    })

  it.effect("loses nothing: the next flush takes over what is overdue, and does not hang", () => {
    const client = new FakeClient()
    client.next("hang", "hang")
    return scenario(client, (endRequest) =>
      Effect.gen(function*() {
        yield* captureMany(10)
        yield* Effect.fork(PostHog.flush)
        yield* settle
        assert.strictEqual(client.requests.length, 2)
        endRequest()
        yield* captureMany(1, 10)
        const second = yield* Effect.fork(flushed)
        yield* settle
        // Its own event goes at once; those of the first request may still be under way.
        assert.deepStrictEqual(names(client.accepted), ["event 10"])
        yield* TestClock.adjust("3 seconds")
        yield* settle
        assert.strictEqual(client.accepted.length, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(second), 11)
        assert.deepStrictEqual(names(client.accepted).slice(1), range(10))
        assert.deepInclude(yield* stats, { queued: 0, inFlight: 0, delivered: 11 })
      }))
  })

  it.effect("after a long sleep the next flush takes over at once", () => {
    const client = new FakeClient()
    client.next("hang")
    return scenario(client, (endRequest) =>
      Effect.gen(function*() {
        yield* captureMany(3)
        yield* Effect.fork(PostHog.flush)
        yield* settle
        endRequest()
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(yield* flushed, 3)
        assert.deepInclude(yield* stats, { inFlight: 0, delivered: 3 })
      }))
  })

  it.effect("nor when it was cut off in the pause before a retry", () => {
    const client = new FakeClient()
    client.next({ status: 503, headers: { "retry-after": "20" } })
    return scenario(client, (endRequest) =>
      Effect.gen(function*() {
        yield* captureMany(3)
        yield* Effect.fork(PostHog.flush)
        yield* settle
        endRequest()
        yield* TestClock.adjust("10 seconds")
        const second = yield* Effect.fork(flushed)
        yield* settle
        assert.strictEqual(client.requests.length, 1)
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(yield* Fiber.join(second), 3)
        assert.strictEqual(client.requests.length, 2)
      }))
  })

  it.effect("an event that somebody waited for is counted as undelivered", () => {
    const client = new FakeClient()
    client.next("hang")
    return scenario(client, (endRequest) =>
      Effect.gen(function*() {
        yield* Effect.fork(PostHog.captureNow("now"))
        yield* settle
        endRequest()
        yield* TestClock.adjust("1 minute")
        yield* captureMany(1)
        assert.strictEqual(yield* flushed, 1)
        assert.deepInclude(yield* stats, { inFlight: 0, delivered: 1, dropped: { undelivered: 1 } })
      }))
  })
})

describe("withFlush", () => {
  const order = PostHog.capture("order completed", {}, { distinctId: "u" })

  it.scopedLive("without a waitUntil the events are acknowledged before the result is given", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const result = yield* order.pipe(
        Effect.as(200),
        PostHogServerless.withFlush(),
        Effect.tap(() => Effect.sync(() => assert.deepStrictEqual(names(sink.accepted), ["order completed"]))),
        Effect.provide(onSink(sink, { background: false }))
      )
      assert.strictEqual(result, 200)
    }))

  it.scopedLive("with a waitUntil the result comes first, and the promise holds until the acknowledgement", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const runtime = ManagedRuntime.make(onSink(sink, { background: false }))
      let release = () => {}
      sink.next({ kind: "wait", until: new Promise<void>((resolve) => (release = resolve)), next: Sink.ok })
      // As that of a Worker, it works only as a method.
      const context = {
        promises: [] as Array<Promise<unknown>>,
        waitUntil(promise: Promise<unknown>) {
          this.promises.push(promise)
        }
      }
      const result = yield* Effect.promise(() =>
        runtime.runPromise(Effect.as(order, "response").pipe(PostHogServerless.withFlush(context)))
      )
      assert.strictEqual(result, "response")
      assert.strictEqual(sink.accepted.length, 0)
      release()
      yield* Effect.promise(() => Promise.all(context.promises))
      assert.strictEqual(context.promises.length, 1)
      assert.strictEqual(sink.accepted.length, 1)
      yield* runtime.disposeEffect
    }))

  it.effect("a waitUntil that throws makes the handler wait", () => {
    const client = new FakeClient()
    const waitUntil = () => {
      throw new TypeError("Illegal invocation")
    }
    return Effect.gen(function*() {
      assert.strictEqual(yield* Effect.as(order, 1).pipe(PostHogServerless.withFlush({ waitUntil })), 1)
      assert.strictEqual(client.accepted.length, 1)
    }).pipe(Effect.provide(manual(client)))
  })

  it.effect("nor does one that rejects end the process", () => {
    const client = new FakeClient()
    const waitUntil = () => Promise.reject(new Error("platform says no"))
    // Vitest fails on a rejection that nobody handles.
    return Effect.gen(function*() {
      assert.strictEqual(yield* Effect.as(order, 1).pipe(PostHogServerless.withFlush({ waitUntil })), 1)
      yield* settle
      assert.strictEqual(client.accepted.length, 1)
    }).pipe(Effect.provide(manual(client)))
  })

  it.effect("a handler that fails, dies or is interrupted keeps its exit, and its events are sent", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      for (const end of [Effect.fail("no"), Effect.die("broken"), Effect.interrupt]) {
        const handler = Effect.zipRight(order, end)
        const plain = yield* Effect.exit(end)
        const exit = yield* Effect.exit(PostHogServerless.withFlush(handler))
        assert.strictEqual(String(exit), String(plain))
      }
      const running = yield* Effect.fork(PostHogServerless.withFlush(Effect.zipRight(order, Effect.never)))
      yield* settle
      yield* Fiber.interrupt(running)
      assert.strictEqual(client.accepted.length, 4)
    }).pipe(Effect.provide(manual(client)))
  })

  it.effect("a PostHog that cannot be reached costs the handler its time limit, and the events are still queued", () => {
    const client = new FakeClient(() => "hang")
    return Effect.gen(function*() {
      for (const [timeout, millis] of [[undefined, 2_000], ["300 millis", 300], ["nonsense", 2_000]] as const) {
        const before = yield* Clock.currentTimeMillis
        const handler = yield* Effect.fork(
          Effect.as(order, "result").pipe(PostHogServerless.withFlush({ timeout: timeout as "1 millis" | undefined }))
        )
        yield* TestClock.adjust(millis - 1)
        yield* settle
        assert.isTrue(isRunning(handler))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(handler), "result")
        assert.strictEqual((yield* Clock.currentTimeMillis) - before, millis)
      }
      assert.deepInclude(yield* stats, { queued: 3, inFlight: 0 })
    }).pipe(Effect.provide(manual(client)))
  })

  it.effect("a disabled instance has nothing to flush", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.as(order, 1).pipe(PostHogServerless.withFlush()), 1)
    }).pipe(Effect.provide(PostHog.layerNoop)))
})

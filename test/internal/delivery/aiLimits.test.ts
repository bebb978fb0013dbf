/**
 * How much the lane of LLM analytics takes: of an event, in a request, and in its queue.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { PostHog } from "effect-posthog"
import { numbers, sendMany, sendOne } from "../../support/ai.js"
import { isRunning } from "../../support/effect.js"
import { collectDiagnostics, onSink, settle, stats } from "../../support/posthog.js"
import * as Sink from "../../support/sink.js"

const mebi = 1024 * 1024
const most = 8 * mebi

/** Bytes of the properties of an event with an empty text among them. */
const around = Effect.gen(function*() {
  const sink = yield* Sink.make()
  yield* Effect.zipRight(sendOne({ text: "" }), PostHog.flush).pipe(Effect.provide(onSink(sink)))
  return JSON.stringify(sink.accepted[0]!.properties).length
})

describe("the limits of the AI lane", () => {
  it.scopedLive("properties have up to 8 MiB; one byte more is a drop that names the event and its size", () =>
    Effect.gen(function*() {
      const room = most - (yield* around)
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* sendOne({ text: "x".repeat(room) })
        yield* PostHog.flush
        assert.strictEqual(sink.acceptedCount, 1)
        assert.isUndefined(yield* sendOne({ text: "secret".repeat(2) + "x".repeat(room - 11) }))
        // Of three bytes each.
        assert.isUndefined(yield* sendOne({ text: "€".repeat(Math.ceil(room / 3) + 1) }))
        assert.deepInclude(yield* stats, { delivered: 1, dropped: { too_large: 2 } })
        yield* settle
        const lost = told.filter((one) => one._tag === "EventsDropped")
        assert.strictEqual(lost[0]!.events[0]!.event, "$ai_generation")
        assert.strictEqual(lost[0]!.detail, `${most + 1} bytes, and PostHog takes ${most}`)
        yield* PostHog.flush
        assert.strictEqual(sink.requests.length, 1)
      }).pipe(Effect.scoped, Effect.provide(onSink(sink)))
    }))

  it.scopedLive("maxEventBytes is about other events", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* sendOne({ text: "x".repeat(2_000) })
        yield* PostHog.capture("a", { text: "x".repeat(2_000) }, { distinctId: "user_1" })
        yield* PostHog.flush
        assert.deepInclude(yield* stats, { delivered: 1, dropped: { too_large: 1 } })
      }).pipe(Effect.provide(onSink(sink, { maxEventBytes: 1_000 })))
    }))

  it.scopedLive("a request holds up to 5 MiB, and a larger event goes alone", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        for (const [i, size] of [2, 2, 2, 7, 1].entries()) yield* sendOne({ i, text: "x".repeat(size * mebi) })
        yield* PostHog.flush
      }).pipe(
        Effect.provide(onSink(sink, { maxConcurrentRequests: 1, flushInterval: "1 hour", maxBatchBytes: 20 * mebi }))
      )
      assert.deepStrictEqual(sink.requests.map(({ events }) => numbers(events)), [[0, 1], [2], [3], [4]])
    }))

  it.scopedLive("413 halves, learns, and drops an event that is alone too large", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ maxBodyBytes: 5_000 })
      yield* Effect.gen(function*() {
        for (let i = 0; i < 8; i++) yield* sendOne({ i, text: "x".repeat(i === 5 ? 6_000 : 800) })
        yield* Effect.flip(PostHog.flush)
        assert.deepInclude(yield* stats, { delivered: 7, dropped: { too_large: 1 } })
        assert.deepStrictEqual(numbers(sink.accepted), [0, 1, 2, 3, 4, 6, 7])
      }).pipe(Effect.provide(onSink(sink)))
    }))

  it.scopedLive("each lane has its queue: one that is full drops of its own", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* sendMany(5)
        for (let i = 0; i < 2; i++) yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        assert.deepInclude(yield* stats, { queued: 5, dropped: { queue_full: 2 } })
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 5, dropped: 0 })
        assert.deepStrictEqual(numbers(sink.accepted.filter(({ event }) => event !== "a")), [2, 3, 4])
      }).pipe(Effect.provide(onSink(sink, { maxQueueSize: 3, flushInterval: "1 hour" })))
    }))

  it.scopedLive("its queue is bounded in bytes", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.hang })
      yield* Effect.gen(function*() {
        for (let i = 0; i < 12; i++) yield* sendOne({ i, text: "x".repeat(100_000) })
        const { dropped, queued } = yield* stats
        assert.isAtMost(queued, 9)
        assert.isAtLeast(dropped.queue_full ?? 0, 3)
        // More than the whole queue.
        yield* sendOne({ text: "x".repeat(1_000_001) })
        assert.deepInclude((yield* stats).dropped, { too_large: 1 })
      }).pipe(Effect.provide(
        onSink(sink, { maxQueueBytes: 1_000_000, flushInterval: "1 hour", flushAt: 1_000, shutdownTimeout: 0 })
      ))
    }))

  it.scopedLive("waitUpTo waits for room in the lane's own queue", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let open: () => void = () => {}
      const later = new Promise<void>((resolve) => open = resolve)
      sink.rules = {
        otherwise: ({ path }) => path === "/batch/" ? Sink.ok : { kind: "wait", until: later, next: Sink.ok }
      }
      yield* Effect.gen(function*() {
        // Two are in the request that waits, two are queued.
        const waiting = yield* Effect.fork(sendMany(6))
        yield* Effect.promise(() => sink.until(() => sink.requests.length === 1))
        yield* settle
        assert.isTrue(isRunning(waiting))
        // The other queue has room.
        yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        open()
        assert.strictEqual((yield* Fiber.join(waiting)).length, 6)
        yield* PostHog.flush
        assert.deepInclude(yield* stats, { accepted: 7, delivered: 7 })
      }).pipe(Effect.provide(
        onSink(sink, {
          maxQueueSize: 2,
          maxConcurrentRequests: 1,
          overflow: { waitUpTo: "1 minute" },
          flushInterval: "1 hour"
        })
      ))
    }))

  it.scopedLive("closing under a time limit with both lanes full ends in time, and everything is counted", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.hang })
      const after = yield* Effect.gen(function*() {
        const service = yield* PostHog.PostHog
        yield* sendMany(50)
        for (let i = 0; i < 50; i++) yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        return service
      }).pipe(Effect.provide(onSink(sink, { shutdownTimeout: 300, maxBatchSize: 10 })))
      assert.deepInclude(yield* after.stats, {
        accepted: 100,
        queued: 0,
        inFlight: 0,
        delivered: 0,
        dropped: { shutdown_timeout: 100 }
      })
    }))
})

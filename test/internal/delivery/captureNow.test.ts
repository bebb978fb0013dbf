import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { FakeClient } from "../../support/fakeClient.js"
import { captureMany, names, onFake, stats } from "../../support/posthog.js"

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

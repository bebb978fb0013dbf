import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { type Answer, FakeClient } from "../../support/fakeClient.js"
import { captureMany, onFake, stats, sum } from "../../support/posthog.js"

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

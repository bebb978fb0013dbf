/**
 * A fleet on a real Redis: what one process takes any other sends, whatever becomes of the processes and of Redis.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog } from "effect-posthog"
import { lengths, onRedis, start, until, world } from "../support/fleet.js"
import { assertAddsUp, captureMany, collectDiagnostics, names, range, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"
import * as Sink from "../support/sink.js"

const suite = () => {
  it.scopedLive("what is captured is stored, taken, sent and gone", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      yield* Effect.gen(function*() {
        yield* captureMany(250)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 250, dropped: 0 })
        assert.sameMembers([...names(sink.accepted)], [...range(250)])
        assert.deepInclude(yield* stats, { accepted: 250, recovered: 250, stored: 250, delivered: 250, unstored: 0 })
        yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0))
      }).pipe(Effect.provide(onRedis(send, sink)))
      const keys = (yield* Effect.promise(() => client.sendCommand(["KEYS", "*"]))) as unknown as ReadonlyArray<string>
      for (const key of keys) assert.notInclude(key, "phc_test")
      const stream = keys.find((key) => key.endsWith(":events"))!
      const consumers = yield* Effect.promise(() =>
        client.sendCommand(["XINFO", "CONSUMERS", stream, "effect-posthog"])
      )
      assert.strictEqual((consumers as unknown as ReadonlyArray<unknown>).length, 0)
    }))

  it.scopedLive("who does not deliver only stores, and another process sends", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      yield* Effect.gen(function*() {
        yield* captureMany(10)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
        assert.deepInclude(yield* stats, { accepted: 10, recovered: 0, stored: 10, delivered: 0 })
        // Its answer is the promise.
        yield* PostHog.captureNow("at once", {}, { distinctId: "user" })
      }).pipe(Effect.provide(onRedis(send, sink, { deliver: false })))
      assert.deepStrictEqual(names(sink.accepted), ["at once"])
      assert.deepStrictEqual(yield* lengths(client), { "lane:events": 1 })
      yield* Effect.gen(function*() {
        yield* until(Effect.map(PostHog.stats, ({ delivered }) => delivered === 10))
        assert.deepInclude(yield* stats, { accepted: 0, recovered: 10, stored: 0 })
      }).pipe(Effect.provide(onRedis(send, sink)))
      assert.sameMembers([...names(sink.accepted)], ["at once", ...range(10)])
    }))

  it.scopedLive("closing sends what is there, and gives back what cannot be sent", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      const one = yield* start(onRedis(send, sink, {}, { flushInterval: "1 hour" }))
      yield* one.run(captureMany(10))
      yield* one.close
      assert.sameMembers([...names(sink.accepted)], [...range(10)])
      assert.deepInclude(yield* one.run(stats), { accepted: 10, recovered: 10, stored: 10, delivered: 10 })
      sink.rules = { otherwise: () => Sink.hang }
      const two = yield* start(onRedis(send, sink, {}, { flushInterval: "1 hour", shutdownTimeout: "300 millis" }))
      yield* two.run(captureMany(10, 10))
      yield* two.close
      assert.deepInclude(yield* two.run(stats), { accepted: 10, recovered: 10, stored: 20, delivered: 0, dropped: {} })
      assert.deepInclude(yield* lengths(client), { "lane:events": 1 })
      sink.rules = {}
      // It was given back: nobody has to wait until it looks abandoned.
      const three = yield* start(onRedis(send, sink, { claimAfter: "1 hour" }))
      const diagnostics = yield* Effect.scoped(Effect.gen(function*() {
        const collected = yield* collectDiagnostics
        yield* until(Effect.map(PostHog.stats, ({ delivered }) => delivered === 10))
        return collected
      })).pipe(three.run)
      assert.isArray(diagnostics)
      assert.sameMembers([...names(sink.accepted)], [...range(20)])
      yield* three.close
      assertAddsUp(yield* three.run(PostHog.stats))
    }))

  it.scopedLive(
    "captureDurable returns when the event is in Redis, many at once share the way, and fails while it is away",
    () =>
      Effect.gen(function*() {
        const { client, redis, send, sink } = yield* world(...Redis.durable)
        const one = yield* start(onRedis(send, sink, { deliver: false }, { flushInterval: "1 hour" }))
        yield* one.run(PostHog.captureDurable("event 0", {}, { distinctId: "u" }))
        assert.deepInclude(yield* one.run(stats), { accepted: 1, stored: 1, unstored: 0 })
        assert.deepStrictEqual(yield* lengths(client), { "lane:events": 1 })
        yield* one.run(Effect.forEach(
          range(200, 1),
          (name) => PostHog.captureDurable(name, {}, { distinctId: "u" }),
          { concurrency: "unbounded", discard: true }
        ))
        assert.isBelow((yield* lengths(client))["lane:events"]!, 50)
        yield* redis.kill
        const durable = one.run(Effect.flip(PostHog.captureDurable("event 201", {}, { distinctId: "u" })))
        const { _tag, reason } = yield* durable
        assert.deepStrictEqual({ _tag, reason }, { _tag: "OutboxStorageError", reason: "storage" })
        // A storm of them does not ask Redis again and again.
        for (const name of range(300, 202)) {
          yield* one.run(Effect.flip(PostHog.captureDurable(name, {}, { distinctId: "u" })))
        }
        yield* redis.restart
        yield* one.run(until(Effect.map(PostHog.stats, ({ stored }) => stored === 502)))
        const two = yield* start(onRedis(send, sink))
        yield* two.run(until(Effect.map(PostHog.stats, ({ delivered }) => delivered === 502)))
        assert.sameMembers([...names(sink.accepted)], [...range(502)])
        yield* two.close
        const reasonOf = (event: string) =>
          one.run(
            Effect.map(Effect.flip(PostHog.captureDurable(event, {}, { distinctId: "u" })), ({ reason }) => reason)
          )
        assert.strictEqual(yield* reasonOf(" "), "refused")
        // Where nothing is to be captured there is nothing to keep.
        yield* one.run(PostHog.optOut)
        yield* one.run(PostHog.captureDurable("out", {}, { distinctId: "u" }))
        assert.deepInclude(yield* one.run(stats), { accepted: 503, stored: 502, ignored: 1 })
        assert.strictEqual((yield* lengths(client))["lane:events"], 0)
        yield* one.run(PostHog.optIn)
        yield* one.close
        assert.strictEqual(yield* reasonOf("late"), "refused")
      }),
    60_000
  )
}

describe("a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: a fleet is not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }
})

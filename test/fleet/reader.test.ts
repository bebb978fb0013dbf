/**
 * What becomes of entries that a process of a fleet takes, when something happens while it takes them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { PostHog } from "effect-posthog"
import { lengths, onRedis, runs, type Send, start, streamOf, until, world } from "../support/fleet.js"
import { captureMany, names, range, settle, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"
import * as Sink from "../support/sink.js"

const delivered = (count: number) => until(Effect.map(PostHog.stats, ({ delivered }) => delivered >= count))
/** Waits until requests are made for so many events of the stream. */
const taken = (count: number) =>
  until(Effect.map(PostHog.stats, ({ inFlight, recovered }) => recovered >= count && inFlight >= count))
const stored = (count: number) => until(Effect.map(PostHog.stats, ({ stored }) => stored >= count))

const suite = () => {
  it.scopedLive(
    "an entry that cannot be set aside at once costs none of those that were taken with it",
    () =>
      Effect.gen(function*() {
        const { ask, client, send, sink } = yield* world()
        const producer = yield* start(onRedis(send, sink, { deliver: false }))
        yield* producer.run(Effect.zipRight(captureMany(5), stored(5)))
        yield* ask("XADD", yield* streamOf(ask), "*", "x", "y")
        let asked = 0
        const failing: Send = (parts) =>
          runs(parts, "\"damaged\"") && asked++ < 2 ? Promise.reject(new Error("the socket was closed")) : send(parts)
        const consumer = yield* start(onRedis(failing, sink))
        yield* until(Effect.map(lengths(client), ({ dead }) => dead === 1))
        yield* producer.run(Effect.zipRight(captureMany(5, 5), stored(10)))
        yield* consumer.run(delivered(10))
        yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0))
        assert.sameMembers([...names(sink.accepted)], [...range(10)])
        yield* consumer.run(stats)
      }),
    30_000
  )

  it.scopedLive(
    "who opts out while entries are read sends none of them, and gives them back",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        const producer = yield* start(onRedis(send, sink, { deliver: false }, { maxBatchSize: 5 }))
        yield* producer.run(Effect.zipRight(captureMany(200), stored(200)))
        let onTaken = (): void => {}
        const isTaken = new Promise<void>((resolve) => {
          onTaken = resolve
        })
        const telling: Send = async (parts) => {
          const reply = await send(parts)
          // The entries are here, and are being decompressed in the turns that follow.
          if (parts[0] === "XREADGROUP" && reply !== null) onTaken()
          return reply
        }
        const one = yield* start(onRedis(telling, sink))
        yield* Effect.promise(() =>
          isTaken.then(() => new Promise((resolve) => setImmediate(resolve))).then(() =>
            Effect.runPromise(one.run(PostHog.optOut))
          )
        )
        const two = yield* start(onRedis(send, sink, { claimAfter: "1 hour" }))
        yield* two.run(delivered(200))
        assert.sameMembers([...names(sink.accepted)], [...range(200)])
        assert.deepInclude(yield* one.run(stats), { delivered: 0, inFlight: 0, queued: 0 })
      }),
    30_000
  )

  for (const [how, act] of [["flushes", PostHog.flush], ["closes", undefined]] as const) {
    it.scopedLive(`who has opted out sends nothing of the stream, also when it ${how}`, () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        sink.rules = { otherwise: () => Sink.hang }
        const one = yield* start(onRedis(send, sink))
        yield* one.run(captureMany(10))
        // Also here the request is under way, and does not come after the end.
        yield* until(Effect.sync(() => sink.requests.length > 0))
        yield* one.run(PostHog.optOut)
        const producer = yield* start(onRedis(send, sink, { deliver: false }))
        yield* producer.run(Effect.zipRight(captureMany(10, 10), stored(10)))
        const requests = sink.requests.length
        if (act === undefined) yield* one.close
        else assert.deepStrictEqual(yield* one.run(act), { delivered: 0, dropped: 0 })
        assert.strictEqual(sink.requests.length, requests)
        sink.rules = {}
        const two = yield* start(onRedis(send, sink, { claimAfter: "1 hour" }))
        yield* two.run(delivered(20))
        assert.sameMembers([...names(sink.accepted)], [...range(20)])
        assert.deepInclude(yield* one.run(stats), { recovered: 10, delivered: 0, dropped: {}, inFlight: 0, queued: 0 })
      }), 30_000)
  }

  it.scopedLive(
    "who opts out while Redis fails takes back nothing of what it gives back later",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        sink.rules = { otherwise: () => Sink.hang }
        let departures = 0
        let looks = 0
        const failing: Send = async (parts) => {
          // Exceptions have a reader of their own.
          if (!parts.some((part) => part.endsWith("lane:events"))) return send(parts)
          if (runs(parts, "\"TIME\", 1") && departures++ === 0) throw new Error("the socket was closed")
          if (departures > 1) looks++
          return send(parts)
        }
        const one = yield* start(onRedis(failing, sink))
        yield* one.run(Effect.zipRight(captureMany(10), taken(10)))
        // A request that is on the way would be accepted when the rules are others.
        yield* until(Effect.sync(() => sink.requests.length > 0))
        yield* one.run(PostHog.optOut)
        sink.rules = {}
        yield* until(Effect.sync(() => departures === 2))
        const two = yield* start(onRedis(send, sink, { claimAfter: "1 hour" }))
        yield* two.run(delivered(10))
        assert.deepInclude(yield* one.run(stats), { recovered: 10, delivered: 0 })
        assert.sameMembers([...names(sink.accepted)], [...range(10)])
        // Nothing but the departure itself.
        assert.strictEqual(looks, 1)
      }),
    30_000
  )

  it.scopedLive("who waits in a flush does not wait for ever when somebody opts out", () =>
    Effect.gen(function*() {
      const { send, sink } = yield* world()
      let isHeld = false
      const holding: Send = (parts) => {
        if (parts[0] !== "XREADGROUP") return send(parts)
        isHeld = true
        return new Promise(() => {})
      }
      const one = yield* start(onRedis(holding, sink, { timeout: "1 hour" }))
      yield* until(Effect.sync(() => isHeld))
      yield* one.run(Effect.zipRight(captureMany(10), stored(10)))
      const flushing = yield* Effect.fork(Effect.flip(one.run(PostHog.flush)))
      yield* settle
      yield* one.run(PostHog.optOut)
      const { message, reason } = yield* Fiber.join(flushing)
      assert.strictEqual(reason, "closed")
      assert.include(message, "the instance was opted out")
    }), 30_000)

  it.scopedLive(
    "an entry that is never taken by PostHog does not stand before all that come after it",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        // As many as a batch may have: there is no room in the queue beside them.
        const poison = new Set(range(5))
        sink.rules = {
          otherwise: ({ events }) => events.some(({ event }) => poison.has(event)) ? Sink.status(502) : Sink.ok
        }
        const producer = yield* start(onRedis(send, sink, { deliver: false }, { maxBatchSize: 5 }))
        yield* producer.run(Effect.zipRight(captureMany(5), stored(5)))
        const options = { maxBatchSize: 5, maxRetries: 0, retryPause: "50 millis" } as const
        const consumer = yield* start(onRedis(send, sink, {}, options))
        yield* consumer.run(until(Effect.map(PostHog.stats, ({ queued }) => queued === 5)))
        yield* until(Effect.sync(() => sink.requests.length > 0))
        yield* producer.run(Effect.zipRight(captureMany(20, 5), stored(25)))
        yield* consumer.run(delivered(20))
        assert.sameMembers([...names(sink.accepted)], [...range(20, 5)])
      }),
    30_000
  )
}

describe("the reader of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: the reader of a fleet is not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }
})

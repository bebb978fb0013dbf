/**
 * What becomes of entries that a process of a fleet takes, when something happens while it takes them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog } from "effect-posthog"
import { lengths, onRedis, runs, type Send, start, streamOf, until, world } from "../support/fleet.js"
import { captureMany, names, range, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"

const delivered = (count: number) => until(Effect.map(PostHog.stats, ({ delivered }) => delivered >= count))
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
    60_000
  )

  it.scopedLive(
    "who opts out while entries are read sends none of them, and gives them back",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        const producer = yield* start(onRedis(send, sink, { deliver: false }, { maxBatchSize: 5 }))
        yield* producer.run(Effect.zipRight(captureMany(200), stored(200)))
        let onTaken = (): void => {}
        const taken = new Promise<void>((resolve) => {
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
          taken.then(() => new Promise((resolve) => setImmediate(resolve))).then(() =>
            Effect.runPromise(one.run(PostHog.optOut))
          )
        )
        const two = yield* start(onRedis(send, sink, { claimAfter: "1 hour" }))
        yield* two.run(delivered(200))
        assert.sameMembers([...names(sink.accepted)], [...range(200)])
        assert.deepInclude(yield* one.run(stats), { delivered: 0, inFlight: 0, queued: 0 })
      }),
    60_000
  )
}

describe("the reader of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: the reader of a fleet is not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }
})

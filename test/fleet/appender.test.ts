/**
 * How batches get into the stream of a fleet, when answers of Redis do not come back.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { PostHog } from "effect-posthog"
import { lengths, onRedis, runs, type Send, start, until, world } from "../support/fleet.js"
import { captureMany, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"

/** Sends everything, and says nothing of what the first commands have done that add a batch. */
const losing = (send: Send, count: number) => {
  const seen = { lost: 0 }
  const losingSend: Send = async (parts) => {
    const reply = await send(parts)
    if (!runs(parts, "XREVRANGE") || seen.lost === count) return reply
    seen.lost++
    return new Promise(() => {})
  }
  return { send: losingSend, seen }
}

const suite = () => {
  it.scopedLive(
    "a flush that was interrupted while Redis stored its batch does not store it twice",
    () =>
      Effect.gen(function*() {
        const { client, send, sink } = yield* world()
        const lossy = losing(send, 2)
        const one = yield* start(
          onRedis(lossy.send, sink, { deliver: false, timeout: "1 minute" }, { background: false })
        )
        yield* one.run(captureMany(5))
        for (const round of [1, 2]) {
          const flushing = yield* Effect.fork(one.run(PostHog.flush))
          yield* until(Effect.sync(() => lossy.seen.lost === round))
          yield* Fiber.interrupt(flushing)
        }
        assert.deepInclude(yield* one.run(stats), { stored: 0, unstored: 5 })
        yield* one.run(PostHog.flush)
        assert.deepInclude(yield* one.run(stats), { stored: 5, unstored: 0 })
        assert.deepStrictEqual(yield* lengths(client), { "lane:events": 1 })
      }),
    60_000
  )

  it.scopedLive(
    "neither does who closes in that moment, and so asks again before there is an answer",
    () =>
      Effect.gen(function*() {
        const { client, send, sink } = yield* world()
        const lossy = losing(send, 1)
        const one = yield* start(onRedis(lossy.send, sink, { deliver: false, timeout: "1 minute" }))
        yield* one.run(captureMany(5))
        yield* until(Effect.sync(() => lossy.seen.lost === 1))
        assert.deepInclude(yield* one.run(stats), { stored: 0 })
        yield* one.close
        assert.deepInclude(yield* one.run(stats), { stored: 5, dropped: {} })
        assert.deepStrictEqual(yield* lengths(client), { "lane:events": 1 })
      }),
    60_000
  )

  for (const [what, becomes] of [["waits for an answer", undefined], ["fails", new Error("a broken pipe")]] as const) {
    it.scopedLive(
      `captureDurable waits for its own event, also when the batch before it ${what}`,
      () =>
        Effect.gen(function*() {
          const { send, sink } = yield* world()
          let asked = 0
          let answer = (): void => {}
          const released = new Promise<void>((resolve) => {
            answer = resolve
          })
          const dividing: Send = async (parts) => {
            if (!runs(parts, "XREVRANGE")) return send(parts)
            if (asked++ > 0) {
              // The second batch is stored after the first has met its fate.
              if (becomes !== undefined) await released
              return send(parts)
            }
            if (becomes !== undefined) throw becomes
            await released
            return send(parts)
          }
          const options = { maxBatchSize: 1, flushInterval: "1 hour", flushAt: 1000 } as const
          const one = yield* start(onRedis(dividing, sink, { deliver: false, timeout: "1 minute" }, options))
          const durably = (event: string) => {
            const captured = PostHog.captureDurable(event, {}, { distinctId: "u" })
            return Effect.fork(
              one.run(Effect.match(captured, { onFailure: ({ reason }) => reason, onSuccess: () => "stored" }))
            )
          }
          const [first, second] = [yield* durably("first"), yield* durably("second")]
          yield* until(Effect.sync(() => asked === 2))
          if (becomes === undefined) {
            assert.strictEqual(yield* Fiber.join(second), "stored")
            answer()
            assert.strictEqual(yield* Fiber.join(first), "stored")
          } else {
            assert.strictEqual(yield* Fiber.join(first), "storage")
            answer()
            assert.strictEqual(yield* Fiber.join(second), "stored")
          }
          yield* one.run(until(Effect.map(PostHog.stats, ({ stored }) => stored === 2)))
        }),
      30_000
    )
  }
}

describe("the appender of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: the appender of a fleet is not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }
})

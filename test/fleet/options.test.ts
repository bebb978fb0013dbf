/**
 * Options of a fleet that Redis, or nobody, can do something with.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { DurableOutbox, PostHog } from "effect-posthog"
import { onRedis, type Send, start, until, world } from "../support/fleet.js"
import { captureMany, names, range, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"

const delivered = (count: number) => until(Effect.map(PostHog.stats, ({ delivered }) => delivered >= count))

const suite = () => {
  it.scopedLive("times that are no whole milliseconds are such for Redis", () =>
    Effect.gen(function*() {
      const { send, sink } = yield* world()
      const one = yield* start(onRedis(send, sink, { claimAfter: 400.5, maxAge: 3_600_000.5, pollInterval: 20.5 }))
      yield* one.run(Effect.zipRight(captureMany(5), delivered(5)))
      assert.sameMembers([...names(sink.accepted)], [...range(5)])
      yield* one.run(stats)
    }), 30_000)

  it.scopedLive("commands that never get an answer do not stand in the way for ever", () =>
    Effect.gen(function*() {
      const { send, sink } = yield* world()
      let isHanging = true
      const hanging: Send = (parts) => isHanging ? new Promise(() => {}) : send(parts)
      const one = yield* start(onRedis(hanging, sink, { timeout: "100 millis" }))
      const letters = Effect.match(Stream.runCollect(DurableOutbox.deadLetters()), {
        onFailure: ({ message }) => message,
        onSuccess: () => ""
      })
      const details = yield* one.run(
        Effect.all(Array.from({ length: 70 }, () => letters), { concurrency: "unbounded" })
      )
      assert.isTrue(details.some((detail) => detail.includes("64 commands have no answer yet")))
      isHanging = false
      yield* one.run(Effect.zipRight(captureMany(5), delivered(5)))
      assert.sameMembers([...names(sink.accepted)], [...range(5)])
    }), 30_000)
}

describe("options of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: options of a fleet are not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }

  const wrong: Readonly<Record<string, readonly [option: string, value: unknown]>> = {
    "deliver is a text": ["deliver", "false"],
    "deliver is a number": ["deliver", 0],
    "deadLetters is true": ["deadLetters", true],
    "deadLetters is a number": ["deadLetters", 1024],
    "deadLetters is null": ["deadLetters", null],
    "claimAfter never ends": ["claimAfter", "Infinity"]
  }
  for (const [what, [option, value]] of Object.entries(wrong)) {
    it.effect(`are refused where ${what}`, () =>
      Effect.gen(function*() {
        const options = { send: () => Promise.resolve(), [option]: value } as DurableOutbox.RedisOptions
        const error = yield* Effect.flip(Effect.scoped(Layer.build(DurableOutbox.layerRedis(options))))
        assert.deepInclude(error, { reason: "invalid_option", option })
      }))
  }
})

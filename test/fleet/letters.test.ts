/**
 * Dead letters of a fleet: listed, sent again and forgotten, by one process after the other.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { PostHog } from "effect-posthog"
import { lettersOf } from "../../src/internal/delivery/durable/fleetLetters.js"
import { asking, keysOf, makeDead } from "../../src/internal/delivery/durable/redis.js"
import { lengths, onRedis, start, until, world } from "../support/fleet.js"
import { captureMany, names, range, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"

const suite = () => {
  for (const captureMode of ["v0", "v1"] as const) {
    it.scopedLive(`are kept by lane and reason, with what was said (${captureMode})`, () =>
      Effect.gen(function*() {
        const { ask, client, send, sink } = yield* world()
        sink.rules = {
          isPoisoned: ({ event }) => event === "event 3" || event === "$exception",
          verdict: ({ event }) =>
            event === "event 3" || event === "$exception"
              ? { result: "drop", details: "invalid_event_name" }
              : { result: "ok" }
        }
        const one = yield* start(onRedis(send, sink, {}, { captureMode }))
        yield* one.run(Effect.zipRight(captureMany(6), PostHog.capture("$exception", {}, { distinctId: "u" })))
        yield* one.run(until(Effect.map(PostHog.stats, ({ dropped }) => dropped.rejected === 2)))
        yield* one.run(stats)
        yield* until(Effect.map(lengths(client), ({ dead }) => dead === 2))
        yield* one.close
        const [key] = (yield* ask("KEYS", "*:dead")) as [string]
        const keys = keysOf("effect-posthog:", key.slice(key.indexOf("{") + 1, key.indexOf("}")))
        const troubles: Array<unknown> = []
        const letters = lettersOf(
          makeDead(asking((parts) => client.sendCommand(parts), Duration.seconds(2)), keys),
          (trouble) => troubles.push(trouble)
        )
        const all = yield* letters.list(() => true)
        assert.sameMembers(all.map(({ event }) => event.event), ["event 3", "$exception"])
        for (const { at, detail, event, reason, status } of all) {
          assert.strictEqual(reason, "rejected")
          assert.strictEqual(status, captureMode === "v0" ? 400 : 200)
          assert.isString(detail)
          assert.isAbove(at, Date.parse("2020-01-01"))
          assert.match(event.uuid, /^[0-9a-f-]{36}$/)
        }
        sink.rules = {}
        const [third] = yield* letters.list(({ event }) => event.event === "event 3")
        assert.strictEqual(yield* letters.replay(({ event }) => event.uuid === third!.event.uuid), 1)
        assert.strictEqual(yield* letters.replay(({ event }) => event.uuid === third!.event.uuid), 0)
        const two = yield* start(onRedis(send, sink, {}, { captureMode }))
        yield* two.run(until(Effect.map(PostHog.stats, ({ delivered }) => delivered === 1)))
        assert.sameMembers([...names(sink.accepted)], [...range(6)])
        const again = sink.accepted.find(({ event }) => event === "event 3")!
        assert.deepStrictEqual([again.uuid, again.timestamp], [third!.event.uuid, third!.event.timestamp])
        assert.strictEqual(yield* letters.discard(() => true), 1)
        assert.deepStrictEqual(yield* letters.list(() => true), [])
        assert.deepStrictEqual(troubles, [])
      }), 60_000)
  }

  it.scopedLive("some of an entry are sent again, the others stay as old as they were", () =>
    Effect.gen(function*() {
      const { ask, client, send, sink } = yield* world()
      sink.rules = { otherwise: () => ({ kind: "status", status: 401, body: "no such key" }) }
      const one = yield* start(onRedis(send, sink, {}, { flushInterval: "1 hour" }))
      yield* one.run(captureMany(100))
      yield* Effect.flip(one.run(PostHog.flush))
      yield* until(Effect.map(lengths(client), (all) => all["dead"] === 1 && all["lane:events"] === 0))
      const [key] = (yield* ask("KEYS", "*:dead")) as [string]
      const keys = keysOf("effect-posthog:", key.slice(key.indexOf("{") + 1, key.indexOf("}")))
      const letters = lettersOf(
        makeDead(asking((parts) => client.sendCommand(parts), Duration.seconds(2)), keys),
        () => assert.fail()
      )
      const before = yield* letters.list(() => true)
      assert.strictEqual(before.length, 100)
      sink.rules = {}
      assert.strictEqual(yield* letters.replay(({ event }) => event.properties["i"] as number % 2 === 0), 50)
      yield* until(Effect.sync(() => sink.accepted.length === 50))
      const after = yield* letters.list(() => true)
      assert.deepStrictEqual(after, before.filter(({ event }) => event.properties["i"] as number % 2 === 1))
      assert.strictEqual(yield* letters.discard(({ event }) => event.event === "event 1"), 1)
      assert.strictEqual((yield* letters.list(() => true)).length, 49)
    }), 60_000)

  it.scopedLive("none are kept where that is not wanted", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      sink.rules = { otherwise: () => ({ kind: "status", status: 401 }) }
      const one = yield* start(onRedis(send, sink, { deadLetters: false }))
      yield* one.run(captureMany(5))
      yield* one.run(until(Effect.map(PostHog.stats, ({ dropped }) => dropped.rejected === 5)))
      yield* one.run(stats)
      yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0))
      assert.notProperty(yield* lengths(client), "dead")
    }), 60_000)
}

describe("dead letters of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: dead letters of a fleet are not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }
})

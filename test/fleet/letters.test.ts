/**
 * Dead letters of a fleet: listed, sent again and forgotten, by one process after the other.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { DurableOutbox, PostHog } from "effect-posthog"
import { lengths, onRedis, type Send, start, until, world } from "../support/fleet.js"
import { captureMany, collectDiagnostics, names, range, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"

type Run = <A, E>(self: Effect.Effect<A, E, PostHog.PostHog>) => Effect.Effect<A, E>

/** The public functions, run by one instance. */
const lettersOf = (run: Run) => ({
  list: (isMeant?: Parameters<typeof DurableOutbox.deadLetters>[0]) =>
    run(Effect.map(Stream.runCollect(DurableOutbox.deadLetters(isMeant)), (found) => Array.from(found))),
  replay: (isMeant?: Parameters<typeof DurableOutbox.replay>[0]) => run(DurableOutbox.replay(isMeant)),
  discard: (isMeant?: Parameters<typeof DurableOutbox.discard>[0]) => run(DurableOutbox.discard(isMeant))
})

const suite = () => {
  for (const captureMode of ["v0", "v1"] as const) {
    it.scopedLive(`are kept by lane and reason, with what was said (${captureMode})`, () =>
      Effect.gen(function*() {
        const { client, send, sink } = yield* world()
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
        const letters = lettersOf((yield* start(onRedis(send, sink, { deliver: false }))).run)
        const all = yield* letters.list()
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
        assert.strictEqual(yield* letters.discard(), 1)
        assert.deepStrictEqual(yield* letters.list(), [])
      }), 60_000)
  }

  it.scopedLive("some of an entry are sent again, the others stay as old as they were", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      sink.rules = { otherwise: () => ({ kind: "status", status: 401, body: "no such key" }) }
      const one = yield* start(onRedis(send, sink, {}, { flushInterval: "1 hour" }))
      yield* one.run(captureMany(100))
      yield* Effect.flip(one.run(PostHog.flush))
      yield* until(Effect.map(lengths(client), (all) => all["dead"] === 1 && all["lane:events"] === 0))
      const letters = lettersOf(one.run)
      const before = yield* letters.list()
      assert.strictEqual(before.length, 100)
      sink.rules = {}
      assert.strictEqual(yield* letters.replay(({ event }) => event.properties["i"] as number % 2 === 0), 50)
      yield* until(Effect.sync(() => sink.accepted.length === 50))
      const after = yield* letters.list()
      assert.deepStrictEqual(after, before.filter(({ event }) => event.properties["i"] as number % 2 === 1))
      assert.strictEqual(yield* letters.discard(({ event }) => event.event === "event 1"), 1)
      assert.strictEqual((yield* letters.list()).length, 49)
    }), 60_000)

  it.scopedLive(
    "who asks while Redis does not work hears of it, instead of getting fewer",
    () =>
      Effect.gen(function*() {
        const { client, redis, send, sink } = yield* world(...Redis.durable)
        sink.rules = { otherwise: () => ({ kind: "status", status: 401 }) }
        const one = yield* start(onRedis(send, sink, {}, { maxBatchSize: 1 }))
        yield* one.run(captureMany(40))
        yield* until(Effect.map(lengths(client), ({ dead }) => dead === 40))
        let isBroken: (name: string, count: number) => Promise<unknown> | undefined = () => undefined
        const calls: Record<string, number> = {}
        const faulty: Send = (parts) => {
          const count = calls[parts[0]] = (calls[parts[0]] ?? 0) + 1
          return isBroken(parts[0], count) ?? send(parts)
        }
        const other = yield* start(onRedis(faulty, sink, { deliver: false }))
        const { discard, list, replay } = lettersOf(other.run)
        assert.strictEqual((yield* list()).length, 40)
        const fails = (what: Effect.Effect<unknown, DurableOutbox.OutboxStorageError>, operation: string) =>
          Effect.map(Effect.flip(what), (error) => {
            assert.deepInclude(error, { _tag: "OutboxStorageError", reason: "storage", operation })
            assert.include(error.message, "dead letters")
          })
        // It breaks while the list is read, or what it answers is none.
        isBroken = (name, count) => name === "XRANGE" && count % 2 === 0 ? Promise.reject(new Error("gone")) : undefined
        yield* fails(list(), "list")
        isBroken = (name) => name === "XRANGE" || name === "XREVRANGE" ? Promise.resolve("what?") : undefined
        yield* fails(list(), "list")
        yield* fails(replay(), "replay")
        // Some were forgotten already; the rest is there.
        isBroken = (name, count) => name === "EVAL" && count > 3 ? Promise.reject(new Error("gone")) : undefined
        calls["EVAL"] = 0
        yield* fails(discard(), "discard")
        isBroken = () => undefined
        assert.strictEqual((yield* list()).length, 37)
        yield* redis.kill
        yield* fails(list(), "list")
        yield* fails(replay(), "replay")
        yield* fails(discard(), "discard")
        yield* redis.restart
        yield* until(Effect.map(Effect.option(list()), (all) => all._tag === "Some" && all.value.length === 37))
        sink.rules = {}
        assert.strictEqual(yield* replay(), 37)
        assert.deepStrictEqual(yield* list(), [])
        yield* until(Effect.sync(() => sink.accepted.length === 37))
      }),
    60_000
  )

  it.scopedLive("the oldest go for lack of room, which is told and counted", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      sink.rules = { otherwise: () => ({ kind: "status", status: 401 }) }
      const settings = { deadLetters: { maxBytes: 4_000 } }
      const one = yield* start(onRedis(send, sink, settings, { maxBatchSize: 2 }))
      const diagnostics = yield* one.run(
        Effect.gen(function*() {
          const diagnostics = yield* collectDiagnostics
          yield* captureMany(60)
          yield* until(Effect.map(PostHog.stats, ({ dropped }) => dropped.rejected === 60))
          yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0))
          const kept = () => diagnostics.reduce((sum, one) => one._tag === "DeadLettered" ? sum + one.count : sum, 0)
          yield* until(Effect.sync(() => kept() === 60))
          return diagnostics
        }).pipe(Effect.scoped)
      )
      const removed = diagnostics.reduce((sum, one) => one._tag === "DeadLettersRemoved" ? sum + one.count : sum, 0)
      assert.isAbove(removed, 0)
      assert.strictEqual((yield* lettersOf(one.run).list()).length, 60 - removed)
      assert.deepInclude(yield* one.run(stats), { recovered: 60, dropped: { rejected: 60 } })
      // Who keeps none removes none of the others either.
      yield* one.close
      const other = yield* start(onRedis(send, sink, { deadLetters: false }))
      yield* other.run(captureMany(2))
      yield* other.run(until(Effect.map(PostHog.stats, ({ dropped }) => dropped.rejected === 2)))
      yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0))
      const third = yield* start(onRedis(send, sink, { ...settings, deliver: false }))
      assert.strictEqual((yield* lettersOf(third.run).list()).length, 60 - removed)
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

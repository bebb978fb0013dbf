/**
 * What a fleet makes of faults: of its processes, of Redis, of what is in Redis, and of PostHog.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Scope } from "effect"
import { PostHog } from "effect-posthog"
import { randomBytes } from "node:crypto"
import { run } from "../support/child.js"
import { lengths, onRedis, type Send, start, streamOf, until, world } from "../support/fleet.js"
import { collector } from "../support/log.js"
import { assertAddsUp, captureMany, collectDiagnostics, names, range, stats } from "../support/posthog.js"
import * as Redis from "../support/redis.js"
import * as Sink from "../support/sink.js"

const delivered = (count: number) => until(Effect.map(PostHog.stats, ({ delivered }) => delivered >= count))
const stored = (count: number) => until(Effect.map(PostHog.stats, ({ stored }) => stored >= count))

const suite = () => {
  it.scopedLive("what a process held that was killed is taken over by the living, once", () =>
    Effect.gen(function*() {
      const { ask, redis, send, sink } = yield* world()
      const producer = yield* start(onRedis(send, sink, { deliver: false }))
      yield* producer.run(Effect.zipRight(captureMany(20), stored(20)))
      sink.rules = { otherwise: () => Sink.hang }
      let end: (name: NodeJS.Signals) => void = () => {}
      let isTaken = false
      const holding = run("test/programs/fleet.ts", {
        args: ["hold", String(redis.port), sink.url],
        onLine: (line, kill) => {
          if (line !== "taken") return
          end = kill
          isTaken = true
        }
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => end("SIGKILL")))
      // Not before its request has arrived: one that is on the way would be accepted afterwards.
      yield* until(Effect.sync(() => isTaken && sink.batches.length > 0))
      end("SIGKILL")
      const ended = yield* Effect.promise(() => holding)
      assert.strictEqual(ended.signal, "SIGKILL", ended.stderr)
      sink.rules = {}
      assert.deepStrictEqual(sink.accepted, [])
      const one = yield* start(onRedis(send, sink))
      const two = yield* start(onRedis(send, sink))
      const scope = yield* Effect.scope
      const told = yield* Effect.forEach(
        [one, two],
        ({ run }) => run(Effect.provideService(collectDiagnostics, Scope.Scope, scope))
      )
      yield* until(Effect.sync(() => sink.accepted.length >= 20))
      assert.sameMembers([...names(sink.accepted)], [...range(20)])
      const recovered = told.flat().flatMap((diagnostic) => diagnostic._tag === "OutboxRecovered" ? [diagnostic] : [])
      assert.strictEqual(recovered.reduce((sum, { count }) => sum + count, 0), 20)
      for (const { bytes, damaged, lives } of recovered) {
        assert.deepStrictEqual([damaged, lives], [0, 1])
        assert.isAbove(bytes, 0)
      }
      yield* one.close
      yield* two.close
      const consumers = yield* ask("XINFO", "CONSUMERS", yield* streamOf(ask), "effect-posthog")
      // That of the killed process is removed when it has been gone for long.
      assert.strictEqual((consumers as ReadonlyArray<unknown>).length, 1)
    }), 60_000)

  it.scopedLive(
    "a process that was stopped sends nothing of what another took over meanwhile, and its numbers add up",
    () =>
      Effect.gen(function*() {
        const { client, redis, send, sink } = yield* world()
        const producer = yield* start(onRedis(send, sink, { deliver: false }, { maxBatchSize: 5 }))
        yield* producer.run(Effect.zipRight(captureMany(20), stored(20)))
        yield* producer.close
        sink.rules = { otherwise: () => Sink.hang }
        let signal: (name: NodeJS.Signals) => void = () => {}
        let isTaken = false
        const standing = run("test/programs/fleet.ts", {
          args: ["stand", String(redis.port), sink.url],
          onLine: (line, kill) => {
            if (line !== "taken") return
            signal = kill
            isTaken = true
          }
        })
        yield* Effect.addFinalizer(() => Effect.sync(() => signal("SIGKILL")))
        // Not before its first request has arrived: what is on the way cannot be taken back.
        yield* until(Effect.sync(() => isTaken && sink.batches.length > 0))
        signal("SIGSTOP")
        sink.rules = {}
        const one = yield* start(onRedis(send, sink))
        yield* one.run(delivered(20))
        yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0))
        signal("SIGCONT")
        const ended = yield* Effect.promise(() => standing)
        assert.strictEqual(ended.code, 0, ended.stderr)
        const numbers = JSON.parse(ended.stdout.split("\n").find((line) => line.startsWith("{"))!)
        assert.deepStrictEqual(numbers, {
          delivered: 0,
          dropped: {},
          inFlight: 0,
          queued: 0,
          recovered: numbers.recovered,
          stored: numbers.recovered
        })
        assert.isAbove(numbers.recovered, 0)
        // The request that was under way when it was stopped had no answer, and was not repeated.
        assert.sameMembers([...names(sink.accepted)], [...range(20)])
      }),
    60_000
  )

  it.scopedLive(
    "an outage of PostHog sends nothing twice, however long two living processes hold it",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        sink.rules = { otherwise: () => Sink.status(503) }
        const options = { retryPause: "100 millis", maxRetries: 1 } as const
        const one = yield* start(onRedis(send, sink, { claimAfter: "200 millis" }, options))
        const two = yield* start(onRedis(send, sink, { claimAfter: "200 millis" }, options))
        yield* one.run(captureMany(10))
        yield* two.run(captureMany(10, 10))
        // With a pause before each, these take several times as long as it takes to claim what a dead process had.
        yield* until(Effect.sync(() => sink.requests.length >= 20))
        sink.rules = {}
        yield* until(Effect.sync(() => sink.accepted.length >= 20))
        yield* one.close
        yield* two.close
        assert.sameMembers([...names(sink.accepted)], [...range(20)])
        assertAddsUp(yield* one.run(PostHog.stats))
      }),
    60_000
  )

  it.scopedLive(
    "Redis is killed and comes back: nothing is lost, it is told once, what is not stored is counted",
    () =>
      Effect.gen(function*() {
        const { redis, send, sink } = yield* world(...Redis.durable)
        yield* Effect.gen(function*() {
          const diagnostics = yield* collectDiagnostics
          yield* captureMany(50)
          yield* delivered(50)
          yield* redis.kill
          yield* captureMany(50, 50)
          yield* until(Effect.sync(() => diagnostics.some(({ _tag }) => _tag === "StorageFailed")))
          assert.deepInclude(yield* stats, { unstored: 50 })
          const { message, reason } = yield* Effect.flip(PostHog.flush)
          assert.strictEqual(reason, "storage")
          assert.match(message, /^the durable outbox does not work; .*: 0 events delivered, 0 dropped, 50 /)
          yield* captureMany(50, 100)
          yield* redis.restart
          yield* delivered(150)
          yield* until(Effect.sync(() => diagnostics.some(({ _tag }) => _tag === "StorageRestored")))
          assert.sameMembers([...names(sink.accepted)], [...range(150)])
          assert.deepInclude(yield* stats, { accepted: 150, stored: 150, recovered: 150, unstored: 0, dropped: {} })
          const told = diagnostics.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Storage"))
          assert.deepStrictEqual(told, ["StorageFailed", "StorageRestored"])
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 0, dropped: 0 })
        }).pipe(Effect.provide(onRedis(send, sink)), Effect.scoped)
      }),
    60_000
  )

  it.scopedLive(
    "a full Redis, a key that is something else, a removed group and a removed stream",
    () =>
      Effect.gen(function*() {
        const { ask, send, sink } = yield* world()
        yield* Effect.gen(function*() {
          yield* captureMany(5)
          yield* delivered(5)
          const stream = yield* streamOf(ask)
          yield* ask("CONFIG", "SET", "maxmemory", "1")
          yield* captureMany(5, 5)
          yield* until(Effect.map(PostHog.stats, ({ unstored }) => unstored === 5))
          yield* ask("CONFIG", "SET", "maxmemory", "0")
          yield* delivered(10)
          yield* ask("XGROUP", "DESTROY", stream, "effect-posthog")
          yield* captureMany(5, 10)
          yield* delivered(15)
          yield* ask("DEL", stream)
          yield* captureMany(5, 15)
          yield* delivered(20)
          yield* ask("SET", stream, "something else")
          yield* captureMany(5, 20)
          yield* until(Effect.map(PostHog.stats, ({ unstored }) => unstored === 5))
          yield* ask("DEL", stream)
          yield* delivered(25)
          assert.sameMembers([...names(sink.accepted)], [...range(25)])
          yield* stats
        }).pipe(Effect.provide(onRedis(send, sink)))
      }),
    60_000
  )

  it.scopedLive("what cannot be read is set aside, and everything else is sent", () =>
    Effect.gen(function*() {
      const { ask, client, send, sink } = yield* world()
      const producer = yield* start(onRedis(send, sink, { deliver: false }))
      yield* producer.run(Effect.zipRight(captureMany(3), stored(3)))
      yield* producer.close
      const stream = yield* streamOf(ask)
      const [[, good]] = (yield* ask("XRANGE", stream, "-", "+")) as [[string, Array<string>]]
      const changed = (name: string, value: string) =>
        good.map((field, i) => i % 2 === 1 && good[i - 1] === name ? value : field)
      const payload = good[good.indexOf("e") + 1]!
      const middle = payload.length >> 1
      const bad = [
        ["x", "y"],
        changed("v", "2"),
        changed("n", "4"),
        changed("b", "1"),
        changed("b", "999999999999"),
        changed("e", "no Base64"),
        changed("e", ""),
        changed("e", payload.slice(0, middle) + (payload[middle] === "A" ? "B" : "A") + payload.slice(middle + 1)),
        changed("c", "json")
      ]
      for (const fields of bad) yield* ask("XADD", stream, "*", ...fields)
      yield* Effect.gen(function*() {
        const diagnostics = yield* collectDiagnostics
        yield* captureMany(3, 3)
        yield* delivered(6)
        yield* until(Effect.map(lengths(client), ({ dead }) => dead === bad.length))
        assert.sameMembers([...names(sink.accepted)], [...range(6)])
        yield* until(Effect.sync(() => diagnostics.filter(({ _tag }) => _tag === "LinesSetAside").length >= 1))
        yield* stats
      }).pipe(Effect.provide(onRedis(send, sink)), Effect.scoped)
    }), 60_000)

  const noise = (count: number) =>
    Effect.forEach(
      Array.from({ length: count }, (_, i) => i),
      // What cannot be compressed.
      (i) => PostHog.capture(`event ${i}`, { noise: randomBytes(300_000).toString("base64") }, { distinctId: "u" }),
      { discard: true }
    )

  it.scopedLive(
    "a stream that is too large loses its oldest events, which are counted by who removes them",
    () =>
      Effect.gen(function*() {
        const { client, send, sink } = yield* world()
        const settings = { deliver: false, maxBytes: 1024 * 1024 }
        const producer = yield* start(onRedis(send, sink, settings, { maxBatchSize: 1 }))
        yield* producer.run(noise(10))
        yield* producer.run(
          until(Effect.map(PostHog.stats, ({ dropped, stored }) => stored === 10 && (dropped.queue_full ?? 0) >= 7))
        )
        const { dropped, recovered } = yield* producer.run(stats)
        assert.strictEqual(recovered, dropped.queue_full)
        assert.strictEqual((yield* lengths(client))["lane:events"], 10 - recovered)
      }),
    60_000
  )

  it.scopedLive(
    "or takes no more, and new events wait in memory, as the overflow policy says",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        const settings = { deliver: false, maxBytes: 1024 * 1024 }
        const options = { maxBatchSize: 1, overflow: "dropNewest" } as const
        const producer = yield* start(onRedis(send, sink, settings, options))
        const diagnostics = yield* producer.run(
          Effect.gen(function*() {
            const diagnostics = yield* collectDiagnostics
            yield* noise(10)
            yield* until(Effect.sync(() => diagnostics.some(({ _tag }) => _tag === "StorageFailed")))
            return diagnostics
          }).pipe(Effect.scoped)
        )
        assert.isNotEmpty(diagnostics)
        const { unstored } = yield* producer.run(stats)
        assert.isAbove(unstored, 0)
        // Who delivers makes room.
        const consumer = yield* start(onRedis(send, sink))
        yield* producer.run(stored(10))
        yield* consumer.run(delivered(10))
        assert.deepInclude(yield* producer.run(stats), { unstored: 0, dropped: {} })
      }),
    60_000
  )

  it.scopedLive("what is too old by Redis's clock expires, and is counted", () =>
    Effect.gen(function*() {
      const { ask, send, sink } = yield* world()
      const producer = yield* start(onRedis(send, sink, { deliver: false }))
      yield* producer.run(Effect.zipRight(captureMany(3), stored(3)))
      const stream = yield* streamOf(ask)
      const [[, fields]] = (yield* ask("XRANGE", stream, "-", "+")) as [[string, Array<string>]]
      yield* ask("DEL", stream)
      yield* ask("XADD", stream, "1000-1", ...fields)
      const other = yield* start(onRedis(send, sink, { deliver: false, maxAge: "1 hour" }))
      yield* other.run(captureMany(1))
      yield* other.run(until(Effect.map(PostHog.stats, ({ dropped }) => dropped.expired === 3)))
      assert.deepInclude(yield* other.run(stats), { accepted: 1, recovered: 3, stored: 1 })
    }), 60_000)

  it.scopedLive(
    "opting out empties the memory of a process, and gives the rest of it back to the fleet",
    () =>
      Effect.gen(function*() {
        const { send, sink } = yield* world()
        sink.rules = { otherwise: () => Sink.hang }
        const one = yield* start(onRedis(send, sink, {}, { maxConcurrentRequests: 1, maxBatchSize: 5 }))
        yield* one.run(
          Effect.zipRight(captureMany(10), until(Effect.map(PostHog.stats, ({ recovered }) => recovered === 10)))
        )
        // A request that is on the way would be accepted when the rules are others.
        yield* until(Effect.sync(() => sink.requests.length > 0))
        yield* one.run(PostHog.optOut)
        assert.deepInclude(yield* one.run(stats), { stored: 20, inFlight: 0, queued: 0, delivered: 0, dropped: {} })
        sink.rules = {}
        const two = yield* start(onRedis(send, sink, { claimAfter: "1 hour" }))
        yield* two.run(delivered(10))
        yield* one.run(PostHog.optIn)
        yield* one.run(captureMany(1, 10))
        yield* until(Effect.sync(() => sink.accepted.length === 11))
        assert.sameMembers([...names(sink.accepted)], [...range(11)])
      }),
    60_000
  )

  it.scopedLive(
    "capture v1: what PostHog refuses is a dead letter, what it wants again is sent again, and then it is gone",
    () =>
      Effect.gen(function*() {
        const { client, send, sink } = yield* world()
        let asked = 0
        sink.rules = {
          verdict: ({ event }) =>
            event === "event 3"
              ? { result: "drop", details: "invalid_event_name" }
              : event === "event 4" && asked++ === 0
              ? { result: "retry" }
              : { result: "ok" }
        }
        const one = yield* start(onRedis(send, sink, {}, { captureMode: "v1" }))
        yield* one.run(captureMany(10))
        yield* one.run(delivered(9))
        yield* until(Effect.map(lengths(client), (all) => all["lane:events"] === 0 && all["dead"] === 1))
        assert.deepInclude(yield* one.run(stats), { delivered: 9, dropped: { rejected: 1 } })
      }),
    60_000
  )

  it.scopedLive("processes with different capture modes send each other's events", () =>
    Effect.gen(function*() {
      const { send, sink } = yield* world()
      for (const [from, to] of [["v0", "v1"], ["v1", "v0"]] as const) {
        const producer = yield* start(onRedis(send, sink, { deliver: false }, { captureMode: from }))
        yield* producer.run(
          Effect.zipRight(PostHog.capture("mixed", { $session_id: "s", a: 1 }, { distinctId: "u" }), stored(1))
        )
        yield* producer.close
        const consumer = yield* start(onRedis(send, sink, {}, { captureMode: to }))
        yield* consumer.run(delivered(1))
        yield* consumer.close
      }
      const [v1, v0] = sink.accepted
      assert.deepInclude(v1, { event: "mixed", session_id: "s" })
      assert.deepInclude(v0!.properties, { a: 1, $session_id: "s" })
    }), 60_000)

  it.scopedLive("a backlog is taken in pieces, and the memory does not grow with it", () =>
    Effect.gen(function*() {
      const { client, send, sink } = yield* world()
      const producer = yield* start(onRedis(send, sink, { deliver: false }, { maxBatchSize: 100 }))
      yield* producer.run(captureMany(20_000))
      yield* producer.run(stored(20_000))
      sink.rules = { otherwise: () => Sink.status(503) }
      const consumer = yield* start(onRedis(send, sink, {}, { maxRetries: 0, retryPause: "1 hour", maxBatchSize: 100 }))
      yield* consumer.run(until(Effect.map(PostHog.stats, ({ inFlight, queued, recovered }) =>
        recovered > 0 && inFlight === 0 && queued > 0)))
      const { recovered } = yield* consumer.run(stats)
      assert.isBelow(recovered, 3_000)
      assert.strictEqual((yield* lengths(client))["lane:events"], 200)
      sink.rules = {}
      assert.isAbove((yield* consumer.run(PostHog.flush)).delivered, 0)
      yield* consumer.run(delivered(20_000))
      assert.deepInclude(yield* consumer.run(stats), { recovered: 20_000, queued: 0, inFlight: 0 })
    }), 60_000)

  it.scopedLive("a process with nothing to do ends by itself", () =>
    Effect.gen(function*() {
      const { redis, sink } = yield* world()
      const ended = yield* Effect.promise(() =>
        run("test/programs/fleet.ts", { args: ["idle", String(redis.port), sink.url] })
      )
      assert.deepInclude(ended, { code: 0, stdout: "idle\n" })
    }), 60_000)
}

describe("faults of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: faults of a fleet are not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }

  const broken: Readonly<Record<string, Send>> = {
    "never answers": () => new Promise(() => {}),
    "throws": () => {
      throw new Error("a function with a bug")
    },
    "answers nonsense": () => Promise.resolve({ no: "sense" })
  }
  for (const [name, send] of Object.entries(broken)) {
    it.scopedLive(
      `a function that ${name} costs neither the program nor its end more than a limit`,
      () =>
        Effect.gen(function*() {
          const sink = yield* Sink.make()
          const layer: Layer.Layer<PostHog.PostHog> = onRedis(send, sink, { timeout: "50 millis" }, {
            shutdownTimeout: "300 millis"
          })
          const log = collector()
          const one = yield* start(Layer.provide(layer, log.layer))
          yield* one.run(captureMany(10))
          assert.strictEqual((yield* Effect.flip(one.run(PostHog.flush))).reason, "storage")
          assert.deepInclude(yield* one.run(stats), { accepted: 10, unstored: 10 })
          yield* one.close
          const closing = log.texts().find((line) => line.includes("10 events were lost"))
          assert.match(closing!, /10 shutdown_timeout\); the durable outbox could not store events: /)
          assert.notInclude(closing!, sink.url)
          assert.deepInclude(yield* one.run(stats), { dropped: { shutdown_timeout: 10 }, unstored: 0 })
        }),
      60_000
    )
  }
})

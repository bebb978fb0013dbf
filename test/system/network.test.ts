/**
 * Over real sockets: what a TestClock cannot show.
 */
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FeatureFlags, PostHog } from "effect-posthog"
import { undiciLoads } from "../support/effect.js"
import {
  apiKey,
  captureMany,
  collectDiagnostics,
  names,
  onSink,
  range,
  settle,
  stats,
  sum
} from "../support/posthog.js"
import * as Sink from "../support/sink.js"

const identity = (event: Sink.SinkEvent) =>
  JSON.stringify([event.uuid, event.event, event.distinct_id, event.timestamp, event.properties])

describe("over the network", () => {
  it.scopedLive(
    "12,000 captures into a queue of 10,000 while the server is slow: delivered and dropped make 12,000",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ otherwise: () => Sink.slow(30) })
        for (const overflow of ["dropOldest", "dropNewest"] as const) {
          const before = sink.accepted.length
          const { final, seen } = yield* Effect.gen(function*() {
            const diagnostics = yield* collectDiagnostics
            const service = yield* PostHog.PostHog
            // On one stack, so that nothing can be sent before the last one is captured.
            for (let i = 0; i < 12_000; i++) Effect.runSync(service.capture("event", { i }, { distinctId: "u" }))
            yield* Effect.either(PostHog.flush)
            yield* settle
            const seen = diagnostics.flatMap((diagnostic) =>
              diagnostic._tag === "EventsDropped" ? diagnostic.events.map((event) => event.uuid) : []
            )
            return { final: yield* stats, seen }
          }).pipe(Effect.scoped, Effect.provide(onSink(sink, { maxQueueSize: 10_000, overflow })))
          assert.strictEqual(final.delivered + sum(final.dropped), 12_000)
          assert.deepStrictEqual(final.dropped, { queue_full: 2_000 })
          assert.strictEqual(sink.accepted.length - before, final.delivered)
          const numbers = sink.accepted.slice(before).map((event) => event.properties.i as number)
          const from = overflow === "dropOldest" ? 2_000 : 0
          assert.deepStrictEqual(numbers.sort((a, b) => a - b), Array.from({ length: 10_000 }, (_, i) => from + i))
          assert.strictEqual(new Set(seen).size, 2_000, "each drop is told")
        }
      }),
    60_000
  )

  it.scopedLive("a redirect is not followed: the page it leads to has not seen the events", () =>
    Effect.gen(function*() {
      for (const code of [301, 302, 303, 307, 308]) {
        const sink = yield* Sink.make({ routes: { "/login": () => ({ status: 200, body: "welcome" }) } })
        sink.next(Sink.status(code, { location: "/login" }), Sink.status(code, { location: "/login" }))
        const manual = Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
        const layer = PostHog.layer({ apiKey, host: sink.url }).pipe(
          Layer.provide(FetchHttpClient.layer),
          Layer.provide(manual)
        )
        yield* Effect.gen(function*() {
          yield* captureMany(3)
          const error = yield* Effect.flip(PostHog.flush)
          assert.deepInclude(error, { reason: "rejected", status: code, delivered: 0, dropped: 3 })
          const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
          assert.deepInclude(flags.failure, { reason: "status", status: code })
        }).pipe(Effect.provide(layer))
        assert.deepStrictEqual(sink.requests.map(({ path }) => path), ["/batch/", "/flags/"])
      }
    }))

  it.scopedLive("a redirect that fetch has followed is seen, and is no acknowledgement", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ routes: { "/login": () => ({ status: 200, body: "welcome" }) } })
      sink.next(Sink.status(302, { location: "/login?from=here" }))
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        const error = yield* Effect.flip(PostHog.flush)
        assert.deepInclude(error, { reason: "rejected", status: 302, delivered: 0, dropped: 3 })
        assert.include(error.message, "/login")
        assert.notInclude(error.message, "from=here")
      }).pipe(Effect.provide(onSink(sink)))
    }))

  it.scopedLive("settings of the program's fetch reach PostHog's requests", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const settings = Layer.succeed(FetchHttpClient.RequestInit, { headers: { "x-proxy": "yes" }, mode: "cors" })
      const seen: Array<RequestInit | undefined> = []
      const fetch = Layer.succeed(FetchHttpClient.Fetch, (input: RequestInfo | URL, init?: RequestInit) => {
        seen.push(init)
        return globalThis.fetch(input, init)
      })
      yield* Effect.zipRight(captureMany(1), PostHog.flush).pipe(
        Effect.provide(
          PostHog.layer({ apiKey, host: sink.url }).pipe(
            Layer.provide(FetchHttpClient.layer),
            Layer.provide(Layer.merge(settings, fetch))
          )
        )
      )
      assert.strictEqual(seen[0]?.mode, "cors")
    }))

  it.scopedLive("a connection that is reset before the body was read costs nothing", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.next(Sink.resetBefore)
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 3, dropped: 0 })
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(names(sink.accepted), range(3))
    }))

  it.scopedLive("a reset after the body was read makes duplicates that PostHog can tell: all of the event is the same", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.next(Sink.resetAfter)
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        yield* PostHog.flush
      }).pipe(Effect.provide(onSink(sink)))
      const [first, second] = sink.batches
      assert.strictEqual(first!.status, undefined)
      assert.deepStrictEqual(first!.events.map(identity), second!.events.map(identity))
      assert.strictEqual(second!.events.length, 3)
    }))

  it.scopedLive("one poisoned event among 1,000 costs itself alone", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ isPoisoned: (event) => event.event === "event 613" })
      yield* Effect.gen(function*() {
        yield* captureMany(1000)
        const error = yield* Effect.flip(PostHog.flush)
        assert.strictEqual(error.reason, "rejected")
        assert.deepInclude(yield* stats, { delivered: 999, dropped: { rejected: 1 } })
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(new Set(names(sink.accepted)), new Set(range(1000).filter((name) => name !== "event 613")))
      assert.strictEqual(sink.accepted.length, 999)
    }))

  it.scopedLive("413 by size is split until it fits", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ maxBodyBytes: 20_000 })
      yield* Effect.gen(function*() {
        yield* Effect.forEach(range(100), (name) => PostHog.capture(name, { text: "x".repeat(1_000) }), {
          discard: true
        })
        yield* PostHog.capture("huge", { text: "x".repeat(30_000) })
        const error = yield* Effect.flip(PostHog.flush)
        assert.strictEqual(error.status, 413)
        assert.deepInclude(yield* stats, { delivered: 100, dropped: { too_large: 1 } })
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(new Set(names(sink.accepted)), new Set(range(100)))
    }))

  it.scopedLive("a server that hangs is given up after requestTimeout and asked again", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.next(Sink.hang)
      yield* Effect.gen(function*() {
        yield* captureMany(2)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 2, dropped: 0 })
      }).pipe(Effect.provide(onSink(sink, { requestTimeout: "3 seconds" })))
      assert.strictEqual(sink.batches.length, 2)
    }), 120_000)

  it.scopedLive("Retry-After is honoured as seconds and as a date", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      for (
        const behaviour of [
          () => Sink.retryAfterSeconds(429, 2),
          // Dates have whole seconds, so this is about two seconds from now.
          () => Sink.retryAfterDate(503, new Date(Date.now() + 2_999))
        ]
      ) {
        const from = sink.batches.length
        sink.next(behaviour())
        yield* captureMany(1).pipe(Effect.zipRight(PostHog.flush), Effect.provide(onSink(sink)))
        const [first, second] = sink.batches.slice(from)
        assert.isAtLeast(second!.at - first!.at, 1_250)
      }
    }))

  it.scopedLive("no host at all: typed error, nothing else", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { url } = sink
      yield* Effect.promise(() => sink.close())
      const error = yield* Effect.gen(function*() {
        yield* captureMany(2)
        return yield* Effect.flip(PostHog.flush)
      }).pipe(Effect.provide(onSink({ url } as Sink.Sink, { maxRetries: 0, shutdownTimeout: "1 second" })))
      assert.deepInclude({ ...error }, { reason: "connection", queued: 2 })
      assert.include(error.message, "ECONNREFUSED")
    }))

  const worksWith = (client: Layer.Layer<HttpClient.HttpClient>) => () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* captureMany(3).pipe(
        Effect.provide(PostHog.layer({ apiKey, host: sink.url, compressionThreshold: 0 }).pipe(Layer.provide(client)))
      )
      assert.strictEqual(sink.accepted.length, 3)
    })
  it.scopedLive("works with the client of node:http", worksWith(NodeHttpClient.layer))
  it.scopedLive.skipIf(!undiciLoads)(
    "works with the client of undici (8 needs Node 22)",
    worksWith(NodeHttpClient.layerUndici)
  )

  it.scopedLive("bodies above the size for compressing on the spot arrive too", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        for (let i = 0; i < 4; i++) yield* PostHog.capture("event", { text: String(i).repeat(300_000) })
        yield* PostHog.flush
      }).pipe(Effect.provide(onSink(sink)))
      const [request] = sink.batches
      assert.strictEqual(request!.headers["content-encoding"], "gzip")
      assert.isAbove(request!.bytes, 1_200_000)
      assert.strictEqual(sink.accepted.length, 4)
    }))
})

describe("bad input", () => {
  it.scopedLive("the host never notices, the other events of the batch arrive, and each case is counted", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const cycle: Record<string, unknown> = {}
      cycle.self = cycle
      const bad: Readonly<Record<string, Record<string, unknown>>> = {
        cycle: { cycle },
        bigint: { big: 10n ** 30n },
        getter: {
          get boom() {
            throw new Error("no")
          }
        },
        date: { date: new Date(Number.NaN) },
        surrogate: { text: "\ud83d" },
        function: { f: () => 1 },
        symbol: { s: Symbol.iterator }
      }
      yield* Effect.gen(function*() {
        for (const [name, properties] of Object.entries(bad)) {
          yield* PostHog.capture(`before ${name}`, { ok: true })
          yield* PostHog.capture(name, { ...Object.getOwnPropertyDescriptors({}), kept: 1, ...[] } as object, {
            distinctId: "u"
          })
          yield* PostHog.capture(
            name,
            Object.defineProperties({ kept: 1 }, Object.getOwnPropertyDescriptors(properties))
          )
          yield* PostHog.capture(`after ${name}`, { ok: true })
        }
        yield* PostHog.capture("too large", { text: "x".repeat(2 * 1024 * 1024) })
        yield* PostHog.capture("")
        yield* PostHog.capture("blank id", {}, { distinctId: "  " })
        yield* PostHog.capture("last")
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: Object.keys(bad).length * 4 + 1, dropped: 0 })
        const final = yield* stats
        assert.strictEqual(final.repaired, Object.keys(bad).length)
        assert.deepStrictEqual(final.dropped, { too_large: 1, invalid_event: 2 })
      }).pipe(Effect.provide(onSink(sink)))
      assert.strictEqual(sink.accepted.at(-1)!.event, "last")
      assert.isTrue(sink.accepted.every((event) =>
        event.event.includes(" ") || event.event === "last" ||
        event.properties.kept === 1
      ))
      assert.isTrue(sink.batches.every((request) => request.status === 200))
    }))
})

describe("flags over the network", () => {
  const flags = () => ({ on: true, off: false, blue: "blue" })
  const isFlags = ({ path }: Sink.SinkRequest) => path.startsWith("/flags")
  const evaluate = FeatureFlags.evaluate({ distinctId: "u" })
  const full = JSON.stringify(Sink.flagsAnswer(flags()))

  const cases: Record<string, {
    readonly behaviours: ReadonlyArray<Sink.Behaviour>
    readonly reason: string | undefined
    readonly requests: number
    /** Where the time limit of a request counts. */
    readonly timeout?: "2 seconds" | "5 seconds"
  }> = {
    "a good answer": { behaviours: [], reason: undefined, requests: 1 },
    "a slow answer": { behaviours: [Sink.slow(100)], reason: undefined, requests: 1 },
    "a hang": { behaviours: [Sink.hang, Sink.hang], reason: "timeout", requests: 2, timeout: "2 seconds" },
    "a hang and then an answer": { behaviours: [Sink.hang], reason: undefined, requests: 2, timeout: "5 seconds" },
    "resets": { behaviours: [Sink.resetAfter, Sink.resetAfter], reason: "connection", requests: 2 },
    "a reset and then an answer": { behaviours: [Sink.resetAfter], reason: undefined, requests: 2 },
    "an answer cut off": {
      behaviours: [{ kind: "cut", body: full }, { kind: "cut", body: full }],
      reason: "connection",
      requests: 2
    },
    "an answer cut off and then a whole one": {
      behaviours: [{ kind: "cut", body: full }],
      reason: undefined,
      requests: 2
    },
    "an answer that stalls": {
      behaviours: [{ kind: "stall", body: full }, { kind: "stall", body: full }],
      reason: "timeout",
      requests: 2,
      timeout: "2 seconds"
    },
    "500 that stalls": {
      behaviours: [{ kind: "stall", body: full, status: 500 }],
      reason: "status",
      requests: 1,
      timeout: "5 seconds"
    },
    "500": { behaviours: [Sink.status(500)], reason: "status", requests: 1 },
    "502 and 504": { behaviours: [Sink.status(502), Sink.status(504)], reason: "status", requests: 2 },
    "402": { behaviours: [Sink.status(402)], reason: "status", requests: 1 },
    "HTML": { behaviours: [Sink.status(200, {}, "<html></html>")], reason: "invalid_response", requests: 1 },
    "JSON cut short": {
      behaviours: [Sink.status(200, {}, full.slice(0, full.length >> 1))],
      reason: "invalid_response",
      requests: 1
    },
    "half a snapshot": {
      behaviours: [
        Sink.status(200, {}, "{\"flags\":{\"on\":{\"enabled\":true},\"off\":null},\"errorsWhileComputingFlags\":true}")
      ],
      reason: undefined,
      requests: 1
    }
  }
  for (const [name, { behaviours, reason, requests, timeout = "1 minute" }] of Object.entries(cases)) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ flags })
        sink.next(...behaviours)
        yield* Effect.gen(function*() {
          const snapshot = yield* evaluate
          assert.strictEqual(
            snapshot.failure?._tag === "FlagsUnavailable" ? snapshot.failure.reason : undefined,
            reason
          )
          assert.strictEqual(yield* snapshot.isEnabled("on"), reason === undefined)
          assert.strictEqual(yield* Effect.isSuccess(snapshot.getOrFail("on")), reason === undefined)
          assert.strictEqual(sink.requests.filter(isFlags).length, requests)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
        }).pipe(Effect.provide(onSink(sink, { featureFlagsRequestTimeout: timeout })))
      }), 120_000)
  }

  it.scopedLive("nobody listens", () =>
    Effect.gen(function*() {
      const layer = yield* Effect.scoped(Effect.map(Sink.make(), (sink) => onSink(sink)))
      yield* Effect.gen(function*() {
        const { failure } = yield* evaluate
        assert.deepInclude(failure, { _tag: "FlagsUnavailable", reason: "connection" })
        assert.include(failure?.message, "ECONNREFUSED")
      }).pipe(Effect.provide(layer))
    }))

  it.scopedLive("reads are told at the end, as captured events are", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ flags })
      yield* Effect.gen(function*() {
        const snapshot = yield* evaluate
        yield* snapshot.isEnabled("on")
        yield* snapshot.get("blue")
        yield* PostHog.capture("order completed", {}, { flags: snapshot, distinctId: "u" })
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(names(sink.accepted), ["$feature_flag_called", "$feature_flag_called", "order completed"])
      assert.deepStrictEqual(sink.accepted[2]!.properties.$active_feature_flags, ["blue", "on"])
    }))
})

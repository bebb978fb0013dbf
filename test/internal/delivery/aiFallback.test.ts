/**
 * Servers and proxies without the routes for LLM analytics: events go where they are taken, and none is lost by finding out.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { PostHog, type PostHogError } from "effect-posthog"
import { numbers, sendMany, sendOne, sendOneNow } from "../../support/ai.js"
import { collectDiagnostics, onSink, settle, stats } from "../../support/posthog.js"
import * as Sink from "../../support/sink.js"

/** Repetitions without a pause worth mentioning. */
const soon = Schedule.spaced("20 millis")

const v1 = "/i/v1/ai/events"
const v0 = "/i/v0/ai/batch/"
const all = "/batch/"

const paths = (sink: Sink.Sink) => sink.requests.map(({ path }) => path)

const missing = (told: ReadonlyArray<PostHogError.Diagnostic>) => told.filter(({ _tag }) => _tag === "AiRouteMissing")

const without = (...routes: ReadonlyArray<string>) => (code: number): Sink.Rules => ({
  otherwise: ({ path }) => routes.includes(path) ? Sink.status(code) : Sink.ok
})

describe("a server without a route", () => {
  for (const code of [404, 405]) {
    it.scopedLive(`answers ${code}: the same events go over the route before, at once and from then on`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make(without(v1)(code))
        yield* Effect.gen(function*() {
          const told = yield* collectDiagnostics
          const uuids = yield* sendMany(3)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 3, dropped: 0 })
          yield* sendMany(2, 3)
          yield* PostHog.flush
          assert.deepStrictEqual(paths(sink), [v1, v0, v0])
          assert.deepStrictEqual(numbers(sink.accepted), [0, 1, 2, 3, 4])
          assert.deepStrictEqual(sink.accepted.slice(0, 3).map(({ uuid }) => uuid), uuids)
          const [asked, sent] = sink.requests as [Sink.SinkRequest, Sink.SinkRequest]
          for (const member of ["uuid", "event", "distinct_id", "timestamp"] as const) {
            assert.deepStrictEqual(
              sent.events.map((event) => event[member]),
              asked.events.map((event) => event[member])
            )
          }
          yield* settle
          assert.deepStrictEqual(missing(told), [{ _tag: "AiRouteMissing", path: v1, status: code, instead: v0 }])
          assert.deepInclude(yield* stats, { delivered: 5, retried: 0, dropped: {} })
        }).pipe(Effect.scoped, Effect.provide(onSink(sink)))
      }))
  }

  it.scopedLive("has neither: they go with all others, as far as they fit there", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ aiRoutes: [] })
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* sendOne({ i: 0 })
        yield* sendOne({ i: 1, $ai_input: "x".repeat(1_100_000) })
        yield* sendOne({ i: 2 })
        const failure = yield* Effect.flip(PostHog.flush)
        assert.deepInclude(failure, { delivered: 2, dropped: 1, queued: 0 })
        assert.deepStrictEqual(paths(sink), [v1, v0, all])
        assert.deepStrictEqual(numbers(sink.accepted), [0, 2])
        yield* settle
        assert.deepStrictEqual(missing(told), [{ _tag: "AiRouteMissing", path: v1, status: 404, instead: all }])
        const lost = told.filter((one) => one._tag === "EventsDropped")
        assert.match(lost[0]!.detail!, /^11\d{5} bytes, and \/batch\/ takes 1000000$/)
        // None that fits: no request.
        yield* sendOne({ i: 3, $ai_input: "x".repeat(1_100_000) })
        yield* Effect.flip(PostHog.flush)
        assert.strictEqual(sink.requests.length, 3)
        assert.deepInclude(yield* stats, { delivered: 2, dropped: { too_large: 2 } })
      }).pipe(Effect.scoped, Effect.provide(onSink(sink)))
    }))

  it.scopedLive("is no PostHog at all: the events are rejected, and no other way is claimed", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(404) })
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* sendMany(2)
        assert.deepInclude(yield* Effect.flip(PostHog.flush), { reason: "rejected", status: 404, dropped: 2 })
        assert.deepStrictEqual(paths(sink), [v1, v0, all])
        yield* settle
        assert.deepStrictEqual(missing(told), [])
      }).pipe(Effect.scoped, Effect.provide(onSink(sink)))
    }))

  it.scopedLive("says so to several requests at once: each goes the other way, once", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let open: () => void = () => {}
      const four = new Promise<void>((resolve) => open = resolve)
      sink.rules = {
        otherwise: ({ path }) => path === v1 ? { kind: "wait", until: four, next: Sink.status(404) } : Sink.ok
      }
      void sink.until(() => sink.requests.length === 4).then(open)
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* sendMany(8)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 8, dropped: 0 })
        assert.sameMembers(numbers(sink.accepted) as Array<number>, [0, 1, 2, 3, 4, 5, 6, 7])
        assert.strictEqual(paths(sink).filter((path) => path === v1).length, 4)
        yield* settle
        assert.strictEqual(missing(told).length, 1)
      }).pipe(Effect.scoped, Effect.provide(onSink(sink, { maxBatchSize: 2 })))
    }))

  it.scopedLive("comes into the place of one that had it", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* sendMany(2)
        yield* PostHog.flush
        // A repetition of a request meets the other server.
        sink.rules = { aiRoutes: ["v0"] }
        sink.next(Sink.status(503))
        yield* sendMany(2, 2)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 2, dropped: 0 })
        // And so does the one that has neither.
        sink.rules = { aiRoutes: [] }
        yield* sendMany(2, 4)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 2, dropped: 0 })
        // What is there again is not asked for.
        sink.rules = {}
        yield* sendMany(2, 6)
        yield* PostHog.flush
        assert.deepStrictEqual(paths(sink), [v1, v1, v1, v0, v0, all, all])
        assert.deepStrictEqual(numbers(sink.accepted), [0, 1, 2, 3, 4, 5, 6, 7])
      }).pipe(Effect.provide(onSink(sink, { retrySchedule: soon })))
    }))

  it.scopedLive("an event past the queue goes the other way too", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ aiRoutes: [] })
      yield* Effect.gen(function*() {
        const uuid = yield* sendOneNow()
        assert.deepStrictEqual(sink.accepted.map((event) => event.uuid), [uuid])
      }).pipe(Effect.provide(onSink(sink)))
    }))

  it.scopedLive("events on the other way are as capture v0 has them", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ aiRoutes: ["v0"] })
      const odd = "\"},\"options\":{ \\ \u2028 \ud83d\ude00"
      yield* Effect.gen(function*() {
        yield* sendOne({ [odd]: odd, $session_id: odd, $window_id: "w" }, {
          options: { distinctId: odd, options: { process_person_profile: "no", product_tour_id: odd, future: 1 } }
        })
        yield* sendOne({}, { options: { distinctId: undefined }, personlessId: "trace-1" })
        yield* PostHog.flush
      }).pipe(Effect.provide(onSink(sink, { isServer: false, disableGeoip: false })))
      const [first, second] = sink.accepted as [Sink.SinkEvent, Sink.SinkEvent]
      assert.sameMembers(Object.keys(first), ["uuid", "event", "distinct_id", "timestamp", "properties"])
      assert.strictEqual(first.distinct_id, odd)
      assert.deepStrictEqual(first.properties, {
        $lib: "posthog-effect",
        $lib_version: first.properties.$lib_version,
        $process_person_profile: "no",
        $product_tour_id: odd,
        $session_id: odd,
        $window_id: "w",
        [odd]: odd
      })
      assert.strictEqual(second.distinct_id, "trace-1")
      assert.deepInclude(second.properties, { $lib: "posthog-effect", $process_person_profile: false })
    }))

  it.scopedLive("after opting out it is not asked for another way", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let open: () => void = () => {}
      const out = new Promise<void>((resolve) => open = resolve)
      sink.next({ kind: "wait", until: out, next: Sink.status(404) })
      yield* Effect.gen(function*() {
        yield* sendMany(2)
        const flushing = yield* Effect.fork(Effect.either(PostHog.flush))
        yield* Effect.promise(() => sink.until(() => sink.requests.length === 1))
        yield* PostHog.optOut
        open()
        yield* Fiber.join(flushing)
        assert.deepInclude(yield* stats, { dropped: { opted_out: 2 } })
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(paths(sink), [v1])
    }))
})

describe("aiCaptureMode v0", () => {
  it.scopedLive("sends over the route before, and where that is missing with all others", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* sendOne({ $session_id: "s" }, { options: { options: { cookieless_mode: true, future: 1 } } })
        yield* PostHog.flush
        const [event] = sink.accepted
        assert.deepInclude(event!.properties, { $session_id: "s", $cookieless_mode: true, $lib: "posthog-effect" })
        assert.notProperty(event, "options")
        sink.rules = { aiRoutes: ["v1"] }
        yield* sendMany(2)
        yield* PostHog.flush
        assert.deepStrictEqual(paths(sink), [v0, v0, all])
        yield* settle
        assert.deepStrictEqual(missing(told), [{ _tag: "AiRouteMissing", path: v0, status: 404, instead: all }])
      }).pipe(Effect.scoped, Effect.provide(onSink(sink, { aiCaptureMode: "v0" })))
    }))

  it.scopedLive("a request is refused as a whole there: the event to blame is found", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ isPoisoned: ({ properties }) => properties.i === 3 })
      yield* Effect.gen(function*() {
        yield* sendMany(6)
        yield* Effect.flip(PostHog.flush)
        assert.deepStrictEqual(numbers(sink.accepted), [0, 1, 2, 4, 5])
        assert.deepInclude(yield* stats, { delivered: 5, dropped: { rejected: 1 } })
      }).pipe(Effect.provide(onSink(sink, { aiCaptureMode: "v0" })))
    }))
})

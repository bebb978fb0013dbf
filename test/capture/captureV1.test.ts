/**
 * Events over capture v1, on real sockets: what a request looks like, and where events go when the server does not have it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { PostHog, type PostHogConfig, type PostHogError } from "effect-posthog"
import { assertEnvelope, assertRepetitions, atOnce, attemptOf, passAt } from "../support/envelope.js"
import { captureMany, collectDiagnostics, names, onSink, range, settle, stats } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

/** Repetitions without a pause worth mentioning. */
const soon = Schedule.spaced("20 millis")

const path = "/i/v1/analytics/events"

const onV1 = (sink: Sink.Sink, options: PostHogConfig.Options = {}) =>
  onSink(sink, { captureMode: "v1", retrySchedule: soon, ...options })

describe("a request of capture v1", () => {
  it.scopedLive("has its headers, its envelope and its events", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* captureMany(2)
        yield* PostHog.capture("in a session", { $window_id: "w" }, { distinctId: "user_1" }).pipe(
          PostHog.withSessionId("s")
        )
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 3, dropped: 0 })
        assert.deepInclude(yield* stats, { delivered: 3, dropped: {} })
      }).pipe(Effect.provide(onV1(sink)))
      const [request] = sink.requests as [Sink.SinkRequest]
      assert.strictEqual(request.path, path)
      assertEnvelope(request)
      assert.strictEqual(attemptOf(request), "1")
      assert.notProperty(request.body, "historical_migration")
      const [first, , third] = sink.accepted
      assert.sameMembers(Object.keys(first!), ["uuid", "event", "distinct_id", "timestamp", "options", "properties"])
      assert.deepInclude(first, { event: "event 0", distinct_id: "user_0", options: {} })
      assert.deepStrictEqual(first!.properties, { $is_server: true, i: 0, $geoip_disable: true })
      assert.deepInclude(third, { session_id: "s", window_id: "w" })
      assert.notProperty(third!.properties, "$session_id")
      assert.notProperty(third!.properties, "$window_id")
    }))

  it.scoped("keeps its id, its time of creation and its events over repetitions, and counts them", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.next(Sink.status(503), Sink.status(429), Sink.status(408), Sink.hang, Sink.resetAfter, Sink.status(504))
      const sending = yield* Effect.zipRight(captureMany(3), PostHog.flush).pipe(
        Effect.provide(onV1(sink, { retrySchedule: atOnce, historicalMigration: true })),
        Effect.fork
      )
      yield* passAt(sink, 4)
      yield* Fiber.join(sending)
      const { requests } = sink
      assert.strictEqual(requests.length, 7)
      assertRepetitions(requests)
      assert.isTrue(requests[0]!.body.historical_migration)
      assert.deepStrictEqual(names(sink.accepted), range(3))
    }))
})

const missing = (told: ReadonlyArray<PostHogError.Diagnostic>) =>
  told.filter(({ _tag }) => _tag === "CaptureRouteMissing")

describe("a server without capture v1", () => {
  for (const code of [404, 405]) {
    it.scopedLive(`answers ${code}: the same events go over capture v0, at once and from then on`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ otherwise: (request) => request.path === path ? Sink.status(code) : Sink.ok })
        yield* Effect.gen(function*() {
          const told = yield* collectDiagnostics
          const options = { process_person_profile: false, cookieless_mode: true, future: 1 }
          yield* PostHog.capture("first", { $window_id: "w" }, { distinctId: "user_1", options })
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
          yield* captureMany(2)
          yield* PostHog.flush
          yield* settle
          assert.deepStrictEqual(sink.requests.map(({ path }) => path), [path, "/batch/", "/batch/"])
          const [asked, sent] = sink.requests as [Sink.SinkRequest, Sink.SinkRequest]
          for (const member of ["uuid", "event", "distinct_id", "timestamp"] as const) {
            assert.strictEqual(sent.events[0]![member], asked.events[0]![member])
          }
          assert.notProperty(sent.events[0], "options")
          assert.deepInclude(sent.events[0]!.properties, {
            $lib: "posthog-effect",
            $process_person_profile: false,
            $cookieless_mode: true,
            $window_id: "w"
          })
          assert.deepStrictEqual(missing(told), [
            { _tag: "CaptureRouteMissing", path, status: code, instead: "/batch/" }
          ])
          assert.deepInclude(yield* stats, { delivered: 3, retried: 0, dropped: {} })
        }).pipe(Effect.scoped, Effect.provide(onV1(sink)))
      }))
  }
})

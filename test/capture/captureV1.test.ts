/**
 * Events over capture v1, on real sockets: what a request looks like, and where events go when the server does not have it.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import { PostHog, type PostHogConfig, type PostHogError } from "effect-posthog"
import { Writer } from "../../src/core/event/json.js"
import { writeEvent } from "../../src/core/event/wireEvent.js"
import { route } from "../../src/internal/delivery/analytics.js"
import { Batch } from "../../src/internal/delivery/batch.js"
import { makeLabel } from "../../src/internal/delivery/transport.js"
import type { Diagnostics } from "../../src/internal/diagnostics.js"
import { formV1 } from "../../src/internal/form.js"
import * as Http from "../../src/internal/http/client.js"
import { check } from "../../src/internal/options.js"
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

describe("events that another process has stored with capture v0", () => {
  it.scopedLive("are brought into the form of capture v1, each with its uuid and its verdict", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({
        verdict: ({ event }) => event === "b" ? { result: "drop", details: "invalid_options" } : undefined
      })
      const event = (name: string, i: number) => ({
        uuid: `0192d4f5-0000-7000-8000-00000000000${i}`,
        event: name,
        distinct_id: "user_1",
        timestamp: "2025-01-01T00:00:00.000Z",
        properties: { $lib: "posthog-effect", $cookieless_mode: true, $session_id: "s", i }
      })
      const [a, b, c] = ["a", "b", "c"].map(event)
      const texts = [
        writeEvent(new Writer(1e6), a!),
        writeEvent(new Writer(1e6), b!),
        formV1.write(new Writer(1e6), c!)
      ]
      const options = yield* check({ apiKey: "phc_test", host: sink.url, captureMode: "v1" })
      const http = yield* Effect.flatMap(HttpClient.HttpClient, (client) => Http.make(options, client)).pipe(
        Effect.provide(FetchHttpClient.layer)
      )
      const quiet = { emit: () => {} } as unknown as Diagnostics
      const { transport } = route(options, http, () => event("", 9).uuid, quiet)
      const results = yield* transport.send(Batch.single(texts[0]!).rewritten(texts), makeLabel(), () => true)
      assert.deepStrictEqual(
        results!.verdicts.map((verdict) => typeof verdict === "string" ? verdict : verdict.detail),
        [
          "ok",
          "invalid_options",
          "ok"
        ]
      )
      for (const [i, sent] of sink.requests[0]!.events.entries()) {
        assert.deepStrictEqual(sent, {
          uuid: event("", i).uuid,
          event: ["a", "b", "c"][i]!,
          distinct_id: "user_1",
          timestamp: "2025-01-01T00:00:00.000Z",
          options: { cookieless_mode: true },
          session_id: "s",
          properties: { i }
        })
      }
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

/**
 * What PostHog's harness asks of an SDK that captures, statement by statement: over capture v0 and v1, without a hook and with one, for
 * ordinary events and, over v1, for those of LLM analytics, which have the same contract.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertEnvelope, assertRepetitions, attemptOf, requestIdOf, sentAtOf } from "../support/envelope.js"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"
import type { Verdict } from "../support/sinkV1.js"
import { adapterFor, type Session } from "./driver.js"

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const utc = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)$/

/** A way for events: where it leads, and how it is called. */
interface Way {
  readonly path: string
  readonly isV1: boolean
  readonly send: (session: Session) => Session["capture"]
  /** A name that the way takes. */
  readonly name: (i: number) => string
}

const ordinary = (isV1: boolean): Way => ({
  path: isV1 ? "/i/v1/analytics/events" : "/batch/",
  isV1,
  send: ({ capture }) => capture,
  name: (i) => `event ${i}`
})

const ai: Way = {
  path: "/i/v1/ai/events",
  isV1: true,
  send: ({ captureAi }) => captureAi,
  name: (i) => ["$ai_generation", "$ai_span", "$ai_trace"][i % 3]!
}

type Adapter = ReturnType<typeof adapterFor>

const uuidsOf = (request: Sink.SinkRequest | undefined) => request?.events.map(({ uuid }) => uuid)

const requestsTo = ({ path }: Way, { sink }: Session) => sink.requests.filter((request) => request.path === path)

/** What both versions have in common. */
const common = (adapter: Adapter, way: Way) => {
  it.scopedLive(
    "events go to its route and nowhere else, in the order of capture, when they are flushed",
    () =>
      Effect.gen(function*() {
        const session = yield* adapter.session()
        yield* session.init()
        const uuids = yield* Effect.forEach([0, 1, 2], (i) => way.send(session)(way.name(i), { properties: { i } }))
        assert.deepStrictEqual(session.sink.requests, [])
        assert.strictEqual((yield* session.flush).events_flushed, 3)
        assert.deepStrictEqual(session.sink.requests.map(({ method, path }) => [method, path]), [["POST", way.path]])
        const [request] = session.sink.requests as [Sink.SinkRequest]
        assert.deepStrictEqual(uuidsOf(request), uuids)
        assert.strictEqual(new Set(uuids).size, 3)
        for (const [i, event] of request.events.entries()) {
          assert.match(event.uuid, uuidPattern)
          assert.match(event.timestamp, utc)
          assert.deepInclude(event, { event: way.name(i), distinct_id: "user_1" })
          assert.strictEqual(event.properties.i, i)
          assert.isTrue(event.properties.$is_server)
        }
        assert.strictEqual((yield* session.flush).events_flushed, 0)
        assert.strictEqual(session.sink.requests.length, 1)
        assert.deepInclude(yield* session.state, { pending_events: 0, total_events_captured: 3, total_events_sent: 3 })
      }),
    limitMillis
  )

  it.scopedLive(
    "a time with an offset is told in UTC; without one it is that of the capture",
    () =>
      Effect.gen(function*() {
        const session = yield* adapter.session()
        yield* session.init()
        const before = Date.now()
        yield* way.send(session)(way.name(0), { timestamp: "2025-01-02T08:34:05.123+05:30" })
        yield* way.send(session)(way.name(1))
        const after = Date.now()
        yield* session.flush
        const [given, now] = session.sink.accepted
        assert.strictEqual(given!.timestamp, "2025-01-02T03:04:05.123Z")
        assert.isAtLeast(Date.parse(now!.timestamp), before)
        assert.isAtMost(Date.parse(now!.timestamp), after)
      }),
    limitMillis
  )

  it.scopedLive("reaching flush_at sends, and GeoIP and migration follow the options", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init({ flush_at: 2, disable_geoip: true, historical_migration: true })
      yield* way.send(session)(way.name(0))
      yield* way.send(session)(way.name(1))
      yield* Effect.promise(() => session.sink.until(() => session.sink.accepted.length === 2))
      const [request] = session.sink.requests as [Sink.SinkRequest]
      assert.isTrue(request.body.historical_migration)
      assert.isTrue(request.events[0]!.properties.$geoip_disable)
      const other = yield* adapter.session()
      yield* other.init({ disable_geoip: false })
      yield* way.send(other)(way.name(0))
      yield* other.flush
      assert.notProperty(other.sink.requests[0]!.body, "historical_migration")
      assert.notProperty(other.sink.accepted[0]!.properties, "$geoip_disable")
    }), limitMillis)

  it.scopedLive(
    "408, 429, 5xx and a connection that breaks are repeated with the same events; others are not",
    () =>
      Effect.gen(function*() {
        const again = [Sink.status(408), Sink.status(429), Sink.status(500), Sink.status(502), Sink.status(503)]
        const repeated = [...again, Sink.status(504), Sink.resetBefore, Sink.resetAfter]
        const refused = [400, 401, 402, 403, 413, 415].map((status) => Sink.status(status))
        yield* Effect.forEach([...repeated, ...refused], (behaviour) =>
          Effect.gen(function*() {
            const session = yield* adapter.session()
            yield* session.init({ max_retries: 3 })
            session.sink.next(behaviour)
            const uuid = yield* way.send(session)(way.name(0))
            yield* session.flush
            const said = JSON.stringify(behaviour)
            const isRepeated = repeated.includes(behaviour)
            // A request that nobody read is not recorded.
            const count = isRepeated && behaviour !== Sink.resetBefore ? 2 : 1
            assert.strictEqual(session.sink.requests.length, count, said)
            assert.strictEqual(session.sink.accepted.length, isRepeated ? 1 : 0, said)
            for (const request of session.sink.requests) {
              assert.deepStrictEqual(request.path, way.path, said)
              assert.deepStrictEqual(uuidsOf(request), [uuid], said)
              assert.deepStrictEqual(request.events, session.sink.requests[0]!.events, said)
            }
          }), { concurrency: "unbounded" })
      }),
    limitMillis
  )

  it.scopedLive(
    "three retries are four requests, each later than the one before; Retry-After is the least delay",
    () =>
      Effect.gen(function*() {
        const long = Effect.gen(function*() {
          const session = yield* adapter.session()
          yield* session.init({ max_retries: 3 })
          session.sink.next(...Array.from({ length: 5 }, () => Sink.status(503)))
          yield* way.send(session)(way.name(0))
          assert.strictEqual((yield* session.flush).events_flushed, 0)
          const times = session.sink.requests.map(({ at }) => at)
          assert.strictEqual(times.length, 4)
          for (const i of [1, 2, 3]) assert.isAtLeast(times[i]! - times[i - 1]!, 100)
          const state = yield* session.state
          assert.deepInclude(state, { pending_events: 1, total_retries: 3, total_events_sent: 0 })
          assert.deepStrictEqual(
            state.requests_made.map((
              request: any
            ) => [request.retry_attempt, request.status_code, request.event_count]),
            [0, 1, 2, 3].map((attempt) => [attempt, 503, 1])
          )
        })
        const floor = Effect.gen(function*() {
          const session = yield* adapter.session()
          yield* session.init({ max_retries: 3 })
          session.sink.next(Sink.retryAfterSeconds(429, 3))
          yield* way.send(session)(way.name(0))
          yield* session.flush
          const [first, second] = session.sink.requests as [Sink.SinkRequest, Sink.SinkRequest]
          assert.isAtLeast(second.at - first.at, 2_500)
        })
        const none = Effect.gen(function*() {
          const session = yield* adapter.session()
          yield* session.init({ max_retries: 0 })
          session.sink.next(Sink.status(503))
          yield* way.send(session)(way.name(0))
          yield* session.flush
          assert.strictEqual(session.sink.requests.length, 1)
        })
        yield* Effect.all([long, floor, none], { concurrency: "unbounded" })
      }),
    limitMillis
  )

  it.scopedLive(
    "413 to several events sends them in smaller requests, and never the same one again",
    () =>
      Effect.gen(function*() {
        const session = yield* adapter.session()
        yield* session.init()
        session.sink.next(Sink.status(413))
        const uuids = yield* Effect.forEach([0, 1, 2, 3], (i) => way.send(session)(way.name(i)))
        yield* session.flush
        const [first, ...others] = session.sink.requests.map(({ events }) => events.length)
        assert.strictEqual(first, 4)
        // By bytes, so that they need not be halves.
        for (const count of others) assert.isBelow(count, 3)
        assert.deepStrictEqual(session.sink.accepted.map(({ uuid }) => uuid), uuids)
      }),
    limitMillis
  )

  it.scopedLive("a reset sends nothing, now and later", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init({ max_retries: 3 })
      session.sink.next(Sink.status(503))
      yield* way.send(session)(way.name(0))
      yield* Effect.fork(session.call("POST", "/flush"))
      yield* Effect.promise(() => session.sink.until(() => session.sink.requests.length === 1))
      yield* way.send(session)(way.name(1))
      assert.deepInclude(yield* session.call("POST", "/reset"), { status: 200, success: true })
      // Somebody else's request, which fails later, has its repetition.
      const other = yield* adapter.session()
      yield* other.init({ max_retries: 3 })
      other.sink.next(Sink.status(503), Sink.status(503))
      yield* way.send(other)(way.name(0))
      yield* other.flush
      assert.strictEqual(other.sink.requests.length, 3)
      assert.strictEqual(session.sink.requests.length, 1)
      assert.deepInclude(yield* session.state, { pending_events: 0, total_events_captured: 0, requests_made: [] })
    }), limitMillis)
}

const v0 = (adapter: Adapter) => {
  it.scopedLive("a request is the envelope of capture v0", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init()
      yield* session.capture("a", { properties: { $window_id: "w" } })
      session.sink.next(Sink.status(503))
      yield* session.flush
      const [first, second] = session.sink.requests as [Sink.SinkRequest, Sink.SinkRequest]
      assert.sameMembers(Object.keys(first.body), ["api_key", "batch", "sent_at"])
      assert.strictEqual(first.body.api_key, "phc_test")
      // A clock that is wrong is corrected by the time of sending, so each attempt has its own.
      assert.match(first.body.sent_at, utc)
      assert.isAbove(Date.parse(second.body.sent_at), Date.parse(first.body.sent_at))
      assert.match(String(first.headers["user-agent"]), /^posthog-effect\/\d/)
      assert.strictEqual(first.headers["content-type"], "application/json")
      assert.notProperty(first.headers, "authorization")
      assert.deepInclude(first.events[0]!.properties, { $lib: "posthog-effect", $window_id: "w" })
      assert.sameMembers(Object.keys(first.events[0]!), ["uuid", "event", "distinct_id", "timestamp", "properties"])
    }), limitMillis)

  it.scopedLive("options are the properties that mean the same", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init()
      yield* session.capture("a", {
        properties: { $product_tour_id: "property", $cookieless_mode: true },
        options: { process_person_profile: false, product_tour_id: "option", disable_skew_correction: true }
      })
      yield* session.flush
      assert.deepInclude(session.sink.accepted[0]!.properties, {
        $process_person_profile: false,
        $product_tour_id: "option",
        $ignore_sent_at: true,
        $cookieless_mode: true
      })
    }), limitMillis)
}

const drop = (details: string): Verdict => ({ result: "drop", details })
const retry: Verdict = { result: "retry", details: "not_persisted" }

const v1 = (adapter: Adapter, way: Way) => {
  it.scopedLive("a request has the headers and the envelope of capture v1", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init({ max_retries: 3 })
      yield* way.send(session)(way.name(0), { properties: { $window_id: "w", $session_id: "s" } })
      session.sink.next(Sink.status(500), Sink.status(503))
      yield* session.flush
      yield* way.send(session)(way.name(1))
      yield* session.flush
      const requests = requestsTo(way, session)
      const [first, second, third, other] = requests as [
        Sink.SinkRequest,
        Sink.SinkRequest,
        Sink.SinkRequest,
        Sink.SinkRequest
      ]
      assert.strictEqual(requests.length, 4)
      assertRepetitions([first, second, third])
      assertEnvelope(other)
      for (const { body } of requests) assert.notProperty(body, "historical_migration")
      assert.strictEqual(attemptOf(other), "1")
      assert.notStrictEqual(requestIdOf(other), requestIdOf(first))
      assert.isAtLeast(Date.parse(other.body.created_at), Date.parse(first.body.created_at))
      assert.isAbove(sentAtOf(second), sentAtOf(first))
      assert.isAbove(sentAtOf(third), sentAtOf(second))
      assert.deepInclude(first.events[0], { session_id: "s", window_id: "w", options: {} })
      assert.sameMembers(Object.keys(other.events[0]!), [
        "uuid",
        "event",
        "distinct_id",
        "timestamp",
        "options",
        "properties"
      ])
      for (const name of ["$lib", "$lib_version", "$session_id", "$window_id", "distinct_id"]) {
        assert.notProperty(first.events[0]!.properties, name)
      }
    }), limitMillis)

  it.scopedLive("only what is to be sent again is, with everything that it had", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init({ max_retries: 3 })
      const uuids = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (i) => way.send(session)(way.name(i)))
      const answers: ReadonlyArray<Verdict> = [
        { result: "ok" },
        drop("billing_limit_exceeded"),
        retry,
        { result: "warning", details: "person_processing_disabled" },
        { result: "limited" },
        retry
      ]
      session.sink.rules = {
        verdict: ({ uuid }, { headers }) =>
          headers["posthog-attempt"] === "1" ? answers[uuids.indexOf(uuid)]! : { result: "ok" }
      }
      yield* session.flush
      const [first, second] = requestsTo(way, session) as [Sink.SinkRequest, Sink.SinkRequest]
      assert.strictEqual(session.sink.requests.length, 2)
      assert.deepStrictEqual(uuidsOf(second), [uuids[2], uuids[5]])
      assert.deepStrictEqual(second.events, [first.events[2]!, first.events[5]!])
      assertRepetitions([first, second])
      // The mock asks for a second.
      assert.isAtLeast(second.at - first.at, 990)
      assert.deepInclude(yield* session.state, { pending_events: 0, total_events_sent: 5 })
    }), limitMillis)

  it.scopedLive(
    "answers that say nothing about events take all of them, and what is no answer takes none, once",
    () =>
      Effect.gen(function*() {
        const isTaken: Readonly<Record<string, boolean>> = {
          "{}": true,
          "{\"results\":{}}": true,
          "{\"results\":{\"00000000-0000-7000-8000-000000000000\":{\"result\":\"drop\"}}}": true,
          "": false,
          "<html>": false,
          "[]": false,
          "{\"results\":[]}": false,
          "{\"results\":\"ok\"}": false
        }
        yield* Effect.forEach(Object.entries(isTaken), ([body, taken]) =>
          Effect.gen(function*() {
            const session = yield* adapter.session()
            yield* session.init({ max_retries: 3 })
            session.sink.next(Sink.status(200, {}, body))
            yield* way.send(session)(way.name(0))
            yield* session.flush
            assert.strictEqual(session.sink.requests.length, 1, body)
            assert.deepInclude(yield* session.state, { pending_events: 0, total_events_sent: taken ? 1 : 0 }, body)
          }), { concurrency: "unbounded" })
      }),
    limitMillis
  )

  it.scopedLive("an answer that breaks off says nothing, so the request is made again", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session()
      yield* session.init({ max_retries: 3 })
      session.sink.next({ kind: "cut", body: "{\"results\":{}}" })
      yield* way.send(session)(way.name(0))
      yield* session.flush
      assert.strictEqual(session.sink.requests.length, 2)
      assert.strictEqual(session.sink.accepted.length, 1)
    }), limitMillis)

  it.scopedLive("options are sent as given, win over properties, and are filled by them", () =>
    Effect.gen(function*() {
      const session = yield* adapter.session({ verdict: () => ({ result: "ok" }) })
      yield* session.init()
      const cases: ReadonlyArray<readonly [given: Record<string, unknown>, wanted: Record<string, unknown>]> = [
        [{ options: { future_option: { a: [1] } } }, { future_option: { a: [1] } }],
        [{ options: { process_person_profile: "no" } }, { process_person_profile: "no" }],
        [{ options: { cookieless_mode: "1", disable_skew_correction: 0 } }, {
          cookieless_mode: "1",
          disable_skew_correction: 0
        }],
        [{ options: { product_tour_id: "option" }, properties: { $product_tour_id: "property" } }, {
          product_tour_id: "option"
        }],
        [{ options: {}, properties: { $process_person_profile: false, $cookieless_mode: "true" } }, {
          process_person_profile: false,
          cookieless_mode: true
        }],
        [{ options: { product_tour_id: null }, properties: { $product_tour_id: "property" } }, {
          product_tour_id: "property"
        }],
        [{ options: { product_tour_id: null } }, {}],
        [{ properties: { $ignore_sent_at: 1, $cookieless_mode: "maybe" } }, { disable_skew_correction: true }]
      ]
      yield* Effect.forEach(cases, ([given], i) => way.send(session)(way.name(i), given))
      yield* session.flush
      assert.deepStrictEqual(session.sink.accepted.map(({ options }) => options), cases.map(([, wanted]) => wanted))
      for (const { properties } of session.sink.accepted) {
        for (const name of ["$cookieless_mode", "$ignore_sent_at", "$process_person_profile", "$product_tour_id"]) {
          assert.notProperty(properties, name)
        }
      }
    }), limitMillis)
}

for (const hooks of ["0", "1"]) {
  const how = hooks === "1" ? ", with a hook" : ""

  describe(`capture v0${how}`, () => {
    const adapter = adapterFor({ CAPTURE_MODE: "v0", AI_CAPTURE_MODE: "v0", HOOKS: hooks })
    it.scopedLive("is declared", () =>
      Effect.gen(function*() {
        assert.sameMembers((yield* adapter.health).capabilities, [
          "capture_v0",
          "capture_ai_v0",
          "event_options",
          "encoding_gzip"
        ])
      }), limitMillis)
    common(adapter, ordinary(false))
    v0(adapter)
  })

  describe(`capture v1${how}`, () => {
    const adapter = adapterFor({ CAPTURE_MODE: "v1", HOOKS: hooks })
    it.scopedLive("is declared", () =>
      Effect.gen(function*() {
        const { capabilities } = yield* adapter.health
        assert.includeMembers(capabilities, ["capture_v1", "capture_ai_v1", "event_options", "encoding_gzip"])
        assert.includeMembers(capabilities, ["encoding_deflate", "encoding_br"])
        assert.notInclude(capabilities, "capture_v0")
      }), limitMillis)
    common(adapter, ordinary(true))
    v1(adapter, ordinary(true))
    it.scopedLive("a server without its route gets the same events over capture v0", () =>
      Effect.gen(function*() {
        const session = yield* adapter.session({ isOld: true })
        yield* session.init()
        const uuid = yield* session.capture("a", { options: { cookieless_mode: true } })
        yield* session.flush
        assert.deepStrictEqual(session.sink.requests.map(({ path, status }) => [path, status]), [
          ["/i/v1/analytics/events", 404],
          ["/batch/", 200]
        ])
        assert.deepInclude(session.sink.accepted[0], { uuid, event: "a" })
        assert.isTrue(session.sink.accepted[0]!.properties.$cookieless_mode)
      }), limitMillis)
  })

  describe(`LLM analytics over capture v1${how}`, () => {
    const adapter = adapterFor({ AI_CAPTURE_MODE: "v1", HOOKS: hooks })
    common(adapter, ai)
    v1(adapter, ai)
    it.scopedLive(
      "a uuid that is given is kept, in its canonical form; one that is repeated has a request of its own",
      () =>
        Effect.gen(function*() {
          const session = yield* adapter.session()
          yield* session.init()
          const uuid = "0192d4f5-0000-7000-8000-0000000000ab"
          for (const given of [uuid, uuid.toUpperCase(), `urn:uuid:${uuid}`, `{${uuid}}`, uuid.replaceAll("-", "")]) {
            assert.strictEqual(yield* session.captureAi("$ai_span", { uuid: given }), uuid)
          }
          yield* session.flush
          assert.deepStrictEqual(session.sink.requests.map(uuidsOf), Array.from({ length: 5 }, () => [uuid]))
        }),
      limitMillis
    )
  })
}

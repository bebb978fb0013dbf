/**
 * Drives the adapter as PostHog's harness does, against the sink in the place of the harness's mock.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { limitMillis } from "../support/limit.js"
import * as Sink from "../support/sink.js"
import { callTo, start as startAdapter } from "./driver.js"

const adapter = (env: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(() => startAdapter(env)),
    ({ child }) => Effect.sync(() => child.kill())
  )

/** Starts adapter and mock, and gives a way to call the adapter. */
const startWith = (env: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    const sink = yield* Sink.make()
    const { url } = yield* adapter(env)
    const call = callTo(url)
    const init = (options: Record<string, unknown> = {}, query = "") =>
      call("POST", `/init${query}`, { api_key: "phc_test", host: sink.url, ...options })
    const capture = (event: string, rest: Record<string, unknown> = {}, query = "") =>
      call("POST", `/capture${query}`, { distinct_id: "user_1", event, properties: null, timestamp: null, ...rest })
    return { sink, call, init, capture }
  })

const start = startWith({})

describe("compliance adapter", () => {
  it.scopedLive("captures, flushes and reports", () =>
    Effect.gen(function*() {
      const { call, capture, init, sink } = yield* start
      const health = yield* call("GET", "/health")
      assert.deepInclude(health, { sdk_name: "posthog-effect", supports_parallel: true })
      assert.include(health.capabilities, "capture_v0")
      assert.deepInclude(yield* call("POST", "/reset"), { status: 200, success: true })

      assert.deepInclude(yield* init({ flush_at: 100 }), { success: true })
      const first = yield* capture("a", { properties: { x: 1 }, timestamp: "2025-01-02T08:34:05+05:30" })
      const second = yield* capture("b", { options: { process_person_profile: false, product_tour_id: "t" } })
      assert.deepInclude(yield* call("POST", "/flush"), { success: true, events_flushed: 2 })
      const [a, b] = sink.accepted
      assert.deepInclude(a, { uuid: first.uuid, event: "a", distinct_id: "user_1", timestamp: "2025-01-02T03:04:05Z" })
      assert.strictEqual(a!.properties.x, 1)
      assert.notProperty(a!.properties, "$geoip_disable")
      assert.strictEqual(b!.uuid, second.uuid)
      assert.deepInclude(b!.properties, { $process_person_profile: false, $product_tour_id: "t" })
      const state = yield* call("GET", "/state")
      assert.deepInclude(state, { pending_events: 0, total_events_captured: 2, total_events_sent: 2, total_retries: 0 })
      assert.deepInclude(state.requests_made[0], {
        status_code: 200,
        retry_attempt: 0,
        event_count: 2,
        uuid_list: [first.uuid, second.uuid]
      })
    }), limitMillis)

  for (const hooks of ["0", "1"]) {
    for (const mode of ["v0", "v1"]) {
      it.scopedLive(
        `captures for LLM analytics with ${mode}${hooks === "1" ? " and a hook" : ""}`,
        () =>
          Effect.gen(function*() {
            const { call, capture, init, sink } = yield* startWith({ AI_CAPTURE_MODE: mode, HOOKS: hooks })
            const { capabilities } = yield* call("GET", "/health")
            assert.includeMembers(capabilities, ["capture_v0", `capture_ai_${mode}`, "event_options", "encoding_gzip"])
            yield* init({ flush_at: 100 })
            const ai = (more: object) =>
              call("POST", "/capture_ai", {
                distinct_id: "user_1",
                event: "$ai_generation",
                properties: null,
                timestamp: null,
                ...more
              })
            const made = yield* ai({ timestamp: "2025-01-02T08:34:05+05:30" })
            const uuid = "0192d4f5-0000-7000-8000-000000000001"
            assert.deepInclude(yield* ai({ uuid, properties: { $ai_model: "m", $cookieless_mode: true } }), { uuid })
            const options = { process_person_profile: "no", future_option: { a: 1 }, product_tour_id: null }
            yield* ai({ options, properties: { $product_tour_id: "t" } })
            const ordinary = yield* capture("$ai_generation")
            assert.deepInclude(yield* call("POST", "/flush"), { success: true })
            const path = mode === "v1" ? "/i/v1/ai/events" : "/i/v0/ai/batch/"
            const [asked] = sink.requests.filter((request) => request.path === path)
            const [first, second, third] = asked!.events
            assert.deepInclude(first, { uuid: made.uuid, timestamp: "2025-01-02T03:04:05Z", distinct_id: "user_1" })
            assert.deepInclude(second, { uuid })
            assert.strictEqual(second!.properties.$ai_model, "m")
            if (mode === "v1") {
              assert.deepStrictEqual(second!.options, { cookieless_mode: true })
              assert.deepStrictEqual(third!.options, {
                process_person_profile: "no",
                future_option: { a: 1 },
                product_tour_id: "t"
              })
            } else {
              assert.isTrue(second!.properties.$cookieless_mode)
              assert.deepInclude(third!.properties, { $process_person_profile: "no", $product_tour_id: "t" })
            }
            assert.deepStrictEqual(sink.batches.map(({ events }) => events.map(({ uuid }) => uuid)), [[ordinary.uuid]])
            const state = yield* call("GET", "/state")
            assert.deepInclude(state, { pending_events: 0, total_events_captured: 4 })
            assert.strictEqual(state.requests_made.length, 2)
          }),
        limitMillis
      )
    }
  }

  it.scopedLive(
    "evaluates a flag with one request for that flag alone, and tells of it when flushed",
    () =>
      Effect.gen(function*() {
        const { call, init, sink } = yield* start
        sink.rules = { flags: () => ({ blue: "blue", off: false, other: true }) }
        yield* init({ flush_at: 100 })
        const flag = (key: string, more: Record<string, unknown> = {}) =>
          call("POST", "/get_feature_flag", { key, distinct_id: "user_1", force_remote: true, ...more })
        assert.deepInclude(yield* flag("blue", { groups: { company: "acme" }, disable_geoip: true }), {
          success: true,
          value: "blue"
        })
        assert.deepInclude(yield* flag("off"), { value: false })
        assert.deepInclude(yield* flag("off"), { value: false })
        assert.deepInclude(yield* flag("absent"), { value: null })
        const asked = sink.requests.filter(({ path }) => path.startsWith("/flags"))
        assert.strictEqual(asked.length, 4)
        assert.deepInclude(asked[0]!.body, {
          token: "phc_test",
          distinct_id: "user_1",
          flag_keys_to_evaluate: ["blue"],
          groups: { company: "acme" },
          geoip_disable: true
        })
        assert.strictEqual(asked[0]!.query.get("v"), "2")
        assert.strictEqual(asked[1]!.body.geoip_disable, false)
        yield* call("POST", "/flush")
        assert.deepStrictEqual(sink.accepted.map(({ properties }) => properties.$feature_flag), [
          "blue",
          "off",
          "absent"
        ])
        assert.deepInclude(yield* call("POST", "/reset"), { success: true })
      }),
    limitMillis
  )

  it.scopedLive(
    "reaching flush_at sends; compression, GeoIP and migration follow the options",
    () =>
      Effect.gen(function*() {
        const { capture, init, sink } = yield* start
        yield* init({ flush_at: 2, enable_compression: true, disable_geoip: true, historical_migration: true })
        yield* capture("a")
        yield* capture("b")
        yield* Effect.promise(() => sink.until(() => sink.accepted.length === 2))
        const [request] = sink.batches
        assert.strictEqual(request!.headers["content-encoding"], "gzip")
        assert.strictEqual(request!.body.historical_migration, true)
        assert.strictEqual(request!.events[0]!.properties.$geoip_disable, true)
      }),
    limitMillis
  )

  it.scopedLive(
    "three retries make exactly four requests, and the answer of a failed flush is 200",
    () =>
      Effect.gen(function*() {
        const { call, capture, init, sink } = yield* start
        yield* init({ flush_at: 1, max_retries: 3, flush_interval_ms: 500 })
        sink.next(...Array.from({ length: 5 }, () => Sink.status(503)))
        const { uuid } = yield* capture("a")
        const flushed = yield* call("POST", "/flush")
        assert.deepInclude(flushed, { status: 200, success: true, events_flushed: 0 })
        assert.strictEqual(sink.batches.length, 4)
        assert.deepStrictEqual(
          new Set(sink.batches.flatMap((request) => request.events.map((event) => event.uuid))),
          new Set([uuid])
        )
        assert.strictEqual(new Set(sink.batches.map((request) => request.events[0]!.timestamp)).size, 1)
        const state = yield* call("GET", "/state")
        assert.deepInclude(state, { pending_events: 1, total_retries: 3, total_events_sent: 0 })
        assert.include(state.last_error, "503")
      }),
    limitMillis
  )

  it.scopedLive("429 with Retry-After: 3 is repeated after at least 2.5 seconds", () =>
    Effect.gen(function*() {
      const { call, capture, init, sink } = yield* start
      yield* init({ flush_at: 1, max_retries: 3 })
      sink.next(Sink.retryAfterSeconds(429, 3))
      yield* capture("a")
      yield* call("POST", "/flush")
      assert.isAtLeast(sink.batches[1]!.at - sink.batches[0]!.at, 2_500)
      assert.strictEqual(sink.accepted.length, 1)
    }), limitMillis)

  it.scopedLive(
    "runs in parallel: one client per test id, each request with its header, and a reset sends nothing",
    () =>
      Effect.gen(function*() {
        const { call, capture, init, sink } = yield* start
        const ids = ["one", "two", "three"]
        yield* Effect.forEach(ids, (id) =>
          Effect.gen(function*() {
            const query = `?test_id=${id}`
            yield* init({ flush_at: 100 }, query)
            yield* capture(`event ${id}`, {}, query)
            if (id !== "three") yield* call("POST", `/flush${query}`)
            else yield* call("POST", `/reset${query}`)
          }), { concurrency: "unbounded" })
        yield* call("POST", "/reset?test_id=one")
        assert.deepStrictEqual(
          sink.batches.map((request) => [request.headers["x-test-id"], request.events[0]!.event]).sort(),
          [["one", "event one"], ["two", "event two"]]
        )
        assert.deepInclude(yield* call("GET", "/state?test_id=one"), { total_events_captured: 0 })
        assert.deepInclude(yield* call("GET", "/state?test_id=two"), { total_events_sent: 1 })
      }),
    limitMillis
  )

  it.scopedLive(
    "evaluates flags and matches properties by itself, without a client and without a request",
    () =>
      Effect.gen(function*() {
        const { call, sink } = yield* start
        const read = (name: string) =>
          JSON.parse(readFileSync(`test/vectors/${name}.json`, "utf8")).cases as ReadonlyArray<any>
        // The rules are tested elsewhere; here every tenth row goes the whole way.
        const documents = read("local-evaluation").filter((row, index) => row.disputed !== true && index % 10 === 0)
        for (const { config, definitions, evaluate, expected, id, now } of documents) {
          const { fallback, ...wanted } = expected
          const { status, ...answer } = yield* call("POST", "/evaluate_flags", {
            definitions,
            now: now ?? "2025-01-01T00:00:00Z",
            ...evaluate,
            ...config
          })
          assert.deepStrictEqual([status, answer], [200, wanted], id)
        }
        const filters = read("property-matching").filter((_, index) => index % 25 === 0)
        for (const { expected, expected_v2, filter, id, now, properties } of filters) {
          const ask = (version?: number) =>
            call("POST", "/match_property", { filter, properties, now, property_matching_version: version })
          assert.strictEqual((yield* ask()).result, expected, id)
          assert.strictEqual((yield* ask(2)).result, expected_v2, id)
        }
        assert.deepStrictEqual(sink.requests, [])
      }),
    limitMillis
  )
})

import { describe, expect, it } from "vitest"
import { ingestV0 } from "../../src/local/ingest.js"
import { v1Headers } from "./handling.js"
import { event, eventV1, one, send, uuid, v1 } from "./sending.js"

describe("capture v1 refuses a request", () => {
  it.each<[string, string, string | undefined, number, string]>([
    ["without key", "authorization", undefined, 401, "missing_authorization"],
    ["without User-Agent", "user-agent", undefined, 400, "missing_required_headers"],
    ["without attempt", "posthog-attempt", undefined, 400, "missing_required_headers"],
    ["with another scheme", "authorization", "Basic phc_a", 400, "invalid_header_value"],
    ["with a personal key", "authorization", "Bearer phx_a", 401, "invalid_api_token"],
    ["with a long key", "authorization", `Bearer ${"p".repeat(65)}`, 401, "invalid_api_token"],
    ["with another type", "content-type", "text/plain", 415, "unsupported_content_type"],
    ["with attempt 0", "posthog-attempt", "0", 400, "invalid_header_value"],
    ["with an attempt that is no number", "posthog-attempt", "one", 400, "invalid_header_value"],
    ["with an id that is no uuid", "posthog-request-id", "1", 400, "invalid_header_value"],
    ["with a time without offset", "posthog-request-timestamp", "2026-11-27T12:00:00", 400, "invalid_header_value"],
    ["with an encoding that says nothing", "content-encoding", "identity", 415, "unsupported_encoding"],
    ["with two encodings", "content-encoding", "gzip, br", 415, "unsupported_encoding"]
  ])("%s", async (_, name, value, status, error) => {
    const { answer, body, events } = await v1([eventV1()], { headers: { [name]: value! } })
    expect([answer.status, body.error]).toEqual([status, error])
    expect(body.error_description).not.toBe("")
    expect(one(events)).toMatchObject({ verdict: "refused", reason: body.error_description })
  })

  it.each<[string, object, number, string]>([
    ["without its time", { created_at: undefined }, 400, "invalid_batch"],
    ["with a time without offset", { created_at: "2026-11-27" }, 400, "invalid_batch"],
    ["with a month that there is not", { created_at: "2026-13-27T12:00:00Z" }, 400, "invalid_batch"],
    ["without events", { batch: [] }, 400, "empty_batch"],
    ["with a batch that is none", { batch: {} }, 400, "request_parsing_error"]
  ])("%s", async (_, envelope, status, error) => {
    const { answer, body } = await v1([eventV1()], { envelope })
    expect([answer.status, body.error]).toEqual([status, error])
  })

  it.each<[string, unknown, string]>([
    ["a number", 1, "request_parsing_error"],
    ["no uuid", eventV1({ uuid: undefined }), "missing_event_uuid"],
    ["a bad uuid", eventV1({ uuid: "1" }), "invalid_event_uuid"],
    ["the uuid of another", eventV1({}, 2), "duplicate_event_uuid"],
    ["the uuid of another in capitals", eventV1({ uuid: uuid(2).toUpperCase() }), "duplicate_event_uuid"],
    ["no name", eventV1({ event: undefined }), "request_parsing_error"],
    ["a number as id", eventV1({ distinct_id: 1 }), "request_parsing_error"],
    ["no timestamp", eventV1({ timestamp: undefined }), "request_parsing_error"],
    ["options that are a list", eventV1({ options: [] }), "request_parsing_error"],
    ["a session that is a number", eventV1({ session_id: 1 }), "request_parsing_error"]
  ])("for an event with %s", async (_, given, error) => {
    const { answer, body, events } = await v1([eventV1({}, 2), given])
    expect([answer.status, body.error]).toEqual([400, error])
    expect(events.map(({ verdict }) => verdict)).toEqual(["refused", "invalid"])
    expect(body.error_description).toBe(`Event 2 of 2: ${events[1]!.reason}`)
  })
})

describe("capture v1 says about an event", () => {
  it.each<[string, object, string]>([
    ["without name", { event: "" }, "missing_event_name"],
    ["with a long name", { event: "é".repeat(101) }, "event_name_too_long"],
    ["of nobody", { distinct_id: " " }, "missing_distinct_id"],
    ["with a long id", { distinct_id: "é".repeat(101) }, "distinct_id_too_large"],
    ["with a time without offset", { timestamp: "2026-11-27T12:00:00" }, "invalid_event_timestamp"],
    ["with a time that there is not", { timestamp: "2026-02-30T12:00:00Z" }, "invalid_event_timestamp"],
    ["with a list of properties", { properties: [] }, "malformed_event_properties"],
    ["without properties", { properties: undefined }, "malformed_event_properties"],
    ["with a text as option", { options: { process_person_profile: "no" } }, "invalid_options"],
    ["with a number as tour", { options: { product_tour_id: 1 } }, "invalid_options"],
    ["above 1 MiB", { properties: { text: "x".repeat(1024 * 1024) } }, "event_too_big"]
  ])("%s", async (_, more, details) => {
    const { answer, body, events, local } = await v1([eventV1({}, 2), eventV1(more)])
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ "posthog-request-id": v1Headers["posthog-request-id"] })
    expect(body.results).toEqual({ [uuid(2)]: { result: "ok" }, [uuid(1)]: { result: "drop", details } })
    expect(events.map(({ verdict }) => verdict)).toEqual(["accepted", "invalid"])
    expect(events[1]!.reason).not.toBe("")
    expect(local.store.counts).toMatchObject({ accepted: 1, refused: 1 })
  })

  it.each<[string, object, object]>([
    ["a uuid in another form", { uuid: uuid(1).replaceAll("-", "") }, { result: "ok" }],
    ["options that nobody knows", { options: { future: { a: 1 } } }, { result: "ok" }],
    ["an option that is null", { options: { process_person_profile: null } }, { result: "ok" }],
    ["no options", { options: undefined }, { result: "ok" }],
    ["an id for nobody", { distinct_id: "null" }, { result: "ok", details: "person_processing_disabled" }]
  ])("with %s, that it takes it", async (_, more, result) => {
    const { body, events } = await v1([eventV1(more)])
    expect(body.results).toEqual({ [uuid(1)]: result })
    expect(one(events).verdict).toBe("accepted")
  })

  it("what the route for LLM analytics does", async () => {
    const { body, events } = await v1([
      eventV1({ event: "$ai_span", properties: { $ai_trace_id: "t" } }),
      eventV1({}, 2),
      eventV1({ event: "$ai_trace", properties: { $ai_trace_id: "t", text: "x".repeat(8 * 1024 * 1024) } }, 3)
    ], { path: "/i/v1/ai/events/" })
    expect(Object.values<any>(body.results).map(({ details, result }) => details ?? result)).toEqual([
      "ok",
      "misrouted_event",
      "ai_event_too_big"
    ])
    expect(events[0]).toMatchObject({ lane: "ai", kind: "llm" })
  })

  it("in the vocabulary of all events", async () => {
    const { events } = await v1([
      eventV1({ session_id: "s", window_id: "w", options: { process_person_profile: false }, properties: { a: 1 } })
    ])
    expect(one(events)).toMatchObject({
      sdk: { name: "posthog-test", version: "1.2.3" },
      properties: {
        a: 1,
        $session_id: "s",
        $window_id: "w",
        $process_person_profile: false,
        $lib: "posthog-test",
        $lib_version: "1.2.3"
      }
    })
    expect(one(events).raw).toMatchObject({ session_id: "s", properties: { a: 1 } })
  })
})

describe("faults for single events", () => {
  const results = ["retry", "drop", "warning", "limited", undefined] as const
  const resultFor = (_: unknown, index: number) => {
    const result = results[index]
    return result === undefined ? undefined : { result, details: "because" }
  }
  const batch = results.map((_, index) => eventV1({}, index + 1))

  it("decide what capture v1 answers and keeps", async () => {
    const { answer, body, events } = await v1(batch, { resultFor })
    expect(Object.values<any>(body.results).map(({ result }) => result)).toEqual([
      "retry",
      "drop",
      "warning",
      "limited",
      "ok"
    ])
    expect(answer.headers).toMatchObject({ "retry-after": "1" })
    expect(events.map(({ verdict }) => verdict)).toEqual(["refused", "refused", "accepted", "accepted", "accepted"])
  })

  it("lose a request of capture v0", async () => {
    const { answer, events } = await send(ingestV0, { body: { api_key: "phc_a", batch: batch.slice(0, 2) }, resultFor })
    expect(answer.status).toBe(400)
    expect(events.map(({ reason, verdict }) => [verdict, reason])).toEqual([
      ["refused", "Refused with event 2 of the request: because"],
      ["invalid", "because"]
    ])
  })
})

describe("for the suite of an SDK", () => {
  it.each<[string, object, object]>([
    ["a uuid in capitals", { uuid: uuid(1).toUpperCase().replace("E", "F") }, { error: "invalid_event_uuid" }],
    ["no options", { options: undefined }, { error: "request_parsing_error" }],
    ["null for a session", { session_id: null }, { error: "request_parsing_error" }],
    ["a property that belongs elsewhere", { properties: { $lib: "x" } }, {
      results: { [uuid(1)]: { result: "drop", details: "rejected" } }
    }]
  ])("%s is refused", async (_, more, expected) => {
    expect((await v1([eventV1(more)], { isStrict: true })).body).toMatchObject(expected)
  })

  it.each<[string, object]>([
    ["no uuid", { uuid: undefined }],
    ["a uuid without hyphens", { uuid: uuid(1).replaceAll("-", "") }],
    ["a number as id", { distinct_id: 1 }],
    ["no properties", { properties: undefined }],
    ["options of capture v1", { options: {} }]
  ])("%s is refused by capture v0", async (_, more) => {
    const request = { body: { api_key: "phc_a", batch: [event(more)] } }
    expect((await send(ingestV0, { ...request, isStrict: true })).answer.status).toBe(400)
    expect((await send(ingestV0, request)).answer.status).toBe(200)
  })

  it("no other member of the envelope", async () => {
    const { body } = await v1([eventV1()], { isStrict: true, envelope: { sent_at: "x" } })
    expect(body).toMatchObject({
      error: "request_parsing_error",
      error_description: expect.stringMatching(/`sent_at`/)
    })
  })
})

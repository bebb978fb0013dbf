import { describe, expect, it } from "vitest"
import { ingestAi, ingestV0 } from "../../src/local/ingest.js"
import { ingestV1 } from "../../src/local/ingestV1.js"
import type { Handler } from "../../src/local/local.js"
import type { ReceivedEvent } from "../../src/local/model.js"
import { otlp } from "../../src/local/otlp.js"
import { exchange, makeLocal, now, type Request, said, v1Headers } from "./handling.js"

interface Given extends Request {
  readonly isStrict?: boolean
}

const send = async (handler: Handler, request: Given) => {
  const local = makeLocal(request.isStrict)
  const given = exchange(local, request)
  const answer = await handler(given, local)
  return { answer, body: said(answer), events: local.store.events, local, received: given.received }
}

const uuid = (n: number) => `0194d6e0-0000-7000-8000-${String(n).padStart(12, "0")}`

const event = (more: object = {}, n = 1): { [name: string]: unknown } => ({
  event: "order completed",
  distinct_id: "ada",
  properties: {},
  uuid: uuid(n),
  timestamp: "2026-11-27T11:59:00.000Z",
  ...more
})

const v0 = (...batch: ReadonlyArray<unknown>) => send(ingestV0, { body: { api_key: "phc_a", batch } })

const one = (events: ReadonlyArray<ReceivedEvent>): ReceivedEvent => {
  expect(events).toHaveLength(1)
  return events[0]!
}

describe("capture v0 refuses", () => {
  it.each<[string, unknown, RegExp]>([
    ["what is no event", 1, /must be an object/],
    ["null", null, /The event is null/],
    ["a list in a list", [], /The event is a list/],
    ["no name", event({ event: undefined }), /has no name: `event` is missing/],
    ["an empty name", event({ event: "" }), /has no name: `event` is an empty text/],
    ["a name that is a number", event({ event: 1 }), /`event` is 1, and must be a text/],
    ["another word for the name", event({ event: undefined, name: "x" }), /`name` is not read: call it `event`/],
    ["nobody", event({ distinct_id: undefined }), /`distinct_id` is missing/],
    ["null for somebody", event({ distinct_id: null }), /`distinct_id` is null/],
    ["an empty id", event({ distinct_id: "" }), /`distinct_id` is ""/],
    ["another word for the id", event({ distinct_id: null, userId: 1 }), /`userId` is not read: call it `distinct_id`/],
    ["a uuid that is none", event({ uuid: "1" }), /`uuid` is "1", and must be a UUID/],
    ["a uuid that is a number", event({ uuid: 1 }), /`uuid` is 1/],
    ["properties that are a list", event({ properties: [] }), /`properties` is a list, and must be an object/],
    ["properties that are null", event({ properties: null }), /`properties` is null/],
    ["a mode that is no boolean", event({ properties: { $cookieless_mode: "true" } }), /must be true or false/]
  ])("%s", async (_, given, reason) => {
    const { answer, body, events, received } = await v0(given)
    expect(answer.status).toBe(400)
    expect(body.detail).toMatch(reason)
    expect(received.reason).toMatch(reason)
    expect(one(events)).toMatchObject({ verdict: "invalid", reason: expect.stringMatching(reason) })
  })

  it("all events of a request, and says which one is at fault", async () => {
    const { body, events, local } = await v0(event({}, 1), event({ event: "" }, 2), event({}, 3), event({ uuid: 1 }, 4))
    expect(events.map(({ verdict }) => verdict)).toEqual(["refused", "invalid", "refused", "invalid"])
    expect(events[0]!.reason).toBe(
      "Refused with event 2 of the request: The event has no name: `event` is an empty text"
    )
    expect(body.detail).toMatch(/^Event 2 of 4: The event has no name/)
    expect(local.store.counts).toMatchObject({ accepted: 0, refused: 4 })
    expect(local.people.all()).toEqual([])
  })

  it.each<[string, string | undefined, number, RegExp]>([
    ["no body", "", 400, /empty/],
    ["no JSON", "{", 400, /no JSON/],
    ["a text", "\"a\"", 400, /must be an event, a list of them/],
    ["a batch that is no list", "{\"api_key\":\"phc_a\",\"batch\":{}}", 400, /a list of them as `batch`/],
    ["an empty batch", "{\"api_key\":\"phc_a\",\"batch\":[]}", 400, /no event in the request/],
    ["an empty list", "[]", 401, /no project key/]
  ])("%s", async (_, body, status, reason) => {
    const { answer, events, received } = await send(ingestV0, { body })
    expect(answer.status).toBe(status)
    expect(received.reason).toMatch(reason)
    expect(events).toEqual([])
  })
})

describe("capture v0 takes", () => {
  it.each<[string, object, object]>([
    ["no uuid and no timestamp", { uuid: undefined, timestamp: undefined }, { uuid: undefined, timestamp: undefined }],
    ["an empty uuid", { uuid: "" }, { uuid: undefined }],
    ["a uuid in another form", { uuid: `{${uuid(1).toUpperCase()}}` }, { uuid: uuid(1) }],
    ["no properties", { properties: undefined }, { properties: {} }],
    ["a number as id", { distinct_id: 5 }, { distinct_id: "5" }],
    ["false as id", { distinct_id: false }, { distinct_id: "false" }],
    ["an object as id", { distinct_id: { a: 1 } }, { distinct_id: "{\"a\":1}" }],
    ["an id among the properties", { distinct_id: undefined, properties: { distinct_id: 7 } }, { distinct_id: "7" }],
    ["a long id, which is cut", { distinct_id: "é".repeat(300) }, { distinct_id: "é".repeat(200) }],
    ["a long name, which is cut", { event: "x".repeat(300) }, { event: "x".repeat(200) }],
    ["$set at the top and among the properties", { $set: { a: 1, b: 1 }, properties: { $set: { b: 2 } } }, {
      $set: { a: 1, b: 2 }
    }]
  ])("%s", async (_, more, expected) => {
    const { answer, events } = await v0(event(more))
    expect(answer.status).toBe(200)
    expect(one(events)).toMatchObject({ verdict: "accepted", reason: undefined, ...expected })
  })

  it("an event again as the same event", async () => {
    const { events, local } = await v0(event(), event(), event({}, 2))
    expect(events.map(({ times }) => times)).toEqual([2, 1])
    expect(local.store.counts).toMatchObject({ accepted: 2, duplicates: 1 })
  })

  it("a beacon without a body of the answer", async () => {
    const { answer } = await send(ingestV0, { path: "/e/?beacon=1", body: { token: "phc_a", ...event() } })
    expect(answer).toEqual({ status: 204, body: "" })
  })
})

it("more events than this server looks at are refused by all lanes", async () => {
  const body = `{"api_key":"phc_a","created_at":"2026-11-27T12:00:00Z","batch":[${"{},".repeat(100_000)}{}]}`
  const logs = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${"{},".repeat(100_000)}{}]}]}]}`
  for (const [handler, text] of [[ingestV0, body], [ingestV1, body], [otlp, logs]] as const) {
    const { answer, events } = await send(handler, { path: "/i/v1/logs?token=phc_a", body: text, headers: v1Headers })
    expect([answer.status, events]).toEqual([413, []])
    expect(String(answer.body)).toMatch("a limit of this local server")
  }
})

describe("project keys", () => {
  it.each<[string, object, RegExp]>([
    ["none", {}, /no project key/],
    ["null", { api_key: null }, /no project key/],
    ["a number", { api_key: 1 }, /is 1, and must be a text/],
    ["blank", { api_key: " " }, /is empty/],
    ["a personal one", { api_key: "phx_abcdefgh" }, /personal one/],
    ["too long", { api_key: "p".repeat(65) }, /has 65 characters/],
    ["not ASCII", { api_key: "phc_ü" }, /not ASCII/],
    ["with NUL", { api_key: "phc_\0" }, /not ASCII/]
  ])("%s", async (_, key, reason) => {
    const { answer, body, events } = await send(ingestV0, { body: { ...key, batch: [event()] } })
    expect(answer.status).toBe(401)
    expect(body.detail).toMatch(reason)
    expect(one(events)).toMatchObject({ verdict: "refused", reason: expect.stringMatching(reason) })
    expect(one(events).project).not.toContain("abcdefgh")
  })

  it.each<[string, object | ReadonlyArray<object>, string]>([
    ["api_key", { api_key: " phc_a ", batch: [event()] }, "phc_a"],
    ["token", { token: "phc_a", batch: [event()] }, "phc_a"],
    ["any text", { api_key: "test", batch: [event()] }, "test"],
    ["in the address", { batch: [event()] }, "phc_q"],
    ["of an event", [event({ token: "phc_a" })], "phc_a"],
    ["of the properties of a later event", [event(), event({ properties: { token: "phc_b" } }, 2)], "phc_b"]
  ])("from %s", async (_, body, project) => {
    const { events, received } = await send(ingestV0, { path: "/batch/?token=phc_q", body })
    expect(received.project).toBe(project)
    expect(events[0]).toMatchObject({ project, verdict: "accepted" })
  })

  it("two in one list", async () => {
    const { answer, body } = await send(ingestV0, { body: [event({ token: "phc_a" }), event({ token: "phc_b" }, 2)] })
    expect(answer.status).toBe(401)
    expect(body.detail).toMatch(/2 project keys/)
  })

  it("keep the same uuid apart", async () => {
    const local = makeLocal()
    for (const api_key of ["phc_a", "phc_b"]) {
      await ingestV0(exchange(local, { body: { api_key, batch: [event()] } }), local)
    }
    expect(local.store.events.map(({ project, times }) => [project, times])).toEqual([["phc_a", 1], ["phc_b", 1]])
  })
})

describe("LLM analytics by capture v0", () => {
  const ai = (...batch: ReadonlyArray<unknown>) => send(ingestAi, { body: { api_key: "phc_a", batch } })
  const generation = (more: object = {}) =>
    event({ event: "$ai_generation", properties: { $ai_trace_id: "t" }, ...more })

  it("takes its events", async () => {
    const { answer, events } = await ai(generation())
    expect(answer.status).toBe(200)
    expect(one(events)).toMatchObject({ lane: "ai", kind: "llm", verdict: "accepted", warnings: [] })
  })

  it("refuses other events, with all of the request", async () => {
    const { answer, body, events } = await ai(generation(), event({}, 2))
    expect(answer.status).toBe(400)
    expect(body).toMatchObject({ code: "misrouted_event", detail: expect.stringMatching(/Send it to \/batch\//) })
    expect(events.map(({ verdict }) => verdict)).toEqual(["refused", "invalid"])
  })

  it("refuses events above 8 MiB", async () => {
    const { answer, body } = await ai(
      generation({ properties: { $ai_trace_id: "t", text: "x".repeat(8 * 1024 * 1024) } })
    )
    expect(answer.status).toBe(413)
    expect(body.code).toBe("ai_event_too_big")
  })
})

const v1 = (batch: ReadonlyArray<unknown>, more: Partial<Given> & { readonly envelope?: object } = {}) =>
  send(ingestV1, {
    path: "/i/v1/analytics/events",
    ...more,
    headers: { ...v1Headers, ...more.headers },
    body: { created_at: "2026-11-27T12:00:00.000Z", batch, ...more.envelope }
  })

const eventV1 = (more: object = {}, n = 1) => event({ options: {}, ...more }, n)

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

describe("warnings", () => {
  const ahead = new Date(now + 24 * 3_600_000).toISOString()
  it.each<[string, object, RegExp]>([
    ["an id for nobody", { distinct_id: "undefined" }, /stands for nobody/],
    ["an id for nobody in capitals", { distinct_id: " NULL " }, /stands for nobody/],
    ["a long id", { distinct_id: "x".repeat(201) }, /has 201 characters/],
    ["a long name", { event: "x".repeat(201) }, /name of the event has 201 characters/],
    ["no uuid", { uuid: undefined }, /has the event twice/],
    ["a timestamp that nobody can read", { timestamp: "yesterday" }, /"yesterday", which PostHog cannot read/],
    ["a timestamp that is a number", { timestamp: now }, /which PostHog cannot read/],
    ["a timestamp far ahead", { timestamp: ahead }, /23 hours ahead/],
    ["$set without a person", { properties: { $process_person_profile: false, $set: {} } }, /ignores `\$set`/],
    [
      "$set at the top without a person",
      { $set: {}, properties: { $process_person_profile: false } },
      /ignores `\$set`/
    ],
    ["$unset without a person", { properties: { $process_person_profile: false, $unset: [] } }, /ignores `\$unset`/],
    ["a person without a person", { event: "$identify", properties: { $process_person_profile: false } }, /drops \$id/],
    ["a profile that is no boolean", { properties: { $process_person_profile: "no" } }, /must be true or false/],
    ["$set that is a text", { properties: { $set: "a" } }, /`\$set` must be an object/],
    ["$set_once that is a list", { $set_once: [] }, /`\$set_once` must be an object/],
    ["$unset that is a text", { properties: { $unset: "a" } }, /`\$unset` is "a", and must be a list/],
    ["a group that is a number", { properties: { $groups: { company: 5 } } }, /group `company` is 5/],
    ["groups that are a list", { properties: { $groups: ["a"] } }, /`\$groups` is a list/],
    ["exceptions that are no list", { event: "$exception", properties: { $exception_list: {} } }, /is an object, and/],
    ["no exceptions", { event: "$exception" }, /is missing, and must be a list/],
    ["an alias for nothing", { event: "$create_alias" }, /`alias` is missing: nothing is merged/],
    ["a group without key", { event: "$groupidentify", properties: { $group_type: "a" } }, /`\$group_key` is missing/],
    ["LLM analytics without trace", { event: "$ai_span" }, /`\$ai_trace_id` is missing/],
    ["a trace that nobody can name", { event: "$ai_span", properties: { $ai_trace_id: "a b" } }, /is "a b". It may/],
    ["a flag with an error", {
      event: "$feature_flag_called",
      properties: { $feature_flag: "f", $feature_flag_error: "timeout" }
    }, /flag `f`: timeout/],
    ["what the client says", {
      event: "$$client_ingestion_warning",
      properties: { $$client_ingestion_warning_message: "slow down" }
    }, /slow down/]
  ])("%s", async (_, more, warning) => {
    const { answer, events } = await v0(event(more))
    expect(answer.status).toBe(200)
    expect(one(events).warnings).toEqual([expect.stringMatching(warning)])
  })

  it.each<[string, object]>([
    ["an ordinary event", {}],
    ["an event without timestamp", { timestamp: undefined }],
    ["a trace that is a number", { event: "$ai_generation", properties: { $ai_trace_id: 5 } }],
    ["groups", { properties: { $groups: { company: "acme" } } }],
    ["a personless event", { properties: { $process_person_profile: false } }],
    ["an exception", { event: "$exception", properties: { $exception_list: [{ type: "Error" }] } }]
  ])("none for %s", async (_, more) => {
    expect(one((await v0(event(more))).events).warnings).toEqual([])
  })

  it("a property that capture v1 has elsewhere", async () => {
    const { events } = await v1([eventV1({ properties: { $session_id: "s" } })])
    expect(one(events).warnings).toEqual([
      expect.stringMatching(/`\$session_id` is a property, and belongs to session_id/)
    ])
  })

  it("more than 50 names that differ by a number or an id", async () => {
    const names = Array.from({ length: 51 }, (_, n) => event({ event: `order ${n} of ${uuid(n)}` }, n))
    const { events } = await v0(...names, event({ event: "step 1" }, 100))
    expect(events.filter(({ warnings }) => warnings.length > 0).map(({ event, warnings }) => [event, warnings]))
      .toEqual([
        [names[50]!.event, [expect.stringMatching(/more than 50 names like "order # of #"/)]]
      ])
  })
})

describe("hints", () => {
  const hints = async (...requests: ReadonlyArray<Request>) => {
    const local = makeLocal()
    for (const request of requests) await ingestV0(exchange(local, request), local)
    return local.store.hints.map(({ about, text }) => `${about}: ${text}`)
  }

  it.each([["phx_", "personal API key"], ["phs_", "secret key of a project"]])("%s in a body", async (start, kind) => {
    const body = { api_key: "phc_a", batch: [event({ properties: { key: `${start}abcdefghijk` } })] }
    const said = await hints({ body, headers: { "user-agent": "posthog-node/5.70.0" } }, { body })
    expect(said).toEqual([
      expect.stringMatching(`^posthog-node 5.70.0: A ${kind} \\(${start}…\\) is in the body`),
      expect.stringMatching("^unknown: ")
    ])
    expect(said.join()).not.toContain("abcdefghijk")
  })

  it("none for words that begin like a key", async () => {
    expect(await hints({ body: { api_key: "phc_a", batch: [event({ properties: { a: "phx_ and phs_" } })] } })).toEqual(
      []
    )
  })

  it("large events, but not large exceptions", async () => {
    const properties = { $lib: "posthog-node", $lib_version: "5", text: "x".repeat(21 * 1024), $exception_list: [{}] }
    const large = (name: string) => ({ body: { api_key: "phc_a", batch: [event({ event: name, properties })] } })
    expect(await hints(large("$exception"))).toEqual([])
    expect(await hints(large("e"), large("f"))).toEqual([
      expect.stringMatching(/^posthog-node 5: Events are large: the first, `e`, has 21 KB/)
    ])
  })

  const headless = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/156.0.0.0 Safari/537.36" }
  const person = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36" }
  const starting = (headers: Request["headers"], ...targets: ReadonlyArray<"config" | "flags" | "events">) => {
    const local = makeLocal()
    for (const target of targets) exchange(local, { body: {}, headers: headers!, target })
    return local.store.hints.map(({ text }) => text)
  }

  it("a headless browser that sends nothing", () => {
    expect(starting(headless, "config", "flags")).toEqual([expect.stringMatching(/opt_out_useragent_filter: true/)])
    expect(starting(headless, "config", "config", "flags", "flags")).toHaveLength(1)
  })
  it.each<[string, Request["headers"], ReadonlyArray<"config" | "flags" | "events">]>([
    ["one that sends", headless, ["config", "events", "flags", "config", "flags"]],
    ["one that asks for its config only", headless, ["config"]],
    ["one of a person", person, ["config", "flags", "config", "flags"]],
    ["a server", { "user-agent": "posthog-node/5" }, ["flags", "flags", "flags", "flags", "flags"]]
  ])("none for %s", (_, headers, targets) => {
    expect(starting(headers, ...targets)).toEqual([])
  })
  it("a browser that starts for the fourth time and has sent nothing", () => {
    expect(starting(person, "config", "config", "config", "config")).toEqual([
      expect.stringMatching(/^A browser asked for its config and has sent no event/)
    ])
  })

  const polling = (seconds: number) => {
    const local = makeLocal()
    for (let n = 0; n < 6; n++) {
      const headers = { "user-agent": "posthog-node/5.70.0" }
      exchange(local, { body: {}, headers, target: "definitions", at: now + n * seconds * 1_000 })
    }
    return local.store.hints.map(({ about }) => about)
  }
  it("definitions that are asked for every second", () => {
    expect(polling(1)).toEqual(["posthog-node 5.70.0"])
    expect(polling(30)).toEqual([])
  })
})

import { describe, expect, it } from "vitest"
import { ingestAi, ingestV0 } from "../../src/local/ingest.js"
import { ingestV1 } from "../../src/local/ingestV1.js"
import { otlp } from "../../src/local/otlp.js"
import { exchange, makeLocal, v1Headers } from "./handling.js"
import { event, one, send, uuid, v0 } from "./sending.js"

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

import { describe, expect, it } from "vitest"
import { otlp } from "../../src/local/otlp.js"
import { replay } from "../../src/local/replay.js"
import { exchange, makeLocal, type Request, said } from "./handling.js"

const send = async (request: Request, handler = otlp) => {
  const local = makeLocal()
  const given = exchange(local, { path: "/i/v1/logs?token=phc_a", ...request })
  const answer = await handler(given, local)
  return { answer, body: said(answer), events: local.store.events, local, received: given.received }
}

const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] }
const logs = (...logRecords: ReadonlyArray<unknown>) => ({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })
const spans = (...spans: ReadonlyArray<unknown>) => ({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })

describe("logs", () => {
  it("are events of their own kind", async () => {
    const { answer, body, events, received } = await send({
      body: logs({
        timeUnixNano: "1764244800123000000",
        severityText: "WARN",
        severityNumber: 13,
        traceId: "t",
        spanId: "s",
        body: { stringValue: "low stock" },
        attributes: [
          { key: "posthogDistinctId", value: { stringValue: "ada" } },
          { key: "sessionId", value: { stringValue: "session" } },
          { key: "n", value: { intValue: "5" } },
          { key: "big", value: { intValue: "9223372036854775807" } },
          { key: "list", value: { arrayValue: { values: [{ boolValue: true }, { doubleValue: 1.5 }] } } },
          { key: "object", value: { kvlistValue: { values: [{ key: "__proto__", value: { stringValue: "x" } }] } } }
        ]
      })
    })
    expect([answer.status, body, received.events, received.project]).toEqual([200, {}, 1, "phc_a"])
    expect(events).toMatchObject([{
      event: "$log",
      kind: "log",
      lane: "otlp",
      distinct_id: "ada",
      timestamp: "2025-11-27T12:00:00.123Z",
      uuid: undefined,
      properties: {
        body: "low stock",
        severity: "WARN",
        severity_number: 13,
        trace_id: "t",
        span_id: "s",
        service: "shop",
        $session_id: "session",
        resource: { "service.name": "shop" }
      }
    }])
    expect(JSON.stringify(events[0]!.properties.attributes)).toBe(
      "{\"posthogDistinctId\":\"ada\",\"sessionId\":\"session\",\"n\":5,\"big\":\"9223372036854775807\"," +
        "\"list\":[true,1.5],\"object\":{\"__proto__\":\"x\"}}"
    )
  })

  it("are nobody's when they say so, and make no person", async () => {
    const { events, local } = await send({ body: logs({ body: { stringValue: "a" } }, {}, null, 1) })
    expect(events.map(({ distinct_id, verdict }) => [distinct_id, verdict])).toEqual(
      Array.from({ length: 4 }, () => ["", "accepted"])
    )
    expect(local.people.all()).toEqual([])
  })

  it("do not repeat what is long about their source", async () => {
    const attributes = [...resource.attributes, { key: "text", value: { stringValue: "x".repeat(9_000) } }]
    const { events } = await send({
      body: { resourceLogs: [{ resource: { attributes }, scopeLogs: [{ logRecords: [{}, {}] }] }] }
    })
    expect(events.map(({ properties }) => properties.resource)).toEqual([{ "service.name": "shop" }, {
      "service.name": "shop"
    }])
  })
})

it("spans are events of their own kind", async () => {
  const { events } = await send({
    path: "/i/v1/traces",
    headers: { authorization: "Bearer phc_b" },
    body: spans({
      name: "GET /",
      kind: 2,
      traceId: "t",
      spanId: "s",
      parentSpanId: "p",
      startTimeUnixNano: 1764244800000000000,
      endTimeUnixNano: "1764244800250000000",
      status: { code: "STATUS_CODE_ERROR", message: "no" },
      events: [{ name: "exception", timeUnixNano: "1764244800100000000", attributes: [] }]
    })
  })
  expect(events).toMatchObject([{
    event: "$span",
    kind: "span",
    project: "phc_b",
    timestamp: "2025-11-27T12:00:00.000Z",
    properties: {
      name: "GET /",
      kind: "server",
      duration_ms: 250,
      status: "error",
      status_message: "no",
      parent_span_id: "p",
      events: [{ name: "exception", timestamp: "2025-11-27T12:00:00.100Z", attributes: {} }]
    }
  }])
})

it("metrics are taken and not kept", async () => {
  const { answer, events } = await send({ path: "/i/v1/metrics?token=phc_a", body: { resourceMetrics: [{}] } })
  expect([answer.status, events]).toEqual([200, []])
})

it.each<[string, Partial<Request>, number, RegExp]>([
  ["without a key", { path: "/i/v1/logs" }, 401, /no project key/],
  ["with a personal key", { path: "/i/v1/logs?token=phx_a" }, 401, /personal one/],
  ["in protobuf", { headers: { "content-type": "application/x-protobuf" }, body: "" }, 415, /http\/json/],
  ["that are no JSON", { body: "{" }, 400, /no JSON/],
  ["that are a number", { body: 1 }, 400, /is 1, and must be an object/]
])("refuses logs %s", async (_, request, status, reason) => {
  const { answer, body, received } = await send({ body: logs({}), ...request })
  expect(answer.status).toBe(status)
  expect(body.message).toMatch(reason)
  expect(received.reason).toBe(body.message)
})

describe("recordings", () => {
  const snapshot = (more: object = {}) => ({
    event: "$snapshot",
    uuid: "0194d6e0-0000-7000-8000-000000000001",
    properties: {
      distinct_id: "ada",
      token: "phc_a",
      $session_id: "s",
      $snapshot_bytes: 100,
      $snapshot_data: [{ type: 2, data: "secret text on the screen" }, {}],
      ...more
    }
  })

  it("are counted, and what they show is not kept", async () => {
    const { answer, events, local } = await send({ path: "/s/", body: [snapshot()] }, replay)
    expect(answer.status).toBe(200)
    expect(events).toMatchObject([{
      event: "$snapshot",
      kind: "replay",
      distinct_id: "ada",
      project: "phc_a",
      verdict: "accepted",
      properties: { $session_id: "s", $snapshot_bytes: 100, $snapshot_count: 2 }
    }])
    expect(JSON.stringify(events[0]!.raw)).not.toContain("secret text")
    expect(local.people.all()).toEqual([])
  })

  it("need a session", async () => {
    const { answer, events } = await send({ path: "/s/", body: [snapshot({ $session_id: undefined })] }, replay)
    expect(answer.status).toBe(400)
    expect(events).toMatchObject([{ verdict: "refused", reason: expect.stringMatching(/\$session_id/) }])
  })

  it("need a project", async () => {
    const { answer } = await send({ path: "/s/", body: [snapshot({ token: undefined })] }, replay)
    expect(answer.status).toBe(401)
  })
})

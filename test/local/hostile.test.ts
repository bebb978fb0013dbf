/**
 * Whatever JSON is sent, a handler answers, and everything is accounted for.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ingestAi, ingestV0 } from "../../src/local/ingest.js"
import { ingestV1 } from "../../src/local/ingestV1.js"
import type { Handler } from "../../src/local/local.js"
import { otlp } from "../../src/local/otlp.js"
import { replay } from "../../src/local/replay.js"
import { exchange, makeLocal, v1Headers } from "./handling.js"

const handlers: ReadonlyArray<readonly [string, Handler, string]> = [
  ["v0", ingestV0, "/batch/"],
  ["ai", ingestAi, "/i/v0/ai/batch/"],
  ["v1", ingestV1, "/i/v1/analytics/events"],
  ["v1 ai", ingestV1, "/i/v1/ai/events"],
  ["replay", replay, "/s/"],
  ["otlp", otlp, "/i/v1/logs?token=phc_a"]
]

/** Values that are not what anybody expects anywhere. */
const odd: ReadonlyArray<string> = [
  "null",
  "true",
  "0",
  "1e308",
  "1e999",
  "-0",
  "\"\"",
  "\"\\ud800\"",
  "\"__proto__\"",
  "[]",
  "{}",
  "[[[[]]]]",
  "{\"toString\":1,\"valueOf\":1,\"toJSON\":1,\"length\":1e9}",
  "{\"__proto__\":{\"event\":\"x\"}}",
  "{\"constructor\":{\"prototype\":null}}",
  `"${"x".repeat(5_000)}"`,
  `${"[".repeat(100)}${"]".repeat(100)}`
]

const names = [
  "event",
  "distinct_id",
  "uuid",
  "timestamp",
  "properties",
  "$set",
  "$set_once",
  "options",
  "session_id",
  "api_key",
  "token"
]
const propertyNames = [
  "$set",
  "$set_once",
  "$unset",
  "$groups",
  "$anon_distinct_id",
  "alias",
  "$group_type",
  "$group_key",
  "$group_set",
  "$process_person_profile",
  "$exception_list",
  "$ai_trace_id",
  "$feature_flag",
  "$feature_flag_error",
  "$lib",
  "$lib_version",
  "token",
  "distinct_id",
  "$snapshot_data",
  "$session_id"
]
const eventNames = [
  "e",
  "$identify",
  "$create_alias",
  "$groupidentify",
  "$exception",
  "$ai_span",
  "$feature_flag_called"
]
const uuid = "0194d6e0-0000-7000-8000-000000000001"

/** Runs one body through a handler, and looks at everything that is kept. */
const run = async (handler: Handler, path: string, body: string): Promise<void> => {
  const local = makeLocal()
  const headers = path.includes("/v1/") ? v1Headers : {}
  for (let n = 0; n < 2; n++) {
    const given = exchange(local, { path, body, headers })
    const answer = await handler(given, local)
    expect(answer.status).toBeGreaterThanOrEqual(200)
    expect(answer.status).toBeLessThan(500)
    // What is refused says why.
    if (answer.status >= 400) expect(given.received.reason).toMatch(/\w/)
    const { counts, events } = local.store
    const kept = events.filter(({ verdict }) => verdict === "accepted").length
    expect(counts.accepted).toBe(kept)
    expect(counts.refused).toBe(events.length - kept)
    expect(counts.duplicates).toBe(events.reduce((sum, { times }) => sum + times - 1, 0))
    const arrived = events.reduce((sum, { times }) => sum + times, 0)
    expect(arrived).toBe(local.store.requests.reduce((sum, request) => sum + request.events, 0))
    for (const event of events) {
      expect(JSON.stringify(event)).toContain("\"verdict\"")
      expect(typeof event.event + typeof event.distinct_id + typeof event.project).toBe("stringstringstring")
      expect(event.distinct_id.length).toBeLessThanOrEqual(200)
      void [event.raw, event.properties, event.$set, event.$set_once]
    }
    JSON.stringify(local.people.all())
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("event")
}

describe.each(handlers)("%s", (_, handler, path) => {
  it("takes every odd value in every place", async () => {
    const base = { event: "e", distinct_id: "a", uuid, timestamp: "2026-11-27T12:00:00Z", properties: {}, options: {} }
    const text = (object: object, name: string, value: string): string =>
      JSON.stringify({ ...object, [name]: "@" }).replace("\"@\"", () => value)
    for (const value of odd) {
      const envelope = (batch: string): string =>
        `{"api_key":"phc_a","created_at":"2026-11-27T12:00:00Z","batch":${batch}}`
      await run(handler, path, value)
      await run(handler, path, envelope(value))
      await run(handler, path, envelope(`[${value},${JSON.stringify(base)}]`))
      for (const name of names) await run(handler, path, envelope(`[${text(base, name, value)}]`))
      for (const [index, name] of propertyNames.entries()) {
        for (const event of ["e", eventNames[index % eventNames.length]!]) {
          const properties = text({ token: "phc_a", distinct_id: "a" }, name, value)
          await run(handler, path, envelope(`[${text({ ...base, event }, "properties", properties)}]`))
        }
      }
      for (const name of ["resource", "scopeLogs", "attributes", "logRecords", "body", "timeUnixNano"]) {
        const record = `{"${name}":${value},"attributes":[{"key":"a","value":${value}},${value}]}`
        await run(handler, path, `{"resourceLogs":[{"resource":${value},"scopeLogs":[{"logRecords":[${record}]}]}]}`)
      }
    }
  })

  it("takes any JSON", async () => {
    const value = fc.jsonValue({ depthSize: "small" })
    const properties = fc.dictionary(fc.oneof(fc.constantFrom(...propertyNames), fc.string()), value, { maxKeys: 5 })
    const event = fc.record({
      event: fc.oneof(fc.constantFrom<unknown>(...eventNames), value),
      distinct_id: fc.oneof(fc.constantFrom<unknown>("a", "b"), value),
      uuid: fc.oneof(fc.constantFrom<unknown>(uuid), fc.uuid(), value),
      timestamp: fc.oneof(fc.constantFrom<unknown>("2026-11-27T12:00:00Z"), value),
      properties: fc.oneof(properties, value),
      options: fc.oneof(fc.constantFrom<unknown>({}), value)
    }, { requiredKeys: [] })
    const batch = fc.array(fc.oneof(event, value), { maxLength: 4 })
    const body = fc.oneof(
      value,
      batch,
      event,
      batch.map((batch) => ({ api_key: "phc_a", created_at: "2026-11-27T12:00:00Z", batch })),
      fc.array(event, { maxLength: 3 }).map((logRecords) => ({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }))
    )
    await fc.assert(fc.asyncProperty(body, (body) => run(handler, path, JSON.stringify(body))), { numRuns: 200 })
  })
})

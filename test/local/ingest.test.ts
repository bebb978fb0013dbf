import { describe, expect, it } from "vitest"
import { ingestV0 } from "../../src/local/ingest.js"
import type { Answer, ReceivedEvent } from "../../src/local/model.js"
import { exchange, makeLocal, type Request, said } from "./handling.js"

const send = async (request: Request, local = makeLocal()) => {
  const given = exchange(local, request)
  const answer: Answer = await ingestV0(given, local)
  return { answer, events: local.store.events, local, received: given.received }
}

const uuid = "0194d6e0-0000-7000-8000-000000000001"
const event = (more: object = {}) => ({ event: "e", distinct_id: "ada", properties: {}, uuid, ...more })
const browser = (more: object = {}) => ({
  event: "e",
  properties: { distinct_id: "ada", token: "phc_a", $lib: "web", $lib_version: "1.449.2" },
  ...more
})

describe("shapes", () => {
  it.each([
    ["an envelope", { api_key: "phc_a", batch: [event(), event({ uuid: undefined })] }, 2],
    ["an envelope of a browser", { api_key: "phc_a", batch: [browser()], sent_at: "2026-11-27T12:00:00Z" }, 1],
    ["a list", [browser(), browser()], 2],
    ["one event", { ...event(), api_key: "phc_a" }, 1],
    ["one event with the older word", { ...event(), token: "phc_a" }, 1],
    ["one event of a browser", browser(), 1]
  ])("%s", async (_, body, count) => {
    const { answer, events, received } = await send({ body })
    expect(answer.status).toBe(200)
    expect(said(answer)).toEqual({ status: 1 })
    expect(events.map(({ distinct_id, event, project, verdict }) => ({ distinct_id, event, project, verdict })))
      .toEqual(
        Array.from({ length: count }, () => ({ distinct_id: "ada", event: "e", project: "phc_a", verdict: "accepted" }))
      )
    expect(received).toMatchObject({ events: count, project: "phc_a", reason: undefined })
  })

  it("keeps the text as it was sent", async () => {
    const one =
      ` {"event":"e","distinct_id":1e3,"properties":{"a":1.5000,"b":"\\"]}","c":"\\\\","__proto__":{"x":1},"1":2}} `
    const { events } = await send({ body: `{"batch":[0],"api_key":"phc_a", "batch" : [${one},${one}] }` })
    expect(events.map((event) => [event.bytes, event.distinct_id])).toEqual(
      Array.from({ length: 2 }, () => [one.trim().length, "1000"])
    )
    expect(JSON.stringify(events[1]!.raw)).toBe(JSON.stringify(JSON.parse(one)))
  })
})

it("finds events whose list has a name with escapes", async () => {
  const { events } = await send({
    body: `{"api_key":"phc_a","b\\u0061tch":[${JSON.stringify(event({ event: "found" }))}]}`
  })
  expect(events.map(({ event, raw }) => [event, (raw as any).uuid])).toEqual([["found", uuid]])
})

it("knows an event again although a refused one with its uuid is forgotten", async () => {
  const local = makeLocal(false, 2)
  const batch = async (...batch: ReadonlyArray<unknown>) => send({ body: { api_key: "phc_a", batch } }, local)
  await batch(event({ event: "" }))
  await batch(event())
  await batch(event({ uuid: undefined }))
  await batch(event())
  expect(local.store.events.map(({ times, verdict }) => [verdict, times])).toEqual([["accepted", 2], ["accepted", 1]])
  expect(local.store.counts).toMatchObject({ accepted: 2, duplicates: 1, forgotten: 1 })
})

describe("clients", () => {
  it.each<[object, string, object]>([
    [{ "user-agent": "posthog-node/5.70.0" }, "", { sdk: { name: "posthog-node", version: "5.70.0" }, attempt: 1 }],
    [{ "user-agent": "x/1", "posthog-sdk-info": "@acme/sdk/2.0.0-rc.1" }, "", {
      sdk: { name: "@acme/sdk", version: "2.0.0-rc.1" }
    }],
    [{ "user-agent": "Mozilla/5.0 (X11)" }, "?retry_count=2", { sdk: { name: "web", version: "1.449.2" }, attempt: 3 }],
    [{ "posthog-attempt": "4" }, "?retry_count=9", { attempt: 4 }],
    [{ "posthog-attempt": "0" }, "", { attempt: 1 }],
    [{ "posthog-attempt": "x".repeat(1_000) }, "?retry_count=1e9", { attempt: 1 }]
  ])("%o%s", async (headers, query, expected) => {
    const { received } = await send({
      path: `/batch/${query}`,
      headers: headers as Record<string, string>,
      body: { api_key: "phc_a", batch: [browser()] }
    })
    expect(received).toMatchObject(expected)
  })

  it("are those of single events where these say so", async () => {
    const { events } = await send({
      headers: { "user-agent": "posthog-node/5.70.0" },
      body: {
        api_key: "phc_a",
        batch: [event(), browser(), event({ uuid: undefined, properties: { $lib: { toString: 1 }, $lib_version: {} } })]
      }
    })
    expect(events.map(({ sdk }) => `${sdk.name} ${sdk.version}`)).toEqual([
      "posthog-node 5.70.0",
      "web 1.449.2",
      "posthog-node 5.70.0"
    ])
  })
})

it("is an event with getters that tests can match", async () => {
  const { events } = await send({
    body: { api_key: "phc_a", batch: [event({ $set: { a: 1 }, properties: { b: 2 } })] }
  })
  const [first] = events as [ReceivedEvent]
  expect(first).toMatchObject({ event: "e", properties: { b: 2 }, $set: { a: 1 }, kind: "event", lane: "v0", times: 1 })
  expect(JSON.parse(JSON.stringify(first))).toMatchObject({ event: "e", properties: { b: 2 }, $set: { a: 1 }, uuid })
})

/**
 * PostHog's own clients for Node against the local PostHog: what they send arrives, and they have nothing to complain about.
 */
import { OpenAI } from "@posthog/ai/openai"
import { PostHog as PostHogNode } from "posthog-node"
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from "vitest"
import { type LocalServer, makeServer } from "../../src/local/server.js"
import * as chat from "../support/llm/openaiChat.js"

let server: LocalServer
let complaints: ReadonlyArray<MockInstance>

beforeEach(async () => {
  server = await makeServer({ port: 0, controlPort: false })
  complaints = (["log", "info", "warn", "error", "debug"] as const).map((level) => vi.spyOn(console, level))
})
afterEach(async () => {
  const said = complaints.flatMap(({ mock }) => mock.calls.map((call) => call.map(String).join(" ")))
  vi.restoreAllMocks()
  await server.close()
  expect(said).toEqual([])
})

const client = (
  captureMode: "v0" | "v1" = "v0",
  options: ConstructorParameters<typeof PostHogNode>[1] = {}
): PostHogNode => {
  // It reads the variable as it is made.
  process.env["POSTHOG_CAPTURE_MODE"] = captureMode
  const made = new PostHogNode("phc_local", { host: server.url, flushAt: 100, flushInterval: 100_000, ...options })
  delete process.env["POSTHOG_CAPTURE_MODE"]
  return made
}

const events = () => server.local.store.events

describe.each(["v0", "v1"] as const)("posthog-node by capture %s", (mode) => {
  it("says everything that it can say", async () => {
    const posthog = client(mode)
    posthog.capture({ distinctId: "ada", event: "order completed", properties: { total: 5, $session_id: "s" } })
    posthog.identify({ distinctId: "ada", properties: { $set: { plan: "pro" }, $anon_distinct_id: "anon" } })
    posthog.alias({ distinctId: "ada", alias: "old" })
    posthog.groupIdentify({ groupType: "company", groupKey: "acme", properties: { seats: 5 } })
    posthog.captureException(new TypeError("no"), "ada")
    posthog.capture({ event: "of nobody" })
    await posthog.shutdown()

    expect(events().map(({ event, kind, verdict, warnings }) => [event, kind, verdict, warnings]).sort()).toEqual([
      ["order completed", "event", "accepted", []],
      ["$identify", "person", "accepted", []],
      ["$create_alias", "person", "accepted", []],
      ["$groupidentify", "group", "accepted", []],
      ["$exception", "exception", "accepted", []],
      ["of nobody", "event", "accepted", []]
    ].sort())
    const [order] = events().filter(({ event }) => event === "order completed")
    expect(order).toMatchObject({
      lane: mode,
      distinct_id: "ada",
      project: "phc_local",
      sdk: { name: "posthog-node", version: expect.stringMatching(/^\d/) },
      properties: { total: 5, $session_id: "s", $lib: "posthog-node" }
    })
    expect(server.local.people.find("phc_local", "old")).toEqual({
      ids: ["ada", "anon", "old"],
      properties: { plan: "pro" }
    })
    expect(server.local.people.group("phc_local", "company", "acme")).toEqual({ seats: 5 })
    expect(server.local.store.counts).toMatchObject({ accepted: 6, refused: 0, duplicates: 0 })
    expect(server.local.store.requests.map(({ reason, status }) => [status, reason])).toEqual([[200, undefined]])
    expect(server.local.store.hints).toEqual([])
  })

  it("sends what was lost on the way again, and it is one event", async () => {
    const posthog = client(mode, { fetchRetryDelay: 1 })
    server.faults.start({ fault: { kind: "reset", when: "after" }, on: "events", times: 1 })
    posthog.capture({ distinctId: "ada", event: "e" })
    await posthog.flush()
    expect(events()).toMatchObject([{ event: "e", times: 2 }])
    expect(server.local.store.counts).toMatchObject({ accepted: 1, duplicates: 1 })
    // Only capture v1 says which attempt it is.
    expect(server.local.store.requests.map(({ attempt }) => attempt)).toEqual(mode === "v1" ? [1, 2] : [1, 1])
    await posthog.shutdown()
  })
})

it("posthog-node resends only what it is asked for", async () => {
  const posthog = client("v1", { fetchRetryDelay: 1 })
  server.faults.start({ fault: { kind: "partial", result: "retry", every: 2 }, on: "events", times: 1 })
  for (const event of ["a", "b", "c", "d"]) posthog.capture({ distinctId: "ada", event })
  await posthog.flush()
  await posthog.shutdown()
  const accepted = events().filter(({ verdict }) => verdict === "accepted")
  expect(accepted.map(({ event, times }) => [event, times]).sort()).toEqual([["a", 1], ["b", 1], ["c", 1], ["d", 1]])
  expect(server.local.store.requests.map(({ events }) => events)).toEqual([4, 2])
})

it("posthog-node has a route of its own for LLM analytics", async () => {
  const posthog = client("v0", { enableFullAiCapture: true })
  posthog.captureAi({ distinctId: "ada", event: "$ai_generation", properties: { $ai_trace_id: "t" } })
  await posthog.shutdown()
  expect(events()).toMatchObject([{
    lane: "ai",
    kind: "llm",
    event: "$ai_generation",
    verdict: "accepted",
    warnings: []
  }])
})

it("posthog-node says logs", async () => {
  const posthog = client()
  posthog.withContext({ distinctId: "ada", sessionId: "s" }, () => {
    posthog.captureLog({ body: "low stock", level: "warn", attributes: { sku: 5 } })
  })
  await posthog.shutdown()
  expect(events()).toMatchObject([{
    event: "$log",
    kind: "log",
    lane: "otlp",
    project: "phc_local",
    distinct_id: "ada",
    timestamp: expect.stringMatching(/^20\d\d-/),
    properties: { body: "low stock", severity: "WARN", $session_id: "s", attributes: { sku: 5 } }
  }])
  expect(server.local.store.requests.map(({ status, target }) => [status, target])).toEqual([[200, "otlp"]])
})

it.each([[false, "v0"], [true, "ai"]])("@posthog/ai, with full capture: %s", async (enableFullAiCapture, lane) => {
  const fetch = () =>
    Promise.resolve(new Response(JSON.stringify(chat.plain), { headers: { "content-type": "application/json" } }))
  const posthog = client("v0", { enableFullAiCapture })
  const openai = new OpenAI({ apiKey: "sk-test", posthog, fetch, maxRetries: 0 })
  await openai.chat.completions.create({
    model: "gpt-5-mini",
    messages: [{ role: "user", content: "hello" }],
    posthogDistinctId: "ada"
  })
  await posthog.shutdown()
  expect(events()).toMatchObject([{
    lane,
    kind: "llm",
    event: "$ai_generation",
    distinct_id: "ada",
    verdict: "accepted",
    warnings: [],
    properties: { $ai_model: expect.stringMatching(/^gpt/), $ai_trace_id: expect.any(String) }
  }])
})

it("many requests at once lose nothing", async () => {
  const posthog = client("v0", { flushAt: 1 })
  for (let n = 0; n < 200; n++) posthog.capture({ distinctId: `p${n % 7}`, event: "e", properties: { n } })
  await posthog.shutdown()
  expect(server.local.store.counts).toMatchObject({ accepted: 200, refused: 0 })
  expect(new Set(events().map(({ properties }) => properties.n)).size).toBe(200)
})

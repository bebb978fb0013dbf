import { describe, expect, it } from "vitest"
import { readFlags } from "../../src/local/flags.js"
import { definitions, flag, forPro } from "../support/definitions.js"
import { ask, capture, load, multivariate, open, values } from "./asking.js"

describe("an evaluation", () => {
  it("has value, reason and payload of each flag", async () => {
    const server = await open(definitions([
      multivariate("checkout", [
        { properties: [{ key: "plan", type: "person", value: ["free"], operator: "exact" }], rollout_percentage: 100 },
        { properties: [], rollout_percentage: 100, variant: "fast" }
      ], {}),
      flag("nobody", { filters: { groups: [{ properties: [], rollout_percentage: 0 }] } }),
      forPro("pro")
    ]))
    const { body, status } = await ask(server)
    expect(status).toBe(200)
    expect(body).toEqual({
      flags: {
        checkout: {
          key: "checkout",
          enabled: true,
          variant: "fast",
          reason: { code: "condition_match", description: "Matched condition set 2", condition_index: 1 },
          metadata: { id: 1, version: 3, payload: "{\"color\":\"#00f\"}", description: null }
        },
        nobody: expect.objectContaining({
          enabled: false,
          reason: { code: "out_of_rollout_bound", description: expect.any(String), condition_index: 0 }
        }),
        // What nobody has said of the person is known to be absent.
        pro: expect.objectContaining({
          enabled: false,
          variant: null,
          reason: { code: "no_condition_match", description: expect.any(String), condition_index: expect.anything() }
        })
      },
      errorsWhileComputingFlags: false,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      evaluatedAt: expect.any(Number)
    })
    expect(server.local.store.evaluations.map(({ flag, reason, value, where }) => [flag, value, reason, where]))
      .toEqual([
        ["checkout", "fast", "condition_match", "here"],
        ["nobody", false, "out_of_rollout_bound", "here"],
        ["pro", false, "no_condition_match", "here"]
      ])
  })

  it("knows what events have said of a person and of a group, under what the request says", async () => {
    const server = await open(definitions([
      forPro("pro"),
      flag("large", {
        filters: {
          aggregation_group_type_index: 0,
          groups: [{
            properties: [{ key: "seats", type: "group", group_type_index: 0, value: 100, operator: "gte" }],
            rollout_percentage: 100
          }]
        }
      })
    ], { group_type_mapping: { 0: "company" } }))
    await capture(server, { event: "$identify", properties: { $set: { plan: "pro" }, $anon_distinct_id: "anon" } })
    await capture(server, {
      event: "$groupidentify",
      properties: { $group_type: "company", $group_key: "acme", $group_set: { seats: 120 } }
    })
    expect(await values(server)).toEqual({ pro: true, large: false })
    expect(await values(server, { distinct_id: "anon", groups: { company: "acme" } })).toEqual({
      pro: true,
      large: true
    })
    expect(await values(server, { person_properties: { plan: "free" } })).toMatchObject({ pro: false })
    expect(await values(server, { distinct_id: "bob" })).toMatchObject({ pro: false })
  })

  it("compares whole numbers as PostHog does, whichever side has them as texts", async () => {
    const seats = (value: unknown) =>
      definitions([flag("five", {
        filters: { groups: [{ properties: [{ key: "seats", type: "person", value }], rollout_percentage: 100 }] }
      })])
    for (const document of [seats(5), seats("5"), seats([5]), seats(["5"])]) {
      const server = await open(document)
      for (const given of [5, "5"]) {
        expect(await values(server, { person_properties: { seats: given } })).toEqual({ five: true })
      }
      expect(await values(server, { person_properties: { seats: 6 } })).toEqual({ five: false })
    }
  })

  it("is off and says so where only PostHog could tell", async () => {
    const server = await open(definitions([
      flag("static", {
        filters: { groups: [{ properties: [{ key: "id", type: "cohort", value: 7 }], rollout_percentage: 100 }] }
      }),
      flag("well")
    ]))
    const { body } = await ask(server)
    expect(body.errorsWhileComputingFlags).toBe(true)
    expect(await values(server)).toEqual({ static: false, well: true })
    expect(server.local.store.hints.map(({ about }) => about)).toEqual(["flag static"])
  })

  it("keeps the value of a flag over an identify that asks for it", async () => {
    const document = (continuity: boolean) =>
      definitions([flag("half", {
        ensure_experience_continuity: continuity,
        filters: { groups: [{ properties: [], rollout_percentage: 50 }] }
      })])
    const [kept, plain] = [await open(document(true)), await open(document(false))]
    let changes = 0
    for (let i = 0; i < 20; i++) {
      const [anonymous, known] = [{ distinct_id: `anon-${i}` }, { distinct_id: `user-${i}` }]
      for (const server of [kept, plain]) {
        const before = await values(server, anonymous)
        const identified = await values(server, { ...known, $anon_distinct_id: anonymous.distinct_id })
        if (server === kept) expect(identified).toEqual(before)
        else if (identified.half !== before.half) changes++
      }
    }
    expect(changes).toBeGreaterThan(0)
  })

  it("leaves out what is off, deleted, for others, or was not asked for", async () => {
    const server = await open(definitions([
      flag("a"),
      flag("off", { active: false }),
      flag("gone", { deleted: true }),
      flag("browser", { evaluation_runtime: "client" }),
      flag("server", { evaluation_runtime: "server" }),
      flag("worker", { evaluation_contexts: ["worker"] })
    ]))
    const keys = async (more: object, headers?: Record<string, string>) =>
      Object.keys((await ask(server, more, undefined, headers)).body.flags)
    const nobodySays = { evaluation_runtime: undefined }
    expect(await keys({})).toEqual(["a", "server", "worker"])
    expect(await keys(nobodySays)).toEqual(["a", "worker"])
    expect(await keys(nobodySays, { origin: "http://localhost:3000" })).toEqual(["a", "browser", "worker"])
    expect(await keys(nobodySays, { "user-agent": "posthog-python/7.53.0" })).toEqual(["a", "server", "worker"])
    expect(await keys({ evaluation_contexts: ["web"] })).toEqual(["a", "server"])
    expect(await keys({ flag_keys_to_evaluate: ["a", "off"] })).toEqual(["a"])
    expect(await keys({ disable_flags: true })).toEqual([])
    // What is off is there, and no typo.
    expect(server.local.flags.missing()).toEqual([])
  })

  it("has the shapes of older clients and of those that want the configuration with it", async () => {
    const server = await open(definitions([forPro("pro")]), [{ key: "checkout", value: "fast", payload: [1] }])
    expect((await ask(server, {}, "/flags")).body).toMatchObject({
      featureFlags: { pro: false, checkout: "fast" },
      featureFlagPayloads: { checkout: "[1]" },
      errorsWhileComputingFlags: false
    })
    expect((await ask(server, {}, "/decide/?v=1")).body.featureFlags).toEqual(["checkout"])
    expect((await ask(server, {}, "/decide/?v=2")).body.featureFlags).toEqual({ checkout: "fast" })
    expect((await ask(server, {}, "/decide/?v=3")).body).toMatchObject({
      featureFlags: { pro: false, checkout: "fast" },
      supportedCompression: ["gzip", "gzip-js"]
    })
    expect((await ask(server, {}, "/flags/?v=2&config=true")).body).toMatchObject({
      flags: { checkout: { variant: "fast" } },
      hasFeatureFlags: true
    })
  })

  it.each([
    [401, { token: undefined }],
    [401, { token: "phx_secret" }],
    [401, { token: "é" }],
    [400, { distinct_id: undefined }],
    [400, { distinct_id: " " }],
    [200, { token: undefined, api_key: "phc_a", device_id: null }],
    [200, { distinct_id: 7 }]
  ])("%s for %o", async (status, more) => {
    const server = await open()
    expect((await ask(server, more)).status).toBe(status)
    const [request] = server.local.store.requests
    expect(request?.reason === undefined).toBe(status === 200)
  })

  it("takes hostile keys and ids", async () => {
    const server = await open(definitions([flag("__proto__"), flag("constructor")]))
    const { body } = await ask(server, {
      distinct_id: "__proto__",
      groups: { __proto__: "x", toString: {} },
      person_properties: JSON.parse("{\"__proto__\":{\"plan\":\"pro\"},\"toString\":1}"),
      flag_keys_to_evaluate: ["__proto__", "toString", { toString: 1 }]
    })
    expect(Object.keys(body.flags)).toEqual(["__proto__"])
    expect(server.local.flags.missing()).toEqual(["toString"])
  })
})

describe("keys that are not there", () => {
  it("are collected from requests and from events, until they are made", async () => {
    const server = await open(definitions([flag("there")]))
    await ask(server, { flag_keys_to_evaluate: ["there", "typo"] })
    await capture(server, {
      event: "$feature_flag_called",
      properties: { $feature_flag: "other", $feature_flag_error: "quota_limited,flag_missing" }
    })
    await capture(server, {
      event: "$feature_flag_called",
      properties: { $feature_flag: "there", $feature_flag_error: "flag_missing" }
    })
    const { flags, store } = server.local
    expect(flags.missing()).toEqual(["typo", "other"])
    expect(store.hints.map(({ about }) => about)).toEqual(expect.arrayContaining(["flag typo", "flag other"]))
    expect(store.evaluations.at(-1)).toMatchObject({ flag: "typo", value: undefined, reason: "flag_missing" })
    flags.override({ key: "typo", value: true })
    expect(flags.missing()).toEqual(["other"])
    flags.clear()
    expect(flags.missing()).toEqual([])
  })

  it("are bounded", async () => {
    const server = await open()
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i} ${"x".repeat(300)}`)
    await ask(server, { flag_keys_to_evaluate: keys })
    const missing = server.local.flags.missing()
    expect(missing).toHaveLength(200)
    expect(Math.max(...missing.map(({ length }) => length))).toBe(200)
  })

  it("are said again after everything was cleared", async () => {
    const asked = await open()
    await ask(asked, { flag_keys_to_evaluate: ["typo"] })
    asked.local.store.clear()
    await ask(asked, { flag_keys_to_evaluate: ["typo"] })
    expect(asked.local.store.hints.map(({ about }) => about)).toEqual(["flag typo"])
  })

  it("take little of memory, whatever they are called", async () => {
    const server = await open()
    const long = "x".repeat(100_000)
    await ask(server, { distinct_id: long, flag_keys_to_evaluate: [long] })
    await capture(server, {
      event: "$feature_flag_called",
      distinct_id: long,
      properties: { $feature_flag: long, $feature_flag_response: long, locally_evaluated: true }
    })
    const { evaluations } = server.local.store
    expect(evaluations).toHaveLength(2)
    for (const { distinct_id, flag, value } of evaluations) {
      for (const text of [distinct_id, flag, String(value)]) expect(text.length).toBeLessThanOrEqual(200)
    }
  })
})

describe("definitions", () => {
  it("need a secret key and a project, and are not told to browsers", async () => {
    const server = await open()
    expect((await load(server, {})).status).toBe(401)
    expect((await load(server, { authorization: "Bearer phc_a" })).status).toBe(401)
    const without = await fetch(`${server.url}/flags/definitions`, { headers: { authorization: "Bearer phs_a" } })
    expect(without.status).toBe(403)
    const headers = { authorization: "Bearer phx_a", origin: "http://localhost:3000" }
    const asked = await load(server, headers)
    expect(asked.status).toBe(200)
    expect(asked.headers.get("access-control-allow-origin")).toBeNull()
    const old = await fetch(`${server.url}/api/feature_flag/local_evaluation?token=phc_a`, { headers })
    expect(await old.json()).toEqual(await asked.json())
  })

  it("have a tag, by which nothing is sent twice, until something changes", async () => {
    const server = await open(definitions([multivariate("checkout", [])]))
    const authorization = "Bearer phs_a"
    const first = await load(server)
    const etag = first.headers.get("etag")!
    expect(etag).toMatch(/^W\/"/)
    const again = await load(server, { authorization, "if-none-match": etag })
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag])
    const version = async () => {
      const response = await load(server, { authorization, "if-none-match": etag })
      const { flags } = await response.json() as any
      return flags[0].version as number
    }
    server.local.flags.override({ key: "checkout", value: "fast" })
    expect(await version()).toBe(4)
    server.local.flags.override({ key: "checkout", value: undefined })
    // What was overridden once is another again, and not the one before.
    expect(await version()).toBe(5)
  })

  it("are refused with what is wrong with them, and the old ones stay", async () => {
    const server = await open(definitions([flag("a")]))
    const { flags } = server.local
    expect(flags.setDefinitions([])).toContain("object")
    expect(flags.setDefinitions({})).toContain("`flags`")
    expect(flags.setDefinitions({ flags: [{ id: 1 }] })).toContain("Flag 1")
    expect(flags.setDefinitions({ flags: [flag("b"), flag("b")] })).toContain("`b`")
    expect(flags.document()).toMatchObject({ flags: [{ key: "a" }] })
  })

  it("give the payload of a remote configuration", async () => {
    const server = await open(definitions([
      flag("limits", { filters: { groups: [], payloads: { true: "{\"rows\":5}" } } }),
      flag("none")
    ]))
    const get = (key: string, headers: Record<string, string> = { authorization: "Bearer phs_a" }) =>
      fetch(`${server.url}/api/projects/@current/feature_flags/${key}/remote_config?token=phc_a`, { headers })
    expect(await (await get("limits")).json()).toBe("{\"rows\":5}")
    expect(await (await get("none")).json()).toBeNull()
    expect([(await get("typo")).status, (await get("%E0%A4%A")).status, (await get("limits", {})).status])
      .toEqual([404, 400, 401])
    expect(server.local.flags.missing()).toEqual(["typo"])
  })

  it("can be written as values", () => {
    expect(readFlags({ checkout: "fast", "new-nav": true, old: false })).toMatchObject({
      document: {
        flags: [
          { id: 1, key: "checkout", active: true, filters: { multivariate: { variants: [{ key: "fast" }] } } },
          { id: 2, key: "new-nav", filters: { groups: [{ rollout_percentage: 100 }] } },
          { id: 3, key: "old", filters: { groups: [] } }
        ]
      }
    })
    expect(readFlags({ flags: [flag("a")], other: 1 })).toMatchObject({ document: { flags: [{ key: "a" }], other: 1 } })
    expect(readFlags({ checkout: 7 })).toEqual({ problem: expect.stringContaining("`checkout` is 7") })
    expect(readFlags(["checkout"])).toEqual({ problem: expect.any(String) })
    expect(readFlags({ flags: [{}] })).toEqual({ problem: expect.any(String) })
  })
})

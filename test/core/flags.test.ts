import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { LocalEvaluation } from "effect-posthog"
import {
  calledKey,
  calledProperties,
  errorCodes,
  eventProperties,
  minimalProperties
} from "../../src/core/flags/called.js"
import { flagsBody, usableGroups } from "../../src/core/flags/request.js"
import { parseFlagsResponse, plainFlag } from "../../src/core/flags/response.js"
import { Lru } from "../../src/core/lru.js"

const facts = { requestId: "r", evaluatedAt: 5, errorsWhileComputing: false, failure: undefined }

const subject = {
  distinctId: "u",
  groups: undefined,
  personProperties: undefined,
  groupProperties: undefined,
  deviceId: undefined,
  disableGeoip: true,
  flagKeys: undefined
}

describe("request", () => {
  it("has every field that PostHog wants, empty ones included", () => {
    assert.deepStrictEqual(JSON.parse(flagsBody("phc_a", subject, [])), {
      token: "phc_a",
      distinct_id: "u",
      groups: {},
      person_properties: {},
      group_properties: {},
      geoip_disable: true,
      evaluation_runtime: "server"
    })
  })

  it("has what was asked for", () => {
    const body = JSON.parse(flagsBody(
      "phc_a",
      {
        ...subject,
        groups: { company: "acme", team: "red" },
        personProperties: { plan: "pro", since: new Date(0), bad: Number.NaN },
        groupProperties: { company: { size: 3 }, team: { $group_key: "mine" }, other: { a: 1 } },
        deviceId: "d",
        disableGeoip: false,
        flagKeys: ["a", "b"]
      },
      ["mobile"]
    ))
    assert.deepStrictEqual(body, {
      token: "phc_a",
      distinct_id: "u",
      groups: { company: "acme", team: "red" },
      person_properties: { plan: "pro", since: "1970-01-01T00:00:00.000Z", bad: null },
      group_properties: {
        company: { $group_key: "acme", size: 3 },
        team: { $group_key: "mine" },
        other: { a: 1 }
      },
      geoip_disable: false,
      $device_id: "d",
      flag_keys_to_evaluate: ["a", "b"],
      evaluation_contexts: ["mobile"],
      evaluation_runtime: "server"
    })
  })

  it("leaves out group memberships that cannot be ones", () => {
    const groups = { a: "x", b: 7, c: "", d: "  ", e: undefined, f: Number.NaN, g: {} as never }
    assert.deepStrictEqual(usableGroups(groups), { a: "x", b: "7" })
    assert.isUndefined(usableGroups({ a: undefined }))
    assert.isUndefined(usableGroups(undefined))
  })
})

describe("response", () => {
  const parse = (body: unknown) => parseFlagsResponse(body)!

  it("in its current shape", () => {
    const response = parse({
      flags: {
        checkout: {
          key: "checkout",
          enabled: true,
          variant: "blue",
          reason: { code: "condition_match", description: "Matched condition set 1", condition_index: 0 },
          metadata: { id: 42, version: 7, payload: "{\"color\":\"#00f\"}", has_experiment: true }
        },
        off: { key: "off", enabled: false, variant: "ignored", metadata: { id: 43, version: 1, payload: null } },
        on: { key: "on", enabled: true, variant: null }
      },
      errorsWhileComputingFlags: false,
      requestId: "r1",
      evaluatedAt: 1735689600000,
      minimalFlagCalledEvents: true
    })
    assert.deepStrictEqual(response.flags.get("checkout"), {
      key: "checkout",
      value: "blue",
      source: "remote",
      payload: { color: "#00f" },
      id: 42,
      version: 7,
      reasonCode: "condition_match",
      reasonDescription: "Matched condition set 1",
      hasExperiment: true
    })
    assert.strictEqual(response.flags.get("off")!.value, false)
    assert.isUndefined(response.flags.get("off")!.payload)
    assert.strictEqual(response.flags.get("on")!.value, true)
    assert.isUndefined(response.flags.get("on")!.hasExperiment)
    assert.deepInclude(response, {
      requestId: "r1",
      evaluatedAt: 1735689600000,
      errorsWhileComputing: false,
      quotaLimited: false,
      minimalFlagCalledEvents: true
    })
  })

  it("in its older shapes", () => {
    const values = parse({
      featureFlags: { a: true, b: "blue", c: false },
      featureFlagPayloads: { b: "{\"x\":1}", c: { y: 2 } }
    })
    assert.deepStrictEqual(Array.from(values.flags, ([key, { value }]) => [key, value]), [
      ["a", true],
      ["b", "blue"],
      ["c", false]
    ])
    assert.deepStrictEqual(values.flags.get("b")!.payload, { x: 1 })
    assert.deepStrictEqual(values.flags.get("c")!.payload, { y: 2 })
    assert.isFalse(values.minimalFlagCalledEvents)
    const keys = parse({ featureFlags: ["a", "b", 3] })
    assert.deepStrictEqual(Array.from(keys.flags.values(), ({ value }) => value), [true, true])
  })

  it("payloads: JSON in JSON, text that is none, values, nothing", () => {
    const payloads = { a: "\"hello\"", b: "hello", c: "[1]", d: 5, e: null, f: "" }
    const flags = Object.fromEntries(
      Object.entries(payloads).map(([key, payload]) => [key, { enabled: true, metadata: { payload } }])
    )
    const parsed = parse({ flags })
    assert.deepStrictEqual(Array.from(parsed.flags.values(), ({ payload }) => payload), [
      "hello",
      "hello",
      [1],
      5,
      undefined,
      ""
    ])
  })

  it("over quota there are no flags, whatever else the answer says", () => {
    const response = parse({ flags: { a: { enabled: true } }, quotaLimited: ["recordings", "feature_flags"] })
    assert.isTrue(response.quotaLimited)
    assert.strictEqual(response.flags.size, 0)
    assert.isTrue(parse({ quotaLimited: ["feature_flags"] }).quotaLimited)
    assert.strictEqual(parse({ flags: { a: { enabled: true } }, quotaLimited: ["events"] }).flags.size, 1)
  })

  it("malformed flags are missing, not off", () => {
    const flags = { a: null, b: 1, c: {}, d: { enabled: "yes" }, e: [], good: { enabled: true } }
    const response = parse({ flags })
    assert.deepStrictEqual(Array.from(response.flags.keys()), ["good"])
    assert.deepStrictEqual(Array.from(response.malformed), ["a", "b", "c", "d", "e"])
  })

  it("a flag that PostHog could not compute has no value, whatever else is said of it", () => {
    const flags = {
      a: { enabled: false, failed: true, reason: { code: "timeout" } },
      b: { enabled: true, failed: true, variant: "blue" },
      c: { failed: true },
      d: { enabled: true, failed: false },
      e: { enabled: false, failed: null }
    }
    const response = parse({ flags })
    assert.deepStrictEqual(Array.from(response.failed), ["a", "b", "c"])
    assert.deepStrictEqual(Array.from(response.flags, ([key, { value }]) => [key, value]), [["d", true], ["e", false]])
    assert.strictEqual(response.malformed.size, 0)
  })

  it("a member that decides and has another type makes its flag unreadable, and no other", () => {
    const wrong = {
      enabled: [undefined, null, "true", 1, {}, []],
      variant: [1, true, false, {}, ["a"]],
      failed: ["true", 1, 0, {}, []]
    }
    for (const [member, values] of Object.entries(wrong)) {
      for (const value of values) {
        const response = parse({ flags: { a: { enabled: true, [member]: value }, b: { enabled: true } } })
        assert.deepStrictEqual(Array.from(response.malformed), ["a"], `${member}: ${JSON.stringify(value)}`)
        assert.deepStrictEqual(Array.from(response.flags.keys()), ["b"])
      }
    }
  })

  it("what only describes a flag decides nothing: codes that are new stay, other types are left out", () => {
    const of = (more: object) => parse({ flags: { a: { enabled: true, ...more } } }).flags.get("a")!
    assert.deepInclude(of({ reason: { code: "brand_new_reason", description: "x", more: 1 } }), {
      value: true,
      reasonCode: "brand_new_reason",
      reasonDescription: "x"
    })
    const others: ReadonlyArray<unknown> = ["text", 1, true, null, ["x"]]
    for (const other of others) {
      assert.deepInclude(of({ reason: other, metadata: other, brand_new: other }), {
        value: true,
        payload: undefined,
        id: undefined,
        reasonCode: undefined
      })
    }
    const metadata = { id: "1", version: [], has_experiment: "no", payload: { a: 1 } }
    assert.deepInclude(of({ reason: { code: 1 }, metadata }), {
      id: undefined,
      version: undefined,
      hasExperiment: undefined
    })
  })

  it("an answer that says anything of errors but that there are none is incomplete", () => {
    const of = (errors: unknown) => parse({ flags: {}, errorsWhileComputingFlags: errors }).errorsWhileComputing
    for (const errors of [undefined, null, false]) assert.isFalse(of(errors))
    for (const errors of [true, "true", 1, ["a"], {}]) assert.isTrue(of(errors), JSON.stringify(errors))
    assert.isTrue(parse({ featureFlags: { a: true }, errorsWhileComputingFlags: true }).errorsWhileComputing)
  })

  it("older shapes: a value of another type is unreadable", () => {
    const response = parse({ featureFlags: { a: 1, b: null, c: {}, d: ["x"], e: "blue" }, featureFlagPayloads: [] })
    assert.deepStrictEqual(Array.from(response.malformed), ["a", "b", "c", "d"])
    assert.deepStrictEqual(Array.from(response.flags.keys()), ["e"])
  })

  it("a payload may nest deeper than the stack reaches", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth)
    const body = (payload: string) => JSON.parse(`{"flags":{"a":{"enabled":true,"metadata":{"payload":${payload}}}}}`)
    for (const payload of [nested(100_000), JSON.stringify(nested(100_000)), `{"a":${nested(100_000)}}`]) {
      const flag = parse(body(payload)).flags.get("a")!
      assert.strictEqual(flag.value, true)
      assert.isTrue(Object.isFrozen(flag.payload))
      let depth = 0
      for (let at: unknown = flag.payload; typeof at === "object"; at = Object.values(at as object)[0]) depth++
      assert.isAtLeast(depth, 100_000)
    }
    const definitions = JSON.parse(
      `{"flags":[{"key":"a","active":true,"filters":{"groups":[{}],"payloads":{"true":${nested(100_000)}}}}]}`
    )
    const compiled = Option.getOrThrow(LocalEvaluation.compile(definitions))
    const local = LocalEvaluation.evaluate(compiled, { distinctId: "u" }, { now: 0 }).flags.get("a")!
    assert.strictEqual(local.value, true)
    assert.isTrue(Object.isFrozen(local.payload))
    assert.isFalse(Object.isFrozen(definitions.flags[0].filters.payloads.true))
  })

  it("what is no answer is none", () => {
    for (const body of [null, undefined, 1, "flags", [], {}, { flags: [] }, { flags: null }, { featureFlags: 3 }]) {
      assert.isUndefined(parseFlagsResponse(body), JSON.stringify(body))
    }
  })
})

describe("$feature_flag_called", () => {
  it("tells what is known", () => {
    const flag = {
      ...plainFlag("a", "blue", undefined, "remote"),
      id: 1,
      version: 2,
      reasonCode: "condition_match",
      hasExperiment: false
    }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(calledProperties("a", flag, facts, { company: "acme" }))), {
      $feature_flag: "a",
      $feature_flag_response: "blue",
      "$feature/a": "blue",
      $feature_flag_id: 1,
      $feature_flag_version: 2,
      $feature_flag_reason: "condition_match",
      $feature_flag_request_id: "r",
      $feature_flag_evaluated_at: 5,
      $feature_flag_has_experiment: false,
      locally_evaluated: false,
      $groups: { company: "acme" }
    })
  })

  it("error codes come in PostHog's order", () => {
    const failure = (reason: string, status?: number) => ({ ...facts, failure: { reason, status } })
    assert.isUndefined(errorCodes(facts, false))
    assert.strictEqual(errorCodes(facts, true), "flag_missing")
    assert.strictEqual(errorCodes({ ...facts, errorsWhileComputing: true }, false), "errors_while_computing_flags")
    assert.strictEqual(
      errorCodes({ ...facts, errorsWhileComputing: true }, true),
      "errors_while_computing_flags,flag_missing"
    )
    assert.strictEqual(errorCodes(failure("quota_limited"), true), "quota_limited,flag_missing")
    assert.strictEqual(errorCodes(failure("timeout"), true), "timeout")
    assert.strictEqual(errorCodes(failure("connection"), true), "connection_error")
    assert.strictEqual(errorCodes(failure("status", 500), true), "api_error_500")
    assert.strictEqual(errorCodes(failure("invalid_response"), true), "unknown_error")
    // Not computed is not missing.
    const failed = { ...facts, failed: new Set(["a"]) }
    assert.strictEqual(errorCodes(failed, true, "a"), "errors_while_computing_flags")
    assert.strictEqual(errorCodes({ ...failed, errorsWhileComputing: true }, true, "a"), "errors_while_computing_flags")
    assert.strictEqual(errorCodes(failed, true, "b"), "flag_missing")
  })

  it("equal reads have one name, different ones have different names", () => {
    assert.strictEqual(calledKey("u", "k", true, { a: "1", b: "2" }), calledKey("u", "k", true, { b: "2", a: "1" }))
    const names = [
      calledKey("u", "k", true, undefined),
      calledKey("u", "k", "true", undefined),
      calledKey("u", "k", false, undefined),
      calledKey("u", "k", undefined, undefined),
      calledKey("v", "k", true, undefined),
      calledKey("u", "l", true, undefined),
      calledKey("u\",\"k", "", true, undefined),
      calledKey("u", "k", true, { a: "1" }),
      calledKey("u", "k", true, { a: "1,b:2" }),
      calledKey("u", "k", true, { a: "1", b: "2" })
    ]
    assert.strictEqual(new Set(names).size, names.length)
  })

  it("names are short, however long what they name is", () => {
    const long = "x".repeat(8_000)
    const groups = { company: long }
    const names = [
      calledKey(long, "k", true, undefined),
      calledKey(`${long}y`, "k", true, undefined),
      calledKey(`y${long}`, "k", true, undefined),
      calledKey(long, "l", true, undefined),
      calledKey(long, "k", false, undefined),
      calledKey(long, "k", long, undefined),
      calledKey("u", long, true, undefined),
      calledKey("u", "k", true, groups),
      calledKey("u", "k", true, { company: `${long}y` }),
      calledKey("\ud83e\udd94".repeat(8_000), "k", true, undefined),
      ...Array.from({ length: 2_000 }, (_, i) => calledKey(`${long}${i}`, "k", true, undefined))
    ]
    assert.strictEqual(new Set(names).size, names.length)
    for (const name of names) assert.isAtMost(name.length, 256)
    assert.strictEqual(calledKey(long, "k", true, groups), calledKey(long, "k", true, { ...groups }))
  })

  it("the short form keeps what says who, what and from where, and drops values by flag", () => {
    for (const name of ["$feature_flag", "$groups", "$session_id", "$lib", "utm_source", "gclid"]) {
      assert.isTrue(minimalProperties.has(name), name)
    }
    for (const name of ["$feature/a", "$referrer", "plan"]) assert.isFalse(minimalProperties.has(name), name)
  })
})

describe("properties of events", () => {
  it("have every value, and the keys of those that are on, sorted", () => {
    const flags = [
      plainFlag("z", true, undefined, "remote"),
      plainFlag("b", "blue", undefined, "remote"),
      plainFlag("off", false, undefined, "remote")
    ]
    assert.deepStrictEqual(eventProperties(flags), {
      "$feature/z": true,
      "$feature/b": "blue",
      "$feature/off": false,
      $active_feature_flags: ["b", "z"]
    })
    assert.deepStrictEqual(eventProperties([flags[2]!]), { "$feature/off": false })
    assert.deepStrictEqual(eventProperties([]), {})
  })
})

describe("Lru", () => {
  it("forgets what a list in the order of use would forget", () => {
    let seed = 7
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (const capacity of [1, 2, 5, 50]) {
      const lru = new Lru<number, number>(capacity)
      let model: Array<readonly [number, number]> = []
      for (let step = 0; step < 5_000; step++) {
        const key = random(capacity * 2)
        const known = model.find(([name]) => name === key)
        if (random(2) === 0) {
          assert.strictEqual(lru.get(key), known?.[1])
          if (known !== undefined) model = [...model.filter(([name]) => name !== key), known]
        } else {
          lru.set(key, step)
          model = [...model.filter(([name]) => name !== key), [key, step] as const].slice(-capacity)
        }
        assert.strictEqual(lru.size, model.length)
      }
    }
  })

  it("forgets one entry at a time, the least recently used first", () => {
    const lru = new Lru<string, number>(3)
    for (const [index, key] of ["a", "b", "c"].entries()) lru.set(key, index)
    assert.strictEqual(lru.get("a"), 0)
    lru.set("d", 3)
    assert.isUndefined(lru.get("b"))
    assert.deepStrictEqual(["a", "c", "d"].map((key) => lru.get(key)), [0, 2, 3])
    lru.set("c", 9)
    assert.strictEqual(lru.size, 3)
    assert.strictEqual(lru.get("c"), 9)
  })

  it("with room for nothing keeps nothing", () => {
    const lru = new Lru<string, number>(0)
    lru.set("a", 1)
    assert.isUndefined(lru.get("a"))
    assert.strictEqual(lru.size, 0)
  })
})

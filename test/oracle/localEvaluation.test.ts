/**
 * Local evaluation beside posthog-node's: worlds from a seed, and every flag of them compared, value, payload and reason.
 *
 *   npm run differential                                     thousands of worlds, as in CI
 *   DIFFERENTIAL_SEED=7 DIFFERENTIAL_CASES=1000000 npm run differential
 *
 * The generator leaves out what the two are known to answer differently. Those are at the end, each with the reason why.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Option } from "effect"
import { LocalEvaluation } from "effect-posthog"
import { PostHog as PostHogNode } from "posthog-node"
import { vi } from "vitest"
import { contexts, type World, world } from "../support/flagWorlds.js"

const seed = Number(process.env.DIFFERENTIAL_SEED ?? 1)
const count = Number(process.env.DIFFERENTIAL_CASES ?? 4_000)

/** A flag that has a value, with its payload, or the reason why it has none. */
type Answers = Record<string, { readonly value: unknown; readonly payload: unknown } | { readonly reason: string }>

let document: unknown = { flags: [] }

const makeNode = (evaluationContexts: ReadonlyArray<string>) => {
  const client = new PostHogNode("phc_test", {
    host: "http://127.0.0.1:9",
    evaluationContexts,
    featureFlagsPollingInterval: 2_000_000_000,
    fetch: () => Promise.reject(new Error("nothing is asked for")),
    flagDefinitionCacheProvider: {
      getFlagDefinitions: () => document as never,
      shouldFetchFlagDefinitions: () => false,
      onFlagDefinitionsReceived: () => undefined,
      shutdown: () => undefined
    }
  })
  // It tells of flags that throw; those are missing from its answer.
  client.on("error", () => undefined)
  return client
}

let withoutContexts: PostHogNode
let withContexts: PostHogNode

beforeAll(() => {
  vi.spyOn(console, "warn").mockImplementation(() => undefined)
  vi.useFakeTimers({ toFake: ["Date"] })
  process.env.TZ = "UTC"
  withoutContexts = makeNode([])
  withContexts = makeNode(contexts)
})

afterAll(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await Promise.all([withoutContexts.shutdown(), withContexts.shutdown()])
})

const throughNode = async (case_: World): Promise<Answers> => {
  const client = case_.contexts ? withContexts : withoutContexts
  vi.setSystemTime(case_.now)
  document = case_.definitions
  await client.reloadFeatureFlags()
  const snapshot = await client.evaluateFlags(case_.distinctId, {
    groups: case_.groups,
    personProperties: case_.personProperties as never,
    groupProperties: case_.groupProperties as never,
    onlyEvaluateLocally: true
  })
  const answers: Answers = {}
  for (const key of snapshot.keys) {
    answers[key] = {
      value: snapshot.getFlag(key, { sendFeatureFlagEvents: false }),
      payload: snapshot.getFlagPayload(key)
    }
  }
  for (const [key, reason] of Object.entries(snapshot.unresolvedFlags)) answers[key] = { reason }
  return answers
}

const throughOurs = (case_: World, flagKeys?: ReadonlyArray<string>): Answers => {
  const definitions = LocalEvaluation.compile(case_.definitions, {
    evaluationContexts: case_.contexts ? contexts : undefined
  })
  const result = LocalEvaluation.evaluate(Option.getOrThrow(definitions), case_, { now: case_.now, flagKeys })
  const answers: Answers = {}
  for (const [key, { payload, value }] of result.flags) answers[key] = { value, payload }
  for (const [key, { reason }] of result.unresolved) answers[key] = { reason }
  return answers
}

const sorted = (answers: Answers) => JSON.stringify(Object.entries(answers).sort(([a], [b]) => a < b ? -1 : 1))

describe("local evaluation beside posthog-node's", () => {
  it(`${count} worlds from seed ${seed} are answered alike`, { timeout: 60_000 + count * 50 }, async () => {
    const seen: Record<string, number> = {}
    const wrong: Array<unknown> = []
    for (let i = seed; i < seed + count && wrong.length < 5; i++) {
      const case_ = world(i)
      const [node, ours] = [await throughNode(case_), throughOurs(case_)]
      if (sorted(node) !== sorted(ours)) {
        const keys = Array.from(new Set([...Object.keys(node), ...Object.keys(ours)])).filter((key) =>
          JSON.stringify(node[key]) !== JSON.stringify(ours[key])
        )
        wrong.push({ seed: i, differ: keys.map((key) => ({ key, node: node[key], ours: ours[key] })) })
      }
      for (const answer of Object.values(ours)) {
        const kind = "reason" in answer
          ? answer.reason
          : typeof answer.value === "string"
          ? "variant"
          : String(answer.value)
        seen[kind] = (seen[kind] ?? 0) + 1
      }
    }
    assert.strictEqual(wrong.length, 0, wrong.map((entry) => JSON.stringify(entry)).join("\n\n"))
    // It compares something: each kind of answer is among them.
    if (count < 1_000) return
    for (
      const kind of [
        "true",
        "false",
        "variant",
        "missing_context",
        "unsupported_definition",
        "unresolved_dependency",
        "experience_continuity"
      ]
    ) assert.isAbove(seen[kind] ?? 0, count / 50, `${kind} of ${JSON.stringify(seen)}`)
  })

  it("a flag is the same alone, among all, and in any order", () => {
    for (let i = seed; i < seed + Math.min(count, 2_000); i++) {
      const case_ = world(i)
      const all = throughOurs(case_)
      const keys = Object.keys(all)
      assert.deepStrictEqual(
        throughOurs(case_, keys.map((_, index) => keys[keys.length - 1 - index]!)),
        all,
        `seed ${i}`
      )
      for (const key of keys) assert.deepStrictEqual(throughOurs(case_, [key]), { [key]: all[key] }, `seed ${i}`)
    }
  })
})

/**
 * Not among these, because they end its process: a cohort or a flag that depends on itself, where posthog-node takes memory until there
 * is none, and patterns such as `(a+)+$`, where it goes on for ever. Ours are unresolved and matched, see localEvaluationSafety.test.ts.
 */
describe("where posthog-node answers differently, and why this library does not", () => {
  const person = (operator: string, value: unknown) => ({ key: "p", type: "person", operator, value })
  const flag = (properties: ReadonlyArray<unknown>, filters: object = {}, more: object = {}) => ({
    id: 1,
    key: "flag",
    active: true,
    filters: { groups: [{ properties, rollout_percentage: 100 }], ...filters },
    ...more
  })
  const on = { ...flag([]), key: "on" }
  const dependsOn = (key: string, operator = "flag_evaluates_to", chain = [key]) => ({
    key,
    type: "flag",
    operator,
    value: true,
    dependency_chain: chain
  })
  const p = (value: unknown) => ({ personProperties: { p: value } })
  const value = (value: unknown, payload?: unknown) => ({ value, payload })
  const reason = (reason: string) => ({ reason })

  const rows: ReadonlyArray<{
    readonly why: string
    readonly flags: ReadonlyArray<unknown>
    readonly cohorts?: unknown
    readonly subject?: object
    readonly node: unknown
    readonly ours: unknown
  }> = [
    {
      why: "a payload that is 0 is a payload",
      flags: [flag([], { payloads: { true: "0" } })],
      node: value(true),
      ours: value(true, 0)
    },
    {
      why: "PostHog's server takes no other operator for flags than flag_evaluates_to",
      flags: [on, flag([dependsOn("on", "exact")])],
      node: value(true),
      ours: value(false)
    },
    {
      why: "JSON has no undefined: a property that is undefined never reaches PostHog, so it is not known",
      flags: [flag([person("is_set", null)])],
      subject: p(undefined),
      node: value(true),
      ours: reason("missing_context")
    },
    {
      why: "a number that is none becomes null on its way to PostHog, which does not match NaN",
      flags: [flag([person("icontains", "nan")])],
      subject: p(Number.NaN),
      node: value(true),
      ours: reason("missing_context")
    },
    {
      why: "a Date reaches PostHog as an ISO text, not as what String makes of it",
      flags: [flag([person("icontains", "coordinated")])],
      subject: p(new Date(0)),
      node: value(true),
      ours: reason("missing_context")
    },
    {
      why: "what an operator that is not known makes of null is not known either",
      flags: [flag([person("not_icontains_multi", ["a"])])],
      subject: p(null),
      node: value(false),
      ours: reason("unsupported_definition")
    },
    {
      why: "a filter without a value asks nothing; it does not ask for the text undefined",
      flags: [flag([person("icontains", undefined)])],
      subject: p("undefined"),
      node: value(true),
      ours: reason("unsupported_definition")
    },
    {
      why: "a date that is none is not known, rather than neither before nor after any other",
      flags: [flag([person("is_date_before", "2024-01-01")])],
      subject: p(new Date(Number.NaN)),
      node: value(false),
      ours: reason("missing_context")
    },
    {
      why: "no flag has the name of a member of Object.prototype",
      flags: [flag([dependsOn("constructor")])],
      node: value(false),
      ours: reason("unsupported_definition")
    },
    {
      why: "a group without a key that could be sent cannot be bucketed",
      flags: [flag([], { aggregation_group_type_index: 0 })],
      subject: { groups: { company: null } },
      node: value(true),
      ours: reason("missing_context")
    },
    {
      why: "a device without an id that is a text cannot be bucketed",
      flags: [flag([], {}, { bucketing_identifier: "device_id" })],
      subject: { personProperties: { $device_id: {} } },
      node: value(true),
      ours: reason("missing_context")
    },
    {
      why: "an empty group in a cohort is everybody, also where only the reason of something else depends on it",
      flags: [flag([{ key: "id", type: "cohort", value: 1 }], {}, { bucketing_identifier: "device_id" })],
      cohorts: { 1: { type: "AND", values: [{ type: "AND", values: [] }, {}] } },
      node: reason("unsupported_definition"),
      ours: reason("missing_context")
    },
    {
      why: "PostHog looks at the choice of an early access feature before all else",
      flags: [flag([], { feature_enrollment: true })],
      subject: { personProperties: { "$feature_enrollment/flag": "false" } },
      node: value(true),
      ours: value(false)
    },
    {
      why: "rules of another version are not those that are known",
      flags: [flag([], { version: 2 })],
      node: value(true),
      ours: reason("unsupported_definition")
    },
    {
      why: "a type of filter that is not known looks at something else than a property of that name",
      flags: [flag([{ ...person("exact", "a"), type: "person_metadata" }])],
      subject: p("a"),
      node: value(true),
      ours: reason("unsupported_definition")
    },
    {
      why: "what is hashed is not known",
      flags: [flag([], {}, { bucketing_identifier: "session_id" })],
      node: value(true),
      ours: reason("unsupported_definition")
    },
    {
      why: "an operator on a cohort that is not known may mean anything",
      flags: [flag([{ key: "id", type: "cohort", operator: "in_any", value: 1 }])],
      cohorts: { 1: {} },
      node: value(true),
      ours: reason("unsupported_definition")
    },
    {
      why: "a share that is no number is not read as one",
      flags: [{ ...flag([]), filters: { groups: [{ properties: [], rollout_percentage: "100" }] } }],
      node: value(true),
      ours: reason("unsupported_definition")
    }
  ]

  for (const { cohorts = {}, flags, node, ours, subject, why } of rows) {
    it(why, async () => {
      const case_: World = {
        definitions: { flags, group_type_mapping: { 0: "company" }, cohorts },
        distinctId: "user",
        groups: {},
        personProperties: {},
        groupProperties: {},
        now: Date.UTC(2025, 0, 1),
        contexts: false,
        ...subject
      }
      assert.deepStrictEqual((await throughNode(case_)).flag, node as never, "posthog-node")
      assert.deepStrictEqual(throughOurs(case_).flag, ours as never, "ours")
    })
  }

  it("a time without an offset is UTC wherever the program runs", async () => {
    const case_: World = {
      definitions: { flags: [flag([person("is_date_before", "2024-06-01T12:00:00Z")])], cohorts: {} },
      distinctId: "user",
      groups: {},
      personProperties: { p: "2024-06-01T11:00:00" },
      groupProperties: {},
      now: 0,
      contexts: false
    }
    process.env.TZ = "America/New_York"
    try {
      assert.deepStrictEqual((await throughNode(case_)).flag, value(false))
      assert.deepStrictEqual(throughOurs(case_).flag, value(true))
    } finally {
      process.env.TZ = "UTC"
    }
  })
})

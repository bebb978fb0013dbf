/**
 * What a definition may say that this version does not know. In a member that decides, the flag is unresolved and PostHog is asked; a
 * member that is not known at all is ignored. The table stands in docs/local-evaluation.md for people.
 */
import { assert, describe, it } from "@effect/vitest"
import { Either, Option } from "effect"
import { LocalEvaluation } from "effect-posthog"

type Json = Readonly<Record<string, unknown>>

/** A flag that is on for everybody who is in the group, has a property `p`, is in cohort 1 and gets `on`. */
interface World {
  readonly document: Json
  readonly flag: Json
  readonly filters: Json
  readonly condition: Json
  readonly filter: Json
  readonly cohort: Json
  readonly inCohort: Json
  readonly dependency: Json
  readonly variant: Json
  readonly holdout: Json
}

const documentOf = (changes: Partial<World>): Json => ({
  group_type_mapping: { 0: "company" },
  cohorts: {
    1: { type: "AND", values: [{ key: "p", type: "person", operator: "exact", value: "yes", ...changes.inCohort }] }
  },
  ...changes.document,
  flags: [
    { id: 1, key: "on", active: true, filters: { groups: [{}] } },
    {
      id: 2,
      key: "flag",
      active: true,
      ...changes.flag,
      filters: "filters" in (changes.flag ?? {}) ? changes.flag!.filters : {
        groups: [{
          properties: [
            { key: "p", type: "person", operator: "exact", value: "yes", ...changes.filter },
            { key: "id", type: "cohort", operator: "in", value: 1, ...changes.cohort },
            {
              key: "on",
              type: "flag",
              operator: "flag_evaluates_to",
              value: true,
              dependency_chain: ["on"],
              ...changes.dependency
            }
          ],
          ...changes.condition
        }],
        multivariate: { variants: [{ key: "a", rollout_percentage: 100, ...changes.variant }] },
        holdout: { id: 1, exclusion_percentage: 0, ...changes.holdout },
        payloads: { a: "1" },
        ...changes.filters
      }
    }
  ]
})

const subject = {
  distinctId: "u",
  groups: { company: "acme" },
  groupProperties: { company: { p: "yes" } },
  personProperties: { p: "yes", $device_id: "d" }
}

const evaluate = (changes: Partial<World>, evaluationContexts?: ReadonlyArray<string>) => {
  const definitions = Option.getOrThrow(LocalEvaluation.compile(documentOf(changes), { evaluationContexts }))
  return LocalEvaluation.evaluate(definitions, subject, { now: 0 })
}

/** Values of each type that JSON has but the one that is right. */
const texts: ReadonlyArray<unknown> = ["x", "1", "true", "null"]
const numbers: ReadonlyArray<unknown> = [0, 1, 2, -1, 0.5]
const switches: ReadonlyArray<unknown> = [true, false]
const objects: ReadonlyArray<unknown> = [{}, { type: "new" }]
const lists: ReadonlyArray<unknown> = [[], ["x"], [{}]]

interface Row {
  readonly part: keyof World
  readonly member: string
  /** Values that mean something, those of absence among them. */
  readonly known: ReadonlyArray<unknown>
  readonly unknown: ReadonlyArray<unknown>
  readonly contexts?: ReadonlyArray<string>
}

const absent = [undefined, null]

const table: ReadonlyArray<Row> = [
  {
    part: "document",
    member: "property_matching_version",
    known: [...absent, 1, 2],
    unknown: [0, 3, 1.5, ...texts, "2", ...switches, ...objects, ...lists]
  },
  { part: "document", member: "cohorts", known: [], unknown: [...absent, ...texts, ...numbers, ...lists, {}] },
  {
    part: "flag",
    member: "active",
    known: [...absent, ...switches],
    unknown: [...texts, ...numbers, ...objects, ...lists]
  },
  {
    part: "flag",
    member: "bucketing_identifier",
    known: [...absent, "", "distinct_id", "device_id"],
    unknown: [...texts, "session_id", "DEVICE_ID", ...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "flag",
    member: "ensure_experience_continuity",
    known: [...absent, false],
    unknown: [...texts, ...numbers, ...objects, ...lists]
  },
  {
    part: "flag",
    member: "evaluation_contexts",
    known: [...absent, [], ["backend"], ["backend", 1]],
    unknown: [...texts, "backend", ...numbers, ...switches, ...objects, [1], [["backend"]], ["web", null]],
    contexts: ["backend"]
  },
  { part: "flag", member: "filters", known: absent, unknown: [...texts, ...numbers, ...switches, ...lists] },
  {
    part: "filters",
    member: "version",
    known: [...absent, 1],
    unknown: [0, 2, 3, 1.5, -1, ...texts, "2", ...switches, ...objects, ...lists]
  },
  {
    part: "filters",
    member: "groups",
    known: [...absent, []],
    unknown: [...texts, ...numbers, ...switches, ...objects, ["x"], [1], [null], [[]]]
  },
  {
    part: "filters",
    member: "aggregation_group_type_index",
    known: [...absent, 0],
    unknown: [1, 7, -1, 0.5, ...texts, "0", "company", ...switches, ...objects, ...lists, [0]]
  },
  {
    part: "filters",
    member: "multivariate",
    known: [...absent, {}, { variants: null }],
    unknown: [...texts, ...numbers, ...switches, ...lists, { variants: {} }, { variants: "a" }, { variants: [null] }]
  },
  {
    part: "filters",
    member: "early_exit",
    known: [...absent, ...switches],
    unknown: [...texts, ...numbers, ...objects, ...lists]
  },
  {
    part: "filters",
    member: "feature_enrollment",
    known: [...absent, false],
    unknown: [...texts, ...numbers, ...objects, ...lists]
  },
  {
    part: "filters",
    member: "holdout",
    known: [...absent, {}],
    unknown: [...texts, ...numbers, ...switches, ...lists]
  },
  { part: "holdout", member: "id", known: [...absent, 7, "7"], unknown: [...switches, ...objects, ...lists] },
  {
    part: "holdout",
    member: "exclusion_percentage",
    // A text that is no number is no holdout, to PostHog's SDKs.
    known: [...absent, 0, 100, "30", "x"],
    unknown: [...switches, ...objects, ...lists]
  },
  {
    part: "variant",
    member: "key",
    known: ["a", ""],
    unknown: [...absent, ...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "variant",
    member: "rollout_percentage",
    known: [0, 33.3, 100],
    unknown: [...absent, ...texts, "100", ...switches, ...objects, ...lists]
  },
  {
    part: "condition",
    member: "properties",
    known: [...absent, []],
    unknown: [...texts, ...numbers, ...switches, ...objects, ["x"], [null], [[]]]
  },
  {
    part: "condition",
    member: "rollout_percentage",
    known: [...absent, 0, 50.5, 100],
    unknown: [...texts, "100", ...switches, ...objects, ...lists]
  },
  {
    part: "condition",
    member: "variant",
    // One that the flag does not have is none, to PostHog.
    known: [...absent, "", "a", "gone"],
    unknown: [...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "condition",
    member: "aggregation_group_type_index",
    // A group type that the document does not have is one that nobody is in.
    known: [...absent, 0, 7],
    unknown: [...texts, "0", ...switches, ...objects, ...lists]
  },
  { part: "filter", member: "key", known: ["p"], unknown: [...absent, ...numbers, ...switches, ...objects, ...lists] },
  {
    part: "filter",
    member: "type",
    known: [...absent, "person", "group"],
    unknown: [
      ...texts,
      "",
      "PERSON",
      "person_metadata",
      "event",
      "session",
      "behavioral",
      "hogql",
      "static-cohort",
      ...numbers,
      ...switches,
      ...objects,
      ...lists
    ]
  },
  {
    part: "filter",
    member: "operator",
    known: [...absent, "", "exact", "is_set"],
    unknown: [...texts, "between", "in", "EXACT", "flag_evaluates_to", ...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "cohort",
    member: "operator",
    known: [...absent, "", "in", "exact", "not_in"],
    unknown: [...texts, "IN", "in_any", "is_not", ...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "cohort",
    member: "value",
    known: [1, "1"],
    unknown: [...absent, 2, "one", ...switches, ...objects, ...lists, [1]]
  },
  {
    part: "inCohort",
    member: "negation",
    known: [...absent, ...switches],
    unknown: [...texts, "false", ...numbers, ...objects, ...lists]
  },
  {
    part: "inCohort",
    member: "type",
    known: [...absent, "person"],
    unknown: [...texts, "behavioral", "precalculated-cohort", ...numbers, ...objects]
  },
  {
    part: "inCohort",
    member: "operator",
    known: [...absent, "exact"],
    unknown: [...texts, "between", ...numbers, ...objects]
  },
  {
    part: "dependency",
    member: "key",
    known: ["on"],
    unknown: [...absent, ...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "dependency",
    member: "operator",
    // Operators for properties hold of no flag, to PostHog.
    known: [...absent, "", "flag_evaluates_to", "exact"],
    unknown: [...texts, "flag_evaluates_to_any", "flag_has_payload", ...numbers, ...switches, ...objects, ...lists]
  },
  {
    part: "dependency",
    member: "dependency_chain",
    known: [["on"]],
    unknown: [...absent, ...texts, "on", ...numbers, ...switches, ...objects, [], ["nowhere"], [1], [null]]
  }
]

/** A group of a cohort, in the place of the cohort. */
const groups: { readonly known: ReadonlyArray<unknown>; readonly unknown: ReadonlyArray<unknown> } = {
  known: [null, {}, { type: "OR", values: [] }, { type: "property", values: null }],
  unknown: [
    ...texts,
    ...numbers,
    ...switches,
    ...lists,
    { type: "XOR", values: [] },
    { type: "and", values: [] },
    { type: 1, values: [] },
    { values: [] },
    { type: "AND", values: "x" },
    { type: "AND", values: {} },
    { type: "AND", values: [null] },
    { type: "AND", values: [{ type: "AND", values: [] }, { key: "p", type: "person", value: "yes" }] }
  ]
}

const show = (value: unknown) => JSON.stringify(value) ?? "undefined"

describe("a definition that says something new", () => {
  for (const { contexts, known, member, part, unknown } of table) {
    it(`${part}.${member}`, () => {
      for (const value of known) {
        const { flags } = evaluate({ [part]: { [member]: value } }, contexts)
        assert.isTrue(flags.has("flag"), `${show(value)} is known`)
      }
      for (const value of unknown) {
        const { flags, unresolved } = evaluate({ [part]: { [member]: value } }, contexts)
        const result = unresolved.get("flag")
        assert.deepInclude(result, { reason: "unsupported_definition", asksServer: true }, show(value))
        assert.isFalse(flags.has("flag"))
        // The others are as they were.
        assert.strictEqual(flags.get("on")?.value, true)
      }
    })
  }

  it("cohorts.<id>", () => {
    for (const group of groups.known) {
      const { flags } = evaluate({ document: { cohorts: { 1: group } } })
      assert.isTrue(flags.has("flag"), show(group))
    }
    for (const group of groups.unknown) {
      const { unresolved } = evaluate({ document: { cohorts: { 1: group } } })
      assert.deepInclude(unresolved.get("flag"), { reason: "unsupported_definition" }, show(group))
    }
  })

  it("document.group_type_mapping, where it is needed", () => {
    const filters = { aggregation_group_type_index: 0 }
    for (
      const mapping of [...absent, ...texts, ...numbers, ...switches, ...lists, {}, { 0: 1 }, { 0: "" }, { 0: null }]
    ) {
      const { unresolved } = evaluate({ document: { group_type_mapping: mapping }, filters })
      assert.deepInclude(unresolved.get("flag"), { reason: "unsupported_definition" }, show(mapping))
      assert.isTrue(evaluate({ document: { group_type_mapping: mapping } }).flags.has("flag"))
    }
  })

  it("other rules are not applied, whatever else the definition says", () => {
    // Not even to a flag that is off: what that means is for the other rules to say.
    for (
      const flag of [{ active: false, filters: { version: 2 } }, { active: true, filters: { version: 2, groups: [] } }]
    ) {
      const { flags, unresolved } = evaluate({ flag })
      assert.isFalse(flags.has("flag"))
      assert.strictEqual(unresolved.get("flag")?.reason, "unsupported_definition")
    }
    const both = evaluate({ flag: { ensure_experience_continuity: true, filters: { version: 2 } } })
    assert.strictEqual(both.unresolved.get("flag")?.reason, "experience_continuity")
  })

  it("a group flag is not for the identifier that people are bucketed by, but one that is not known may be its own", () => {
    const filters = { aggregation_group_type_index: 0 }
    assert.strictEqual(evaluate({ filters, flag: { bucketing_identifier: "device_id" } }).flags.get("flag")?.value, "a")
    const { unresolved } = evaluate({ filters, flag: { bucketing_identifier: "group_session" } })
    assert.strictEqual(unresolved.get("flag")?.reason, "unsupported_definition")
  })

  it("a flag that depends on such a flag is unresolved too", () => {
    const definitions = Option.getOrThrow(LocalEvaluation.compile({
      flags: [
        { key: "new", active: true, filters: { version: 2, groups: [{}] } },
        {
          key: "flag",
          active: true,
          filters: {
            groups: [{
              properties: [{
                key: "new",
                type: "flag",
                operator: "flag_evaluates_to",
                value: true,
                dependency_chain: ["new"]
              }]
            }]
          }
        }
      ]
    }))
    const { unresolved } = LocalEvaluation.evaluate(definitions, subject, { now: 0 })
    assert.strictEqual(unresolved.get("flag")?.reason, "unresolved_dependency")
  })

  it("where it does not decide, it does not matter", () => {
    const { flags } = evaluate({ filter: { type: "person_metadata" }, cohort: { operator: "not_in" } })
    // A filter that is false decides, whatever the others are.
    assert.strictEqual(flags.get("flag")?.value, false)
    const filters = { groups: [{ properties: [{ key: "p", type: "event", value: "yes" }] }, {}] }
    // A later condition that matches gives its value.
    assert.strictEqual(evaluate({ filters }).flags.get("flag")?.value, "a")
  })

  it("members that are not known at all are ignored", () => {
    const extra = { brand_new: { version: 9 }, another: "x" }
    const { flags, unresolved } = evaluate({
      document: extra,
      flag: { ...extra, version: 77, evaluation_runtime: "edge", has_experiment: "yes", name: 1, deleted: true },
      filters: { ...extra, super_groups: [{}], holdout_groups: [{}], payloads: { a: "1" }, default_value: "b" },
      condition: { ...extra, description: 1, sort_key: "x" },
      filter: { ...extra, negation: true, group_type_index: 4, label: [] },
      cohort: { ...extra, cohort_name: "x" },
      inCohort: extra,
      dependency: { ...extra, label: "x" },
      variant: { ...extra, name: 1 },
      holdout: extra
    })
    assert.strictEqual(unresolved.size, 0)
    assert.deepInclude(flags.get("flag"), { value: "a", payload: 1, version: 77, hasExperiment: undefined })
  })

  it("a payload does not decide: in a form that is none, there is none", () => {
    for (const payloads of [...absent, ...texts, ...numbers, ...lists]) {
      assert.deepInclude(evaluate({ filters: { payloads } }).flags.get("flag"), { value: "a", payload: undefined })
    }
  })

  it("one filter by itself is held to the same", () => {
    const filter = { key: "created_at", type: "person_metadata", operator: "is_date_before", value: "-30d" }
    const properties = { created_at: "2020-01-01", p: "yes" }
    const now = Date.UTC(2025, 0, 1)
    const of = (filter: unknown, propertyMatchingVersion?: number) =>
      LocalEvaluation.matchProperty(filter, properties, { now, propertyMatchingVersion })
    assert.deepStrictEqual(of(filter), Either.left("unsupported_definition" as const))
    assert.deepStrictEqual(of({ ...filter, type: "person" }), Either.right(true))
    for (const type of ["event", "cohort", "flag", "", 1, {}]) {
      assert.deepStrictEqual(of({ ...filter, type }), Either.left("unsupported_definition" as const))
    }
    assert.deepStrictEqual(of({ ...filter, type: "person" }, 3), Either.left("unsupported_definition" as const))
  })
})

describe("early access", () => {
  const enrolled = (value: unknown, rollout = 0, filters: Json = {}) => {
    const definitions = Option.getOrThrow(LocalEvaluation.compile({
      group_type_mapping: { 0: "company" },
      flags: [{
        key: "beta",
        active: true,
        filters: { feature_enrollment: true, groups: [{ rollout_percentage: rollout }], ...filters }
      }]
    }))
    const properties = value === undefined ? {} : { "$feature_enrollment/beta": value }
    const result = LocalEvaluation.evaluate(definitions, { distinctId: "u", personProperties: properties }, { now: 0 })
    return result.flags.get("beta")?.value ?? result.unresolved.get("beta")?.reason
  }

  it("who takes part gets the flag, whatever its conditions say", () => {
    assert.strictEqual(enrolled("true"), true)
    // posthog-js sets it so.
    assert.strictEqual(enrolled(true), true)
  })

  it("who has said anything else has opted out", () => {
    for (const value of ["false", false, "no", "", 0, 1, null, [], ["true"], {}]) {
      assert.strictEqual(enrolled(value, 100), false, show(value))
    }
  })

  it("of whom nothing is given is not known whether they have", () => {
    for (const rollout of [0, 100]) assert.strictEqual(enrolled(undefined, rollout), "missing_context")
  })

  it("it comes before holdouts and variants", () => {
    const filters = {
      holdout: { id: 1, exclusion_percentage: 100 },
      multivariate: { variants: [{ key: "a", rollout_percentage: 100 }] }
    }
    assert.strictEqual(enrolled("true", 100, filters), true)
    assert.strictEqual(enrolled("false", 100, filters), false)
  })

  it("of another flag, or where it is switched off, it says nothing", () => {
    assert.strictEqual(enrolled("true", 0, { feature_enrollment: false }), false)
    assert.strictEqual(enrolled("false", 100, { feature_enrollment: null }), true)
  })

  it("people take part, groups do not", () => {
    assert.strictEqual(enrolled("true", 100, { aggregation_group_type_index: 0 }), "unsupported_definition")
  })
})

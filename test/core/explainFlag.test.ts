/**
 * Why a flag has its value: never another than the evaluation's, and in data and sentences that say what decided.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { compileDefinitions, type Definitions } from "../../src/core/flags/definitions.js"
import { explainFlag } from "../../src/core/flags/explain.js"
import type { FilterExplanation, FlagExplanation } from "../../src/core/flags/explanation.js"
import { explanationText } from "../../src/core/flags/explanationText.js"
import { evaluateFlags, type Subject } from "../../src/core/flags/local.js"
import { contexts, world } from "../support/flagWorlds.js"

const now = Date.UTC(2025, 0, 1)

const compile = (document: unknown, evaluationContexts?: ReadonlyArray<string>): Definitions => {
  const definitions = compileDefinitions(document, evaluationContexts)
  assert(definitions !== undefined)
  return definitions
}

/** What holds of each explanation, whatever it is about. */
const check = (definitions: Definitions, subject: Subject, at: number, key: string): FlagExplanation => {
  const { flags, unresolved } = evaluateFlags(definitions, subject, at, [key])
  const explanation = explainFlag(definitions, subject, at, key)
  assert(explanation !== undefined, key)
  const { conditions, reason, value, variant } = explanation
  assert.strictEqual(value, flags.get(key)?.value)
  assert.strictEqual(explanation.payload, flags.get(key)?.payload)
  assert.strictEqual(explanation.unresolved, unresolved.get(key)?.reason)
  assert.strictEqual(reason === undefined, value === undefined)
  assert.strictEqual(variant?.key, typeof value === "string" ? value : undefined)
  const isOn = value !== undefined && value !== false
  if (reason !== undefined && reason.code !== "super_condition_value") {
    assert.strictEqual(["condition_match", "holdout_condition_value"].includes(reason.code), isOn, reason.code)
  }
  for (const { filters, index, isDecisive, outcome, rollout } of conditions) {
    const outcomes = filters.map((filter) => filter.outcome)
    const isIn = rollout?.isIn !== false
    switch (outcome) {
      case "match":
        assert.isTrue(outcomes.every((one) => one === "match") && isIn)
        break
      case "out_of_rollout":
        assert.isTrue(outcomes.every((one) => one === "match") && !isIn)
        break
      case "no_match":
        if (explanation.omitted === 0) assert.include(outcomes, "no_match")
        break
      case "unresolved":
        assert.notInclude(outcomes, "no_match")
        assert.isTrue(outcomes.includes("unresolved") || outcomes.every((one) => one === "match"))
        break
      case "not_reached":
      case "no_group":
        assert.deepStrictEqual(outcomes, [])
    }
    if (isDecisive) assert.strictEqual(reason?.conditionIndex, index)
    if (reason?.code === "condition_match") {
      assert.strictEqual(isDecisive, index === reason.conditionIndex)
      assert.strictEqual(outcome === "match", isDecisive)
    }
    if (outcome === "match" && !isDecisive) assert.isUndefined(value)
  }
  // It is data: nothing of it is lost as JSON, but for what is not there.
  const { payload: _, ...told } = explanation
  const strip = (node: unknown): unknown =>
    Array.isArray(node)
      ? node.map(strip)
      : typeof node === "object" && node !== null
      ? Object.fromEntries(Object.entries(node).filter(([, v]) => v !== undefined).map(([k, v]) => [k, strip(v)]))
      : node
  assert.deepStrictEqual(JSON.parse(JSON.stringify(told)), strip(told))
  assert.isBelow(JSON.stringify(told).length, 2_000_000)
  const text = explanationText(explanation)
  assert.match(text, /^.+: .+\.$/s)
  assert.isBelow(text.length, 20_000)
  if (!JSON.stringify(told).includes("undefined")) assert.notInclude(text, "undefined")
  assert.notInclude(text, "NaN %")
  return explanation
}

describe("explanations agree with evaluations", () => {
  const folders = ["test/vectors", "../shared/vectors/recorded"]
  for (const folder of folders) {
    const path = `${folder}/local-evaluation.json`
    it.skipIf(!existsSync(path))(`in all rows of ${folder}`, () => {
      const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: ReadonlyArray<any> }
      let explained = 0
      for (const row of cases) {
        const definitions = compileDefinitions(row.definitions, row.config?.evaluation_contexts)
        const { distinct_id: distinctId, group_properties, groups, person_properties } = row.evaluate
        if (definitions === undefined || distinctId === "") continue
        const subject = {
          distinctId,
          groups,
          personProperties: person_properties,
          groupProperties: group_properties
        }
        const at = row.now === undefined ? now : Date.parse(row.now)
        for (const key of definitions.keys) {
          for (const isComplete of [false, true]) check(definitions, { ...subject, isComplete }, at, key)
          explained++
        }
      }
      assert.isAbove(explained, 50)
    })
  }

  it("in worlds with everything that PostHog has", { timeout: 60_000 }, () => {
    const seen = new Map<string, number>()
    const note = (what: string | undefined) => seen.set(what ?? "none", (seen.get(what ?? "none") ?? 0) + 1)
    const noteFilters = (filters: ReadonlyArray<FilterExplanation>): void => {
      for (const filter of filters) {
        note(`${filter.kind} ${filter.outcome}`)
        if (filter.kind === "cohort" || filter.kind === "group") noteFilters(filter.filters)
      }
    }
    for (let seed = 1; seed <= 1_500; seed++) {
      const case_ = world(seed)
      const definitions = compile(case_.definitions, case_.contexts ? contexts : undefined)
      for (const key of definitions.keys) {
        for (const isComplete of [false, true]) {
          const explanation = check(definitions, { ...case_, isComplete }, case_.now, key)
          note(explanation.reason?.code)
          note(explanation.variant?.by)
          for (const condition of explanation.conditions) {
            note(condition.outcome)
            noteFilters(condition.filters)
          }
        }
      }
    }
    const kinds = ["property", "cohort", "flag", "group"].flatMap((kind) =>
      ["match", "no_match", "unresolved"].map((outcome) => `${kind} ${outcome}`)
    )
    for (
      const what of [
        "condition_match",
        "no_condition_match",
        "out_of_rollout_bound",
        "no_group_type",
        "flag_disabled",
        "holdout_condition_value",
        "condition",
        "hash",
        "holdout",
        "not_reached",
        "no_group",
        "known unresolved",
        ...kinds
      ]
    ) assert.isAbove(seen.get(what) ?? 0, 20, what)
  })

  it("in circles of flags and cohorts", () => {
    const dependsOn = (...keys: ReadonlyArray<string>) => ({
      groups: keys.map((key) => ({
        properties: [{ key, type: "flag", operator: "flag_evaluates_to", value: true, dependency_chain: [key] }]
      }))
    })
    const inCohort = (id: number, negation = false) => ({ key: "id", type: "cohort", value: id, negation })
    const definitions = compile({
      flags: [
        { key: "a", active: true, filters: dependsOn("b", "c") },
        { key: "b", active: true, filters: dependsOn("a", "c") },
        { key: "c", active: true, filters: dependsOn("a", "b", "c") },
        { key: "d", active: true, filters: { groups: [{ properties: [inCohort(1)] }] } },
        { key: "e", active: true, filters: { groups: [{ properties: [inCohort(2)] }, {}] } }
      ],
      cohorts: {
        1: { type: "OR", values: [inCohort(2), { key: "plan", operator: "exact", value: "pro" }] },
        2: { type: "AND", values: [inCohort(1, true), { key: "plan", operator: "exact", value: "free" }] }
      }
    })
    for (const plan of ["pro", "free", undefined]) {
      for (const isComplete of [false, true]) {
        const subject = { distinctId: "ada", personProperties: { plan }, isComplete }
        for (const key of definitions.keys) check(definitions, subject, now, key)
      }
    }
  })
})

const flag = (filters: unknown, more: object = {}) => ({ id: 1, key: "checkout", active: true, filters, ...more })

const explain = (flags: ReadonlyArray<unknown>, subject: Partial<Subject> = {}, more: object = {}) =>
  check(compile({ flags, ...more }), { distinctId: "ada", ...subject }, now, "checkout")

const pro = { key: "plan", operator: "exact", value: "pro", type: "person" }
const company = { group_type_mapping: { 0: "company" } }

describe("the reason of PostHog", () => {
  const rows: ReadonlyArray<readonly [string, FlagExplanation, string, number | undefined, string]> = [
    [
      "matched",
      explain([flag({ groups: [{ properties: [pro] }, {}] })], { personProperties: { plan: "free" } }),
      "condition_match",
      1,
      "Matched condition set 2"
    ],
    [
      "of several that do not match the last",
      explain([flag({ groups: [{ properties: [pro] }, { properties: [pro] }] })], {
        personProperties: { plan: "free" }
      }),
      "no_condition_match",
      1,
      "No matching condition set"
    ],
    [
      "no condition set at all",
      explain([flag({ groups: [] })]),
      "no_condition_match",
      undefined,
      "No matching condition set"
    ],
    [
      "a rollout before a set that does not match",
      explain([flag({ groups: [{ rollout_percentage: 0 }, { properties: [pro] }] })], {
        personProperties: { plan: "free" }
      }),
      "out_of_rollout_bound",
      0,
      "Out of rollout bound"
    ],
    [
      "early exit",
      explain([flag({ groups: [{ rollout_percentage: 0 }, {}], early_exit: true })]),
      "out_of_rollout_bound",
      0,
      "Out of rollout bound"
    ],
    [
      "no group",
      explain([flag({ groups: [{}], aggregation_group_type_index: 0 })], {}, company),
      "no_group_type",
      undefined,
      "No group type"
    ],
    [
      "a set about a group that is not there",
      explain([flag({ groups: [{ aggregation_group_type_index: 0 }, { rollout_percentage: 0 }] })], {}, company),
      "no_group_type",
      0,
      "No group type"
    ],
    [
      "disabled",
      explain([flag({ groups: [{}] }, { active: false })]),
      "flag_disabled",
      undefined,
      "Feature flag is disabled"
    ],
    [
      "holdout",
      explain([flag({ groups: [{}], holdout: { id: 7, exclusion_percentage: 100 } })]),
      "holdout_condition_value",
      undefined,
      "Holdout condition value"
    ],
    [
      "early access",
      explain([flag({ groups: [{}], feature_enrollment: true })], {
        personProperties: { "$feature_enrollment/checkout": false }
      }),
      "super_condition_value",
      undefined,
      "Super condition value"
    ]
  ]
  for (const [name, { reason }, code, conditionIndex, description] of rows) {
    it(name, () => assert.deepStrictEqual(reason, { code, conditionIndex, description } as never))
  }

  it("there is none of a flag that only PostHog can tell, or that is not there", () => {
    const { reason, unresolved } = explain([flag({ groups: [{ properties: [pro] }] })])
    assert.deepStrictEqual([reason, unresolved], [undefined, "missing_context"])
    const definitions = compile({ flags: [flag({})] })
    assert.isUndefined(explainFlag(definitions, { distinctId: "ada" }, now, "other"))
    assert.isUndefined(explainFlag(definitions, { distinctId: " " }, now, "checkout"))
  })
})

describe("what decided", () => {
  it("is in the data", () => {
    const { conditions } = explain(
      [flag({ groups: [{ properties: [pro], rollout_percentage: 50 }, { rollout_percentage: 10, variant: "b" }] })],
      { personProperties: { plan: "free" } }
    )
    assert.deepStrictEqual(conditions[0]!.filters, [{
      kind: "property",
      key: "plan",
      operator: "exact",
      expected: "pro",
      isGiven: true,
      actual: "free",
      isNegated: false,
      outcome: "no_match",
      unresolved: undefined
    }])
    const { rollout } = conditions[1]!
    assert(rollout !== undefined)
    assert.strictEqual(rollout.percentage, 10)
    assert.strictEqual(rollout.isIn, rollout.place <= 10)
  })

  it("stays as it was when the document changes afterwards, and when the user gives what no JSON has", () => {
    const value = ["pro"]
    const properties = [{ key: "plan", operator: "exact", value }]
    const document = { flags: [flag({ groups: [{ properties }] })] }
    const definitions = compile(document)
    value[0] = "free"
    const plan = new Proxy({}, {
      getPrototypeOf: () => {
        throw new Error("no")
      }
    })
    const { conditions } = check(
      definitions,
      { distinctId: "ada", personProperties: { plan } as never },
      now,
      "checkout"
    )
    const [filter] = conditions[0]!.filters
    assert(filter?.kind === "property")
    assert.deepStrictEqual([filter.expected, filter.actual], [["pro"], "(unreadable)"])
  })

  it("is bounded, however much there is", () => {
    const list = Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(500, "x"))
    const many = { key: "plan", operator: "exact", value: list }
    const properties = Array.from({ length: 60 }, () => many)
    const groups = Array.from({ length: 150 }, () => ({ properties }))
    const explanation = explain([flag({ groups: [...groups, { properties: [pro] }] })], {
      personProperties: { plan: "pro" }
    })
    assert.isAtMost(explanation.conditions.length, 101)
    assert.isAbove(explanation.omitted, 5_000)
    assert.strictEqual(explanation.value, true)
    assert.strictEqual(explanation.conditions.at(-1)?.isDecisive, true)
  })
})

describe("the sentence", () => {
  const cohorts = {
    5: {
      type: "OR",
      values: [{ key: "email", operator: "icontains", value: "@acme.com" }, { key: "age", operator: "gt", value: 18 }]
    }
  }
  const cohort = { key: "id", type: "cohort", value: 5, operator: "in" }
  const other = { key: "other", type: "flag", operator: "flag_evaluates_to", value: true, dependency_chain: ["other"] }
  const variants = { variants: [{ key: "red", rollout_percentage: 50 }, { key: "blue", rollout_percentage: 50 }] }
  const of = (...args: Parameters<typeof explain>) => explanationText(explain(...args))

  const rows: ReadonlyArray<readonly [string, string]> = [
    [
      "checkout is off for ada: condition set 1 wants plan exact pro, and plan is free; condition set 2 matched but its rollout is 10 % and ada is at 60.4 %.",
      of([flag({ groups: [{ properties: [pro] }, { rollout_percentage: 10 }] })], {
        personProperties: { plan: "free" }
      })
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants plan exact pro, and plan was not given.",
      of([flag({ groups: [{ properties: [pro] }] })])
    ],
    [
      "checkout is off for ada: condition set 1 wants plan exact pro, and there is no plan.",
      of([flag({ groups: [{ properties: [pro] }] })], { isComplete: true })
    ],
    [
      "checkout is on for ada: condition set 1 matched: it wants plan exact pro, and plan is pro, and it wants n is_set, and n is \"x y\".",
      of([flag({ groups: [{ properties: [pro, { key: "n", operator: "is_set" }] }] })], {
        personProperties: { plan: "pro", n: "x y" }
      })
    ],
    [
      "checkout is off for ada: condition set 1 wants cohort 5, and ada is not in it (it wants email icontains \"@acme.com\", and email is a@b.c, and it wants age gt 18, and age is 3).",
      of([flag({ groups: [{ properties: [cohort] }] })], { personProperties: { email: "a@b.c", age: 3 } }, { cohorts })
    ],
    [
      "checkout is on for ada: condition set 1 matched: it wants cohort 5, and ada is in it.",
      of([flag({ groups: [{ properties: [cohort] }] })], { personProperties: { email: "a@acme.com" } }, { cohorts })
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants cohort 5, and whether ada is in it cannot be told here (it wants age gt 18, and age was not given).",
      of([flag({ groups: [{ properties: [cohort] }] })], { personProperties: { email: "a@b.c" } }, { cohorts })
    ],
    [
      "checkout is off for ada: condition set 1 wants nobody of cohort 5, and ada is in it.",
      of([flag({ groups: [{ properties: [{ ...cohort, operator: "not_in" }] }] })], { personProperties: { age: 20 } }, {
        cohorts
      })
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants cohort 9, of which only PostHog knows who is in it.",
      of([flag({ groups: [{ properties: [{ ...cohort, value: 9 }] }] })])
    ],
    [
      "checkout is off for ada: condition set 1 wants flag other to be on, and it is off.",
      of([flag({ groups: [{ properties: [other] }] }), { key: "other", active: false }])
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants flag other to be on, and its value cannot be told here.",
      of([flag({ groups: [{ properties: [other] }] }), {
        key: "other",
        active: true,
        filters: { groups: [{ properties: [pro] }] }
      }])
    ],
    [
      "checkout is red for ada: condition set 1 matched; red is for those from 0 % to below 50 %, and ada is at 14.8 %.",
      of([flag({ groups: [{}], multivariate: variants })])
    ],
    [
      "checkout is red for ada: condition set 1 matched; it gives red to all.",
      of([flag({ groups: [{ variant: "red" }], multivariate: variants })])
    ],
    ["checkout is off for everybody: the flag is disabled.", of([flag({ groups: [{}] }, { active: false })])],
    [
      "checkout cannot be told here for ada: it keeps its value when somebody logs in, and only PostHog knows who had one before.",
      of([flag({ groups: [{}] }, { ensure_experience_continuity: true })])
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants plan of the company exact pro, and plan was not given.",
      of(
        [flag({ groups: [{ properties: [pro] }], aggregation_group_type_index: 0 })],
        { groups: { company: "acme" } },
        company
      )
    ],
    [
      "checkout is off for ada: it is about groups of type company, and ada is in none.",
      of([flag({ groups: [{ properties: [pro] }], aggregation_group_type_index: 0 })], {}, company)
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants plan between pro, and plan is x, which only PostHog can compare.",
      of([flag({ groups: [{ properties: [{ ...pro, operator: "between" }] }] })], { personProperties: { plan: "x" } })
    ],
    [
      "checkout is on for ada: condition set 2 matched.",
      of([flag({ groups: [{ properties: [{ ...pro, value: 5 }] }, {}] })], { personProperties: { plan: 5 } })
    ],
    [
      "checkout cannot be told here for ada: condition set 1 wants plan regex \"(?=a)a\", and plan is x, which only PostHog can compare; condition set 2 matched, but an earlier one may decide otherwise.",
      of([
        flag({
          groups: [{ properties: [{ ...pro, operator: "regex", value: "(?=a)a" }], rollout_percentage: 0 }, {}],
          early_exit: true
        })
      ], { personProperties: { plan: "x" } })
    ],
    [
      "checkout is holdout-7 for ada: the holdout takes 100 %, and ada is at 70.8 %.",
      of([flag({ groups: [{}], holdout: { id: 7, exclusion_percentage: 100 } })])
    ],
    [
      "checkout cannot be told here for ada: $feature_enrollment/checkout says whether ada takes part, and was not given.",
      of([flag({ groups: [{}], feature_enrollment: true })])
    ],
    [
      "checkout cannot be told here for ada: it is rolled out by device, and no device id was given.",
      of([flag({ groups: [{}] }, { bucketing_identifier: "device_id" })])
    ],
    ["checkout is off for ada: it has no condition set.", of([flag({})])],
    ["checkout cannot be told here for ada: its definition says something that cannot be read here.", of([flag("x")])]
  ]
  for (const [sentence, found] of rows) it(sentence, () => assert.strictEqual(found, sentence))
})

describe("a subject whose properties are complete", () => {
  /** What an operator makes of a property that is known to be absent, as PostHog does. */
  const rows: ReadonlyArray<readonly [boolean, unknown, ReadonlyArray<string>]> = [
    [false, "pro", ["exact", "is_set", "icontains", "starts_with", "ends_with", "regex", "gt", "gte", "lt", "lte"]],
    [false, "2024-01-01", ["is_date_before", "is_date_after"]],
    [false, "no date", ["is_date_before", "is_date_after"]],
    [false, "1.2.3", ["semver_eq", "semver_neq", "semver_gt", "semver_lte", "semver_tilde", "semver_caret"]],
    [false, "(?=a)a", ["regex"]],
    [false, "(", ["regex", "not_regex"]],
    [false, 5, ["exact"]],
    [false, [1, "pro"], ["exact"]],
    [false, [], ["exact"]],
    [true, "pro", ["is_not", "is_not_set", "not_icontains", "not_starts_with", "not_ends_with", "not_regex"]],
    [true, "(?=a)a", ["not_regex"]],
    [true, 5, ["is_not"]],
    [true, [], ["is_not"]]
  ]
  for (const [isOn, value, operators] of rows) {
    for (const operator of operators) {
      it(`without the property, ${operator} ${JSON.stringify(value)} ${isOn ? "holds" : "does not hold"}`, () => {
        const filters = { groups: [{ properties: [{ key: "plan", operator, value }] }] }
        const expected = [isOn, undefined]
        const ofPerson = explain([flag(filters)], { isComplete: true })
        assert.deepStrictEqual([ofPerson.value, ofPerson.unresolved], expected as never)
        const ofGroup = explain([flag({ ...filters, aggregation_group_type_index: 0 })], {
          isComplete: true,
          groups: { company: "acme" }
        }, company)
        assert.deepStrictEqual([ofGroup.value, ofGroup.unresolved], expected as never)
        // Whoever does not say so is not taken to know everything.
        assert.isUndefined(explain([flag(filters)]).value)
      })
    }
  }

  it("is told nothing of operators that only PostHog has", () => {
    const filters = { groups: [{ properties: [{ key: "plan", operator: "between", value: "pro" }] }] }
    assert.strictEqual(explain([flag(filters)], { isComplete: true }).unresolved, "unsupported_definition")
  })

  it("has not chosen to take part in early access when there is no choice", () => {
    const filters = { groups: [{ rollout_percentage: 100 }], feature_enrollment: true }
    const { reason, value } = explain([flag(filters)], { isComplete: true })
    assert.deepStrictEqual([value, reason?.code], [true, "condition_match"])
  })

  it("is in those cohorts that want a property not to be there", () => {
    const cohorts = { 5: { type: "AND", values: [{ key: "plan", operator: "exact", value: "pro", negation: true }] } }
    const filters = { groups: [{ properties: [{ key: "id", type: "cohort", value: 5 }] }] }
    assert.strictEqual(explain([flag(filters)], { isComplete: true }, { cohorts }).value, true)
  })

  it("still has to be looked at where a property is there", () => {
    for (const [plan, value] of [["pro", true], ["free", false], [null, false]] as const) {
      assert.strictEqual(
        explain([flag({ groups: [{ properties: [pro] }] })], { isComplete: true, personProperties: { plan } }).value,
        value
      )
    }
  })
})

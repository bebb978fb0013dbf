import { assert, describe, it } from "@effect/vitest"
import { Either, Option } from "effect"
import { LocalEvaluation } from "effect-posthog"
import { compileRegex } from "../../src/core/flags/regex.js"
import { random } from "../support/random.js"

const now = Date.UTC(2026, 0, 1)

const compiled = (document: unknown): LocalEvaluation.Definitions =>
  Option.getOrThrowWith(LocalEvaluation.compile(document), () => new Error("no definitions"))

const flag = (key: string, properties: ReadonlyArray<unknown>, more: object = {}) => ({
  id: 1,
  key,
  active: true,
  filters: { groups: [{ properties, rollout_percentage: 100 }] },
  ...more
})

const dependsOn = (...chain: ReadonlyArray<string>) => ({
  key: chain.at(-1),
  type: "flag",
  operator: "flag_evaluates_to",
  value: true,
  dependency_chain: chain
})

const reasons: ReadonlyArray<string> = [
  "experience_continuity",
  "unsupported_definition",
  "unresolved_dependency",
  "missing_context"
]

/** Every flag has a value or a reason, never both and never neither. */
const assertWhole = (definitions: LocalEvaluation.Definitions, result: LocalEvaluation.LocalResult): void => {
  assert.strictEqual(result.flags.size + result.unresolved.size, definitions.keys.length)
  for (const key of definitions.keys) {
    const value = result.flags.get(key)?.value
    const reason = result.unresolved.get(key)?.reason
    if (reason === undefined) assert.include(["boolean", "string"], typeof value)
    else {
      assert.isUndefined(value)
      assert.include(reasons, reason)
    }
  }
}

describe("patterns from a server", () => {
  const hostile: ReadonlyArray<readonly [pattern: string, text: string]> = [
    ["^(a+)+$", `${"a".repeat(50_000)}!`],
    ["(a*)*b", "a".repeat(50_000)],
    ["^(a|a)*$", `${"a".repeat(50_000)}!`],
    ["^(a|aa)+$", `${"a".repeat(50_000)}!`],
    ["(.*)*x$", "y".repeat(50_000)],
    ["^(([a-z])+.)+[A-Z]([a-z])+$", "a".repeat(50_000)],
    ["(x+x+)+y", "x".repeat(50_000)],
    ["^([a-zA-Z0-9_.-])+@(([a-zA-Z0-9-])+.)+([a-zA-Z0-9]{2,4})+$", `${"a.".repeat(20_000)}@`],
    ["a?".repeat(100) + "a".repeat(100), "a".repeat(99)],
    ["^(?:(?:(?:a*)*)*)*$", `${"a".repeat(50_000)}!`],
    ["(a{1,30}){1,30}b", "a".repeat(10_000)]
  ]

  for (const [pattern, text] of hostile) {
    it(`do not hang a match: ${pattern.slice(0, 60)}`, () => {
      const result = LocalEvaluation.matchProperty(
        { key: "p", type: "person", operator: "regex", value: pattern },
        { p: text },
        { now }
      )
      // No match, or given up; none of these texts does match.
      assert.include([false, "unsupported_definition"], Either.merge(result))
    })
  }

  it("most of those are matched to the end", () => {
    const finished = hostile.filter(([pattern, text]) => {
      const matcher = compileRegex(pattern)
      return typeof matcher === "function" && matcher(text) === false
    })
    assert.isAtLeast(finished.length, 8)
  })

  it("do not hang the compiler, also when they repeat nothing", () => {
    for (const pattern of ["((((a{0}){5000}){5000}){5000}){5000}", "((((a{5000}){5000}){5000}){5000}){5000}"]) {
      assert.isUndefined(compileRegex(pattern))
    }
    assert.isUndefined(compileRegex(`${"(".repeat(900)}a${")".repeat(900)}`))
    assert.isUndefined(compileRegex("a".repeat(100_000)))
  })

  it("match what they match in JavaScript, for generated patterns and texts", () => {
    const { below, pick } = random(1)
    const classes = [
      "[ab]",
      "[^a]",
      "[a-c]",
      "[^b-c0]",
      "\\d",
      "\\D",
      "\\w",
      "\\W",
      "\\s",
      "\\S",
      "[\\d_]",
      "[^\\w-]",
      "[\\x61-b]"
    ]
    const atom = (depth: number): string => {
      const kind = below(depth > 0 ? 10 : 7)
      if (kind < 4) return pick(["a", "b", "c", "0", "_", "-", "\\.", "\\x41", "\\n", "}", "]"])
      if (kind < 5) return "."
      if (kind < 7) return pick(classes)
      return `${pick(["(", "(?:"])}${choice(depth - 1)})`
    }
    const term = (depth: number): string => {
      if (below(12) === 0) return pick(["^", "$"])
      return atom(depth) + pick(["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{0}", "{1,2}?"])
    }
    const choice = (depth: number): string =>
      Array.from(
        { length: pick([1, 1, 1, 2, 3]) },
        () => Array.from({ length: below(4) + (depth > 1 ? 1 : 0) }, () => term(depth)).join("")
      ).join("|")
    let [compared, matched, left] = [0, 0, 0]
    for (let i = 0; i < 5_000; i++) {
      const pattern = choice(2)
      const matcher = compileRegex(pattern)
      if (matcher === undefined) {
        left++
        continue
      }
      let oracle: RegExp | undefined
      try {
        oracle = new RegExp(pattern)
      } catch {
        // Not a pattern for either.
      }
      if (oracle === undefined || matcher === false) {
        assert.strictEqual(matcher, false, pattern)
        assert.isUndefined(oracle, pattern)
        continue
      }
      for (let j = 0; j < 12; j++) {
        const text = Array.from(
          { length: below(9) },
          () => pick(["a", "b", "c", "A", "0", "_", "-", ".", " ", "\n", "}", "]"])
        )
          .join("")
        const expected = oracle.test(text)
        assert.strictEqual(matcher(text), expected, `${JSON.stringify(pattern)} on ${JSON.stringify(text)}`)
        compared++
        if (expected) matched++
      }
    }
    // The comparison says something only when both answers occur, and few patterns are left out.
    assert.isAbove(compared, 40_000)
    assert.isBelow(left, 2_000)
    assert.isAbove(matched, 5_000)
    assert.isAbove(compared - matched, 5_000)
  })
})

describe("hostile definitions", () => {
  it("generated JSON is no document, or every flag of it has a value or a reason", () => {
    const { below, pick } = random(2)
    const names = [
      "flags",
      "cohorts",
      "group_type_mapping",
      "key",
      "active",
      "filters",
      "groups",
      "properties",
      "rollout_percentage",
      "multivariate",
      "variants",
      "payloads",
      "holdout",
      "id",
      "exclusion_percentage",
      "aggregation_group_type_index",
      "early_exit",
      "type",
      "operator",
      "value",
      "values",
      "negation",
      "dependency_chain",
      "variant",
      "bucketing_identifier",
      "ensure_experience_continuity",
      "evaluation_contexts",
      "__proto__",
      "constructor",
      "0",
      "1"
    ]
    const scalars: ReadonlyArray<unknown> = [
      null,
      true,
      false,
      0,
      1,
      -1,
      0.5,
      100,
      1e308,
      -1e308,
      2 ** 53,
      9e15,
      "",
      "a",
      "b",
      "true",
      "AND",
      "OR",
      "flag",
      "cohort",
      "person",
      "exact",
      "regex",
      "gt",
      "is_date_before",
      "semver_caret",
      "flag_evaluates_to",
      "(a+)+$",
      "[",
      "__proto__",
      "constructor",
      "device_id",
      "9999y",
      "1.2.*",
      "\ud800",
      "0",
      "1"
    ]
    const json = (depth: number): unknown => {
      const kind = below(10)
      if (depth === 0 || kind < 4) return pick(scalars)
      if (kind < 6) return Array.from({ length: below(4) }, () => json(depth - 1))
      const object: Record<string, unknown> = {}
      for (let i = below(6); i > 0; i--) {
        Object.defineProperty(object, pick(names), { value: json(depth - 1), enumerable: true, configurable: true })
      }
      return object
    }
    // Mostly of the right shape, so that what is wrong is met deep inside.
    const maybe = (value: () => unknown): unknown => below(40) === 0 ? json(3) : value()
    const many = (value: () => unknown) => maybe(() => Array.from({ length: below(4) }, value))
    const filter = () =>
      maybe(() => ({
        key: maybe(() => pick(["a", "b", "distinct_id", "__proto__"])),
        type: pick(["person", "group", "cohort", "flag"]),
        operator: maybe(() =>
          pick([
            "exact",
            "is_not",
            "regex",
            "not_regex",
            "gt",
            "icontains",
            "is_date_after",
            "semver_tilde",
            "flag_evaluates_to",
            "not_in"
          ])
        ),
        value: json(2),
        negation: maybe(() => pick([true, false])),
        dependency_chain: many(() => maybe(() => pick(["a", "b", "__proto__", "constructor"])))
      }))
    const group = (depth: number): unknown =>
      maybe(() => ({
        type: pick(["AND", "OR", "property"]),
        values: many(depth === 0 ? filter : () => below(2) === 0 ? group(depth - 1) : filter())
      }))
    const definition = () =>
      maybe(() => ({
        key: maybe(() => pick(["a", "b", "c", "__proto__", "constructor"])),
        active: maybe(() => true),
        bucketing_identifier: pick([null, "device_id", "distinct_id"]),
        filters: maybe(() => ({
          groups: many(() =>
            maybe(() => ({
              properties: many(filter),
              rollout_percentage: maybe(() => below(101)),
              variant: maybe(() => "a")
            }))
          ),
          multivariate: maybe(() => ({
            variants: many(() => ({ key: pick(["a", "__proto__"]), rollout_percentage: below(101) }))
          })),
          payloads: json(2),
          holdout: maybe(() => null),
          aggregation_group_type_index: maybe(() => pick([null, 0, 1]))
        }))
      }))
    const counts = { documents: 0, on: 0, unresolved: 0 }
    for (let i = 0; i < 5_000; i++) {
      const document = i % 5 === 0 ? json(6) : {
        flags: many(definition),
        group_type_mapping: maybe(() => ({ 0: "company", 1: "constructor" })),
        cohorts: maybe(() => ({ 0: group(2), 1: group(2), a: group(1) })),
        property_matching_version: pick([1, 2, null])
      }
      const definitions = Option.getOrUndefined(LocalEvaluation.compile(document))
      if (definitions === undefined) continue
      counts.documents++
      const result = LocalEvaluation.evaluate(definitions, {
        distinctId: "u",
        groups: { company: "acme" },
        personProperties: { a: json(2), b: json(2) },
        groupProperties: { company: { a: json(1) } }
      } as LocalEvaluation.Subject, { now })
      assertWhole(definitions, result)
      for (const { value } of result.flags.values()) if (value !== false) counts.on++
      counts.unresolved += result.unresolved.size
    }
    assert.isAbove(counts.documents, 2_500)
    assert.isAbove(counts.on, 200)
    assert.isAbove(counts.unresolved, 300)
  })

  it("generated filters pass, do not pass, or have a reason", () => {
    const { pick } = random(3)
    const values: ReadonlyArray<unknown> = [
      null,
      undefined,
      true,
      0,
      -0,
      1.5,
      NaN,
      Infinity,
      1e308,
      10n,
      "",
      "1.2.3",
      "2024-01-01",
      "30d",
      "(a+)+",
      "[a",
      "\ud800",
      [],
      [1],
      ["a", null],
      {},
      { a: 1 },
      new Date(0),
      new Date(NaN),
      new Map(),
      () => 1,
      Symbol("s")
    ]
    const operators = [
      undefined,
      "exact",
      "is_not",
      "is_set",
      "is_not_set",
      "icontains",
      "not_icontains",
      "starts_with",
      "ends_with",
      "regex",
      "not_regex",
      "gt",
      "gte",
      "lt",
      "lte",
      "is_date_before",
      "is_date_after",
      "semver_eq",
      "semver_tilde",
      "semver_caret",
      "semver_wildcard",
      "between",
      "__proto__",
      5,
      {}
    ]
    for (let i = 0; i < 10_000; i++) {
      const result = LocalEvaluation.matchProperty(
        { key: "p", operator: pick(operators), value: pick(values) },
        { p: pick(values) },
        { now, propertyMatchingVersion: pick([1, 2]) }
      )
      if (Either.isLeft(result)) assert.include<unknown>(reasons, Either.merge(result))
      else assert.isBoolean(Either.merge(result))
    }
  })

  it("cohorts that refer to each other are unresolved, and harm nobody else", () => {
    const cohort = (id: string) => ({ type: "AND", values: [{ key: "id", type: "cohort", value: id }] })
    const filter = (id: string) => ({ key: "id", type: "cohort", value: id })
    const definitions = compiled({
      flags: [flag("self", [filter("1")]), flag("ring", [filter("2")]), flag("sound", [])],
      cohorts: { 1: cohort("1"), 2: cohort("3"), 3: cohort("4"), 4: cohort("2") }
    })
    const { flags, unresolved } = LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now })
    assert.strictEqual(flags.get("sound")?.value, true)
    assert.strictEqual(unresolved.get("self")?.reason, "unsupported_definition")
    assert.strictEqual(unresolved.get("ring")?.reason, "unsupported_definition")
  })

  it("a ring in which each cohort refers to all others ends", () => {
    const ids = Array.from({ length: 60 }, (_, i) => String(i))
    const values = ids.map((value) => ({ key: "id", type: "cohort", value }))
    const definitions = compiled({
      flags: ids.map((value) => flag(`f${value}`, [{ key: "id", type: "cohort", value }])),
      cohorts: Object.fromEntries(ids.map((id) => [id, { type: "OR", values }]))
    })
    const { unresolved } = LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now })
    assert.strictEqual(unresolved.size, 60)
  })

  it("ten thousand levels of nesting overflow nothing", () => {
    let group: unknown = { type: "AND", values: [{ key: "p", value: "x", operator: "exact" }] }
    let array: unknown = "true"
    let payload: unknown = 1
    const cohorts: Record<string, unknown> = {}
    for (let i = 0; i < 10_000; i++) {
      group = { type: "AND", values: [group] }
      array = [array]
      payload = { payload }
      cohorts[`c${i}`] = { type: "AND", values: [{ type: "cohort", key: "id", value: `c${i + 1}` }] }
    }
    const definitions = compiled({
      flags: [
        flag("group", [{ type: "cohort", key: "id", value: "deep" }]),
        flag("cohorts", [{ type: "cohort", key: "id", value: "c0" }]),
        flag("exact", [{ key: "p", operator: "exact", value: array }]),
        flag("text", [{ key: "p", operator: "icontains", value: array }]),
        flag("property", [{ key: "deep", operator: "exact", value: "x" }]),
        flag("payload", [], { filters: { groups: [{}], payloads: { true: payload } } }),
        flag("sound", [{ key: "p", operator: "exact", value: "x" }])
      ],
      cohorts: { ...cohorts, c10000: {}, deep: group }
    })
    const result = LocalEvaluation.evaluate(definitions, {
      distinctId: "u",
      personProperties: { p: "x", deep: array } as never
    }, { now })
    assertWhole(definitions, result)
    assert.strictEqual(result.flags.get("sound")?.value, true)
    assert.strictEqual(result.unresolved.get("group")?.reason, "unsupported_definition")
    assert.strictEqual(result.unresolved.get("cohorts")?.reason, "unsupported_definition")
  })

  it("ten thousand flags in a chain of dependencies are evaluated, in either order", () => {
    const count = 10_000
    const chain = Array.from({ length: count }, (_, i) => flag(`f${i}`, i + 1 < count ? [dependsOn(`f${i + 1}`)] : []))
    for (const flags of [chain, Array.from(chain, (_, i) => chain[count - 1 - i]!)]) {
      const definitions = compiled({ flags })
      const result = LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now })
      assert.strictEqual(result.flags.size, count)
      assert.isTrue(Array.from(result.flags.values()).every(({ value }) => value === true))
      const one = LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now, flagKeys: ["f0"] })
      assert.strictEqual(one.flags.get("f0")?.value, true)
    }
  })

  it("dependencies in a circle are unresolved, however long the circle", () => {
    for (const count of [1, 2, 99, 101, 10_000]) {
      const definitions = compiled({
        flags: Array.from({ length: count }, (_, i) => flag(`f${i}`, [dependsOn(`f${(i + 1) % count}`)]))
      })
      const result = LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now })
      assert.strictEqual(result.unresolved.size, count)
    }
  })

  for (const order of ["own cycle first", "next cycle first"]) {
    it(`five thousand small circles in a chain overflow nothing: ${order}`, () => {
      const count = 5_000
      const flags = Array.from({ length: count }, (_, i) => {
        const own = dependsOn(`b${i}`)
        const next = i + 1 < count ? [dependsOn(`a${i + 1}`)] : []
        // Not in one condition: what is unresolved in one does not keep the others from being looked at.
        const groups = (order === "own cycle first" ? [own, ...next] : [...next, own]).map((filter) => ({
          properties: [filter]
        }))
        return [{ ...flag(`a${i}`, []), filters: { groups } }, flag(`b${i}`, [dependsOn(`a${i}`)])]
      }).flat()
      for (const all of [flags, Array.from(flags, (_, i) => flags[flags.length - 1 - i]!)]) {
        const definitions = compiled({ flags: all })
        const result = LocalEvaluation.evaluate(definitions, { distinctId: "u" }, { now })
        assert.strictEqual(result.unresolved.size, count * 2)
      }
    })
  }

  it("names of prototypes are names like others", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      const own = (value: unknown) =>
        JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`) as Record<string, unknown>
      const definitions = compiled({
        flags: [
          flag(name, [{ key: "id", type: "cohort", value: name }]),
          flag("missing cohort", [{ key: "id", type: "cohort", value: "valueOf" }]),
          flag("missing property", [{ key: "valueOf", operator: "is_set" }]),
          flag("missing operator", [{ key: "distinct_id", operator: name, value: "u" }]),
          flag("missing flag", [dependsOn("valueOf")]),
          flag("depends", [dependsOn(name)]),
          flag("variant", [], {
            filters: {
              groups: [{}],
              multivariate: { variants: [{ key: name, rollout_percentage: 100 }] },
              payloads: own("{\"a\":1}")
            }
          }),
          flag("no payload", [], { filters: { groups: [{}], payloads: {} } })
        ],
        cohorts: own({ type: "AND", values: [{ key: name, operator: "exact", value: "x" }] })
      })
      const { flags, unresolved } = LocalEvaluation.evaluate(
        definitions,
        { distinctId: "u", personProperties: own("x") as never },
        { now }
      )
      assert.strictEqual(flags.get(name)?.value, true)
      assert.strictEqual(flags.get("depends")?.value, true)
      assert.strictEqual(flags.get("variant")?.value, name)
      assert.deepStrictEqual(flags.get("variant")?.payload, { a: 1 })
      assert.isUndefined(flags.get("no payload")?.payload)
      assert.strictEqual(unresolved.get("missing cohort")?.reason, "unsupported_definition")
      assert.strictEqual(unresolved.get("missing property")?.reason, "missing_context")
      assert.strictEqual(unresolved.get("missing operator")?.reason, "unsupported_definition")
      assert.strictEqual(unresolved.get("missing flag")?.reason, "unsupported_definition")
    }
  })

  it("what is no document is none", () => {
    const thrower = new Proxy({}, {
      get: () => {
        throw new Error("no")
      }
    })
    for (const value of [undefined, null, 1, "{}", [], {}, { flags: {} }, { flags: null }, () => 1, thrower]) {
      assert.isTrue(Option.isNone(LocalEvaluation.compile(value)))
    }
  })
})

describe("hostile subjects", () => {
  const raise = () => {
    throw new Error("no")
  }
  const thrower: never = new Proxy({}, {
    get: raise,
    has: raise,
    getPrototypeOf: raise,
    ownKeys: raise,
    getOwnPropertyDescriptor: raise
  }) as never
  const revoked = (): never => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy as never
  }
  const operators = [
    "exact",
    "is_not",
    "icontains",
    "not_icontains",
    "starts_with",
    "ends_with",
    "regex",
    "not_regex",
    "gt",
    "lte",
    "is_date_before",
    "is_date_after",
    "semver_eq",
    "semver_tilde",
    "semver_wildcard"
  ]
  const values: ReadonlyArray<readonly [string, unknown]> = [
    ["a Proxy that throws", thrower],
    ["a revoked Proxy", revoked()],
    ["a Proxy of a date", new Proxy(new Date(0), {})],
    ["a toString that throws", { toString: raise, valueOf: raise, toJSON: raise, [Symbol.toPrimitive]: raise }],
    ["an element that throws", [thrower]],
    ["a symbol", Symbol("s")],
    ["a bigint", 1n],
    ["a function", raise],
    ["a class instance", new Map([["a", 1]])],
    ["a list of four billion holes", Object.assign([], { length: 2 ** 32 - 1 })],
    ["such a list in a list", [Object.assign([], { length: 2 ** 32 - 1 })]]
  ]

  for (const [name, value] of values) {
    it(`${name} as a property has no value that could be compared`, () => {
      for (const operator of operators) {
        const target = operator.startsWith("is_date") ? "30d" : "1.0"
        const filter = { key: "p", operator, value: target }
        const result = LocalEvaluation.matchProperty(filter, { p: value } as never, { now })
        assert.deepStrictEqual(result, Either.left("missing_context"), operator)
        const definitions = compiled({ flags: [flag("f", [filter])] })
        const { unresolved } = LocalEvaluation.evaluate(
          definitions,
          { distinctId: "u", personProperties: { p: value } as never },
          { now }
        )
        assert.strictEqual(unresolved.get("f")?.reason, "missing_context", operator)
      }
    })
  }

  it("a list that contains itself has no text to be equal to", () => {
    const cyclic: Array<unknown> = []
    cyclic.push(cyclic)
    assert.deepStrictEqual(
      LocalEvaluation.matchProperty({ key: "p", operator: "exact", value: "1.0" }, { p: cyclic } as never, { now }),
      Either.left("missing_context")
    )
  })

  it("a filter that throws is one that cannot be read", () => {
    for (
      const filter of [thrower, revoked(), {
        key: "p",
        get value() {
          return raise()
        }
      }]
    ) {
      assert.deepStrictEqual(
        LocalEvaluation.matchProperty(filter, { p: 1 }, { now }),
        Either.left("unsupported_definition")
      )
    }
  })

  it("fields that throw or are of other types are as good as missing", () => {
    const definitions = compiled({
      flags: [
        flag("everybody", []),
        flag("person", [{ key: "p", operator: "exact", value: "x" }]),
        flag("device", [], { bucketing_identifier: "device_id" }),
        flag("group", [], { filters: { aggregation_group_type_index: 0, groups: [{}] } })
      ],
      group_type_mapping: { 0: "company" }
    })
    const wrong: ReadonlyArray<unknown> = [
      undefined,
      null,
      5,
      "text",
      true,
      [],
      Symbol("s"),
      raise,
      thrower,
      revoked(),
      { distinctId: Symbol("s"), groups: 5, personProperties: "p", groupProperties: [], deviceId: {} },
      { distinctId: {}, groups: { company: {} }, personProperties: thrower, groupProperties: thrower, deviceId: NaN },
      {
        get distinctId() {
          return raise()
        },
        get groups() {
          return raise()
        },
        get personProperties() {
          return raise()
        }
      }
    ]
    for (const subject of wrong) {
      const result = LocalEvaluation.evaluate(definitions, subject as LocalEvaluation.Subject, { now })
      assertWhole(definitions, result)
      for (const key of ["everybody", "person", "device"]) {
        assert.strictEqual(result.unresolved.get(key)?.reason, "missing_context", key)
      }
    }
  })
})

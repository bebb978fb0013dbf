/**
 * Worlds of flags from a seed: definitions with everything that PostHog has, somebody to evaluate them for, and a clock. What a
 * difference in is known and meant stays out; those are in the differential test, one by one.
 */
import { type Random, random } from "./random.js"

type Json = Record<string, unknown>

export interface World {
  readonly definitions: Json
  readonly distinctId: string
  readonly groups: Record<string, string>
  readonly personProperties: Json
  readonly groupProperties: Record<string, Json>
  readonly now: number
  readonly contexts: boolean
}

/** The contexts of a world that has some. */
export const contexts: ReadonlyArray<string> = ["backend", "worker"]

const names = [
  "email",
  "plan",
  "age",
  "version",
  "joined",
  "list",
  "deep",
  "flag",
  "constructor",
  "__proto__",
  "$device_id",
  "$group_key"
]

const texts = [
  "a@acme.com",
  "A@ACME.COM",
  "b@example.org",
  "pro",
  "Pro",
  "",
  " ",
  "true",
  "FALSE",
  "null",
  "10",
  "9",
  "12abc",
  "-1.5",
  "1e3",
  "NaN",
  "Infinity",
  "straße",
  "STRASSE",
  "É",
  "é",
  "日本",
  "\ud800",
  "\ud83e\udd94",
  "line\nbreak",
  "carriage\rreturn",
  "undefined",
  "a,b",
  "[object Object]",
  "{\"a\":\"b\"}"
]

const versions = [
  "1.2.3",
  "v1.2.3",
  "V1.2",
  "1",
  "1.2.3-beta.1",
  "1.2.3+build",
  "0.2.3",
  "0.0.3",
  "01.2.3",
  "1..3",
  ".1",
  "1.2.3.4",
  " 1.2.3 ",
  "1.x",
  "vv1.2",
  "2.0.0",
  "1.10.0",
  "1.2.99999999999999999999"
]

const wildcards = ["1.*", "1.2.*", "1.2.3.*", "*", "1*", "v1.2", "1.x.*", "0.*"]

const dates = [
  "2024-02-29",
  "2024-03-31T12:00:00Z",
  "2024-03-31T12:00:00",
  "2024-03-31 12:00:00",
  "2023-12-31T23:59:59.999+05:30",
  "2025-01-01",
  "2024",
  "2024-06",
  "Mar 5 2024",
  "5 March 2024 10:00 GMT",
  "not a date",
  "1h",
  "-24h",
  "30d",
  "-7d",
  "4w",
  "1m",
  "-2m",
  "13m",
  "1y",
  "-4y",
  "9999y",
  "10000d",
  "1s",
  "0d",
  "007d",
  " 1d",
  "1D"
]

const patterns = [
  "",
  "acme",
  "^a",
  "\\.com$",
  "@acme\\.com$",
  ".*@(acme|example)\\.(com|org)",
  "[A-Z]+@",
  "[^@]+@[^.]+\\.[a-z]{2,3}",
  "^\\d+$",
  "\\w+\\s*",
  "(a|b)*c?",
  "a{2,}",
  "(",
  "[",
  "*",
  "a**",
  "a++",
  "\\bacme\\b",
  "(?=a)a",
  "(?:a)",
  "(a)\\1",
  "\\p{L}",
  "é",
  "[]",
  "[a&&b]",
  "^*",
  "{",
  "a{",
  "a{3,1}",
  "[\\s-9]",
  "\\",
  "]",
  "}",
  "a|",
  "()",
  "()*",
  "\\<",
  "\\x41",
  "^$",
  "."
]

const numbers = [0, 1, 5, 10, 1.5, -1.5, 0.1, 1e21, 1e-7, 1_704_067_200_000, 20, -0]

const others = (random: Random): unknown =>
  random.pick<unknown>([
    null,
    true,
    false,
    [],
    ["pro", "Pro"],
    ["a", "b"],
    [true],
    ["true", "TRUE"],
    ["false"],
    [null],
    [1.5, "pro"],
    ["pro", 1],
    [1, "pro"],
    [[]],
    {},
    { a: "b" },
    { b: 1.5, a: [null, true] },
    { a: 1 },
    { "\u{1f994}": "x", "\uffee": "y" }
  ])

const value = (random: Random): unknown => {
  const kind = random.below(10)
  if (kind < 4) return random.pick(texts)
  if (kind < 5) return random.pick(versions)
  if (kind < 6) return random.pick(dates)
  if (kind < 8) return random.pick(numbers)
  return others(random)
}

const operators = [
  "exact",
  "is_not",
  "is_set",
  "is_not_set",
  "icontains",
  "not_icontains",
  "starts_with",
  "not_starts_with",
  "ends_with",
  "not_ends_with",
  "regex",
  "not_regex",
  "gt",
  "gte",
  "lt",
  "lte",
  "is_date_before",
  "is_date_after",
  "semver_eq",
  "semver_neq",
  "semver_gt",
  "semver_gte",
  "semver_lt",
  "semver_lte",
  "semver_tilde",
  "semver_caret",
  "semver_wildcard",
  undefined,
  null,
  ""
]

/** Operators that only PostHog's server has. */
const serverOperators = ["between", "icontains_multi", "in", "EXACT"]

const target = (random: Random, operator: string): unknown => {
  if (random.chance(20)) return value(random)
  if (operator === "semver_wildcard") return random.pick(wildcards)
  if (operator.startsWith("semver")) return random.pick(versions)
  if (operator.startsWith("is_date")) return random.pick(dates)
  if (operator.endsWith("regex")) return random.pick(patterns)
  return value(random)
}

const property = (random: Random): Json => {
  // On null an operator of the server's is one of the differences.
  const isServers = random.chance(3)
  const operator = isServers ? random.pick(serverOperators) : random.pick(operators)
  const key = isServers ? "email" : random.pick(names)
  return {
    key,
    type: random.pick(["person", "group", undefined]),
    value: target(random, operator ?? ""),
    ...(operator === undefined ? undefined : { operator })
  }
}

const cohortFilter = (random: Random, below: number): Json => ({
  key: "id",
  type: "cohort",
  // Those that are not there are static.
  value: random.chance(8) ? 99 : below === 0 ? 99 : random.pick([String, Number])(1 + random.below(below)),
  operator: random.pick(["in", "in", "not_in", "exact", undefined])
})

/** Keys of flags by number. */
const keyOf = (index: number): string => index === 3 ? "ключ-3" : `flag-${index}`

const flagFilter = (random: Random, below: number): Json => {
  const target = random.below(Math.max(below, 1))
  const chain = Array.from({ length: target }, (_, index) => keyOf(index)).filter(() => random.chance(25))
  const filter = {
    key: keyOf(target),
    type: "flag",
    operator: "flag_evaluates_to",
    value: random.pick<unknown>([true, true, false, "control", "test", "", "Control", 1, ["control"], null])
  }
  if (below === 0 || random.chance(4)) {
    return { ...filter, dependency_chain: random.pick<unknown>([[], null, "x", ["nowhere"]]) }
  }
  return random.chance(2) ? filter : { ...filter, dependency_chain: [...chain, keyOf(target)] }
}

const filter = (random: Random, flags: number, cohorts: number): Json => {
  const kind = random.below(12)
  if (kind < 2) return cohortFilter(random, cohorts)
  if (kind < 4) return flagFilter(random, flags)
  return property(random)
}

const group = (random: Random, cohort: number, depth: number): Json | null => {
  const kind = random.below(20)
  if (kind === 0) return random.pick<Json | null>([{}, null])
  const type = kind === 1 ? "XOR" : random.pick(["AND", "OR", "OR", "property"])
  const length = random.chance(5) ? 0 : 1 + random.below(3)
  const values = depth > 0 && random.chance(30)
    ? Array.from({ length }, () => {
      const inner = group(random, cohort, depth - 1)
      // The first says what all are, and an empty one among others is one of the differences.
      return Object.hasOwn(inner ?? {}, "values") ? inner : { type: "AND", values: [] }
    })
    : Array.from({ length }, () => ({
      ...filter(random, 2, cohort - 1),
      ...(random.chance(25) ? { negation: random.pick([true, false]) } : undefined)
    }))
  return { type, values }
}

const percentages = [0, 0.5, 1, 10, 25, 33.3, 50, 50, 75, 99.9, 100, 100, 100, null, undefined, 150, -5]

const condition = (random: Random, flags: number, cohorts: number): Json => ({
  properties: random.pick<unknown>([
    [],
    null,
    undefined,
    ...Array.from(
      { length: 12 },
      () => Array.from({ length: 1 + random.below(3) }, () => filter(random, flags, cohorts))
    )
  ]),
  rollout_percentage: random.pick(percentages),
  variant: random.pick([undefined, undefined, null, "control", "test", "gone", ""]),
  ...(random.chance(20) ? { aggregation_group_type_index: random.pick([0, 1, 7, null]) } : undefined)
})

const variants = (random: Random): ReadonlyArray<Json> =>
  random.pick([
    [{ key: "control", rollout_percentage: 50 }, { key: "test", rollout_percentage: 50 }],
    [{ key: "control", rollout_percentage: 33.3 }, { key: "test", rollout_percentage: 33.3 }],
    [{ key: "control", rollout_percentage: 0 }, { key: "test", rollout_percentage: 100 }],
    [{ key: "test", rollout_percentage: 10 }],
    []
  ])

const flag = (random: Random, index: number, all: number): Json => {
  // Cohorts look at the first two flags, which look at no cohort: a circle would take posthog-node and its process with it.
  const cohorts = index < 2 ? 0 : all
  const aggregation = random.chance(25) ? { aggregation_group_type_index: random.pick([0, 1, 7, null]) } : undefined
  return {
    id: index,
    key: keyOf(index),
    active: random.chance(92),
    ensure_experience_continuity: random.chance(4),
    has_experiment: random.pick([true, false, undefined]),
    bucketing_identifier: random.pick(["distinct_id", "device_id", "", null, undefined, undefined]),
    evaluation_runtime: random.pick(["all", "server", "client", null, undefined]),
    ...(random.chance(25)
      ? { [random.pick(["evaluation_contexts", "evaluation_tags"])]: random.pick([[], ["backend"], ["web"], null]) }
      : undefined),
    filters: random.chance(3) ? random.pick<unknown>([null, undefined, {}]) : {
      ...aggregation,
      groups: Array.from({ length: random.below(4) }, () => condition(random, index, cohorts)),
      ...(random.chance(45) ? { multivariate: random.pick([null, { variants: variants(random) }]) } : undefined),
      ...(random.chance(50)
        ? { payloads: { true: "{\"a\":[1]}", control: "\"text\"", test: "no json {", "holdout-7": "12" } }
        : undefined),
      ...(random.chance(15)
        ? {
          holdout: random.pick([null, {
            id: 7,
            exclusion_percentage: random.pick([0, 10, 50, 100, 120, null, "30", "x"])
          }])
        }
        : undefined),
      ...(random.chance(25) ? { early_exit: random.pick([true, false, null]) } : undefined)
    }
  }
}

const some = (random: Random): Json => {
  const there = names.filter((name) => !name.startsWith("$") && random.chance(65))
  const properties: Json = Object.fromEntries(there.map((name) => [name, value(random)]))
  // Operators of the server's look at this one.
  return properties.email === null ? { ...properties, email: "a@acme.com" } : properties
}

/** The world of a seed. */
export const world = (seed: number): World => {
  const r = random(seed)
  const cohorts = r.below(6)
  const flags = 1 + r.below(9)
  const person: Json = some(r)
  // Device ids that are no texts are one of the differences.
  if (r.chance(60)) person.$device_id = r.pick(["device-1", "device-2", "", null])
  if (r.chance(5)) person.distinct_id = "somebody else"
  const groups: Record<string, string> = {}
  for (const type of ["company", "project"]) if (r.chance(60)) groups[type] = r.pick(["acme", "globex", "7", ""])
  const groupProperties: Record<string, Json> = {}
  for (const type of ["company", "project"]) if (r.chance(60)) groupProperties[type] = some(r)
  const [year, month, day] = [2019 + r.below(8), r.below(12), 1 + r.below(31)]
  return {
    definitions: {
      flags: Array.from({ length: flags }, (_, index) => flag(r, index, cohorts)),
      group_type_mapping: { 0: "company", 1: "project" },
      cohorts: Object.fromEntries(Array.from({ length: cohorts }, (_, index) => [index + 1, group(r, index + 1, 2)])),
      ...(r.chance(40) ? { property_matching_version: r.pick([1, 2, 2]) } : undefined)
    },
    distinctId: r.pick(["user-1", "user-2", "пользователь", "\u{1f994}", `u${r.below(1e9)}`, "x".repeat(70)]),
    groups,
    personProperties: person,
    groupProperties,
    now: Date.UTC(year, month, day, r.below(24), r.below(60), r.below(60), r.below(1000)),
    contexts: r.chance(30)
  }
}

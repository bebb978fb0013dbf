/**
 * Definitions, subjects and clocks from a seed, evaluated by posthog-node and by this library, and compared flag by flag.
 *
 *   npx vitest run test/localEvaluationDifferential.test.ts
 *   DIFFERENTIAL_SEED=7 DIFFERENTIAL_CASES=100000 npx vitest run test/localEvaluationDifferential.test.ts
 *
 * `DIFFERENTIAL_CASES` is the number of evaluations of a whole set of definitions for one subject, 4,000 by default.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { LocalEvaluation } from "effect-posthog"
import { PostHog as PostHogNode } from "posthog-node"
import { vi } from "vitest"
import * as Sink from "./support/sink.js"

const firstSeed = Number(process.env.DIFFERENTIAL_SEED ?? 1)
const wanted = Number(process.env.DIFFERENTIAL_CASES ?? 4_000)
const subjectsPerSet = 40

/** A generator of whole numbers below a bound (Lehmer's, with the constants of MINSTD). */
const randomOf = (seed: number) => {
  let state = (seed * 7_919 + 11) % 2_147_483_647
  const below = (bound: number): number => {
    state = state * 48_271 % 2_147_483_647
    return state % bound
  }
  const one = <A>(values: ReadonlyArray<A>): A => values[below(values.length)]!
  const chance = (percent: number): boolean => below(100) < percent
  const some = <A>(count: number, make: (index: number) => A): Array<A> =>
    Array.from({ length: count }, (_, i) => make(i))
  return { below, one, chance, some }
}
type Random = ReturnType<typeof randomOf>

const names = ["email", "plan", "age", "version", "joined", "tags", "active", "nothing", "__proto__", "ünï"]
const values: ReadonlyArray<unknown> = [
  "a",
  "A",
  "abc",
  "@example.com",
  "ada@example.com",
  "true",
  "False",
  "",
  "5",
  "10",
  "9.5",
  "1.2.3",
  "v1.10.0",
  "2.0",
  "2024-05-01",
  "2024-05-01T10:00:00Z",
  "-7d",
  "30d",
  "1m",
  "2y",
  "tomorrow",
  "É",
  5,
  9.5,
  0,
  -1,
  true,
  false,
  null,
  ["a", "b"],
  ["true"],
  [],
  ["1.5", 2.5],
  { a: 1 }
]
const operators = [
  "exact",
  "is_not",
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
  "is_set",
  "is_not_set",
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
  "between",
  undefined
]
const patterns = ["^a", "b+$", "[a-z]+@", "(a|b)c", "\\d{2,}", "a.c", "(", "(?=a)", "\\bx", "é", "", "[^@]*$"]

const filter = (random: Random, type: string) => {
  const operator = random.one(operators)
  return {
    key: random.one(names),
    type,
    ...(operator === undefined ? undefined : { operator }),
    value: operator === "regex" || operator === "not_regex"
      ? random.one(patterns)
      : operator === "semver_wildcard"
      ? random.one(["1.*", "1.2.*", "v2", "*", "x"])
      : random.one(values)
  }
}

/** What a row of filters may be made of. Flags depend on those before them, so that chains end, or on what there is not. */
const filters = (random: Random, index: number, type: string, isCohort = false): Array<unknown> =>
  random.some(random.below(3), () => {
    const kind = random.below(10)
    const negation = isCohort && random.chance(20) ? { negation: true } : undefined
    if (kind === 0) {
      return {
        key: "id",
        type: "cohort",
        value: random.one([1, 2, 3, 99]),
        operator: random.one(["in", "not_in"]),
        ...negation
      }
    }
    if (kind === 1 && index > 0) {
      const on = random.below(index)
      return {
        key: `flag-${on}`,
        type: "flag",
        operator: "flag_evaluates_to",
        value: random.one([true, false, "a", "b"]),
        dependency_chain: random.chance(90) ? [`flag-${on}`] : random.one([[], ["flag-none"]]),
        ...negation
      }
    }
    return { ...filter(random, type), ...negation }
  })

const cohort = (random: Random, depth: number): unknown => {
  if (random.chance(5)) return {}
  const type = random.one(["AND", "OR"])
  return random.chance(40) && depth < 2
    ? { type, values: random.some(random.below(3), () => cohort(random, depth + 1)) }
    : { type, values: filters(random, 0, "person", true) }
}

const flag = (random: Random, index: number) => {
  const group = random.chance(20) ? random.below(3) : undefined
  const variants = random.chance(40)
    ? [{ key: "a", rollout_percentage: 50 }, { key: "b", rollout_percentage: random.one([50, 30, 12.5]) }]
    : undefined
  const rollout = () => random.one([undefined, null, 0, 0.5, 10, 50, 99.5, 100])
  return {
    id: index + 1,
    key: `flag-${index}`,
    active: random.chance(95),
    ...(random.chance(5) ? { ensure_experience_continuity: true } : undefined),
    ...(random.chance(15) ? { bucketing_identifier: "device_id" } : undefined),
    ...(random.chance(15) ? { evaluation_runtime: random.one(["all", "client", "server"]) } : undefined),
    filters: {
      groups: random.some(random.below(4), () => ({
        properties: random.chance(10) ? null : filters(random, index, group === undefined ? "person" : "group"),
        rollout_percentage: rollout(),
        ...(random.chance(15) ? { variant: random.one(["a", "b", "other", null]) } : undefined),
        ...(random.chance(10) ? { aggregation_group_type_index: random.one([0, 1, null]) } : undefined)
      })),
      ...(variants === undefined ? undefined : { multivariate: { variants } }),
      ...(group === undefined ? undefined : { aggregation_group_type_index: group }),
      ...(random.chance(10) ? { holdout: { id: 7, exclusion_percentage: random.one([0, 30, 100]) } } : undefined),
      ...(random.chance(15) ? { early_exit: true } : undefined),
      ...(random.chance(50)
        ? { payloads: { true: random.one(["{\"x\":1}", "[1]", "text", "12"]), a: "\"payload of a\"" } }
        : undefined)
    }
  }
}

const documentOf = (random: Random) => ({
  flags: random.some(8, (index) => flag(random, index)),
  group_type_mapping: { 0: "company", 1: "project" },
  cohorts: { 1: cohort(random, 0), 2: cohort(random, 0), 3: cohort(random, 0) },
  ...(random.chance(40) ? { property_matching_version: 2 } : undefined)
})

const propertiesOf = (random: Random): Record<string, unknown> =>
  Object.fromEntries(names.filter(() => random.chance(60)).map((name) => [name, random.one(values)]))

const subjectOf = (random: Random) => ({
  distinctId: `user_${random.below(1_000)}`,
  groups: random.chance(50)
    ? { company: `acme_${random.below(20)}`, ...(random.chance(50) ? { project: "p" } : undefined) }
    : {},
  personProperties: {
    ...propertiesOf(random),
    ...(random.chance(50) ? { $device_id: `d_${random.below(50)}` } : undefined)
  },
  groupProperties: random.chance(50) ? { company: propertiesOf(random) } : {}
})

/**
 * Where posthog-node is known to answer differently, and why ours is right:
 *
 * - An operator that nobody knows, on a property that is null: posthog-node says no match, because all but some operators do not match null.
 *   PostHog's specification (LEV-11) wants a flag with an unknown operator unresolved.
 */
const isExplained = (document: unknown, subject: unknown, mine: unknown): boolean =>
  mine === undefined && JSON.stringify(document).includes("\"between\"") && JSON.stringify(subject).includes(":null")

type Answers = Readonly<Record<string, { readonly value: unknown; readonly payload: unknown }>>

const ours = (document: unknown, subject: ReturnType<typeof subjectOf>, now: number): Answers => {
  const { flags } = LocalEvaluation.evaluate(Option.getOrThrow(LocalEvaluation.compile(document)), subject, { now })
  return Object.fromEntries(
    Array.from(flags.values(), ({ key, payload, value }) => [key, { value, payload: payload ?? undefined }])
  )
}

const theirs = async (client: PostHogNode, subject: ReturnType<typeof subjectOf>): Promise<Answers> => {
  const { distinctId, ...rest } = subject
  const snapshot = await client.evaluateFlags(distinctId, { ...rest, onlyEvaluateLocally: true } as never)
  const answers: Record<string, { value: unknown; payload: unknown }> = {}
  for (const key of snapshot.keys) {
    answers[key] = { value: snapshot.getFlag(key), payload: snapshot.getFlagPayload(key) ?? undefined }
  }
  return answers
}

describe("local evaluation against posthog-node", () => {
  it.scopedLive(
    "whole snapshots are equal, whatever the definitions, the subject and the clock",
    () =>
      Effect.gen(function*() {
        const sets = Math.ceil(wanted / subjectsPerSet)
        let document: unknown = { flags: [] }
        const sink = yield* Sink.make({ definitions: () => document })
        let compared = 0
        let resolved = 0
        vi.useFakeTimers({ toFake: ["Date"] })
        yield* Effect.addFinalizer(() => Effect.sync(() => vi.useRealTimers()))
        for (let set = 0; set < sets; set++) {
          const seed = firstSeed + set
          const random = randomOf(seed)
          document = documentOf(random)
          const now = Date.UTC(2023, random.below(30), 1 + random.below(31), random.below(24))
          vi.setSystemTime(now)
          yield* Effect.promise(async () => {
            const client = new PostHogNode("phc_test", {
              host: sink.url,
              personalApiKey: "phx_test",
              featureFlagsPollingInterval: 3_600_000,
              sendFeatureFlagEvent: false,
              logger: { info: () => {}, warn: () => {}, error: () => {}, debug: () => {}, critical: () => {} }
            } as never)
            try {
              await client.waitForLocalEvaluationReady(10_000)
              for (let i = 0; i < subjectsPerSet; i++) {
                const subject = subjectOf(random)
                const [mine, node] = [ours(document, subject, now), await theirs(client, subject)]
                compared++
                resolved += Object.keys(mine).length
                for (const key of new Set([...Object.keys(mine), ...Object.keys(node)])) {
                  if (isExplained(document, subject, mine[key])) continue
                  const defined = (document as { flags: Array<{ key: string }> }).flags.find((flag) => flag.key === key)
                  assert.deepStrictEqual(
                    mine[key],
                    node[key],
                    `seed ${seed}, subject ${i}, at ${new Date(now).toISOString()}\n${
                      JSON.stringify({ defined, subject })
                    }\n${JSON.stringify((document as { cohorts: unknown }).cohorts)}`
                  )
                }
              }
            } finally {
              await client.shutdown()
            }
          })
        }
        assert.isAtLeast(compared, wanted)
        // Most flags can be told; else the comparison would say little.
        assert.isAbove(resolved, compared * 2)
      }),
    600_000
  )
})

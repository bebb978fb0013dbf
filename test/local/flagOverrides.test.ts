import { describe, expect, it } from "vitest"
import { definitions, flag, forPro } from "../support/definitions.js"
import { ask, capture, local, locally, multivariate, open, values } from "./asking.js"

describe("overrides", () => {
  const half = { properties: [], rollout_percentage: 50 }
  const company = { group_type_mapping: { 0: "company" } }
  const document = definitions([
    multivariate("checkout", [half]),
    forPro("pro"),
    flag("off", { active: false }),
    flag("held", { filters: { groups: [half], holdout: { id: 1, exclusion_percentage: 100 } } }),
    flag("kept", { ensure_experience_continuity: true, filters: { groups: [] } }),
    flag("team", { filters: { aggregation_group_type_index: 0, groups: [half] } })
  ], company)
  const keys = ["checkout", "pro", "off", "held", "kept", "team", "new"]

  it("for everybody hold here and for who evaluates by itself, whatever the flag was", async () => {
    for (const value of [true, false, "fast", "brand-new"]) {
      const server = await open(document, keys.map((key) => ({ key, value, payload: { own: 1 } })))
      const everywhere = Object.fromEntries(keys.map((key) => [key, value]))
      for (const distinctId of ["ada", "bob"]) {
        expect(await values(server, { distinct_id: distinctId })).toEqual(everywhere)
        expect(await local(server, (client) => locally(client, distinctId))).toEqual(everywhere)
      }
      const { checkout } = (await ask(server)).body.flags
      expect(checkout.reason).toMatchObject({
        code: value === false ? "no_condition_match" : "condition_match",
        description: "Overridden in the local PostHog"
      })
      expect(checkout.metadata.payload).toBe(value === false ? null : "{\"own\":1}")
    }
  })

  it("for one person change nothing for the others", async () => {
    const plain = await open(document)
    const people = ["bob", "cleo", "dan", "eve", "Ada Lovelace"].map((distinct_id) => ({ distinct_id }))
    const groups = { company: "acme" }
    const before = await Promise.all(people.map((person) => values(plain, { ...person, groups })))
    const pro = { plan: "pro" }
    for (const value of ["fast", false]) {
      const server = await open(document, keys.map((key) => ({ key, value, distinctId: "ada" })))
      expect(await values(server, { groups })).toEqual(Object.fromEntries(keys.map((key) => [key, value])))
      const after = await Promise.all(people.map((person) => values(server, { ...person, groups })))
      expect(after).toEqual(before)
      await local(server, async (client) => {
        const own = await locally(client, "ada", { groups, personProperties: pro })
        expect(own).toMatchObject({ checkout: value, pro: value, new: value })
        const other = await locally(client, "bob", { groups, personProperties: pro })
        expect(other).toMatchObject({ checkout: before[0]!.checkout, team: before[0]!.team, pro: true, new: false })
        if (value === "fast") expect(own).toMatchObject({ team: "fast", off: "fast" })
      })
    }
  })

  it("for one person are stronger than those for everybody, and hold for all ids of the person", async () => {
    const server = await open(definitions([flag("a")]), [
      { key: "a", value: "one", distinctId: "ada" },
      { key: "a", value: "all" }
    ])
    await capture(server, { event: "$identify", properties: { $anon_distinct_id: "anon" } })
    expect(await values(server)).toEqual({ a: "one" })
    expect(await values(server, { distinct_id: "anon" })).toEqual({ a: "one" })
    expect(await values(server, { distinct_id: "bob" })).toEqual({ a: "all" })
    server.local.flags.override({ key: "a", value: undefined, distinctId: "ada" })
    expect(await values(server)).toEqual({ a: "all" })
    expect(server.local.flags.overrides()).toEqual([{ key: "a", value: "all" }])
  })

  it("are seen by flags that depend on them", async () => {
    const server = await open(definitions([
      flag("base", { filters: { groups: [] } }),
      flag("child", {
        filters: {
          groups: [{
            properties: [
              { key: "base", type: "flag", value: true, operator: "flag_evaluates_to", dependency_chain: ["base"] }
            ],
            rollout_percentage: 100
          }]
        }
      })
    ]))
    expect(await values(server)).toEqual({ base: false, child: false })
    server.local.flags.override({ key: "base", value: true, distinctId: "ada" })
    expect(await values(server)).toEqual({ base: true, child: true })
    expect(await values(server, { distinct_id: "bob" })).toEqual({ base: false, child: false })
  })
})

describe("posthog-node", () => {
  const document = definitions([
    multivariate("checkout", [{ properties: [], rollout_percentage: 80 }]),
    forPro("pro"),
    flag("third", { filters: { groups: [{ properties: [], rollout_percentage: 33.3 }] } }),
    flag("held", {
      filters: {
        groups: [{ properties: [], rollout_percentage: 100 }],
        holdout: { id: 5, exclusion_percentage: 20 }
      }
    }),
    flag("acme", {
      filters: {
        groups: [{
          properties: [{ key: "email", type: "person", value: "@acme.com", operator: "icontains" }],
          rollout_percentage: 60
        }]
      }
    }),
    flag("team", {
      filters: { aggregation_group_type_index: 0, groups: [{ properties: [], rollout_percentage: 50 }] }
    })
  ], { group_type_mapping: { 0: "company" } })

  it("evaluates to the same over 600 values, and says that it has", async () => {
    const server = await open(document)
    await local(server, async (client) => {
      const seen = new Set<string>()
      for (let i = 0; i < 100; i++) {
        const distinctId = `person-${i}`
        const personProperties = {
          plan: i % 3 === 0 ? "pro" : "free",
          email: i % 2 === 0 ? `${i}@Acme.com` : `${i}@example.org`
        }
        const groups = { company: `company-${i % 17}` }
        const here = await values(server, { distinct_id: distinctId, person_properties: personProperties, groups })
        expect(await locally(client, distinctId, { personProperties, groups })).toEqual(here)
        for (const [key, value] of Object.entries(here)) seen.add(`${key} ${value}`)
      }
      // Each flag has come out in each way.
      expect([...seen].sort()).toEqual([
        "acme false",
        "acme true",
        "checkout control",
        "checkout false",
        "checkout fast",
        "held holdout-5",
        "held true",
        "pro false",
        "pro true",
        "team false",
        "team true",
        "third false",
        "third true"
      ])
      const snapshot = await client.evaluateFlags("person-1", { groups: { company: "x" }, onlyEvaluateLocally: true })
      snapshot.getFlag("third")
      await client.flush()
    })
    expect(server.local.store.evaluations.at(-1)).toMatchObject({
      flag: "third",
      where: "client",
      distinct_id: "person-1"
    })
  })

  it("asks here for what it cannot tell by itself", async () => {
    const server = await open(document)
    await capture(server, { event: "$identify", properties: { $set: { plan: "pro" } } })
    const flags = await local(server, (client) => client.getAllFlags("ada"))
    expect(flags).toMatchObject({ pro: true })
  })
})

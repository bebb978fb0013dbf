import { describe, expect, it } from "vitest"
import { ingestV0 } from "../../src/local/ingest.js"
import { maxPeople } from "../../src/local/people.js"
import { exchange, makeLocal } from "./handling.js"

interface Sent {
  readonly uuid?: string
  readonly event?: string
  readonly distinct_id: unknown
  readonly properties?: object
  readonly $set?: object
  readonly $set_once?: object
}

const world = () => {
  const local = makeLocal()
  return {
    local,
    people: local.people,
    hints: () => local.store.hints.map(({ text }) => text),
    send: (...events: ReadonlyArray<Sent>) =>
      ingestV0(
        exchange(local, { body: { api_key: "phc_a", batch: events.map((event) => ({ event: "e", ...event })) } }),
        local
      ),
    find: (id: string) => local.people.find("phc_a", id)
  }
}

const identify = (distinct_id: string, $anon_distinct_id: unknown, properties: object = {}): Sent => ({
  event: "$identify",
  distinct_id,
  properties: { $anon_distinct_id, ...properties }
})
const alias = (distinct_id: string, other: string): Sent => ({
  event: "$create_alias",
  distinct_id,
  properties: { distinct_id, alias: other }
})

describe("properties", () => {
  it("are set, set once and removed", () => {
    const { find, send } = world()
    send(
      { distinct_id: "ada", properties: { $set: { plan: "free", a: 1 }, $set_once: { first: 1 } } },
      { distinct_id: "ada", $set: { plan: "pro" }, $set_once: { first: 2 } },
      { event: "$set", distinct_id: "ada", properties: { $unset: ["a", 1, null] } }
    )
    expect(find("ada")).toEqual({ ids: ["ada"], properties: { plan: "pro", first: 1 } })
  })

  it("stay as they are when an event comes again", () => {
    const { find, send } = world()
    const uuid = "0194d6e0-0000-7000-8000-000000000001"
    const first = { distinct_id: "ada", uuid, $set: { plan: "free" } }
    send(first)
    send({ distinct_id: "ada", $set: { plan: "pro" } })
    send(first)
    expect(find("ada")?.properties).toEqual({ plan: "pro" })
  })

  it("stay as they are by what is sent without a profile", () => {
    const { find, people, send } = world()
    send({ distinct_id: "ada", properties: { $set: { a: 1 } } })
    send({ distinct_id: "ada", properties: { $process_person_profile: false, $set: { a: 2 } } })
    send({ distinct_id: "bob", properties: { $process_person_profile: false } })
    send({
      event: "$groupidentify",
      distinct_id: "x",
      properties: { $process_person_profile: false, $group_type: "c", $group_key: "k", $group_set: { a: 1 } }
    })
    expect(find("ada")?.properties).toEqual({ a: 1 })
    expect(find("bob")).toBeUndefined()
    expect(people.group("phc_a", "c", "k")).toBeUndefined()
  })

  it("of any name and value", () => {
    const { find, send } = world()
    const $set = JSON.parse("{\"__proto__\": {\"a\": 1}, \"constructor\": null, \"toString\": [], \"\": 1e308}")
    send({ distinct_id: "__proto__", $set })
    expect(JSON.stringify(find("__proto__")?.properties)).toBe(JSON.stringify($set))
    expect(({} as any).a).toBeUndefined()
  })

  it("are not more than somebody can have", () => {
    const { find, send } = world()
    send({ distinct_id: "ada", $set: { a: "x".repeat(300_000), b: "y".repeat(300_000), c: 1 } })
    expect(Object.keys(find("ada")!.properties)).toEqual(["a", "c"])
    send({ distinct_id: "ada", $set: { a: 1 } }, { distinct_id: "ada", $set: { b: "y".repeat(300_000) } })
    expect(Object.keys(find("ada")!.properties)).toEqual(["a", "c", "b"])
  })
})

describe("merging", () => {
  it("makes somebody without a name and somebody with one the same", () => {
    const { find, hints, people, send } = world()
    send({ distinct_id: "anon", $set: { a: 1, b: 1 } }, { distinct_id: "ada", $set: { b: 2 } })
    send(identify("ada", "anon", { $set: { c: 3 } }))
    expect(find("anon")).toEqual({ ids: ["ada", "anon"], properties: { a: 1, b: 2, c: 3 } })
    expect(find("ada")).toEqual(find("anon"))
    expect(people.all()).toHaveLength(1)
    expect(hints()).toEqual([])
  })

  it.each<[string, ReadonlyArray<Sent>, ReadonlyArray<string>]>([
    ["of two that nobody knows", [identify("ada", "anon")], ["ada", "anon"]],
    ["of one that is known by the old id", [{ distinct_id: "anon" }, identify("ada", "anon")], ["anon", "ada"]],
    ["of one that is known by the new id", [{ distinct_id: "ada" }, identify("ada", "anon")], ["ada", "anon"]],
    ["of the same", [identify("ada", "ada")], ["ada"]],
    ["twice", [identify("ada", "anon"), identify("ada", "anon")], ["ada", "anon"]],
    ["of several", [identify("ada", "a"), identify("ada", "b")], ["ada", "a", "b"]],
    ["by alias", [{ distinct_id: "ada" }, alias("ada", "old")], ["ada", "old"]],
    ["with a number", [identify("ada", 7)], ["ada", "7"]],
    ["with nothing", [identify("ada", null)], ["ada"]]
  ])("%s", (_, events, ids) => {
    const { find, people, send } = world()
    send(...events)
    expect(people.all().map(({ ids }) => ids)).toEqual([ids])
    for (const id of ids) expect(find(id)?.ids).toEqual(ids)
  })

  it("is not done with who has been identified, unless it is forced", () => {
    const { find, hints, people, send } = world()
    send({ distinct_id: "bob" }, identify("ada", "anon"), identify("bob", "ada"))
    expect(find("bob")?.ids).toEqual(["bob"])
    expect(hints()).toEqual([
      expect.stringMatching(/"ada" and "bob" stay two persons: "ada" has been identified before/)
    ])
    send({ event: "$merge_dangerously", distinct_id: "bob", properties: { alias: "anon" } })
    expect(people.all().map(({ ids }) => ids)).toEqual([["bob", "ada", "anon"]])
  })

  it.each(["null", "undefined", "0", "[object Object]"])("is not done with %s", (id) => {
    const { hints, people, send } = world()
    send(identify("ada", id), identify(id, "eve"))
    expect(people.all().map(({ ids }) => ids)).toEqual([["ada"], [id]])
    expect(hints()).toHaveLength(2)
    expect(hints()[0]).toMatch("stands for nobody")
  })

  it("stays within projects", () => {
    const { local, people } = world()
    for (const api_key of ["phc_a", "phc_b"]) {
      ingestV0(
        exchange(local, { body: { api_key, batch: [{ event: "e", ...identify("ada", `of ${api_key}`) }] } }),
        local
      )
    }
    expect(people.all().map(({ ids, project }) => [project, ids])).toEqual([
      ["phc_a", ["ada", "of phc_a"]],
      ["phc_b", ["ada", "of phc_b"]]
    ])
    expect(people.all("phc_b")).toHaveLength(1)
    expect(people.find("phc_b", "of phc_a")).toBeUndefined()
  })
})

describe("groups", () => {
  it("have properties", () => {
    const { people, send } = world()
    const group = ($group_type: unknown, $group_key: unknown, $group_set: unknown): Sent => ({
      event: "$groupidentify",
      distinct_id: "x",
      properties: { $group_type, $group_key, $group_set }
    })
    send(group("company", "acme", { plan: "pro" }), group("company", "acme", { seats: 5 }), group("company", 7, {}))
    send(group("com", "panyacme", {}), group(undefined, "a", {}), group("a", {}, []))
    expect(people.group("phc_a", "company", "acme")).toEqual({ plan: "pro", seats: 5 })
    expect(people.group("phc_a", "company", "7")).toEqual({})
    expect(people.group("phc_b", "company", "acme")).toBeUndefined()
    expect(people.group("phc_a", "__proto__", "toString")).toBeUndefined()
  })
})

describe("bounds", () => {
  it("who was not heard of for the longest time is forgotten", () => {
    const { find, people, send } = world()
    send(identify("first", "anon"))
    for (let n = 1; n < maxPeople; n++) send({ distinct_id: `p${n}` })
    expect(people.all()).toHaveLength(maxPeople)
    // Heard of again, so that the second is the oldest now.
    send({ distinct_id: "anon" })
    send({ distinct_id: "new" })
    expect(people.all()).toHaveLength(maxPeople)
    expect(find("first")?.ids).toEqual(["first", "anon"])
    expect(find("p1")).toBeUndefined()
    expect(find("p2")).toBeDefined()
  })

  it("their properties take no more than 16 MB", () => {
    const { find, people, send } = world()
    for (let n = 0; n < 200; n++) send({ distinct_id: `p${n}`, $set: { text: "x".repeat(100_000) } })
    expect(people.all().length).toBeLessThan(168)
    expect(find("p199")).toBeDefined()
    expect(find("p0")).toBeUndefined()
  })

  it("nor do their ids", () => {
    const { people, send } = world()
    for (let n = 0; n < 100; n++) {
      send(...Array.from({ length: 900 }, (_, id) => identify(`p${n}`, `${n}-${id}-`.padEnd(200, "x"))))
    }
    const ids = people.all().flatMap(({ ids }) => ids)
    expect(ids.length).toBeLessThan(16 * 1024 * 1024 / 200)
    expect(people.find("phc_a", "p99")?.ids).toHaveLength(901)
    expect(people.find("phc_a", "p0")).toBeUndefined()
    expect(people.find("phc_a", "0-0-".padEnd(200, "x"))).toBeUndefined()
  })

  it("who is heard of again and again takes no more than once", () => {
    const { find, send } = world()
    send({ distinct_id: "first" })
    for (let n = 0; n < 200; n++) send({ distinct_id: "ada", $set: { text: "x".repeat(100_000) } })
    expect(find("first")).toBeDefined()
  })

  it("somebody has so many ids", () => {
    const { people, send } = world()
    for (let n = 0; n < 1_500; n++) send(identify("all", `a${n}`))
    expect(people.all()[0]!.ids).toHaveLength(1_000)
    expect(people.find("phc_a", "a1499")?.ids[0]).toBe("all")
    expect(people.find("phc_a", "a0")).toBeUndefined()
  })

  it("nobody is left after clear", () => {
    const { find, people, send } = world()
    send(identify("ada", "anon"))
    people.clear()
    expect([find("ada"), people.all()]).toEqual([undefined, []])
    send({ distinct_id: "ada" })
    expect(find("ada")?.ids).toEqual(["ada"])
  })
})

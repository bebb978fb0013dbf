/**
 * What a module may export its events in.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Catalogue, PostHogEvent } from "effect-posthog"
import { collect } from "../../src/internal/catalogue/collect.js"

const Paid = PostHogEvent.make("paid", { total: Schema.Number })
const Left = PostHogEvent.make("left", {})
const Company = PostHogEvent.group("company", { plan: Schema.String })
const Person = PostHogEvent.person({ plan: Schema.String })

const eventsOf = (exports: object): ReadonlyArray<string> => {
  const found = collect(exports)
  return "problem" in found ? [found.problem] : found.events.map(({ event }) => event)
}

describe("the events of a module", () => {
  it("are found under names, in lists, in objects and in modules that it exports", () => {
    for (
      const exports of [{ Paid, Left }, { events: [Paid, Left] }, { events: { Paid, Left } }, {
        shop: Object.assign(Object.create(null) as object, { Paid }),
        all: { Left },
        Paid
      }]
    ) {
      assert.sameMembers([...eventsOf(exports)], ["paid", "left"])
    }
  })

  it("come with groups and persons, which are no objects to look into", () => {
    const found = collect({ Paid, plan: { Company, Person } })
    assert.isTrue(Catalogue.isCatalogue(found))
    if (!Catalogue.isCatalogue(found)) return
    assert.deepStrictEqual(found.groups.map(({ type }) => type), ["company"])
    assert.strictEqual(found.person, Person)
  })

  it("are missing where there are none", () => {
    assert.match(String(eventsOf({ a: 1, b: null, c: { d: "e" } })), /exports no event/)
  })
})

/** What is inside of objects and lists: in a plan, on its page, and between two plans. */
import { assert, describe, it } from "@effect/vitest"
import { Catalogue, PostHogEvent } from "effect-posthog"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Any schema, on both majors. */
type Any = object

const planOf = (value: Any): Catalogue.Plan =>
  Catalogue.toPlan(Catalogue.make({ events: [PostHogEvent.make("e", { p: value } as never)] }))

type Property = Catalogue.Plan["events"][number]["properties"][number]

const property = (plan: Catalogue.Plan): Property => plan.events[0]!.properties[0]!

const item = { sku: Schema.String, price: Schema.Number }

const items = Schema.Array(Schema.Struct(item))

const email = PostHogEvent.personal(Schema.String, "hash")

const card = Schema.Struct({ kind: Schema.Literal("card"), digits: Schema.String })

const cash = Schema.Struct({ kind: Schema.Literal("cash"), amount: Schema.Number })

describe("what is inside of a property", () => {
  it.effect("is in the plan, which a file keeps", () =>
    Effect.gen(function*() {
      const plan = planOf(Schema.Struct({
        lines: Schema.NonEmptyArray(Schema.NullOr(Schema.Literal("a", "b"))),
        pair: Schema.Tuple(Schema.String, Schema.Number),
        prices: Schema.Record({ key: Schema.String, value: Schema.Number }),
        how: Schema.optional(Schema.Union(card, cash)),
        email: PostHogEvent.deprecated(email, "old")
      }))
      const member = (name: string, types: ReadonlyArray<string>, more: object = {}) => ({
        name,
        types,
        required: true,
        ...more
      })
      assert.deepStrictEqual<unknown>(
        property(plan),
        member("p", ["Object"], {
          objects: [{
            members: [
              member("lines", ["Object"], { items: [{ types: ["String"], required: false, values: ["a", "b"] }] }),
              member("pair", ["Object"], {
                items: [{ types: ["String"], required: true }, { types: ["Numeric"], required: true }]
              }),
              member("prices", ["Object"], {
                objects: [{ members: [], others: { types: ["Numeric"], required: true } }]
              }),
              member("how", ["Object"], {
                required: false,
                objects: [
                  { members: [member("kind", ["String"], { values: ["card"] }), member("digits", ["String"])] },
                  { members: [member("kind", ["String"], { values: ["cash"] }), member("amount", ["Numeric"])] }
                ]
              }),
              member("email", ["String"], { personal: "hash", deprecated: "old" })
            ]
          }]
        })
      )
      assert.deepStrictEqual(yield* Catalogue.fromJson(JSON.stringify(plan)), plan)
      assert.deepStrictEqual(Catalogue.compare(plan, plan), [])
    }))

  it("of what contains itself is there once, and of what has no end so far as a plan goes", () => {
    const treeOf = (name: Any): Any => {
      const Tree: Schema.Schema<unknown> = Schema.Struct({
        name,
        parts: Schema.Array(Schema.suspend((): Schema.Schema<unknown> => Tree))
      } as never) as never
      return Tree
    }
    const tree = planOf(treeOf(Schema.String))
    assert.isBelow(JSON.stringify(tree).length, 1_000)
    assert.deepStrictEqual(
      Catalogue.compare(tree, planOf(treeOf(Schema.Literal("a")))).map(({ kind, property }) => [kind, property])[0],
      ["values_narrowed", "p.name"]
    )
    const anew = (): Schema.Schema<unknown> =>
      Schema.Struct({ left: Schema.suspend(anew), right: Schema.suspend(anew) }) as never
    assert.isBelow(JSON.stringify(planOf(anew())).length, 100_000)
    // Half of an object would look as if members were missing.
    const wide = Schema.Struct(
      Object.fromEntries(Array.from({ length: 501 }, (_, index) => [`m${index}`, Schema.Null]))
    )
    assert.deepStrictEqual(property(planOf(wide)), { name: "p", types: ["Object"], required: true })
  })

  it("has lines on the page", () => {
    const page = Catalogue.toMarkdown(planOf(Schema.Struct({
      items: Schema.Array(Schema.Struct({ ...item, "a.b": Schema.Array(Schema.String) })),
      how: Schema.Union(card, cash),
      prices: Schema.Record({ key: Schema.String, value: Schema.Number }),
      pair: Schema.Tuple(Schema.String, Schema.Struct({ email }))
    })))
    assert.deepStrictEqual(page.split("\n").filter((line) => line.startsWith("| p")), [
      "| p | object | yes |  |",
      "| p.items | list of objects | yes |  |",
      "| p.items\\[\\].sku | String | yes |  |",
      "| p.items\\[\\].price | Numeric | yes |  |",
      "| p.items\\[\\]\\[\"a.b\"\\] | list of String | yes |  |",
      "| p.how | object | yes |  |",
      "| p.how\\(kind = \"card\"\\).kind | \"card\" | yes |  |",
      "| p.how\\(kind = \"card\"\\).digits | String | yes |  |",
      "| p.how\\(kind = \"cash\"\\).kind | \"cash\" | yes |  |",
      "| p.how\\(kind = \"cash\"\\).amount | Numeric | yes |  |",
      "| p.prices | object | yes |  |",
      "| p.prices.\\* | Numeric | yes |  |",
      "| p.pair | list of String, object | yes |  |",
      "| p.pair\\[0\\] | String | yes |  |",
      "| p.pair\\[1\\] | object | yes |  |",
      "| p.pair\\[1\\].email | String | yes | (personal, hashed) |"
    ])
  })
})

describe("between two plans, inside of a property", () => {
  const struct = Schema.Struct
  const rows: ReadonlyArray<
    readonly [from: Any, to: Any, ...changes: ReadonlyArray<string>]
  > = [
    [items, items],
    [items, Schema.Array(struct({ ...item, price: Schema.String })), "type_changed breaking p[].price"],
    [items, Schema.Array(struct({ ...item, size: Schema.Number })), "property_added breaking p[].size"],
    [
      items,
      Schema.Array(struct({ ...item, size: Schema.optional(Schema.Number) })),
      "property_added compatible p[].size"
    ],
    [items, Schema.Array(struct({ sku: Schema.String })), "property_removed breaking p[].price"],
    [
      Schema.Array(struct({ sku: Schema.optional(Schema.String) })),
      Schema.Array(struct({ sku: Schema.String })),
      "property_required breaking p[].sku"
    ],
    [
      struct({ a: struct({ email }) }),
      struct({ a: struct({ email: Schema.String }) }),
      "personal_exposed breaking p.a.email"
    ],
    [
      Schema.Struct({ email: Schema.String, other: Schema.Literal("a") }),
      Schema.Struct({ email, other: Schema.Literal("a") }),
      "personal_hidden breaking p.email"
    ],
    [
      struct({ "a b": Schema.Literal("a", "b") }),
      struct({ "a b": Schema.Literal("a") }),
      "values_narrowed breaking p[\"a b\"]"
    ],
    [items, struct(item), "type_changed breaking p"],
    [struct(item), Schema.Union(struct(item), items), "type_widened breaking p"],
    [Schema.Array(Schema.String), Schema.Array(Schema.NullOr(Schema.String)), "property_optional breaking p[]"],
    [
      Schema.Tuple(Schema.String, Schema.Number),
      Schema.Tuple(Schema.Number, Schema.String),
      "type_changed breaking p[0]",
      "type_changed breaking p[1]"
    ],
    [
      Schema.Record({ key: Schema.String, value: Schema.Number }),
      Schema.Record({ key: Schema.String, value: Schema.String }),
      "type_changed breaking p.*"
    ],
    // The order of choices means nothing, and each kind is looked at by itself.
    [Schema.Union(card, cash), Schema.Union(cash, card)],
    [
      Schema.Union(card, cash),
      Schema.Union(struct({ ...cash.fields, amount: Schema.String }), card),
      "type_changed breaking p(kind = \"cash\").amount"
    ],
    [card, Schema.Union(card, cash), "type_widened breaking p(kind = \"cash\")"],
    [Schema.Union(card, cash), cash, "type_narrowed breaking p(kind = \"card\")"],
    // Without anything that tells them, a member that one of them lacks may be absent.
    [
      Schema.Union(struct({ a: Schema.String }), struct({ a: Schema.String, b: Schema.Number })),
      struct({ a: Schema.String, b: Schema.Number }),
      "property_required breaking p.b"
    ],
    [
      struct({ a: PostHogEvent.deprecated(Schema.String, "old") }),
      struct({ a: Schema.String }),
      "no_longer_deprecated compatible p.a"
    ]
  ]

  for (const [from, to, ...changes] of rows) {
    it(
      changes.length === 0 ? `nothing changes (${to === items ? "the same" : "in another order"})` : changes.join(", "),
      () => {
        const found = Catalogue.compare(planOf(from), planOf(to))
        assert.deepStrictEqual(found.map(({ impact, kind, property }) => `${kind} ${impact} ${property}`), changes)
        for (const { effect } of found) assert.notInclude(effect, "drops")
      }
    )
  }

  it("of groups and persons everything is found, too, and what is inside may be required", () => {
    const planWith = (fields: Schema.Struct.Fields): Catalogue.Plan => {
      const group = PostHogEvent.group("company", { address: Schema.Struct(fields) } as never)
      return Catalogue.toPlan(Catalogue.make({ events: [], groups: [group] }))
    }
    assert.deepStrictEqual(
      Catalogue.compare(
        planWith({ city: Schema.optional(Schema.String) }),
        planWith({ city: Schema.String, code: Schema.String })
      ).map(({ impact, kind, property, subject }) => [subject, property, kind, impact]),
      [
        ["group company", "address.city", "property_required", "breaking"],
        ["group company", "address.code", "property_added", "breaking"]
      ]
    )
  })

  it("of a plan that does not say what is inside nothing is made up", () => {
    const { name, required, types } = property(planOf(items))
    const older: Catalogue.Plan = {
      version: 1,
      events: [{ name: "e", properties: [{ name, types, required }] }],
      groups: [],
      person: []
    }
    assert.deepStrictEqual(Catalogue.compare(older, planOf(items)), [])
    assert.deepStrictEqual(Catalogue.compare(planOf(items), older), [])
    assert.include(Catalogue.toMarkdown(older), "| p | Object | yes |  |")
  })

  it("a plan of anybody may be as deep as it likes", () =>
    Effect.gen(function*() {
      const depth = 100_000
      const value = `${"{\"types\":[\"Object\"],\"required\":true,\"items\":[".repeat(depth)}${"]}".repeat(depth)}`
      const text = `{"version":1,"events":[],"groups":[],"person":[{"name":"p","types":["Object"],"required":true,` +
        `"items":[${value}]}]}`
      const error = yield* Effect.flip(Catalogue.fromJson(text))
      assert.include(error.message, "has more than 32 levels inside")
    }).pipe(Effect.runPromise))

  it("long lists of values are gone through once", () => {
    const values = Array.from({ length: 2_000 }, (_, index) => `v${index}`)
    let reads = 0
    const counted = new Proxy(values, {
      get: (target, name) => {
        reads++
        return Reflect.get(target, name) as unknown
      }
    })
    const plan = (values: ReadonlyArray<string>): Catalogue.Plan => ({
      version: 1,
      events: [{ name: "e", properties: [{ name: "p", types: ["String"], required: true, values }] }],
      groups: [],
      person: []
    })
    assert.lengthOf(Catalogue.compare(plan(counted), plan([...values].sort((a, b) => b.localeCompare(a)))), 0)
    assert.isBelow(reads, values.length * 10)
  })
})

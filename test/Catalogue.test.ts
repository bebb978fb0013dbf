/**
 * The catalogue of events: the plan, the page, the JSON Schema, and what changes between two plans.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Catalogue, PostHog, PostHogEvent, PostHogTest } from "effect-posthog"

const Company = PostHogEvent.group("company", { seats: Schema.Number }, { owner: "sales" })

const Person = PostHogEvent.person({ plan: Schema.Literal("free", "pro") })

const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  at: Schema.DateFromSelf,
  currency: Schema.Literal("EUR", "USD"),
  email: PostHogEvent.personal(Schema.String, "hash"),
  note: Schema.optional(PostHogEvent.deprecated(Schema.String, "use comment")),
  items: Schema.Array(Schema.Struct({ sku: Schema.String, count: Schema.NumberFromString }))
}, { description: "Somebody paid", owner: "payments", tags: ["money"], groups: [Company] })

const SignedUp = PostHogEvent.make("signed up", {}, { deprecated: "use \"account made\"" })

const catalogue = Catalogue.make({ events: [OrderCompleted, SignedUp], groups: [Company], person: Person })

const plan = Catalogue.toPlan(catalogue)

const refusal = (f: () => unknown): unknown => {
  try {
    return f()
  } catch (error) {
    return error
  }
}

describe("a catalogue", () => {
  it("is made of a module, of what is an event in it, once each", () => {
    const exports = { OrderCompleted, Alias: OrderCompleted, Company, other: 1, nothing: null, make: () => 1 }
    assert.deepStrictEqual(Catalogue.make({ events: exports }).events, [OrderCompleted])
    assert.isTrue(Catalogue.isCatalogue(catalogue))
    assert.isFalse(Catalogue.isCatalogue(plan))
  })

  it("has no two events and no two group types of one name", () => {
    const again = PostHogEvent.make("order completed", {})
    const error = refusal(() => Catalogue.make({ events: [OrderCompleted, again] }))
    assert.instanceOf(error, Catalogue.CatalogueError)
    assert.include(String((error as Error).message), "\"order completed\"")
    const groups = [Company, PostHogEvent.group("company", {})]
    assert.instanceOf(refusal(() => Catalogue.make({ events: [], groups })), Catalogue.CatalogueError)
  })

  it.effect("is a plan that a file keeps", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(plan.events.map(({ name }) => name), ["order completed", "signed up"])
      assert.deepStrictEqual(plan.events[0]!.properties.map(({ name, required, types }) => [name, types, required]), [
        ["total", ["Numeric"], true],
        ["at", ["DateTime"], true],
        ["currency", ["String"], true],
        ["email", ["String"], true],
        ["note", ["String"], false],
        ["items", ["Object"], true]
      ])
      assert.deepStrictEqual(yield* Catalogue.fromJson(JSON.stringify(plan)), plan)
    }))

  const broken: ReadonlyArray<readonly [says: string, text: string]> = [
    ["no JSON", "{"],
    ["the plan is no object", "[]"],
    ["version is not 1", "{\"version\":2,\"events\":[],\"groups\":[],\"person\":[]}"],
    ["events is missing", "{\"version\":1,\"groups\":[],\"person\":[]}"],
    ["events[0].name is missing", "{\"version\":1,\"events\":[{\"properties\":[]}],\"groups\":[],\"person\":[]}"],
    [
      "person[0].types[0] is none of String",
      "{\"version\":1,\"events\":[],\"groups\":[],\"person\":[{\"name\":\"a\",\"types\":[\"Text\"],\"required\":true}]}"
    ],
    [
      "groups[1] has the name of another one, a",
      "{\"version\":1,\"events\":[],\"person\":[],\"groups\":[{\"type\":\"a\",\"properties\":[]},{\"type\":\"a\",\"properties\":[]}]}"
    ],
    ["person has more than", JSON.stringify({ version: 1, events: [], groups: [], person: Array(10_001).fill(1) })],
    ["characters", " ".repeat(16 * 1024 * 1024 + 1)]
  ]

  for (const [says, text] of broken) {
    it.effect(`says of a file that is no plan: ${says}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Catalogue.fromJson(text))
        assert.strictEqual(error.reason, "invalid_plan")
        assert.include(error.message, says)
      }))
  }

  it("is a page for people", () => {
    assert.strictEqual(
      Catalogue.toMarkdown(plan),
      `# Tracking plan

## order completed

Somebody paid

- Owner: payments
- Tags: money
- Groups: company

| Property | Values | Required | |
|---|---|---|---|
| total | Numeric | yes |  |
| at | DateTime | yes |  |
| currency | "EUR", "USD" | yes |  |
| email | String | yes | (personal, hashed) |
| note | String | no | **Deprecated**: use comment. |
| items | list of objects | yes |  |
| items\\[\\].sku | String | yes |  |
| items\\[\\].count | String | yes |  |

## signed up

**Deprecated**: use "account made".

No properties.

## Group company

- Owner: sales

| Property | Values | |
|---|---|---|
| seats | Numeric |  |

## Persons

| Property | Values | |
|---|---|---|
| plan | "free", "pro" |  |
`
    )
  })

  it("has texts on the page that cannot change it", () => {
    const evil = "a | b\n# c <img src=x> [d](javascript:e) `f` **g** &lt;"
    const page = Catalogue.toMarkdown({
      version: 1,
      events: [{
        name: evil,
        description: evil,
        owner: evil,
        tags: [evil],
        groups: [evil],
        properties: [{ name: evil, types: ["String"], required: true, description: evil, values: [evil] }]
      }],
      groups: [],
      person: []
    })
    assert.notMatch(page, /<img|[^\\]\[d|[^\\]`|[^\\]\*\*g/)
    assert.include(page, "&amp;lt;")
    assert.strictEqual(page.split("\n").filter((line) => line.startsWith("#")).length, 2)
    const cells = page.split("\n").filter((line) => line.startsWith("| a")).map((line) =>
      line.split(/(?<!\\)\|/).length
    )
    assert.deepStrictEqual(cells, [6])
  })

  it("is a JSON Schema of what is sent", () => {
    const { $defs, oneOf } = Catalogue.toJsonSchema(catalogue) as {
      readonly $defs: { readonly [name: string]: unknown }
      readonly oneOf: ReadonlyArray<unknown>
    }
    assert.deepStrictEqual(oneOf[0], {
      type: "object",
      properties: { event: { const: "order completed" }, properties: { $ref: "#/$defs/event%20order%20completed" } },
      required: ["event", "properties"]
    })
    assert.deepStrictEqual($defs["event order completed"], {
      title: "order completed",
      description: "Somebody paid",
      type: "object",
      properties: {
        total: { type: "number" },
        at: { anyOf: [{ type: "string", format: "date-time" }, { type: "number" }] },
        currency: { enum: ["EUR", "USD"] },
        email: { type: "string", "x-personal-data": "hash" },
        note: { type: "string", description: "Deprecated: use comment", deprecated: true },
        items: {
          type: "array",
          items: {
            type: "object",
            properties: { sku: { type: "string" }, count: { type: "string" } },
            required: ["sku", "count"]
          }
        }
      },
      required: ["total", "at", "currency", "email", "items"]
    })
    assert.deepStrictEqual($defs["person"], { type: "object", properties: { plan: { enum: ["free", "pro"] } } })
  })

  it("is a JSON Schema also of what contains itself", () => {
    interface Tree {
      readonly name: string
      readonly parts: ReadonlyArray<Tree>
    }
    const Tree = Schema.Struct({
      name: Schema.String,
      parts: Schema.Array(Schema.suspend((): Schema.Schema<Tree> => Tree))
    })
    const made = Catalogue.make({ events: [PostHogEvent.make("grown", { tree: Tree })] })
    const { $defs } = Catalogue.toJsonSchema(made) as { readonly $defs: { readonly [name: string]: unknown } }
    assert.deepStrictEqual($defs["recursive 1"], {
      type: "object",
      properties: {
        name: { type: "string" },
        parts: { type: "array", items: { $ref: "#/$defs/recursive%201" } }
      },
      required: ["name", "parts"]
    })
  })
})

type Plan = Catalogue.Plan
type Event = Plan["events"][number]
type Property = Event["properties"][number]

const withProperty = (property: Partial<Property> | undefined, event: Partial<Event> = {}): Plan => ({
  version: 1,
  events: [{
    name: "e",
    properties: property === undefined ? [] : [{ name: "p", types: ["String"], required: false, ...property }],
    ...event
  }],
  groups: [],
  person: []
})

const empty: Plan = { version: 1, events: [], groups: [], person: [] }

const plain = withProperty({})

describe("between two plans", () => {
  const rows: ReadonlyArray<readonly [from: Plan, to: Plan, ...changes: ReadonlyArray<string>]> = [
    [plain, plain],
    [plain, withProperty({ description: "said" }, { owner: "new", tags: ["t"] })],
    [plain, empty, "event_removed breaking"],
    [empty, plain, "event_added compatible"],
    [plain, withProperty(undefined), "property_removed breaking"],
    [withProperty(undefined), plain, "property_added compatible"],
    [withProperty(undefined), withProperty({ required: true }), "property_added breaking"],
    [plain, withProperty({ required: true }), "property_required breaking"],
    [withProperty({ required: true }), plain, "property_optional breaking"],
    [plain, withProperty({ types: ["Numeric"] }), "type_changed breaking"],
    [plain, withProperty({ types: ["Numeric", "String"] }), "type_widened breaking"],
    [plain, withProperty({ types: [] }), "type_widened breaking"],
    [withProperty({ types: [] }), plain, "type_narrowed compatible"],
    [withProperty({ types: [], required: true }), withProperty({ required: true }), "type_narrowed breaking"],
    [withProperty({ types: ["String", "Numeric"] }), withProperty({ types: ["Numeric", "String"] })],
    [plain, withProperty({ values: ["a"] }), "values_narrowed breaking"],
    [withProperty({ values: ["a"] }), plain, "values_widened compatible"],
    [withProperty({ values: ["a", "b"] }), withProperty({ values: ["b", "a"] })],
    [
      withProperty({ values: ["a", "b"] }),
      withProperty({ values: ["b", "c"] }),
      "values_narrowed breaking",
      "values_widened compatible"
    ],
    [withProperty({}, { groups: ["g"] }), plain, "groups_widened compatible"],
    [plain, withProperty({}, { groups: ["g"] }), "groups_narrowed breaking"],
    [
      withProperty({}, { groups: ["g"] }),
      withProperty({}, { groups: ["h"] }),
      "groups_narrowed breaking",
      "groups_widened compatible"
    ],
    [withProperty({ personal: "hash" }), plain, "personal_exposed breaking"],
    [withProperty({ personal: "omit" }), withProperty({ personal: "redact" }), "personal_exposed breaking"],
    [plain, withProperty({ personal: "usual" }), "personal_hidden breaking"],
    [plain, withProperty({ deprecated: "old" }), "deprecated compatible"],
    [plain, withProperty({}, { deprecated: "old" }), "deprecated compatible"],
    [withProperty({ deprecated: "old" }), plain, "no_longer_deprecated compatible"],
    [{ ...empty, groups: [{ type: "g", properties: [] }] }, empty, "group_removed breaking"],
    [empty, { ...empty, groups: [{ type: "g", properties: [] }] }, "group_added compatible"],
    [
      empty,
      { ...empty, person: [{ name: "p", types: ["String"], required: true }] },
      "property_added compatible"
    ],
    [{ ...empty, person: [{ name: "p", types: ["String"], required: true }] }, empty, "property_removed breaking"]
  ]

  for (const [from, to, ...changes] of rows) {
    it(changes.length === 0 ? `nothing changes (${JSON.stringify(to.events[0]?.owner)})` : changes.join(", "), () => {
      const found = Catalogue.compare(from, to)
      assert.deepStrictEqual(found.map(({ impact, kind }) => `${kind} ${impact}`), changes)
      for (const { effect, subject } of found) assert.isTrue(effect.length > 5 && subject.length > 0)
    })
  }
})

describe("beside what tests captured", () => {
  it.effect("is what they never saw, what nobody declared, and what PostHog would drop", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(OrderCompleted, {
        total: 1,
        at: new Date(0),
        currency: "EUR",
        email: "ann@example.com",
        items: []
      }, { distinctId: "u" })
      yield* PostHog.capture("order refunded", { total: 1 }, { distinctId: "u" })
      yield* PostHog.capture("order completed", { total: true, extra: 1 }, { distinctId: "u" })
      const captured = yield* PostHogTest.captured
      assert.deepStrictEqual(Catalogue.unseen(plan, captured), {
        events: ["signed up"],
        properties: [{ event: "order completed", property: "note" }]
      })
      assert.deepStrictEqual(Catalogue.undeclared(plan, captured), {
        events: ["order refunded"],
        properties: [{ event: "order completed", property: "extra" }]
      })
      assert.deepStrictEqual(
        Catalogue.refused(plan, captured).map(({ event, property, reason }) => [event, property, reason]),
        [
          ["order completed", "total", "type_mismatch"],
          ...["at", "currency", "email", "items"].map((name) => ["order completed", name, "missing_required"])
        ]
      )
    }).pipe(Effect.provide(PostHogTest.layer({ personalData: "hash", personalDataKey: "k" } as never))))
})

/** Declarations that are written from what PostHog has, which may be anything. */
import { assert, describe, it } from "@effect/vitest"
import type { Defined, Definition } from "../../src/core/catalogue/defined.js"
import { eventSource } from "../../src/core/catalogue/eventSource.js"
import { type DefinedFlag, flagSource, readFlag } from "../../src/core/catalogue/flagSource.js"
import { identifiers } from "../../src/core/catalogue/sourceText.js"
import { FeatureFlag, PostHogEvent } from "../../src/index.js"
import { compile, load } from "../support/sources.js"

const definition = (name: string, more: Partial<Definition> = {}): Definition => ({
  id: name,
  name,
  description: undefined,
  owner: undefined,
  tags: [],
  enforcement: "allow",
  ...more
})

const property = (name: string, type: "String" | "Numeric" = "String", description?: string) => ({
  name,
  type,
  required: true,
  isAdded: false,
  description
})

const hostile = [
  "*/ throw new Error('comment') /*",
  "\"); throw new Error('text'); (\"",
  "`${process.exit(1)}`",
  "line\u2028separator\u2029 and \u202Eright to left\u202C and \u0000",
  "\\",
  "</script>",
  "lone \uD800 surrogate",
  "@deprecated never"
]

describe("declarations of events", () => {
  const names = [
    "class",
    "2fa enabled",
    "注文",
    "order-completed",
    "order completed",
    "!!!",
    "PostHogEvent",
    "Schema",
    "ﾠ"
  ]
  const definitions = [
    ...names.map((name) => definition(name)),
    ...hostile.map((name) =>
      definition(name, {
        description: hostile.join("\n"),
        owner: name,
        tags: [name]
      })
    )
  ]
  const groups = definitions.map(({ name }, index) => ({
    id: name,
    name,
    raw: [],
    properties: index > 0 ? [] : [
      property("__proto__"),
      property("constructor", "Numeric"),
      property("total", "Numeric", hostile.join("\n")),
      property("$odd"),
      property("x\n}); evil(", "String"),
      { ...property("newer"), type: undefined }
    ]
  }))
  const defined: Defined = { definitions, groups, links: definitions.map(({ id }) => ({ event: id, group: id })) }

  it("are TypeScript whatever PostHog has, with the names as they are", async () => {
    const source = eventSource(defined)
    assert.deepStrictEqual(await compile(source), [])
    // Nothing hides in it.
    assert.notMatch(source, /[\u2028\u2029\u202C\u202E\u0000\uD800]/)
    const events = Object.values(await load(source)) as ReadonlyArray<PostHogEvent.Any>
    assert.deepStrictEqual(events.map(({ event }) => event).sort(), definitions.map(({ name }) => name).sort())
    const first = events.find(({ event }) => event === "class")!.describe()
    assert.deepStrictEqual(first.properties.map(({ name, types }) => [name, types]), [
      ["__proto__", ["String"]],
      ["constructor", ["Numeric"]],
      ["newer", []],
      ["total", ["Numeric"]]
    ])
    assert.deepInclude(first.properties.find(({ name }) => name === "total"), {
      description: hostile.join("\n")
    })
  }, 120_000)

  it("are the same for the same definitions, in whatever order they come", () => {
    assert.strictEqual(
      eventSource(defined),
      eventSource({ ...defined, definitions: definitions.map((_, i) => definitions[definitions.length - 1 - i]!) })
    )
  })

  it("are of all events but PostHog's own, or of those that are wanted", () => {
    const few: Defined = {
      definitions: ["a", "b", "$autocapture", "$pageview"].map((name) => definition(name)),
      groups: [],
      links: []
    }
    const written = (source: string) => Array.from(source.matchAll(/make\("(.+)",/g), ([, name]) => name)
    assert.deepStrictEqual(written(eventSource(few)), ["$pageview", "a", "b"])
    assert.deepStrictEqual(written(eventSource(few, { events: ["b", "$autocapture"] })), ["$autocapture", "b"])
  })

  it("have identifiers of their own", () => {
    assert.deepStrictEqual(
      identifiers(
        ["order completed", "order_completed", "order-completed 2", "OrderCompleted2", "", "7", "e\u0301t"],
        "Event",
        [
          "OrderCompleted"
        ]
      ),
      ["OrderCompleted2", "OrderCompleted3", "OrderCompleted22", "OrderCompleted23", "Event", "Event7", "ET"]
    )
    const many = identifiers(Array.from({ length: 20_000 }, () => "same"), "Event", [])
    assert.strictEqual(new Set(many).size, 20_000)
  })
})

describe("declarations of flags", () => {
  const flag = (key: string, more: object = {}): DefinedFlag =>
    readFlag({ key, name: "", active: true, filters: {}, ...more })!

  it("have variants, descriptions and the schemas of payloads", async () => {
    const flags = [
      flag("on-or-off", { name: "Says so." }),
      flag("checkout", {
        active: false,
        filters: {
          multivariate: { variants: [{ key: "control" }, { key: "fast" }] },
          payloads: {
            control: "{\"color\":\"red\",\"sizes\":[1,2],\"deep\":{\"a\":null}}",
            fast: "{\"color\":\"blue\",\"sizes\":[],\"extra\":true,\"__proto__\":1}"
          }
        }
      }),
      flag("config", { filters: { payloads: { true: "[\"a\", 1]" } } }),
      flag("secret", { has_encrypted_payloads: true, filters: { payloads: { true: "********" } } }),
      flag("broken", { filters: { payloads: { true: "{" } } }),
      flag("gone", { deleted: true }),
      flag("archived", { archived: true }),
      ...hostile.map((key) =>
        flag(key, {
          name: key,
          filters: { multivariate: { variants: [{ key }] }, payloads: { a: JSON.stringify({ [key]: key }) } }
        })
      )
    ]
    const source = flagSource(flags)
    assert.deepStrictEqual(await compile(source), [])
    assert.include(source, "/** Says so. */")
    assert.include(source, "/** Not active in PostHog. */\nexport const Checkout = ")
    assert.notInclude(source, "\"gone\"")
    assert.notInclude(source, "\"archived\"")
    assert.match(source, /Secret = FeatureFlag\.boolean\("secret"\)\n/)
    assert.match(source, /Broken = FeatureFlag\.boolean\("broken"\)\.payload\(Schema\.Unknown\)/)
    assert.include(source, "color: Schema.String, deep: Schema.optional(Schema.Struct({ a: Schema.Null }))")
    assert.include(source, "sizes: Schema.Array(Schema.Number)")
    const declared = Object.values(await load(source)) as ReadonlyArray<FeatureFlag.Any>
    assert.deepStrictEqual(
      declared.map(({ key }) => key).sort(),
      [
        "on-or-off",
        "checkout",
        "config",
        "secret",
        "broken",
        ...hostile
      ].sort()
    )
    assert.deepStrictEqual(declared.find(({ key }) => key === "checkout")?.variants, ["control", "fast"])
    assert.isTrue(declared.every(FeatureFlag.isFeatureFlag))
    assert.isFalse(declared.some(PostHogEvent.isPostHogEvent))
  }, 120_000)
})

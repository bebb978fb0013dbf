/** A tracking plan and PostHog's management API. */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { Plan, PropertyDescription } from "../../src/core/catalogue/model.js"
import { PostHogClient, PostHogEvent } from "../../src/index.js"
import type { RemoteOptions } from "../../src/internal/catalogue/api.js"
import * as Catalogue from "../../src/internal/catalogue/remote.js"
import { type Fault, type Management, management } from "../support/management.js"
import { compile, load } from "../support/sources.js"

const planOf = (...events: ReadonlyArray<PostHogEvent.Any>): Plan => ({
  version: 1,
  events: events.map((event) => event.describe()),
  groups: [],
  person: []
})

const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  at: Schema.Date,
  isGift: Schema.Boolean,
  coupon: Schema.optional(Schema.String),
  lines: Schema.Array(Schema.String),
  either: Schema.Union(Schema.String, Schema.Number)
}, { description: "Somebody paid.\n*/ evil(); /*", tags: ["shop", "money"] })

const SignedUp = PostHogEvent.make("signed up", { email: PostHogEvent.personal(Schema.String, "hash") })

const Nothing = PostHogEvent.make("nothing to say", {})

const plan = planOf(OrderCompleted, SignedUp, Nothing)

const optionsFor = (posthog: Management): RemoteOptions => ({
  personalApiKey: Redacted.make(posthog.key),
  projectId: posthog.project,
  host: posthog.url
})

/** Runs with a PostHog of its own. */
const withPostHog = <A, E>(
  use: (posthog: Management, options: RemoteOptions) => Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>
): Effect.Effect<A, E> =>
  Effect.flatMap(management, (posthog) => use(posthog, optionsFor(posthog))).pipe(
    Effect.provide(PostHogClient.layer),
    Effect.scoped
  )

const property = (name: string, more: Partial<PropertyDescription> = {}): PropertyDescription => ({
  name,
  types: ["String"],
  required: true,
  ...more
})

const planWith = (name: string, ...properties: ReadonlyArray<PropertyDescription>): Plan => ({
  version: 1,
  events: [{ name, properties }],
  groups: [],
  person: []
})

describe("a tracking plan in PostHog", () => {
  it.live(
    "a plan that was pushed is verified without findings, and what is pulled declares it again",
    () =>
      withPostHog((posthog, options) =>
        Effect.gen(function*() {
          posthog.pageSize = 1
          const told: Array<string> = []
          const actions = yield* Catalogue.push(plan, { ...options, onProgress: (what) => told.push(what) })
          assert.deepStrictEqual(actions.map(({ _tag, event }) => [_tag, event]), [
            ["CreatedEvent", "order completed"],
            ["CreatedGroup", "order completed"],
            ["LinkedGroup", "order completed"],
            ["CreatedEvent", "signed up"],
            ["CreatedGroup", "signed up"],
            ["LinkedGroup", "signed up"],
            ["CreatedEvent", "nothing to say"]
          ])
          assert.include(told.join("\n"), "order completed: created the definition")
          assert.deepStrictEqual(yield* Catalogue.verify(plan, options), [])

          const count = posthog.writes.length
          assert.deepStrictEqual(yield* Catalogue.push(plan, options), [])
          assert.lengthOf(posthog.writes, count)

          const source = yield* Catalogue.pull(options)
          assert.deepStrictEqual(yield* Effect.promise(() => compile(source)), [])
          const pulled = yield* Effect.promise(() => load(source))
          assert.deepStrictEqual(Object.keys(pulled), ["NothingToSay", "OrderCompleted", "SignedUp"])
          const again = planOf(...Object.values(pulled) as ReadonlyArray<PostHogEvent.Any>)
          assert.deepStrictEqual(yield* Catalogue.verify(again, options), [])
          const order = again.events.find(({ name }) => name === "order completed")
          assert.strictEqual(order?.description, "Somebody paid.\n*/ evil(); /*")
          assert.deepStrictEqual(order?.tags, ["shop", "money"])
          assert.deepStrictEqual(order?.properties.map(({ name, required, types }) => [name, types, required]), [
            ["at", ["DateTime"], true],
            ["coupon", ["String"], false],
            ["either", ["String"], true],
            ["isGift", ["Boolean"], true],
            ["lines", ["Object"], true],
            ["total", ["Numeric"], true]
          ])
        })
      ),
    120_000
  )

  it.live("a dry run changes nothing, and says what would be done", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const would = yield* Catalogue.push(plan, { ...options, dryRun: true })
        assert.deepStrictEqual(posthog.writes, [])
        assert.deepStrictEqual(would, yield* Catalogue.push(plan, options))
      })
    ))

  it.live("finds events and properties that are missing or of another type", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const event = posthog.event("known")
        posthog.group("a", [
          { name: "amount", property_type: "String", is_required: true },
          { name: "fits", property_type: "Numeric" },
          { name: "mixed", property_type: "String" },
          { name: "new", property_type: "Money" }
        ], [event])
        posthog.group("b", [{ name: "several", property_type: "Boolean" }], [event])
        posthog.group("c", [{ name: "several", property_type: "Numeric" }], [event])
        posthog.group("not linked", [{ name: "elsewhere", property_type: "String" }])
        const found = yield* Catalogue.verify({
          ...plan,
          events: [
            { name: "unknown", properties: [] },
            ...planWith(
              "known",
              property("amount", { types: ["Numeric"] }),
              property("fits", { types: ["Numeric"] }),
              property("mixed", { types: ["Numeric", "String"] }),
              property("new", { types: ["Numeric"] }),
              property("several", { types: ["Numeric"] }),
              property("elsewhere"),
              property("$odd"),
              property("never sent", { personal: "omit" })
            ).events
          ]
        }, options)
        assert.deepStrictEqual(found, [
          { _tag: "MissingEvent", event: "unknown" },
          { _tag: "Mistyped", event: "known", property: "amount", declared: ["Numeric"], defined: ["String"] },
          { _tag: "MissingProperty", event: "known", property: "elsewhere" },
          { _tag: "UnusableName", event: "known", property: "$odd" }
        ])
      })
    ))

  it.live("finds what PostHog drops as it arrives: the plan leaves it out, leaves it optional, or has another type", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const required = (name: string, property_type: string) => ({ name, property_type, is_required: true })
        const event = posthog.event("strict", { enforcement_mode: "reject" })
        posthog.group("strict", [
          required("absent", "String"),
          required("maybe", "Numeric"),
          required("wrong", "Boolean"),
          required("good", "Numeric"),
          required("text", "String"),
          required("numbers", "Numeric"),
          { ...required("added", "String"), is_optional_in_types: true },
          { name: "free", property_type: "Boolean" }
        ], [event])
        const strict = planWith(
          "strict",
          property("maybe", { types: ["Numeric"], required: false }),
          property("wrong", { types: ["String"] }),
          property("good", { types: ["Numeric"] }),
          property("text", { types: ["Object"] }),
          property("numbers", { types: ["String"], values: ["1", "2"] })
        )
        const dropped = Effect.map(Catalogue.verify(strict, options), (findings) =>
          findings.flatMap((finding) =>
            finding._tag === "WouldBeDropped" ? [[finding.property, finding.reason, finding.certain]] : []
          ))
        const expected = [
          ["absent", "missing_required", true],
          ["maybe", "missing_required", true],
          ["wrong", "type_mismatch", true],
          ["added", "missing_required", false]
        ]
        assert.deepStrictEqual(yield* dropped, expected)
        // A mode of a newer PostHog: it may do the same.
        event.enforcement_mode = "enforce"
        assert.deepStrictEqual(yield* dropped, expected.map(([name, reason]) => [name, reason, false]))
        event.enforcement_mode = "allow"
        assert.deepStrictEqual(yield* dropped, [])
      })
    ))

  it.live("a push adds to the group of the event and leaves what is there, also what others add in the meantime", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const event = posthog.event("old", { description: "kept", tags: ["kept"] })
        const group = posthog.group("old", [
          { name: "there", property_type: "Boolean", is_required: true, format: "of a newer PostHog" }
        ], [event])
        const [there] = group.properties
        let isLate = false
        posthog.meanwhile = ({ method, path }) => {
          if (isLate || method !== "GET" || !path.endsWith(`/${group.id}/`)) return
          isLate = true
          group.properties = [...group.properties, { id: "late", name: "late", property_type: "String" }]
        }
        const actions = yield* Catalogue.push({
          ...plan,
          events: [{
            name: "old",
            description: "other",
            tags: ["other"],
            properties: [property("there"), property("new", { types: ["Numeric"], description: "How many." })]
          }]
        }, options)
        assert.deepStrictEqual(actions, [
          { _tag: "ExtendedGroup", event: "old", group: "old", properties: ["new"] },
          {
            _tag: "Left",
            event: "old",
            property: "there",
            why: "PostHog has it as Boolean; a push changes no type"
          }
        ])
        assert.deepStrictEqual(group.properties.slice(0, 2), [there, {
          id: "late",
          name: "late",
          property_type: "String"
        }])
        assert.deepInclude(group.properties[2], {
          name: "new",
          property_type: "Numeric",
          is_required: true,
          description: "How many."
        })
        assert.deepInclude(event, { description: "kept", tags: ["kept"] })
      })
    ))

  it.live("a group that other events have, too, is left alone: the event gets one of its own", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const [event, other] = [posthog.event("shared"), posthog.event("other")]
        const group = posthog.group("shared", [{ name: "common", property_type: "String" }], [event, other])
        const actions = yield* Catalogue.push(planWith("shared", property("common"), property("own")), options)
        assert.deepStrictEqual(actions, [
          { _tag: "CreatedGroup", event: "shared", group: "shared (catalogue)", properties: ["own"] },
          { _tag: "LinkedGroup", event: "shared", group: "shared (catalogue)" }
        ])
        assert.lengthOf(group.properties, 1)
        assert.deepStrictEqual(
          yield* Catalogue.push(planWith("shared", property("common"), property("own")), options),
          []
        )
      })
    ))

  it.live("a group of the event's name that has other types is not taken for its own, which is said once", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const other = posthog.group("order paid", [
          { name: "total", property_type: "String", is_required: true },
          { name: "extra", property_type: "Boolean" },
          { name: "at", property_type: "DateTime" }
        ])
        // Of a type that is not known here, or only in PostHog: nothing speaks against them.
        posthog.group("fits", [{ name: "a", property_type: "Money" }, { name: "more", property_type: "Boolean" }])
        const plan = {
          events: [
            ...planWith(
              "order paid",
              property("total", { types: ["Numeric"] }),
              property("at", { types: ["DateTime"] })
            ).events,
            ...planWith("fits", property("a", { types: ["Numeric"] })).events
          ]
        }
        assert.deepStrictEqual(yield* Catalogue.push(plan, options), [
          { _tag: "CreatedEvent", event: "order paid" },
          {
            _tag: "CreatedGroup",
            event: "order paid",
            group: "order paid (catalogue)",
            properties: ["total", "at"]
          },
          { _tag: "LinkedGroup", event: "order paid", group: "order paid (catalogue)" },
          {
            _tag: "Left",
            event: "order paid",
            why: "the property group \"order paid\", which no event has, has total as String; change it in PostHog, " +
              "or delete it"
          },
          { _tag: "CreatedEvent", event: "fits" },
          { _tag: "LinkedGroup", event: "fits", group: "fits" }
        ])
        assert.lengthOf(other.properties, 3)
        assert.deepStrictEqual(yield* Catalogue.verify(plan, options), [])
        assert.deepStrictEqual(yield* Catalogue.push(plan, options), [])
      })
    ))

  it.live("a push that broke off goes on where it was", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        posthog.fault = ({ method, path }) =>
          method === "POST" && path.endsWith("/event_schemas/") ? { status: 500 } : undefined
        const error = yield* Effect.flip(Catalogue.push(plan, options))
        assert.deepInclude(error, { reason: "status", status: 500, resource: "event_schemas" })
        // What may have been done is not done again by itself.
        assert.lengthOf(posthog.writes, 3)
        posthog.fault = () => undefined
        const actions = yield* Catalogue.push(plan, options)
        assert.deepStrictEqual(actions.slice(0, 2).map(({ _tag, event }) => [_tag, event]), [
          ["LinkedGroup", "order completed"],
          ["CreatedEvent", "signed up"]
        ])
        assert.deepStrictEqual(yield* Catalogue.verify(plan, options), [])
      })
    ))

  it.live("PostHog would drop events of older programs if a push required more of an event whose schema it enforces", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const event = posthog.event("strict", { enforcement_mode: "reject" })
        const group = posthog.group("strict", [], [event])
        // Nobody's yet, but with what PostHog would ask for.
        posthog.event("waiting", { enforcement_mode: "reject" })
        posthog.group("waiting", [{ name: "harm", property_type: "String", is_required: true }])
        const actions = yield* Catalogue.push({
          ...plan,
          events: [...planWith("strict", property("new")).events, ...planWith("waiting", property("mine")).events]
        }, options)
        assert.deepInclude(actions, { _tag: "MadeOptional", event: "strict", property: "new" })
        assert.deepInclude(group.properties[0], { name: "new", is_required: false })
        assert.deepInclude(actions, { _tag: "LinkedGroup", event: "waiting", group: "waiting (catalogue)" })
      })
    ))
})

describe("PostHog's API", () => {
  const faults: ReadonlyArray<readonly [name: string, fault: Fault, reason: string, words: RegExp]> = [
    ["no page of PostHog's", { status: 200, body: "hello" }, "invalid_response", /host is PostHog's web application/],
    [
      "a list with something else in it",
      { status: 200, body: { results: [{ id: 1 }] } },
      "invalid_response",
      /no page/
    ],
    ["broken JSON", "broken_json", "invalid_response", /application\/json, 14 characters/],
    ["an answer without end", "endless", "invalid_response", /too long/],
    ["a redirect", { status: 302, headers: { location: "https://evil.example/" } }, "status", /302.*evil\.example/],
    ["an error page", { status: 418, body: { detail: "a teapot" } }, "status", /418 \(a teapot\)/]
  ]
  for (const [name, fault, reason, words] of faults) {
    it.live(name, () =>
      withPostHog((posthog, options) =>
        Effect.gen(function*() {
          posthog.fault = () => fault
          const error = yield* Effect.flip(Catalogue.verify(plan, options))
          assert.strictEqual(error.reason, reason)
          assert.match(error.message, words)
          assert.lengthOf(posthog.asked, 1)
        })
      ))
  }

  it.live("an answer that does not come is not waited for longer than the time limit", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        posthog.fault = () => "silence"
        const error = yield* Effect.flip(Catalogue.verify(plan, { ...options, timeLimit: "50 millis" }))
        assert.strictEqual(error.reason, "timeout")
        assert.match(error.message, /timeLimit.*what was done stays done/)
      })
    ))

  it.live("says which scope the key needs, and shows the key nowhere", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        posthog.scopes = ["event_definition:read"]
        const forbidden = yield* Effect.flip(Catalogue.push(plan, options))
        assert.deepInclude(forbidden, { reason: "forbidden", scope: "event_definition:write", status: 403 })
        assert.match(forbidden.message, /give it the scope event_definition:write/)
        const flags = yield* Effect.flip(Catalogue.pullFlags(options))
        assert.match(flags.message, /give it the scope feature_flag:read/)
        const wrong = { ...options, personalApiKey: Redacted.make("phx_of_somebody_else") }
        const unauthorized = yield* Effect.flip(Catalogue.verify(plan, wrong))
        assert.strictEqual(unauthorized.reason, "unauthorized")
        const elsewhere = yield* Effect.flip(Catalogue.verify(plan, { ...options, projectId: 13 }))
        assert.strictEqual(elsewhere.reason, "not_found")
        for (const error of [forbidden, flags, unauthorized, elsewhere]) {
          assert.notMatch(`${error.message} ${JSON.stringify(error)} ${String(error)}`, /phx_(?!…)/)
        }
      })
    ))

  it.effect("waits where PostHog wants fewer requests, as long as it says, and asks again after an error of its own", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        const answers: Array<Fault> = [
          { status: 429, headers: { "retry-after": "30" } },
          { status: 503 },
          "hang_up"
        ]
        posthog.fault = () => answers.shift()
        const told: Array<string> = []
        const fiber = yield* Effect.fork(
          Catalogue.verify(planWith("none"), { ...options, onProgress: (what) => told.push(what) })
        )
        for (const [count, wait] of [[1, 30_000], [2, 1_000], [3, 2_000]] as const) {
          yield* Effect.promise(() => posthog.until(() => posthog.asked.length === count))
          yield* waitUntil(() => told.length === count)
          yield* TestClock.adjust(wait - 1)
          assert.lengthOf(posthog.asked, count)
          yield* TestClock.adjust(1)
        }
        assert.deepStrictEqual(yield* Fiber.join(fiber), [{ _tag: "MissingEvent", event: "none" }])
        assert.match(told[0]!, /waiting 30 seconds/)
      })
    ))

  it.live("reads all pages, also behind a proxy that makes other addresses of them, and goes in no circle", () =>
    withPostHog((posthog, options) =>
      Effect.gen(function*() {
        for (let index = 0; index < 250; index++) posthog.event(`event ${index}`)
        posthog.nextOf = ({ pathname, search }) => `http://inside.example:8000${pathname}${search}`
        const all = { ...plan, events: posthog.events.map(({ name }) => ({ name, properties: [] })) }
        assert.deepStrictEqual(yield* Catalogue.verify(all, options), [])
        posthog.nextOf = ({ pathname }) => `http://inside.example${pathname}?limit=100`
        const circle = yield* Effect.flip(Catalogue.verify(all, options))
        assert.match(circle.message, /circle/)
        posthog.nextOf = () => "http://inside.example/api/users/@me/?all"
        const elsewhere = yield* Effect.flip(Catalogue.verify(all, options))
        assert.match(elsewhere.message, /the next page is at another address/)
        assert.notInclude(posthog.asked.map(({ path }) => path), "/api/users/@me/")
      })
    ))

  it.effect("refuses what cannot be right before it asks, and asks the web application of PostHog's hosts", () =>
    Effect.gen(function*() {
      const hosts: Array<string> = []
      const client = HttpClient.make(({ url }) => {
        hosts.push(new URL(url).origin)
        return Effect.die("no answer")
      })
      const ask = (options: Partial<RemoteOptions>) =>
        Effect.flip(Catalogue.verify(plan, {
          personalApiKey: Redacted.make("phx_secret"),
          projectId: "12",
          timeLimit: "1 millis",
          ...options
        })).pipe(Effect.provideService(HttpClient.HttpClient, client))
      const refused: ReadonlyArray<readonly [Partial<RemoteOptions>, RegExp]> = [
        [{ personalApiKey: Redacted.make(" ") }, /there is no personal API key/],
        [{ personalApiKey: "phx_plain" as never }, /there is no personal API key/],
        [{ personalApiKey: Redacted.make("phc_public") }, /a project API key/],
        [{ personalApiKey: Redacted.make("phs_secret") }, /a project secret key/],
        [{ personalApiKey: Redacted.make("phx_a\nb: c") }, /characters that no key has/],
        [{ projectId: "../12" }, /id of the project is a number/],
        [{ projectId: "@current" }, /id of the project is a number/],
        [{ host: "phx_secret" }, /is a key and no address/]
      ]
      for (const [options, words] of refused) {
        const error = yield* ask(options)
        assert.strictEqual(error.reason, "invalid_options")
        assert.match(error.message, words)
        assert.notMatch(error.message, /plain|public|secret_|a\n/)
      }
      assert.deepStrictEqual(hosts, [])
      for (
        const host of [
          undefined,
          "https://us.i.posthog.com",
          "https://eu.i.posthog.com/",
          "app.posthog.com",
          "localhost:8000"
        ]
      ) {
        const fiber = yield* Effect.fork(ask({ host }))
        yield* waitUntil(() => hosts.length > 0)
        yield* TestClock.adjust("1 minutes")
        yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual([...new Set(hosts)], [
        "https://us.posthog.com",
        "https://eu.posthog.com",
        "http://localhost:8000"
      ])
    }))
})

/** Lets other fibers run until it holds. */
const waitUntil = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() =>
    condition() ? Effect.void : Effect.zipRight(
      Effect.promise(() => new Promise((resolve) => setImmediate(resolve))),
      waitUntil(condition)
    )
  )

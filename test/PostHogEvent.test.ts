/**
 * Events as values: what is sent of them, and what becomes of those that do not fit.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  BigDecimal,
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  HashMap,
  Layer,
  Option,
  Redacted,
  Schema
} from "effect"
import { FeatureFlags, PostHog, type PostHogConfig, PostHogEvent, PostHogTest } from "effect-posthog"
import { createHmac } from "node:crypto"
import { major } from "./support/effect.js"
import { FakeClient } from "./support/fakeClient.js"
import { collector } from "./support/log.js"
import { collectDiagnostics, onFake, settle, stats } from "./support/posthog.js"
import { rules } from "./support/schemas.js"

const Company = PostHogEvent.group("company", { plan: Schema.Literal("free", "pro"), seats: Schema.Int })

const Person = PostHogEvent.person({
  plan: Schema.Literal("free", "pro"),
  since: Schema.DateFromSelf,
  email: PostHogEvent.personal(Schema.String)
})

const OrderCompleted = PostHogEvent.make("order completed", {
  total: Schema.Number,
  at: Schema.DateFromSelf,
  note: Schema.optional(Schema.String)
}, { groups: [Company], description: "Somebody paid", owner: "payments" })

const at = new Date(Date.UTC(2026, 10, 27))

const someone = { distinctId: "u" }

/** Properties of the events that were captured, without those of the library. */
const captured = Effect.map(PostHogTest.captured, (events) =>
  events.map(({ event, properties }) => ({
    event,
    properties: Object.fromEntries(
      Object.entries(properties).filter(([name]) =>
        !["$lib", "$lib_version", "$is_server", "$geoip_disable", "$process_person_profile"].includes(name)
      )
    )
  })))

const inTest = (options?: PostHogTest.Options) => Effect.provide(PostHogTest.layer(options))

/** Gives properties that TypeScript would refuse. */
const loosely = (properties: object) => properties as never

describe("a declared event", () => {
  it.effect("is sent by its name, as what its properties are encoded to", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(OrderCompleted, { total: 42, at }, { ...someone, groups: { company: "acme" } })
      assert.deepStrictEqual(yield* captured, [{
        event: "order completed",
        properties: { total: 42, at: "2026-11-27T00:00:00.000Z", $groups: { company: "acme" } }
      }])
      assert.deepInclude(yield* stats, { accepted: 1, invalid: 0, repaired: 0 })
    }).pipe(inTest()))

  const Everything = PostHogEvent.make("everything", {
    renamed: Schema.optional(Schema.String),
    absent: Schema.optional(Schema.Number),
    number: Schema.NumberFromString,
    price: Schema.BigDecimalFromSelf,
    wait: Schema.DurationFromSelf,
    when: Schema.DateTimeUtcFromSelf,
    maybe: Schema.OptionFromSelf(Schema.String),
    nothing: Schema.NullOr(Schema.String),
    brand: Schema.String.pipe(Schema.brand("Id")),
    items: Schema.Array(Schema.Struct({ sku: Schema.String, count: Schema.NumberFromString })),
    by: Schema.Record({ key: Schema.String, value: Schema.Boolean })
  })

  it.effect("takes whatever a schema can encode", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(Everything, {
        renamed: "a",
        number: 7,
        price: BigDecimal.make(150n, 2),
        wait: Duration.seconds(2),
        when: DateTime.unsafeMake(0),
        maybe: Option.some("b"),
        nothing: null,
        brand: Schema.decodeSync(Schema.String.pipe(Schema.brand("Id")))("c"),
        items: [{ sku: "d", count: 2 }],
        by: { e: true }
      }, someone)
      const [event] = yield* captured
      assert.deepStrictEqual(event?.properties, {
        renamed: "a",
        number: "7",
        price: 1.5,
        wait: 2_000,
        when: "1970-01-01T00:00:00.000Z",
        maybe: "b",
        nothing: null,
        brand: "c",
        items: [{ sku: "d", count: "2" }],
        by: { e: true }
      })
      assert.deepInclude(yield* stats, { invalid: 0 })
    }).pipe(inTest()))

  it.effect("leaves out what is not declared", () =>
    Effect.gen(function*() {
      const row = { total: 1, at, card: "4111" }
      yield* PostHog.capture(OrderCompleted, row, someone)
      const [event] = yield* captured
      assert.notProperty(event?.properties, "card")
    }).pipe(inTest()))

  it.effect("goes with the context as any other", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(OrderCompleted, { total: 1, at }).pipe(
        PostHog.withContext({ distinctId: "u", properties: { total: 2, shop: "a" } })
      )
      const [event] = yield* captured
      assert.deepInclude(event?.properties, { total: 1, shop: "a" })
    }).pipe(inTest()))

  it.effect("is acknowledged by captureNow, and goes to another instance", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      const uuid = yield* PostHog.captureNow(OrderCompleted, { total: 1, at }, someone)
      assert.isTrue(Option.isSome(uuid))
      assert.strictEqual(client.accepted[0]?.event, "order completed")
      const failed = yield* Effect.flip(PostHog.captureDurable(OrderCompleted, { total: 1, at }, someone))
      assert.deepInclude(failed, { _tag: "OutboxStorageError", reason: "absent" })
    }).pipe(Effect.provide(onFake(client)))
  })

  class Shop extends PostHog.StrictInstance<Shop>()("Shop") {}

  it.effect("can be all that an instance takes", () =>
    Effect.gen(function*() {
      yield* Shop.capture(OrderCompleted, { total: 1, at }, someone)
      yield* Shop.captureNow(OrderCompleted, { total: 2, at }, someone)
      yield* Shop.captureDurable(OrderCompleted, { total: 3, at }, someone)
      const events = yield* PostHog.using(captured, Shop.instance)
      assert.deepStrictEqual(events.map(({ properties }) => properties.total), [1, 2, 3])
    }).pipe(Effect.provide(PostHogTest.layerInstance(Shop.instance))))

  it("says what it is", () => {
    assert.isTrue(PostHogEvent.isPostHogEvent(OrderCompleted))
    assert.isFalse(PostHogEvent.isPostHogEvent({ event: "order completed" }))
    assert.deepStrictEqual(OrderCompleted.describe(), {
      name: "order completed",
      description: "Somebody paid",
      owner: "payments",
      groups: ["company"],
      properties: [
        { name: "total", types: ["Numeric"], required: true },
        { name: "at", types: ["DateTime"], required: true },
        { name: "note", types: ["String"], required: false }
      ]
    })
  })
})

/** Properties that do not fit `OrderCompleted`, and what is told of them. */
const misfits: ReadonlyArray<readonly [what: string, given: unknown, property: string, problem: string]> = [
  ["a wrong type", { total: "42", at }, "total", "invalid"],
  ["a number that is none", { total: Number.NaN, at }, "total", "invalid"],
  ["a number without end", { total: Number.POSITIVE_INFINITY, at }, "total", "invalid"],
  ["a date that is none", { total: 1, at: new Date(Number.NaN) }, "at", "invalid"],
  ["a missing property", { at }, "total", "missing"],
  ["null", { total: null, at }, "total", "missing"],
  ["no properties", undefined, "total", "missing"],
  ["no object", "total", "total", "missing"],
  ["an optional property of a wrong type", { total: 1, at, note: 7 }, "note", "invalid"]
]

describe("properties that do not fit", () => {
  for (const [what, given, property, problem] of misfits) {
    it.effect(`${what}: sent and marked, counted and told`, () => {
      const client = new FakeClient()
      return Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* PostHog.capture(OrderCompleted, loosely(given as object), someone)
        yield* PostHog.flush
        yield* settle
        const { properties } = client.accepted[0]!
        assert.include(properties.$invalid_properties as ReadonlyArray<string>, property)
        assert.deepInclude(yield* stats, { accepted: 1, delivered: 1, invalid: 1, dropped: {} })
        const invalid = told.find((diagnostic) => diagnostic._tag === "EventInvalid")
        assert.deepInclude(invalid, { event: "order completed", isSent: true })
        const problems = invalid?.problems.map((one) => `${one.property} ${one.problem}`) ?? []
        assert.include(problems, `${property} ${problem}`)
      }).pipe(Effect.scoped, Effect.provide(onFake(client)))
    })

    it.effect(`${what}: dropped where the instance says so`, () => {
      const client = new FakeClient()
      return Effect.gen(function*() {
        yield* PostHog.capture(OrderCompleted, loosely(given as object), someone)
        yield* PostHog.captureNow(OrderCompleted, loosely(given as object), someone)
        assert.deepInclude(yield* stats, { invalid: 2, delivered: 0, queued: 0, dropped: { invalid_event: 2 } })
        assert.deepStrictEqual(client.requests, [])
      }).pipe(Effect.provide(onFake(client, { invalidEvents: "drop" })))
    })

    it.effect(`${what}: ends a test with a defect that names event and property`, () =>
      Effect.gen(function*() {
        for (const capture of [PostHog.capture, PostHog.captureNow, PostHog.captureDurable]) {
          const exit = yield* Effect.exit(Effect.asVoid<unknown, unknown, PostHog.PostHog>(
            (capture as typeof PostHog.capture)(OrderCompleted, loosely(given as object), someone)
          ))
          const text = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "nothing"
          assert.include(text, "\"order completed\"")
          assert.include(text, property)
        }
        assert.deepStrictEqual(yield* captured, [])
        // The next is none of it.
        yield* PostHog.capture(OrderCompleted, { total: 1, at }, someone)
        assert.deepInclude(yield* stats, { invalid: 3, accepted: 4, delivered: 1 })
      }).pipe(inTest()))
  }

  it.effect("are told once in the log, and a blank name after them also", () =>
    Effect.gen(function*() {
      for (const invalidEvents of ["drop", "send", "die"] as const) {
        const log = collector()
        yield* Effect.gen(function*() {
          yield* Effect.exit(PostHog.capture(OrderCompleted, loosely({ total: "42", at }), someone))
          assert.strictEqual(log.messages.length, 1)
          assert.include(log.messages[0]!.text, "do not fit its declaration")
          yield* PostHog.capture(" ", {}, someone)
          assert.strictEqual(log.messages.length, 2)
          assert.include(log.messages[1]!.text, "an event has no name")
        }).pipe(Effect.provide(PostHogTest.layer({ invalidEvents })), Effect.provide(log.layer))
      }
    }))

  it.effect("what PostHog would drop ends a test without a warning beside it", () =>
    Effect.gen(function*() {
      const log = collector()
      const exit = yield* Effect.exit(PostHog.capture(OrderCompleted, { total: 1, at }, someone)).pipe(
        inTest({ beforeSend: (event) => ({ ...event, properties: { ...event.properties, total: true } }) }),
        Effect.provide(log.layer)
      )
      assert.isTrue(Exit.isFailure(exit))
      // The last word of the instance alone.
      assert.deepStrictEqual(log.texts(), ["Warning: PostHog: closed, and 1 events were lost (1 invalid_event)"])
    }))

  it.effect("do not cost those that fit", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(OrderCompleted, loosely({ total: "42", at, note: "a" }), someone)
      const [event] = yield* captured
      assert.deepStrictEqual(event?.properties, {
        total: "42",
        at: "2026-11-27T00:00:00.000Z",
        note: "a",
        $invalid_properties: ["total"]
      })
    }).pipe(inTest({ invalidEvents: "send" })))

  it.effect("do not hurt a live program, whatever they are", () => {
    const client = new FakeClient()
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    const throwing = {
      at,
      get total(): number {
        throw new Error("no")
      }
    }
    const circle: Record<string, unknown> = { at }
    circle.total = circle
    return Effect.gen(function*() {
      for (const given of [revoked.proxy, throwing, circle, { total: 1n, at }, { total: Symbol("s"), at }, () => 1]) {
        yield* PostHog.capture(OrderCompleted, loosely(given), someone)
      }
      const { accepted, dropped, invalid } = yield* stats
      assert.strictEqual(accepted, 6)
      assert.strictEqual(invalid + (dropped.invalid_event ?? 0), 6)
      assert.notProperty(dropped, "internal_error")
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a schema that has to wait cannot be used, and says so as any other", () => {
    const Waiting = PostHogEvent.make("waiting", {
      a: Schema.transformOrFail(Schema.String, Schema.String, {
        decode: (text) => Effect.promise(() => Promise.resolve(text)),
        encode: (text) => Effect.promise(() => Promise.resolve(text))
      })
    })
    return Effect.gen(function*() {
      yield* PostHog.capture(Waiting, { a: "b" }, someone)
      assert.deepInclude(yield* stats, { invalid: 1 })
    }).pipe(inTest({ invalidEvents: "send" }))
  })

  it.effect("nothing is looked at where nothing is captured", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(OrderCompleted, loosely({}), someone).pipe(PostHog.withoutCapture)
      yield* PostHog.optOut
      yield* PostHog.capture(OrderCompleted, loosely({}), someone)
      assert.deepInclude(yield* stats, { invalid: 0, ignored: 2 })
    }).pipe(inTest()))

  it.effect("what PostHog would drop ends a test, also when a hook made it so", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(PostHog.capture(OrderCompleted, { total: 1, at }, someone))
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "total is no Numeric")
    }).pipe(inTest({
      beforeSend: (event) => ({ ...event, properties: { ...event.properties, total: true } })
    })))
})

const secret = "ann@example.com"

describe("what is said of a value that does not fit", () => {
  class Thing extends Schema.Class<Thing>("Thing")({ x: Schema.String }) {}
  const Item = Schema.Struct({
    price: rules.positive,
    count: Schema.optional(Schema.Int),
    "with space": Schema.optional(Schema.Boolean),
    parts: Schema.optional(Schema.Array(Schema.Struct({ id: Schema.String }))),
    by: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Number })),
    pair: Schema.optional(Schema.Tuple(Schema.String, Schema.Literal("x", "y"))),
    either: Schema.optional(Schema.Union(Schema.Struct({ mail: Schema.String }), Schema.Number)),
    text: Schema.optional(Schema.NumberFromString),
    thing: Schema.optional(Schema.NullOr(Thing)),
    at: Schema.optional(Schema.DateFromSelf)
  })
  const Bought = PostHogEvent.make("bought", { items: Schema.Array(Item), total: rules.positive })
  const fine = { price: 1 }
  const rows: ReadonlyArray<readonly [item: unknown, said: string | RegExp]> = [
    [{ price: -77 }, /^items\[1\]\.price should be a (?:positive number|value greater than 0)$/],
    [{ price: secret }, "items[1].price should be a number"],
    [{}, "items[1].price is missing"],
    [secret, "items[1] should be an object"],
    [{ ...fine, count: 77.5 }, "items[1].count should be an integer"],
    [{ ...fine, count: secret }, "items[1].count should be a number"],
    [{ ...fine, "with space": secret }, "items[1][\"with space\"] should be a boolean"],
    [{ ...fine, parts: [{ id: "a" }, { id: 77 }] }, "items[1].parts[1].id should be a string"],
    [{ ...fine, parts: secret }, "items[1].parts should be a list"],
    // The key is the value's.
    [{ ...fine, by: { [secret]: secret } }, "items[1].by[*] should be a number"],
    [{ ...fine, pair: ["a", secret] }, "items[1].pair[1] should be \"x\" or \"y\""],
    [{ ...fine, either: { mail: 77 } }, "items[1].either.mail should be a string"],
    [{ ...fine, either: secret }, "items[1].either should be an object or a number"],
    [{ ...fine, text: secret }, "items[1].text should be a number"],
    [{ ...fine, thing: secret }, /^items\[1\]\.thing should be an (?:object|instance of Thing)$/],
    [{ ...fine, at: secret }, "items[1].at should be a date"]
  ]
  for (const [item, said] of rows) {
    it.effect(`${String(said)}`, () =>
      Effect.gen(function*() {
        const told = yield* collectDiagnostics
        const given = loosely({ items: [fine, item], total: 1 })
        yield* PostHog.capture(Bought, given, someone)
        yield* settle
        const problem = told.find((diagnostic) => diagnostic._tag === "EventInvalid")?.problems[0]
        assert.strictEqual(problem?.property, "items")
        const { expected, path } = problem!
        const text = problem!.problem === "missing" ? `${path} is missing` : `${path} should be ${expected}`
        if (typeof said === "string") assert.strictEqual(text, said)
        else assert.match(text, said)
        assert.notInclude(JSON.stringify(told), secret)
        assert.notInclude(JSON.stringify(told), "77")
        const exit = yield* Effect.exit(Effect.provide(PostHog.capture(Bought, given, someone), PostHogTest.layer()))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", text)
      }).pipe(Effect.scoped, inTest({ invalidEvents: "send" })))
  }

  it.effect("a rule is said in the words that it has, and never with those that were made for a value", () =>
    Effect.gen(function*() {
      const told = yield* collectDiagnostics
      const Rules = PostHogEvent.make("rules", rules)
      const values = Object.fromEntries(Object.keys(rules).map((name) => [name, -77]))
      yield* PostHog.capture(Rules, loosely(values), someone)
      yield* settle
      const problems = told.find((diagnostic) => diagnostic._tag === "EventInvalid")?.problems
      assert.deepStrictEqual(problems?.map(({ expected }) => expected), [
        major === 3 ? "a positive number" : "a value greater than 0",
        "a number (must be even)",
        "a number that its schema allows",
        "an even number",
        "a number (Even)",
        "a number that its schema allows",
        "a number that its schema allows"
      ])
      assert.notInclude(JSON.stringify(told), "77")
    }).pipe(Effect.scoped, inTest({ invalidEvents: "send" })))
})

const SignedUp = PostHogEvent.make("signed up", {
  email: PostHogEvent.personal(Schema.String),
  phone: PostHogEvent.personal(Schema.String, "hash"),
  address: PostHogEvent.personal(Schema.Struct({ street: Schema.String }), "omit"),
  friends: Schema.Array(Schema.Struct({ name: PostHogEvent.personal(Schema.String), since: Schema.Number })),
  known: Schema.optional(PostHogEvent.personal(Schema.Union(Schema.String, Schema.Number))),
  either: Schema.optional(Schema.Union(Schema.Number, Schema.Struct({ mail: PostHogEvent.personal(Schema.String) })))
})

const filled = {
  email: secret,
  phone: secret,
  address: { street: secret },
  friends: [{ name: secret, since: 1 }],
  known: secret,
  either: { mail: secret }
}

describe("personal data", () => {
  const capturedWith = (options: PostHogConfig.Options) =>
    Effect.gen(function*() {
      yield* PostHog.capture(SignedUp, filled, someone)
      const [event] = yield* captured
      assert.notInclude(JSON.stringify(event), secret)
      return event!.properties
    }).pipe(inTest({ ...options, invalidEvents: "send" }))

  const hashed = createHmac("sha256", "my key").update(secret).digest("hex")

  it.effect("is redacted, where nothing else is said", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* capturedWith({}), {
        email: "[redacted]",
        // A hash without a key could be guessed.
        phone: "[redacted]",
        friends: [{ name: "[redacted]", since: 1 }],
        known: "[redacted]",
        either: "[redacted]"
      })
    }))

  it.effect("is hashed with a key", () =>
    Effect.gen(function*() {
      const properties = yield* capturedWith({ personalData: "hash", personalDataKey: "my key" })
      assert.deepInclude(properties, { email: hashed, phone: hashed, known: hashed })
      assert.deepStrictEqual(properties.friends, [{ name: hashed, since: 1 }])
    }))

  it.effect("is left out", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* capturedWith({ personalData: "omit", personalDataKey: "my key" }), {
        phone: hashed,
        friends: [{ since: 1 }]
      })
    }))

  it.effect("is what a field of Schema.Redacted has, which is not to be shown by its own type", () =>
    Effect.gen(function*() {
      const Known = PostHogEvent.make("known", {
        token: Schema.Redacted(Schema.String),
        inside: Schema.Struct({ token: Schema.optional(Schema.Redacted(Schema.String)), plan: Schema.String })
      })
      const token = Redacted.make(secret)
      yield* PostHog.capture(Known, { token, inside: { token, plan: "free" } }, someone)
      const [event] = yield* captured
      assert.notInclude(JSON.stringify(event), secret)
      assert.deepStrictEqual(event?.properties, { token: "[redacted]", inside: { token: "[redacted]", plan: "free" } })
      assert.strictEqual(Known.describe().properties[0]?.personal, "usual")
      assert.deepStrictEqual(
        PostHogEvent.make("a", { token: PostHogEvent.personal(Schema.Redacted(Schema.String), "hash") }).describe()
          .properties[0]?.personal,
        "hash"
      )
    }).pipe(inTest({ invalidEvents: "send" })))

  it.effect("is seen by no hook, no diagnostic and no log, also where it does not fit", () => {
    const client = new FakeClient()
    const seen: Array<unknown> = []
    return Effect.gen(function*() {
      const told = yield* collectDiagnostics
      yield* PostHog.capture(
        SignedUp,
        loosely({ ...filled, email: { secret }, phone: [secret], friends: secret }),
        someone
      )
      yield* PostHog.flush
      yield* settle
      assert.deepInclude(yield* stats, { invalid: 1 })
      assert.notInclude(JSON.stringify([seen, told, client.accepted]), secret)
      assert.isNotEmpty(seen)
    }).pipe(Effect.scoped, Effect.provide(onFake(client, { beforeSend: (event) => (seen.push(event), event) })))
  })
})

describe("personal data that comes from elsewhere than the call", () => {
  const Mailed = PostHogEvent.make("mailed", {
    plan: Schema.optional(Schema.String),
    email: Schema.optional(PostHogEvent.personal(Schema.String)),
    phone: Schema.optional(PostHogEvent.personal(Schema.String, "omit")),
    address: Schema.optional(Schema.Struct({ city: Schema.String, street: PostHogEvent.personal(Schema.String) }))
  })
  const around = { plan: "pro", email: secret, phone: secret, address: { city: "a", street: secret } }
  const hidden = { plan: "pro", email: "[redacted]", address: "[redacted]" }
  const own = { plan: "free", email: "ben@example.com", phone: secret }
  const seen: Array<unknown> = []
  const hook: PostHogConfig.Options = { beforeSend: (event) => (seen.push(event.properties), event) }

  const rows: ReadonlyArray<
    readonly [
      what: string,
      around: (captured: Effect.Effect<void, never, PostHog.PostHog>) => typeof captured,
      options?: PostHogConfig.Options
    ]
  > = [
    ["a context", PostHog.withContext({ properties: around })],
    ["a context of this event", PostHog.withEventContext("mailed", { properties: around })],
    ["two contexts", (captured) =>
      captured.pipe(
        PostHog.withContext({ properties: around }),
        PostHog.withContext({ properties: { ...around, plan: "old", email: 7, phone: [secret] } })
      )],
    ["all events of the instance", (captured) => captured, { globalProperties: around }]
  ]
  for (const [what, within, options] of rows) {
    it.effect(`${what}: is made unreadable where the call says nothing`, () =>
      Effect.gen(function*() {
        yield* within(PostHog.capture(Mailed, {}, someone))
        assert.deepStrictEqual((yield* captured)[0]?.properties, hidden)
      }).pipe(inTest(options)))

    it.effect(`${what}: and where it says it`, () =>
      Effect.gen(function*() {
        yield* within(PostHog.capture(Mailed, own, someone))
        assert.deepStrictEqual((yield* captured)[0]?.properties, { ...hidden, plan: "free" })
      }).pipe(inTest(options)))

    it.effect(`${what}: hooks see nothing of it`, () =>
      Effect.gen(function*() {
        seen.length = 0
        yield* within(PostHog.capture(Mailed, {}, someone))
        assert.isNotEmpty(seen)
        assert.notInclude(JSON.stringify(seen), secret)
      }).pipe(inTest({ ...options, ...hook })))
  }

  it.effect("is that of the declaration's event alone", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("other", {}, someone).pipe(PostHog.withContext({ properties: around }))
      assert.deepStrictEqual((yield* captured)[0]?.properties, around)
    }).pipe(inTest()))

  it.effect("is hashed as that of the call is", () =>
    Effect.gen(function*() {
      yield* PostHog.capture(Mailed, { email: secret }, someone)
      yield* PostHog.capture(Mailed, {}, someone).pipe(PostHog.withContext({ properties: around }))
      const [said, taken] = yield* captured
      assert.notInclude(JSON.stringify(taken), secret)
      assert.strictEqual(taken?.properties.email, said?.properties.email)
    }).pipe(inTest({ personalData: "hash", personalDataKey: "k" })))

  it.effect("is made unreadable before flags are evaluated", () => {
    const client = new FakeClient((request) => ({
      status: 200,
      body: request.url.includes("/flags") ? "{\"flags\":{}}" : "{}"
    }))
    const Team = PostHogEvent.group("team", { lead: PostHogEvent.personal(Schema.String, "omit"), size: Schema.Int })
    return Effect.gen(function*() {
      yield* FeatureFlags.evaluate({
        distinctId: "u",
        personProperties: Person.with({ plan: "pro" }),
        groups: { team: "a", company: "acme" },
        groupProperties: { team: Team.with({ size: 3 }) }
      }).pipe(PostHog.withContext({
        personProperties: { email: secret, city: "a" },
        groupProperties: { team: { lead: secret, floor: 2 }, company: { plan: "free" } }
      }))
      assert.deepInclude(client.requests[0]!.body, {
        person_properties: { email: "[redacted]", plan: "pro", city: "a" },
        group_properties: {
          team: { $group_key: "a", size: 3, floor: 2 },
          company: { $group_key: "acme", plan: "free" }
        }
      })
    }).pipe(Effect.provide(onFake(client)))
  })
})

describe("personal data that is hard to find", () => {
  const P = PostHogEvent.personal
  const Inner = Schema.Struct({ email: P(Schema.String), plan: Schema.String })
  interface Node {
    readonly name: string
    readonly kids: ReadonlyArray<Node>
    readonly json: Node | null
  }
  const Recursive: Schema.Schema<Node, unknown> = Schema.suspend(() => NodeSchema)
  const NodeSchema = Schema.Struct({
    name: P(Schema.String),
    kids: Schema.Array(Recursive),
    json: Schema.NullOr(Schema.parseJson(Recursive))
  }) as unknown as Schema.Schema<Node, unknown>
  const inner = { email: secret, plan: "pro" }
  const throwing = {
    toJSON(): string {
      throw new Error(secret)
    }
  }
  const cases: ReadonlyArray<readonly [what: string, field: PostHogEvent.Any["fields"][string], value: unknown]> = [
    ["in a map", Schema.HashMapFromSelf({ key: Schema.String, value: Inner }), HashMap.make(["a", inner])],
    ["in what contains itself, as text", NodeSchema, {
      name: secret,
      json: null,
      kids: [{ name: secret, kids: [], json: { name: secret, kids: [], json: null } }]
    }],
    ["in an optional object", Schema.NullOr(Inner), inner],
    ["in one of two objects", Schema.Union(Inner, Schema.Struct({ n: Schema.Number })), inner],
    ["in a list that is not empty", Schema.NonEmptyArray(Inner), [inner, inner]],
    ["in a tuple", Schema.Tuple(Schema.Number, P(Schema.String)), [1, secret]],
    ["in a number of any size", P(Schema.BigIntFromSelf), 12n],
    ["in a value that throws it", P(Schema.String), throwing],
    ["beside what is declared, in what does not fit", Schema.Struct({ city: Schema.String }), { city: 1, ssn: secret }]
  ]
  for (const [what, field, value] of cases) {
    for (const personalData of ["redact", "hash", "omit"] as const) {
      it.effect(`${what}: ${personalData}`, () => {
        const client = new FakeClient()
        const Hard = PostHogEvent.make("hard", { field } as unknown as { readonly field: typeof Schema.Unknown })
        return Effect.gen(function*() {
          const told = yield* collectDiagnostics
          yield* PostHog.capture(Hard, { field: value }, someone)
          yield* PostHog.flush
          yield* settle
          // Never lost as a whole, and never with what is personal in it.
          assert.strictEqual(client.accepted.length, 1)
          assert.notInclude(JSON.stringify([client.accepted, told]), secret)
          assert.deepInclude(yield* stats, { dropped: {}, repaired: 0 })
        }).pipe(Effect.scoped, Effect.provide(onFake(client, { personalData, personalDataKey: "k" })))
      })
    }
  }

  it.effect("what a field says itself wins, also where it does not fit, or is one of several", () =>
    Effect.gen(function*() {
      const Said = PostHogEvent.make("said", {
        plain: P(Schema.String, "omit"),
        union: Schema.Union(P(Schema.String, "omit"), Schema.Number)
      })
      yield* PostHog.capture(Said, loosely({ plain: 5, union: secret }), someone)
      const [event] = yield* captured
      assert.deepStrictEqual(event?.properties, { $invalid_properties: ["plain"] })
    }).pipe(inTest({ invalidEvents: "send", personalData: "hash", personalDataKey: "k" })))

  it.effect("what goes as a whole is a text for PostHog, too", () =>
    Effect.gen(function*() {
      const Paid = PostHogEvent.make("paid", {
        method: Schema.Union(Inner, Schema.Struct({ n: Schema.Number })),
        address: Schema.optional(Inner)
      })
      yield* PostHog.capture(Paid, { method: { n: 1 }, address: inner }, someone)
      const [event] = yield* captured
      assert.deepStrictEqual(event?.properties, { method: "[redacted]", address: { email: "[redacted]", plan: "pro" } })
      assert.deepStrictEqual(Paid.describe().properties.map(({ required, types }) => [types, required]), [
        [["String"], false],
        [["Object"], false]
      ])
    }).pipe(inTest()))

  it.effect("a schema that makes itself anew for each level is followed for a few of them", () =>
    Effect.gen(function*() {
      interface List {
        readonly head: string
        readonly tail: List | null
      }
      const listOf = (item: Schema.Schema<string>): Schema.Schema<List> =>
        Schema.Struct({ head: item, tail: Schema.NullOr(Schema.suspend(() => listOf(item))) })
      const Lists = PostHogEvent.make("lists", { open: listOf(Schema.String), hidden: listOf(P(Schema.String)) })
      const list: List = { head: "a", tail: { head: "b", tail: null } }
      yield* PostHog.capture(Lists, { open: list, hidden: list }, someone)
      const [event] = yield* captured
      assert.deepStrictEqual(event?.properties, { open: list, hidden: "[redacted]" })
    }).pipe(inTest()))

  it.effect("a value without a bound does not hold up the program", () =>
    Effect.gen(function*() {
      const Any = PostHogEvent.make("any", { list: Schema.Array(Schema.Unknown) })
      const sparse: Array<number> = []
      sparse.length = 4e9
      let shared: ReadonlyArray<unknown> = []
      for (let depth = 0; depth < 60; depth++) shared = [shared, shared]
      for (const list of [Array.from({ length: 100_000 }, () => 1), sparse, shared]) {
        yield* PostHog.capture(Any, { list }, someone)
      }
      assert.deepInclude(yield* stats, { invalid: 3, delivered: 3 })
    }).pipe(inTest({ invalidEvents: "send" })))

  it.effect("what is written as null does not fit a required property", () =>
    Effect.gen(function*() {
      const Waited = PostHogEvent.make("waited", { time: Schema.DurationFromSelf })
      yield* PostHog.capture(Waited, { time: Duration.infinity }, someone)
      assert.deepInclude(yield* stats, { invalid: 1 })
    }).pipe(inTest({ invalidEvents: "send" })))

  // Effect 4 takes the property for one that may be absent on both sides.
  it.effect("a required property with a default is missing where it is not given", () =>
    Effect.gen(function*() {
      const Defaulted = PostHogEvent.make("defaulted", {
        n: Schema.optionalWith(Schema.Number, { default: () => 1 })
      })
      yield* PostHog.capture(Defaulted, loosely({}), someone)
      assert.deepInclude(yield* stats, { invalid: major === 3 ? 1 : 0 })
    }).pipe(inTest({ invalidEvents: "send" })))

  it.effect("nothing of a person is looked at where nothing is taken", () =>
    Effect.gen(function*() {
      yield* PostHog.optOut
      yield* PostHog.identify("u", Person.with(loosely({ plan: "gold" })))
      assert.deepInclude(yield* stats, { invalid: 0, ignored: 1 })
    }).pipe(inTest()))
})

describe("persons and groups", () => {
  it.effect("have declared properties", () =>
    Effect.gen(function*() {
      yield* PostHog.identify("u", Person.with({ plan: "pro", since: at, email: secret }), {
        setOnce: Person.with({ plan: "free" })
      })
      yield* PostHog.setPersonProperties(Person.with({ since: at }), someone)
      yield* PostHog.groupIdentify("company", "acme", Company.with({ plan: "pro", seats: 3 }))
      const events = yield* captured
      assert.deepStrictEqual(events.map(({ properties }) => properties), [
        { $set: { plan: "pro", since: at.toISOString(), email: "[redacted]" }, $set_once: { plan: "free" } },
        { $set: { since: at.toISOString() } },
        { $group_type: "company", $group_key: "acme", $group_set: { plan: "pro", seats: 3 } }
      ])
    }).pipe(inTest()))

  it.effect("a call of which several parts do not fit is counted once", () =>
    Effect.gen(function*() {
      const wrong = Person.with(loosely({ plan: "gold" }))
      yield* PostHog.identify("u", wrong, { setOnce: wrong })
      assert.deepInclude(yield* stats, { invalid: 1 })
      const company = Company.with(loosely({ plan: "gold" }))
      yield* FeatureFlags.evaluate({
        distinctId: "u",
        personProperties: wrong,
        groups: { company: "acme", team: "a" },
        groupProperties: { company, team: company }
      })
      assert.deepInclude(yield* stats, { invalid: 2 })
    }).pipe(inTest({ invalidEvents: "send" })))

  it.effect("what does not fit is left out where the instance drops it, and ends a test", () =>
    Effect.gen(function*() {
      const wrong = Company.with(loosely({ plan: "gold", seats: 3 }))
      const dropping = yield* Layer.build(PostHogTest.layer({ invalidEvents: "drop" }))
      yield* Effect.gen(function*() {
        yield* PostHog.groupIdentify("company", "acme", wrong)
        const [event] = yield* captured
        assert.deepStrictEqual(event?.properties.$group_set, { seats: 3 })
        assert.deepInclude(yield* stats, { invalid: 1, dropped: {} })
      }).pipe(Effect.provide(dropping))
      const exit = yield* Effect.exit(PostHog.groupIdentify("company", "acme", wrong))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "plan should be \"free\" or \"pro\"")
      assert.strictEqual(Context.get(dropping, PostHog.PostHog) === (yield* PostHog.PostHog), false)
    }).pipe(Effect.scoped, inTest()))
})

describe("what was declared", () => {
  it.effect("is made unreadable before flags are evaluated", () => {
    const client = new FakeClient((request) => ({
      status: 200,
      body: request.url.includes("/flags") ? "{\"flags\":{}}" : "{}"
    }))
    return Effect.gen(function*() {
      yield* FeatureFlags.evaluate({
        distinctId: "u",
        personProperties: Person.with({ plan: "pro", email: secret }),
        groups: { company: "acme" },
        groupProperties: { company: Company.with({ seats: 3 }) }
      })
      const [request] = client.requests
      assert.deepInclude(request!.body, {
        person_properties: { email: "[redacted]", plan: "pro" },
        group_properties: { company: { $group_key: "acme", seats: 3 } }
      })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("shows nothing where it does not belong", () =>
    Effect.gen(function*() {
      const person = Person.with({ email: secret })
      assert.strictEqual(JSON.stringify(person), "{}")
      yield* PostHog.capture("a", loosely(person), someone)
      yield* PostHog.capture("a", { person }, someone).pipe(PostHog.withContext({ properties: loosely(person) }))
      assert.notInclude(JSON.stringify(yield* captured), secret)
    }).pipe(inTest()))
})

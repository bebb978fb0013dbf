import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Logger, Option, TestClock } from "effect"
import { PostHog, type PostHogConfig, PostHogTest } from "effect-posthog"
import { names, stats } from "./support/posthog.js"

const only = Effect.map(PostHogTest.captured, (events) => {
  assert.strictEqual(events.length, 1, JSON.stringify(names(events)))
  return events[0]!
})

/** Properties without those that every event has. */
const own = ({ $geoip_disable, $is_server, $lib, $lib_version, ...rest }: Readonly<Record<string, unknown>>) => rest

const layer = PostHogTest.layer()

describe("capture", () => {
  it.effect("sends name, user, properties, groups, time and uuid", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      yield* PostHog.capture("order completed", { total: 42, items: ["a", { b: null }] }, {
        distinctId: "user_123",
        groups: { company: "acme", project: "p1" }
      })
      const event = yield* only
      assert.match(event.uuid, /^019b76da-a800-7/)
      assert.deepStrictEqual(event, {
        uuid: event.uuid,
        event: "order completed",
        distinct_id: "user_123",
        timestamp: "2026-01-01T00:00:00.000Z",
        properties: {
          $lib: "posthog-effect",
          $lib_version: event.properties.$lib_version,
          $is_server: true,
          $geoip_disable: true,
          $groups: { company: "acme", project: "p1" },
          total: 42,
          items: ["a", { b: null }]
        }
      })
    }).pipe(Effect.provide(layer)))

  it.effect("takes the time as Date, DateTime or text, and now when it is none of them", () =>
    Effect.gen(function*() {
      const options = [
        new Date(Date.UTC(2025, 0, 2, 3, 4, 5, 6)),
        DateTime.unsafeMake(Date.UTC(2025, 0, 2, 3, 4, 5, 6)),
        DateTime.unsafeMakeZoned(Date.UTC(2025, 0, 2, 3, 4, 5, 6), { timeZone: "Asia/Kolkata" }),
        "2025-01-02T08:34:05+05:30",
        "2025-01-02T08:34:05.123456+05:30",
        new Date(Number.NaN),
        "tomorrow",
        null as never
      ]
      for (const timestamp of options) yield* PostHog.capture("event", {}, { timestamp })
      const times = (yield* PostHogTest.captured).map((event) => event.timestamp)
      assert.deepStrictEqual(times, [
        "2025-01-02T03:04:05.006Z",
        "2025-01-02T03:04:05.006Z",
        "2025-01-02T03:04:05.006Z",
        "2025-01-02T03:04:05Z",
        "2025-01-02T03:04:05.123456Z",
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.000Z",
        "1970-01-01T00:00:00.000Z"
      ])
      assert.strictEqual((yield* stats).repaired, 2)
    }).pipe(Effect.provide(layer)))

  it.effect("keeps a uuid that is one and replaces one that is not", () =>
    Effect.gen(function*() {
      const uuid = "6f1e3c1e-9d2b-4a66-8f3a-0c1d2e3f4a5b"
      yield* PostHog.capture("event", {}, { uuid })
      yield* PostHog.capture("event", {}, { uuid: "order-7" })
      const [first, second] = yield* PostHogTest.captured
      assert.strictEqual(first!.uuid, uuid)
      assert.match(second!.uuid, /^[0-9a-f-]{36}$/)
      assert.strictEqual((yield* stats).repaired, 1)
    }).pipe(Effect.provide(layer)))

  it.effect("without a user becomes personless, unless the caller says otherwise", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("a")
      yield* PostHog.capture("b", { $process_person_profile: true })
      yield* PostHog.capture("c", {}, { processPersonProfile: true })
      yield* PostHog.capture("d", {}, { distinctId: "user_1", processPersonProfile: false })
      yield* PostHog.capture("e", {}, { distinctId: "user_1" })
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(events.map((event) => event.properties.$process_person_profile), [
        false,
        true,
        true,
        false,
        undefined
      ])
      const ids = new Set(events.slice(0, 3).map((event) => event.distinct_id))
      assert.strictEqual(ids.size, 3)
      for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    }).pipe(Effect.provide(layer)))

  it.effect("lets GeoIP be decided per instance and per call", () =>
    Effect.gen(function*() {
      const flags = (options: { readonly disableGeoip?: boolean }) =>
        Effect.gen(function*() {
          yield* PostHog.capture("a")
          yield* PostHog.capture("b", {}, { disableGeoip: true })
          yield* PostHog.capture("c", {}, { disableGeoip: false })
          yield* PostHog.capture("d", { $geoip_disable: true })
          return (yield* PostHogTest.captured).map((event) => event.properties.$geoip_disable)
        }).pipe(Effect.provide(PostHogTest.layer(options)))
      assert.deepStrictEqual(yield* flags({}), [true, true, undefined, true])
      assert.deepStrictEqual(yield* flags({ disableGeoip: false }), [undefined, true, undefined, true])
    }))

  it.effect("leaves $is_server out when this is no server", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("a")
      assert.notProperty((yield* only).properties, "$is_server")
    }).pipe(Effect.provide(PostHogTest.layer({ isServer: false }))))

  it.effect("merges sources in the documented order, and the SDK's own keys win", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("event", { call: 1, all: "call", $lib: "mine", $lib_version: "9", $is_server: false })
      const { properties } = yield* only
      assert.deepStrictEqual(own(properties), {
        global: 1,
        shared: 1,
        instance: 1,
        event: 1,
        call: 1,
        all: "call",
        $process_person_profile: false
      })
      assert.strictEqual(properties.$lib, "posthog-effect")
      assert.strictEqual(properties.$is_server, true)
    }).pipe(
      PostHog.withEventContext("event", { properties: { event: 1, all: "event" } }),
      PostHog.withContext({ properties: { instance: 1, all: "instance" } }, { instance: PostHog.PostHog }),
      PostHog.withContext({ properties: { shared: 1, all: "shared", $lib: "context" } }),
      Effect.provide(PostHogTest.layer({ globalProperties: { global: 1, all: "global", $lib_version: "global" } }))
    ))

  it.effect("undefined leaves a property out, also one of the context", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("event", { plan: undefined, $groups: undefined }, { distinctId: "u" })
      assert.deepStrictEqual(own((yield* only).properties), {})
    }).pipe(PostHog.withContext({ properties: { plan: "pro" } }), Effect.provide(layer)))

  it.effect("merges groups of the call over those of the context, and keeps $groups that is written by hand", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("a", {}, { groups: { company: "new", team: "t" } })
      yield* PostHog.capture("b", { $groups: { hand: "made" } })
      yield* PostHog.capture("c", { $groups: { hand: "made" } }, { groups: { team: "t" } })
      yield* PostHog.capture("d", {}, { groups: { team: "  ", count: 7, none: undefined } })
      yield* PostHog.capture("e", {}, { groups: {} })
      assert.deepStrictEqual((yield* PostHogTest.captured).map((event) => event.properties.$groups), [
        { project: "p", company: "new", team: "t" },
        { hand: "made" },
        { company: "old", project: "p", team: "t" },
        { company: "old", project: "p", count: "7" },
        { company: "old", project: "p" }
      ])
    }).pipe(PostHog.withGroups({ company: "old", project: "p" }), Effect.provide(layer)))

  it.effect("what is changed after the call changes nothing", () =>
    Effect.gen(function*() {
      const properties = { list: [1], nested: { a: 1 } }
      const groups = { company: "acme" }
      yield* PostHog.capture("event", properties, { groups })
      properties.list.push(2)
      properties.nested.a = 2
      groups.company = "other"
      const event = yield* only
      assert.deepInclude(event.properties, { list: [1], nested: { a: 1 }, $groups: { company: "acme" } })
    }).pipe(Effect.provide(layer)))
})

describe("special events", () => {
  const one = (effect: Effect.Effect<void, never, PostHog.PostHog>) =>
    Effect.zipRight(effect, only).pipe(
      PostHog.withContext({ distinctId: "context_user", groups: { company: "acme" }, properties: { plan: "pro" } }),
      Effect.provide(layer),
      Effect.map(({ distinct_id, event, properties }) => ({ event, distinct_id, properties: own(properties) }))
    )
  const none = (effect: Effect.Effect<void, never, PostHog.PostHog>) =>
    Effect.zipRight(effect, Effect.all([PostHogTest.captured, stats])).pipe(
      Effect.provide(layer),
      Effect.tap(([events]) => Effect.sync(() => assert.deepStrictEqual(events, []))),
      Effect.map(([, { accepted, dropped }]) => ({ accepted, dropped }))
    )
  const refused = { accepted: 1, dropped: { invalid_event: 1 } }

  it.effect("identify", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* one(PostHog.identify("user_1", { email: "a@b.c" })), {
        event: "$identify",
        distinct_id: "user_1",
        properties: { $set: { email: "a@b.c" }, $set_once: {} }
      })
      assert.deepStrictEqual(
        yield* one(PostHog.identify("user_1", undefined, { setOnce: { first: 1 }, anonDistinctId: "anon" })),
        {
          event: "$identify",
          distinct_id: "user_1",
          properties: { $set: {}, $set_once: { first: 1 }, $anon_distinct_id: "anon" }
        }
      )
      for (const id of ["", "  ", undefined as never, null as never, {} as never]) {
        assert.deepStrictEqual(yield* none(PostHog.identify(id, { a: 1 })), refused)
      }
    }))

  it.effect("setPersonProperties", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* one(PostHog.setPersonProperties({ email: "a@b.c" }, { setOnce: { first: 1 } })), {
        event: "$set",
        distinct_id: "context_user",
        properties: {
          plan: "pro",
          $groups: { company: "acme" },
          $set: { email: "a@b.c" },
          $set_once: { first: 1 }
        }
      })
      assert.strictEqual(
        (yield* one(PostHog.setPersonProperties({ a: 1 }, { distinctId: "user_2" }))).distinct_id,
        "user_2"
      )
      const nothing = { accepted: 0, dropped: {} }
      assert.deepStrictEqual(yield* none(PostHog.setPersonProperties({}, { setOnce: {} })), nothing)
      assert.deepStrictEqual(yield* none(PostHog.setPersonProperties({ a: 1 })), refused)
      assert.deepStrictEqual(yield* none(PostHog.setPersonProperties({ a: 1 }, { distinctId: " " })), refused)
    }))

  it.effect("unsetPersonProperties", () =>
    Effect.gen(function*() {
      const event = yield* one(PostHog.unsetPersonProperties(["email", "phone"]))
      assert.strictEqual(event.event, "$set")
      assert.deepStrictEqual(event.properties.$unset, ["email", "phone"])
      assert.deepStrictEqual(yield* none(PostHog.unsetPersonProperties([])), { accepted: 0, dropped: {} })
    }))

  it.effect("alias", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* one(PostHog.alias({ distinctId: "known", alias: "new" })), {
        event: "$create_alias",
        distinct_id: "known",
        properties: { distinct_id: "known", alias: "new" }
      })
      for (const ids of [{ distinctId: "", alias: "x" }, { distinctId: "x", alias: " " }, undefined as never]) {
        assert.deepStrictEqual(yield* none(PostHog.alias(ids)), refused)
      }
    }))

  it.effect("groupIdentify", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* one(PostHog.groupIdentify("company", "acme", { plan: "pro" })), {
        event: "$groupidentify",
        distinct_id: "$company_acme",
        properties: { $group_type: "company", $group_key: "acme", $group_set: { plan: "pro" } }
      })
      assert.deepStrictEqual(yield* one(PostHog.groupIdentify("company", 7, undefined, { distinctId: "user_1" })), {
        event: "$groupidentify",
        distinct_id: "user_1",
        properties: { $group_type: "company", $group_key: "7", $group_set: {} }
      })
      for (const [type, key] of [["", "acme"], ["company", " "], ["company", Number.NaN]] as const) {
        assert.deepStrictEqual(yield* none(PostHog.groupIdentify(type, key)), refused)
      }
    }))

  it.effect("pageView", () =>
    Effect.gen(function*() {
      const context = { plan: "pro", $groups: { company: "acme" } }
      assert.deepStrictEqual(yield* one(PostHog.pageView("https://example.com/a/b?c=d", { $referrer: "x" })), {
        event: "$pageview",
        distinct_id: "context_user",
        properties: {
          ...context,
          $current_url: "https://example.com/a/b?c=d",
          $host: "example.com",
          $pathname: "/a/b",
          $referrer: "x"
        }
      })
      assert.deepStrictEqual((yield* one(PostHog.pageView())).properties, context)
      assert.deepStrictEqual((yield* one(PostHog.pageView("/a"))).properties, { ...context, $current_url: "/a" })
    }))

  it.effect("screen", () =>
    Effect.gen(function*() {
      const event = yield* one(PostHog.screen("Settings", { tab: "billing" }))
      assert.strictEqual(event.event, "$screen")
      assert.deepInclude(event.properties, { $screen_name: "Settings", tab: "billing" })
    }))

  it.effect("survive arguments that throw as they are read", () =>
    Effect.gen(function*() {
      const hostile = new Proxy({}, {
        ownKeys() {
          throw new Error("no")
        },
        get() {
          throw new Error("no")
        }
      }) as never
      yield* PostHog.identify(hostile, hostile, hostile)
      yield* PostHog.setPersonProperties(hostile, hostile)
      yield* PostHog.unsetPersonProperties(hostile, hostile)
      yield* PostHog.alias(hostile, hostile)
      yield* PostHog.groupIdentify(hostile, hostile, hostile, hostile)
      yield* PostHog.pageView(hostile, hostile, hostile)
      yield* PostHog.screen(hostile, hostile, hostile)
      yield* PostHog.capture(hostile, hostile, hostile)
      yield* PostHog.captureNow("event", hostile, hostile)
      const { accepted, delivered } = yield* stats
      assert.strictEqual(accepted, 9)
      assert.strictEqual(delivered, 0)
    }).pipe(Effect.provide(layer)))
})

describe("a service in hand", () => {
  it.effect("is what functions without a member of it run on when it is provided", () =>
    Effect.gen(function*() {
      const service = yield* PostHogTest.make()
      const on = Effect.provideService(PostHog.PostHog, service)
      yield* PostHog.identify("u", { plan: "pro" }).pipe(on)
      yield* PostHog.alias({ distinctId: "u", alias: " " }).pipe(on)
      assert.deepStrictEqual(names(yield* on(PostHogTest.captured)), ["$identify"])
      assert.deepStrictEqual((yield* service.stats).dropped, { invalid_event: 1 })
    }).pipe(Effect.scoped))

  it.effect("of an instance that does nothing counts what it ignores, once it runs", () =>
    Effect.gen(function*() {
      const service = yield* PostHogTest.make({ enabled: false })
      const on = Effect.provideService(PostHog.PostHog, service)
      const effects = [
        service.capture("e"),
        on(PostHog.identify("u")),
        on(PostHog.screen("s")),
        on(PostHog.identify(""))
      ]
      assert.strictEqual((yield* service.stats).ignored, 0)
      yield* Effect.all(effects)
      assert.isTrue(Option.isNone(yield* service.captureNow("e")))
      assert.strictEqual((yield* service.stats).ignored, 5)
    }).pipe(Effect.scoped))
})

describe("beforeSend", () => {
  it.effect("sees the event as it would be sent, and what it returns is sent", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("event", { email: "a@b.c", big: 1n, date: new Date(0) }, {
        distinctId: "u",
        groups: { company: "acme" }
      })
      const event = yield* only
      assert.strictEqual(event.event, "renamed")
      assert.strictEqual(event.uuid, "6f1e3c1e-9d2b-4a66-8f3a-0c1d2e3f4a5b")
      assert.strictEqual(event.timestamp, "2025-01-01T00:00:00Z")
      assert.strictEqual(event.distinct_id, "other")
      assert.deepStrictEqual(event.properties, {
        $lib: "scrubbed",
        seen: { big: "1", date: "1970-01-01T00:00:00.000Z", groups: { company: "acme" } }
      })
    }).pipe(Effect.provide(PostHogTest.layer({
      beforeSend: (event) => ({
        uuid: "6f1e3c1e-9d2b-4a66-8f3a-0c1d2e3f4a5b",
        event: "renamed",
        distinct_id: "other",
        timestamp: "2025-01-01T02:00:00+02:00",
        properties: {
          $lib: "scrubbed",
          seen: { big: event.properties.big, date: event.properties.date, groups: event.properties.$groups }
        }
      })
    }))))

  it.effect("may change the event it was given, which is a copy", () =>
    Effect.gen(function*() {
      const properties = { nested: { secret: "hunter2" } }
      yield* PostHog.capture("event", properties)
      assert.deepStrictEqual(properties, { nested: { secret: "hunter2" } })
      assert.deepStrictEqual((yield* only).properties.nested, {})
    }).pipe(Effect.provide(PostHogTest.layer({
      beforeSend: (event) => {
        delete (event.properties.nested as Record<string, unknown>).secret
        return event
      }
    }))))

  it.effect("hooks run in order, and none after one that dropped the event", () => {
    const calls: Array<string> = []
    const hook = (name: string, drop = false): PostHogConfig.BeforeSend => (event) => {
      calls.push(name)
      event.properties.path = `${String(event.properties.path ?? "")}${name}`
      return drop && event.event === "dropped" ? null : event
    }
    return Effect.gen(function*() {
      yield* PostHog.capture("kept")
      yield* PostHog.capture("dropped")
      assert.strictEqual((yield* only).properties.path, "abc")
      assert.deepStrictEqual(calls, ["a", "b", "c", "a", "b"])
      assert.deepStrictEqual((yield* stats).dropped, { before_send: 1 })
    }).pipe(Effect.provide(PostHogTest.layer({ beforeSend: [hook("a"), hook("b", true), hook("c")] })))
  })

  const failing: Readonly<Record<string, PostHogConfig.BeforeSend>> = {
    throws: () => {
      throw new Error("a broken scrubber")
    },
    "throws nothing sensible": () => {
      throw Object.create(null)
    },
    "returns a number": () => 7 as never,
    "returns an empty object": () => ({}) as never,
    "returns a blank name": (event) => ({ ...event, event: " " }),
    "returns a blank id": (event) => ({ ...event, distinct_id: "" }),
    "returns a broken uuid": (event) => ({ ...event, uuid: "1" }),
    "returns a broken time": (event) => ({ ...event, timestamp: "\"}" }),
    "returns no properties": (event) => ({ ...event, properties: null as never })
  }
  for (const [what, hook] of Object.entries(failing)) {
    it.effect(`drops the event when a hook ${what}`, () =>
      Effect.gen(function*() {
        let later = 0
        yield* Effect.gen(function*() {
          yield* PostHog.capture("event", { secret: "hunter2" })
          yield* PostHog.captureNow("event", { secret: "hunter2" })
          assert.deepStrictEqual(yield* PostHogTest.captured, [])
          assert.deepStrictEqual((yield* stats).dropped, { before_send_failed: 2 })
          assert.strictEqual(later, 0)
        }).pipe(Effect.provide(PostHogTest.layer({
          beforeSend: [hook, (event) => {
            later++
            return event
          }]
        })))
      }))
  }

  it.effect("runs for every kind of event, and not while opted out", () => {
    const seen: Array<string> = []
    return Effect.gen(function*() {
      yield* PostHog.capture("custom")
      yield* PostHog.identify("u")
      yield* PostHog.setPersonProperties({ a: 1 }, { distinctId: "u" })
      yield* PostHog.alias({ distinctId: "u", alias: "v" })
      yield* PostHog.groupIdentify("company", "acme")
      yield* PostHog.pageView()
      yield* PostHog.screen("Home")
      yield* PostHog.captureNow("now")
      yield* PostHog.optOut
      yield* PostHog.capture("out")
      assert.deepStrictEqual(seen, [
        "custom",
        "$identify",
        "$set",
        "$create_alias",
        "$groupidentify",
        "$pageview",
        "$screen",
        "now"
      ])
    }).pipe(Effect.provide(PostHogTest.layer({
      beforeSend: (event) => {
        seen.push(event.event)
        return event
      }
    })))
  })

  it.effect("can make an event small enough, and what it makes too large is dropped", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("shrunk", { text: "x".repeat(2_000_000) })
      yield* PostHog.capture("grown", {})
      const event = yield* only
      assert.strictEqual(event.properties.text, "x")
      assert.deepStrictEqual((yield* stats).dropped, { too_large: 1 })
    }).pipe(Effect.provide(PostHogTest.layer({
      beforeSend: (event) => {
        event.properties.text = event.event === "shrunk" ? "x" : "x".repeat(2_000_000)
        return event
      }
    }))))
})

describe("arguments that cannot be read", () => {
  const throws = {
    get boom(): string {
      throw new Error("no")
    },
    kept: 1
  }
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable<Record<string, string>>({}, {})
    revoke()
    return proxy
  }

  it.effect("cost no more than themselves, and are counted", () =>
    Effect.gen(function*() {
      yield* PostHog.pageView("https://a.b/c", throws)
      yield* PostHog.screen("home", throws)
      yield* PostHog.capture("in context").pipe(PostHog.withContext({ properties: throws }))
      yield* PostHog.capture("no object", "text" as never)
      yield* PostHog.capture("function", (() => 1) as never)
      yield* PostHog.capture("no time", {}, { timestamp: {} as never })
      yield* PostHog.capture("dead time", {}, { timestamp: revoked() as never })
      yield* PostHog.capture("dead groups", {}, { groups: revoked() })
      yield* PostHog.capture("no groups", {}, { groups: "acme" as never })
      const { accepted, delivered, repaired } = yield* stats
      assert.deepStrictEqual([accepted, delivered, repaired], [9, 9, 9])
      const [page, home, context, ...rest] = yield* PostHogTest.captured
      assert.deepInclude(page!.properties, { $host: "a.b", boom: "[Throws]", kept: 1 })
      assert.deepInclude(home!.properties, { $screen_name: "home", boom: "[Throws]", kept: 1 })
      assert.deepInclude(context!.properties, { boom: "[Throws]", kept: 1 })
      for (const event of rest) assert.notProperty(event.properties, "$groups")
      yield* PostHogTest.clear
      yield* PostHog.screen("home", JSON.parse("{\"__proto__\":1}"))
      assert.isTrue(Object.hasOwn((yield* PostHogTest.captured)[0]!.properties, "__proto__"))
    }).pipe(PostHog.withDistinctId("u"), Effect.provide(layer)))

  it.effect("drop the event as invalid when nothing of it can be known", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("e", revoked())
      yield* PostHog.capture("e", {}, revoked() as never)
      assert.deepStrictEqual((yield* stats).dropped, { invalid_event: 2 })
    }).pipe(Effect.provide(layer)))

  it.effect("as a context, leave a mark", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("e").pipe(PostHog.withContext(revoked() as never))
      yield* PostHog.capture("e").pipe(PostHog.withContext({ properties: revoked() }))
      assert.strictEqual((yield* stats).repaired, 2)
      for (const { properties } of yield* PostHogTest.captured) {
        assert.strictEqual(properties["[unreadable]"], "[Throws]")
      }
    }).pipe(Effect.provide(layer)))

  it.effect("in a name, are counted each time", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 3; i++) yield* PostHog.capture("e", { "a\ud800": 1 })
      assert.strictEqual((yield* stats).repaired, 3)
    }).pipe(Effect.provide(layer)))
})

describe("re-entrance", () => {
  it.effect("getters, toJSON and hooks that capture events themselves do no harm", () =>
    Effect.gen(function*() {
      const service = yield* PostHog.PostHog
      const inner = (name: string) => Effect.runSync(service.capture(name, { inner: true }))
      yield* PostHog.capture("outer", {
        before: 1,
        get getter() {
          inner("from getter")
          return "value"
        },
        json: {
          toJSON: () => {
            inner("from toJSON")
            return "json"
          }
        },
        after: 2
      })
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(names(events), ["from getter", "from toJSON", "outer"])
      assert.deepInclude(events[2]!.properties, { before: 1, getter: "value", json: "json", after: 2 })
      assert.strictEqual(new Set(events.map((event) => event.uuid)).size, 3)
    }).pipe(Effect.provide(layer)))

  it.effect("a logger that captures what it logs does not run in circles", () =>
    Effect.gen(function*() {
      let service: PostHog.Service | undefined
      const logger = Logger.make(({ message }) => {
        if (service !== undefined) Effect.runSync(service.capture("logged", { message }))
      })
      yield* Effect.gen(function*() {
        service = yield* PostHog.PostHog
        yield* PostHog.capture("event")
        assert.include(names(yield* PostHogTest.captured), "event")
        assert.isBelow((yield* PostHogTest.captured).length, 10)
      }).pipe(
        Effect.provide(PostHogTest.layer({ debug: true })),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger))
      )
    }))
})

describe("limits", () => {
  it.effect("an event that is too large is dropped and reported by name and size, never by content", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("event", { text: "secret".repeat(200_000) })
      yield* PostHog.capture("event", { text: "ok" })
      assert.strictEqual((yield* PostHogTest.captured).length, 1)
      assert.deepStrictEqual((yield* stats).dropped, { too_large: 1 })
    }).pipe(Effect.provide(layer)))
})

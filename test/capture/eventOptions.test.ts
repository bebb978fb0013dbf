/**
 * How PostHog shall treat an event, from low to high: what the SDK says, the instance, the context, the call, a hook. Over capture v1 as
 * options, over capture v0 as the properties that mean the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ErrorTracking, FeatureFlags, PostHog, type PostHogConfig, PostHogTest } from "effect-posthog"
import { onSink } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

class Marketing extends PostHog.Instance<Marketing>()("Marketing") {}

type Sent = Sink.SinkEvent

/** Sends what a program captures, and gives it as the sink got it, by name. */
const sentBy = (program: Effect.Effect<unknown, unknown, PostHog.PostHog>, options: PostHogConfig.Options) =>
  Effect.gen(function*() {
    // Values of a wrong type come as far as everything else.
    const sink = yield* Sink.make({ verdict: () => ({ result: "ok" }) })
    yield* program.pipe(Effect.zipRight(PostHog.flush), Effect.provide(onSink(sink, options)))
    return Object.fromEntries(sink.accepted.map((event) => [event.event, event]))
  })

/** Without a hook, with one that changes nothing. */
const hooks: Readonly<Record<string, PostHogConfig.BeforeSend | undefined>> = {
  "without a hook": undefined,
  "with a hook": (event) => event
}

const user = { distinctId: "user_1" }

const layers = Effect.gen(function*() {
  yield* PostHog.capture("instance", {}, user)
  yield* Effect.gen(function*() {
    yield* PostHog.capture("context", {}, user)
    yield* PostHog.capture("call", {}, {
      ...user,
      options: { product_tour_id: "call", disable_skew_correction: null, future: { a: [1] } }
    })
    yield* PostHog.capture("nested", {}, user).pipe(
      PostHog.withContext({ options: { product_tour_id: null, cookieless_mode: null } })
    )
    yield* PostHog.capture("profile", {}, { ...user, processPersonProfile: true })
    yield* PostHog.capture("both", {}, {
      ...user,
      processPersonProfile: true,
      options: { process_person_profile: "no" }
    })
    yield* PostHog.capture("named", {}, user).pipe(
      PostHog.withEventContext("named", { options: { product_tour_id: "named" } })
    )
    yield* PostHog.capture("elsewhere", {}, user).pipe(
      PostHog.withContext({ options: { product_tour_id: "other" } }, { instance: Marketing })
    )
  }).pipe(PostHog.withContext({ options: { product_tour_id: "context", process_person_profile: false } }))
  yield* PostHog.capture("after", {}, user)
})

const global = { cookieless_mode: true, disable_skew_correction: true }
const context = { ...global, product_tour_id: "context", process_person_profile: false }

const wanted: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  instance: global,
  context,
  call: {
    cookieless_mode: true,
    product_tour_id: "call",
    process_person_profile: false,
    future: { a: [1] }
  },
  nested: { disable_skew_correction: true, process_person_profile: false },
  profile: { ...context, process_person_profile: true },
  both: { ...context, process_person_profile: "no" },
  named: { ...context, product_tour_id: "named" },
  elsewhere: context,
  after: global
}

const legacyNames: Readonly<Record<string, string>> = {
  cookieless_mode: "$cookieless_mode",
  disable_skew_correction: "$ignore_sent_at",
  process_person_profile: "$process_person_profile",
  product_tour_id: "$product_tour_id"
}

/** The properties that an event has in the place of options. */
const legacyIn = ({ properties }: Sent) =>
  Object.fromEntries(
    Object.entries(legacyNames).flatMap(([option, name]) => name in properties ? [[option, properties[name]]] : [])
  )

for (const [how, beforeSend] of Object.entries(hooks)) {
  describe(`options ${how}`, () => {
    it.scopedLive("of the instance, the context and the call win over each other, and null is none", () =>
      Effect.gen(function*() {
        const v1 = yield* sentBy(layers, { captureMode: "v1", globalOptions: global, beforeSend })
        for (const [name, options] of Object.entries(wanted)) {
          assert.deepStrictEqual(v1[name]?.options, options, name)
          assert.deepStrictEqual(legacyIn(v1[name]!), {}, name)
        }
        const v0 = yield* sentBy(layers, { globalOptions: global, beforeSend })
        for (const [name, { future: _, ...options }] of Object.entries(wanted)) {
          assert.deepStrictEqual(legacyIn(v0[name]!), options, name)
          assert.notProperty(v0[name], "options", name)
        }
      }))

    it.scopedLive("are filled by the properties that mean the same, converted, where they are not set", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* PostHog.capture("legacy", {
            $cookieless_mode: "1",
            $ignore_sent_at: 0,
            $process_person_profile: " TRUE ",
            $product_tour_id: "t",
            $session_id: "s",
            $window_id: "w"
          }, user)
          yield* PostHog.capture("unusable", { $cookieless_mode: "maybe", $product_tour_id: 7, $session_id: 1 }, user)
          yield* PostHog.capture("beaten", { $product_tour_id: "property", $cookieless_mode: false }, {
            ...user,
            options: { product_tour_id: null, cookieless_mode: "yes" }
          })
          // Said at any layer, an option wins over a property said at any layer.
          yield* PostHog.capture("beaten from outside", { $product_tour_id: "property" }, user).pipe(
            PostHog.withContext({ options: { product_tour_id: "context" } })
          )
          yield* PostHog.capture("of the context", {}, user).pipe(
            PostHog.withContext({ properties: { $cookieless_mode: true } })
          )
        })
        const sent = yield* sentBy(program, { captureMode: "v1", beforeSend })
        assert.deepStrictEqual(sent.legacy!.options, {
          cookieless_mode: true,
          disable_skew_correction: false,
          process_person_profile: true,
          product_tour_id: "t"
        })
        assert.deepInclude(sent.legacy, { session_id: "s", window_id: "w" })
        assert.deepStrictEqual(sent.unusable!.options, {})
        assert.notProperty(sent.unusable, "session_id")
        assert.deepStrictEqual(sent.beaten!.options, { product_tour_id: "property", cookieless_mode: "yes" })
        assert.deepStrictEqual(sent["beaten from outside"]!.options, { product_tour_id: "context" })
        assert.deepStrictEqual(sent["of the context"]!.options, { cookieless_mode: true })
        for (const event of Object.values(sent)) {
          assert.deepStrictEqual(event.properties, { $is_server: true, $geoip_disable: true })
        }
      }))

    it.scopedLive("a personless event says so as an option, which only an option takes back", () =>
      Effect.gen(function*() {
        const program = Effect.gen(function*() {
          yield* PostHog.capture("personless")
          yield* PostHog.capture("property", { $process_person_profile: true })
          yield* PostHog.capture("null", {}, { options: { process_person_profile: null } })
          yield* PostHog.capture("option", {}, { options: { process_person_profile: true } })
          yield* PostHog.capture("context").pipe(PostHog.withContext({ options: { process_person_profile: true } }))
        })
        const sent = yield* sentBy(program, { captureMode: "v1", beforeSend })
        assert.deepStrictEqual(
          Object.fromEntries(Object.entries(sent).map(([name, { options }]) => [name, options])),
          {
            personless: { process_person_profile: false },
            property: { process_person_profile: false },
            null: { process_person_profile: false },
            option: { process_person_profile: true },
            context: { process_person_profile: true }
          }
        )
      }))

    it.scopedLive("go with every kind of event", () =>
      Effect.gen(function*() {
        const options = { cookieless_mode: true }
        const program = Effect.gen(function*() {
          yield* PostHog.identify("user_1", { a: 1 })
          yield* PostHog.alias({ distinctId: "user_1", alias: "user_2" })
          yield* PostHog.groupIdentify("company", "acme", { a: 1 })
          yield* PostHog.setPersonProperties({ a: 1 }, user)
          yield* PostHog.pageView("https://a.example/b", {}, user)
          yield* PostHog.screen("home", {}, user)
          yield* PostHog.captureNow("now", {}, user)
          yield* ErrorTracking.capture(new Error("no"), user)
          yield* FeatureFlags.isEnabled("flag", { distinctId: "user_1" })
        })
        const sent = yield* sentBy(program, { captureMode: "v1", globalOptions: options, beforeSend })
        assert.sameMembers(Object.keys(sent), [
          "$identify",
          "$create_alias",
          "$groupidentify",
          "$set",
          "$pageview",
          "$screen",
          "now",
          "$exception",
          "$feature_flag_called"
        ])
        for (const [name, event] of Object.entries(sent)) {
          assert.deepStrictEqual(event.options, options, name)
          assert.notProperty(event.properties, "$cookieless_mode", name)
          assert.notProperty(event.properties, "$lib", name)
        }
        assert.deepInclude(sent.$identify!.properties, { $set: { a: 1 }, $set_once: {} })
      }))
  })
}

describe("a hook", () => {
  it.scopedLive("sees the options that are set, and has the last word; a property fills what it leaves open", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const sent = yield* sentBy(
        Effect.gen(function*() {
          yield* PostHog.capture("a", { $product_tour_id: "t" }, {
            ...user,
            options: { cookieless_mode: true, product_tour_id: "call", process_person_profile: null }
          })
          yield* PostHog.capture("b")
        }),
        {
          captureMode: "v1",
          beforeSend: [
            (event) => {
              seen.push(event.options)
              return event.event === "b"
                ? { ...event, options: { ...event.options, process_person_profile: true } }
                : { ...event, options: { ...event.options, product_tour_id: null, cookieless_mode: "hook" } }
            },
            (event) => ({ ...event, properties: { ...event.properties, $ignore_sent_at: true } })
          ]
        }
      )
      assert.deepStrictEqual(seen, [
        { cookieless_mode: true, product_tour_id: "call" },
        { process_person_profile: false }
      ])
      assert.deepStrictEqual(sent.a!.options, {
        cookieless_mode: "hook",
        product_tour_id: "t",
        disable_skew_correction: true
      })
      assert.deepStrictEqual(sent.b!.options, { process_person_profile: true, disable_skew_correction: true })
      for (const event of Object.values(sent)) {
        assert.deepStrictEqual(event.properties, { $is_server: true, $geoip_disable: true })
      }
    }))
})

describe("options of a context", () => {
  it.effect("are those of the moment, are shown, and go along with a carrier", () =>
    Effect.gen(function*() {
      const future = { a: 1 }
      const region = PostHog.withContext({ options: { future, cookieless_mode: true } })
      const carrier = yield* Effect.zipRight(
        Effect.sync(() => {
          future.a = 2
        }),
        PostHog.toCarrier
      ).pipe(region)
      assert.deepStrictEqual(JSON.parse(JSON.stringify(carrier)), {
        options: { future: { a: 1 }, cookieless_mode: true }
      })
      assert.deepInclude(yield* PostHog.getContext().pipe(PostHog.withCarrier(carrier)), {
        options: { future: { a: 1 }, cookieless_mode: true }
      })
      yield* PostHog.capture("x", {}, user).pipe(PostHog.withCarrier(carrier))
      const [event] = yield* PostHogTest.captured
      assert.deepStrictEqual(event!.options, { future: { a: 1 }, cookieless_mode: true })
      // What is told of an event in a test is the same in both modes.
      assert.isTrue(event!.properties.$cookieless_mode)
      yield* PostHog.capture("y", {}, user).pipe(PostHog.withCarrier({ options: "no" }))
      assert.notProperty((yield* PostHogTest.captured)[1], "options")
    }).pipe(Effect.provide(PostHogTest.layer({ captureMode: "v1" }))))
})

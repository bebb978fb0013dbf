/**
 * Local evaluation and `FeatureFlags` together: what is evaluated here, what PostHog is asked for, and what is told about it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FeatureFlags, LocalEvaluation, PostHog, type PostHogConfig, PostHogError, PostHogTest } from "effect-posthog"
import { definitions, flag, forPro, remoteOnly } from "../support/definitions.js"
import { onSink } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

const secretKey = "phs_test"

/** Flags of both kinds: `on`, `off` and `plan` can be evaluated here, `sticky` cannot. */
const mixed = definitions([flag("on"), flag("off", { active: false }), forPro("plan"), remoteOnly("sticky")])

const here = (sink: Sink.Sink, instance?: PostHogConfig.Options, options?: LocalEvaluation.Options) =>
  LocalEvaluation.layer({ pollingInterval: "manual", ...options }).pipe(
    Layer.orDie,
    Layer.provideMerge(onSink(sink, { secretKey, ...instance }))
  )

/** A sink with definitions, and what it answers when it is asked. */
const makeSink = (
  document: () => unknown = () => mixed,
  flags: Readonly<Record<string, Sink.SinkFlag>> = {
    on: false,
    off: true,
    plan: "remote",
    sticky: "blue",
    extra: true
  },
  rules?: Sink.Rules
) => Sink.make({ definitions: document, flags: () => flags, ...rules })

const pro = { distinctId: "u", personProperties: { plan: "pro" } }

const sources = (flags: FeatureFlags.Snapshot) =>
  Object.fromEntries(flags.keys.map((key) => [key, flags.details(key)!.source]))

const exposures = (sink: Sink.Sink) =>
  Object.fromEntries(
    sink.accepted.filter(({ event }) => event === "$feature_flag_called").map(({ properties }) => [
      properties.$feature_flag,
      properties
    ])
  )

describe("local evaluation", () => {
  it.scopedLive("what can be evaluated here makes no request", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink(() => definitions([flag("on"), forPro("plan")]))
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate(pro)
        assert.deepStrictEqual(flags.values, { on: true, plan: true })
        assert.deepStrictEqual(sources(flags), { on: "local", plan: "local" })
        assert.deepStrictEqual(flags.unresolved, {})
        assert.isNumber(flags.definitionsLoadedAt)
        assert.isUndefined(flags.requestId)
        assert.strictEqual(sink.requests.length, 1)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("asks PostHog for the rest in one request, and says per flag where the value is from", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate(pro)
        // A local value is never replaced by PostHog's.
        assert.deepStrictEqual(flags.values, { on: true, off: false, plan: true, sticky: "blue" })
        assert.deepStrictEqual(sources(flags), { on: "local", off: "local", plan: "local", sticky: "remote" })
        assert.deepStrictEqual(flags.unresolved, {})
        assert.strictEqual(sink.evaluations.length, 1)
        assert.deepStrictEqual(sink.evaluations[0]!.body.flag_keys_to_evaluate, ["sticky"])
        assert.isUndefined(flags.details("on")!.requestId)
        assert.strictEqual(flags.details("sticky")!.requestId, flags.requestId)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("a property that is not given is asked for, and one that is given is not", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink(() => definitions([flag("on"), forPro("plan")]))
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.deepStrictEqual(flags.values, { on: true, plan: "remote" })
        assert.deepStrictEqual(sink.evaluations[0]!.body.flag_keys_to_evaluate, ["plan"])
        const free = yield* FeatureFlags.evaluate().pipe(
          PostHog.withContext({ distinctId: "u", personProperties: { plan: "free" } })
        )
        assert.deepStrictEqual(free.values, { on: true, plan: false })
        assert.strictEqual(sink.evaluations.length, 1)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("keys that are named: only those; PostHog is asked for the whole list when one is missing here", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        const local = yield* FeatureFlags.evaluate({ ...pro, flagKeys: ["on", "plan"] })
        assert.deepStrictEqual(local.values, { on: true, plan: true })
        assert.strictEqual(sink.evaluations.length, 0)
        const sticky = yield* FeatureFlags.evaluate({ ...pro, flagKeys: ["on", "sticky"] })
        assert.deepStrictEqual(sticky.values, { on: true, sticky: "blue" })
        const extra = yield* FeatureFlags.evaluate({ ...pro, flagKeys: ["on", "extra"] })
        assert.deepStrictEqual(sources(extra), { on: "local", extra: "remote" })
        assert.deepStrictEqual(
          sink.evaluations.map(({ body }) => body.flag_keys_to_evaluate),
          [["on", "sticky"], ["on", "extra"]]
        )
        assert.strictEqual((yield* FeatureFlags.evaluate({ ...pro, flagKeys: [] })).keys.length, 0)
        assert.strictEqual(sink.evaluations.length, 2)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("a key that neither has is asked for once, and again after the next load", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      const check = Effect.flatMap(
        FeatureFlags.evaluate({ ...pro, flagKeys: ["nowhere"] }),
        (flags) => Effect.flip(flags.getOrFail("nowhere"))
      )
      yield* Effect.gen(function*() {
        // An answer that failed, or that is incomplete, says nothing about the key.
        yield* LocalEvaluation.awaitReady()
        sink.next(Sink.status(500))
        assert.deepInclude(yield* check, { _tag: "FlagsUnavailable", reason: "status" })
        sink.next(Sink.status(200, {}, JSON.stringify({ ...Sink.flagsAnswer({}), errorsWhileComputingFlags: true })))
        assert.deepInclude(yield* check, { reason: "errors_while_computing" })
        sink.next(Sink.status(200, {}, JSON.stringify({ ...Sink.flagsAnswer({}), quotaLimited: ["feature_flags"] })))
        assert.deepInclude(yield* check, { reason: "quota_limited" })
        assert.strictEqual(sink.evaluations.length, 3)
        for (let i = 0; i < 5; i++) assert.strictEqual((yield* check)._tag, "FlagNotFound")
        assert.strictEqual(sink.evaluations.length, 4)
        // A 304 clears the memory as well.
        yield* LocalEvaluation.reload
        assert.strictEqual(sink.loads.at(-1)!.status, 304)
        yield* check
        yield* check
        assert.strictEqual(sink.evaluations.length, 5)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("without definitions of any flag PostHog is asked for all", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink(() => definitions([]))
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate(pro)
        assert.strictEqual(flags.details("extra")?.source, "remote")
        assert.isUndefined(sink.evaluations[0]!.body.flag_keys_to_evaluate)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("a snapshot stays what it is when definitions are loaded", () =>
    Effect.gen(function*() {
      let document = definitions([flag("on")])
      const sink = yield* makeSink(() => document)
      yield* Effect.gen(function*() {
        const before = yield* FeatureFlags.evaluate(pro)
        document = definitions([flag("on", { active: false }), flag("new")])
        yield* LocalEvaluation.reload
        assert.deepStrictEqual(before.values, { on: true })
        assert.deepStrictEqual((yield* FeatureFlags.evaluate(pro)).values, { on: false, new: true })
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("what throws as it is read is no failure of the program", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        const thrower = Object.defineProperty({}, "plan", {
          enumerable: true,
          get() {
            throw new Error("boom")
          }
        })
        const proxy = new Proxy({}, {
          ownKeys() {
            throw new Error("boom")
          }
        })
        for (const personProperties of [thrower, proxy, JSON.parse("{\"__proto__\":{\"plan\":\"pro\"}}")]) {
          const flags = yield* FeatureFlags.evaluate({ distinctId: "u", personProperties, onlyLocally: true })
          assert.notStrictEqual(flags.values.plan, true)
        }
      }).pipe(Effect.provide(here(sink)))
    }))
})

describe("definitions that are given", () => {
  it.scopedLive("are what flags are evaluated by until the first load", () =>
    Effect.gen(function*() {
      const gate = Effect.unsafeMakeLatch()
      const sink = yield* makeSink(() => definitions([flag("on", { active: false })]))
      sink.next({ kind: "wait", until: Effect.runPromise(gate.await), next: Sink.ok })
      yield* Effect.gen(function*() {
        assert.deepStrictEqual((yield* FeatureFlags.evaluate(pro)).values, { given: true })
        assert.deepInclude(yield* LocalEvaluation.status, { isReady: true, source: "options", loadedAt: undefined })
        yield* gate.open
        yield* LocalEvaluation.reload
        assert.deepStrictEqual((yield* FeatureFlags.evaluate(pro)).values, { on: false })
      }).pipe(Effect.provide(here(sink, {}, { definitions: JSON.stringify(definitions([flag("given")])) })))
    }))

  it.scopedLive("are enough: without a secret key nothing is loaded", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        assert.deepStrictEqual((yield* FeatureFlags.evaluate(pro)).values, { given: true })
        assert.isUndefined((yield* LocalEvaluation.status).nextLoadAt)
        assert.deepInclude(yield* Effect.flip(LocalEvaluation.reload), { reason: "no_secret_key" })
        assert.strictEqual(sink.requests.length, 0)
      }).pipe(
        Effect.provide(
          here(sink, { secretKey: undefined }, {
            definitions: definitions([flag("given")]),
            pollingInterval: "100 millis"
          })
        )
      )
    }))
})

describe("onlyLocally and strict mode", () => {
  it.scopedLive("never ask, and say per flag why there is no value", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        for (
          const options of [{ onlyLocally: true }, { onlyLocally: true, flagKeys: ["on", "plan", "sticky", "nowhere"] }]
        ) {
          const flags = yield* FeatureFlags.evaluateOrFail({ distinctId: "u", ...options })
          assert.isTrue(flags.values.on)
          assert.isUndefined(flags.failure)
          assert.deepStrictEqual(flags.unresolved, { plan: "missing_context", sticky: "experience_continuity" })
          const error = yield* Effect.flip(flags.getOrFail("sticky"))
          assert.deepInclude(error, {
            _tag: "FlagsUnavailable",
            reason: "unresolved_locally",
            unresolved: "experience_continuity"
          })
          assert.include(error.message, "experience continuity")
          assert.deepInclude(yield* Effect.flip(flags.getOrFail("plan")), { unresolved: "missing_context" })
          assert.isFalse(yield* flags.isEnabled("sticky"))
          assert.strictEqual(yield* flags.get("sticky", { default: "red" }), "red")
          assert.deepInclude((yield* flags.read("sticky")).error, { reason: "unresolved_locally" })
          // What is not among the definitions does not exist.
          assert.strictEqual((yield* Effect.flip(flags.getOrFail("nowhere")))._tag, "FlagNotFound")
        }
        assert.strictEqual(sink.evaluations.length, 0)
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("strictLocalEvaluation is the same for all calls, unless one says otherwise", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        assert.deepStrictEqual((yield* FeatureFlags.evaluate(pro)).keys, ["off", "on", "plan"])
        assert.isUndefined(yield* FeatureFlags.check("sticky", { distinctId: "u" }))
        assert.deepInclude(yield* Effect.flip(FeatureFlags.detailsOrFail("sticky", { distinctId: "u" })), {
          reason: "unresolved_locally"
        })
        assert.strictEqual(sink.evaluations.length, 0)
        assert.strictEqual(yield* FeatureFlags.check("sticky", { distinctId: "u", onlyLocally: false }), "blue")
        assert.strictEqual(sink.evaluations.length, 1)
      }).pipe(Effect.provide(here(sink, { strictLocalEvaluation: true })))
    }))

  it.scopedLive("before there are definitions they say so, and make no request either", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink(() => "no definitions")
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(FeatureFlags.evaluateOrFail({ ...pro, onlyLocally: true }))
        assert.deepInclude(error, { _tag: "FlagsUnavailable", reason: "no_definitions" })
        assert.strictEqual(sink.evaluations.length, 0)
      }).pipe(Effect.provide(here(sink)))
    }))
})

describe("when PostHog does not answer for the rest", () => {
  it.scopedLive("local flags count, and the failure is told for the others only", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink(undefined, undefined, {
        otherwise: ({ path }) => path === "/flags/" ? Sink.status(500) : Sink.ok
      })
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluateOrFail(pro)
        assert.deepStrictEqual(flags.values, { on: true, off: false, plan: true })
        assert.deepInclude(flags.failure, { reason: "status", status: 500 })
        assert.isTrue(yield* flags.getOrFail("on"))
        assert.deepInclude(yield* Effect.flip(flags.getOrFail("sticky")), { reason: "status", status: 500 })
        assert.deepStrictEqual(flags.unresolved, { sticky: "experience_continuity" })
        yield* PostHog.flush
      }).pipe(Effect.provide(here(sink)))
      assert.isUndefined(exposures(sink).on!.$feature_flag_error)
      assert.strictEqual(exposures(sink).sticky!.$feature_flag_error, "local_evaluation_inconclusive,api_error_500")
    }))

  it.scopedLive("evaluateOrFail fails when nothing could be evaluated here either", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink(() => definitions([remoteOnly("sticky")]), {}, {
        otherwise: ({ path }) => path === "/flags/" ? Sink.status(500) : Sink.ok
      })
      yield* Effect.gen(function*() {
        assert.deepInclude(yield* Effect.flip(FeatureFlags.evaluateOrFail(pro)), { reason: "status", status: 500 })
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("an outage of the definitions leaves evaluation at PostHog as it was", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ flags: () => ({ on: "remote" }) })
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluateOrFail(pro)
        assert.deepStrictEqual(flags.values, { on: "remote" })
        assert.isUndefined(flags.definitionsLoadedAt)
      }).pipe(Effect.provide(here(sink)))
    }))
})

describe("exposures", () => {
  it.scopedLive("carry the markers of local evaluation, and those of PostHog carry its own", () =>
    Effect.gen(function*() {
      const document = definitions([
        flag("on", { id: 7, has_experiment: true }),
        remoteOnly("sticky"),
        flag("off", { active: false })
      ])
      const sink = yield* makeSink(() => document)
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate({ ...pro, groups: { company: "acme" } })
        for (let i = 0; i < 3; i++) for (const key of ["on", "off", "sticky"]) yield* flags.get(key)
        yield* PostHog.capture("order completed", {}, { distinctId: "u", flags })
        yield* PostHog.flush
        const { on, sticky } = exposures(sink)
        assert.strictEqual(sink.accepted.length, 4)
        assert.deepInclude(on, {
          $feature_flag: "on",
          $feature_flag_response: true,
          "$feature/on": true,
          $feature_flag_id: 7,
          $feature_flag_reason: "Evaluated locally",
          $feature_flag_has_experiment: true,
          $feature_flag_evaluated_at: flags.details("on")!.evaluatedAt!,
          $feature_flag_definitions_loaded_at: flags.definitionsLoadedAt!,
          locally_evaluated: true
        })
        assert.isUndefined(on!.$feature_flag_request_id)
        assert.deepInclude(sticky, {
          $feature_flag_response: "blue",
          $feature_flag_reason: "Matched condition set 1",
          $feature_flag_request_id: flags.requestId!,
          locally_evaluated: false
        })
        assert.isUndefined(sticky!.$feature_flag_definitions_loaded_at)
        const order = sink.accepted.find(({ event }) => event === "order completed")!
        assert.deepInclude(order.properties, { "$feature/on": true, "$feature/off": false, "$feature/sticky": "blue" })
        assert.deepStrictEqual(order.properties.$active_feature_flags, ["on", "sticky"])
      }).pipe(Effect.provide(here(sink)))
    }))

  it.scopedLive("a flag without a value says that it was inconclusive, and one that does not exist that it is missing", () =>
    Effect.gen(function*() {
      const sink = yield* makeSink()
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u", onlyLocally: true })
        yield* flags.get("sticky")
        yield* flags.get("nowhere")
        yield* PostHog.flush
      }).pipe(Effect.provide(here(sink)))
      assert.deepInclude(exposures(sink).sticky, {
        $feature_flag_response: null,
        $feature_flag_error: "local_evaluation_inconclusive",
        locally_evaluated: false
      })
      assert.deepInclude(exposures(sink).nowhere, { $feature_flag_error: "flag_missing" })
    }))

  it.scopedLive("are short when the definitions say so, also after a 304, and no longer when the definitions do not", () =>
    Effect.gen(function*() {
      const flags = [flag("a", { has_experiment: false }), flag("b", { has_experiment: true }), flag("c")]
      let document = definitions(flags, { minimal_flag_called_events: true })
      const sink = yield* makeSink(() => document)
      yield* Effect.gen(function*() {
        const readAll = (distinctId: string) =>
          Effect.flatMap(
            FeatureFlags.evaluate({ distinctId }),
            (flags) => Effect.forEach(["a", "b", "c"], (key) => flags.get(key))
          )
        yield* LocalEvaluation.awaitReady()
        yield* LocalEvaluation.reload
        assert.strictEqual(sink.loads.at(-1)!.status, 304)
        yield* readAll("short")
        document = definitions(flags)
        yield* LocalEvaluation.reload
        yield* readAll("long")
        yield* PostHog.flush
      }).pipe(PostHog.withContext({ properties: { plan: "pro" } }), Effect.provide(here(sink)))
      const isShort = (distinctId: string, key: string) =>
        sink.accepted.find(({ distinct_id, properties }) =>
          distinct_id === distinctId && properties.$feature_flag === key
        )!.properties.plan === undefined
      assert.deepStrictEqual(["a", "b", "c"].map((key) => isShort("short", key)), [true, false, false])
      assert.deepStrictEqual(["a", "b", "c"].map((key) => isShort("long", key)), [false, false, false])
    }))
})

describe("in tests", () => {
  const onTest = (options?: PostHogTest.Options) =>
    LocalEvaluation.layer({ definitions: mixed }).pipe(Layer.orDie, Layer.provideMerge(PostHogTest.layer(options)))

  it.effect("definitions that are given are evaluated, and what the test says of a flag wins over them", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate(pro)
      assert.deepStrictEqual(sources(flags), { on: "override", off: "local", plan: "local" })
      assert.deepStrictEqual(flags.values, { on: "blue", off: false, plan: true })
      assert.deepInclude(yield* Effect.flip(flags.getOrFail("sticky")), { unresolved: "experience_continuity" })
      yield* PostHogTest.clear
      yield* flags.get("plan")
      const [exposure] = yield* PostHogTest.captured
      assert.isTrue(exposure!.properties.locally_evaluated)
    }).pipe(Effect.provide(onTest({ flags: [PostHogTest.override("on", "blue")] }))))

  it.effect("an outage that a test makes is one of the flags that cannot be evaluated here", () =>
    Effect.gen(function*() {
      yield* PostHogTest.setFlags(new PostHogError.FlagsUnavailable({ reason: "timeout" }))
      const flags = yield* FeatureFlags.evaluate(pro)
      assert.isTrue(yield* flags.isEnabled("plan"))
      assert.deepInclude(yield* Effect.flip(flags.getOrFail("sticky")), { reason: "timeout" })
      const strict = yield* FeatureFlags.evaluate({ ...pro, onlyLocally: true })
      assert.deepInclude(yield* Effect.flip(strict.getOrFail("sticky")), { reason: "unresolved_locally" })
    }).pipe(Effect.provide(onTest())))

  it.effect("nothing is loaded, and nothing waits for it", () =>
    Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate(pro)
      assert.deepStrictEqual(flags.values, { a: true })
      assert.isFalse((yield* LocalEvaluation.status).isReady)
    }).pipe(
      Effect.provide(
        LocalEvaluation.layer().pipe(
          Layer.orDie,
          Layer.provideMerge(PostHogTest.layer({ flags: [PostHogTest.override("a", true)] }))
        )
      )
    ))

  it.effect("definitions that are none are told, and evaluation goes on without", () =>
    Effect.gen(function*() {
      const { isReady, lastError } = yield* LocalEvaluation.status
      assert.isFalse(isReady)
      assert.deepInclude(lastError?.error, { reason: "invalid_response" })
    }).pipe(
      Effect.provide(
        LocalEvaluation.layer({ definitions: "{" }).pipe(Layer.orDie, Layer.provideMerge(PostHogTest.layer()))
      )
    ))
})

describe("a definition that says something new", () => {
  it.scopedLive("is PostHog's to evaluate: it is asked for those flags, and in strict mode nobody is", () =>
    Effect.gen(function*() {
      const property = (more: object) => ({
        filters: { groups: [{ properties: [{ key: "plan", value: "pro", ...more }] }] }
      })
      const sink = yield* makeSink(() =>
        definitions([
          flag("on"),
          flag("rules", { filters: { version: 2, groups: [{}] } }),
          flag("session", { bucketing_identifier: "session_id" }),
          flag("seen", property({ type: "person_metadata" })),
          flag("many", property({ type: "person", operator: "icontains_multi" })),
          flag("early", { filters: { feature_enrollment: true, groups: [] } })
        ]), { rules: "new", session: true, seen: false, many: true, early: true, on: false })
      yield* Effect.gen(function*() {
        const flags = yield* FeatureFlags.evaluate(pro)
        assert.deepStrictEqual(flags.values, {
          on: true,
          rules: "new",
          session: true,
          seen: false,
          many: true,
          early: true
        })
        assert.deepStrictEqual(sink.evaluations.map(({ body }) => body.flag_keys_to_evaluate), [
          ["rules", "session", "seen", "many", "early"]
        ])
        const strict = yield* FeatureFlags.evaluate({ ...pro, onlyLocally: true })
        assert.deepStrictEqual(strict.values, { on: true })
        assert.deepStrictEqual(strict.unresolved, {
          rules: "unsupported_definition",
          session: "unsupported_definition",
          seen: "unsupported_definition",
          many: "unsupported_definition",
          early: "missing_context"
        })
        assert.deepInclude(
          yield* Effect.flip(strict.getOrFail("rules")),
          {
            reason: "unresolved_locally",
            unresolved: "unsupported_definition"
          } as const
        )
        assert.isTrue(yield* strict.isEnabled("rules", { default: true }))
        assert.strictEqual(sink.evaluations.length, 1)
      }).pipe(Effect.provide(here(sink)))
    }))
})

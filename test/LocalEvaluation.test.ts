import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope, Stream, TestClock } from "effect"
import { FeatureFlags, LocalEvaluation, PostHog, type PostHogConfig } from "effect-posthog"
import { definitions, flag } from "./support/definitions.js"
import { isRunning } from "./support/effect.js"
import { type Answer, FakeClient, type FakeRequest } from "./support/fakeClient.js"
import { apiKey, collectDiagnostics, onFake, settle } from "./support/posthog.js"
import * as Sink from "./support/sink.js"

const secretKey = "phs_test"

const isLoad = ({ url }: FakeRequest) => url.includes("/flags/definitions")
const isEvaluation = ({ url }: FakeRequest) => url.includes("/flags/?v=2")

const loaded = (document: unknown, etag?: string): Answer => ({
  status: 200,
  body: JSON.stringify(document),
  ...(etag === undefined ? {} : { headers: { etag } })
})

/** A PostHog whose answers to loads are scripted in turn; the last is given again and again. */
const loadingClient = (answers: ReadonlyArray<Answer>, flags: Record<string, Sink.SinkFlag> = {}) => {
  let index = 0
  return new FakeClient((request) =>
    isLoad(request)
      ? answers[Math.min(index++, answers.length - 1)]!
      : isEvaluation(request)
      ? { status: 200, body: JSON.stringify(Sink.flagsAnswer(flags, request.body.flag_keys_to_evaluate)) }
      : { status: 200, body: "{\"status\":1}" }
  )
}

const loads = (client: FakeClient) => client.requests.filter(isLoad)
const evaluations = (client: FakeClient) => client.requests.filter(isEvaluation)

const here = (client: FakeClient, options?: LocalEvaluation.Options, instance?: PostHogConfig.Options) =>
  LocalEvaluation.layer(options).pipe(
    Layer.orDie,
    Layer.provideMerge(onFake(client, { secretKey, ...instance }))
  )

const isOn = definitions([flag("on"), flag("off", { active: false })])

describe("loading", () => {
  it.effect("asks once at the start, with cohorts and the secret key, and not for each user", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      for (let i = 0; i < 100; i++) {
        const flags = yield* FeatureFlags.evaluate({ distinctId: `user_${i}` })
        assert.deepStrictEqual(flags.values, { off: false, on: true })
      }
      assert.strictEqual(client.requests.length, 1)
      const [{ headers, method, url }] = client.requests as [FakeRequest]
      assert.strictEqual(method, "GET")
      assert.strictEqual(url, `https://us.i.posthog.com/flags/definitions?token=${apiKey}&send_cohorts`)
      assert.strictEqual(headers.authorization, `Bearer ${secretKey}`)
      assert.match(headers["user-agent"]!, /^posthog-effect\//)
      assert.isUndefined(headers["if-none-match"])
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("loads again when the interval is over, counted from the end of a load, with the ETag", () => {
    const client = loadingClient([
      loaded(isOn, "W/\"a\""),
      { status: 304, headers: { etag: "W/\"b\"" } },
      { status: 304 },
      loaded(definitions([flag("new")]))
    ])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(loads(client).length, 1)
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual((yield* LocalEvaluation.status).loadedAt, 30_000)
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(
        loads(client).map(({ at, headers }) => [at, headers["if-none-match"]]),
        [[0, undefined], [30_000, "W/\"a\""], [60_000, "W/\"b\""], [90_000, "W/\"b\""]]
      )
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.deepStrictEqual(flags.keys, ["new"])
      // The last answer had no ETag, so the next request has none.
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(loads(client).at(-1)!.headers["if-none-match"])
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("by hand only, when the interval is manual", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* TestClock.adjust("1 day")
      assert.strictEqual(loads(client).length, 1)
      assert.isUndefined((yield* LocalEvaluation.status).nextLoadAt)
      yield* LocalEvaluation.reload
      assert.strictEqual(loads(client).length, 2)
    }).pipe(Effect.provide(here(client, { pollingInterval: "manual" })))
  })

  it.effect("no shorter interval than 100 milliseconds", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* TestClock.adjust(1000)
      assert.strictEqual(loads(client).length, 11)
    }).pipe(Effect.provide(here(client, { pollingInterval: 1 })))
  })

  for (const status of [401, 403, 429]) {
    it.effect(`${status} keeps the definitions and doubles the pause, to a minute at most`, () => {
      const client = loadingClient([
        loaded(isOn),
        { status },
        { status },
        { status },
        loaded(isOn),
        { status }
      ])
      return Effect.gen(function*() {
        yield* LocalEvaluation.awaitReady()
        yield* TestClock.adjust("5 minutes")
        assert.deepStrictEqual(
          loads(client).map(({ at }) => at / 1000).slice(0, 7),
          [0, 10, 30, 70, 130, 140, 160]
        )
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.isTrue(flags.values.on)
        const { lastError } = yield* LocalEvaluation.status
        assert.deepInclude(lastError?.error, { _tag: "FlagsUnavailable", reason: "status", status })
      }).pipe(Effect.provide(here(client, { pollingInterval: "10 seconds" })))
    })
  }

  for (const answer of [{ status: 503 }, { status: 404 }, "refused", "dies", "interrupts"] as const) {
    const name = typeof answer === "string" ? answer : String(answer.status)
    it.effect(`${name} keeps the definitions, is told, and the next load is on time`, () => {
      const client = loadingClient([loaded(isOn), answer])
      return Effect.gen(function*() {
        const diagnostics = yield* collectDiagnostics
        yield* LocalEvaluation.awaitReady()
        yield* TestClock.adjust("61 seconds")
        assert.deepStrictEqual(loads(client).map(({ at }) => at), [0, 30_000, 60_000])
        assert.isTrue((yield* FeatureFlags.evaluate({ distinctId: "u" })).values.on)
        const { isReady, lastError, lastSuccess, loadedAt } = yield* LocalEvaluation.status
        assert.isTrue(isReady)
        assert.strictEqual(lastError?.at, 60_000)
        assert.strictEqual(lastSuccess, 0)
        assert.strictEqual(loadedAt, 0)
        assert.strictEqual(diagnostics.filter(({ _tag }) => _tag === "DefinitionsFailed").length, 2)
      }).pipe(Effect.scoped, Effect.provide(here(client)))
    })
  }

  it.effect("a server that never answers has its time limit, and the poller goes on", () => {
    const client = loadingClient(["hang", "stuck", loaded(isOn)])
    return Effect.gen(function*() {
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude((yield* LocalEvaluation.status).lastError?.error, { reason: "timeout" })
      yield* TestClock.adjust("71 seconds")
      assert.deepStrictEqual(loads(client).map(({ at }) => at), [0, 40_000, 80_000])
      assert.isTrue((yield* LocalEvaluation.status).isReady)
    }).pipe(Effect.provide(here(client)))
  })

  for (
    const [name, body] of [
      ["no JSON", "<html>"],
      ["no object", "[1]"],
      ["an object without flags", "{\"cohorts\":{}}"],
      ["flags that are none", "{\"flags\":7}"],
      ["nothing", ""]
    ] as const
  ) {
    it.effect(`an answer that is ${name} keeps the definitions and is told`, () => {
      const client = loadingClient([loaded(isOn, "W/\"a\""), { status: 200, body }])
      return Effect.gen(function*() {
        yield* LocalEvaluation.awaitReady()
        const error = yield* Effect.flip(LocalEvaluation.reload)
        assert.strictEqual(error.reason, "invalid_response")
        assert.isTrue((yield* FeatureFlags.evaluate({ distinctId: "u" })).values.on)
        // What is kept still has its ETag.
        yield* Effect.ignore(LocalEvaluation.reload)
        assert.strictEqual(loads(client).at(-1)!.headers["if-none-match"], "W/\"a\"")
      }).pipe(Effect.provide(here(client)))
    })
  }

  it.effect("402 takes the definitions away, does not count as loaded, and polling goes on", () => {
    const client = loadingClient([
      loaded(definitions([flag("on")], { minimal_flag_called_events: true }), "W/\"a\""),
      { status: 402 },
      loaded(isOn)
    ], { on: true })
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* TestClock.adjust("30 seconds")
      assert.deepInclude(yield* LocalEvaluation.status, { isReady: false, flags: 0, loadedAt: undefined })
      assert.deepInclude((yield* LocalEvaluation.status).lastError?.error, { reason: "quota_limited", status: 402 })
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(flags.details("on")?.source, "remote")
      assert.strictEqual(loads(client).length, 2)
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(loads(client)[2]!.headers["if-none-match"])
      assert.isTrue((yield* LocalEvaluation.status).isReady)
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("Retry-After is the least pause, up to a minute", () => {
    const client = loadingClient([
      { status: 503, headers: { "retry-after": "45" } },
      { status: 429, headers: { "retry-after": "3600" } },
      loaded(isOn)
    ])
    return Effect.gen(function*() {
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(loads(client).map(({ at }) => at / 1000).slice(0, 3), [0, 45, 105])
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("an interval longer than a minute is not made shorter by a refusal", () => {
    const client = loadingClient([{ status: 401 }])
    return Effect.gen(function*() {
      yield* TestClock.adjust("11 minutes")
      assert.deepStrictEqual(loads(client).map(({ at }) => at / 60_000), [0, 5, 10])
    }).pipe(Effect.provide(here(client, { pollingInterval: "5 minutes" })))
  })

  it.effect("nothing is asked while the instance is opted out", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* PostHog.optOut
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* Effect.flip(LocalEvaluation.reload)).reason, "opted_out")
      assert.strictEqual(loads(client).length, 1)
      yield* PostHog.optIn
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(loads(client).length, 2)
    }).pipe(Effect.provide(here(client)))
  })
})

describe("one poller", () => {
  it.effect("one load is in flight, however many ask; reloads share the one that begins after them", () => {
    const release = Effect.runSync(Deferred.make<void>())
    const client = loadingClient([loaded(isOn)])
    let open = 0
    let most = 0
    return Effect.gen(function*() {
      yield* settle
      const fibers = yield* Effect.forEach(
        Array.from({ length: 50 }),
        (_, i) => Effect.fork(i % 2 === 0 ? LocalEvaluation.reload : FeatureFlags.evaluate({ distinctId: "u" }))
      )
      yield* settle
      assert.strictEqual(open, 1)
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(loads(client).length, 2)
      assert.strictEqual(most, 1)
      assert.strictEqual(evaluations(client).length, 0)
    }).pipe(Effect.provide(here(client, {}, {
      transformClient: HttpClient.transform((response) =>
        Effect.suspend(() => {
          most = Math.max(most, ++open)
          return Effect.zipRight(Deferred.await(release), response)
        }).pipe(Effect.ensuring(Effect.sync(() => open--)))
      )
    })))
  })

  it.effect("several scopes of one instance share it, and it ends with the last", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      const service = yield* PostHog.PostHog
      const scopes = yield* Effect.forEach(Array.from({ length: 3 }), () => Scope.make())
      for (const scope of scopes) yield* Scope.extend(LocalEvaluation.make(service), scope)
      yield* LocalEvaluation.awaitReady()
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(loads(client).length, 3)
      const [first, second, third] = scopes as [Scope.CloseableScope, Scope.CloseableScope, Scope.CloseableScope]
      yield* Scope.close(first, Exit.void)
      yield* Scope.close(third, Exit.void)
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(loads(client).length, 5)
      yield* Scope.close(second, Exit.void)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(loads(client).length, 5)
      assert.isFalse((yield* LocalEvaluation.status).isReady)
      assert.strictEqual((yield* Effect.flip(LocalEvaluation.awaitReady())).reason, "no_definitions")
    }).pipe(Effect.provide(onFake(client, { secretKey })))
  })

  it.effect("closing the scope ends a load that is under way, and who waits for it", () => {
    const client = loadingClient(["stuck"])
    return Effect.gen(function*() {
      const service = yield* PostHog.PostHog
      const scope = yield* Scope.make()
      yield* Scope.extend(LocalEvaluation.make(service), scope)
      yield* settle
      const reload = yield* Effect.fork(Effect.flip(LocalEvaluation.reload))
      const ready = yield* Effect.fork(Effect.flip(LocalEvaluation.awaitReady()))
      const stream = yield* Effect.fork(Stream.runCollect(LocalEvaluation.changes))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(reload)).reason, "closed")
      assert.strictEqual((yield* Fiber.join(ready)).reason, "closed")
      assert.strictEqual((yield* Fiber.join(stream)).length, 0)
    }).pipe(Effect.provide(onFake(client, { secretKey })))
  })

  it.effect("two instances have a poller each", () => {
    class Marketing extends PostHog.Instance<Marketing>()("LocalMarketing") {}
    const client = loadingClient([loaded(isOn)])
    const both = Layer.mergeAll(
      LocalEvaluation.layer(),
      LocalEvaluation.layerInstance(Marketing, { pollingInterval: "manual" })
    ).pipe(
      Layer.provideMerge(
        Layer.merge(
          PostHog.layer({ apiKey, secretKey }),
          PostHog.layerInstance(Marketing, { apiKey: "phc_marketing", secretKey: "phx_marketing" })
        )
      ),
      Layer.provide(client.layer),
      Layer.orDie
    )
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* LocalEvaluation.awaitReady().pipe(PostHog.using(Marketing))
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(
        loads(client).map(({ headers, url }) => [/token=(\w+)/.exec(url)?.[1], headers.authorization]).sort(),
        [
          [apiKey, `Bearer ${secretKey}`],
          [apiKey, `Bearer ${secretKey}`],
          ["phc_marketing", "Bearer phx_marketing"]
        ].sort()
      )
    }).pipe(Effect.provide(both))
  })
})

describe("readiness", () => {
  it.effect("is awaited for ever, or within a time limit that says what went wrong", () => {
    const client = loadingClient([{ status: 503, body: "maintenance" }, { status: 503 }, loaded(isOn)])
    return Effect.gen(function*() {
      const ready = yield* Effect.fork(LocalEvaluation.awaitReady())
      const limited = yield* Effect.fork(Effect.flip(LocalEvaluation.awaitReady({ timeout: "5 seconds" })))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      const error = yield* Fiber.join(limited)
      assert.strictEqual(error.reason, "no_definitions")
      assert.match(error.message, /503.*maintenance/)
      yield* TestClock.adjust("54 seconds")
      assert.isTrue(isRunning(ready))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(ready)
      yield* LocalEvaluation.awaitReady({ timeout: 0 })
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("last success and last error are data", () => {
    const client = loadingClient([loaded(isOn), { status: 500 }])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      yield* settle
      assert.deepStrictEqual(yield* LocalEvaluation.status, {
        isReady: true,
        flags: 2,
        loadedAt: 0,
        source: "server",
        lastSuccess: 0,
        lastError: undefined,
        nextLoadAt: 30_000
      })
      yield* TestClock.adjust("30 seconds")
      assert.deepInclude(yield* LocalEvaluation.status, {
        isReady: true,
        lastSuccess: 0,
        nextLoadAt: 60_000
      })
      assert.deepInclude((yield* LocalEvaluation.status).lastError, { at: 30_000 })
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("changes are what is loaded, and what is loaded after that; an answer 304 is none", () => {
    const client = loadingClient([
      loaded(isOn, "W/\"a\""),
      { status: 304 },
      loaded(definitions([flag("b"), flag("a")])),
      { status: 500 },
      { status: 402 }
    ])
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      const changes = yield* Effect.fork(Stream.runCollect(Stream.take(LocalEvaluation.changes, 3)))
      yield* settle
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(Array.from(yield* Fiber.join(changes)), [
        { keys: ["off", "on"], loadedAt: 0, source: "server" },
        { keys: ["a", "b"], loadedAt: 60_000, source: "server" },
        { keys: [], loadedAt: undefined, source: undefined }
      ])
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("without the layer nothing is ready, and says so at once", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      assert.isFalse((yield* LocalEvaluation.status).isReady)
      assert.strictEqual((yield* Effect.flip(LocalEvaluation.awaitReady())).reason, "no_definitions")
      assert.strictEqual((yield* Effect.flip(LocalEvaluation.reload)).reason, "no_definitions")
      assert.strictEqual((yield* Stream.runCollect(LocalEvaluation.changes)).length, 0)
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u", onlyLocally: true })
      assert.deepInclude(flags.failure, { _tag: "FlagsUnavailable", reason: "no_definitions" })
      assert.strictEqual(client.requests.length, 0)
    }).pipe(Effect.provide(onFake(client, { secretKey })))
  })

  it.effect("on an instance that does nothing the layer does nothing either", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(LocalEvaluation.awaitReady())).reason, "disabled")
      assert.strictEqual(client.requests.length, 0)
    }).pipe(Effect.provide(here(client, {}, { enabled: false })))
  })

  it.effect("without a secret key, and with options that cannot be, the layer does not build", () => {
    const client = loadingClient([loaded(isOn)])
    const build = (options: LocalEvaluation.Options, instance: PostHogConfig.Options) =>
      Effect.flip(Layer.build(Layer.provide(LocalEvaluation.layer(options), onFake(client, instance)))).pipe(
        Effect.scoped
      )
    return Effect.gen(function*() {
      assert.deepInclude(yield* build({}, {}), { _tag: "ConfigurationError", option: "secretKey" })
      for (const pollingInterval of ["soon", -1, Number.NaN, {}] as Array<any>) {
        assert.deepInclude(yield* build({ pollingInterval }, { secretKey }), { option: "pollingInterval" })
      }
      assert.deepInclude(yield* build({ storeTimeout: "x" as "1 second" }, { secretKey }), { option: "storeTimeout" })
      assert.strictEqual(client.requests.length, 0)
    })
  })
})

describe("the first evaluation", () => {
  it.effect("waits for the load that is under way, and makes no request of its own", () => {
    const client = loadingClient([loaded(isOn)])
    return Effect.gen(function*() {
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(flags.details("on")?.source, "local")
      assert.strictEqual(client.requests.length, 1)
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("waits no longer than for an answer of PostHog, and asks it then", () => {
    const client = loadingClient(["hang"], { on: true })
    return Effect.gen(function*() {
      const evaluating = yield* Effect.fork(FeatureFlags.evaluate({ distinctId: "u" }))
      yield* settle
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual(evaluations(client).length, 0)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(evaluating)).details("on")?.source, "remote")
      // The load has been under way for longer than that: nobody waits for it again.
      const flags = yield* FeatureFlags.evaluate({ distinctId: "v" })
      assert.isTrue(flags.values.on)
      assert.strictEqual(loads(client).length, 1)
    }).pipe(Effect.provide(here(client)))
  })

  it.effect("begins a load when there is none, but not again and again during an outage", () => {
    const client = loadingClient([{ status: 503 }, { status: 503 }, loaded(isOn)], { on: true })
    return Effect.gen(function*() {
      yield* settle
      for (let i = 0; i < 10; i++) yield* FeatureFlags.evaluate({ distinctId: `u${i}` })
      assert.strictEqual(loads(client).length, 1)
      assert.strictEqual(evaluations(client).length, 10)
      yield* TestClock.adjust("1 second")
      yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(loads(client).length, 2)
      yield* TestClock.adjust("1 second")
      const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(flags.details("on")?.source, "local")
      assert.strictEqual(evaluations(client).length, 11)
    }).pipe(Effect.provide(here(client, { pollingInterval: "manual" })))
  })

  it.effect("does not ask for a load while PostHog refuses them", () => {
    const client = loadingClient([{ status: 401 }], { on: true })
    return Effect.gen(function*() {
      yield* settle
      yield* TestClock.adjust("59 seconds")
      yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(loads(client).length, 1)
      yield* TestClock.adjust("1 second")
      yield* FeatureFlags.evaluate({ distinctId: "u" })
      assert.strictEqual(loads(client).length, 2)
    }).pipe(Effect.provide(here(client, { pollingInterval: "manual" })))
  })
})

import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Duration, Effect, Layer, Logger, LogLevel, Redacted } from "effect"
import {
  ErrorTracking,
  FeatureFlags,
  FlagDefinitionStore,
  LocalEvaluation,
  PostHog,
  PostHogCli,
  PostHogConfig,
  type PostHogError,
  PostHogLive,
  PostHogTest,
  TestLayer
} from "effect-posthog"
import { definitions, flag } from "./support/definitions.js"
import { isConfigError, major } from "./support/effect.js"
import { FakeClient } from "./support/fakeClient.js"
import { captureMany, settle } from "./support/posthog.js"
import * as Sink from "./support/sink.js"

const client = new FakeClient()

const build = (options: PostHogConfig.Options) =>
  Effect.scoped(Layer.build(PostHog.layer(options).pipe(Layer.provide(client.layer))))

/** The messages that an effect logs. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const messages: Array<string> = []
  const logger = Logger.make(({ message }) => {
    messages.push(Array.isArray(message) ? message.join(" ") : String(message))
  })
  return Effect.as(Effect.provide(effect, Logger.replace(Logger.defaultLogger, logger)), messages)
}

/** Built, and for nobody. */
const discarded = <A, E, R>(layer: Layer.Layer<A, E, R>) => Layer.scopedDiscard(Layer.build(layer))

const fromEnvironment = (variables: Record<string, string>) =>
  Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))

describe("options", () => {
  it.effect("a key of the wrong kind is a typed error that names the mistake and not the key", () =>
    Effect.gen(function*() {
      const cases = {
        "phx_abc123": "personal_api_key",
        "phs_abc123": "project_secret_key",
        "phc abc123": "malformed_api_key"
      }
      for (const [apiKey, reason] of Object.entries(cases)) {
        for (const given of [apiKey, Redacted.make(` ${apiKey}\n`)]) {
          const error = yield* Effect.flip(build({ apiKey: given }))
          assert.strictEqual(error._tag, "ConfigurationError")
          assert.strictEqual(error.reason, reason)
          assert.strictEqual(error.option, "apiKey")
          assert.notInclude(String(error) + JSON.stringify(error), "abc123")
          assert.include(error.message, "phc_")
        }
      }
    }))

  it.effect("a secret key of the wrong kind is a typed error that names the mistake and not the key", () =>
    Effect.gen(function*() {
      const cases = { "phc_abc123": "project_api_key", "phx abc123": "malformed_secret_key" } as const
      for (const [secretKey, reason] of Object.entries(cases)) {
        for (const given of [secretKey, Redacted.make(` ${secretKey}\n`)]) {
          const error = yield* Effect.flip(build({ apiKey: "phc_a", secretKey: given }))
          assert.deepStrictEqual([error.reason, error.option], [reason, "secretKey"])
          assert.notInclude(String(error) + JSON.stringify(error), "abc123")
        }
      }
      for (const secretKey of ["phx_a", "phs_a", " "]) yield* build({ apiKey: "phc_a", secretKey })
    }))

  it.effect("a host that is no URL is a typed error that shows no credentials", () =>
    Effect.gen(function*() {
      for (
        const host of ["eu-hunter2", "https://user:hunter2@proxy.example.com", "phx_hunter2", "https://x/?key=hunter2"]
      ) {
        const error = yield* Effect.flip(build({ apiKey: "phc_a", host }))
        assert.deepInclude(error, { reason: "invalid_host", option: "host" })
        assert.match(error.message, /host .*POSTHOG_HOST.*write/)
        assert.notInclude(error.message, "hunter2")
      }
    }))

  it.effect("numbers and durations out of range are typed errors that name the option", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<PostHogConfig.Options> = [
        { flushAt: 0 },
        { flushAt: Number.NaN },
        { maxBatchSize: -1 },
        { maxBatchBytes: 0 },
        { maxEventBytes: 0 },
        { maxQueueBytes: 0 },
        { maxQueueSize: 0 },
        { maxConcurrentRequests: 0 },
        { compressionThreshold: -1 },
        { compression: "lzma" as never },
        { compression: 1 as never },
        { captureMode: "v2" as never },
        { globalOptions: "cookieless_mode" as never },
        { flushInterval: "soon" as never },
        { requestTimeout: {} as never },
        { shutdownTimeout: "x" as never },
        { retryPause: "x" as never },
        { featureFlagsRequestTimeout: "x" as never },
        { featureFlagCalledCacheSize: -1 },
        { featureFlagsCache: { timeToLive: "x" as never } },
        { featureFlagsCache: { timeToLive: 1, capacity: 0 } },
        { overflow: { waitUpTo: "later" as never } },
        { overflow: "dropAll" as never },
        { requestTimeout: Infinity },
        { shutdownTimeout: Infinity },
        { flushInterval: [-1, 0] },
        { retryPause: -1n }
      ]
      for (const options of bad) {
        const error = yield* Effect.flip(build({ apiKey: "phc_a", ...options }))
        assert.deepInclude(error, { reason: "invalid_option", option: Object.keys(options)[0]! })
        assert.include(error.message, error.option)
      }
    }))

  it.effect("values of another type are typed errors, as they come from JavaScript", () =>
    Effect.gen(function*() {
      const bad: ReadonlyArray<Record<string, unknown>> = [
        { apiKey: 123 },
        { secretKey: {} },
        { maxRetries: "a" },
        { featureFlagsRequestMaxRetries: null },
        { beforeSend: [1] },
        { beforeSend: "scrub" },
        { flushInterval: -5 },
        { enabled: "false" },
        { isServer: 1 },
        { debug: "yes" },
        { overflow: null },
        { featureFlagsCache: null },
        { flushAt: 5n },
        { maxQueueBytes: true },
        { transformClient: 5 },
        { isInApp: "src" },
        { evaluationContexts: "web" },
        { requestTimeout: Number.NaN },
        { requestTimeout: "-5 seconds" }
      ]
      for (const options of bad) {
        const error = yield* Effect.flip(build({ apiKey: "phc_a", ...options }))
        assert.deepStrictEqual([error.reason, error.option], ["invalid_option", Object.keys(options)[0]!])
      }
      assert.strictEqual((yield* Effect.flip(build({ apiKey: "phc_a", host: 123 as never }))).reason, "invalid_host")
    }))

  it.effect("of an instance that is not enabled are not looked at", () =>
    Effect.gen(function*() {
      const messages = yield* logged(build({ enabled: false, apiKey: "phx_abc", host: "::bad", flushAt: 0 }))
      assert.strictEqual(messages.length, 1)
      const withoutKey = yield* logged(build({ apiKey: " ", host: "::bad", flushAt: 0 }))
      assert.strictEqual(withoutKey.length, 1)
      const variables = {
        POSTHOG_API_KEY: "phc_a",
        POSTHOG_ENABLED: "false",
        POSTHOG_FLUSH_INTERVAL: "soon",
        POSTHOG_CAPTURE_LEVEL: "loud"
      }
      const live = yield* logged(
        captureMany(1).pipe(Effect.provide(PostHogLive), Effect.provide(fromEnvironment(variables)))
      )
      assert.strictEqual(live.length, 1)
    }))

  it.effect("of which not even the names can be read cost themselves alone", () =>
    Effect.gen(function*() {
      const hostile = new Proxy({}, { ownKeys: () => Object.keys(null as never) })
      yield* build({ apiKey: "phc_a", globalProperties: hostile })
    }))

  it.effect("from a provider that has lists", () =>
    Effect.gen(function*() {
      const provider = ConfigProvider.fromJson({ POSTHOG_EVALUATION_CONTEXTS: ["a", "b"], POSTHOG_FLUSH_AT: 7 })
      const options = yield* Effect.withConfigProvider(PostHogConfig.config, provider)
      assert.deepInclude(options, { evaluationContexts: ["a", "b"], flushAt: 7 })
      const bad = ConfigProvider.fromMap(new Map([["POSTHOG_FLUSH_AT", "ten"]]))
      const error = yield* Effect.flip(Effect.withConfigProvider(PostHogConfig.config, bad))
      assert.match(String(error), major === 3 ? /at POSTHOG_FLUSH_AT:/ : /at \["POSTHOG_FLUSH_AT"\]/)
    }))

  it.effect("from the environment are read as people write them", () =>
    Effect.gen(function*() {
      const read = (variables: Record<string, string>) =>
        Effect.withConfigProvider(
          PostHogConfig.config,
          ConfigProvider.fromMap(new Map(Object.entries(variables).map(([name, value]) => [`POSTHOG_${name}`, value])))
        )
      const options = yield* read({
        API_KEY: "\"phc_a\"",
        HOST: "'https://eu.posthog.com/project/123'",
        ENABLED: "True",
        IS_SERVER: "FALSE",
        DEBUG: "\"On\"",
        FLUSH_INTERVAL: "5000",
        REQUEST_TIMEOUT: "'3 Seconds'",
        RETRY_PAUSE: "500ms",
        MAX_QUEUE_SIZE: "10_000",
        MAX_BATCH_BYTES: " 1000000 ",
        EVALUATION_CONTEXTS: "\"web, checkout\""
      })
      assert.deepStrictEqual({ ...options, apiKey: undefined }, {
        apiKey: undefined,
        host: "https://eu.posthog.com/project/123",
        enabled: true,
        isServer: false,
        debug: true,
        flushInterval: Duration.seconds(5),
        requestTimeout: Duration.seconds(3),
        retryPause: Duration.millis(500),
        maxQueueSize: 10_000,
        maxBatchBytes: 1_000_000,
        evaluationContexts: ["web", "checkout"]
      })
      assert.strictEqual(Redacted.value(options.apiKey as Redacted.Redacted), "phc_a")
      const bad = {
        REQUEST_TIMEOUT: "-5 hunter2",
        FLUSH_INTERVAL: "-5 seconds",
        SHUTDOWN_TIMEOUT: "Infinity",
        RETRY_PAUSE: "NaN",
        FLUSH_AT: "hunter2",
        MAX_RETRIES: "1.5",
        ENABLED: "phx_hunter2"
      }
      for (const [name, value] of Object.entries(bad)) {
        const error = String(yield* Effect.flip(read({ [name]: value })))
        const option = name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
        assert.include(error, `POSTHOG_${name}`)
        assert.include(error, option)
        assert.notInclude(error, "hunter2")
      }
    }))

  it.effect("quotes around a key are cut, and a placeholder is told with its variable", () =>
    Effect.gen(function*() {
      const fake = new FakeClient()
      yield* captureMany(1).pipe(
        Effect.provide(PostHog.layer({ apiKey: "\"phc_a\"", host: "eu.posthog.com/" }).pipe(Layer.provide(fake.layer)))
      )
      assert.strictEqual(fake.requests[0]!.body.api_key, "phc_a")
      assert.strictEqual(fake.requests[0]!.url, "https://eu.i.posthog.com/batch/")
      for (const apiKey of ["<ph_project_api_key>", "$POSTHOG_API_KEY", "'phc_a"]) {
        const error = yield* Effect.flip(build({ apiKey }))
        assert.strictEqual(error.reason, "malformed_api_key")
        assert.match(error.message, /^apiKey \(in the environment POSTHOG_API_KEY\) .*phc_…/)
      }
      const error = yield* Effect.flip(build({ apiKey: "phc_a", flushAt: 0 }))
      assert.include(error.message, "POSTHOG_FLUSH_AT")
    }))

  it.effect("every variable goes through the ConfigProvider, that of the release too", () =>
    Effect.gen(function*() {
      const fake = new FakeClient()
      yield* ErrorTracking.capture(new Error("x")).pipe(
        Effect.provide(PostHog.layer({ apiKey: "phc_a" }).pipe(Layer.provide(fake.layer))),
        Effect.provide(fromEnvironment({ POSTHOG_RELEASE_ID: " release-7 ", POSTHOG_FLUSH_AT: "not looked at" }))
      )
      assert.strictEqual(fake.requests[0]!.events[0]!.properties.$release_id, "release-7")
    }))

  it.effect("every default is the documented one", () =>
    Effect.sync(() => {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(PostHogConfig.defaults)), {
        host: "https://us.i.posthog.com",
        enabled: true,
        optedOut: false,
        globalProperties: {},
        isServer: true,
        disableGeoip: true,
        historicalMigration: false,
        traceIds: true,
        background: true,
        flushAt: 100,
        flushInterval: { _id: "Duration", _tag: "Millis", millis: 5000 },
        maxBatchSize: 1_000,
        maxBatchBytes: 5242880,
        maxEventBytes: 1000000,
        maxQueueBytes: 67108864,
        maxQueueSize: null,
        overflow: "dropOldest",
        maxConcurrentRequests: 4,
        compression: true,
        compressionThreshold: 1024,
        requestTimeout: { _id: "Duration", _tag: "Millis", millis: 10000 },
        maxRetries: 8,
        captureMode: "v0",
        aiCaptureMode: "v1",
        retryPause: { _id: "Duration", _tag: "Millis", millis: 30000 },
        shutdownTimeout: { _id: "Duration", _tag: "Millis", millis: 10000 },
        featureFlagsRequestTimeout: { _id: "Duration", _tag: "Millis", millis: 3000 },
        featureFlagsRequestMaxRetries: 1,
        sendFeatureFlagEvents: true,
        featureFlagCalledCacheSize: 50000,
        evaluationContexts: [],
        errorTracking: true,
        exceptionRateLimit: true,
        invalidEvents: "send",
        personalData: "redact",
        sourceContext: true,
        sourceRoots: [],
        strictLocalEvaluation: false,
        contextLines: 5,
        privacyMode: false,
        fullAiCapture: false,
        debug: false
      })
    }))
})

describe("a disabled instance", () => {
  for (const options of [{}, { apiKey: "" }, { apiKey: Redacted.make("  ") }, { apiKey: "phc_a", enabled: false }]) {
    it.effect(`takes every call, sends nothing and warns once: ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        const before = client.requests.length
        const messages = yield* logged(
          Effect.gen(function*() {
            yield* captureMany(3)
            yield* PostHog.identify("u")
            yield* PostHog.captureNow("now")
            yield* PostHog.flush
            yield* PostHog.optIn
            yield* PostHog.debug()
            assert.isTrue(yield* PostHog.isOptedOut)
            assert.deepInclude(yield* PostHog.stats, { accepted: 0, queued: 0, ignored: 5 })
          }).pipe(Effect.provide(PostHog.layer(options).pipe(Layer.provide(client.layer))))
        )
        assert.strictEqual(messages.length, 1)
        assert.match(messages[0]!, /POSTHOG_API_KEY|POSTHOG_ENABLED/)
        assert.strictEqual(client.requests.length, before)
      }))
  }

  it.effect("layerNoop does not even warn", () =>
    Effect.gen(function*() {
      const messages = yield* logged(captureMany(2).pipe(Effect.provide(PostHog.layerNoop)))
      assert.deepStrictEqual(messages, [])
    }))
})

describe("PostHogLive", () => {
  it.scopedLive("reads its options from the environment and sends over fetch", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* PostHog.capture("event", {}, { distinctId: "u" }).pipe(
        Effect.provide(PostHogLive),
        Effect.provide(fromEnvironment({
          POSTHOG_API_KEY: "phc_environment",
          POSTHOG_HOST: `${sink.url}/`,
          POSTHOG_IS_SERVER: "false",
          POSTHOG_DISABLE_GEOIP: "false",
          POSTHOG_HISTORICAL_MIGRATION: "true",
          POSTHOG_FLUSH_AT: "10",
          POSTHOG_FLUSH_INTERVAL: "1 second",
          POSTHOG_MAX_BATCH_SIZE: "20",
          POSTHOG_MAX_QUEUE_SIZE: "1000",
          POSTHOG_MAX_QUEUE_BYTES: "1000000",
          POSTHOG_COMPRESSION: "no",
          POSTHOG_REQUEST_TIMEOUT: "3 seconds",
          POSTHOG_MAX_RETRIES: "1",
          POSTHOG_SHUTDOWN_TIMEOUT: "4 seconds",
          POSTHOG_SECRET_KEY: "phs_environment",
          POSTHOG_FEATURE_FLAGS_REQUEST_TIMEOUT: "2 seconds",
          POSTHOG_FEATURE_FLAGS_REQUEST_MAX_RETRIES: "0",
          POSTHOG_SEND_FEATURE_FLAG_EVENTS: "no",
          POSTHOG_STRICT_LOCAL_EVALUATION: "yes",
          POSTHOG_LOCAL_EVALUATION: "no",
          POSTHOG_EVALUATION_CONTEXTS: "web, checkout",
          POSTHOG_ENABLED: "yes",
          POSTHOG_OPTED_OUT: "false",
          POSTHOG_DEBUG: "false"
        }))
      )
      const [request] = sink.batches
      assert.deepInclude(request!.body, { api_key: "phc_environment", historical_migration: true })
      const { $lib, $lib_version, ...properties } = request!.events[0]!.properties
      assert.deepStrictEqual(properties, {})
    }))

  it.scopedLive("reads how events are sent and compressed", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      for (const compression of ["Deflate", "yes", "off"]) {
        yield* captureMany(1).pipe(
          Effect.provide(PostHogLive),
          Effect.provide(fromEnvironment({
            POSTHOG_API_KEY: "phc_environment",
            POSTHOG_HOST: sink.url,
            POSTHOG_CAPTURE_MODE: "V1",
            POSTHOG_COMPRESSION: compression,
            POSTHOG_COMPRESSION_THRESHOLD: "0"
          }))
        )
      }
      assert.deepStrictEqual(
        sink.batchesV1.map(({ headers }) => headers["content-encoding"]),
        ["deflate", "gzip", undefined]
      )
    }))

  it.scopedLive("takes blank variables for absent ones, as compose files leave them", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* captureMany(1).pipe(
        Effect.provide(PostHogLive),
        Effect.provide(fromEnvironment({
          POSTHOG_API_KEY: "phc_environment",
          POSTHOG_HOST: sink.url,
          POSTHOG_MAX_RETRIES: "",
          POSTHOG_FLUSH_AT: " ",
          POSTHOG_FLUSH_INTERVAL: "",
          POSTHOG_DEBUG: "",
          POSTHOG_SECRET_KEY: "",
          POSTHOG_LOCAL_EVALUATION: "",
          POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL: " ",
          POSTHOG_STRICT_LOCAL_EVALUATION: "",
          POSTHOG_EVALUATION_CONTEXTS: ""
        }))
      )
      assert.strictEqual(sink.accepted.length, 1)
    }))

  it.scopedLive("captures what is logged, unless error tracking is switched off", () =>
    Effect.gen(function*() {
      for (const [tracking, events] of [["true", ["$exception"]], ["false", []]] as const) {
        const sink = yield* Sink.make()
        yield* Effect.logError("payment failed").pipe(
          Effect.provide(PostHogLive),
          Effect.provide(fromEnvironment({
            POSTHOG_API_KEY: "phc_environment",
            POSTHOG_HOST: sink.url,
            POSTHOG_ERROR_TRACKING: tracking
          }))
        )
        assert.deepStrictEqual(sink.accepted.map(({ event }) => event), [...events])
      }
    }))

  it.scopedLive("takes the names of levels in any case, and blank variables for none", () =>
    Effect.gen(function*() {
      for (const [level, events] of [["Warning", 1], ["WARN", 1], ["warning", 1], ["", 0], ["Error", 0]] as const) {
        const sink = yield* Sink.make()
        yield* Effect.logWarning("payment late").pipe(
          Effect.provide(PostHogLive),
          Effect.provide(fromEnvironment({
            POSTHOG_API_KEY: "phc_environment",
            POSTHOG_HOST: sink.url,
            POSTHOG_CAPTURE_LEVEL: level,
            POSTHOG_ERROR_TRACKING: ""
          }))
        )
        assert.strictEqual(sink.accepted.length, events, level)
      }
    }))

  it.scopedLive("evaluates flags in the process when there is a secret key, unless that is switched off", () =>
    Effect.gen(function*() {
      for (
        const [variables, source] of [
          [{ POSTHOG_SECRET_KEY: "phs_environment", POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL: "1 hour" }, "local"],
          [{ POSTHOG_SECRET_KEY: "phs_environment", POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL: "manual" }, "local"],
          [{ POSTHOG_SECRET_KEY: "phs_environment", POSTHOG_LOCAL_EVALUATION: "false" }, "remote"],
          [{}, "remote"]
        ] as const
      ) {
        const sink = yield* Sink.make({ definitions: () => definitions([flag("on")]), flags: () => ({ on: true }) })
        yield* Effect.gen(function*() {
          const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
          assert.strictEqual(flags.details("on")?.source, source)
          yield* settle
          const { nextLoadAt } = yield* LocalEvaluation.status
          assert.strictEqual(
            nextLoadAt !== undefined,
            "POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL" in variables &&
              variables.POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL === "1 hour"
          )
        }).pipe(
          Effect.provide(PostHogLive),
          Effect.provide(
            fromEnvironment({ POSTHOG_API_KEY: "phc_environment", POSTHOG_HOST: sink.url, ...variables })
          )
        )
        assert.strictEqual(sink.loads.length, source === "local" ? 1 : 0)
      }
    }))

  it.scopedLive("uses a store of definitions that it is provided with", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const store = yield* Layer.build(FlagDefinitionStore.layerMemory)
      yield* Context.get(store, FlagDefinitionStore.FlagDefinitionStore).put(
        "phc_environment",
        { revision: "r1", document: JSON.stringify(definitions([flag("on")])) },
        undefined
      )
      yield* Effect.gen(function*() {
        // PostHog does not answer.
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.strictEqual(flags.details("on")?.source, "local")
      }).pipe(
        Effect.provide(Layer.provide(PostHogLive, Layer.succeedContext(store))),
        Effect.provide(fromEnvironment({
          POSTHOG_API_KEY: "phc_environment",
          POSTHOG_HOST: sink.url,
          POSTHOG_SECRET_KEY: "phs_environment"
        }))
      )
    }))

  it.effect("is a silent no-op after one warning without a key, or when it is switched off", () =>
    Effect.gen(function*() {
      for (const variables of [{}, { POSTHOG_API_KEY: "phc_a", POSTHOG_ENABLED: "false" }]) {
        const messages = yield* logged(
          captureMany(3).pipe(Effect.provide(PostHogLive), Effect.provide(fromEnvironment(variables)))
        )
        assert.strictEqual(messages.length, 1)
      }
    }))

  it.effect("fails with Config's error when a variable cannot be read, and ours when a key is swapped", () =>
    Effect.gen(function*() {
      const failure = (variables: Record<string, string>) =>
        Effect.flip(captureMany(1).pipe(Effect.provide(PostHogLive), Effect.provide(fromEnvironment(variables))))
      const config = yield* failure({ POSTHOG_API_KEY: "phc_a", POSTHOG_FLUSH_AT: "many" })
      assert.isTrue(isConfigError(config))
      // Effect 4 says it in the text alone.
      if (major === 3) assert.propertyVal(config, "_op", "InvalidData")
      assert.include(String(config), "POSTHOG_FLUSH_AT")
      const swapped = yield* failure({ POSTHOG_API_KEY: "phx_abc123" })
      assert.strictEqual((swapped as PostHogError.ConfigurationError).reason, "personal_api_key")
    }))

  it.scopedLive("takes options over the environment, and keeps error tracking and local evaluation", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ definitions: () => definitions([flag("on")]) })
      const Here = PostHogLive.with({
        host: sink.url,
        maxRetries: undefined,
        globalProperties: { service: "checkout" },
        beforeSend: (event) => ({ ...event, properties: { ...event.properties, seen: true } }),
        errorTracking: { metadata: ["order"] },
        localEvaluation: { pollingInterval: "manual" }
      })
      yield* Effect.gen(function*() {
        yield* PostHog.capture("event", {}, { distinctId: "u" })
        yield* Effect.annotateLogs(Effect.logWarning("late"), { order: 7, other: 1 })
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.strictEqual(flags.details("on")?.source, "local")
        assert.isUndefined((yield* LocalEvaluation.status).nextLoadAt)
      }).pipe(
        Effect.provide(Here),
        Effect.provide(fromEnvironment({
          POSTHOG_API_KEY: "phc_environment",
          POSTHOG_SECRET_KEY: "phs_environment",
          POSTHOG_HOST: "http://127.0.0.1:1",
          POSTHOG_MAX_RETRIES: "0",
          POSTHOG_CAPTURE_LEVEL: "Warn",
          POSTHOG_FEATURE_FLAGS_POLLING_INTERVAL: "1 hour"
        }))
      )
      assert.deepStrictEqual(sink.accepted.map(({ event }) => event), ["event", "$exception"])
      for (const { properties } of sink.accepted) assert.deepInclude(properties, { service: "checkout", seen: true })
      assert.deepInclude(sink.accepted[1]!.properties, { order: 7 })
      assert.notProperty(sink.accepted[1]!.properties, "other")
    }))

  it.scopedLive("switches error tracking and local evaluation by options and by the environment", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [PostHogConfig.LiveOptions, Record<string, string>, boolean, boolean]> = [
        [{}, {}, true, false],
        [{ errorTracking: false, secretKey: "phs_a" }, {}, false, true],
        [{ errorTracking: true }, { POSTHOG_ERROR_TRACKING: "FALSE" }, true, false],
        [{ errorTracking: {} }, { POSTHOG_ERROR_TRACKING: "off" }, false, false],
        [{ localEvaluation: false }, { POSTHOG_SECRET_KEY: "phs_a" }, true, false],
        [{ localEvaluation: {} }, { POSTHOG_SECRET_KEY: "phs_a", POSTHOG_LOCAL_EVALUATION: "No" }, true, false],
        [{ localEvaluation: { definitions: definitions([flag("on")]) } }, {}, true, true]
      ]
      for (const [options, variables, captures, isLocal] of cases) {
        const sink = yield* Sink.make({ definitions: () => definitions([flag("on")]), flags: () => ({ on: true }) })
        yield* Effect.gen(function*() {
          yield* Effect.logError("failed")
          const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
          assert.strictEqual(flags.details("on")?.source, isLocal ? "local" : "remote")
        }).pipe(
          Effect.provide(PostHogLive.with({ apiKey: "phc_a", host: sink.url, ...options })),
          Effect.provide(fromEnvironment(variables))
        )
        assert.strictEqual(sink.accepted.length, captures ? 1 : 0, JSON.stringify(options))
      }
    }))

  it.scopedLive("is made for a named instance, whose keys are not those of the environment", () =>
    Effect.gen(function*() {
      class Marketing extends PostHog.Instance<Marketing>()("LiveMarketing") {}
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* PostHog.capture("lead", {}, { distinctId: "u" }).pipe(PostHog.using(Marketing))
        yield* Effect.logError("failed")
        yield* PostHog.using(LocalEvaluation.status, Marketing).pipe(
          Effect.map(({ nextLoadAt }) => assert.isUndefined(nextLoadAt))
        )
      }).pipe(
        Effect.provide(PostHogLive.instance(Marketing, { apiKey: "phc_marketing", globalProperties: { a: 1 } })),
        Effect.provide(fromEnvironment({
          POSTHOG_API_KEY: "phc_environment",
          POSTHOG_SECRET_KEY: "phs_environment",
          POSTHOG_HOST: sink.url
        }))
      )
      assert.strictEqual(sink.batches[0]!.body.api_key, "phc_marketing")
      assert.deepStrictEqual(sink.accepted.map(({ event, properties }) => [event, properties.a]), [["lead", 1], [
        "$exception",
        1
      ]])
      assert.strictEqual(sink.loads.length, 0)
      const messages = yield* logged(
        PostHog.using(captureMany(1), Marketing).pipe(
          Effect.provide(PostHogLive.instance(Marketing, { apiKey: undefined })),
          Effect.provide(fromEnvironment({ POSTHOG_API_KEY: "phc_environment" }))
        )
      )
      assert.strictEqual(messages.length, 1)
    }))

  it.scopedLive("is what its parts give", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ definitions: () => definitions([flag("on")]) })
      const Parts = Layer.mergeAll(
        ErrorTracking.layerLoggerConfig(ErrorTracking.loggerConfig),
        LocalEvaluation.layerConfig(LocalEvaluation.config)
      ).pipe(
        Layer.provideMerge(PostHog.layerConfig(PostHogConfig.config)),
        Layer.provide(FetchHttpClient.layer)
      )
      yield* Effect.gen(function*() {
        yield* Effect.logError("failed")
        const flags = yield* FeatureFlags.evaluate({ distinctId: "u" })
        assert.strictEqual(flags.details("on")?.source, "local")
      }).pipe(
        Effect.provide(Parts),
        Effect.provide(
          fromEnvironment({ POSTHOG_API_KEY: "phc_a", POSTHOG_SECRET_KEY: "phs_a", POSTHOG_HOST: sink.url })
        )
      )
      assert.strictEqual(sink.accepted.length, 1)
    }))

  it.effect("every layer with options takes a Config", () => {
    class Other extends PostHog.Instance<Other>()("Other") {}
    const wrong = ConfigProvider.fromMap(new Map([["SECONDS", "soon"]]))
    const right = ConfigProvider.fromMap(new Map([["SECONDS", "60 seconds"]]))
    const seconds = Config.duration("SECONDS")
    const layers: Record<string, Layer.Layer<never, unknown>> = {
      process: ErrorTracking.layerProcessConfig({ timeout: seconds }).pipe(Layer.provide(TestLayer)),
      logger: ErrorTracking.layerLoggerConfig({ captureLevel: Config.map(seconds, () => LogLevel.Error) }).pipe(
        Layer.provide(TestLayer)
      ),
      local: LocalEvaluation.layerConfig({ pollingInterval: seconds }).pipe(Layer.provide(TestLayer)),
      localInstance: LocalEvaluation.layerInstanceConfig(Other, { pollingInterval: seconds }).pipe(
        Layer.provide(PostHogTest.layerInstance(Other))
      ),
      test: discarded(PostHogTest.layerConfig({ flushInterval: seconds })),
      testInstance: discarded(PostHogTest.layerInstanceConfig(Other, { flushInterval: seconds })),
      cli: discarded(PostHogCli.layerConfig({ flushInterval: seconds }, { consent: Effect.succeed(true) })).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
    }
    return Effect.gen(function*() {
      for (const [name, layer] of Object.entries(layers)) {
        const failed = yield* Effect.flip(Effect.scoped(Layer.build(layer))).pipe(Effect.withConfigProvider(wrong))
        assert.isTrue(isConfigError(failed), name)
        yield* Effect.scoped(Layer.build(layer)).pipe(Effect.withConfigProvider(right))
      }
    })
  })

  it.effect("layerConfig takes any Config, whole or part by part", () =>
    Effect.gen(function*() {
      const fake = new FakeClient()
      yield* captureMany(1).pipe(
        Effect.provide(
          PostHog.layerConfig({
            apiKey: Config.redacted("MY_KEY"),
            host: Config.succeed("https://eu.posthog.com"),
            globalProperties: Config.succeed({ service: "checkout" })
          }).pipe(Layer.provide(fake.layer))
        ),
        Effect.provide(fromEnvironment({ MY_KEY: "phc_mine" }))
      )
      assert.strictEqual(fake.requests[0]!.url, "https://eu.i.posthog.com/batch/")
      assert.strictEqual(fake.requests[0]!.body.api_key, "phc_mine")
      assert.strictEqual(fake.requests[0]!.events[0]!.properties.service, "checkout")
    }))
})

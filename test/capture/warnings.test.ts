/**
 * What the operator of a program reads when PostHog cannot be reached, with real sockets where there are any.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { FeatureFlags, LocalEvaluation, PostHog, PostHogClient, type PostHogConfig } from "effect-posthog"
import { aboutEvents, Warnings } from "../../src/internal/warnings.js"
import * as BlackHole from "../support/blackHole.js"
import { FakeClient } from "../support/fakeClient.js"
import { collector } from "../support/log.js"
import { captureMany, onFake, settle } from "../support/posthog.js"
import { freePort } from "../support/server.js"
import * as Sink from "../support/sink.js"

/** Runs a program on an instance, and gives what was logged, the end included. */
const logged = <E>(
  options: PostHogConfig.Options,
  program: Effect.Effect<unknown, E, PostHog.PostHog> = captureMany(3)
) =>
  Effect.suspend(() => {
    const { layer, texts } = collector()
    return program.pipe(
      Effect.provide(
        PostHog.layer({ apiKey: "phc_test", maxRetries: 0, shutdownTimeout: "3 seconds", ...options }).pipe(
          Layer.provide(PostHogClient.layer)
        )
      ),
      Effect.provide(layer),
      Effect.map(texts)
    )
  })

const flushed = Effect.zipRight(captureMany(3), Effect.either(PostHog.flush))

describe("the first failure", () => {
  it.scopedLive("wrong host", () =>
    Effect.gen(function*() {
      const [first, ...others] = yield* logged({ host: "http://nobody.invalid", shutdownTimeout: 0 }, flushed)
      assert.match(
        first!,
        /^Warning: PostHog: events cannot be sent to http:\/\/nobody\.invalid: no connection \(.*(ENOTFOUND|EAI_AGAIN) nobody\.invalid\); there is no address for this name; check the host \(option host, POSTHOG_HOST\) and the name server; they are kept and sent again$/
      )
      assert.strictEqual(others.length, 1)
      assert.match(
        others[0]!,
        /PostHog: closed, and 3 events were lost \(3 (shutdown_timeout|undelivered)\); the last failure at http:\/\/nobody\.invalid/
      )
    }), 60_000)

  it.scopedLive("wrong port", () =>
    Effect.gen(function*() {
      const host = `http://127.0.0.1:${yield* freePort}`
      const [first] = yield* logged({ host, shutdownTimeout: 0 }, flushed)
      assert.include(first, `events cannot be sent to ${host}: no connection (`)
      assert.match(first!, /ECONNREFUSED.*nothing accepts connections there; check the host .* and its port/)
    }))

  for (
    const [status, advice] of [
      [401, "check the project API key (option apiKey, POSTHOG_API_KEY), and whether host is of the same region"],
      [403, "proxies in between"],
      [404, "there is no PostHog at this address; check the host (option host, POSTHOG_HOST)"],
      [302, "the answer is a redirect, which is not followed"],
      [418, "check the host (option host, POSTHOG_HOST) and the project API key"]
    ] as const
  ) {
    it.scopedLive(`status ${status}`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ otherwise: () => Sink.status(status, {}, "a page") })
        const [first, second, ...others] = yield* logged({ host: sink.url }, flushed)
        assert.include(first, `Warning: PostHog: events are rejected by ${sink.url}: it answered ${status} (a page); `)
        assert.include(first, advice)
        assert.match(first!, /; they are dropped$/)
        assert.include(
          second,
          `PostHog: closed, and 3 events were lost (3 rejected); the last failure at ${sink.url}: `
        )
        assert.deepStrictEqual(others, [])
      }))
  }

  it.scopedLive("status 413", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(413) })
      const messages = yield* logged({ host: sink.url }, flushed)
      assert.strictEqual(messages.length, 2)
      assert.match(
        messages[0]!,
        /events dropped: an event is larger than maxEventBytes or than the server takes; .*"too_large".*status 413/
      )
      assert.include(messages[1], "PostHog: closed, and 3 events were lost (3 too_large)")
    }))

  it.scopedLive("a host that drops packets, and the end", () =>
    Effect.gen(function*() {
      const host = yield* BlackHole.make
      const messages = yield* logged({ host, shutdownTimeout: "300 millis" })
      assert.deepStrictEqual(messages, [
        `Warning: PostHog: closed, and 3 events were lost (3 shutdown_timeout); at ${host}: no answer came within shutdownTimeout; check the host (option host, POSTHOG_HOST), the network and the firewall`
      ])
    }))

  it.scopedLive("of an event that somebody waits for", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(503) })
      const [first, ...others] = yield* logged(
        { host: sink.url },
        Effect.either(PostHog.captureNow("a", {}, { distinctId: "u" }))
      )
      assert.match(first!, /it answered 503; .*; it is dropped, and captureNow fails$/)
      assert.isTrue(others.every((text) => !text.includes("kept")))
    }))

  it.scopedLive("while closing", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(503) })
      const [first] = yield* logged({ host: sink.url })
      assert.match(first!, /it answered 503; .*; they are dropped$/)
    }))

  it.effect("while closing, with repetitions to come", () => {
    const { layer, messages } = collector()
    const client = new FakeClient(() => ({ status: 503 }))
    return Effect.gen(function*() {
      const closing = yield* Effect.fork(
        captureMany(1).pipe(
          Effect.provide(onFake(client, { shutdownTimeout: "5 seconds" })),
          Effect.provide(layer)
        )
      )
      yield* settle
      yield* TestClock.adjust("1 minute")
      yield* Fiber.await(closing)
      assert.match(messages[0]!.text, /they are sent again until shutdownTimeout is over$/)
      assert.include(messages.at(-1)!.text, "PostHog: closed, and 1 events were lost")
    })
  })
})

describe("no flood", () => {
  it.effect("each kind once, and a word when it is back", () => {
    const { layer, messages, texts } = collector()
    const client = new FakeClient()
    return Effect.gen(function*() {
      client.next({ status: 503 }, { status: 503 }, "refused", { status: 503 }, "refused")
      yield* captureMany(1)
      const flush = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.await(flush)
      assert.deepStrictEqual(messages.map(({ level }) => level), ["Warning", "Warning", "Info"])
      assert.include(texts()[2], "Info: PostHog: events reach https://us.i.posthog.com again")
      // The same soon after is nothing new; later it is.
      for (const wait of ["1 minute", "10 minutes"] as const) {
        yield* TestClock.adjust(wait)
        client.next({ status: 503 })
        yield* captureMany(1)
        const again = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust("30 seconds")
        yield* Fiber.await(again)
      }
      assert.deepStrictEqual(messages.map(({ level }) => level), ["Warning", "Warning", "Info", "Warning", "Info"])
    }).pipe(Effect.provide(onFake(client)), Effect.provide(layer))
  })

  it.effect("hundreds of failures of a hundred kinds", () => {
    const { layer, messages } = collector()
    let count = 0
    const client = new FakeClient(() => ({ status: 500 + count++ % 100, body: `page ${count}` }))
    return Effect.gen(function*() {
      for (let i = 0; i < 200; i++) {
        yield* captureMany(1)
        yield* Effect.either(PostHog.flush)
      }
      assert.isAtLeast(count, 200)
      assert.isAtMost(messages.length, 20)
      assert.isAtLeast(messages.length, 2)
    }).pipe(Effect.provide(onFake(client, { maxRetries: 0 })), Effect.provide(layer))
  })
})

it("a thousand failures within ten minutes, and as many recoveries", () => {
  const texts: Array<string> = []
  let now = 0
  const warnings = new Warnings("https://a.b", () => now, (_, text) => texts.push(text))
  for (let i = 0; i < 1_000; i++) {
    warnings.failed({ about: aboutEvents, reason: "connection", detail: `connect ECONNREFUSED 127.0.0.1:${i}` })
    warnings.failed({ about: aboutEvents, reason: "timeout", detail: `no answer within ${i} ms` })
    if (i % 3 === 0) warnings.recovered(aboutEvents)
    now += 500
  }
  assert.strictEqual(texts.length, 3)
})

describe("the end", () => {
  it.effect("says the total by reason, and nothing of what was asked for", () => {
    const { layer, texts } = collector()
    const client = new FakeClient(() => ({ status: 401 }))
    return Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* captureMany(1_500)
        yield* Effect.either(PostHog.flush)
        yield* PostHog.capture(" ")
        yield* PostHog.capture(" ")
        yield* PostHog.capture("unwanted", {}, { distinctId: "u" })
      }).pipe(Effect.provide(onFake(client, { beforeSend: (event) => event.event === "unwanted" ? null : event })))
      assert.include(
        texts().at(-1),
        "PostHog: closed, and 1502 events were lost (1500 rejected, 2 invalid_event); the last failure at https://us.i.posthog.com: it answered 401"
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("says nothing when nothing was lost", () => {
    const { layer, messages } = collector()
    return Effect.gen(function*() {
      yield* Effect.provide(Effect.zipRight(captureMany(3), PostHog.flush), onFake(new FakeClient()))
      assert.deepStrictEqual(messages, [])
    }).pipe(Effect.provide(layer))
  })
})

it.scopedLive("two instances have words of their own", () =>
  Effect.gen(function*() {
    const one = yield* Sink.make({ otherwise: () => Sink.status(401) })
    const two = yield* Sink.make({ otherwise: () => Sink.status(404) })
    class Other extends PostHog.Instance<Other>()("Other") {}
    const { layer, messages } = collector()
    yield* Effect.gen(function*() {
      yield* captureMany(1)
      const other = yield* Other
      yield* other.capture("a", {}, { distinctId: "u" })
    }).pipe(
      Effect.provide(
        Layer.merge(
          PostHog.layer({ apiKey: "phc_test", host: one.url }),
          PostHog.layerInstance(Other, { apiKey: "phc_test", host: two.url })
        ).pipe(Layer.provide(PostHogClient.layer))
      ),
      Effect.provide(layer)
    )
    for (const { url } of [one, two]) {
      const own = messages.filter(({ text }) => text.includes(url))
      assert.strictEqual(own.length, 2)
      assert.strictEqual(new Set(own.map(({ instance }) => instance)).size, 1)
    }
    assert.strictEqual(new Set(messages.map(({ instance }) => instance)).size, 2)
  }))

describe("feature flags", () => {
  it.effect("each kind of failure once with address and advice, and a word when they are back", () => {
    const { layer, texts } = collector()
    const client = new FakeClient(() => ({ status: 401 }))
    const evaluate = FeatureFlags.evaluate({ distinctId: "u" })
    return Effect.gen(function*() {
      for (let i = 0; i < 100; i++) yield* evaluate
      client.otherwise = () => ({ status: 200, body: "no JSON" })
      for (let i = 0; i < 100; i++) yield* evaluate
      client.otherwise = () => ({ status: 200, body: "{\"flags\":{},\"errorsWhileComputingFlags\":false}" })
      for (let i = 0; i < 100; i++) yield* evaluate
      const messages = texts()
      assert.strictEqual(messages.length, 3)
      assert.match(
        messages[0]!,
        /^Warning: PostHog: feature flags cannot be asked for at https:\/\/us\.i\.posthog\.com: it answered 401.*check the project API key.*reads give their defaults$/
      )
      assert.include(messages[1], "something else than PostHog answers; check the host")
      assert.strictEqual(messages[2], "Info: PostHog: feature flags are answered by https://us.i.posthog.com again")
    }).pipe(
      Effect.provide(onFake(client, { featureFlagsRequestMaxRetries: 0 })),
      Effect.provide(layer)
    )
  })

  it.effect("a call without a distinct id is no matter of the host", () => {
    const { layer, texts } = collector()
    const client = new FakeClient(() => ({ status: 200, body: "{\"flags\":{}}" }))
    return Effect.gen(function*() {
      for (let i = 0; i < 3; i++) {
        yield* FeatureFlags.evaluate({})
        yield* FeatureFlags.evaluate({ distinctId: "u" })
      }
      assert.deepStrictEqual(texts(), [
        "Warning: PostHog: feature flags cannot be evaluated: missing_distinct_id; pass distinctId or run inside PostHog.withDistinctId; reads give their defaults"
      ])
    }).pipe(Effect.provide(onFake(client)), Effect.provide(layer))
  })

  it.scopedLive("definitions: a secret key that is not known", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({
        routes: { "/flags/definitions": () => ({ status: 401, body: { detail: "invalid" } }) }
      })
      const { layer, texts } = collector()
      yield* Effect.either(LocalEvaluation.reload).pipe(
        Effect.zipRight(Effect.either(LocalEvaluation.reload)),
        Effect.provide(
          LocalEvaluation.layer().pipe(
            Layer.provideMerge(PostHog.layer({ apiKey: "phc_test", secretKey: "phs_test", host: sink.url })),
            Layer.provide(PostHogClient.layer)
          )
        ),
        Effect.provide(layer)
      )
      assert.strictEqual(texts().length, 1)
      assert.match(
        texts()[0]!,
        /feature flag definitions cannot be loaded from http:.*it answered 401.*check the secret key \(option secretKey, POSTHOG_SECRET_KEY\)/
      )
      assert.notInclude(texts()[0], "phs_test")
    }))
})

it.effect("nothing secret is told of what a server or a client says", () => {
  const { layer, texts } = collector()
  const client = new FakeClient(() => ({
    status: 502,
    body: "<p>proxy https://joe:hunter2@proxy\n\nauthorization: Bearer phx_1234567890abcdef1234567890abcdef</p>"
  }))
  return Effect.gen(function*() {
    yield* Effect.provide(flushed, onFake(client, { maxRetries: 0 }))
    assert.isAbove(texts().length, 1)
    for (const text of texts()) {
      assert.notMatch(text, /hunter2|phx_1234|\n/)
      assert.include(text, "502")
    }
  }).pipe(Effect.provide(layer))
})

it.scopedLive("a key that was put into the host is not told", () =>
  Effect.gen(function*() {
    const key = "phx_1234567890abcdef1234567890abcdef1234567890"
    for (const host of [`https://${key}`, `https://${key}.invalid`, `http://proxy.invalid/${key}`]) {
      const messages = yield* logged({ host, shutdownTimeout: 0 }, flushed)
      assert.isAbove(messages.length, 0)
      assert.notInclude(messages.join(), "1234567890abcdef", host)
    }
    for (
      const host of [
        key,
        "s3cr3t-without-a-shape",
        "https://joe:s3cr3t-without-a-shape@a.b",
        "s3cr3t-without-a-shape://a"
      ]
    ) {
      const error = yield* Effect.flip(logged({ host }))
      assert.include(String(error), "ConfigurationError", host)
      assert.notMatch(String(error), /1234567890abcdef|s3cr3t-without/)
    }
  }), 60_000)

it.effect("a transformClient that throws, or gives no client, is a fault of the options", () =>
  Effect.gen(function*() {
    const wrong: ReadonlyArray<NonNullable<PostHogConfig.Options["transformClient"]>> = [
      () => {
        throw new Error("token=s3cr3t")
      },
      () => undefined as never,
      () => ({}) as never
    ]
    for (const transformClient of wrong) {
      const error = yield* Effect.flip(logged({ transformClient }))
      assert.deepInclude(error, { _tag: "ConfigurationError", option: "transformClient" })
      assert.include(String(error), "cannot be used:")
      assert.notInclude(String(error), "s3cr3t")
    }
  }))

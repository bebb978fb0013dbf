/**
 * Keys that definitions do not have: PostHog is asked once, whoever wants to know, and remembered until the next load.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { FeatureFlags, LocalEvaluation, PostHog } from "effect-posthog"
import { definitions, flag, remoteOnly } from "../support/definitions.js"
import { type Answer, FakeClient } from "../support/fakeClient.js"
import { apiKey, settle } from "../support/posthog.js"

/** Answers after a second, which leaves time to ask meanwhile. */
const slow = (answer: (body: any) => Answer) => {
  const fake = new FakeClient(({ body, url }) =>
    url.includes("/flags/definitions")
      ? { status: 200, body: JSON.stringify(definitions([flag("here"), remoteOnly("sticky")])) }
      : url.includes("/flags")
      ? answer(body)
      : { status: 200, body: "{\"status\":1}" }
  )
  const client = HttpClient.make((request) =>
    request.url.includes("v=2") || Array.from(request.urlParams).some(([name]) => name === "v")
      ? Effect.delay(fake.client.execute(request), "1 second")
      : fake.client.execute(request)
  )
  const layer = LocalEvaluation.layer({ pollingInterval: "manual" }).pipe(
    Layer.provideMerge(PostHog.layer({ apiKey, secretKey: "phs_test", featureFlagsRequestMaxRetries: 0 })),
    Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
    Layer.orDie
  )
  const asked = () => fake.requests.filter(({ url }) => url.includes("v=2")).map(({ body }) => body.distinct_id).sort()
  return { asked, layer }
}

const flagsOf = (flags: object, more: object = {}): Answer => ({
  status: 200,
  body: JSON.stringify({ flags, errorsWhileComputingFlags: false, ...more })
})

const ask = (distinctId: string, ...flagKeys: ReadonlyArray<string>) =>
  FeatureFlags.evaluate({ distinctId, flagKeys, sendFeatureFlagEvents: false })

const why = (flags: FeatureFlags.Snapshot, key: string) => Effect.flip(flags.getOrFail(key))

/** All at once, and then as much time as two requests take. */
const together = <A>(...asks: ReadonlyArray<Effect.Effect<A, never, PostHog.PostHog>>) =>
  Effect.gen(function*() {
    yield* LocalEvaluation.awaitReady()
    const fibers: Array<Fiber.RuntimeFiber<A>> = []
    for (const each of asks) {
      fibers.push(yield* Effect.fork(each))
      yield* settle
    }
    for (let i = 0; i < 4; i++) {
      yield* TestClock.adjust("1 second")
      yield* settle
    }
    return yield* Effect.forEach(fibers, Fiber.join)
  })

describe("a key that is defined nowhere", () => {
  it.scoped("is asked for once, however many users want to know", () => {
    const { asked, layer } = slow(() => flagsOf({}))
    return Effect.gen(function*() {
      const all = yield* together(...["u", "v", "w", "x"].map((id) => ask(id, "here", "nowhere")))
      assert.deepStrictEqual(asked(), ["u"])
      for (const flags of all) {
        assert.deepStrictEqual(flags.values, { here: true })
        assert.strictEqual((yield* why(flags, "nowhere"))._tag, "FlagNotFound")
      }
      // Remembered for everybody.
      assert.strictEqual((yield* why(yield* ask("later", "nowhere"), "nowhere"))._tag, "FlagNotFound")
      assert.deepStrictEqual(asked(), ["u"])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("whose flag PostHog has after all: everybody gets his own value, and later nobody waits for others", () => {
    const { asked, layer } = slow(({ distinct_id: id }) => flagsOf({ remote: { enabled: true, variant: id } }))
    return Effect.gen(function*() {
      const all = yield* together(ask("u", "remote"), ask("v", "remote"), ask("w", "remote"))
      assert.deepStrictEqual(all.map(({ values }) => values.remote), ["u", "v", "w"])
      assert.deepStrictEqual(asked(), ["u", "v", "w"])
      const later = yield* Effect.fork(Effect.all([ask("x", "remote"), ask("y", "remote")], { concurrency: 2 }))
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(later)).map(({ values }) => values.remote), ["x", "y"])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("the same question for the same user is one request as before", () => {
    const { asked, layer } = slow(({ distinct_id: id }) => flagsOf({ remote: { enabled: true, variant: id } }))
    return Effect.gen(function*() {
      const all = yield* together(ask("u", "remote"), ask("u", "remote"))
      assert.deepStrictEqual(all.map(({ values }) => values.remote), ["u", "u"])
      assert.deepStrictEqual(asked(), ["u"])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("a request that fails is not repeated for each who waited, and nothing is remembered of it", () => {
    let status = 500
    const { asked, layer } = slow(() => status === 500 ? { status } : flagsOf({}))
    return Effect.gen(function*() {
      const all = yield* together(ask("u", "here", "nowhere"), ask("v", "here", "nowhere"))
      assert.deepStrictEqual(asked(), ["u"])
      for (const flags of all) {
        assert.deepStrictEqual(flags.values, { here: true })
        assert.deepInclude(yield* why(flags, "nowhere"), { reason: "status", status: 500 })
      }
      status = 200
      yield* together(ask("v", "nowhere"))
      assert.deepStrictEqual(asked(), ["u", "v"])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("an answer that is incomplete tells the others nothing: they ask themselves", () => {
    const { asked, layer } = slow(() => flagsOf({}, { errorsWhileComputingFlags: true }))
    return Effect.gen(function*() {
      const all = yield* together(ask("u", "nowhere"), ask("v", "nowhere"))
      assert.deepStrictEqual(asked(), ["u", "v"])
      for (const flags of all) assert.deepInclude(yield* why(flags, "nowhere"), { reason: "errors_while_computing" })
    }).pipe(Effect.provide(layer))
  })

  it.scoped("when the one who asks gives up, one of the others asks", () => {
    const { asked, layer } = slow(() => flagsOf({}))
    return Effect.gen(function*() {
      yield* LocalEvaluation.awaitReady()
      const first = yield* Effect.fork(ask("u", "nowhere"))
      yield* settle
      const others = yield* Effect.fork(Effect.all([ask("v", "nowhere"), ask("w", "nowhere")], { concurrency: 2 }))
      yield* settle
      yield* Fiber.interrupt(first)
      yield* settle
      yield* TestClock.adjust("2 seconds")
      for (const flags of yield* Fiber.join(others)) {
        assert.strictEqual((yield* why(flags, "nowhere"))._tag, "FlagNotFound")
      }
      assert.strictEqual(asked().filter((id) => id !== "u").length, 1)
    }).pipe(Effect.provide(layer))
  })

  it.scoped("who has to ask for something else as well does not wait", () => {
    const { asked, layer } = slow(() => flagsOf({ sticky: { enabled: true } }))
    return Effect.gen(function*() {
      const [, both] = yield* together(ask("u", "nowhere"), ask("v", "nowhere", "sticky"))
      assert.deepStrictEqual(both!.values, { sticky: true })
      assert.deepStrictEqual(asked(), ["u", "v"])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("the memory ends with the definitions, and is bounded", () => {
    const { asked, layer } = slow(() => flagsOf({}))
    return Effect.gen(function*() {
      yield* together(ask("u", "nowhere"))
      yield* LocalEvaluation.reload
      yield* together(ask("v", "nowhere"))
      assert.deepStrictEqual(asked(), ["u", "v"])
      // More keys than are remembered, and one that no flag can have.
      const many = Array.from({ length: 1_500 }, (_, i) => `key ${i}`)
      yield* together(ask("w", ...many, "k".repeat(10_000)))
      yield* together(ask("x", "key 1"), ask("x", "key 1400"), ask("x", "k".repeat(10_000)))
      assert.deepStrictEqual(asked(), ["u", "v", "w", "x", "x"])
    }).pipe(Effect.provide(layer))
  })
})

/**
 * Consent and the end of an instance, the same for a live instance and for one of tests.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Scope, TestClock } from "effect"
import { FeatureFlags, PostHog, type PostHogConfig, PostHogTest } from "effect-posthog"
import { FakeClient } from "../../support/fakeClient.js"
import { onFake, stats } from "../../support/posthog.js"

const kinds: Readonly<Record<string, (options: PostHogConfig.Options) => Layer.Layer<PostHog.PostHog>>> = {
  live: (options) => onFake(new FakeClient(), options),
  test: (options) => PostHogTest.layer({ ...options, flags: [{ key: "beta", value: true, payload: undefined }] })
}

/** A hook that opts out when it sees the event. */
const optingOut = (name: string) => {
  let service: PostHog.Service | undefined
  const beforeSend: PostHogConfig.BeforeSend = (event) => {
    if (event.event === name) Effect.runSync(service!.optOut)
    return event
  }
  return { beforeSend, know: Effect.map(PostHog.PostHog, (known) => void (service = known)) }
}

const verbs: Readonly<Record<string, readonly [event: string, Effect.Effect<unknown, unknown, PostHog.PostHog>]>> = {
  capture: ["ordinary", PostHog.capture("ordinary")],
  captureNow: ["urgent", PostHog.captureNow("urgent")],
  identify: ["$identify", PostHog.identify("user_1", { a: 1 })],
  setPersonProperties: ["$set", PostHog.setPersonProperties({ a: 1 }, { distinctId: "user_1" })],
  alias: ["$create_alias", PostHog.alias({ distinctId: "a", alias: "b" })],
  groupIdentify: ["$groupidentify", PostHog.groupIdentify("company", "acme", { a: 1 })],
  pageView: ["$pageview", PostHog.pageView("https://a.example/b")]
}

for (const [kind, layer] of Object.entries(kinds)) {
  describe(`a ${kind} instance`, () => {
    for (const [verb, [event, call]] of Object.entries(verbs)) {
      it.effect(`${verb}: a hook that opts out drops the event that it sees`, () => {
        const { beforeSend, know } = optingOut(event)
        return Effect.gen(function*() {
          yield* know
          const given = yield* call
          if (verb === "captureNow") assert.deepStrictEqual(given, Option.none())
          assert.isTrue(yield* PostHog.isOptedOut)
          assert.deepInclude(yield* stats, { accepted: 1, queued: 0, delivered: 0, dropped: { opted_out: 1 } })
          yield* call
          assert.deepInclude(yield* stats, { accepted: 1, ignored: 1 })
        }).pipe(Effect.provide(layer({ beforeSend })))
      })
    }

    it.effect("an instance that begins opted out takes nothing until somebody opts in", () =>
      Effect.gen(function*() {
        yield* PostHog.capture("one")
        assert.deepInclude(yield* stats, { accepted: 0, ignored: 1 })
        yield* PostHog.optIn
        yield* PostHog.capture("two")
        assert.deepInclude(yield* stats, { accepted: 1 })
      }).pipe(Effect.provide(layer({ optedOut: true }))))

    it.effect("after its end events are dropped as closed, who waits is told, and opting in changes nothing", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(layer({}), scope)
        yield* Effect.gen(function*() {
          yield* Scope.close(scope, Exit.void)
          yield* PostHog.optIn
          yield* PostHog.capture("late")
          const sent = yield* Effect.flip(PostHog.captureNow("late"))
          assert.deepInclude({ ...sent }, {
            _tag: "DeliveryError",
            reason: "closed",
            delivered: 0,
            dropped: 1,
            queued: 0
          })
          const flushed = yield* Effect.flip(PostHog.flush)
          assert.deepInclude({ ...flushed }, { _tag: "DeliveryError", reason: "closed", dropped: 0, queued: 0 })
          assert.isTrue(yield* PostHog.isOptedOut)
          assert.deepInclude(yield* stats, { accepted: 2, dropped: { closed: 2 } })
          // Without consent nothing is counted, closed or not.
          yield* PostHog.optOut
          yield* PostHog.capture("later")
          assert.deepStrictEqual(yield* PostHog.captureNow("later"), Option.none())
          assert.deepInclude(yield* stats, { accepted: 2, ignored: 2 })
        }).pipe(Effect.provide(context))
      }))
  })
}

describe("a live instance that closes", () => {
  it.effect("takes nothing more after opting out and in again, and sends nothing that was queued before", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => "hang")
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        onFake(client, { flushAt: 1, maxBatchSize: 1, maxConcurrentRequests: 1, shutdownTimeout: "10 seconds" }),
        scope
      )
      yield* Effect.gen(function*() {
        for (let i = 0; i < 3; i++) yield* PostHog.capture(`event ${i}`)
        yield* TestClock.adjust(0)
        const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust("1 second")
        yield* PostHog.optOut
        yield* PostHog.optIn
        yield* PostHog.capture("late")
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(closing)
        assert.strictEqual(client.requests.length, 1)
        assert.deepInclude(yield* stats, { accepted: 4, dropped: { opted_out: 3, closed: 1 } })
      }).pipe(Effect.provide(context))
    }))

  it.effect("lets a flush wait for what is still on its way", () =>
    Effect.gen(function*() {
      const client = new FakeClient(() => ({ status: 200, delay: 2_000 }))
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(onFake(client, { shutdownTimeout: "10 seconds" }), scope)
      yield* Effect.gen(function*() {
        yield* PostHog.capture("event")
        yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* TestClock.adjust(0)
        const flushed = yield* Effect.fork(PostHog.flush)
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* Fiber.join(flushed), { delivered: 1, dropped: 0 })
      }).pipe(Effect.provide(context))
    }))
})

describe("exposures", () => {
  it.effect("are dropped as well when the hook that sees them opts out", () => {
    const { beforeSend, know } = optingOut("$feature_flag_called")
    return Effect.gen(function*() {
      yield* know
      const snapshot = yield* FeatureFlags.evaluate({ distinctId: "user_1" })
      yield* snapshot.isEnabled("beta")
      assert.deepInclude(yield* stats, { delivered: 0, dropped: { opted_out: 1 } })
    }).pipe(Effect.provide(kinds.test!({ beforeSend })))
  })
})

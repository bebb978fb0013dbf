import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog } from "effect-posthog"
import { FakeClient } from "../../support/fakeClient.js"
import { captureMany, collectDiagnostics, names, onFake, range, stats } from "../../support/posthog.js"

describe("answers for good", () => {
  it.effect("a redirect is not followed, and says where it leads", () => {
    const client = new FakeClient(() => ({ status: 302, headers: { location: "https://login.example/?next=secret" } }))
    return Effect.gen(function*() {
      yield* captureMany(2)
      const error = yield* Effect.flip(PostHog.flush)
      assert.deepInclude(error, { reason: "rejected", status: 302, dropped: 2 })
      assert.include(error.message, "https://login.example/")
      assert.notInclude(error.message, "secret")
      assert.strictEqual(client.requests.length, 1)
    }).pipe(Effect.provide(onFake(client)))
  })

  for (const status of [301, 401, 402, 403, 404, 422]) {
    it.effect(`${status} drops the batch with its reason, and later events are not affected`, () =>
      Effect.gen(function*() {
        const client = new FakeClient()
        client.next({ status, body: "no\n  such project" })
        yield* Effect.gen(function*() {
          const diagnostics = yield* collectDiagnostics
          yield* captureMany(3)
          const error = yield* Effect.flip(PostHog.flush)
          assert.strictEqual(error._tag, "DeliveryError")
          assert.deepInclude(error, { reason: "rejected", status, delivered: 0, dropped: 3, queued: 0 })
          assert.strictEqual(error.detail, "no such project")
          assert.include(error.message, String(status))
          assert.strictEqual(client.requests.length, 1)
          yield* captureMany(1, 3)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
          assert.deepStrictEqual((yield* stats).dropped, { rejected: 3 })
          const dropped = diagnostics.find((diagnostic) => diagnostic._tag === "EventsDropped")
          assert.deepInclude(dropped, { reason: "rejected", count: 3, detail: "no such project" })
          assert.deepStrictEqual(names(dropped!.events), range(3))
        }).pipe(Effect.scoped, Effect.provide(onFake(client)))
      }))
  }

  it.effect("413 halves the batch without costing retries, and drops an event that is alone too large", () => {
    const client = new FakeClient((request) => ({
      status: request.events.some((event) => event.event === "event 5") || request.events.length > 3 ? 413 : 200
    }))
    return Effect.gen(function*() {
      yield* captureMany(10)
      const error = yield* Effect.flip(PostHog.flush)
      assert.deepInclude(error, { reason: "rejected", status: 413, delivered: 9, dropped: 1, queued: 0 })
      assert.deepStrictEqual(names(client.accepted), range(10).filter((name) => name !== "event 5"))
      assert.deepStrictEqual((yield* stats).dropped, { too_large: 1 })
      assert.strictEqual((yield* stats).retried, 0)
    }).pipe(Effect.provide(onFake(client, { maxRetries: 0 })))
  })

  it.effect("after a 413 later batches are made smaller", () => {
    const client = new FakeClient((request) => ({ status: request.events.length > 30 ? 413 : 200 }))
    return Effect.gen(function*() {
      const captureLarge = Effect.forEach(range(100), (name) => PostHog.capture(name, { text: "x".repeat(5_000) }))
      yield* captureLarge
      yield* PostHog.flush
      const before = client.requests.length
      yield* captureLarge
      yield* PostHog.flush
      assert.strictEqual(client.accepted.length, 200)
      assert.isBelow(client.requests.length - before, before)
      assert.isTrue(client.requests.slice(before).every((request) => request.events.length < 30))
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("400 on a batch finds the event that is to blame, wherever it is", () =>
    Effect.gen(function*() {
      for (const poisoned of [0, 1, 499, 500, 777, 999]) {
        const client = new FakeClient((request) => ({
          status: request.events.some((event) => event.properties.i === poisoned) ? 400 : 200
        }))
        yield* Effect.gen(function*() {
          yield* captureMany(1000)
          const error = yield* Effect.flip(PostHog.flush)
          assert.deepInclude(error, { reason: "rejected", status: 400, delivered: 999, dropped: 1, queued: 0 })
          assert.strictEqual(client.accepted.length, 999)
          assert.isBelow(client.requests.length, 25)
        }).pipe(Effect.provide(onFake(client, { flushAt: 10_000 })))
      }
    }))

  it.effect("400 on several bad events costs them alone", () => {
    const bad = new Set([3, 4, 90, 201, 420])
    const client = new FakeClient((request) => ({
      status: request.events.some((event) => bad.has(event.properties.i as number)) ? 400 : 200
    }))
    return Effect.gen(function*() {
      yield* captureMany(500)
      yield* Effect.either(PostHog.flush)
      assert.strictEqual(client.accepted.length, 495)
      assert.deepStrictEqual((yield* stats).dropped, { rejected: 5 })
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("a server that refuses everything is not asked about every single event", () => {
    const client = new FakeClient(() => ({ status: 400 }))
    return Effect.gen(function*() {
      yield* captureMany(500)
      yield* Effect.either(PostHog.flush)
      assert.deepStrictEqual((yield* stats).dropped, { rejected: 500 })
      assert.isBelow(client.requests.length, 40)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("200 with quota_limited is a delivery, and is told", () => {
    const client = new FakeClient(() => ({ status: 200, body: "{\"status\":1,\"quota_limited\":[\"events\"]}" }))
    return Effect.gen(function*() {
      const diagnostics = yield* collectDiagnostics
      yield* captureMany(1)
      yield* PostHog.flush
      yield* Effect.yieldNow()
      assert.deepInclude(diagnostics, { _tag: "QuotaLimited", resources: ["events"] })
      assert.strictEqual((yield* stats).delivered, 1)
    }).pipe(Effect.scoped, Effect.provide(onFake(client)))
  })

  it.effect("any 2xx is a delivery, whatever its body", () =>
    Effect.gen(function*() {
      for (
        const answer of [
          { status: 200, body: "<html>" },
          { status: 202 },
          { status: 200, body: "{\"quota_limited\":7}" },
          { status: 200, body: "quota_limited {" }
        ]
      ) {
        const client = new FakeClient(() => answer)
        yield* captureMany(1).pipe(
          Effect.zipRight(PostHog.flush),
          Effect.tap((report) => Effect.sync(() => assert.deepStrictEqual(report, { delivered: 1, dropped: 0 }))),
          Effect.provide(onFake(client))
        )
      }
    }))
})

import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { PostHog } from "effect-posthog"
import { withSpanNames } from "../../support/delivery.js"
import { FakeClient } from "../../support/fakeClient.js"
import { apiKey, captureMany, onFake } from "../../support/posthog.js"

describe("the request", () => {
  it.effect("has the address, headers and body of PostHog's protocol", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      yield* PostHog.capture("order completed", { total: 42 }, { distinctId: "user_123" })
      yield* PostHog.flush
      const [request] = client.requests
      assert.strictEqual(request!.method, "POST")
      assert.strictEqual(request!.url, "https://eu.i.posthog.com/batch/")
      assert.strictEqual(request!.headers["content-type"], "application/json")
      assert.match(request!.headers["user-agent"]!, /^posthog-effect\/\d+\.\d+\.\d+(?:-[\w.]+)?$/)
      assert.notProperty(request!.headers, "content-encoding")
      assert.notProperty(request!.headers, "authorization")
      const { uuid, ...event } = request!.body.batch[0]
      assert.match(uuid, /^[0-9a-f-]{36}$/)
      assert.deepStrictEqual(event, {
        event: "order completed",
        distinct_id: "user_123",
        timestamp: "2026-01-01T00:00:00.000Z",
        properties: {
          $lib: "posthog-effect",
          $lib_version: request!.headers["user-agent"]!.split("/")[1],
          $is_server: true,
          $geoip_disable: true,
          total: 42
        }
      })
      const { batch: _, ...rest } = request!.body
      assert.deepStrictEqual(rest, { api_key: apiKey, sent_at: "2026-01-01T00:00:00.000Z" })
    }).pipe(Effect.provide(onFake(client, { host: "https://eu.posthog.com/", compressionThreshold: 1e9 })))
  })

  it.effect("says so when events are historical", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* PostHog.flush
      assert.isTrue(client.requests[0]!.body.historical_migration)
    }).pipe(Effect.provide(onFake(client, { historicalMigration: true })))
  })

  it.effect("is compressed from the threshold on, unless compression is off", () =>
    Effect.gen(function*() {
      const encodings = (options: { readonly compression?: boolean; readonly compressionThreshold?: number }) => {
        const client = new FakeClient()
        return Effect.gen(function*() {
          yield* captureMany(1)
          yield* PostHog.flush
          yield* captureMany(20)
          yield* PostHog.flush
          return client.requests.map((request) => request.headers["content-encoding"])
        }).pipe(Effect.provide(onFake(client, options)))
      }
      assert.deepStrictEqual(yield* encodings({}), [undefined, "gzip"])
      assert.deepStrictEqual(yield* encodings({ compressionThreshold: 0 }), ["gzip", "gzip"])
      assert.deepStrictEqual(yield* encodings({ compression: false }), [undefined, undefined])
    }))

  it.effect("says anew with each attempt when it was sent, and repeats the events as they were", () => {
    const client = new FakeClient()
    client.next({ status: 503 })
    return Effect.gen(function*() {
      yield* captureMany(3)
      const flushed = yield* Effect.fork(PostHog.flush)
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(flushed)
      const [first, second] = client.requests
      assert.notStrictEqual(first!.body.sent_at, second!.body.sent_at)
      assert.deepStrictEqual(first!.body.batch, second!.body.batch)
    }).pipe(Effect.provide(onFake(client)))
  })

  it.effect("goes through the client as transformed by the user", () => {
    const client = new FakeClient()
    return Effect.gen(function*() {
      yield* captureMany(1)
      yield* PostHog.flush
      assert.strictEqual(client.requests[0]!.headers["x-proxy"], "yes")
    }).pipe(Effect.provide(onFake(client, {
      transformClient: (client) => HttpClient.mapRequest(client, HttpClientRequest.setHeader("x-proxy", "yes"))
    })))
  })

  it.effect("is no part of the program's traces", () => {
    const client = new FakeClient()
    const spans: Array<string> = []
    return Effect.gen(function*() {
      yield* captureMany(1).pipe(Effect.withSpan("mine"))
      yield* PostHog.flush.pipe(Effect.withSpan("mine"))
      assert.deepStrictEqual(new Set(spans), new Set(["mine"]))
      assert.notProperty(client.requests[0]!.headers, "traceparent")
      assert.notProperty(client.requests[0]!.headers, "b3")
    }).pipe(Effect.provide(onFake(client)), Effect.withSpan("mine"), withSpanNames(spans))
  })
})

/**
 * Calls of models that the program does not read to their end, calls that go on at the provider, and calls of which
 * there are many.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { LlmClient, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { withCaptured } from "../../../src/internal/llm/region.js"
import * as providers from "../../support/llm/providers.js"
import * as replies from "../../support/llm/replies.js"
import { chatRequest, httpLayer } from "../../support/llm/watching.js"
import { onSink } from "../../support/posthog.js"
import * as Sink from "../../support/sink.js"

const clientOf = (server: providers.Providers) =>
  Effect.provide(HttpClient.HttpClient, LlmClient.layer().pipe(Layer.provide(httpLayer(server))))

describe("a body that nobody reads", () => {
  it.scopedLive("is an event when the instance closes: with what the head has said", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const server = yield* providers.make
      yield* Effect.gen(function*() {
        const client = yield* clientOf(server)
        yield* client.execute(chatRequest())
        server.next(replies.openAiError(401, "invalid_api_key", "Incorrect API key provided."))
        yield* client.execute(chatRequest())
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(
        sink.accepted.map(({ properties }) => [
          properties.$ai_http_status,
          properties.$ai_is_error,
          properties.$ai_stop_reason
        ]),
        [[200, undefined, undefined], [401, true, undefined]]
      )
    }))

  it.scopedLive("to its end is an event when the instance closes: with what came", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const server = yield* providers.make
      yield* Effect.gen(function*() {
        const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
        server.next(replies.silentAfter(replies.chatStream(), 3))
        const response = yield* Effect.promise(() =>
          fetch("https://api.openai.com/v1/chat/completions", {
            method: "POST",
            body: JSON.stringify({ model: "gpt-4o-mini", stream: true, messages: [] })
          })
        )
        const reader = response.body!.getReader()
        yield* Effect.promise(() => reader.read())
        reader.releaseLock()
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(sink.accepted.map(({ properties }) => properties.$ai_stop_reason), ["interrupted"])
    }))

  it.live("is an event once, when the program reads it after all", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const client = yield* clientOf(server)
      const response = yield* client.execute(chatRequest())
      yield* response.text
      yield* Effect.exit(Stream.runDrain(response.stream))
      assert.strictEqual((yield* PostHogTest.captured).length, 1)
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

describe("a response that is made in the background", () => {
  const responses = (id = "") =>
    id === ""
      ? HttpClientRequest.post("https://api.openai.com/v1/responses").pipe(
        HttpClientRequest.bodyUnsafeJson({ model: "gpt-4.1-mini", input: "Think long.", background: true })
      )
      : HttpClientRequest.get(`https://api.openai.com/v1/responses/${id}`)

  it.live("is an event when it is there, with what was asked", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const client = yield* clientOf(server)
      const read = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.flatMap(client.execute(request), (response) => response.json)
      yield* read(responses()).pipe(PostHog.withDistinctId("user_1"))
      server.next(replies.responsesPending)
      yield* read(responses("resp_1"))
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
      yield* read(responses("resp_1"))
      yield* read(responses("resp_1"))
      const events = yield* PostHogTest.captured
      assert.strictEqual(events.length, 1)
      const [{ distinct_id, properties }] = events as [PostHogTest.CapturedEvent]
      assert.strictEqual(distinct_id, "user_1")
      assert.strictEqual(properties.$ai_latency, 42)
      assert.deepStrictEqual(properties.$ai_input, [{ role: "user", content: "Think long." }])
      assert.include(JSON.stringify(properties.$ai_output_choices), "At last.")
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("that another process has asked for is none", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const client = yield* clientOf(server)
      yield* Effect.flatMap(client.execute(responses("resp_1")), (response) => response.json)
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

it.live("a call that somebody captures who knows more is none", () =>
  Effect.gen(function*() {
    const server = yield* providers.make
    const client = yield* clientOf(server)
    yield* withCaptured(Effect.flatMap(client.execute(chatRequest()), (response) => response.json), true)
    assert.deepStrictEqual(yield* PostHogTest.captured, [])
  }).pipe(Effect.scoped, Effect.provide(TestLayer)))

describe("the body that fetch gives", () => {
  const call = (server: providers.Providers, init: RequestInit = {}) =>
    Effect.flatMap(
      LlmClient.fetch({ fetch: server.fetch }),
      (fetch) =>
        Effect.promise(() =>
          fetch("https://api.openai.com/v1/chat/completions", {
            method: "POST",
            body: JSON.stringify({ model: "gpt-4o-mini", messages: [] }),
            ...init
          })
        )
    )

  it.live("can be read into memory of one's own", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const response = yield* call(server)
      const reader = response.body!.getReader({ mode: "byob" })
      let text = ""
      yield* Effect.promise(async () => {
        for (;;) {
          const { done, value } = await reader.read(new Uint8Array(100))
          if (done) break
          text += Buffer.from(value!).toString("latin1")
        }
      })
      assert.strictEqual(JSON.parse(text).id, "chatcmpl-1")
      assert.strictEqual((yield* PostHogTest.captured).length, 1)
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("can be read from two copies", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const response = yield* call(server)
      const copy = response.clone()
      assert.strictEqual(copy.url, response.url)
      const [a, b] = yield* Effect.promise(() => Promise.all([response.json(), copy.json()]))
      assert.deepStrictEqual(a, b)
      assert.strictEqual((yield* PostHogTest.captured).length, 1)
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("is not read before the program does it", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const gate = new replies.Gate()
      gate.open(1)
      server.next({ ...replies.chatStream(), before: gate.before })
      const response = yield* call(server)
      assert.isFalse(response.bodyUsed)
      yield* Effect.promise(() => response.body!.cancel())
      assert.strictEqual((yield* PostHogTest.captured)[0]?.properties.$ai_stop_reason, "interrupted")
      yield* Effect.promise(() => server.until(() => server.aborted === 1))
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("belongs to a Request object too", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
      const request = new Request("https://api.openai.com/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hi" }] })
      })
      const response = yield* Effect.promise(() => fetch(request))
      yield* Effect.promise(() => response.json())
      assert.strictEqual(server.requests[0]?.body.model, "gpt-4o-mini")
      const [event] = yield* PostHogTest.captured
      assert.deepStrictEqual(event?.properties.$ai_input, [{ role: "user", content: "Hi" }])
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("of a fetch that is not the platform's is left alone", () =>
    Effect.gen(function*() {
      const answer = { status: 200, headers: new Headers(), body: { pipe: () => {} } } as any
      const fetch = yield* LlmClient.fetch({ fetch: () => Promise.resolve(answer) })
      const response = yield* Effect.promise(() =>
        fetch("https://api.openai.com/v1/chat/completions", { method: "POST", body: "{}" })
      )
      assert.strictEqual(response, answer)
      assert.strictEqual((yield* PostHogTest.captured)[0]?.properties.$ai_http_status, 200)
    }).pipe(Effect.provide(TestLayer)))
})

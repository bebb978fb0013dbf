/**
 * The official SDKs of the providers, as they are, over a `fetch` that is watched: what they give is what they give
 * without, and each call is one event.
 */
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { LlmClient, PostHog, PostHogBridge, PostHogTest, TestLayer } from "effect-posthog"
import { AsyncLocalStorage } from "node:async_hooks"
import OpenAI, { AzureOpenAI } from "openai"
import * as providers from "../support/llm/providers.js"
import * as replies from "../support/llm/replies.js"

type Fetch = typeof globalThis.fetch
type Run = (fetch: Fetch) => Promise<unknown>

const collect = async (stream: AsyncIterable<unknown>): Promise<ReadonlyArray<unknown>> => {
  const pieces = []
  for await (const piece of stream) pieces.push(piece)
  return pieces
}

const messages = [{ role: "user" as const, content: "What is the weather in Paris?" }]

const openai = (fetch: Fetch) => new OpenAI({ apiKey: "sk-proj-secret1234567890abcdefghij", fetch, maxRetries: 0 })
const azure = (fetch: Fetch) =>
  new AzureOpenAI({
    apiKey: "azure-secret",
    apiVersion: "2024-10-21",
    endpoint: "https://example.openai.azure.com",
    deployment: "my-gpt",
    fetch,
    maxRetries: 0
  })
const anthropic = (fetch: Fetch) => new Anthropic({ apiKey: "sk-ant-secret", fetch, maxRetries: 0 })

/** Each case with what it is to be called and the events that it has to make. */
const cases: { readonly [name: string]: { readonly reply?: providers.Behaviour; readonly run: Run } } = {
  "OpenAI Chat": { run: (fetch) => openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages }) },
  "OpenAI Chat with tools": {
    reply: replies.chatTools,
    run: (fetch) => openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages })
  },
  "OpenAI Chat as a stream": {
    run: async (fetch) =>
      collect(
        await openai(fetch).chat.completions.create({
          model: "gpt-4o-mini",
          messages,
          stream: true,
          stream_options: { include_usage: true }
        })
      )
  },
  "OpenAI Chat with a stream helper": {
    run: async (fetch) =>
      openai(fetch).chat.completions.stream({ model: "gpt-4o-mini", messages, stream_options: { include_usage: true } })
        .finalChatCompletion()
  },
  "OpenAI Chat, packed, in small pieces": {
    reply: replies.gzipped(replies.inPiecesOf(replies.chatStreamTools, 5)),
    run: async (fetch) =>
      collect(await openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages, stream: true }))
  },
  "OpenAI Chat, the response itself": {
    run: async (fetch) => {
      const response = await openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages }).asResponse()
      const { ok, redirected, status, statusText, type, url } = response
      return [
        ok,
        redirected,
        status,
        statusText,
        type,
        new URL(url).pathname,
        await response.clone().json(),
        await response.text(),
        response.bodyUsed,
        response instanceof Response
      ]
    }
  },
  "OpenAI Chat, refused": {
    reply: replies.openAiError(401, "invalid_api_key", "Incorrect API key provided: sk-proj-****ghij."),
    run: (fetch) => openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages })
  },
  "OpenAI Chat, a stream that is refused": {
    reply: replies.openAiError(429, "rate_limit_exceeded", "Slow down."),
    run: async (fetch) =>
      collect(await openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages, stream: true }))
  },
  "OpenAI Chat, an error in a stream": {
    reply: replies.chatStreamError,
    run: async (fetch) =>
      collect(await openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages, stream: true }))
  },
  "OpenAI Chat, a stream that breaks": {
    reply: replies.cutAfter(replies.chatStream(), 3),
    run: async (fetch) =>
      collect(await openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages, stream: true }))
  },
  "OpenAI Chat, no connection": {
    reply: "reset",
    run: (fetch) => openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages })
  },
  "OpenAI Responses": { run: (fetch) => openai(fetch).responses.create({ model: "gpt-4.1-mini", input: "Hi" }) },
  "OpenAI Responses as a stream": {
    run: async (fetch) =>
      collect(await openai(fetch).responses.create({ model: "gpt-4.1-mini", input: "Hi", stream: true }))
  },
  "OpenAI embeddings": {
    run: (fetch) => openai(fetch).embeddings.create({ model: "text-embedding-3-small", input: "Hi" })
  },
  "Azure Chat": { run: (fetch) => azure(fetch).chat.completions.create({ model: "my-gpt", messages }) },
  "Anthropic": {
    run: (fetch) => anthropic(fetch).messages.create({ model: "claude-sonnet-4", max_tokens: 100, messages })
  },
  "Anthropic as a stream": {
    run: async (fetch) =>
      collect(
        await anthropic(fetch).messages.create({ model: "claude-sonnet-4", max_tokens: 100, messages, stream: true })
      )
  },
  "Anthropic with a stream helper": {
    run: (fetch) =>
      anthropic(fetch).messages.stream({ model: "claude-sonnet-4", max_tokens: 100, messages }).finalMessage()
  },
  "Anthropic, overloaded": {
    reply: replies.anthropicError(529, "overloaded_error", "Overloaded"),
    run: (fetch) => anthropic(fetch).messages.create({ model: "claude-sonnet-4", max_tokens: 100, messages })
  },
  "Anthropic, overloaded in mid-stream": {
    reply: replies.anthropicStreamOverloaded,
    run: async (fetch) =>
      collect(
        await anthropic(fetch).messages.create({ model: "claude-sonnet-4", max_tokens: 100, messages, stream: true })
      )
  }
}

/** What a program sees of a result, without what differs from run to run. */
const plain = (result: unknown): unknown => JSON.parse(JSON.stringify(result ?? null))

const shown = (exit: Exit.Exit<unknown, any>): unknown =>
  Exit.match(exit, {
    onSuccess: plain,
    onFailure: (cause) => {
      const error: any = Cause.squash(cause)
      return { name: error.constructor.name, message: error.message, status: error.status, cause: String(error.cause) }
    }
  })

const attempt = (run: Run, fetch: Fetch) => Effect.exit(Effect.tryPromise({ try: () => run(fetch), catch: (e) => e }))

describe("an official SDK", () => {
  for (const [name, { reply, run }] of Object.entries(cases)) {
    it.live(`gives the same: ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* providers.make
        const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
        if (reply !== undefined) server.next(reply, reply)
        const without = yield* attempt(run, server.fetch)
        const withIt = yield* attempt(run, fetch)
        assert.deepStrictEqual(shown(withIt), shown(without))
        const [first, second] = server.requests
        assert.deepStrictEqual({ ...second, headers: undefined }, { ...first, headers: undefined })
        const ofSdk = (headers: object) =>
          Object.entries(headers).filter(([header]) => !/idempotency|host|stainless-retry/.test(header))
        assert.deepStrictEqual(ofSdk(second!.headers), ofSdk(first!.headers))
        const events = yield* PostHogTest.captured
        assert.strictEqual(events.length, 1)
        const [{ event, properties }] = events as [PostHogTest.CapturedEvent]
        assert.strictEqual(event, name.includes("embeddings") ? "$ai_embedding" : "$ai_generation")
        assert.isFalse(/secret/.test(JSON.stringify(properties)))
        if (Exit.isSuccess(without)) {
          assert.isUndefined(properties.$ai_is_error, JSON.stringify(properties.$ai_error))
          assert.isNumber(properties.$ai_input_tokens)
        } else assert.isTrue(properties.$ai_is_error)
      }).pipe(Effect.scoped, Effect.provide(TestLayer)))
  }

  it.live("that retries by itself has an event for each try", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
      const refused = replies.openAiError(429, "rate_limit_exceeded", "Slow down.")
      server.next({ ...refused, headers: { ...refused.headers, "retry-after-ms": "1" } })
      const client = new OpenAI({ apiKey: "sk-test", fetch, maxRetries: 2 })
      yield* Effect.promise(() => client.chat.completions.create({ model: "gpt-4o-mini", messages }))
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map(({ properties }) => [properties.$ai_http_status, properties.$ai_stop_reason]),
        [[429, undefined], [200, "stop"]]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("that is stopped half-way has one event with what came", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
      server.next(replies.silentAfter(replies.chatStream(), 3), replies.silentAfter(replies.chatStream(), 3))
      const client = openai(fetch)
      const request = { model: "gpt-4o-mini", messages, stream: true } as const
      yield* Effect.promise(async () => {
        // Two ways to stop: the consumer goes away, and the controller is told.
        for await (const piece of await client.chat.completions.create(request)) {
          if (piece.choices[0]?.delta.content === "It is ") break
        }
        const stream = await client.chat.completions.create(request)
        for await (const piece of stream) {
          if (piece.choices[0]?.delta.content === "It is ") stream.controller.abort()
        }
      })
      yield* Effect.promise(() => server.until(() => server.aborted === 2))
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(
        events.map((
          { properties }
        ) => [properties.$ai_stop_reason, properties.$ai_is_error, properties.$ai_http_status]),
        [["interrupted", undefined, 200], ["interrupted", undefined, 200]]
      )
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("that is called off before the answer has one event without status", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
      server.next("hang")
      const controller = new AbortController()
      const call = openai(fetch).chat.completions.create(
        { model: "gpt-4o-mini", messages },
        { signal: controller.signal }
      ).then(() => undefined, (error) => error)
      yield* Effect.promise(() => server.until(() => server.requests.length === 1))
      controller.abort()
      const error = yield* Effect.promise(() => call)
      assert.strictEqual(error.constructor.name, "APIUserAbortError")
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event?.properties.$ai_stop_reason, "interrupted")
      assert.isFalse("$ai_http_status" in event!.properties)
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

describe("the context of a call", () => {
  const ask = (fetch: Fetch, question: string) =>
    openai(fetch).chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: question }] })

  it("is that of the bridge around it", async () => {
    const posthog = await PostHogBridge.make(TestLayer)
    const server = new providers.Providers()
    await server.listen()
    const fetch = await posthog.run(LlmClient.fetch({ fetch: server.fetch }))
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        posthog.withContext({ distinctId: `user_${i}` }, async () => {
          await ask(fetch, `question ${i}`)
        }))
    )
    const events = await posthog.run(PostHogTest.captured)
    assert.strictEqual(events.length, 20)
    for (const { distinct_id, properties } of events) {
      assert.deepStrictEqual(properties.$ai_input, [
        { role: "user", content: `question ${distinct_id.slice("user_".length)}` }
      ])
    }
    await posthog.close()
    await server.close()
  })

  it.live("is that of the storage around it", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const storage = new AsyncLocalStorage<any>()
      const fetch = yield* LlmClient.fetch({ fetch: server.fetch, storage })
      yield* PostHogBridge.toAsyncStorage(() => ask(fetch, "Hi"), storage).pipe(PostHog.withDistinctId("user_1"))
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event?.distinct_id, "user_1")
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))

  it.live("is that in which fetch was made otherwise", () =>
    Effect.gen(function*() {
      const server = yield* providers.make
      const fetch = yield* PostHog.withDistinctId(LlmClient.fetch({ fetch: server.fetch }), "user_2")
      yield* Effect.promise(() => ask(fetch, "Hi"))
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event?.distinct_id, "user_2")
    }).pipe(Effect.scoped, Effect.provide(TestLayer)))
})

import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Stream, TestClock } from "effect"
import { LlmClient, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { major, toEnd } from "./support/effect.js"
import * as providers from "./support/llm/providers.js"
import * as replies from "./support/llm/replies.js"
import { chatRequest, httpLayer } from "./support/llm/watching.js"
import { live } from "./support/posthog.js"

type Program<A, E> = (
  client: HttpClient.HttpClient,
  server: providers.Providers
) => Effect.Effect<A, E, PostHog.PostHog>

/** Runs a program over a client that is watched, against the providers. */
const watched = <A, E>(program: Program<A, E>, options?: LlmClient.Options) =>
  Effect.scoped(
    Effect.flatMap(providers.make, (server) =>
      Effect.flatMap(HttpClient.HttpClient, (client) =>
        program(client, server)).pipe(
          Effect.provide(LlmClient.layer(options).pipe(Layer.provide(httpLayer(server)), Layer.provideMerge(TestLayer)))
        ))
  )

/** The same over one that is not. */
const unwatched = <A, E>(program: Program<A, E>) =>
  Effect.scoped(
    Effect.flatMap(providers.make, (server) =>
      Effect.flatMap(HttpClient.HttpClient, (client) =>
        program(client, server)).pipe(
          Effect.provide(Layer.merge(httpLayer(server), TestLayer))
        ))
  )

const onlyEvent = Effect.map(PostHogTest.captured, (events) => {
  assert.strictEqual(events.length, 1, JSON.stringify(events.map(({ properties }) => properties), null, 1))
  const { event, properties } = events[0]!
  return { event, ...properties } as { readonly [name: string]: any }
})

const textOf = (event: { readonly [name: string]: any }): string | undefined =>
  event.$ai_output_choices?.[0]?.content.map?.((part: any) => part.text ?? "").join("") ??
    event.$ai_output_choices?.[0]?.content

/** What a program sees of an answer, whichever way it reads it. */
const readers: {
  readonly [name: string]: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<any, any>
} = {
  text: (response) => response.text,
  json: (response) => response.json,
  arrayBuffer: (response) => Effect.map(response.arrayBuffer, (buffer) => Buffer.from(buffer).toString("base64")),
  stream: (response) =>
    Stream.runCollect(response.stream).pipe(
      Effect.map((chunks) => Buffer.concat(Array.from(chunks)).toString("base64"))
    )
}

/** A failure as far as two runs can have the same one. */
const shown = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.match(exit, {
    onSuccess: (value) => value,
    onFailure: (cause) => {
      const error: any = Cause.squash(cause)
      return { tag: error._tag, reason: error.reason, status: error.response?.status, cause: String(error.cause) }
    }
  })

const answers: { readonly [name: string]: replies.Reply } = {
  plain: replies.chat(),
  tools: replies.chatTools,
  packed: replies.gzipped(replies.chat()),
  "a stream": replies.chatStream(),
  "a packed stream": replies.gzipped(replies.chatStream()),
  "a stream in small pieces": replies.inPiecesOf(replies.chatStream(), 7),
  comments: replies.chatStreamComments,
  "an error in a stream": replies.chatStreamError,
  "a stream that breaks": replies.cutAfter(replies.chatStream(), 3),
  "an answer that breaks": replies.cutAfter(replies.inPiecesOf(replies.chat(), 40), 3),
  "401": replies.openAiError(401, "invalid_api_key", "Incorrect API key provided."),
  "429": replies.openAiError(429, "rate_limit_exceeded", "Slow down."),
  "an error with status 200": replies.chatErrorWith200,
  "a page of a proxy": replies.htmlPage(502),
  "a page with status 200": replies.htmlPage(200),
  "no body": replies.emptyBody(200),
  "no body and an error": replies.emptyBody(500),
  "bytes that are no text": replies.invalidUtf8
}

describe("what the program gets", () => {
  for (const [name, reply] of Object.entries(answers)) {
    it.live(`is the same with and without: ${name}`, () =>
      Effect.forEach(Object.keys(readers), (reader) => {
        const program: Program<unknown, never> = (client, server) =>
          Effect.gen(function*() {
            server.next(reply)
            const response = yield* client.execute(chatRequest({ stream: true }))
            const exit = yield* Effect.exit(readers[reader]!(response))
            // As a second read goes, whichever it is.
            const again = yield* Effect.exit(readers[reader === "text" ? "json" : "text"]!(response))
            const { body, headers, method, path } = server.requests[0]!
            return {
              status: response.status,
              headers: { ...response.headers, date: "" },
              read: [shown(exit), shown(again)],
              sent: { body, method, path, headers: { ...headers, host: "", traceparent: "", b3: "" } }
            }
          }).pipe(Effect.orDie)
        return Effect.gen(function*() {
          const without = yield* unwatched(program)
          const withIt = yield* watched((client, server) => Effect.zip(program(client, server), onlyEvent))
          assert.deepStrictEqual(withIt[0], without, reader)
          assert.strictEqual(withIt[1].event, "$ai_generation")
        })
      }, { discard: true }))
  }

  it.live("is the response itself when the request calls no model", () => {
    const response = HttpClientResponse.fromWeb(HttpClientRequest.get("https://example.com/"), new Response("hello"))
    const client = LlmClient.withCapture(HttpClient.make(() => Effect.succeed(response)))
    return Effect.provide(
      Effect.gen(function*() {
        const wrapped = yield* client.get("https://example.com/chat")
        assert.strictEqual(yield* wrapped.text, "hello")
        assert.deepStrictEqual(yield* PostHogTest.captured, [])
      }),
      TestLayer
    )
  })

  it.live("is pulled when the program pulls, one chunk at a time", () => {
    let pulled = 0
    const body = Stream.repeatEffect(Effect.sync(() => {
      pulled++
      return new TextEncoder().encode(`data: {"choices":[{"index":0,"delta":{"content":"${pulled} "}}]}\n\n`)
    })).pipe(Stream.rechunk(1))
    const client = LlmClient.withCapture(HttpClient.make((request) => {
      const head = new Response("", { headers: { "content-type": "text/event-stream" } })
      return Effect.succeed(
        new Proxy(HttpClientResponse.fromWeb(request, head), {
          get: (target, name) => name === "stream" ? body : Reflect.get(target, name, target)
        })
      )
    }))
    return Effect.provide(
      Effect.gen(function*() {
        const response = yield* client.execute(chatRequest({ stream: true }))
        assert.strictEqual(pulled, 0)
        yield* Effect.scoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(response.stream)
          for (let i = 1; i <= 3; i++) {
            yield* pull
            assert.strictEqual(pulled, i)
          }
        })).pipe(Effect.orDie)
        const event = yield* onlyEvent
        assert.strictEqual(textOf(event), "1 2 3 ")
        assert.strictEqual(event.$ai_stop_reason, "interrupted")
        assert.isUndefined(event.$ai_is_error)
      }),
      TestLayer
    )
  })

  it.live("may be longer than memory is spent on", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next(replies.chat("x".repeat(20 * 1024 * 1024)))
        const response = yield* client.execute(chatRequest())
        const text = yield* response.text
        assert.isTrue(text.length > 20 * 1024 * 1024)
        const event = yield* onlyEvent
        assert.strictEqual(event.$ai_http_status, 200)
        assert.isUndefined(event.$ai_is_error)
        assert.isUndefined(event.$ai_output_choices)
      })
    ))
})

describe("a call", () => {
  it.live("is an event when its body is read, once", () =>
    watched((client) =>
      Effect.gen(function*() {
        const response = yield* client.execute(chatRequest({ temperature: 0.5 }))
        assert.deepStrictEqual(yield* PostHogTest.captured, [])
        yield* response.json
        const event = yield* onlyEvent
        assert.strictEqual(event.event, "$ai_generation")
        assert.strictEqual(event.$ai_model, "gpt-4o-mini")
        assert.strictEqual(event.$ai_provider, "openai")
        assert.strictEqual(event.$ai_base_url, "https://api.openai.com/v1")
        assert.strictEqual(event.$ai_http_status, 200)
        assert.strictEqual(event.$ai_input_tokens, 120)
        assert.strictEqual(event.$ai_output_tokens, 30)
        assert.strictEqual(event.$ai_completion_id, "chatcmpl-1")
        assert.strictEqual(event.$ai_temperature, 0.5)
        assert.strictEqual(event.$ai_provider_metadata.request_id, "req_chat")
        assert.deepStrictEqual(event.$ai_input, [{ role: "user", content: "What is the weather in Paris?" }])
        assert.strictEqual(textOf(event), "It is sunny in Paris ☀.")
        assert.isFalse(JSON.stringify(event).includes("sk-proj"))
        yield* response.text
        yield* response.json
        yield* onlyEvent
      })
    ))

  it.effect("takes as long as it takes", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        const gate = new replies.Gate()
        server.next({ ...replies.chatStream(), before: gate.before })
        const fiber = yield* Effect.fork(client.execute(chatRequest({ stream: true })))
        yield* live(Effect.promise(() => server.until(() => server.requests.length === 1)))
        yield* TestClock.adjust("2 seconds")
        gate.open()
        const response = yield* Fiber.join(fiber)
        yield* Effect.scoped(Effect.gen(function*() {
          const pull = yield* Stream.toPull(response.stream)
          // The first piece has no text.
          yield* pull
          yield* TestClock.adjust("1 second")
          gate.open()
          yield* pull
          yield* TestClock.adjust("4 seconds")
          gate.open(100)
          yield* toEnd(pull)
        }))
        const event = yield* onlyEvent
        assert.strictEqual(event.$ai_time_to_first_token, 3)
        assert.strictEqual(event.$ai_latency, 7)
      }).pipe(Effect.orDie)
    ))

  for (
    const [name, reply, expected] of [
      ["401", replies.openAiError(401, "invalid_api_key", "Incorrect API key provided."), {
        $ai_http_status: 401,
        type: "invalid_api_key"
      }],
      ["a page", replies.htmlPage(502), { $ai_http_status: 502, type: "http_error" }],
      ["nothing", replies.emptyBody(500), { $ai_http_status: 500, type: "http_error" }],
      ["an error as success", replies.chatErrorWith200, { $ai_http_status: 200 }],
      ["nothing as success", replies.emptyBody(200), { $ai_http_status: 200, type: "empty_answer" }],
      ["a page as success", replies.htmlPage(200), { $ai_http_status: 200, type: "unreadable_answer" }],
      ["an error in a stream", replies.chatStreamError, { $ai_http_status: 200, type: "server_error" }]
    ] as const
  ) {
    it.live(`has failed when it is answered with ${name}`, () =>
      watched((client, server) =>
        Effect.gen(function*() {
          server.next(reply)
          const response = yield* client.execute(chatRequest({ stream: true }))
          yield* response.text
          const event = yield* onlyEvent
          const { type = undefined, ...properties }: { readonly [name: string]: unknown } = expected
          assert.isTrue(event.$ai_is_error)
          for (const [property, value] of Object.entries(properties)) assert.strictEqual(event[property], value)
          if (type !== undefined) assert.strictEqual(event.$ai_error.type, type)
          assert.isUndefined(event.$ai_input_tokens)
        })
      ))
  }

  it.live("that breaks has what came, and the status that it had", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next(replies.cutAfter(replies.chatStream(), 3))
        const response = yield* client.execute(chatRequest({ stream: true }))
        const exit = yield* Effect.exit(Stream.runDrain(response.stream))
        assert.isTrue(Exit.isFailure(exit))
        const event = yield* onlyEvent
        assert.isTrue(event.$ai_is_error)
        assert.strictEqual(event.$ai_http_status, 200)
        assert.strictEqual(event.$ai_error.type, major === 3 ? "ResponseError" : "HttpClientError")
        assert.match(event.$ai_error.message, /^Decode: /)
        assert.isTrue(textOf(event)!.startsWith("It is sunny"))
        assert.isFalse(JSON.stringify(event.$ai_error).includes("Paris"))
      })
    ))

  it.live("without an answer has no status", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next("reset")
        yield* Effect.exit(client.execute(chatRequest()))
        const event = yield* onlyEvent
        assert.isTrue(event.$ai_is_error)
        assert.isFalse("$ai_http_status" in event)
        assert.strictEqual(event.$ai_error.type, major === 3 ? "RequestError" : "HttpClientError")
        assert.strictEqual(event.$ai_error.code, "ECONNRESET")
        assert.strictEqual(event.$ai_model, "gpt-4o-mini")
      })
    ))

  it.live("that is interrupted before the answer is no failure", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next("hang")
        const fiber = yield* Effect.fork(client.execute(chatRequest()))
        yield* Effect.promise(() => server.until(() => server.requests.length === 1))
        yield* Fiber.interrupt(fiber)
        const event = yield* onlyEvent
        assert.strictEqual(event.$ai_stop_reason, "interrupted")
        assert.isFalse("$ai_is_error" in event)
        assert.isFalse("$ai_http_status" in event)
        yield* Effect.promise(() => server.until(() => server.aborted === 1))
      })
    ))

  it.live("that is interrupted half-way has what came, and the connection is closed", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next(replies.silentAfter(replies.chatStream(), 3))
        const response = yield* client.execute(chatRequest({ stream: true }))
        let pieces = 0
        const fiber = yield* response.stream.pipe(
          Stream.runForEach(() => Effect.sync(() => pieces++)),
          Effect.fork
        )
        yield* Effect.repeat(Effect.yieldNow(), { until: () => pieces > 0 })
        yield* Fiber.interrupt(fiber)
        const event = yield* onlyEvent
        assert.strictEqual(event.$ai_stop_reason, "interrupted")
        assert.isFalse("$ai_is_error" in event)
        assert.strictEqual(event.$ai_http_status, 200)
        yield* Effect.promise(() => server.until(() => server.aborted === 1))
      })
    ))

  it.effect("that is refused is an event after a second, also when nobody reads why", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next(replies.openAiError(429, "rate_limit_exceeded", "Slow down."))
        const exit = yield* Effect.exit(HttpClient.filterStatusOk(client).execute(chatRequest()))
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(yield* PostHogTest.captured, [])
        yield* TestClock.adjust("1 second")
        const event = yield* onlyEvent
        assert.strictEqual(event.$ai_http_status, 429)
        assert.deepStrictEqual(event.$ai_error, { type: "http_error", code: "429", status: 429 })
        assert.strictEqual(event.$ai_latency, 0)
      })
    ))

  it.live("is each try with a retry further out, and all of them with one further in", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        const ok = replies.chat()
        const refused = replies.openAiError(429, "rate_limit_exceeded", "Slow down.")
        server.next(refused, refused, ok)
        const outside = client.pipe(
          HttpClient.transformResponse(Effect.tap((response) => response.text)),
          HttpClient.filterStatusOk,
          HttpClient.retry({ times: 5 })
        )
        yield* outside.execute(chatRequest())
        const events = yield* PostHogTest.captured
        assert.deepStrictEqual(events.map(({ properties }) => properties.$ai_http_status), [429, 429, 200])
      })
    ))

  it.live("over a client that fails for a status has that status", () =>
    watched((_, server) =>
      Effect.gen(function*() {
        server.next(...Array.from({ length: 2 }, () => replies.openAiError(429, "rate_limit_exceeded", "Slow down.")))
        const inside = yield* Effect.provide(HttpClient.HttpClient, httpLayer(server))
        const client = inside.pipe(HttpClient.filterStatusOk, HttpClient.retry({ times: 1 }), LlmClient.withCapture())
        const exit = yield* Effect.exit(client.execute(chatRequest()))
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual((yield* onlyEvent).$ai_http_status, 429)
      })
    ))

  it.live("is nothing where a redirect answers", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next({ status: 307, headers: { location: "https://eu.api.openai.com/v1/chat/completions" }, pieces: [] })
        const response = yield* client.execute(chatRequest())
        assert.strictEqual(response.status, 307)
        yield* response.text
        assert.deepStrictEqual(yield* PostHogTest.captured, [])
      })
    ))

  it.live("is nothing where nothing is captured", () =>
    watched((client) =>
      Effect.gen(function*() {
        const response = yield* PostHog.withoutCapture(client.execute(chatRequest()))
        yield* response.json
        assert.deepStrictEqual(yield* PostHogTest.captured, [])
      })
    ))

  it.live("belongs to the context in which it was made", () =>
    watched((client) =>
      Effect.gen(function*() {
        const response = yield* client.execute(chatRequest()).pipe(PostHog.withDistinctId("user_1"))
        yield* PostHog.withDistinctId(response.json, "user_2")
        const [event] = yield* PostHogTest.captured
        assert.strictEqual(event?.distinct_id, "user_1")
      })
    ))

  it.live("shows neither what is told nor what is said in privacy mode", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        server.next(replies.chatStream())
        const response = yield* client.execute(chatRequest({ stream: true }))
        yield* response.text
        const event = yield* onlyEvent
        assert.strictEqual(event.$ai_output_tokens, 30)
        assert.isFalse(/weather|sunny/.test(JSON.stringify(event)))
      }), { privacyMode: true }))

  it.live("has the program's properties and prices", () =>
    watched((client) =>
      Effect.gen(function*() {
        const response = yield* client.execute(chatRequest())
        yield* response.json
        const event = yield* onlyEvent
        assert.strictEqual(event.team, "search")
        assert.strictEqual(event.$ai_input_token_price, 0.001)
      }), {
      properties: { team: "search" },
      prices: (model, provider) =>
        model === "gpt-4o-mini" && provider === "openai" ? { input: 0.001, output: 0.002 } : undefined
    }))
})

describe("streams of Chat Completions", () => {
  it.live("are asked for tokens only if the program wants that", () =>
    Effect.gen(function*() {
      const program: Program<any, never> = (client, server) =>
        Effect.gen(function*() {
          const response = yield* client.execute(chatRequest({ stream: true }))
          yield* response.text
          const event = yield* onlyEvent
          return [server.requests[0]!.body.stream_options, event.$ai_input_tokens]
        }).pipe(Effect.orDie)
      assert.deepStrictEqual(yield* watched(program), [undefined, undefined])
      assert.deepStrictEqual(yield* watched(program, { includeUsage: true }), [{ include_usage: true }, 120])
    }))

  it.live("stay as they are when the request says something about it", () =>
    watched((client, server) =>
      Effect.gen(function*() {
        const response = yield* client.execute(
          chatRequest({ stream: true, stream_options: { include_usage: false } })
        )
        yield* response.text
        assert.deepStrictEqual(server.requests[0]!.body.stream_options, { include_usage: false })
      }), { includeUsage: true }))
})

it.live("a hundred calls at a time stay apart", () =>
  watched((client) =>
    Effect.gen(function*() {
      yield* Effect.forEach(Array.from({ length: 100 }, (_, i) => i), (i) =>
        Effect.gen(function*() {
          const stream = i % 2 === 0
          const response = yield* client.execute(
            chatRequest({ stream, messages: [{ role: "user", content: `question ${i}` }] })
          )
          yield* stream ? Stream.runDrain(response.stream) : response.json
        }).pipe(PostHog.withDistinctId(`user_${i}`)), { concurrency: "unbounded", discard: true })
      const events = yield* PostHogTest.captured
      assert.strictEqual(events.length, 100)
      for (const { distinct_id, properties } of events) {
        assert.deepStrictEqual(properties.$ai_input, [
          { role: "user", content: `question ${distinct_id.slice("user_".length)}` }
        ])
      }
    })
  ))

it.live("calls through PostHog's gateway are left to it, and that is told once", () =>
  watched((client) =>
    Effect.gen(function*() {
      const told: Array<unknown> = []
      yield* PostHog.diagnostics.pipe(
        Stream.runForEach((diagnostic) => Effect.sync(() => told.push(diagnostic))),
        Effect.forkScoped
      )
      yield* Effect.repeat(Effect.yieldNow(), { times: 100 })
      for (let i = 0; i < 2; i++) {
        const response = yield* client.execute(
          HttpClientRequest.setUrl(chatRequest(), "https://gateway.us.posthog.com/v1/chat/completions?key=secret1")
        )
        yield* response.json
      }
      yield* Effect.repeat(Effect.yieldNow(), { times: 100 })
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
      assert.deepStrictEqual(told.map((diagnostic: any) => diagnostic._tag), ["GatewayCalled"])
      assert.isFalse(JSON.stringify(told).includes("secret1"))
    }).pipe(Effect.scoped)
  ))

/**
 * What capturing calls of models costs a program: CPU of calls that take no other time, with a client that is watched
 * and the same client without. Both take turns in one process.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { LlmClient, PostHog } from "effect-posthog"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import { scenario } from "../scenario.js"

const rounds = scenario.events

const chat = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-4o-mini-2024-07-18",
  choices: [{
    index: 0,
    finish_reason: "stop",
    message: { role: "assistant", content: "A sentence of some length. ".repeat(40), refusal: null }
  }],
  usage: { prompt_tokens: 1200, completion_tokens: 300, total_tokens: 1500 }
})

const piece = new TextEncoder().encode(
  `data: ${
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model: "gpt-4o-mini-2024-07-18",
      choices: [{ index: 0, delta: { content: "token " }, finish_reason: null }]
    })
  }\n\n`
)
const piecesPerMegabyte = Math.ceil(1024 * 1024 / piece.length)
const megabyte = Chunk.fromIterable(Array.from({ length: piecesPerMegabyte }, () => piece))

/** Eight messages of a kilobyte. */
const messages = Array.from({ length: 8 }, (_, index) => ({
  role: index % 2 === 0 ? "user" : "assistant",
  content: "What a program tells a model. ".repeat(35)
}))

const request = (stream: boolean) =>
  HttpClientRequest.post("https://api.openai.com/v1/chat/completions").pipe(
    HttpClientRequest.bodyUnsafeJson({ model: "gpt-4o-mini", stream, messages })
  )

const answering = (body: Stream.Stream<Uint8Array> | undefined): HttpClient.HttpClient =>
  HttpClient.make((request) => {
    const type = body === undefined ? "application/json" : "text/event-stream"
    const response = HttpClientResponse.fromWeb(
      request,
      new Response(body === undefined ? chat : "", { headers: { "content-type": type } })
    )
    return Effect.succeed(
      body === undefined
        ? response
        : new Proxy(response, { get: (target, name) => name === "stream" ? body : Reflect.get(target, name, target) })
    )
  })

const plain = answering(undefined)
const streaming = answering(Stream.fromIterable(megabyte).pipe(Stream.rechunk(1)))

const calls = 300

type Client<R> = HttpClient.HttpClient.With<HttpClientError.HttpClientError, R>

const callMany = <R>(client: Client<R>) =>
  Effect.repeat(Effect.flatMap(client.execute(request(false)), (response) => response.json), { times: calls - 1 })

const readStream = <R>(client: Client<R>) =>
  Effect.flatMap(client.execute(request(true)), (response) => Stream.runDrain(response.stream))

/** Microseconds from the request to the first piece, of many calls. */
let untilFirst = 0
const readFirst = <R>(client: Client<R>) => {
  untilFirst = 0
  return Effect.repeat(
    Effect.suspend(() => {
      const start = performance.now()
      return Effect.flatMap(
        client.execute(request(true)),
        (response) =>
          Stream.runForEachWhile(response.stream, () =>
            Effect.sync(() => {
              untilFirst += (performance.now() - start) * 1000
              return false
            }))
      )
    }),
    { times: calls - 1 }
  )
}

/** Events are written and queued; sending them is measured elsewhere. */
const Queue = PostHog.layer({
  apiKey: "phc_bench",
  flushAt: 5_000,
  flushInterval: "1 hour",
  maxQueueSize: 10_000,
  maxBatchSize: 5_000,
  shutdownTimeout: 0
}).pipe(
  Layer.provide(Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.never))),
  Layer.merge(Logger.minimumLogLevel(LogLevel.None))
)

/** Microseconds of CPU. */
const cpuOf = (effect: Effect.Effect<unknown, any, any>) =>
  Effect.gen(function*() {
    const before = process.cpuUsage()
    yield* effect
    const { system, user } = process.cpuUsage(before)
    return untilFirst > 0 ? untilFirst : system + user
  }).pipe(
    // Each round has an instance of its own, so that what was captured does not fill the memory.
    Effect.provide(Queue)
  ) as Effect.Effect<number>

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const measure = (
  run: <R>(client: Client<R>) => Effect.Effect<unknown, unknown, R>,
  client: HttpClient.HttpClient
) =>
  Effect.gen(function*() {
    const watched = LlmClient.withCapture(client)
    yield* cpuOf(run(client))
    yield* cpuOf(run(watched))
    const times: Array<readonly [number, number]> = []
    for (let round = 0; round < rounds; round++) times.push([yield* cpuOf(run(client)), yield* cpuOf(run(watched))])
    return {
      without: median(times.map(([without]) => without)),
      with: median(times.map(([, withIt]) => withIt)),
      ratio: median(times.map(([without, withIt]) => withIt / without))
    }
  })

const program = Effect.gen(function*() {
  const call = yield* measure(callMany, plain)
  const stream = yield* measure(readStream, streaming)
  const first = yield* measure(readFirst, streaming)
  console.log(JSON.stringify({
    withoutMicros: call.without / calls,
    withMicros: call.with / calls,
    withoutMegabyteMicros: stream.without,
    withMegabyteMicros: stream.with,
    microsPerPiece: (stream.with - stream.without) / piecesPerMegabyte,
    untilFirstMicros: first.without / calls,
    untilFirstWithMicros: first.with / calls
  }))
})

Effect.runPromise(program)

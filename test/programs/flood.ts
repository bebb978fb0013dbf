/**
 * A program that captures as many events as its argument says, as fast as it can, while PostHog is away half of the time. Run by
 * flood.ts in a process with a small heap. Prints what became of the events, and how much memory that took.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { Effect, Layer, Logger, LogLevel } from "effect"
import { PostHog } from "effect-posthog"

const [, , argument] = process.argv
const count = Number(argument)

/** So many events long it is there, and then away. */
const phase = 50_000

let captured = 0
const client = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make((request) =>
    Effect.sync(() =>
      HttpClientResponse.fromWeb(
        request,
        new Response("", { status: Math.floor(captured / phase) % 2 === 0 ? 200 : 503 })
      )
    )
  )
)

const layer = PostHog.layer({
  apiKey: "phc_test",
  maxQueueBytes: 8 * 1024 * 1024,
  maxRetries: 1,
  retryPause: "100 millis",
  compression: false
}).pipe(Layer.provide(client))

let megabytes = 0
const program = Effect.gen(function*() {
  const text = "x".repeat(200)
  for (; captured < count; captured++) {
    yield* PostHog.capture("event", { i: captured, text }, { distinctId: "u" })
    if (captured % 1_000 === 0) {
      // As a program that does something else too: timers and sockets get their turn.
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      megabytes = Math.max(megabytes, process.memoryUsage().rss / 1024 / 1024)
    }
  }
  captured = 0
  yield* PostHog.flush
  return yield* PostHog.stats
})

const stats = await Effect.runPromise(
  program.pipe(Effect.provide(layer), Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
)
console.log(JSON.stringify({ ...stats, megabytes }))

/**
 * Events of a long outage through an instance that has room for a few of them in memory: the rest waits on disk.
 */
import { HttpClient } from "@effect/platform"
import { Effect, Layer } from "effect"
import { DurableOutbox, PostHog } from "effect-posthog"
import { temporary } from "../support/durable.js"
import { FakeClient } from "../support/fakeClient.js"

export interface WindowReport {
  readonly events: number
  readonly delivered: number
  /** By how much the resident memory was above that of before, at most. */
  readonly mostMegabytes: number
}

const megabyte = 1024 * 1024

/** Captures so many while the server is away, and then sends them. Rejects when one is missing or out of order. */
export const window = (events: number): Promise<WindowReport> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const directory = yield* temporary
    let delivered = 0
    let isUp = false
    const client = new FakeClient(({ events }) => {
      client.requests.length = 0
      client.accepted.length = 0
      if (!isUp) return "refused"
      for (const { properties } of events) {
        if (properties.i !== delivered++) throw new Error(`event ${properties.i} in the place of ${delivered - 1}`)
      }
      return { status: 200, body: "{\"status\":1}" }
    })
    const before = process.memoryUsage.rss()
    let most = 0
    const look = (): void => {
      most = Math.max(most, process.memoryUsage.rss() - before)
    }
    const work = Effect.gen(function*() {
      for (let i = 0; i < events; i++) {
        yield* PostHog.capture("order completed", { i, padding: "x".repeat(150) }, { distinctId: "user" })
        if (i % 1_000 === 0) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        if (i % 1_000 === 0) look()
      }
      isUp = true
      const watch = setInterval(look, 100)
      yield* Effect.ensuring(
        Effect.retry(PostHog.flush, { times: 10 }),
        Effect.sync(() => clearInterval(watch))
      )
      return (yield* PostHog.stats).delivered
    })
    const count = yield* Effect.provide(
      work,
      PostHog.layer({
        apiKey: "phc_test",
        maxQueueBytes: 4 * megabyte,
        maxConcurrentRequests: 1,
        maxRetries: 0,
        retryPause: "1 hour"
      }).pipe(
        Layer.provide(DurableOutbox.layerFile({ directory })),
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client.client))
      )
    )
    if (count !== events) throw new Error(`${count} of ${events} were delivered`)
    return { events, delivered: count, mostMegabytes: Math.round(most / megabyte) }
  })))

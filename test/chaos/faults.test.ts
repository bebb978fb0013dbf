/**
 * One request meets a fault, over real sockets and each client. What is delivered, dropped and told has to be right, and after the fault everything is
 * delivered.
 */
import { FetchHttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { PostHog, PostHogClient } from "effect-posthog"
import * as FaultProxy from "../support/faultProxy.js"
import { apiKey, captureMany, names, range, stats } from "../support/posthog.js"
import * as Sink from "../support/sink.js"
import { cases, type Fate } from "./faults.js"
import { storm } from "./faultStorm.js"

const clients = {
  "node:http": PostHogClient.layer,
  "fetch": Layer.provide(
    FetchHttpClient.layer,
    Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
  )
}

const run = (name: string, captureMode: "v0" | "v1", client: keyof typeof clients, expected: Fate) =>
  Effect.gen(function*() {
    const { fault, hangs } = cases[name]!
    const sink = yield* Sink.make()
    const proxy = yield* FaultProxy.make(sink.url)
    const layer = PostHog.layer({
      apiKey,
      captureMode,
      host: proxy.url,
      flushAt: 1_000,
      maxRetries: 100,
      requestTimeout: hangs === true ? "400 millis" : "10 seconds",
      retrySchedule: Schedule.spaced("5 millis")
    }).pipe(Layer.provide(clients[client]))
    yield* Effect.gen(function*() {
      // A connection that is kept, so that the fault meets one that was in use.
      yield* captureMany(2, 100)
      yield* PostHog.flush
      proxy.script.push(fault)
      yield* captureMany(5)
      yield* Effect.ignore(PostHog.flush)
      assert.strictEqual(proxy.faults, 1)
      const met = yield* stats
      assert.deepInclude(met, { queued: 0, inFlight: 0, accepted: 7 })
      assert.deepStrictEqual(met.dropped, expected === "refused" ? { rejected: 5 } : {}, "what is dropped")
      if (expected === "again") assert.isAtLeast(met.retried, 5)
      yield* captureMany(5, 5)
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 5, dropped: 0 })
      const { delivered, dropped } = yield* stats
      assert.strictEqual(delivered, expected === "refused" ? 7 : 12)
      assert.deepStrictEqual(dropped, met.dropped)
    }).pipe(Effect.provide(layer))
    const arrived = new Map(sink.accepted.map((event) => [event.uuid, JSON.stringify(event)]))
    for (const event of sink.accepted) assert.strictEqual(JSON.stringify(event), arrived.get(event.uuid))
    const wanted = [...range(2, 100), ...range(expected === "refused" ? 5 : 10, expected === "refused" ? 5 : 0)]
    assert.includeMembers(names(sink.accepted) as Array<string>, wanted as Array<string>)
    assert.isAtLeast(arrived.size, wanted.length)
    assert.isAtMost(arrived.size, 12)
  }).pipe(Effect.scoped)

describe("one fault between the library and PostHog", () => {
  for (const [name, { v0, v1 }] of Object.entries(cases)) {
    for (const [captureMode, fate] of [["v0", v0], ["v1", v1]] as const) {
      it.live(`${name}, capture ${captureMode}: ${fate}`, () =>
        Effect.forEach(
          ["node:http", "fetch"] as const,
          (client) => Effect.tapErrorCause(run(name, captureMode, client, fate), () => Effect.log(client)),
          { concurrency: 2, discard: true }
        ), 60_000)
    }
  }
})

describe("every other request meets some fault", () => {
  for (const captureMode of ["v0", "v1"] as const) {
    it(`when they are over, all is as it was counted, capture ${captureMode}`, async () => {
      const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 0x7fffffff))
      const seen = await storm({ seed, captureMode, events: 1_500 })
      assert.isAbove(seen.faults, 0)
    }, 120_000)
  }
})

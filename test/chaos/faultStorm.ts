/**
 * Requests of a busy instance meet one fault after the other, over real sockets; then the faults are over.
 */
import { Effect, Layer, Schedule } from "effect"
import { PostHog, PostHogClient } from "effect-posthog"
import { strict as assert } from "node:assert"
import { layerLogger } from "../support/effect.js"
import * as FaultProxy from "../support/faultProxy.js"
import { random } from "../support/random.js"
import * as Sink from "../support/sink.js"
import { cases } from "./faults.js"

export interface Storm {
  readonly seed: number
  readonly captureMode: "v0" | "v1"
  readonly events: number
}

export interface Seen {
  readonly events: number
  readonly requests: number
  readonly faults: number
  readonly delivered: number
  readonly rejected: number
  readonly twice: number
}

/** Rejects when something was lost, changed, or counted wrongly. */
export const storm = ({ captureMode, events, seed }: Storm): Promise<Seen> =>
  Effect.gen(function*() {
    const { chance, pick } = random(seed)
    const faults = Object.values(cases)
    const sink = yield* Sink.make()
    const proxy = yield* FaultProxy.make(sink.url)
    proxy.otherwise = () => chance(50) ? pick(faults).fault : undefined
    const layer = PostHog.layer({
      apiKey: "phc_test",
      captureMode,
      host: proxy.url,
      flushAt: 10,
      maxBatchSize: 20,
      maxRetries: 3,
      requestTimeout: "400 millis",
      retryPause: "50 millis",
      retrySchedule: Schedule.spaced("5 millis")
    }).pipe(Layer.provide(PostHogClient.layer))
    const uuids: Array<string> = []
    const stats = yield* Effect.gen(function*() {
      for (let i = 0; i < events; i++) {
        const uuid = `00000000-0000-7000-8000-${i.toString(16).padStart(12, "0")}`
        uuids.push(uuid)
        yield* PostHog.capture("event", { i }, { uuid, distinctId: "u" })
        if (chance(1)) yield* Effect.fork(Effect.ignore(PostHog.flush))
        if (chance(10)) yield* Effect.sleep("5 millis")
      }
      proxy.otherwise = () => undefined
      for (;;) {
        yield* Effect.ignore(PostHog.flush)
        const stats = yield* PostHog.stats
        if (stats.queued + stats.inFlight === 0) return stats
      }
    }).pipe(Effect.provide(layer), Effect.provide(layerLogger(() => {})))
    const known = `seed ${seed}: ${JSON.stringify(stats)}`
    const rejected = stats.dropped.rejected ?? 0
    assert.deepEqual(stats.dropped, rejected === 0 ? {} : { rejected }, known)
    assert.equal(stats.accepted, events, known)
    assert.equal(stats.delivered + rejected, events, known)
    const arrived = new Map<string, string>()
    for (const event of sink.accepted) {
      const text = JSON.stringify(event)
      assert.equal(arrived.get(event.uuid) ?? text, text, known)
      arrived.set(event.uuid, text)
    }
    // What was rejected may have arrived; what was delivered has.
    const missing = uuids.filter((uuid) => !arrived.has(uuid)).length
    assert.ok(missing <= rejected, `${missing} of ${rejected} rejected events have not arrived, ${known}`)
    for (const uuid of arrived.keys()) assert.ok(uuids.includes(uuid), known)
    return {
      events,
      requests: sink.requests.length,
      faults: proxy.faults,
      delivered: stats.delivered,
      rejected,
      twice: sink.accepted.length - arrived.size
    }
  }).pipe(Effect.scoped, Effect.runPromise)

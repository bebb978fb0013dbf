/**
 * In workerd, the runtime of Cloudflare Workers: nothing of a request goes on after it, timers, requests and fibers included.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { PostHog } from "effect-posthog"
import { limitMillis } from "../support/limit.js"
import { assertAddsUp, names } from "../support/posthog.js"
import * as Sink from "../support/sink.js"
import * as Workerd from "../support/workerd.js"

const uuids = (sink: Sink.Sink): Set<string> => new Set(sink.accepted.map(({ uuid }) => uuid))

describe("examples/worker.ts", () => {
  it.scopedLive(
    "each of many concurrent requests is answered, and none of their events is lost",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ otherwise: () => Sink.slow(20) })
        const worker = yield* Workerd.make("examples/worker.ts", {
          POSTHOG_API_KEY: "phc_example",
          POSTHOG_HOST: sink.url
        })
        const paths = Array.from({ length: 40 }, (_, i) => `/${i % 2 === 0 ? "isolated" : "orders/7"}?user=user_${i}`)
        const answers = yield* Effect.promise(() => Promise.all(paths.map(worker.fetch)))
        for (const answer of answers) assert.deepStrictEqual(answer, { status: 200, text: "hello\n" })
        yield* Effect.promise(() => sink.until(() => uuids(sink).size >= 80))
        assert.strictEqual(sink.accepted.length, 80)
        for (const name of ["order viewed", "recommendations shown"]) {
          const users = sink.accepted.filter(({ event }) => event === name).map((event) => event.distinct_id)
          assert.sameMembers(users, Array.from({ length: 40 }, (_, i) => `user_${i}`))
        }
        assert.isTrue(sink.accepted.every(({ properties }) => properties.$lib === "posthog-effect"))
      }),
    limitMillis
  )
})

describe("workerd", () => {
  const started = Effect.gen(function*() {
    const sink = yield* Sink.make()
    const worker = yield* Workerd.make("test/programs/worker.ts", { POSTHOG_HOST: sink.url })
    const fetch = (path: string) => Effect.promise(() => worker.fetch(path))
    const stats = Effect.map(fetch("/stats"), ({ text }) => JSON.parse(text) as PostHog.Stats)
    /** PostHog does not answer. A request that asks for `/arrived` does not end before events have come here. */
    const hanging: Sink.Rules = {
      otherwise: ({ path }) => {
        if (path !== "/arrived") return Sink.hang
        return { kind: "wait", until: sink.until(() => sink.batches.length > 0), next: Sink.status(200) }
      }
    }
    return { sink, fetch, stats, hanging }
  })

  it.scopedLive(
    "a flush that was cut off with its request neither blocks the next one nor loses its events",
    () =>
      Effect.gen(function*() {
        const { fetch, hanging, sink, stats } = yield* started
        sink.rules = hanging
        // The second of its two requests to PostHog may be cut off before it has left.
        yield* fetch("/cut-off?id=a&count=600&once=arrived")
        assert.strictEqual(sink.accepted.length, 0)
        sink.rules = {}
        yield* fetch("/?id=b")
        yield* Effect.promise(() => sink.until(() => uuids(sink).size === 601))
        // The event of the second request did not have to wait for the first 500.
        assert.isAtMost(names(sink.accepted).indexOf("event b.0"), 100)
        yield* fetch("/wait?id=c")
        const counted = yield* stats
        assertAddsUp(counted)
        assert.deepInclude(counted, { accepted: 602, queued: 0, inFlight: 0, delivered: 602 })
      }),
    limitMillis
  )

  it.scopedLive("nor when many are cut off at once", () =>
    Effect.gen(function*() {
      const { fetch, hanging, sink, stats } = yield* started
      sink.rules = hanging
      // One of them ends when its events have left; of the others, on a busy machine, perhaps none has sent anything.
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => i),
        (i) => fetch(`/cut-off?id=${i}&count=3${i === 0 ? "&once=arrived" : ""}`),
        { concurrency: 10 }
      )
      assert.isAbove(sink.batches.length, 0)
      sink.rules = {}
      yield* Effect.forEach([1, 2, 3, 4, 5], (i) => fetch(`/?id=later-${i}`), { concurrency: 5 })
      yield* Effect.promise(() => sink.until(() => uuids(sink).size === 65))
      yield* fetch("/wait?id=last")
      const counted = yield* stats
      assertAddsUp(counted)
      assert.deepInclude(counted, { accepted: 66, queued: 0, inFlight: 0, delivered: 66, dropped: {} })
    }), limitMillis)

  it.scopedLive(
    "a PostHog that is down for a while costs no event",
    () =>
      Effect.gen(function*() {
        const { fetch, sink, stats } = yield* started
        sink.next(Sink.status(503), Sink.resetBefore, Sink.status(503))
        yield* Effect.forEach([1, 2, 3, 4, 5], (i) => fetch(`/?id=${i}`), { concurrency: 5 })
        yield* Effect.promise(() => sink.until(() => uuids(sink).size === 5))
        yield* fetch("/wait?id=6")
        assert.deepInclude(yield* stats, { accepted: 6, queued: 0, inFlight: 0, delivered: 6, dropped: {} })
      }),
    limitMillis
  )

  it.scopedLive("an instance for one request, an ordinary one, is emptied by closing it", () =>
    Effect.gen(function*() {
      const { fetch, sink } = yield* started
      yield* Effect.forEach([1, 2, 3, 4, 5], (i) => fetch(`/own?id=${i}&count=3`), { concurrency: 5 })
      yield* Effect.promise(() => sink.until(() => uuids(sink).size === 15))
    }), limitMillis)

  it.scopedLive("bodies are compressed", () =>
    Effect.gen(function*() {
      const { fetch, sink } = yield* started
      yield* fetch("/wait?id=a&count=50")
      assert.strictEqual(sink.accepted.length, 50)
      assert.strictEqual(sink.requests[0]!.headers["content-encoding"], "gzip")
      assert.isBelow(sink.requests[0]!.wireBytes, sink.requests[0]!.bytes / 5)
    }), limitMillis)
})

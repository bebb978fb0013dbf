/**
 * Verdicts on single events: what PostHog refuses is dropped, what it asks for again is sent again, and nothing else.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue, TestClock } from "effect"
import { PostHog, type PostHogConfig } from "effect-posthog"
import { numbers, sendMany, sendOne } from "../../support/ai.js"
import { atOnce } from "../../support/envelope.js"
import { type Answer, FakeClient, type FakeRequest } from "../../support/fakeClient.js"
import { assertAddsUp, collectDiagnostics, onFake, onSink, settle, stats } from "../../support/posthog.js"
import { random } from "../../support/random.js"
import * as Sink from "../../support/sink.js"

type Verdict = { readonly result: string; readonly details?: unknown } | null | string

/** Answers with these verdicts, one for each event in order. */
const answer = (verdicts: ReadonlyArray<Verdict | undefined>, headers: Record<string, string> = {}) =>
(
  { events }: FakeRequest
): Answer => ({
  status: 200,
  headers,
  body: JSON.stringify({
    results: Object.fromEntries(
      events.flatMap(({ uuid }, i) => verdicts[i] === undefined ? [] : [[uuid, verdicts[i]]])
    )
  })
})

const ok = { result: "ok" }
const drop = { result: "drop", details: "billing_limit_exceeded" }
const again = { result: "retry", details: "not_persisted" }

/** A client whose answers are given in order; after them everything is taken. */
const clientOf = (...answers: ReadonlyArray<(request: FakeRequest) => Answer>): FakeClient => {
  const left = [...answers]
  return new FakeClient((request) => (left.shift() ?? answer([]))(request))
}

const identity = (events: FakeRequest["events"]) =>
  events.map(({ distinct_id, event, timestamp, uuid }) => ({ distinct_id, event, timestamp, uuid }))

const onClient = (client: FakeClient, options: PostHogConfig.Options = {}) =>
  onFake(client, { flushInterval: "1 hour", ...options })

/** Runs an effect while the clock runs. */
const onRunningClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* settle
    yield* TestClock.adjust("5 minutes")
    return yield* Fiber.join(fiber)
  })

const flushed = onRunningClock(Effect.exit(PostHog.flush))

/** Why a flush fails. */
const failed = onRunningClock(Effect.flip(PostHog.flush))

describe("verdicts", () => {
  it.effect("settle each event by itself, and only what is asked for again is sent again", () => {
    const client = clientOf(answer([ok, drop, again, { result: "warning" }, { result: "limited" }, again]))
    return Effect.gen(function*() {
      const told = yield* collectDiagnostics
      const uuids = yield* sendMany(6)
      yield* failed
      const [first, second] = client.requests as [FakeRequest, FakeRequest]
      assert.strictEqual(client.requests.length, 2)
      assert.deepStrictEqual(numbers(second.events), [2, 5])
      assert.deepStrictEqual(identity(second.events), [identity(first.events)[2]!, identity(first.events)[5]!])
      assert.strictEqual(second.headers["posthog-request-id"], first.headers["posthog-request-id"])
      assert.strictEqual(second.body.created_at, first.body.created_at)
      assert.deepStrictEqual(client.requests.map(({ headers }) => headers["posthog-attempt"]), ["1", "2"])
      assert.deepInclude(yield* stats, {
        accepted: 6,
        delivered: 5,
        dropped: { rejected: 1 },
        retried: 2,
        queued: 0,
        inFlight: 0
      })
      const lost = told.filter(({ _tag }) => _tag === "EventsDropped")
      assert.deepStrictEqual(lost, [{
        _tag: "EventsDropped",
        reason: "rejected",
        count: 1,
        events: [{ uuid: uuids[1]!, event: "$ai_generation" }],
        detail: "billing_limit_exceeded"
      }])
      const arrived = told.flatMap((one) => one._tag === "EventsDelivered" ? one.events.map(({ uuid }) => uuid) : [])
      assert.sameMembers(arrived, uuids.filter((_, i) => i !== 1))
    }).pipe(Effect.scoped, Effect.provide(onClient(client)))
  })

  it.effect("a flush fails with what was refused, and counts the rest", () => {
    const client = clientOf(answer([drop, ok, again]), answer([{ result: "drop", details: "invalid_options" }]))
    return Effect.gen(function*() {
      yield* sendMany(3)
      const failure = yield* failed
      assert.deepInclude(failure, { reason: "rejected", delivered: 1, dropped: 2, queued: 0 })
      assert.include(failure.message, "billing_limit_exceeded")
    }).pipe(Effect.provide(onClient(client)))
  })

  it.effect("Retry-After is the least delay of a part too, and the retries are those of a request", () => {
    const client = clientOf(
      answer([again, ok], { "retry-after": "7" }),
      answer([again]),
      answer([again]),
      answer([again])
    )
    return Effect.gen(function*() {
      yield* sendMany(2)
      const flushing = yield* Effect.fork(Effect.flip(PostHog.flush))
      yield* settle
      yield* TestClock.adjust(6_999)
      assert.strictEqual(client.requests.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(client.requests.length, 2)
      yield* TestClock.adjust("5 minutes")
      // The events stay queued, as after any request that failed too often.
      assert.deepInclude(yield* Fiber.join(flushing), {
        reason: "status",
        status: 200,
        delivered: 1,
        dropped: 0,
        queued: 1
      })
      assert.deepStrictEqual(client.requests.slice(0, 3).map(({ headers }) => headers["posthog-attempt"]), [
        "1",
        "2",
        "3"
      ])
    }).pipe(Effect.provide(onClient(client, { maxRetries: 2, retryPause: "1 hour" })))
  })

  it.effect("events that are asked for again for ever keep their place in the queue", () => {
    const client = new FakeClient(({ events }) =>
      answer(events.map(({ properties }) => properties.i % 2 === 1 ? again : ok))({ events } as FakeRequest)
    )
    return Effect.gen(function*() {
      yield* sendMany(5)
      yield* flushed
      yield* sendMany(2, 5)
      assert.deepInclude(yield* stats, { queued: 4, delivered: 3 })
      client.otherwise = () => ({ status: 200, body: "{}" })
      const before = client.requests.length
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 4, dropped: 0 })
      assert.deepStrictEqual(client.requests.slice(before).flatMap(({ events }) => numbers(events)), [1, 3, 5, 6])
    }).pipe(Effect.provide(onClient(client, { maxRetries: 0, retryPause: "1 hour" })))
  })

  const taken: ReadonlyArray<readonly [name: string, body: (request: FakeRequest) => string]> = [
    ["nothing is said about any event", () => "{}"],
    ["no event is named", () => "{\"results\":{}}"],
    ["other events are named", () => "{\"results\":{\"0192d4f5-0000-7000-8000-000000000000\":{\"result\":\"drop\"}}}"],
    [
      "what is said is not known",
      ({ events }) => JSON.stringify({ results: { [events[0]!.uuid]: { result: "later" } } })
    ],
    ...[null, "drop", 5, [], {}, { result: null }, { result: ["drop"] }].map((verdict) =>
      [
        `a verdict is ${JSON.stringify(verdict)}`,
        ({ events }: FakeRequest) => JSON.stringify({ results: { [events[0]!.uuid]: verdict } })
      ] as const
    ),
    ["v0's answer comes from a proxy", () => "{\"status\":1}"]
  ]
  for (const [name, body] of taken) {
    it.effect(`events are delivered when ${name}`, () => {
      const client = clientOf((request) => ({ status: 200, body: body(request) }))
      return Effect.gen(function*() {
        yield* sendMany(2)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 2, dropped: 0 })
        assert.strictEqual(client.requests.length, 1)
      }).pipe(Effect.provide(onClient(client)))
    })
  }

  const foreign = ["", "ok", "<html>welcome</html>", "[]", "null", "5", "{\"results\":[]}", "{\"results\":null}"]
  for (const body of foreign) {
    it.effect(`an answer that is no list of verdicts (${body}) loses the events, once and told`, () => {
      const client = clientOf(() => ({ status: 200, body }))
      return Effect.gen(function*() {
        yield* sendMany(2)
        const failure = yield* Effect.flip(PostHog.flush)
        assert.deepInclude(failure, { reason: "rejected", status: 200, dropped: 2 })
        assert.strictEqual(client.requests.length, 1)
      }).pipe(Effect.provide(onClient(client)))
    })
  }

  it.effect("what stands for a reason is shown only when it is a code", () => {
    const details = ["not for logs: the prompt", { a: 1 }, undefined, "x".repeat(101), "ai_event_too_big"]
    const client = clientOf(answer(details.map((details) => ({ result: "drop", details }))))
    return Effect.gen(function*() {
      const told = yield* collectDiagnostics
      yield* sendMany(details.length)
      yield* Effect.flip(PostHog.flush)
      yield* settle
      const lost = told.flatMap((one) =>
        one._tag === "EventsDropped" ? [`${one.reason} ${one.count} ${one.detail}`] : []
      )
      assert.deepStrictEqual(lost, ["rejected 4 dropped", "too_large 1 ai_event_too_big"])
      assert.deepInclude(yield* stats, { dropped: { rejected: 4, too_large: 1 } })
    }).pipe(Effect.scoped, Effect.provide(onClient(client)))
  })

  it.scoped("an answer that breaks off says nothing, so all of it is sent again", () =>
    Effect.gen(function*() {
      const body = JSON.stringify({ results: {}, padding: "x".repeat(1000) })
      const sink = yield* Sink.make()
      sink.next({ kind: "cut", body }, { kind: "stall", body })
      const answered = yield* Queue.unbounded<Response>()
      const fetch = Layer.succeed(FetchHttpClient.Fetch, async (input: RequestInfo | URL, init?: RequestInit) => {
        const response = await globalThis.fetch(input, init)
        Queue.unsafeOffer(answered, response)
        return response
      })
      const sending = yield* Effect.zipRight(sendMany(2), PostHog.flush).pipe(
        Effect.provide(Layer.provide(onSink(sink, { retrySchedule: atOnce, maxRetries: 2 }), fetch)),
        Effect.fork
      )
      // The second one has begun, and does not go on.
      yield* Queue.take(answered)
      yield* Queue.take(answered)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(sending), { delivered: 2, dropped: 0 })
      assert.strictEqual(new Set(sink.requests.map(({ headers }) => headers["posthog-request-id"])).size, 1)
      assert.deepStrictEqual(sink.requests.map(({ events }) => numbers(events)), [[0, 1], [0, 1], [0, 1]])
    }))

  it.effect("events with one uuid are sent in different requests, in order", () => {
    const client = clientOf()
    const a = "0192d4f5-0000-7000-8000-00000000000a"
    const b = "0192d4f5-0000-7000-8000-00000000000b"
    return Effect.gen(function*() {
      const uuids = [a, b, a.toUpperCase(), a, b, b]
      yield* Effect.forEach(uuids, (uuid, i) => sendOne({ i }, { options: { uuid } }))
      assert.deepStrictEqual(yield* PostHog.flush, { delivered: 6, dropped: 0 })
      assert.deepStrictEqual(client.requests.map(({ events }) => numbers(events)), [[0, 1], [2], [3, 4], [5]])
    }).pipe(Effect.provide(onClient(client)))
  })

  it.effect("a part that is sent again may be too large, and is halved without those that are settled", () => {
    const client = clientOf(
      answer([ok, again, again, drop, ok, again, again]),
      () => ({ status: 413 }),
      answer([]),
      () => ({ status: 413 })
    )
    return Effect.gen(function*() {
      yield* sendMany(7)
      yield* flushed
      assert.deepStrictEqual(client.requests.map(({ events }) => numbers(events)), [
        [0, 1, 2, 3, 4, 5, 6],
        [1, 2, 5, 6],
        [1, 2],
        [5, 6],
        [5],
        [6]
      ])
      assert.deepInclude(yield* stats, { delivered: 6, dropped: { rejected: 1 } })
    }).pipe(Effect.provide(onClient(client)))
  })

  it.effect("a neighbouring part that is sent again takes nothing settled along when it is halved", () => {
    // The repeated uuid leaves a rest behind the first request, which stands beside what is settled.
    const client = clientOf(answer([again, again, ok]), () => ({ status: 413 }))
    const uuid = (n: number) => `0192d4f5-0000-7000-8000-00000000000${n}`
    return Effect.gen(function*() {
      yield* Effect.forEach([1, 2, 3, 1], (n, i) => sendOne({ i }, { options: { uuid: uuid(n) } }))
      yield* flushed
      assert.deepStrictEqual(client.requests.map(({ events }) => numbers(events)), [[0, 1, 2], [0, 1], [0], [1], [3]])
      assert.deepInclude(yield* stats, { delivered: 4 })
    }).pipe(Effect.provide(onClient(client)))
  })

  it.effect("opting out between two attempts sends nothing again, and counts", () => {
    const client = clientOf(answer([ok, again, drop]))
    return Effect.gen(function*() {
      yield* sendMany(3)
      yield* Effect.fork(Effect.either(PostHog.flush))
      yield* settle
      yield* PostHog.optOut
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(client.requests.length, 1)
      assert.deepInclude(yield* stats, { delivered: 1, dropped: { rejected: 1, opted_out: 1 } })
    }).pipe(Effect.provide(onClient(client)))
  })

  for (let seed = 0; seed < 10; seed++) {
    it.effect(`whatever the verdicts, each request asks for what the one before left, seed ${seed}`, () => {
      const { below, chance, pick } = random(seed)
      /** What is to be in the next request with an id, if any. */
      const left = new Map<string, ReadonlyArray<string>>()
      const delivered = new Set<string>()
      const client = new FakeClient((request) => {
        const id = request.headers["posthog-request-id"]!
        const uuids = request.events.map(({ uuid }) => uuid)
        if (left.has(id)) assert.deepStrictEqual(uuids, left.get(id))
        for (const uuid of uuids) assert.isFalse(delivered.has(uuid), "sent again though it was taken")
        if (chance(15)) {
          left.set(id, uuids)
          return { status: pick([500, 503, 408]) }
        }
        const verdicts = uuids.map(() => chance(50) ? ok : chance(60) ? again : drop)
        left.set(id, uuids.filter((_, i) => verdicts[i] === again))
        uuids.forEach((uuid, i) => verdicts[i] === ok && delivered.add(uuid))
        return answer(verdicts)(request)
      })
      return Effect.gen(function*() {
        const count = 20 + below(60)
        yield* sendMany(count)
        for (let round = 0; round < 200 && (yield* PostHog.stats).queued > 0; round++) {
          yield* flushed
          assertAddsUp(yield* PostHog.stats)
        }
        const end = yield* stats
        assert.deepInclude(end, { accepted: count, queued: 0, inFlight: 0, delivered: delivered.size })
      }).pipe(Effect.provide(onClient(client, {
        maxBatchSize: 1 + below(12),
        maxRetries: below(4),
        maxConcurrentRequests: 1 + below(3),
        retryPause: "1 hour"
      })))
    })
  }
})

/**
 * What PostHog says about single events of a request over capture v1, and where that is told.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { PostHog, type PostHogConfig, type PostHogError } from "effect-posthog"
import { collector } from "../support/log.js"
import { captureMany, collectDiagnostics, names, onSink, settle, stats } from "../support/posthog.js"
import * as Sink from "../support/sink.js"
import type { Verdict } from "../support/sinkV1.js"

const path = "/i/v1/analytics/events"

/** Repetitions without a pause worth mentioning; a server that sends Retry-After is waited for. */
const onV1 = (sink: Sink.Sink, options: PostHogConfig.Options = {}) =>
  onSink(sink, { captureMode: "v1", retrySchedule: Schedule.spaced("20 millis"), ...options })

/** Verdicts by the name of an event, one for each request that has it; after them it is taken. */
const verdicts = (given: Readonly<Record<string, ReadonlyArray<Verdict>>>): Sink.Rules => {
  const left = new Map(Object.entries(given).map(([name, verdicts]) => [name, [...verdicts]]))
  return { verdict: ({ event }) => left.get(event)?.shift() ?? { result: "ok" } }
}

const drop = (details?: string): Verdict => ({ result: "drop", ...(details === undefined ? undefined : { details }) })
const again: Verdict = { result: "retry", details: "not_persisted" }

const tagged = <Tag extends PostHogError.Diagnostic["_tag"]>(
  told: ReadonlyArray<PostHogError.Diagnostic>,
  tag: Tag
) => told.filter((one): one is Extract<PostHogError.Diagnostic, { _tag: Tag }> => one._tag === tag)

/** What is logged one line a batch. */
const lines = (logged: ReturnType<typeof collector>) =>
  logged.texts().filter((text) => text.includes("not persisted by"))

describe("verdicts on events", () => {
  it.scopedLive("settle each event: taken, with a remark, refused, sent again; what is new is taken", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make(verdicts({
        "event 1": [{ result: "warning", details: "person_processing_disabled" }],
        "event 2": [drop("invalid_options")],
        "event 3": [again],
        "event 4": [{ result: "limited" }],
        "event 5": [{ result: "shelved", details: "in the year 2030" }],
        "event 6": [drop("event_too_big")]
      }))
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* captureMany(7)
        const failure = yield* Effect.flip(PostHog.flush)
        yield* settle
        assert.deepInclude(failure, { reason: "rejected", delivered: 5, dropped: 2, queued: 0 })
        const [first, second] = sink.requests as [Sink.SinkRequest, Sink.SinkRequest]
        assert.deepStrictEqual(names(second.events), ["event 3"])
        assert.deepStrictEqual(second.events[0], first.events[3])
        assert.strictEqual(second.headers["posthog-request-id"], first.headers["posthog-request-id"])
        assert.strictEqual(second.body.created_at, first.body.created_at)
        // The server has asked for a second, which is the least delay also where the answer was a good one.
        assert.isAtLeast(second.at - first.at, 990)
        assert.deepInclude(yield* stats, {
          delivered: 5,
          warned: 1,
          retried: 1,
          dropped: { rejected: 1, too_large: 1 }
        })
        const uuid = (i: number) => first.events[i]!.uuid
        assert.deepStrictEqual(tagged(told, "EventsWarned"), [{
          _tag: "EventsWarned",
          count: 1,
          events: [{ uuid: uuid(1), event: "event 1" }],
          detail: "person_processing_disabled"
        }])
        assert.deepStrictEqual(tagged(told, "BatchFailed"), [{
          _tag: "BatchFailed",
          endpoint: path,
          requestId: String(first.headers["posthog-request-id"]),
          attempts: 2,
          status: 200,
          dropped: 2,
          exhausted: 0,
          verdicts: { "drop/invalid_options": 1, "drop/event_too_big": 1 },
          events: [
            { uuid: uuid(2), event: "event 2", fate: "dropped", result: "drop", detail: "invalid_options" },
            { uuid: uuid(6), event: "event 6", fate: "dropped", result: "drop", detail: "event_too_big" }
          ]
        }])
      }).pipe(Effect.scoped, Effect.provide(onV1(sink)))
    }))

  it.scopedLive("an event that is asked for again and again stays queued, and is told with the last verdict on it", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ verdict: ({ event }) => event === "event 1" ? again : { result: "ok" } })
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* captureMany(3)
        const failure = yield* Effect.flip(PostHog.flush)
        yield* settle
        assert.deepInclude(failure, { reason: "status", delivered: 2, dropped: 0, queued: 1 })
        const [one] = tagged(told, "BatchFailed")
        assert.deepInclude(one, {
          attempts: 2,
          status: 200,
          dropped: 0,
          exhausted: 1,
          verdicts: { "retry/not_persisted": 1 }
        })
        assert.deepInclude(one!.events[0], {
          event: "event 1",
          fate: "exhausted",
          result: "retry",
          detail: "not_persisted"
        })
        sink.rules = {}
        yield* PostHog.flush
        assert.deepInclude(yield* stats, { delivered: 3, dropped: {} })
        assert.notStrictEqual(
          sink.requests.at(-1)!.headers["posthog-request-id"],
          sink.requests[0]!.headers["posthog-request-id"]
        )
      }).pipe(Effect.scoped, Effect.provide(onV1(sink, { maxRetries: 1 })))
    }))

  it.scopedLive("a request without a good answer is told with its status, or without one; nothing is said of verdicts", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* captureMany(1)
        sink.next(Sink.status(503, {}, "secret words of a server"), Sink.status(503), Sink.status(401))
        yield* Effect.flip(PostHog.flush)
        yield* Effect.flip(PostHog.flush)
        yield* settle
        const failed = tagged(told, "BatchFailed")
        assert.deepStrictEqual(
          failed.map(({ attempts, dropped, exhausted, status, verdicts }) => [
            status,
            attempts,
            dropped,
            exhausted,
            verdicts
          ]),
          [[503, 2, 0, 1, {}], [401, 1, 1, 0, {}]]
        )
        assert.deepStrictEqual(
          failed.map(({ events: [event] }) => [event!.event, event!.fate, event!.result]),
          [["event 0", "exhausted", undefined], ["event 0", "dropped", undefined]]
        )
        assert.notInclude(JSON.stringify(failed), "secret")
        sink.next(Sink.resetAfter, Sink.resetBefore)
        yield* Effect.flip(PostHog.captureNow("now", {}, { distinctId: "user_1" }))
        yield* settle
        assert.notProperty(tagged(told, "BatchFailed")[2], "status")
      }).pipe(Effect.scoped, Effect.provide(onV1(sink, { maxRetries: 1 })))
    }))
})

describe("the log", () => {
  it.scopedLive("says what to do about answers that are none of capture v1", () =>
    Effect.gen(function*() {
      const logged = collector()
      const sink = yield* Sink.make({ otherwise: () => Sink.status(200, {}, "<html>Log in</html>") })
      yield* Effect.gen(function*() {
        yield* captureMany(1)
        assert.deepInclude(yield* Effect.flip(PostHog.flush), { reason: "rejected", dropped: 1 })
        const [first] = logged.texts()
        assert.include(first, "this is no PostHog, or one that does not know capture v1")
        assert.include(first, "captureMode")
        assert.notInclude(logged.texts().join(), "Log in")
      }).pipe(Effect.provide(onV1(sink)), Effect.provide(logged.layer))
    }))

  it.scopedLive("has one line for each batch of which events are lost, while nobody listens", () =>
    Effect.gen(function*() {
      const logged = collector()
      const sink = yield* Sink.make({
        verdict: ({ event }) =>
          event === "event 1" ? drop("billing_limit_exceeded") : event === "event 3" ? again : { result: "ok" }
      })
      sink.next(Sink.ok, Sink.status(503))
      yield* Effect.gen(function*() {
        yield* captureMany(3)
        yield* Effect.flip(PostHog.flush)
        yield* Effect.flip(PostHog.captureNow("event 3", {}, { distinctId: "user_1" }))
        const ids = sink.requests.map(({ headers }) => headers["posthog-request-id"])
        assert.deepStrictEqual(lines(logged), [
          `Warning: PostHog: 1 event not persisted by ${path}: 1 dropped (drop/billing_limit_exceeded=1); ` +
          `request ${ids[0]}, 1 attempt, status 200`,
          `Warning: PostHog: 1 event not persisted by ${path}: 1 out of retries (retry/not_persisted=1); ` +
          `request ${ids[1]}, 2 attempts, status 200`
        ])
        // Events that stay queued are not lost.
        sink.rules = { otherwise: () => Sink.status(503) }
        yield* captureMany(1)
        yield* Effect.flip(PostHog.flush)
        assert.strictEqual(lines(logged).length, 2)
        // Who listens is told everything.
        sink.rules = { otherwise: () => Sink.status(401) }
        const told = yield* collectDiagnostics
        yield* Effect.flip(PostHog.flush)
        yield* settle
        assert.strictEqual(tagged(told, "BatchFailed").length, 1)
        assert.strictEqual(lines(logged).length, 2)
      }).pipe(Effect.scoped, Effect.provide(onV1(sink, { maxRetries: 1 })), Effect.provide(logged.layer))
    }))

  it.scopedLive("does not grow with the number of batches, nor of PostHog's words", () =>
    Effect.gen(function*() {
      const logged = collector()
      const sink = yield* Sink.make({
        verdict: ({ event }) =>
          Number(event.slice(6)) % 2 === 0 ? drop(`code_${event.slice(6)}`) : { result: "warning", details: "the same" }
      })
      yield* Effect.gen(function*() {
        yield* captureMany(40)
        yield* Effect.flip(PostHog.flush)
        assert.deepInclude(yield* stats, { delivered: 20, warned: 20, dropped: { rejected: 20 } })
      }).pipe(Effect.scoped, Effect.provide(onV1(sink, { maxBatchSize: 2 })), Effect.provide(logged.layer))
      assert.strictEqual(lines(logged).length, 10)
      // What is no code is not repeated.
      assert.deepStrictEqual(logged.texts().filter((text) => text.includes("the same")), [])
      assert.strictEqual(logged.texts().filter((text) => text.includes("has a remark on them")).length, 1)
    }))
})

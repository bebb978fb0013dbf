/**
 * The lane of LLM analytics over real sockets: where its events go, in what form, and what they share with all others.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { PostHog, type PostHogConfig } from "effect-posthog"
import { numbers, sendMany, sendOne, sendOneNow } from "../../support/ai.js"
import { assertEnvelope, assertRepetitions, atOnce, attemptOf, passAt, time } from "../../support/envelope.js"
import { collectDiagnostics, names, onSink, stats } from "../../support/posthog.js"
import * as Sink from "../../support/sink.js"

const v1Path = "/i/v1/ai/events"

/** Sends one event, and gives it as the sink got it. */
const through = (
  send: Effect.Effect<unknown, unknown, PostHog.PostHog>,
  options: PostHogConfig.Options = {}
) =>
  Effect.gen(function*() {
    const sink = yield* Sink.make()
    yield* send.pipe(Effect.zipRight(PostHog.flush), Effect.provide(onSink(sink, options)))
    const [event] = sink.accepted
    assert.isDefined(event, JSON.stringify(sink.requests.map(({ body, status }) => ({ body, status }))))
    return event!
  })

describe("the AI lane", () => {
  it.scopedLive("has a route of its own; the name of an event chooses none", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* PostHog.capture("$ai_generation", {}, { distinctId: "user_1" })
        const uuid = yield* sendOne({ $ai_model: "m" })
        yield* PostHog.flush
        const [ai] = sink.requests.filter(({ path }) => path === v1Path)
        assert.deepStrictEqual(names(ai!.events), ["$ai_generation"])
        assert.strictEqual(ai!.events[0]!.uuid, uuid)
        assert.deepStrictEqual(sink.batches.map(({ events }) => names(events)), [["$ai_generation"]])
        assert.deepInclude(yield* stats, { accepted: 2, delivered: 2 })
      }).pipe(Effect.provide(onSink(sink)))
      assert.strictEqual(sink.requests.length, 2)
    }))

  it.scopedLive("writes headers and body as capture v1 has them", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.zipRight(sendMany(2), PostHog.flush).pipe(Effect.provide(onSink(sink, { compressionThreshold: 0 })))
      const [request] = sink.requests as [Sink.SinkRequest]
      assert.strictEqual(request.path, v1Path)
      assertEnvelope(request)
      assert.strictEqual(attemptOf(request), "1")
      assert.strictEqual(request.headers["content-encoding"], "gzip")
      assert.notProperty(request.body, "historical_migration")
      for (const event of request.body.batch) {
        assert.sameMembers(Object.keys(event), ["uuid", "event", "distinct_id", "timestamp", "options", "properties"])
        assert.match(event.timestamp, time)
        assert.deepStrictEqual(event.options, {})
        assert.notProperty(event.properties, "$lib")
        assert.isTrue(event.properties.$is_server)
        assert.isTrue(event.properties.$geoip_disable)
      }
    }))

  it.scoped("a repetition has the id, the time of creation and the events of the request, and the next number", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.next(Sink.status(503), Sink.hang, Sink.resetAfter)
      const sending = yield* Effect.zipRight(sendMany(3), PostHog.flush).pipe(
        Effect.provide(onSink(sink, { retrySchedule: atOnce, historicalMigration: true })),
        Effect.fork
      )
      yield* passAt(sink, 2)
      yield* Fiber.join(sending)
      const { requests } = sink
      assert.strictEqual(requests.length, 4)
      assertRepetitions(requests)
      assert.isTrue(requests[0]!.body.historical_migration)
      assert.deepStrictEqual(numbers(sink.accepted), [0, 1, 2])
    }))

  it.scopedLive("each batch has an id of its own", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.zipRight(sendMany(4), PostHog.flush).pipe(Effect.provide(onSink(sink, { maxBatchSize: 2 })))
      assert.strictEqual(new Set(sink.requests.map(({ headers }) => headers["posthog-request-id"])).size, 2)
    }))

  it.scopedLive("costs nothing before the first event", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        yield* PostHog.flush
      }).pipe(Effect.provide(onSink(sink)))
      assert.deepStrictEqual(sink.requests.map(({ path }) => path), ["/batch/"])
    }))

  it.scopedLive("leaves when flushAt is reached, and after flushInterval", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* sendMany(3)
        yield* Effect.promise(() => sink.until(() => sink.acceptedCount === 3))
        yield* sendOne()
        yield* Effect.promise(() => sink.until(() => sink.acceptedCount === 4))
      }).pipe(Effect.provide(onSink(sink, { flushAt: 3, flushInterval: 200 })))
    }))

  it.scopedLive("a lane whose requests hang holds up neither the other one nor the time for closing", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.rules = { otherwise: ({ path }) => path === v1Path ? Sink.hang : Sink.ok }
      const service = yield* Effect.gen(function*() {
        yield* sendMany(3)
        for (let i = 0; i < 3; i++) yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        return yield* PostHog.PostHog
      }).pipe(Effect.provide(onSink(sink, { shutdownTimeout: "3 seconds", flushInterval: "1 hour" })))
      assert.deepInclude(yield* service.stats, { delivered: 3, dropped: { shutdown_timeout: 3 }, inFlight: 0 })
      assert.strictEqual(sink.acceptedCount, 3)
      // The request that has no answer is made anew, and is told as a repetition of the same one.
      const asked = sink.requests.filter(({ path }) => path === v1Path)
      assertRepetitions(asked)
    }))

  it.scopedLive("both lanes are drained at the same time", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let open: () => void = () => {}
      const both = new Promise<void>((resolve) => open = resolve)
      // Nobody is answered before both are here.
      sink.rules = { otherwise: () => ({ kind: "wait", until: both, next: Sink.ok }) }
      void sink.until(() => sink.requests.length === 2).then(open)
      yield* Effect.gen(function*() {
        yield* sendOne()
        yield* PostHog.capture("a", {}, { distinctId: "user_1" })
      }).pipe(Effect.provide(onSink(sink, { flushInterval: "1 hour" })))
      assert.strictEqual(sink.acceptedCount, 2)
    }))

  it.scopedLive("opting out drops what is queued on both lanes, and closing refuses on both", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* sendMany(2)
        yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        yield* PostHog.optOut
        assert.isUndefined(yield* sendOne())
        assert.deepInclude(yield* stats, { accepted: 3, dropped: { opted_out: 3 }, ignored: 1 })
        yield* PostHog.optIn
        assert.isDefined(yield* sendOne())
        yield* PostHog.flush
      }).pipe(Effect.provide(onSink(sink)))
      assert.strictEqual(sink.acceptedCount, 1)
    }))

  it.scopedLive("an event past the queue is acknowledged before the call returns, or fails", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.rules = { verdict: ({ properties }) => properties.bad === true ? { result: "drop" } : undefined }
      yield* Effect.gen(function*() {
        const uuid = yield* sendOneNow()
        assert.deepStrictEqual(sink.accepted.map((event) => event.uuid), [uuid])
        const failure = yield* Effect.flip(sendOneNow({ bad: true }))
        assert.deepInclude(failure, { reason: "rejected", status: 200, dropped: 1 })
      }).pipe(Effect.provide(onSink(sink)))
    }))

  it.scopedLive("a name that PostHog's route does not take goes with all others, which is told", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* sendOne({}, { event: "$ai_of_mine" })
        yield* sendOne({}, { event: "order completed" })
        yield* PostHog.flush
        assert.deepStrictEqual(sink.requests.map(({ path }) => path), ["/batch/"])
        assert.deepStrictEqual(told.filter(({ _tag }) => _tag === "UnknownAiEvent"), [
          { _tag: "UnknownAiEvent", event: "$ai_of_mine" },
          { _tag: "UnknownAiEvent", event: "order completed" }
        ])
      }).pipe(Effect.provide(onSink(sink)))
    }).pipe(Effect.scoped))

  it.scopedLive("without a background, a flush sends both lanes", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      yield* Effect.gen(function*() {
        yield* sendMany(3)
        yield* PostHog.capture("a", {}, { distinctId: "user_1" })
        assert.strictEqual(sink.requests.length, 0)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 4, dropped: 0 })
      }).pipe(Effect.provide(onSink(sink, { background: false, flushAt: 1 })))
    }))
})

describe("an event of capture v1", () => {
  const given = (input: Parameters<typeof sendOne>[1], properties: object = {}, options: PostHogConfig.Options = {}) =>
    through(sendOne(properties, input), options)

  /** With and without a hook, which takes another way through the writing. */
  const both = (name: string, test: (options: PostHogConfig.Options) => Effect.Effect<void, unknown, never>) => {
    it.live(name, () => test({}))
    it.live(`${name}, seen by a hook`, () => test({ beforeSend: (event) => event }))
  }

  both("has its options as they are given", (options) =>
    Effect.gen(function*() {
      const event = yield* given(
        {
          options: { options: { future: { a: [1] }, process_person_profile: true, product_tour_id: null } }
        },
        { $process_person_profile: false },
        options
      )
      assert.deepStrictEqual(event.options, { future: { a: [1] }, process_person_profile: true })
      assert.notProperty(event.properties, "$process_person_profile")
    }).pipe(Effect.scoped))

  both(
    "fills options that are not set from properties, of the call and of the context",
    (options) =>
      Effect.gen(function*() {
        const sent = sendOne({ $cookieless_mode: "TRUE", $ignore_sent_at: 0, $product_tour_id: 5, $window_id: "w" }, {
          options: { options: { cookieless_mode: null } }
        }).pipe(
          PostHog.withContext({ properties: { $session_id: "s", $window_id: "other", $process_person_profile: "no" } })
        )
        const event = yield* through(sent, options)
        assert.deepStrictEqual(event.options, { cookieless_mode: true, disable_skew_correction: false })
        assert.deepInclude(event, { session_id: "s", window_id: "w" })
        for (const name of Object.keys(event.properties)) {
          assert.notInclude(["$session_id", "$window_id", "$cookieless_mode", "$lib"], name)
        }
      }).pipe(Effect.scoped)
  )

  both(
    "is personless without a user, whatever a property says, unless an option says otherwise",
    (options) =>
      Effect.gen(function*() {
        const of = (more: object) =>
          given({ personlessId: "trace-1", options: { distinctId: undefined, ...more } }, {
            $process_person_profile: true
          }, options)
        assert.deepInclude(yield* of({}), { distinct_id: "trace-1", options: { process_person_profile: false } })
        assert.deepInclude(yield* of({ options: { process_person_profile: true } }), {
          options: { process_person_profile: true }
        })
        assert.deepInclude(yield* of({ processPersonProfile: true }), { options: { process_person_profile: true } })
      }).pipe(Effect.scoped)
  )

  both("has a canonical uuid, and a time in UTC", (options) =>
    Effect.gen(function*() {
      const canonical = "0192d4f5-0000-7000-8000-00000000abcd"
      for (
        const uuid of [
          canonical.toUpperCase(),
          canonical.replaceAll("-", ""),
          `{${canonical}}`,
          `urn:uuid:${canonical}`
        ]
      ) {
        const event = yield* given(
          { options: { uuid, timestamp: "2025-01-02T08:34:05+05:30" } },
          {},
          options
        )
        assert.deepInclude(event, { uuid: canonical, timestamp: "2025-01-02T03:04:05Z" })
      }
    }).pipe(Effect.scoped))

  it.live("a hook sees options beside the properties, and has the last word", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const event = yield* given({ options: { options: { a: 1, cookieless_mode: true } } }, { $session_id: "s" }, {
        beforeSend: (event) => {
          seen.push(event.options, event.properties.$session_id, event.properties.$lib)
          return {
            ...event,
            options: { ...event.options, a: 2, cookieless_mode: null },
            properties: { ...event.properties, $process_person_profile: "false", $session_id: "t" }
          }
        }
      })
      assert.deepStrictEqual(seen, [{ a: 1, cookieless_mode: true }, "s", "posthog-effect"])
      assert.deepStrictEqual(event.options, { a: 2, process_person_profile: false })
      assert.strictEqual(event.session_id, "t")
    }).pipe(Effect.scoped))

  it.live("keeps the text of its properties, whatever is in it", () =>
    Effect.gen(function*() {
      const properties = {
        "a\"\\}{": "\"},\"options\":{",
        nested: { $session_id: "stays" },
        "\u2028": "\ud83d\ude00 \\"
      }
      const event = yield* given({ options: { distinctId: "u\",\"\\" } }, properties)
      for (const [name, value] of Object.entries(properties)) assert.deepStrictEqual(event.properties[name], value)
      assert.strictEqual(event.distinct_id, "u\",\"\\")
    }).pipe(Effect.scoped))
})

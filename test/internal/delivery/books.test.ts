/**
 * The books of an outbox, by whatever happens to it: accepted = queued + in flight + delivered + dropped at every moment, and a listener
 * that appends and settles, as a journal would, knows exactly what is on its way.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import type { PostHogConfig } from "effect-posthog"
import type { Batch } from "../../../src/internal/delivery/batch.js"
import { Books, type Listener } from "../../../src/internal/delivery/books.js"
import type { SendFailure } from "../../../src/internal/delivery/failure.js"
import { Gate } from "../../../src/internal/delivery/gate.js"
import { type Branch, events, type Lane } from "../../../src/internal/delivery/lane.js"
import * as Outbox from "../../../src/internal/delivery/outbox.js"
import type { Results, Transport } from "../../../src/internal/delivery/transport.js"
import type { Diagnostics } from "../../../src/internal/diagnostics.js"
import { check } from "../../../src/internal/options.js"
import { aboutEvents } from "../../../src/internal/warnings.js"
import { isRunning } from "../../support/effect.js"
import { assertAddsUp } from "../../support/posthog.js"
import { type Random, random } from "../../support/random.js"

type Told = Pick<Diagnostics, "emit" | "failed" | "succeeded">
const silent = { emit: () => {}, failed: () => {}, succeeded: () => {} } satisfies Told as Told as Diagnostics

const text = (i: number, padding = ""): string =>
  `{"uuid":"${String(i).padStart(36, "0")}","event":"e${i}","p":"${padding}"}`

const indices = (batch: Batch): ReadonlyArray<number> => batch.heads().map(({ event }) => Number(event.slice(1)))

/** Keeps what is on its way, as a journal on disk would. */
class Journal implements Listener {
  readonly live = new Map<string, string>()
  appended = 0

  readonly queued: NonNullable<Listener["queued"]> = (lane, sequence, text) => {
    const key = `${lane} ${sequence}`
    assert.isFalse(this.live.has(key), "each number once")
    this.live.set(key, text)
    this.appended++
  }

  readonly settled: NonNullable<Listener["settled"]> = ({ count, from }) => {
    if (from === undefined) return
    for (let i = 0; i < count; i++) {
      assert.isTrue(this.live.delete(`${from.lane} ${from.sequence + i}`), "settled once, and after it was appended")
    }
  }
}

type Behaviour = (batch: Batch) => Effect.Effect<Results | undefined, SendFailure>

/** A lane beside that of all events. */
const branch = (lane: Partial<Lane["limits"]>, transport: Transport): Branch => ({
  name: "other",
  form: undefined,
  refuses: () => undefined,
  open: () => ({
    lane: {
      name: "other",
      about: aboutEvents,
      limits: {
        maxBatchSize: 2,
        maxBatchBytes: 1e6,
        maxEventBytes: 1e6,
        maxQueueBytes: 1e6,
        maxQueueSize: 1e6,
        ...lane
      },
      requestTimeout: Duration.seconds(30)
    },
    transport
  })
})

const build = (given: PostHogConfig.Options, transport: Transport, journal = new Journal()) =>
  Effect.gen(function*() {
    const options = yield* check(given)
    const scope = yield* Scope.make()
    // Listeners are told in the middle of what happens, and the numbers add up there too.
    const books: Books = new Books("books", [journal, {
      queued: () => assertAddsUp(books.snapshot()),
      settled: () => assertAddsUp(books.snapshot())
    }])
    const gate = new Gate(options.optedOut)
    const route = { lane: events(options), transport }
    const outbox = yield* Outbox.make(options, route, gate, books, silent).pipe(Scope.extend(scope))
    return { outbox, books, gate, journal, close: Scope.close(scope, Exit.void) }
  })

/** A server with moods. */
const moody = ({ chance, pick }: Random, accepted: Array<number>): Behaviour => {
  const fail = (failure: SendFailure) => Effect.fail(failure)
  const verdicts: Behaviour = (batch) =>
    Effect.sync((): Results => ({
      _tag: "Results",
      status: 200,
      retryAfter: chance(50) ? 1_000 : undefined,
      verdicts: indices(batch).map((index) => {
        if (chance(30)) return { result: "retry", detail: pick([undefined, "not_persisted"]) }
        if (chance(30)) {
          return { result: "drop", reason: chance(50) ? "rejected" : "too_large", detail: pick(["this", "that"]) }
        }
        accepted.push(index)
        return "ok"
      })
    }))
  const answers: ReadonlyArray<Behaviour> = [
    () => fail({ _tag: "Retryable", reason: "status", status: 503 }),
    () => fail({ _tag: "Retryable", reason: "status", status: 429, retryAfter: 7_000 }),
    () => fail({ _tag: "Retryable", reason: "connection" }),
    () => fail({ _tag: "TooLarge" }),
    () => fail({ _tag: "Rejected", status: 400 }),
    () => fail({ _tag: "Rejected", status: 401 }),
    () => Effect.never,
    () => Effect.interrupt,
    () => Effect.die(new Error("a bug")),
    () => Effect.zipRight(Effect.sleep(3_000), fail({ _tag: "Retryable", reason: "timeout" })),
    // A verdict for each event, more than once so that it is more likely.
    verdicts,
    verdicts,
    verdicts
  ]
  const ok: Behaviour = (batch) =>
    Effect.sync(() => {
      accepted.push(...indices(batch))
      return undefined
    })
  const late: Behaviour = (batch) => Effect.delay(ok(batch), "2 seconds")
  return (batch) => Effect.suspend(() => (chance(55) ? ok : chance(20) ? late : pick(answers))(batch))
}

const settings: ReadonlyArray<PostHogConfig.Options> = [
  { flushAt: 5, maxBatchSize: 4, maxQueueSize: 30, maxRetries: 1, retryPause: "10 seconds", maxConcurrentRequests: 2 },
  { flushAt: 20, maxBatchSize: 8, maxQueueSize: 20, overflow: "dropNewest", maxRetries: 0 },
  { flushAt: 3, maxBatchSize: 3, maxQueueSize: 6, overflow: { waitUpTo: "8 seconds" }, maxConcurrentRequests: 1 },
  { background: false, maxBatchSize: 5, maxQueueSize: 25, maxRetries: 2 }
]

const day = (seed: number) =>
  Effect.gen(function*() {
    const chances = random(seed)
    const { below, chance, pick } = chances
    const accepted: Array<number> = []
    const behaviour = moody(chances, accepted)
    const transport: Transport = {
      send: (batch, _, mayGoOn) => Effect.suspend(() => mayGoOn() ? behaviour(batch) : Effect.interrupt)
    }
    const setting = pick(settings)
    const { books, close, gate, journal, outbox } = yield* build(setting, transport)
    const other = branch({ maxBatchSize: 1 + below(6), maxQueueSize: setting.maxQueueSize ?? 20 }, transport)
    const lane = () => chance(40) ? other : undefined
    const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
    let next = 0
    let waitingForRoom = 0

    const balanced = () => {
      const stats = books.snapshot()
      assertAddsUp(stats)
      for (const count of [stats.queued, stats.inFlight]) assert.isAtLeast(count, 0)
      return stats
    }
    const offer = Effect.suspend(() => {
      const offered = outbox.offer(text(next++, "p".repeat(below(50))), lane())
      if (offered === Effect.void) return offered
      waitingForRoom++
      return Effect.forkDaemon(Effect.ensuring(offered, Effect.sync(() => waitingForRoom--)))
    })
    const steps: ReadonlyArray<Effect.Effect<unknown>> = [
      Effect.repeat(offer, { times: 1 + below(9) }),
      offer,
      Effect.map(Effect.forkDaemon(outbox.flush), (fiber) => fibers.push(fiber)),
      Effect.map(Effect.forkDaemon(outbox.sendNow(text(next++), lane())), (fiber) => fibers.push(fiber)),
      Effect.suspend(() => TestClock.adjust(below(6_000))),
      Effect.suspend(() => TestClock.adjust(below(500))),
      Effect.suspend(() => chance(20) ? Effect.sync(outbox.optOut) : Effect.void),
      Effect.sync(outbox.optIn),
      Effect.suspend(() => {
        const fiber = fibers.at(-1)
        return fiber !== undefined && chance(30) ? Fiber.interrupt(fiber) : Effect.void
      })
    ]
    for (let step = 0; step < 60; step++) {
      yield* pick(steps)
      const { inFlight, queued } = balanced()
      assert.isAtMost(journal.live.size, queued + inFlight)
    }
    const closing = yield* Effect.forkDaemon(close)
    for (let step = 0; step < 30; step++) {
      yield* TestClock.adjust(500)
      balanced()
      // Nothing is taken any more, whatever is tried.
      const before = books.snapshot()
      outbox.optIn()
      yield* offer
      if (chance(10)) outbox.optOut()
      assert.notStrictEqual(gate.phase, "open")
      assert.strictEqual(books.snapshot().accepted, before.accepted + 1)
    }
    yield* Fiber.join(closing)
    const end = balanced()
    assert.deepStrictEqual([end.queued, end.inFlight, journal.live.size, waitingForRoom], [0, 0, 0, 0])
    assert.isTrue(!fibers.some(isRunning), "nobody waits for ever")
    assert.isAtLeast(accepted.length, end.delivered)
    return end
  })

describe("Books", () => {
  for (let from = 0; from < 60; from += 20) {
    it.effect(`add up through any day, seeds ${from} to ${from + 19}`, () =>
      Effect.gen(function*() {
        let delivered = 0
        for (let seed = from; seed < from + 20; seed++) {
          const end = yield* Effect.tapErrorCause(
            day(seed),
            () => Effect.sync(() => process.stderr.write(`seed ${seed}\n`))
          )
          delivered += end.delivered
        }
        assert.isAbove(delivered, 0)
      }), 120_000)
  }

  it.effect("are shared by lanes, and so is the gate, while each lane has its own way and limits", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const transportOf = (path: string): Transport => ({
        send: (batch) =>
          Effect.sync(() => {
            seen.push(`${path} ${indices(batch)}`)
            return undefined
          })
      })
      const other = branch({ maxEventBytes: 100, maxQueueSize: 10 }, transportOf("/other/"))
      const { books, close, journal, outbox } = yield* build({ flushAt: 1_000 }, transportOf("/batch/"))
      for (let i = 0; i < 3; i++) yield* outbox.offer(text(i))
      for (let i = 3; i < 6; i++) yield* outbox.offer(text(i), other)
      yield* outbox.offer(text(6, "x".repeat(100)), other)
      assert.deepInclude(books.snapshot(), { accepted: 7, queued: 6, dropped: { too_large: 1 } })
      assert.sameMembers(Array.from(journal.live.keys()), [
        "events 0",
        "events 1",
        "events 2",
        "other 0",
        "other 1",
        "other 2"
      ])
      assert.deepStrictEqual(yield* outbox.flush, { delivered: 6, dropped: 0 })
      assert.sameMembers(seen, ["/batch/ 0,1,2", "/other/ 3,4", "/other/ 5"])
      yield* outbox.offer(text(7), other)
      outbox.optOut()
      yield* outbox.offer(text(8), other)
      yield* outbox.offer(text(9))
      assert.deepInclude(books.snapshot(), { delivered: 6, dropped: { too_large: 1, opted_out: 3 } })
      outbox.optIn()
      yield* outbox.offer(text(10), other)
      yield* outbox.offer(text(11))
      yield* close
      assert.deepInclude(books.snapshot(), { queued: 0, delivered: 8 })
      assert.strictEqual(journal.live.size, 0)
      assert.deepInclude(yield* Effect.flip(outbox.flush), { reason: "closed" })
    }))
})

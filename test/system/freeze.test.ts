/**
 * Processes that stand still between invocations, as on Lambda: stopped and continued by signals, with a clock that jumps.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import type { PostHog } from "effect-posthog"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { limitMillis } from "../support/limit.js"
import { assertAddsUp, names } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

const hourMillis = 3_600_000

type Flush = "awaited" | "none" | "abandoned"

interface Sandbox {
  /** Thaws the process, runs an invocation to its end, and freezes the process on the spot. Gives the numbers of that moment. */
  readonly invoke: (flush: Flush, jumpMillis?: number) => Effect.Effect<PostHog.Stats>
}

/** The next line that is no line of the log. */
const answerOf = async (lines: AsyncIterator<string>): Promise<string> => {
  for (;;) {
    const { done, value } = await lines.next()
    if (done === true) throw new Error("the process has ended")
    if (value.startsWith("{")) return value
  }
}

const makeSandbox = (sink: Sink.Sink, mode: "manual" | "background"): Effect.Effect<Sandbox, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, ["--import", "tsx", "test/programs/lambda.ts", sink.url, mode], {
          stdio: ["pipe", "pipe", "inherit"]
        })
        return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
      }),
      ({ child }) =>
        Effect.promise(async () => {
          child.kill("SIGKILL")
          if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
        })
    ),
    ({ child, lines }) => {
      let id = 0
      return {
        invoke: (flush, jumpMillis = 0) =>
          Effect.promise(async () => {
            child.kill("SIGCONT")
            child.stdin.write(`${JSON.stringify({ id: id++, jumpMillis, flush })}\n`)
            const answer = await answerOf(lines)
            child.kill("SIGSTOP")
            const stats = JSON.parse(answer) as PostHog.Stats
            assertAddsUp(stats)
            return stats
          })
      }
    }
  )

const events = (...ids: ReadonlyArray<number>): ReadonlyArray<string> =>
  ids.flatMap((id) => [0, 1, 2].map((i) => `event ${id}.${i}`))

describe("a process that is frozen after each invocation", () => {
  for (const mode of ["manual", "background"] as const) {
    it.scopedLive(
      `${mode}: with an awaited flush nothing is lost, and nothing is under way when it stands still`,
      () =>
        Effect.gen(function*() {
          const sink = yield* Sink.make()
          const { invoke } = yield* makeSandbox(sink, mode)
          for (let id = 0; id < 5; id++) {
            const stats = yield* invoke("awaited", hourMillis)
            assert.deepInclude(stats, { queued: 0, inFlight: 0, delivered: 3 * (id + 1), dropped: {} })
            assert.deepStrictEqual(names(sink.accepted), events(...Array.from({ length: id + 1 }, (_, i) => i)))
          }
        }),
      limitMillis
    )
  }

  it.scopedLive("an invocation that forgets to flush leaves its events to the next one", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { invoke } = yield* makeSandbox(sink, "manual")
      assert.deepInclude(yield* invoke("none"), { queued: 3 })
      assert.deepInclude(yield* invoke("awaited", hourMillis), { queued: 0, inFlight: 0, delivered: 6 })
      assert.deepStrictEqual(names(sink.accepted), events(0, 1))
    }), limitMillis)

  it.scopedLive("a timer of the batching fiber that is an hour late does no harm", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { invoke } = yield* makeSandbox(sink, "background")
      yield* invoke("none")
      yield* invoke("awaited", hourMillis)
      yield* invoke("none", hourMillis)
      const stats = yield* invoke("awaited", hourMillis)
      assert.deepInclude(stats, { queued: 0, inFlight: 0, delivered: 12, dropped: {} })
      assert.deepStrictEqual(names(sink.accepted), events(0, 1, 2, 3))
    }), limitMillis)

  it.scopedLive("what was frozen in the middle of a flush is taken over by the next one", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const { invoke } = yield* makeSandbox(sink, "manual")
      yield* invoke("awaited")
      sink.next(Sink.hang)
      yield* invoke("abandoned")
      const stats = yield* invoke("awaited", hourMillis)
      assert.deepInclude(stats, { queued: 0, inFlight: 0, delivered: 9, dropped: {} })
      assert.sameMembers(names(sink.accepted) as Array<string>, events(0, 1, 2) as Array<string>)
    }), limitMillis)
})

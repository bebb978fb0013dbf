/**
 * How programs end, in processes of their own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as BlackHole from "../support/blackHole.js"
import { type Ended, run } from "../support/child.js"
import { definitions, flag } from "../support/definitions.js"
import { limitMillis } from "../support/limit.js"
import { names, range } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

const program = "test/programs/exit.ts"

const end = (
  way: string,
  host: string | undefined,
  signal?: NodeJS.Signals,
  ...budget: ReadonlyArray<string>
): Effect.Effect<Ended> =>
  Effect.promise(() =>
    run(program, {
      args: host === undefined ? [way] : [way, host, ...budget],
      onLine: (line, kill) => {
        if (line === "ready" && signal !== undefined) kill(signal)
      }
    })
  )

/** Output without the times at which things were logged. */
const withoutTimes = (output: string): string => output.replaceAll(/timestamp=\S+|\[\d\d:\d\d:\d\d\.\d+\]/g, "")

const ways: ReadonlyArray<{ readonly way: string; readonly signal?: NodeJS.Signals; readonly code?: number }> = [
  { way: "success", code: 0 },
  { way: "failure", code: 1 },
  { way: "defect", code: 1 },
  { way: "interruption" },
  { way: "signal", signal: "SIGINT" },
  { way: "signal", signal: "SIGTERM" },
  { way: "process.exit", code: 7 }
]

describe("exit", () => {
  for (const { code, signal, way } of ways) {
    it.scopedLive(`${signal ?? way}: what is queued arrives before the process ends`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const without = yield* end(way, undefined, signal)
        const ended = yield* end(way, sink.url, signal)
        assert.deepStrictEqual(names(sink.accepted), range(5))
        assert.strictEqual(ended.code, without.code)
        assert.strictEqual(ended.stderr, without.stderr)
        if (code !== undefined) assert.strictEqual(ended.code, code)
      }), limitMillis)
  }

  it.scopedLive(
    "SIGTERM while a flush waits for a server that hangs: the events are sent again, and arrive",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        sink.next(Sink.hang)
        // The server is asked again when half of the budget is over.
        const ended = yield* end("signal during a flush", sink.url, "SIGTERM", "10 seconds")
        assert.deepStrictEqual(names(sink.accepted), range(5))
        assert.strictEqual(sink.requests.length, 2)
        assert.strictEqual(ended.stderr, "")
      }),
    limitMillis
  )

  it.scopedLive(
    "a black-holed host changes neither exit code nor output, and costs no more than the budget",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make({ otherwise: () => Sink.hang })
        for (const [way, signal] of [["success"], ["failure"], ["signal", "SIGTERM"]] as const) {
          const without = yield* end(way, undefined, signal)
          const ended = yield* end(way, sink.url, signal, "2 seconds")
          assert.strictEqual(ended.code, without.code)
          assert.strictEqual(ended.signal, without.signal)
          assert.strictEqual(ended.stderr, without.stderr)
          assert.strictEqual(withoutTimes(ended.stdout), withoutTimes(without.stdout))
          // That it has ended says that the budget of two seconds has ended it: the request alone would have waited for an hour.
        }
        assert.isAbove(sink.requests.length, 0)
        assert.strictEqual(sink.accepted.length, 0)
      }),
    limitMillis
  )

  it.scopedLive("an idle instance does not keep the process alive", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      for (const way of ["idle", "idle after sending"]) {
        const ended = yield* end(way, sink.url)
        // That it has ended says that it waits for nothing: the flush interval alone is an hour.
        assert.strictEqual(ended.code, 0)
      }
      assert.strictEqual(sink.accepted.length, 5)
    }), limitMillis)

  it.scopedLive("neither does a poller that waits for its next load", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ definitions: () => definitions([flag("on")]) })
      const { code, stdout } = yield* end("polling", sink.url)
      assert.strictEqual(stdout, "polling\n")
      assert.strictEqual(code, 0)
      assert.strictEqual(sink.loads.length, 1)
    }), limitMillis)

  // A connection that is given up must not hold the process: that of fetch does for ten seconds. What is left is looked at, and
  // not a clock, because processes take their time on a busy machine.
  it.scopedLive("nothing is left of a host that drops packets when a layer is closed", () =>
    Effect.gen(function*() {
      const host = yield* BlackHole.make
      const { code, stdout } = yield* Effect.promise(() => run("test/programs/blackHole.ts", { args: [host] }))
      const ways = [
        "PostHogLive",
        "PostHogLive with a secret key",
        "PostHogCli",
        "PostHog.layer",
        "PostHog.layerConfig",
        "without background",
        "LocalEvaluation"
      ]
      assert.deepStrictEqual(
        stdout.trim().split("\n"),
        ways.flatMap((way) => [`${way}, events: []`, `${way}, nothing: []`])
      )
      assert.strictEqual(code, 0)
      // That there is something to be seen: with fetch it is the connection, or the timer that waits for it.
      const overFetch = yield* Effect.promise(() => run("test/programs/blackHole.ts", { args: [host, "fetch"] }))
      assert.match(overFetch.stdout, /over fetch, events: \["/)
    }), limitMillis)
})

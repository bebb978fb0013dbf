/**
 * An outbox whose disk does not do what it is asked to: events stay in memory, and the numbers say so.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog } from "effect-posthog"
import { renameSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { type FileSystem, nodeDisk } from "../../../../src/internal/delivery/durable/disk.js"
import { filesIn, life, temporary } from "../../../support/durable.js"
import { type Answer, FakeClient } from "../../../support/fakeClient.js"
import { assertAddsUp, collectDiagnostics } from "../../../support/posthog.js"

const down = () => new FakeClient(() => "refused")
const up = (): Answer => ({ status: 200, body: "{\"status\":1}" })

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** Captures in one turn, whose end writes. */
const captureMany = (count: number, from = 0, padding = "") =>
  Effect.zipRight(
    Effect.forEach(
      Array.from({ length: count }, (_, i) => from + i),
      (i) => PostHog.capture(`event ${i}`, { padding }, { distinctId: "user" }),
      { discard: true }
    ),
    turn
  )

const names = (client: FakeClient) => client.accepted.map(({ event }) => event)
const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `event ${from + i}`)

const droppedIn = ({ dropped }: PostHog.Stats): number => Object.values(dropped).reduce((sum, count) => sum + count, 0)

/** A disk that is full now and then. */
const limited = () => {
  const disk = nodeDisk()!
  const state = { isFull: false }
  const fs: FileSystem = {
    ...disk,
    write: (file, bytes) => {
      if (!state.isFull) return disk.write(file, bytes)
      disk.write(file, bytes.subarray(0, bytes.length / 2))
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })
    }
  }
  return { fs, state }
}

/** What others can do to the files of a process that is running. */
const removals: Readonly<Record<string, (directory: string, file: string) => void>> = {
  "its directory is removed": (directory) => rmSync(directory, { recursive: true }),
  "the directory of its lane is removed": (_, file) => rmSync(dirname(file), { recursive: true }),
  "its file is removed": (_, file) => rmSync(file),
  "its directory is taken away": (directory, file) => renameSync(dirname(dirname(file)), join(directory, "elsewhere"))
}

describe("an outbox on disk", () => {
  for (const [name, remove] of Object.entries(removals)) {
    it.scopedLive(`says that ${name} while it runs, and sends what is in memory`, () =>
      Effect.gen(function*() {
        for (const sync of [0, "1 second", "never"] as const) {
          const directory = join(yield* temporary, "outbox")
          const client = down()
          const { close, run } = yield* life(directory, client, { sync })
          yield* run(Effect.scoped(Effect.gen(function*() {
            const diagnostics = yield* collectDiagnostics
            yield* PostHog.captureDurable("event 0", {}, { distinctId: "user" })
            yield* captureMany(9, 1)
            remove(directory, filesIn(directory)[0]!)
            const error = yield* Effect.flip(PostHog.captureDurable("event 10", {}, { distinctId: "user" }))
            assert.strictEqual(error.reason, "storage")
            assert.match(error.detail, /was removed or taken away|ENOENT/)
            const stats = yield* PostHog.stats
            assertAddsUp(stats)
            assert.strictEqual(stats.unstored, 11)
            client.otherwise = up
            yield* PostHog.flush
            assert.deepStrictEqual(names(client), range(11))
            assert.deepInclude(yield* PostHog.stats, { unstored: 0, queued: 0, delivered: 11, dropped: {} })
            yield* turn
            const [first, ...others] = diagnostics.filter(({ _tag }) => _tag === "StorageFailed")
            assert.match(JSON.stringify(first), /was removed or taken away/)
            assert.deepStrictEqual(others, [])
          })))
          yield* close
        }
      }))

    it.scopedLive(`counts nothing as stored when ${name} and it ends`, () =>
      Effect.gen(function*() {
        const directory = join(yield* temporary, "outbox")
        const { close, run, stats } = yield* life(directory, down(), { sync: "never" })
        yield* run(captureMany(10))
        remove(directory, filesIn(directory)[0]!)
        yield* close
        const ended = yield* stats
        assertAddsUp(ended)
        assert.deepInclude(ended, { stored: 0, unstored: 0 })
        assert.strictEqual(droppedIn(ended), 10)
      }))
  }

  it.scopedLive("stores in a new file what comes after its file was removed", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const { close, run, stats } = yield* life(directory, down(), { sync: 0 })
      yield* run(PostHog.captureDurable("event 0"))
      rmSync(filesIn(directory)[0]!)
      yield* Effect.flip(run(PostHog.captureDurable("event 1")))
      yield* Effect.retry(run(PostHog.captureDurable("event 2")), { times: 10_000, while: () => Effect.as(turn, true) })
      yield* close
      const { stored } = yield* stats
      assert.isAtLeast(droppedIn(yield* stats), 2)
      const client = new FakeClient()
      const next = yield* life(directory, client)
      yield* next.run(PostHog.flush)
      yield* next.close
      assert.strictEqual(names(client).length, stored)
      assert.strictEqual(names(client).at(-1), "event 2")
    }))

  it.scopedLive("counts as stored what is written and nothing else, when it ends while the disk is full", () =>
    Effect.gen(function*() {
      for (const isFullAtTheEnd of [true, false]) {
        for (const maxQueueSize of [1_000, 5]) {
          const directory = yield* temporary
          const { fs, state } = limited()
          const { close, run, stats } = yield* life(
            directory,
            down(),
            { instance: { maxQueueSize, background: false } },
            fs
          )
          yield* run(captureMany(10))
          assert.deepInclude(yield* stats, { unstored: 0 })
          state.isFull = true
          yield* run(captureMany(10, 10))
          const failing = yield* stats
          assertAddsUp(failing)
          assert.deepInclude(failing, { queued: 20, unstored: 10 })
          state.isFull = isFullAtTheEnd
          yield* close
          const ended = yield* stats
          assertAddsUp(ended)
          assert.deepInclude(ended, { stored: isFullAtTheEnd ? 10 : 20, unstored: 0 })
          assert.strictEqual(droppedIn(ended), isFullAtTheEnd ? 10 : 0)
          const client = new FakeClient()
          const next = yield* life(directory, client)
          yield* next.run(PostHog.flush)
          yield* next.close
          // Some of what the disk had no room for may be there all the same.
          assert.includeMembers(names(client), range(ended.stored))
        }
      }
    }))
})

/**
 * An outbox whose disk does not do what it is asked to: events stay in memory, and the numbers say so.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
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

/** A disk of which some files cannot be read. */
const unreadable = () => {
  const disk = nodeDisk()!
  const paths = new Set<string>()
  let tries = 0
  const fs: FileSystem = {
    ...disk,
    read: async (path) => {
      if (!paths.has(path)) return disk.read(path)
      tries++
      throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" })
    }
  }
  return { fs, paths, tries: () => tries }
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

  it.scopedLive("sends each event once when the disk has room again while others wait on it", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = down()
      const { fs, state } = limited()
      const { close, run, stats } = yield* life(directory, client, {
        instance: { maxQueueBytes: 64 * 1024, maxEventBytes: 50_000, background: false }
      }, fs)
      // There is room for one of these in memory, and then for small ones.
      yield* run(captureMany(2, 0, "x".repeat(40_000)))
      state.isFull = true
      yield* run(captureMany(1, 2))
      state.isFull = false
      // A turn that takes longer than the pause, so that the next event is the first to try again.
      const until = performance.now() + 300
      while (performance.now() < until);
      yield* run(captureMany(1, 3))
      client.otherwise = up
      yield* run(PostHog.flush)
      assert.deepStrictEqual(names(client).sort(), range(4))
      assert.deepInclude(yield* stats, { queued: 0, unstored: 0, delivered: 4 })
      yield* close
    }))

  it.scopedLive(
    "sends all others when a file cannot be read, says so once, and fails a flush",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const client = down()
        const broken = unreadable()
        const { close, run } = yield* life(directory, client, {
          segmentBytes: 64 * 1024,
          instance: { maxQueueBytes: 128 * 1024, maxEventBytes: 10_000, background: false }
        }, broken.fs)
        yield* run(Effect.scoped(Effect.gen(function*() {
          const diagnostics = yield* collectDiagnostics
          yield* captureMany(1_500, 0, "x".repeat(300))
          const files = filesIn(directory).length
          // Those of the oldest file are in memory; the last one is the one that is being written.
          for (
            const paths of [[filesIn(directory).at(-3)!], [filesIn(directory).at(-1)!, filesIn(directory).at(-2)!]]
          ) {
            for (const path of paths) broken.paths.add(path)
          }
          client.otherwise = up
          const error = yield* Effect.flip(PostHog.flush)
          assert.deepInclude(error, { reason: "storage", dropped: 0 })
          assert.match(error.message, /the durable outbox does not work.*cannot be read/)
          const before = names(client).length
          assert.isAbove(before, 200)
          assert.strictEqual(error.delivered, before)
          assert.strictEqual(error.queued, 1_500 - before)
          // What comes now is sent, and nothing waits for ever.
          yield* captureMany(5, 1_500)
          assert.strictEqual((yield* Effect.flip(PostHog.flush)).reason, "storage")
          assert.includeMembers(names(client), range(5, 1_500))
          assertAddsUp(yield* PostHog.stats)
          const tries = broken.tries()
          yield* Effect.repeat(turn, { until: () => broken.tries() >= tries + 2, times: 1_000_000 })
          assert.strictEqual(diagnostics.filter(({ _tag }) => _tag === "StorageFailed").length, 3)
          broken.paths.clear()
          yield* Effect.retry(PostHog.flush, { times: 1_000_000, while: () => Effect.as(turn, true) })
          yield* turn
          assert.strictEqual(diagnostics.filter(({ _tag }) => _tag === "StorageRestored").length, 1)
          assert.deepStrictEqual(names(client).sort(), range(1_505).sort())
          assert.deepInclude(yield* PostHog.stats, { queued: 0, unstored: 0, delivered: 1_505, dropped: {} })
          assert.isAbove(files, 3)
        })))
        yield* close
        assert.deepStrictEqual(filesIn(directory), [])
      }),
    60_000
  )

  for (const what of ["read", "list"] as const) {
    it.scoped(`says once that what a dead process has left cannot be taken over (${what}), and takes it when it can`, () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const client = new FakeClient()
        const ending = yield* life(directory, down())
        yield* ending.run(captureMany(3))
        const orphan = dirname(dirname(filesIn(directory)[0]!)).split("/").at(-1)!
        const disk = nodeDisk()!
        let isBroken = true
        let tries = 0
        const check = (path: string): void => {
          if (!isBroken || !new RegExp(`/events/${orphan}`).test(path)) return
          tries++
          throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" })
        }
        const fs: FileSystem = {
          ...disk,
          read: async (path) => {
            if (what === "read") check(path)
            return disk.read(path)
          },
          list: (path) => {
            if (what === "list") check(path)
            return disk.list(path)
          }
        }
        const living = yield* life(directory, client, {}, fs)
        yield* living.run(Effect.scoped(Effect.gen(function*() {
          const diagnostics = yield* collectDiagnostics
          yield* ending.close
          const told = () => diagnostics.filter(({ _tag }) => _tag === "StorageFailed")
          for (const round of [1, 2]) {
            yield* TestClock.adjust("61 seconds")
            yield* Effect.repeat(turn, { until: () => tries >= round && told().length > 0, times: 10_000 })
            assert.strictEqual(told().length, 1)
          }
          assert.match(JSON.stringify(told()[0]), /"operation":"read".*EACCES/)
          isBroken = false
          yield* TestClock.adjust("61 seconds")
          yield* Effect.repeat(turn, { until: () => client.accepted.length === 3, times: 10_000 })
          assert.deepStrictEqual(names(client), range(3))
        })))
        yield* living.close
      }))
  }
})

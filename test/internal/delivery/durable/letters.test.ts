/**
 * Dead letters on disk: one is forgotten when its event is as safe as it was, and leaves nothing behind.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { DurableOutbox, PostHog } from "effect-posthog"
import { readFileSync } from "node:fs"
import { type FileSystem, nodeDisk } from "../../../../src/internal/delivery/durable/disk.js"
import { settingsOf } from "../../../../src/internal/delivery/durable/fileOptions.js"
import { LineBuffer } from "../../../../src/internal/delivery/durable/lines.js"
import { filesIn, life, temporary } from "../../../support/durable.js"
import { FakeClient } from "../../../support/fakeClient.js"

/** Leaves dead letters in a directory. */
const leave = Effect.fnUntraced(function*(directory: string, count: number) {
  const { close, run } = yield* life(directory, new FakeClient(() => ({ status: 401 })))
  yield* run(Effect.forEach(Array.from({ length: count }, (_, i) => i), (i) => PostHog.capture(`event ${i}`)))
  yield* Effect.ignore(run(PostHog.flush))
  yield* close
})

const letters = Effect.map(
  Stream.runCollect(DurableOutbox.deadLetters()),
  (found) => Array.from(found, ({ event: { event } }) => event)
)

const lettersIn = (directory: string) => filesIn(directory).filter((path) => path.includes("/dead/"))

describe("dead letters on disk", () => {
  it.scopedLive("stay when their events could not be stored, and are sent in the end", () =>
    Effect.gen(function*() {
      for (const operation of ["write", "sync"] as const) {
        const directory = yield* temporary
        yield* leave(directory, 4)
        const disk = nodeDisk()!
        const opened = new Map<number, string>()
        let isBroken = true
        const check = (file: number): void => {
          if (!isBroken || opened.get(file)?.includes("/dead/") === true) return
          throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" })
        }
        const fs: FileSystem = {
          ...disk,
          open: (path) => {
            const file = disk.open(path)
            opened.set(file, path)
            return file
          },
          write: (file, bytes) => {
            if (operation === "write") check(file)
            disk.write(file, bytes)
          },
          sync: async (file) => {
            if (operation === "sync") check(file)
            await disk.sync(file)
          }
        }
        const client = new FakeClient(() => "refused")
        const { close, run } = yield* life(directory, client, {}, fs)
        const error = yield* Effect.flip(run(DurableOutbox.replay()))
        assert.deepInclude(error, { reason: "storage", operation: "replay" })
        assert.match(error.detail, /EIO/)
        assert.strictEqual((yield* run(letters)).length, 4)
        yield* close
        isBroken = false
        const next = yield* life(directory, new FakeClient())
        assert.strictEqual(yield* next.run(DurableOutbox.replay()), 4)
        assert.deepStrictEqual(yield* next.run(letters), [])
        yield* next.close
        assert.deepStrictEqual(filesIn(directory), [])
      }
    }))

  it.scopedLive("are forgotten after their events are synced, all of them with one sync", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      yield* leave(directory, 4)
      const disk = nodeDisk()!
      const done: Array<string> = []
      const fs: FileSystem = {
        ...disk,
        open: (path) => {
          if (path.includes("/dead/")) done.push("forget")
          return disk.open(path)
        },
        sync: async (file) => {
          await disk.sync(file)
          done.push("sync")
        }
      }
      const { close, run } = yield* life(directory, new FakeClient(() => "refused"), { sync: "1 hour" }, fs)
      assert.strictEqual(yield* run(DurableOutbox.replay()), 4)
      assert.deepStrictEqual(done, ["sync", "forget"])
      yield* close
    }))

  it.scopedLive("leave no text behind when all of a file are replayed or discarded", () =>
    Effect.gen(function*() {
      for (const forget of [DurableOutbox.replay, DurableOutbox.discard]) {
        const directory = yield* temporary
        yield* leave(directory, 4)
        yield* leave(directory, 2)
        const { close, run } = yield* life(directory, new FakeClient())
        assert.strictEqual(lettersIn(directory).length, 2)
        assert.strictEqual(yield* run(forget(({ event: { event } }) => event !== "event 3")), 5)
        const [left, ...others] = lettersIn(directory)
        assert.deepStrictEqual(others, [])
        assert.include(readFileSync(left!, "utf8"), "event 3")
        assert.strictEqual(yield* run(forget()), 1)
        assert.deepStrictEqual(lettersIn(directory), [])
        yield* close
      }
    }))

  it.scopedLive("stay when one comes while its file is removed", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      yield* leave(directory, 2)
      const disk = nodeDisk()!
      let isLate = false
      // Its process writes into the file that it has opened before, which has another name then.
      const fs: FileSystem = {
        ...disk,
        rename: (from, to) => {
          if (from.includes("/dead/") && !isLate) {
            isLate = true
            const lines = new LineBuffer()
            lines.event(9, JSON.stringify({ uuid: "late", event: "late", properties: {} }))
            const file = disk.open(from)
            disk.write(file, lines.filled)
            disk.close(file)
          }
          disk.rename(from, to)
        }
      }
      const { close, run } = yield* life(directory, new FakeClient(), {}, fs)
      assert.strictEqual(yield* run(DurableOutbox.discard()), 2)
      assert.isTrue(isLate)
      assert.deepStrictEqual(yield* run(letters), ["late"])
      yield* close
    }))

  it.scopedLive("are false or an object", () =>
    Effect.gen(function*() {
      for (const deadLetters of [true, null, 5, "16 MiB", { maxBytes: -1 }, { maxBytes: "1" }]) {
        const options = { directory: "/tmp", deadLetters } as unknown as DurableOutbox.FileOptions
        const error = yield* Effect.flip(settingsOf(options))
        assert.match(error.message, /deadLetters/)
        assert.deepInclude(error, {
          _tag: "ConfigurationError",
          reason: "invalid_option",
          option: typeof deadLetters === "object" && deadLetters !== null ? "deadLetters.maxBytes" : "deadLetters"
        })
      }
      for (const [deadLetters, bytes] of [[false, 0], [{}, 16 * 1024 * 1024], [undefined, 16 * 1024 * 1024]] as const) {
        assert.strictEqual((yield* settingsOf({ directory: "/tmp", deadLetters })).deadLetterBytes, bytes)
      }
    }))
})

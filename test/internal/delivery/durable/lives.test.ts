/**
 * What a life does with the files of others, and what happens to it.
 */
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { PostHog } from "effect-posthog"
import type * as Fs from "node:fs"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import type * as Net from "node:net"
import { dirname, join } from "node:path"
import { type FileSystem, nodeDisk } from "../../../../src/internal/delivery/durable/disk.js"
import { filesIn, life, temporary } from "../../../support/durable.js"
import { FakeClient } from "../../../support/fakeClient.js"
import { collectDiagnostics } from "../../../support/posthog.js"

const require = createRequire(import.meta.url)
const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
const down = () => new FakeClient(() => "refused")

/** Leaves events of two lanes, one of them with a line that cannot be read. */
const leave = Effect.fnUntraced(function*(directory: string) {
  const { close, run } = yield* life(directory, down())
  yield* run(Effect.forEach(["one", "two", "$exception"], (name) => PostHog.capture(name)))
  yield* close
  const events = filesIn(directory).find((path) => path.includes("/events/"))!
  writeFileSync(events, readFileSync(events, "utf8").replace("one", "1ne"))
  return dirname(dirname(dirname(events)))
})

/** A lane that an instance of this program would not open. */
const leaveOther = (project: string): void => {
  const lane = join(project, "0".repeat(16), "of another version")
  mkdirSync(join(lane, "taken over"), { recursive: true })
  writeFileSync(join(lane, "00000000.log"), "text")
  writeFileSync(join(lane, "taken over", "00000000.log"), "text")
}

describe("a life", () => {
  it.scopedLive("takes each event over once when two adoptions of a lane meet", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(PostHog.capture("$exception", { $exception_list: [] }))
      yield* first.close
      const disk = nodeDisk()!
      let reads = 0
      const fs: FileSystem = {
        ...disk,
        read: async (path) => {
          const bytes = await disk.read(path)
          // The second one has read the file, and goes on when the first one has done with it.
          if (/exceptions\/[0-9a-z]{16}\//.test(path) && ++reads === 2) {
            await new Promise<void>((resolve) => {
              const look = (): void => void (existsSync(path) ? setImmediate(look) : resolve())
              look()
            })
          }
          return bytes
        }
      }
      const client = new FakeClient()
      const { close, run, stats } = yield* life(directory, client, {}, fs)
      yield* run(PostHog.flush)
      yield* close
      assert.deepInclude(yield* stats, { recovered: 1, delivered: 1 })
      assert.strictEqual(client.accepted.length, 1)
    }))

  it.scopedLive("goes on when its socket has errors, however many", () =>
    Effect.gen(function*() {
      const net = require("node:net") as typeof Net
      const servers: Array<Net.Server> = []
      const { createServer } = net
      const spy = vi.spyOn(net, "createServer").mockImplementation(
        ((...args: Parameters<typeof createServer>) => {
          const server = createServer(...args)
          servers.push(server)
          return server
        }) as typeof createServer
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
      const { close, run } = yield* life(yield* temporary, new FakeClient())
      assert.strictEqual(servers.length, 1)
      // As Node says it when there is no descriptor for a connection.
      for (let i = 0; i < 3; i++) {
        servers[0]!.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }))
      }
      yield* run(PostHog.captureDurable("event"))
      yield* close
    }))

  it.scopedLive("syncs the names of the directories that it has made, once", () =>
    Effect.gen(function*() {
      const home = yield* temporary
      const directory = join(home, "a", "b")
      const fs = require("node:fs") as typeof Fs
      const opened = new Map<number, string>()
      const synced: Array<string> = []
      const { fsync, open } = fs
      const spies = [
        vi.spyOn(fs, "open").mockImplementation(
          ((path: string, flags: string, done: (...args: Array<never>) => void) =>
            open(path, flags, (error, file) => {
              opened.set(file, path)
              done(...[error, file] as unknown as Array<never>)
            })) as never
        ),
        vi.spyOn(fs, "fsync").mockImplementation(
          ((file: number, done: (error: Error | null) => void) => {
            synced.push(opened.get(file)!)
            fsync(file, done)
          }) as never
        )
      ]
      yield* Effect.addFinalizer(() => Effect.sync(() => spies.forEach((spy) => spy.mockRestore())))
      const { close, run } = yield* life(directory, down(), { sync: "1 hour" })
      assert.deepStrictEqual(synced, [])
      yield* run(PostHog.captureDurable("event 0"))
      const lane = dirname(filesIn(directory)[0]!)
      const all: Array<string> = []
      for (let path = lane; path.length >= home.length; path = dirname(path)) all.push(path)
      assert.deepStrictEqual(Array.from(synced).sort(), all.sort())
      yield* run(PostHog.captureDurable("event 1"))
      assert.strictEqual(synced.length, all.length)
      yield* close
    }))

  it.scopedLive("keeps nothing of others while it is opted out, of whichever lane, not even what cannot be read", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const project = yield* leave(directory)
      leaveOther(project)
      writeFileSync(join(project, "damaged.log"), "text")
      const { close, run } = yield* life(directory, new FakeClient(), { instance: { optedOut: true } })
      yield* run(Effect.scoped(Effect.gen(function*() {
        const diagnostics = yield* collectDiagnostics
        assert.deepStrictEqual(filesIn(directory), [])
        assert.deepStrictEqual(diagnostics, [])
      })))
      yield* close
      assert.deepStrictEqual(filesIn(directory), [])
    }))

  it.scopedLive("removes on an opt-out what others have left of any lane, and what was set aside", () =>
    Effect.gen(function*() {
      for (const waits of [true, false]) {
        const directory = yield* temporary
        const project = yield* leave(directory)
        const { close, run } = yield* life(directory, down())
        leaveOther(project)
        assert.isTrue(existsSync(join(project, "damaged.log")))
        const living = yield* life(directory, down())
        yield* living.run(PostHog.captureDurable("of another process"))
        yield* run(PostHog.optOut)
        if (waits) yield* Effect.repeat(turn, { until: () => filesIn(directory).length === 1, times: 10_000 })
        yield* close
        assert.strictEqual(filesIn(directory).length, 1)
        assert.include(readFileSync(filesIn(directory)[0]!, "utf8"), "of another process")
        yield* living.close
      }
    }))
})

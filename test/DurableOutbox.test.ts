/**
 * Instances whose events are on disk, one after the other and at the same time.
 */
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream, TestClock } from "effect"
import { DurableOutbox, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type FileSystem, nodeDisk } from "../src/internal/delivery/durable/disk.js"
import { settingsOf } from "../src/internal/delivery/durable/fileOptions.js"
import { make } from "../src/internal/delivery/durable/fileStore.js"
import { LineBuffer } from "../src/internal/delivery/durable/lines.js"
import { TypeId } from "../src/internal/delivery/durable/store.js"
import { bytesIn, filesIn, layerOf, life, temporary } from "./support/durable.js"
import { type Answer, FakeClient } from "./support/fakeClient.js"
import { assertAddsUp, collectDiagnostics } from "./support/posthog.js"

const down = () => new FakeClient(() => "refused")
const up = (): Answer => ({ status: 200, body: "{\"status\":1}" })

const captureMany = (count: number, from = 0, padding = "") =>
  Effect.gen(function*() {
    for (let i = from; i < from + count; i++) yield* PostHog.capture(`event ${i}`, { padding }, { distinctId: "user" })
  })

const names = (client: FakeClient) => client.accepted.map(({ event }) => event)
const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `event ${from + i}`)

describe("DurableOutbox.layerFile", () => {
  it.scopedLive("sends in the next life what one could not, as it was captured", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(captureMany(50))
      yield* first.close
      const before = yield* first.stats
      assert.deepInclude(before, { accepted: 50, queued: 0, inFlight: 0, stored: 50, dropped: {} })
      assertAddsUp(before)

      const client = new FakeClient()
      const second = yield* life(directory, client)
      yield* second.run(captureMany(10, 50))
      yield* second.run(PostHog.flush)
      assert.deepStrictEqual(names(client), range(60))
      const after = yield* second.stats
      assert.deepInclude(after, { accepted: 10, recovered: 50, delivered: 60, queued: 0, unstored: 0 })
      assertAddsUp(after)
      yield* second.close
      assert.deepStrictEqual(filesIn(directory), [])
    }))

  it.scopedLive("takes nothing from a life that goes on, and everything when that has ended", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = new FakeClient()
      const living = yield* life(directory, down())
      yield* living.run(captureMany(5))
      const other = yield* life(directory, client)
      yield* other.run(PostHog.flush)
      assert.deepInclude(yield* other.stats, { recovered: 0 })
      yield* living.close
      yield* other.close
      const third = yield* life(directory, client)
      yield* third.run(PostHog.flush)
      assert.deepInclude(yield* third.stats, { recovered: 5, delivered: 5 })
      yield* third.close
      assert.deepStrictEqual(readdirSync(join(directory, readdirSync(directory)[0]!)), [])
    }))

  for (const [from, to] of [["v0", "v1"], ["v1", "v0"]] as const) {
    it.scopedLive(`sends with capture ${to} what a life with capture ${from} has left, as if it were its own`, () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const capture = Effect.forEach(
          ["a", "b"],
          (name, i) =>
            PostHog.capture(name, { $session_id: "s", $cookieless_mode: true, i }, {
              distinctId: "user",
              processPersonProfile: false,
              uuid: `0192d4f5-0000-7000-8000-00000000000${i}`,
              timestamp: "2025-01-01T00:00:00.000Z"
            })
        )
        const first = yield* life(directory, down(), { instance: { captureMode: from } })
        yield* first.run(capture)
        yield* first.close
        const client = new FakeClient(() => ({ status: 200, body: "{}" }))
        const second = yield* life(directory, client, { instance: { captureMode: to } })
        yield* second.run(PostHog.flush)
        const adopted = client.accepted.splice(0)
        yield* second.run(Effect.zipRight(capture, PostHog.flush))
        assert.deepStrictEqual(adopted, client.accepted)
        assert.strictEqual(adopted.length, 2)
        assert.strictEqual("options" in adopted[0]!, to === "v1")
        yield* second.close
      }))
  }

  it.scopedLive("keeps the events of another key and another host apart", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(captureMany(5))
      yield* first.close
      for (const instance of [{ apiKey: "phc_other" }, { host: "https://eu.i.posthog.com" }]) {
        const client = new FakeClient()
        const other = yield* life(directory, client, { instance })
        yield* Effect.ignore(other.run(PostHog.flush))
        yield* other.close
        assert.deepStrictEqual(names(client), [])
      }
    }))

  it.scopedLive("holds more on disk than in memory, in order", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = down()
      const { close, run, stats } = yield* life(directory, client, {
        segmentBytes: 64 * 1024,
        instance: { maxQueueBytes: 256 * 1024, maxEventBytes: 10_000, background: false }
      })
      yield* run(captureMany(5_000, 0, "x".repeat(300)))
      const full = yield* stats
      assert.deepInclude(full, { accepted: 5_000, queued: 5_000, dropped: {} })
      assert.isAbove(bytesIn(directory), 1_500_000)
      client.otherwise = up
      const report = yield* run(PostHog.flush)
      assert.deepStrictEqual(report, { delivered: 5_000, dropped: 0 })
      assert.deepStrictEqual(names(client), range(5_000))
      assertAddsUp(yield* stats)
      yield* close
      assert.deepStrictEqual(filesIn(directory), [])
    }))

  it.scoped("takes over from a life that ends while it lives, within a minute", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = new FakeClient()
      const ending = yield* life(directory, down())
      yield* ending.run(captureMany(3))
      const living = yield* life(directory, client)
      yield* ending.close
      yield* TestClock.adjust("61 seconds")
      // Whether another process is alive is asked of the system, which takes a turn or two.
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* Effect.repeat(turn, { until: () => client.accepted.length === 3, times: 10_000 })
      assert.deepStrictEqual(names(client), range(3))
      yield* living.close
    }))

  it.scopedLive("has files and directories that only the user can read", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporary, "made", "by", "it")
      const { close, run } = yield* life(directory, down())
      yield* run(PostHog.captureDurable("event 0"))
      const [file] = filesIn(directory)
      assert.strictEqual(statSync(file!).mode & 0o777, 0o600)
      for (let path = dirname(file!); path.startsWith(directory); path = dirname(path)) {
        assert.strictEqual(statSync(path).mode & 0o777, 0o700)
      }
      yield* close
    }))

  it.scopedLive("sends every other event when bytes on the disk have changed, and sets the line aside", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(captureMany(20))
      yield* first.close
      const [file] = filesIn(directory)
      const text = readFileSync(file!, "utf8")
      writeFileSync(file!, text.replace("event 7", "event ?"))
      const client = new FakeClient()
      const second = yield* life(directory, client)
      yield* second.run(PostHog.flush)
      yield* second.close
      assert.deepStrictEqual(names(client), range(20).filter((name) => name !== "event 7"))
      const [aside] = filesIn(directory)
      assert.match(aside!, /damaged\.log$/)
      assert.include(readFileSync(aside!, "utf8"), "event ?")
    }))

  it.scopedLive("keeps events in memory while nothing can be written, and says so", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = down()
      const disk = nodeDisk()!
      let isFull = false
      const fs: FileSystem = {
        ...disk,
        write: (file, bytes) => {
          if (!isFull) return disk.write(file, bytes)
          // As a disk does that has room for a part.
          disk.write(file, bytes.subarray(0, bytes.length / 2))
          throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" })
        }
      }
      const settings = yield* settingsOf({ directory })
      yield* Effect.gen(function*() {
        const diagnostics = yield* collectDiagnostics
        yield* captureMany(100)
        // The end of the turn writes.
        yield* Effect.promise(() => Promise.resolve())
        isFull = true
        yield* captureMany(100, 100)
        yield* Effect.promise(() => Promise.resolve())
        yield* captureMany(100, 200)
        const error = yield* Effect.flip(PostHog.captureDurable("event 300", {}, { distinctId: "user" }))
        assert.strictEqual(error.reason, "storage")
        assert.match(error.message, /in memory alone.*ENOSPC/)
        const failing = yield* PostHog.stats
        assertAddsUp(failing)
        assert.isAtLeast(failing.unstored, 101)
        isFull = false
        yield* Effect.repeat(Effect.sleep("10 millis"), {
          until: () => diagnostics.some(({ _tag }) => _tag === "StorageRestored"),
          times: 500
        })
        yield* PostHog.captureDurable("event 301", {}, { distinctId: "user" })
        client.otherwise = up
        yield* PostHog.flush
        assert.deepStrictEqual(names(client), range(302))
        assert.deepInclude(yield* PostHog.stats, { unstored: 0, queued: 0, delivered: 302, dropped: {} })
        const told = diagnostics.flatMap(({ _tag }) => _tag.startsWith("Storage") ? [_tag] : [])
        assert.deepStrictEqual(told, ["StorageFailed", "StorageRestored"])
      }).pipe(
        Effect.scoped,
        Effect.provide(
          PostHog.layer({ apiKey: "phc_test", maxRetries: 0, flushAt: 10_000, flushInterval: "1 hour" }).pipe(
            Layer.provide(Layer.succeed(DurableOutbox.DurableOutbox, { [TypeId]: make(fs, settings) })),
            Layer.provide(Layer.succeed(HttpClient.HttpClient, client.client))
          )
        )
      )
      assert.deepStrictEqual(filesIn(directory), [])
    }))

  it.scopedLive(
    "takes over a thousand lives of one event, by several that start at the same time, each once",
    () =>
      Effect.gen(function*() {
        const directory = yield* temporary
        const first = yield* life(directory, down())
        yield* first.run(captureMany(1))
        yield* first.close
        const [file] = filesIn(directory)
        const project = dirname(dirname(dirname(file!)))
        const text = readFileSync(file!, "utf8")
        const uuid = /"uuid":"([^"]+)"/.exec(text)![1]!
        rmSync(dirname(dirname(file!)), { recursive: true })
        for (let i = 0; i < 1_000; i++) {
          const lane = join(project, `${"0".repeat(12)}${String(i).padStart(4, "0")}`, "events")
          mkdirSync(lane, { recursive: true })
          const lines = new LineBuffer()
          lines.event(
            0,
            JSON.stringify({
              uuid: uuid.slice(0, -4) + String(i).padStart(4, "0"),
              event: `event ${i}`,
              distinct_id: "user",
              timestamp: "2026-01-01T00:00:00.000Z",
              properties: {}
            })
          )
          writeFileSync(join(lane, "00000000.log"), lines.filled)
        }
        const client = new FakeClient()
        const lives = yield* Effect.all(Array.from({ length: 3 }, () => life(directory, client)), {
          concurrency: "unbounded"
        })
        for (const { run } of lives) yield* run(PostHog.flush)
        const recovered = yield* Effect.forEach(lives, ({ stats }) => Effect.map(stats, ({ recovered }) => recovered))
        assert.strictEqual(recovered.reduce((sum, count) => sum + count, 0), 1_000)
        assert.deepStrictEqual(names(client).sort(), range(1_000).sort())
        for (const { close } of lives) yield* close
        assert.deepStrictEqual(filesIn(directory), [])
      }),
    90_000
  )

  it.scopedLive("takes over what an adopter had taken over that died of it", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(captureMany(3))
      yield* first.close
      const [file] = filesIn(directory)
      const [dead, project] = [dirname(dirname(file!)), dirname(dirname(dirname(file!)))]
      for (const depth of [1, 2, 3]) {
        const adopter = join(project, `${"0".repeat(15)}${depth}`, "events")
        mkdirSync(adopter, { recursive: true })
        const inner = depth === 1 ? join(dead, "events") : join(project, `${"0".repeat(15)}${depth - 1}`, "events")
        renameSync(inner, join(adopter, `dead${depth}`))
      }
      const client = new FakeClient()
      const second = yield* life(directory, client)
      yield* second.run(PostHog.flush)
      assert.deepStrictEqual(names(client), range(3))
      yield* second.close
      assert.deepStrictEqual(filesIn(directory), [])
    }))

  it.scopedLive("counts events as damaged whose file was removed while it lives", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = down()
      const { close, run, stats } = yield* life(directory, client, {
        segmentBytes: 64 * 1024,
        instance: { maxQueueBytes: 128 * 1024, maxEventBytes: 10_000, background: false }
      })
      yield* run(captureMany(2_000, 0, "x".repeat(300)))
      const files = filesIn(directory)
      rmSync(files.at(-2)!)
      client.otherwise = up
      yield* Effect.ignore(run(PostHog.flush))
      const { delivered, dropped, ...rest } = yield* stats
      assert.isAbove(dropped.damaged ?? 0, 50)
      assert.strictEqual(delivered + (dropped.damaged ?? 0), 2_000)
      assert.deepInclude(rest, { queued: 0, inFlight: 0 })
      yield* close
    }))

  it.scopedLive("fails in words where the directory cannot be used", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const file = join(directory, "file")
      writeFileSync(file, "")
      const build = (path: string) =>
        Effect.flip(Effect.scoped(Layer.build(DurableOutbox.layerFile({ directory: path }))))
      const notThere = yield* build(join(file, "below"))
      assert.strictEqual(notThere._tag, "OutboxStorageError")
      assert.match(notThere.message, /directory .* cannot be used.*ENOTDIR/)
      const long = yield* build(join(directory, "x".repeat(100)))
      assert.match(long.message, /too long by \d+ bytes: a socket in it may have a path of/)
      assert.strictEqual((yield* build(""))._tag, "ConfigurationError")
      const sent = yield* Effect.provide(
        PostHog.captureNow("event 0"),
        PostHog.layer({ apiKey: "phc_test" }).pipe(
          Layer.provide(Layer.catchAll(DurableOutbox.layerFile({ directory: file }), () => Layer.empty)),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, new FakeClient().client))
        )
      )
      assert.strictEqual(sent._tag, "Some")
    }))

  it.scopedLive("gives up by the overflow policy what is more than the disk may hold", () =>
    Effect.gen(function*() {
      for (const overflow of ["dropOldest", "dropNewest"] as const) {
        const directory = yield* temporary
        const client = down()
        const { close, run, stats } = yield* life(directory, client, {
          maxBytes: 1024 * 1024,
          segmentBytes: 64 * 1024,
          instance: { overflow, maxQueueBytes: 128 * 1024, maxEventBytes: 10_000, background: false }
        })
        yield* run(captureMany(5_000, 0, "x".repeat(300)))
        assert.isBelow(bytesIn(directory), 1.1 * 1024 * 1024)
        const full = yield* stats
        assertAddsUp(full)
        assert.deepStrictEqual(Object.keys(full.dropped), ["queue_full"])
        client.otherwise = up
        yield* run(PostHog.flush)
        const kept = names(client)
        assert.isAbove(kept.length, 1_500)
        assert.strictEqual(kept.length, (yield* stats).delivered)
        assert.include(kept, overflow === "dropOldest" ? "event 4999" : "event 0")
        assert.notInclude(kept, overflow === "dropOldest" ? "event 1000" : "event 4999")
        yield* close
      }
    }))

  it.scopedLive("holds no more events than maxEvents says", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = down()
      const { close, run, stats } = yield* life(directory, client, {
        maxEvents: 10,
        instance: { overflow: "dropOldest", background: false }
      })
      yield* run(captureMany(25))
      assert.deepInclude(yield* stats, { queued: 10, dropped: { queue_full: 15 } })
      client.otherwise = up
      yield* run(PostHog.flush)
      assert.deepStrictEqual(names(client), range(10, 15))
      yield* close
    }))

  it.scopedLive("drops what is older than maxAge when it is read back", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(PostHog.capture("old", {}, { timestamp: new Date(Date.now() - 7_200_000) }))
      yield* first.run(captureMany(2))
      yield* first.close
      const client = new FakeClient()
      const second = yield* life(directory, client, { maxAge: "1 hour" })
      yield* Effect.ignore(second.run(PostHog.flush))
      assert.deepStrictEqual(names(client), range(2))
      assert.deepInclude(yield* second.stats, { recovered: 3, delivered: 2, dropped: { expired: 1 } })
      yield* second.close
    }))

  it.scopedLive("forgets on an opt-out what is on disk, also what others have left", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = down()
      const options = { instance: { maxQueueBytes: 64 * 1024, maxEventBytes: 10_000, background: false } }
      const first = yield* life(directory, client, options)
      yield* first.run(captureMany(1_000, 0, "x".repeat(300)))
      yield* first.run(PostHog.optOut)
      assert.deepInclude(yield* first.stats, { queued: 0, inFlight: 0, dropped: { opted_out: 1_000 } })
      assert.deepStrictEqual(filesIn(directory), [])
      yield* first.run(PostHog.optIn)
      yield* first.run(captureMany(5))
      yield* first.close
      const out = yield* life(directory, client, { instance: { optedOut: true } })
      assert.deepInclude(yield* out.stats, { recovered: 5, dropped: { opted_out: 5 } })
      yield* out.close
      assert.deepStrictEqual(filesIn(directory), [])
    }))

  it.scopedLive("sends an exception of the life before at once", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, down())
      yield* first.run(PostHog.capture("$exception", { $exception_list: [] }))
      yield* first.close
      const client = new FakeClient()
      const second = yield* life(directory, client)
      yield* second.run(PostHog.flush)
      assert.deepStrictEqual(names(client), ["$exception"])
      yield* second.close
    }))
})

describe("PostHog.captureDurable", () => {
  it.scopedLive("says that an event is stored, and it is sent like any other", () =>
    Effect.gen(function*() {
      for (const sync of [0, "1 second", "never"] as const) {
        const directory = yield* temporary
        const client = new FakeClient()
        const { close, run } = yield* life(directory, client, { sync })
        yield* run(PostHog.captureDurable("event 0", {}, { distinctId: "user" }))
        assert.include(readFileSync(filesIn(directory)[0]!, "utf8"), "event 0")
        yield* run(Effect.all(
          Array.from({ length: 100 }, (_, i) => PostHog.captureDurable(`event ${i + 1}`)),
          { concurrency: "unbounded" }
        ))
        yield* run(PostHog.flush)
        assert.strictEqual(client.accepted.length, 101)
        yield* close
      }
    }))

  it.scopedLive("fails without an outbox that stores, and the event is sent all the same", () =>
    Effect.gen(function*() {
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        const error = yield* Effect.flip(PostHog.captureDurable("event 0"))
        assert.strictEqual(error.reason, "absent")
        assert.match(error.message, /provide DurableOutbox\.layerFile/)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 1, dropped: 0 })
      }).pipe(
        Effect.provide(PostHog.layer({ apiKey: "phc_test" })),
        Effect.provideService(HttpClient.HttpClient, client.client)
      )
    }))

  it.scopedLive("fails when the event is not taken", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const { close, run } = yield* life(directory, new FakeClient(), { instance: { maxEventBytes: 2_000 } })
      const reasonOf = (event: string, properties = {}) =>
        run(Effect.map(Effect.flip(PostHog.captureDurable(event, properties)), ({ reason }) => reason))
      assert.strictEqual(yield* reasonOf(" "), "refused")
      assert.strictEqual(yield* reasonOf("large", { x: "x".repeat(3_000) }), "refused")
      yield* close
    }))

  it.effect("keeps the event under TestLayer", () =>
    Effect.gen(function*() {
      yield* PostHog.captureDurable("order completed", { total: 42 }, { distinctId: "user" })
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event?.event, "order completed")
      assert.strictEqual((yield* Effect.flip(PostHog.captureDurable(" "))).reason, "refused")
    }).pipe(Effect.provide(TestLayer)))

  it.scopedLive("succeeds where nothing is to be captured", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const { close, run } = yield* life(directory, new FakeClient())
      yield* run(PostHog.withoutCapture(PostHog.captureDurable("silent")))
      yield* run(PostHog.optOut)
      yield* run(PostHog.captureDurable("event"))
      const { accepted, ignored } = yield* run(PostHog.stats)
      assert.deepStrictEqual([accepted, ignored], [0, 2])
      yield* close
      // A program without a key, as on the machine of a developer.
      yield* PostHog.captureDurable("event").pipe(
        Effect.provide(PostHog.layer({})),
        Effect.provideService(HttpClient.HttpClient, new FakeClient().client)
      )
    }))
})

describe("dead letters", () => {
  it.scopedLive("are listed, captured again as they were, and discarded", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const client = new FakeClient(() => ({ status: 401, body: "no such key" }))
      const first = yield* life(directory, client)
      yield* first.run(captureMany(4))
      yield* Effect.ignore(first.run(PostHog.flush))
      const [sent] = client.requests
      yield* first.close
      const other = new FakeClient()
      const second = yield* life(directory, other)
      const list = second.run(Effect.map(Stream.runCollect(DurableOutbox.deadLetters()), (found) => Array.from(found)))
      const letters = yield* list
      assert.deepStrictEqual(letters.map(({ event }) => event.event), range(4))
      assert.deepInclude(letters[0], { reason: "rejected", status: 401, detail: "no such key" })
      assert.strictEqual(yield* second.run(DurableOutbox.discard(({ event }) => event.event === "event 0")), 1)
      assert.strictEqual(yield* second.run(DurableOutbox.replay(({ event }) => event.event !== "event 1")), 2)
      yield* second.run(PostHog.flush)
      assert.deepStrictEqual(names(other), ["event 2", "event 3"])
      assert.deepStrictEqual(
        other.accepted.map(({ timestamp, uuid }) => [uuid, timestamp]),
        sent!.events.slice(2).map(({ timestamp, uuid }) => [uuid, timestamp])
      )
      assert.deepStrictEqual((yield* list).map(({ event }) => event.event), ["event 1"])
      yield* second.run(PostHog.optOut)
      assert.deepStrictEqual(yield* list, [])
      yield* second.close
    }))

  it.scopedLive("who asks while the disk does not work hears of it, instead of getting fewer", () =>
    Effect.gen(function*() {
      const directory = yield* temporary
      const first = yield* life(directory, new FakeClient(() => ({ status: 401 })))
      yield* first.run(captureMany(4))
      yield* Effect.ignore(first.run(PostHog.flush))
      yield* first.close
      const real = nodeDisk()!
      let broken: Partial<FileSystem> = {}
      const fault = () => {
        throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" })
      }
      const isDead = (path: string) => path.includes("/dead")
      const fs: FileSystem = {
        ...real,
        list: (path) => (isDead(path) && broken.list || real.list)(path),
        read: (path) => (isDead(path) && broken.read || real.read)(path),
        open: (path) => (isDead(path) && broken.open || real.open)(path)
      }
      const store = Layer.effect(
        DurableOutbox.DurableOutbox,
        Effect.map(settingsOf({ directory }), (settings) => ({ [TypeId]: make(fs, settings) }))
      )
      const client = new FakeClient()
      yield* Effect.gen(function*() {
        const list = Effect.map(Stream.runCollect(DurableOutbox.deadLetters()), (found) => Array.from(found).length)
        const fails = (what: Effect.Effect<number, DurableOutbox.OutboxStorageError, PostHog.PostHog>) =>
          Effect.map(
            Effect.flip(what),
            ({ detail, reason }) => assert.deepStrictEqual([reason, detail], ["storage", "Error: EIO: i/o error"])
          )
        const all = [list, DurableOutbox.replay(), DurableOutbox.discard()]
        broken = { list: fault }
        yield* Effect.forEach(all, fails)
        broken = { read: async () => fault() }
        yield* Effect.forEach(all, fails)
        broken = { open: fault }
        assert.strictEqual(yield* list, 4)
        yield* fails(DurableOutbox.discard())
        // All are captured again, and cannot be forgotten.
        yield* fails(DurableOutbox.replay())
        yield* PostHog.flush
        assert.strictEqual(client.accepted.length, 4)
        broken = {}
        assert.strictEqual(yield* list, 4)
        // Another process has made room meanwhile.
        broken = {
          read: async () => {
            throw Object.assign(new Error("ENOENT"), { code: "ENOENT" })
          }
        }
        assert.strictEqual(yield* list, 0)
        broken = {}
        assert.strictEqual(yield* DurableOutbox.replay(), 4)
        assert.strictEqual(yield* list, 0)
      }).pipe(Effect.provide(
        PostHog.layer({ apiKey: "phc_test" }).pipe(
          Layer.provide(store),
          Layer.provide(Layer.succeed(HttpClient.HttpClient, client.client))
        )
      ))
    }))

  it.scopedLive("are bounded, and can be left out", () =>
    Effect.gen(function*() {
      for (const deadLetters of [{ maxBytes: 20_000 }, false] as const) {
        const directory = yield* temporary
        for (let i = 0; i < 4; i++) {
          const client = new FakeClient(() => ({ status: 401 }))
          const { close, run } = yield* life(directory, client, { deadLetters })
          yield* run(captureMany(20, i * 20))
          yield* Effect.ignore(run(PostHog.flush))
          yield* close
        }
        assert.isAtMost(bytesIn(directory), deadLetters === false ? 0 : 20_000)
        assert.strictEqual(filesIn(directory).length > 0, deadLetters !== false)
      }
    }))
})

describe("an instance without a durable outbox", () => {
  it.scopedLive("has no dead letters", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* DurableOutbox.replay(), 0)
      assert.strictEqual(yield* DurableOutbox.discard(), 0)
      assert.deepStrictEqual(Array.from(yield* Stream.runCollect(DurableOutbox.deadLetters())), [])
    }).pipe(Effect.provide(TestLayer)))

  it("is what there is when a directory is no path", () =>
    Effect.runPromise(Effect.scoped(
      Layer.build(layerOf("/nowhere/\0", new FakeClient())).pipe(
        Effect.flip,
        Effect.map(({ _tag }) => assert.strictEqual(_tag, "ConfigurationError"))
      )
    )))
})

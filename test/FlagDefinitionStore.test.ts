/**
 * What every store of flag definitions has to do. What pollers do with one is in sharedDefinitions.test.ts.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option } from "effect"
import { FlagDefinitionStore } from "effect-posthog"
import { live } from "./support/posthog.js"
import * as Redis from "./support/redis.js"

type Store = FlagDefinitionStore.FlagDefinitionStore

const inFiles: Layer.Layer<Store> = FlagDefinitionStore.layerKeyValueStore.pipe(
  Layer.provide(Layer.unwrapScoped(Effect.gen(function*() {
    const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
    return KeyValueStore.layerFileSystem(folder)
  }))),
  Layer.provide(NodeContext.layer),
  Layer.orDie
)

const inRedis: Layer.Layer<Store> = Layer.unwrapScoped(Effect.gen(function*() {
  const client = yield* Redis.connect(yield* Redis.start)
  return FlagDefinitionStore.layerRedis({ command: (parts) => client.sendCommand(parts) })
}))

const entry = (revision: string, document = `{"flags":[],"name":"${revision} é\\n"}`): FlagDefinitionStore.Entry => ({
  revision,
  document
})

const short = Duration.millis(40)
const long = Duration.minutes(5)

/** What each store has to do. Leases are timed by the store, so this runs on real time, which is only ever waited for. */
const suite = (name: string, layer: Layer.Layer<Store>) =>
  it.layer(layer)(name, (it) => {
    it.effect("gives what was put, of each name on its own", () =>
      Effect.gen(function*() {
        const store = yield* FlagDefinitionStore.FlagDefinitionStore
        assert.deepStrictEqual(yield* store.get("one"), Option.none())
        assert.isTrue(yield* store.put("one", entry("r1"), undefined))
        assert.deepStrictEqual(yield* store.get("one"), Option.some(entry("r1")))
        assert.deepStrictEqual(yield* store.get("two"), Option.none())
        const large = entry("r2", JSON.stringify({ text: "ü".repeat(300_000) }))
        assert.isTrue(yield* store.put("two", large, undefined))
        assert.deepStrictEqual(yield* store.get("two"), Option.some(large))
      }))

    it.effect("puts only in the place of what is expected", () =>
      Effect.gen(function*() {
        const store = yield* FlagDefinitionStore.FlagDefinitionStore
        assert.isFalse(yield* store.put("compared", entry("r1"), "r0"))
        assert.isTrue(yield* store.put("compared", entry("r1"), undefined))
        assert.isFalse(yield* store.put("compared", entry("r2"), undefined))
        assert.isFalse(yield* store.put("compared", entry("r2"), "r0"))
        assert.deepStrictEqual(yield* store.get("compared"), Option.some(entry("r1")))
        assert.isTrue(yield* store.put("compared", entry("r2"), "r1"))
        assert.deepStrictEqual(yield* store.get("compared"), Option.some(entry("r2")))
      }))

    it.effect("of many that put at the same time one does", () =>
      Effect.gen(function*() {
        const store = yield* FlagDefinitionStore.FlagDefinitionStore
        const puts = yield* Effect.forEach(
          Array.from({ length: 20 }),
          (_, i) => store.put("raced", entry(`r${i}`), undefined),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(puts.filter((stored) => stored).length, 1)
      }))

    it.effect("leases to one at a time, who can renew and release", () =>
      Effect.gen(function*() {
        const store = yield* FlagDefinitionStore.FlagDefinitionStore
        const leases = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => `h${i}`),
          (holder) => Effect.map(store.lease("leased", holder, long), (leased) => leased ? [holder] : []),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(leases.flat().length, 1)
        const holder = leases.flat()[0]!
        const other = holder === "h0" ? "h1" : "h0"
        assert.isTrue(yield* store.lease("leased", holder, long))
        yield* store.release("leased", other)
        assert.isFalse(yield* store.lease("leased", other, long))
        assert.isTrue(yield* store.lease("another name", other, long))
        yield* store.release("leased", holder)
        assert.isTrue(yield* store.lease("leased", other, long))
        assert.isFalse(yield* store.lease("leased", holder, long))
      }))

    it.effect("a lease ends by itself", () =>
      Effect.gen(function*() {
        const store = yield* FlagDefinitionStore.FlagDefinitionStore
        assert.isTrue(yield* store.lease("short", "a", short))
        const leased = yield* Effect.repeat(store.lease("short", "b", long), { until: (leased) => leased })
        assert.isTrue(leased)
        assert.isFalse(yield* store.lease("short", "a", long))
      }).pipe(live))
  })

describe("every store", () => {
  suite("memory", FlagDefinitionStore.layerMemory)
  suite("files", inFiles)
  if (Redis.isInstalled) {
    suite("Redis", inRedis)
    it.scopedLive("Redis that is gone is an error of the store, not of the program", () =>
      Effect.gen(function*() {
        const redis = yield* Redis.start
        const client = yield* Redis.connect(redis)
        yield* Effect.gen(function*() {
          const store = yield* FlagDefinitionStore.FlagDefinitionStore
          assert.isTrue(yield* store.lease("n", "h", long))
          yield* redis.kill
          const gone = { _tag: "FlagDefinitionStoreError" } as const
          assert.deepInclude(yield* Effect.flip(store.get("n")), { ...gone, operation: "get" })
          assert.deepInclude(yield* Effect.flip(store.put("n", entry("r"), undefined)), { ...gone, operation: "put" })
          assert.deepInclude(yield* Effect.flip(store.lease("n", "h", long)), { ...gone, operation: "lease" })
          yield* Effect.flip(store.release("n", "h"))
        }).pipe(Effect.provide(FlagDefinitionStore.layerRedis({ command: (parts) => client.sendCommand(parts) })))
      }))
  } else {
    console.warn(`SKIPPED: the store in Redis is not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }
})

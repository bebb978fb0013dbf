/**
 * The commands for the streams of a fleet, on a real Redis.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schedule } from "effect"
import { asking, givenBackMillis, keysOf, make, makeDead } from "../../../src/internal/delivery/durable/redis.js"
import { entriesOf, pendingOf, readOf } from "../../../src/internal/delivery/durable/redisReply.js"
import * as Redis from "../../support/redis.js"

const second = Duration.seconds(5)
const noLimit = { maxBytes: Number.MAX_SAFE_INTEGER, refuses: false, isDoubtful: false }
const fields = (text: string, count = 1): ReadonlyArray<string> => ["v", "1", "n", String(count), "e", text]

/** Two consumers of one stream, each with its own protocol, and a way to ask Redis itself. */
const onRedis = (...more: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const redis = yield* Redis.startWith(...more)
    const clients = [yield* Redis.connect(redis, 2), yield* Redis.connect(redis, 3)] as const
    const keys = keysOf("test:", "0123456789ab")
    const [one, two] = clients.map((client, i) =>
      make(asking((parts) => client.sendCommand(parts), second, () => 0), keys, "events", `consumer ${i}`)
    ) as [ReturnType<typeof make>, ReturnType<typeof make>]
    const ask = (...parts: [string, ...Array<string>]) => Effect.promise(() => clients[0].sendCommand(parts))
    const bytes = (name: string) => Effect.map(ask("HGET", keys.sizes, name), Number)
    const dead = makeDead(asking((parts) => clients[1].sendCommand(parts), second, () => 0), keys)
    return { redis, keys, one, two, ask, bytes, dead, stream: keys.stream("events") }
  })

const texts = (entries: ReadonlyArray<{ readonly fields: ReadonlyMap<string, string> }>) =>
  entries.map(({ fields }) => fields.get("e"))

const suite = () => {
  it.scopedLive("what one consumer has taken no other gets, in RESP2 and RESP3, until it is settled", () =>
    Effect.gen(function*() {
      const { ask, bytes, one, stream, two } = yield* onRedis()
      assert.deepStrictEqual(yield* one.read(10), [])
      for (const text of ["a", "b", "c", "ü"]) yield* one.append(fields(text), noLimit)
      const first = yield* two.read(2)
      assert.deepStrictEqual(texts(first), ["a", "b"])
      const rest = yield* one.read(10)
      assert.deepStrictEqual(texts(rest), ["c", "ü"])
      assert.deepStrictEqual(yield* two.read(10), [])
      assert.isAbove(yield* bytes("events"), 0)
      assert.strictEqual(yield* two.settle(first.map(({ id }) => ({ id, dead: [] })), 1000), 0)
      assert.strictEqual(Number(yield* ask("XLEN", stream)), 2)
      yield* one.settle(rest.map(({ id }) => ({ id, dead: [] })), 1000)
      // Once more: the answer may have been lost.
      yield* one.settle(rest.map(({ id }) => ({ id, dead: [] })), 1000)
      assert.strictEqual(Number(yield* ask("XLEN", stream)), 0)
      assert.strictEqual(yield* bytes("events"), 0)
    }))

  it.scopedLive("the group is made again when somebody removed it, or the whole stream", () =>
    Effect.gen(function*() {
      const { ask, bytes, one, stream, two } = yield* onRedis()
      yield* one.append(fields("a"), noLimit)
      assert.deepStrictEqual(texts(yield* one.read(10)), ["a"])
      yield* ask("XGROUP", "DESTROY", stream, "effect-posthog")
      assert.deepStrictEqual(texts(yield* two.read(10)), ["a"])
      yield* ask("DEL", stream)
      assert.deepStrictEqual(yield* one.refresh(["1-1"], false), { own: [], others: [] })
      assert.deepStrictEqual(yield* one.idle(0), [])
      yield* ask("DEL", stream)
      assert.strictEqual(yield* one.settle([{ id: "1-1", dead: [] }], 1000), 0)
      yield* one.append(fields("b"), noLimit)
      // The size of what was deleted by hand is forgotten.
      assert.strictEqual(yield* bytes("events"), "v1n1eb".length)
      assert.deepStrictEqual(texts(yield* one.read(10)), ["b"])
      yield* ask("DEL", stream)
      assert.strictEqual(yield* one.sweep(0), 0)
      assert.strictEqual(yield* one.depart, 0)
    }))

  it.scopedLive("who works on something keeps it, who is gone loses it", () =>
    Effect.gen(function*() {
      const { ask, one, stream, two } = yield* onRedis()
      for (const text of ["a", "b", "c"]) yield* one.append(fields(text), noLimit)
      const taken = yield* one.read(10)
      const ids = taken.map(({ id }) => id)
      assert.deepStrictEqual(yield* two.idle(60_000), [])
      // As if nothing had happened for two minutes.
      yield* ask("XCLAIM", stream, "effect-posthog", "consumer 0", "0", ...ids, "IDLE", "120000", "JUSTID")
      assert.deepStrictEqual((yield* two.idle(60_000)).map(({ id }) => id), ids)
      assert.deepStrictEqual(yield* one.idle(60_000), [])
      assert.deepStrictEqual(yield* one.refresh(ids, false), { own: ids, others: [] })
      assert.deepStrictEqual(yield* two.idle(60_000), [])
      assert.deepStrictEqual(yield* two.claim(ids, 60_000), [])
      assert.deepStrictEqual(texts(yield* two.claim(ids.slice(0, 1), 0)), ["a"])
      // One that was deleted, one that somebody else has, one that was never told.
      yield* ask("XDEL", stream, ids[1]!)
      const known = ids.slice(0, 2)
      const { others, own } = yield* one.refresh(known, false)
      assert.deepStrictEqual(others, ids.slice(0, 1))
      assert.include(own, ids[2])
      // Who is late may find that others are through with something; what the stream has not got to yet was lost by Redis.
      const away = ["1-1", "9999999999999-1"]
      assert.deepStrictEqual((yield* one.refresh(away, false)).others, [])
      assert.deepStrictEqual((yield* one.refresh(away, true)).others, ["1-1"])
      assert.deepStrictEqual(texts(yield* one.fetch(ids.slice(1))), ["c"])
      assert.strictEqual(yield* one.depart, 1)
      assert.deepStrictEqual((yield* two.idle(givenBackMillis)).map(({ id }) => id), ids.slice(2))
      assert.deepStrictEqual(texts(yield* two.claim(ids.slice(2), givenBackMillis)), ["c"])
      assert.deepStrictEqual(yield* one.claim(ids.slice(2), givenBackMillis), [])
    }))

  it.scopedLive("consumers that are gone are removed, none that has something", () =>
    Effect.gen(function*() {
      const { ask, one, stream, two } = yield* onRedis()
      const consumers = Effect.map(
        ask("XINFO", "CONSUMERS", stream, "effect-posthog"),
        (reply) => (reply as unknown as ReadonlyArray<ReadonlyArray<string>>).map((about) => about[1])
      )
      for (const text of ["a", "b"]) yield* one.append(fields(text), noLimit)
      yield* one.read(1)
      yield* two.settle((yield* two.read(1)).map(({ id }) => ({ id, dead: [] })), 0)
      assert.deepStrictEqual(yield* consumers, ["consumer 0", "consumer 1"])
      assert.strictEqual(yield* one.sweep(60_000), 0)
      // Idle is measured in milliseconds.
      yield* Effect.repeat(one.sweep(0), { until: (removed) => removed === 1 })
      assert.deepStrictEqual(yield* consumers, ["consumer 0"])
      assert.strictEqual(yield* one.depart, 1)
      yield* one.settle((yield* one.fetch((yield* one.refresh([], false)).own)).map(({ id }) => ({ id, dead: [] })), 0)
      assert.strictEqual(yield* one.depart, 0)
      assert.deepStrictEqual(yield* consumers, [])
    }))

  it.scopedLive("trims what is too much and too old, never what somebody has taken, and says what", () =>
    Effect.gen(function*() {
      const { ask, bytes, one, two } = yield* onRedis()
      const text = "x".repeat(1000)
      const sizes: Array<number> = []
      for (let i = 0; i < 5; i++) sizes.push((yield* one.append(fields(text + i, 10), noLimit)).bytes)
      assert.deepStrictEqual(sizes, [1, 2, 3, 4, 5].map((count) => count * (sizes[0] ?? 0)))
      yield* two.read(2)
      const removed = yield* one.trim(sizes[2]!, undefined, 10)
      assert.deepStrictEqual(removed.map(({ reason }) => reason), ["queue_full", "queue_full"])
      assert.deepStrictEqual(texts(removed.map(({ entry }) => entry)), [`${text}2`, `${text}3`])
      assert.strictEqual(yield* bytes("events"), sizes[2])
      assert.deepStrictEqual((yield* one.trim(0, 60_000, 1)).map(({ reason }) => reason), ["queue_full"])
      // Ids are the times of Redis's clock.
      yield* ask("FLUSHALL")
      yield* ask("XADD", "test:{0123456789ab}:lane:events", "1000-1", ...fields("old"))
      yield* one.append(fields("new"), noLimit)
      const expired = yield* one.trim(Number.MAX_SAFE_INTEGER, 60_000, 10)
      assert.deepStrictEqual(expired.map(({ entry, reason }) => [reason, entry.fields.get("e")]), [["expired", "old"]])
    }))

  it.scopedLive("refuses what is too much, if that is wanted", () =>
    Effect.gen(function*() {
      const { one } = yield* onRedis()
      const limit = { maxBytes: 20, refuses: true, isDoubtful: false }
      // A stream with nothing in it takes anything, so that it goes on in any case.
      assert.isDefined((yield* one.append(fields("x".repeat(100)), limit)).id)
      assert.isUndefined((yield* one.append(fields("x"), limit)).id)
      assert.isDefined((yield* one.append(fields("x"), { ...limit, refuses: false })).id)
    }))

  it.scopedLive("an entry whose answer got lost is not added twice", () =>
    Effect.gen(function*() {
      const { ask, one, stream } = yield* onRedis()
      const { bytes, id } = yield* one.append(fields("a"), noLimit)
      yield* one.append(fields("b"), noLimit)
      const doubtful = { ...noLimit, isDoubtful: true }
      assert.deepStrictEqual(yield* one.append(fields("a"), doubtful), { id, bytes: bytes * 2 })
      assert.isDefined((yield* one.append(fields("c"), doubtful)).id)
      assert.strictEqual(Number(yield* ask("XLEN", stream)), 3)
    }))

  it.scopedLive("dead letters: moved in one step, bounded, replaced once", () =>
    Effect.gen(function*() {
      const { ask, bytes, dead, keys, one, stream, two } = yield* onRedis()
      for (const text of ["a", "b", "c"]) yield* one.append(fields(text), noLimit)
      const [a, b, c] = yield* one.read(10)
      const letter = (text: string) => ["r", "rejected", ...fields(text, 2)]
      assert.strictEqual(
        yield* one.settle([{ id: a!.id, dead: [letter("a1"), letter("a2")] }, { id: b!.id, dead: [] }], 1000),
        0
      )
      // It was settled already.
      yield* two.settle([{ id: a!.id, dead: [letter("a1")] }], 1000)
      assert.strictEqual(yield* one.setAside(c!.id, "no gzip", 1000), 0)
      const all = yield* dead.list("0-0", "+", 10)
      assert.deepStrictEqual(texts(all), ["a1", "a2", "c"])
      assert.deepStrictEqual([all[2]!.fields.get("r"), all[2]!.fields.get("d")], ["damaged", "no gzip"])
      assert.strictEqual(yield* dead.last, all[2]!.id)
      const replay = { lane: "events", send: fields("a1"), keep: letter("a3") }
      assert.isTrue(yield* dead.replace(all[0]!.id, replay))
      assert.isFalse(yield* dead.replace(all[0]!.id, replay))
      assert.isTrue(yield* dead.replace(all[1]!.id, { lane: "events", send: [], keep: [] }))
      assert.deepStrictEqual(texts(yield* dead.list("0-0", "+", 10)), ["c", "a3"])
      const [again] = yield* two.read(10)
      assert.deepStrictEqual(again!.fields.get("e"), "a1")
      assert.strictEqual(yield* bytes("events"), "v1n1ea1".length)
      // Too much: the oldest go, and their events are counted.
      assert.strictEqual(yield* two.settle([{ id: again!.id, dead: [letter("a4")] }], 20), 3)
      assert.deepStrictEqual(texts(yield* dead.list("0-0", "+", 10)), ["a4"])
      assert.strictEqual(Number(yield* ask("XLEN", stream)), 0)
      assert.sameMembers((yield* ask("KEYS", "*")) as unknown as Array<string>, [keys.dead, keys.sizes, stream])
    }))

  it.scopedLive("a Redis that is full still settles and gives back, and says OOM to everything else", () =>
    Effect.gen(function*() {
      const { ask, bytes, dead, one, stream } = yield* onRedis("--maxmemory-policy", "noeviction")
      for (const text of ["a", "b", "c"]) yield* one.append(fields(text), noLimit)
      const [a, b, c] = yield* one.read(10)
      yield* ask("CONFIG", "SET", "maxmemory", "1")
      assert.deepInclude(yield* Effect.flip(one.append(fields("d"), noLimit)), { code: "OOM", isDoubtful: false })
      yield* one.settle([{ id: a!.id, dead: [] }], 1000)
      yield* one.settle([{ id: b!.id, dead: [fields("dead")] }], 1000)
      assert.deepStrictEqual(texts(yield* dead.list("0-0", "+", 10)), ["dead"])
      assert.strictEqual(yield* bytes("events"), "v1n1ec".length)
      assert.deepStrictEqual((yield* one.refresh([c!.id], false)).own, [c!.id])
      assert.strictEqual(yield* one.depart, 1)
      yield* one.trim(0, 0, 10)
      yield* ask("CONFIG", "SET", "maxmemory", "0")
      yield* one.append(fields("d"), noLimit)
      assert.strictEqual(Number(yield* ask("XLEN", stream)), 2)
    }))

  it.scopedLive("a key that is something else, and a replica, are failures with a name", () =>
    Effect.gen(function*() {
      const { ask, one, stream } = yield* onRedis()
      yield* ask("SET", stream, "something else")
      for (const self of [one.append(fields("a"), noLimit), one.read(1), one.refresh([], false), one.trim(0, 0, 1)]) {
        assert.deepInclude(yield* Effect.flip(self as Effect.Effect<unknown, { readonly code: string | undefined }>), {
          code: "WRONGTYPE"
        })
      }
      yield* ask("DEL", stream)
      yield* one.append(fields("a"), noLimit)
      yield* ask("REPLICAOF", "127.0.0.1", "1")
      assert.deepInclude(yield* Effect.flip(one.append(fields("a"), noLimit)), { code: "READONLY", isDoubtful: false })
      assert.deepInclude(yield* Effect.flip(one.read(1)), { code: "READONLY" })
    }))

  it.scopedLive("a Redis that is gone is a failure, and its entries are there again when it is", () =>
    Effect.gen(function*() {
      const { one, redis } = yield* onRedis(...Redis.durable)
      yield* one.append(fields("a"), noLimit)
      yield* redis.kill
      assert.deepInclude(yield* Effect.flip(one.read(1)), { _tag: "Trouble", code: undefined, isDoubtful: true })
      yield* redis.restart
      // Which the client finds out by itself.
      const read = Effect.retry(one.read(1), Schedule.spaced(20))
      assert.deepStrictEqual(texts(yield* read), ["a"])
    }))
}

describe("streams of a fleet", () => {
  if (Redis.isInstalled) suite()
  else {
    console.warn(`SKIPPED: the streams of a fleet are not tested, because ${Redis.absence}`)
    it.skip(`Redis: ${Redis.absence}`, () => {})
  }

  it.live("whatever the function does is a failure, within the time limit and a bounded memory", () =>
    Effect.gen(function*() {
      const ways: ReadonlyArray<readonly [string, () => PromiseLike<unknown>]> = [
        ["thrown", () => {
          throw new Error("thrown")
        }],
        ["rejected", () => Promise.reject(new Error("rejected"))],
        ["no promise", () => undefined as never],
        ["never", () => new Promise(() => {})],
        ["phs_secret", () => Promise.reject(new Error("redis://user:phs_secretsecretsecretsecretsecret@host"))],
        ["proxy", () => {
          const { proxy, revoke } = Proxy.revocable({}, {})
          revoke()
          return Promise.reject(proxy as Error)
        }]
      ]
      for (const [name, send] of ways) {
        const { append } = make(asking(send, Duration.millis(20), () => 0), keysOf("", ""), "events", "c")
        const failure = yield* Effect.flip(append(fields("a"), noLimit))
        assert.strictEqual(failure._tag, "Trouble", name)
        assert.notInclude(failure.detail, "phs_secret")
      }
      let sent = 0
      let now = 0
      const ask = asking(
        () => {
          sent++
          return new Promise(() => {})
        },
        Duration.millis(1),
        () => now
      )
      const askMany = Effect.forEach(Array.from({ length: 200 }), () => Effect.flip(ask("append", "PING")), {
        concurrency: "unbounded"
      })
      yield* askMany
      yield* askMany
      assert.strictEqual(sent, 64)
      now = 9
      yield* askMany
      assert.strictEqual(sent, 64)
      // Nobody waits for ever for what a client has forgotten.
      now = 10
      yield* askMany
      assert.strictEqual(sent, 128)
    }))

  it("answers of any form are read", () => {
    const entry = (fields: unknown) => [["1-1", fields]]
    const read = [{ id: "1-1", fields: new Map([["a", "1"], ["b", "2"]]) }]
    for (
      const fields of [["a", "1", "b", 2], [["a", "1"], ["b", "2"]], new Map([["a", "1"], ["b", "2"]]), {
        a: "1",
        b: "2"
      }]
    ) {
      assert.deepStrictEqual(entriesOf(entry(fields)), read)
      for (
        const reply of [[["s", entry(fields)]], ["s", entry(fields)], new Map([["s", entry(fields)]]), {
          s: entry(fields)
        }]
      ) {
        assert.deepStrictEqual(readOf(reply), read)
      }
    }
    assert.deepStrictEqual(
      entriesOf([null, ["1-2", null], [Buffer.from("1-1"), [Buffer.from("a"), Buffer.from("ü")]]]),
      [
        { id: "1-2", fields: new Map() },
        { id: "1-1", fields: new Map([["a", "ü"]]) }
      ]
    )
    assert.deepStrictEqual(pendingOf([["1-1", "c", 5, 1], ["1-2", "c", "6", "1"], [], null, ["x", "c", 1]]), [
      { id: "1-1", consumer: "c", idle: 5 },
      { id: "1-2", consumer: "c", idle: 6 }
    ])
    for (const odd of [undefined, null, 0, "text", true, {}, [], [[]], [[[]]], new Map(), Symbol("s"), () => {}]) {
      assert.deepStrictEqual([readOf(odd), entriesOf(odd), pendingOf(odd)], [[], [], []])
    }
  })
})

/**
 * Each way to compress a body, as PostHog's harness asks for it: one process of the adapter for each.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { limitMillis } from "../support/limit.js"
import { newerNode, skipped } from "../support/newerNode.js"
import * as Sink from "../support/sink.js"
import { adapterFor } from "./driver.js"

/** The first bytes of what is compressed. */
const beginnings: Readonly<Record<string, RegExp>> = {
  gzip: /^1f8b/,
  // That of zlib.
  deflate: /^78/,
  // A stream of brotli has none of its own.
  br: /^/,
  zstd: /^28b52ffd/
}

const canRead = (encoding: string) => encoding !== "zstd" || newerNode === process.execPath

for (const [encoding, beginning] of Object.entries(beginnings)) {
  const isZstd = encoding === "zstd"
  describe.skipIf(isZstd && newerNode === undefined)(`${encoding}${isZstd ? skipped : ""}`, () => {
    const adapter = adapterFor({ CAPTURE_MODE: "v1", COMPRESSION: encoding }, isZstd ? newerNode : undefined)

    it.scopedLive(
      "is declared, and used when compression is on, on both routes, also for a repetition",
      () =>
        Effect.gen(function*() {
          assert.include((yield* adapter.health).capabilities, `encoding_${encoding}`)
          const session = yield* adapter.session()
          // A mock that cannot read it takes it unseen.
          if (!canRead(encoding)) session.sink.rules = { otherwise: () => Sink.status(200, {}, "{}") }
          yield* session.init({ enable_compression: true })
          session.sink.next(Sink.status(503))
          yield* session.capture("a", { properties: { text: "x".repeat(100) } })
          yield* session.flush
          yield* session.captureAi("$ai_span")
          yield* session.flush
          const { requests } = session.sink
          assert.deepStrictEqual(requests.map(({ path }) => path), [
            "/i/v1/analytics/events",
            "/i/v1/analytics/events",
            "/i/v1/ai/events"
          ])
          for (const { beginsWith, headers } of requests) {
            assert.strictEqual(headers["content-encoding"], encoding)
            assert.match(beginsWith, beginning)
          }
          if (canRead(encoding)) assert.strictEqual(session.sink.accepted.length, 2)
          assert.deepInclude(yield* session.state, { total_events_sent: 2 })
        }),
      limitMillis
    )

    it.scopedLive("is not used when compression is off", () =>
      Effect.gen(function*() {
        const session = yield* adapter.session()
        yield* session.init({ enable_compression: false })
        yield* session.capture("a", { properties: { text: "x".repeat(10_000) } })
        yield* session.flush
        assert.notProperty(session.sink.requests[0]!.headers, "content-encoding")
        assert.strictEqual(session.sink.accepted.length, 1)
      }), limitMillis)

    it.scopedLive("a server that refuses it gets the same batch as it is", () =>
      Effect.gen(function*() {
        const session = yield* adapter.session({
          otherwise: ({ headers }) => headers["content-encoding"] === undefined ? Sink.ok : Sink.status(415)
        })
        yield* session.init({ enable_compression: true })
        const uuid = yield* session.capture("a")
        yield* session.flush
        assert.deepStrictEqual(
          session.sink.requests.map(({ headers }) => [headers["content-encoding"], headers["posthog-attempt"]]),
          [[encoding, "1"], [undefined, "2"]]
        )
        assert.deepStrictEqual(session.sink.accepted.map((event) => event.uuid), [uuid])
      }), limitMillis)
  })
}

/** What is used where the encoding of the options is not known, or not there. */
const usesGzip = (adapter: ReturnType<typeof adapterFor>) =>
  Effect.gen(function*() {
    const session = yield* adapter.session()
    yield* session.init({ enable_compression: true })
    yield* session.capture("a")
    yield* session.flush
    assert.strictEqual(session.sink.requests[0]!.headers["content-encoding"], "gzip")
    assert.strictEqual(session.sink.accepted.length, 1)
  })

describe("capture v0", () => {
  const adapter = adapterFor({ CAPTURE_MODE: "v0", AI_CAPTURE_MODE: "v0", COMPRESSION: "br" })
  it.scopedLive("knows gzip, whatever is asked for", () => usesGzip(adapter), limitMillis)
})

describe.skipIf(newerNode === process.execPath)("a runtime without zstd", () => {
  const adapter = adapterFor({ CAPTURE_MODE: "v1", COMPRESSION: "zstd" })
  it.scopedLive("declares none, and uses gzip", () =>
    Effect.gen(function*() {
      assert.notInclude((yield* adapter.health).capabilities, "encoding_zstd")
      yield* usesGzip(adapter)
    }), limitMillis)
})

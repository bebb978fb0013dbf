/**
 * How bodies are compressed on their way, and what happens where a server or the runtime does not know how.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { PostHog, type PostHogConfig, type PostHogError } from "effect-posthog"
import * as zlib from "node:zlib"
import { sendMany } from "../support/ai.js"
import { captureMany, collectDiagnostics, names, onSink, range, settle, stats } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

const hasZstd = "zstdCompressSync" in zlib

const all = ["gzip", "deflate", "br", "zstd"] as const

const encodingsOf = (requests: ReadonlyArray<Sink.SinkRequest>) =>
  requests.map(({ headers }) => headers["content-encoding"])

const tagged = <Tag extends PostHogError.Diagnostic["_tag"]>(
  told: ReadonlyArray<PostHogError.Diagnostic>,
  tag: Tag
) => told.filter(({ _tag }) => _tag === tag)

/** A server that takes bodies as they are, and nothing else. */
const plainOnly: Sink.Rules = {
  otherwise: ({ headers }) => headers["content-encoding"] === undefined ? Sink.ok : Sink.status(415)
}

const on = (sink: Sink.Sink, options: PostHogConfig.Options = {}) =>
  onSink(sink, { compressionThreshold: 0, ...options })

describe("compression", () => {
  for (const compression of all) {
    const used = compression === "zstd" && !hasZstd ? "gzip" : compression
    it.scopedLive(`${compression}: capture v1 has it as ${used}, capture v0 has gzip`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        yield* Effect.gen(function*() {
          const told = yield* collectDiagnostics
          // More than is compressed on the spot.
          yield* PostHog.capture("large", { text: "abcdefghij".repeat(60_000) }, { distinctId: "user_1" })
          yield* PostHog.flush
          yield* captureMany(2)
          yield* PostHog.flush
          yield* settle
          assert.deepStrictEqual(
            tagged(told, "EncodingUnavailable"),
            used === compression
              ? []
              : [{ _tag: "EncodingUnavailable", encoding: compression, instead: "gzip" }]
          )
        }).pipe(Effect.scoped, Effect.provide(on(sink, { compression, captureMode: "v1" })))
        assert.deepStrictEqual(encodingsOf(sink.batchesV1), [used, used])
        yield* Effect.zipRight(Effect.zipRight(captureMany(2), sendMany(1)), PostHog.flush).pipe(
          Effect.provide(on(sink, { compression }))
        )
        assert.deepStrictEqual(encodingsOf(sink.batches), ["gzip"])
        assert.deepStrictEqual(encodingsOf(sink.requests.filter(({ path }) => path === "/i/v1/ai/events")), [used])
        assert.strictEqual(sink.acceptedCount, 6)
      }))
  }

  it.scopedLive("true is gzip and false is none; a body below the threshold is sent as it is", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const send = Effect.zipRight(captureMany(1), PostHog.flush)
      yield* send.pipe(Effect.provide(on(sink, { captureMode: "v1", compression: true })))
      yield* send.pipe(Effect.provide(on(sink, { captureMode: "v1", compression: false })))
      yield* send.pipe(Effect.provide(onSink(sink, { captureMode: "v1", compression: "br" })))
      assert.deepStrictEqual(encodingsOf(sink.requests), ["gzip", undefined, undefined])
    }))
})

describe("a server that does not take an encoding", () => {
  for (const captureMode of ["v0", "v1"] as const) {
    it.scopedLive(`gets the same batch as it is, at once and from then on (${captureMode})`, () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make(plainOnly)
        yield* Effect.gen(function*() {
          const told = yield* collectDiagnostics
          yield* captureMany(3)
          assert.deepStrictEqual(yield* PostHog.flush, { delivered: 3, dropped: 0 })
          yield* captureMany(2, 3)
          yield* PostHog.flush
          yield* settle
          const used = captureMode === "v0" ? "gzip" : "br"
          assert.deepStrictEqual(encodingsOf(sink.requests), [used, undefined, undefined])
          assert.deepStrictEqual(names(sink.accepted), range(5))
          const [asked, sent, later] = sink.requests as [Sink.SinkRequest, Sink.SinkRequest, Sink.SinkRequest]
          assert.deepStrictEqual(sent.events, asked.events)
          if (captureMode === "v1") {
            assert.strictEqual(sent.headers["posthog-request-id"], asked.headers["posthog-request-id"])
            assert.strictEqual(sent.body.created_at, asked.body.created_at)
            assert.deepStrictEqual(
              [asked, sent, later].map(({ headers }) => headers["posthog-attempt"]),
              ["1", "2", "1"]
            )
          }
          assert.deepStrictEqual(tagged(told, "EncodingRefused"), [{ _tag: "EncodingRefused", encoding: used }])
          assert.deepInclude(yield* stats, { delivered: 5, dropped: {} })
        }).pipe(Effect.scoped, Effect.provide(on(sink, { captureMode, compression: "br" })))
      }))
  }

  it.scopedLive("with several requests at once: each gets there, and it is told once", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      let open: () => void = () => {}
      const all = new Promise<void>((resolve) => open = resolve)
      // Nobody is answered before all four are here.
      void sink.until(() => sink.requests.length === 4).then(open)
      sink.rules = {
        otherwise: ({ headers }) =>
          headers["content-encoding"] === undefined ? Sink.ok : { kind: "wait", until: all, next: Sink.status(415) }
      }
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        yield* captureMany(4)
        assert.deepStrictEqual(yield* PostHog.flush, { delivered: 4, dropped: 0 })
        assert.strictEqual(sink.requests.length, 8)
        yield* settle
        assert.strictEqual(tagged(told, "EncodingRefused").length, 1)
      }).pipe(Effect.scoped, Effect.provide(on(sink, { captureMode: "v1", maxBatchSize: 1 })))
    }))

  it.scopedLive("an answer of 415 to a body as it is has another reason: it is rejected, once, and nothing is learnt", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(415) })
      yield* Effect.gen(function*() {
        const told = yield* collectDiagnostics
        for (let i = 0; i < 2; i++) {
          yield* captureMany(1)
          assert.deepInclude(yield* Effect.flip(PostHog.flush), { reason: "rejected", status: 415, dropped: 1 })
        }
        assert.deepStrictEqual(encodingsOf(sink.requests), ["gzip", undefined, "gzip", undefined])
        assert.deepStrictEqual(tagged(told, "EncodingRefused"), [])
      }).pipe(Effect.scoped, Effect.provide(on(sink, { captureMode: "v1" })))
    }))

  it.scopedLive("captureNow gets there, too, also when the network fails in between", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make(plainOnly)
      sink.next(Sink.status(415), Sink.resetAfter)
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.fork(PostHog.captureNow("now", {}, { distinctId: "user_1" }))
        assert.strictEqual((yield* Fiber.join(fiber))._tag, "Some")
        assert.deepStrictEqual(names(sink.accepted), ["now"])
        assert.deepStrictEqual(sink.requests.map(({ headers }) => headers["posthog-attempt"]), ["1", "2", "3"])
      }).pipe(Effect.provide(on(sink, { captureMode: "v1" })))
    }))
})

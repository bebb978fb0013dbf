/**
 * Traces: what events say about them, and that the library's own requests are no part of them.
 */
import { FetchHttpClient, HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, type Exit, Layer, Option, Tracer } from "effect"
import { ErrorTracking, FeatureFlags, PostHog, PostHogTest, TestLayer } from "effect-posthog"
import { layerTracer, major, makeTracer } from "../support/effect.js"
import { apiKey, stats } from "../support/posthog.js"
import * as Sink from "../support/sink.js"

class RecordedSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId: string
  readonly traceId: string
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly context = Context.empty()
  /** How Effect 4 calls the context. */
  readonly annotations = Context.empty()
  readonly links: ReadonlyArray<Tracer.SpanLink> = []
  readonly status: Tracer.SpanStatus = { _tag: "Started", startTime: 0n }

  constructor(
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly kind: Tracer.SpanKind,
    number: number
  ) {
    this.spanId = number.toString(16).padStart(16, "0")
    this.traceId = Option.match(parent, {
      onNone: () => "0af7651916cd43dd8448eb211c80319c",
      onSome: (span) => span.traceId
    })
  }

  end(_: bigint, __: Exit.Exit<unknown, unknown>): void {}
  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }
  event(): void {}
  addLinks(): void {}
}

/** A tracer as a program chooses it, which keeps its spans. */
const recorder = () => {
  const spans: Array<RecordedSpan> = []
  const tracer = makeTracer(({ kind, name, parent }) => {
    const span = new RecordedSpan(name, parent, kind, spans.length + 1)
    spans.push(span)
    return span
  })
  return { spans, layer: layerTracer(tracer) }
}

const trace = Effect.map(
  PostHogTest.captured,
  (events) => events.map(({ properties }) => [properties.$trace_id, properties.$span_id])
)

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const external = Tracer.externalSpan({ traceId, spanId })

describe("events in a trace", () => {
  it.effect("carry the ids of the innermost span of the program's tracer", () => {
    const { layer } = recorder()
    return Effect.gen(function*() {
      yield* PostHog.capture("outside")
      yield* PostHog.capture("inner").pipe(
        Effect.withSpan("query"),
        Effect.zipRight(PostHog.capture("outer")),
        Effect.withSpan("request")
      )
      assert.deepStrictEqual(yield* trace, [
        [undefined, undefined],
        [traceId, "0000000000000002"],
        [traceId, "0000000000000001"]
      ])
    }).pipe(Effect.provide(layer), Effect.provide(TestLayer))
  })

  it.effect("so do those of fibers that are forked in the span", () => {
    const { layer } = recorder()
    return Effect.gen(function*() {
      yield* Effect.all([PostHog.capture("a"), PostHog.capture("b")], { concurrency: 2 }).pipe(
        Effect.withSpan("request")
      )
      assert.deepStrictEqual(yield* trace, [[traceId, "0000000000000001"], [traceId, "0000000000000001"]])
    }).pipe(Effect.provide(layer), Effect.provide(TestLayer))
  })

  it.effect("carry those of a span from outside, sampled or not", () =>
    Effect.gen(function*() {
      for (const sampled of [true, false]) {
        yield* PostHog.capture("a").pipe(Effect.withParentSpan(Tracer.externalSpan({ traceId, spanId, sampled })))
      }
      assert.deepStrictEqual(yield* trace, [[traceId, spanId], [traceId, spanId]])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("and of spans that continue one, whoever makes them", () =>
    Effect.gen(function*() {
      yield* PostHog.capture("a").pipe(Effect.withSpan("query"), Effect.withSpan("request", { parent: external }))
      const [ids] = yield* trace
      assert.strictEqual(ids![0], traceId)
      assert.match(String(ids![1]), /^[0-9a-f]{16}$/)
      assert.notStrictEqual(ids![1], spanId)
    }).pipe(Effect.provide(TestLayer)))

  it.effect("carry none of spans that nobody records, and none where tracing is switched off", () => {
    const { layer } = recorder()
    return Effect.gen(function*() {
      yield* PostHog.capture("a").pipe(Effect.withSpan("native"))
      yield* PostHog.capture("b").pipe(Effect.withSpan("off"), Effect.withTracerEnabled(false), Effect.provide(layer))
      assert.deepStrictEqual(yield* trace, [[undefined, undefined], [undefined, undefined]])
    }).pipe(Effect.provide(TestLayer))
  })

  it.effect("carry no ids that are none", () =>
    Effect.gen(function*() {
      for (
        const ids of [
          { traceId: "0".repeat(32), spanId: "0".repeat(16) },
          { traceId: "\",\"a\":\"", spanId },
          { traceId: "", spanId },
          { traceId: 7 as never, spanId },
          { traceId, spanId: "x".repeat(10_000) }
        ]
      ) yield* PostHog.capture("a").pipe(Effect.withParentSpan(Tracer.externalSpan(ids)))
      const throwing = new Proxy(external, {
        get: () => {
          throw new Error("no")
        }
      })
      yield* PostHog.capture("a").pipe(Effect.provideService(Tracer.ParentSpan, throwing))
      assert.deepStrictEqual(yield* trace, Array.from({ length: 6 }, () => [undefined, undefined]))
      assert.deepInclude(yield* stats, { accepted: 6, delivered: 6 })
    }).pipe(Effect.provide(TestLayer)))

  it.effect("keep what the caller or the context says about the trace, without a half of another", () =>
    Effect.gen(function*() {
      const region = Effect.withParentSpan(external)
      yield* PostHog.capture("a", { $trace_id: "mine" }).pipe(region)
      yield* PostHog.capture("a").pipe(PostHog.withContext({ properties: { $span_id: "ours" } }), region)
      assert.deepStrictEqual(yield* trace, [["mine", undefined], [undefined, "ours"]])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("say nothing of it with traceIds: false, exceptions included", () =>
    Effect.gen(function*() {
      yield* Effect.zipRight(PostHog.capture("a"), ErrorTracking.capture(new Error("x"))).pipe(
        Effect.withParentSpan(external)
      )
      assert.deepStrictEqual(yield* trace, [[undefined, undefined], [undefined, undefined]])
    }).pipe(Effect.provide(PostHogTest.layer({ traceIds: false }))))

  it.effect("identify takes no trace from around it, as it takes no context", () =>
    Effect.gen(function*() {
      yield* PostHog.identify("ada", { plan: "pro" }).pipe(Effect.withParentSpan(external))
      assert.deepStrictEqual(yield* trace, [[undefined, undefined]])
    }).pipe(Effect.provide(TestLayer)))

  it.effect("exceptions that the logger layer sees carry them too", () =>
    Effect.gen(function*() {
      yield* Effect.logError("broken").pipe(Effect.withParentSpan(external))
      assert.deepStrictEqual(yield* trace, [[traceId, spanId]])
    }).pipe(Effect.provide(Layer.provideMerge(ErrorTracking.layerLogger(), TestLayer))))
})

describe("the library's own requests", () => {
  it.scopedLive("are in no trace and carry no trace headers, while the program's own are and do", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      sink.rules = { flags: () => ({ beta: true }), otherwise: () => Sink.ok }
      const { layer, spans } = recorder()
      // The tracer is there when the instance is built, when it sends and when it closes.
      yield* Effect.gen(function*() {
        yield* PostHog.capture("queued")
        yield* PostHog.captureNow("at once")
        yield* FeatureFlags.evaluate({ distinctId: "ada" })
        yield* PostHog.flush
        yield* PostHog.capture("left for the end")
        // Shows that a request would be seen.
        yield* Effect.exit(HttpClient.get(`${sink.url}/program`))
      }).pipe(
        Effect.withSpan("request"),
        Effect.provide(PostHog.layer({ apiKey, host: sink.url })),
        Effect.provide(FetchHttpClient.layer),
        Effect.provide(layer)
      )
      const traced = ["traceparent", "tracestate", "b3", "x-b3-traceid", "baggage"]
      const headers = (path: (path: string) => boolean) =>
        sink.requests.filter((request) => path(request.path)).map((request) =>
          traced.filter((name) => request.headers[name] !== undefined)
        )
      assert.deepStrictEqual(headers((path) => path !== "/program"), [[], [], [], []])
      assert.deepStrictEqual(headers((path) => path === "/program"), [["traceparent", "b3"]])
      assert.deepStrictEqual(spans.map(({ name }) => name), ["request", major === 3 ? "http.client GET" : "GET"])
      assert.strictEqual(sink.accepted.length, 3)
    }))
})

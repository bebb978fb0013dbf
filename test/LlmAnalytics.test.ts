import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Option, Schedule, Stream, TestClock } from "effect"
import { ErrorTracking, LlmAnalytics, PostHog, PostHogTest } from "../src/index.js"
import { run } from "./support/child.js"
import { major, transportError } from "./support/effect.js"
import { brokenAnswer } from "./support/llm/aiError.js"
import { collectDiagnostics, onSink, settle } from "./support/posthog.js"
import * as Sink from "./support/sink.js"

const withTest = (options?: PostHogTest.Options) => Effect.provide(PostHogTest.layer(options))

type Captured = PostHogTest.CapturedEvent

const named = (event: string) => Effect.map(PostHogTest.captured, (all) => all.filter((one) => one.event === event))

const spanNamed = (name: string) =>
  Effect.map(PostHogTest.captured, (all) => all.find(({ properties }) => properties.$ai_span_name === name)!)

const idsOf = ({ properties }: Captured) => ({
  trace: properties.$ai_trace_id,
  session: properties.$ai_session_id,
  span: properties.$ai_span_id,
  parent: properties.$ai_parent_id
})

class Overloaded {
  readonly _tag = "Overloaded"
  readonly message = "too many requests for sk-proj-abcdefgh12345678"
  readonly status = 529
  readonly code = "overloaded"
}

describe("withTrace and withSpan", () => {
  it.effect("make a tree of what runs in them", () =>
    Effect.gen(function*() {
      const call = yield* LlmAnalytics.generation({ model: "gpt-5-mini", provider: "openai" }).pipe(
        LlmAnalytics.withSpan("inner"),
        LlmAnalytics.withSpan("outer", { type: "agent" }),
        LlmAnalytics.withTrace({ id: "t1", name: "chat", sessionId: "s1" })
      )
      const [generation] = yield* named("$ai_generation")
      const inner = yield* spanNamed("inner")
      const outer = yield* spanNamed("outer")
      const [trace] = yield* named("$ai_trace")
      assert.strictEqual(generation?.uuid, call)
      assert.deepStrictEqual(idsOf(generation!), {
        trace: "t1",
        session: "s1",
        span: call,
        parent: inner.properties.$ai_span_id
      })
      assert.deepStrictEqual(idsOf(inner).parent, outer.properties.$ai_span_id)
      assert.deepStrictEqual(idsOf(outer).parent, "t1")
      assert.strictEqual(outer.properties.$ai_span_type, "agent")
      assert.deepStrictEqual(idsOf(trace!), { trace: "t1", session: "s1", span: undefined, parent: undefined })
      assert.strictEqual(trace?.properties.$ai_span_name, "chat")
      // Nobody is known: one person for the whole trace, without a profile.
      for (const { distinct_id, properties } of yield* PostHogTest.captured) {
        assert.strictEqual(distinct_id, "t1")
        assert.strictEqual(properties.$process_person_profile, false)
      }
    }).pipe(withTest()))

  it.effect("know the latency, the input as it was at the beginning, and what the effect has given", () =>
    Effect.gen(function*() {
      const messages = [{ role: "user", content: "Hi" }]
      yield* Effect.sync(() => messages.push({ role: "assistant", content: "Hello" })).pipe(
        Effect.zipRight(Effect.as(Effect.sleep("1500 millis"), 42)),
        LlmAnalytics.withSpan("answer", { input: messages, output: (n) => ({ n }), properties: { $own: true } }),
        Effect.fork,
        Effect.tap(() => TestClock.adjust("1500 millis")),
        Effect.flatMap(Fiber.join)
      )
      assert.deepInclude((yield* spanNamed("answer")).properties, {
        $ai_latency: 1.5,
        $ai_input_state: [{ role: "user", content: "Hi" }],
        $ai_output_state: { n: 42 },
        $own: true
      })
    }).pipe(withTest()))

  it.effect("tell failures and defects, and an interruption is none", () =>
    Effect.gen(function*() {
      yield* Effect.exit(Effect.fail(new Overloaded()).pipe(LlmAnalytics.withSpan("fails"), LlmAnalytics.withTrace()))
      yield* Effect.exit(Effect.die(new RangeError("too far")).pipe(LlmAnalytics.withSpan("dies")))
      const fiber = yield* Effect.fork(
        Effect.never.pipe(LlmAnalytics.withSpan("waits"), LlmAnalytics.withTrace({ id: "silent" }))
      )
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      const fails = yield* spanNamed("fails")
      assert.deepInclude(fails.properties, {
        $ai_is_error: true,
        $ai_error_type: "Overloaded",
        $ai_error: {
          type: "Overloaded",
          code: "overloaded",
          status: 529,
          message: "too many requests for [redacted]"
        }
      })
      assert.deepInclude((yield* spanNamed("dies")).properties, {
        $ai_error: { type: "RangeError", message: "too far" }
      })
      const waits = yield* spanNamed("waits")
      assert.notProperty(waits.properties, "$ai_is_error")
      assert.strictEqual(waits.properties.$ai_stop_reason, "interrupted")
      // A trace without a name is told when it failed, and not when it was interrupted.
      const traces = yield* named("$ai_trace")
      assert.deepStrictEqual(traces.map(({ properties }) => properties.$ai_is_error), [true])
      assert.strictEqual(traces[0]?.properties.$ai_trace_id, fails.properties.$ai_trace_id)
    }).pipe(withTest()))

  it.effect("follow forks, races and streams", () =>
    Effect.gen(function*() {
      const leaf = (name: string) => LlmAnalytics.span(name)
      yield* Effect.gen(function*() {
        yield* Effect.flatMap(Effect.fork(leaf("forked")), Fiber.join)
        yield* Effect.flatMap(Effect.forkDaemon(leaf("daemon")), Fiber.join)
        yield* Effect.race(Effect.zipLeft(leaf("winner"), Effect.void), Effect.never)
        yield* Effect.all([leaf("a"), leaf("b")], { concurrency: 2 })
        yield* Stream.runDrain(Stream.fromIterable([1]).pipe(Stream.mapEffect(() => leaf("streamed"))))
      }).pipe(LlmAnalytics.withSpan("parent", { id: "p" }), LlmAnalytics.withTrace({ id: "t" }))
      for (const name of ["forked", "daemon", "winner", "a", "b", "streamed"]) {
        const { parent, trace } = idsOf(yield* spanNamed(name))
        assert.deepStrictEqual([name, trace, parent], [name, "t", "p"])
      }
    }).pipe(withTest()))

  it.effect("are never mixed: 100 traces at once", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const one = (n: number) =>
        Effect.gen(function*() {
          if (n === 99) yield* Deferred.succeed(started, undefined)
          yield* Deferred.await(started)
          yield* Effect.yieldNow()
          yield* LlmAnalytics.generation({ model: "m", provider: "p", input: `${n}` })
        }).pipe(
          LlmAnalytics.withSpan(`span ${n}`),
          LlmAnalytics.withTrace({ name: `trace ${n}` }),
          PostHog.withDistinctId(`user ${n}`)
        )
      yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => n), one, { concurrency: "unbounded" })
      const all = yield* PostHogTest.captured
      assert.lengthOf(all, 300)
      assert.strictEqual(new Set(all.map(({ properties }) => properties.$ai_trace_id)).size, 100)
      for (let n = 0; n < 100; n++) {
        const own = all.filter(({ distinct_id }) => distinct_id === `user ${n}`)
        assert.strictEqual(new Set(own.map(({ properties }) => properties.$ai_trace_id)).size, 1)
        assert.deepStrictEqual(own.map(({ event }) => event), ["$ai_generation", "$ai_span", "$ai_trace"])
        assert.deepStrictEqual(own[0]?.properties.$ai_input, [{ role: "user", content: `${n}` }])
        assert.strictEqual(own[0]?.properties.$ai_parent_id, own[1]?.properties.$ai_span_id)
      }
    }).pipe(withTest()))

  it.effect("know the user that is only learnt inside", () =>
    Effect.gen(function*() {
      yield* PostHog.setContext({ distinctId: "late" }).pipe(LlmAnalytics.withTrace({ name: "t" }))
      assert.strictEqual((yield* named("$ai_trace"))[0]?.distinct_id, "late")
    }).pipe(withTest()))

  it.effect("outermost, take the id of the tracer's trace, once", () =>
    Effect.gen(function*() {
      const span = yield* Effect.currentSpan
      const ids = yield* Effect.all([
        LlmAnalytics.currentTraceId.pipe(LlmAnalytics.withTrace()),
        LlmAnalytics.currentTraceId.pipe(LlmAnalytics.withTrace()),
        LlmAnalytics.currentTraceId.pipe(LlmAnalytics.withTrace(), LlmAnalytics.withTrace({ id: "outer" }))
      ])
      const [first, second, inner] = ids.map(Option.getOrThrow)
      assert.strictEqual(first, span.traceId)
      assert.strictEqual(new Set([first, second, inner, "outer"]).size, 4)
      yield* LlmAnalytics.generation({})
      assert.strictEqual((yield* named("$ai_generation"))[0]?.properties.$ai_trace_id, span.traceId)
    }).pipe(Effect.withSpan("request"), withTest()))

  it.scoped("repair ids that PostHog would refuse, and tell it", () =>
    Effect.gen(function*() {
      const diagnostics = yield* collectDiagnostics
      yield* LlmAnalytics.generation({}).pipe(LlmAnalytics.withTrace({ id: "a b/ü", sessionId: "" }))
      const [event] = yield* named("$ai_generation")
      assert.strictEqual(event?.properties.$ai_trace_id, "a_b__")
      assert.notProperty(event?.properties, "$ai_session_id")
      yield* settle
      assert.deepStrictEqual(diagnostics.flatMap((one) => one._tag === "EventRepaired" ? [one.repairs] : []), [
        ["$ai_trace_id: characters that PostHog does not take in ids"],
        ["$ai_session_id: no id"]
      ])
    }).pipe(withTest()))

  it.effect("retried, are a trace each", () =>
    Effect.gen(function*() {
      yield* Effect.exit(
        Effect.fail("no").pipe(LlmAnalytics.withTrace({ name: "try" }), Effect.retry(Schedule.recurs(2)))
      )
      const traces = yield* named("$ai_trace")
      assert.strictEqual(new Set(traces.map(({ properties }) => properties.$ai_trace_id)).size, 3)
    }).pipe(Effect.withSpan("job"), withTest()))

  it.effect("are carried to another process and back", () =>
    Effect.gen(function*() {
      const carrier = yield* PostHog.toCarrier.pipe(
        LlmAnalytics.withSpan("caller", { id: "p" }),
        LlmAnalytics.withTrace({ id: "t", sessionId: "s" }),
        LlmAnalytics.withPrivacyMode,
        Effect.map((carrier) => JSON.parse(JSON.stringify(carrier)) as unknown)
      )
      yield* LlmAnalytics.generation({ input: "secret" }).pipe(
        LlmAnalytics.withSpan("there"),
        PostHog.withCarrier(carrier)
      )
      const there = yield* spanNamed("there")
      assert.deepInclude(idsOf(there), { trace: "t", session: "s", parent: "p" })
      const [generation] = yield* named("$ai_generation")
      assert.strictEqual(idsOf(generation!).parent, there.properties.$ai_span_id)
      assert.isNull(generation?.properties.$ai_input)
    }).pipe(withTest()))

  it.effect("lend their ids to events by name, and the parent to nodes only", () =>
    Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* PostHog.capture("$ai_generation", { $ai_model: "m" })
        yield* PostHog.capture("$ai_metric", { $ai_metric_name: "n" })
        yield* PostHog.capture("something else")
        yield* ErrorTracking.capture(new Error("boom"))
      }).pipe(LlmAnalytics.withSpan("s", { id: "p" }), LlmAnalytics.withTrace({ id: "t", sessionId: "s" }))
      const [generation, metric, other, exception] = yield* PostHogTest.captured
      assert.deepInclude(idsOf(generation!), { trace: "t", session: "s", parent: "p" })
      assert.deepInclude(idsOf(metric!), { trace: "t", session: "s", parent: undefined })
      assert.deepInclude(idsOf(other!), { trace: undefined, session: undefined, parent: undefined })
      assert.deepInclude(idsOf(exception!), { trace: "t", session: "s", parent: undefined })
    }).pipe(withTest()))

  it.effect("are named by the exception about their failure, and name it where it was captured before", () =>
    Effect.gen(function*() {
      yield* Effect.exit(
        Effect.fail(new Error("inside")).pipe(ErrorTracking.captureErrors(), LlmAnalytics.withSpan("inside"))
      )
      yield* Effect.exit(
        Effect.fail(new Error("outside")).pipe(
          LlmAnalytics.withTrace({ id: "t", sessionId: "s" }),
          ErrorTracking.captureErrors()
        )
      )
      const [inside, outside] = yield* named("$exception")
      const span = yield* spanNamed("inside")
      assert.strictEqual(span.properties.$exception_event_id, inside?.uuid)
      assert.strictEqual(span.properties.$ai_trace_id, inside?.properties.$ai_trace_id)
      assert.deepInclude(idsOf(outside!), { trace: "t", session: "s" })
    }).pipe(withTest()))

  it.effect("and their exceptions have nothing of a request, whatever the error holds", () =>
    Effect.gen(function*() {
      const request = {
        url: "https://api.anthropic.com/v1/messages",
        headers: { "x-api-key": "key-in-clear" }
      }
      const errors = [
        brokenAnswer({
          ...request,
          description: "it broke off",
          body: "POST /v1/messages {\"prompt\": \"the prompt\", \"key\": \"key-in-clear\"}"
        }),
        transportError(
          HttpClientRequest.post(request.url, { headers: request.headers }).pipe(
            HttpClientRequest.bodyUnsafeJson({ prompt: "the prompt" })
          ),
          new Error("no route")
        )
      ]
      for (const error of errors) {
        yield* Effect.exit(
          Effect.fail(error).pipe(LlmAnalytics.withSpan(error._tag), ErrorTracking.captureErrors())
        )
      }
      const all = yield* PostHogTest.captured
      assert.deepStrictEqual(all.map(({ event }) => event), ["$ai_span", "$exception", "$ai_span", "$exception"])
      assert.notMatch(JSON.stringify(all), /key-in-clear|the prompt/)
      assert.deepInclude(all[0]?.properties.$ai_error as object, {
        type: major === 3 ? "HttpResponseError" : "InvalidResponseError",
        message: "it broke off"
      })
      assert.include(String(all[1]?.properties.$exception_message), "it broke off")
    }).pipe(withTest({ sourceContext: false })))

  it.effect("say nothing where nothing is captured", () =>
    Effect.gen(function*() {
      let asked = 0
      const content = () => ++asked
      yield* LlmAnalytics.generation({ input: content, output: content }).pipe(
        LlmAnalytics.withSpan("s", { input: content, output: content }),
        PostHog.withoutCapture
      )
      assert.deepStrictEqual([yield* PostHogTest.captured, asked], [[], 0])
    }).pipe(withTest()))
})

describe("what is captured at once", () => {
  it.effect("a generation has all that was said", () =>
    Effect.gen(function*() {
      yield* LlmAnalytics.generation({
        model: "models/gemini-2.5-pro",
        provider: "gemini",
        baseUrl: "https://generativelanguage.googleapis.com",
        input: "Hi",
        output: "Hello",
        tools: [{ name: "search" }],
        parameters: { temperature: 0.5, max_output_tokens: 100, service_tier: "auto", top_p: undefined },
        serviceTier: "flex",
        streamed: true,
        latency: "2 seconds",
        timeToFirstToken: Duration.millis(250),
        httpStatus: 200,
        stopReason: "STOP",
        completionId: "r1",
        usage: { inputTokens: 0, outputTokens: 3, reasoningTokens: 0, totalTokens: -1, cacheReadInputTokens: 1.5 },
        prices: { input: 0.000001, output: 0.000002 },
        properties: { feature: "chat" }
      })
      const [event] = yield* PostHogTest.captured
      const { $ai_span_id: id, $ai_trace_id: trace, $ai_lib: lib, $ai_lib_version: _____, ...rest } = event!.properties
      assert.deepStrictEqual([id, trace, lib], [event!.uuid, event!.uuid, "effect-posthog"])
      const { $is_server: _, $geoip_disable: __, $lib: ___, $lib_version: ____, ...own } = rest
      assert.deepStrictEqual(own, {
        $process_person_profile: false,
        $ai_model: "gemini-2.5-pro",
        $ai_provider: "gemini",
        $ai_base_url: "https://generativelanguage.googleapis.com",
        $ai_input: [{ role: "user", content: "Hi" }],
        $ai_output_choices: [{ role: "assistant", content: "Hello" }],
        $ai_tools: [{ name: "search" }],
        $ai_model_parameters: { temperature: 0.5, max_output_tokens: 100, service_tier: "flex" },
        $ai_temperature: 0.5,
        $ai_max_tokens: 100,
        $ai_service_tier: "flex",
        $ai_stream: true,
        $ai_latency: 2,
        $ai_time_to_first_token: 0.25,
        $ai_http_status: 200,
        $ai_stop_reason: "STOP",
        $ai_completion_id: "r1",
        $ai_input_tokens: 0,
        $ai_output_tokens: 3,
        $ai_tokens_source: "sdk",
        $ai_input_token_price: 0.000001,
        $ai_output_token_price: 0.000002,
        feature: "chat"
      })
    }).pipe(withTest()))

  it.effect("an embedding, a metric, feedback, an evaluation, and any event by name", () =>
    Effect.gen(function*() {
      const uuid = "01890000-0000-7000-8000-000000000001"
      const ids = yield* Effect.all([
        LlmAnalytics.embedding({ model: "e", provider: "openai", input: ["a", "b"], usage: { inputTokens: 2 } }),
        LlmAnalytics.metric("quality", 4, { comment: "good" }),
        LlmAnalytics.feedback("thanks"),
        LlmAnalytics.evaluation("helpful", {
          result: 0.5,
          range: [0, 1],
          reasoning: "so so",
          targetEventId: uuid,
          judge: { model: "j", provider: "openai", usage: { inputTokens: 1, outputTokens: 1 } }
        }),
        LlmAnalytics.capture("$ai_span", { $ai_span_name: "raw" }, { uuid })
      ]).pipe(LlmAnalytics.withTrace({ id: "t" }))
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(events.map(({ uuid }) => uuid), ids)
      assert.strictEqual(ids[4], uuid)
      const [embedding, metric, feedback, evaluation, raw] = events.map(({ properties }) => properties)
      assert.deepInclude(embedding, { $ai_input: ["a", "b"], $ai_output_choices: null, $ai_input_tokens: 2 })
      assert.deepInclude(metric, { $ai_metric_name: "quality", $ai_metric_value: "4", $ai_metric_comment: "good" })
      assert.deepInclude(feedback, { $ai_feedback_text: "thanks", $ai_trace_id: "t" })
      assert.deepInclude(evaluation, {
        $ai_evaluation_name: "helpful",
        $ai_evaluation_numeric_result: 0.5,
        $ai_evaluation_numeric_result_max: 1,
        $ai_evaluation_result_type: "numeric",
        $ai_target_event_id: uuid,
        $ai_target_event_type: "$ai_generation",
        $ai_model: "j",
        $ai_input_tokens: 1
      })
      assert.deepInclude(raw, { $ai_span_name: "raw", $ai_trace_id: "t", $ai_parent_id: "t" })
    }).pipe(withTest()))

  it.effect("counts of the program make PostHog say so", () =>
    Effect.gen(function*() {
      yield* LlmAnalytics.generation({
        usage: { inputTokens: 1, cacheReportingExclusive: true },
        properties: { $ai_input_tokens: 7 }
      })
      const [event] = yield* PostHogTest.captured
      assert.deepInclude(event?.properties, { $ai_input_tokens: 7, $ai_tokens_source: "passthrough" })
      assert.notProperty(event?.properties, "$ai_cache_reporting_exclusive")
    }).pipe(withTest()))

  it.effect("what throws as it is read harms nobody", () =>
    Effect.gen(function*() {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      const hostile = {
        get model(): string {
          throw proxy
        }
      }
      assert.isString(yield* LlmAnalytics.generation(hostile))
      assert.isString(yield* LlmAnalytics.generation({ input: proxy, output: [proxy], properties: proxy }))
      yield* Effect.void.pipe(LlmAnalytics.withSpan("s", {
        input: () => {
          throw proxy
        },
        output: () => {
          throw proxy
        }
      }))
      assert.strictEqual((yield* spanNamed("s")).properties.$ai_output_state, "[Throws]")
    }).pipe(withTest()))

  it.effect("a prompt is named on the generations that use it", () =>
    Effect.gen(function*() {
      yield* LlmAnalytics.generation({}).pipe(LlmAnalytics.withPrompt({ name: "greeting", version: 3 }))
      const [event] = yield* PostHogTest.captured
      assert.deepInclude(event?.properties, { $ai_prompt_name: "greeting", $ai_prompt_version: 3 })
    }).pipe(withTest()))

  it.effect("give an id also where nothing is sent", () =>
    Effect.gen(function*() {
      assert.match(yield* LlmAnalytics.generation({}), /^[0-9a-f-]{36}$/)
      assert.match(yield* LlmAnalytics.newId, /^[0-9a-f-]{36}$/)
      assert.isTrue(Option.isSome(yield* LlmAnalytics.currentTraceId.pipe(LlmAnalytics.withTrace())))
    }).pipe(Effect.provide(PostHog.layerNoop)))
})

describe("privacy", () => {
  const untouched = new Proxy({}, {
    get: () => assert.fail("read"),
    ownKeys: () => assert.fail("read"),
    getPrototypeOf: () => assert.fail("read")
  })
  const everything = Effect.gen(function*() {
    yield* LlmAnalytics.generation({
      model: "m",
      input: untouched,
      output: () => untouched,
      tools: [{ name: "t" }],
      usage: { inputTokens: 1 },
      error: new Overloaded()
    })
    yield* Effect.fail(new Overloaded()).pipe(
      LlmAnalytics.withSpan("s", { input: untouched, output: untouched }),
      Effect.exit
    )
  })
  const assertPrivate = Effect.gen(function*() {
    const [generation, span] = yield* PostHogTest.captured
    assert.deepInclude(generation?.properties, {
      $ai_input: null,
      $ai_output_choices: null,
      $ai_tools: [{ name: "t" }],
      $ai_input_tokens: 1,
      $ai_error: { type: "Overloaded", code: "overloaded", status: 529 }
    })
    assert.deepInclude(span?.properties, {
      $ai_input_state: null,
      $ai_output_state: null,
      $ai_error: { type: "Overloaded", code: "overloaded", status: 529 }
    })
  })

  it.effect("of the instance: content is not looked at", () =>
    Effect.zipRight(everything, assertPrivate).pipe(withTest({ privacyMode: true })))

  it.effect("of a region, in what it forks too", () =>
    Effect.flatMap(Effect.fork(everything), Fiber.join).pipe(
      LlmAnalytics.withPrivacyMode,
      Effect.zipRight(assertPrivate),
      withTest({ fullAiCapture: true })
    ))

  it.effect("of one call; and none can undo the instance's", () =>
    Effect.gen(function*() {
      yield* LlmAnalytics.generation({ input: untouched, privacyMode: true })
      yield* LlmAnalytics.generation({ input: "shown" })
      yield* LlmAnalytics.generation({ input: untouched, privacyMode: false }).pipe(LlmAnalytics.withPrivacyMode)
      const events = yield* PostHogTest.captured
      assert.deepStrictEqual(events.map(({ properties }) => properties.$ai_input), [
        null,
        [{ role: "user", content: "shown" }],
        null
      ])
    }).pipe(withTest()))

  const image = { type: "image", image: `data:image/png;base64,${"A".repeat(100)}` }

  it.effect("full capture per instance, region and call", () =>
    Effect.gen(function*() {
      const call = (fullCapture?: boolean) =>
        LlmAnalytics.generation({ input: [{ role: "user", content: [image] }], fullCapture })
      yield* call()
      yield* call(true)
      yield* LlmAnalytics.withFullCapture(call())
      yield* LlmAnalytics.withFullCapture(call(false))
      const shown = (yield* PostHogTest.captured).map(({ properties }) =>
        (properties.$ai_input as ReadonlyArray<{ readonly content: ReadonlyArray<{ readonly image: string }> }>)[0]
          ?.content[0]?.image.slice(0, 10)
      )
      assert.deepStrictEqual(shown, ["[base64 im", "data:image", "data:image", "[base64 im"])
    }).pipe(withTest()))

  it.effect("functions of the instance, the region and the call see texts and parts, in this order", () =>
    Effect.gen(function*() {
      const add = (mark: string): LlmAnalytics.Redact => (content) =>
        typeof content === "string" ? `${content}${mark}` : content
      yield* LlmAnalytics.generation({
        input: [{ role: "user", content: "a" }, {
          role: "user",
          content: [{ type: "text", text: "b" }, { type: "secret", text: "c" }]
        }],
        output: "d",
        redact: (content, { property, role }) =>
          typeof content === "string"
            ? `${content}3 ${property} ${role}`
            : content.type === "secret"
            ? undefined
            : content
      }).pipe(LlmAnalytics.withRedaction(add("2")))
      yield* LlmAnalytics.generation({
        input: "x",
        redact: () => {
          throw new Error("no")
        }
      })
      const [event, failed] = yield* PostHogTest.captured
      assert.deepStrictEqual(event?.properties.$ai_input, [
        { role: "user", content: "a123 $ai_input user" },
        { role: "user", content: [{ type: "text", text: "b123 $ai_input user" }] }
      ])
      assert.deepStrictEqual(event?.properties.$ai_output_choices, [
        { role: "assistant", content: "d123 $ai_output_choices assistant" }
      ])
      assert.deepStrictEqual(failed?.properties.$ai_input, [{ role: "user", content: "[redaction failed]" }])
      assert.strictEqual((yield* PostHog.stats).repaired, 1)
    }).pipe(withTest({ redactAi: (content) => typeof content === "string" ? `${content}1` : content })))

  it.effect("an event of a long conversation is sent short", () =>
    Effect.gen(function*() {
      const messages = Array.from({ length: 60 }, (_, n) => ({ role: "user", content: `${n} `.repeat(20_000) }))
      yield* LlmAnalytics.generation({ input: messages, output: "the answer", tools: [{ name: "t" }] })
      const [event] = yield* PostHogTest.captured
      const input = event?.properties.$ai_input as ReadonlyArray<{ readonly content: string }>
      assert.match(input[0]!.content, /^\[\d+ messages removed due to size limit\]$/)
      assert.match(input.at(-1)!.content, /^59 /)
      assert.deepStrictEqual(event?.properties.$ai_output_choices, [{ role: "assistant", content: "the answer" }])
    }).pipe(withTest()))
})

describe("a trace over several processes", () => {
  for (const isPrivate of [false, true]) {
    it.scopedLive(
      `goes on in another one and comes back${isPrivate ? ", with its privacy mode" : ""}`,
      () =>
        Effect.gen(function*() {
          const sink = yield* Sink.make()
          const env = { POSTHOG_API_KEY: "phc_test", POSTHOG_HOST: sink.url, POSTHOG_ERROR_TRACKING: "false" }
          const here = Effect.gen(function*() {
            const carrier = JSON.stringify(yield* PostHog.toCarrier)
            const { code, stderr, stdout } = yield* Effect.promise(() =>
              run("test/programs/traced.ts", { args: [carrier], env })
            )
            assert.deepStrictEqual([code, stderr], [0, ""])
            return JSON.parse(stdout) as PostHog.Carrier
          }).pipe(
            LlmAnalytics.withSpan("here", { id: "span-here" }),
            LlmAnalytics.withTrace({ id: "trace-1", sessionId: "session-1" }),
            isPrivate ? LlmAnalytics.withPrivacyMode : (self) => self,
            PostHog.withDistinctId("user_1")
          )
          yield* Effect.gen(function*() {
            const back = yield* here
            yield* LlmAnalytics.generation({ model: "gpt-5-mini", input: "again" }).pipe(PostHog.withCarrier(back))
            yield* PostHog.flush
          }).pipe(Effect.provide(onSink(sink)))

          const of = (name: string) => sink.accepted.filter(({ event }) => event === name)
          for (const event of sink.accepted) {
            assert.strictEqual(event.distinct_id, "user_1")
            assert.strictEqual(event.properties.$ai_trace_id, "trace-1", event.event)
            assert.strictEqual(event.properties.$ai_session_id, "session-1", event.event)
          }
          const there = of("$ai_span").find(({ properties }) => properties.$ai_span_name === "in another process")!
          assert.strictEqual(there.properties.$ai_parent_id, "span-here")
          const parents = of("$ai_generation").map(({ properties }) => properties.$ai_parent_id)
          assert.deepStrictEqual(parents, [there.properties.$ai_span_id, there.properties.$ai_span_id])
          assert.strictEqual(of("$exception").length, 1)
          const inputs = of("$ai_generation").map(({ properties }) => JSON.stringify(properties.$ai_input))
          assert.deepStrictEqual(inputs.map((input) => input === "null"), [isPrivate, isPrivate])
        }),
      60_000
    )
  }
})

describe("what has no bound of its own", () => {
  const schema = { type: "object", description: "a long schema ".repeat(100_000) }

  for (
    const [what, options] of [
      ["parameters", { parameters: { temperature: 0.5, response_format: schema } }],
      ["usage", { usage: { inputTokens: 3, raw: { prompt_tokens: 3, notes: schema } } }],
      ["tools", { tools: [{ type: "function", function: { name: "f", parameters: schema } }] }]
    ] as const
  ) {
    for (const maxEventBytes of [20_000, undefined]) {
      it.effect(`${what}: the event is sent all the same, ${maxEventBytes ?? "the usual number of"} bytes at most`, () =>
        Effect.gen(function*() {
          yield* LlmAnalytics.generation({ model: "gpt-5-mini", input: "Hi", ...options })
          const [event] = yield* PostHogTest.captured
          assert.deepStrictEqual(event?.properties.$ai_input, [{ role: "user", content: "Hi" }])
          assert.isBelow(JSON.stringify(event).length, maxEventBytes ?? 300_000)
        }).pipe(withTest(maxEventBytes === undefined ? {} : { maxEventBytes })))
    }
  }

  it.effect("a provider's message loses the key that it quotes, also where content is sent whole", () =>
    Effect.gen(function*() {
      const error = {
        name: "AuthenticationError",
        status: 401,
        message: "Incorrect key: sk-proj-abcdefgh1234567890abcd"
      }
      yield* LlmAnalytics.generation({ model: "gpt-5-mini", error, fullCapture: true })
      yield* LlmAnalytics.generation({ model: "gpt-5-mini", error }).pipe(LlmAnalytics.withFullCapture)
      const text = JSON.stringify(yield* PostHogTest.captured)
      assert.notInclude(text, "abcdefgh1234567890")
      assert.include(text, "Incorrect key: [redacted]")
    }).pipe(withTest({ fullAiCapture: true })))

  it.scopedLive(
    "content of some megabytes arrives where it is to be sent whole, and the newest of it elsewhere",
    () =>
      Effect.gen(function*() {
        const sink = yield* Sink.make()
        const input = Array.from({ length: 6 }, (_, index) => ({ role: "user", content: `${index} `.repeat(400_000) }))
        yield* Effect.gen(function*() {
          yield* LlmAnalytics.generation({ model: "gpt-5-mini", input, fullCapture: true })
          yield* LlmAnalytics.generation({ model: "gpt-5-mini", input })
          yield* PostHog.flush
        }).pipe(Effect.provide(onSink(sink)))
        // Each in a request of its own, and the smaller one may be there first.
        const lengths = new Map(sink.accepted.map((event) => [JSON.stringify(event).length, event]))
        const [short, whole] = Array.from(lengths).sort(([one], [other]) => one - other).map(([, event]) => event)
        assert.deepStrictEqual(whole?.properties.$ai_input, input)
        assert.strictEqual(short?.properties.$ai_input[0].role, "posthog")
        assert.isTrue(short?.properties.$ai_input.at(-1).content.endsWith("... [truncated]"))
        assert.isTrue(sink.requests.every(({ path }) => path === "/i/v1/ai/events"))
      }),
    30_000
  )
})

describe("a given uuid", () => {
  it.effect("is one of the event and of its span, however it is written", () =>
    Effect.gen(function*() {
      const uuid = "0192d4f5-0000-7000-8000-00000000000a"
      const given = [uuid.toUpperCase(), uuid.replaceAll("-", ""), `{${uuid}}`, `urn:uuid:${uuid}`]
      for (const text of given) {
        assert.strictEqual(yield* LlmAnalytics.generation({ model: "gpt-5-mini", uuid: text }), uuid, text)
      }
      for (const event of yield* PostHogTest.captured) {
        assert.deepStrictEqual([event.uuid, event.properties.$ai_span_id], [uuid, uuid])
      }
    }).pipe(withTest()))

  it.scoped("that is none is replaced, which is told", () =>
    Effect.gen(function*() {
      const diagnostics = yield* collectDiagnostics
      const uuid = yield* LlmAnalytics.generation({ model: "gpt-5-mini", uuid: "seven" })
      yield* settle
      const [event] = yield* PostHogTest.captured
      assert.strictEqual(event?.uuid, uuid)
      assert.notStrictEqual(event?.properties.$ai_span_id, "seven")
      assert.isTrue(diagnostics.some((one) => one._tag === "EventRepaired" && one.repairs.includes("uuid: not a UUID")))
    }).pipe(withTest()))
})

describe("captureNow", () => {
  it.scopedLive("waits for PostHog's acknowledgement, and gives the uuid", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make()
      const uuid = yield* LlmAnalytics.captureNow("$ai_metric", { $ai_metric_name: "stars", $ai_metric_value: "5" }, {
        traceId: "trace-1"
      }).pipe(Effect.provide(onSink(sink)))
      const [event] = sink.accepted
      assert.strictEqual(event?.event, "$ai_metric")
      assert.strictEqual(event?.properties.$ai_trace_id, "trace-1")
      assert.deepStrictEqual(uuid, Option.some(event?.uuid))
    }))

  it.scopedLive("fails when PostHog refuses the event, and gives nothing where nobody takes events", () =>
    Effect.gen(function*() {
      const sink = yield* Sink.make({ otherwise: () => Sink.status(401) })
      const refused = yield* Effect.flip(
        LlmAnalytics.captureNow("$ai_span", {}).pipe(Effect.provide(onSink(sink)))
      )
      assert.strictEqual(refused._tag, "DeliveryError")
      const none = yield* LlmAnalytics.captureNow("$ai_span", {}).pipe(Effect.provide(PostHog.layerNoop))
      assert.deepStrictEqual(none, Option.none())
    }))
})

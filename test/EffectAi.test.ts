/**
 * Calls through `@effect/ai`, with models made by hand: what the events say, and that the program notices nothing.
 */
import { type AiError, Chat, LanguageModel, Prompt, type Response, Telemetry, Tool, Toolkit } from "@effect/ai"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Schema, Stream, TestClock, type Tracer } from "effect"
import { ErrorTracking, LlmAnalytics, PostHog, PostHogTest } from "effect-posthog"
import * as EffectAi from "../src/EffectAi.js"
import { getState } from "../src/internal/context.js"
import { isCaptured } from "../src/internal/llm/region.js"
import {
  annotate,
  embedded,
  embeddedTokens,
  embeddings,
  finish,
  refused,
  refusedCode,
  resultOf
} from "./support/effectAi.js"

type Part = Response.PartEncoded
type StreamPart = Response.StreamPartEncoded

const about: Part & StreamPart = { type: "response-metadata", id: "r1", modelId: "gpt-5-mini-2025" }

const call = (id: string, name: string, params: unknown): Part & StreamPart => ({ type: "tool-call", id, name, params })

interface Answers {
  readonly plain?: Effect.Effect<Array<Part>, AiError.AiError>
  readonly stream?: Stream.Stream<StreamPart, AiError.AiError>
}

/** A model that answers what it is told to. */
const modelOf = (
  { plain = Effect.succeed([about, { type: "text", text: "Hello" }, finish()]), stream = Stream.empty }: Answers
) =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: ({ span }) =>
        Effect.suspend(() => {
          annotate(span)
          return plain
        }),
      streamText: ({ span }) =>
        Stream.suspend(() => {
          annotate(span)
          return stream
        })
    })
  )

const run = <A, E>(
  effect: Effect.Effect<A, E, LanguageModel.LanguageModel | PostHog.PostHog>,
  answers: Answers = {},
  options: EffectAi.Options = {}
) =>
  effect.pipe(
    Effect.provide(modelOf(answers).pipe(EffectAi.withCapture(options))),
    Effect.provide(PostHogTest.TestLayer)
  )

const events = (name: string) =>
  Effect.map(
    PostHogTest.captured,
    (all) => all.filter(({ event }) => event === name).map(({ properties }) => properties)
  )

const generations = events("$ai_generation")
const spans = events("$ai_span")

const the = <A>(list: ReadonlyArray<A>): A => {
  assert.strictEqual(list.length, 1)
  return list[0]!
}

const Weather = Tool.make("weather", {
  description: "The weather of a city",
  parameters: { city: Schema.String },
  success: Schema.Struct({ degrees: Schema.Number }),
  failure: Schema.String
})
const Lenient = Tool.make("lenient", { success: Schema.String, failure: Schema.String, failureMode: "return" })
const tools = Toolkit.make(Weather, Lenient)

const toolsWith = (handlers: {
  readonly weather?: Effect.Effect<{ readonly degrees: number }, string, LanguageModel.LanguageModel>
  readonly lenient?: Effect.Effect<string, string>
}) =>
  tools.toLayer(Effect.gen(function*() {
    const context = yield* Effect.context<LanguageModel.LanguageModel>()
    return {
      weather: () => Effect.provide(handlers.weather ?? Effect.succeed({ degrees: 3 }), context),
      lenient: () => handlers.lenient ?? Effect.succeed("ok")
    }
  }))

const askWeather = [about, call("c1", "weather", { city: "Oslo" }), finish("tool-calls")]

describe("a plain call", () => {
  it.effect("is one generation with what was asked and answered", () =>
    Effect.gen(function*() {
      const response = yield* LanguageModel.generateText({
        prompt: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }]
      })
      assert.strictEqual(response.text, "Hello")
      const generation = the(yield* generations)
      assert.deepInclude(generation, {
        $ai_lib: "effect-posthog",
        $ai_framework: "effect-ai",
        $ai_provider: "openai",
        $ai_model: "gpt-5-mini",
        $ai_http_status: 200,
        $ai_input: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }],
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "Hello" }] }],
        $ai_input_tokens: 10,
        $ai_output_tokens: 5,
        $ai_cache_reporting_exclusive: false,
        $ai_stream: false,
        $ai_stop_reason: "stop",
        $ai_completion_id: "r1",
        $ai_latency: 0.25,
        $ai_model_parameters: { temperature: 0.5, max_tokens: 100 }
      })
      assert.notProperty(generation, "$ai_is_error")
      assert.notProperty(generation, "$ai_tools")
    }).pipe((effect) =>
      run(Effect.raceFirst(effect, Effect.forever(TestClock.adjust("50 millis"))), {
        plain: Effect.as(Effect.sleep("250 millis"), [about, { type: "text" as const, text: "Hello" }, finish()])
      })
    ))

  it.effect("that is refused says what the provider said, without key", () =>
    Effect.gen(function*() {
      assert.propertyVal(yield* Effect.flip(LanguageModel.generateText({ prompt: "Hi" })), "module", refused.module)
      const generation = the(yield* generations)
      assert.deepInclude(generation, {
        $ai_is_error: true,
        $ai_http_status: 429,
        $ai_error: { type: "rate_limit_error", ...refusedCode, status: 429, message: "Slow down" },
        $ai_output_choices: [],
        $ai_model: "gpt-5-mini",
        $ai_provider: "openai"
      })
      assert.notInclude(JSON.stringify(generation), "sk-secret")
    }).pipe((effect) => run(effect, { plain: Effect.fail(refused) })))

  it.effect("that is interrupted is no error", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(LanguageModel.generateText({ prompt: "Hi" }))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      const generation = the(yield* generations)
      assert.deepInclude(generation, { $ai_stop_reason: "interrupted", $ai_model: "gpt-5-mini" })
      assert.notProperty(generation, "$ai_is_error")
    }).pipe((effect) => run(effect, { plain: Effect.never })))

  it.effect("that dies says so and dies as before", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(LanguageModel.generateText({ prompt: "Hi" }))
      assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      assert.deepInclude(the(yield* generations), { $ai_is_error: true, $ai_error_type: "RangeError" })
    }).pipe((effect) => run(effect, { plain: Effect.die(new RangeError("no")) })))

  it.effect("of an object is a generation too", () =>
    Effect.gen(function*() {
      const { value } = yield* LanguageModel.generateObject({
        prompt: "Hi",
        schema: Schema.Struct({ a: Schema.Number })
      })
      assert.deepStrictEqual(value, { a: 1 })
      assert.deepInclude(the(yield* generations), {
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "{\"a\":1}" }] }]
      })
    }).pipe((effect) => run(effect, { plain: Effect.succeed([{ type: "text", text: "{\"a\":1}" }, finish()]) })))

  it.effect("keeps its parent and trace, also without a tracer", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(Effect.withTracerEnabled(false))
      const generation = the(yield* generations)
      assert.strictEqual(generation.$ai_model, "gpt-5-mini-2025")
      assert.strictEqual(generation.$ai_provider, "azure")
      assert.isString(generation.$ai_trace_id)
    }).pipe((effect) => run(effect, {}, { provider: "azure" })))

  it.effect("takes messages that can be read only once", () =>
    Effect.gen(function*() {
      const messages = function*() {
        yield { role: "user" as const, content: "once" }
      }
      yield* LanguageModel.generateText({ prompt: messages() })
      assert.deepInclude(the(yield* generations), { $ai_input: [{ role: "user", content: "once" }] })
    }).pipe((effect) => run(effect)))

  it.effect("shows no media, unless the program sends all", () =>
    Effect.gen(function*() {
      const file = Prompt.makePart("file", { mediaType: "image/png", data: new Uint8Array([1, 2, 3, 4]) })
      const ask = LanguageModel.generateText({
        prompt: Prompt.fromMessages([Prompt.makeMessage("user", { content: [file] })])
      })
      yield* ask
      yield* LlmAnalytics.withFullCapture(ask)
      const shown = (yield* generations).map(({ $ai_input }) => ($ai_input as any)[0].content[0].inline_data.data)
      assert.deepStrictEqual(shown, ["[base64 image/png redacted]", "AQIDBA=="])
    }).pipe((effect) => run(effect)))

  it.effect("in privacy mode shows no messages, and does not look at them", () =>
    Effect.gen(function*() {
      let looked = 0
      const part = {
        type: "text" as const,
        get text() {
          looked++
          return "secret"
        }
      }
      const ask = LanguageModel.generateText({ prompt: [{ role: "user", content: [part] }] })
      yield* Effect.provide(ask, modelOf({}))
      const withoutUs = looked
      looked = 0
      yield* ask
      const generation = the(yield* generations)
      assert.isNull(generation.$ai_input)
      assert.isNull(generation.$ai_output_choices)
      assert.strictEqual(generation.$ai_input_tokens, 10)
      assert.strictEqual(looked, withoutUs)
    }).pipe((effect) => run(effect, {}, { privacyMode: true })))

  it.effect("still calls the program's own span transformer, once", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        Effect.provideService(Telemetry.CurrentSpanTransformer, ({ response }) => {
          seen.push(response.length)
        })
      )
      assert.deepStrictEqual(seen, [3])
    }).pipe((effect) => run(effect)))

  it.effect("within a region is part of its tree, and the exception of its failure leads to it", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        LlmAnalytics.withSpan("step"),
        LlmAnalytics.withTrace({ id: "trace-1", sessionId: "session-1" }),
        ErrorTracking.captureErrors(),
        Effect.ignore
      )
      const generation = the(yield* generations)
      const step = the(yield* spans)
      assert.deepInclude(generation, {
        $ai_trace_id: "trace-1",
        $ai_session_id: "session-1",
        $ai_parent_id: step.$ai_span_id
      })
      const exception = the(yield* events("$exception"))
      assert.strictEqual(exception.$ai_trace_id, "trace-1")
      assert.notInclude(JSON.stringify(exception), "sk-secret")
    }).pipe((effect) => run(effect, { plain: Effect.fail(refused) })))

  it.effect("that fails outside of any region still has a trace, which its exception names", () =>
    Effect.gen(function*() {
      yield* Effect.ignore(ErrorTracking.captureErrors(LanguageModel.generateText({ prompt: "Hi" })))
      const exception = the(yield* events("$exception"))
      assert.strictEqual(exception.$ai_trace_id, the(yield* generations).$ai_trace_id)
    }).pipe((effect) => run(effect, { plain: Effect.fail(refused) })))

  it.effect("wrapped twice is captured once", () =>
    Effect.gen(function*() {
      const twice = yield* Effect.flatMap(LanguageModel.LanguageModel, (model) => EffectAi.languageModel(model))
      yield* twice.generateText({ prompt: "Hi" })
      the(yield* generations)
    }).pipe((effect) => run(effect)))

  it.effect("within a Chat is a generation with the whole history", () =>
    Effect.gen(function*() {
      const chat = yield* Chat.empty
      yield* chat.generateText({ prompt: "Hi" })
      yield* chat.generateText({ prompt: "Again" })
      const all = yield* generations
      assert.strictEqual(all.length, 2)
      assert.deepStrictEqual(all[1]!.$ai_input, [
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello" },
        { role: "user", content: "Again" }
      ])
    }).pipe((effect) => run(effect)))

  it.effect("carries the context of who calls, and its instance", () => {
    class Other extends PostHog.Instance<Other>()("Other") {}
    return Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(
        PostHog.withContext({ distinctId: "user_1", properties: { plan: "pro" } }),
        PostHog.using(Other)
      )
      assert.deepStrictEqual(yield* PostHogTest.captured, [])
      const [event] = yield* PostHog.using(PostHogTest.captured, Other)
      assert.strictEqual(event?.distinct_id, "user_1")
      assert.strictEqual(event?.properties.plan, "pro")
    }).pipe((effect) => run(Effect.provide(effect, PostHogTest.layerInstance(Other))))
  })
})

describe("tools", () => {
  const weather = (options: { readonly concurrency?: "unbounded" } = {}) =>
    LanguageModel.generateText({ prompt: "Weather?", toolkit: tools, ...options })

  it.effect("that ran are spans below the generation, and their time is not the provider's", () =>
    Effect.gen(function*() {
      const response = yield* Effect.raceFirst(
        weather(),
        Effect.zipRight(Effect.forever(TestClock.adjust("50 millis")), Effect.never)
      )
      assert.strictEqual(response.toolResults.length, 1)
      const generation = the(yield* generations)
      const span = the(yield* spans)
      assert.strictEqual(generation.$ai_latency, 0.1)
      assert.deepInclude(generation, {
        $ai_output_choices: [{
          role: "assistant",
          content: [{ type: "function", id: "c1", function: { name: "weather", arguments: { city: "Oslo" } } }]
        }],
        $ai_stop_reason: "tool-calls"
      })
      const definitions = generation.$ai_tools as ReadonlyArray<any>
      assert.deepStrictEqual(definitions.map((tool) => tool.function.name), ["weather", "lenient"])
      assert.strictEqual(definitions[0].function.description, "The weather of a city")
      assert.deepStrictEqual(definitions[0].function.parameters.required, ["city"])
      assert.deepInclude(span, {
        $ai_span_name: "weather",
        $ai_span_type: "tool",
        $ai_parent_id: generation.$ai_span_id,
        $ai_trace_id: generation.$ai_trace_id,
        $ai_input_state: { city: "Oslo" },
        $ai_output_state: { degrees: 3 },
        $ai_latency: 0.2
      })
    }).pipe(
      Effect.provide(toolsWith({ weather: Effect.as(Effect.sleep("200 millis"), { degrees: 3 }) })),
      (effect) => run(effect, { plain: Effect.as(Effect.sleep("100 millis"), askWeather) })
    ))

  it.effect("that fail take the call with them, but the generation is no error", () =>
    Effect.gen(function*() {
      assert.strictEqual<unknown>(yield* Effect.flip(weather()), "no such city")
      const generation = the(yield* generations)
      assert.notProperty(generation, "$ai_is_error")
      assert.strictEqual(generation.$ai_model, "gpt-5-mini")
      assert.deepInclude(the(yield* spans), {
        $ai_is_error: true,
        $ai_error: { type: "Error", message: "no such city" },
        $ai_parent_id: generation.$ai_span_id
      })
    }).pipe(Effect.provide(toolsWith({ weather: Effect.fail("no such city") })), (effect) =>
      run(effect, { plain: Effect.succeed(askWeather) })))

  it.effect("that return their failure are spans with an error", () =>
    Effect.gen(function*() {
      const response = yield* weather()
      assert.isTrue(response.toolResults[0]!.isFailure)
      assert.deepInclude(the(yield* spans), {
        $ai_span_name: "lenient",
        $ai_is_error: true,
        $ai_output_state: "broken"
      })
      assert.notProperty(the(yield* generations), "$ai_is_error")
    }).pipe(Effect.provide(toolsWith({ lenient: Effect.fail("broken") })), (effect) =>
      run(effect, { plain: Effect.succeed([about, call("c1", "lenient", {}), finish()]) })))

  it.effect("that are interrupted say so", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(weather())
      yield* Effect.repeat(Effect.yieldNow(), { times: 100 })
      yield* Fiber.interrupt(fiber)
      const span = the(yield* spans)
      assert.strictEqual(span.$ai_stop_reason, "interrupted")
      assert.notProperty(span, "$ai_is_error")
      the(yield* generations)
    }).pipe(Effect.provide(toolsWith({ weather: Effect.never })), (effect) =>
      run(effect, { plain: Effect.succeed(askWeather) })))

  it.effect("may ask a model themselves, below their span", () =>
    Effect.gen(function*() {
      yield* weather()
      const span = the(yield* spans)
      const [inner, outer] = yield* generations
      assert.strictEqual(inner!.$ai_parent_id, span.$ai_span_id)
      assert.strictEqual(inner!.$ai_trace_id, outer!.$ai_trace_id)
      assert.strictEqual(span.$ai_parent_id, outer!.$ai_span_id)
    }).pipe(
      Effect.provide(toolsWith({
        weather: Effect.as(Effect.orDie(LanguageModel.generateText({ prompt: "Inner" })), { degrees: 3 })
      })),
      (effect) =>
        run(effect, {
          plain: Effect.suspend(() =>
            Effect.succeed(asked++ === 0 ? askWeather : [about, { type: "text", text: "x" }, finish()])
          )
        })
    ))
  let asked = 0

  it.effect("that run side by side are spans of their own", () =>
    Effect.gen(function*() {
      yield* Effect.raceFirst(
        weather({ concurrency: "unbounded" }),
        Effect.zipRight(Effect.forever(TestClock.adjust("50 millis")), Effect.never)
      )
      const all = yield* spans
      assert.deepStrictEqual(all.map(({ $ai_latency }) => $ai_latency), [0.2, 0.2])
      assert.strictEqual(new Set(all.map(({ $ai_span_id }) => $ai_span_id)).size, 2)
      assert.strictEqual(the(yield* generations).$ai_latency, 0)
    }).pipe(Effect.provide(toolsWith({ weather: Effect.as(Effect.sleep("200 millis"), { degrees: 3 }) })), (effect) =>
      run(effect, {
        plain: Effect.succeed([
          about,
          call("c1", "weather", { city: "Oslo" }),
          call("c2", "weather", { city: "Rome" }),
          finish()
        ])
      })))

  it.effect("see nothing of the mark, nor of our tracer", () =>
    Effect.gen(function*() {
      const tracer = yield* Effect.tracer
      yield* weather()
      assert.strictEqual(seenTracer, tracer)
      assert.isFalse(marked)
    }).pipe(
      Effect.provide(toolsWith({
        weather: Effect.gen(function*() {
          seenTracer = yield* Effect.tracer
          marked = isCaptured(yield* getState)
          return { degrees: 3 }
        })
      })),
      (effect) => run(effect, { plain: Effect.succeed(askWeather) })
    ))
  let seenTracer: Tracer.Tracer | undefined
  let marked: boolean | undefined

  it.effect("that the program runs itself are spans below the region, and those of a captured toolkit only once", () =>
    Effect.gen(function*() {
      const captured = yield* EffectAi.toolkit(tools)
      const { isFailure } = yield* resultOf(captured.handle("weather", { city: "Oslo" })).pipe(
        LlmAnalytics.withTrace({ id: "t1" })
      )
      assert.isFalse(isFailure)
      assert.deepInclude(the(yield* spans), { $ai_span_name: "weather", $ai_trace_id: "t1", $ai_parent_id: "t1" })
      yield* PostHogTest.clear
      yield* LanguageModel.generateText({ prompt: "Weather?", toolkit: captured })
      assert.strictEqual(the(yield* spans).$ai_parent_id, the(yield* generations).$ai_span_id)
    }).pipe(Effect.provide(toolsWith({})), (effect) => run(effect, { plain: Effect.succeed(askWeather) })))

  it.effect("are those that the call offers", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "Hi", toolkit: tools, toolChoice: { oneOf: ["lenient"] } })
      const definitions = the(yield* generations).$ai_tools as ReadonlyArray<any>
      assert.deepStrictEqual(definitions.map((tool) => tool.function.name), ["lenient"])
    }).pipe(Effect.provide(toolsWith({})), (effect) => run(effect)))
})

describe("a streamed call", () => {
  const text = (delta: string): StreamPart => ({ type: "text-delta", id: "0", delta })
  const slowly = <A>(...parts: ReadonlyArray<A>) =>
    Stream.fromIterable(parts).pipe(
      Stream.rechunk(1),
      Stream.mapEffect((part) => Effect.as(Effect.sleep("100 millis"), part))
    )
  const ticking = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.raceFirst(effect, Effect.zipRight(Effect.forever(TestClock.adjust("50 millis")), Effect.never))

  it.effect("is one generation with its first token", () =>
    Effect.gen(function*() {
      const parts = yield* ticking(Stream.runCollect(LanguageModel.streamText({ prompt: "Hi" })))
      assert.strictEqual(parts.length, 4)
      assert.deepInclude(the(yield* generations), {
        $ai_stream: true,
        $ai_model: "gpt-5-mini",
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "Hello" }] }],
        $ai_time_to_first_token: 0.2,
        $ai_latency: 0.4,
        $ai_input_tokens: 10,
        $ai_stop_reason: "stop",
        $ai_http_status: 200
      })
    }).pipe((effect) => run(effect, { stream: slowly<StreamPart>(about, text("Hel"), text("lo"), finish()) })))

  it.effect("run twice is two generations", () =>
    Effect.gen(function*() {
      const stream = LanguageModel.streamText({ prompt: "Hi" })
      yield* Stream.runDrain(stream)
      yield* Stream.runDrain(stream)
      assert.strictEqual((yield* generations).length, 2)
    }).pipe((effect) => run(effect, { stream: Stream.make(text("a"), finish()) })))

  it.effect("that breaks shows what came, and the failure", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Stream.runDrain(LanguageModel.streamText({ prompt: "Hi" })))
      assert.propertyVal(error, "module", refused.module)
      assert.deepInclude(the(yield* generations), {
        $ai_is_error: true,
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "Hel" }] }]
      })
    }).pipe((effect) => run(effect, { stream: Stream.concat(Stream.make(text("Hel")), Stream.fail(refused)) })))

  it.effect("with an error in the place of its end is an error, with status 200", () =>
    Effect.gen(function*() {
      yield* Stream.runDrain(LanguageModel.streamText({ prompt: "Hi" }))
      assert.deepInclude(the(yield* generations), {
        $ai_is_error: true,
        $ai_error_type: "overloaded_error",
        $ai_http_status: 200
      })
    }).pipe((effect) =>
      run(effect, {
        stream: Stream.make<Array<StreamPart>>(text("Hel"), {
          type: "error",
          error: { type: "overloaded_error", message: "Busy" }
        })
      })
    ))

  it.effect("of which the consumer has enough is one generation", () =>
    Effect.gen(function*() {
      yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(Stream.take(1), Stream.runDrain)
      const generation = the(yield* generations)
      assert.deepInclude(generation, {
        $ai_stop_reason: "interrupted",
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "Hel" }] }]
      })
      assert.notProperty(generation, "$ai_is_error")
    }).pipe((effect) =>
      run(effect, { stream: Stream.make(text("Hel"), text("lo"), finish()).pipe(Stream.rechunk(1)) })
    ))

  it.effect("that is interrupted shows what came", () =>
    Effect.gen(function*() {
      const came = yield* Deferred.make<void>()
      const fiber = yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
        Stream.runForEach(() => Deferred.succeed(came, undefined)),
        Effect.fork
      )
      yield* Deferred.await(came)
      yield* Fiber.interrupt(fiber)
      assert.deepInclude(the(yield* generations), {
        $ai_stop_reason: "interrupted",
        $ai_output_choices: [{ role: "assistant", content: [{ type: "text", text: "Hel" }] }]
      })
    }).pipe((effect) => run(effect, { stream: Stream.concat(Stream.make(text("Hel")), Stream.never) })))

  it.effect("leaves neither mark nor tracer with the consumer", () =>
    Effect.gen(function*() {
      const tracer = yield* Effect.tracer
      const seen: Array<unknown> = []
      yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
        Stream.mapEffect(() =>
          Effect.gen(function*() {
            seen.push((yield* Effect.tracer) === tracer, isCaptured(yield* getState))
          })
        ),
        Stream.runDrain
      )
      assert.deepStrictEqual(seen, [true, false, true, false])
      assert.isFalse(isCaptured(yield* getState))
    }).pipe((effect) => run(effect, { stream: Stream.make(text("Hel"), finish()).pipe(Stream.rechunk(1)) })))

  it.effect("a call by the consumer is captured too", () =>
    Effect.gen(function*() {
      yield* LanguageModel.streamText({ prompt: "Hi" }).pipe(
        Stream.mapEffect(() => LanguageModel.generateText({ prompt: "Inner" })),
        Stream.runDrain
      )
      assert.deepStrictEqual((yield* generations).map(({ $ai_stream }) => $ai_stream), [false, true])
    }).pipe((effect) => run(effect, { stream: Stream.make(finish()) })))

  it.effect("has its tools below it, and their time apart", () =>
    Effect.gen(function*() {
      const parts = yield* ticking(Stream.runCollect(LanguageModel.streamText({ prompt: "Hi", toolkit: tools })))
      assert.include(Array.from(parts, ({ type }) => type), "tool-result")
      const generation = the(yield* generations)
      const span = the(yield* spans)
      assert.deepInclude(generation, { $ai_latency: 0.3, $ai_time_to_first_token: 0.2 })
      assert.deepInclude(span, { $ai_latency: 0.5, $ai_parent_id: generation.$ai_span_id })
      assert.strictEqual((generation.$ai_tools as ReadonlyArray<unknown>).length, 2)
    }).pipe(Effect.provide(toolsWith({ weather: Effect.as(Effect.sleep("500 millis"), { degrees: 3 }) })), (effect) =>
      run(effect, { stream: slowly<StreamPart>(...askWeather) })))

  it.effect("whose tool fails is no error of the model", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Stream.runDrain(LanguageModel.streamText({ prompt: "Hi", toolkit: tools })))
      assert.strictEqual<unknown>(failed, "no such city")
      assert.notProperty(the(yield* generations), "$ai_is_error")
      assert.strictEqual(the(yield* spans).$ai_is_error, true)
    }).pipe(Effect.provide(toolsWith({ weather: Effect.fail("no such city") })), (effect) =>
      run(effect, { stream: Stream.fromIterable(askWeather).pipe(Stream.rechunk(1)) })))

  it.effect("still calls the program's own span transformer", () =>
    Effect.gen(function*() {
      let seen = 0
      yield* Stream.runDrain(LanguageModel.streamText({ prompt: "Hi" })).pipe(
        Effect.provideService(Telemetry.CurrentSpanTransformer, () => {
          seen++
        })
      )
      assert.strictEqual(seen, 1)
    }).pipe((effect) => run(effect, { stream: Stream.make(text("a"), finish()) })))
})

describe("embeddings", () => {
  it.effect("are one event for each call", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* embedded, [[0], [[0], [1]]])
      const all = yield* events("$ai_embedding")
      assert.deepStrictEqual(all.map(({ $ai_input }) => $ai_input), ["a", ["a", "b"]])
      assert.deepInclude(all[0], { $ai_model: "text-embedding-3-small", $ai_framework: "effect-ai" })
      assert.notProperty(all[0], "$ai_input_tokens")
      assert.strictEqual(all[1]!.$ai_input_tokens, embeddedTokens)
      assert.isNull(all[0]!.$ai_output_choices)
    }).pipe(
      Effect.provide(embeddings.pipe(EffectAi.withCapture({ model: "text-embedding-3-small" }))),
      Effect.provide(PostHogTest.TestLayer)
    ))
})

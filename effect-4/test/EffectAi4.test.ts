/**
 * What only `effect/ai` of Effect 4 has. What both majors have is in `EffectAi.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { LlmClient, PostHogTest } from "effect-posthog"
import { LanguageModel, Model, Prompt, type Response, Tool, Toolkit } from "effect/ai"
import { FetchHttpClient, HttpBody, HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as EffectAi from "../src/EffectAi.js"
import { finish } from "./support/effectAi.js"
import * as Providers from "./support/llm/providers.js"

type StreamPart = Response.StreamPartEncoded

const Weather = Tool.make("weather", {
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ degrees: Schema.Number })
})
const Careful = Tool.make("careful", { success: Schema.String, needsApproval: true })
const toolkit = Toolkit.make(Weather, Careful)

const handlers = toolkit.toLayer({
  weather: (_, { preliminary }) =>
    preliminary({ degrees: 1 }).pipe(
      Effect.andThen(Effect.sleep("500 millis")),
      Effect.as({ degrees: 3 })
    ),
  careful: () => Effect.as(Effect.sleep("500 millis"), "done")
})

const call = (id: string, name: string, params: unknown) => ({ type: "tool-call" as const, id, name, params })

const modelOf = (
  plain: Effect.Effect<Array<Response.PartEncoded>>,
  stream: Stream.Stream<StreamPart> = Stream.empty
) =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({ generateText: () => plain, streamText: () => stream })
  )

const ticking = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(effect, Effect.andThen(Effect.forever(TestClock.adjust("50 millis")), Effect.never))

const events = (name: string) =>
  Effect.map(
    PostHogTest.captured,
    (all) => all.filter(({ event }) => event === name).map(({ properties }) => properties)
  )

const the = <A>(list: ReadonlyArray<A>): A => {
  assert.strictEqual(list.length, 1)
  return list[0]!
}

const run = <A, E>(
  effect: Effect.Effect<A, E, LanguageModel.LanguageModel | Tool.HandlersFor<typeof toolkit.tools>>,
  model: Layer.Layer<LanguageModel.LanguageModel>
) => effect.pipe(Effect.provide([model.pipe(EffectAi.withCapture()), handlers]))

const slowly = (...parts: ReadonlyArray<StreamPart>) =>
  Stream.fromIterable(parts).pipe(
    Stream.rechunk(1),
    Stream.mapEffect((part) => Effect.as(Effect.sleep("100 millis"), part))
  )

describe("tools", () => {
  it.effect("that run while the provider goes on take no time from it", () =>
    Effect.gen(function*() {
      // The tool runs from the second part, 200 ms, to 700; the provider says its last at 900, and ends at 1000.
      const text = { type: "text-delta" as const, id: "0", delta: "x" }
      const stream = slowly(call("c1", "weather", { city: "Oslo" }), text, text, text, text, text, text, text, text)
        .pipe(Stream.concat(slowly(finish())))
      yield* ticking(Stream.runDrain(LanguageModel.streamText({ prompt: "Hi", toolkit }))).pipe(
        (effect) => run(effect, modelOf(Effect.succeed([]), stream))
      )
      assert.strictEqual(the(yield* events("$ai_generation")).$ai_latency, 1)
      assert.strictEqual(the(yield* events("$ai_span")).$ai_latency, 0.5)
    }).pipe(Effect.provide(PostHogTest.TestLayer)))

  it.effect("that run after the provider has ended are not its time, and what they say before their end is no result", () =>
    Effect.gen(function*() {
      const parts = yield* ticking(
        Stream.runCollect(LanguageModel.streamText({ prompt: "Hi", toolkit }))
      ).pipe((effect) =>
        run(effect, modelOf(Effect.succeed([]), slowly(call("c1", "weather", { city: "Oslo" }), finish())))
      )
      assert.strictEqual(Array.from(parts).filter(({ type }) => type === "tool-result").length, 2)
      assert.strictEqual(the(yield* events("$ai_generation")).$ai_latency, 0.2)
      assert.deepInclude(the(yield* events("$ai_span")), { $ai_latency: 0.5, $ai_output_state: { degrees: 3 } })
    }).pipe(Effect.provide(PostHogTest.TestLayer)))

  it.effect("that were approved run before the provider is asked, below the same generation", () =>
    Effect.gen(function*() {
      const prompt = Prompt.make([
        { role: "user", content: "Do it" },
        {
          role: "assistant",
          content: [
            { type: "tool-call", id: "c1", name: "careful", params: {}, providerExecuted: false },
            { type: "tool-approval-request", approvalId: "a1", toolCallId: "c1" }
          ]
        },
        { role: "tool", content: [{ type: "tool-approval-response", approvalId: "a1", approved: true }] }
      ])
      const plain = Effect.as(Effect.sleep("300 millis"), [{ type: "text" as const, text: "Done" }, finish()])
      yield* ticking(LanguageModel.generateText({ prompt, toolkit })).pipe((effect) => run(effect, modelOf(plain)))
      const generation = the(yield* events("$ai_generation"))
      assert.strictEqual(generation.$ai_latency, 0.3)
      assert.deepInclude(the(yield* events("$ai_span")), {
        $ai_span_name: "careful",
        $ai_parent_id: generation.$ai_span_id,
        $ai_output_state: "done"
      })
    }).pipe(Effect.provide(PostHogTest.TestLayer)))

  it.effect("that wait for approval do not run", () =>
    Effect.gen(function*() {
      yield* LanguageModel.generateText({ prompt: "Do it", toolkit }).pipe((effect) =>
        run(effect, modelOf(Effect.succeed([call("c1", "careful", {}), finish("tool-calls")])))
      )
      assert.deepStrictEqual(yield* events("$ai_span"), [])
      assert.deepInclude(the(yield* events("$ai_generation")), {
        $ai_output_choices: [{
          role: "assistant",
          content: [{ type: "function", id: "c1", function: { name: "careful", arguments: {} } }]
        }]
      })
    }).pipe(Effect.provide(PostHogTest.TestLayer)))
})

describe("models", () => {
  it.effect("have the provider and the name that they were made with, and are Models still", () =>
    Effect.gen(function*() {
      const inner = Model.make("gcp.gemini", "gemini-2.5-flash", modelOf(Effect.succeed([finish()])))
      const model = EffectAi.model(inner)
      assert.strictEqual(model.provider, "gcp.gemini")
      const names = Effect.all([Model.ProviderName, Model.ModelName])
      assert.deepStrictEqual(
        yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(Effect.andThen(names), Effect.provide(model)),
        ["gcp.gemini", "gemini-2.5-flash"]
      )
      assert.deepInclude(the(yield* events("$ai_generation")), {
        $ai_provider: "gemini",
        $ai_model: "gemini-2.5-flash"
      })
    }).pipe(Effect.provide(PostHogTest.TestLayer)))
})

describe("with capture at the HTTP client as well", () => {
  /** A model that asks OpenAI as a provider's package would. */
  const overHttp = (url: string) =>
    Layer.effect(
      LanguageModel.LanguageModel,
      Effect.gen(function*() {
        const client = yield* HttpClient.HttpClient
        const asked = Effect.gen(function*() {
          const response = yield* client.post(url, {
            body: HttpBody.jsonUnsafe({ model: "gpt-4.1-mini", messages: [{ role: "user", content: "Hi" }] })
          })
          const body = (yield* response.json) as { readonly choices: ReadonlyArray<any> }
          return [{ type: "text" as const, text: String(body.choices[0].message.content) }, finish()]
        }).pipe(Effect.orDie)
        return yield* LanguageModel.make({
          generateText: () => asked,
          streamText: () => Stream.unwrap(Effect.as(asked, Stream.make<Array<StreamPart>>(finish())))
        })
      })
    )

  it.live("a call is one event, plain and streamed", () =>
    Effect.gen(function*() {
      const providers = yield* Providers.make
      const http = LlmClient.layer().pipe(
        Layer.provide(FetchHttpClient.layer),
        Layer.provide(Layer.succeed(FetchHttpClient.Fetch, providers.fetch))
      )
      const model = overHttp("https://api.openai.com/v1/chat/completions").pipe(
        EffectAi.withCapture(),
        Layer.provide(http)
      )
      yield* LanguageModel.generateText({ prompt: "Hi" }).pipe(Effect.provide(model))
      assert.strictEqual(the(yield* events("$ai_generation")).$ai_framework, "effect-ai")
      yield* PostHogTest.clear
      yield* Stream.runDrain(LanguageModel.streamText({ prompt: "Hi" })).pipe(Effect.provide(model))
      assert.strictEqual(the(yield* events("$ai_generation")).$ai_framework, "effect-ai")
    }).pipe(Effect.scoped, Effect.provide(PostHogTest.TestLayer)))
})

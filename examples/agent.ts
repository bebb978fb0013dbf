/**
 * An agent with a tool, and the trace that PostHog gets of it.
 *
 *   npx tsx examples/agent.ts                          a provider and a PostHog that run inside this program
 *   OPENAI_API_KEY=… npx tsx examples/agent.ts         a real model
 *   POSTHOG_API_KEY=phc_… npx tsx examples/agent.ts    your project gets the trace
 */
import { LanguageModel, Prompt, Tool, Toolkit } from "@effect/ai"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import { FetchHttpClient } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Redacted, Schema } from "effect"
import { LlmAnalytics, PostHog, PostHogLive } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import * as PostHogServer from "effect-posthog/PostHogServer"
import * as Providers from "../test/support/llm/providers.js"
import * as replies from "../test/support/llm/replies.js"

// ---- The agent: it asks the model until that calls no tool any more.

const Weather = Tool.make("get_weather", {
  description: "The weather of a city",
  parameters: { city: Schema.String },
  success: Schema.Struct({ degrees: Schema.Number, sky: Schema.String })
})

const tools = Toolkit.make(Weather)

const Tools = tools.toLayer(Effect.gen(function*() {
  const posthog = yield* PostHog.PostHog
  return {
    // What happens in a tool is below it in the trace.
    get_weather: ({ city }) =>
      Effect.succeed({ degrees: 21, sky: "clear" }).pipe(
        Effect.delay("20 millis"),
        LlmAnalytics.withSpan("weather station", { type: "retriever", input: { city } }),
        Effect.provideService(PostHog.PostHog, posthog)
      )
  }
}))

const answer = (question: string) =>
  Effect.gen(function*() {
    let prompt = Prompt.make(question)
    for (let turn = 0; turn < 5; turn++) {
      const response = yield* LanguageModel.generateText({ prompt, toolkit: tools })
      if (response.toolCalls.length === 0) return response.text
      prompt = Prompt.merge(prompt, Prompt.fromResponseParts(response.content))
    }
    return "I do not know."
  }).pipe(
    LlmAnalytics.withTrace({ name: "weather agent", input: question, output: (text: string) => text }),
    PostHog.withDistinctId("user_123")
  )

// ---- The trace, as it arrives.

/** What belongs to a node of the tree, with what is below it further in. */
const showTree = (
  events: ReadonlyArray<PostHogServer.ReceivedEvent>,
  parent: string,
  depth: number
): ReadonlyArray<string> =>
  events.filter(({ properties }) => properties.$ai_parent_id === parent).flatMap(({ event, properties }) => [
    `${"  ".repeat(depth)}${event} ${
      [
        properties.$ai_span_name ?? properties.$ai_model,
        properties.$ai_input_tokens === undefined
          ? undefined
          : `${properties.$ai_input_tokens} tokens in, ${properties.$ai_output_tokens} out`
      ].filter((part) => part !== undefined).join(", ")
    }`,
    ...showTree(events, String(properties.$ai_span_id), depth + 1)
  ])

const showTrace = (events: ReadonlyArray<PostHogServer.ReceivedEvent>): ReadonlyArray<string> =>
  events.filter(({ event }) => event === "$ai_trace").flatMap(({ event, properties }) => [
    `${event} ${properties.$ai_span_name}`,
    ...showTree(events, String(properties.$ai_trace_id), 1)
  ])

// ---- Where it runs.

/** The providers of models inside this program; the first answer calls the tool. */
const Local = Layer.unwrapScoped(Effect.map(Providers.make, (providers) => {
  providers.next(replies.responsesTools)
  return OpenAiClient.layer({ apiKey: Redacted.make("sk-local") }).pipe(
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(FetchHttpClient.Fetch, providers.fetch))
  )
}))

const OpenAi = Layer.unwrapEffect(Effect.map(
  Config.option(Config.redacted("OPENAI_API_KEY")),
  Option.match({
    onNone: () => Local,
    onSome: (apiKey) => OpenAiClient.layer({ apiKey }).pipe(Layer.provide(FetchHttpClient.layer))
  })
))

const Model = EffectAi.model(OpenAiLanguageModel.model("gpt-4.1-mini")).pipe(Layer.provide(OpenAi))

const program = Effect.flatMap(answer("How is the weather in Paris?"), Console.log).pipe(
  Effect.provide(Layer.merge(Model, Tools))
)

/** With a PostHog on this machine. */
const local = Effect.gen(function*() {
  const host = yield* PostHogServer.url
  yield* Effect.provide(program, PostHogLive.with({ apiKey: "phc_local", host }))
  yield* Console.log(showTrace(yield* PostHogServer.events).join("\n"))
})

const main = Effect.gen(function*() {
  const apiKey = yield* Config.option(Config.string("POSTHOG_API_KEY"))
  if (Option.isSome(apiKey)) return yield* Effect.provide(program, PostHogLive)
  yield* Effect.provide(local, PostHogServer.layer())
})

NodeRuntime.runMain(main)

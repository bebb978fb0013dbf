/**
 * An agent with a tool, and the trace that PostHog gets of it: `examples/agent.ts` for Effect 4, for whose `effect/ai`
 * providers have no packages yet. The model is one that this program makes.
 *
 *   npx tsx examples/agent.ts                          a PostHog that runs inside this program
 *   POSTHOG_API_KEY=phc_… npx tsx examples/agent.ts    your project gets the trace
 */
import { NodeRuntime } from "@effect/platform-node"
import { Config, Console, Effect, Layer, Option, Schema, Stream } from "effect"
import { LlmAnalytics, PostHog, PostHogLive } from "effect-posthog"
import * as EffectAi from "effect-posthog/EffectAi"
import * as PostHogServer from "effect-posthog/PostHogServer"
import { LanguageModel, Model, Prompt, type Response, Tool, Toolkit } from "effect/ai"

// ---- The agent: it asks the model until that calls no tool any more.

const Weather = Tool.make("get_weather", {
  description: "The weather of a city",
  parameters: Schema.Struct({ city: Schema.String }),
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
      prompt = Prompt.concat(prompt, Prompt.fromResponseParts(response.content))
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

const finish = (reason: "stop" | "tool-calls"): Response.PartEncoded => ({
  type: "finish",
  reason,
  usage: { inputTokens: { total: 40 }, outputTokens: { total: 12 } }
})

/** A model that calls the tool, and answers when it has the result. */
const Scripted = Layer.effect(
  LanguageModel.LanguageModel,
  LanguageModel.make({
    generateText: ({ prompt }) =>
      Effect.succeed<Array<Response.PartEncoded>>(
        prompt.content.some(({ role }) => role === "tool")
          ? [{ type: "text", text: "It is 21 degrees and clear in Paris." }, finish("stop")]
          : [{ type: "tool-call", id: "call_1", name: "get_weather", params: { city: "Paris" } }, finish("tool-calls")]
      ),
    streamText: () => Stream.empty
  })
)

const Weatherman = EffectAi.model(Model.make("scripted", "weatherman-1", Scripted))

const program = Effect.flatMap(answer("How is the weather in Paris?"), Console.log).pipe(
  Effect.provide(Layer.merge(Weatherman, Tools))
)

/** With a PostHog on this machine. */
const local = Effect.gen(function*() {
  const host = yield* PostHogServer.url
  yield* Effect.provide(program, PostHogLive.with({ apiKey: "phc_local", host }))
  yield* Console.log(showTrace(yield* PostHogServer.events).join("\n"))
})

const main = Effect.gen(function*() {
  const apiKey = yield* Config.option(Config.String("POSTHOG_API_KEY"))
  if (Option.isSome(apiKey)) return yield* Effect.provide(program, PostHogLive)
  yield* Effect.provide(local, PostHogServer.layer())
})

NodeRuntime.runMain(main)

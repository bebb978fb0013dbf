/**
 * An agent that asks the models of four providers, and the tree that PostHog gets of it.
 *
 *   npx tsx examples/llm.ts
 *
 * Nothing leaves this program: the providers are in it, answer as the real ones do and misbehave on request
 * (test/support/llm/providers.ts), and so is a PostHog.
 */
import Anthropic from "@anthropic-ai/sdk"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Logger, LogLevel, Schedule, Stream } from "effect"
import { LlmAnalytics, LlmClient, PostHog, PostHogClient } from "effect-posthog"
import * as PostHogServer from "effect-posthog/PostHogServer"
import OpenAI from "openai"
import * as Providers from "../test/support/llm/providers.js"
import * as replies from "../test/support/llm/replies.js"

const question = "What is the weather in Paris?"

// ---- The agent. Its calls of models say nothing about PostHog.

const agent = (providers: Providers.Providers) => {
  /** Calls the SDK of a provider, with a `fetch` that knows the trace and the span around the call. */
  const withSdk = <A>(call: (fetch: typeof globalThis.fetch) => Promise<A>) =>
    Effect.flatMap(
      // Of a program of yours: LlmClient.fetch().
      LlmClient.fetch({ fetch: providers.fetch }),
      (fetch) => Effect.promise(() => call(fetch))
    )

  const lookUp = withSdk((fetch) =>
    new OpenAI({ apiKey: "sk-example", fetch }).embeddings.create({ model: "text-embedding-3-small", input: question })
  ).pipe(
    Effect.as(["Paris lies on the Seine."]),
    LlmAnalytics.withSpan("look up", { type: "retriever" })
  )

  const plan = withSdk((fetch) =>
    new Anthropic({ apiKey: "sk-ant-example", fetch }).messages.stream({
      model: "claude-sonnet-4-20250514",
      max_tokens: 200,
      messages: [{ role: "user", content: question }]
    }).finalMessage()
  )

  const weather = HttpClientRequest.post(
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
  ).pipe(
    HttpClientRequest.bodyUnsafeJson({ contents: [{ role: "user", parts: [{ text: question }] }] }),
    HttpClient.execute,
    Effect.flatMap((response) => response.json),
    LlmAnalytics.withSpan("get_weather", { type: "tool" })
  )

  const answer = HttpClientRequest.post("https://api.openai.com/v1/chat/completions").pipe(
    HttpClientRequest.bodyUnsafeJson({
      model: "gpt-4o-mini",
      stream: true,
      messages: [{ role: "user", content: question }]
    }),
    HttpClient.execute,
    Effect.flatMap((response) => Stream.mkString(Stream.decodeText(response.stream)))
  )

  return Effect.gen(function*() {
    yield* lookUp
    yield* plan
    yield* weather
    // OpenAI is overloaded at first, and breaks off at the second try.
    providers.next(
      replies.openAiError(503, "server_error", "The engine is currently overloaded."),
      replies.cutAfter(replies.chatStream(), 3)
    )
    yield* Effect.filterOrFail(answer, (text) => text.includes("[DONE]")).pipe(Effect.retry(Schedule.recurs(2)))
  }).pipe(
    LlmAnalytics.withTrace({ name: "weather agent" }),
    PostHog.withDistinctId("user_123")
  )
}

// ---- What PostHog gets

const line = ({ event, properties }: PostHogServer.ReceivedEvent): string => {
  const {
    $ai_error,
    $ai_input_tokens,
    $ai_model,
    $ai_output_tokens,
    $ai_provider,
    $ai_span_name,
    $ai_stop_reason,
    $ai_stream
  } = properties
  const what = [$ai_span_name, $ai_provider, $ai_model, $ai_stream === true ? "streamed" : undefined]
  const tokens = $ai_input_tokens === undefined ? undefined : `${$ai_input_tokens} + ${$ai_output_tokens ?? 0} tokens`
  const error = $ai_error === undefined ? undefined : `failed: ${$ai_error.message ?? $ai_error.type}`
  return [event.padEnd(15), ...what, tokens, $ai_stop_reason, error].filter((part) => part !== undefined).join(" ")
}

/** The events below a node, in the order in which they were captured. */
const tree = (
  events: ReadonlyArray<PostHogServer.ReceivedEvent>,
  parent: string,
  indent: string
): ReadonlyArray<string> =>
  events.filter(({ properties }) => properties.$ai_parent_id === parent).flatMap((event) => [
    indent + line(event),
    ...tree(events, event.properties.$ai_span_id, `${indent}  `)
  ])

const program = Effect.gen(function*() {
  const host = yield* PostHogServer.url
  const providers = yield* Providers.make
  const Http = FetchHttpClient.layer.pipe(
    // Of a program of yours without this line.
    Layer.provide(Layer.succeed(FetchHttpClient.Fetch, providers.fetch))
  )
  const PostHogHere = PostHog.layer({ apiKey: "phc_example", host }).pipe(Layer.provide(PostHogClient.layer))
  yield* agent(providers).pipe(
    Effect.provide(LlmClient.layer({ includeUsage: true }).pipe(Layer.provide(Http))),
    // Everything is sent when its scope ends.
    Effect.provide(PostHogHere)
  )
  const events = yield* PostHogServer.events
  for (const trace of events.filter(({ event }) => event === "$ai_trace")) {
    yield* Console.log(line(trace))
    for (const text of tree(events, trace.properties.$ai_trace_id, "  ")) yield* Console.log(text)
  }
}).pipe(Effect.scoped)

NodeRuntime.runMain(
  Effect.provide(program, Layer.merge(PostHogServer.layer(), Logger.minimumLogLevel(LogLevel.Warning)))
)

/**
 * The same answers of OpenAI through `@posthog/ai` with the official SDK, and read by this library: the events are
 * compared property by property, and each difference is named with its reason.
 */
import { assert, describe, it } from "@effect/vitest"
import { OpenAI } from "@posthog/ai/openai"
import { Effect } from "effect"
import { PostHog as PostHogNode } from "posthog-node"
import { openaiChat } from "../../src/core/llm/formats/openaiChat.js"
import { openaiEmbeddings } from "../../src/core/llm/formats/openaiEmbeddings.js"
import { openaiResponses } from "../../src/core/llm/formats/openaiResponses.js"
import type { Format } from "../../src/core/llm/model.js"
import { propertiesOf } from "../../src/core/llm/properties.js"
import { endpoint } from "../support/llm/facts.js"
import * as chat from "../support/llm/openaiChat.js"
import * as embeddings from "../support/llm/openaiEmbeddings.js"
import * as responses from "../support/llm/openaiResponses.js"
import * as Providers from "../support/llm/providers.js"
import * as replies from "../support/llm/replies.js"
import * as Sink from "../support/sink.js"

type Differences = Readonly<Record<string, string>>

interface Case {
  readonly format: Format
  readonly reply: replies.Reply
  /** The answer, or the pieces of it. */
  readonly answer: unknown
  readonly call: (client: OpenAI) => Promise<unknown>
  /** Why a property differs. */
  readonly differs: Differences
}

/** Those of one event, or of one library. */
const own = [
  "$lib",
  "$lib_version",
  "$ai_lib",
  "$ai_lib_version",
  "$ai_latency",
  "$ai_time_to_first_token",
  "$ai_trace_id",
  "$process_person_profile",
  "$geoip_disable",
  "$is_server"
]

const comparable = (properties: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const { ...rest } = JSON.parse(JSON.stringify(properties)) as Record<string, unknown>
  for (const name of own) delete rest[name]
  return rest
}

/** What `@posthog/ai` sends about a call. */
const theirs = (providers: Providers.Providers, sink: Sink.Sink, { call, reply }: Case) =>
  Effect.promise(async () => {
    providers.next(reply)
    const posthog = new PostHogNode("phc_test", { host: sink.url, flushAt: 1, disableCompression: true })
    const client = new OpenAI({ apiKey: "sk-test", posthog, fetch: providers.fetch, maxRetries: 0 })
    await call(client)
    await sink.until(() => sink.accepted.length > 0)
    await posthog.shutdown()
    return sink.accepted[0]!
  })

/** What this library knows about the same request and answer. */
const ours = ({ answer, format }: Case, sent: unknown) => {
  const request = format.request(sent, endpoint(format))
  const reader = request.streamed ? format.stream!(200_000) : undefined
  for (const piece of reader === undefined ? [] : answer as ReadonlyArray<unknown>) reader?.read(piece)
  const read = reader === undefined ? format.answer(answer) : reader.answer()
  return {
    event: format.kind === "embedding" ? "$ai_embedding" : "$ai_generation",
    properties: {
      ...propertiesOf({
        kind: format.kind,
        provider: "openai",
        baseUrl: "https://api.openai.com/v1",
        request,
        answer: read,
        httpStatus: 200
      }),
      $ai_input: request.input(),
      $ai_output_choices: format.kind === "embedding" ? null : read.output(),
      $ai_tools: request.tools?.()
    }
  }
}

const drained = async (stream: unknown): Promise<void> => {
  for await (const _ of stream as AsyncIterable<unknown>);
}

const create =
  (body: object, of: (client: OpenAI) => { create: (body: never) => unknown }) => async (client: OpenAI) => {
    const found = await of(client).create(body as never)
    if ("stream" in body) await drained(found)
  }

const inChat = (body: object, answer: unknown, differs: Differences): Case => ({
  format: openaiChat,
  reply: "stream" in body
    ? replies.sse(answer as ReadonlyArray<unknown>, "data: [DONE]\n\n")
    : replies.json(answer),
  answer,
  call: create(body, (client) => client.chat.completions as never),
  differs
})

const inResponses = (body: object, answer: unknown, differs: Differences): Case => ({
  format: openaiResponses,
  reply: "stream" in body ? replies.namedSse(answer as never) : replies.json(answer),
  answer,
  call: create(body, (client) => client.responses as never),
  differs
})

const always: Differences = {
  $ai_total_tokens: "Tells what the provider reported; nothing is computed with it.",
  $ai_stream: "PostHog copies it from the parameters, where streams of some providers have none.",
  $ai_temperature: "As above.",
  $ai_max_tokens: "PostHog copies no limit that is called max_output_tokens."
}

const developer = "PostHog knows no role called developer."
const parsed = "Arguments that are JSON are sent as the object that they are."
const parameters = "Also seed, reasoning_effort, top_k and max_output_tokens, which change what a model answers."
const reasoning = "Reasoning is shown."
const noCounts = "There are no counts that it would say something about."
const unreported = "A count that nobody reported is not zero, which would have a price."

const plainRequest = { model: "gpt-4.1-mini", messages: [{ role: "user", content: "Weather?" }] }
const streamRequest = { ...plainRequest, stream: true, stream_options: { include_usage: true } }
const plainResponse = { model: "gpt-5-mini", instructions: "Be brief.", input: "Weather?" }
const streamResponse = { ...plainResponse, stream: true }

const cases: Readonly<Record<string, Case>> = {
  "Chat with all parameters": inChat(chat.request, chat.plain, {
    $ai_input: developer,
    $ai_model_parameters: parameters
  }),
  "Chat with tools": inChat(plainRequest, chat.withTools, { $ai_output_choices: parsed }),
  "Chat that refuses": inChat(plainRequest, chat.refusal, { $ai_output_choices: "A refusal is what the model said." }),
  "Chat with two choices": inChat(plainRequest, chat.twoChoices, {
    $ai_output_choices: "The choices stand in the order of their numbers.",
    $ai_stop_reason: "It is that of the choice number 0, wherever it stands."
  }),
  "Chat that speaks": inChat(plainRequest, chat.audio, {}),
  "Chat that searched": inChat(plainRequest, chat.searched, {}),
  "Perplexity": inChat(plainRequest, chat.perplexity, {}),
  "OpenRouter": inChat(plainRequest, chat.openRouter, {
    $ai_output_choices: reasoning,
    $ai_provider_metadata: "OpenRouter tells which host served the call."
  }),
  "Chat without usage": inChat(plainRequest, { ...chat.plain, usage: undefined }, {
    $ai_input_tokens: unreported,
    $ai_output_tokens: unreported,
    $ai_cache_reporting_exclusive: noCounts
  }),
  "Chat streamed": inChat(streamRequest, chat.stream, {}),
  "Chat streamed with tools": inChat(streamRequest, chat.toolStream, {
    $ai_output_choices: `${parsed} The calls stand in the order of their numbers.`
  }),
  "Chat streamed with two choices": inChat(streamRequest, chat.twoChoicesStream, {
    $ai_output_choices: "Choices are never mixed."
  }),
  "Chat streamed by Groq": inChat(streamRequest, chat.groqStream, {
    $ai_input_tokens: "Groq tells them in a member of its own.",
    $ai_output_tokens: "As above.",
    $ai_usage: "As above."
  }),
  "Responses with all parameters": inResponses(responses.request, responses.plain, {
    $ai_input:
      "Each item is the message, the call of a tool or the result that it is, and no text of JSON by the user.",
    $ai_model_parameters: parameters,
    $ai_output_choices: reasoning
  }),
  "Responses": inResponses(plainResponse, responses.plain, { $ai_output_choices: reasoning }),
  "Responses with a tool": inResponses(plainResponse, responses.withTool, { $ai_output_choices: parsed }),
  "Responses that searched": inResponses(plainResponse, responses.withSearch, {
    $ai_output_choices: "What was searched for is shown."
  }),
  "Responses that are incomplete": inResponses(plainResponse, responses.incomplete, {}),
  "Responses streamed": inResponses(streamResponse, responses.stream, {
    $ai_output_choices: "A streamed answer has the form of a plain one."
  }),
  "Responses streamed, broken off": inResponses(streamResponse, responses.events, {
    $ai_output_choices: "What arrived before is shown.",
    $ai_cache_reporting_exclusive: noCounts
  }),
  "embeddings": {
    format: openaiEmbeddings,
    reply: replies.json(embeddings.answer),
    answer: embeddings.answer,
    call: create(embeddings.request, (client) => client.embeddings as never),
    differs: {}
  }
}

/** Those properties that differ. */
const differences = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>) =>
  Array.from(new Set([...Object.keys(a), ...Object.keys(b)])).filter((name) => {
    try {
      assert.deepStrictEqual(a[name], b[name])
      return false
    } catch {
      return true
    }
  })

describe("@posthog/ai as oracle", () => {
  for (const [name, known] of Object.entries(cases)) {
    it.scopedLive(name, () =>
      Effect.gen(function*() {
        const providers = yield* Providers.make
        const sink = yield* Sink.make()
        const event = yield* theirs(providers, sink, known)
        const mine = ours(known, providers.requests[0]!.body)
        assert.strictEqual(mine.event, event.event)
        const a = comparable(mine.properties)
        const b = comparable(event.properties)
        const found = differences(a, b).filter((property) => !(property in always && !(property in b)))
        const told = found.map((property) => ({ property, ours: a[property], theirs: b[property] }))
        assert.deepStrictEqual(found.sort(), Object.keys(known.differs).sort(), JSON.stringify(told))
      }))
  }
})

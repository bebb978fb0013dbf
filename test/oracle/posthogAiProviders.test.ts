/**
 * The same calls of Anthropic, Gemini, Azure and OpenAI through the wrappers of `@posthog/ai`, and through the
 * official SDKs over a `fetch` of `LlmClient`: events are compared property by property, and each difference is named
 * with its reason.
 */
import { Anthropic } from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { GoogleGenAI } from "@google/genai"
import { PostHogAnthropic } from "@posthog/ai/anthropic"
import { PostHogGoogleGenAI } from "@posthog/ai/gemini"
import { AzureOpenAI as PostHogAzure, OpenAI as PostHogOpenAI } from "@posthog/ai/openai"
import { Effect } from "effect"
import { LlmClient, PostHogTest, TestLayer } from "effect-posthog"
import OpenAI, { AzureOpenAI } from "openai"
import { PostHog as PostHogNode } from "posthog-node"
import * as providers from "../support/llm/providers.js"
import * as replies from "../support/llm/replies.js"
import * as Sink from "../support/sink.js"

type Fetch = typeof globalThis.fetch
type Properties = Readonly<Record<string, unknown>>

interface Case<Client> {
  readonly reply?: replies.Reply
  readonly call: (client: Client) => Promise<unknown>
  /** Why a property differs from theirs; ours is right, or both are. */
  readonly differs: Readonly<Record<string, string>>
  /** Theirs has no event. */
  readonly unseen?: boolean
}

interface Provider<Client> {
  /** Theirs is derived from the SDK, so that it is called in the same way. */
  readonly make: (fetch: Fetch, posthog?: PostHogNode) => unknown
  /** Why a property differs in all of the cases. */
  readonly always: Readonly<Record<string, string>>
  readonly cases: Readonly<Record<string, Case<Client>>>
}

const drain = async (stream: AsyncIterable<unknown>): Promise<void> => {
  for await (const _ of stream);
}

/** Those that are of one event, or of one library. */
const own =
  /^\$(?:lib|lib_version|geoip_disable|is_server|process_person_profile)$|^\$ai_(?:lib|lib_version|latency|trace_id)$/

/** They only add, in every case. */
const added: Readonly<Record<string, string>> = {
  $ai_span_id: "a generation is a node of the tree: theirs is found by the uuid of its event",
  $ai_request_url: "known at the client",
  $ai_stream: "PostHog would write it by itself, if it is among the parameters",
  $ai_total_tokens: "as the provider has reported it",
  $ai_temperature: "PostHog would write it by itself",
  $ai_max_tokens: "PostHog would write it by itself, but not that of Responses and Gemini"
}

const ofFailures: Readonly<Record<string, string>> = {
  $ai_error: "theirs is a text with the stack and the headers: ours has the provider's type, code and message",
  $ai_error_type: "theirs has it in the text only",
  $ai_cache_reporting_exclusive: "nothing is said about a cache of which no counts were reported"
}

const ofBroken: Readonly<Record<string, string>> = {
  ...ofFailures,
  $ai_http_status: "the status was 200: theirs says 500 where an error object has none",
  $ai_output_choices: "what came before the failure is kept",
  $ai_time_to_first_token: "it came"
}

const requestId = { $ai_provider_metadata: "the id of the request, which the provider asks for in support" }

const messages = [
  { role: "system" as const, content: "Be short." },
  { role: "user" as const, content: "What is the weather in Paris?" }
]

const openaiCases: Provider<OpenAI>["cases"] = {
  "a plain call": {
    call: (client) => client.chat.completions.create({ model: "gpt-4o-mini", messages, temperature: 0.2 }),
    differs: {}
  },
  "a call with tools": {
    reply: replies.chatTools,
    call: (client) => client.chat.completions.create({ model: "gpt-4o-mini", messages }),
    differs: { $ai_output_choices: "arguments are an object where they are JSON" }
  },
  "a stream": {
    call: async (client) =>
      drain(
        await client.chat.completions.create({
          model: "gpt-4o-mini",
          messages,
          stream: true,
          stream_options: { include_usage: true }
        })
      ),
    differs: {}
  },
  "a refusal": {
    reply: replies.openAiError(401, "invalid_api_key", "Incorrect API key provided."),
    call: (client) => client.chat.completions.create({ model: "gpt-4o-mini", messages }),
    differs: { ...ofFailures, ...requestId }
  },
  "a stream that is refused": {
    reply: replies.openAiError(429, "rate_limit_exceeded", "Slow down."),
    call: async (client) =>
      drain(await client.chat.completions.create({ model: "gpt-4o-mini", messages, stream: true })),
    unseen: true,
    differs: {}
  },
  "a failure with status 200": {
    reply: replies.chatErrorWith200,
    call: (client) => client.chat.completions.create({ model: "gpt-4o-mini", messages }),
    unseen: true,
    differs: {}
  },
  "an error in a stream": {
    reply: replies.chatStreamError,
    call: async (client) =>
      drain(await client.chat.completions.create({ model: "gpt-4o-mini", messages, stream: true })),
    differs: ofBroken
  },
  "a stream that breaks": {
    reply: replies.cutAfter(replies.chatStream(), 3),
    call: async (client) =>
      drain(await client.chat.completions.create({ model: "gpt-4o-mini", messages, stream: true })),
    differs: ofBroken
  },
  "Responses": {
    call: (client) =>
      client.responses.create({ model: "gpt-4.1-mini", instructions: "Be short.", input: "Hi", max_output_tokens: 50 }),
    differs: { $ai_model_parameters: "the limit of Responses is a parameter too" }
  },
  "Responses as a stream": {
    call: async (client) => drain(await client.responses.create({ model: "gpt-4.1-mini", input: "Hi", stream: true })),
    differs: { $ai_output_choices: "one form for plain and streamed answers: theirs is OpenAI's own here" }
  },
  "embeddings": {
    call: (client) => client.embeddings.create({ model: "text-embedding-3-small", input: "Hi" }),
    differs: {}
  }
}

const openai: Provider<OpenAI> = {
  make: (fetch, posthog) => {
    const options = { apiKey: "sk-test", fetch, maxRetries: 0 }
    return posthog === undefined ? new OpenAI(options) : new PostHogOpenAI({ ...options, posthog })
  },
  always: {},
  cases: openaiCases
}

const azure: Provider<AzureOpenAI> = {
  make: (fetch, posthog) => {
    const options = {
      apiKey: "azure-test",
      apiVersion: "2024-10-21",
      endpoint: "https://example.openai.azure.com",
      deployment: "my-gpt",
      fetch,
      maxRetries: 0
    }
    return posthog === undefined ? new AzureOpenAI(options) : new PostHogAzure({ ...options, posthog })
  },
  always: {},
  cases: {
    "a plain call": {
      call: (client) => client.chat.completions.create({ model: "my-gpt", messages }),
      differs: {}
    }
  }
}

const claude = { model: "claude-sonnet-4", max_tokens: 100, messages: [messages[1]!] } as const

const anthropic: Provider<Anthropic> = {
  make: (fetch, posthog) => {
    const options = { apiKey: "sk-ant-test", fetch, maxRetries: 0 }
    return posthog === undefined ? new Anthropic(options) : new PostHogAnthropic({ ...options, posthog })
  },
  always: {
    $ai_cache_creation_5m_input_tokens: "the split by time has prices of its own",
    $ai_cache_creation_1h_input_tokens: "the split by time has prices of its own",
    $ai_cache_reporting_exclusive: "said, so that PostHog need not guess it from the model's name",
    $ai_service_tier: "the tier that served the call, which has prices of its own",
    $ai_completion_id: "theirs has it for OpenAI only",
    $ai_model_parameters: "with the tier that served the call",
    ...requestId
  },
  cases: {
    "a plain call": {
      call: (client) =>
        client.messages.create({ ...claude, messages: [...claude.messages], system: "Be short." } as any),
      differs: {}
    },
    "a stream": {
      reply: replies.anthropicStream,
      call: async (client) =>
        drain(await client.messages.create({ ...claude, messages: [...claude.messages], stream: true } as any) as any),
      differs: {
        $ai_output_choices: "theirs loses the thinking, and with it the arguments of the tool"
      }
    },
    "a refusal": {
      reply: replies.anthropicError(529, "overloaded_error", "Overloaded"),
      call: (client) => client.messages.create({ ...claude, messages: [...claude.messages] } as any),
      differs: ofFailures
    },
    "an error in a stream": {
      reply: replies.anthropicStreamOverloaded,
      call: async (client) =>
        drain(await client.messages.create({ ...claude, messages: [...claude.messages], stream: true } as any) as any),
      differs: { ...ofBroken, $ai_output_tokens: "the count that was reported before the failure" }
    }
  }
}

const parts = { $ai_input: "parts where Gemini has parts: theirs makes a text of them" }

const gemini: Provider<GoogleGenAI> = {
  // Its version for this Node takes no `fetch`: it is asked for by its global name.
  make: (fetch, posthog) => {
    globalThis.fetch = fetch
    const options = { apiKey: "AIza-test" }
    return posthog === undefined ? new GoogleGenAI(options) : new PostHogGoogleGenAI({ ...options, posthog })
  },
  always: { $ai_completion_id: "theirs has it for OpenAI only", ...parts },
  cases: {
    "a plain call": {
      call: (client) =>
        client.models.generateContent({
          model: "gemini-2.5-flash",
          contents: "Hi",
          config: { systemInstruction: "Be short.", temperature: 0.3 }
        }),
      differs: { $ai_model_parameters: "theirs looks for them in another place" }
    },
    "a stream": {
      reply: replies.geminiSse,
      call: async (client) =>
        drain(await client.models.generateContentStream({ model: "gemini-2.5-flash", contents: "Hi" })),
      differs: {
        $ai_output_choices: "with the thoughts, apart from what is said",
        $ai_time_to_first_token: "with the first thought"
      }
    },
    "a refusal": {
      reply: replies.geminiError(429, "RESOURCE_EXHAUSTED", "Quota exceeded"),
      call: (client) => client.models.generateContent({ model: "gemini-2.5-flash", contents: "Hi" }),
      differs: ofFailures
    }
  }
}

const comparable = (properties: Properties): Record<string, unknown> =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => !own.test(name)))

/** The events of one run; the program's own failure is no part of it. */
const attempt = (run: () => Promise<unknown>) =>
  Effect.promise(async () => {
    const fetch = globalThis.fetch
    try {
      await run()
    } catch {
      // Some of the cases are about failures.
    } finally {
      globalThis.fetch = fetch
    }
  })

const compare = <Client>(name: string, { always, cases, make }: Provider<Client>): void => {
  describe(name, () => {
    for (const [title, { call, differs, reply, unseen = false }] of Object.entries(cases)) {
      it.live(`${title}: the same, but for what is named`, () =>
        Effect.gen(function*() {
          const server = yield* providers.make
          const sink = yield* Sink.make()
          if (reply !== undefined) server.next(reply, reply)
          const posthog = new PostHogNode("phc_test", { host: sink.url, disableCompression: true })
          yield* attempt(() => call(make(server.fetch, posthog) as Client))
          yield* Effect.promise(() => posthog.shutdown())
          const fetch = yield* LlmClient.fetch({ fetch: server.fetch })
          yield* attempt(() => call(make(fetch) as Client))
          const [ours] = yield* PostHogTest.captured
          assert.isDefined(ours)
          if (unseen) {
            assert.strictEqual(sink.accepted.length, 0)
            return
          }
          const theirs = sink.accepted[0]
          assert.strictEqual(theirs?.event, ours!.event)
          const [mine, other] = [comparable(ours!.properties), comparable(theirs!.properties)]
          const different = Array.from(new Set([...Object.keys(mine), ...Object.keys(other)])).filter((property) => {
            // Times are told in the same cases.
            const [a, b] = /_time_/.test(property)
              ? [typeof mine[property], typeof other[property]]
              : [mine[property], other[property]]
            return JSON.stringify(a) !== JSON.stringify(b)
          })
          for (const property of different) {
            const isAdded = other[property] === undefined && property in added
            assert.isTrue(
              isAdded || property in differs || property in always,
              `${property}: ours ${JSON.stringify(mine[property])}, theirs ${JSON.stringify(other[property])}`
            )
          }
          for (const property of Object.keys(differs)) {
            if (property in ofFailures || property in requestId || /_time_/.test(property)) continue
            assert.include(different, property, "a difference that is none any more")
          }
        }).pipe(Effect.scoped, Effect.provide(TestLayer)))
    }
  })
}

compare("OpenAI", openai)
compare("Azure", azure)
compare("Anthropic", anthropic)
compare("Gemini", gemini)

/**
 * What `@effect/ai` says, read by its members: its own values, made by its own constructors.
 */
import { AiError, Prompt, Response, Tool } from "@effect/ai"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { answerOf, PartsReader } from "../../../src/core/llm/effectAi/answer.js"
import { failureOf, failureOfPart, isAiError, statusOf } from "../../../src/core/llm/effectAi/failure.js"
import { offered, promptMessages, toolDefinitions } from "../../../src/core/llm/effectAi/messages.js"
import { noted, providerOf } from "../../../src/core/llm/effectAi/request.js"

const usage = (given: Partial<Response.Usage>) =>
  new Response.Usage({ inputTokens: undefined, outputTokens: undefined, totalTokens: undefined, ...given })

const finish = (given: Partial<Response.Usage>, metadata: Record<string, Record<string, unknown>> = {}) =>
  Response.makePart("finish", { reason: "stop", usage: usage(given), metadata })

describe("prompts", () => {
  it("a text is what the user says", () => {
    expect(promptMessages("Hello")).toEqual([{ role: "user", content: "Hello" }])
    expect(promptMessages(Prompt.make("Hello"))).toEqual([{ role: "user", content: "Hello" }])
  })

  it("messages keep their order, and results of tools are messages of their own", () => {
    const prompt = Prompt.make([
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Weather?" }] },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "I ask the tool." },
          { type: "tool-call", id: "c1", name: "weather", params: { city: "Oslo" } }
        ]
      },
      {
        role: "tool",
        content: [
          {
            type: "tool-result",
            id: "c1",
            name: "weather",
            result: { c: 3 },
            isFailure: false,
            providerExecuted: false
          },
          { type: "tool-result", id: "c2", name: "wind", result: "none", isFailure: true, providerExecuted: false }
        ]
      }
    ])
    expect(promptMessages(prompt)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: [
          { type: "reasoning", text: "I ask the tool." },
          { type: "function", id: "c1", function: { name: "weather", arguments: { city: "Oslo" } } }
        ]
      },
      { role: "tool", tool_call_id: "c1", name: "weather", content: { c: 3 } },
      { role: "tool", tool_call_id: "c2", name: "wind", content: "none", is_error: true }
    ])
  })

  it("files are shown as what they are", () => {
    const file = (mediaType: string, data: string | Uint8Array | URL) => Prompt.makePart("file", { mediaType, data })
    const bytes = new Uint8Array([1, 2, 3])
    const prompt = Prompt.make([{
      role: "user",
      content: [
        file("image/png", new URL("https://example.com/a.png")),
        file("image/png", bytes),
        file("audio/wav", "AAAA"),
        file("application/pdf", bytes),
        file("application/zip", bytes)
      ]
    }])
    expect(promptMessages(prompt)[0]!.content).toEqual([
      { type: "image", image: "https://example.com/a.png" },
      { type: "image", inline_data: { mime_type: "image/png", data: bytes } },
      { type: "audio", mime_type: "audio/wav", data: "AAAA" },
      { type: "document", inline_data: { mime_type: "application/pdf", data: bytes } },
      { type: "file", mediaType: "application/zip", data: bytes }
    ])
  })

  it("what is no prompt is none", () => {
    for (const value of [undefined, null, 1, {}, { content: 3 }, [null]]) {
      expect(() => promptMessages(value)).not.toThrow()
    }
  })
})

describe("tools", () => {
  const weather = Tool.make("weather", { description: "The weather", parameters: { city: Schema.String } })
  const wind = Tool.make("wind", { parameters: { city: Schema.String } })
  const ask = { schema: () => ({ type: "object" }), description: (tool: object) => (tool as Tool.Any).description }

  it("those are shown which the call offers", () => {
    const tools = { weather, wind }
    expect(toolDefinitions(offered(tools, { oneOf: ["weather"] }), ask)).toEqual([
      { type: "function", function: { name: "weather", description: "The weather", parameters: { type: "object" } } }
    ])
    expect(offered(tools, "auto")).toHaveLength(2)
    expect(offered(undefined, undefined)).toEqual([])
  })

  it("many tools are looked for among many names at once", () => {
    let reads = 0
    const names = Array.from({ length: 1_000 }, (_, at) => `tool ${2 * at}`)
    const watched = new Proxy(names, {
      get: (target, name) => {
        reads++
        return Reflect.get(target, name)
      }
    })
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [at, { name: `tool ${at}` }]))
    expect(offered(many, { oneOf: watched })).toHaveLength(500)
    // Twice for each name, and not once more for each tool.
    expect(reads).toBeLessThan(3_000)
  })

  it("the provider's own tools are named as the provider does", () => {
    const search = Tool.providerDefined({
      id: "acme.search",
      toolkitName: "AcmeSearch",
      providerName: "search_1",
      args: { max: Schema.Number }
    })({ max: 3 })
    expect(toolDefinitions([search], ask)).toEqual([{ type: "search_1", name: "AcmeSearch", args: { max: 3 } }])
  })
})

describe("what stands on the span", () => {
  it("providers have PostHog's names", () => {
    expect(
      ["gcp.gemini", "google", "vertex_ai", "aws.bedrock", "azure.ai.openai", "mistral_ai", "x_ai"].map(providerOf)
    )
      .toEqual(["gemini", "gemini", "google-vertex", "bedrock", "azure", "mistral", "xai"])
    expect(providerOf("groq")).toBe("groq")
    expect(providerOf("constructor")).toBe("constructor")
    expect(providerOf(undefined)).toBeUndefined()
  })

  it("parameters are those that were given", () => {
    const attributes = new Map<string, unknown>([
      ["gen_ai.system", "gcp.gemini"],
      ["gen_ai.request.model", "models/gemini-2.5-flash"],
      ["gen_ai.request.temperature", 0],
      ["gen_ai.request.max_tokens", 100],
      ["gen_ai.request.stop_sequences", []]
    ])
    expect(noted(attributes)).toEqual({
      provider: "gemini",
      model: "gemini-2.5-flash",
      parameters: { temperature: 0, max_tokens: 100 },
      maxTokens: 100
    })
    expect(noted(undefined).provider).toBeUndefined()
  })
})

describe("usage", () => {
  const usageOf = (part: unknown, provider: string) => answerOf([part], provider).usage

  it("counts like OpenAI's have the cache in them", () => {
    const part = finish({ inputTokens: 100, outputTokens: 20, totalTokens: 120, cachedInputTokens: 60 })
    expect(usageOf(part, "openai")).toMatchObject({
      inputTokens: 100,
      outputTokens: 20,
      totalTokens: 120,
      cacheReadInputTokens: 60,
      cacheReportingExclusive: false
    })
  })

  it("what was not reported is absent, and a sum of nothing too", () => {
    const found = usageOf(finish({ totalTokens: 0 }), "openai")!
    expect([found.inputTokens, found.outputTokens, found.totalTokens]).toEqual([undefined, undefined, undefined])
  })

  it("Anthropic's have not, and what was written to the cache is in the metadata", () => {
    const said = {
      input_tokens: 10,
      output_tokens: 5,
      cache_creation_input_tokens: 30,
      cache_read_input_tokens: 20,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      server_tool_use: { web_search_requests: 2 },
      service_tier: "priority"
    }
    const part = finish({ inputTokens: 10, outputTokens: 5, totalTokens: 15, cachedInputTokens: 20 }, {
      anthropic: { usage: said }
    })
    expect(usageOf(part, "anthropic")).toMatchObject({
      inputTokens: 10,
      cacheReadInputTokens: 20,
      cacheCreationInputTokens: 30,
      cacheCreation5mInputTokens: 10,
      cacheCreation1hInputTokens: 20,
      cacheReportingExclusive: true,
      webSearchCount: 2,
      raw: said
    })
    expect(answerOf([part], "anthropic").serviceTier).toBe("priority")
  })

  it("in a stream Anthropic's metadata is of its beginning: only the cache is taken from it", () => {
    const reader = new PartsReader(() => "anthropic", 1_000)
    reader.read(finish({ inputTokens: 10, outputTokens: 50, totalTokens: 60 }, {
      anthropic: { usage: { output_tokens: 1, cache_creation_input_tokens: 30, service_tier: "standard" } }
    }))
    const { serviceTier, usage } = reader.answer()
    expect(usage).toMatchObject({ outputTokens: 50, cacheCreationInputTokens: 30, cacheReportingExclusive: true })
    expect([usage?.raw, usage?.webSearchCount, serviceTier]).toEqual([undefined, undefined, undefined])
  })

  it("searches in a stream are counted as they pass", () => {
    const reader = new PartsReader(() => "anthropic", 1_000)
    const search = { type: "tool-call", id: "s", name: "AnthropicWebSearch", params: {}, providerName: "web_search" }
    reader.read({ ...search, providerExecuted: true })
    reader.read({ ...search, providerExecuted: true })
    reader.read(finish({ inputTokens: 1, outputTokens: 1 }))
    expect(reader.answer().usage?.webSearchCount).toBe(2)
  })

  it("Gemini's thoughts stay beside the output, and tokens for tools are input", () => {
    const usageMetadata = { promptTokenCount: 10, toolUsePromptTokenCount: 7, thoughtsTokenCount: 4 }
    const part = (cached: number | undefined) =>
      finish({ inputTokens: 10, outputTokens: 5, reasoningTokens: 4, cachedInputTokens: cached }, {
        google: { usageMetadata, groundingMetadata: { webSearchQueries: ["a"] } }
      })
    expect(usageOf(part(undefined), "gemini")).toMatchObject({
      inputTokens: 17,
      outputTokens: 5,
      reasoningTokens: 4,
      cacheReportingExclusive: undefined,
      webSearchCount: 1,
      raw: usageMetadata
    })
    expect(usageOf(part(3), "gemini")).toMatchObject({ cacheReadInputTokens: 3, cacheReportingExclusive: false })
  })

  it("no counts that would give wrong costs", () => {
    const found = usageOf(finish({ inputTokens: -1, outputTokens: 1.5 }), "openai")!
    expect([found.inputTokens, found.outputTokens]).toEqual([undefined, undefined])
  })
})

describe("answers", () => {
  it("at once: reasoning, text and calls of one message, and who answered", () => {
    const answer = answerOf([
      { type: "response-metadata", id: { _tag: "Some", value: "r1" }, modelId: { _tag: "Some", value: "gpt-5" } },
      { type: "reasoning", text: "Hm." },
      { type: "text", text: "Let me look." },
      { type: "tool-call", id: "c1", name: "weather", params: { city: "Oslo" } },
      { type: "tool-result", id: "c1", name: "weather", result: 3, encodedResult: 3, providerExecuted: false },
      finish({})
    ], "openai")
    expect([answer.model, answer.completionId, answer.stopReason]).toEqual(["gpt-5", "r1", "stop"])
    expect(answer.output()).toEqual([{
      role: "assistant",
      content: [
        { type: "reasoning", text: "Hm." },
        { type: "text", text: "Let me look." },
        { type: "function", id: "c1", function: { name: "weather", arguments: { city: "Oslo" } } }
      ]
    }])
  })

  const stream = (parts: ReadonlyArray<unknown>, limit = 10_000) => {
    const reader = new PartsReader(() => "openai", limit)
    const first = parts.map(reader.read)
    return { first, ...reader.answer() }
  }

  it("in pieces: the same, in the order in which they began", () => {
    const { first, output } = stream([
      { type: "reasoning-start", id: "0" },
      { type: "reasoning-delta", id: "0", delta: "Hm" },
      { type: "reasoning-delta", id: "0", delta: "." },
      { type: "reasoning-end", id: "0" },
      { type: "text-start", id: "0" },
      { type: "tool-params-start", id: "c1", name: "weather" },
      { type: "tool-params-delta", id: "c1", delta: "{\"city\":" },
      { type: "text-delta", id: "0", delta: "Let me look." },
      { type: "tool-call", id: "c1", name: "weather", params: { city: "Oslo" } }
    ])
    expect(output()).toEqual([{
      role: "assistant",
      content: [
        { type: "reasoning", text: "Hm." },
        { type: "text", text: "Let me look." },
        { type: "function", id: "c1", function: { name: "weather", arguments: { city: "Oslo" } } }
      ]
    }])
    expect(first.indexOf(true)).toBe(1)
  })

  it("a call that was cut off shows what came of it", () => {
    expect(
      stream([
        { type: "tool-params-start", id: "c1", name: "weather" },
        { type: "tool-params-delta", id: "c1", delta: "{\"ci" }
      ]).output()[0]!.content
    ).toEqual([{ type: "function", id: "c1", function: { name: "weather", arguments: "{\"ci" } }])
  })

  it("keeps no more than it was allowed to", () => {
    const { output, usage } = stream([
      { type: "text-delta", id: "0", delta: "x".repeat(90) },
      { type: "text-delta", id: "0", delta: "y".repeat(90) },
      { type: "tool-call", id: "c1", name: "weather", params: { city: "z".repeat(90) } },
      { type: "file", mediaType: "image/png", data: new Uint8Array(90) },
      finish({ inputTokens: 1, outputTokens: 2 })
    ], 100)
    expect(output()[0]!.content).toEqual([
      { type: "text", text: `${"x".repeat(90)}${"y".repeat(10)}... [truncated]` },
      { type: "function", id: "c1", function: { name: "weather", arguments: "... [truncated]" } },
      { type: "image", text: "... [truncated]" }
    ])
    expect(usage).toMatchObject({ inputTokens: 1, outputTokens: 2 })
  })

  it("parameters that were cut stay cut", () => {
    const { output } = stream([
      { type: "tool-params-start", id: "c1", name: "weather" },
      { type: "tool-params-delta", id: "c1", delta: "x".repeat(200) },
      { type: "tool-call", id: "c1", name: "weather", params: { city: "x".repeat(200) } }
    ], 50)
    expect(JSON.stringify(output())).toContain("... [truncated]")
    expect(JSON.stringify(output()).length).toBeLessThan(250)
  })

  it("an error in the place of the end is the failure", () => {
    const { failure } = stream([{ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }])
    expect(failure).toEqual({ type: "overloaded_error", code: undefined, message: "Overloaded" })
  })

  it("no part can make it throw", () => {
    const hostile = Proxy.revocable({}, {})
    hostile.revoke()
    for (const part of [undefined, null, 1, "a", [], {}, hostile.proxy, { type: hostile.proxy }]) {
      expect(() => stream([part]).output()).not.toThrow()
    }
  })
})

describe("errors", () => {
  const key = "sk-ant-REDACTED"
  const request = {
    method: "POST" as const,
    url: `https://example.com/?key=${key}`,
    urlParams: [["key", key] as const],
    hash: { _tag: "None" } as never,
    headers: { authorization: `Bearer ${key}` }
  }
  const answered = (reason: "StatusCode" | "Decode", status: number, body?: string) =>
    new AiError.HttpResponseError({
      module: "M",
      method: "m",
      reason,
      request,
      response: { status, headers: { "x-request-id": "1" } },
      ...body === undefined ? {} : { body }
    }, { disableValidation: true })

  it("a refused request says what the provider said", () => {
    const error = answered("StatusCode", 429, `{"error":{"type":"rate_limit","code":"slow","message":"Too fast"}}`)
    expect(failureOf(error)).toEqual({ type: "rate_limit", code: "slow", message: "Too fast" })
    expect(statusOf(error)).toBe(429)
    expect(isAiError(error)).toBe(true)
  })

  it("a page of a proxy is shown as text, and shortened", () => {
    const failure = failureOf(answered("StatusCode", 502, `<html>${"x".repeat(10_000)}`))
    expect([failure.type, failure.code]).toEqual(["HttpResponseError", "StatusCode"])
    expect(failure.message!.length).toBeLessThan(2_100)
  })

  it("a broken stream shows nothing of the request that its body quotes", () => {
    const error = answered("Decode", 200, `{"headers":{"x-api-key":"${key}"},"body":"my prompt"}`)
    expect(error.message).toContain(key)
    expect(failureOf(error)).toEqual({ type: "HttpResponseError", code: "Decode", message: undefined })
    expect(statusOf(error)).toBe(200)
  })

  it("the others say their description", () => {
    const error = new AiError.HttpRequestError({
      module: "M",
      method: "m",
      reason: "Transport",
      request,
      description: `connect failed, Bearer ${key}`
    }, { disableValidation: true })
    const failure = failureOf(error)
    expect([failure.type, failure.code]).toEqual(["HttpRequestError", "Transport"])
    expect(failure.message).not.toContain(key)
    expect(statusOf(error)).toBeUndefined()
    expect(failureOf(new AiError.MalformedOutput({ module: "M", method: "m", description: "no object" })))
      .toMatchObject({ type: "MalformedOutput", message: "no object" })
  })

  it("of an error that is the program's own only the name is told", () => {
    expect(failureOf(new TypeError(`leaks ${key}`))).toEqual({ type: "TypeError" })
    expect(failureOf({ _tag: "MyError", message: key })).toEqual({ type: "MyError" })
    expect(failureOf(undefined)).toEqual({ type: "Error" })
  })

  it("errors among the parts", () => {
    expect(failureOfPart("plain")).toEqual({ message: "plain" })
    expect(failureOfPart({ type: "error", code: "server_error", message: "Failed" }))
      .toEqual({ type: "error", code: "server_error", message: "Failed" })
    expect(failureOfPart(3)).toEqual({ type: "error" })
  })
})

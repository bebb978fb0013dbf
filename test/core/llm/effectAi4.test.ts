/**
 * What `effect/ai` of Effect 4 says, in its own shapes as they were recorded with 4.1.0: read by the same code as that
 * of Effect 3.
 */
import { describe, expect, it } from "vitest"
import { behind, coerce } from "../../../src/core/exceptions/coerce.js"
import { answerOf } from "../../../src/core/llm/effectAi/answer.js"
import { descriptionOf } from "../../../src/core/llm/effectAi/errors.js"
import { failureOf, isAiError, statusOf } from "../../../src/core/llm/effectAi/failure.js"
import { promptMessages, toolDefinitions } from "../../../src/core/llm/effectAi/messages.js"
import { noted } from "../../../src/core/llm/effectAi/request.js"

const partKey = "~effect/ai/Response/Part"

const finish = (inputTokens: object, outputTokens: object, metadata: object = {}) => ({
  reason: "stop",
  usage: { inputTokens, outputTokens },
  response: undefined,
  [partKey]: partKey,
  type: "finish",
  metadata
})

describe("usage", () => {
  const usageOf = (part: unknown, provider: string) => answerOf([part], provider).usage
  const input = { uncached: 40, total: 100, cacheRead: 50, cacheWrite: 10 }
  const output = { total: 20, text: 15, reasoning: 5 }

  it("has all of the input, and the cache in it", () => {
    expect(usageOf(finish(input, output), "openai")).toEqual({
      inputTokens: 100,
      outputTokens: 20,
      totalTokens: 120,
      reasoningTokens: 5,
      cacheReadInputTokens: 50,
      cacheCreationInputTokens: 10,
      cacheReportingExclusive: false
    })
  })

  it("of Anthropic's models has the cache apart, as PostHog counts theirs", () => {
    for (const part of [finish(input, output), finish(input, output, { anthropic: { usage: null } })]) {
      expect(usageOf(part, "anthropic")).toMatchObject({
        inputTokens: 40,
        cacheReadInputTokens: 50,
        cacheCreationInputTokens: 10,
        cacheReportingExclusive: true
      })
    }
    expect(usageOf(finish({ total: 100 }, output), "anthropic")).toMatchObject({
      inputTokens: 100,
      cacheReportingExclusive: false
    })
    expect(usageOf(finish({ uncached: 40 }, {}), "openai")).toMatchObject({
      inputTokens: 40,
      totalTokens: undefined,
      cacheReportingExclusive: true
    })
  })

  it("of Google's models has the thoughts apart", () => {
    expect(usageOf(finish(input, output), "gemini")).toMatchObject({ outputTokens: 15, reasoningTokens: 5 })
    expect(usageOf(finish(input, { total: 20 }), "gemini")).toMatchObject({ outputTokens: 20 })
  })

  it("that was not reported is absent", () => {
    const found = usageOf(finish({ uncached: undefined, total: undefined }, {}), "openai")!
    expect([found.inputTokens, found.outputTokens, found.totalTokens]).toEqual([undefined, undefined, undefined])
  })

  it("counts the searches of the provider by the name of the tool", () => {
    const search = { type: "tool-call", id: "s", name: "OpenAiWebSearch", params: {}, providerExecuted: true }
    expect(usageOf0([search, { ...search, providerExecuted: false }, finish({ total: 1 }, { total: 1 })])).toBe(1)
  })
  const usageOf0 = (parts: ReadonlyArray<unknown>) => answerOf(parts, "openai").usage?.webSearchCount
})

describe("what stands on the span", () => {
  it("the provider has another name", () => {
    expect(noted(new Map([["gen_ai.provider.name", "azure.ai.openai"]])).provider).toBe("azure")
  })
})

describe("prompts", () => {
  it("what goes to the model in the place of a tool's result is shown", () => {
    const result = { type: "tool-result", id: "c1", name: "plot", isFailure: false, result: { points: [1] } }
    const told = [{ type: "text", text: "A plot" }, { type: "file", mediaType: "image/png", data: "AAAA" }]
    expect(promptMessages([{ role: "tool", content: [{ ...result, modelOutput: told }] }])).toEqual([{
      role: "tool",
      tool_call_id: "c1",
      name: "plot",
      content: [
        { type: "text", text: "A plot" },
        { type: "image", inline_data: { mime_type: "image/png", data: "AAAA" } }
      ]
    }])
  })

  it("the provider's own tools are named as the provider does", () => {
    const search = { id: "acme.search", name: "AcmeSearch", providerName: "search_1", args: { max: 3 } }
    expect(toolDefinitions([search], { schema: () => undefined, description: () => undefined })).toEqual([
      { type: "search_1", name: "AcmeSearch", args: { max: 3 } }
    ])
  })
})

describe("errors", () => {
  const reasonKey = "~effect/ai/AiError/Reason"
  const errorKey = "~effect/ai/AiError"
  const key = "sk-ant-REDACTED"

  const errorOf = (tag: string, members: object = {}) => {
    const reason = Object.assign(new Error(`the message quotes ${key} and my prompt`), {
      _tag: tag,
      metadata: {},
      ...members,
      [reasonKey]: reasonKey
    })
    return Object.assign(new Error(`M.m: ${reason.message}`), {
      _tag: "AiError",
      module: "M",
      method: "m",
      reason,
      [errorKey]: errorKey,
      cause: reason
    })
  }

  const refused = errorOf("RateLimitError", {
    http: {
      response: { status: 429, headers: { authorization: key } },
      body: `{"error":{"type":"rate_limit","code":"slow","message":"Too fast"}}`
    }
  })

  it("a refused request says what the provider said", () => {
    expect(failureOf(refused)).toEqual({ type: "rate_limit", code: "slow", message: "Too fast" })
    expect(statusOf(refused)).toBe(429)
  })

  it("the others say what kind they are, and their description", () => {
    const lost = errorOf("NetworkError", {
      reason: "TransportError",
      description: `connect failed, Bearer ${key}`,
      method: "POST",
      url: "https://example.com"
    })
    const failure = failureOf(lost)
    expect([failure.type, failure.code]).toEqual(["NetworkError", "TransportError"])
    expect(failure.message).toContain("connect failed")
    expect(failure.message).not.toContain(key)
    expect(statusOf(lost)).toBeUndefined()
    expect(failureOf(errorOf("AuthenticationError", { kind: "ExpiredKey" })))
      .toEqual({ type: "AuthenticationError", code: "ExpiredKey", message: undefined })
  })

  it("a body of an answer that was no refusal is not told, nor what quotes what was said", () => {
    const http = { response: { status: 200, headers: {} }, body: "my prompt" }
    for (const tag of ["InvalidOutputError", "StructuredOutputError"]) {
      const error = errorOf(tag, { http, description: "\"my prompt\" is not valid JSON" })
      expect(failureOf(error)).toEqual({ type: tag, code: undefined, message: undefined })
    }
    const description = `Unexpected token 'm', ..."my prompt"... is not valid JSON`
    expect(failureOf(errorOf("InvalidResponseError", { http, description }))).toEqual({
      type: "InvalidResponseError",
      code: undefined,
      message: "Unexpected token 'm', it is not valid JSON"
    })
  })

  it("what a parser quotes goes from the first mark to the last that can end it", () => {
    const words = ["\"", "...", " is not valid JSON", "x"]
    const texts = (length: number): ReadonlyArray<string> =>
      length === 0 ? [""] : texts(length - 1).flatMap((text) => words.map((word) => text + word))
    const all = [1, 2, 3, 4, 5].flatMap(texts)
    expect(all).toHaveLength(1364)
    for (const text of all) {
      // Says it in one line, and takes the square of the time.
      const told = text.replace(/(?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON/, "it is not valid JSON")
      expect(descriptionOf({ ...refused.reason, description: text })).toBe(told)
    }
  })

  it("a long text full of marks is looked at once", () => {
    // Looked at from each mark to the end, it would take minutes.
    const marks = "\"".repeat(1_000_000)
    const ends = "\" is not valid JSON ".repeat(50_000)
    const told = (description: string) => descriptionOf({ ...refused.reason, description })
    expect(told(marks)).toBe(marks)
    expect(told(`${marks}... is not valid JSON`)).toBe("it is not valid JSON")
    expect(told(ends)).toBe("it is not valid JSON ")
    expect(told(` is not valid JSON${marks}`.repeat(2))).toBe(` is not valid JSONit is not valid JSON${marks}`)
    expect(failureOf(errorOf("InvalidResponseError", { description: marks })).message)
      .toBe(`${marks.slice(0, 2_000)}…`)
  })

  it("a reason is one without the error around it", () => {
    expect(isAiError(refused.reason)).toBe(true)
    expect(failureOf(refused.reason)).toEqual(failureOf(refused))
    expect(statusOf(refused.reason)).toBe(429)
  })

  it("as an exception is its reason, which is not told again as its cause", () => {
    expect(coerce(refused)).toMatchObject({
      type: "RateLimitError",
      value: expect.stringContaining("(429)"),
      fields: { module: "M", method: "m" }
    })
    expect(behind(refused)).toEqual([])
    const inner = new TypeError("fetch failed")
    const lost = errorOf("NetworkError", { reason: "TransportError", cause: inner })
    expect(coerce(lost)).toMatchObject({ type: "NetworkError", value: "TransportError" })
    expect(behind(lost)).toEqual([{ source: "cause", thrown: inner }])
    for (const error of [refused, lost, refused.reason]) {
      expect(JSON.stringify({ ...coerce(error), stack: "" })).not.toContain("my prompt")
    }
  })
})

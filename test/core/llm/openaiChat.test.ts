import { assert, describe, it } from "@effect/vitest"
import { openaiChat } from "../../../src/core/llm/formats/openaiChat.js"
import type { Message, Part } from "../../../src/core/llm/model.js"
import { propertiesOf } from "../../../src/core/llm/properties.js"
import { answerFacts, requestFacts, streamFacts } from "../../support/llm/facts.js"
import * as bodies from "../../support/llm/openaiChat.js"

const text = (text: string) => ({ type: "text", text })
const says = (...content: ReadonlyArray<Part>): ReadonlyArray<Message> => [{ role: "assistant", content }]
const call = (id: string, name: string, args: unknown) => ({
  type: "function",
  id,
  function: { name, arguments: args }
})

const usage = {
  inputTokens: 100,
  outputTokens: 40,
  totalTokens: 140,
  reasoningTokens: 16,
  reasoningInOutput: true,
  cacheReadInputTokens: 64,
  cacheReportingExclusive: false,
  raw: bodies.usage
}

describe("requests of Chat Completions", () => {
  it("tell model, messages with the system's under PostHog's name, the known parameters and the tools", () => {
    assert.deepStrictEqual(requestFacts(openaiChat, bodies.request), {
      model: "gpt-4.1-mini",
      streamed: false,
      input: [{ ...bodies.messages[0], role: "system" }, bodies.messages[1]],
      parameters: {
        temperature: 0.2,
        top_p: 0.9,
        n: 1,
        seed: 7,
        max_completion_tokens: 300,
        reasoning_effort: "low",
        stop: ["END"]
      },
      maxTokens: 300,
      tools: [bodies.tool]
    })
  })

  it("tell no parameter that was not given", () => {
    assert.deepStrictEqual(requestFacts(openaiChat, { messages: [], temperature: null, tools: [] }), {
      streamed: false,
      input: [],
      parameters: {}
    })
  })

  it("take the model from the path where the body names none", () => {
    assert.strictEqual(requestFacts(openaiChat, { messages: [] }, { model: "my-deployment" }).model, "my-deployment")
    assert.strictEqual(requestFacts(openaiChat, { model: "a" }, { model: "my-deployment" }).model, "a")
  })

  it("keep calls of tools and their results in OpenAI's form", () => {
    const messages = [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: null, tool_calls: [bodies.call("call_1", "get_weather", "{}")] },
      { role: "tool", tool_call_id: "call_1", content: "Sunny" },
      { role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } }] }
    ]
    assert.deepStrictEqual(requestFacts(openaiChat, { messages }).input, messages)
  })

  it("are streamed when they say so", () => {
    assert.isTrue(requestFacts(openaiChat, { stream: true }).streamed)
    assert.isFalse(requestFacts(openaiChat, { stream: "true" }).streamed)
  })

  it("take the prompt of the older completions for a message", () => {
    assert.deepStrictEqual(requestFacts(openaiChat, bodies.legacyRequest), {
      model: "gpt-3.5-turbo-instruct",
      streamed: false,
      input: [{ role: "user", content: "Once upon" }],
      parameters: { max_tokens: 5 },
      maxTokens: 5
    })
    assert.deepStrictEqual(requestFacts(openaiChat, { prompt: ["a", "b"] }).input, [
      { role: "user", content: "a" },
      { role: "user", content: "b" }
    ])
    assert.deepStrictEqual(requestFacts(openaiChat, { prompt: [1, 2] }).input, [
      { role: "user", content: [{ type: "tokens", tokens: [1, 2] }] }
    ])
  })

  it("do not look at messages that nobody asks for", () => {
    const body = {
      model: "a",
      get messages(): never {
        throw new Error("looked at")
      }
    }
    assert.strictEqual(openaiChat.request(body, { provider: "openai", baseUrl: "", format: openaiChat }).model, "a")
  })
})

describe("answers of Chat Completions", () => {
  it("tell text, counts, ids and the tier that served", () => {
    assert.deepStrictEqual(answerFacts(openaiChat, bodies.plain), {
      model: "gpt-4.1-mini-2025-04-14",
      completionId: "chatcmpl-1",
      stopReason: "stop",
      usage,
      serviceTier: "default",
      metadata: { system_fingerprint: "fp_1" },
      output: says(text("Sunny, 20 degrees."))
    })
  })

  it("tell calls of tools, with their arguments as an object where they are one", () => {
    const facts = answerFacts(openaiChat, bodies.withTools)
    assert.strictEqual(facts.stopReason, "tool_calls")
    assert.deepStrictEqual(
      facts.output,
      says(call("call_1", "get_weather", { city: "Bern" }), call("call_2", "get_time", "{broken"))
    )
  })

  it("tell a refusal as text, with the provider's word for the end", () => {
    const facts = answerFacts(openaiChat, bodies.refusal)
    assert.deepStrictEqual(facts.output, says(text("I cannot help with that.")))
    assert.strictEqual(facts.stopReason, "stop")
  })

  it("tell one message for each choice, in their order, and the end of the first", () => {
    const facts = answerFacts(openaiChat, bodies.twoChoices)
    assert.deepStrictEqual(facts.output, [...says(text("Heads.")), ...says(text("Tails."))])
    assert.strictEqual(facts.stopReason, "stop")
  })

  it("tell what was spoken", () => {
    assert.deepStrictEqual(
      answerFacts(openaiChat, bodies.audio).output,
      says({ type: "audio", id: "audio_1", data: "UklGRg==", transcript: "Hello", expires_at: 1_764_003_600 })
    )
  })

  it("count searches of the web by their signs", () => {
    assert.strictEqual(answerFacts(openaiChat, bodies.searched).usage?.webSearchCount, 1)
    assert.strictEqual(answerFacts(openaiChat, bodies.perplexity).usage?.webSearchCount, 1)
    assert.notProperty(answerFacts(openaiChat, bodies.plain).usage, "webSearchCount")
    // Citations without any usage.
    assert.deepStrictEqual(answerFacts(openaiChat, { choices: [], citations: ["a"] }).usage, { webSearchCount: 1 })
  })

  it("tell reasoning and what was written to the cache, as OpenRouter says it", () => {
    const facts = answerFacts(openaiChat, bodies.openRouter)
    assert.deepStrictEqual(facts.output, says({ type: "reasoning", text: "Six times seven." }, text("42")))
    assert.deepStrictEqual(facts.usage, {
      inputTokens: 2_000,
      outputTokens: 30,
      totalTokens: 2_030,
      reasoningTokens: 20,
      reasoningInOutput: true,
      cacheReadInputTokens: 1_500,
      cacheCreationInputTokens: 400,
      cacheReportingExclusive: false,
      raw: bodies.openRouter.usage
    })
    assert.deepStrictEqual(facts.metadata, { provider: "Anthropic" })
  })

  it("read reasoning in each of the members that hosts have for it", () => {
    const reasoning = (message: object) =>
      answerFacts(openaiChat, { choices: [{ index: 0, message: { content: "x", ...message } }] }).output
    const expected = says({ type: "reasoning", text: "Hm." }, text("x"))
    assert.deepStrictEqual(reasoning({ reasoning_content: "Hm." }), expected)
    assert.deepStrictEqual(reasoning({ reasoning: "Hm.", reasoning_content: "Hm." }), expected)
    assert.deepStrictEqual(
      reasoning({ reasoning: null, reasoning_details: [{ type: "reasoning.summary", summary: "Hm." }] }),
      expected
    )
    assert.deepStrictEqual(
      reasoning({ content: [{ type: "thinking", thinking: [{ type: "text", text: "Hm." }] }, text("x")] }),
      expected
    )
  })

  it("count the reasoning in the output where the total says that it is not", () => {
    const counts = { prompt_tokens: 32, completion_tokens: 9, completion_tokens_details: { reasoning_tokens: 94 } }
    assert.strictEqual(answerFacts(openaiChat, { usage: { ...counts, total_tokens: 135 } }).usage?.outputTokens, 103)
    assert.strictEqual(answerFacts(openaiChat, { usage: counts }).usage?.outputTokens, 9)
  })

  it("do not make PostHog add the reasoning of Gemini's models to an output that has it", () => {
    const sent = (model: string) => {
      const counts = { prompt_tokens: 8, completion_tokens: 30, completion_tokens_details: { reasoning_tokens: 20 } }
      const answer = openaiChat.answer({ model, choices: [], usage: counts })
      const { $ai_output_tokens: output, $ai_reasoning_tokens: reasoning } = propertiesOf({
        kind: "generation",
        provider: "openrouter",
        request: {},
        answer
      })
      return { output, reasoning }
    }
    assert.deepStrictEqual(sent("google/gemini-2.5-pro"), { output: 10, reasoning: 20 })
    assert.deepStrictEqual(sent("openai/gpt-5"), { output: 30, reasoning: 20 })
  })

  it("tell no count that is none", () => {
    assert.deepStrictEqual(
      answerFacts(openaiChat, {
        usage: {
          prompt_tokens: -1,
          completion_tokens: 1.5,
          total_tokens: "12",
          prompt_tokens_details: { cached_tokens: null },
          completion_tokens_details: 4
        }
      }).usage,
      {
        cacheReportingExclusive: false,
        raw: {
          prompt_tokens: -1,
          completion_tokens: 1.5,
          total_tokens: "12",
          prompt_tokens_details: { cached_tokens: null },
          completion_tokens_details: 4
        }
      }
    )
    assert.notProperty(answerFacts(openaiChat, { choices: [] }), "usage")
    assert.strictEqual(answerFacts(openaiChat, { usage: { prompt_tokens: 0 } }).usage?.inputTokens, 0)
  })

  it("tell a failure whatever the status", () => {
    assert.deepStrictEqual(answerFacts(openaiChat, bodies.failure), {
      failure: { type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached" },
      output: []
    })
    const cases: ReadonlyArray<readonly [unknown, object | undefined]> = [
      [bodies.openRouterFailure, { code: "502", message: "Provider returned error" }],
      [{ error: "model not found", code: "x" }, { code: "x", message: "model not found" }],
      [{ object: "error", type: "invalid_request", code: 3, message: "No" }, {
        type: "invalid_request",
        code: "3",
        message: "No"
      }],
      [{ detail: [{ loc: ["body"], msg: "field required", input: "secret prompt" }] }, { message: "field required" }],
      [{ message: "Access denied" }, { message: "Access denied" }],
      [{ error: {} }, { type: "error" }],
      [{ error: null, choices: [] }, undefined],
      [
        { choices: [{ index: 0, error: { code: 429, message: "Busy" }, finish_reason: "error", message: {} }] },
        { code: "429", message: "Busy" }
      ]
    ]
    for (const [body, failure] of cases) assert.deepStrictEqual(answerFacts(openaiChat, body).failure, failure)
  })

  it("tell the text of the older completions", () => {
    assert.deepStrictEqual(answerFacts(openaiChat, bodies.legacy).output, says(text(" a time")))
    assert.deepStrictEqual(
      streamFacts(openaiChat, [
        { choices: [{ index: 0, text: " a", finish_reason: null }] },
        { choices: [{ index: 0, text: " time", finish_reason: "length" }] }
      ]),
      { stopReason: "length", output: says(text(" a time")), firstToken: 0 }
    )
  })

  it("are nothing where there is no answer", () => {
    for (const body of [undefined, null, "", "<html>", 5, [], {}, { choices: {} }, { choices: [null, 1, []] }]) {
      assert.deepStrictEqual(answerFacts(openaiChat, body), { output: [] })
    }
  })
})

describe("streamed answers of Chat Completions", () => {
  const streamed = (pieces: Iterable<unknown>, limit?: number) => streamFacts(openaiChat, pieces, limit)

  it("tell the same as plain ones", () => {
    assert.deepStrictEqual(streamed(bodies.stream), {
      model: "gpt-4.1-mini-2025-04-14",
      completionId: "chatcmpl-2",
      stopReason: "stop",
      usage,
      serviceTier: "default",
      metadata: { system_fingerprint: "fp_2" },
      output: says(text("Sunny, 20 degrees.")),
      firstToken: 1
    })
  })

  it("have no counts where the provider was not asked for them", () => {
    assert.notProperty(streamed(bodies.stream.slice(0, -1)), "usage")
  })

  it("join the arguments of each call", () => {
    const facts = streamed(bodies.toolStream)
    assert.deepStrictEqual(
      facts.output,
      says(call("call_1", "get_weather", { city: "Bern" }), call("call_2", "get_time", {}))
    )
    assert.strictEqual(facts.firstToken, 1)
  })

  it("tell calls apart that have no number, or all the same", () => {
    const expected = says(
      call("call_1", "get_weather", { city: "Bern" }),
      call("call_2", "get_weather", { city: "Thun" })
    )
    assert.deepStrictEqual(streamed(bodies.unnumberedToolStream).output, expected)
    const numbered = (index: number | undefined, id: string | undefined, name: string | undefined, args: string) =>
      bodies.piece({ tool_calls: [{ index, id, function: { name, arguments: args } }] })
    assert.deepStrictEqual(
      streamed([
        numbered(0, "call_1", "get_weather", `{"city":"Bern"}`),
        numbered(0, "call_2", "get_weather", `{"city":`),
        // The id again, as some hosts do.
        numbered(0, "call_2", "get_weather", `"Thun"}`)
      ]).output,
      expected
    )
    assert.deepStrictEqual(
      streamed([numbered(undefined, undefined, "a", "{}"), numbered(undefined, undefined, "b", "{}")]).output,
      says({ type: "function", function: { name: "a", arguments: {} } }, {
        type: "function",
        function: { name: "b", arguments: {} }
      })
    )
  })

  it("never mix choices", () => {
    const facts = streamed(bodies.twoChoicesStream)
    assert.deepStrictEqual(facts.output, [...says(text("Heads.")), ...says(text("Tails."))])
    assert.strictEqual(facts.stopReason, "stop")
  })

  it("tell refusals and reasoning, neither of which is the first token", () => {
    const refused = streamed(bodies.refusalStream)
    assert.deepStrictEqual(refused.output, says(text("I cannot help.")))
    assert.isUndefined(refused.firstToken)
    const reasoned = streamed(bodies.reasoningStream)
    assert.deepStrictEqual(reasoned.output, says({ type: "reasoning", text: "Six times seven." }, text("42")))
    assert.strictEqual(reasoned.firstToken, 2)
    assert.strictEqual(reasoned.usage?.cacheCreationInputTokens, 400)
  })

  it("take the usage where Groq has it, and the last where each piece has one", () => {
    assert.strictEqual(streamed(bodies.groqStream).usage?.inputTokens, 5)
    const { usage } = streamed(bodies.perplexityStream)
    assert.strictEqual(usage?.outputTokens, 3)
    assert.strictEqual(usage?.webSearchCount, 1)
  })

  it("tell what came before an error, and the error", () => {
    const facts = streamed(bodies.brokenStream)
    assert.deepStrictEqual(facts.output, says(text("Sun")))
    assert.deepStrictEqual(facts.failure, { type: "server_error", message: "The server had an error" })
  })

  it("tell what came before they broke off", () => {
    assert.deepStrictEqual(streamed(bodies.stream.slice(0, 2)), {
      model: "gpt-4.1-mini-2025-04-14",
      completionId: "chatcmpl-2",
      serviceTier: "default",
      metadata: { system_fingerprint: "fp_2" },
      output: says(text("Sunny, ")),
      firstToken: 1
    })
  })

  it("join what is spoken", () => {
    assert.deepStrictEqual(
      streamed([
        bodies.piece({ audio: { id: "audio_1", transcript: "Hel" } }),
        bodies.piece({ audio: { data: "UklG" } }),
        bodies.piece({ audio: { transcript: "lo", data: "Rg==" } }),
        bodies.piece({ audio: { expires_at: 5 } })
      ]).output,
      says({ type: "audio", id: "audio_1", expires_at: 5, data: "UklGRg==", transcript: "Hello" })
    )
  })

  it("keep no more than they may, and the counts all the same", () => {
    const long = function*() {
      for (let i = 0; i < 1_000; i++) {
        yield bodies.piece({ content: "x".repeat(100), audio: { data: "A".repeat(10_000) } }, null, i % 2)
        yield bodies.piece({ tool_calls: [{ index: i, id: `call_${i}`, function: { name: "f", arguments: "{}" } }] })
      }
      yield bodies.usagePiece
    }
    const facts = streamed(long(), 5_000)
    assert.isBelow(JSON.stringify(facts.output).length, 5_000 + 30_000)
    assert.strictEqual(facts.usage?.inputTokens, 100)
    assert.include(JSON.stringify(facts.output), "... [truncated]")
  })

  it("keep no more than a certain number of choices", () => {
    const facts = streamed(Array.from({ length: 1_000 }, (_, index) => bodies.piece({ content: "a" }, null, index)))
    assert.lengthOf(facts.output, 128)
  })
})

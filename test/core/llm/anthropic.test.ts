import { assert, describe, it } from "@effect/vitest"
import { truncated } from "../../../src/core/llm/boundedText.js"
import { anthropic } from "../../../src/core/llm/formats/anthropic.js"
import * as Bodies from "../../support/llm/anthropic.js"
import { answerFacts, requestFacts, streamFacts } from "../../support/llm/facts.js"
import { neverThrows, sameHoweverCut } from "../../support/llm/streams.js"

const reasoning = { type: "reasoning", text: "The user asks for the weather." }

const { encrypted_index: _, ...citation } = Bodies.citation
const { encrypted_content: __, ...searchResult } = Bodies.searchResult

/** All kinds of blocks, as they are shown. */
const shown = [{
  role: "assistant",
  content: [
    reasoning,
    { type: "redacted_thinking" },
    { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "weather Paris" } },
    { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [searchResult] },
    { type: "text", text: "It is sunny ☀\u2028.", citations: [citation] },
    {
      type: "function",
      id: "toolu_1",
      function: { name: "get_weather", arguments: { city: "Paris", days: [1, 2] } }
    }
  ]
}]

const usage = {
  inputTokens: 20,
  outputTokens: 45,
  cacheReadInputTokens: 300,
  cacheCreationInputTokens: 100,
  cacheCreation5mInputTokens: 60,
  cacheCreation1hInputTokens: 40,
  cacheReportingExclusive: true,
  raw: Bodies.usage
}

describe("a request of Anthropic's", () => {
  it("tells model, system prompt, messages, parameters and tools", () => {
    const tools = [{ name: "get_weather", description: "Weather", input_schema: { type: "object" } }]
    const messages = [
      {
        role: "user",
        content: [{ type: "text", text: "Weather?" }, { type: "image", source: { type: "url", url: "u" } }]
      },
      { role: "assistant", content: [{ type: "tool_use", id: "t", name: "get_weather", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "21°" }] }
    ]
    const body = {
      model: "claude-sonnet-4-0",
      max_tokens: 1024,
      system: "Be brief.",
      messages,
      tools,
      temperature: 0,
      top_k: 5,
      top_p: null,
      stop_sequences: ["END"],
      stream: true,
      metadata: { user_id: "ada" }
    }
    assert.deepStrictEqual(requestFacts(anthropic, body), {
      model: "claude-sonnet-4-0",
      streamed: true,
      input: [{ role: "system", content: "Be brief." }, ...messages],
      parameters: { temperature: 0, max_tokens: 1024, top_k: 5, stop: ["END"], stream: true },
      maxTokens: 1024,
      tools
    })
  })

  it("has its system prompt in blocks, and its model in the path where it is Vertex", () => {
    const system = [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }]
    const body = { anthropic_version: "vertex-2023-10-16", max_tokens: 1, system, messages: [] }
    const facts = requestFacts(anthropic, body, { model: "claude-sonnet-4@20250514", streamed: true })
    assert.strictEqual(facts.model, "claude-sonnet-4@20250514")
    assert.isTrue(facts.streamed)
    assert.deepStrictEqual(facts.input, [{ role: "system", content: system }])
    assert.isFalse("tools" in facts)
  })
})

describe("an answer of Anthropic's", () => {
  it("tells all kinds of blocks, and nothing of what is encrypted", () => {
    assert.deepStrictEqual(answerFacts(anthropic, Bodies.message(Bodies.blocks)), {
      model: "claude-sonnet-4-20250514",
      completionId: "msg_10",
      stopReason: "end_turn",
      usage,
      serviceTier: "standard",
      output: shown
    })
  })

  it("keeps the provider's word for why it ended", () => {
    for (const stop_reason of ["refusal", "pause_turn", "max_tokens", "model_context_window_exceeded"]) {
      const facts = answerFacts(anthropic, Bodies.message([], { stop_reason }))
      assert.strictEqual(facts.stopReason, stop_reason)
      assert.isUndefined(facts.failure)
      assert.deepStrictEqual(facts.output, [])
    }
  })

  it("splits the writes to the cache only where the parts add up", () => {
    const counts = (more: object) => {
      const { usage } = answerFacts(anthropic, Bodies.message([], { usage: { input_tokens: 1, ...more } }))
      const { raw: _, ...rest } = usage!
      return rest
    }
    const exclusive = { inputTokens: 1, cacheReportingExclusive: true }
    assert.deepStrictEqual(counts({}), exclusive)
    assert.deepStrictEqual(
      counts({ cache_creation_input_tokens: 9, cache_creation: { ephemeral_5m_input_tokens: 9 } }),
      {
        ...exclusive,
        cacheCreationInputTokens: 9
      }
    )
    assert.deepStrictEqual(
      counts({
        cache_creation_input_tokens: 9,
        cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 5 }
      }),
      { ...exclusive, cacheCreationInputTokens: 9 }
    )
    assert.deepStrictEqual(
      counts({ cache_creation: { ephemeral_5m_input_tokens: 5, ephemeral_1h_input_tokens: 0 } }),
      {
        ...exclusive,
        cacheCreationInputTokens: 5,
        cacheCreation5mInputTokens: 5,
        cacheCreation1hInputTokens: 0
      }
    )
    // Counts that are none, and a search that did not happen.
    assert.deepStrictEqual(
      counts({ output_tokens: -1, cache_read_input_tokens: "7", server_tool_use: { web_search_requests: 0 } }),
      exclusive
    )
    assert.isUndefined(answerFacts(anthropic, Bodies.message([], { usage: undefined })).usage)
  })

  it("that is a failure, whatever its status", () => {
    const error = { type: "overloaded_error", message: "Overloaded, key sk-ant-api03-abcdefghijklmnopqrstuvwxyz012345" }
    const facts = answerFacts(anthropic, { type: "error", error, request_id: "req_1" })
    assert.deepStrictEqual(facts.failure, { type: "overloaded_error", message: "Overloaded, key [redacted]" })
    assert.deepStrictEqual(facts.output, [])
    const google = [{ error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Quota" } }]
    assert.deepStrictEqual(answerFacts(anthropic, google).failure, {
      type: "RESOURCE_EXHAUSTED",
      code: "429",
      message: "Quota"
    })
    assert.deepStrictEqual(answerFacts(anthropic, { message: "Too many tokens" }).failure, {
      message: "Too many tokens"
    })
  })
})

describe("a stream of Anthropic's", () => {
  it("tells what the whole answer tells: thoughts first, input of tools joined, citations, searches", () => {
    const { firstToken, usage: found, ...facts } = streamFacts(anthropic, Bodies.pieces)
    assert.deepStrictEqual(facts, {
      model: "claude-sonnet-4-20250514",
      completionId: "msg_10",
      stopReason: "tool_use",
      serviceTier: "standard",
      output: shown
    })
    // The first piece of text, not the thought.
    assert.strictEqual(firstToken, 17)
    // What came at the end holds; `null` says nothing.
    const raw = {
      ...Bodies.usage,
      input_tokens: 25,
      server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 }
    }
    assert.deepStrictEqual(found, { ...usage, inputTokens: 25, webSearchCount: 1, raw })
  })

  it("tells tools whose pieces come mixed, and those without input", () => {
    const { firstToken, output, stopReason } = streamFacts(anthropic, Bodies.mixedPieces)
    assert.strictEqual(firstToken, 1)
    assert.strictEqual(stopReason, "tool_use")
    assert.deepStrictEqual(output, [{
      role: "assistant",
      content: [
        { type: "function", id: "toolu_1", function: { name: "now", arguments: {} } },
        { type: "function", id: "toolu_2", function: { name: "get_weather", arguments: { city: "Rome" } } }
      ]
    }])
  })

  it("that breaks tells what came, and the failure", () => {
    const facts = streamFacts(anthropic, Bodies.overloadedPieces)
    assert.deepStrictEqual(facts.failure, { type: "overloaded_error", message: "Overloaded" })
    assert.deepStrictEqual(facts.output, [{ role: "assistant", content: [{ type: "text", text: "It is" }] }])
    assert.strictEqual(facts.usage?.outputTokens, 1)
    const cut = streamFacts(anthropic, Bodies.pieces.slice(0, 12))
    assert.isUndefined(cut.stopReason)
    assert.deepStrictEqual(cut.output[0]?.content[2], {
      type: "server_tool_use",
      id: "srvtoolu_1",
      name: "web_search",
      input: "{\"query\": \"wea"
    })
    assert.deepStrictEqual(streamFacts(anthropic, []), { output: [], firstToken: undefined })
  })

  it("whose beginning was not seen tells the rest", () => {
    const { output } = streamFacts(anthropic, Bodies.pieces.filter((piece) => piece.type === "content_block_delta"))
    assert.deepStrictEqual(output[0]?.content[2], shown[0]!.content[4])
  })

  it("holds no more than the limit, and reads the usage on", () => {
    const text = (index: number) => ({
      type: "content_block_delta",
      index,
      delta: { type: "text_delta", text: "x".repeat(1_000) }
    })
    const pieces = [
      ...Bodies.pieces.slice(0, 1),
      ...Array.from({ length: 5_000 }, (_, index) => text(index)),
      ...Bodies.pieces.slice(-2)
    ]
    const { output, stopReason, usage } = streamFacts(anthropic, pieces, 2_500)
    assert.isBelow(JSON.stringify(output).length, 30_000)
    assert.include(JSON.stringify(output), truncated)
    assert.strictEqual(stopReason, "tool_use")
    assert.strictEqual(usage?.outputTokens, 45)
    // Usage of many names is not kept either.
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`name${index}`, "x".repeat(10_000)]))
    const usages = streamFacts(anthropic, [{ type: "message_delta", delta: {}, usage: many }])
    assert.isBelow(JSON.stringify(usages.usage).length, 600_000)
  })

  it("is the same however it is cut", () => {
    sameHoweverCut(anthropic, "sse", Bodies.pieces)
    sameHoweverCut(anthropic, "sse", Bodies.overloadedPieces)
  })

  it("may be anything", () => {
    neverThrows(anthropic, [Bodies.message(Bodies.blocks), ...Bodies.pieces])
  })
})

import { assert, describe, it } from "@effect/vitest"
import { ollamaChat, ollamaEmbedding, ollamaGenerate } from "../../../src/core/llm/formats/ollama.js"
import { answerFacts, requestFacts, streamFacts } from "../../support/llm/facts.js"
import { neverThrows, sameHoweverCut } from "../../support/llm/streams.js"

const end = { done: true, done_reason: "stop", prompt_eval_count: 17, eval_count: 9, total_duration: 1_000_000 }

const call = { function: { name: "get_weather", arguments: { city: "Paris" } } }

const piece = (message: object, more: object = { done: false }) => ({
  model: "llama3.2",
  created_at: "2026-11-26T21:00:00Z",
  message: { role: "assistant", content: "", ...message },
  ...more
})

const pieces = [
  piece({ thinking: "The user " }),
  piece({ thinking: "asks" }),
  piece({ content: "It is " }),
  piece({ content: "sunny ☀\u2028." }),
  piece({ tool_calls: [call] }),
  piece({}, end)
]

const facts = {
  model: "llama3.2",
  stopReason: "stop",
  usage: { inputTokens: 17, outputTokens: 9 },
  output: [{
    role: "assistant",
    content: [
      { type: "reasoning", text: "The user asks" },
      { type: "text", text: "It is sunny ☀\u2028." },
      { type: "function", function: { name: "get_weather", arguments: { city: "Paris" } } }
    ]
  }]
}

describe("Ollama's", () => {
  it("requests stream unless they say no", () => {
    const messages = [{ role: "user", content: "Hi", images: ["aQ=="] }]
    const options = { temperature: 0, num_predict: 50, stop: ["END"], num_ctx: 4096 }
    const body = { model: "llama3.2", messages, options, format: "json", tools: [{ type: "function" }] }
    assert.deepStrictEqual(requestFacts(ollamaChat, body), {
      model: "llama3.2",
      streamed: true,
      input: messages,
      parameters: { response_format: "json", temperature: 0, stop: ["END"], max_tokens: 50 },
      maxTokens: 50,
      tools: [{ type: "function" }]
    })
    assert.isFalse(requestFacts(ollamaChat, { stream: false }).streamed)
    assert.deepStrictEqual(requestFacts(ollamaGenerate, { prompt: "Hi", system: "Be brief." }).input, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" }
    ])
  })

  it("answers, whole", () => {
    const message = { content: "It is sunny ☀\u2028.", thinking: "The user asks", tool_calls: [call] }
    assert.deepStrictEqual(answerFacts(ollamaChat, piece(message, end)), facts)
    assert.deepStrictEqual(answerFacts(ollamaGenerate, { model: "m", response: "Sunny", thinking: "Hm", ...end }), {
      ...facts,
      model: "m",
      output: [{ role: "assistant", content: [{ type: "reasoning", text: "Hm" }, { type: "text", text: "Sunny" }] }]
    })
  })

  it("answers, streamed, however they are cut", () => {
    assert.deepStrictEqual(streamFacts(ollamaChat, pieces), { ...facts, firstToken: 2 })
    sameHoweverCut(ollamaChat, "ndjson", pieces)
    const texts = ["Sun", "ny"].map((response) => ({ model: "m", response, done: false }))
    assert.deepStrictEqual(streamFacts(ollamaGenerate, [...texts, { model: "m", response: "", ...end }]).output, [
      { role: "assistant", content: [{ type: "text", text: "Sunny" }] }
    ])
  })

  it("failures, also in the middle of a stream", () => {
    const failure = { message: "model 'x' not found" }
    assert.deepStrictEqual(answerFacts(ollamaChat, { error: failure.message }), { failure, output: [] })
    const cut = streamFacts(ollamaChat, [pieces[2], { error: failure.message }])
    assert.deepStrictEqual(cut.failure, failure)
    assert.deepStrictEqual(cut.output[0]?.content, [{ type: "text", text: "It is " }])
  })

  it("streams hold no more than the limit", () => {
    const many = Array.from({ length: 2_000 }, () => piece({ content: "x".repeat(100), tool_calls: [call, call] }))
    assert.isBelow(JSON.stringify(streamFacts(ollamaChat, many, 1_000).output).length, 60_000)
  })

  it("embeddings, by both endpoints", () => {
    assert.deepStrictEqual(requestFacts(ollamaEmbedding, { model: "e", input: ["a", "b"] }), {
      model: "e",
      streamed: false,
      input: ["a", "b"],
      parameters: {}
    })
    assert.strictEqual(requestFacts(ollamaEmbedding, { model: "e", prompt: "a" }).input, "a")
    assert.deepStrictEqual(answerFacts(ollamaEmbedding, { model: "e", embeddings: [[0.1]], prompt_eval_count: 3 }), {
      model: "e",
      usage: { inputTokens: 3 },
      output: []
    })
  })

  it("bodies may be anything", () => {
    for (const format of [ollamaChat, ollamaGenerate]) neverThrows(format, pieces, 100)
    neverThrows(ollamaEmbedding, [{ embeddings: [[0.1]], prompt_eval_count: 3 }], 100)
  })
})

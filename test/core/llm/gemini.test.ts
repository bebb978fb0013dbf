import { assert, describe, it } from "@effect/vitest"
import { cohereEmbedding, geminiEmbedding, vertexEmbedding } from "../../../src/core/llm/formats/embeddings.js"
import { gemini } from "../../../src/core/llm/formats/gemini.js"
import { answerFacts, requestFacts, streamFacts } from "../../support/llm/facts.js"
import * as Bodies from "../../support/llm/gemini.js"
import { neverThrows, sameHoweverCut } from "../../support/llm/streams.js"

const thought = { type: "reasoning", text: "The user asks" }

const call = { type: "function", id: "call_1", function: { name: "get_weather", arguments: { city: "Paris" } } }

const code = { type: "executableCode", executableCode: { language: "PYTHON", code: "print(1)" } }

const image = { type: "image", inline_data: { mime_type: "image/png", data: "aVZCT1J3MEtHZ28=" } }

const usage = {
  // What a tool brought into the prompt is paid for as input.
  inputTokens: 45,
  // Without the thoughts: PostHog adds them.
  outputTokens: 12,
  totalTokens: 77,
  reasoningTokens: 20,
  cacheReadInputTokens: 16,
  cacheReportingExclusive: false,
  raw: Bodies.usageMetadata
}

describe("a request of Gemini's", () => {
  it("tells model, instruction, contents, parameters and tools", () => {
    const tools = [{ functionDeclarations: [{ name: "get_weather" }] }, { googleSearch: {} }]
    const body = {
      systemInstruction: { parts: [{ text: "Be brief." }] },
      contents: [
        { role: "user", parts: [{ text: "What is this?" }, { inlineData: { mimeType: "image/png", data: "aQ==" } }] },
        { role: "model", parts: [{ text: "Hm", thought: true }, { functionCall: { name: "look", args: { x: 1 } } }] },
        {
          role: "user",
          parts: [
            { text: "Here:" },
            { functionResponse: { id: "call_1", name: "look", response: { output: "a cat" } } },
            { functionResponse: { name: "look", response: { output: "a dog" } } },
            { fileData: { mimeType: "image/jpeg", fileUri: "gs://a/b.jpg" } },
            { fileData: { mimeType: "application/pdf", fileUri: "gs://a/b.pdf" } },
            { inlineData: { mimeType: "audio/wav", data: "aQ==" } }
          ]
        }
      ],
      generationConfig: {
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        maxOutputTokens: 100,
        stopSequences: ["END"],
        candidateCount: 2,
        seed: 7,
        responseMimeType: "application/json",
        thinkingConfig: { thinkingLevel: "low" }
      },
      tools
    }
    assert.deepStrictEqual(requestFacts(gemini, body, { model: "gemini-2.5-flash", streamed: false }), {
      model: "gemini-2.5-flash",
      streamed: false,
      input: [
        { role: "system", content: [{ type: "text", text: "Be brief." }] },
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image", inline_data: { mime_type: "image/png", data: "aQ==" } }
          ]
        },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Hm" },
            { type: "function", function: { name: "look", arguments: { x: 1 } } }
          ]
        },
        { role: "user", content: [{ type: "text", text: "Here:" }] },
        { role: "tool", tool_call_id: "call_1", name: "look", content: { output: "a cat" } },
        { role: "tool", tool_call_id: "look", name: "look", content: { output: "a dog" } },
        {
          role: "user",
          content: [
            { type: "image", image: "gs://a/b.jpg" },
            { type: "file", mediaType: "application/pdf", data: "gs://a/b.pdf" },
            { type: "audio", mime_type: "audio/wav", data: "aQ==" }
          ]
        }
      ],
      parameters: {
        reasoning_effort: "low",
        temperature: 0.5,
        seed: 7,
        top_p: 0.9,
        top_k: 40,
        max_output_tokens: 100,
        n: 2,
        stop: ["END"],
        response_format: "application/json"
      },
      maxTokens: 100,
      tools
    })
  })

  it("may be in snake case, or in fewer brackets", () => {
    const body = {
      system_instruction: "Be brief.",
      contents: { parts: { text: "Hi" } },
      generation_config: { max_output_tokens: 9, top_p: 1 }
    }
    assert.deepStrictEqual(requestFacts(gemini, body, { model: "g", streamed: true }), {
      model: "g",
      streamed: true,
      input: [{ role: "system", content: "Be brief." }, { role: "user", content: [{ type: "text", text: "Hi" }] }],
      parameters: { max_output_tokens: 9, top_p: 1 },
      maxTokens: 9
    })
    assert.deepStrictEqual(requestFacts(gemini, { contents: "Hi" }).input, [{ role: "user", content: "Hi" }])
    assert.deepStrictEqual(requestFacts(gemini, { contents: ["Hi", { text: "you" }] }).input, [
      { role: "user", content: "Hi" },
      { role: "user", content: [{ type: "text", text: "you" }] }
    ])
  })
})

describe("an answer of Gemini's", () => {
  it("tells thoughts apart from the answer, calls of tools, code and pictures", () => {
    const facts = answerFacts(gemini, Bodies.answer([Bodies.candidate(Bodies.parts, { finishReason: "STOP" })]))
    const [text1, text2] = [{ type: "text", text: "It is sunny " }, { type: "text", text: "☀\u2028." }]
    assert.deepStrictEqual(facts, {
      model: "gemini-2.5-flash",
      completionId: "gem-10",
      stopReason: "STOP",
      usage,
      output: [{ role: "assistant", content: [thought, text1, text2, code, call, image] }]
    })
  })

  it("has one message for each candidate", () => {
    const { output } = answerFacts(
      gemini,
      Bodies.answer([Bodies.candidate([{ text: "a" }]), Bodies.candidate([{ text: "b" }], { index: 1 })])
    )
    assert.deepStrictEqual(output.map(({ content }) => content), [
      [{ type: "text", text: "a" }],
      [{ type: "text", text: "b" }]
    ])
  })

  it("of a blocked prompt is a refusal, no failure", () => {
    const { usage, ...facts } = answerFacts(gemini, Bodies.blocked)
    assert.deepStrictEqual(facts, {
      model: "gemini-2.5-flash",
      stopReason: "SAFETY",
      output: [{ role: "assistant", content: [{ type: "text", text: "The prompt was blocked." }] }]
    })
    assert.deepStrictEqual(usage, { inputTokens: 40, totalTokens: 40, raw: Bodies.blocked.usageMetadata })
    assert.deepStrictEqual(streamFacts(gemini, [Bodies.blocked]).output, facts.output)
  })

  it("shows that the web was searched", () => {
    const searches = (more: object, parts: ReadonlyArray<unknown> = []) =>
      answerFacts(gemini, { candidates: [Bodies.candidate(parts, more)] }).usage?.webSearchCount
    assert.strictEqual(searches({ groundingMetadata: { webSearchQueries: ["a"] } }), 1)
    assert.strictEqual(searches({ groundingMetadata: { groundingChunks: [{}] } }), 1)
    assert.strictEqual(searches({ groundingMetadata: { webSearchQueries: [] } }), undefined)
    assert.strictEqual(searches({}, [{ functionCall: { name: "google_search_retrieval" } }]), 1)
  })

  it("in snake case tells the same", () => {
    const body = {
      candidates: [{ content: { parts: [{ function_call: { name: "f", args: {} } }] }, finish_reason: "STOP" }],
      usage_metadata: { prompt_token_count: 1, candidates_token_count: 2, thoughts_token_count: 3 },
      model_version: "g",
      response_id: "r"
    }
    assert.deepStrictEqual(answerFacts(gemini, body), {
      model: "g",
      completionId: "r",
      stopReason: "STOP",
      usage: { inputTokens: 1, outputTokens: 2, reasoningTokens: 3, raw: body.usage_metadata },
      output: [{ role: "assistant", content: [{ type: "function", function: { name: "f", arguments: {} } }] }]
    })
  })

  it("that is a failure", () => {
    const failure = { type: "RESOURCE_EXHAUSTED", code: "429", message: "Quota exceeded" }
    assert.deepStrictEqual(answerFacts(gemini, Bodies.quota), { failure, output: [] })
    assert.deepStrictEqual(answerFacts(gemini, [Bodies.quota]).failure, failure)
    const facts = streamFacts(gemini, [Bodies.pieces[2], [Bodies.quota]])
    assert.deepStrictEqual(facts.failure, failure)
    assert.deepStrictEqual(facts.output, [{ role: "assistant", content: [{ type: "text", text: "It is " }] }])
  })
})

describe("a stream of Gemini's", () => {
  it("tells what the whole answer tells, candidates apart, the last counts", () => {
    assert.deepStrictEqual(streamFacts(gemini, Bodies.pieces), {
      model: "gemini-2.5-flash",
      completionId: "gem-10",
      stopReason: "STOP",
      usage: { ...usage, webSearchCount: 1 },
      output: [
        { role: "assistant", content: [thought, { type: "text", text: "It is sunny ☀\u2028." }, code, call, image] },
        { role: "assistant", content: [{ type: "text", text: "Rain." }] }
      ],
      // The first piece of text, not the thought.
      firstToken: 2
    })
    // Read as a whole, as a program may do that did not ask for events.
    assert.deepStrictEqual(answerFacts(gemini, Bodies.pieces).output, streamFacts(gemini, Bodies.pieces).output)
  })

  it("holds no more than the limit", () => {
    const piece = (index: number) =>
      Bodies.answer([
        Bodies.candidate([{ text: "x".repeat(500) }, { functionCall: { name: "f", args: { a: "y" } } }], { index })
      ])
    const { output, usage } = streamFacts(gemini, Array.from({ length: 3_000 }, (_, index) => piece(index)), 5_000)
    assert.isBelow(JSON.stringify(output).length, 200_000)
    assert.strictEqual(usage?.outputTokens, 12)
    const many = Bodies.answer([Bodies.candidate(Array.from({ length: 100_000 }, () => ({ inlineData: {} })))])
    assert.isBelow(streamFacts(gemini, [many, many]).output[0]!.content.length, 300)
    assert.isBelow(answerFacts(gemini, many).output[0]!.content.length, 300)
  })

  it("is the same however it is cut, as events and as a list", () => {
    sameHoweverCut(gemini, "sse", Bodies.pieces)
    sameHoweverCut(gemini, "json", [...Bodies.pieces.slice(0, 3), Bodies.quota])
  })

  it("may be anything", () => {
    neverThrows(gemini, [Bodies.answer([Bodies.candidate(Bodies.parts)]), Bodies.blocked, ...Bodies.pieces], 200)
  })
})

describe("embeddings", () => {
  const endpoint = { model: "gemini-embedding-001" }
  const parts = [{ text: "a" }, { text: "b" }]

  it("of Gemini tell the texts and no vectors", () => {
    assert.deepStrictEqual(requestFacts(geminiEmbedding, { model: "models/x", content: { parts } }, endpoint), {
      model: "gemini-embedding-001",
      streamed: false,
      input: "ab",
      parameters: {}
    })
    const requests = [{ content: { parts: [{ text: "a" }] } }, { content: { parts: [{ text: "b" }] } }]
    assert.deepStrictEqual(requestFacts(geminiEmbedding, { requests }, endpoint).input, ["a", "b"])
    assert.deepStrictEqual(answerFacts(geminiEmbedding, { embedding: { values: [0.1] } }), { output: [] })
    const usageMetadata = { promptTokenCount: 3 }
    assert.deepStrictEqual(answerFacts(geminiEmbedding, { embeddings: [{ values: [0.1] }], usageMetadata }).usage, {
      inputTokens: 3,
      raw: usageMetadata
    })
    assert.deepStrictEqual(answerFacts(geminiEmbedding, Bodies.quota).failure?.type, "RESOURCE_EXHAUSTED")
  })

  it("of Vertex tell the tokens of all texts together", () => {
    const body = { instances: [{ content: "a" }, { content: "b" }] }
    assert.deepStrictEqual(requestFacts(vertexEmbedding, body, endpoint).input, ["a", "b"])
    const prediction = (token_count: number) => ({ embeddings: { values: [0.1], statistics: { token_count } } })
    assert.deepStrictEqual(answerFacts(vertexEmbedding, { predictions: [prediction(3), prediction(4)] }), {
      usage: { inputTokens: 7 },
      output: []
    })
  })

  it("of Cohere", () => {
    assert.deepStrictEqual(requestFacts(cohereEmbedding, { model: "embed-v4.0", texts: ["a"] }), {
      model: "embed-v4.0",
      streamed: false,
      input: ["a"],
      parameters: {}
    })
    const billed_units = { input_tokens: 5 }
    assert.deepStrictEqual(answerFacts(cohereEmbedding, { id: "e1", embeddings: {}, meta: { billed_units } }), {
      completionId: "e1",
      usage: { inputTokens: 5, raw: billed_units },
      output: []
    })
    assert.deepStrictEqual(answerFacts(cohereEmbedding, { message: "invalid api token" }).failure, {
      message: "invalid api token"
    })
  })

  it("may be anything", () => {
    const body = { embeddings: [{ statistics: { tokenCount: 1 } }], predictions: [], meta: { billed_units: {} } }
    for (const format of [geminiEmbedding, vertexEmbedding, cohereEmbedding]) neverThrows(format, [body], 100)
  })
})

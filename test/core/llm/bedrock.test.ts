import { assert, describe, it } from "@effect/vitest"
import { converse, invoke, invokeEmbedding } from "../../../src/core/llm/formats/bedrock.js"
import { endpointOf } from "../../../src/core/llm/http/endpoint.js"
import * as Anthropic from "../../support/llm/anthropic.js"
import * as Bodies from "../../support/llm/bedrock.js"
import { answerFacts, requestFacts } from "../../support/llm/facts.js"
import { neverThrows } from "../../support/llm/streams.js"

const model = "eu.anthropic.claude-sonnet-4-20250514-v1:0"

const content = [
  { type: "reasoning", text: "The user asks" },
  { type: "redacted_thinking" },
  { type: "text", text: "It is sunny." },
  { type: "function", id: "tooluse_1", function: { name: "get_weather", arguments: { city: "Paris" } } }
]

describe("Bedrock's Converse", () => {
  it("tells what is asked", () => {
    const tools = [{ toolSpec: { name: "get_weather", inputSchema: { json: {} } } }]
    const body = {
      system: [{ text: "Be brief." }],
      messages: [
        {
          role: "user",
          content: [
            { text: "What is this?" },
            { image: { format: "png", source: { bytes: "aQ==" } } },
            { document: { format: "pdf", name: "a", source: { s3Location: { uri: "s3://a/b" } } } }
          ]
        },
        { role: "assistant", content: Bodies.blocks },
        {
          role: "user",
          content: [{
            toolResult: { toolUseId: "tooluse_1", content: [{ text: "21°" }, { json: { wind: 3 } }], status: "success" }
          }]
        }
      ],
      inferenceConfig: { maxTokens: 100, temperature: 0, topP: 1, stopSequences: ["END"] },
      additionalModelRequestFields: { top_k: 5 },
      toolConfig: { tools }
    }
    assert.deepStrictEqual(requestFacts(converse, body, { model, streamed: true }), {
      model,
      streamed: true,
      input: [
        { role: "system", content: [{ type: "text", text: "Be brief." }] },
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image", inline_data: { mime_type: "image/png", data: "aQ==" } },
            { type: "file", mediaType: "application/pdf", data: "s3://a/b" }
          ]
        },
        { role: "assistant", content },
        {
          role: "tool",
          tool_call_id: "tooluse_1",
          content: [{ type: "text", text: "21°" }, { type: "json", json: { wind: 3 } }]
        }
      ],
      parameters: { top_k: 5, temperature: 0, max_tokens: 100, top_p: 1, stop: ["END"] },
      maxTokens: 100,
      tools
    })
  })

  it("tells what is answered, with the counts of the cache beside those of the input", () => {
    assert.deepStrictEqual(answerFacts(converse, Bodies.answer), {
      stopReason: "tool_use",
      usage: {
        inputTokens: 33,
        outputTokens: 11,
        totalTokens: 194,
        cacheReadInputTokens: 100,
        cacheCreationInputTokens: 50,
        cacheCreation5mInputTokens: 30,
        cacheCreation1hInputTokens: 20,
        cacheReportingExclusive: true,
        raw: Bodies.usage
      },
      output: [{ role: "assistant", content }]
    })
  })

  it("splits the writes to the cache only where the parts add up", () => {
    const counts = (cacheDetails: unknown) => {
      const { usage } = answerFacts(converse, { ...Bodies.answer, usage: { ...Bodies.usage, cacheDetails } })
      return [usage?.cacheCreation5mInputTokens, usage?.cacheCreation1hInputTokens]
    }
    assert.deepStrictEqual(counts([{ ttl: "5m", inputTokens: 50 }]), [50, 0])
    assert.deepStrictEqual(counts([{ ttl: "5m", inputTokens: 49 }]), [undefined, undefined])
    assert.deepStrictEqual(counts(undefined), [undefined, undefined])
  })

  it("tells failures", () => {
    assert.deepStrictEqual(answerFacts(converse, { message: "Too many requests" }), {
      failure: { message: "Too many requests" },
      output: []
    })
    const typed = { __type: "com.amazon.coral.service#ThrottlingException:http://x", Message: "Slow down" }
    assert.deepStrictEqual(answerFacts(converse, typed).failure, {
      type: "ThrottlingException",
      message: "Slow down"
    })
  })

  it("is not read where it is streamed: what is known is what was asked", () => {
    const url = `https://bedrock-runtime.eu-west-1.amazonaws.com/model/${encodeURIComponent(model)}/converse-stream`
    const endpoint = endpointOf({ method: "POST", url })
    assert.strictEqual(endpoint?.provider, "bedrock")
    assert.strictEqual(endpoint?.model, model)
    assert.isTrue(endpoint?.streamed)
    assert.isUndefined(endpoint?.format.stream)
  })
})

describe("Bedrock's invoke", () => {
  it("reads Anthropic's bodies as Anthropic's", () => {
    const body = { anthropic_version: "bedrock-2023-05-31", max_tokens: 9, system: "Be brief.", messages: [] }
    assert.deepStrictEqual(requestFacts(invoke, body, { model: "arn:aws:bedrock:x", streamed: true }), {
      model: "arn:aws:bedrock:x",
      streamed: true,
      input: [{ role: "system", content: "Be brief." }],
      parameters: { max_tokens: 9 },
      maxTokens: 9
    })
    const facts = answerFacts(invoke, Anthropic.message([{ type: "text", text: "Sunny" }]))
    assert.deepStrictEqual(facts.output, [{ role: "assistant", content: [{ type: "text", text: "Sunny" }] }])
    assert.isTrue(facts.usage?.cacheReportingExclusive)
  })

  it("reads Nova's as Converse's", () => {
    const body = { messages: [{ role: "user", content: [{ text: "Hi" }] }], inferenceConfig: { maxTokens: 9 } }
    assert.strictEqual(requestFacts(invoke, body, { model: "amazon.nova-lite-v1:0" }).maxTokens, 9)
    assert.deepStrictEqual(answerFacts(invoke, Bodies.answer).output, [{ role: "assistant", content }])
  })

  it("reads of the others the text and the counts", () => {
    const titan = { inputText: "Hi", textGenerationConfig: { maxTokenCount: 9, topP: 1 } }
    assert.deepStrictEqual(requestFacts(invoke, titan, { model: "amazon.titan-text" }), {
      model: "amazon.titan-text",
      streamed: false,
      input: [{ role: "user", content: "Hi" }],
      parameters: { max_tokens: 9, top_p: 1 },
      maxTokens: 9
    })
    const usage = { inputTokens: 5, outputTokens: 7 }
    const output = [{ role: "assistant", content: [{ type: "text", text: "It is sunny." }] }]
    assert.deepStrictEqual(answerFacts(invoke, Bodies.titan), { stopReason: "FINISH", usage, output })
    assert.deepStrictEqual(answerFacts(invoke, Bodies.llama), { stopReason: "stop", usage, output })
    assert.deepStrictEqual(answerFacts(invoke, { message: "No access" }).failure, { message: "No access" })
  })

  it("is an embedding where the model's name says so", () => {
    const url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/amazon.titan-embed-text-v2%3A0/invoke"
    const format = endpointOf({ method: "POST", url })?.format
    assert.strictEqual(format, invokeEmbedding)
    assert.strictEqual(requestFacts(invokeEmbedding, { inputText: "a" }).input, "a")
    assert.deepStrictEqual(answerFacts(invokeEmbedding, { embedding: [0.1], inputTextTokenCount: 3 }), {
      usage: { inputTokens: 3 },
      output: []
    })
  })

  it("may be anything", () => {
    neverThrows(converse, [Bodies.answer, { messages: Bodies.answer.output, system: Bodies.blocks }], 200)
    neverThrows(invoke, [Bodies.answer, Bodies.titan, Bodies.llama, Anthropic.message(Anthropic.blocks)], 100)
    neverThrows(invokeEmbedding, [{ embedding: [0.1], inputTextTokenCount: 3 }], 100)
  })
})

import { assert, describe, it } from "@effect/vitest"
import { openaiEmbeddings } from "../../../src/core/llm/formats/openaiEmbeddings.js"
import { answerFacts, requestFacts } from "../../support/llm/facts.js"
import * as bodies from "../../support/llm/openaiEmbeddings.js"

describe("embeddings", () => {
  it("tell the texts or their tokens, and the model of the body or the path", () => {
    assert.deepStrictEqual(requestFacts(openaiEmbeddings, bodies.request), {
      model: "text-embedding-3-small",
      streamed: false,
      input: bodies.request.input,
      parameters: {}
    })
    for (const input of ["text", [1, 2], [[1, 2], [3]]]) {
      const facts = requestFacts(openaiEmbeddings, { input }, { model: "my-deployment" })
      assert.deepStrictEqual(facts, { model: "my-deployment", streamed: false, input, parameters: {} })
    }
  })

  it("tell counts and never a vector", () => {
    const answer = {
      ...bodies.answer,
      data: [{
        get embedding(): never {
          throw new Error("looked at")
        }
      }]
    }
    assert.deepStrictEqual(answerFacts(openaiEmbeddings, answer), {
      model: "text-embedding-3-small",
      usage: { inputTokens: 4, totalTokens: 4, cacheReportingExclusive: false, raw: bodies.usage },
      output: []
    })
  })

  it("take the total for the input where a host tells no more", () => {
    assert.strictEqual(answerFacts(openaiEmbeddings, { data: [], usage: { total_tokens: 7 } }).usage?.inputTokens, 7)
    assert.notProperty(answerFacts(openaiEmbeddings, { data: [] }), "usage")
  })

  it("tell a failure, and nothing where there is no answer", () => {
    assert.deepStrictEqual(
      answerFacts(openaiEmbeddings, { error: { type: "invalid_request_error", message: "No." } }),
      {
        failure: { type: "invalid_request_error", message: "No." },
        output: []
      }
    )
    for (const body of [undefined, null, "", "<html>", 5, [], {}]) {
      assert.deepStrictEqual(answerFacts(openaiEmbeddings, body), { output: [] })
    }
  })
})

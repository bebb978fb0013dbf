import { assert, describe, it } from "@effect/vitest"
import { openaiResponses } from "../../../src/core/llm/formats/openaiResponses.js"
import type { Message, Part } from "../../../src/core/llm/model.js"
import { answerFacts, requestFacts, streamFacts } from "../../support/llm/facts.js"
import * as bodies from "../../support/llm/openaiResponses.js"

const text = (text: string) => ({ type: "text", text })
const says = (...content: ReadonlyArray<Part>): ReadonlyArray<Message> => [{ role: "assistant", content }]
const call = (id: string, name: string, args: unknown) => ({
  type: "function",
  id,
  function: { name, arguments: args }
})
const thought = { type: "reasoning", text: "First.\n\nThen." }

const usage = {
  inputTokens: 200,
  outputTokens: 60,
  totalTokens: 260,
  reasoningTokens: 32,
  reasoningInOutput: true,
  cacheReadInputTokens: 128,
  cacheCreationInputTokens: 16,
  cacheReportingExclusive: false,
  raw: bodies.usage
}

const plain = {
  model: "gpt-5-mini-2025-08-07",
  completionId: "resp_1",
  stopReason: "completed",
  usage,
  serviceTier: "default",
  workedSeconds: 4,
  output: says(thought, text("Sunny."))
}

describe("requests of Responses", () => {
  it("tell instructions in front, then the items as messages, and the known parameters", () => {
    assert.deepStrictEqual(requestFacts(openaiResponses, bodies.request), {
      model: "gpt-5-mini",
      streamed: false,
      input: [
        { role: "system", content: "You answer in one sentence." },
        { role: "system", content: "Be kind." },
        {
          role: "user",
          content: [
            text("Weather here?"),
            { type: "image", image: "data:image/png;base64,AAAA" },
            { type: "input_file", file_id: "file_1" }
          ]
        },
        ...says({ type: "reasoning", text: "A tool knows." }),
        ...says(call("call_1", "get_weather", { city: "Bern" })),
        { role: "tool", tool_call_id: "call_1", content: "Sunny" },
        ...says({ type: "item_reference", id: "msg_0" })
      ],
      parameters: {
        reasoning_effort: "low",
        response_format: { type: "json_object" },
        max_output_tokens: 500,
        temperature: 1
      },
      maxTokens: 500,
      tools: bodies.request.tools
    })
  })

  it("tell a text as the user's, and instructions once", () => {
    assert.deepStrictEqual(requestFacts(openaiResponses, { input: "Hi" }).input, [{ role: "user", content: "Hi" }])
    const system = { role: "system", content: "Be kind." }
    assert.deepStrictEqual(
      requestFacts(openaiResponses, { instructions: "Be kind.", input: [{ role: "developer", content: "Be kind." }] })
        .input,
      [system]
    )
  })

  it("are none of their own when an earlier answer is asked for", () => {
    assert.deepStrictEqual(requestFacts(openaiResponses, undefined, { retrieves: "resp_1" }), {
      streamed: false,
      input: [],
      parameters: {}
    })
  })
})

describe("answers of Responses", () => {
  it("tell summaries of the reasoning, text, counts and ids", () => {
    assert.deepStrictEqual(answerFacts(openaiResponses, bodies.plain), plain)
  })

  it("tell calls of tools of every kind", () => {
    assert.deepStrictEqual(
      answerFacts(openaiResponses, bodies.withTool).output,
      says(call("call_1", "get_weather", { city: "Bern" }))
    )
    assert.deepStrictEqual(
      answerFacts(openaiResponses, bodies.otherTools).output,
      says(
        call("call_2", "run_sql", "SELECT 1"),
        { ...call("mcp_1", "ask", { q: "x" }), server_label: "deepwiki", output: "y" },
        { id: "ci_1", type: "code_interpreter_call", code: "1+1", outputs: [{ type: "logs", logs: "2" }] }
      )
    )
  })

  it("count searches of the web, or see that there was one", () => {
    const facts = answerFacts(openaiResponses, bodies.withSearch)
    assert.strictEqual(facts.usage?.webSearchCount, 2)
    assert.deepStrictEqual(facts.output[0]?.content.at(-1), text("Sunny."))
    assert.strictEqual(answerFacts(openaiResponses, bodies.cited).usage?.webSearchCount, 1)
    assert.notProperty(answerFacts(openaiResponses, bodies.plain).usage, "webSearchCount")
  })

  it("tell refusals as text, and images as media", () => {
    assert.deepStrictEqual(answerFacts(openaiResponses, bodies.refused).output, says(text("I cannot help with that.")))
    assert.deepStrictEqual(
      answerFacts(openaiResponses, bodies.image).output,
      says({ type: "image", inline_data: { mime_type: "image/webp", data: "UklGRg==" } })
    )
  })

  it("tell what cut an answer short, which is no failure", () => {
    const facts = answerFacts(openaiResponses, bodies.incomplete)
    assert.strictEqual(facts.stopReason, "max_output_tokens")
    assert.deepStrictEqual(facts.metadata, { incomplete_details: { reason: "max_output_tokens" } })
    assert.notProperty(facts, "failure")
    const cancelled = answerFacts(openaiResponses, bodies.cancelled)
    assert.strictEqual(cancelled.stopReason, "cancelled")
    assert.notProperty(cancelled, "failure")
    assert.notProperty(cancelled, "usage")
  })

  it("tell a failure, whose status is that of a success", () => {
    const facts = answerFacts(openaiResponses, bodies.failed)
    assert.deepStrictEqual(facts.failure, { code: "server_error", message: "The model failed." })
    assert.strictEqual(facts.stopReason, "failed")
    assert.notProperty(facts, "usage")
    assert.deepStrictEqual(answerFacts(openaiResponses, { status: "failed", output: [] }).failure, { type: "failed" })
  })

  it("tell the id under which the rest can be asked for, and how long the provider worked", () => {
    const facts = answerFacts(openaiResponses, bodies.pending)
    assert.strictEqual(facts.pendingId, "resp_1")
    assert.notProperty(facts, "stopReason")
    const finished = answerFacts(openaiResponses, bodies.finished)
    assert.notProperty(finished, "pendingId")
    assert.strictEqual(finished.workedSeconds, 4)
    assert.deepStrictEqual(finished.output, says(text("Sunny.")))
  })

  it("are nothing where there is no answer", () => {
    for (const body of [undefined, null, "", "<html>", 5, [], {}, { output: {} }, { output: [null, 1, [], {}] }]) {
      assert.deepStrictEqual(answerFacts(openaiResponses, body), { output: [] })
    }
  })
})

describe("streamed answers of Responses", () => {
  const streamed = (events: Iterable<unknown>, limit?: number) => streamFacts(openaiResponses, events, limit)

  it("tell the same as plain ones", () => {
    assert.deepStrictEqual(streamed(bodies.stream), { ...plain, firstToken: 2 })
  })

  it("tell what was complete and what was not when they break off at any event", () => {
    const parts = (count: number) => streamed(bodies.events.slice(0, count)).output
    assert.deepStrictEqual(parts(2), [])
    assert.deepStrictEqual(parts(3), [])
    assert.deepStrictEqual(parts(5), says({ type: "reasoning", text: "First." }))
    assert.deepStrictEqual(parts(6), says(thought))
    assert.deepStrictEqual(parts(9), says(thought))
    assert.deepStrictEqual(parts(10), says(thought, text("Sun")))
    assert.deepStrictEqual(parts(13), says(thought, text("Sunny.")))
    const facts = streamed(bodies.events)
    assert.deepStrictEqual(facts.output, plain.output)
    assert.strictEqual(facts.completionId, "resp_1")
    assert.notProperty(facts, "stopReason")
    assert.notProperty(facts, "pendingId")
  })

  it("put calls of tools together that were not completed", () => {
    assert.deepStrictEqual(
      streamed(bodies.toolEvents).output,
      says(call("call_1", "get_weather", { city: "Bern" }), call("call_2", "run_sql", "SELECT 1"))
    )
    assert.deepStrictEqual(
      streamed(bodies.toolEvents.slice(0, 3)).output,
      says(call("call_1", "get_weather", `{"city":`))
    )
  })

  it("tell texts of which only the whole was seen", () => {
    assert.deepStrictEqual(
      streamed([{ type: "response.output_text.done", output_index: 0, content_index: 0, text: "Sunny." }]).output,
      says(text("Sunny."))
    )
  })

  it("tell what was told before where the last event leaves it out", () => {
    const facts = streamed([...bodies.events, {
      type: "response.completed",
      response: { ...bodies.plain, output: [] }
    }])
    assert.deepStrictEqual(facts.output, plain.output)
    assert.deepStrictEqual(facts.usage, usage)
  })

  it("tell what cut them short", () => {
    assert.strictEqual(streamed(bodies.incompleteStream).stopReason, "max_output_tokens")
  })

  it("tell failures and errors, with what came before", () => {
    const failed = streamed(bodies.failedStream)
    assert.deepStrictEqual(failed.failure, { code: "server_error", message: "The model failed." })
    assert.isUndefined(failed.firstToken)
    const broken = streamed(bodies.errorStream)
    assert.deepStrictEqual(broken.failure, { code: "rate_limit_exceeded", message: "Slow down." })
    assert.deepStrictEqual(broken.output, says(thought, text("Sun")))
    assert.deepStrictEqual(
      streamed([{ type: "error", error: { type: "server_error", code: null, message: "No." } }]).failure,
      { type: "server_error", message: "No." }
    )
  })

  it("count searches when they break off", () => {
    const events = [0, 1].map((output_index) => ({
      type: "response.output_item.added",
      output_index,
      item: bodies.searched
    }))
    assert.strictEqual(streamed(events).usage?.webSearchCount, 2)
    assert.strictEqual(
      streamed([{ type: "response.output_text.annotation.added", annotation: { type: "url_citation" } }]).usage
        ?.webSearchCount,
      1
    )
  })

  it("wait for the rest of a background answer that breaks off", () => {
    const events = [{ type: "response.queued", response: bodies.pending }, ...bodies.events.slice(2, 6)]
    assert.strictEqual(streamed(events).pendingId, "resp_1")
    assert.notProperty(streamed([...events, { type: "response.completed", response: bodies.finished }]), "pendingId")
  })

  it("keep no more than they may: pieces give way to what is complete", () => {
    const limit = 10_000
    const long = "word ".repeat(1_200)
    const item = bodies.said(long)
    const events = [
      { type: "response.output_text.delta", output_index: 0, delta: long },
      { type: "response.output_item.done", output_index: 0, item }
    ]
    assert.deepStrictEqual(streamed(events, limit).output, says(text(long)))
    const many = Array.from({ length: 1_000 }, (_, output_index) => ({
      type: "response.output_item.done",
      output_index,
      item
    }))
    assert.isBelow(JSON.stringify(streamed(many, limit).output).length, limit + 256 * 100)
    const whole = { type: "response.completed", response: bodies.response(many.map(({ item }) => item)) }
    const facts = streamed([...many, whole], limit)
    assert.isBelow(JSON.stringify(facts.output).length, limit + 256 * 100)
    assert.deepStrictEqual(facts.usage, usage)
  })

  it("keep of an image for which there is no room what shows that it was one", () => {
    const result = "iVBORw0KGgo".repeat(2_000)
    const output = [{ type: "image_generation_call", id: "ig_1", result }, bodies.said("Here it is.")]
    const facts = streamed([{ type: "response.completed", response: bodies.response(output) }], 10_000)
    assert.deepStrictEqual(
      facts.output,
      says({
        type: "image",
        inline_data: { mime_type: "image/png", data: `${result.slice(0, 1_024)}... [truncated]` }
      }, text("Here it is."))
    )
  })
})

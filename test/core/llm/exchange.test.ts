import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { endpointOf } from "../../../src/core/llm/http/endpoint.js"
import { Exchange, interrupted, maxBody } from "../../../src/core/llm/http/exchange.js"
import type { Call } from "../../../src/core/llm/model.js"
import * as replies from "../../support/llm/replies.js"

interface Asked {
  readonly url: string
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

const chat: Asked = {
  url: "https://api.openai.com/v1/chat/completions",
  body: { model: "gpt-4o-mini", stream: true, messages: [{ role: "user", content: "Hi" }] }
}
const gemini: Asked = {
  url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?key=AIzaSecret",
  body: { contents: [{ role: "user", parts: [{ text: "Hi" }] }] }
}
const responses: Asked = { url: "https://api.openai.com/v1/responses", body: { model: "gpt-4.1", input: "Hi" } }
const anthropic: Asked = {
  url: "https://api.anthropic.com/v1/messages",
  body: { model: "claude-sonnet-4", stream: true, max_tokens: 10, messages: [] }
}
const ollama: Asked = { url: "http://localhost:11434/api/chat", body: { model: "llama3.2", messages: [] } }

/** What became of an exchange, and how often that was told. */
const exchange = ({ body, headers = {}, url }: Asked, limit = 200_000) => {
  const told: Array<Call> = []
  const faults: Array<unknown> = []
  let now = 0
  const endpoint = endpointOf({ method: "POST", url, header: (name) => headers[name], body: () => body })
  assert.isDefined(endpoint)
  return {
    told,
    faults,
    pass: (millis: number) => {
      now += millis
    },
    watch: new Exchange({
      endpoint: endpoint!,
      requestUrl: undefined,
      request: () => endpoint!.format.request(body, endpoint!),
      now: () => now,
      limit,
      onEnd: (call) => told.push(call),
      onFault: (thrown) => faults.push(thrown)
    })
  }
}

const bytesOf = ({ pieces }: replies.Reply): Uint8Array =>
  Uint8Array.from(Buffer.concat(pieces.map((piece) => Buffer.from(piece))))

/** The answer as it is told, whatever is a function called. */
const plain = (call: Call | undefined): unknown =>
  call === undefined ? undefined : JSON.parse(JSON.stringify({
    ...call,
    request: { ...call.request, input: call.request.input?.(), tools: call.request.tools?.() },
    answer: { ...call.answer, output: call.answer.output?.() }
  }))

const run = (asked: Asked, reply: replies.Reply, pieces: ReadonlyArray<Uint8Array>): unknown => {
  const { faults, told, watch } = exchange(asked)
  watch.answered(reply.status ?? 200, (name) => reply.headers?.[name])
  for (const piece of pieces) watch.push(piece)
  watch.end()
  assert.deepStrictEqual(faults, [])
  assert.strictEqual(told.length, 1)
  return plain(told[0])
}

const streams: { readonly [name: string]: readonly [Asked, replies.Reply] } = {
  "Chat": [chat, replies.chatStream()],
  "Chat with tools": [chat, replies.chatStreamTools],
  "Chat with comments": [chat, replies.chatStreamComments],
  "Chat with an error": [chat, replies.chatStreamError],
  "Chat of another content type": [chat, { ...replies.chatStream(), headers: { "content-type": "text/plain" } }],
  "Chat, whole": [chat, replies.chat()],
  "Responses": [responses, replies.responsesStream()],
  "Responses without an end": [responses, replies.responsesStream(false)],
  "Anthropic": [anthropic, replies.anthropicStream],
  "Anthropic, overloaded": [anthropic, replies.anthropicStreamOverloaded],
  "Gemini": [gemini, replies.geminiSse],
  "Gemini as a list": [gemini, replies.geminiArray],
  "Ollama": [ollama, replies.ollamaStream],
  "bytes that are no text": [chat, replies.invalidUtf8]
}

describe("an answer, however it is cut", () => {
  for (const [name, [asked, reply]] of Object.entries(streams)) {
    it(`is the same: ${name}`, () => {
      const bytes = bytesOf(reply)
      const whole: any = run(asked, reply, [bytes])
      assert.isTrue(
        whole.answer.output.length > 0 || whole.failure !== undefined,
        "the answer says something"
      )
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepStrictEqual(run(asked, reply, [bytes.subarray(0, at), bytes.subarray(at)]), whole, `cut at ${at}`)
      }
      assert.deepStrictEqual(run(asked, reply, Array.from(bytes, (byte) => Uint8Array.of(byte))), whole)
      FastCheck.assert(
        FastCheck.property(
          FastCheck.array(FastCheck.integer({ min: 0, max: bytes.length }), { maxLength: 20 }),
          (cuts) => {
            const places = [0, ...cuts.sort((a, b) => a - b), bytes.length]
            const pieces = places.slice(1).map((end, i) => bytes.subarray(places[i], end))
            assert.deepStrictEqual(run(asked, reply, pieces), whole)
          }
        ),
        { numRuns: 50 }
      )
    })
  }

  it("is told from the text and from the parsed value as from the bytes", () => {
    for (const [asked, reply] of [[chat, replies.chat()], [gemini, replies.geminiArray]] as const) {
      const text = Buffer.from(bytesOf(reply)).toString("utf8")
      const whole = run(asked, reply, [bytesOf(reply)])
      const byText = exchange(asked)
      byText.watch.answered(200, (name) => reply.headers?.[name])
      byText.watch.push(text)
      byText.watch.end()
      assert.deepStrictEqual(plain(byText.told[0]), whole)
      const byValue = exchange(asked)
      byValue.watch.answered(200, (name) => reply.headers?.[name])
      byValue.watch.value(JSON.parse(text))
      const { firstTokenSeconds: _, ...rest }: any = whole
      assert.deepStrictEqual(plain(byValue.told[0]), rest)
    }
  })
})

describe("an exchange", () => {
  it("is told once, whatever happens afterwards", () => {
    const { told, watch } = exchange(chat)
    watch.answered(200, () => undefined)
    watch.push("{}")
    watch.end()
    watch.end()
    watch.abort()
    watch.abandon()
    watch.fail({ type: "late" })
    watch.value({})
    watch.push("x")
    assert.strictEqual(told.length, 1)
  })

  it("counts the time until the first token, and until the end", () => {
    const { pass, told, watch } = exchange(chat)
    pass(1000)
    watch.answered(200, (name) => name === "content-type" ? "text/event-stream" : undefined)
    const [first, second, ...rest] = replies.chatStream().pieces
    pass(1000)
    watch.push(first!)
    pass(1000)
    watch.push(second!)
    pass(1000)
    for (const piece of rest) watch.push(piece)
    pass(1000)
    watch.end()
    assert.strictEqual(told[0]?.firstTokenSeconds, 3)
    assert.strictEqual(told[0]?.latencySeconds, 5)
  })

  it("that nobody reads to its end took as long as was seen of it", () => {
    const { pass, told, watch } = exchange(chat)
    pass(1000)
    watch.answered(200, () => undefined)
    pass(1_000_000)
    watch.abandon()
    assert.strictEqual(told[0]?.latencySeconds, 1)
    assert.deepStrictEqual(told[0]?.answer, {})
    assert.isUndefined(told[0]?.failure)
  })

  it("that was stopped after the provider's last word is no interrupted one", () => {
    const { told, watch } = exchange(chat)
    watch.answered(200, () => undefined)
    for (const piece of replies.chatStream().pieces.slice(0, -1)) watch.push(piece)
    watch.abort()
    assert.strictEqual(told[0]?.answer.stopReason, "stop")
  })

  it("that was stopped before that is one, with what came", () => {
    const { told, watch } = exchange(chat)
    watch.answered(200, () => undefined)
    for (const piece of replies.chatStream().pieces.slice(0, 2)) watch.push(piece)
    watch.abort()
    assert.strictEqual(told[0]?.answer.stopReason, interrupted)
    assert.include(JSON.stringify(told[0]?.answer.output?.()), "It is ")
    assert.isUndefined(told[0]?.failure)
  })

  it("keeps no more of a text than it may, and the tokens of all of it", () => {
    const { told, watch } = exchange(chat, 1000)
    watch.answered(200, () => undefined)
    const piece = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "x".repeat(100) } }] })}\n\n`
    for (let i = 0; i < 10_000; i++) watch.push(piece)
    watch.push(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })}\n\n`)
    watch.end()
    assert.isTrue(JSON.stringify(told[0]?.answer.output?.()).length < 1500)
    assert.strictEqual(told[0]?.answer.usage?.outputTokens, 2)
  })

  it("keeps nothing of a body that is too long", () => {
    const { told, watch } = exchange(chat)
    watch.answered(200, () => undefined)
    for (let i = 0; i <= 9; i++) watch.push(`{${"x".repeat(maxBody / 8)}`)
    watch.end()
    assert.deepStrictEqual(told[0]?.answer, {})
    assert.isUndefined(told[0]?.failure)
  })

  it("has the provider's id of the request", () => {
    const { told, watch } = exchange(anthropic)
    watch.answered(529, (name) => name === "request-id" ? "req_1" : undefined)
    watch.push("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}")
    watch.end()
    assert.strictEqual(told[0]?.answer.metadata?.request_id, "req_1")
    assert.strictEqual(told[0]?.failure?.type, "overloaded_error")
  })

  it("of a request that cannot be read is a fault, and told as one", () => {
    const asked = exchange(chat)
    const watch = new Exchange({
      endpoint: endpointOf({ method: "POST", url: chat.url })!,
      requestUrl: undefined,
      request: () => {
        throw new Error("no request")
      },
      now: () => 0,
      limit: 0,
      onEnd: (call) => asked.told.push(call),
      onFault: (thrown) => asked.faults.push(thrown)
    })
    watch.abort()
    assert.deepStrictEqual(asked.told, [])
    assert.strictEqual(asked.faults.length, 1)
  })
})

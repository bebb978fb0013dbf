/**
 * What providers answer, in their own formats: plain, streamed, and in the ways in which it goes wrong.
 */

/** One answer of a server. */
export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** The body as it is sent: each piece is a write of its own. */
  readonly pieces: ReadonlyArray<string | Uint8Array>
  /** Waits before a piece is sent, by its index; before `pieces.length` the end. */
  readonly before?: (index: number) => Promise<unknown> | undefined
  /** How the body ends. `cut`: the connection is closed before the end was said. `never`: nothing comes any more. */
  readonly ending?: "end" | "cut" | "never"
  /** Whether the body is packed on the way. */
  readonly gzip?: boolean
}

export const json = (value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status,
  headers: { "content-type": "application/json", ...headers },
  pieces: [JSON.stringify(value)]
})

const eventStream = { "content-type": "text/event-stream; charset=utf-8" }

/** Server-sent events without names, as OpenAI's Chat Completions and Gemini send them. */
export const sse = (values: ReadonlyArray<unknown>, last?: string): Reply => ({
  headers: eventStream,
  pieces: [...values.map((value) => `data: ${JSON.stringify(value)}\n\n`), ...last === undefined ? [] : [last]]
})

/** Server-sent events whose name is the `type` of what they bring, as Anthropic and OpenAI's Responses send them. */
export const namedSse = (
  values: ReadonlyArray<{ readonly type: string; readonly [member: string]: unknown }>
): Reply => ({
  headers: eventStream,
  pieces: values.map((value) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`)
})

/** A JSON value on each line, as Ollama streams. */
export const ndjson = (values: ReadonlyArray<unknown>): Reply => ({
  headers: { "content-type": "application/x-ndjson" },
  pieces: values.map((value) => `${JSON.stringify(value)}\n`)
})

/** One JSON array that arrives element by element, as Gemini streams unless it is asked for events. */
export const arrayInPieces = (values: ReadonlyArray<unknown>): Reply => ({
  headers: { "content-type": "application/json; charset=UTF-8" },
  pieces: [
    ...values.map((value, index) => `${index === 0 ? "[" : ",\r\n"}${JSON.stringify(value)}`),
    "\n]"
  ]
})

/** The answer, after `count` pieces of which the connection breaks. */
export const cutAfter = (reply: Reply, count: number): Reply => ({
  ...reply,
  pieces: reply.pieces.slice(0, count),
  ending: "cut"
})

/** The answer, after `count` pieces of which nothing comes any more. */
export const silentAfter = (reply: Reply, count: number): Reply => ({
  ...reply,
  pieces: reply.pieces.slice(0, count),
  ending: "never"
})

/** The answer cut into pieces of other sizes: the same bytes, written otherwise. */
export const inPiecesOf = (reply: Reply, size: number): Reply => {
  const bytes = Buffer.concat(reply.pieces.map((piece) => Buffer.from(piece)))
  const pieces: Array<Uint8Array> = []
  for (let start = 0; start < bytes.length; start += size) pieces.push(bytes.subarray(start, start + size))
  return { ...reply, pieces }
}

export const gzipped = (reply: Reply): Reply => ({ ...reply, gzip: true })

/** Lets a test say when each piece is sent. */
export class Gate {
  private allowed = 0
  private readonly waiting: Array<{ readonly index: number; readonly go: () => void }> = []

  /** To be the `before` of a reply. */
  readonly before = (index: number): Promise<void> | undefined =>
    index < this.allowed ? undefined : new Promise((go) => this.waiting.push({ index, go }))

  /** Lets the next pieces through. */
  open(count = 1): void {
    this.allowed += count
    for (const { go, index } of this.waiting) if (index < this.allowed) go()
  }
}

/** What a proxy in front of a provider says. */
export const htmlPage = (status = 502): Reply => ({
  status,
  headers: { "content-type": "text/html" },
  pieces: ["<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"]
})

export const emptyBody = (status = 200, contentType = "application/json"): Reply => ({
  status,
  headers: { "content-type": contentType },
  pieces: []
})

/** Bytes that are no UTF-8, in the place of a text. */
export const invalidUtf8: Reply = {
  headers: { "content-type": "application/json" },
  pieces: [
    "{\"id\":\"chatcmpl-bad\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"gpt-4o-mini\",",
    "\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"",
    new Uint8Array([0xe2, 0x82, 0xff, 0x41, 0xc3]),
    "\"}}]}"
  ]
}

// OpenAI ------------------------------------------------------------------------------------------------------------

const chatUsage = {
  prompt_tokens: 120,
  completion_tokens: 30,
  total_tokens: 150,
  prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 10,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0
  }
}

export const chat = (content = "It is sunny in Paris ☀."): Reply =>
  json(
    {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_790_000_000,
      model: "gpt-4o-mini-2024-07-18",
      choices: [{
        index: 0,
        finish_reason: "stop",
        logprobs: null,
        message: { role: "assistant", content, refusal: null, annotations: [] }
      }],
      usage: chatUsage,
      service_tier: "default",
      system_fingerprint: "fp_1"
    },
    200,
    { "x-request-id": "req_chat" }
  )

export const chatTools: Reply = json({
  id: "chatcmpl-2",
  object: "chat.completion",
  created: 1_790_000_000,
  model: "gpt-4o-mini-2024-07-18",
  choices: [{
    index: 0,
    finish_reason: "tool_calls",
    logprobs: null,
    message: {
      role: "assistant",
      content: null,
      refusal: null,
      tool_calls: [{
        id: "call_1",
        type: "function",
        function: { name: "get_weather", arguments: "{\"city\":\"Paris\"}" }
      }]
    }
  }],
  usage: chatUsage
})

const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: "chatcmpl-3",
  object: "chat.completion.chunk",
  created: 1_790_000_000,
  model: "gpt-4o-mini-2024-07-18",
  system_fingerprint: "fp_1",
  choices: [{ index: 0, delta, logprobs: null, finish_reason }]
})

const done = "data: [DONE]\n\n"

export const chatStream = (withUsage = true): Reply =>
  sse([
    chunk({ role: "assistant", content: "", refusal: null }),
    chunk({ content: "It is " }),
    chunk({ content: "sunny ☀\u2028" }),
    chunk({ content: "in Paris." }),
    chunk({}, "stop"),
    ...withUsage ? [{ ...chunk({}), choices: [], usage: chatUsage }] : []
  ], done)

export const chatStreamTools: Reply = sse([
  chunk({
    role: "assistant",
    content: null,
    tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "get_weather", arguments: "" } }]
  }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: "{\"city\":" } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: "\"Paris\"}" } }] }),
  chunk({}, "tool_calls"),
  { ...chunk({}), choices: [], usage: chatUsage }
], done)

/** As OpenRouter: comments while nothing comes, and usage in the last piece unasked. */
export const chatStreamComments: Reply = {
  headers: eventStream,
  pieces: [
    ": OPENROUTER PROCESSING\n\n",
    ": OPENROUTER PROCESSING\n\n",
    `data: ${JSON.stringify(chunk({ role: "assistant", content: "", reasoning: "Hm." }))}\r\n\r\n`,
    `data: ${JSON.stringify(chunk({ content: "Sunny." }))}\r\n\r\n`,
    `data: ${JSON.stringify({ ...chunk({}, "stop"), usage: { ...chatUsage, cost: 0.0001 } })}\r\n\r\n`,
    done
  ]
}

export const chatStreamError: Reply = sse([
  chunk({ role: "assistant", content: "" }),
  chunk({ content: "It is " }),
  { error: { message: "The server had an error", type: "server_error", param: null, code: null } }
])

export const openAiError = (status: number, type: string, message: string): Reply =>
  json({ error: { message, type, param: null, code: type } }, status, { "x-request-id": "req_error" })

/** As OpenRouter may do it: a failure with the status of a success. */
export const chatErrorWith200: Reply = json({ error: { code: 502, message: "Provider returned error" } })

const responseUsage = {
  input_tokens: 90,
  input_tokens_details: { cached_tokens: 30 },
  output_tokens: 25,
  output_tokens_details: { reasoning_tokens: 8 },
  total_tokens: 115
}

const responseMessage = (text: string) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }]
})

const response = (status: string, output: ReadonlyArray<unknown>, more: object = {}) => ({
  id: "resp_1",
  object: "response",
  created_at: 1_790_000_000,
  status,
  error: null,
  incomplete_details: null,
  instructions: null,
  max_output_tokens: null,
  model: "gpt-4.1-mini-2025-04-14",
  output,
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: "default",
  store: true,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  truncation: "disabled",
  usage: status === "completed" ? responseUsage : null,
  user: null,
  metadata: {},
  ...more
})

export const responses = (text = "It is sunny in Paris."): Reply =>
  json(response("completed", [responseMessage(text)]), 200, { "x-request-id": "req_response" })

export const responsesTools: Reply = json(response("completed", [{
  type: "function_call",
  id: "fc_1",
  call_id: "call_1",
  name: "get_weather",
  arguments: "{\"city\":\"Paris\"}",
  status: "completed"
}]))

/** A response that is made in the background: to be asked for again. */
export const responsesPending: Reply = json(response("queued", [], { background: true }))
export const responsesFinished: Reply = json(
  response("completed", [responseMessage("At last.")], { background: true, completed_at: 1_790_000_042 })
)

export const responsesStream = (terminal = true): Reply =>
  namedSse([
    { type: "response.created", response: response("in_progress", []) },
    { type: "response.in_progress", response: response("in_progress", []) },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { ...responseMessage(""), status: "in_progress", content: [] }
    },
    {
      type: "response.content_part.added",
      item_id: "msg_1",
      output_index: 0,
      content_index: 0,
      part: { type: "output_text", text: "", annotations: [], logprobs: [] }
    },
    ...["It is sunny ", "in Paris."].map((delta) => ({
      type: "response.output_text.delta",
      item_id: "msg_1",
      output_index: 0,
      content_index: 0,
      delta,
      logprobs: []
    })),
    {
      type: "response.output_text.done",
      item_id: "msg_1",
      output_index: 0,
      content_index: 0,
      text: "It is sunny in Paris.",
      logprobs: []
    },
    {
      type: "response.content_part.done",
      item_id: "msg_1",
      output_index: 0,
      content_index: 0,
      part: { type: "output_text", text: "It is sunny in Paris.", annotations: [], logprobs: [] }
    },
    { type: "response.output_item.done", output_index: 0, item: responseMessage("It is sunny in Paris.") },
    ...terminal
      ? [{
        type: "response.completed",
        response: response("completed", [responseMessage("It is sunny in Paris.")])
      }]
      : []
  ].map((event, sequence_number) => ({ ...event, sequence_number })))

export const embeddings: Reply = json({
  object: "list",
  model: "text-embedding-3-small",
  data: [{ object: "embedding", index: 0, embedding: [0.1, 0.2, 0.3] }],
  usage: { prompt_tokens: 8, total_tokens: 8 }
})

// Anthropic ---------------------------------------------------------------------------------------------------------

const anthropicUsage = {
  input_tokens: 20,
  cache_creation_input_tokens: 100,
  cache_read_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 60, ephemeral_1h_input_tokens: 40 },
  output_tokens: 45,
  service_tier: "standard"
}

export const anthropic = (text = "It is sunny in Paris."): Reply =>
  json(
    {
      id: "msg_01",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-20250514",
      content: [{ type: "text", text, citations: null }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: anthropicUsage
    },
    200,
    { "request-id": "req_anthropic" }
  )

export const anthropicStream: Reply = namedSse([
  {
    type: "message_start",
    message: {
      id: "msg_02",
      type: "message",
      role: "assistant",
      model: "claude-sonnet-4-20250514",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...anthropicUsage, output_tokens: 1 }
    }
  },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
  { type: "ping" },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "The user asks" } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "c2ln" } },
  { type: "content_block_stop", index: 0 },
  { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Let me " } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "look ☂." } },
  { type: "content_block_stop", index: 1 },
  {
    type: "content_block_start",
    index: 2,
    content_block: { type: "tool_use", id: "toolu_1", name: "get_weather", input: {} }
  },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "{\"city\": " } },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: "\"Paris\"}" } },
  { type: "content_block_stop", index: 2 },
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { output_tokens: 45 }
  },
  { type: "message_stop" }
])

/** The same with nothing but a text. */
export const anthropicStreamText: Reply = {
  ...anthropicStream,
  pieces: anthropicStream.pieces.filter((_, index) => index < 1 || (index > 5 && index < 10) || index > 13).map(
    (piece) =>
      String(piece).replace("\"tool_use\",\"stop", "\"end_turn\",\"stop").replaceAll("\"index\":1", "\"index\":0")
  )
}

export const anthropicError = (status: number, type: string, message: string): Reply =>
  json({ type: "error", error: { type, message }, request_id: "req_anthropic" }, status, {
    "request-id": "req_anthropic"
  })

/** What Anthropic says when it is overloaded after it has begun. */
export const anthropicStreamOverloaded: Reply = {
  ...anthropicStream,
  pieces: [
    ...anthropicStream.pieces.slice(0, 8),
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"
  ]
}

// Gemini ------------------------------------------------------------------------------------------------------------

const geminiUsage = {
  promptTokenCount: 40,
  candidatesTokenCount: 12,
  thoughtsTokenCount: 20,
  cachedContentTokenCount: 16,
  totalTokenCount: 72,
  promptTokensDetails: [{ modality: "TEXT", tokenCount: 40 }]
}

const geminiPiece = (parts: ReadonlyArray<unknown>, more: object = {}) => ({
  candidates: [{ index: 0, content: { role: "model", parts }, ...more }],
  usageMetadata: geminiUsage,
  modelVersion: "gemini-2.5-flash",
  responseId: "gem-1"
})

export const gemini = (text = "It is sunny in Paris."): Reply => json(geminiPiece([{ text }], { finishReason: "STOP" }))

export const geminiBlocked: Reply = json({
  promptFeedback: { blockReason: "SAFETY" },
  usageMetadata: { promptTokenCount: 40, totalTokenCount: 40 },
  modelVersion: "gemini-2.5-flash",
  responseId: "gem-2"
})

const geminiPieces = [
  geminiPiece([{ text: "The user asks", thought: true }]),
  geminiPiece([{ text: "It is sunny " }]),
  geminiPiece([{ text: "in Paris ☀." }]),
  geminiPiece([{ functionCall: { name: "get_weather", args: { city: "Paris" } } }], { finishReason: "STOP" })
]

export const geminiSse: Reply = sse(geminiPieces)
/** The same with nothing but a text. */
export const geminiSseText: Reply = sse([
  geminiPiece([{ text: "It is sunny " }]),
  geminiPiece([{ text: "in Paris." }], { finishReason: "STOP" })
])
export const geminiArray: Reply = arrayInPieces(geminiPieces)

export const geminiError = (status: number, reason: string, message: string): Reply =>
  json({ error: { code: status, message, status: reason } }, status)

export const geminiEmbedding: Reply = json({ embedding: { values: [0.1, 0.2] } })
export const geminiEmbeddings: Reply = json({ embeddings: [{ values: [0.1, 0.2] }] })

// Ollama ------------------------------------------------------------------------------------------------------------

const ollamaEnd = {
  done: true,
  done_reason: "stop",
  total_duration: 1_000_000,
  load_duration: 1000,
  prompt_eval_count: 17,
  prompt_eval_duration: 1000,
  eval_count: 9,
  eval_duration: 1000
}

const ollamaMessage = (content: string, more: object = { done: false }) => ({
  model: "llama3.2",
  created_at: "2026-11-26T21:00:00Z",
  message: { role: "assistant", content },
  ...more
})

export const ollama: Reply = json(ollamaMessage("It is sunny.", ollamaEnd))
export const ollamaStream: Reply = ndjson([
  ollamaMessage("It is "),
  ollamaMessage("sunny ☀."),
  ollamaMessage("", ollamaEnd)
])

// Bedrock -----------------------------------------------------------------------------------------------------------

export const converse: Reply = json(
  {
    output: { message: { role: "assistant", content: [{ text: "It is sunny in Paris." }] } },
    stopReason: "end_turn",
    usage: { inputTokens: 33, outputTokens: 11, totalTokens: 144, cacheReadInputTokens: 100, cacheWriteInputTokens: 0 },
    metrics: { latencyMs: 321 }
  },
  200,
  { "x-amzn-requestid": "req_bedrock" }
)

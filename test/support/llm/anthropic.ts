/** What Anthropic answers, besides what `replies.ts` has: bodies and the pieces of streams. */

export const usage = {
  input_tokens: 20,
  cache_creation_input_tokens: 100,
  cache_read_input_tokens: 300,
  cache_creation: { ephemeral_5m_input_tokens: 60, ephemeral_1h_input_tokens: 40 },
  output_tokens: 45,
  service_tier: "standard"
}

export const message = (content: ReadonlyArray<unknown>, more: object = {}) => ({
  id: "msg_10",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-20250514",
  content,
  stop_reason: "end_turn",
  stop_sequence: null,
  usage,
  ...more
})

export const citation = {
  type: "web_search_result_location",
  url: "https://weather.example/paris",
  title: "Paris",
  cited_text: "Sunny, 21°",
  encrypted_index: "ZW5jcnlwdGVk"
}

export const searchResult = {
  type: "web_search_result",
  url: "https://weather.example/paris",
  title: "Paris",
  encrypted_content: "ZW5jcnlwdGVk",
  page_age: "1 day"
}

/** All kinds of blocks. */
export const blocks = [
  { type: "thinking", thinking: "The user asks for the weather.", signature: "c2lnbmVk" },
  { type: "redacted_thinking", data: "ZW5jcnlwdGVk" },
  { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "weather Paris" } },
  { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [searchResult] },
  { type: "text", text: "It is sunny ☀\u2028.", citations: [citation] },
  { type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Paris", days: [1, 2] } }
]

const grow = (index: number, delta: object) => ({ type: "content_block_delta", index, delta })
const begin = (index: number, content_block: object) => ({ type: "content_block_start", index, content_block })
const stop = (index: number) => ({ type: "content_block_stop", index })

const start = {
  type: "message_start",
  message: message([], { stop_reason: null, usage: { ...usage, output_tokens: 1 } })
}

const finish = (delta: object, usage: object) => [
  { type: "message_delta", delta, usage },
  { type: "message_stop" }
]

/** The same blocks in pieces: a thought comes first, the tools' input is cut within a word. */
export const pieces = [
  start,
  begin(0, { type: "thinking", thinking: "", signature: "" }),
  { type: "ping" },
  grow(0, { type: "thinking_delta", thinking: "The user asks " }),
  grow(0, { type: "thinking_delta", thinking: "for the weather." }),
  grow(0, { type: "signature_delta", signature: "c2lnbmVk" }),
  stop(0),
  begin(1, { type: "redacted_thinking", data: "ZW5jcnlwdGVk" }),
  stop(1),
  begin(2, { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }),
  grow(2, { type: "input_json_delta", partial_json: "" }),
  grow(2, { type: "input_json_delta", partial_json: "{\"query\": \"wea" }),
  grow(2, { type: "input_json_delta", partial_json: "ther Paris\"}" }),
  stop(2),
  begin(3, { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [searchResult] }),
  stop(3),
  begin(4, { type: "text", text: "" }),
  grow(4, { type: "text_delta", text: "It is " }),
  grow(4, { type: "citations_delta", citation }),
  grow(4, { type: "text_delta", text: "sunny ☀\u2028." }),
  stop(4),
  begin(5, { type: "tool_use", id: "toolu_1", name: "get_weather", input: {} }),
  grow(5, { type: "input_json_delta", partial_json: "{\"city\":\"Paris\",\"da" }),
  grow(5, { type: "input_json_delta", partial_json: "ys\":[1,2]}" }),
  stop(5),
  ...finish({ stop_reason: "tool_use", stop_sequence: null }, {
    input_tokens: 25,
    cache_read_input_tokens: null,
    output_tokens: 45,
    server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 }
  })
]

/** Tools without input, several at once, whose pieces come mixed. */
export const mixedPieces = [
  start,
  begin(0, { type: "tool_use", id: "toolu_1", name: "now", input: {} }),
  begin(1, { type: "tool_use", id: "toolu_2", name: "get_weather", input: {} }),
  grow(1, { type: "input_json_delta", partial_json: "{\"city\":" }),
  grow(0, { type: "input_json_delta", partial_json: "" }),
  grow(1, { type: "input_json_delta", partial_json: "\"Rome\"}" }),
  stop(0),
  stop(1),
  ...finish({ stop_reason: "tool_use" }, { output_tokens: 12 })
]

/** An overload after the answer has begun. */
export const overloadedPieces = [
  start,
  begin(0, { type: "text", text: "" }),
  grow(0, { type: "text_delta", text: "It is" }),
  { type: "error", error: { type: "overloaded_error", message: "Overloaded" }, request_id: "req_1" }
]

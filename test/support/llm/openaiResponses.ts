/** Requests and answers of Responses, written for this project. Streams are given by their events. */

export const request = {
  model: "gpt-5-mini",
  instructions: "You answer in one sentence.",
  input: [
    { role: "developer", content: "Be kind." },
    {
      type: "message",
      role: "user",
      content: [
        { type: "input_text", text: "Weather here?" },
        { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "low" },
        { type: "input_file", file_id: "file_1" }
      ]
    },
    { type: "reasoning", id: "rs_0", summary: [{ type: "summary_text", text: "A tool knows." }] },
    { type: "function_call", call_id: "call_1", id: "fc_0", name: "get_weather", arguments: `{"city":"Bern"}` },
    { type: "function_call_output", call_id: "call_1", output: "Sunny" },
    { type: "item_reference", id: "msg_0" }
  ],
  tools: [{ type: "function", name: "get_weather", parameters: {}, strict: true }, { type: "web_search" }],
  reasoning: { effort: "low", summary: "auto" },
  text: { format: { type: "json_object" }, verbosity: "low" },
  max_output_tokens: 500,
  temperature: 1,
  store: false,
  metadata: { team: "blue" }
}

export const usage = {
  input_tokens: 200,
  input_tokens_details: { cached_tokens: 128, cache_write_tokens: 16 },
  output_tokens: 60,
  output_tokens_details: { reasoning_tokens: 32 },
  total_tokens: 260
}

export const response = (output: ReadonlyArray<object>, more: object = {}) => ({
  id: "resp_1",
  object: "response",
  created_at: 1_764_000_000,
  completed_at: 1_764_000_004,
  status: "completed",
  background: false,
  error: null,
  incomplete_details: null,
  instructions: request.instructions,
  model: "gpt-5-mini-2025-08-07",
  output,
  temperature: 1,
  tools: request.tools,
  usage,
  service_tier: "default",
  ...more
})

export const said = (text: string, annotations: ReadonlyArray<object> = []) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations, logprobs: [] }]
})

export const thought = {
  id: "rs_1",
  type: "reasoning",
  summary: [{ type: "summary_text", text: "First." }, { type: "summary_text", text: "Then." }],
  encrypted_content: "gAAAAAB"
}

export const called = {
  id: "fc_1",
  type: "function_call",
  status: "completed",
  call_id: "call_1",
  name: "get_weather",
  arguments: `{"city":"Bern"}`
}

export const searched = {
  id: "ws_1",
  type: "web_search_call",
  status: "completed",
  action: { type: "search", query: "weather Bern" }
}

const citation = { type: "url_citation", url: "https://example.com", title: "Weather", start_index: 0, end_index: 5 }

export const plain = response([thought, said("Sunny.")])
export const withTool = response([called])
export const withSearch = response([searched, { ...searched, id: "ws_2" }, said("Sunny.", [citation])])
export const cited = response([said("Sunny.", [citation])])
export const refused = response([{
  ...said(""),
  content: [{ type: "refusal", refusal: "I cannot help with that." }]
}])
export const incomplete = response([said("Sun")], {
  status: "incomplete",
  incomplete_details: { reason: "max_output_tokens" }
})
export const failed = response([], {
  status: "failed",
  completed_at: null,
  error: { code: "server_error", message: "The model failed." },
  usage: null
})
export const cancelled = response([said("Su")], { status: "cancelled", usage: null })
export const pending = response([], {
  status: "queued",
  background: true,
  completed_at: null,
  usage: null,
  service_tier: "auto"
})
export const finished = response([said("Sunny.")], { background: true })

export const image = response([
  { id: "ig_1", type: "image_generation_call", status: "completed", output_format: "webp", result: "UklGRg==" }
])
export const otherTools = response([
  { id: "ctc_1", type: "custom_tool_call", call_id: "call_2", name: "run_sql", input: "SELECT 1" },
  {
    id: "mcp_1",
    type: "mcp_call",
    server_label: "deepwiki",
    name: "ask",
    arguments: `{"q":"x"}`,
    output: "y",
    error: null
  },
  { id: "ci_1", type: "code_interpreter_call", code: "1+1", outputs: [{ type: "logs", logs: "2" }] }
])

const started = response([], { status: "in_progress", completed_at: null, usage: null, service_tier: "auto" })
const inItem = { item_id: "msg_1", output_index: 1, content_index: 0 }

/** All but the last event. */
export const events = [
  { type: "response.created", sequence_number: 0, response: started },
  { type: "response.in_progress", sequence_number: 1, response: started },
  { type: "response.output_item.added", output_index: 0, item: { id: "rs_1", type: "reasoning", summary: [] } },
  { type: "response.reasoning_summary_part.added", item_id: "rs_1", output_index: 0, summary_index: 0, part: {} },
  {
    type: "response.reasoning_summary_text.delta",
    item_id: "rs_1",
    output_index: 0,
    summary_index: 0,
    delta: "First."
  },
  { type: "response.reasoning_summary_text.delta", item_id: "rs_1", output_index: 0, summary_index: 1, delta: "Then." },
  { type: "response.output_item.done", output_index: 0, item: thought },
  { type: "response.output_item.added", output_index: 1, item: { ...said(""), status: "in_progress", content: [] } },
  { type: "response.content_part.added", ...inItem, part: { type: "output_text", text: "", annotations: [] } },
  { type: "response.output_text.delta", ...inItem, delta: "Sun" },
  { type: "response.output_text.delta", ...inItem, delta: "ny." },
  { type: "response.output_text.done", ...inItem, text: "Sunny." },
  { type: "response.content_part.done", ...inItem, part: { type: "output_text", text: "Sunny.", annotations: [] } },
  { type: "response.output_item.done", output_index: 1, item: said("Sunny.") }
]

export const stream = [...events, { type: "response.completed", sequence_number: 14, response: plain }]
export const incompleteStream = [...events, { type: "response.incomplete", response: incomplete }]
export const failedStream = [...events.slice(0, 2), { type: "response.failed", response: failed }]
export const errorStream = [
  ...events.slice(0, 10),
  { type: "error", code: "rate_limit_exceeded", message: "Slow down.", param: null, sequence_number: 10 }
]

export const toolEvents = [
  { type: "response.created", response: started },
  { type: "response.output_item.added", output_index: 0, item: { ...called, status: "in_progress", arguments: "" } },
  { type: "response.function_call_arguments.delta", item_id: "fc_1", output_index: 0, delta: `{"city":` },
  {
    type: "response.output_item.added",
    output_index: 1,
    item: { id: "ctc_1", type: "custom_tool_call", call_id: "call_2", name: "run_sql", input: "" }
  },
  { type: "response.custom_tool_call_input.delta", item_id: "ctc_1", output_index: 1, delta: "SELECT " },
  { type: "response.function_call_arguments.delta", item_id: "fc_1", output_index: 0, delta: `"Bern"}` },
  { type: "response.custom_tool_call_input.delta", item_id: "ctc_1", output_index: 1, delta: "1" }
]

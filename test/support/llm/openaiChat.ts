/** Requests and answers of Chat Completions, written for this project. Streams are given by their pieces. */

export const messages = [
  { role: "developer", content: "You answer in one sentence." },
  { role: "user", content: [{ type: "text", text: "Weather in Bern?" }] }
]

export const tool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
  }
}

export const request = {
  model: "gpt-4.1-mini",
  messages,
  tools: [tool],
  temperature: 0.2,
  top_p: 0.9,
  n: 1,
  seed: 7,
  max_completion_tokens: 300,
  reasoning_effort: "low",
  stop: ["END"],
  user: "user-1",
  metadata: { team: "blue" },
  service_tier: "auto"
}

export const usage = {
  prompt_tokens: 100,
  completion_tokens: 40,
  total_tokens: 140,
  prompt_tokens_details: { cached_tokens: 64, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 16, audio_tokens: 0 }
}

const choice = (message: object, finish_reason = "stop", index = 0) => ({
  index,
  finish_reason,
  logprobs: null,
  message: { role: "assistant", refusal: null, annotations: [], ...message }
})

export const completion = (choices: ReadonlyArray<unknown>, more: object = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1_764_000_000,
  model: "gpt-4.1-mini-2025-04-14",
  choices,
  usage,
  service_tier: "default",
  system_fingerprint: "fp_1",
  ...more
})

export const call = (id: string, name: string, args: string) => ({
  id,
  type: "function",
  function: { name, arguments: args }
})

export const plain = completion([choice({ content: "Sunny, 20 degrees." })])

export const withTools = completion([
  choice({
    content: null,
    tool_calls: [call("call_1", "get_weather", `{"city":"Bern"}`), call("call_2", "get_time", "{broken")]
  }, "tool_calls")
])

export const refusal = completion([choice({ content: null, refusal: "I cannot help with that." })])

export const twoChoices = completion([
  choice({ content: "Tails." }, "length", 1),
  choice({ content: "Heads." }, "stop", 0)
])

export const audio = completion([
  choice({ content: null, audio: { id: "audio_1", data: "UklGRg==", transcript: "Hello", expires_at: 1_764_003_600 } })
])

export const searched = completion([
  choice({
    content: "It is noon.",
    annotations: [{ type: "url_citation", url_citation: { url: "https://example.com", title: "Clock" } }]
  })
])

export const perplexity = completion([choice({ content: "Noon." })], {
  usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12, search_context_size: "low" },
  citations: ["https://example.com"],
  search_results: [{ title: "Clock", url: "https://example.com" }]
})

/** As OpenRouter answers for a model that reasons, with what it wrote to the cache. */
export const openRouter = {
  id: "gen-1",
  provider: "Anthropic",
  model: "anthropic/claude-sonnet-4.5",
  object: "chat.completion",
  choices: [choice({
    content: "42",
    reasoning: "Six times seven.",
    reasoning_details: [{ type: "reasoning.text", text: "Six times seven." }]
  })],
  usage: {
    prompt_tokens: 2_000,
    completion_tokens: 30,
    total_tokens: 2_030,
    cost: 0.0123,
    prompt_tokens_details: { cached_tokens: 1_500, cache_write_tokens: 400 },
    completion_tokens_details: { reasoning_tokens: 20 }
  }
}

export const openRouterFailure = {
  error: { code: 502, message: "Provider returned error", metadata: { provider: "x" } }
}

export const failure = {
  error: { message: "Rate limit reached", type: "requests", param: null, code: "rate_limit_exceeded" }
}

export const legacyRequest = { model: "gpt-3.5-turbo-instruct", prompt: "Once upon", max_tokens: 5 }

export const legacy = {
  id: "cmpl-1",
  object: "text_completion",
  model: "gpt-3.5-turbo-instruct:20230824-v2",
  choices: [{ text: " a time", index: 0, logprobs: null, finish_reason: "length" }],
  usage: { prompt_tokens: 2, completion_tokens: 5, total_tokens: 7 }
}

export const piece = (delta: object, finish_reason: string | null = null, index = 0, more: object = {}) => ({
  id: "chatcmpl-2",
  object: "chat.completion.chunk",
  created: 1_764_000_000,
  model: "gpt-4.1-mini-2025-04-14",
  service_tier: "default",
  system_fingerprint: "fp_2",
  choices: [{ index, delta, logprobs: null, finish_reason }],
  usage: null,
  ...more
})

export const usagePiece = { ...piece({}), choices: [], usage }

export const stream = [
  piece({ role: "assistant", content: "", refusal: null }),
  piece({ content: "Sunny, " }),
  piece({ content: "20 degrees." }),
  piece({}, "stop"),
  usagePiece
]

export const toolStream = [
  piece({ role: "assistant", content: null }),
  piece({ tool_calls: [{ index: 1, ...call("call_2", "get_time", "") }] }),
  piece({ tool_calls: [{ index: 0, ...call("call_1", "get_weather", "") }] }),
  piece({ tool_calls: [{ index: 0, function: { arguments: `{"city":` } }] }),
  piece({ tool_calls: [{ index: 1, function: { arguments: "{}" } }] }),
  piece({ tool_calls: [{ index: 0, function: { arguments: `"Bern"}` } }] }),
  piece({}, "tool_calls"),
  usagePiece
]

/** As a host does that numbers no call. */
export const unnumberedToolStream = [
  piece({ role: "assistant", tool_calls: [call("call_1", "get_weather", `{"city":"Bern"}`)] }),
  piece({ tool_calls: [call("call_2", "get_weather", `{"city":"Thun"}`)] }),
  piece({}, "tool_calls")
]

export const twoChoicesStream = [
  piece({ role: "assistant", content: "" }),
  piece({ role: "assistant", content: "Ta" }, null, 1),
  piece({ content: "He" }),
  piece({ content: "ils." }, null, 1),
  piece({ content: "ads." }),
  piece({}, "length", 1),
  piece({}, "stop"),
  usagePiece
]

export const refusalStream = [
  piece({ role: "assistant", content: "", refusal: null }),
  piece({ refusal: "I cannot " }),
  piece({ refusal: "help." }),
  piece({}, "stop")
]

export const reasoningStream = [
  piece({ role: "assistant", content: "", reasoning: "Six times " }),
  piece({ content: "", reasoning: "seven." }),
  piece({ content: "42" }),
  piece({}, "stop", 0, { usage: openRouter.usage })
]

export const groqStream = [
  piece({ role: "assistant", content: "Hi" }),
  piece({}, "stop", 0, {
    x_groq: { id: "req_1", usage: { queue_time: 0.1, prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 } }
  })
]

export const brokenStream = [
  piece({ role: "assistant", content: "Sun" }),
  { error: { message: "The server had an error", type: "server_error", param: null, code: null } }
]

export const perplexityStream = [
  {
    ...piece({ role: "assistant", content: "No" }),
    citations: ["https://example.com"],
    usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10, search_context_size: "low" }
  },
  {
    ...piece({ content: "on." }, "stop"),
    usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12, search_context_size: "low" }
  }
]

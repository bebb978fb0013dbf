/** What Bedrock answers, besides what `replies.ts` has. */

export const blocks = [
  { reasoningContent: { reasoningText: { text: "The user asks", signature: "c2lnbmVk" } } },
  { reasoningContent: { redactedContent: "ZW5jcnlwdGVk" } },
  { text: "It is sunny." },
  { toolUse: { toolUseId: "tooluse_1", name: "get_weather", input: { city: "Paris" } } }
]

export const usage = {
  inputTokens: 33,
  outputTokens: 11,
  totalTokens: 194,
  cacheReadInputTokens: 100,
  cacheWriteInputTokens: 50,
  cacheDetails: [{ ttl: "5m", inputTokens: 30 }, { ttl: "1h", inputTokens: 20 }]
}

export const answer = {
  output: { message: { role: "assistant", content: blocks } },
  stopReason: "tool_use",
  usage,
  metrics: { latencyMs: 321 }
}

export const titan = {
  inputTextTokenCount: 5,
  results: [{ tokenCount: 7, outputText: "It is sunny.", completionReason: "FINISH" }]
}

export const llama = {
  generation: "It is sunny.",
  prompt_token_count: 5,
  generation_token_count: 7,
  stop_reason: "stop"
}

/** What Gemini answers, besides what `replies.ts` has: bodies and the pieces of streams. */

export const usageMetadata = {
  promptTokenCount: 40,
  cachedContentTokenCount: 16,
  toolUsePromptTokenCount: 5,
  candidatesTokenCount: 12,
  thoughtsTokenCount: 20,
  totalTokenCount: 77,
  promptTokensDetails: [{ modality: "TEXT", tokenCount: 40 }],
  candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: 10 }]
}

const signature = "c2lnbmVk"

export const parts = [
  { text: "The user asks", thought: true, thoughtSignature: signature },
  { text: "It is sunny " },
  { text: "☀\u2028." },
  { executableCode: { language: "PYTHON", code: "print(1)" } },
  { functionCall: { id: "call_1", name: "get_weather", args: { city: "Paris" } }, thoughtSignature: signature },
  { inlineData: { mimeType: "image/png", data: "aVZCT1J3MEtHZ28=" } }
]

export const candidate = (parts: ReadonlyArray<unknown>, more: object = {}) => ({
  content: { role: "model", parts },
  index: 0,
  ...more
})

export const answer = (candidates: ReadonlyArray<unknown>, more: object = {}) => ({
  candidates,
  usageMetadata,
  modelVersion: "gemini-2.5-flash",
  responseId: "gem-10",
  ...more
})

/** The same parts in pieces, with two candidates that come mixed; the counts grow. */
export const pieces = [
  answer([candidate([{ text: "The user ", thought: true }])], { usageMetadata: { promptTokenCount: 40 } }),
  answer([candidate([{ text: "asks", thought: true }])], {
    usageMetadata: { promptTokenCount: 40, thoughtsTokenCount: 20, cachedContentTokenCount: 16 }
  }),
  answer([candidate([{ text: "It is " }])]),
  answer([candidate([{ text: "Rain" }], { index: 1 })]),
  answer([candidate([{ text: "sunny " }, { text: "☀\u2028." }])]),
  answer([candidate(parts.slice(3, 5))]),
  answer([candidate([{ text: "." }], { index: 1, finishReason: "STOP" })]),
  answer([
    candidate(parts.slice(5), {
      finishReason: "STOP",
      groundingMetadata: { webSearchQueries: ["weather Paris"], groundingChunks: [] }
    })
  ])
]

export const blocked = {
  promptFeedback: { blockReason: "SAFETY", blockReasonMessage: "The prompt was blocked." },
  usageMetadata: { promptTokenCount: 40, totalTokenCount: 40 },
  modelVersion: "gemini-2.5-flash"
}

export const quota = {
  error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Quota exceeded", details: [{ reason: "RATE" }] }
}

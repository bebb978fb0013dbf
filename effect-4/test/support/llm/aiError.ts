/** Errors of `effect/ai`: `test/support/llm/aiError.ts` for Effect 4. */
import * as AiError from "effect/ai/AiError"

/** What a provider fails with whose answer breaks off: it has what came. */
export const brokenAnswer = (options: {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly description: string
}): AiError.AiError =>
  AiError.make({
    module: "AnthropicClient",
    method: "streamRequest",
    reason: new AiError.InvalidResponseError({
      description: options.description,
      http: { response: { status: 200, headers: {} }, body: options.body }
    })
  })

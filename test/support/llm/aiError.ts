/** Errors of `@effect/ai`. `effect-4/test/support/llm/aiError.ts` is this file for Effect 4. */
import * as AiError from "@effect/ai/AiError"
import * as Option from "effect/Option"

/** What a provider fails with whose answer breaks off: it quotes the request, and has what it was and what came. */
export const brokenAnswer = (options: {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly description: string
}): AiError.HttpResponseError =>
  new AiError.HttpResponseError({
    module: "AnthropicClient",
    method: "streamRequest",
    reason: "Decode",
    description: options.description,
    request: { method: "POST", url: options.url, headers: options.headers, urlParams: [], hash: Option.none() },
    response: { status: 200, headers: {} },
    body: options.body
  })

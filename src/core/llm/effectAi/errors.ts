/**
 * Which values are errors of `@effect/ai`, or of `effect/ai` on Effect 4, and what of them may be told.
 *
 * They hold more than may leave. Up to version 3 an error holds the request, and with it the key in clear; where a
 * stream broke, its message quotes the whole request. Since version 4 an error has a reason of many kinds, and some of
 * them quote what the model or a tool said.
 *
 * @since 0.1.0
 */
import { has, isObject, read } from "../../guard.js"

const errorKeys = ["~@effect/ai/AiError", "~effect/ai/AiError", "~effect/ai/AiError/AiError"]

/** A reason is an error of its own too: handlers of tools may fail with it. */
const reasonKey = "~effect/ai/AiError/Reason"

/** Whether a value is the reason of an error. */
export const isAiReason = (value: unknown): boolean => has(value, reasonKey)

/** Whether something that was thrown is an error of `@effect/ai`. */
export const isAiError = (value: unknown): boolean =>
  isObject(value) && (errorKeys.some((key) => has(value, key)) || isAiReason(value))

/** The part of such an error that says what has failed: the error itself, or its reason since version 4. */
export const reasonOf = (error: unknown): unknown => {
  const reason = read(error, "reason")
  return isAiReason(reason) ? reason : error
}

/** Reasons whose description may quote a value: what the model or a tool said. */
const quoting = new Set([
  "InvalidOutputError",
  "StructuredOutputError",
  "ToolParameterValidationError",
  "InvalidToolResultError",
  "ToolResultEncodingError"
])

/** What a JSON parser says behind the answer that it could not read, which it quotes. */
const behindQuote = " is not valid JSON"

const dots = "..."

/**
 * A text without what a JSON parser quotes in it: all from the first quotation mark to the last one that can end the
 * quotation, because the answer may have marks of its own. One pass, however many marks there are.
 */
const withoutQuoted = (text: string): string => {
  const start = text.indexOf("\"")
  if (start === -1) return text
  let end = text.lastIndexOf(behindQuote)
  while (end > start) {
    const mark = text.startsWith(dots, end - dots.length) ? end - dots.length - 1 : end - 1
    if (mark > start && text[mark] === "\"") {
      const from = text.startsWith(dots, start - dots.length) ? start - dots.length : start
      return `${text.slice(0, from)}it${text.slice(end)}`
    }
    end = text.lastIndexOf(behindQuote, end - 1)
  }
  return text
}

/** What an error's reason says in words; `undefined`: nothing that may be told. */
export const descriptionOf = (reason: unknown): string | undefined => {
  const description = read(reason, "description")
  return typeof description !== "string" || description === "" || quoting.has(String(read(reason, "_tag")))
    ? undefined
    : isAiReason(reason)
    ? withoutQuoted(description)
    : description
}

/** The status of the provider's answer, and the answer itself where it is the provider's own word of the failure. */
export const answerOf = (reason: unknown): { readonly status: unknown; readonly body: string | undefined } => {
  const response = read(reason, "response")
  const http = read(reason, "http")
  const status = read(response, "status") ?? read(read(http, "response"), "status")
  const isRefused = isAiReason(reason)
    ? typeof status === "number" && status >= 400
    : read(reason, "reason") === "StatusCode"
  const body = isRefused ? read(isAiReason(reason) ? http : reason, "body") : undefined
  return { status, body: typeof body === "string" && body !== "" ? body : undefined }
}

/** What kind of failure it is, in one more word: such as `StatusCode`, `TransportError` or `InvalidKey`. */
export const kindOf = (reason: unknown): string | undefined => {
  const kind = read(reason, "reason") ?? read(reason, "kind")
  return typeof kind === "string" && kind !== "" ? kind : undefined
}

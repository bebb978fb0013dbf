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

/** What a JSON parser quotes of the answer that it could not read. */
const quoted = /(?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON/

/** What an error's reason says in words; `undefined`: nothing that may be told. */
export const descriptionOf = (reason: unknown): string | undefined => {
  const description = read(reason, "description")
  return typeof description !== "string" || description === "" || quoting.has(String(read(reason, "_tag")))
    ? undefined
    : isAiReason(reason)
    ? description.replace(quoted, "it is not valid JSON")
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

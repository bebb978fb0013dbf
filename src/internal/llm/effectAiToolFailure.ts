/**
 * What a tool of the program failed with, in the terms of an event.
 */
import { read } from "../../core/guard.js"
import { failureOf, isAiError } from "../../core/llm/effectAiFailure.js"
import type { Failure } from "../../core/llm/model.js"
import { redactText } from "../../core/secrets.js"

/** Most characters of what is said about a failure. */
const maxMessage = 2_000

const text = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

export const toolFailure = (error: unknown): Failure => {
  if (isAiError(error)) return failureOf(error)
  const message = text(typeof error === "string" ? error : read(error, "message"))
  return {
    type: text(read(error, "_tag")) ?? text(read(error, "name")) ?? "Error",
    message: message === undefined ? undefined : redactText(message, maxMessage)
  }
}

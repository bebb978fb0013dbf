/**
 * Errors of `@effect/ai`, without what must not leave: these errors hold the request, and with it the key in clear;
 * where a stream broke, their message quotes the whole request, prompts included. So only members that are known to be
 * harmless are read, and never `message`.
 *
 * @since 0.1.0
 */
import { read } from "../../guard.js"
import { redactText } from "../../secrets.js"
import { code, count, member, text, word } from "../formats/read.js"
import type { Failure } from "../model.js"

/** Marks the errors of `@effect/ai`; the one of version 3 and the one of its kin. */
const aiErrorKeys = ["~@effect/ai/AiError", "~effect/ai/AiError", "~effect/ai/AiError/AiError"]

/** Whether something that was thrown is an error of `@effect/ai`. */
export const isAiError = (error: unknown): boolean => {
  for (const key of aiErrorKeys) {
    try {
      if (typeof error === "object" && error !== null && key in error) return true
    } catch {
      return false
    }
  }
  return false
}

/** Most characters of what is said about a failure. */
const maxMessage = 2_000

const tell = (message: unknown): string | undefined => {
  const said = text(message)
  return said === undefined || said === "" ? undefined : redactText(said, maxMessage)
}

/** The provider's own error, as their bodies have it. */
const ofBody = (body: unknown): Failure | undefined => {
  const error = member(body, "error") ?? member(body, "0", "error") ?? body
  const message = tell(typeof error === "string" ? error : member(error, "message"))
  const type = word(member(error, "type")) ?? word(member(error, "status"))
  const said = code(member(error, "code"))
  return message === undefined && type === undefined && said === undefined ? undefined : { type, code: said, message }
}

/** The answer of the provider as text, which is JSON nearly always. */
const ofText = (body: string): Failure => {
  try {
    return ofBody(JSON.parse(body)) ?? { message: tell(body) }
  } catch {
    return { message: tell(body) }
  }
}

/** Longest body that is parsed. */
const maxBody = 100_000

const ofAnswer = (error: unknown): Failure => {
  const body = text(member(error, "body"))
  const isProviders = member(error, "reason") === "StatusCode"
  return isProviders && body !== undefined && body !== "" ? ofText(body.slice(0, maxBody)) : {}
}

/** What an error of a model's call says. An error that is not `@effect/ai`'s is the program's own: only its name. */
export const failureOf = (error: unknown): Failure => {
  const tag = word(read(error, "_tag")) ?? word(read(error, "name"))
  if (!isAiError(error)) return { type: tag ?? "Error" }
  const said = ofAnswer(error)
  return {
    type: said.type ?? tag,
    code: said.code ?? word(member(error, "reason")),
    message: said.message ?? tell(member(error, "description"))
  }
}

/** The status of the provider's answer, where there was one. */
export const statusOf = (error: unknown): number | undefined =>
  isAiError(error) ? count(member(error, "response", "status")) : undefined

/** The error with which a stream ends. */
export const failureOfPart = (error: unknown): Failure =>
  isAiError(error) ? failureOf(error) : ofBody(error) ?? (typeof error === "string" ? ofText(error) : { type: "error" })

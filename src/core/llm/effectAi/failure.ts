/**
 * What errors of `@effect/ai` say of a call that failed, without what must not leave: only members that are known to be
 * harmless are read, and never `message`.
 *
 * @since 0.1.0
 */
import { read } from "../../guard.js"
import { redactText } from "../../secrets.js"
import { code, count, member, text, word } from "../formats/read.js"
import type { Failure } from "../model.js"
import { answerOf, descriptionOf, isAiError, kindOf, reasonOf } from "./errors.js"

export { isAiError }

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

/** What an error of a model's call says. An error that is not `@effect/ai`'s is the program's own: only its name. */
export const failureOf = (error: unknown): Failure => {
  if (!isAiError(error)) return { type: word(read(error, "_tag")) ?? word(read(error, "name")) ?? "Error" }
  const reason = reasonOf(error)
  const { body } = answerOf(reason)
  const said: Failure = body === undefined ? {} : ofText(body.slice(0, maxBody))
  return {
    type: said.type ?? word(read(reason, "_tag")) ?? word(read(reason, "name")),
    code: said.code ?? word(kindOf(reason)),
    message: said.message ?? tell(descriptionOf(reason))
  }
}

/** The status of the provider's answer, where there was one. */
export const statusOf = (error: unknown): number | undefined =>
  isAiError(error) ? count(answerOf(reasonOf(error)).status) : undefined

/** The error with which a stream ends. */
export const failureOfPart = (error: unknown): Failure =>
  isAiError(error) ? failureOf(error) : ofBody(error) ?? (typeof error === "string" ? ofText(error) : { type: "error" })

/**
 * What went wrong, in words that are safe to show: errors of clients carry the request, whose body holds the events.
 */
import { read } from "../../core/guard.js"
import { redactText } from "../../core/secrets.js"
import { messageOf } from "../../core/thrown.js"

/** As much of an error or an error page as is worth showing to people, in characters. */
export const maxDetail = 200

/** What was thrown, for people. */
export const describeThrown = (thrown: unknown): string => redactText(messageOf(thrown), maxDetail)

/**
 * A message with its code, such as `certificate has expired (CERT_HAS_EXPIRED)` or `getaddrinfo ENOTFOUND example.com`.
 */
const withCode = (message: string, code: string): string =>
  message === "" ? code : message.includes(code) ? message : `${message} (${code})`

/** Says nothing that is not said better by what is behind it. */
const isEmptyWord = (text: string): boolean => text === "Transport" || text === "fetch failed"

/** The kind of a failure of Effect's clients, such as `Decode`: a text on Effect 3, an error on Effect 4. */
const reasonOf = (reason: unknown): string | undefined => {
  if (typeof reason === "string") return reason
  const tag = read(reason, "_tag")
  return typeof tag === "string" ? tag.replace(/Error$/, "") : undefined
}

const partsOf = (error: unknown): ReadonlyArray<string> => {
  const parts: Array<string> = []
  let current = error
  for (let depth = 0; depth < 5 && typeof current === "object" && current !== null; depth++) {
    const { cause, code, errors, message, reason } = current as {
      readonly cause?: unknown
      readonly code?: unknown
      readonly errors?: unknown
      readonly message?: unknown
      readonly reason?: unknown
    }
    const text = (depth === 0 ? reasonOf(reason) : undefined) ?? (typeof message === "string" ? message : "")
    const part = typeof code === "string" ? withCode(text.slice(0, maxDetail), code) : text.slice(0, maxDetail)
    if (part !== "") parts.push(part)
    // Of attempts at several addresses of a host, the first.
    current = Array.isArray(errors) && errors.length > 0 ? errors[0] : cause
  }
  const telling = parts.filter((part) => !isEmptyWord(part))
  return telling.length === 0 ? parts : telling
}

/**
 * The part of an error that helps and is safe to show: codes such as `ECONNREFUSED`, and messages of the error's
 * causes.
 */
export const explain = (error: unknown): string | undefined => {
  try {
    const text = partsOf(error).join(": ")
    return text === "" ? undefined : redactText(text, maxDetail)
  } catch {
    return undefined
  }
}

/**
 * What an event says about a failure. Of an error that holds a request it says nothing of the request.
 *
 * @since 0.1.0
 */
import { coerce } from "../exceptions/coerce.js"
import { isObject, read } from "../guard.js"
import { redactText } from "../secrets.js"
import * as EffectAi from "./effectAi/failure.js"
import type { Failure } from "./model.js"

/** Most characters of what is said about a failure. */
const maxMessage = 2_000

/** A failure, and the status of the answer where there was one. */
export interface Told {
  readonly failure: Failure
  readonly status: number | undefined
}

const textOf = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

const codeOf = (thrown: object): string | undefined => {
  const code = read(thrown, "code")
  return typeof code === "number" ? String(code) : textOf(code)?.slice(0, 100)
}

const statusOf = (thrown: object): number | undefined => {
  for (const value of [read(thrown, "status"), read(thrown, "statusCode"), read(read(thrown, "response"), "status")]) {
    if (typeof value === "number" && Number.isInteger(value) && value >= 100 && value <= 599) return value
  }
  return undefined
}

/** How the majors of Effect call their wrapping. */
const wrappings: ReadonlySet<unknown> = new Set(["UnknownException", "UnknownError"])

/** How many wrappings are looked into. */
const maxWrappings = 4

/**
 * What `Effect.tryPromise` and `Effect.try` wrapped, because the wrapping says nothing but that it is one. It holds
 * what was thrown in `error`.
 */
const unwrapped = (thrown: unknown): unknown => {
  let inner = thrown
  for (let i = 0; i < maxWrappings && wrappings.has(read(inner, "_tag")); i++) {
    const error = read(inner, "error") ?? read(inner, "cause")
    if (error === undefined || error === null) break
    inner = error
  }
  return inner
}

/** What was thrown, in words that may leave. */
export const failureIn = (wrapped: unknown): Told => {
  const thrown = unwrapped(wrapped)
  if (EffectAi.isAiError(thrown)) return { failure: EffectAi.failureOf(thrown), status: EffectAi.statusOf(thrown) }
  const { type, value } = coerce(thrown)
  const code = isObject(thrown) ? codeOf(thrown) : undefined
  return {
    failure: { type: redactText(type, 200), code, message: redactText(value, maxMessage) },
    status: isObject(thrown) ? statusOf(thrown) : undefined
  }
}

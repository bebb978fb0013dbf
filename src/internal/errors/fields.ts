/**
 * What else than the exception itself an exception event says: fields of errors, and metadata of log messages. None of it is worth the
 * event, so there is a limit for each value, and one for all.
 */
import * as Redacted from "effect/Redacted"
import { freeze, Written } from "../../core/event/json.js"
import { type Properties, setMember } from "../../core/event/properties.js"
import { isSecretName, isSecretParameter, redactAddresses, redactQuery } from "../../core/secrets.js"

/** Characters of one value. */
const maxLength = 10_000
/** Characters of all of them, about a fifth of what PostHog takes as one event. */
const maxTotalLength = 200_000

/** Values as they are now: texts are cut, without secrets in addresses, and what else is too long is marked. */
export const limited = (properties: Properties): Properties => {
  const kept: Record<string, unknown> = {}
  let left = maxTotalLength
  for (const [name, value] of Object.entries(properties)) {
    const limit = Math.min(maxLength, left)
    const now = typeof value === "string"
      ? redactAddresses(value.length > limit ? `${value.slice(0, limit)}…` : value)
      : freeze(name, value, limit)
    setMember(kept, name, now)
    const length = now instanceof Written ? now.text.length : typeof now === "string" ? now.length : 0
    left = Math.max(left - name.length - length, 0)
  }
  return kept
}

const redacted = "[redacted]"

/** An address that may be a path with its query, as that of a request to a server is. */
const redactRelative = (url: string): string => {
  const mark = url.indexOf("?") + 1
  return mark === 0 ? url : url.slice(0, mark) + redactQuery(url.slice(mark), isSecretParameter)
}

const bodyId = "@effect/platform/HttpBody"

/**
 * A member of a JSON value without what must not be told: secrets by their name, also where names and values are pairs as in `UrlParams`,
 * those in addresses, and bodies of requests, in which anything may be.
 */
function withoutSecret(this: { readonly _id?: unknown }, name: string, value: unknown): unknown {
  if (isSecretName(name) || (name === "body" && this._id === bodyId)) return undefined
  if (typeof value === "string") return redactAddresses(/url$/i.test(name) ? redactRelative(value) : value)
  const isPair = Array.isArray(this) && Array.isArray(value) && value.length === 2
  return isPair && typeof value[0] === "string" && isSecretParameter(value[0]) ? [value[0], redacted] : value
}

/** What a tagged error says about itself, without what must not be told, however deep it lies. */
export const withoutSecrets = (fields: Properties | undefined): Properties =>
  Object.fromEntries(
    Object.entries(limited(Object.fromEntries(
      Object.entries(fields ?? {}).filter(([name, value]) =>
        !name.startsWith("$") && !isSecretName(name) && !Redacted.isRedacted(value)
      )
    ))).map(([name, value]) => [
      name,
      value instanceof Written
        ? JSON.parse(value.text, withoutSecret) as unknown
        : value
    ])
  )

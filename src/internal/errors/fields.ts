/**
 * What else than the exception itself an exception event says: fields of errors, and metadata of log messages. None of it is worth the
 * event, so there is a limit for each value, and one for all.
 */
import * as Redacted from "effect/Redacted"
import { freeze, Written } from "../../core/event/json.js"
import { type Properties, setMember } from "../../core/event/properties.js"
import { isSecretName } from "../../core/secrets.js"

/** Characters of one value. */
const maxLength = 10_000
/** Characters of all of them, about a fifth of what PostHog takes as one event. */
const maxTotalLength = 200_000

/** Values as they are now: texts are cut, and what else is too long is marked. */
export const limited = (properties: Properties): Properties => {
  const kept: Record<string, unknown> = {}
  let left = maxTotalLength
  for (const [name, value] of Object.entries(properties)) {
    const limit = Math.min(maxLength, left)
    const now = typeof value === "string" && value.length > limit
      ? `${value.slice(0, limit)}…`
      : freeze(name, value, limit)
    setMember(kept, name, now)
    const length = now instanceof Written ? now.text.length : typeof now === "string" ? now.length : 0
    left = Math.max(left - name.length - length, 0)
  }
  return kept
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
        ? JSON.parse(value.text, (key, value: unknown) => isSecretName(key) ? undefined : value) as unknown
        : value
    ])
  )

/**
 * What else than the exception itself an exception event says: fields of errors, and metadata of log messages. None of
 * it is worth the event, so there is a limit for each value, and one for all.
 */
import * as Redacted from "effect/Redacted"
import { isId } from "../../core/event/effectData.js"
import { freeze, thaw, Written } from "../../core/event/json.js"
import { type Properties, setMember } from "../../core/event/layers.js"
import type { EntryFields } from "../../core/exceptions/list.js"
import { isSecretName, maxText, redactJson, redactText } from "../../core/secrets.js"

/** Characters of one value. */
const maxLength = maxText
/** Characters of all of them, about a fifth of what PostHog takes as one event. */
const maxTotalLength = 200_000
/** Most fields of all errors of an exception. */
const maxFields = 1_000

const isRedacted = (value: unknown): boolean => {
  try {
    return Redacted.isRedacted(value)
  } catch {
    // What throws when it is asked is none; the encoder marks it.
    return false
  }
}

/** Whether a property must not be told at all. */
const isSecret = (name: string, value: unknown): boolean => isSecretName(name) || isRedacted(value)

/** A value as it is now: a text is cut, what else is too long is marked, and what must not be told is left out. */
export const gathered = (name: string, value: unknown, limit: number): unknown => {
  if (typeof value === "string") return redactText(value, limit)
  const now = freeze(name, value, limit)
  return now instanceof Written ? redactJson(thaw(now)) : now
}

const lengthOf = (value: unknown): number =>
  typeof value === "string" ? value.length : typeof value === "object" ? JSON.stringify(value).length : 0

/** Properties that nobody gave as such, as they are now, without what must not be told, and with a limit for all. */
export const limited = (properties: Properties): Properties => {
  const kept: Record<string, unknown> = {}
  let left = maxTotalLength
  for (const [name, value] of Object.entries(properties)) {
    if (isSecret(name, value)) continue
    // A log span may be named after an address.
    const shown = redactText(name)
    const now = gathered(name, value, Math.min(maxLength, left))
    setMember(kept, shown, now)
    left = Math.max(left - shown.length - lengthOf(now), 0)
  }
  return kept
}

/**
 * A name that is free for a field of an error: its own, or the error's type and its own. `undefined`: another error
 * has the same field with the same value.
 */
const nameFor = (told: Properties, type: string, name: string, value: unknown): string | undefined => {
  for (let count = 1;; count++) {
    const free = count === 1 ? name : count === 2 ? `${type}.${name}` : `${type}.${name}.${count - 1}`
    if (!Object.hasOwn(told, free)) return free
    if (Object.is(told[free], value)) return undefined
  }
}

/**
 * What the errors of an exception say about themselves. A field keeps its name for the outermost error that has
 * it. For the other errors the name begins with the error's type: `Declined.order`.
 */
export const fieldsOf = (entries: ReadonlyArray<EntryFields>): Properties => {
  const told: Record<string, unknown> = {}
  let count = 0
  for (const { fields, type } of entries) {
    for (const [name, value] of Object.entries(fields)) {
      if (++count > maxFields) return limited(told)
      if (name.startsWith("$") || isId(name) || isSecret(name, value)) continue
      const free = nameFor(told, type, name, value)
      if (free !== undefined) setMember(told, free, value)
    }
  }
  return limited(told)
}

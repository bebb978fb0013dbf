/**
 * What was thrown, in a few words. Anything can be thrown: a value without a text form, a Proxy, an error whose message
 * is a getter that throws again.
 *
 * @since 0.1.0
 */

import { redactText } from "./secrets.js"

const maxLength = 200

/** Said of what has no text. */
const without = "something without a text"

/** As `String` writes it, an error with its name. */
export const describe = (thrown: unknown): string => {
  try {
    return redactText(String(thrown), maxLength)
  } catch {
    return without
  }
}

/** Of an error its message alone. */
export const messageOf = (thrown: unknown): string => {
  try {
    return redactText(String(thrown instanceof Error ? thrown.message : thrown), maxLength)
  } catch {
    return without
  }
}

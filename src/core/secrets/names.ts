/**
 * Names that say that what they name must not be told.
 *
 * @since 0.1.0
 */

/** Longest name that is looked at. */
const maxName = 100

const secret = new RegExp(
  [
    "passw|passphrase|passcode|passkey|(?:^|[-_. ]|db|pg|my|root|user)pass(?:wd)?$|pwd|secret|token|jwt|bearer|credential|cookie",
    "(?:api|private|access|account|admin|auth|consumer|deploy|encrypt\\w*|functions?|license|master|shared|sign\\w*|storage|subscription|webhook)[-_ ]?key",
    "authori[sz]ation|^auth$|session[-_ ]?id|^sid$|[cx]srf|^psk$|^salt$|mnemonic|seed[-_ ]?phrase|connection[-_ ]?string",
    "(?:^|[-_. ])(?:otp|mfa|totp|pin|cvv|cvc|ssn)(?:[-_. ]?code)?$|card[-_ ]?(?:number|no)$|^x-amz-signature$",
    "(?:one[-_ ]time|reset|verification|login|auth|recovery|backup|confirmation|activation|invite)[-_ ]?codes?$"
  ].join("|"),
  "i"
)

/** What is said about a secret and is none itself: `token_type`, `passwordMinLength`. */
const about =
  /(?:type|kind|count|length|size|limits?|usage|ttl|expir\w*|expires?[-_ ]?(?:in|at)?|required|policy|status|scheme|max|min|enabled|valid|invalid|_ms|millis\w*|duration)$/i

/** `userPIN` and `dbPass` as several words; for a regular expression without regard to case they are one. */
const words = (name: string): string => name.replace(/([a-z\d])([A-Z])/g, "$1_$2")

/** Whether a field or a header of this name is a secret. */
export const isSecretName = (name: string): boolean => {
  const start = name.slice(0, maxName)
  return (secret.test(start) || secret.test(words(start))) && !about.test(start)
}

/** Names that are common in addresses, where they carry what lets somebody in. */
const secretInQuery = new RegExp(
  [
    "^(?:code|key|auth|state|session|sid|pin|saml(?:request|response)|passwords?|assertion|ticket)$",
    "(?:^|[-_])(?:sig|signature|verifier|jwt|otp|hmac|nonce|pwd)$",
    "(?:access|auth|confirm(?:ation)?|encryption|invit(?:e|ation)|license|login|private|reset|session|signing|verification)[-_]?(?:code|id|key)$"
  ].join("|"),
  "i"
)

/** Whether a parameter of this name in the query of an address is a secret. Forms nest: `user[password]`. */
export const isSecretParameter = (name: string): boolean =>
  name.slice(0, maxName).split(/[[\].]+/).some((part) => isSecretName(part) || secretInQuery.test(part))

/** Whether a number of this name is an amount, such as the tokens that a language model has used. */
export const isAmount = (name: string): boolean => /tokens$/i.test(name)

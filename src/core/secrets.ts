/**
 * Names that say that what they name must not be told.
 *
 * @since 0.1.0
 */

const secret =
  /passw|passphrase|passcode|pass(?:wd)?$|pwd|secret|token|api[-_ ]?key|(?:private|access|sign\w*|encrypt\w*)[-_ ]?key|authori[sz]ation|cookie|credential|^auth$|jwt|session[-_ ]?id|^sid$/i

/** Whether a field or a header of this name is a secret. */
export const isSecretName = (name: string): boolean => secret.test(name)

/** Names that are common in addresses, where they carry what lets somebody in. */
const secretInQuery = new RegExp(
  [
    "^(?:code|key|auth|state|session|sid|pin|saml(?:request|response)|passwords?)$",
    "(?:^|[-_])(?:sig|signature|verifier|jwt|otp|hmac|nonce|pwd)$",
    "(?:access|auth|confirm(?:ation)?|encryption|invit(?:e|ation)|license|login|private|reset|session|signing|verification)[-_]?(?:code|id|key)$"
  ].join("|"),
  "i"
)

/** Whether a parameter of this name in the query of an address is a secret. Forms nest: `user[password]`. */
export const isSecretParameter = (name: string): boolean =>
  name.split(/[[\].]+/).some((part) => isSecretName(part) || secretInQuery.test(part))

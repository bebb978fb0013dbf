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
const secretInQuery = /^(?:code|key|sig|signature|auth|jwt|otp|session|session_?id|sid|state|nonce|hmac)$/i

/** Whether a parameter of this name in the query of an address is a secret. */
export const isSecretParameter = (name: string): boolean => isSecretName(name) || secretInQuery.test(name)

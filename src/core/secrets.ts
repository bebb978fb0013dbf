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

const decode = (text: string): string => {
  if (!text.includes("%") && !text.includes("+")) return text
  try {
    return decodeURIComponent(text.replaceAll("+", " "))
  } catch {
    return text
  }
}

/** A parameter, or several of them with a semicolon between, as some servers read them; it may as well be part of a secret. */
const redactParameter = (parameter: string, isSecret: (name: string) => boolean): string => {
  const shown: Array<string> = []
  for (const part of parameter.split(";")) {
    const end = part.indexOf("=")
    if (end !== -1 && isSecret(decode(part.slice(0, end)))) {
      shown.push(`${part.slice(0, end)}=[redacted]`)
      break
    }
    shown.push(part)
  }
  return shown.join(";")
}

/** A query, without its question mark, in which the values of secrets are replaced. */
export const redactQuery = (query: string, isSecret: (name: string) => boolean): string =>
  query.split("&").map((parameter) => redactParameter(parameter, isSecret)).join("&")

// From the colon on, and of bounded length, so that no text takes longer than it should.
const userInfo = /:\/\/[^\s/?#@]{1,1000}@/g
const queryInText = /(:\/\/[^\s?#"'<>]{1,2000}\?)([^\s#"'<>)}]{1,4000})/g

/** A text in which addresses stand without user and password, and without the values of secrets in their queries. */
export const redactAddresses = (text: string): string =>
  text.includes("://")
    ? text.replace(userInfo, "://[redacted]@")
      .replace(queryInText, (_, address: string, query: string) => address + redactQuery(query, isSecretParameter))
    : text

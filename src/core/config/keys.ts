/**
 * What can be said about a project API key without asking the server.
 *
 * @since 0.1.0
 */

/** Why the server would answer 401 to a key, see {@link checkApiKey}. */
export type ApiKeyProblem = "personal_api_key" | "project_secret_key" | "malformed_api_key"

/** Why a secret key cannot be one, see {@link checkSecretKey}. */
export type SecretKeyProblem = "project_api_key" | "malformed_secret_key"

/** Longest project API key that PostHog's servers look at, in characters. */
const maxLength = 64

/** What stands in an example, or in a template that was not filled in. */
const placeholder = /[<>"'`$]/

/** The problem with a trimmed, non-empty key, or `undefined` when PostHog may know it. */
export const checkApiKey = (key: string): ApiKeyProblem | undefined => {
  if (key.startsWith("phx_")) return "personal_api_key"
  if (key.startsWith("phs_")) return "project_secret_key"
  if (key.length > maxLength || !/^[\x21-\x7e]+$/.test(key) || placeholder.test(key)) return "malformed_api_key"
  return undefined
}

/** The problem with a trimmed, non-empty secret key (`phx_…` or `phs_…`), or `undefined` when it may be one. */
export const checkSecretKey = (key: string): SecretKeyProblem | undefined => {
  if (key.startsWith("phc_")) return "project_api_key"
  // It travels in a header.
  return /^[\x21-\x7e]+$/.test(key) && !placeholder.test(key) ? undefined : "malformed_secret_key"
}

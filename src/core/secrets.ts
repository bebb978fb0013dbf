/**
 * The one redactor: every text and every object that the library gathers by itself goes through it before it leaves.
 *
 * @since 0.1.0
 */
export { isSecretName, isSecretParameter } from "./secrets/names.js"
export { redactJson } from "./secrets/objects.js"
export { maxText, redactQuery, redactSource, redactText } from "./secrets/text.js"

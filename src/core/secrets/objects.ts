/**
 * Objects, as JSON has them, without what must not be told.
 *
 * @since 0.1.0
 */
import { type Properties, setMember } from "../event/layers.js"
import { isAmount, isSecretName, isSecretParameter } from "./names.js"
import { redacted } from "./spans.js"
import { redactText } from "./text.js"

/** Names under which requests have what they send: anything may be in it. */
const bodyName = /^(?:(?:request|raw|post|form)[-_]?)?(?:body|data)$|^payload$|^json$|^form$/i

const isText = (value: unknown): value is string => typeof value === "string"

/** Whether an object is a request, as one of the many clients and servers has it. */
const isRequest = (object: Properties): boolean =>
  (isText(object._id) && /Http\w*(?:Request|Body)$/.test(object._id)) ||
  ((isText(object.url) || isText(object.uri) || isText(object.method)) && ("headers" in object || "body" in object))

/**
 * Whether an object says that something is wrong with the value at a place that is a secret, as errors of schemas do.
 */
const isIssueOfSecret = ({ path }: Properties): boolean =>
  (Array.isArray(path) ? path : [path]).some((part) => isText(part) && isSecretName(part))

/** Members of such an object that have the value. */
const valueNames = new Set(["actual", "received", "input", "value", "got", "data"])

/** Members that name the value beside them: `{ name: "password", value: "…" }`. */
const nameNames = ["name", "key", "header", "field", "parameter", "label"]

/** A value of a secret that is none. */
const saysNothing = (name: string, value: unknown): boolean =>
  value === null || typeof value === "boolean" || (typeof value === "number" && isAmount(name))

const redactList = (list: ReadonlyArray<unknown>, name: string, isHidden: boolean): ReadonlyArray<unknown> => {
  const isPair = list.length === 2 && isText(list[0]) && isSecretParameter(list[0])
  if (isPair && !Array.isArray(list[1])) return [list[0], saysNothing(list[0] as string, list[1]) ? list[1] : redacted]
  // Names and values in turn, as Node has them in `rawHeaders`.
  const isFlat = /(?:headers|trailers)$/i.test(name) && list.every(isText)
  return list.map((member, index) =>
    isFlat && index % 2 === 1 && isSecretName(list[index - 1]!) ? redacted : redactMember(name, member, isHidden)
  )
}

/** In the message about a value, the value is what comes last. */
const withoutActual = (message: string): string =>
  message.replace(/\b(actual|received|got|input)\b[^]*$/i, `$1 ${redacted}`)

const redactMember = (name: string, value: unknown, isHidden: boolean): unknown => {
  if (isText(value)) return redactText(isHidden && name === "message" ? withoutActual(value) : value)
  if (Array.isArray(value)) return redactList(value, name, isHidden)
  return typeof value === "object" && value !== null ? redactObject(value as Properties, isHidden) : value
}

const redactObject = (object: Properties, isHidden: boolean): Properties => {
  const hidesBody = isRequest(object)
  const hidesActual = isHidden || isIssueOfSecret(object)
  const named = nameNames.some((name) => isText(object[name]) && isSecretName(object[name]))
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(object)) {
    if (isSecretName(name) && !saysNothing(name, value)) continue
    if ((hidesBody && bodyName.test(name)) || (hidesActual && valueNames.has(name))) continue
    setMember(kept, redactText(name), named && name === "value" ? redacted : redactMember(name, value, hidesActual))
  }
  return kept
}

/**
 * A value of JSON without secrets, however deep they lie: by their names, also where names and values are pairs, in
 * texts, and bodies of requests. Members are left out, texts stay with a mark in the place of what was secret.
 */
export const redactJson = (value: unknown): unknown => redactMember("", value, false)

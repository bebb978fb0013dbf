/**
 * Documents of flag definitions: what PostHog's own API gives, and the short form that people write.
 *
 * @since 0.1.0
 */
import { compileDefinitions } from "../core/flags/definitions.js"
import { type FlagValue, isObject, type Json } from "../core/flags/response.js"
import { isList, setMember } from "../core/guard.js"

/** A document that can be evaluated. */
export interface FlagDocument {
  readonly flags: ReadonlyArray<Json>
  readonly [name: string]: unknown
}

export const noFlags: FlagDocument = { flags: [], group_type_mapping: {}, cohorts: {} }

/** A flag that has this value for everybody. */
export const plainDefinition = (key: string, id: number, value: FlagValue): Json => ({
  id,
  key,
  name: "",
  active: true,
  version: 1,
  filters: {
    groups: value === false ? [] : [{ properties: [], rollout_percentage: 100 }],
    payloads: {},
    ...(typeof value === "string"
      ? { multivariate: { variants: [{ key: value, name: "", rollout_percentage: 100 }] } }
      : {})
  }
})

/** What is wrong with a document as a whole. What one flag says is that flag's affair: it has no value then. */
const problemOf = (document: unknown): string | undefined => {
  if (!isObject(document)) return "Flag definitions are an object in JSON"
  const { flags } = document
  if (!isList(flags)) return "Flag definitions have a list named `flags`"
  const keys = new Set<string>()
  for (const [index, flag] of flags.entries()) {
    const key = isObject(flag) ? flag.key : undefined
    if (typeof key !== "string" || key === "") return `Flag ${index + 1} of the definitions has no \`key\``
    if (keys.has(key)) return `The flag \`${key}\` is defined twice`
    keys.add(key)
  }
  return compileDefinitions(document) === undefined ? "The flag definitions cannot be read" : undefined
}

/** Reads a document, and says what is wrong with one that cannot be used. */
export const readDocument = (
  document: unknown
): { readonly document: FlagDocument } | { readonly problem: string } => {
  try {
    const problem = problemOf(document)
    if (problem !== undefined) return { problem }
    // A copy: whoever gave it may change it.
    return { document: JSON.parse(JSON.stringify({ ...noFlags, ...document as Json })) as FlagDocument }
  } catch {
    // Programs give values that no JSON has: what goes round in circles, or is nested without end.
    return { problem: "Flag definitions are what JSON can say" }
  }
}

/**
 * Reads what somebody has written about flags: a document of definitions, or `{ "checkout": "fast", "new-nav": true }`
 * with the value that each flag has for everybody.
 */
export const readFlags = (document: unknown): { readonly document: FlagDocument } | { readonly problem: string } => {
  if (!isObject(document) || isList(document.flags)) return readDocument(document)
  const flags: Array<Json> = []
  for (const [key, value] of Object.entries(document)) {
    if (typeof value !== "boolean" && (typeof value !== "string" || value === "")) {
      return {
        problem: `The flag \`${key}\` is ${JSON.stringify(value)}: a flag is true, false or the name of a variant`
      }
    }
    flags.push(plainDefinition(key, flags.length + 1, value))
  }
  return readDocument({ flags })
}

/** The payload of a value as PostHog sends it, which is JSON in a text; `undefined`: none. */
export const payloadText = (definition: Json | undefined, value: FlagValue | undefined): string | undefined => {
  const filters = definition !== undefined && isObject(definition.filters) ? definition.filters : {}
  const payloads = isObject(filters.payloads) ? filters.payloads : {}
  const name = String(value)
  const payload = value !== undefined && value !== false && Object.hasOwn(payloads, name) ? payloads[name] : undefined
  if (payload === undefined || payload === null || payload === "") return undefined
  return typeof payload === "string" ? payload : JSON.stringify(payload)
}

/** The same object with other members. */
export const withMembers = (object: Json, members: Json): Json => {
  const copy: Record<string, unknown> = { ...object }
  for (const [name, value] of Object.entries(members)) setMember(copy, name, value)
  return copy
}

const textOf = (value: unknown): unknown => Number.isInteger(value) ? String(value) : value

/** Operators that compare texts. */
const isTextual = (operator: unknown): boolean =>
  operator === undefined || operator === null || operator === "exact" || operator === "is_not"

/** Definitions with the whole numbers that properties are compared with as texts, which is what PostHog compares. */
export const withTextValues = (definitions: unknown): unknown => {
  if (isList(definitions)) return definitions.map(withTextValues)
  if (!isObject(definitions)) return definitions
  const copy: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(definitions)) setMember(copy, name, withTextValues(member))
  const { key, operator, type, value } = definitions
  const isFilter = typeof key === "string" && type !== "cohort" && type !== "flag" && isTextual(operator)
  if (isFilter && value !== undefined) copy.value = isList(value) ? value.map(textOf) : textOf(value)
  return copy
}

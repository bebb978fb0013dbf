/**
 * Declarations of feature flags, as TypeScript, from what PostHog has.
 *
 * @since 0.1.0
 */
import { isList, isRecord } from "../guard.js"
import { union } from "./dialect.js"
import { byName, comment, identifiers, memberName, quoted } from "./sourceText.js"

/** A flag. */
export interface DefinedFlag {
  readonly key: string
  readonly description: string | undefined
  readonly isActive: boolean
  readonly isGone: boolean
  /** `undefined`: it is on or off. */
  readonly variants: ReadonlyArray<string> | undefined
  /** What comes with its values, as far as that can be read. */
  readonly payloads: ReadonlyArray<unknown>
}

const maxPayload = 100_000

/** PostHog keeps payloads as JSON. `undefined`: it cannot be read. */
const readPayload = (payload: unknown): unknown => {
  if (typeof payload !== "string") return payload
  if (payload.length > maxPayload) return undefined
  try {
    return JSON.parse(payload) as unknown
  } catch {
    return undefined
  }
}

export const readFlag = (value: unknown): DefinedFlag | undefined => {
  if (!isRecord(value) || typeof value.key !== "string") return undefined
  const filters = isRecord(value.filters) ? value.filters : {}
  const given = isRecord(filters.multivariate) ? filters.multivariate.variants : undefined
  const variants = isList(given)
    ? given.flatMap((variant) => isRecord(variant) && typeof variant.key === "string" ? [variant.key] : [])
    : []
  const payloads = isRecord(filters.payloads) && value.has_encrypted_payloads !== true
    ? Object.values(filters.payloads)
    : []
  return {
    key: value.key,
    // PostHog's word for what people write there.
    description: typeof value.name === "string" && value.name.trim() !== "" ? value.name : undefined,
    isActive: value.active !== false,
    isGone: value.deleted === true || value.archived === true,
    variants: variants.length === 0 ? undefined : [...new Set(variants)],
    payloads: payloads.flatMap((payload) => payload === null || payload === "" ? [] : [readPayload(payload)])
  }
}

const maxDepth = 8
const maxMembers = 200

/** The schema that takes all of these values, or `Schema.Unknown` where they are too many to look at. */
const schemaOf = (values: ReadonlyArray<unknown>, depth: number): string => {
  if (values.length === 0 || depth > maxDepth) return "Schema.Unknown"
  const kinds = new Set<string>()
  const objects: Array<{ readonly [name: string]: unknown }> = []
  const items: Array<unknown> = []
  let hasList = false
  for (const value of values) {
    if (value === null) kinds.add("Schema.Null")
    else if (typeof value === "string") kinds.add("Schema.String")
    else if (typeof value === "number") kinds.add("Schema.Number")
    else if (typeof value === "boolean") kinds.add("Schema.Boolean")
    else if (isList(value)) {
      hasList = true
      items.push(...value.slice(0, maxMembers))
    } else if (isRecord(value)) objects.push(value)
    else return "Schema.Unknown"
  }
  if (hasList) kinds.add(`Schema.Array(${schemaOf(items, depth + 1)})`)
  if (objects.length > 0) kinds.add(structOf(objects, depth))
  const all = [...kinds].sort(byName)
  return all.length === 1 ? all[0]! : union(all)
}

const structOf = (objects: ReadonlyArray<{ readonly [name: string]: unknown }>, depth: number): string => {
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))].sort(byName)
  if (names.length > maxMembers) return "Schema.Unknown"
  const members = names.map((name) => {
    const having = objects.filter((object) => Object.hasOwn(object, name))
    const schema = schemaOf(having.map((object) => object[name]), depth + 1)
    return `${memberName(name)}: ${having.length === objects.length ? schema : `Schema.optional(${schema})`}`
  })
  return members.length === 0 ? "Schema.Struct({})" : `Schema.Struct({ ${members.join(", ")} })`
}

const declaration = (flag: DefinedFlag, identifier: string): string => {
  const options = flag.description === undefined ? "" : `, { description: ${quoted(flag.description)} }`
  const made = flag.variants === undefined
    ? `FeatureFlag.boolean(${quoted(flag.key)}${options})`
    : `FeatureFlag.variants(${quoted(flag.key)}, [${flag.variants.map(quoted).join(", ")}]${options})`
  const payload = flag.payloads.length === 0 ? "" : `.payload(${schemaOf(flag.payloads, 0)})`
  const said = [flag.description ?? "", ...(flag.isActive ? [] : ["Not active in PostHog."])].join("\n")
  return `${comment(said)}export const ${identifier} = ${made}${payload}\n`
}

/** The source of a module that declares the flags. */
export const flagSource = (flags: ReadonlyArray<DefinedFlag>): string => {
  const wanted = flags.filter(({ isGone, key }) => !isGone && key !== "").sort((a, b) => byName(a.key, b.key))
  const names = identifiers(wanted.map(({ key }) => key), "Flag", ["FeatureFlag", "Schema"])
  const declarations = wanted.map((flag, index) => declaration(flag, names[index]!))
  return [
    "/**\n * Feature flags as PostHog has them. Written by `effect-posthog flags pull`.\n */\n" +
    `${
      declarations.some((text) => text.includes(".payload(")) ? "import { Schema } from \"effect\"\n" : ""
    }import { FeatureFlag } from "effect-posthog"\n`,
    ...declarations
  ].join("\n")
}

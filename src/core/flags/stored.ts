/**
 * Flag definitions as they are kept in a store: what PostHog answered, with what the next reader has to know besides.
 *
 * @since 0.1.0
 */

export interface Stored {
  /** The definitions, named as PostHog's answer names them. */
  readonly document: unknown
  readonly etag: string | undefined
  /** When they came from PostHog, in milliseconds since the epoch. */
  readonly fetchedAt: number | undefined
}

/** Members that PostHog's Node SDK has other names for. */
const nodeNames = {
  group_type_mapping: "groupTypeMapping",
  minimal_flag_called_events: "minimalFlagCalledEvents",
  property_matching_version: "propertyMatchingVersion"
} as const

const names = Object.entries(nodeNames)

/**
 * The text to store. Both spellings are written, so that a cache provider of the Node SDK can hand out the same
 * document.
 */
export const writeStored = (document: object, etag: string | undefined, fetchedAt: number): string => {
  const members = document as { readonly [name: string]: unknown }
  const both: Record<string, unknown> = { ...members, etag, fetched_at: fetchedAt }
  for (const [name, nodeName] of names) both[nodeName] = members[name]
  return JSON.stringify(both)
}

/** Reads a stored text, which another version may have written; `undefined` when it is no JSON object. */
export const readStored = (text: string): Stored | undefined => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined
  const document: Record<string, unknown> = { ...value }
  for (const [name, nodeName] of names) document[name] ??= document[nodeName]
  const { etag, fetched_at: fetchedAt } = document
  return {
    document,
    etag: typeof etag === "string" ? etag : undefined,
    fetchedAt: typeof fetchedAt === "number" ? fetchedAt : undefined
  }
}

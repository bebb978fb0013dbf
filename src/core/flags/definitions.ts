/**
 * The definitions of all flags, read once per load: whatever can be computed without a user is computed here.
 *
 * @since 0.1.0
 */
import { type Library, readGroup } from "./filters.js"
import { readFlag, settledPlan } from "./flag.js"
import { survey } from "./graph.js"
import { bytesOf } from "./hash.js"
import { type Cohort, type Flag, makeNode } from "./model.js"
import { readMatchingVersion } from "./operators.js"
import { unsupported } from "./outcome.js"
import { isObject, type Json } from "./response.js"

/** Definitions that are ready to be evaluated. */
export interface Definitions {
  /** In the order of the document. */
  readonly keys: ReadonlyArray<string>
  /** Whether events about flags without an experiment may be sent in their short form. */
  readonly minimalFlagCalledEvents: boolean
  /** By key, in the same order. */
  readonly flags: ReadonlyMap<string, Flag>
}

/** Whether a flag is for one of the contexts, or for all; `undefined`: it says that in a way that is not known. */
const isFor = (definition: Json, contexts: ReadonlyArray<string>): boolean | undefined => {
  const own = definition.evaluation_contexts ?? definition.evaluation_tags
  if (contexts.length === 0 || own === undefined || own === null) return true
  if (!Array.isArray(own)) return undefined
  if (own.length === 0 || own.some((context) => contexts.includes(context as string))) return true
  return own.every((context) => typeof context === "string") ? false : undefined
}

const makeFlag = (key: string, definition: Json): Flag => ({
  kind: "flag",
  ...makeNode(),
  key,
  prefix: bytesOf(`${key}.`),
  asksServer: definition.evaluation_runtime !== "client",
  plan: settledPlan(key, undefined),
  isShared: false
})

const readCohorts = (cohorts: unknown): ReadonlyMap<string, Cohort> => {
  const shells = new Map<string, Cohort>()
  if (!isObject(cohorts)) return shells
  for (const id of Object.keys(cohorts)) {
    shells.set(id, { kind: "cohort", ...makeNode(), id, filter: { kind: "known", outcome: unsupported } })
  }
  return shells
}

const read = (document: Json, contexts: ReadonlyArray<string>): Definitions | undefined => {
  const { cohorts: groups, flags: definitions } = document
  if (!Array.isArray(definitions)) return undefined
  const groupTypes = document.group_type_mapping ?? document.groupTypeMapping
  /** Without a definition: it is not known what it says. */
  const kept = new Map<string, { readonly flag: Flag; readonly definition: Json | undefined }>()
  const dropped = new Map<string, Flag>()
  for (const definition of definitions as ReadonlyArray<unknown>) {
    if (!isObject(definition) || typeof definition.key !== "string") continue
    const { key } = definition
    const flag = makeFlag(key, definition)
    const fits = isFor(definition, contexts)
    if (fits === false) dropped.set(key, flag)
    else kept.set(key, { flag, definition: fits === true ? definition : undefined })
  }
  const cohorts = readCohorts(groups)
  const library: Library = {
    matchingVersion: readMatchingVersion(document.property_matching_version ?? document.propertyMatchingVersion),
    groupType: (index) => {
      if (typeof index !== "number" || !isObject(groupTypes)) return undefined
      const type = Object.hasOwn(groupTypes, index) ? groupTypes[index] : undefined
      return typeof type === "string" && type !== "" ? type : undefined
    },
    // A flag that is for other contexts is off for those that depend on it.
    flag: (key) => kept.get(key)?.flag ?? dropped.get(key),
    cohort: (id) => cohorts.get(id)
  }
  for (const [id, cohort] of cohorts) cohort.filter = readGroup(library, cohort, (groups as Json)[id])
  const flags = new Map<string, Flag>()
  for (const [key, { definition, flag }] of kept) {
    readFlag(library, flag, definition)
    flags.set(key, flag)
  }
  survey([...flags.values(), ...cohorts.values()])
  return {
    keys: Array.from(flags.keys()),
    minimalFlagCalledEvents: (document.minimal_flag_called_events ?? document.minimalFlagCalledEvents) === true,
    flags
  }
}

/**
 * `undefined`: the value is no definitions document. A flag that cannot be read stays unresolved, and harms no other.
 * The document is only read, and may change afterwards.
 */
export const compileDefinitions = (
  document: unknown,
  evaluationContexts: ReadonlyArray<string> = []
): Definitions | undefined => {
  try {
    return isObject(document) ? read(document, evaluationContexts) : undefined
  } catch {
    // What is no JSON may throw at any place.
    return undefined
  }
}

/**
 * How PostHog shall treat an event. Capture v1 has options for it; in capture v0 they are properties among the others.
 *
 * @since 0.1.0
 */
import { hasOwn, isObject, isRecord, read, readOwn, setMember } from "../guard.js"
import type { Properties } from "./layers.js"

/** Options by name, as they are sent: PostHog knows `process_person_profile`, `cookieless_mode` and others. */
export interface EventOptions {
  readonly [name: string]: unknown
}

/** The properties that say the same. */
const legacyNames: Readonly<Record<string, string>> = {
  cookieless_mode: "$cookieless_mode",
  disable_skew_correction: "$ignore_sent_at",
  process_person_profile: "$process_person_profile",
  product_tour_id: "$product_tour_id"
}

/** The names of options that a property can stand for, and of the property. */
export const legacyOptions: ReadonlyArray<readonly [option: string, property: string]> = /* #__PURE__ */ Object.entries(
  legacyNames
)

/** The options that are set, as an object of ours. `null` is none, and neither is what throws as it is read. */
export const setOptions = (given: unknown): Record<string, unknown> => {
  const set: Record<string, unknown> = {}
  if (!isRecord(given)) return set
  let names: ReadonlyArray<string>
  try {
    names = Object.keys(given)
  } catch {
    return set
  }
  for (const name of names) {
    const value = read(given, name)
    if (value !== undefined && value !== null) setMember(set, name, value)
  }
  return set
}

/** The options of both, `over` winning; what `over` says is `null` is not set, whatever `under` says. */
export const overlayOptions = (under: unknown, over: unknown): Record<string, unknown> => {
  const options = setOptions(under)
  if (!isRecord(over)) return options
  const own = setOptions(over)
  for (const name of Object.keys(options)) if (readOwn(over, name) === null) delete options[name]
  for (const name of Object.keys(own)) setMember(options, name, own[name])
  return options
}

/** What the options are as properties; those that have no property are none. */
export const legacyProperties = (options: EventOptions): Record<string, unknown> => {
  const properties: Record<string, unknown> = {}
  for (const [option, property] of legacyOptions) {
    if (hasOwn(options, option)) properties[property] = options[option]
  }
  return properties
}

/** Properties with what the options, if there are any, are as such. */
export const withLegacy = (properties: Properties, options: unknown): Properties =>
  isObject(options) ? { ...properties, ...legacyProperties(setOptions(options)) } : properties

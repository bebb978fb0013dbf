/**
 * Options of a call that stand among its properties: `capture("x", { distinctId })` where `capture("x", {}, {
 * distinctId })` was meant.
 *
 * @since 0.1.0
 */
import { epochMillisOf } from "./effectData.js"
import { isUuid } from "./uuid.js"

/** What may be an option that was misplaced, with what its value looks like; a property may well have such a name. */
const looks: Readonly<Record<string, (value: unknown) => boolean>> = {
  distinctId: (value) => value !== undefined,
  distinct_id: (value) => value !== undefined,
  groups: (value) =>
    isObject(value) && !Array.isArray(value) &&
    Object.values(value).every((key) => typeof key === "string" || typeof key === "number"),
  timestamp: (value) => isObject(value) && (value instanceof Date || epochMillisOf(value) !== undefined),
  uuid: (value) => isUuid(value),
  flags: (value) => isObject(value) && "eventProperties" in value,
  disableGeoip: (value) => typeof value === "boolean",
  processPersonProfile: (value) => typeof value === "boolean",
  setOnce: isObject,
  anonDistinctId: (value) => typeof value === "string"
}

/** By the name of the option. */
const optionOf = (name: string): string => name === "distinct_id" ? "distinctId" : name

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null
}

/**
 * The names among the properties that are meant as options, as it seems; those that the call says properly are none.
 */
export const misplacedOptions = (properties: object, options: object | undefined): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const name of Object.keys(looks)) {
    try {
      if (!Object.hasOwn(properties, name)) continue
      const said = options as { readonly [name: string]: unknown } | null | undefined
      const value = (properties as { readonly [name: string]: unknown })[name]
      if (said?.[optionOf(name)] === undefined && looks[name]!(value)) found.push(name)
    } catch {
      // What throws as it is read is marked when the event is written.
    }
  }
  return found
}

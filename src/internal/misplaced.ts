/**
 * Tells of options that were given among the properties of an event.
 */
import { misplacedOptions } from "../core/event/misplaced.js"
import { isObject } from "../core/guard.js"
import { type Diagnostics, kinds } from "./diagnostics.js"

/** Most names of events that are remembered as looked at. */
const maxLookedAt = 1_000

/**
 * Looks for options among properties: once per name of an event, because it is the program that is looked at, and until
 * one is found.
 */
export const makeFinder = (diagnostics: Diagnostics) => {
  const lookedAt = new Set<string>()
  return (event: string, properties: unknown, options: Parameters<typeof misplacedOptions>[1]): void => {
    if (!isObject(properties) || lookedAt.has(event)) return
    if (lookedAt.size < maxLookedAt) lookedAt.add(event)
    const names = misplacedOptions(properties, options)
    if (names.length > 0) {
      diagnostics.emit(kinds.optionsAmongProperties, () => ({ _tag: "OptionsAmongProperties", event, names }))
    }
  }
}

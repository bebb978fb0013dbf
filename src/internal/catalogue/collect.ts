/**
 * The catalogue that a module exports, or that is made of the events which it exports.
 */
import { type Catalogue, isCatalogue, make } from "../../Catalogue.js"
import { isList, isObject, isPlain, read } from "../../core/guard.js"
import { type Any, type GroupType, isPostHogEvent, type Person } from "../../PostHogEvent.js"
import { describeThrown } from "../http/explain.js"

const hasMethods = (value: unknown): boolean =>
  isObject(value) && typeof read(value, "describe") === "function" && typeof read(value, "with") === "function"

const isGroupType = (value: unknown): value is GroupType<string> =>
  hasMethods(value) && typeof read(value, "type") === "string"

const isPerson = (value: unknown): value is Person => hasMethods(value) && read(value, "type") === undefined

/** Events, groups and persons are objects, too. */
const isDeclaration = (value: unknown): boolean => isCatalogue(value) || isPostHogEvent(value) || hasMethods(value)

/**
 * All that a module exports, and what is in the lists, objects and modules that it exports: what has several names is
 * there once.
 */
const valuesOf = (exports: unknown): ReadonlyArray<unknown> =>
  isObject(exports)
    ? [
      ...new Set(
        Object.keys(exports).flatMap((name) => {
          const value = read(exports, name)
          if (isList(value)) return value
          // A module that is exported under a name has no prototype.
          return isPlain(value) && !isDeclaration(value) ? Object.values(value) : [value]
        })
      )
    ]
    : []

/** The catalogue of a module; or what is wrong with it. */
export const collect = (exports: unknown): Catalogue | { readonly problem: string } => {
  const values = valuesOf(exports)
  const [catalogue, other] = values.filter(isCatalogue)
  if (other !== undefined) return { problem: "exports several catalogues; export one of them" }
  if (catalogue !== undefined) return catalogue
  const events: ReadonlyArray<Any> = values.filter(isPostHogEvent)
  if (events.length === 0) return { problem: "exports no event (PostHogEvent.make) and no catalogue (Catalogue.make)" }
  const [person, another] = values.filter(isPerson)
  if (another !== undefined) return { problem: "declares the properties of persons several times; export one of them" }
  try {
    return make({ events, groups: values.filter(isGroupType), person })
  } catch (thrown) {
    return { problem: `cannot be a catalogue: ${describeThrown(thrown)}` }
  }
}

/**
 * Fields of a declaration, ready for use: each is brought into the form that is sent by itself, so that one that does
 * not fit costs the event nothing but that.
 */
import { describeMember } from "../../core/catalogue/describe.js"
import type { PropertyDescription } from "../../core/catalogue/model.js"
import type { Shape } from "../../core/catalogue/shape.js"
import { invalidMark, type PersonalPolicy, type Prepared, type PropertyProblem } from "../../core/event/declared.js"
import { setMember } from "../../core/event/layers.js"
import { isInstance, isRecord } from "../../core/guard.js"
import { type AnyField, type Encode, fullOf, membersOf, quickOf, wrong } from "../effect/schema.js"
import { nothing, replace, type Scrub, scrubOf } from "./personal.js"

/** Fields by name. */
export interface Fields {
  readonly [name: string]: AnyField
}

interface Compiled {
  readonly name: string
  readonly isOptional: boolean
  /** Set for fields of the plain kinds. */
  readonly quick: Encode | undefined
  readonly full: (given: object) => object | typeof wrong
  /** By the name that is sent. */
  readonly scrubs: ReadonlyMap<string, Scrub>
  /** Set where all of the value is personal data, or a part of it is and it cannot be told which. */
  readonly isPersonal: boolean
  readonly expected: string
}

const maxExpectedLength = 100

/** What a shape is, in words. */
const wordsOf = (shape: Shape): string => {
  switch (shape.kind) {
    case "string":
    case "number":
    case "boolean":
      return shape.values === undefined
        ? `a ${shape.kind}`
        : shape.values.map((value) => JSON.stringify(value)).join(" or ")
    case "time":
      return "a date"
    case "nothing":
      return "nothing"
    case "object":
      return "an object"
    case "list":
      return "a list"
    case "union":
      return [...new Set(shape.choices.map(wordsOf))].join(" or ")
    default:
      return "what its schema says"
  }
}

const compile = (name: string, field: AnyField): Compiled => {
  const members = membersOf(name, field)
  const quick = quickOf(name, field)
  const scrubs = new Map<string, Scrub>()
  for (const member of members) {
    const scrub = scrubOf(member.shape)
    if (scrub !== undefined) scrubs.set(member.name, scrub)
  }
  let full: Compiled["full"] | undefined
  return {
    name,
    isOptional: quick?.isOptional ?? members.every(({ isOptional }) => isOptional),
    quick: quick?.encode,
    full: (given) => (full ??= fullOf(name, field))(given),
    scrubs,
    isPersonal: scrubs.size > 0,
    expected: members.map(({ shape }) => wordsOf(shape)).join(", ").slice(0, maxExpectedLength)
  }
}

/** Declared fields: what they are, and how values of them are sent. */
export interface Declaration {
  readonly describe: () => ReadonlyArray<PropertyDescription>
  readonly prepare: (given: unknown, personal: PersonalPolicy) => Prepared
}

/** Whether a value is one that JSON does not have, which PostHog would see as none at all. */
const isLost = (value: unknown): boolean =>
  typeof value === "number" ? !Number.isFinite(value) : isInstance(value, Date) && Number.isNaN(value.getTime())

/** `isPartial`: of fields that are not given nothing is said, and nothing is marked, because it would stay. */
export const declare = (fields: Fields, isPartial = false): Declaration => {
  // Looking into schemas takes time, which a program that never captures the event does not have to spend.
  let compiled: ReadonlyArray<Compiled> | undefined
  const all = (): ReadonlyArray<Compiled> =>
    compiled ??= Object.entries(fields).map(([name, field]) => compile(name, field))

  return {
    describe: () => Object.entries(fields).flatMap(([name, field]) => membersOf(name, field).map(describeMember)),
    prepare: (given, personal) => {
      const properties: Record<string, unknown> = {}
      let problems: Array<PropertyProblem> | undefined
      const source: { readonly [name: string]: unknown } = isRecord(given) ? given : {}
      for (const field of all()) {
        const { expected, isOptional, name, quick } = field
        const isGiven = Object.hasOwn(source, name)
        if (!isGiven && (isOptional || isPartial)) continue
        const value = isGiven ? source[name] : undefined
        if (quick !== undefined && isGiven) {
          const encoded = quick(value)
          if (encoded !== wrong && !isLost(encoded)) {
            if (encoded === undefined) continue
            if (!field.isPersonal) {
              setMember(properties, name, encoded)
              continue
            }
          }
        }
        const encoded = field.full(isGiven ? { [name]: value } : {})
        if (encoded !== wrong && !Object.values(encoded).some(isLost)) {
          put(properties, encoded, field, personal)
          continue
        }
        problems ??= []
        const isMissing = value === undefined || value === null
        problems.push({ property: name, problem: isMissing ? "missing" : "invalid", expected })
        if (isMissing) continue
        const shown = field.isPersonal ? replace(value, "usual", personal) : value
        if (shown !== nothing) setMember(properties, name, shown)
      }
      if (problems !== undefined && !isPartial) {
        setMember(
          properties,
          invalidMark,
          problems.map(({ property }) => property)
        )
      }
      return { properties, problems }
    }
  }
}

const put = (
  properties: Record<string, unknown>,
  encoded: object,
  { scrubs }: Compiled,
  personal: PersonalPolicy
): void => {
  for (const [name, value] of Object.entries(encoded)) {
    const scrub = scrubs.get(name)
    const shown = scrub === undefined ? value as unknown : scrub(value, personal)
    if (shown !== nothing && shown !== undefined) setMember(properties, name, shown)
  }
}

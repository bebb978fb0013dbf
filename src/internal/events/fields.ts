/**
 * Fields of a declaration, ready for use: each is brought into the form that is sent by itself, so that one that does
 * not fit costs the event nothing but that.
 */
import { describeMember, waysOf } from "../../core/catalogue/describe.js"
import { type Encode, wrong } from "../../core/catalogue/encode.js"
import { invalid, type Misfit, unsaid, wordsOf } from "../../core/catalogue/misfit.js"
import type { PropertyDescription } from "../../core/catalogue/model.js"
import {
  type Hidden,
  invalidMark,
  type PersonalData,
  type PersonalPolicy,
  type Prepared,
  type PropertyProblem,
  sayProblems
} from "../../core/event/declared.js"
import { toJson } from "../../core/event/json.js"
import { type Properties, setMember } from "../../core/event/layers.js"
import { isInstance, isList, isObject, isPlain, isRecord } from "../../core/guard.js"
import { fullOf, quickOf } from "../effect/parse.js"
import { type AnyField, membersOf } from "../effect/schema.js"
import { nothing, replaceWhole, type Scrub, scrubOf } from "./personal.js"

/** Fields by name. */
export interface Fields {
  readonly [name: string]: AnyField
}

interface Compiled {
  readonly name: string
  readonly isOptional: boolean
  /** Set for fields of the plain kinds. */
  readonly quick: Encode | undefined
  readonly full: ReturnType<typeof fullOf>
  /** By the name that is sent. */
  readonly scrubs: ReadonlyMap<string, Scrub>
  /** How personal data in it is made unreadable; none: there is none. */
  readonly ways: ReadonlyArray<PersonalData | "usual">
  /** The same by the names under which it is sent, or given. */
  readonly personal: ReadonlyMap<string, ReadonlyArray<PersonalData | "usual">>
  readonly expected: string
}

/** A field whose schema cannot be looked into: nothing fits it, and all of it may be personal data. */
const unusable = (name: string): Compiled => ({
  name,
  isOptional: false,
  quick: undefined,
  full: () => wrong,
  scrubs: new Map(),
  ways: ["usual"],
  personal: new Map([[name, ["usual"]]]),
  expected: unsaid
})

const compile = (name: string, field: AnyField): Compiled => {
  try {
    const members = membersOf(name, field)
    const quick = quickOf(name, field)
    const scrubs = new Map<string, Scrub>()
    for (const member of members) {
      const scrub = scrubOf(member.shape)
      if (scrub !== undefined) scrubs.set(member.name, scrub)
    }
    const full = fullOf(name, field)
    const ways = members.flatMap(({ shape }) => waysOf(shape))
    const names = ways.length === 0 ? [] : [name, ...scrubs.keys()]
    return {
      name,
      isOptional: quick?.isOptional === true,
      quick: quick?.encode,
      full,
      scrubs,
      ways,
      personal: new Map(names.map((name) => [name, ways])),
      expected: members.map(({ shape }) => wordsOf(shape)).join(", ")
    }
  } catch {
    return unusable(name)
  }
}

/** Declared fields: what they are, and how values of them are sent. */
export interface Declaration {
  readonly describe: () => ReadonlyArray<PropertyDescription>
  readonly prepare: (given: unknown, personal: PersonalPolicy) => Prepared
}

/** No event has room for more. */
const maxLength = 1_000_000

/** Whether a value is one that JSON does not have, which PostHog would see as none at all. */
const isLost = (value: unknown): boolean =>
  typeof value === "number"
    ? !Number.isFinite(value)
    : isInstance(value, Date)
    ? Number.isNaN(value.getTime())
    // A duration without end, for instance.
    : isObject(value) && !isList(value) && !isPlain(value) && toJson("", value, maxLength) === null

/** `isPartial`: of fields that are not given nothing is said, and nothing is marked, because it would stay. */
export const declare = (fields: Fields, isPartial = false): Declaration => {
  // Looking into schemas takes time, which a program that never captures the event does not have to spend.
  let compiled: ReadonlyArray<Compiled> | undefined
  let hide: Hide | undefined
  const all = (): ReadonlyArray<Compiled> => {
    if (compiled === undefined) {
      compiled = Object.entries(fields).map(([name, field]) => compile(name, field))
      hide = hiderOf(compiled)
    }
    return compiled
  }

  return {
    describe: () => Object.entries(fields).flatMap(([name, field]) => membersOf(name, field).map(describeMember)),
    prepare: (given, personal) => {
      const properties: Record<string, unknown> = {}
      let problems: Array<PropertyProblem> | undefined
      for (const field of all()) {
        const problem = take(properties, isRecord(given) ? given : {}, field, isPartial, personal)
        if (problem !== undefined) (problems ??= []).push(problem)
      }
      if (problems !== undefined && !isPartial) {
        setMember(
          properties,
          invalidMark,
          problems.map(({ property }) => property)
        )
      }
      const isWrong = (name: string): boolean => problems?.some(({ property }) => property === name) ?? false
      return {
        properties,
        problems,
        say: () => sayProblems(problems ?? []),
        fitting: () => Object.fromEntries(Object.entries(properties).filter(([name]) => !isWrong(name))),
        hide: hide && ((around) => hiding(properties, hide!(around, properties, personal)))
      }
    }
  }
}

/**
 * What stands in the place of properties that come from elsewhere than the call, and have the names of personal ones
 * which the call does not say: by name, `undefined` for what is left out.
 */
type Hide = (around: (name: string) => unknown, said: Properties, personal: PersonalPolicy) => Properties

const hiding = (properties: Properties, hidden: Properties): Hidden => {
  const omits = (name: string): boolean => Object.hasOwn(hidden, name) && hidden[name] === undefined
  return {
    known: (known) => Object.fromEntries(Object.entries({ ...known, ...hidden }).filter(([name]) => !omits(name))),
    properties: { ...hidden, ...properties },
    omits
  }
}

/** What is around a call may be anything, so all of it goes. */
const hiderOf = (fields: ReadonlyArray<Compiled>): Hide | undefined => {
  const ways = new Map(fields.flatMap(({ personal }) => [...personal]))
  return ways.size === 0 ? undefined : (around, said, policy) => {
    const hidden: Record<string, unknown> = {}
    for (const [name, how] of ways) {
      if (Object.hasOwn(said, name)) continue
      const value = around(name)
      if (value === undefined) continue
      const shown = replaceWhole(toJson(name, value, maxLength), how, policy)
      setMember(hidden, name, shown === nothing ? undefined : shown)
    }
    return hidden
  }
}

/** Brings one property into the form that is sent, and says what is wrong with it. Never throws. */
const take = (
  properties: Record<string, unknown>,
  given: { readonly [name: string]: unknown },
  field: Compiled,
  isPartial: boolean,
  personal: PersonalPolicy
): PropertyProblem | undefined => {
  const { expected, full, isOptional, name, quick, ways } = field
  const of = ({ expected, path, problem }: Misfit): PropertyProblem => ({ property: name, path, problem, expected })
  const here = { path: name, depth: 1 }
  let why = invalid(here, expected)
  let value: unknown
  try {
    const isGiven = Object.hasOwn(given, name)
    if (!isGiven && (isOptional || isPartial)) return undefined
    value = isGiven ? given[name] : undefined
    if (value === undefined && isPartial) return undefined
    if (quick !== undefined && isGiven && ways.length === 0) {
      const encoded = quick(value)
      if (encoded !== wrong && !isLost(encoded)) {
        if (encoded !== undefined) setMember(properties, name, encoded)
        return undefined
      }
    }
    // Effect's parser knows no bound.
    const isSmall = isBounded(value)
    const tell = (misfit: Misfit): void => {
      why = misfit
    }
    const encoded = isSmall ? full(isGiven ? { [name]: value } : {}, tell) : wrong
    if (!isSmall) why = invalid(here, `of ${maxParts} parts at most`)
    if (encoded !== wrong && !Object.values(encoded).some(isLost)) {
      put(properties, encoded, field, personal)
      return undefined
    }
  } catch {
    // What a value or a schema throws may have the value in its message.
  }
  if (value === undefined || value === null) return of({ ...why, problem: "missing" })
  // Of an object only what is declared would be to send, and which that is cannot be said of one that does not fit.
  const shown = ways.length > 0 ? replaceWhole(value, ways, personal) : isObject(value) ? nothing : value
  if (shown !== nothing) setMember(properties, name, shown)
  return of(why)
}

/** Parts of a value that is given to Effect's parser: more than any event has room for. */
const maxParts = 20_000

/** Whether a value has no more parts than that, those that it has twice counted twice. */
const isBounded = (value: unknown): boolean => {
  if (!isObject(value)) return true
  const waiting: Array<unknown> = [value]
  for (let seen = 0; waiting.length > 0; seen++) {
    if (seen > maxParts) return false
    const part = waiting.pop()
    if (!isObject(part)) continue
    if (isList(part)) {
      if (part.length > maxParts) return false
      for (const item of part) waiting.push(item)
    } else if (isPlain(part)) {
      for (const name of Object.keys(part)) waiting.push((part as { readonly [name: string]: unknown })[name])
    }
    if (waiting.length > maxParts) return false
  }
  return true
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

/**
 * The operators of conditions. Each is compiled once for its filter, and then looks at one value after the other.
 *
 * @since 0.1.0
 */
import { parseDate, parseRelativeDate, resolveRelativeDate } from "./dates.js"
import {
  isUnresolved,
  missingContext,
  no,
  ofBoolean,
  reasonOf,
  type UnresolvedReason,
  unsupported,
  unsupportedRegex,
  yes
} from "./outcome.js"
import { compileRegex } from "./regex.js"
import { isObject, type Json } from "./response.js"
import {
  caretRange,
  compareVersions,
  isWithin,
  parseVersion,
  tildeRange,
  type Version,
  type VersionRange,
  wildcardRange
} from "./semver.js"
import { exactText, isBooleanLike, isJson, isTruthy, lowerAscii, ownMember, plainText } from "./values.js"

/** A filter on one property. */
export interface Operator {
  /** What comes of a property that is not there, and of which nothing more is known. */
  readonly absent: number
  /** What comes of a property of which it is known that the person or group has none. */
  readonly knownAbsent: number
  /** What comes of a value, which is not `undefined`. */
  readonly test: (value: unknown, now: number) => number
}

const context = (test: Operator["test"], knownAbsent = no): Operator => ({ absent: missingContext, knownAbsent, test })

const refused: Operator = { absent: unsupported, knownAbsent: unsupported, test: () => unsupported }

/** What the filter compares with cannot be used. What is not there equals and exceeds nothing, whatever that may be. */
const unusable: Operator = { ...refused, knownAbsent: no }

/** Null is a text to some operators, and to all others nothing that could match. */
const notNull = ({ absent, knownAbsent, test }: Operator): Operator => ({
  absent,
  knownAbsent,
  test: (value, now) => value === null ? no : test(value, now)
})

/** The values of the filter as texts, in order; `undefined` where there is none. */
const exactTexts = (target: unknown): ReadonlyArray<string | undefined> =>
  (Array.isArray(target) ? Array.from(target as Array<unknown>) : [target]).map((item) =>
    exactText(item)?.toLowerCase()
  )

/** Whether the value equals the filter's; or it is unresolved. */
const exact = (target: unknown, version: number): Operator => {
  const isList = Array.isArray(target)
  const texts = exactTexts(target)
  const absent = texts.includes(undefined) ? unsupported : missingContext
  if (isList && target.length === 0 || version !== 2 && isBooleanLike(target)) {
    const wanted = isTruthy(target)
    return { absent, knownAbsent: no, test: (value) => isJson(value) ? ofBoolean(isTruthy(value) === wanted) : absent }
  }
  if (!isList && absent === unsupported) return unusable
  const isBoolean = isBooleanLike(target)
  return {
    absent,
    knownAbsent: no,
    test: (value) => {
      if (isBoolean && typeof value === "number") return Number.isFinite(value) ? no : absent
      const text = exactText(value)?.toLowerCase()
      if (text === undefined) return absent
      // What stands before an unusable value still counts.
      for (const wanted of texts) {
        if (wanted === undefined || wanted === text) {
          return wanted === undefined
            ? unsupported
            : yes
        }
      }
      return no
    }
  }
}

const opposite = (outcome: number): number => outcome > yes ? outcome : 1 - outcome

/** PostHog's negations hold of what is not there, too: nobody without a plan has the plan `free`. */
const negated = ({ absent, knownAbsent, test }: Operator): Operator => ({
  absent,
  knownAbsent: opposite(knownAbsent),
  test: (value, now) => opposite(test(value, now))
})

const textual = (target: unknown, holds: (text: string, wanted: string) => boolean): Operator => {
  const text = target === undefined ? undefined : plainText(target)
  if (text === undefined) return refused
  const wanted = lowerAscii(text)
  return context((value) => {
    const actual = plainText(value)
    return actual === undefined ? missingContext : ofBoolean(holds(lowerAscii(actual), wanted))
  })
}

const regex = (target: unknown, matches: boolean): Operator => {
  const pattern = target === undefined ? undefined : plainText(target)
  if (pattern === undefined) return refused
  const matcher = compileRegex(pattern)
  if (matcher === false) return context(() => no)
  const knownAbsent = ofBoolean(!matches)
  if (matcher === undefined) return context(() => unsupportedRegex, knownAbsent)
  return context((value) => {
    const text = plainText(value)
    if (text === undefined) return missingContext
    const found = matcher(text)
    return found === undefined ? unsupportedRegex : ofBoolean(found === matches)
  }, knownAbsent)
}

const numeric = (target: unknown, holds: (order: number) => boolean): Operator => {
  const text = target === undefined ? undefined : plainText(target)
  if (text === undefined) return refused
  const wanted = Number.parseFloat(text)
  const order = <A extends number | string>(a: A, b: A) => a < b ? -1 : a > b ? 1 : 0
  return notNull(context((value) => {
    const actual = plainText(value)
    if (actual === undefined) return missingContext
    const number = typeof value === "number" ? value : Number.parseFloat(actual)
    const areNumbers = Number.isFinite(wanted) && Number.isFinite(number)
    return ofBoolean(holds(areNumbers ? order(number, wanted) : order(actual, text)))
  }))
}

const dated = (target: unknown, holds: (time: number, limit: number) => boolean): Operator => {
  const relative = typeof target === "boolean" ? undefined : parseRelativeDate(plainText(target) ?? "")
  const absolute = relative === undefined ? parseDate(target) : undefined
  if (relative === undefined && absolute === undefined) return notNull(unusable)
  return notNull(context((value, now) => {
    const time = parseDate(value)
    const limit = relative === undefined ? absolute! : resolveRelativeDate(relative, now)
    return time === undefined || Number.isNaN(limit) ? missingContext : ofBoolean(holds(time, limit))
  }))
}

const versioned = <A>(
  target: unknown,
  parse: (text: string) => A | undefined,
  holds: (version: Version, wanted: A) => boolean
): Operator => {
  const wanted = parse(plainText(target) ?? "")
  if (wanted === undefined) return notNull(unusable)
  return notNull(context((value) => {
    const version = parseVersion(plainText(value) ?? "")
    return version === undefined ? missingContext : ofBoolean(holds(version, wanted))
  }))
}

const ordered = (holds: (order: number) => boolean) => (target: unknown): Operator =>
  versioned(target, parseVersion, (version, wanted) => holds(compareVersions(version, wanted)))

const ranged = (range: (text: string) => VersionRange | undefined) => (target: unknown): Operator =>
  versioned(target, range, isWithin)

const contains = (text: string, wanted: string) => text.includes(wanted)
const startsWith = (text: string, wanted: string) => text.startsWith(wanted)
const endsWith = (text: string, wanted: string) => text.endsWith(wanted)

const operators = new Map<string, (target: unknown, version: number) => Operator>([
  ["exact", exact],
  ["is_not", (target, version) => negated(exact(target, version))],
  ["is_set", () => context(() => yes)],
  ["is_not_set", () => context(() => no, yes)],
  ["icontains", (target) => textual(target, contains)],
  ["not_icontains", (target) => negated(textual(target, contains))],
  ["starts_with", (target) => textual(target, startsWith)],
  ["not_starts_with", (target) => negated(textual(target, startsWith))],
  ["ends_with", (target) => textual(target, endsWith)],
  ["not_ends_with", (target) => negated(textual(target, endsWith))],
  ["regex", (target) => regex(target, true)],
  ["not_regex", (target) => regex(target, false)],
  ["gt", (target) => numeric(target, (order) => order > 0)],
  ["gte", (target) => numeric(target, (order) => order >= 0)],
  ["lt", (target) => numeric(target, (order) => order < 0)],
  ["lte", (target) => numeric(target, (order) => order <= 0)],
  ["is_date_before", (target) => dated(target, (time, limit) => time < limit)],
  ["is_date_after", (target) => dated(target, (time, limit) => time > limit)],
  ["semver_eq", ordered((order) => order === 0)],
  ["semver_neq", ordered((order) => order !== 0)],
  ["semver_gt", ordered((order) => order > 0)],
  ["semver_gte", ordered((order) => order >= 0)],
  ["semver_lt", ordered((order) => order < 0)],
  ["semver_lte", ordered((order) => order <= 0)],
  ["semver_tilde", ranged(tildeRange)],
  ["semver_caret", ranged(caretRange)],
  ["semver_wildcard", ranged(wildcardRange)]
])

const compilerOf = (operator: unknown) => {
  const name = operator === undefined || operator === null || operator === "" ? "exact" : operator
  return typeof name === "string" ? operators.get(name) : undefined
}

/** Whether it is an operator for properties, or none is named, which means `exact`. */
export const isKnownOperator = (operator: unknown): boolean => compilerOf(operator) !== undefined

/**
 * Whether a filter of this type looks at a property of the person or group that a condition is about. Types that
 * PostHog has besides, such as `person_metadata`, mean something else by the same name.
 */
export const isPropertyType = (type: unknown): boolean =>
  type === "person" || type === "group" || type === undefined || type === null

/** The rules of comparison that a document names: 1 and 2 are known, and 1 is meant where none is named. */
export const readMatchingVersion = (version: unknown): number | undefined =>
  version === undefined || version === null || version === 1 ? 1 : version === 2 ? 2 : undefined

/** Compiles a filter on a property; what PostHog has and this library does not is refused wherever it is met. */
export const compileOperator = (operator: unknown, target: unknown, matchingVersion: number | undefined): Operator => {
  const compile = compilerOf(operator)
  try {
    return compile === undefined || matchingVersion === undefined ? refused : compile(target, matchingVersion)
  } catch {
    return refused
  }
}

/** Whether properties pass a filter, by itself; or why it cannot be told. */
export const matchFilter = (
  filter: unknown,
  properties: unknown,
  now: number,
  matchingVersion: unknown
): boolean | UnresolvedReason => {
  let read: Json
  try {
    if (!isObject(filter)) return "unsupported_definition"
    const { key, operator, type, value } = filter
    read = { key, operator, type, value }
  } catch {
    // A getter that throws, or a Proxy.
    return "unsupported_definition"
  }
  const { key, operator, type, value } = read
  if (typeof key !== "string" || !isPropertyType(type)) return "unsupported_definition"
  const compiled = compileOperator(operator, value, readMatchingVersion(matchingVersion))
  const actual = ownMember(properties, key)
  const outcome = actual === undefined ? compiled.absent : compiled.test(actual, now)
  return isUnresolved(outcome) ? reasonOf(outcome) : outcome === yes
}

/**
 * What the door knows of an event that was declared with a schema, without knowing schemas.
 *
 * @since 0.1.0
 */
import type { Properties } from "./layers.js"

/**
 * How personal data is made unreadable: replaced by `[redacted]`, by a hash with the key of the instance (the same
 * value has the same hash, so that it can still be counted), or left out.
 *
 * @since 0.1.0
 * @category models
 */
export type PersonalData = "redact" | "hash" | "omit"

/** What an instance does with personal data. */
export interface PersonalPolicy {
  /** For fields that do not say it themselves. */
  readonly usual: PersonalData
  /** What hashes are made with; `undefined`: the instance has none. */
  readonly key: string | undefined
}

/**
 * One property of an event that does not fit its declaration. It never has the value, which may be personal data.
 *
 * @since 0.1.0
 * @category models
 */
export interface PropertyProblem {
  readonly property: string
  /**
   * Where in the property the fault is, such as `items[2].price`; the name of the property where it is the property
   * itself. The key of a map belongs to the value, and `[*]` is in its place.
   */
  readonly path: string
  /** `missing`: the declaration wants it; `invalid`: it has another type, or breaks a rule of it. */
  readonly problem: "missing" | "invalid"
  /** What the declaration says, in words, such as `a positive number`. */
  readonly expected: string
}

/**
 * Properties that come from elsewhere than the call, such as a context, where personal ones that the call does not say
 * are made unreadable or left out.
 */
export interface Hidden {
  /** Properties that were known before, as they may be seen. */
  readonly known: (known: Properties) => Properties
  /** Those of the call, and over what surrounds it those that were made unreadable. */
  readonly properties: Properties
  /** Whether a property of the surroundings is left out. */
  readonly omits: (name: string) => boolean
}

/** Properties as they are sent, and what is wrong with them. */
export interface Prepared {
  readonly properties: Properties
  readonly problems: ReadonlyArray<PropertyProblem> | undefined
  /** The problems in words. */
  readonly say: () => string
  /** The properties without those that have a problem. */
  readonly fitting: () => Properties
  /** Given what a property has in the surroundings. `undefined`: none of what was declared is personal data. */
  readonly hide: ((around: (name: string) => unknown) => Hidden) | undefined
}

/** A declaration, seen from the door. */
export interface Declared {
  readonly prepare: (given: unknown, personal: PersonalPolicy) => Prepared
}

/** The property that marks an event whose properties do not fit its declaration: their names. */
export const invalidMark = "$invalid_properties"

/** The problems in words, such as `items[2].price should be a positive number, currency is missing`. */
export const sayProblems = (problems: ReadonlyArray<PropertyProblem>): string =>
  problems.map(({ expected, path, problem }) =>
    problem === "missing" ? `${path} is missing` : `${path} should be ${expected}`
  ).join(", ")

/** Under which name {@link DeclaredProperties} have what they are. */
export const declaredId = "~effect-posthog/DeclaredProperties"

/** Whose properties they are: those of a person, or of a group of a type. */
export type Subject = "person" | { readonly group: string }

/**
 * Properties with their declaration, which an instance brings into the form that is sent. Anywhere else they are an
 * object without members, because what is in them may be personal data.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeclaredProperties<out Of extends Subject = Subject> {
  readonly [declaredId]: Declared & {
    readonly given: unknown
    /** Known to the compiler alone, which refuses properties of another type of groups. */
    readonly of?: Of
  }
}

/** Properties and how they are brought into the form that is sent. */
export const makeDeclared = <Of extends Subject>({ prepare }: Declared, given: unknown): DeclaredProperties<Of> =>
  Object.defineProperty({}, declaredId, { value: { prepare, given } }) as DeclaredProperties<Of>

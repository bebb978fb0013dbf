/**
 * What a filter, a cohort or a flag comes to: a small integer, since millions of them are made. 0 is no, 1 is yes, and
 * anything above is unresolved: a reason, and two bits about what it means for the rest of the flag.
 *
 * @since 0.1.0
 */

/** Why a flag cannot be evaluated here. */
export type UnresolvedReason =
  | "experience_continuity"
  | "unsupported_definition"
  | "unresolved_dependency"
  | "missing_context"

export const no = 0
export const yes = 1

/** A regular expression that may mean something else to PostHog: a later match does not settle the flag. */
const regexBit = 4
/** Only PostHog can tell: later conditions are not tried. */
const serverBit = 8

// The reasons by precedence.
export const missingContext = 1 << 4
export const unresolvedDependency = 2 << 4
export const unsupported = 3 << 4
export const experienceContinuity = 4 << 4

export const unsupportedRegex = unsupported | regexBit
export const serverOnly = unsupported | serverBit

const reasons: ReadonlyArray<UnresolvedReason> = [
  "missing_context",
  "missing_context",
  "unresolved_dependency",
  "unsupported_definition",
  "experience_continuity"
]

export const isUnresolved = (outcome: number): boolean => outcome > yes
export const isServerOnly = (outcome: number): boolean => (outcome & serverBit) !== 0
export const isRegex = (outcome: number): boolean => (outcome & regexBit) !== 0
export const reasonOf = (outcome: number): UnresolvedReason => reasons[outcome >> 4]!
export const ofBoolean = (value: boolean): number => value ? yes : no

/** Two unresolved outcomes (or `no`) as one: the reason of the higher precedence; without the server bit. */
export const both = (a: number, b: number): number => Math.max(a >> 4, b >> 4) << 4 | (a | b) & regexBit

/** The same with the server bit. */
export const onServer = (outcome: number): number => outcome | serverBit

/** An unresolved outcome as it counts for the flags that depend on it. */
export const asDependency = (outcome: number): number =>
  isServerOnly(outcome) ? unresolvedDependency | serverBit : unresolvedDependency | outcome & regexBit

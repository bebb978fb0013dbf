/**
 * Versions as PostHog's conditions compare them: three numbers, and nothing of pre-releases and builds.
 *
 * @since 0.1.0
 */

export type Version = readonly [major: number, minor: number, patch: number]

/** A half-open range of versions. */
export interface VersionRange {
  readonly from: Version
  readonly before: Version
}

const component = (text: string): number | undefined => /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : undefined

const trimmed = (text: string): string => text.trim().replace(/^[vV]/, "")

/** `undefined`: no version. Components that are missing or empty are 0. */
export const parseVersion = (text: string): Version | undefined => {
  const base = trimmed(text).split("-", 1)[0]!.split("+", 1)[0]!
  if (base === "" || base.startsWith(".")) return undefined
  const version: [number, number, number] = [0, 0, 0]
  const parts = base.split(".", 3)
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === "") continue
    const number = component(parts[i]!)
    if (number === undefined) return undefined
    version[i] = number
  }
  return version
}

export const compareVersions = (a: Version, b: Version): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]

export const tildeRange = (text: string): VersionRange | undefined => {
  const from = parseVersion(text)
  return from && { from, before: [from[0], from[1] + 1, 0] }
}

export const caretRange = (text: string): VersionRange | undefined => {
  const from = parseVersion(text)
  if (from === undefined) return undefined
  const [major, minor, patch] = from
  return { from, before: major > 0 ? [major + 1, 0, 0] : minor > 0 ? [0, minor + 1, 0] : [0, 0, patch + 1] }
}

export const wildcardRange = (text: string): VersionRange | undefined => {
  const parts = trimmed(text).replace(/\.\*$/, "").replace(/\*$/, "").split(".", 2)
  const major = component(parts[0]!)
  if (major === undefined) return undefined
  if (parts.length === 1) return { from: [major, 0, 0], before: [major + 1, 0, 0] }
  const minor = component(parts[1]!)
  return minor === undefined ? undefined : { from: [major, minor, 0], before: [major, minor + 1, 0] }
}

export const isWithin = (version: Version, range: VersionRange): boolean =>
  compareVersions(version, range.from) >= 0 && compareVersions(version, range.before) < 0

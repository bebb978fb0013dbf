/**
 * What the control API is told: flags and faults as people and programs write them. What is wrong is said in words.
 */
import type { Plan } from "./faults.js"
import type { Flags, Override } from "./flags.js"
import type { Fault, Target } from "./model.js"

type Fields = { readonly [name: string]: unknown }

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isValue = (value: unknown): value is boolean | string => typeof value === "boolean" || typeof value === "string"

const isTextOrNone = (value: unknown): value is string | undefined => value === undefined || typeof value === "string"

const overrideOf = (given: unknown): Override | string => {
  if (!isObject(given) || typeof given.key !== "string" || given.key === "") return "an override has a key"
  const { distinctId, key, payload, value } = given
  if (!isValue(value)) return `the value of ${key} is true, false or the name of a variant`
  if (!isTextOrNone(distinctId)) return `distinctId of ${key} is a text`
  return { key, value, payload, distinctId }
}

/** `{"checkout": "fast", "new-nav": true}`, where a value may also be `{"value": "fast", "payload": …}`. */
const overridesOfRecord = (record: Fields): ReadonlyArray<Override> | string => {
  const overrides: Array<Override> = []
  for (const [key, given] of Object.entries(record)) {
    const override = overrideOf(isObject(given) ? { ...given, key } : { key, value: given })
    if (typeof override === "string") return override
    overrides.push(override)
  }
  return overrides
}

/**
 * Changes flags as somebody says: a document of definitions (`flags` is a list), all overrides (`overrides` is a list,
 * or an object of values by key), or one (`override`, whose value `null` takes it away). `undefined`, or what is wrong.
 */
export const changeFlags = (flags: Flags, given: unknown): string | undefined => {
  if (!isObject(given)) {
    return "say {\"checkout\": \"fast\"}, {\"overrides\": […]}, {\"override\": {…}}, or give a document of definitions"
  }
  if (Array.isArray(given.flags)) return flags.setDefinitions(given)
  if (isObject(given.override) && typeof given.override.key === "string") {
    const { distinctId, key, payload, value } = given.override
    if (value !== null && value !== undefined && !isValue(value)) {
      return `the value of ${key} is true, false, the name of a variant, or null to take the override away`
    }
    if (!isTextOrNone(distinctId)) return "distinctId is a text"
    flags.override({ key, value: value ?? undefined, payload, distinctId })
    return undefined
  }
  const overrides = Array.isArray(given.overrides)
    ? given.overrides.map(overrideOf)
    : overridesOfRecord(given)
  if (typeof overrides === "string") return overrides
  const problem = overrides.find((override): override is string => typeof override === "string")
  if (problem !== undefined) return problem
  flags.setOverrides(overrides as ReadonlyArray<Override>)
  return undefined
}

const isCount = (value: unknown, least: number): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= least

const isHeaders = (value: unknown): value is { readonly [name: string]: string } =>
  isObject(value) &&
  Object.entries(value).every(([name, text]) =>
    /^[\w!#$%&'*+.^`|~-]+$/.test(name) && typeof text === "string" && /^[\t\x20-\x7e]*$/.test(text)
  )

const kinds = "status, slow, silent, reset, refuse, cut, garbage, quota, partial"

/** Longest time that an answer is held back. */
const maxSlow = 3_600_000

const faultOf = (given: unknown, depth = 0): Fault | string => {
  if (!isObject(given)) return `a fault is an object with a kind: ${kinds}`
  switch (given.kind) {
    case "status": {
      const { body, headers, status } = given
      if (!isCount(status, 200) || status > 599) return "status is a number from 200 to 599"
      if (headers !== undefined && !isHeaders(headers)) return "headers is an object of texts"
      return isTextOrNone(body) ? { kind: "status", status, headers, body } : "body is a text"
    }
    case "slow": {
      const { millis, next } = given
      if (!isCount(millis, 0) || millis > maxSlow) return `millis is a number of milliseconds up to ${maxSlow}`
      if (next === undefined || next === null) return { kind: "slow", millis }
      const after = depth > 3 ? "faults follow each other, but not so many" : faultOf(next, depth + 1)
      return typeof after === "string" ? after : { kind: "slow", millis, next: after }
    }
    case "silent":
    case "refuse":
    case "garbage":
      return { kind: given.kind }
    case "reset": {
      const { when = "before" } = given
      return when === "before" || when === "after" ? { kind: "reset", when } : "when is \"before\" or \"after\""
    }
    case "cut":
      return { kind: "cut", stays: given.stays === true }
    case "quota": {
      const { limited } = given
      if (limited === undefined) return { kind: "quota" }
      return Array.isArray(limited) && limited.every((one) => typeof one === "string")
        ? { kind: "quota", limited }
        : "limited is a list of texts, such as [\"events\"]"
    }
    case "partial": {
      const { details, every, result } = given
      if (result !== "retry" && result !== "drop" && result !== "limited" && result !== "warning") {
        return "result is retry, drop, limited or warning"
      }
      if (every !== undefined && !isCount(every, 1)) return "every is a number, 1 or more"
      return isTextOrNone(details) ? { kind: "partial", result, every, details } : "details is a text"
    }
    default:
      return `there is no such kind of fault; there are ${kinds}`
  }
}

const targets: ReadonlyArray<string> = [
  "events",
  "flags",
  "definitions",
  "config",
  "replay",
  "otlp",
  "other",
  "everything"
]

/** `{"fault": {"kind": "status", "status": 503}, "on": "events", "times": 3}`; or what is wrong with it. */
export const planOf = (given: unknown): Plan | string => {
  if (!isObject(given)) {
    return "say {\"fault\": {\"kind\": \"status\", \"status\": 503}, \"on\": \"events\", \"times\": 3}"
  }
  const { on, share, times } = given
  const fault = faultOf(given.fault)
  if (typeof fault === "string") return fault
  if (on !== undefined && !targets.includes(on as string)) return `on is one of ${targets.join(", ")}`
  if (times !== undefined && !isCount(times, 1)) return "times is a number, 1 or more"
  if (share !== undefined && !(typeof share === "number" && share >= 0 && share <= 1)) return "share is from 0 to 1"
  // Nobody is refused for one kind of requests: they are what a connection brings.
  if (
    fault.kind === "refuse" && (times !== undefined || share !== undefined || on !== undefined && on !== "everything")
  ) {
    return "refuse is about connections: it takes neither on, times nor share, and is stopped with {\"stop\": id}"
  }
  return { fault, on: on as Target | "everything" | undefined, times, share }
}

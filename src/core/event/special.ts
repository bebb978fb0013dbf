/**
 * The events that PostHog gives a meaning of its own: names and payloads.
 *
 * @since 0.1.0
 */
import { isRecord } from "../guard.js"
import { Written } from "./json.js"
import { extend, isIdentifier, type Properties, type PropertiesInput } from "./layers.js"

/** Subject and properties of a special event. */
export interface SpecialEvent {
  /** `undefined`: the id of the call or of the context. */
  readonly distinctId: string | undefined
  readonly properties: Properties
}

/** What is wrong with the arguments of a special event, in words for a diagnostic. */
export interface InvalidArguments {
  readonly invalid: string
}

/** `undefined`: there is nothing to say, and so no event. */
export type Made = SpecialEvent | InvalidArguments | undefined

/** Names are asked for of an object alone: a text or binary data has as many as it is long. */
const isEmpty = (properties: unknown): boolean =>
  properties === undefined || properties === null || isRecord(properties) && Object.keys(properties).length === 0

/** Stands for properties that are none. */
const noProperties = new Written("{}", 1, ["properties: no object"])

/** PostHog takes no other value than an object for the properties of a person or a group. */
const recordOf = (properties: PropertiesInput | undefined): unknown =>
  properties === undefined || properties === null ? {} : isRecord(properties) ? properties : noProperties

/** Most names that one call unsets; nobody has so many. */
const maxNames = 10_000

/** Usable names, looked at one by one: a list may have holes without end. */
const namesOf = (names: Iterable<unknown>): ReadonlyArray<string> | InvalidArguments => {
  if (typeof names === "string") return isIdentifier(names) ? [names] : []
  if ((names as { readonly length?: unknown }).length as number > maxNames) return tooMany
  const usable: Array<string> = []
  let seen = 0
  for (const name of names) {
    if (++seen > maxNames) return tooMany
    if (isIdentifier(name)) usable.push(String(name))
  }
  return usable
}

const tooMany: InvalidArguments = { invalid: `more than ${maxNames} names` }

export const identify = (
  distinctId: string,
  set: PropertiesInput | undefined,
  setOnce: PropertiesInput | undefined,
  anonDistinctId: string | undefined
): Made => {
  if (!isIdentifier(distinctId)) return { invalid: "the distinct id is blank" }
  return {
    distinctId: String(distinctId),
    properties: {
      $set: recordOf(set),
      $set_once: recordOf(setOnce),
      ...(isIdentifier(anonDistinctId) ? { $anon_distinct_id: String(anonDistinctId) } : undefined)
    }
  }
}

/** `undefined` when there is nothing to set: PostHog expects no event then. */
export const setPersonProperties = (
  set: PropertiesInput | undefined,
  setOnce: PropertiesInput | undefined
): Made => {
  if (isEmpty(set) && isEmpty(setOnce)) return undefined
  return {
    distinctId: undefined,
    properties: isEmpty(setOnce)
      ? { $set: recordOf(set) }
      : { $set: recordOf(set), $set_once: recordOf(setOnce) }
  }
}

/** `undefined` when no name is given. */
export const unsetPersonProperties = (names: ReadonlyArray<string>): Made => {
  const usable = namesOf(names)
  if ("invalid" in usable) return usable
  return usable.length === 0 ? undefined : { distinctId: undefined, properties: { $unset: usable } }
}

export const alias = (distinctId: string, aliasId: string): Made => {
  if (!isIdentifier(distinctId)) return { invalid: "the distinct id is blank" }
  if (!isIdentifier(aliasId)) return { invalid: "the alias is blank" }
  return {
    distinctId: String(distinctId),
    properties: { distinct_id: String(distinctId), alias: String(aliasId) }
  }
}

export const groupIdentify = (
  groupType: string,
  groupKey: string | number,
  properties: PropertiesInput | undefined,
  distinctId: string | undefined
): Made => {
  if (!isIdentifier(groupType)) return { invalid: "the group type is blank" }
  if (!isIdentifier(groupKey)) return { invalid: "the group key is blank" }
  return {
    distinctId: distinctId ?? `$${groupType}_${groupKey}`,
    properties: { $group_type: String(groupType), $group_key: String(groupKey), $group_set: recordOf(properties) }
  }
}

/** Longest address that is taken apart. */
const maxUrlLength = 100_000

/** The address is taken apart into the properties by which PostHog's web analytics group page views. */
export const pageView = (url: string | URL | undefined, properties: PropertiesInput | undefined): SpecialEvent => {
  const where: Record<string, string> = {}
  if (url !== undefined) {
    const text = String(url)
    where.$current_url = text
    try {
      // Longer ones are not taken apart: they are no addresses.
      const { host, pathname } = new URL(text.length > maxUrlLength ? "" : text)
      where.$host = host
      where.$pathname = pathname
    } catch {
      // A relative address has no host; what was given is still the page's address.
    }
  }
  return { distinctId: undefined, properties: extend(where, properties) }
}

export const screen = (name: string, properties: PropertiesInput | undefined): SpecialEvent => ({
  distinctId: undefined,
  properties: extend({ $screen_name: name }, properties)
})

/**
 * The events that PostHog gives a meaning of its own: names and payloads.
 *
 * @since 0.1.0
 */
import { extend, isIdentifier, type Properties } from "./properties.js"

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

const isEmpty = (properties: object | undefined): boolean =>
  properties === undefined || properties === null || Object.keys(properties).length === 0

export const identify = (
  distinctId: string,
  set: Properties | undefined,
  setOnce: Properties | undefined,
  anonDistinctId: string | undefined
): Made => {
  if (!isIdentifier(distinctId)) return { invalid: "the distinct id is blank" }
  return {
    distinctId: String(distinctId),
    properties: {
      $set: set ?? {},
      $set_once: setOnce ?? {},
      ...(isIdentifier(anonDistinctId) ? { $anon_distinct_id: String(anonDistinctId) } : undefined)
    }
  }
}

/** `undefined` when there is nothing to set: PostHog expects no event then. */
export const setPersonProperties = (
  set: Properties | undefined,
  setOnce: Properties | undefined
): Made => {
  if (isEmpty(set) && isEmpty(setOnce)) return undefined
  return {
    distinctId: undefined,
    properties: isEmpty(setOnce) ? { $set: set } : { $set: set ?? {}, $set_once: setOnce }
  }
}

/** `undefined` when no name is given. */
export const unsetPersonProperties = (names: ReadonlyArray<string>): Made =>
  names.length === 0 ? undefined : { distinctId: undefined, properties: { $unset: [...names] } }

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
  properties: Properties | undefined,
  distinctId: string | undefined
): Made => {
  if (!isIdentifier(groupType)) return { invalid: "the group type is blank" }
  if (!isIdentifier(groupKey)) return { invalid: "the group key is blank" }
  return {
    distinctId: distinctId ?? `$${groupType}_${groupKey}`,
    properties: { $group_type: String(groupType), $group_key: String(groupKey), $group_set: properties ?? {} }
  }
}

/** The address is taken apart into the properties by which PostHog's web analytics group page views. */
export const pageView = (url: string | URL | undefined, properties: Properties | undefined): SpecialEvent => {
  const where: Record<string, string> = {}
  if (url !== undefined) {
    where.$current_url = String(url)
    try {
      const { host, pathname } = new URL(String(url))
      where.$host = host
      where.$pathname = pathname
    } catch {
      // A relative address has no host; what was given is still the page's address.
    }
  }
  return { distinctId: undefined, properties: extend(where, properties) }
}

export const screen = (name: string, properties: Properties | undefined): SpecialEvent => ({
  distinctId: undefined,
  properties: extend({ $screen_name: name }, properties)
})

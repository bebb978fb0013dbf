/**
 * What PostHog is asked: the body of `POST /flags/?v=2`.
 *
 * @since 0.1.0
 */
import { writeMembers, Writer } from "../event/json.js"
import { type GroupProperties, type Groups, isIdentifier, merge, type Properties } from "../event/layers.js"

/** For whom flags are evaluated, and which. */
export interface FlagsRequest {
  readonly distinctId: string
  readonly groups: Groups | undefined
  readonly personProperties: Properties | undefined
  readonly groupProperties: GroupProperties | undefined
  readonly deviceId: string | undefined
  readonly disableGeoip: boolean
  /** `undefined`: all flags. */
  readonly flagKeys: ReadonlyArray<string> | undefined
}

/** Group memberships that can be sent; `undefined` when there are none. */
export const usableGroups = (groups: Groups | undefined): Readonly<Record<string, string>> | undefined => {
  const usable: Record<string, string> = {}
  const copy = merge(groups, undefined)
  for (const type of Object.keys(copy)) {
    const key = copy[type]
    if (isIdentifier(key)) usable[type] = String(key)
  }
  return Object.keys(usable).length === 0 ? undefined : usable
}

/** The properties of each group, with its key among them as PostHog's SDKs have it. */
const withGroupKeys = (groups: Groups, properties: GroupProperties): GroupProperties => {
  const all: Record<string, Properties> = { ...properties }
  for (const type of Object.keys(groups)) {
    all[type] = merge({ $group_key: groups[type] }, Object.hasOwn(properties, type) ? properties[type] : undefined)
  }
  return all
}

/** With sorted names, so that what says the same is the same text. */
const sorted = (properties: Properties): Properties =>
  Object.fromEntries(Object.keys(properties).sort().map((name) => [name, properties[name]]))

/** More than any set of properties about one person can need; PostHog refuses larger bodies. */
const maxLength = 1_000_000

/**
 * The text of the body; equal requests have equal texts. Throws `TooLarge`, and what a Proxy throws when asked for its
 * keys.
 */
export const flagsBody = (token: string, request: FlagsRequest, evaluationContexts: ReadonlyArray<string>): string => {
  const { deviceId, distinctId, flagKeys, groups = {}, groupProperties = {}, personProperties = {} } = request
  const members = writeMembers(new Writer(maxLength), {
    token,
    distinct_id: distinctId,
    groups: sorted(groups),
    person_properties: sorted(personProperties),
    group_properties: sorted(withGroupKeys(groups, groupProperties)),
    geoip_disable: request.disableGeoip,
    $device_id: deviceId,
    flag_keys_to_evaluate: flagKeys,
    evaluation_contexts: evaluationContexts.length === 0 ? undefined : evaluationContexts,
    // PostHog does not know this SDK by its name yet, and would leave out the flags that are for servers.
    evaluation_runtime: "server"
  })
  return `{${members.slice(1)}}`
}

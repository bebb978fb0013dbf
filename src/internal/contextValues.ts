/**
 * What a context holds: values by name, how they are merged from low to high, and what an event takes from them.
 */
import {
  type GroupProperties,
  type GroupPropertiesInput,
  type Groups,
  isIdentifier,
  type Layer,
  makeLayer,
  merge,
  mergeFrozen,
  mergeGroupProperties,
  type Properties,
  type PropertiesInput,
  setMember
} from "../core/event/layers.js"
import type { EventOptions } from "../core/event/options.js"
import type { Personless, Surroundings } from "../core/event/properties.js"
import { hasOwn, isObject, read, readOwn } from "../core/guard.js"
import type { Redact } from "../core/llm/content.js"
import type { Call } from "../core/llm/model.js"

/**
 * What a context can hold. Members that are absent leave the surrounding context's value in place.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContextValues {
  /** The user, for events that are not given one. A blank id counts as absent. */
  readonly distinctId?: string | undefined
  /** PostHog session, sent as `$session_id`. */
  readonly sessionId?: string | undefined
  /** Group memberships, merged by type with those of the surrounding context. */
  readonly groups?: Groups | undefined
  /** Properties of events, merged by name with those of the surrounding context. */
  readonly properties?: PropertiesInput | undefined
  /**
   * How PostHog shall treat the events, as `options` of a call, which win over these; merged by name with those of the
   * surrounding context. `null` is none, also where the surrounding context has one.
   */
  readonly options?: EventOptions | undefined
  /**
   * `false`: nothing is captured, as in `PostHog.withoutCapture`. `true` undoes a `false` that was set further out in
   * the same scope; of the scopes that concern an event (all instances, one instance, one event) none may say `false`.
   * Default: events are captured.
   */
  readonly capture?: boolean | undefined
  /** Device, sent as `$device_id`; flags can be rolled out by device. */
  readonly deviceId?: string | undefined
  /** Properties of the person for the evaluation of flags, merged by name. Sent with no event. */
  readonly personProperties?: PropertiesInput | undefined
  /** Properties of groups for the evaluation of flags, by group type, merged by name. Sent with no event. */
  readonly groupProperties?: GroupPropertiesInput | undefined
}

/**
 * What a context holds, to be read by name.
 *
 * @since 0.1.0
 * @category models
 */
export interface CurrentContext extends ContextValues {
  readonly properties?: Properties | undefined
  readonly personProperties?: Properties | undefined
  readonly groupProperties?: GroupProperties | undefined
}

/**
 * For whom a context is meant. Absent: for all instances.
 *
 * @since 0.1.0
 * @category models
 */
export interface ContextScope {
  /** The tag of the instance whose events get the values, such as `PostHog.PostHog` or a class of your own. */
  readonly instance?: { readonly key: string } | undefined
}

/** What all events of a request share. */
export interface Region {
  /** The request. A region inside of the region of the same request is no other one. */
  readonly source: unknown
  readonly personless: Personless
  /**
   * Properties that are asked for at each event, because they become known only while the request is handled. Gives the
   * same object as long as they are the same.
   */
  readonly lookUp: (() => Properties | undefined) | undefined
}

/** What a request says about itself: sent with its events, but not taken along by carriers. */
export interface OfRequest {
  readonly properties: Properties
  /** Of the client. Sent as `$ip` where PostHog may look up where it is. */
  readonly address: string | undefined
  readonly region: Region
}

/** What the events of calls of models keep to, see `LlmAnalytics.withContent`. */
export interface AiPolicy {
  /** Whether what models are told and say is left out. */
  readonly privacyMode: boolean
  /** Whether it is sent whole; `undefined`: nothing is said about it. */
  readonly fullCapture: boolean | undefined
  /** What the program does to it, the outermost first. */
  readonly redact: ReadonlyArray<Redact>
  /** Whether somebody who knows more captures the calls that are made here. */
  readonly isCaptured: boolean
  /** What they do not know themselves: the calls, as the client sees them. */
  readonly tell?: ((call: Call) => void) | undefined
}

/** What is set for the events of one name only: properties that are texts. */
export const addTexts = (under: Accumulated, properties: Properties): Accumulated =>
  under === nothing ? { ...nothing, properties } : {
    ...under,
    ofRequest: namesOfRequest(under, nothing.ofRequest, properties),
    properties: merge(under.properties, properties)
  }

/** What else a context holds than what a user gives as values. */
export interface AllValues extends ContextValues {
  readonly request?: OfRequest | undefined
  /** The snapshot of feature flags that events shall carry. */
  readonly flags?: FlagsOnEvents | undefined
}

/** The part of a snapshot of feature flags that events are interested in. */
export interface FlagsOnEvents {
  /** What the flags add to an event; the same object each time. */
  readonly eventProperties: Properties
  /** For whom the flags are. In a context they are added to the events of this user only. */
  readonly distinctId?: string | undefined
}

/** Values that have accumulated in one scope, session and device among the properties. Never changed. */
export interface Accumulated {
  /** Names of those properties that a request has said and nobody else since. */
  readonly ofRequest: ReadonlySet<string>
  /** Address of the client, as a request has said it. */
  readonly address: string | undefined
  readonly distinctId: string | undefined
  readonly groups: Groups | undefined
  /** Whether events are captured; `undefined`: nothing is said about it. */
  readonly captures: boolean | undefined
  readonly properties: Properties
  readonly options: EventOptions | undefined
  readonly personProperties: Properties | undefined
  readonly groupProperties: GroupProperties | undefined
  readonly flags: FlagsOnEvents | undefined
}

/** One scope's values, for all events and for single ones. */
export interface Node {
  readonly all: Accumulated
  readonly events: ReadonlyMap<string, Accumulated>
}

/** Whose events are resolved: the instance's key, and the properties that lie under every context. */
export interface Owner {
  readonly key: string
  readonly globalProperties: Properties
  /** How PostHog shall treat all events. */
  readonly globalOptions?: EventOptions | undefined
}

export const nothing: Accumulated = {
  ofRequest: new Set(),
  address: undefined,
  distinctId: undefined,
  groups: undefined,
  captures: undefined,
  properties: {},
  options: undefined,
  personProperties: undefined,
  groupProperties: undefined,
  flags: undefined
}
export const emptyNode: Node = { all: nothing, events: new Map() }

/** What has been set, for all instances and for single ones by the key of their tag. */
export interface Parts {
  readonly shared: Node
  readonly instances: ReadonlyMap<string, Node>
}

/** What lies under every context. */
export const globalsOf = ({ globalOptions, globalProperties }: Owner): Accumulated =>
  Object.keys(globalProperties).length === 0 && globalOptions === undefined
    ? nothing
    : { ...nothing, properties: globalProperties, options: globalOptions }

/** Both, `above` winning. */
export const over = (under: Accumulated, above: Accumulated | undefined): Accumulated =>
  above === undefined || above === nothing ? under : under === nothing ? above : {
    ofRequest: namesOfRequest(under, above.ofRequest, above.properties),
    address: above.address ?? under.address,
    distinctId: above.distinctId ?? under.distinctId,
    groups: mergeGroups(under.groups, above.groups),
    // Whoever forbids it has the last word.
    captures: under.captures === false ? false : above.captures ?? under.captures,
    properties: merge(under.properties, above.properties),
    options: mergeAny(merge, under.options, above.options),
    personProperties: mergeAny(merge, under.personProperties, above.personProperties),
    groupProperties: mergeAny(mergeGroupProperties, under.groupProperties, above.groupProperties),
    flags: above.flags ?? under.flags
  }

/** Names that are the request's when `properties`, of which it says those in `above`, are merged over others. */
const namesOfRequest = (
  { ofRequest }: Accumulated,
  above: ReadonlySet<string>,
  properties: object | undefined
): ReadonlySet<string> => {
  if (ofRequest.size === 0) return above
  const names = new Set(above)
  for (const name of ofRequest) if (!hasOwn(properties, name)) names.add(name)
  return names
}

/** What is looked up is the request's, and lies under what has been set. */
export const withLookedUp = (values: Accumulated, lookedUp: Properties | undefined): Accumulated =>
  lookedUp === undefined ? values : {
    ...values,
    ofRequest: new Set([
      ...values.ofRequest,
      ...Object.keys(lookedUp).filter((name) => !Object.hasOwn(values.properties, name))
    ]),
    properties: merge(lookedUp, values.properties)
  }

/**
 * The key of the instance that a scope names; `undefined`: all instances. A scope that throws as it is read names none
 * that exists: values that were meant for one project must not get to the others.
 */
export const instanceIn = (scope: ContextScope | undefined): string | undefined => {
  try {
    const key: unknown = scope?.instance?.key
    return key === undefined ? undefined : String(key)
  } catch {
    return ""
  }
}

/** What is said about capture counts, also where another member throws as it is read. */
export const readCapture = (values: AllValues): boolean | undefined => {
  try {
    return values.capture
  } catch {
    return undefined
  }
}

/** Merges unless there is nothing to merge. */
const mergeAny = <A, B>(
  merge: (under: A | undefined, over: B | undefined) => A,
  under: A | undefined,
  over: B | undefined
): A | undefined => over === undefined ? under : merge(under, over)

export const toSurroundings = (
  { address, distinctId, flags, groups, options, properties }: Accumulated,
  personless: Personless | undefined
): Surroundings => ({
  distinctId,
  personless,
  address,
  groups,
  options,
  flags: flags === undefined ? undefined : { layer: flagsLayer(flags), distinctId: flags.distinctId },
  layers: Object.keys(properties).length === 0 ? [] : [makeLayer(properties)]
})

const mergeGroups = (under: Groups | undefined, over: Groups | undefined): Groups | undefined =>
  over === undefined ? under : merge(under, over) as Groups

/** A new object, with what a session and a device are among properties. */
const mergeProperties = (under: Properties, { deviceId, properties, sessionId }: AllValues): Properties => {
  if (properties === undefined && !isIdentifier(sessionId) && !isIdentifier(deviceId)) return under
  const merged = mergeFrozen(under, properties) as Record<string, unknown>
  if (isIdentifier(sessionId)) merged.$session_id = String(sessionId)
  if (isIdentifier(deviceId)) merged.$device_id = String(deviceId)
  return merged
}

/**
 * Where plain values say which of their properties are a request's: under a symbol, which a copy by spread takes along
 * and a text of JSON does not have. From the registry, because the values may have been made by another copy of this
 * library.
 */
const requestKey = Symbol.for("effect-posthog/context/request")

/** Properties that are given to a program, among them what a request says. */
export const showRequest = (properties: Properties, request: OfRequest): Properties => {
  const shown: Record<string | symbol, unknown> = { ...properties, [requestKey]: request }
  if (request.address !== undefined && !Object.hasOwn(shown, "$ip")) shown.$ip = request.address
  return shown
}

/** The same for what is given to a program to be given back as it is. */
export const hideRequest = <A extends object>(values: A, request: OfRequest | undefined): A =>
  request === undefined ? values : Object.defineProperty(values, requestKey, { value: request })

/** The request that {@link hideRequest} has hidden. */
export const hiddenRequest = (values: unknown): OfRequest | undefined => {
  const request = read(values, requestKey)
  return isObject(request) ? request as OfRequest : undefined
}

/**
 * Values with what is still the request's apart from what is the program's own, which is what it has added or changed.
 */
export const partRequest = (values: AllValues): AllValues => {
  const properties = values.properties as Properties | undefined
  const request = hiddenRequest(properties)
  if (request === undefined || properties === undefined) return values
  const own: Record<string, unknown> = {}
  const said: Record<string, unknown> = {}
  let address: string | undefined
  for (const name of Object.keys(properties)) {
    const value = properties[name]
    if (name === "$ip" && value === request.address) address = request.address
    else setMember(readOwn(request.properties, name) === value ? said : own, name, value)
  }
  return { ...values, properties: own, request: { address, properties: said, region: request.region } }
}

/** What a request has said among values that have accumulated. */
export const ofRequest = (values: Accumulated, region: Region): OfRequest => {
  const properties: Record<string, unknown> = {}
  for (const name of values.ofRequest) setMember(properties, name, values.properties[name])
  return { address: values.address, properties, region }
}

const addRequest = (under: Accumulated, { address, properties }: OfRequest): Accumulated => ({
  ...under,
  address,
  ofRequest: new Set([...under.ofRequest, ...Object.keys(properties)]),
  properties: merge(under.properties, properties)
})

/** Copies, so that a later change of the caller's objects changes nothing here. */
export const addValues = (before: Accumulated, values: AllValues): Accumulated => {
  const under = values.request === undefined ? before : addRequest(before, values.request)
  const properties = mergeProperties(under.properties, values)
  return {
    ofRequest: properties === under.properties
      ? under.ofRequest
      : namesOfRequest(under, nothing.ofRequest, values.properties),
    address: under.address,
    distinctId: isIdentifier(values.distinctId) ? String(values.distinctId) : under.distinctId,
    groups: mergeGroups(under.groups, values.groups),
    captures: typeof values.capture === "boolean" ? values.capture : under.captures,
    properties,
    options: mergeAny(mergeFrozen, under.options, values.options),
    personProperties: mergeAny(mergeFrozen, under.personProperties, values.personProperties),
    groupProperties: mergeAny(mergeGroupProperties, under.groupProperties, values.groupProperties),
    flags: values.flags ?? under.flags
  }
}

/** Written once for each snapshot. */
const flagsLayers = new WeakMap<Properties, Layer>()

/** What a snapshot adds to an event. Throws `TooLarge`. */
export const flagsLayer = ({ eventProperties }: FlagsOnEvents): Layer => {
  if (typeof eventProperties !== "object" || eventProperties === null) return makeLayer({})
  let layer = flagsLayers.get(eventProperties)
  if (layer === undefined) {
    layer = makeLayer(eventProperties)
    flagsLayers.set(eventProperties, layer)
  }
  return layer
}

/**
 * A context as plain values, and back.
 */
import {
  type GroupProperties,
  type Groups,
  isIdentifier,
  merge,
  type Properties,
  thawAll
} from "../core/event/layers.js"
import { read } from "../core/guard.js"
import { type State } from "./context.js"
import {
  type Accumulated,
  type AiPolicy,
  type ContextScope,
  type ContextValues,
  type CurrentContext,
  hiddenRequest,
  hideRequest,
  type Node,
  ofRequest,
  type Region,
  showRequest
} from "./contextValues.js"

/**
 * A context as a record of JSON values, to go with a job or a message: the values for all instances, and below `events`
 * and `instances` those for the events of one name and for one instance.
 *
 * @since 0.1.0
 * @category models
 */
export interface Carrier extends CurrentContext {
  readonly events?: { readonly [event: string]: CurrentContext } | undefined
  readonly instances?: { readonly [key: string]: Carrier } | undefined
  /** `true`: what models are told and say is not sent there either, see `LlmAnalytics.withPrivacyMode`. */
  readonly aiPrivacyMode?: boolean | undefined
}

/** What has accumulated as values that a user could have given. */
export const toValues = (
  { captures, distinctId, groupProperties, groups, options, personProperties, properties }: Accumulated
): CurrentContext & { readonly properties: Properties } => {
  const { $device_id: deviceId, $session_id: sessionId, ...rest } = properties
  return {
    ...(distinctId === undefined ? undefined : { distinctId }),
    ...(typeof sessionId === "string" ? { sessionId } : undefined),
    ...(typeof deviceId === "string" ? { deviceId } : undefined),
    ...(groups === undefined ? undefined : { groups }),
    ...(options === undefined ? undefined : { options: thawAll(options) }),
    ...(captures === undefined ? undefined : { capture: captures }),
    ...(personProperties === undefined ? undefined : { personProperties: thawAll(personProperties) }),
    ...(groupProperties === undefined ? undefined : {
      groupProperties: merge(
        groupProperties,
        undefined,
        (_, properties) => thawAll(properties as Properties)
      ) as GroupProperties
    }),
    properties: thawAll(rest)
  }
}

/** The same with what is a request's marked as such, see {@link showRequest}. */
export const toShown = (accumulated: Accumulated, region: Region | undefined): CurrentContext => {
  const values = toValues(accumulated)
  return region === undefined
    ? values
    : { ...values, properties: showRequest(values.properties, ofRequest(accumulated, region)) }
}

/** Values without what a text of JSON would not have, and without what the request says: a job is no request. */
const toCarried = (accumulated: Accumulated): CurrentContext => {
  const { properties: all, ...rest } = toValues(accumulated)
  const properties = Object.fromEntries(Object.entries(all).filter(([name]) => !accumulated.ofRequest.has(name)))
  return Object.keys(properties).length === 0 ? rest : { ...rest, properties }
}

const nodeToCarrier = ({ all, events }: Node): Carrier => ({
  ...toCarried(all),
  ...(events.size === 0
    ? undefined
    : { events: Object.fromEntries(Array.from(events, ([name, values]) => [name, toCarried(values)])) })
})

/** A member of something that may be anything. */
const member = (value: unknown, name: string): unknown => {
  try {
    return typeof value === "object" && value !== null && Object.hasOwn(value, name)
      ? (value as { readonly [name: string]: unknown })[name]
      : undefined
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is object => {
  try {
    return typeof value === "object" && value !== null && !Array.isArray(value)
  } catch {
    // A revoked Proxy.
    return false
  }
}

/**
 * Most events, and most instances, of a carrier that are looked at: it comes from outside, and each costs a copy of the
 * others.
 */
const maxMembers = 500

const members = (value: unknown): ReadonlyArray<readonly [string, unknown]> => {
  try {
    return isRecord(value) ? Object.entries(value).slice(0, maxMembers) : []
  } catch {
    return []
  }
}

/** The values in a part of a carrier; {@link State.set} deals with what they hold. */
const valuesOf = (node: unknown): ContextValues => {
  const text = (name: string) => {
    const value = member(node, name)
    return isIdentifier(value) ? String(value) : undefined
  }
  const record = (name: string) => {
    const value = member(node, name)
    return isRecord(value) ? value as Properties : undefined
  }
  return {
    distinctId: text("distinctId"),
    sessionId: text("sessionId"),
    deviceId: text("deviceId"),
    // What comes from outside can forbid, and nothing else.
    capture: member(node, "capture") === false ? false : undefined,
    groups: record("groups") as Groups | undefined,
    properties: record("properties"),
    options: record("options"),
    personProperties: record("personProperties"),
    groupProperties: record("groupProperties") as GroupProperties | undefined
  }
}

/** What is set, as plain values; the snapshot of flags is none. */
export const toCarrier = ({ ai, nodes }: State): Carrier => {
  const instances = Array.from(nodes.instances, ([key, node]) => [key, nodeToCarrier(node)] as const)
    .filter(([, node]) => Object.keys(node).length > 0)
  return {
    ...nodeToCarrier(nodes.shared),
    ...(ai?.privacyMode === true ? { aiPrivacyMode: true } : undefined),
    ...(instances.length === 0 ? undefined : { instances: Object.fromEntries(instances) })
  }
}

/** What is set, for code of the same process that goes on with the same request. */
export const toStored = (state: State): Carrier => hideAi(hideRequest(toCarrier(state), state.request), state.ai)

/** Where plain values say what calls of models keep to, as those of a request do. */
const aiKey = Symbol.for("effect-posthog/context/ai")

const hideAi = <A extends object>(values: A, ai: AiPolicy | undefined): A =>
  ai === undefined ? values : Object.defineProperty(values, aiKey, { value: ai })

const setAi = (state: State, carrier: unknown): State => {
  const hidden = read(carrier, aiKey)
  const ai = isRecord(hidden) ? hidden as AiPolicy : state.ai
  // What comes from outside can forbid, and nothing else.
  return member(carrier, "aiPrivacyMode") === true
    ? state.withAi({ fullCapture: undefined, redact: [], isCaptured: false, ...ai, privacyMode: true })
    : ai === state.ai || ai === undefined
    ? state
    : state.withAi(ai)
}

const setNode = (state: State, node: unknown, scope: ContextScope | undefined): State =>
  members(member(node, "events")).reduce(
    (state, [event, values]) => state.set(valuesOf(values), scope, event),
    state.set(valuesOf(node), scope, undefined)
  )

/** The state with what a carrier brings set over it. What is no part of a carrier is passed over; never throws. */
export const setCarrier = (state: State, carrier: unknown): State => {
  const request = hiddenRequest(carrier)
  return members(member(carrier, "instances")).reduce(
    (state, [key, node]) => setNode(state, node, { instance: { key } }),
    setNode(
      setAi(request === undefined ? state : state.set({ request }, undefined, undefined), carrier),
      carrier,
      undefined
    )
  )
}

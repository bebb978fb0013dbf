/**
 * What a request for flags asks, whatever client asks it.
 *
 * @since 0.1.0
 */
import { isObject, type Json } from "../core/flags/response.js"
import { isList } from "../core/guard.js"
import { cut } from "./event.js"
import type { Exchange, RequestHeaders, Sdk } from "./model.js"

/** Where flags may be evaluated: PostHog leaves out those that are for the others. */
export type Runtime = "client" | "server" | "all" | undefined

export interface FlagsAsked {
  readonly project: string
  readonly distinctId: string
  /** The id before an identify. */
  readonly anonymousId: string | undefined
  readonly deviceId: string | undefined
  readonly groups: { readonly [type: string]: string }
  readonly personProperties: Json
  readonly groupProperties: { readonly [type: string]: Json }
  /** `undefined`: all flags. */
  readonly keys: ReadonlyArray<string> | undefined
  readonly contexts: ReadonlyArray<string>
  readonly runtime: Runtime
  readonly isDisabled: boolean
}

/** As PostHog: what is longer is cut, so that nothing keeps the whole of it. */
const maxId = 200
const maxKeys = 1_000

const identifier = (value: unknown): string | undefined => {
  if (typeof value === "number") return String(value)
  return typeof value === "string" && value.trim() !== "" ? cut(value, maxId) : undefined
}

const texts = (value: unknown): ReadonlyArray<string> | undefined =>
  isList(value) ? value.slice(0, maxKeys).filter((item) => typeof item === "string") : undefined

const members = <A>(value: unknown, read: (member: unknown) => A | undefined): { readonly [name: string]: A } => {
  if (!isObject(value)) return {}
  const entries = Object.entries(value).map(([name, member]) => [name, read(member)] as const)
  return Object.fromEntries(entries.filter((entry): entry is [string, A] => entry[1] !== undefined))
}

const isBrowser = (headers: RequestHeaders): boolean =>
  headers.origin !== undefined || headers["sec-fetch-site"] !== undefined

const runtimeOf = (asked: unknown, sdk: Sdk, headers: RequestHeaders): Runtime => {
  if (asked === "client" || asked === "server" || asked === "all") return asked
  if (/^posthog-(?:js|react-native|ios|android|flutter|unity)/.test(sdk.name) || isBrowser(headers)) return "client"
  return sdk.name.startsWith("posthog-") ? "server" : undefined
}

/** Why a key is no project key; `undefined`: it is one. */
export const keyProblem = (key: unknown): string | undefined => {
  if (typeof key !== "string" || key.trim() === "") return "the request has no project key"
  if (/^ph[xs]_/.test(key.trim())) return "the project key is a secret key; those of projects begin with phc_"
  if (key.length > 64) return "the project key is longer than 64 characters"
  // oxlint-disable-next-line no-control-regex
  return /^[\u0000-\u007f]*$/.test(key) ? undefined : "the project key has characters that are not ASCII"
}

/** Reads the body of a request for flags, or says why PostHog would refuse it. */
export const readRequest = (
  { body, headers, received }: Exchange
): FlagsAsked | { readonly status: number; readonly reason: string } => {
  const { json } = body
  if (!isObject(json)) return { status: 400, reason: "the body is no object in JSON" }
  // Python and Elixir say `api_key`.
  const key = json.token ?? json.api_key ?? json.$token
  const reason = keyProblem(key)
  if (reason !== undefined) return { status: 401, reason }
  received.project = (key as string).trim()
  const distinctId = identifier(json.distinct_id ?? json.$distinct_id)
  if (distinctId === undefined) return { status: 400, reason: "the request has no distinct_id" }
  const personProperties = isObject(json.person_properties) ? json.person_properties : {}
  return {
    project: received.project,
    distinctId,
    anonymousId: identifier(json.$anon_distinct_id ?? json.anon_distinct_id),
    deviceId: identifier(json.$device_id ?? json.device_id ?? personProperties.$device_id),
    groups: members(json.groups, identifier),
    personProperties,
    groupProperties: members(json.group_properties, (value) => isObject(value) ? value : undefined),
    keys: texts(json.flag_keys_to_evaluate),
    contexts: texts(json.evaluation_contexts ?? json.evaluation_environments) ?? [],
    runtime: runtimeOf(json.evaluation_runtime, received.sdk, headers),
    isDisabled: json.disable_flags === true
  }
}

/**
 * The `$feature_flag_called` event: what it says, when it says the same again, and its short form.
 *
 * @since 0.1.0
 */
import type { Groups, Properties } from "../event/layers.js"
import { bytesOf, hash } from "./hash.js"
import type { EvaluatedFlag, FlagValue } from "./response.js"

/** What is known of the evaluation to which a flag belongs. */
export interface EvaluationFacts {
  readonly requestId: string | undefined
  /** Milliseconds since the epoch. */
  readonly evaluatedAt: number | undefined
  readonly errorsWhileComputing: boolean
  /** Keys of flags that nobody can read. */
  readonly malformed?: ReadonlySet<string> | undefined
  /** Keys of flags that PostHog could not compute. */
  readonly failed?: ReadonlySet<string> | undefined
  /** Keys of flags that could not be resolved in this process, and that PostHog did not answer. */
  readonly unresolved?: ReadonlyMap<string, unknown> | undefined
  /** About the flags that were evaluated in this process. */
  readonly local?: LocalFacts | undefined
  /** Why there was no answer, or none that counts. */
  readonly failure: { readonly reason: string; readonly status?: number | undefined } | undefined
}

/** What is known of the part of an evaluation that was done in this process. Both are milliseconds since the epoch. */
export interface LocalFacts {
  readonly evaluatedAt: number
  /** When the definitions were loaded from PostHog; `undefined`: not known. */
  readonly definitionsLoadedAt: number | undefined
}

/**
 * What went wrong, for a flag that the evaluation has or (`missing`) has not; in the order in which PostHog's SDKs list
 * it.
 */
export const errorCodes = (facts: EvaluationFacts, missing: boolean, key = ""): string | undefined => {
  const codes: Array<string> = []
  const notComputed = missing && facts.failed?.has(key) === true
  if (facts.errorsWhileComputing || notComputed) codes.push("errors_while_computing_flags")
  if (facts.failure?.reason === "quota_limited") codes.push("quota_limited")
  // A flag that is missing because nobody answered must not look like one that does not exist.
  if (missing) {
    const failed = failureCode(facts.failure) ?? (facts.malformed?.has(key) === true ? "unknown_error" : undefined)
    if (facts.unresolved?.has(key) === true) codes.push("local_evaluation_inconclusive")
    else if (failed === undefined && !notComputed) codes.push("flag_missing")
    if (failed !== undefined) codes.push(failed)
  }
  return codes.length === 0 ? undefined : codes.join()
}

const failureCode = (failure: EvaluationFacts["failure"]): string | undefined => {
  switch (failure?.reason) {
    case undefined:
    case "quota_limited":
      return undefined
    case "timeout":
      return "timeout"
    case "connection":
      return "connection_error"
    case "status":
      return `api_error_${failure?.status}`
    default:
      return "unknown_error"
  }
}

/** Properties of the event for a read of `key`; `flag` is `undefined` when the evaluation has no such flag. */
export const calledProperties = (
  key: string,
  flag: EvaluatedFlag | undefined,
  facts: EvaluationFacts,
  groups: Groups | undefined
): Properties => {
  const isLocal = flag?.source === "local"
  const value = flag?.value ?? null
  return {
    $feature_flag: key,
    $feature_flag_response: value,
    [`$feature/${key}`]: value,
    $feature_flag_id: flag?.id,
    $feature_flag_version: flag?.version,
    $feature_flag_reason: isLocal ? "Evaluated locally" : flag?.reasonDescription ?? flag?.reasonCode,
    $feature_flag_request_id: isLocal ? undefined : facts.requestId,
    $feature_flag_evaluated_at: isLocal ? facts.local?.evaluatedAt : facts.evaluatedAt,
    $feature_flag_definitions_loaded_at: isLocal ? facts.local?.definitionsLoadedAt : undefined,
    // What went wrong at PostHog is not about a flag that was evaluated here.
    $feature_flag_error: isLocal ? undefined : errorCodes(facts, flag === undefined, key),
    $feature_flag_has_experiment: flag?.hasExperiment,
    locally_evaluated: isLocal,
    // Also when there are none: those of the context are not what the flag was evaluated for.
    $groups: groups
  }
}

/** Longer names are remembered by their hash, so that the memory is bounded whatever ids a program has. */
const maxName = 256

const noBytes = new Uint8Array(0)
const halves = [bytesOf("1"), bytesOf("2")]

/** A hash of more than a hundred bits. No part of the name itself, which would keep all of it in memory. */
const digest = (name: string): string => {
  const bytes = bytesOf(name)
  return halves.map((half) => hash(half, bytes, noBytes)).join(" ")
}

/**
 * Names equal reads: user, flag, value and groups. The parts are JSON texts, so that no two different reads have one
 * name.
 */
export const calledKey = (
  distinctId: string,
  key: string,
  value: FlagValue | undefined,
  groups: Groups | undefined
): string => {
  const name = nameOf(distinctId, key, value, groups)
  return name.length <= maxName ? name : digest(name)
}

const nameOf = (
  distinctId: string,
  key: string,
  value: FlagValue | undefined,
  groups: Groups | undefined
): string => {
  const sorted = groups === undefined
    ? ""
    : Object.keys(groups).sort().map((type) => `${JSON.stringify(type)}:${JSON.stringify(String(groups[type]))}`).join()
  return `${JSON.stringify(distinctId)},${JSON.stringify(key)},${JSON.stringify(value)},${sorted}`
}

/** Properties that are left in the short form of the event (as in PostHog's other SDKs). */
export const minimalProperties: ReadonlySet<string> = new Set([
  "$feature_flag",
  "$feature_flag_response",
  "$feature_flag_has_experiment",
  "$feature_flag_id",
  "$feature_flag_version",
  "$feature_flag_reason",
  "$feature_flag_request_id",
  "$feature_flag_evaluated_at",
  "$feature_flag_error",
  "locally_evaluated",
  "$groups",
  "$process_person_profile",
  "$geoip_disable",
  "$session_id",
  "$window_id",
  "$device_id",
  "$lib",
  "$lib_version",
  "$is_server",
  "$current_url",
  "$pathname",
  "$referring_domain",
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "utm_content",
  "utm_term",
  "gad_source",
  "mc_cid",
  "gclid",
  "gclsrc",
  "dclid",
  "gbraid",
  "wbraid",
  "fbclid",
  "msclkid",
  "twclid",
  "li_fat_id",
  "igshid",
  "ttclid",
  "rdt_cid",
  "epik",
  "qclid",
  "sccid",
  "oppref",
  "bfcid",
  "irclid",
  "_kx"
])

/**
 * Properties of an event that was captured with these flags: values by key, and the sorted keys of those that are on.
 */
export const eventProperties = (flags: Iterable<EvaluatedFlag>): Properties => {
  const properties: Record<string, unknown> = {}
  const active: Array<string> = []
  for (const { key, value } of flags) {
    properties[`$feature/${key}`] = value
    if (value !== false) active.push(key)
  }
  if (active.length > 0) properties.$active_feature_flags = Object.freeze(active.sort())
  return properties
}

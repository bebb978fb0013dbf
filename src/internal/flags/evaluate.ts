/**
 * From what a caller and the context say to a snapshot.
 */
import * as Effect from "effect/Effect"
import {
  type GroupProperties,
  type GroupPropertiesInput,
  type Groups,
  isIdentifier,
  merge,
  mergeGroupProperties,
  mergeJson,
  type Properties,
  type PropertiesInput,
  setMember,
  thawAll
} from "../../core/event/layers.js"
import { usableGroups } from "../../core/flags/request.js"
import { readOwn } from "../../core/guard.js"
import type { State } from "../context.js"
import { type Active, type Instance, notOpen } from "../instance.js"
import { FlagsUnavailable, MissingDistinctId } from "./errors.js"
import * as Exposure from "./exposure.js"
import { keyOf } from "./given.js"
import type { EvaluateOptions, Snapshot } from "./reading.js"
import * as internal from "./snapshot.js"
import { evaluatorOf, flagsOf } from "./stages.js"
import { flagsFailed } from "./words.js"

/** Most flags that one evaluation can name; a list may claim to have billions. */
const maxKeys = 10_000

/**
 * Whom the call or the context is about; `undefined`: nobody. An id that is given and blank is nobody, not the next.
 */
export const askedAbout = (known: ReturnType<State["accumulated"]>, options: EvaluateOptions): string | undefined => {
  const given = options.distinctId ?? known.distinctId
  return isIdentifier(given) ? String(given) : undefined
}

/** What is asked about somebody, and what a catalogue's schema threw on the way. */
export const questionOf = (
  active: Active,
  instance: Instance,
  known: ReturnType<State["accumulated"]>,
  distinctId: string,
  options: EvaluateOptions,
  flagKeys: ReadonlyArray<string> | undefined
) => {
  // As events would show them: definitions are evaluated by what PostHog would see, wherever that happens.
  const resolver = instance.door.resolver("feature flags")
  const personProperties = mergeJson(...resolver.over(known.personProperties, options.personProperties))
  const knownOfGroups: Record<string, unknown> = { ...known.groupProperties }
  const groupProperties = merge(options.groupProperties, undefined, (type, properties) => {
    const [under, given] = resolver.over(
      readOwn(knownOfGroups, type) as Properties | undefined,
      properties as PropertiesInput
    )
    if (under !== undefined) setMember(knownOfGroups, type, under)
    return given
  }) as GroupPropertiesInput
  const deviceId = [options.deviceId, personProperties.$device_id, known.properties.$device_id].find(isIdentifier)
  const request = {
    distinctId,
    groups: usableGroups(merge(known.groups, options.groups) as Groups),
    personProperties,
    groupProperties: merge(
      mergeGroupProperties(mergeGroupProperties(undefined, knownOfGroups as GroupProperties), groupProperties),
      undefined,
      (_, properties) => thawAll(properties as Properties)
    ) as GroupProperties,
    deviceId: deviceId === undefined ? undefined : String(deviceId),
    disableGeoip: options.disableGeoip ?? active.options.disableGeoip,
    flagKeys
  }
  return { request, defect: resolver.defect() }
}

const evaluateActive = (
  active: Active,
  instance: Instance,
  state: State,
  options: EvaluateOptions
): Effect.Effect<Snapshot> => {
  const { key } = active.owner
  const known = state.accumulated(active.owner, undefined)
  // An id that is given and blank is a mistake; somebody else's flags would hide it.
  const distinctId = askedAbout(known, options)
  if (distinctId === undefined) {
    const reason = "missing_distinct_id"
    flagsFailed(active.diagnostics, { reason })
    return Effect.succeed(internal.empty(undefined, new MissingDistinctId(), key))
  }
  const flagKeys = options.flagKeys?.slice(0, maxKeys).map(keyOf)
  if (flagKeys !== undefined && flagKeys.length === 0) {
    return Effect.succeed(internal.empty(distinctId, undefined, key))
  }
  const { defect, request } = questionOf(active, instance, known, distinctId, options, flagKeys)
  if (defect !== undefined) return Effect.die(defect)
  const flags = flagsOf(instance, active)
  const onlyLocally = options.onlyLocally ?? active.options.strictLocalEvaluation
  return Effect.map(
    evaluatorOf(instance, flags)(request, onlyLocally),
    (evaluation) =>
      internal.make(evaluation, request, Exposure.make(instance, active, flags, request, options, evaluation), key)
  )
}

/** Never fails: a snapshot without flags says why. */
export const evaluateOn = (instance: Instance, state: State, options: EvaluateOptions): Effect.Effect<Snapshot> =>
  Effect.suspend(() => {
    const { active } = instance
    const current = instance.state()
    if (active === undefined || current !== "open") {
      const reason = notOpen(current)
      return Effect.succeed(internal.empty(undefined, new FlagsUnavailable({ reason }), active?.owner.key ?? ""))
    }
    try {
      return evaluateActive(active, instance, state, options)
    } catch {
      // A Proxy or a getter among the arguments throws.
      const reason = "invalid_request"
      flagsFailed(active.diagnostics, { reason })
      return Effect.succeed(internal.empty(undefined, new FlagsUnavailable({ reason }), active.owner.key))
    }
  })

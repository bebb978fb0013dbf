/**
 * What an instance keeps for its flags, and its evaluator: what a test says, before what is evaluated in this process,
 * before what PostHog is asked for.
 */
import * as Effect from "effect/Effect"
import { Lru } from "../../core/lru.js"
import type { Active, Instance } from "../instance.js"
import { slot } from "../slot.js"
import { type Evaluator, nothing, type Stage } from "./evaluation.js"
import { makeRemote } from "./remote.js"

/** What an active instance keeps for its flags. */
export interface Flags {
  /** Asks PostHog; in a test, nobody. */
  readonly ask: Evaluator
  /** Reads that were told to PostHog, see `calledKey`. */
  readonly called: Lru<string, true>
  /** Whether events about flags without an experiment are sent in their short form: what PostHog said last. */
  minimalEvents: boolean
  /** The evaluator that was composed last, and the stages of which it was. */
  composed: { readonly stages: ReadonlyArray<Stage | undefined>; readonly evaluator: Evaluator } | undefined
}

const flagsSlot = /* #__PURE__ */ slot<Flags>("FeatureFlags")

/** The stage of what a test says, and that of what `LocalEvaluation` evaluates. */
export const overridesSlot = /* #__PURE__ */ slot<Stage>("FeatureFlags/overrides")
export const localSlot = /* #__PURE__ */ slot<Stage>("FeatureFlags/local")

const nobody: Evaluator = () => Effect.succeed(nothing)

export const flagsOf = (instance: Instance, active: Active): Flags =>
  flagsSlot.getOrMake(instance, () => {
    const flags: Flags = {
      ask: overridesSlot.get(instance) !== undefined ? nobody : makeRemote(active, instance.state, (minimal) => {
        flags.minimalEvents = minimal
      }),
      called: new Lru(active.options.featureFlagCalledCacheSize),
      minimalEvents: false,
      composed: undefined
    }
    return flags
  })

/** Evaluates as the instance does it: `overrides ∘ local ∘ remote`, as far as there are such. */
export const evaluatorOf = (instance: Instance, flags: Flags): Evaluator => {
  const local = localSlot.get(instance)
  const overrides = overridesSlot.get(instance)
  const before = flags.composed
  if (before !== undefined && before.stages[0] === local && before.stages[1] === overrides) return before.evaluator
  const stages = [local, overrides]
  const evaluator = stages.reduce((next, stage) => stage === undefined ? next : stage(next), flags.ask)
  flags.composed = { stages, evaluator }
  return evaluator
}

/**
 * What an instance keeps for its flags, and its evaluator: what a test says, before what is evaluated in this process,
 * before what PostHog is asked for.
 */
import * as Effect from "effect/Effect"
import { Lru } from "../../core/lru.js"
import { type Active, extension, type Instance } from "../instance.js"
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

/** Key of the extension under which the flags of an instance are kept. */
const extensionKey = "FeatureFlags"

/** Keys of the extensions under which stages are kept: what a test says, and what `LocalEvaluation` evaluates. */
export const overridesKey = "FeatureFlags/overrides"
export const localKey = "FeatureFlags/local"

const nobody: Evaluator = () => Effect.succeed(nothing)

export const flagsOf = (instance: Instance, active: Active): Flags =>
  extension(instance, extensionKey, () => {
    const flags: Flags = {
      ask: instance.extensions.has(overridesKey) ? nobody : makeRemote(active, instance.state, (minimal) => {
        flags.minimalEvents = minimal
      }),
      called: new Lru(active.options.featureFlagCalledCacheSize),
      minimalEvents: false,
      composed: undefined
    }
    return flags
  })

/** Evaluates as the instance does it: `overrides ∘ local ∘ remote`, as far as there are such. */
export const evaluatorOf = ({ extensions }: Instance, flags: Flags): Evaluator => {
  const local = extensions.get(localKey) as Stage | undefined
  const overrides = extensions.get(overridesKey) as Stage | undefined
  const before = flags.composed
  if (before !== undefined && before.stages[0] === local && before.stages[1] === overrides) return before.evaluator
  const stages = [local, overrides]
  const evaluator = stages.reduce((next, stage) => stage === undefined ? next : stage(next), flags.ask)
  flags.composed = { stages, evaluator }
  return evaluator
}

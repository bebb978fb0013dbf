/**
 * Comparing the flags of a program with those of a running PostHog.
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { Any } from "../../FeatureFlag.js"
import type { FlagsUnavailable, MissingDistinctId, PayloadInvalid, UnknownVariant } from "./errors.js"
import { keyOf } from "./given.js"
import type { Snapshot } from "./reading.js"

/**
 * What `FeatureFlags.verify` finds:
 *
 * - `Unknown`: PostHog has no active flag of this key
 * - `Expired`: the flag should be gone from the program, see its option `expires`
 * - `UnknownVariant`: PostHog's value is none that the program knows
 * - `PayloadInvalid`: the schema does not fit the payload
 * - `Undeclared`: PostHog has a flag that is not in the list
 *
 * @since 0.1.0
 * @category models
 */
export type Finding =
  | { readonly _tag: "Unknown"; readonly flag: Any }
  | { readonly _tag: "Expired"; readonly flag: Any; readonly expires: Date }
  | { readonly _tag: "UnknownVariant"; readonly flag: Any; readonly error: UnknownVariant }
  | { readonly _tag: "PayloadInvalid"; readonly flag: Any; readonly error: PayloadInvalid }
  | { readonly _tag: "Undeclared"; readonly key: string }

/** What is wrong with the flags of a program, as one snapshot shows them. */
export const compare = Effect.fnUntraced(function*(
  flags: ReadonlyArray<Any>,
  snapshot: Snapshot
): Effect.fn.Return<ReadonlyArray<Finding>, FlagsUnavailable | MissingDistinctId> {
  const clock = yield* Effect.clock
  const findings: Array<Finding> = []
  for (const flag of flags) {
    const { error } = yield* snapshot.read(flag, { sendFeatureFlagEvents: false })
    if (error?._tag === "FlagNotFound") findings.push({ _tag: "Unknown", flag })
    else if (error?._tag === "UnknownVariant") findings.push({ _tag: "UnknownVariant", flag, error })
    else if (error !== undefined) return yield* error
    if (flag.expires !== undefined && flag.expires.getTime() <= clock.unsafeCurrentTimeMillis()) {
      findings.push({ _tag: "Expired", flag, expires: flag.expires })
    }
    const invalid = yield* Effect.match(snapshot.payload(flag), { onSuccess: () => undefined, onFailure: identity })
    if (invalid !== undefined) findings.push({ _tag: "PayloadInvalid", flag, error: invalid })
  }
  const declared = new Set(flags.map(keyOf))
  for (const key of snapshot.keys) if (!declared.has(key)) findings.push({ _tag: "Undeclared", key })
  return findings
})

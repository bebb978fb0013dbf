/**
 * Effect's `KeyValueStore`. Hides how it answers for a key that is missing.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The text under a key; `undefined` when the key is missing. */
export const read = (
  store: KeyValueStore.KeyValueStore,
  key: string
): Effect.Effect<string | undefined, PlatformError> => Effect.map(store.get(key), Option.getOrUndefined)

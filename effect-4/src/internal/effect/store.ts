/**
 * Effect's `KeyValueStore`. Hides how it answers for a key that is missing.
 */
import type * as Effect from "effect/Effect"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"

/** The text under a key; `undefined` when the key is missing. */
export const read = (
  store: KeyValueStore.KeyValueStore,
  key: string
): Effect.Effect<string | undefined, KeyValueStore.KeyValueStoreError> => store.get(key)

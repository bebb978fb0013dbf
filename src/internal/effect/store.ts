/**
 * Effect's `KeyValueStore`. Hides how it says that there is nothing under a key.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** The text under a key; `undefined`: there is none. */
export const read = (
  store: KeyValueStore.KeyValueStore,
  key: string
): Effect.Effect<string | undefined, PlatformError> => Effect.map(store.get(key), Option.getOrUndefined)

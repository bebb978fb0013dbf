/**
 * Feature flags of a local PostHog: one document of definitions, for `/flags`, for those who evaluate by themselves, and
 * for whoever asks why.
 */
import type { Handler } from "./local.js"

/** What a flag shall be whatever its definition says. */
export interface Override {
  readonly key: string
  readonly value: boolean | string
  readonly payload?: unknown
  /** For this person alone. */
  readonly distinctId?: string | undefined
}

export interface Flags {
  /** The document as `/flags/definitions` gives it, with overrides written in. */
  readonly document: () => { readonly [name: string]: unknown }
  /** `undefined`, or what is wrong with it. */
  readonly setDefinitions: (document: unknown) => string | undefined
  /** Replaces all overrides. A flag that has no definition exists because of its override. */
  readonly setOverrides: (overrides: ReadonlyArray<Override>) => void
  /** Sets one, or takes it away with `value: undefined`. */
  readonly override: (override: Omit<Override, "value"> & { readonly value: boolean | string | undefined }) => void
  readonly overrides: () => ReadonlyArray<Override>
  /** Keys that somebody asked for and that are not there. */
  readonly missing: () => ReadonlyArray<string>
  readonly evaluate: Handler
  readonly definitions: Handler
  readonly remoteConfig: Handler
  readonly clear: () => void
}

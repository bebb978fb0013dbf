/**
 * Loading definitions, as far as it is arithmetic and decisions: what is known after an answer, when to load next, and
 * who of those that share a store asks PostHog.
 *
 * @since 0.1.0
 */
import type { Definitions } from "./definitions.js"

/** Where definitions came from. */
export type Source = "server" | "store" | "options"

/** Definitions that evaluations work with. Times are milliseconds since the epoch. */
export interface Loaded {
  readonly definitions: Definitions
  readonly source: Source
  /** When PostHog gave or confirmed them; `undefined`: not known. */
  readonly loadedAt: number | undefined
  readonly etag: string | undefined
  /**
   * Keys that were asked for and that the definitions do not have, and whether PostHog has them; until the next load.
   */
  readonly probed: Map<string, boolean>
}

/** Most keys that are remembered as not defined here. */
const maxProbed = 1_000

/** PostHog has no longer keys. */
const maxKey = 400

/** Remembers whether PostHog has a flag of this key: if not, it is not asked again before the next load. */
export const rememberProbed = ({ probed }: Loaded, key: string, isThere: boolean): void => {
  if (probed.size < maxProbed && key.length <= maxKey) probed.set(key, isThere)
}

/**
 * All that is known between two loads. Due times are on the monotonic clock, which cannot be set back; the time of the
 * last load is on the wall clock.
 */
export interface LoadState {
  readonly loaded: Loaded | undefined
  /** How many loads in a row PostHog refused with a status after which to wait longer. */
  readonly refusals: number
  /** Set while the last answer was that the project is over its quota: what is stored must not come back. */
  readonly cleared: boolean
  readonly holdsLease: boolean
  /** Revision of what is stored, if it is what is loaded. */
  readonly seen: string | undefined
  readonly lastSuccess: number | undefined
  /** 0 before the first load. */
  readonly nextLoadAt: number
  /** From when on evaluations that have no definitions may ask for a load. */
  readonly demandAt: number
}

export const initial: LoadState = {
  loaded: undefined,
  refusals: 0,
  cleared: false,
  holdsLease: false,
  seen: undefined,
  lastSuccess: undefined,
  nextLoadAt: 0,
  demandAt: 0
}

/** Longest wait between two loads that PostHog refuses, unless the interval is longer. */
const maxBackoff = 60_000

/** Least time between two loads that evaluations ask for because there are no definitions, in milliseconds. */
const demandPause = 1_000

/** What a load that failed means for the next. */
export interface Failure {
  /** Whether the definitions that are here must go: the project is over its quota. */
  readonly clears: boolean
  /** Whether to wait longer each time: the key is refused, or there were too many requests. */
  readonly backsOff: boolean
  /** What the server asks to wait, in milliseconds. */
  readonly retryAfter: number | undefined
}

/** One after which the next load is at its usual time. */
export const ordinaryFailure: Failure = { clears: false, backsOff: false, retryAfter: undefined }

/** The state after a load that failed, and how long it is until the next; `base` is the interval. */
export const afterFailure = (
  state: LoadState,
  { backsOff, clears, retryAfter }: Failure,
  base: number,
  elapsed: number
): { readonly state: LoadState; readonly delay: number } => {
  const refusals = backsOff ? state.refusals + 1 : state.refusals
  const backoff = backsOff ? Math.min(maxBackoff, base * 2 ** refusals) : 0
  const delay = Math.max(base, backoff, Math.min(retryAfter ?? 0, maxBackoff))
  return {
    delay,
    state: {
      ...state,
      refusals,
      cleared: state.cleared || clears,
      nextLoadAt: elapsed + delay,
      demandAt: elapsed + (backsOff || clears ? delay : Math.min(delay, demandPause))
    }
  }
}

/** The state after PostHog has answered, with new definitions or with none because nothing has changed. */
export const afterAnswer = (state: LoadState, loaded: Loaded | undefined): LoadState => ({
  ...state,
  loaded,
  refusals: 0,
  cleared: false
})

/** What is loaded, said by PostHog to be so still. */
export const confirmed = (loaded: Loaded, etag: string | undefined, now: number): Loaded => ({
  ...loaded,
  loadedAt: now,
  etag: etag ?? loaded.etag,
  probed: new Map()
})

/** What a store has: an entry, or none. */
export interface Found<E extends { readonly revision: string } = { readonly revision: string }> {
  readonly entry: E | undefined
}

/**
 * Whether the one who will ask PostHog begins with what is stored: without definitions of PostHog's those are better
 * than none, whatever it will say.
 */
export const beginsWithStored = ({ cleared, loaded }: LoadState, found: Found | undefined): boolean =>
  found?.entry !== undefined && (loaded === undefined ? !cleared : loaded.source === "options")

/** The ETag to ask with. A store that lost what was in it, or has something else, wants the whole answer. */
export const etagFor = ({ loaded, seen }: LoadState, found: Found | undefined): string | undefined =>
  found === undefined || (found.entry !== undefined && found.entry.revision === seen) ? loaded?.etag : undefined

/**
 * What to do when somebody else asks PostHog, or nobody here may:
 *
 * - `look`: who asks may be about to store the first definitions; look again for a moment
 * - `adopt`: take over what is stored
 * - `confirm`: what is stored is what is loaded
 * - `keep`: nothing is stored, and what is loaded stays
 * - `unanswered`: the store did not answer, and what is loaded stays
 * - `ask`: ask PostHog all the same, and leave the store alone: better than no flags
 * - `nothing`: there is nothing to load from
 */
export type Step = "look" | "adopt" | "confirm" | "keep" | "unanswered" | "ask" | "nothing"

export const follow = (
  { loaded, seen }: LoadState,
  /** `undefined`: no answer. */
  found: Found | undefined,
  hasKey: boolean,
  hasLooked: boolean
): Step => {
  const entry = found?.entry
  if (entry !== undefined && (loaded === undefined || entry.revision !== seen)) return "adopt"
  if (loaded !== undefined) return found === undefined ? "unanswered" : entry === undefined ? "keep" : "confirm"
  return hasKey ? hasLooked ? "ask" : "look" : "nothing"
}

/**
 * The parts of one local PostHog that its handlers work with.
 */
import type { FlagExplanation } from "../core/flags/explanation.js"
import type { FlagValue } from "../core/flags/response.js"
import type { Faults } from "./faults.js"
import type { Override } from "./flagOverrides.js"
import type { Hints } from "./hints.js"
import type { Answer, Exchange, Fault } from "./model.js"
import type { Origins } from "./origins.js"
import type { People } from "./people.js"
import type { Reports } from "./reports.js"
import type { Patience, Settings } from "./settings.js"
import type { Store } from "./store.js"

/** Why a flag is what it is for somebody. */
export interface Why {
  readonly key: string
  readonly value: FlagValue | undefined
  readonly isOverridden: boolean
  /** In a sentence. */
  readonly text: string
  readonly explanation: FlagExplanation
}

/** The flags, and what they answer. */
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
  /** Why a flag is what it is for somebody; `undefined`: there is no such flag. */
  readonly why: (
    key: string,
    whom: {
      readonly distinctId: string
      readonly project: string
      readonly groups?: { readonly [type: string]: string } | undefined
    },
    local: Local
  ) => Why | undefined
  readonly evaluate: Handler
  readonly definitions: Handler
  readonly remoteConfig: Handler
  /** Forgets what was asked for. Definitions and overrides stay. */
  readonly clear: () => void
}

export interface Local {
  readonly settings: Settings
  readonly store: Store
  readonly people: People
  readonly hints: Hints
  readonly flags: Flags
  readonly faults: Faults
  readonly origins: Origins
  /** What clients say about themselves. */
  readonly reports: Reports
  /** The address of the page; `undefined`: there is none. */
  readonly pageUrl: () => string | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Whether what PostHog takes is refused where an SDK should know better: for the suite of one. Default: no. */
  readonly isStrict?: boolean | undefined
}

export type Handler = (exchange: Exchange, local: Local) => Answer | Promise<Answer>

/**
 * Told of every request that was read, with the bytes of its body as they came. May choose a fault for one that none of
 * those that run hits.
 */
export type OnRequest = (exchange: Exchange, wire: Uint8Array) => Fault | undefined

/** Stands between a request and its handler: may answer by itself, choose a fault, or let the handler `go` on. */
export type Intercept = (
  exchange: Exchange,
  go: (exchange: Exchange) => Promise<Answer>
) => Answer | Fault | Promise<Answer | Fault>

export interface LocalServer {
  /** Where clients send to. */
  readonly url: string
  /** Where it is controlled; `undefined`: nowhere. */
  readonly controlUrl: string | undefined
  readonly token: string
  readonly local: Local
  readonly faults: Faults
  /** Ends connections too that clients keep open. */
  readonly close: () => Promise<void>
}

/** What a program may give to a server in its own process. */
export interface Hooks {
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined
  readonly patience?: Patience | undefined
  readonly onRequest?: OnRequest | undefined
  readonly intercept?: Intercept | undefined
  readonly isStrict?: boolean | undefined
}

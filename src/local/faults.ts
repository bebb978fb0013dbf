/**
 * Faults of a local PostHog: what goes wrong, for which requests, and how often.
 */
import type { Fault, ReceivedRequest, Target } from "./model.js"

/** A fault and whom it hits. */
export interface Plan {
  readonly fault: Fault
  /** Default: everything. */
  readonly on?: Target | "everything" | undefined
  /** How many requests it hits. Default: all until it is stopped. */
  readonly times?: number | undefined
  /** The share of requests that it hits, from 0 to 1. Default 1. */
  readonly share?: number | undefined
}

export interface Running extends Plan {
  readonly id: number
  readonly hits: number
}

export interface Faults {
  /** Starts one; the function stops it. */
  readonly start: (plan: Plan) => { readonly id: number; readonly stop: () => void }
  readonly stop: (id?: number) => void
  readonly running: () => ReadonlyArray<Running>
  /** The fault that this request gets, counted as a hit. */
  readonly next: (request: Pick<ReceivedRequest, "target" | "method">) => Fault | undefined
}

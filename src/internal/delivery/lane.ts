/**
 * A kind of events that goes its own way to PostHog: where to, in what envelope, and within which limits. Lanes of an
 * instance share its gate and its books; each has its own queue, requests and pauses.
 */
import { formatMillis } from "../../core/event/timestamp.js"
import type { Resolved } from "../options.js"
import type { Limits } from "./eventQueue.js"

export interface Lane {
  /** As diagnostics and journals know it. */
  readonly name: string
  /** Below the host. */
  readonly path: string
  /** What stands before and after the events of a body. `now` is in milliseconds since the epoch. */
  readonly envelope: (now: number) => { readonly head: string; readonly tail: string }
  readonly limits: Limits & { readonly maxBatchBytes: number }
}

/** The way of all events. */
export const events = (options: Resolved, apiKey: string): Lane => {
  const head = `{"api_key":${JSON.stringify(apiKey)},"batch":[`
  const historical = options.historicalMigration ? ",\"historical_migration\":true" : ""
  return {
    name: "events",
    path: "/batch/",
    // The time of sending lets the server correct a clock that is wrong, so each attempt gets its own.
    envelope: (now) => ({ head, tail: `],"sent_at":"${formatMillis(now)}"${historical}}` }),
    limits: {
      maxBatchSize: options.maxBatchSize,
      maxBatchBytes: options.maxBatchBytes,
      // An event that fills the whole queue must not push all others out.
      maxEventBytes: Math.min(options.maxEventBytes, options.maxQueueBytes),
      maxQueueBytes: options.maxQueueBytes,
      maxQueueSize: options.maxQueueSize
    }
  }
}

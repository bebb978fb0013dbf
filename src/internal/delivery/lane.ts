/**
 * A kind of events that goes its own way to PostHog, within limits of its own. Lanes of an instance share its gate and
 * its books; each has its own queue, requests and pauses.
 */
import type * as Duration from "effect/Duration"
import type { Form } from "../../core/event/properties.js"
import type { Resolved } from "../options.js"
import { aboutEvents, type Topic } from "../warnings.js"
import type { Limits } from "./eventQueue.js"
import type { Transport } from "./transport.js"

export interface Lane {
  /** As diagnostics and journals know it. */
  readonly name: string
  /** What its requests are about, for warnings. */
  readonly about: Topic
  readonly limits: Limits & { readonly maxBatchBytes: number }
  /** Time limit of each request. */
  readonly requestTimeout: Duration.Duration
}

/** A lane and what sends its requests. */
export interface Route {
  readonly lane: Lane
  readonly transport: Transport
  /**
   * Where batches of the queue go instead: into a store from which any process of a fleet takes them. What it
   * acknowledges is `stored`, not delivered.
   */
  readonly store?: Transport | undefined
}

/** A lane of which nothing exists before its first event. */
export interface Branch {
  /** That of the lane. */
  readonly name: string
  /** How its events are written. */
  readonly form: Form | undefined
  /** In words why it cannot take the text of an event. */
  readonly refuses: (text: string) => string | undefined
  readonly open: () => Route
}

/** What capture v1 takes: most bytes of an event, and of the events of a request. */
const ofCaptureV1 = { maxEventBytes: 900 * 1024, maxBatchBytes: 5 * 1024 * 1024 }

/** What is taken of an event that has no way of its own. */
export const limitsOf = (options: Resolved): Pick<Resolved, "maxBatchBytes" | "maxEventBytes"> =>
  options.captureMode === "v0" ? options : {
    maxEventBytes: Math.min(options.maxEventBytes, ofCaptureV1.maxEventBytes),
    maxBatchBytes: Math.min(options.maxBatchBytes, ofCaptureV1.maxBatchBytes)
  }

/**
 * The way of exceptions: that of all events, with a queue of its own. So they give way to other exceptions only when a
 * queue is full, and do not stand behind everything else when the time is short.
 */
export const exceptions = ({ lane, transport }: Route): Branch => ({
  name: "exceptions",
  form: undefined,
  refuses: () => undefined,
  open: () => ({ lane: { ...lane, name: "exceptions" }, transport })
})

/** The way of all events that have no other. */
export const events = (options: Resolved): Lane => ({
  name: "events",
  about: aboutEvents,
  limits: {
    maxBatchSize: options.maxBatchSize,
    maxBatchBytes: limitsOf(options).maxBatchBytes,
    // An event that fills the whole queue must not push all others out.
    maxEventBytes: Math.min(limitsOf(options).maxEventBytes, options.maxQueueBytes),
    maxQueueBytes: options.maxQueueBytes,
    maxQueueSize: options.maxQueueSize
  },
  requestTimeout: options.requestTimeout
})

/**
 * What became of an instance's events, in numbers: for `PostHog.stats` and as Effect metrics.
 */
import type { DropReason } from "../../PostHogError.js"
import * as Metrics from "../effect/metrics.js"

/**
 * What became of an instance's events since it was built. At every moment
 * `accepted + recovered = queued + inFlight + delivered + the sum of dropped + stored`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Events that the instance took from its callers. */
  readonly accepted: number
  /** Events of earlier or other processes that the instance took over from a `DurableOutbox`. */
  readonly recovered: number
  /**
   * Events that wait for being sent, or for room in the queue; with a `DurableOutbox` also those that are on disk only.
   */
  readonly queued: number
  /** Events that are being sent, the pauses between retries included. */
  readonly inFlight: number
  /** Events that PostHog acknowledged. */
  readonly delivered: number
  /** Events that will not be delivered, by reason; reasons that did not occur are absent. */
  readonly dropped: { readonly [Reason in DropReason]?: number }
  /**
   * Events that the instance left to a `DurableOutbox`: for a later process, or for whichever of a fleet takes them.
   */
  readonly stored: number
  /**
   * Queued events that would be lost with the process, because the `DurableOutbox` could not store them. They are part
   * of `queued`; 0 without such an outbox.
   */
  readonly unstored: number
  /** How often events were sent again: a batch of 10 that was retried twice counts 20. */
  readonly retried: number
  /** Events that PostHog took with a remark, see `EventsWarned`. They are among `delivered`. */
  readonly warned: number
  /** Events, and evaluations of flags, with properties that did not fit their declaration, see `EventInvalid`. */
  readonly invalid: number
  /** Events in which something had to be replaced before they could be sent. */
  readonly repaired: number
  /** Calls while the instance was opted out or disabled. Nothing was accepted. */
  readonly ignored: number
}

/**
 * The metrics of all instances, each with the tag `instance`, `dropped` with the tag `reason` too.
 *
 * @since 0.1.0
 * @category metrics
 */
export const metrics = {
  accepted: Metrics.counter("posthog_events_accepted", "Events taken from callers"),
  recovered: Metrics.counter("posthog_events_recovered", "Events taken over from a durable outbox"),
  delivered: Metrics.counter("posthog_events_delivered", "Events acknowledged by PostHog"),
  dropped: Metrics.counter("posthog_events_dropped", "Events that will not be delivered"),
  stored: Metrics.counter("posthog_events_stored", "Events left to a durable outbox"),
  retried: Metrics.counter("posthog_events_retried", "Events sent again"),
  queued: Metrics.gauge("posthog_events_queued", "Events waiting for being sent"),
  inFlight: Metrics.gauge("posthog_events_in_flight", "Events being sent"),
  unstored: Metrics.gauge("posthog_events_unstored", "Queued events that a durable outbox could not store")
}

/** Where an event can be. */
export type State = "queued" | "inFlight" | "delivered" | "dropped" | "stored"

/** Where an event comes from when it has not been anywhere: from a caller, or from a store. */
export type Origin = "accepted" | "recovered"

/** The numbers of one instance. Only `Books` changes them. */
export class Statistics {
  private readonly origins = { accepted: 0, recovered: 0 }
  private unstored = 0
  private retried = 0
  private warned = 0
  private repaired = 0
  private invalid = 0
  private ignored = 0
  private readonly counts = { queued: 0, inFlight: 0, delivered: 0, dropped: 0, stored: 0 }
  private readonly dropped: { [Reason in DropReason]?: number } = {}
  // Made once, see `Metrics.Attributes`.
  private readonly tags: Metrics.Attributes
  private readonly reasonTags = new Map<DropReason, Metrics.Attributes>()

  constructor(private readonly instance: string) {
    this.tags = Metrics.attributes({ instance })
  }

  onIgnored(): void {
    this.ignored++
  }

  onRepaired(): void {
    this.repaired++
  }

  onInvalid(): void {
    this.invalid++
  }

  onWarned(count: number): void {
    this.warned += count
  }

  onRetried(count: number): void {
    this.retried += count
    Metrics.count(metrics.retried, count, this.tags)
  }

  /** So many more, or fewer, of the queued events are in no store. */
  onUnstored(count: number): void {
    this.unstored += count
    Metrics.change(metrics.unstored, count, this.tags)
  }

  /** Events go from one state to another. */
  move(count: number, from: Origin | "queued" | "inFlight", to: State, reason?: DropReason): void {
    if (from === "accepted" || from === "recovered") {
      this.origins[from] += count
      Metrics.count(metrics[from], count, this.tags)
    } else {
      this.counts[from] -= count
      Metrics.change(metrics[from], -count, this.tags)
    }
    this.counts[to] += count
    switch (to) {
      case "queued":
      case "inFlight":
        return Metrics.change(metrics[to], count, this.tags)
      case "delivered":
      case "stored":
        return Metrics.count(metrics[to], count, this.tags)
      case "dropped":
        return this.onDropped(reason ?? "internal_error", count)
    }
  }

  snapshot(): Stats {
    const {
      counts: { delivered, inFlight, queued, stored },
      ignored,
      invalid,
      origins,
      repaired,
      retried,
      unstored,
      warned
    } = this
    const dropped = { ...this.dropped }
    return {
      ...origins,
      queued,
      inFlight,
      delivered,
      dropped,
      stored,
      unstored,
      retried,
      warned,
      invalid,
      repaired,
      ignored
    }
  }

  private onDropped(reason: DropReason, count: number): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count
    let tags = this.reasonTags.get(reason)
    if (tags === undefined) {
      tags = Metrics.attributes({ instance: this.instance, reason })
      this.reasonTags.set(reason, tags)
    }
    Metrics.count(metrics.dropped, count, tags)
  }
}

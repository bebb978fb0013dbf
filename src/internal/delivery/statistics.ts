/**
 * What became of an instance's events, in numbers: for `PostHog.stats` and as Effect metrics.
 */
import type { DropReason } from "../../PostHogError.js"
import * as Metrics from "../effect/metrics.js"

/**
 * What became of an instance's events since it was built. At every moment
 * `accepted = queued + inFlight + delivered + the sum of dropped`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Events that the instance took from its callers. */
  readonly accepted: number
  /** Events that wait for being sent, or for room in the queue. */
  readonly queued: number
  /** Events that are being sent, the pauses between retries included. */
  readonly inFlight: number
  /** Events that PostHog acknowledged. */
  readonly delivered: number
  /** Events that will not be delivered, by reason; reasons that did not occur are absent. */
  readonly dropped: { readonly [Reason in DropReason]?: number }
  /** How often events were sent again: a batch of 10 that was retried twice counts 20. */
  readonly retried: number
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
  delivered: Metrics.counter("posthog_events_delivered", "Events acknowledged by PostHog"),
  dropped: Metrics.counter("posthog_events_dropped", "Events that will not be delivered"),
  retried: Metrics.counter("posthog_events_retried", "Events sent again"),
  queued: Metrics.gauge("posthog_events_queued", "Events waiting for being sent"),
  inFlight: Metrics.gauge("posthog_events_in_flight", "Events being sent")
}

/** Where an accepted event can be. */
export type State = "queued" | "inFlight" | "delivered" | "dropped"

/** The numbers of one instance. Only `Books` changes them. */
export class Statistics {
  private accepted = 0
  private retried = 0
  private repaired = 0
  private ignored = 0
  private readonly counts = { queued: 0, inFlight: 0, delivered: 0, dropped: 0 }
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

  onRetried(count: number): void {
    this.retried += count
    Metrics.count(metrics.retried, count, this.tags)
  }

  /** Events go from one state to another; new ones come from nowhere, and are accepted thereby. */
  move(count: number, from: "queued" | "inFlight" | undefined, to: State, reason?: DropReason): void {
    if (from === undefined) {
      this.accepted += count
      Metrics.count(metrics.accepted, count, this.tags)
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
        return Metrics.count(metrics.delivered, count, this.tags)
      case "dropped":
        return this.onDropped(reason ?? "internal_error", count)
    }
  }

  snapshot(): Stats {
    const { accepted, counts: { delivered, inFlight, queued }, dropped, ignored, repaired, retried } = this
    return { accepted, queued, inFlight, delivered, dropped: { ...dropped }, retried, repaired, ignored }
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

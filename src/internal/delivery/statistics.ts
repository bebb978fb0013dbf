/**
 * What became of an instance's events, in numbers: for `PostHog.stats` and as Effect metrics.
 */
import * as Metric from "effect/Metric"
import * as MetricLabel from "effect/MetricLabel"
import type { DropReason } from "../../PostHogError.js"

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
  accepted: Metric.counter("posthog_events_accepted", {
    description: "Events taken from callers",
    incremental: true
  }),
  delivered: Metric.counter("posthog_events_delivered", {
    description: "Events acknowledged by PostHog",
    incremental: true
  }),
  dropped: Metric.counter("posthog_events_dropped", {
    description: "Events that will not be delivered",
    incremental: true
  }),
  retried: Metric.counter("posthog_events_retried", {
    description: "Events sent again",
    incremental: true
  }),
  queued: Metric.gauge("posthog_events_queued", { description: "Events waiting for being sent" }),
  inFlight: Metric.gauge("posthog_events_in_flight", { description: "Events being sent" })
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
  // Metrics look hooks up by the identity of these arrays.
  private readonly tags: ReadonlyArray<MetricLabel.MetricLabel>
  private readonly reasonTags = new Map<DropReason, ReadonlyArray<MetricLabel.MetricLabel>>()

  constructor(instance: string) {
    this.tags = [MetricLabel.make("instance", instance)]
  }

  onIgnored(): void {
    this.ignored++
  }

  onRepaired(): void {
    this.repaired++
  }

  onRetried(count: number): void {
    this.retried += count
    metrics.retried.unsafeUpdate(count, this.tags)
  }

  /** Events go from one state to another; new ones come from nowhere, and are accepted thereby. */
  move(count: number, from: "queued" | "inFlight" | undefined, to: State, reason?: DropReason): void {
    if (from === undefined) {
      this.accepted += count
      metrics.accepted.unsafeUpdate(count, this.tags)
    } else {
      this.counts[from] -= count
      metrics[from].unsafeModify(-count, this.tags)
    }
    this.counts[to] += count
    switch (to) {
      case "queued":
      case "inFlight":
        return metrics[to].unsafeModify(count, this.tags)
      case "delivered":
        return metrics.delivered.unsafeUpdate(count, this.tags)
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
      tags = [...this.tags, MetricLabel.make("reason", reason)]
      this.reasonTags.set(reason, tags)
    }
    metrics.dropped.unsafeUpdate(count, tags)
  }
}

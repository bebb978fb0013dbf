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

export class Statistics {
  private accepted = 0
  private queued = 0
  private inFlight = 0
  private delivered = 0
  private retried = 0
  private repaired = 0
  private ignored = 0
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

  onAccepted(): void {
    this.accepted++
    metrics.accepted.unsafeUpdate(1, this.tags)
  }

  onRepaired(): void {
    this.repaired++
  }

  /** Events entered (or, negative, left) the queue. */
  onQueued(count: number): void {
    this.queued += count
    metrics.queued.unsafeModify(count, this.tags)
  }

  /** Events began (or, negative, stopped) being sent. */
  onInFlight(count: number): void {
    this.inFlight += count
    metrics.inFlight.unsafeModify(count, this.tags)
  }

  onDelivered(count: number): void {
    this.delivered += count
    metrics.delivered.unsafeUpdate(count, this.tags)
  }

  onRetried(count: number): void {
    this.retried += count
    metrics.retried.unsafeUpdate(count, this.tags)
  }

  onDropped(reason: DropReason, count: number): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count
    let tags = this.reasonTags.get(reason)
    if (tags === undefined) {
      tags = [...this.tags, MetricLabel.make("reason", reason)]
      this.reasonTags.set(reason, tags)
    }
    metrics.dropped.unsafeUpdate(count, tags)
  }

  snapshot(): Stats {
    const { accepted, delivered, dropped, ignored, inFlight, queued, repaired, retried } = this
    return { accepted, queued, inFlight, delivered, dropped: { ...dropped }, retried, repaired, ignored }
  }
}

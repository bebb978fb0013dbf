/**
 * Effect's metrics. Hides how one is changed outside of an effect, and what its attributes are.
 */
import * as Metric from "effect/Metric"
import * as MetricLabel from "effect/MetricLabel"

/** Of one series of values. Metrics are found fast by the identity of this value: it is to be made once. */
export type Attributes = ReadonlyArray<MetricLabel.MetricLabel>

export const attributes = (values: Readonly<Record<string, string>>): Attributes =>
  Object.entries(values).map(([name, value]) => MetricLabel.make(name, value))

/** A number that grows. */
export const counter = (name: string, description: string): Metric.Metric.Counter<number> =>
  Metric.counter(name, { description, incremental: true })

/** A number that goes up and down. */
export const gauge = (name: string, description: string): Metric.Metric.Gauge<number> =>
  Metric.gauge(name, { description })

export const count = (metric: Metric.Metric.Counter<number>, more: number, of: Attributes): void =>
  metric.unsafeUpdate(more, of)

/** Adds to the value of a gauge; a negative number subtracts. */
export const change = (metric: Metric.Metric.Gauge<number>, more: number, of: Attributes): void =>
  metric.unsafeModify(more, of)

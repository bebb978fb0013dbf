/**
 * Effect's metrics. Hides how one is changed outside of an effect, and what its attributes are.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/**
 * Of one series of values, as the context in which a metric looks for them. A metric remembers the attributes it saw
 * last by their identity: this value is to be made once.
 */
export type Attributes = Context.Context<never>

export const attributes = (values: Readonly<Record<string, string>>): Attributes =>
  Context.add(Context.empty(), Metric.CurrentMetricAttributes, values)

/** A number that grows. */
export const counter = (name: string, description: string): Metric.Counter<number> =>
  Metric.counter(name, { description, incremental: true })

/** A number that goes up and down. */
export const gauge = (name: string, description: string): Metric.Gauge<number> => Metric.gauge(name, { description })

export const count = (metric: Metric.Counter<number>, more: number, of: Attributes): void =>
  metric.updateUnsafe(more, of)

/** Adds to the value of a gauge; a negative number subtracts. */
export const change = (metric: Metric.Gauge<number>, more: number, of: Attributes): void =>
  metric.modifyUnsafe(more, of)

/**
 * Capture v1 as the sink sees it.
 */
import type { Answer } from "../../src/local/model.js"
import type { SinkEvent, SinkRequest } from "./sink.js"

/** What PostHog says about one event. */
export interface Verdict {
  readonly result: string
  readonly details?: string
}

export const analyticsPath = "/i/v1/analytics/events"
export const aiPath = "/i/v1/ai/events"
export const aiV0Path = "/i/v0/ai/batch"

/** The events that the answer says are taken. */
export const takenOf = ({ events }: SinkRequest, answer: Answer): ReadonlyArray<SinkEvent> => {
  if (answer.status !== 200) return []
  const { results } = JSON.parse(String(answer.body)) as { readonly results: Readonly<Record<string, Verdict>> }
  return events.filter(({ uuid }) => !["drop", "retry"].includes(results[uuid]?.result ?? "drop"))
}

/**
 * The one way in which an accepted event can be given up: counted, and told.
 */
import type { DropReason, EventHead } from "../PostHogError.js"
import type { Statistics } from "./delivery/statistics.js"
import type { Diagnostics } from "./diagnostics.js"

export interface Drop {
  /** `events` is only asked when somebody wants to know. */
  (reason: DropReason, count: number, events: () => ReadonlyArray<EventHead>, detail?: string): void
}

export const make = (statistics: Statistics, diagnostics: Diagnostics): Drop => (reason, count, events, detail) => {
  statistics.onDropped(reason, count)
  diagnostics.emit(
    "EventsDropped",
    () => ({ _tag: "EventsDropped", reason, count, events: events(), detail }),
    reason
  )
}

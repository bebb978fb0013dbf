/**
 * What became of a batch of which not every event was persisted, where the server speaks about single events.
 */
import type { BatchFailed, EventsWarned } from "../../PostHogError.js"
import type { Diagnostics, Kind } from "../diagnostics.js"
import type { Batch } from "./batch.js"

/** Events that were not persisted, for one reason. */
export interface Unpersisted {
  readonly batch: Batch
  readonly fate: "dropped" | "exhausted"
  /** The server's last word about each of them; `undefined`: it has said nothing about them. */
  readonly verdict: { readonly result: "drop" | "retry"; readonly detail: string | undefined } | undefined
}

/** A request with its repetitions, and what it did not get through. */
export interface Report {
  readonly endpoint: string
  readonly requestId: string
  readonly attempts: number
  /** Of the last answer; `undefined`: there was none. */
  readonly status: number | undefined
  readonly unpersisted: ReadonlyArray<Unpersisted>
}

/** Most events that a report names. */
const maxEvents = 1_000

/** Most verdicts that are counted apart; PostHog has about twenty. */
const maxVerdicts = 50

const countOf = ({ unpersisted }: Report, fate: Unpersisted["fate"]): number =>
  unpersisted.reduce((sum, part) => part.fate === fate ? sum + part.batch.count : sum, 0)

/** How many events there are of each verdict, such as `drop/invalid_options`. */
const verdictsOf = ({ unpersisted }: Report): BatchFailed["verdicts"] => {
  const counts = new Map<string, number>()
  for (const { batch, verdict } of unpersisted) {
    if (verdict === undefined) continue
    const { detail, result } = verdict
    const name = detail === undefined ? result : `${result}/${detail}`
    const key = counts.has(name) || counts.size < maxVerdicts ? name : "others"
    counts.set(key, (counts.get(key) ?? 0) + batch.count)
  }
  return Object.fromEntries(counts)
}

const eventsOf = ({ unpersisted }: Report): BatchFailed["events"] => {
  const events: Array<BatchFailed["events"][number]> = []
  for (const { batch, fate, verdict } of unpersisted) {
    if (events.length >= maxEvents) break
    const some = batch.count + events.length > maxEvents ? batch.slice(0, maxEvents - events.length) : batch
    for (const head of some.heads()) {
      events.push({
        ...head,
        fate,
        ...(verdict === undefined ? undefined : { result: verdict.result, detail: verdict.detail })
      })
    }
  }
  return events
}

const toDiagnostic = (report: Report): BatchFailed => {
  const { attempts, endpoint, requestId, status } = report
  return {
    _tag: "BatchFailed",
    endpoint,
    requestId,
    attempts,
    ...(status === undefined ? undefined : { status }),
    dropped: countOf(report, "dropped"),
    exhausted: countOf(report, "exhausted"),
    verdicts: verdictsOf(report),
    events: eventsOf(report)
  }
}

/** Whether events were refused for good. */
const hasDropped = ({ unpersisted }: Report): boolean => unpersisted.some(({ fate }) => fate === "dropped")

const numbered = (count: number, one: string): string => `${count} ${one}${count === 1 ? "" : "s"}`

/** While the events stay queued, what is logged about the host is enough. */
const batchFailed: Kind<BatchFailed> = { tag: "BatchFailed", text: "a batch was not persisted" }

/** Of a batch of which events are lost. Names none of them: that would be work for each batch. */
const lineOf = (report: Report): string => {
  const { attempts, endpoint, requestId, status } = report
  const dropped = countOf(report, "dropped")
  const exhausted = countOf(report, "exhausted")
  const fates = [
    ...(dropped > 0 ? [`${dropped} dropped`] : []),
    ...(exhausted > 0 ? [`${exhausted} out of retries`] : [])
  ]
  const counts = Object.entries(verdictsOf(report)).map(([verdict, count]) => `${verdict}=${count}`)
  return `${numbered(dropped + exhausted, "event")} not persisted by ${endpoint}: ${fates.join(", ")}` +
    (counts.length === 0 ? "" : ` (${counts.join(", ")})`) +
    `; request ${requestId}, ${numbered(attempts, "attempt")}, ` +
    (status === undefined ? "no answer" : `status ${status}`)
}

/** `isLast`: what is out of retries is lost, too. */
export const tellFailed = (diagnostics: Diagnostics, report: Report, isLast: boolean): void =>
  diagnostics.emit(
    isLast || hasDropped(report) ? { ...batchFailed, line: () => lineOf(report) } : batchFailed,
    () => toDiagnostic(report)
  )

const eventsWarned: Kind<EventsWarned> = {
  tag: "EventsWarned",
  text: "PostHog took events and has a remark on them",
  warns: true
}

/** The first of each code is logged. */
export const tellRemarked = (diagnostics: Diagnostics, batch: Batch, detail: string | undefined): void =>
  diagnostics.emit(
    eventsWarned,
    () => ({ _tag: "EventsWarned", count: batch.count, events: batch.heads(), detail }),
    detail
  )

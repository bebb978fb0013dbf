/**
 * What clients say about themselves: how many events they took from the program, and what became of them. Only clients
 * of this library say it.
 */

/** The account of one instance: `accepted = delivered + queued + the sum of dropped`, where nothing is missing. */
export interface Report {
  /** Says which instance it is, as long as that lives. */
  readonly instance: string
  readonly sdk: string
  readonly accepted: number
  readonly delivered: number
  /** Those on their way among them. */
  readonly queued: number
  /** By reason. */
  readonly dropped: { readonly [reason: string]: number }
  /** Names of events that were dropped, with the reason; the newest last. */
  readonly lost: ReadonlyArray<{ readonly event: string; readonly reason: string }>
  readonly isClosed: boolean
}

export interface Reports {
  /** Takes a report, in place of an earlier one of the same instance; or says what is wrong with it. */
  readonly add: (given: unknown, at: number) => string | undefined
  readonly all: () => ReadonlyArray<Report & { readonly at: number }>
  readonly clear: () => void
}

const maxInstances = 100
const maxReasons = 50
const maxLost = 100
const maxText = 200

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0

const isText = (value: unknown): value is string => typeof value === "string" && value.length <= maxText

export const makeReports = (changed: () => void): Reports => {
  const reports = new Map<string, Report & { readonly at: number }>()
  return {
    add: (given, at) => {
      if (!isObject(given) || !isText(given.instance) || !isText(given.sdk)) {
        return "a report is an object with the texts instance and sdk"
      }
      const { accepted, delivered, dropped, instance, lost, queued, sdk } = given
      if (!isCount(accepted) || !isCount(delivered) || !isCount(queued)) {
        return "accepted, delivered and queued are whole numbers, 0 or more"
      }
      if (!isObject(dropped) || !Object.values(dropped).every(isCount)) {
        return "dropped is an object of numbers, by reason"
      }
      const report = {
        instance,
        sdk,
        accepted,
        delivered,
        queued,
        dropped: Object.fromEntries(
          Object.entries(dropped as Record<string, number>).slice(0, maxReasons).filter(([name]) => isText(name))
        ),
        lost: (Array.isArray(lost) ? lost : []).slice(-maxLost).flatMap((one: unknown) =>
          isObject(one) && isText(one.event) && isText(one.reason) ? [{ event: one.event, reason: one.reason }] : []
        ),
        isClosed: given.isClosed === true,
        at
      }
      reports.delete(instance)
      reports.set(instance, report)
      const [oldest] = reports.keys()
      if (reports.size > maxInstances && oldest !== undefined) reports.delete(oldest)
      changed()
      return undefined
    },
    all: () => Array.from(reports.values()),
    clear: () => reports.clear()
  }
}

/**
 * From a failure to an `$exception` event.
 */
import * as Effect from "effect/Effect"
import { merge, type Properties, type PropertiesInput, setMember, unreadable } from "../../core/event/layers.js"
import { coerce } from "../../core/exceptions/coerce.js"
import { withSpans } from "../../core/exceptions/frames.js"
import { toList } from "../../core/exceptions/list.js"
import type { ExceptionLost } from "../../PostHogError.js"
import { type CaptureOptions, elapsedOf, type Kind } from "../capture.js"
import { stateAt } from "../context.js"
import type { Kind as DiagnosticKind } from "../diagnostics.js"
import { spansAround } from "../effect/cause.js"
import type { Origin } from "../effect/fiber.js"
import { releaseIdFor } from "../environment.js"
import type { Active, Instance } from "../instance.js"
import { slot } from "../slot.js"
import { toFailure } from "./cause.js"
import { Claims, type Mark } from "./claims.js"
import { fieldsOf } from "./fields.js"
import { injectedReleaseId, makeFrameReader } from "./frames.js"
import { idsOf, noteException } from "./links.js"
import type { Reporter } from "./reporters.js"
import { StormGuard } from "./stormGuard.js"

/** One thing to report. */
export interface Report {
  readonly reporter: Reporter
  /** A Cause or anything that was thrown. */
  readonly given: unknown
  readonly level: string
  readonly fingerprint?: string | undefined
  /** Properties of the caller. */
  readonly properties?: PropertiesInput | undefined
  readonly options?: CaptureOptions | undefined
  /** A stack for what has none. */
  readonly fallback?: string | undefined
  readonly fiberId?: string | undefined
}

interface Tracker {
  /** Never fails. */
  readonly report: (origin: Origin, report: Report) => Effect.Effect<void>
  /**
   * Reserves a failure for the caller: from now on no integration reports it; `ErrorTracking.capture` still does.
   * `false`: it is reserved or reported already.
   */
  readonly claim: (origin: Origin, given: unknown) => boolean
}

const exceptionLost: DiagnosticKind<ExceptionLost> = {
  tag: "ExceptionLost",
  text: "an exception could not be made into an event",
  warns: true
}

const kind: Kind = { withContext: true, withFlags: true, needsId: false, withAnySpan: true }

/** What only PostHog, or only this library, may say (specification of PostHog's SDKs, exception metadata). */
const reserved = new Set([
  "$exception_list",
  "$exception_level",
  "$exception_source",
  "$debug_images",
  "$exception_types",
  "$exception_values",
  "$exception_sources",
  "$exception_functions",
  "$exception_handled",
  "$exception_fingerprint_version",
  "$exception_fingerprint_record",
  "$exception_issue_id",
  "$exception_release",
  "$cymbal_errors"
])

/** Those that context and global properties may not have either; the others are replaced by ours. */
const neverSent = (name: string): boolean => name.startsWith("$exception_") && neverSentNames.has(name)
const neverSentNames = new Set(
  [...reserved].filter((name) => !["$exception_list", "$exception_level", "$exception_source"].includes(name))
)

/** The caller's properties without the reserved ones. What cannot be read is marked, as in other events. */
const unreserved = (properties: PropertiesInput | undefined): Properties => {
  let given = unreadable
  try {
    given = merge(properties, undefined)
  } catch {
    // A Proxy that does not even say its names.
  }
  const kept: Record<string, unknown> = {}
  for (const name of Object.keys(given)) if (!reserved.has(name)) setMember(kept, name, given[name])
  return kept
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const trackerSlot = /* #__PURE__ */ slot<Tracker>("ErrorTracking")

const trackerOf = (instance: Instance, active: Active): Tracker =>
  trackerSlot.getOrMake(instance, () => make(instance, active))

/** That of the environment, which tests do not look at. */
const deployedReleaseId = ({ http, origin }: Active): string | undefined =>
  http === undefined ? undefined : releaseIdFor(origin)

const make = (instance: Instance, active: Active): Tracker => {
  const { diagnostics, options, owner } = active
  const { door, state } = instance
  const claims = new Claims()
  const guard = new StormGuard()
  const framesFor = makeFrameReader(options)
  const release = options.releaseId ?? deployedReleaseId(active) ?? injectedReleaseId()

  const markOf = (origin: Origin, options?: CaptureOptions): Mark => ({
    at: elapsedOf(origin),
    who: options?.distinctId ?? stateAt(origin).surroundings(owner, "$exception").distinctId
  })

  const report: Tracker["report"] = (origin, report) => {
    const { given, reporter } = report
    const failure = toFailure(given)
    if (failure === undefined) return Effect.void
    const now = markOf(origin, report.options)
    if (claims.isReported(given, failure, now)) return Effect.void
    if (!reporter.ignoresClaims && claims.isClaimed(given, failure, now)) return Effect.void
    // While the instance is opted out nothing is marked as reported: the same error is an event when it comes after
    // that.
    if (state() !== "open" || door.isSilent(origin, "$exception")) {
      return door.capture(origin, { event: "$exception", properties: {}, subject: undefined, options: undefined, kind })
    }
    const own = unreserved(report.properties)
    const fingerprint = [report.fingerprint, own.$exception_fingerprint].find(isText)
    const heldBack = reporter.limited && options.exceptionRateLimit ? guard.take(failure, fingerprint, now) : 0
    if (heldBack === undefined) {
      door.holdBack(origin, "$exception")
      return Effect.void
    }
    claims.report(given, failure, now)
    const fallback = () => withSpans(report.fallback ?? "", spansAround(origin))
    const { fields, list } = toList(failure, reporter, fallback, framesFor())
    // Member by member: in V8 of Node 20, spreading into an object costs a microsecond for each.
    const properties = merge(fieldsOf(fields), own) as Record<string, unknown>
    properties.$exception_list = list
    properties.$exception_level = report.level
    properties.$exception_type = list[0]!.type
    properties.$exception_message = list[0]!.value
    properties.$exception_source = reporter.source
    properties.$exception_fingerprint = fingerprint
    if (isText(release)) properties.$release_id = release
    if (report.fiberId !== undefined) properties.fiber_id = report.fiberId
    if (heldBack !== 0) properties.exceptions_held_back = heldBack
    // Where it is reported may be outside of the trace in which it came about.
    const here = stateAt(origin).property(owner, "$exception", "$ai_trace_id")
    const trace = here === undefined ? idsOf(instance, given, failure, now.at) : undefined
    if (trace?.traceId !== undefined) properties.$ai_trace_id ??= trace.traceId
    if (trace?.sessionId !== undefined) properties.$ai_session_id ??= trace.sessionId
    const { captured, uuid } = door.take(origin, {
      event: "$exception",
      properties,
      subject: undefined,
      options: report.options,
      kind,
      omits: neverSent
    })
    noteException(instance, given, failure, uuid, now.at, here !== undefined || trace !== undefined)
    return captured
  }

  return {
    claim: (origin, given) => {
      try {
        const failure = toFailure(given)
        return failure !== undefined && claims.claim(given, failure, markOf(origin))
      } catch {
        return true
      }
    },
    report: (origin, given) => {
      try {
        return report(origin, given)
      } catch (error) {
        diagnostics.emit(exceptionLost, () => ({ _tag: "ExceptionLost", detail: String(coerce(error).value) }))
        return door.refuse(origin, "$exception", "it could not be read")
      }
    }
  }
}

/** Sends a report, if there is somebody to send it. */
export const send = (instance: Instance, origin: Origin, report: Report): Effect.Effect<void> =>
  instance.active === undefined ? Effect.void : trackerOf(instance, instance.active).report(origin, report)

/** As `Tracker.claim`; where nobody reports anything there is nothing to claim. */
export const claim = (instance: Instance, origin: Origin, given: unknown): boolean =>
  instance.active !== undefined && trackerOf(instance, instance.active).claim(origin, given)
